//! Noise models, losses, optimisers and recipes.
//!
//! From compiled model functions ([`ModelKernels`]) and measurements ([`Experiment`]) to fitted
//! parameters: [`Objective`] is the loss with its exact gradient, [`train`] runs the stages of a
//! [`Recipe`] on it, [`train_from_many`] does so from many places.
//!
//! *Invariant:* knows no text, file, window or clock that matters: the same problem, recipe and
//! start give the same bits, whatever the machine's speed. A failed solve is an infinite loss,
//! never a good one. Wall-clock time is only reported and paces checkpoints.

mod batch;
mod beginning;
mod bytes;
mod check;
mod checkpoint;
mod collocation;
mod control;
mod criteria;
mod elsewhere;
mod failure;
mod fit;
mod grid;
mod lockstep;
mod natural;
mod noise;
mod objective;
mod optimise;
mod predict;
mod prior;
mod problem;
pub mod recipe;
mod scores;
mod search;
mod segments;
mod session;
mod shooting;
mod special;
mod stage;
mod starts;
mod together;
mod transform;

pub use batch::Batch;
pub use check::{DirectionCheck, GradientCheck, Standard};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use collocation::{Matched, Smooth, SmoothedState, match_changes};
pub use control::{Control, Event, Start};
pub use criteria::Criteria;
pub use elsewhere::{Elsewhere, Lender, Trajectories, TrajectoryGradients, TrajectoryLoss};
pub use failure::{Failure, FailureKind};
pub use fit::{Fit, StopReason};
pub use noise::{DomainError, Information, MAX_ARGUMENTS, NoiseKind, Term};
pub use objective::{Evaluation, Hessian, Methods, Objective, SecondDerivatives};
pub use optimise::{
    Adam, AdamSettings, AdamWork, Bounds, Clip, CmaEs, CmaEsSettings, CmaEsWork, EvaluateFn,
    InformationFn, Lbfgs, LbfgsSettings, LbfgsWork, Lbfgsb, LbfgsbWork, LevenbergMarquardt,
    LevenbergMarquardtSettings, LevenbergMarquardtWork, Schedule, StepError, Stepped, ValuesFn,
};
pub use prior::{Prior, PriorError};
pub use problem::{
    Censoring, Experiment, ModelKernels, ObservationSpec, OverPaths, ParamKind, ParamSpec,
    PathMoment, Problem, ProblemError, Scale, Series, Source,
};
pub use recipe::{Beginning, EarlyStopping, Optimiser, Recipe, Search, Stage};
pub use scores::Score;
pub use session::{train, train_elsewhere};
pub use shooting::{Joined, Unjoined, join_segments};
pub use special::{beta_fraction, continued_fraction};
pub use starts::{Fresh, Make, MultiStart, Started, hypercube, reached, train_from_many};
pub use together::{MakeOf, Pieces, Pool, together};
pub use transform::{Transform, TransformError};
