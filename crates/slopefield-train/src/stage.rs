//! One stage of a recipe: iterations of an optimiser with keep-best, rollback after spikes, hold-out
//! and checkpoints.

use crate::checkpoint::{Best, OptimiserState};
use crate::control::Event;
use crate::failure::{Failure, FailureKind};
use crate::fit::StopReason;
use crate::lockstep::coarse;
use crate::natural::Natural;
use crate::objective::Evaluation;
use crate::optimise::all_finite;
use crate::optimise::{
    Adam, AdamWork, Bounds, CmaEsWork, EvaluateFn, InformationFn, Lbfgs, LbfgsSettings, LbfgsWork,
    Lbfgsb, LbfgsbWork, LevenbergMarquardt, LevenbergMarquardtSettings, LevenbergMarquardtWork,
    StepError, Stepped,
};
use crate::problem::ParamKind;
use crate::recipe::{Optimiser, Stage, loss_unit};
use crate::session::{Session, place};
use std::time::Instant;

/// The hold-out is computed in every this many iterations.
const HOLD_OUT_EVERY: u64 = 5;
/// Losses remembered to tell a spike, and how many it takes at least.
const RECENT: usize = 20;
const RECENT_LEAST: usize = 5;
/// Rollbacks without improvement that end a stage.
pub(crate) const ROLLBACKS: u32 = 12;
/// Relative noise of losses in single precision: what is below is left to the stages after.
const COARSE_NOISE: f64 = 1e-6;
/// Times a stage that cannot start may be preceded by one with half its horizon.
const HALVINGS: u32 = 6;

/// Work arrays of the optimisers.
#[derive(Default)]
struct Work {
    adam: AdamWork,
    lbfgs: LbfgsWork,
    levenberg_marquardt: LevenbergMarquardtWork,
    lbfgsb: LbfgsbWork,
    cma_es: CmaEsWork,
    /// Elements that AdamW lets decay.
    decays: Vec<bool>,
    /// The box of L-BFGS-B.
    natural: Natural,
}

/// Who has waited too long for a better hold-out.
enum Impatient {
    Stage(u32),
    Training(u32),
}

/// What an iteration came to.
enum Outcome {
    Moved,
    /// The stage is finished.
    Ended,
    /// Adam met a place without a loss.
    Failed,
}

