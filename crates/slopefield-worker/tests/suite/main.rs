//! Commands on the engine itself, without a process around it; and the worker with bad plugins.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

#[cfg(target_os = "linux")]
mod bad_plugins;
mod cards;
mod networks;
mod operators;
mod queue;
mod scans;
mod terms;
mod uncertainty;
