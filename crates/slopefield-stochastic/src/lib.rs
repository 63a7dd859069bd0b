//! Stochastic differential equations and jump processes.
//!
//! Every method is a [`Stepper`](slopefield_solve::Stepper) for the one loop
//! ([`drive`](slopefield_solve::drive)); what it simulates stands in the
//! [`Structure`](slopefield_kernel::Structure) of the right-hand side. [`method()`] makes one by
//! name, [`choose`] says which to take, [`JumpDiffusion`] adds jumps to a differential equation
//! under any method, and [`paths`] simulates many paths on all cores.
//!
//! # Steps of methods for noise
//!
//! Lengths are powers of two, and steps end at multiples of them (the last at the end of the span):
//! so a step is an interval of the tree of the Brownian motion ([`BrownianMotion`]), and a rejected
//! step, another tolerance or another method see the same motion.
//!
//! *Fixed steps:* where `h_init` and `h_max` of the settings are the same number, steps have the
//! length of the largest power of two not above it, and errors are not estimated.
//!
//! *Between step ends* the solution is the chord plus the noise of the motion's own deviation from
//! its chord, with the coefficients at the beginning of the step; see
//! [`MethodInfo::dense_order`].
//!
//! *Calculus:* every method takes both. Where a method is for the other one, it converts the drift
//! by `±½ Σ_j (∂g_j/∂u) g_j`.
//!
//! *Invariant:* a path follows from problem, settings, seed and path number alone: the same bits on
//! any machine, with any tolerance the same Brownian motion.

mod brownian;
mod jump;
mod lanes;
mod methods;
mod paths;
mod random;
mod sde;
pub mod tables;

pub use brownian::BrownianMotion;
pub use jump::{Augmented, Happened, JumpDiffusion, PureJump, Selection, TauLeaping, Thinning};
pub use lanes::{LaneSystem, paths_in_lanes};
pub use methods::{MethodInfo, Process, choose, choose_jumps, method, method_info, methods};
pub use paths::{Paths, paths};
pub use random::{Draws, Key, Purpose, normal_pair};
