//! The tests of slopefield-cli as one program: one link instead of one for every subject.
//! `cargo test -p slopefield-cli --test suite SUBJECT` runs one subject.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod bad_input;
mod bench;
mod bench_gpu;
mod common;
mod devices;
mod examples;
mod gradient;
mod inputs;
mod interruption;
mod networks;
mod operators;
mod plugin_check;
mod plugin_crash;
mod plugin_made;
mod plugins;
mod project;
mod sample;
mod scan;
mod simulate;
mod starts;
mod terms;
mod tutorials;
mod uncertainty;
