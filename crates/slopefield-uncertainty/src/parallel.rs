//! Pieces of work that do not depend on each other, one on each core.

use slopefield_train::Control;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Results of the pieces `0..count` in this order, whatever the number of cores; `None` for those
/// that cancelling left undone. `progress` is told pieces done and pieces in all, from any thread.
pub(crate) fn parallel<T: Send>(
    count: usize,
    control: &Control,
    progress: &(dyn Fn(u64, u64) + Sync),
    piece: &(dyn Fn(usize) -> T + Sync),
) -> Vec<Option<T>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let results: Mutex<Vec<Option<T>>> = Mutex::new((0..count).map(|_| None).collect());
    std::thread::scope(|scope| {
        for _ in 0..cores.min(count) {
            scope.spawn(|| {
                loop {
                    let k = next.fetch_add(1, Ordering::Relaxed);
                    if k >= count || control.cancelled() {
                        return;
                    }
                    let result = piece(k);
                    results.lock().unwrap_or_else(PoisonError::into_inner)[k] = Some(result);
                    progress(done.fetch_add(1, Ordering::Relaxed) as u64 + 1, count as u64);
                }
            });
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}
