//! What a training stores, step by step. A training in the worker stores it at once; one in the
//! process of a plugin sends it to the worker as well, which has the project.

use crate::session::project_error;
use slopefield_api::ApiError;
use slopefield_project::{
    Curve, HistoryPoint, NewRun, NewUncertainty, Parameters, Project, RecordedNetwork, Role,
    RunState, RunStatus,
};
use std::sync::Arc;

/// Sends a record to the worker.
pub type Tell = Arc<dyn Fn(&Record) + Send + Sync>;

/// A step of storing a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A new run.
    Start {
        /// What is frozen in it.
        new: NewRun,
        /// Where it starts.
        start: Parameters,
        /// Its networks by name, encoded.
        networks: Vec<(String, Vec<u8>)>,
        /// Those of them that plugins recorded, for the project to keep.
        recorded: Vec<RecordedNetwork>,
    },
    /// A run of this id goes on from its newest checkpoint.
    Resume {
        /// The run.
        run: String,
    },
    /// Iterations since the last ones, and where the run is.
    History {
        /// The iterations.
        points: Vec<HistoryPoint>,
        /// Where it is.
        state: RunState,
    },
    /// A note.
    Note {
        /// Iteration it is about.
        iteration: u32,
        /// The sentence.
        message: String,
    },
    /// Held, or going on.
    Status(RunStatus),
    /// A checkpoint with the best parameters so far.
    Checkpoint {
        /// Iteration it was taken after.
        iteration: u32,
        /// As the training wrote it.
        bytes: Vec<u8>,
        /// Best so far.
        best: Option<Parameters>,
    },
    /// What trainings from many places came to, in the place of what was stored before.
    Starts(NewUncertainty),
    /// The end.
    End {
        /// Best found.
        best: Parameters,
        /// Curves at them.
        curves: Vec<Curve>,
        /// Finished, stopped or failed.
        status: RunStatus,
        /// Why it ended.
        reason: String,
        /// Final figures.
        state: RunState,
    },
}

impl Record {
    /// Writes the step into a project. `run` is the run that it belongs to, set by the first one.
    ///
    /// # Errors
    /// A project that cannot be written, and a step before there is a run.
    pub fn store(&self, project: &mut Project, run: &mut Option<String>) -> Result<(), ApiError> {
        let id = match self {
            Record::Start { new, .. } => project.start_run(new).map_err(project_error)?,
            Record::Resume { run } => {
                project.resume_run(run).map_err(project_error)?;
                run.clone()
            }
            _ => run.clone().ok_or_else(|| {
                let message = "a step of a training came before its run";
                crate::failure::error(slopefield_api::Code::Internal, message)
            })?,
        };
        let stored = match self {
            Record::Start { start, networks, recorded, .. } => project
                .set_parameters(&id, Role::Start, start)
                .and_then(|()| project.set_networks(&id, networks))
                .and_then(|()| recorded.iter().try_for_each(|n| project.keep_network(n))),
            Record::Resume { .. } => Ok(()),
            Record::History { points, state } => {
                project.append_history(&id, points).and_then(|()| project.set_run_state(&id, state))
            }
            Record::Note { iteration, message } => project.append_note(&id, *iteration, message),
            Record::Status(status) => project.set_run_status(&id, *status),
            Record::Checkpoint { iteration, bytes, best } => {
                project.append_checkpoint(&id, *iteration, bytes).and_then(|_| match best {
                    Some(best) => project.set_parameters(&id, Role::Best, best),
                    None => Ok(()),
                })
            }
            Record::Starts(starts) => return crate::starts::put(project, &id, starts),
            Record::End { best, curves, status, reason, state } => project
                .set_parameters(&id, Role::Best, best)
                .and_then(|()| project.set_curves(&id, curves))
                .and_then(|()| project.finish_run(&id, *status, reason, state)),
        };
        *run = Some(id);
        stored.map_err(project_error)
    }
}