impl Session<'_> {
    /// Runs the current stage to its end. The reason is that of an ordinary end; an error ends
    /// the training.
    pub(crate) fn run_stage(&mut self) -> Result<StopReason, StopReason> {
        self.hold()?;
        if self.state.stages[self.state.stage].segments > 0 {
            self.set_coarse(false);
            return self.run_segments();
        }
        let coarse = coarse(&self.state.stages, self.state.stage);
        self.set_coarse(coarse);
        let mut optimiser = match self.state.optimiser.take() {
            Some(optimiser) => optimiser,
            None => self.begin_stage()?,
        };
        let stage = self.state.stages[self.state.stage];
        (self.emit)(Event::StageStarted {
            stage: self.state.stage,
            description: &stage,
            iteration: self.state.iteration,
        });
        let mut work = Work { decays: self.decaying(&stage), ..Work::default() };
        if stage.optimiser == Optimiser::Lbfgsb {
            work.natural = self.natural(&stage, optimiser.z());
        }
        let mut end = StopReason::Iterations;
        while self.state.stage_iteration < u64::from(stage.iterations) {
            let since = Instant::now();
            let result = self.iterate(&stage, &mut optimiser, &mut work);
            let ended = match result {
                Ok(ended) => ended,
                Err(stop) => {
                    self.state.optimiser = Some(optimiser);
                    return Err(stop);
                }
            };
            let seconds = since.elapsed().as_secs_f64();
            self.pace = Some(self.pace.map_or(seconds, |pace| 0.95 * pace + 0.05 * seconds));
            if let Some(reason) = ended {
                end = reason;
                break;
            }
            self.tell_news();
            // The state must be whole for whoever looks at the checkpoint.
            self.state.optimiser = Some(optimiser);
            self.emit_checkpoint_when_due();
            let held = self.hold();
            optimiser = match self.state.optimiser.take() {
                Some(optimiser) => optimiser,
                None => return Err(StopReason::Invalid("the optimiser's state was lost".into())),
            };
            if let Err(stop) = held {
                self.state.optimiser = Some(optimiser);
                return Err(stop);
            }
        }
        self.end_stage();
        Ok(end)
    }

    /// Evaluates where the stage begins and makes its optimiser.
    fn begin_stage(&mut self) -> Result<OptimiserState, StopReason> {
        let mut halvings = 0;
        loop {
            let stage = self.state.stages[self.state.stage];
            self.step_off_bounds(&stage);
            match self.start_optimiser(&stage, self.state.z.clone()) {
                Ok(optimiser) => {
                    if self.state.iteration == 0
                        && self.recipe.check_gradient
                        && !std::mem::replace(&mut self.state.checked, true)
                        && let Some(beside) = self.check_gradient(&optimiser)?
                    {
                        self.state.z = beside;
                        continue;
                    }
                    let evaluation = self.traced(optimiser.loss());
                    let (horizon, iteration) = (stage.horizon, self.state.iteration);
                    self.state.best = Some(place(optimiser.z(), &evaluation, horizon, iteration));
                    self.state.first_loss = optimiser.loss();
                    self.state.stage_iteration = 0;
                    self.state.recent.clear();
                    self.state.rollbacks = 0;
                    self.state.rollback = match &optimiser {
                        OptimiserState::Adam(adam) => Some(adam.clone()),
                        _ => None,
                    };
                    return Ok(optimiser);
                }
                Err(failure) if failure.is_cancelled() => return Err(StopReason::Cancelled),
                Err(failure) => {
                    let place = self.state.stage;
                    let finished =
                        if place > 0 { self.state.stages[place - 1].horizon } else { 0.0 };
                    let finished = if finished < stage.horizon { finished } else { 0.0 };
                    let shorter = 0.5 * (finished + stage.horizon);
                    // Only running into the end of the span is helped by a shorter one.
                    let helps = failure.time.is_some() && shorter - finished > 0.002;
                    if !helps || halvings == HALVINGS || stage.iterations < 2 {
                        if self.go_on_from_the_start(&failure) {
                            halvings = HALVINGS;
                            continue;
                        }
                        let failure = Box::new(failure);
                        return Err(StopReason::CannotStart { stage: place, failure });
                    }
                    halvings += 1;
                    self.note(format!(
                        "the loss cannot be computed over {:.3} of the time span yet ({}); a stage \
                         over {shorter:.3} comes first",
                        stage.horizon, failure.message
                    ));
                    let first = Stage {
                        iterations: stage.iterations / 2,
                        horizon: shorter,
                        patience: 0,
                        ..stage
                    };
                    self.state.stages[place].iterations -= first.iterations;
                    self.state.stages.insert(place, first);
                }
            }
        }
    }

    /// Moves the beginning of a stage off bounds, where an earlier one may have ended and only
    /// L-BFGS-B can begin.
    pub(crate) fn step_off_bounds(&mut self, stage: &Stage) {
        if stage.optimiser != Optimiser::Lbfgsb && !all_finite(&self.state.z) {
            let theta = self.objective.theta(&self.state.z);
            self.state.z = self.objective.z(&theta);
        }
    }

    /// The coordinates of L-BFGS-B in a stage.
    fn natural(&self, stage: &Stage, z: &[f64]) -> Natural {
        let moving = self.objective.moving(stage.scope);
        Natural::new(self.objective, &self.objective.theta(z), &moving)
    }

    /// When what earlier stages learned cannot even begin the present one: begins it at the start
    /// of the training instead, if the loss is known to exist there. Once.
    fn go_on_from_the_start(&mut self, failure: &Failure) -> bool {
        let Some(start) = self.state.overall.as_ref().filter(|place| place.iteration == 0) else {
            return false;
        };
        if self.state.z == start.z {
            return false;
        }
        self.state.z.clone_from(&start.z);
        self.note(format!(
            "what the shorter spans taught does not carry on ({}); this stage begins at the start \
             values",
            failure.message
        ));
        true
    }

    pub(crate) fn start_optimiser(
        &mut self,
        stage: &Stage,
        z: Vec<f64>,
    ) -> Result<OptimiserState, Failure> {
        let started = match stage.optimiser {
            Optimiser::Adam | Optimiser::AdamW => self
                .with_evaluator(stage, None, |evaluate| Adam::start(z, evaluate))
                .map(OptimiserState::Adam),
            Optimiser::Lbfgs => self
                .with_evaluator(stage, None, |evaluate| Lbfgs::start(z, evaluate))
                .map(OptimiserState::Lbfgs),
            Optimiser::CmaEs => return self.start_search(stage, z),
            Optimiser::Lbfgsb => {
                let theta = self.objective.theta(&z);
                let mut natural = self.natural(stage, &z);
                let x = natural.x(&theta);
                let (lower, upper) = (natural.lower.clone(), natural.upper.clone());
                let bounds = Bounds { lower: &lower, upper: &upper };
                let started = self.with_natural(stage, &mut natural, |evaluate| {
                    Lbfgsb::start(x, bounds, evaluate)
                });
                started.map(|state| OptimiserState::Lbfgsb(state, z))
            }
            Optimiser::LevenbergMarquardt => {
                if let Err(why) = self.objective.has_information() {
                    return Err(Failure::new(FailureKind::Solve, why));
                }
                let settings = self.levenberg_marquardt_settings();
                self.with_information(stage, |evaluate| {
                    LevenbergMarquardt::start(z, &settings, evaluate)
                })
                .map(OptimiserState::LevenbergMarquardt)
            }
        };
        started.map_err(|_| self.failed_start())
    }

    /// Why an optimiser could not start.
    pub(crate) fn failed_start(&mut self) -> Failure {
        self.last_failure.take().unwrap_or_else(|| {
            Failure::new(FailureKind::NonFinite, "the loss is not finite".into())
        })
    }

    /// Weights that the stage moves: what else there is has no size that would be worth keeping
    /// small.
    pub(crate) fn decaying(&self, stage: &Stage) -> Vec<bool> {
        let specs = &self.objective.problem().theta;
        let moving = self.objective.moving(stage.scope);
        specs.iter().zip(moving).map(|(s, m)| m && s.kind == ParamKind::Weight).collect()
    }

    /// One iteration with all that belongs to it, and why the stage ends with it, if it does.
    fn iterate(
        &mut self,
        stage: &Stage,
        optimiser: &mut OptimiserState,
        work: &mut Work,
    ) -> Result<Option<StopReason>, StopReason> {
        let share = stage.schedule.share(self.state.stage_iteration, u64::from(stage.iterations));
        let all = self.objective.batchable();
        let drawn = match optimiser {
            OptimiserState::Adam(_) => stage.batch.drawn(all, self.state.stage_iteration),
            _ => None,
        };
        // What some experiments say is no loss to compare with others: all are looked at now and
        // then.
        let done = self.state.stage_iteration + 1;
        let estimated = drawn.is_some();
        let whole = !estimated
            || done == u64::from(stage.iterations)
            || done.is_multiple_of(stage.batch.rounds(all));
        let before = (estimated && whole).then(|| optimiser.clone());
        let stepped = match optimiser {
            OptimiserState::Adam(adam) => self.with_evaluator(stage, drawn, |evaluate| {
                adam.step(&stage.adam_settings(), share, &work.decays, &mut work.adam, evaluate)
                    .map(|()| Stepped::Moved)
            }),
            OptimiserState::Lbfgs(lbfgs) => {
                let settings = self.lbfgs_settings();
                self.with_evaluator(stage, None, |evaluate| {
                    lbfgs.step(&settings, &mut work.lbfgs, evaluate)
                })
            }
            OptimiserState::CmaEs(search, z) => {
                self.step_search(stage, search, z, &mut work.cma_es)
            }
            OptimiserState::Lbfgsb(lbfgsb, z) => {
                let settings = self.lbfgs_settings();
                let (lower, upper) = (work.natural.lower.clone(), work.natural.upper.clone());
                let bounds = Bounds { lower: &lower, upper: &upper };
                let work = (&mut work.natural, &mut work.lbfgsb);
                let stepped = self.with_natural(stage, work.0, |evaluate| {
                    lbfgsb.step(&settings, bounds, work.1, evaluate)
                });
                work.0.place(&lbfgsb.x);
                let transforms = self.objective.transforms();
                for ((z, theta), transform) in z.iter_mut().zip(&work.0.theta).zip(transforms) {
                    *z = transform.z_exact(*theta);
                }
                stepped
            }
            OptimiserState::LevenbergMarquardt(lm) => {
                let settings = self.levenberg_marquardt_settings();
                self.with_information(stage, |evaluate| {
                    lm.step(&settings, &mut work.levenberg_marquardt, evaluate)
                })
            }
        };
        let outcome = match stepped {
            Ok(Stepped::Moved) => Outcome::Moved,
            Ok(Stepped::Stationary | Stepped::Settled | Stepped::Exhausted) => Outcome::Ended,
            Err(StepError::Failed) => Outcome::Failed,
            Err(StepError::Interrupted) => return Err(StopReason::Cancelled),
        };
        let mut ended = matches!(outcome, Outcome::Ended);
        let mut loss =
            if matches!(outcome, Outcome::Failed) { f64::INFINITY } else { optimiser.loss() };
        if let Some(before) = before
            && loss.is_finite()
        {
            match self.whole_loss(stage, optimiser.z()) {
                Ok(of_all) => loss = of_all,
                Err(stop) => {
                    // The iteration is not done; it is done again when training goes on.
                    *optimiser = before;
                    return Err(stop);
                }
            }
        }
        self.state.stage_iteration += 1;
        self.state.iteration += 1;
        if !whole && loss.is_finite() {
            self.tell(stage, optimiser, loss, None);
            return Ok(None);
        }
        let improved = self.keep_best(stage, optimiser, loss);
        let mut went_back = false;
        if let OptimiserState::Adam(adam) = optimiser
            && !improved
            && (loss.is_infinite() || self.is_spike(loss))
        {
            went_back = true;
            ended |= self.roll_back(stage, adam, loss);
        } else {
            if self.state.recent.len() == RECENT {
                self.state.recent.remove(0);
            }
            self.state.recent.push(loss);
        }
        let last = ended || self.state.stage_iteration == u64::from(stage.iterations);
        let known = match estimated {
            true => (!went_back).then_some(loss),
            false => (last || self.state.stage_iteration.is_multiple_of(HOLD_OUT_EVERY))
                .then(|| optimiser.loss()),
        };
        match self.tell(stage, optimiser, loss, known) {
            Some(Impatient::Training(patience)) => Err(StopReason::EarlyStopping { patience }),
            Some(Impatient::Stage(patience)) => {
                self.note(format!(
                    "the hold-out has not become better for {patience} iterations: the stage ends \
                     here, at its best hold-out"
                ));
                Ok(Some(StopReason::EarlyStopping { patience }))
            }
            None => Ok(ended.then_some(StopReason::Converged)),
        }
    }

    /// The loss of all experiments; infinite where there is none.
    fn whole_loss(&mut self, stage: &Stage, z: &[f64]) -> Result<f64, StopReason> {
        match self.evaluate(z, stage.horizon, None) {
            Ok(evaluation) => {
                self.trace.push(evaluation);
                Ok(evaluation.loss)
            }
            Err(failure) if failure.is_cancelled() => Err(StopReason::Cancelled),
            Err(failure) => {
                self.last_failure = Some(failure);
                Ok(f64::INFINITY)
            }
        }
    }

    /// Emits the iteration; the hold-out belongs here because early stopping acts on it. It is
    /// computed where the loss at the optimiser's place is `known`.
    fn tell(
        &mut self,
        stage: &Stage,
        optimiser: &OptimiserState,
        loss: f64,
        known: Option<f64>,
    ) -> Option<Impatient> {
        let z = optimiser.z();
        let iteration = self.state.iteration;
        let mut hold_out = None;
        let mut stop = None;
        if let Some(known) = known
            && self.objective.has_hold_out()
        {
            hold_out = self.hold_out(z);
            let watched = self.state.early_stopping.is_some() || stage.patience > 0;
            if let Some(value) = hold_out.filter(|_| watched && stage.horizon >= 1.0) {
                let best =
                    self.state.best_hold_out.as_ref().map(|(known, at)| (*known, at.iteration));
                match best {
                    Some((known, at)) if !(value < known) => stop = self.impatient(stage, at),
                    _ => {
                        let evaluation = self.traced(known);
                        let here = place(z, &evaluation, stage.horizon, iteration);
                        self.state.best_hold_out = Some((value, here));
                    }
                }
            }
        }
        self.objective.theta_into(z, &mut self.theta);
        let total: u64 = self.state.stages.iter().map(|s| u64::from(s.iterations)).sum();
        // Stages that ended early leave iterations unused; they are not still to come.
        let to_come: u64 = u64::from(stage.iterations) - self.state.stage_iteration
            + self.state.stages[self.state.stage + 1..]
                .iter()
                .map(|s| u64::from(s.iterations))
                .sum::<u64>();
        let elapsed = self.elapsed();
        (self.emit)(Event::Iteration {
            iteration,
            total: total.min(iteration + to_come),
            stage: self.state.stage,
            loss,
            best: self.state.best.as_ref().map_or(loss, |best| best.loss),
            hold_out,
            theta: &self.theta,
            elapsed,
            left: self.pace.map(|pace| pace * to_come as f64),
        });
        stop
    }

    /// Who will wait no longer, when the best hold-out was at iteration `best`.
    fn impatient(&self, stage: &Stage, best: u64) -> Option<Impatient> {
        let now = self.state.iteration;
        if let Some(early) = self.state.early_stopping
            && now - best >= u64::from(early.patience)
        {
            return Some(Impatient::Training(early.patience));
        }
        // What earlier stages came to does not count against this one.
        let since = best.max(now - self.state.stage_iteration);
        (stage.patience > 0 && now - since >= u64::from(stage.patience))
            .then_some(Impatient::Stage(stage.patience))
    }

    /// Remembers the place if it is the best of the stage.
    fn keep_best(&mut self, stage: &Stage, optimiser: &OptimiserState, loss: f64) -> bool {
        if self.state.best.as_ref().is_some_and(|best| loss >= best.loss) {
            return false;
        }
        let evaluation = self.traced(loss);
        let best = Best {
            z: self.state.best.take().map_or_else(Vec::new, |best| best.z),
            loss,
            log_likelihood: evaluation.log_likelihood,
            sse: evaluation.sse,
            horizon: stage.horizon,
            iteration: self.state.iteration,
        };
        let best = self.state.best.insert(best);
        best.z.clear();
        best.z.extend_from_slice(optimiser.z());
        if let OptimiserState::Adam(adam) = optimiser {
            match &mut self.state.rollback {
                Some(known) => known.clone_from(adam),
                none => *none = Some(adam.clone()),
            }
            self.state.rollbacks = 0;
        }
        true
    }

    /// Whether a loss is far above what is usual of late. Independent of the loss's unit and zero:
    /// distances from the best are compared with each other and with the way down so far.
    fn is_spike(&self, loss: f64) -> bool {
        let (Some(best), true) = (&self.state.best, self.state.recent.len() >= RECENT_LEAST) else {
            return false;
        };
        let mut sorted = self.state.recent.clone();
        sorted.sort_by(f64::total_cmp);
        let usual = sorted[sorted.len() / 2] - best.loss;
        let way = self.state.first_loss - best.loss;
        loss - best.loss > 5.0 * usual.max(1e-4 * way)
    }

    /// Puts Adam back to the best of the stage with half its rate; true when that has happened too
    /// often.
    fn roll_back(&mut self, stage: &Stage, adam: &mut Adam, loss: f64) -> bool {
        let Some(best) = &self.state.rollback else { return true };
        let damping = 0.5 * adam.damping.min(best.damping);
        adam.clone_from(best);
        adam.damping = damping;
        self.state.recent.clear();
        self.state.rollbacks += 1;
        let now = self.state.iteration;
        let back = self.state.best.as_ref().map_or(0, |best| best.iteration);
        let rate = stage.rate * damping;
        let what = match self.last_failure.take().filter(|_| loss.is_infinite()) {
            Some(failure) => format!("no loss at iteration {now} ({})", failure.message),
            None => format!("loss spiked at {now} (to {loss:.4e})"),
        };
        self.note(format!("{what}, went back to {back}, rate halved to {rate:.3e}"));
        if let Some(kept) = &mut self.state.rollback {
            // A second spike without improvement in between halves again.
            kept.damping = damping;
        }
        let give_up = self.state.rollbacks >= ROLLBACKS;
        if give_up {
            self.note(format!(
                "{ROLLBACKS} times back without any improvement: the stage ends here"
            ));
        }
        give_up
    }

    /// Moves on to the next stage.
    pub(crate) fn end_stage(&mut self) {
        self.tell_news();
        if self.set_coarse(false)
            && let Some(mut best) = self.state.best.take()
        {
            self.evaluate_exactly(&mut best);
            self.state.best = Some(best);
        }
        let patient = self.state.stages[self.state.stage].patience > 0;
        if let Some(best) = &self.state.best {
            let predicts = self.state.best_hold_out.as_ref().filter(|_| patient);
            self.state.z.clone_from(predicts.map_or(&best.z, |(_, place)| &place.z));
            let better = self.state.overall.as_ref().is_none_or(|known| best.loss < known.loss);
            if best.horizon >= 1.0 && better {
                self.state.overall = Some(best.clone());
            }
        }
        self.state.stage += 1;
        self.state.stage_iteration = 0;
        self.state.optimiser = None;
        self.state.rollback = None;
        self.emit_checkpoint();
    }

    fn lbfgs_settings(&self) -> LbfgsSettings {
        let unit = loss_unit(self.objective);
        if self.coarse {
            let (noise, tolerance) = (COARSE_NOISE, COARSE_NOISE);
            let (gradient_tolerance, decrease_tolerance) = (tolerance, tolerance);
            let settings = LbfgsSettings::default();
            return LbfgsSettings {
                unit,
                noise,
                gradient_tolerance,
                decrease_tolerance,
                ..settings
            };
        }
        let noise = 1e-3 * self.objective.problem().settings.rtol;
        LbfgsSettings { unit, noise, ..LbfgsSettings::default() }
    }

    fn levenberg_marquardt_settings(&self) -> LevenbergMarquardtSettings {
        LevenbergMarquardtSettings {
            unit: loss_unit(self.objective),
            ..LevenbergMarquardtSettings::default()
        }
    }

    /// The full evaluation behind a loss of the current iteration.
    pub(crate) fn traced(&self, loss: f64) -> Evaluation {
        if let Some(known) = self.trace.iter().rev().find(|e| e.loss == loss) {
            return *known;
        }
        // After a rollback: the place is the best so far, and was evaluated earlier.
        let best = self.state.best.as_ref().filter(|best| best.loss == loss);
        Evaluation {
            loss,
            log_likelihood: best.and_then(|best| best.log_likelihood),
            sse: best.map_or(f64::NAN, |best| best.sse),
            points: 0,
        }
    }

    /// Lends the objective to an optimiser, over the stage's horizon and scope, and over some of
    /// the experiments where these are given.
    fn with_evaluator<T>(
        &mut self,
        stage: &Stage,
        some: Option<Vec<usize>>,
        run: impl FnOnce(&mut EvaluateFn<'_>) -> T,
    ) -> T {
        self.trace.clear();
        let moving = self.objective.moving(stage.scope);
        let (objective, trace) = (&mut *self.objective, &mut self.trace);
        let (failure, count) = (&mut self.last_failure, &mut self.state.evaluations);
        let mut evaluate = |z: &[f64], gradient: &mut [f64]| {
            *count += 1;
            let found = match &some {
                Some(which) => objective.evaluate_some(z, stage.horizon, which, gradient),
                None => objective.evaluate(z, stage.horizon, Some(&mut *gradient)),
            };
            match found {
                Ok(evaluation) => {
                    for (g, moves) in gradient.iter_mut().zip(&moving) {
                        *g = if *moves { *g } else { 0.0 };
                    }
                    trace.push(evaluation);
                    Ok(evaluation.loss)
                }
                Err(error) => Err(failed(error, failure)),
            }
        };
        run(&mut evaluate)
    }

    /// Lends the objective in the coordinates of L-BFGS-B.
    fn with_natural<T>(
        &mut self,
        stage: &Stage,
        natural: &mut Natural,
        run: impl FnOnce(&mut EvaluateFn<'_>) -> T,
    ) -> T {
        self.trace.clear();
        let (objective, trace) = (&mut *self.objective, &mut self.trace);
        let (failure, count) = (&mut self.last_failure, &mut self.state.evaluations);
        let mut evaluate = |x: &[f64], gradient: &mut [f64]| {
            *count += 1;
            natural.place(x);
            let (theta, slope) = (&natural.theta, &natural.slope);
            match objective.evaluate_natural(theta, slope, stage.horizon, gradient) {
                Ok(evaluation) => {
                    for (i, g) in gradient.iter_mut().enumerate() {
                        *g = if natural.lower[i] < natural.upper[i] { *g } else { 0.0 };
                    }
                    trace.push(evaluation);
                    Ok(evaluation.loss)
                }
                Err(error) => Err(failed(error, failure)),
            }
        };
        run(&mut evaluate)
    }

    /// Lends the objective with its information to an optimiser, likewise.
    fn with_information<T>(
        &mut self,
        stage: &Stage,
        run: impl FnOnce(&mut InformationFn<'_>) -> T,
    ) -> T {
        self.trace.clear();
        let moving = self.objective.moving(stage.scope);
        let (objective, trace) = (&mut *self.objective, &mut self.trace);
        let (failure, count) = (&mut self.last_failure, &mut self.state.evaluations);
        let mut evaluate = |z: &[f64], gradient: &mut [f64], information: &mut [f64]| {
            *count += 1;
            match objective.evaluate_information(z, stage.horizon, gradient, information) {
                Ok(evaluation) => {
                    let n = moving.len();
                    for i in (0..n).filter(|i| !moving[*i]) {
                        gradient[i] = 0.0;
                        for j in 0..n {
                            information[i * n + j] = 0.0;
                            information[j * n + i] = 0.0;
                        }
                    }
                    trace.push(evaluation);
                    Ok(evaluation.loss)
                }
                Err(error) => Err(failed(error, failure)),
            }
        };
        run(&mut evaluate)
    }
}

/// What an optimiser is told of an evaluation that failed; the error is kept for the report.
pub(crate) fn failed(error: Failure, last: &mut Option<Failure>) -> StepError {
    let cancelled = error.is_cancelled();
    *last = Some(error);
    if cancelled { StepError::Interrupted } else { StepError::Failed }
}
