//! The tests of slopefield-ensemble as one program: one link instead of one for every subject.
//! `cargo test -p slopefield-ensemble --test suite SUBJECT` runs one subject.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod agreement;
mod behaviour;
mod common;
mod models;
