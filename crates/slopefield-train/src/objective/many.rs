//! The loss at many places at once, on several cores.

use super::{Evaluation, Objective};
use crate::failure::{Failure, FailureKind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

impl Objective {
    /// How many threads [`Objective::values`] may use; at first 1. Values do not depend on it.
    pub fn set_threads(&mut self, threads: usize) {
        self.threads = threads.max(1);
    }

    /// Loss at each of the places, which stand in `z` one after the other, as
    /// [`Objective::value`] gives it. The result depends on neither the number of threads nor who
    /// is done first.
    pub fn values(&mut self, z: &[f64], horizon: f64) -> Vec<Result<Evaluation, Failure>> {
        let n = self.dimension();
        if n == 0 {
            return vec![self.value(&[], horizon)];
        }
        let places: Vec<&[f64]> = z.chunks_exact(n).collect();
        let threads = self.threads.min(places.len());
        while self.others.len() + 1 < threads {
            // What could be made once can be made again.
            match Objective::new(self.problem.clone(), self.methods.clone()) {
                Ok(another) => self.others.push(another),
                Err(_) => break,
            }
        }
        if threads <= 1 || self.others.is_empty() {
            return places.iter().map(|place| self.value(place, horizon)).collect();
        }
        let mut others = std::mem::take(&mut self.others);
        for other in &mut others {
            other.set_cancel(self.problem.settings.cancel.clone());
        }
        let next = AtomicUsize::new(0);
        let found: Mutex<Vec<Option<Result<Evaluation, Failure>>>> =
            Mutex::new(vec![None; places.len()]);
        let work = |objective: &mut Objective| {
            loop {
                let k = next.fetch_add(1, Ordering::Relaxed);
                let Some(place) = places.get(k) else { return };
                let result = objective.value(place, horizon);
                found.lock().unwrap_or_else(PoisonError::into_inner)[k] = Some(result);
            }
        };
        std::thread::scope(|scope| {
            for other in &mut others[..threads - 1] {
                scope.spawn(|| work(other));
            }
            work(self);
        });
        self.evaluations +=
            others.iter_mut().map(|o| std::mem::take(&mut o.evaluations)).sum::<u64>();
        self.others = others;
        let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let lost = || Failure::new(FailureKind::Solve, "the loss was not computed".into());
        found.into_iter().map(|result| result.unwrap_or_else(|| Err(lost()))).collect()
    }
}
