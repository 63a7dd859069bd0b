//! The process that computes.
//!
//! It reads requests on standard input and writes answers to standard output until its input
//! ends; then it exits. The application's own plugins run here; for those of others it starts
//! itself again as a process of their own and passes messages on. The same code serves the window
//! and the command line.

mod assessing;
mod comparing;
mod data;
mod devices;
mod engine;
mod examples;
mod failure;
mod fitting;
mod folders;
mod gradient;
mod info;
mod inputs;
mod isolation;
mod job;
mod model;
mod networks;
mod numbers;
mod plugins;
mod report;
mod runs;
mod sampling;
mod scanning;
mod server;
mod session;
mod settings;
mod simulation;
mod simulations;
mod starts;
mod terms;
mod uncertainty;
mod waiting;

pub use engine::Engine;
pub use folders::Folders;
pub use server::serve;
