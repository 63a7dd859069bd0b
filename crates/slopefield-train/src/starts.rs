//! Training from many places, on all cores: where one start ends in a poor minimum, another may not.
//!
//! Places are spread ([`points`]), the most promising by their loss are trained from with the whole
//! recipe, each on its own, and the best result counts. What each came to is kept, sorted: a flat
//! beginning of that waterfall says that the best minimum was found again and again. Results depend
//! on problem, recipe, start and seed alone, not on the number of cores or who is done first.

mod points;
mod quantiles;

pub use points::hypercube;

use crate::bytes::Fnv;
use crate::checkpoint::{Checkpoint, fingerprint};
use crate::control::{Control, Event, Start};
use crate::elsewhere::Lender;
use crate::fit::{Fit, StopReason};
use crate::lockstep::Lockstep;
use crate::objective::Objective;
use crate::recipe::{Beginning, Recipe, Scope, loss_unit};
use crate::session;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// Places looked at for each that is trained from.
const SCREENED: usize = 4;
/// Trainings that go in lockstep at most.
pub(crate) const TOGETHER: usize = 1024;
/// How often flags are looked at while trainings run.
const LOOK: Duration = Duration::from_millis(20);

/// Training from many places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MultiStart {
    /// Places trained from, the given start among them.
    pub starts: u32,
    /// Parameters without bounds and prior are spread between their start divided by this and
    /// times this.
    pub factor: f64,
    /// Seed of the places.
    pub seed: u64,
}

/// One of the trainings.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// Number of the place; 0 is the given start, the others are in the order of their first loss.
    pub index: u32,
    /// θ there.
    pub begin: Vec<f64>,
    /// Loss there, over the span of the first stage; infinite where there is none.
    pub first_loss: f64,
    /// What the training came to.
    pub fit: Fit,
}

impl Started {
    /// Sorts results: those over the whole span first, then by loss, equal ones by number.
    fn order(&self, other: &Started) -> std::cmp::Ordering {
        let partial = |s: &Started| s.fit.horizon < 1.0;
        let by_loss = self.fit.loss.total_cmp(&other.fit.loss);
        partial(self).cmp(&partial(other)).then(by_loss).then(self.index.cmp(&other.index))
    }
}

/// Makes an objective for each thread.
pub type Make<'a> = dyn Fn() -> Result<Objective, String> + Sync + 'a;
/// θ with other network weights, by number from 1; only the weights count.
pub type Fresh<'a> = dyn Fn(u64) -> Vec<f64> + Sync + 'a;

/// How many results have the best loss: within 0.05 of it for likelihoods (whose unit is that), a
/// thousandth of it for sums of squares (or of what the best start took off, times 1e-8).
#[must_use]
pub fn reached(starts: &[Started], likelihood: bool) -> usize {
    let Some(best) = starts.first().map(|s| s.fit.loss).filter(|l| l.is_finite()) else { return 0 };
    let way = starts[0].first_loss - best;
    let way = if way.is_finite() { way.max(0.0) } else { 0.0 };
    let within = if likelihood { 0.05 } else { 1e-3 * best.abs() + 1e-8 * way };
    starts.iter().filter(|s| s.fit.horizon >= 1.0 && s.fit.loss <= best + within).count()
}

