//! The complete state of a training, as plain data and as bytes.
//!
//! Training works on this very value, so a checkpoint leaves nothing out: going on from it gives
//! the bits that an uninterrupted training would have given.

mod format;

use crate::bytes::Fnv;
use crate::optimise::{Adam, CmaEs, Lbfgs, Lbfgsb, LevenbergMarquardt};
use crate::problem::{Censoring, Problem, Source};
use crate::recipe::{EarlyStopping, Recipe, Stage};
use crate::starts::Started;

/// State of a training between two iterations.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Hash of problem and recipe; going on with others is refused.
    pub fingerprint: u64,
    /// Stages, including any that were inserted because a later one could not start.
    pub stages: Vec<Stage>,
    /// Early stopping.
    pub early_stopping: Option<EarlyStopping>,
    /// Current stage.
    pub stage: usize,
    /// Iterations done in it.
    pub stage_iteration: u64,
    /// Iterations done in all stages.
    pub iteration: u64,
    /// The gradient has been compared with differences.
    pub checked: bool,
    /// Where the current stage begins.
    pub z: Vec<f64>,
    /// Optimiser of the current stage; `None` before it has begun.
    pub optimiser: Option<OptimiserState>,
    /// Best of the current stage.
    pub best: Option<Best>,
    /// Best over the whole span; the start itself counts.
    pub overall: Option<Best>,
    /// Best hold-out, for early stopping: its value and what was there.
    pub best_hold_out: Option<(f64, Best)>,
    /// Loss at the beginning of the stage.
    pub first_loss: f64,
    /// Losses of the last iterations, for telling spikes from ordinary ups and downs.
    pub recent: Vec<f64>,
    /// Adam at the best of the stage, to which a spike goes back.
    pub rollback: Option<Adam>,
    /// Rollbacks since the last improvement.
    pub rollbacks: u32,
    /// Evaluations of the loss.
    pub evaluations: u64,
    /// Seconds of training.
    pub elapsed: f64,
    /// Notes: iteration and sentence.
    pub notes: Vec<(u64, String)>,
    /// Trainings from other places that are done, when there are many starts.
    pub starts: Vec<Started>,
}

/// State of an optimiser.
#[derive(Debug, Clone, PartialEq)]
pub enum OptimiserState {
    /// Adam.
    Adam(Adam),
    /// L-BFGS.
    Lbfgs(Lbfgs),
    /// Levenberg–Marquardt.
    LevenbergMarquardt(LevenbergMarquardt),
    /// L-BFGS-B, with the `z` of where it is.
    Lbfgsb(Lbfgsb, Vec<f64>),
    /// CMA-ES over the elements that move, with the `z` of its best place.
    CmaEs(CmaEs, Vec<f64>),
}

impl OptimiserState {
    /// Where it is.
    #[must_use]
    pub fn z(&self) -> &[f64] {
        match self {
            OptimiserState::Adam(adam) => &adam.z,
            OptimiserState::Lbfgs(lbfgs) => &lbfgs.z,
            OptimiserState::LevenbergMarquardt(lm) => &lm.z,
            OptimiserState::Lbfgsb(_, z) | OptimiserState::CmaEs(_, z) => z,
        }
    }

    /// Loss there.
    #[must_use]
    pub fn loss(&self) -> f64 {
        match self {
            OptimiserState::Adam(adam) => adam.loss,
            OptimiserState::Lbfgs(lbfgs) => lbfgs.loss,
            OptimiserState::LevenbergMarquardt(lm) => lm.loss,
            OptimiserState::Lbfgsb(lbfgsb, _) => lbfgsb.loss,
            OptimiserState::CmaEs(cma, _) => cma.loss,
        }
    }

    /// Gradient by `z` there, where the optimiser has one.
    #[must_use]
    pub fn gradient(&self) -> Option<&[f64]> {
        match self {
            OptimiserState::Adam(adam) => Some(&adam.gradient),
            OptimiserState::Lbfgs(lbfgs) => Some(&lbfgs.gradient),
            OptimiserState::LevenbergMarquardt(lm) => Some(&lm.gradient),
            OptimiserState::Lbfgsb(..) | OptimiserState::CmaEs(..) => None,
        }
    }
}

/// A place with its loss.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// The place.
    pub z: Vec<f64>,
    /// Loss there.
    pub loss: f64,
    /// Log-likelihood there.
    pub log_likelihood: Option<f64>,
    /// Sum of squared differences there.
    pub sse: f64,
    /// Share of the span that the loss refers to.
    pub horizon: f64,
    /// Iteration in which it was found.
    pub iteration: u64,
}

/// Bytes that are not a usable checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Other data.
    #[error("these bytes are not a training checkpoint")]
    NotACheckpoint,
    /// Written by a later program.
    #[error("the checkpoint has format {found}; this program reads format {known}")]
    Version {
        /// Version in the bytes.
        found: u32,
        /// Version this program writes.
        known: u32,
    },
    /// Damaged.
    #[error("the checkpoint is damaged: its checksum or its content does not fit")]
    Damaged,
}

