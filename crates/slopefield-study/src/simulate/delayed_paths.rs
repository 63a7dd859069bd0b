//! Random paths of systems with delays, with the delayed values that expressions read.

use super::watch::Watch;
use slopefield_solve::{Ivp, Settings, SolveError, Stats, Stepper, drive};

/// Simulates paths from number `first` on, on all cores, and writes the states at `saves` to `rows` and
/// `width` delayed values at each to `delayed`, path by path. The counters of all paths are added up.
///
/// # Errors
/// That of the path with the smallest number among those that failed.
pub(super) fn delayed_paths(
    make: &(dyn Fn() -> Box<dyn Stepper> + Sync),
    ivp: &Ivp<'_>,
    (settings, first): (&Settings, u64),
    (saves, width): (&[f64], usize),
    rows: &mut [f64],
    delayed: &mut [f64],
) -> Result<Stats, SolveError> {
    let (row, behind) = (saves.len() * ivp.u0.len(), saves.len() * width);
    let count = rows.len() / row;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // In order, so that the first failure that is met is that of the smallest number.
    let portion = count.div_ceil(cores).max(1);
    let parts = rows.chunks_mut(portion * row).zip(delayed.chunks_mut(portion * behind));
    let work = |part: usize, rows: &mut [f64], delayed: &mut [f64]| {
        let mut stepper = make();
        let mut settings = settings.clone();
        let mut total = Stats::default();
        let paths = rows.chunks_exact_mut(row).zip(delayed.chunks_exact_mut(behind));
        for (i, (row, delayed)) in paths.enumerate() {
            settings.path = first + (part * portion + i) as u64;
            let mut watch = Watch::new(*ivp, saves, width);
            total += drive(&mut *stepper, ivp, &settings, saves, row, Some(&mut watch))?;
            delayed.copy_from_slice(watch.delayed.rows());
        }
        Ok(total)
    };
    let work = &work;
    let results: Vec<Result<Stats, SolveError>> = std::thread::scope(|scope| {
        let threads: Vec<_> = parts
            .enumerate()
            .map(|(part, (rows, delayed))| scope.spawn(move || work(part, rows, delayed)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause)))
            .collect()
    });
    let mut total = Stats::default();
    for result in results {
        total += result?;
    }
    Ok(total)
}
