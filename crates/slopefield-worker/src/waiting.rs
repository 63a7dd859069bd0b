//! Work without iterations that tells how far it is.

use slopefield_api::schema::{Block, Emit};
use slopefield_api::types::Progress;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Pause between two progress messages.
const TICK: Duration = Duration::from_millis(100);
/// Share that must be done before a guess is made of the time that is left.
const KNOWN: f64 = 0.01;

/// Works in a thread of its own and tells from this one which share of it is done. `work` is given what to
/// tell the share with, from any thread.
pub fn told<T: Send>(
    emit: Emit<'_>,
    what: &str,
    work: impl FnOnce(&(dyn Fn(f64) + Sync)) -> T + Send,
) -> T {
    let began = Instant::now();
    std::thread::scope(|scope| {
        let (sender, shares) = mpsc::channel::<f64>();
        let worker = scope.spawn(move || {
            work(&|share| {
                // Nobody listens any more only when the worker itself has ended.
                let _ = sender.send(share);
            })
        });
        let mut last: Option<Instant> = None;
        while let Ok(share) = shares.recv() {
            if last.is_some_and(|t| t.elapsed() < TICK) {
                continue;
            }
            last = Some(Instant::now());
            let passed = began.elapsed().as_secs_f64();
            let left_s = (share > KNOWN).then(|| passed * (1.0 - share) / share);
            emit(Progress::Working { what: what.into(), share, left_s }, Block::new());
        }
        match worker.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
