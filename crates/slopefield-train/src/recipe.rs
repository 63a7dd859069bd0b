//! Recipes: the stages that training goes through, and the default choice.

use crate::batch::Batch;
use crate::objective::Objective;
use crate::optimise::{AdamSettings, Clip, Schedule};
use crate::problem::{ParamKind, Problem};

mod choose;
pub(crate) use choose::turning_points as turns;
pub use choose::{default, for_data};

/// Which optimiser a stage uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Optimiser {
    /// First order, with a rate; walks through rough ground.
    Adam,
    /// Adam with a decay of network weights that does not go through its averages.
    AdamW,
    /// Quasi-Newton; finishes.
    Lbfgs,
    /// Quasi-Newton within the bounds as they are: an optimum on a bound is reached exactly.
    Lbfgsb,
    /// Damped Gauss–Newton, or Fisher scoring for likelihoods: few parameters, in few iterations.
    LevenbergMarquardt,
    /// CMA-ES: looks around at random and learns the shape of the ground; needs no gradient.
    CmaEs,
}

/// Which elements of θ a stage moves; the others keep their values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// All.
    #[default]
    All,
    /// Parameters that are not weights.
    Scalars,
    /// Network weights only.
    Weights,
    /// All but the parameters of noise models alone (fitted standard deviations and the like):
    /// a scale that may grow lets a bad fit pass for noise.
    AllButNoise,
    /// Only those.
    Noise,
}

impl Scope {
    /// Whether an element of this kind moves; `noise_only` tells whether nothing but noise
    /// arguments depend on it.
    #[must_use]
    pub fn moves(self, kind: ParamKind, noise_only: bool) -> bool {
        match self {
            Scope::All => true,
            Scope::Scalars => kind == ParamKind::Scalar,
            Scope::Weights => kind == ParamKind::Weight,
            Scope::AllButNoise => !noise_only,
            Scope::Noise => noise_only,
        }
    }
}

/// One stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Optimiser.
    pub optimiser: Optimiser,
    /// Iterations at most.
    pub iterations: u32,
    /// Rate of Adam and AdamW.
    pub rate: f64,
    /// Share of the training span, in (0, 1].
    pub horizon: f64,
    /// Schedule of Adam's rate.
    pub schedule: Schedule,
    /// Clipping of Adam's gradient.
    pub clip: Clip,
    /// What moves.
    pub scope: Scope,
    /// Decay of network weights per unit of the rate (AdamW).
    pub decay: f64,
    /// How much of Adam's average of squared gradients an iteration keeps, in [0, 1): it remembers about
    /// `1/(1 − beta2)` iterations. Long for gradients of batches, which scatter; short where gradients
    /// are whole, so that the steep ground of the beginning does not hold up the rest.
    pub beta2: f64,
    /// What CMA-ES does at random.
    pub search: Search,
    /// Experiments that an iteration of Adam and AdamW looks at.
    pub batch: Batch,
    /// Iterations without a better hold-out that end the stage; 0 for none. The next stage then begins at
    /// the best hold-out, and after the last one the fit is that.
    pub patience: u32,
    /// Segments into which Adam and AdamW cut the training span of each experiment, each with an initial
    /// state of its own; 0 for none. The batch is then one of segments.
    pub segments: u32,
}

/// How CMA-ES looks around.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Search {
    /// Standard deviation at first, in the optimiser's coordinates: 1 is about the size of the start
    /// value, or a factor of e on a log scale.
    pub spread: f64,
    /// Places of a generation; 0 takes `4 + 3 ln n` of them.
    pub population: u32,
    /// Seed of the random numbers.
    pub seed: u64,
}

impl Search {
    fn check(&self) -> Result<(), String> {
        if !(self.spread > 0.0 && self.spread < 1e6) {
            let spread = self.spread;
            return Err(format!("the spread must be positive and below 1e6, not {spread}"));
        }
        if self.population != 0 && !(4..=10_000).contains(&self.population) {
            let population = self.population;
            return Err(format!("a generation has 4 to 10000 places, not {population}"));
        }
        Ok(())
    }
}

impl Default for Search {
    fn default() -> Self {
        Search { spread: 1.0, population: 0, seed: 1 }
    }
}

