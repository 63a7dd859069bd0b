//! How sure fits are, against what is known.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod fits;
mod posteriors;
