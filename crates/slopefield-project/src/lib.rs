//! The project file: one SQLite database that people share.
//!
//! This crate is the only one that opens project files. It stores texts, numbers and bytes; it does
//! not know what a model, a study or a network means, and it has no types of the other crates.
//!
//! *Never here:* triggers, views, user-defined SQL functions, SQL from a file or a window, anything
//! executable in a file, a write caused by looking.
//!
//! ```
//! use slopefield_project::{
//!     ColumnValues, HistoryPoint, NewRun, NewTable, Project, RunState, RunStatus, TableColumn,
//! };
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("growth.slopefield");
//! let mut project = Project::create(&path)?;
//! project.apply_model("d/dt n = r * n", "type the model", false)?;
//! project.add_table(NewTable {
//!     name: "counts".into(),
//!     source: "counts.csv".into(),
//!     columns: vec![
//!         TableColumn { name: "t".into(), values: ColumnValues::Numbers(vec![0.0, 1.0]) },
//!         TableColumn { name: "n".into(), values: ColumnValues::Numbers(vec![1.0, f64::NAN]) },
//!     ],
//! })?;
//! assert_eq!(project.undo_label()?.as_deref(), Some("add table counts"));
//!
//! let run = project.start_run(&NewRun {
//!     model_text: project.model_text()?,
//!     study_text: project.study_text()?,
//!     seed: 1,
//!     tables: vec!["counts".into()],
//!     facts: vec![],
//! })?;
//! project.append_history(
//!     &run,
//!     &[HistoryPoint { iteration: 1, loss: 2.5, best: 2.5, hold_out: None, parameters: vec![0.3] }],
//! )?;
//! project.append_checkpoint(&run, 1, b"state of the optimiser")?;
//! let state = RunState { iterations: 1, best_loss: Some(2.5), ..RunState::default() };
//! project.finish_run(&run, RunStatus::Finished, "converged", &state)?;
//! project.close()?;
//!
//! let project = Project::open(&path)?;
//! assert_eq!(project.runs()?[0].status, RunStatus::Finished);
//! assert_eq!(project.history(&run)?.loss, [2.5]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod compact;
mod connect;
mod error;
mod foreign;
mod identify;
mod info;
mod private;
mod project;
mod publish;
mod registry;
mod schema;
mod tables;
mod text;
mod time;
mod verify;

pub use compact::Compacted;
pub use error::ProjectError;
pub use identify::{
    APPLICATION_ID, MAX_FILE_BYTES, MAX_FOREIGN_BYTES, READER_VERSION, WRITE_VERSION,
};
pub use info::{ProjectInfo, info};
pub use project::Project;
pub use publish::Published;
pub use tables::checkpoint::{CHECKPOINTS_KEPT, Checkpoint};
pub use tables::data_table::{ColumnValues, NewTable, StoredTable, TableColumn, TableSummary};
pub use tables::edit::Change;
pub use tables::model_text::ModelVersion;
pub use tables::network_graph::RecordedNetwork;
pub use tables::parameters::{Parameters, Role, Weights};
pub use tables::run::{Fact, FactKind, NewRun, Run, RunDetail, RunState, RunStatus};
pub use tables::run_history::{History, HistoryPoint};
pub use tables::run_note::RunNote;
pub use tables::trajectory::Curve;
pub use tables::uncertainty::{NewUncertainty, Uncertainty};
pub use text::{MAX_BODY_BYTES, MAX_LINE_BYTES, MAX_NAME_BYTES};
pub use verify::{Check, VerifyReport, verify};

#[cfg(test)]
mod tests;
