//! One training from start to fit: stages in order, best always kept.

use crate::check::{self, GradientCheck, Standard};
use crate::checkpoint::{Best, Checkpoint, OptimiserState, fingerprint};
use crate::control::{Control, Event, Start};
use crate::elsewhere::Lender;
use crate::failure::Failure;
use crate::fit::{Fit, StopReason};
use crate::lockstep::Lockstep;
use crate::objective::{Evaluation, Objective};
use crate::recipe::{Beginning, Optimiser, Recipe, Scope};
use crate::starts::Make;
use std::time::{Duration, Instant};

/// Checkpoints are emitted at most this often, besides at ends of stages.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

/// Runs a recipe. Events come as they happen; the caller thins them for display. Cancelling
/// through `control` lands before the solver's next step.
pub fn train(
    objective: &mut Objective,
    recipe: &Recipe,
    start: Start,
    control: &Control,
    emit: &mut dyn FnMut(Event<'_>),
) -> Fit {
    objective.set_cancel(Some(control.cancel.clone()));
    let fit = begin(objective, recipe, start, control, emit);
    objective.set_cancel(None);
    fit
}

/// As [`train`], with gradients of all stages but the last fit from elsewhere, where that is lent. `make` makes
/// the same objective again; it and what is lent serve on a thread of their own. The loss that is reported
/// is the processor's.
pub fn train_elsewhere(
    objective: &mut Objective,
    (make, lender): (&Make<'_>, &dyn Lender),
    threads: usize,
    recipe: &Recipe,
    start: Start,
    control: &Control,
    emit: &mut dyn FnMut(Event<'_>),
) -> Fit {
    if !recipe.has_coarse_stages() || objective.dimension() == 0 {
        return train(objective, recipe, start, control, emit);
    }
    let table = Lockstep::new(1, true, threads);
    objective.set_seat(Some(table.seat()));
    let all = &|_: usize| make();
    let fit =
        table.beside((all, lender), control, || train(objective, recipe, start, control, emit));
    objective.set_seat(None);
    fit
}

/// The same from a place in the optimiser's coordinates.
pub(crate) fn train_at(
    objective: &mut Objective,
    recipe: &Recipe,
    z: Vec<f64>,
    control: &Control,
    emit: &mut dyn FnMut(Event<'_>),
) -> Fit {
    objective.set_cancel(Some(control.cancel.clone()));
    let state = Checkpoint::fresh(objective.problem(), recipe, z);
    let fit = go_on(objective, recipe, state, false, control, emit);
    objective.set_cancel(None);
    fit
}

/// Why a checkpoint cannot be gone on with.
pub(crate) const OTHER_CHECKPOINT: &str =
    "the checkpoint belongs to another model, other data, other settings or another recipe";

/// The place of start values in the optimiser's coordinates.
pub(crate) fn z_of(objective: &Objective, theta: &[f64]) -> Result<Vec<f64>, String> {
    let n = objective.dimension();
    if theta.len() != n {
        return Err(format!("{} start values were given for {n} parameters", theta.len()));
    }
    if theta.iter().any(|v| !v.is_finite()) {
        return Err("a start value is not a finite number".into());
    }
    Ok(objective.z(theta))
}

fn begin(
    objective: &mut Objective,
    recipe: &Recipe,
    start: Start,
    control: &Control,
    emit: &mut dyn FnMut(Event<'_>),
) -> Fit {
    let (state, resumed) = match start {
        Start::Problem => {
            (Checkpoint::fresh(objective.problem(), recipe, objective.z_start()), false)
        }
        Start::Theta(theta) => match z_of(objective, &theta) {
            Ok(z) => (Checkpoint::fresh(objective.problem(), recipe, z), false),
            Err(what) => return invalid(objective, what),
        },
        Start::Checkpoint(checkpoint) => (*checkpoint, true),
    };
    go_on(objective, recipe, state, resumed, control, emit)
}

fn go_on(
    objective: &mut Objective,
    recipe: &Recipe,
    state: Checkpoint,
    resumed: bool,
    control: &Control,
    emit: &mut dyn FnMut(Event<'_>),
) -> Fit {
    let n = objective.dimension();
    if let Err(what) = recipe.check() {
        return invalid(objective, what);
    }
    if state.fingerprint != fingerprint(objective.problem(), recipe) || !state.fits(n) {
        return invalid(objective, OTHER_CHECKPOINT.into());
    }
    let now = Instant::now();
    let mut session = Session {
        theta: vec![0.0; n],
        elapsed_before: state.elapsed,
        objective,
        recipe,
        control,
        emit,
        state,
        clock: now,
        last_checkpoint: now,
        pace: None,
        gradient_check: None,
        last_failure: None,
        trace: Vec::new(),
        coarse: false,
    };
    session.run(resumed)
}

pub(crate) fn invalid(objective: &Objective, what: String) -> Fit {
    Fit { theta: objective.theta(&objective.z_start()), ..without_objective(what) }
}

/// The fit of a training that could not even begin.
pub(crate) fn without_objective(what: String) -> Fit {
    Fit {
        theta: Vec::new(),
        loss: f64::INFINITY,
        horizon: 1.0,
        log_likelihood: None,
        sse: f64::NAN,
        hold_out: None,
        iterations: 0,
        stop_reason: StopReason::Invalid(what),
        best_iteration: 0,
        evaluations: 0,
        notes: Vec::new(),
        gradient_check: None,
        starts: Vec::new(),
    }
}

/// A training under way. `state` is all that matters for its course; the rest is for telling.
pub(crate) struct Session<'a> {
    pub objective: &'a mut Objective,
    pub recipe: &'a Recipe,
    pub control: &'a Control,
    pub emit: &'a mut dyn FnMut(Event<'_>),
    pub state: Checkpoint,
    /// θ at the current place, for events.
    pub theta: Vec<f64>,
    /// Start of the clock; moved on by pauses.
    pub clock: Instant,
    pub elapsed_before: f64,
    pub last_checkpoint: Instant,
    /// Seconds per iteration, running average.
    pub pace: Option<f64>,
    pub gradient_check: Option<GradientCheck>,
    /// The last evaluation that failed.
    pub last_failure: Option<Failure>,
    /// Evaluations of the current iteration, to know more than the loss of the accepted one.
    pub trace: Vec<Evaluation>,
    /// Gradients of the current stage may come from elsewhere, in less than double precision.
    pub coarse: bool,
}

impl Session<'_> {
    fn run(&mut self, resumed: bool) -> Fit {
        if self.recipe.beginning != Beginning::Given {
            // To look at the data takes its time, and others need not wait for that.
            self.objective.sit(false);
        }
        // Stopped before it had chosen where to begin, it has nothing to go on from.
        if !(resumed && self.state.begun()) {
            self.state.evaluations = 0;
            for note in self.objective.notes().to_vec() {
                self.note(note);
            }
            if self.theta.is_empty() {
                return self.nothing_to_fit();
            }
            self.note(self.recipe.reason.clone());
            if let Err(stop) = self.begin() {
                self.state.notes.clear();
                return self.finish(stop);
            }
            if self.state.stages[0].horizon < 1.0 {
                // Known so that training can never end worse than it began.
                let z = self.state.z.clone();
                if let Ok(evaluation) = self.evaluate(&z, 1.0, None) {
                    self.state.overall = Some(place(&z, &evaluation, 1.0, 0));
                }
            }
        }
        let mut reason = StopReason::Iterations;
        while self.state.stage < self.state.stages.len() {
            let scope = self.state.stages[self.state.stage].scope;
            match self.run_stage() {
                // That the noise has been fitted says nothing of the model.
                Ok(_) if scope == Scope::Noise => {}
                Ok(end) => reason = end,
                Err(stop) => return self.finish(stop),
            }
        }
        self.finish(reason)
    }

    /// Chooses the parameters to hand back.
    fn finish(&mut self, stop_reason: StopReason) -> Fit {
        let cancelled = stop_reason == StopReason::Cancelled;
        if cancelled {
            self.emit_checkpoint();
        }
        let coarse = self.set_coarse(false);
        self.tell_news();
        if coarse && cancelled && self.state.best.is_some() {
            self.note(
                "stopped in a stage whose losses may be a graphics card's, in single precision"
                    .into(),
            );
        }
        let state = &self.state;
        let last = state.stages.get(state.stage).or(state.stages.last());
        let patient = state.early_stopping.is_some() || last.is_some_and(|s| s.patience > 0);
        let early = state.best_hold_out.as_ref().filter(|_| patient).map(|(_, best)| best);
        let overall = state.overall.as_ref();
        let whole_now = state.best.as_ref().filter(|best| best.horizon >= 1.0);
        let whole = match (overall, whole_now) {
            (Some(a), Some(b)) => Some(if b.loss < a.loss { b } else { a }),
            (a, b) => a.or(b),
        };
        // Ended in the middle of a growing horizon: what was learned counts more than a loss over
        // the whole span that was only ever computed for the start.
        let partial = state.best.as_ref().filter(|b| {
            b.horizon < 1.0 && b.iteration > 0 && whole.is_none_or(|w| w.iteration == 0)
        });
        let mut chosen = early.or(partial).or(whole).or(state.best.as_ref()).cloned();
        let elsewhere = self.objective.has_seat() && self.recipe.has_coarse_stages();
        if let (true, false, Some(best)) = (elsewhere, cancelled, &mut chosen) {
            self.evaluate_exactly(best);
        }
        let state = &self.state;

        let mut fit = Fit {
            theta: self.objective.theta(chosen.as_ref().map_or(&state.z, |best| &best.z)),
            loss: chosen.as_ref().map_or(f64::INFINITY, |best| best.loss),
            horizon: chosen.as_ref().map_or(1.0, |best| best.horizon),
            log_likelihood: chosen.as_ref().and_then(|best| best.log_likelihood),
            sse: chosen.as_ref().map_or(f64::NAN, |best| best.sse),
            hold_out: None,
            iterations: state.iteration,
            stop_reason,
            best_iteration: chosen.as_ref().map_or(0, |best| best.iteration),
            evaluations: state.evaluations,
            notes: Vec::new(),
            gradient_check: self.gradient_check.take(),
            starts: Vec::new(),
        };
        if let Some(best) = &chosen
            && self.objective.has_hold_out()
            && !self.control.cancelled()
        {
            fit.hold_out = self.hold_out(&best.z);
        }
        fit.notes = std::mem::take(&mut self.state.notes);
        fit
    }

    fn nothing_to_fit(&mut self) -> Fit {
        match self.evaluate(&[], 1.0, None) {
            Ok(evaluation) => {
                self.state.best = Some(place(&[], &evaluation, 1.0, 0));
                self.finish(StopReason::NothingToFit)
            }
            Err(failure) if failure.is_cancelled() => self.finish(StopReason::Cancelled),
            Err(failure) => {
                let failure = Box::new(failure);
                self.finish(StopReason::CannotStart { stage: 0, failure })
            }
        }
    }

    /// Evaluates outside of an iteration.
    pub fn evaluate(
        &mut self,
        z: &[f64],
        horizon: f64,
        grad: Option<&mut [f64]>,
    ) -> Result<Evaluation, Failure> {
        self.state.evaluations += 1;
        self.objective.evaluate(z, horizon, grad)
    }

    /// Says whether gradients may come from elsewhere from now on; whether they might before.
    pub fn set_coarse(&mut self, coarse: bool) -> bool {
        let coarse = self.objective.sit(coarse);
        std::mem::replace(&mut self.coarse, coarse)
    }

    /// Gives a place the loss that the processor computes, where there is one.
    pub fn evaluate_exactly(&mut self, best: &mut Best) {
        if let Ok(evaluation) = self.evaluate(&best.z, best.horizon, None) {
            best.loss = evaluation.loss;
            best.log_likelihood = evaluation.log_likelihood;
            best.sse = evaluation.sse;
        }
    }

    /// Tells what there is to tell of gradients from elsewhere.
    pub fn tell_news(&mut self) {
        for message in self.objective.news() {
            self.note(message);
        }
    }

    /// Hold-out loss; infinite when the model breaks down, `None` when cancelled.
    pub fn hold_out(&mut self, z: &[f64]) -> Option<f64> {
        match self.objective.hold_out(z) {
            Ok(value) => value,
            Err(failure) if failure.is_cancelled() => None,
            Err(_) => Some(f64::INFINITY),
        }
    }

    /// Compares the gradient with differences at the start of the first stage.
    ///
    /// A contradiction there gets a second opinion a little way off: at a resting point of the
    /// model the solver takes huge steps, whose exact derivatives are not those of the model.
    /// If the gradient is right beside, the place to begin at instead is returned.
    pub fn check_gradient(
        &mut self,
        optimiser: &OptimiserState,
    ) -> Result<Option<Vec<f64>>, StopReason> {
        if self.state.stages.iter().all(|s| s.optimiser == Optimiser::CmaEs) {
            // No gradient is used.
            return Ok(None);
        }
        if self.objective.gradient_method().0 == ON_AVERAGE {
            self.note(
                "The gradient was not checked: it is that of the mean over paths, and right on \
                 average only."
                    .into(),
            );
            return Ok(None);
        }
        // The differences are the processor's, and so is what is compared with them.
        let coarse = self.set_coarse(false);
        let checked =
            self.check_exact_gradient(optimiser.z(), optimiser.gradient().filter(|_| !coarse));
        self.set_coarse(coarse);
        checked
    }

    /// See [`Session::check_gradient`]; `known` is the gradient at `z` where it is known.
    fn check_exact_gradient(
        &mut self,
        z: &[f64],
        known: Option<&[f64]>,
    ) -> Result<Option<Vec<f64>>, StopReason> {
        let (place, by_z) = match known {
            Some(gradient) => (z.to_vec(), gradient.to_vec()),
            None => self.gradient_inside(z)?,
        };
        let (z, gradient) = (&place[..], &by_z[..]);
        let (check, told) = self.compare_gradient(z, gradient)?;
        if !check.clearly_wrong() {
            self.note(told.sentence());
            self.gradient_check = Some(told);
            return Ok(None);
        }
        if check.standard.exact && check.standard.same_steps {
            // Not a matter of steps that are too long.
            self.gradient_check = Some(check.clone());
            return Err(StopReason::WrongGradient(check));
        }
        let horizon = self.state.stages[0].horizon;
        let moves = self.moving();
        let beside: Vec<f64> = (0..z.len())
            .map(|i| {
                let step = 0.01 * z[i].abs().max(1.0) * check::component(u64::MAX, i as u64);
                if moves[i] { z[i] + step } else { z[i] }
            })
            .collect();
        let mut gradient = vec![0.0; z.len()];
        match self.evaluate(&beside, horizon, Some(&mut gradient)) {
            Ok(_) => {
                for (g, moves) in gradient.iter_mut().zip(&moves) {
                    *g = if *moves { *g } else { 0.0 };
                }
                let (second, told) = self.compare_gradient(&beside, &gradient)?;
                if !second.clearly_wrong() {
                    self.note(
                        "at the start values the model seems to rest, and the solver's steps are \
                         too long for a gradient; training begins 1 % beside them"
                            .into(),
                    );
                    self.note(told.sentence());
                    self.gradient_check = Some(told);
                    return Ok(Some(beside));
                }
            }
            Err(failure) if failure.is_cancelled() => return Err(StopReason::Cancelled),
            Err(_) => {}
        }
        self.gradient_check = Some(check.clone());
        Err(StopReason::WrongGradient(check))
    }

    /// The gradient by `z` at a place, or just off the bounds it lies on.
    fn gradient_inside(&mut self, z: &[f64]) -> Result<(Vec<f64>, Vec<f64>), StopReason> {
        let place = self.objective.z(&self.objective.theta(z));
        let mut gradient = vec![0.0; place.len()];
        let horizon = self.state.stages[0].horizon;
        match self.evaluate(&place, horizon, Some(&mut gradient)) {
            Ok(_) => {}
            Err(failure) if failure.is_cancelled() => return Err(StopReason::Cancelled),
            Err(failure) => {
                let failure = Box::new(failure);
                return Err(StopReason::CannotStart { stage: 0, failure });
            }
        }
        for (g, moves) in gradient.iter_mut().zip(self.moving()) {
            *g = if moves { *g } else { 0.0 };
        }
        Ok((place, gradient))
    }

    /// Which elements the first stage moves.
    fn moving(&self) -> Vec<bool> {
        self.objective.moving(self.state.stages[0].scope)
    }

    /// The comparison with the steps that the solver takes at `z`; none where they cannot be taken
    /// again.
    fn compare_with_same_steps(
        &mut self,
        z: &[f64],
        gradient: &[f64],
    ) -> Result<Option<GradientCheck>, StopReason> {
        let horizon = self.state.stages[0].horizon;
        match self.objective.freeze(z, horizon) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(failure) if failure.is_cancelled() => return Err(StopReason::Cancelled),
            Err(_) => return Ok(None),
        }
        let check = self.compare(z, gradient, true);
        self.objective.thaw();
        check.map(Some)
    }

    /// The comparison that decides, and the one that is told. An exact gradient of steps that are
    /// too long is exact and of no use, which shows only where the solver chooses its steps anew:
    /// it is compared with both.
    fn compare_gradient(
        &mut self,
        z: &[f64],
        gradient: &[f64],
    ) -> Result<(GradientCheck, GradientCheck), StopReason> {
        let same_steps = self.compare_with_same_steps(z, gradient)?;
        match same_steps {
            Some(check) if !check.standard.exact || check.clearly_wrong() => {
                Ok((check.clone(), check))
            }
            same_steps => {
                let check = self.compare(z, gradient, false)?;
                Ok((check.clone(), same_steps.unwrap_or(check)))
            }
        }
    }

    fn compare(
        &mut self,
        z: &[f64],
        gradient: &[f64],
        same_steps: bool,
    ) -> Result<GradientCheck, StopReason> {
        let rtol = self.objective.problem().settings.rtol;
        let standard = Standard::of(self.objective.gradient_method(), same_steps, rtol);
        let stage = self.state.stages[0];
        let moves = self.moving();
        let mut loss = |z: &[f64]| match self.evaluate(z, stage.horizon, None) {
            Ok(evaluation) => Ok(Some(evaluation.loss)),
            Err(failure) if failure.is_cancelled() => Err(StopReason::Cancelled),
            Err(_) => Ok(None),
        };
        check::check(z, gradient, &|i| moves[i], 2, standard, &mut loss)
    }

    pub fn note(&mut self, message: String) {
        let iteration = self.state.iteration;
        (self.emit)(Event::Note { iteration, message: &message });
        self.state.notes.push((iteration, message));
    }

    /// Waits while paused, then says whether to stop.
    pub fn hold(&mut self) -> Result<(), StopReason> {
        if self.control.paused() && !self.control.cancelled() {
            self.emit_checkpoint();
            (self.emit)(Event::Paused(true));
            let since = Instant::now();
            while self.control.paused() && !self.control.cancelled() {
                std::thread::sleep(Duration::from_millis(10));
            }
            self.clock += since.elapsed();
            (self.emit)(Event::Paused(false));
        }
        if self.control.cancelled() { Err(StopReason::Cancelled) } else { Ok(()) }
    }

    pub fn elapsed(&self) -> f64 {
        self.elapsed_before + self.clock.elapsed().as_secs_f64()
    }

    pub fn emit_checkpoint(&mut self) {
        self.state.elapsed = self.elapsed();
        self.last_checkpoint = Instant::now();
        (self.emit)(Event::Checkpoint(&self.state));
    }

    pub fn emit_checkpoint_when_due(&mut self) {
        if self.last_checkpoint.elapsed() >= CHECKPOINT_EVERY {
            self.emit_checkpoint();
        }
    }
}

/// The gradient method whose values are no derivatives of the loss along one path.
const ON_AVERAGE: &str = "score";

/// A place with what is known of it.
pub(crate) fn place(z: &[f64], evaluation: &Evaluation, horizon: f64, iteration: u64) -> Best {
    Best {
        z: z.to_vec(),
        loss: evaluation.loss,
        log_likelihood: evaluation.log_likelihood,
        sse: evaluation.sse,
        horizon,
        iteration,
    }
}
