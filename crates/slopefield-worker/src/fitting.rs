//! Training a prepared study: runs the recipe, writes the run into a project as it goes, tells
//! progress.

use crate::comparing;
use crate::failure::{self, error};
use crate::isolation::record::{Record, Tell};
use crate::numbers::Numbers;
use crate::runs;
use crate::session::{Shared, lock, project_error};
use crate::starts;
use slopefield_api::schema::Emit;
use slopefield_api::types::{self as api, Progress};
use slopefield_api::{ApiError, Code};
use slopefield_devices::Site;
use slopefield_project::{
    Curve, Fact, FactKind, HistoryPoint, NewRun, Parameters, RecordedNetwork, RunState, RunStatus,
    Weights,
};
use slopefield_study::simulate::spaced;
use slopefield_study::{Decided, OnDevice, Prepared, Solvers, Where};
use slopefield_train::{
    self as train, Control, Event, Fit, Lender, Make, Objective, Recipe, Start, StopReason,
};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Points of a curve besides the times of the data.
const CURVE_POINTS: usize = 241;
/// Pause between two progress messages.
const TICK: Duration = Duration::from_millis(34);
/// Pause between two sets of curves.
const CURVE_TICK: Duration = Duration::from_millis(150);
/// Pause between two writes of the history.
const STORE_TICK: Duration = Duration::from_millis(700);

/// Name of the fact that the recipe's only stage was cut in two, one for a graphics card.
const CUT: &str = "stage cut in two";

/// Where a run is stored.
pub struct Target {
    /// The project.
    pub project: Shared,
    /// Text of the study, as it will be frozen in the run.
    pub study_text: String,
    /// Go on with this run.
    pub resume: Option<String>,
    /// Hashes of plugins in use and versions.
    pub facts: Vec<Fact>,
    /// Networks that plugins recorded for it.
    pub recorded: Vec<RecordedNetwork>,
    /// Where every step of storing goes as well.
    pub tell: Option<Tell>,
}

/// A finished training.
pub struct Outcome {
    /// What training found.
    pub fit: Fit,
    /// Curves at the best parameters.
    pub curves: Vec<Curve>,
    /// Id of the stored run.
    pub run: Option<String>,
    /// Seconds of this session of training.
    pub seconds: f64,
}

impl Outcome {
    /// The outcome, unless training was stopped before it had any.
    pub fn usable(self) -> Result<Outcome, ApiError> {
        if self.fit.loss.is_finite() {
            return Ok(self);
        }
        Err(error(
            Code::Cancelled,
            "stopped before the loss was known even once; there is no result",
        ))
    }
}

