//! The study: model, data, experiments and settings made into a training problem.
//!
//! The one place where the parts of the flow meet: text is checked and compiled, tables are bound
//! to observations, settings are checked against what exists, and the result is a problem that
//! `slopefield-train` can fit. It opens model, study and data files, but no project and no plugin:
//! both are handed in.

pub mod choice;
pub mod compiled;
pub mod elsewhere;
pub mod error;
mod explain;
pub use slopefield_study_file as file;
pub mod gradient;
pub mod load;
pub mod prepare;
pub mod resolve;
pub mod scan;
pub mod signal;
pub mod simulate;
pub mod solvers;
pub mod stages;
mod system;
pub mod terms;

pub use choice::Decided;
pub use compiled::CompiledModel;
pub use elsewhere::{OnDevice, Where};
pub use error::{Problem, StudyError};
pub use file::StudyFile;
pub use load::{Loaded, TableData};
pub use prepare::Prepared;
pub use scan::{ScanOptions, Scanned};
pub use signal::{Signal, Signals};
pub use simulate::{EventMark, SimulateOptions, Simulated};
pub use solvers::{BuiltinSolvers, Choice, Solvers};
