//! The study: model, data, experiments and settings made into a training problem.
//!
//! The one place where the parts of the flow meet: text is checked and compiled, tables are bound
//! to observations, settings are checked against what exists, and the result is a problem that
//! `slopefield-train` can fit. It opens model, study and data files, but no project and no plugin:
//! both are handed in.

pub mod compiled;
pub mod error;
pub use slopefield_study_file as file;
pub mod gradient;
pub mod load;
pub mod prepare;
pub mod resolve;
pub mod simulate;
mod system;

pub use compiled::CompiledModel;
pub use error::{Problem, StudyError};
pub use file::StudyFile;
pub use load::{Loaded, TableData};
pub use prepare::Prepared;
pub use simulate::{SimulateOptions, Simulated};

use slopefield_solve::Stepper;

/// Where solvers come from: the built-in methods, and those of plugins.
pub trait Solvers: Sync {
    /// A fresh stepper of the method, or a sentence that says what exists.
    ///
    /// # Errors
    /// The sentence.
    fn stepper(&self, method: &str) -> Result<Box<dyn Stepper>, String>;
}

/// The built-in methods only.
pub struct BuiltinSolvers;

impl Solvers for BuiltinSolvers {
    fn stepper(&self, method: &str) -> Result<Box<dyn Stepper>, String> {
        slopefield_solve::method(method).ok_or_else(|| {
            let known: Vec<_> = slopefield_solve::methods().map(|m| m.id).collect();
            let near = error::nearest(method, known.iter().copied());
            format!(
                "there is no solver `{method}`{near}; there are: auto, {}, and those of plugins, \
                 written `plugin.id/solver`",
                known.join(", ")
            )
        })
    }
}