/// Runs a recipe from many places and returns the best fit, with all of them in [`Fit::starts`].
/// Progress comes as [`Event::Starts`]; iterations and notes of the best are told at the end.
/// Start 0 is treated as [`crate::train`] treats it, the others begin at their places without
/// looking at the data first. A checkpoint holds the trainings that are done.
///
/// Where something is lent that differentiates many trajectories at once, up to 1024 trainings go
/// in lockstep: the gradients of all stages but the last fit come from there.
#[expect(clippy::too_many_arguments, reason = "each says something else")]
pub fn train_from_many(
    make: &Make<'_>,
    fresh: &Fresh<'_>,
    recipe: &Recipe,
    many: &MultiStart,
    start: Start,
    control: &Control,
    threads: usize,
    elsewhere: Option<&dyn Lender>,
    emit: &mut dyn FnMut(Event<'_>),
) -> Fit {
    let mut objective = match make() {
        Ok(objective) => objective,
        Err(what) => return session::without_objective(what),
    };
    if let Err(what) = recipe.check().and_then(|()| many.check()) {
        return session::invalid(&objective, what);
    }
    if objective.dimension() == 0 {
        return session::train(&mut objective, recipe, start, control, emit);
    }
    let mut state = match state(&objective, recipe, many, start) {
        Ok(state) => state,
        Err(what) => return session::invalid(&objective, what),
    };
    let elsewhere = elsewhere.filter(|_| recipe.has_coarse_stages());
    let threads = threads.max(1);
    let mut crowd = Crowd { make, recipe, control, threads, elsewhere, emit };
    let given = objective.theta(&state.z);
    let moves: Vec<bool> = moving(&objective, recipe);
    let count = many.starts as usize - 1;
    let places =
        points::spread(&objective.problem().theta, &moves, &given, SCREENED * count, many, &|k| {
            fresh(k)
        });
    let losses = match crowd.screen(&places, many.starts) {
        Ok(losses) => losses,
        Err(what) => return session::invalid(&objective, what),
    };
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|a, b| losses[*a].total_cmp(&losses[*b]).then(a.cmp(b)));
    order.truncate(count);
    let horizon = recipe.stages[0].horizon;
    let first_loss = objective.value(&state.z, horizon).map_or(f64::INFINITY, |e| e.loss);
    let mut begins = vec![(state.z.clone(), given, first_loss)];
    begins.extend(order.iter().map(|&k| (objective.z(&places[k]), places[k].clone(), losses[k])));
    let polished = match crowd.polish(&begins, &mut state) {
        Ok(polished) => polished,
        Err(what) => return session::invalid(&objective, what),
    };
    let looked = places.len() + 1;
    finish(&mut objective, state, polished, looked, control, emit)
}

impl MultiStart {
    /// Looks for settings that make no sense; the text says which.
    pub fn check(&self) -> Result<(), String> {
        if !(1..=10_000).contains(&self.starts) {
            return Err(format!("the number of starts must be 1 to 10000, not {}", self.starts));
        }
        if !(self.factor > 1.0 && self.factor.is_finite()) {
            return Err(format!(
                "the factor around the start must be above 1, not {}",
                self.factor
            ));
        }
        Ok(())
    }

    /// Hash of everything that the course depends on.
    fn fingerprint(&self, objective: &Objective, recipe: &Recipe) -> u64 {
        let mut h = Fnv::new();
        h.bytes(b"many starts");
        h.bytes(&fingerprint(objective.problem(), recipe).to_le_bytes());
        h.bytes(&self.starts.to_le_bytes());
        h.number(self.factor);
        h.bytes(&self.seed.to_le_bytes());
        h.0
    }
}

/// The state to begin or go on with.
fn state(
    objective: &Objective,
    recipe: &Recipe,
    many: &MultiStart,
    start: Start,
) -> Result<Checkpoint, String> {
    let n = objective.dimension();
    let fingerprint = many.fingerprint(objective, recipe);
    let fresh = |z| {
        let fresh = Checkpoint::fresh(objective.problem(), recipe, z);
        Checkpoint { fingerprint, ..fresh }
    };
    match start {
        Start::Problem => Ok(fresh(objective.z_start())),
        Start::Theta(theta) => Ok(fresh(session::z_of(objective, &theta)?)),
        Start::Checkpoint(checkpoint) => {
            let whole = |s: &Started| s.begin.len() == n && s.fit.theta.len() == n;
            let fits = checkpoint.fits(n) && checkpoint.starts.iter().all(whole);
            match checkpoint.fingerprint == fingerprint && fits {
                true => Ok(*checkpoint),
                false => Err(session::OTHER_CHECKPOINT.into()),
            }
        }
    }
}

