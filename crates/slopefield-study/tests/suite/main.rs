//! The tests of slopefield-study as one program: one link instead of one for every subject.
//! `cargo test -p slopefield-study --test suite SUBJECT` runs one subject.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod arrays;
mod bad_input;
mod classes;
mod combinations;
mod gradient_choice;
mod gradients;
mod gradients_delays;
mod gradients_events;
mod gradients_implicit;
mod gradients_random;
mod hessian;
mod inputs;
mod measured;
mod observed_delays;
mod operators;
mod path_moments;
mod problems;
mod recording;
mod references;
mod scan;
mod solvers;
mod space;
mod spiral;
mod steady;
mod study;
mod support;
mod system;
mod terms;
mod thinning;
mod zoo;
