//! What a graphics card does for this crate; the seam at which tests let one fail.

use crate::{GradientWork, PathWork, Work};
use slopefield_ensemble::TrajectoryResult;
use thiserror::Error;

/// A card, for people and for choosing one.
#[derive(Debug, Clone, PartialEq)]
pub struct CardInfo {
    /// Name, from its driver.
    pub name: String,
    /// Who made it; may be empty.
    pub maker: String,
    /// What it is, for people.
    pub kind: &'static str,
    /// It is a program on the processor that stands in for a card. Never chosen unless named.
    pub software: bool,
    /// How it is reached.
    pub interface: &'static str,
    /// The driver and its version; may be empty.
    pub driver: String,
    /// The largest array in bytes.
    pub largest_array: u64,
    /// Memory in bytes that threads of a workgroup share.
    pub shared_memory: u32,
    /// Whether it computes in double precision through this interface.
    pub double: bool,
    /// Operations in single precision that it can start in a second, where that is known.
    pub operations: Option<f64>,
    /// The finest relative tolerance that its programs can hold.
    pub finest: f64,
}

/// What there is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// The best first; software last.
    pub cards: Vec<CardInfo>,
    /// Why there is none, where there is none.
    pub none_because: Option<String>,
}

/// Why a card does not compute.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CardError {
    /// There is no such card, or no driver for it.
    #[error("{0}")]
    Missing(String),
    /// It has no form for this model or method.
    #[error("{0}")]
    Refused(String),
    /// Its memory does not hold this many trajectories; fewer may fit.
    #[error("{0}")]
    Memory(String),
    /// Its driver failed or it was lost: nothing that was on it can be read.
    #[error("{0}")]
    Failed(String),
}

/// The cards of a machine.
pub trait Cards: Sync {
    /// What there is. May take a tenth of a second.
    fn find(&self) -> Found;

    /// A card ready for work: the one whose name holds `name`, else the best that is no software.
    ///
    /// # Errors
    /// [`CardError::Missing`] with what there is instead, [`CardError::Failed`].
    fn open(&self, name: Option<&str>) -> Result<Box<dyn Card>, CardError>;
}

/// A card ready for work.
pub trait Card {
    /// What it is.
    fn info(&self) -> &CardInfo;

    /// The program that solves trajectories like those of `work`.
    ///
    /// # Errors
    /// [`CardError::Refused`] where there is no such program, [`CardError::Failed`].
    fn program(&self, work: &Work<'_>) -> Result<Box<dyn CardProgram + '_>, CardError>;

    /// The program that solves and differentiates trajectories like those of `work`.
    ///
    /// # Errors
    /// As for [`Card::program`].
    fn gradient_program(
        &self,
        work: &GradientWork<'_>,
    ) -> Result<Box<dyn GradientCardProgram + '_>, CardError>;

    /// The program that simulates paths like those of `work`.
    ///
    /// # Errors
    /// As for [`Card::program`].
    fn path_program(&self, work: &PathWork<'_>)
    -> Result<Box<dyn PathCardProgram + '_>, CardError>;
}

/// The program of an equation with noise on a card.
pub trait PathCardProgram {
    /// Simulates a portion: states at the save times to `out`, path by path, one result per path. A path that
    /// fails stops alone.
    ///
    /// # Errors
    /// What hinders all of them.
    fn paths(
        &self,
        portion: &PathWork<'_>,
        out: &mut [f64],
    ) -> Result<Vec<TrajectoryResult>, CardError>;
}

/// The loss of a trajectory, from its number in the portion and its states at the save times, row by row
/// (NaN where a failed trajectory did not get to); writes the derivative by each of them.
pub type CardLoss<'a> = dyn FnMut(usize, &[f64], &mut [f64]) -> f64 + 'a;

/// Derivatives of the losses of trajectories.
#[derive(Debug, Clone, Default)]
pub struct Differentiated {
    /// One per trajectory.
    pub trajectories: Vec<TrajectoryResult>,
    /// By the initial states, trajectory by trajectory.
    pub by_u0: Vec<f64>,
    /// By the parameters that trajectories have of their own, trajectory by trajectory.
    pub by_own: Vec<f64>,
    /// By each of all parameters, summed over the trajectories; 0 for those of a trajectory's own.
    pub by_shared: Vec<f64>,
}

/// The program of a model on a card that gives gradients.
pub trait GradientCardProgram {
    /// Solves a portion, asks for the loss of each trajectory, and gives the exact derivatives of the steps
    /// that were taken. A trajectory that fails has NaN where the loss depends on what it did not reach.
    ///
    /// # Errors
    /// What hinders all of them.
    fn gradients(
        &self,
        portion: &GradientWork<'_>,
        loss: &mut CardLoss<'_>,
    ) -> Result<Differentiated, CardError>;

    /// As [`CardProgram::batched_because`].
    fn batched_because(&self) -> Option<&str> {
        None
    }
}

/// The program of a model on a card.
pub trait CardProgram {
    /// Solves a portion: `out` as for [`slopefield_ensemble::solve`], one result per trajectory. A
    /// trajectory that fails stops alone.
    ///
    /// # Errors
    /// What hinders all of them.
    fn solve(
        &self,
        portion: &Work<'_>,
        out: &mut [f64],
    ) -> Result<Vec<TrajectoryResult>, CardError>;

    /// Seconds for which the portion solved last kept the card busy, without what goes there and comes
    /// back; where it can tell.
    fn busy_s(&self) -> Option<f64> {
        None
    }

    /// Why it takes the steps of all trajectories side by side, by programs for each part of a step, where it
    /// does; none where each trajectory has a thread of its own.
    fn batched_because(&self) -> Option<&str> {
        None
    }
}

/// No cards: for programs that are built without them.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCards;

const NONE: &str = "this program was built without graphics cards (the feature `gpu`)";

impl Cards for NoCards {
    fn find(&self) -> Found {
        Found { cards: Vec::new(), none_because: Some(NONE.into()) }
    }

    fn open(&self, _: Option<&str>) -> Result<Box<dyn Card>, CardError> {
        Err(CardError::Missing(NONE.into()))
    }
}
