//! The `sample` command: trains a study, then draws from the posterior around its best fit.

use crate::failure::{self, error};
use crate::numbers::Numbers;
use crate::{fitting, gradient};
use slopefield_api::schema::{Block, Emit};
use slopefield_api::types::{BandView, Progress, SampleReply, SampleRequest, SampledParameter};
use slopefield_api::{ApiError, Code};
use slopefield_study::simulate::spaced;
use slopefield_study::{Prepared, Solvers};
use slopefield_train::{Control, Objective, ParamKind};
use slopefield_uncertainty::{
    Draws, SampleError, SampleProgress, SampleSettings, quantiles, sample,
};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// Draws whose curves make the bands.
const CURVES: usize = 400;
/// Pause between two progress messages.
const TICK: Duration = Duration::from_millis(100);

/// Trains and draws.
pub fn run(
    prepared: &Prepared,
    request: &SampleRequest,
    solvers: &Arc<dyn Solvers + Send + Sync>,
    control: &Control,
    emit: Emit<'_>,
) -> Result<(SampleReply, Block), ApiError> {
    let default = SampleSettings::default();
    let settings = SampleSettings {
        chains: request.chains.unwrap_or(default.chains),
        warmup: request.warmup.unwrap_or(default.warmup),
        draws: request.draws.unwrap_or(default.draws),
        seed: request.seed.unwrap_or(prepared.file.seed),
    };
    let shown = gradient::objective(prepared, &prepared.gradient.0, solvers);
    let shown = shown.map_err(failure::study)?;
    refuse(prepared)?;
    let fit = fitting::run(prepared, solvers, None, None, None, control, &mut *emit)?.usable()?.fit;
    let began = Instant::now();
    let make = || gradient::objective(prepared, &prepared.gradient.0, solvers);
    let draws =
        told(emit, began, |progress| sample(&make, &fit.theta, &settings, control, progress))
            .map_err(|e| error(Code::Solve, e.to_string()))?;
    if draws.len() < 4 {
        return Err(error(Code::Cancelled, "stopped before there were draws to tell of"));
    }
    let seconds = began.elapsed().as_secs_f64();
    let mut numbers = Numbers::default();
    let bands = bands(&shown, prepared, &draws, request.points.unwrap_or(201), &mut numbers);
    let names = prepared.theta_names.clone();
    let summaries = draws.summaries();
    let scalar = |i: &usize| prepared.problem.theta[*i].kind == ParamKind::Scalar;
    let parameters = (0..names.len()).filter(scalar).map(|i| SampledParameter {
        name: names[i].clone(),
        mean: summaries[i].mean,
        sd: summaries[i].sd,
        standard_error: summaries[i].standard_error,
        quantiles: summaries[i].quantiles,
        bulk: summaries[i].bulk,
        tail: summaries[i].tail,
        scale_reduction: summaries[i].scale_reduction,
    });
    let reply = SampleReply {
        parameters: parameters.collect(),
        chains: draws.chains.len() as u32,
        draws: draws.len() as u32,
        values: numbers.add(draws.chains.iter().flatten().copied()),
        divergences: draws.divergences,
        failures: draws.failures,
        gradients: draws.gradients,
        seconds,
        cancelled: draws.cancelled,
        warnings: draws.warnings(&names, &summaries),
        time: prepared.model.model.time.name.clone(),
        bands,
        names,
    };
    Ok((reply, numbers.into_block()))
}

/// Refuses before anything is trained what could not be drawn from.
pub(crate) fn refuse(prepared: &Prepared) -> Result<(), ApiError> {
    let mut observations = prepared.problem.observations.iter();
    match observations.find(|o| !o.noise.has_likelihood()) {
        Some(o) => {
            let refused = SampleError::NoLikelihood { observation: o.name.clone() };
            Err(error(Code::Model, refused.to_string()))
        }
        None => Ok(()),
    }
}

/// Works in a thread of its own and tells its progress from this one.
pub(crate) fn told<T: Send>(
    emit: Emit<'_>,
    began: Instant,
    work: impl FnOnce(&(dyn Fn(SampleProgress) + Sync)) -> T + Send,
) -> T {
    std::thread::scope(|scope| {
        let (sender, progress) = mpsc::channel::<SampleProgress>();
        let worker = scope.spawn(move || {
            work(&|at| {
                // Nobody listens any more only when the worker itself has ended.
                let _ = sender.send(at);
            })
        });
        let mut last: Option<Instant> = None;
        while let Ok(at) = progress.recv() {
            if at.done < at.total && last.is_some_and(|t| t.elapsed() < TICK) {
                continue;
            }
            last = Some(Instant::now());
            let pace = began.elapsed().as_secs_f64() / at.done.max(1) as f64;
            let message = Progress::Sampling {
                done: at.done as u32,
                total: at.total as u32,
                left_s: Some(pace * at.total.saturating_sub(at.done) as f64),
            };
            emit(message, Block::new());
        }
        match worker.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Quantiles of all observations over the data and the forecast.
fn bands(
    objective: &Objective,
    prepared: &Prepared,
    draws: &Draws,
    points: u32,
    numbers: &mut Numbers,
) -> Vec<BandView> {
    let total = draws.len() * draws.chains.len();
    let step = total.div_ceil(CURVES).max(1);
    let end = prepared.forecast_end();
    let mut all = Vec::new();
    for (i, experiment) in prepared.problem.experiments.iter().enumerate() {
        let times = spaced(experiment.t0, end, points.max(2) as usize);
        let curves: Vec<Vec<Vec<f64>>> = (0..total)
            .step_by(step)
            .filter_map(|k| draws.get(k))
            .map(|theta| objective.predict_until_failure(theta, i, &times).0)
            .collect();
        for (o, observation) in prepared.problem.observations.iter().enumerate() {
            let at = |row: usize| {
                let values = curves.iter().map(|c| c[o][row]).filter(|v| v.is_finite());
                quantiles(values.collect(), [0.05, 0.5, 0.95])
            };
            let rows: Vec<[f64; 3]> = (0..times.len()).map(at).collect();
            all.push(BandView {
                experiment: experiment.name.clone(),
                observation: observation.name.clone(),
                times: numbers.add(times.iter().copied()),
                quantiles: [0, 1, 2].map(|q| numbers.add(rows.iter().map(|r| r[q]))),
            });
        }
    }
    all
}
