//! Everything that needs no process of its own.

mod common;
mod functions;
mod plans;
