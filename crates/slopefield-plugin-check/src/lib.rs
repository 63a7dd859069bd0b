//! What authors of plugins need: conformance tests, and a plugin to begin with ([`Template`]).
//!
//! [`check`] puts a plugin into the layout of installed ones and runs every test that applies in a
//! process of its own with a time limit; a crash or an endless loop is a result like any other. A
//! test has a stable name, a description and a body ([`catalogue`]); it sees the plugin through the
//! application's own loader, through nothing but the C interface ([`raw`]), or both.
//!
//! *Invariant:* the process that asks for a check never loads the plugin; all unsafe code is in
//! [`raw`].

pub mod catalogue;
mod context;
mod kit;
mod library;
mod network;
mod outcome;
mod process;
mod raw;
mod solver;
mod stage;
mod symbols;
mod tableau;
mod template;

pub use catalogue::Applies;
pub use outcome::{Line, Outcome, Report, Verdict};
pub use process::{Request, SUBCOMMAND, check, child};
pub use stage::{StageError, Staged, stage};
pub use template::{Kind, Language, Template, TemplateError};