/// Elements of θ that places differ in: those that any stage moves, but for noise alone, whose size
/// says nothing of where the curves should begin.
fn moving(objective: &Objective, recipe: &Recipe) -> Vec<bool> {
    let noise = objective.moving(Scope::Noise);
    let stages: Vec<Vec<bool>> = recipe.stages.iter().map(|s| objective.moving(s.scope)).collect();
    (0..noise.len()).map(|i| !noise[i] && stages.iter().any(|moves| moves[i])).collect()
}

/// An iteration of a training, to be told if it turns out to be the best.
struct Told {
    iteration: u64,
    total: u64,
    stage: usize,
    loss: f64,
    best: f64,
    hold_out: Option<f64>,
    theta: Vec<f64>,
    elapsed: f64,
}

/// What threads report.
enum Report {
    Screened(usize, f64),
    Done(Box<Started>, Vec<Told>),
    Broken(String),
}

/// Takes a report, and may tell what comes of it.
type Take<'a> = dyn FnMut(Report, &mut dyn FnMut(Event<'_>)) + 'a;
/// What comes of the trainings besides what is done.
struct Polished {
    /// What was stopped on the way.
    unfinished: Vec<Started>,
    /// The iterations of the best.
    course: Vec<Told>,
    /// What there is to tell of gradients from elsewhere.
    news: Vec<String>,
}

/// `z`, θ and first loss of a place.
type Begin = (Vec<f64>, Vec<f64>, f64);

/// Threads at work.
struct Crowd<'a, 'e> {
    make: &'a Make<'a>,
    recipe: &'a Recipe,
    control: &'a Control,
    threads: usize,
    elsewhere: Option<&'a dyn Lender>,
    emit: &'a mut (dyn FnMut(Event<'_>) + 'e),
}

impl Crowd<'_, '_> {
    /// Loss of every place over the first stage's span; infinite where there is none, or where
    /// somebody stopped it.
    fn screen(&mut self, places: &[Vec<f64>], starts: u32) -> Result<Vec<f64>, String> {
        let horizon = self.recipe.stages[0].horizon;
        let mut losses = vec![f64::INFINITY; places.len()];
        let mut broken = None;
        let mut screened = 0;
        let all = places.len();
        self.work(
            all,
            None,
            &|k, objective, control| {
                objective.set_cancel(Some(control.cancel.clone()));
                let z = objective.z(&places[k]);
                let loss = objective.value(&z, horizon).map_or(f64::INFINITY, |e| e.loss);
                Report::Screened(k, loss)
            },
            &mut |report, emit| match report {
                Report::Screened(k, loss) => {
                    losses[k] = loss;
                    screened += 1;
                    let left = None;
                    emit(Event::Starts { screened, places: all, done: &[], starts, left });
                }
                Report::Broken(what) => broken = Some(what),
                Report::Done(..) => {}
            },
        );
        broken.map_or(Ok(losses), Err)
    }