impl Checkpoint {
    /// State of a training that has not begun.
    pub(crate) fn fresh(problem: &Problem, recipe: &Recipe, z: Vec<f64>) -> Checkpoint {
        Checkpoint {
            fingerprint: fingerprint(problem, recipe),
            stages: recipe.stages.clone(),
            early_stopping: recipe.early_stopping,
            stage: 0,
            stage_iteration: 0,
            iteration: 0,
            checked: false,
            z,
            optimiser: None,
            best: None,
            overall: None,
            best_hold_out: None,
            first_loss: f64::INFINITY,
            recent: Vec::new(),
            rollback: None,
            rollbacks: 0,
            evaluations: 0,
            elapsed: 0.0,
            notes: Vec::new(),
            starts: Vec::new(),
        }
    }

    /// Whether training has chosen where to begin, which its first note says.
    pub(crate) fn begun(&self) -> bool {
        self.iteration > 0 || !self.notes.is_empty()
    }

    /// Bytes from which [`Checkpoint::from_bytes`] makes the same value, bit for bit.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        format::write(self)
    }

    /// Reads what [`Checkpoint::to_bytes`] wrote. Any bytes are safe to pass.
    ///
    /// # Errors
    /// Other data, a later version, damage.
    pub fn from_bytes(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
        format::read(bytes)
    }

    /// Whether all lengths fit a problem with `n` free elements.
    pub(crate) fn fits(&self, n: usize) -> bool {
        let best = |b: &Option<Best>| b.as_ref().is_none_or(|b| b.z.len() == n);
        let adam = |a: &Adam| [&a.z, &a.gradient, &a.m, &a.v].iter().all(|v| v.len() == n);
        let optimiser = match &self.optimiser {
            None => true,
            Some(OptimiserState::Adam(a)) => adam(a),
            Some(OptimiserState::Lbfgs(l)) => {
                l.z.len() == n
                    && l.gradient.len() == n
                    && l.s.len() == l.y.len()
                    && (n > 0 && l.s.len() % n == 0)
            }
            Some(OptimiserState::LevenbergMarquardt(lm)) => {
                [&lm.z, &lm.gradient, &lm.scale].iter().all(|v| v.len() == n)
                    && n.checked_mul(n) == Some(lm.information.len())
            }
            Some(OptimiserState::CmaEs(c, z)) => {
                let m = c.mean.len();
                let vectors = [&c.z, &c.lengths, &c.path, &c.sigma_path];
                let squares = [&c.covariance, &c.axes];
                z.len() == n
                    && m <= n
                    && vectors.iter().all(|v| v.len() == m)
                    && squares.iter().all(|v| m.checked_mul(m) == Some(v.len()))
            }
            Some(OptimiserState::Lbfgsb(l, z)) => {
                z.len() == n
                    && l.x.len() == n
                    && l.gradient.len() == n
                    && l.s.len() == l.y.len()
                    && (n > 0 && l.s.len() % n == 0)
            }
        };
        self.z.len() == n
            && self.stage <= self.stages.len()
            && best(&self.best)
            && best(&self.overall)
            && self.best_hold_out.as_ref().is_none_or(|(_, b)| b.z.len() == n)
            && self.rollback.as_ref().is_none_or(adam)
            && optimiser
    }
}

/// Hash of everything that the course of training depends on besides the model functions.
pub(crate) fn fingerprint(problem: &Problem, recipe: &Recipe) -> u64 {
    let mut h = Fnv::new();
    h.count(problem.states());
    h.count(problem.params());
    h.count(problem.theta.len());
    for s in &problem.theta {
        h.bytes(s.name.as_bytes());
        h.number(s.start);
        h.number(s.bounds.0);
        h.number(s.bounds.1);
        h.bytes(&[s.scale as u8, s.kind as u8]);
        if let Some((name, arguments)) = &s.prior {
            h.bytes(name.as_bytes());
            arguments.iter().for_each(|a| h.number(*a));
        }
    }
    for o in &problem.observations {
        h.bytes(&[o.noise as u8]);
        h.count(o.value);
        h.count(o.noise_args.start);
        if let Some(over) = o.over_paths {
            h.bytes(&[over.moment as u8]);
            h.count(over.paths);
        }
    }
    h.count(problem.experiments.len());
    for e in &problem.experiments {
        h.number(e.t0);
        if e.steady {
            h.bytes(b"steady");
        }
        for source in &e.params {
            match *source {
                Source::Theta(i) => h.count(i),
                Source::Fixed(v) => h.number(v),
            }
        }
        for (state, value) in &e.fixed_initial {
            h.count(*state);
            h.number(*value);
        }
        for s in &e.series {
            h.count(s.observation);
            h.count(s.times.len());
            for i in 0..s.times.len() {
                h.number(s.times[i]);
                h.number(s.values[i]);
                h.bytes(&[u8::from(s.is_held_out(i))]);
                // Nothing where there is nothing to say: records of versions without limits and weights stay.
                if s.censoring(i) != Censoring::Measured {
                    h.bytes(&[2 + s.censoring(i) as u8]);
                }
                if s.weight(i) != 1.0 {
                    h.number(s.weight(i));
                }
            }
        }
    }
    h.number(problem.l2);
    h.number(problem.settings.rtol);
    problem.settings.atol.iter().for_each(|a| h.number(*a));
    let structure = problem.kernels.rhs.structure();
    if structure.noise.is_some() || structure.jumps.is_some() {
        // Of the paths.
        h.bytes(&problem.settings.seed.to_le_bytes());
    }
    h.bytes(&format::stages(&recipe.stages, recipe.early_stopping));
    h.bytes(&[recipe.beginning as u8]);
    h.0
}

#[cfg(test)]
mod tests;
