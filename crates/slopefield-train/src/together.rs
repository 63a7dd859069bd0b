//! Pieces of work that do not depend on each other, each with an objective of its own, whose gradients come
//! from elsewhere in lockstep: fits to many sets of data, trainings from many places.

use crate::control::Control;
use crate::elsewhere::Lender;
use crate::lockstep::{Lockstep, Seat};
use crate::objective::Objective;
use crate::starts::TOGETHER;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Makes the objective of the data with a number. All have the same model, parameters and experiments.
pub type MakeOf<'a> = dyn Fn(usize) -> Result<Objective, String> + Sync + 'a;

/// What came of pieces.
#[derive(Debug, Clone)]
pub struct Pieces<T> {
    /// By number; an error where the objective could not be made, none for those that a stop left undone.
    pub results: Vec<Option<Result<T, String>>>,
    /// What there is to tell of gradients from elsewhere, sentences without a full stop.
    pub news: Vec<String>,
}

/// What pieces work on.
#[derive(Clone, Copy)]
pub struct Pool<'a> {
    /// Makes objectives.
    pub make: &'a MakeOf<'a>,
    /// Whether all pieces have the data with number 0; else each has those of its own number.
    pub same_data: bool,
    /// Lends what computes gradients.
    pub lender: &'a dyn Lender,
    /// Pieces that the processor works on at once.
    pub threads: usize,
}

/// Runs the pieces below `count`, up to 1,024 at once. A piece gets its objective; between
/// [`Objective::set_elsewhere`] with true and with false its gradients are those of rounds that all such pieces
/// have together, computed by what is lent, or by the processor where that does not. `progress` is told pieces
/// done and pieces in all, from any thread.
pub fn together<T: Send>(
    pool: &Pool<'_>,
    count: usize,
    control: &Control,
    progress: &(dyn Fn(u64, u64) + Sync),
    piece: &(dyn Fn(usize, &mut Objective) -> T + Sync),
) -> Pieces<T> {
    let at_once = count.min(TOGETHER);
    let table = Lockstep::new(at_once, false, pool.threads);
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let results: Mutex<Vec<_>> = Mutex::new((0..count).map(|_| None).collect());
    let data = |k: usize| if pool.same_data { 0 } else { k };
    let run = |seat: Seat| {
        // Whatever comes, nobody waits for who is not there any more.
        let mut seat = Some(seat);
        loop {
            let k = next.fetch_add(1, Ordering::Relaxed);
            if k >= count || control.cancelled() {
                return;
            }
            let result = (pool.make)(data(k)).map(|mut objective| {
                objective.set_seat(seat.take().map(|seat| seat.with_data(data(k))));
                let result = piece(k, &mut objective);
                objective.set_elsewhere(false);
                seat = objective.take_seat();
                result
            });
            results.lock().unwrap_or_else(PoisonError::into_inner)[k] = Some(result);
            progress(done.fetch_add(1, Ordering::Relaxed) as u64 + 1, count as u64);
        }
    };
    if count > 0 {
        table.beside((pool.make, pool.lender), control, || {
            std::thread::scope(|scope| {
                // All seats are taken before anybody asks.
                let seats: Vec<Seat> = (0..at_once).map(|_| table.seat()).collect();
                for seat in seats {
                    scope.spawn(|| run(seat));
                }
            });
        });
    }
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    Pieces { results, news: table.news() }
}