impl Stage {
    /// Adam with a constant rate and no clipping.
    #[must_use]
    pub fn adam(iterations: u32, rate: f64, horizon: f64) -> Stage {
        Stage {
            optimiser: Optimiser::Adam,
            iterations,
            rate,
            horizon,
            schedule: Schedule::Constant,
            clip: Clip::None,
            scope: Scope::All,
            decay: 0.0,
            beta2: AdamSettings::default().beta2,
            search: Search::default(),
            batch: Batch::default(),
            patience: 0,
            segments: 0,
        }
    }

    /// CMA-ES; an iteration is a generation.
    #[must_use]
    pub fn cma_es(iterations: u32, search: Search, horizon: f64) -> Stage {
        Stage { optimiser: Optimiser::CmaEs, search, ..Stage::adam(iterations, 0.0, horizon) }
    }

    /// AdamW, which takes `rate · decay` of every weight off in each iteration.
    #[must_use]
    pub fn adamw(iterations: u32, rate: f64, decay: f64, horizon: f64) -> Stage {
        let optimiser = Optimiser::AdamW;
        Stage { optimiser, decay, ..Stage::adam(iterations, rate, horizon) }
    }

    /// L-BFGS.
    #[must_use]
    pub fn lbfgs(iterations: u32, horizon: f64) -> Stage {
        Stage { optimiser: Optimiser::Lbfgs, ..Stage::adam(iterations, 0.0, horizon) }
    }

    /// L-BFGS-B.
    #[must_use]
    pub fn lbfgsb(iterations: u32, horizon: f64) -> Stage {
        Stage { optimiser: Optimiser::Lbfgsb, ..Stage::adam(iterations, 0.0, horizon) }
    }

    /// Levenberg–Marquardt.
    #[must_use]
    pub fn levenberg_marquardt(iterations: u32, horizon: f64) -> Stage {
        Stage { optimiser: Optimiser::LevenbergMarquardt, ..Stage::adam(iterations, 0.0, horizon) }
    }

    pub(crate) fn adam_settings(&self) -> AdamSettings {
        AdamSettings {
            rate: self.rate,
            clip: self.clip,
            schedule: self.schedule,
            beta2: self.beta2,
            decay: if self.optimiser == Optimiser::AdamW { self.decay } else { 0.0 },
            ..AdamSettings::default()
        }
    }

    /// Whether it is Adam, with or without decay: only it has a rate, a schedule and a bound of the
    /// gradient.
    #[must_use]
    pub fn is_adam(&self) -> bool {
        matches!(self.optimiser, Optimiser::Adam | Optimiser::AdamW)
    }

    /// What the optimiser is called.
    #[must_use]
    pub fn optimiser_name(&self) -> &'static str {
        match self.optimiser {
            Optimiser::Adam => "Adam",
            Optimiser::AdamW => "AdamW",
            Optimiser::Lbfgs => "L-BFGS",
            Optimiser::Lbfgsb => "L-BFGS-B",
            Optimiser::LevenbergMarquardt => "Levenberg–Marquardt",
            Optimiser::CmaEs => "CMA-ES",
        }
    }
}

/// Ends training when the hold-out gets worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlyStopping {
    /// Iterations without a better hold-out loss that end training.
    pub patience: u32,
}

/// Where training begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Beginning {
    /// At the start values.
    #[default]
    Given,
    /// Where the equations have the changes of the smoothed data ([`crate::match_changes`]), if
    /// that can be found and the loss is lower there; else at the start values.
    Changes,
    /// Where segments of the span with states of their own join ([`crate::join_segments`]), if that
    /// can be found and the loss is lower there; else at the start values.
    Segments,
    /// As [`Beginning::Changes`], and where that leads to nothing better, as
    /// [`Beginning::Segments`].
    ChangesOrSegments,
}

/// What training will do.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// Where the first stage begins.
    pub beginning: Beginning,
    /// Stages in order; each begins at the best of the one before.
    pub stages: Vec<Stage>,
    /// Why these, one sentence.
    pub reason: String,
    /// Only if asked for: the fit is then that with the best hold-out.
    pub early_stopping: Option<EarlyStopping>,
    /// Compare the gradient with differences of the loss before the first iteration.
    pub check_gradient: bool,
}

impl Recipe {
    /// Stages as given.
    #[must_use]
    pub fn custom(stages: Vec<Stage>) -> Recipe {
        Recipe {
            beginning: Beginning::Given,
            stages,
            reason: "The stages are those of the study.".into(),
            early_stopping: None,
            check_gradient: true,
        }
    }

