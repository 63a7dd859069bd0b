//! The tests of slopefield-lang as one program: one link instead of one for every subject.
//! `cargo test -p slopefield-lang --test suite SUBJECT` runs one subject.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod algebraic;
mod any_text;
mod arrays;
mod classification;
mod codes;
mod delays;
mod derivatives;
mod events;
mod index;
mod inputs;
mod interval;
mod model;
mod noise;
mod reactions;
mod round_trip;
mod split;
mod units;
mod values;
mod wrong_models;