/// Trains, storing into `target` where there is one. `figures` is the file of what was measured of graphics
/// cards; without it the processor computes everything.
pub fn run(
    prepared: &Prepared,
    solvers: &Arc<dyn Solvers + Send + Sync>,
    target: Option<Target>,
    start: Option<Vec<f64>>,
    figures: Option<&Path>,
    control: &Control,
    emit: Emit<'_>,
) -> Result<Outcome, ApiError> {
    let began = Instant::now();
    let build = || crate::gradient::objective(prepared, &prepared.gradient.0, solvers);
    let mut objective = build().map_err(failure::study)?;
    let shown = build().map_err(failure::study)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    objective.set_threads(threads);
    let mut start = match start {
        Some(theta) => Start::Theta(theta),
        None => Start::Problem,
    };
    let resumed = target.as_ref().is_some_and(|t| t.resume.is_some());
    let place = match figures {
        Some(_) => {
            let site = Site { figures, ..Site::new(slopefield_devices::cards()) };
            OnDevice::choose(prepared, &shown, site)
        }
        None => Where::Processor(None),
    };
    let (device, told) = match &place {
        Where::Device(device) => (Some(&**device), None),
        Where::Processor(why) => (None, why.as_deref()),
    };
    // A run goes on with the stages that it began with, whatever cards there are now.
    let cut = match target.as_ref().and_then(|t| Some((&t.project, t.resume.as_ref()?))) {
        Some((project, run)) => {
            let facts = lock(project).run(run).map_err(project_error)?.facts;
            facts.iter().any(|fact| fact.name == CUT)
        }
        None => device.is_some(),
    };
    let whole = prepared.recipe.clone();
    let recipe = &if cut { whole.for_elsewhere() } else { whole };
    let mut store = None;
    if let Some(mut target) = target {
        if *recipe != prepared.recipe {
            let (name, value) = (CUT.into(), "a graphics card might compute its gradients".into());
            target.facts.push(Fact { kind: FactKind::Setting, name, value });
        }
        store = Some(Store::open(prepared, target, &shown, &mut start)?);
    }
    let mut recorder = Recorder {
        prepared,
        recipe,
        shown: &shown,
        store,
        emit,
        last_tick: None,
        last_curves: None,
        hold_out: None,
        place: (0, 0),
        broken: None,
        control,
    };
    recorder.started();
    if !resumed {
        for problem in prepared.resolved.problems.iter().filter(|p| !p.fatal) {
            recorder.note(0, &format!("warning: {problem}"));
        }
    }
    told.iter().for_each(|why| recorder.note(0, why));
    let mut emit = |e: Event<'_>| recorder.take(e);
    let make = || build().map_err(|e| e.to_string());
    let lender = device.map(|device| device as &dyn Lender);
    let fit = match (&prepared.many, lender) {
        (None, None) => train::train(&mut objective, recipe, start, control, &mut emit),
        (None, Some(lender)) => {
            let lent = (&make as &Make<'_>, lender);
            train::train_elsewhere(&mut objective, lent, threads, recipe, start, control, &mut emit)
        }
        (Some(many), lender) => {
            let fresh = |k| prepared.fresh(k);
            train::train_from_many(
                &make, &fresh, recipe, many, start, control, threads, lender, &mut emit,
            )
        }
    };
    // Stopped before the first loss: a curve would cost the very solve that was stopped.
    let curves = match fit.stop_reason == StopReason::Cancelled && !fit.loss.is_finite() {
        true => Vec::new(),
        false => curves(&shown, prepared, &fit.theta),
    };
    let failed = (!fit.stop_reason.is_success()).then(|| unsuccessful(prepared, &fit));
    let reason = failed.as_ref().map_or_else(|| fit.stop_reason.sentence(), |e| e.message.clone());
    let run = recorder.finish(&fit, &reason, &curves, began.elapsed().as_secs_f64())?;
    if let Some(e) = failed {
        return Err(e);
    }
    Ok(Outcome { curves, run, seconds: began.elapsed().as_secs_f64(), fit })
}

/// The failure behind a training that found nothing.
fn unsuccessful(prepared: &Prepared, fit: &Fit) -> ApiError {
    match &fit.stop_reason {
        StopReason::WrongGradient(_) => error(Code::Gradient, fit.stop_reason.sentence()),
        StopReason::CannotStart { failure, .. } => {
            let mut e = error(Code::Solve, crate::gradient::explain(prepared, failure));
            let advice = "try other start values, tighter bounds, or a shorter horizon first";
            e.advice = Some(advice.into());
            e
        }
        reason => error(Code::Solve, reason.sentence()),
    }
}

/// Curves of every experiment from its start to the end of the forecast. The grid holds the times
/// of all points, so that distances from the data need no interpolation.
pub fn curves(objective: &Objective, prepared: &Prepared, theta: &[f64]) -> Vec<Curve> {
    let end = prepared.forecast_end();
    let mut curves = Vec::new();
    for (i, e) in prepared.problem.experiments.iter().enumerate() {
        let mut times = spaced(e.t0, end, CURVE_POINTS);
        times.extend(e.series.iter().flat_map(|s| s.times.iter().copied()));
        times.sort_by(f64::total_cmp);
        times.dedup();
        let (values, _) = objective.predict_until_failure(theta, i, &times);
        push_curves(&mut curves, prepared, i, &times, values);
    }
    curves
}

/// Curves at equally spaced times up to an end.
///
/// # Errors
/// An end before the start; a solve that fails on the way.
pub fn evenly(
    objective: &Objective,
    prepared: &Prepared,
    theta: &[f64],
    end: f64,
    points: usize,
) -> Result<Vec<Curve>, ApiError> {
    let mut curves = Vec::new();
    for (i, e) in prepared.problem.experiments.iter().enumerate() {
        if !(end > e.t0) {
            let message = format!("the end {end} is not after the start {} of {}", e.t0, e.name);
            return Err(error(Code::Study, message));
        }
        let times = spaced(e.t0, end, points);
        let values = objective.predict(theta, i, &times);
        let values = values.map_err(|f| error(Code::Solve, f.message))?;
        push_curves(&mut curves, prepared, i, &times, values);
    }
    Ok(curves)
}

fn push_curves(
    curves: &mut Vec<Curve>,
    prepared: &Prepared,
    experiment: usize,
    times: &[f64],
    values: Vec<Vec<f64>>,
) {
    for (o, values) in prepared.problem.observations.iter().zip(values) {
        curves.push(Curve {
            experiment: prepared.problem.experiments[experiment].name.clone(),
            observation: o.name.clone(),
            times: times.to_vec(),
            values,
        });
    }
}

/// Parameters as the project stores them.
pub fn parameters(prepared: &Prepared, theta: &[f64]) -> Parameters {
    let names = prepared.theta_names.iter().cloned();
    let layout = &prepared.model.lowered.layout;
    let weight = |slot: &slopefield_graph::layout::WeightSlot| {
        let first = prepared.scalars + slot.offset - layout.scalars;
        Weights {
            name: slot.name.clone(),
            shape: slot.dims.iter().map(|&d| d as usize).collect(),
            values: theta[first..first + slot.len].to_vec(),
        }
    };
    Parameters {
        scalars: names.zip(theta.iter().copied()).take(prepared.scalars).collect(),
        weights: layout.weights.iter().map(weight).collect(),
    }
}

/// θ of a prepared study from stored parameters; what the run did not have keeps its start value.
pub fn theta(prepared: &Prepared, stored: &Parameters) -> Vec<f64> {
    let mut theta: Vec<f64> = prepared.problem.theta.iter().map(|s| s.start).collect();
    for (value, name) in theta.iter_mut().zip(&prepared.theta_names).take(prepared.scalars) {
        if let Some(found) = stored.scalars.iter().find(|s| s.0 == *name) {
            *value = found.1;
        }
    }
    let layout = &prepared.model.lowered.layout;
    for slot in &layout.weights {
        let first = prepared.scalars + slot.offset - layout.scalars;
        let found = stored.weights.iter().find(|w| w.name == slot.name);
        if let Some(weights) = found.filter(|w| w.values.len() == slot.len) {
            theta[first..first + slot.len].copy_from_slice(&weights.values);
        }
    }
    theta
}

/// Takes the events of training: tells them, and stores them.
struct Recorder<'a> {
    prepared: &'a Prepared,
    /// The stages that are run.
    recipe: &'a Recipe,
    shown: &'a Objective,
    store: Option<Store>,
    emit: Emit<'a>,
    last_tick: Option<Instant>,
    last_curves: Option<Instant>,
    /// Newest hold-out loss that has not been told yet.
    hold_out: Option<f64>,
    /// Stage and iterations at most, of the newest iteration.
    place: (u32, u32),
    /// The project could not be written; training is stopped and says so.
    broken: Option<ApiError>,
    control: &'a Control,
}

