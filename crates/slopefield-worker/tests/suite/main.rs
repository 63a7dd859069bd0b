//! Commands on the engine itself, without a process around it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod networks;
mod uncertainty;
