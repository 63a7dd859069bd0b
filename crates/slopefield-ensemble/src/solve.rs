//! The ensemble as a whole: checks, workers, results.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};

use slopefield_kernel::LANE_GROUP;
use slopefield_solve::{Settings, SolveError, Tableau};

use crate::block::Block;
use crate::problem::Ensemble;
use crate::queue::Queue;
use crate::report::{Report, TrajectoryResult};
use crate::rules::Rules;
use crate::starts::{Context, Starts};
use crate::table::{Table, available};

/// How to run an ensemble. Nothing here changes a result.
#[derive(Clone, Copy, Default)]
pub struct Run<'a> {
    /// Number of threads; 0 for one per core.
    pub threads: usize,
    /// Called now and then from any thread with the number of trajectories begun so far, at most
    /// once per block of lanes.
    pub progress: Option<&'a (dyn Fn(usize) + Sync)>,
}

/// Integrates every trajectory of `ensemble` by the explicit Runge–Kutta method `method` and writes
/// its states at `saves` to `out`: trajectory by trajectory, row by row (`count × saves × n`).
///
/// Each trajectory chooses its own steps, as [`slopefield_solve::ExplicitRungeKutta`] would: if the
/// lanes of the right-hand side have the bits of the kernel of a single solve, so have the results.
/// They depend neither on the number of threads nor on the other trajectories. `saves` are as for
/// [`slopefield_solve::drive`]. The tolerances, bounds, budget (per trajectory) and cancellation of
/// `settings` apply.
///
/// # Errors
/// [`SolveError::Invalid`] for sizes, settings or save times that make no sense. A trajectory that
/// fails stops alone: see [`Report::trajectories`].
///
/// # Panics
/// If the table has more stages than the single solve allows or none, or if the width of the kernel
/// is not a multiple of [`LANE_GROUP`].
pub fn solve(
    ensemble: &Ensemble<'_>,
    method: &'static Tableau,
    settings: &Settings,
    saves: &[f64],
    out: &mut [f64],
    run: Run<'_>,
) -> Result<Report, SolveError> {
    solve_with(ensemble, method, settings, saves, out, run, available()[0])
}

/// [`solve`] with the arithmetic of one instruction set.
pub(crate) fn solve_with(
    ensemble: &Ensemble<'_>,
    method: &'static Tableau,
    settings: &Settings,
    saves: &[f64],
    out: &mut [f64],
    run: Run<'_>,
    table: &'static Table,
) -> Result<Report, SolveError> {
    let n = ensemble.rhs.shape().states;
    let width = ensemble.rhs.width();
    let stages = method.stages();
    assert!((1..=slopefield_solve::runge_kutta::MAX_STAGES).contains(&stages), "{stages} stages");
    if !method.extra.a.is_empty() {
        return Err(SolveError::Invalid(format!(
            "ensembles are not solved with {}, whose solution within a step needs extra stages; \
             use tsit5, dp5 or bs3",
            method.name
        )));
    }
    assert!(width > 0 && width.is_multiple_of(LANE_GROUP), "a width of {width} lanes");
    ensemble.validate()?;
    settings.validate(n)?;
    let rules = Rules::new(method, (ensemble.t0, ensemble.t1), settings, n);
    validate_saves(&rules, saves)?;
    let row_len = saves.len() * n;
    if Some(out.len()) != ensemble.count.checked_mul(row_len) {
        return Err(SolveError::Invalid(format!(
            "room for {} values was given, but {} trajectories with {} save times of {n} states \
             need {} each",
            out.len(),
            ensemble.count,
            saves.len(),
            row_len
        )));
    }

    let threads = match run.threads {
        0 => std::thread::available_parallelism().map_or(1, NonZero::get),
        threads => threads,
    };
    // A worker without a vector of lanes to itself would only take lanes from the others.
    let threads = threads.min(ensemble.count.div_ceil(LANE_GROUP)).max(1);
    let mut results: Vec<Option<TrajectoryResult>> = Vec::new();
    results.resize_with(ensemble.count, || None);
    let queue = Queue::new(out, row_len, &mut results, threads);
    let context = Context { ensemble, rules: &rules, table, saves, queue: &queue };
    let totals = Totals::default();
    let begun = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| work(&context, settings, run, &begun, &totals));
        }
        work(&context, settings, run, &begun, &totals);
    });
    let trajectories =
        results.into_iter().map(|r| r.expect("a worker ends every trajectory")).collect();
    Ok(Report {
        trajectories,
        attempts: totals.attempts.into_inner(),
        lane_steps: totals.lane_steps.into_inner(),
    })
}

#[derive(Default)]
struct Totals {
    attempts: AtomicU64,
    lane_steps: AtomicU64,
}

/// One worker: keeps a block of lanes busy until no trajectory is left.
fn work(
    context: &Context<'_, '_>,
    settings: &Settings,
    run: Run<'_>,
    begun: &AtomicU64,
    totals: &Totals,
) {
    let ensemble = context.ensemble;
    let mut scratch = crate::rows::Rows::new(ensemble.rhs.scratch_len());
    let mut starts = Starts::new(ensemble);
    let mut block = Block::new(ensemble, context.rules);
    let width = ensemble.rhs.width();
    let lanes_filled = |filled: usize| {
        let so_far = begun.fetch_add(filled as u64, Ordering::Relaxed) as usize + filled;
        if let Some(progress) = run.progress {
            progress(so_far);
        }
    };
    while block.busy() < width {
        let lane = block.busy();
        if !starts.fill(context, &mut scratch, &mut block, lane, width) {
            break;
        }
    }
    let mut unreported = block.busy();
    while block.busy() > 0 {
        if settings.interruption(context.rules.t0).is_some() {
            block.interrupt(context.rules, settings);
            break;
        }
        block.step(context, &mut scratch);
        block.settle(context, |block, lane| {
            let filled = starts.fill(context, &mut scratch, block, lane, width);
            unreported += usize::from(filled);
            filled
        });
        if unreported >= width {
            lanes_filled(std::mem::take(&mut unreported));
        }
    }
    lanes_filled(unreported);
    if let Some(interruption) = settings.interruption(context.rules.t0) {
        starts.interrupt(context, &interruption);
    }
    totals.attempts.fetch_add(block.attempts, Ordering::Relaxed);
    totals.lane_steps.fetch_add(block.lane_steps, Ordering::Relaxed);
}

fn validate_saves(rules: &Rules, saves: &[f64]) -> Result<(), SolveError> {
    let mut previous = rules.t0;
    for (index, &t) in saves.iter().enumerate() {
        let (from, to) = ((t - rules.t0) * rules.direction, (rules.t1 - t) * rules.direction);
        if !(from >= 0.0 && to >= 0.0) {
            return Err(SolveError::Invalid(format!(
                "save time {index} is {t}, outside the span {} to {}",
                rules.t0, rules.t1
            )));
        }
        if (t - previous) * rules.direction < 0.0 {
            return Err(SolveError::Invalid(format!(
                "save time {index} is {t}, before its predecessor {previous}; sort them in the \
                 direction of integration"
            )));
        }
        previous = t;
    }
    Ok(())
}