impl Recorder<'_> {
    fn started(&mut self) {
        let p = self.prepared;
        let message = Progress::Started {
            run: self.store.as_ref().map(|s| s.run.clone()).unwrap_or_default(),
            stages: self.recipe.stages.iter().map(runs::stage).collect(),
            parameters: p.theta_names[..p.scalars].to_vec(),
            method: format!("solver {}; gradient {}", p.solver.1, p.gradient.1),
        };
        (self.emit)(message, Vec::new());
    }

    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Iteration {
                iteration,
                total,
                stage,
                loss,
                best,
                hold_out,
                theta,
                elapsed,
                left,
            } => {
                let scalars = &theta[..self.prepared.scalars];
                if let Some(store) = &mut self.store {
                    let point = HistoryPoint {
                        iteration: iteration as u32,
                        loss,
                        best,
                        hold_out,
                        parameters: scalars.to_vec(),
                    };
                    let stored = store.point(point, elapsed);
                    self.check(stored);
                }
                self.hold_out = hold_out.or(self.hold_out);
                self.place = (stage as u32, total as u32);
                if self.last_tick.is_none_or(|t| t.elapsed() >= TICK) {
                    self.last_tick = Some(Instant::now());
                    let mut numbers = Numbers::default();
                    let message = Progress::Iteration {
                        iteration: iteration as u32,
                        total: total as u32,
                        stage: stage as u32,
                        loss,
                        best,
                        hold_out: self.hold_out.take(),
                        parameters: numbers.add(scalars.iter().copied()),
                        elapsed_s: elapsed,
                        left_s: left,
                    };
                    (self.emit)(message, numbers.into_block());
                }
                if self.last_curves.is_none_or(|t| t.elapsed() >= CURVE_TICK) {
                    self.last_curves = Some(Instant::now());
                    self.show_curves(theta);
                }
            }
            Event::Note { iteration, message } => self.note(iteration, message),
            Event::Joining { share, left } => {
                if self.last_tick.is_none_or(|t| t.elapsed() >= TICK) {
                    self.last_tick = Some(Instant::now());
                    let what = "segments".into();
                    (self.emit)(Progress::Working { what, share, left_s: left }, Vec::new());
                }
            }
            Event::StageStarted { .. } => {}
            Event::Starts { screened, places, done, starts, left } => {
                // Looking at places is quick: it is told now and then, every training always.
                if places > 0
                    && screened < places
                    && self.last_tick.is_some_and(|t| t.elapsed() < TICK)
                {
                    return;
                }
                self.last_tick = Some(Instant::now());
                let mut numbers = Numbers::default();
                let message = Progress::Starts {
                    screened: screened as u32,
                    places: places as u32,
                    done: done.len() as u32,
                    total: starts,
                    losses: numbers.add(done.iter().map(|s| s.fit.loss)),
                    left_s: left,
                };
                (self.emit)(message, numbers.into_block());
                if let Some(best) = done.first().filter(|s| s.fit.loss.is_finite()) {
                    self.show_curves(&best.fit.theta);
                }
            }
            Event::Checkpoint(checkpoint) => {
                if let Some(store) = &mut self.store {
                    let stored = store.checkpoint(self.prepared, self.shown, checkpoint);
                    self.check(stored);
                }
            }
            Event::Paused(paused) => {
                if let Some(store) = &mut self.store {
                    let status = if paused { RunStatus::Paused } else { RunStatus::Running };
                    let stored = store.status(status);
                    self.check(stored);
                }
                (self.emit)(Progress::Paused { paused }, Vec::new());
            }
        }
    }

    fn show_curves(&mut self, theta: &[f64]) {
        self.tell_curves(&curves(self.shown, self.prepared, theta));
    }

    fn tell_curves(&mut self, curves: &[Curve]) {
        let mut numbers = Numbers::default();
        let experiments = runs::curve_views(curves, &mut numbers);
        (self.emit)(Progress::Curves { experiments }, numbers.into_block());
    }

    fn note(&mut self, iteration: u64, message: &str) {
        if let Some(store) = &mut self.store {
            let stored = store.note(iteration as u32, message);
            self.check(stored);
        }
        let message = Progress::Note { iteration: iteration as u32, message: message.into() };
        (self.emit)(message, Vec::new());
    }

    /// The last iteration as it was kept, so that the numbers shown are those of the result.
    fn last(&mut self, fit: &Fit, seconds: f64) {
        if !fit.loss.is_finite() {
            return;
        }
        let mut numbers = Numbers::default();
        let message = Progress::Iteration {
            iteration: fit.iterations as u32,
            total: self.place.1,
            stage: self.place.0,
            loss: fit.loss,
            best: fit.loss,
            hold_out: fit.hold_out,
            parameters: numbers.add(fit.theta[..self.prepared.scalars].iter().copied()),
            elapsed_s: seconds,
            left_s: Some(0.0),
        };
        (self.emit)(message, numbers.into_block());
    }

    /// A project that cannot be written ends the training: going on would lose the result.
    fn check(&mut self, stored: Result<(), ApiError>) {
        if let Err(e) = stored {
            self.broken.get_or_insert(e);
            self.control.cancel.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }

    fn finish(
        mut self,
        fit: &Fit,
        reason: &str,
        curves: &[Curve],
        seconds: f64,
    ) -> Result<Option<String>, ApiError> {
        self.tell_curves(curves);
        self.last(fit, seconds);
        if let Some(e) = self.broken.take() {
            return Err(e);
        }
        let Some(store) = self.store.as_mut() else { return Ok(None) };
        store.finish(self.prepared, fit, reason, curves, seconds)?;
        Ok(Some(store.run.clone()))
    }
}

