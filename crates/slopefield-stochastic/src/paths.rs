//! Many paths of one system on all cores.

use slopefield_solve::{Ivp, Settings, SolveError, Stats, Stepper, drive};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Which paths to simulate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paths {
    /// Number of the first path.
    pub first: u64,
    /// How many.
    pub count: usize,
    /// Threads; 0 takes as many as the machine has cores.
    pub threads: usize,
}

/// Paths that a thread takes at a time.
const PORTION: usize = 16;

/// Simulates paths `first..first + count` of `ivp` and writes the states at `saves` to `out`, path by
/// path (`count × saves × states`). A path has the same bits whatever the threads, the other paths
/// and their number. The counters of all paths are added up.
///
/// # Errors
/// The error of the path with the smallest number among those that failed; the rows of every path
/// that failed, or was not reached any more, hold NaN.
pub fn paths(
    make: &(dyn Fn() -> Box<dyn Stepper> + Sync),
    ivp: &Ivp<'_>,
    settings: &Settings,
    which: Paths,
    saves: &[f64],
    out: &mut [f64],
) -> Result<Stats, SolveError> {
    let row = saves.len() * ivp.u0.len();
    if out.len() != which.count * row {
        return Err(SolveError::Invalid(format!(
            "room for {} values was given, but {} paths need {}",
            out.len(),
            which.count,
            which.count * row
        )));
    }
    if row == 0 || which.count == 0 {
        return Ok(Stats::default());
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if which.threads == 0 { cores } else { which.threads };
    let threads = threads.min(which.count.div_ceil(PORTION));
    let queue = Mutex::new(out.chunks_mut(row * PORTION).enumerate());
    let outcome = Mutex::new((Stats::default(), None::<(u64, SolveError)>));
    let failed = AtomicBool::new(false);
    let work = || {
        let mut stepper = make();
        let mut settings = settings.clone();
        let mut total = Stats::default();
        let mut error: Option<(u64, SolveError)> = None;
        loop {
            let next = queue.lock().ok().and_then(|mut queue| queue.next());
            let Some((portion, rows)) = next else { break };
            for (i, row) in rows.chunks_mut(row).enumerate() {
                if failed.load(Ordering::Relaxed) {
                    row.fill(f64::NAN);
                    continue;
                }
                settings.path = which.first + (portion * PORTION + i) as u64;
                match drive(&mut *stepper, ivp, &settings, saves, row, None) {
                    Ok(stats) => total += stats,
                    Err(cause) => {
                        failed.store(true, Ordering::Relaxed);
                        error.get_or_insert((settings.path, cause));
                    }
                }
            }
        }
        if let Ok(mut outcome) = outcome.lock() {
            outcome.0 += total;
            if let Some(error) = error
                && outcome.1.as_ref().is_none_or(|known| error.0 < known.0)
            {
                outcome.1 = Some(error);
            }
        }
    };
    if threads <= 1 {
        work();
    } else {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
    }
    let (stats, error) = outcome.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    error.map_or(Ok(stats), |(_, error)| Err(error))
}
