//! Trajectories of ordinary differential equations many at a time, on the processor or a card.

use super::{Collected, Problems, ScanOptions, Target, singly};
use crate::solvers::stepper;
use crate::{Solvers, StudyError};
use slopefield_devices::{Apart, Method, Progress, Site, Work};
use slopefield_ensemble::{EachLane, Failure, TrajectoryResult, Values};
use slopefield_kernel::BatchKernel;
use slopefield_solve::{Settings, SolveError};

/// Where trajectories were computed.
pub(super) struct Where {
    pub(super) device: String,
    pub(super) on_card: usize,
    pub(super) sentences: Vec<String>,
}

/// Steps of a trajectory before it is tried alone by a method that finds out whether it is stiff.
const PATIENCE: u64 = 100_000;

/// How many trajectories are solved.
pub(super) struct How<'a> {
    /// By what, at once.
    pub(super) method: Method<'a>,
    /// Those that fail are solved again one by one with `auto-switch`: they may be stiff although the
    /// trials were not.
    pub(super) retry: bool,
    /// The processor solves them one by one with this method.
    pub(super) apart: Option<&'a str>,
}

/// Solves all trajectories.
pub(super) fn solve(
    problems: &Problems<'_>,
    options: &ScanOptions<'_>,
    How { method, retry, apart }: How<'_>,
    solvers: &dyn Solvers,
    all: &mut Collected<'_>,
) -> Result<Where, StudyError> {
    let model = problems.model;
    let (count, n, saves) = (problems.count(), model.model.states.len(), &options.simulate.at);
    let mut own: Vec<(usize, usize)> = Vec::new();
    for (column, target) in problems.targets.iter().enumerate() {
        if let Target::Param(i) = target {
            own.push((*i, column));
        }
    }
    own.sort_unstable();
    let indices: Vec<usize> = own.iter().map(|(param, _)| *param).collect();
    let compiled = slopefield_cpu::compile_batch(&model.lowered.rhs.eval, &indices);
    let each;
    let rhs: &dyn BatchKernel = match &compiled {
        Ok(compiled) => compiled,
        Err(_) => {
            each = EachLane::new(&*model.rhs, &indices);
            &each
        }
    };
    let values = &problems.points.values;
    let own: Vec<f64> =
        (0..count).flat_map(|k| own.iter().map(move |(_, column)| values[*column][k])).collect();
    let mut u0 = Vec::with_capacity(count * n);
    for index in 0..count {
        u0.extend(problems.initial(index, &problems.params(index)));
    }
    let mut settings = options.simulate.settings.clone();
    if retry {
        settings.max_steps = settings.max_steps.min(PATIENCE);
    }
    if let Some(name) = apart {
        // Whatever hinders the method is said before anything is computed.
        stepper(model, name, solvers).map_err(StudyError::Solver)?;
    }
    let one_by_one = |work: &Work<'_>, out: &mut [f64], progress: Progress<'_>| {
        let make = || stepper(model, apart.unwrap_or_default(), solvers);
        singly::rows(&make, &*model.rhs, work, out, progress)
    };
    let work = Work {
        model: &model.lowered,
        rhs,
        t0: problems.t0,
        t1: problems.t1,
        count,
        u0: Values::Each(&u0),
        shared: problems.p,
        own: Values::Each(&own),
        method,
        apart: apart.map(|_| &one_by_one as &Apart<'_>),
        settings: &settings,
        saves,
    };
    let mut out = vec![0.0; count * saves.len() * n];
    if problems.t0 == problems.t1 {
        // Nothing to solve: the states at the start, as often as they are asked for.
        for (row, u) in out.chunks_exact_mut(saves.len() * n).zip(u0.chunks_exact(n)) {
            row.chunks_exact_mut(n).for_each(|to| to.copy_from_slice(u));
        }
        for (index, row) in out.chunks_exact(saves.len() * n).enumerate() {
            all.columns.add(&problems.params(index), saves, row);
        }
        return Ok(Where { device: "processor".into(), on_card: 0, sentences: Vec::new() });
    }
    let told = |begun: usize| options.progress.iter().for_each(|tell| tell(begun, count));
    let site = Site { progress: options.progress.map(|_| &told as _), ..options.site };
    let solved = slopefield_devices::solve(&work, &options.wanted, &site, &mut out)
        .map_err(|e| crate::simulate::failed(model, &e, problems.p))?;
    let mut found =
        Where { device: solved.device, on_card: solved.on_card, sentences: solved.sentences };
    let there = match method {
        Method::Explicit(table) | Method::Timed(table, _) => table.id,
        Method::Rosenbrock(table, _) => table.id,
    };
    if let (Some(here), true) = (apart.filter(|here| *here != there), found.on_card > 0) {
        found.sentences.push(format!("the card solves by {there}, the processor by {here}"));
    }
    let again = match retry {
        true => failures(&solved.trajectories, &options.simulate.settings),
        false => Vec::new(),
    };
    let second = singly::each(problems, options, "auto-switch", (&again, count), solvers)?;
    let mut second = second.into_iter();
    let mut mended = 0;
    let row = saves.len() * n;
    for (index, result) in solved.trajectories.into_iter().enumerate() {
        let rows = &out[index * row..][..row];
        let mut error = None;
        let stats = match result {
            Ok(stats) => stats,
            Err(failure) => {
                let Failure { error: e, stats, .. } = *failure;
                error = Some(e);
                stats
            }
        };
        all.stats += stats;
        if again.binary_search(&index).is_ok() {
            match second.next().flatten() {
                Some(Ok(simulated)) => {
                    singly::add(all, saves.len(), &simulated);
                    mended += 1;
                    continue;
                }
                Some(Err(e)) => error = Some(e),
                None => {}
            }
        }
        all.columns.add(&problems.params(index), saves, rows);
        if let Some(e) = &error {
            all.failure(problems, index, e);
        }
    }
    if mended > 0 {
        let (are, them) = if mended == 1 { ("trajectory", "it") } else { ("trajectories", "them") };
        found.sentences.push(format!(
            "{mended} {are} failed there, and a method for stiff equations solved {them} on the processor"
        ));
    }
    Ok(found)
}

/// Trajectories that may be stiff: that failed by themselves.
fn failures(results: &[TrajectoryResult], settings: &Settings) -> Vec<usize> {
    if settings.cancelled() {
        return Vec::new();
    }
    let own = |result: &TrajectoryResult| {
        result.as_ref().is_err_and(|failure| {
            !matches!(failure.error, SolveError::Cancelled { .. } | SolveError::OutOfTime { .. })
        })
    };
    results.iter().enumerate().filter(|(_, r)| own(r)).map(|(index, _)| index).collect()
}