/// The run in the project file.
struct Store {
    project: Shared,
    tell: Option<Tell>,
    run: String,
    pending: Vec<HistoryPoint>,
    last: Instant,
    state: RunState,
    /// Seconds of earlier sessions of a resumed run.
    before: f64,
}

impl Store {
    /// Starts a run, or goes on with one: then `start` becomes its checkpoint.
    fn open(
        prepared: &Prepared,
        target: Target,
        objective: &Objective,
        start: &mut Start,
    ) -> Result<Store, ApiError> {
        let Target { project, study_text, resume, facts: own, recorded, tell } = target;
        let (first, before) = match resume {
            Some(id) => {
                let project = lock(&project);
                let seconds = runs::find(&project, Some(&id))?.seconds;
                (Record::Resume { run: id }, seconds)
            }
            None => {
                let new = NewRun {
                    model_text: prepared.model.text.clone(),
                    study_text,
                    seed: prepared.file.seed,
                    tables: prepared.file.data.values().map(|d| d.file.clone()).collect(),
                    facts: facts(prepared, own),
                };
                let theta = match start {
                    Start::Theta(theta) => theta.clone(),
                    _ => objective.theta(&objective.z_start()),
                };
                let lowered = &prepared.model.lowered;
                let names = prepared.model.model.networks.iter().map(|n| n.name.clone());
                let graphs = lowered.networks.iter().map(slopefield_graph::network::encode);
                let networks = names.zip(graphs).collect();
                let start = parameters(prepared, &theta);
                (Record::Start { new, start, networks, recorded }, 0.0)
            }
        };
        let mut run = None;
        first.store(&mut lock(&project), &mut run)?;
        let run = run.unwrap_or_default();
        if let Record::Resume { .. } = first {
            let newest = lock(&project).newest_checkpoint(&run).map_err(project_error)?;
            let bytes = newest.map(|stored| stored.bytes).unwrap_or_default();
            let checkpoint = train::Checkpoint::from_bytes(&bytes)
                .map_err(|e| error(Code::Project, format!("the checkpoint: {e}")))?;
            *start = Start::Checkpoint(Box::new(checkpoint));
        }
        if let Some(tell) = &tell {
            tell(&first);
        }
        let state = RunState::default();
        Ok(Store { project, tell, run, pending: Vec::new(), last: Instant::now(), state, before })
    }