    /// Trains from every place that is not done yet. Adds to the state what is done.
    fn polish(&mut self, begins: &[Begin], state: &mut Checkpoint) -> Result<Polished, String> {
        let todo: Vec<usize> = (0..begins.len())
            .filter(|k| state.starts.iter().all(|s| s.index as usize != *k))
            .collect();
        let (recipe, starts) = (self.recipe, begins.len() as u32);
        let (began, all) = (Instant::now(), todo.len());
        let before = state.elapsed;
        let wrong = AtomicBool::new(false);
        let mut unfinished: Vec<Started> = Vec::new();
        let mut best: Option<(Started, Vec<Told>)> = None;
        let (mut finished, mut broken) = (0, None);
        let lent = self.elsewhere.filter(|_| all > 0);
        let together = lent.map(|_| Lockstep::new(all.min(TOGETHER), false, self.threads));
        self.work(
            all,
            together.as_ref(),
            &|k, objective, control| {
                let index = todo[k];
                let (z, begin, first_loss) = &begins[index];
                let others =
                    Recipe { beginning: Beginning::Given, check_gradient: false, ..recipe.clone() };
                let recipe = if index == 0 { recipe } else { &others };
                let mut told = Vec::new();
                let stopped = Control::default();
                stopped.cancel.store(true, Ordering::Relaxed);
                // A gradient that is wrong at the start is wrong everywhere.
                let control = if wrong.load(Ordering::Relaxed) { &stopped } else { control };
                let mut keep = |event: Event<'_>| remember(&mut told, event);
                let fit = session::train_at(objective, recipe, z.clone(), control, &mut keep);
                if matches!(fit.stop_reason, StopReason::WrongGradient(_)) {
                    wrong.store(true, Ordering::Relaxed);
                }
                let (begin, first_loss) = (begin.clone(), *first_loss);
                let started = Started { index: index as u32, begin, first_loss, fit };
                Report::Done(Box::new(started), told)
            },
            &mut |report, emit| {
                let (started, told) = match report {
                    Report::Done(started, told) => (started, told),
                    Report::Broken(what) => return broken = Some(what),
                    Report::Screened(..) => return,
                };
                finished += 1;
                if best.as_ref().is_none_or(|(b, _)| started.order(b).is_lt()) {
                    best = Some(((*started).clone(), told));
                }
                if started.fit.stop_reason == StopReason::Cancelled {
                    unfinished.push(*started);
                    return;
                }
                state.starts.push(*started);
                state.elapsed = before + began.elapsed().as_secs_f64();
                state.starts.sort_by(Started::order);
                let pace = began.elapsed().as_secs_f64() / f64::from(finished);
                let left = Some(pace * (all as f64 - f64::from(finished)));
                let done = &state.starts[..];
                emit(Event::Starts { screened: 0, places: 0, done, starts, left });
                emit(Event::Checkpoint(state));
            },
        );
        let course = best.map_or_else(Vec::new, |(_, told)| told);
        let news = together.map_or_else(Vec::new, |table| table.news());
        broken.map_or(Ok(Polished { unfinished, course, news }), Err)
    }

    /// Runs the pieces below `count` on the threads, or all `together`, and takes their reports one by one.
    fn work(
        &mut self,
        count: usize,
        together: Option<&Arc<Lockstep>>,
        piece: &(dyn Fn(usize, &mut Objective, &Control) -> Report + Sync),
        take: &mut Take<'_>,
    ) {
        let (make, control) = (self.make, self.control);
        match together.zip(self.elsewhere) {
            None => self.on_threads(self.threads.min(count), count, None, piece, take),
            Some((table, lender)) => table.beside((&|_| make(), lender), control, || {
                self.on_threads(TOGETHER.min(count), count, Some(table), piece, take);
            }),
        }
    }

