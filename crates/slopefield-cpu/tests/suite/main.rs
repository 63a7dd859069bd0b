//! The tests of slopefield-cpu as one program: one link instead of one for every subject.
//! `cargo test -p slopefield-cpu --test suite SUBJECT` runs one subject.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod checked;
mod common;
mod custom;
mod element_loops;
mod hessian;
mod lanes;
mod matrix;
mod models;
mod operations;
mod pairs;
mod random_plans;
mod recording;
mod unrolled_loops;
