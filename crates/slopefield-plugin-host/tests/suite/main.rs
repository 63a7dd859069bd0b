//! The tests of slopefield-plugin-host as one program: one link instead of one for every subject.
//! `cargo test -p slopefield-plugin-host --test suite SUBJECT` runs one subject.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod bundling;
mod common;
mod delays;
mod discovery;
mod faults;
mod gradients;
mod implicit;
mod implicit_tableaus;
mod log;
mod networks;
mod networks_extra;
mod noise;
mod operators;
mod segments;
mod solvers;
mod split;
mod state_delays;
mod tableaus;
mod trust;
