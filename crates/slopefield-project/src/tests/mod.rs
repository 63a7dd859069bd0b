//! Tests of the crate as a whole.

mod archive;
mod edits;
mod foreign;
mod hostile;
mod lifecycle;
mod network_graph;
mod publish;
mod runs;
mod samples;
mod schema;
mod uncertainty;