    /// Iterations at most, over all stages.
    #[must_use]
    pub fn iterations(&self) -> u64 {
        self.stages.iter().map(|s| u64::from(s.iterations)).sum()
    }

    /// Bounds the iterations of all stages together. A smaller bound shortens every stage in
    /// proportion, so that the last one is still reached; a bound below the number of stages
    /// keeps the last stages.
    #[must_use]
    pub fn capped(mut self, iterations: u64) -> Recipe {
        let total = self.iterations();
        if total <= iterations {
            return self;
        }
        let mut used = 0;
        let mut given = 0;
        for stage in &mut self.stages {
            // Cumulative rounding: the shortened lengths add up to the bound exactly.
            used += u64::from(stage.iterations);
            let until = used * iterations / total;
            stage.iterations = u32::try_from(until - given).unwrap_or(u32::MAX);
            given = until;
        }
        self.stages.retain(|s| s.iterations > 0);
        self
    }

    /// Looks for stages that make no sense; the text says which and why.
    pub fn check(&self) -> Result<(), String> {
        if self.stages.is_empty() {
            return Err("the recipe has no stage".into());
        }
        for (i, s) in self.stages.iter().enumerate() {
            let at = format!("stage {} ({})", i + 1, s.optimiser_name());
            if s.iterations == 0 {
                return Err(format!("{at}: it needs at least one iteration"));
            }
            if !(s.horizon > 0.0 && s.horizon <= 1.0) {
                return Err(format!(
                    "{at}: the horizon must be above 0 and at most 1, not {}",
                    s.horizon
                ));
            }
            if s.patience > 0 && s.horizon < 1.0 {
                return Err(format!(
                    "{at}: only over the whole time span can the hold-out end it; take its patience \
                     or its horizon away"
                ));
            }
            if s.segments > 0 {
                check_segments(s).map_err(|what| format!("{at}: {what}"))?;
            }
            if s.optimiser == Optimiser::CmaEs {
                s.search.check().map_err(|what| format!("{at}: {what}"))?;
            }
            if s.is_adam() {
                check_adam(s).map_err(|what| format!("{at}: {what}"))?;
            }
        }
        Ok(())
    }
}

/// A stage over segments.
fn check_segments(s: &Stage) -> Result<(), String> {
    if !s.is_adam() {
        return Err("segments are for Adam and AdamW".into());
    }
    if s.segments < 2 {
        return Err("a span is cut into 2 segments at least".into());
    }
    if s.horizon < 1.0 || s.patience > 0 {
        return Err("segments are of the whole time span, and have no hold-out to wait for; take \
                    the horizon and the patience away"
            .into());
    }
    Ok(())
}

/// What only Adam uses.
fn check_adam(s: &Stage) -> Result<(), String> {
    if !(s.rate > 0.0 && s.rate.is_finite()) {
        return Err(format!("the rate must be positive, not {}", s.rate));
    }
    if let Schedule::Cosine(last) | Schedule::Exponential(last) = s.schedule
        && !(last > 0.0 && last <= 1.0)
    {
        return Err(format!("the rate must fall to a share above 0 and at most 1, not {last}"));
    }
    if let Clip::Norm(limit) | Clip::Relative(limit) = s.clip
        && !(limit > 0.0 && limit.is_finite())
    {
        return Err(format!("the bound of the gradient must be positive, not {limit}"));
    }
    if !(s.beta2 >= 0.0 && s.beta2 < 1.0) {
        return Err(format!(
            "beta2 must be 0 or more and less than 1, not {}; 0.999 is usual",
            s.beta2
        ));
    }
    if s.optimiser == Optimiser::AdamW && !(s.decay >= 0.0 && s.decay * s.rate < 1.0) {
        return Err(format!(
            "the decay must be 0 or more, and less than 1 times the rate, not {}",
            s.decay
        ));
    }
    Ok(())
}

/// Whether the objective is measured in units of its own (log-likelihood) or of the data.
pub(crate) fn loss_unit(objective: &Objective) -> f64 {
    let likelihood =
        |problem: &Problem| problem.observations.iter().any(|o| o.noise.has_likelihood());
    if likelihood(objective.problem()) { 1.0 } else { 0.0 }
}

#[cfg(test)]
mod tests;
