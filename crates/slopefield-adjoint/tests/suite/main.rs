//! The tests of slopefield-adjoint as one program: one link instead of one for every subject.
//! `cargo test -p slopefield-adjoint --test suite SUBJECT` runs one subject.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod common;
mod continuous;
mod delays;
mod events;
mod exactness;
mod failures;
mod implicit;
mod implicit_delays;
mod implicit_events;
mod jumps;
mod means;
mod noisy;
mod observed_delays;
mod references;
mod second_order;
mod second_order_taped;
mod start_time;
mod states;
mod steady;
mod stochastic;
mod whole_steps;
