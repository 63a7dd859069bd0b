//! Trainings that go in lockstep: each asks for its next gradient and waits, and when all have asked, one
//! thread computes all of them elsewhere at once. One training alone is in step with itself; its
//! trajectories are those of its experiments.
//!
//! A training has a [`Seat`]. It is waited for while it sits: in stages whose gradients are computed
//! elsewhere ([`coarse`]). What a gradient is depends on its place and the data it is fitted to alone, not on
//! who else asks. Trainings may have data of their own: these are numbered, and the thread that computes makes
//! the objective of each number again.

use crate::control::Control;
use crate::elsewhere::{Elsewhere, Lender};
use crate::objective::{Objectives, Sums, data_at};
use crate::recipe::{Optimiser, Recipe, Scope, Stage};
use crate::together::MakeOf;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A place whose data terms and their derivatives by θ are asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    /// Number of the data.
    pub data: usize,
    pub theta: Vec<f64>,
    /// Share of the training span.
    pub horizon: f64,
    /// Experiments, counted among those with points to train on; none where all are meant.
    pub which: Option<Vec<usize>>,
}

impl Place {
    /// Whether an experiment counts.
    pub fn has(&self, experiment: usize) -> bool {
        self.which.as_ref().is_none_or(|which| which.contains(&experiment))
    }
}

/// Sums over the data, and their derivatives by θ; none where the processor is to compute them.
pub(crate) type Answer = Option<(Sums, Vec<f64>)>;

/// The stages whose gradients may be computed elsewhere, in less than double precision: those that go by
/// gradients alone and are followed by one that fits more than noise. The last of these, and what comes
/// after it, have all digits.
pub(crate) fn coarse(stages: &[Stage], index: usize) -> bool {
    let by_gradients = |s: &Stage| {
        let optimiser = matches!(
            s.optimiser,
            Optimiser::Adam | Optimiser::AdamW | Optimiser::Lbfgs | Optimiser::Lbfgsb
        );
        optimiser && s.segments == 0
    };
    let later = stages.iter().skip(index + 1).any(|s| s.scope != Scope::Noise);
    later && stages.get(index).is_some_and(by_gradients)
}

impl Recipe {
    /// Whether any stage could have its gradients computed elsewhere.
    #[must_use]
    pub fn has_coarse_stages(&self) -> bool {
        (0..self.stages.len()).any(|i| coarse(&self.stages, i))
    }

    /// The recipe for gradients from elsewhere. Where no stage could have them, because the first one
    /// is to finish too, it is cut in two halves: one for the way, one for the last digits.
    #[must_use]
    pub fn for_elsewhere(mut self) -> Recipe {
        let Some(first) = self.stages.first().copied() else { return self };
        let twice = [first, first];
        if !self.has_coarse_stages() && first.iterations > 1 && coarse(&twice, 0) {
            let half = first.iterations / 2;
            self.stages[0].iterations -= half;
            self.stages.insert(0, Stage { iterations: half, patience: 0, ..first });
        }
        self
    }
}

/// The table at which trainings sit.
pub(crate) struct Lockstep {
    state: Mutex<State>,
    /// All have asked, or nobody will any more.
    complete: Condvar,
    answered: Condvar,
    /// The processor has a free thread.
    free: Condvar,
    /// For one training only: what its experiments share is shared by its trajectories.
    pub alone: bool,
    /// Threads that compute on the processor at once.
    pub threads: usize,
}

#[derive(Default)]
struct State {
    /// Trainings that are waited for.
    seated: usize,
    asked: Vec<(u64, Place)>,
    answers: BTreeMap<u64, Answer>,
    next: u64,
    /// Nobody computes any more.
    closed: bool,
    /// Threads that compute on the processor.
    working: usize,
    news: Vec<String>,
}

impl State {
    /// Whether all who are waited for have asked.
    fn complete(&self) -> bool {
        !self.asked.is_empty() && self.asked.len() >= self.seated
    }
}

fn wait<'a>(until: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    until.wait(state).unwrap_or_else(PoisonError::into_inner)
}

