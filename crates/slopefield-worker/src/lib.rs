//! The process that computes.
