//! Trajectories one by one, on all cores: for every class of model and every method.

use super::{Collected, Problems, ScanOptions};
use crate::simulate::{SimulateOptions, simulate_as};
use crate::solvers::stepper;
use crate::{Simulated, Solvers, StudyError};
use slopefield_devices::{Progress, Work};
use slopefield_ensemble::{Failure, TrajectoryResult, Values};
use slopefield_kernel::Kernel;
use slopefield_solve::{Ivp, SolveError, Stats, Stepper, drive};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Trajectories that are tried out, spread over all.
const TRIALS: usize = 5;

/// Results of trajectories that were solved by one call of [`each`].
type Results = Vec<Option<Result<Simulated, SolveError>>>;

/// Solves the trajectories `which` with a method, in any order, when `before` others have been solved.
///
/// # Errors
/// What hinders all of them.
pub(super) fn each(
    problems: &Problems<'_>,
    options: &ScanOptions<'_>,
    method: &str,
    (which, before): (&[usize], usize),
    solvers: &dyn Solvers,
) -> Result<Results, StudyError> {
    let simulate =
        SimulateOptions { method: method.into(), paths: None, ..options.simulate.clone() };
    // Whatever hinders the method is said before anything is computed.
    stepper(problems.model, method, solvers).map_err(StudyError::Solver)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(which.len());
    let next = AtomicUsize::new(0);
    let results: Mutex<Results> = Mutex::new(which.iter().map(|_| None).collect());
    let hindrance: Mutex<Option<StudyError>> = Mutex::new(None);
    let work = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(&index) = which.get(place) else { break };
            if simulate.settings.cancelled() {
                break;
            }
            let p = problems.params(index);
            let u0 = problems.initial(index, &p);
            match simulate_as(problems.model, &p, &u0, &simulate, solvers) {
                Ok(result) => {
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results[place] = Some(result);
                }
                Err(e) => {
                    *hindrance.lock().unwrap_or_else(PoisonError::into_inner) = Some(e);
                    next.store(which.len(), Ordering::Relaxed);
                }
            }
            if let Some(tell) = options.progress {
                tell(before + place + 1, before + which.len());
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..cores {
            scope.spawn(work);
        }
        work();
    });
    match hindrance.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(e) => Err(e),
        None => Ok(results.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}

/// Solves the trajectories of `work` on all cores and writes their states row by row, those that were not
/// reached as NaN.
pub(super) fn rows(
    make: &(dyn Fn() -> Result<Box<dyn Stepper>, String> + Sync),
    rhs: &dyn Kernel,
    work: &Work<'_>,
    out: &mut [f64],
    progress: Progress<'_>,
) -> Result<Vec<TrajectoryResult>, SolveError> {
    let (n, row, own) = (work.states(), work.row().max(1), work.rhs.own_params());
    let of = |values: Values<'_>, len: usize, k: usize| match values {
        Values::Same(row) => row.to_vec(),
        Values::Each(rows) => rows[k * len..][..len].to_vec(),
    };
    let parts: Vec<Mutex<&mut [f64]>> = out.chunks_mut(row).map(Mutex::new).collect();
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<TrajectoryResult>>> =
        Mutex::new((0..work.count).map(|_| None).collect());
    let solve = |k: usize, rows: &mut [f64]| -> TrajectoryResult {
        let (u0, mut p) = (of(work.u0, n, k), work.shared.to_vec());
        own.iter().zip(of(work.own, own.len(), k)).for_each(|(i, value)| p[*i] = value);
        let failed = |error, u: Vec<f64>| Box::new(Failure { error, u, stats: Stats::default() });
        let mut stepper = make().map_err(|e| failed(SolveError::Invalid(e), u0.clone()))?;
        let ivp = Ivp { rhs, t0: work.t0, t1: work.t1, u0: &u0, p: &p };
        rows.fill(f64::NAN);
        drive(&mut *stepper, &ivp, work.settings, work.saves, rows, None).map_err(|error| {
            rows.fill(f64::NAN);
            failed(error, u0.clone())
        })
    };
    let run = || {
        loop {
            let k = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = parts.get(k).filter(|_| k < work.count) else { break };
            let result = solve(k, &mut part.lock().unwrap_or_else(PoisonError::into_inner));
            results.lock().unwrap_or_else(PoisonError::into_inner)[k] = Some(result);
            progress.iter().for_each(|tell| tell(k + 1));
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(work.count);
    std::thread::scope(|scope| {
        for _ in 1..cores {
            scope.spawn(run);
        }
        run();
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let lost = || {
        let error = SolveError::Cancelled { t: work.t0 };
        Err(Box::new(Failure { error, u: vec![0.0; n], stats: Stats::default() }))
    };
    Ok(results.into_iter().map(|found| found.unwrap_or_else(lost)).collect())
}

/// Solves all trajectories.
pub(super) fn solve(
    problems: &Problems<'_>,
    options: &ScanOptions<'_>,
    method: &str,
    solvers: &dyn Solvers,
    all: &mut Collected<'_>,
) -> Result<(), StudyError> {
    let which: Vec<usize> = (0..problems.count()).collect();
    let results = each(problems, options, method, (&which, 0), solvers)?;
    let times = options.simulate.at.len();
    for (index, result) in results.into_iter().enumerate() {
        match result.unwrap_or(Err(SolveError::Cancelled { t: problems.t0 })) {
            Ok(found) => add(all, times, &found),
            Err(e) => {
                all.columns.add_columns(times, [&[], &[], &[]]);
                all.failure(problems, index, &e);
            }
        }
    }
    Ok(())
}

/// Adds a trajectory that was solved alone.
pub(super) fn add(all: &mut Collected<'_>, times: usize, found: &Simulated) {
    all.columns.add_columns(times, [&found.states, &found.lets, &found.observations]);
    all.stats += found.stats;
}

/// Why the trajectories are better solved one by one by a method that finds out whether equations are
/// stiff: because some of a few are. Those that fail say nothing.
pub(super) fn is_stiff(
    problems: &Problems<'_>,
    options: &ScanOptions<'_>,
    solvers: &dyn Solvers,
) -> Option<String> {
    let count = problems.count();
    let trials = TRIALS.min(count);
    let mut row = vec![0.0; problems.model.model.states.len()];
    for k in 0..trials {
        let index = if trials == 1 { 0 } else { k * (count - 1) / (trials - 1) };
        let mut stepper = stepper(problems.model, "auto-switch", solvers).ok()?;
        let p = problems.params(index);
        let u0 = problems.initial(index, &p);
        let ivp =
            Ivp { rhs: &*problems.model.rhs, t0: problems.t0, t1: problems.t1, u0: &u0, p: &p };
        let settings = &options.simulate.settings;
        let solved = drive(&mut *stepper, &ivp, settings, &[problems.t1], &mut row, None);
        let implicit = stepper.switches().is_some_and(|report| report.implicit_steps > 0);
        if solved.is_ok() && implicit {
            return Some("a trial solve found the equations stiff".into());
        }
    }
    None
}
