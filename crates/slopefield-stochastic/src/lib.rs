//! Stochastic differential equations and jump processes.
//!
//! *Invariant:* a path follows from problem, settings, seed and path number alone: the same bits on
//! any machine, with any tolerance the same Brownian motion.