    /// Stores a step, and tells it where somebody wants to know.
    fn put(&self, record: &Record) -> Result<(), ApiError> {
        if let Some(tell) = &self.tell {
            tell(record);
        }
        record.store(&mut lock(&self.project), &mut Some(self.run.clone()))
    }

    fn point(&mut self, point: HistoryPoint, elapsed: f64) -> Result<(), ApiError> {
        self.state.iterations = point.iteration;
        self.state.best_loss = point.best.is_finite().then_some(point.best);
        self.state.seconds = self.before + elapsed;
        if point.hold_out.is_some() {
            self.state.hold_out = point.hold_out.filter(|h| h.is_finite());
        }
        self.pending.push(point);
        if self.last.elapsed() >= STORE_TICK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), ApiError> {
        self.last = Instant::now();
        let points = std::mem::take(&mut self.pending);
        self.put(&Record::History { points, state: self.state })
    }

    fn note(&mut self, iteration: u32, message: &str) -> Result<(), ApiError> {
        self.put(&Record::Note { iteration, message: message.to_owned() })
    }

    fn status(&mut self, status: RunStatus) -> Result<(), ApiError> {
        self.put(&Record::Status(status))
    }

    fn checkpoint(
        &mut self,
        prepared: &Prepared,
        objective: &Objective,
        c: &train::Checkpoint,
    ) -> Result<(), ApiError> {
        self.flush()?;
        let best = c.best.as_ref().or(c.overall.as_ref());
        let best = match (best, c.starts.first()) {
            (Some(best), _) => Some(parameters(prepared, &objective.theta(&best.z))),
            (None, Some(start)) => Some(parameters(prepared, &start.fit.theta)),
            (None, None) => None,
        };
        let iteration = c.iteration as u32;
        self.put(&Record::Checkpoint { iteration, bytes: c.to_bytes(), best })
    }