    fn on_threads(
        &mut self,
        threads: usize,
        count: usize,
        together: Option<&Arc<Lockstep>>,
        piece: &(dyn Fn(usize, &mut Objective, &Control) -> Report + Sync),
        take: &mut Take<'_>,
    ) {
        let (make, control, emit) = (self.make, self.control, &mut *self.emit);
        let next = AtomicUsize::new(0);
        let run = |send: Sender<Report>| {
            // Whatever comes, nobody waits for who is not there any more.
            let seat = together.map(|table| table.seat());
            let mut objective = match make() {
                Ok(objective) => objective,
                Err(what) => return drop(send.send(Report::Broken(what))),
            };
            objective.set_seat(seat);
            loop {
                let k = next.fetch_add(1, Ordering::Relaxed);
                while control.paused() && !control.cancelled() {
                    std::thread::sleep(LOOK);
                }
                if k >= count || control.cancelled() {
                    return;
                }
                if send.send(piece(k, &mut objective, control)).is_err() {
                    return;
                }
            }
        };
        std::thread::scope(|scope| {
            let (send, receive) = mpsc::channel();
            for _ in 0..threads {
                let send = send.clone();
                scope.spawn(|| run(send));
            }
            drop(send);
            let mut paused = false;
            loop {
                let report = receive.recv_timeout(LOOK);
                let pausing = control.paused() && !control.cancelled();
                if pausing != paused {
                    paused = pausing;
                    emit(Event::Paused(paused));
                }
                match report {
                    Ok(report) => take(report, emit),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
        });
    }
}

fn remember(told: &mut Vec<Told>, event: Event<'_>) {
    if let Event::Iteration {
        iteration, total, stage, loss, best, hold_out, theta, elapsed, ..
    } = event
    {
        let theta = theta.to_vec();
        told.push(Told { iteration, total, stage, loss, best, hold_out, theta, elapsed });
    }
}

/// Chooses the best, tells its course and puts the results together.
fn finish(
    objective: &mut Objective,
    state: Checkpoint,
    Polished { unfinished, course, news }: Polished,
    looked: usize,
    control: &Control,
    emit: &mut dyn FnMut(Event<'_>),
) -> Fit {
    let mut starts = state.starts;
    starts.extend(unfinished);
    starts.sort_by(Started::order);
    let refused = starts
        .iter()
        .find(|s| s.index == 0 && matches!(s.fit.stop_reason, StopReason::WrongGradient(_)));
    let chosen = refused.or(starts.first().filter(|s| s.fit.loss.is_finite()));
    // Without any loss, what hindered the given start is the most telling.
    let Some(chosen) = chosen.or_else(|| starts.iter().find(|s| s.index == 0)) else {
        let mut fit = session::invalid(objective, String::new());
        fit.stop_reason = StopReason::Cancelled;
        return fit;
    };
    let mut fit = chosen.fit.clone();
    let number = chosen.index;
    if control.cancelled() && fit.stop_reason.is_success() {
        fit.stop_reason = StopReason::Cancelled;
    }
    fit.evaluations = starts.iter().map(|s| s.fit.evaluations).sum::<u64>() + looked as u64;
    let zero = starts.iter().find(|s| s.index == 0);
    fit.gradient_check = zero.and_then(|s| s.fit.gradient_check.clone());
    let reached = reached(&starts, loss_unit(objective) > 0.0);
    let sentence = format!(
        "{} starts, the most promising of {looked} places: {reached} came to the best loss, {:.6}; \
         what follows is start {number}{}.",
        starts.len(),
        fit.loss,
        if number == 0 { ", the given one" } else { "" }
    );
    fit.notes.insert(0, (0, sentence));
    fit.notes.splice(1..1, news.into_iter().map(|message| (0, message)));
    for (iteration, message) in &fit.notes {
        emit(Event::Note { iteration: *iteration, message });
    }
    // Of a best that an earlier session found, only the end is known.
    let known = course.last().is_some_and(|t| t.iteration == fit.iterations);
    let end = Told {
        iteration: fit.iterations,
        total: fit.iterations,
        stage: 0,
        loss: fit.loss,
        best: fit.loss,
        hold_out: fit.hold_out,
        theta: fit.theta.clone(),
        elapsed: state.elapsed,
    };
    let course = if known { course } else { vec![end] };
    for t in course.iter().filter(|_| fit.loss.is_finite()) {
        emit(Event::Iteration {
            iteration: t.iteration,
            total: t.total,
            stage: t.stage,
            loss: t.loss,
            best: t.best,
            hold_out: t.hold_out,
            theta: &t.theta,
            elapsed: t.elapsed,
            left: Some(0.0),
        });
    }
    fit.starts = starts;
    fit
}
