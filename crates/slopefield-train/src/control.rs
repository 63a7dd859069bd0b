//! What training is told and what it tells: flags in, events out.

use crate::checkpoint::Checkpoint;
use crate::recipe::Stage;
use crate::starts::Started;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Flags that may be set from anywhere while training runs.
#[derive(Debug, Clone, Default)]
pub struct Control {
    /// End training and keep the best so far. Looked at before every step of every solve.
    pub cancel: Arc<AtomicBool>,
    /// Hold training between two iterations for as long as it is set.
    pub pause: Arc<AtomicBool>,
}

impl Control {
    /// Whether work should end.
    #[must_use]
    pub fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// Whether work should rest.
    #[must_use]
    pub fn paused(&self) -> bool {
        self.pause.load(Ordering::Relaxed)
    }
}

/// Where training begins.
#[derive(Debug, Clone, PartialEq)]
pub enum Start {
    /// The start values of the problem.
    Problem,
    /// These parameters.
    Theta(Vec<f64>),
    /// Where an earlier training stopped; goes on bit for bit as if it had not.
    Checkpoint(Box<Checkpoint>),
}

/// What happens during training. Numbers of iterations count from 1 over all stages.
#[derive(Debug)]
pub enum Event<'a> {
    /// A stage begins.
    StageStarted {
        /// Stage, from 0.
        stage: usize,
        /// What it does.
        description: &'a Stage,
        /// Iterations done before.
        iteration: u64,
    },
    /// An iteration is done.
    Iteration {
        /// Iteration.
        iteration: u64,
        /// Iterations at most.
        total: u64,
        /// Stage, from 0.
        stage: usize,
        /// Loss now, over the horizon of the stage.
        loss: f64,
        /// Best loss of this stage.
        best: f64,
        /// Loss per held-out point, in iterations in which it was computed.
        hold_out: Option<f64>,
        /// Parameters now.
        theta: &'a [f64],
        /// Seconds of training so far, pauses excluded.
        elapsed: f64,
        /// Seconds left if all iterations are used.
        left: Option<f64>,
    },
    /// Segments of the span are being made to join, before the first iteration.
    Joining {
        /// Share of the work that is done, if all of it is needed.
        share: f64,
        /// Seconds left, estimated.
        left: Option<f64>,
    },
    /// Something worth telling.
    Note {
        /// Iterations done.
        iteration: u64,
        /// The sentence.
        message: &'a str,
    },
    /// Where training from many places is.
    Starts {
        /// Places whose loss is known; 0 once trainings run.
        screened: usize,
        /// Places to look at; 0 once trainings run.
        places: usize,
        /// Trainings done, best first.
        done: &'a [Started],
        /// Trainings in all.
        starts: u32,
        /// Seconds left, estimated.
        left: Option<f64>,
    },
    /// A state from which training can go on; at most one a second, and at ends of stages.
    Checkpoint(&'a Checkpoint),
    /// Held (true) or going on again.
    Paused(bool),
}
