//! Commands, transfer types and the client of the worker process.
//!
//! The only place that knows how requests, replies and progress look on the wire. The worker
//! implements the commands, the window and the command line call them.

pub mod assessment;
pub mod client;
pub mod devices;
pub mod envelope;
pub mod error;
pub mod frame;
pub mod hessian;
pub mod plugins;
pub mod scan;
pub mod schema;
pub mod stages;
pub mod starts;
pub mod table;
pub mod terms;
pub mod types;
pub mod uncertainty;

pub use error::{ApiError, Code};
pub use schema::{Command, Commands};
