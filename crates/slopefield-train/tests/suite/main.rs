//! The tests of slopefield-train as one program: one link instead of one for every subject.
//! `cargo test -p slopefield-train --test suite SUBJECT` runs one subject.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod batches;
mod collocation;
mod elsewhere;
mod global;
mod hybrid;
mod information;
mod lotka_volterra;
mod measured_data;
mod objective;
mod shooting;
mod spiral;
mod starts;
mod support;
mod training;
