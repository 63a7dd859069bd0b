//! The tests of slopefield-graph as one program: one link instead of one for every subject.
//! `cargo test -p slopefield-graph --test suite SUBJECT` runs one subject.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod activations;
mod arrays;
mod custom;
mod diagnosis;
mod models;
mod network_derivatives;
mod network_kinds;
mod networks;
mod scalar_derivatives;
mod sparse;
mod support;