    fn finish(
        &mut self,
        prepared: &Prepared,
        fit: &Fit,
        reason: &str,
        curves: &[Curve],
        seconds: f64,
    ) -> Result<(), ApiError> {
        self.flush()?;
        self.state = RunState {
            iterations: fit.iterations as u32,
            best_loss: Some(fit.loss).filter(|l| l.is_finite()),
            log_likelihood: log_likelihood(fit),
            hold_out: fit.hold_out.filter(|h| h.is_finite()),
            seconds: self.before + seconds,
        };
        let status = match &fit.stop_reason {
            StopReason::Cancelled => RunStatus::Stopped,
            reason if reason.is_success() => RunStatus::Finished,
            _ => RunStatus::Failed,
        };
        if let Some(starts) = starts::stored(prepared, fit)? {
            self.put(&Record::Starts(starts))?;
        }
        self.put(&Record::End {
            best: parameters(prepared, &fit.theta),
            curves: curves.to_vec(),
            status,
            reason: reason.to_owned(),
            state: self.state,
        })
    }
}

/// Names of the facts with which a run keeps what was chosen behind `auto`.
const SOLVER_METHOD: &str = "solver method";
const GRADIENT_METHOD: &str = "gradient method";

/// The choices that a run was made with; none of runs that did not record them.
pub fn decided(facts: &[Fact]) -> Decided {
    let value = |name: &str| facts.iter().find(|f| f.name == name).map(|f| f.value.clone());
    let both = |method: &str, reason: &str| Some((value(method)?, value(reason)?));
    Decided { solver: both(SOLVER_METHOD, "solver"), gradient: both(GRADIENT_METHOD, "gradient") }
}

/// What else a run should remember of how it was made.
fn facts(prepared: &Prepared, mut facts: Vec<Fact>) -> Vec<Fact> {
    let mut setting = |name: &str, value: String| {
        facts.push(Fact { kind: FactKind::Setting, name: name.into(), value });
    };
    setting("solver", prepared.solver.1.clone());
    setting("gradient", prepared.gradient.1.clone());
    setting(SOLVER_METHOD, prepared.solver.0.clone());
    setting(GRADIENT_METHOD, prepared.gradient.0.clone());
    setting("recipe", prepared.recipe.reason.clone());
    setting("rtol", prepared.file.solver.rtol.to_string());
    setting("atol", prepared.file.solver.atol.to_string());
    setting("precision", "f64".into());
    if let Some(why) = &prepared.model.interpreted {
        setting("interpreted instead of compiled", why.clone());
    }
    let version = env!("CARGO_PKG_VERSION").to_owned();
    facts.push(Fact { kind: FactKind::Version, name: "slopefield".into(), value: version });
    facts
}

/// Log-likelihood of all points that were to be trained on; none where training ended before the
/// whole time span counted.
fn log_likelihood(fit: &Fit) -> Option<f64> {
    fit.log_likelihood.filter(|l| l.is_finite() && fit.horizon >= 1.0)
}

/// The numbers of a fit for the command line.
pub fn reply(prepared: &Prepared, outcome: &Outcome) -> api::FitReply {
    let names = prepared.theta_names.iter().take(prepared.scalars).cloned();
    let scores = runs::scores_of(&prepared.model.model, &prepared.resolved, &outcome.curves);
    let (model, free) = (&prepared.model.model, outcome.fit.theta.len());
    let log_likelihood = log_likelihood(&outcome.fit);
    api::FitReply {
        parameters: names.zip(outcome.fit.theta.iter().copied()).collect(),
        log_likelihood,
        criteria: comparing::criteria(model, &prepared.resolved, log_likelihood, free),
        loss: outcome.fit.loss,
        hold_out: outcome.fit.hold_out,
        iterations: outcome.fit.iterations as u32,
        stop_reason: outcome.fit.stop_reason.sentence(),
        seconds: outcome.seconds,
        run: outcome.run.clone(),
        scores,
        starts: outcome.fit.starts.iter().map(|s| s.fit.loss).collect(),
    }
}
