//! The tests of slopefield-solve as one program: one link instead of one for every subject.
//! `cargo test -p slopefield-solve --test suite SUBJECT` runs one subject.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod adams;
mod algebraic;
mod bad_input;
mod bdf;
mod behaviour;
mod circuits;
mod common;
mod convergence;
mod delay;
mod delay_problems;
mod events;
mod evidence;
mod exponential;
#[path = "common/fixed.rs"]
mod fixed;
mod frozen;
mod implicit_orders;
mod implicit_references;
mod mass_events;
mod orders;
mod radau_steps;
mod rosenbrock;
mod rosenbrock_behaviour;
mod second_order;
mod stabilised;
mod steady;
mod switching;
mod verner;
