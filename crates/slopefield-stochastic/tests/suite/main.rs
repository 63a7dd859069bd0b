//! The tests of slopefield-stochastic as one program: one link instead of one for every subject.
//! `cargo test -p slopefield-stochastic --test suite SUBJECT` runs one subject.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod adaptive;
mod brownian;
mod common;
mod delays;
mod evidence;
mod jump_diffusion;
mod jumps;
mod lanes;
mod mass;
mod orders;
mod strong_order;
mod thinning;