impl Lockstep {
    /// A table at which so many trainings sit from the beginning.
    pub fn new(trainings: usize, alone: bool, threads: usize) -> Arc<Lockstep> {
        let state = Mutex::new(State { seated: trainings, ..State::default() });
        Arc::new(Lockstep {
            state,
            complete: Condvar::new(),
            answered: Condvar::new(),
            free: Condvar::new(),
            alone,
            threads: threads.max(1),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The seat of one of the trainings that sit from the beginning.
    pub fn seat(self: &Arc<Self>) -> Seat {
        Seat { table: Arc::clone(self), seated: true, asks: false, data: 0 }
    }

    /// No more rounds: who waits computes on the processor.
    fn close(&self) {
        self.lock().closed = true;
        self.complete.notify_all();
        self.answered.notify_all();
    }

    /// What there is to tell since the last call.
    pub fn news(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().news)
    }

    /// Computes what trainings ask for while `trainings` run, on a thread beside them. `make` makes the
    /// objective of the data with a number.
    pub fn beside<T>(
        &self,
        (make, lender): (&MakeOf<'_>, &dyn Lender),
        control: &Control,
        trainings: impl FnOnce() -> T,
    ) -> T {
        std::thread::scope(|scope| {
            scope.spawn(|| self.run(make, lender, control));
            let _close = Close(self);
            trainings()
        })
    }

    /// Computes what is asked for until the table is closed, on this thread.
    fn run(&self, make: &MakeOf<'_>, lender: &dyn Lender, control: &Control) {
        let _close = Close(self);
        lender.lend(&mut |elsewhere| self.serve(make, control, elsewhere));
    }

    fn serve(&self, make: &MakeOf<'_>, control: &Control, elsewhere: &mut dyn Elsewhere) {
        let mut objectives = Objectives::new();
        loop {
            let asked = {
                let mut state = self.lock();
                while !state.closed && !state.complete() {
                    state = wait(&self.complete, state);
                }
                if state.closed {
                    return;
                }
                std::mem::take(&mut state.asked)
            };
            let (numbers, places): (Vec<u64>, Vec<Place>) = asked.into_iter().unzip();
            // Who does not ask any more has ended.
            let wanted: BTreeSet<usize> = places.iter().map(|place| place.data).collect();
            objectives.retain(|data, _| wanted.contains(data));
            for data in wanted {
                // Places without an objective are left to who asked, and has one.
                if !objectives.contains_key(&data)
                    && let Ok(mut objective) = make(data)
                {
                    objective.set_cancel(Some(control.cancel.clone()));
                    objectives.insert(data, objective);
                }
            }
            let answers = data_at(&mut objectives, &places, self.alone, self.threads, elsewhere);
            let mut state = self.lock();
            state.answers.extend(numbers.into_iter().zip(answers));
            state.news.extend(elsewhere.news());
            self.answered.notify_all();
        }
    }
}

/// Closes a table when it is dropped: whatever happens, nobody waits for ever.
struct Close<'a>(&'a Lockstep);

impl Drop for Close<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The place of a training at the table. Who gets up is not waited for.
pub(crate) struct Seat {
    table: Arc<Lockstep>,
    seated: bool,
    /// Whether gradients are asked for at the table. Before the first stage they are not, though others
    /// wait for this training to begin.
    asks: bool,
    /// Number of the data that the training is fitted to.
    data: usize,
}

impl Seat {
    /// The same seat for a training that is fitted to the data with this number.
    pub fn with_data(mut self, data: usize) -> Seat {
        self.data = data;
        self
    }

    pub fn data(&self) -> usize {
        self.data
    }

    /// Sits down and asks, or gets up.
    pub fn sit(&mut self, seated: bool) {
        self.asks = seated;
        if seated == std::mem::replace(&mut self.seated, seated) {
            return;
        }
        let mut state = self.table.lock();
        if seated {
            state.seated += 1
        } else {
            state.seated -= 1
        };
        if state.complete() {
            self.table.complete.notify_all();
        }
    }

    pub fn asks(&self) -> bool {
        self.asks
    }

    /// What there is to tell, where it is this training's to tell.
    pub fn news(&self) -> Vec<String> {
        if self.table.alone { self.table.news() } else { Vec::new() }
    }

    /// Waits for the next round and what it gives.
    pub fn ask(&self, place: Place) -> Answer {
        let mut state = self.table.lock();
        let number = state.next;
        state.next += 1;
        state.asked.push((number, place));
        if state.complete() {
            self.table.complete.notify_all();
        }
        loop {
            if let Some(answer) = state.answers.remove(&number) {
                return answer;
            }
            if state.closed {
                state.asked.retain(|(n, _)| *n != number);
                return None;
            }
            state = wait(&self.table.answered, state);
        }
    }

    /// Waits until the processor has a thread for this training.
    pub fn turn(&self) -> Turn {
        let mut state = self.table.lock();
        while state.working >= self.table.threads {
            state = wait(&self.table.free, state);
        }
        state.working += 1;
        Turn(Arc::clone(&self.table))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.sit(false);
    }
}

/// A thread of the processor, until it is dropped.
pub(crate) struct Turn(Arc<Lockstep>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.lock().working -= 1;
        self.0.free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_before_the_last_fit_may_be_coarse() {
        let lbfgs = |horizon| Stage::lbfgs(60, horizon);
        let noise = Stage { scope: Scope::Noise, ..lbfgs(1.0) };
        let all = |stages: &[Stage]| -> Vec<bool> {
            (0..stages.len()).map(|i| coarse(stages, i)).collect()
        };
        let adam = Stage::adam(100, 0.1, 1.0);
        assert_eq!(all(&[lbfgs(0.3), lbfgs(1.0)]), [true, false]);
        assert_eq!(all(&[adam, lbfgs(1.0), noise]), [true, false, false]);
        assert_eq!(all(&[lbfgs(1.0)]), [false]);
        let search = Stage { optimiser: Optimiser::CmaEs, ..adam };
        let cut = Stage { segments: 4, ..adam };
        assert_eq!(all(&[search, cut, adam, lbfgs(1.0)]), [false, false, true, false]);
    }

    #[test]
    fn a_single_stage_is_cut_in_two_where_gradients_alone_are_enough() {
        let cut = Recipe::custom(vec![Stage::lbfgs(301, 1.0)]).for_elsewhere();
        let iterations: Vec<u32> = cut.stages.iter().map(|s| s.iterations).collect();
        assert_eq!((iterations, cut.has_coarse_stages()), (vec![150, 151], true));
        let squares = Stage { optimiser: Optimiser::LevenbergMarquardt, ..Stage::lbfgs(300, 1.0) };
        for recipe in [
            Recipe::custom(vec![squares]),
            Recipe::custom(vec![Stage::lbfgs(60, 0.5), Stage::lbfgs(60, 1.0)]),
            Recipe::custom(vec![Stage::lbfgs(1, 1.0)]),
        ] {
            assert_eq!(recipe.clone().for_elsewhere(), recipe);
        }
    }
}
