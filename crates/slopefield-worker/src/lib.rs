//! The process that computes.
//!
//! It reads requests on standard input and writes answers to standard output until its input
//! ends; then it exits. Plugin code runs here and nowhere else. The same code serves the window
//! and the command line.

mod assessing;
mod data;
mod engine;
mod examples;
mod failure;
mod fitting;
mod folders;
mod gradient;
mod info;
mod inputs;
mod job;
mod model;
mod networks;
mod numbers;
mod plugins;
mod report;
mod runs;
mod sampling;
mod server;
mod session;
mod settings;
mod simulation;
mod uncertainty;

pub use engine::Engine;
pub use folders::Folders;
pub use server::serve;
