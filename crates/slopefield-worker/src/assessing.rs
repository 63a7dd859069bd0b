//! The `assess` command: trains a study, then finds out how sure the fit is.

use crate::failure::{self, error};
use crate::numbers::Numbers;
use crate::sampling::told;
use crate::{fitting, gradient};
use slopefield_api::schema::{Block, Emit};
use slopefield_api::types::{
    AssessMethod, AssessReply, AssessRequest, AssessedBand, AssessedCoverage, AssessedParameter,
    ProfileView, ResamplingChoice,
};
use slopefield_api::{ApiError, Code};
use slopefield_devices::{Site, Wanted};
use slopefield_study::simulate::spaced;
use slopefield_study::{OnDevice, Prepared, Solvers, StudyError};
use slopefield_train::{Control, ParamKind, Problem};
use slopefield_uncertainty::{
    AssessError, Curvature, End, Laplace, Profile, Refits, Resampling, SampleProgress,
    SampleSettings, Verdict, bands, bootstrap, coverage, ensemble, profile, quantiles, sample,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Samples whose curves make the bands.
const CURVES: usize = 400;
/// Standard deviation in `z` of the starts of an ensemble.
const SPREAD: f64 = 0.5;

/// What a method found.
#[derive(Default)]
struct Found {
    samples: Vec<Vec<f64>>,
    profiles: Vec<Profile>,
    failed: usize,
    rejected: usize,
    warnings: Vec<String>,
    /// What computed gradients, and why.
    notes: Vec<String>,
}

/// Trains, on the processor, and assesses. What is measured of graphics cards is kept in the file `figures`.
pub fn run(
    prepared: &Prepared,
    request: &AssessRequest,
    solvers: &Arc<dyn Solvers + Send + Sync>,
    (control, figures): (&Control, &Path),
    emit: Emit<'_>,
) -> Result<(AssessReply, Block), ApiError> {
    let fit = fitting::run(prepared, solvers, None, None, None, control, &mut *emit)?.usable()?.fit;
    let began = Instant::now();
    let method = &prepared.gradient.0;
    let mut objective = gradient::objective(prepared, method, solvers).map_err(failure::study)?;
    let curvature = Curvature::at(&mut objective, &fit.theta, control).map_err(refused)?;
    let laplace =
        Laplace::new(&curvature, &mut objective).ok_or_else(|| refused(AssessError::NotFinite))?;
    let seed = request.seed.unwrap_or(prepared.file.seed);
    let make = |problem: Option<Problem>| -> Result<_, StudyError> {
        let problem = problem.unwrap_or_else(|| prepared.problem.clone());
        gradient::objective_of(prepared, problem, method, solvers)
    };
    let plain = || make(None);
    let site = Site { figures: Some(figures), ..Site::new(slopefield_devices::cards()) };
    let count = |default: u32| request.draws.unwrap_or(default) as usize;
    let scalars: Vec<usize> = (0..curvature.dimension())
        .filter(|i| prepared.problem.theta[*i].kind == ParamKind::Scalar)
        .collect();
    let found = match request.method {
        AssessMethod::Laplace => Found {
            samples: laplace.draws(&curvature, &objective, count(1000), seed),
            ..Found::default()
        },
        AssessMethod::Profile => {
            let profiles = told(emit, began, |progress| {
                let tell = |done, total| progress(SampleProgress { done, total });
                profile(&plain, &curvature, &scalars, control, &tell)
            });
            of_profiles(profiles.map_err(refused)?, &curvature)
        }
        AssessMethod::Bootstrap => {
            let resampling = match request.resampling {
                ResamplingChoice::Parametric => Resampling::Parametric,
                ResamplingChoice::Residual => Resampling::Residual,
                ResamplingChoice::Case => Resampling::Case,
            };
            let count = count(200);
            let place = OnDevice::refits(prepared, &objective, site, count);
            let (lender, why) = place.lender();
            let refits = told(emit, began, |progress| {
                let tell = |done, total| progress(SampleProgress { done, total });
                bootstrap(&make, &curvature, resampling, count, seed, lender, control, &tell)
            });
            of_refits(refits, why)?
        }
        AssessMethod::Ensemble => {
            let count = count(20);
            let place = OnDevice::trainings(prepared, &objective, site, count);
            let (lender, why) = place.lender();
            let refits = told(emit, began, |progress| {
                let tell = |done, total| progress(SampleProgress { done, total });
                let recipe = &prepared.recipe;
                ensemble(&plain, &curvature, recipe, SPREAD, count, seed, lender, control, &tell)
            });
            of_refits(refits, why)?
        }
        AssessMethod::Nuts => {
            let draws = count(1000) as u32;
            let settings = SampleSettings { draws, seed, ..SampleSettings::default() };
            let draws = told(emit, began, |progress| {
                sample(&plain, &fit.theta, &settings, control, progress)
            });
            let draws = draws.map_err(|e| error(Code::Solve, e.to_string()))?;
            let warnings = draws.warnings(&prepared.theta_names, &draws.summaries());
            let total = draws.len() * draws.chains.len();
            let samples = (0..total).filter_map(|k| draws.get(k)).map(<[f64]>::to_vec).collect();
            Found { samples, warnings, ..Found::default() }
        }
    };
    let mut notes = found.notes.clone();
    let wanted = request.device.as_deref().map(Wanted::of);
    let asks = matches!(request.method, AssessMethod::Bootstrap | AssessMethod::Ensemble);
    if !asks && matches!(wanted, Some(Wanted::Card | Wanted::Named(_))) {
        notes.push(
            "the processor computes everything: only bootstrap and ensemble ask a card".into(),
        );
    }
    let mut numbers = Numbers::default();
    let mut parameters = Vec::new();
    for &i in &scalars {
        parameters.push(parameter(prepared, request.method, &laplace, &found, i));
    }
    let n = curvature.dimension();
    let entries = scalars.iter().flat_map(|i| scalars.iter().map(move |j| (*i, *j)));
    let correlation = numbers.add(entries.map(|(i, j)| match request.method {
        AssessMethod::Laplace | AssessMethod::Profile => laplace.correlation[i * n + j],
        _ => correlation(&found.samples, i, j),
    }));
    let step = found.samples.len().div_ceil(CURVES).max(1);
    let few: Vec<Vec<f64>> = found.samples.iter().step_by(step).cloned().collect();
    let end = prepared.forecast_end();
    let points = request.points.unwrap_or(201).max(2) as usize;
    let times = |e: usize| spaced(prepared.problem.experiments[e].t0, end, points);
    let of_value = bands(&objective, &few, &times, None, seed);
    let of_data = bands(&objective, &few, &times, Some(curvature.sigma), seed);
    let name = |e: usize, o: usize| {
        let problem = &prepared.problem;
        (problem.experiments[e].name.clone(), problem.observations[o].name.clone())
    };
    let mut views = Vec::new();
    for (value, data) in of_value.into_iter().zip(of_data) {
        let (experiment, observation) = name(value.experiment, value.observation);
        views.push(AssessedBand {
            experiment,
            observation,
            times: numbers.add(value.times),
            value: value.quantiles.map(|q| numbers.add(q)),
            measured: data.quantiles.map(|q| numbers.add(q)),
        });
    }
    let mut warnings = found.warnings;
    if request.method == AssessMethod::Profile {
        warnings.push("the bands of profiles span all refits below the threshold; their shares are no probabilities".into());
    }
    let mut covered = Vec::new();
    // Points of profiles are no sample of a distribution, so that a share of them says nothing.
    let shares = match request.method {
        AssessMethod::Profile => Vec::new(),
        _ => coverage(&objective, &few, curvature.sigma, seed),
    };
    for c in shares {
        let (experiment, observation) = name(c.experiment, c.observation);
        warnings.extend(c.warning(&observation));
        let (points, inside) = (c.points as u32, c.inside.map(|k| k as u32));
        covered.push(AssessedCoverage { experiment, observation, points, inside });
    }
    let profiles = found.profiles.iter().map(|p| ProfileView {
        name: prepared.theta_names[p.element].clone(),
        values: numbers.add(p.values.iter().copied()),
        rises: numbers.add(p.rises.iter().copied()),
    });
    let reply = AssessReply {
        profiles: profiles.collect(),
        samples: numbers.add(found.samples.iter().flatten().copied()),
        parameters,
        correlation,
        bands: views,
        coverage: covered,
        names: prepared.theta_names.clone(),
        time: prepared.model.model.time.name.clone(),
        failed: found.failed as u32,
        rejected: found.rejected as u32,
        seconds: began.elapsed().as_secs_f64(),
        cancelled: control.cancelled(),
        warnings,
        notes,
    };
    Ok((reply, numbers.into_block()))
}

pub(crate) fn refused(e: AssessError) -> ApiError {
    let code = match e {
        AssessError::Cancelled => Code::Cancelled,
        AssessError::Mixed | AssessError::Weighed => Code::Model,
        AssessError::Points { .. } => Code::Data,
        AssessError::Inexact(_) => Code::Gradient,
        _ => Code::Solve,
    };
    error(code, e.to_string())
}

/// Refits; `why` says why no graphics card was asked, where one was wanted.
fn of_refits(refits: Result<Refits, AssessError>, why: Option<&str>) -> Result<Found, ApiError> {
    let refits = refits.map_err(refused)?;
    let mut warnings = Vec::new();
    if refits.failed > 0 {
        warnings.push(format!("{} fits failed and do not count", refits.failed));
    }
    if refits.thetas.len() < 20 {
        warnings.push(format!(
            "{} fits are few: quantiles far out, and the bands, are rough",
            refits.thetas.len()
        ));
    }
    let Refits { thetas: samples, failed, rejected, news, .. } = refits;
    let notes = why.map(str::to_owned).into_iter().chain(news).collect();
    Ok(Found { samples, failed, rejected, warnings, notes, ..Found::default() })
}

fn of_profiles(profiles: Vec<Profile>, curvature: &Curvature) -> Found {
    let mut warnings = Vec::new();
    if profiles.iter().any(|p| p.lowest() < -1e-2) {
        warnings.push("a profile found a better fit than training did: train again from there, or with more iterations".into());
    }
    let mut samples = vec![curvature.theta.clone()];
    for p in &profiles {
        let within = p.thetas.iter().zip(&p.rises);
        let within = within.filter(|(_, rise)| **rise <= 1.001 * slopefield_uncertainty::THRESHOLD);
        samples.extend(within.map(|(theta, _)| theta.clone()));
    }
    Found { samples, profiles, warnings, ..Found::default() }
}

/// What is known of one parameter.
fn parameter(
    prepared: &Prepared,
    method: AssessMethod,
    laplace: &Laplace,
    found: &Found,
    i: usize,
) -> AssessedParameter {
    let estimate = &laplace.estimates[i];
    let names = &prepared.theta_names;
    let (mut verdict, partners) = words(&estimate.verdict, names);
    let mut standard_error = estimate.standard_error;
    let mut ends = estimate.interval.map_or([None, None], |e| e.map(Some));
    match method {
        AssessMethod::Laplace => {}
        AssessMethod::Profile => {
            if let Some(p) = found.profiles.iter().find(|p| p.element == i) {
                ends = [p.low, p.high].map(|end| match end {
                    End::Found(x) => Some(x),
                    _ => None,
                });
                if estimate.verdict == Verdict::Identifiable || p.verdict() != "identifiable" {
                    let more = match &estimate.verdict {
                        Verdict::Identifiable => String::new(),
                        _ => format!("; {verdict}"),
                    };
                    verdict = format!("{}{more}", p.verdict());
                }
            }
        }
        _ => {
            let mut values: Vec<f64> = found.samples.iter().map(|s| s[i]).collect();
            values.retain(|v| v.is_finite());
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0);
            standard_error = Some(variance.sqrt()).filter(|s| s.is_finite());
            ends = quantiles(values, [0.025, 0.975]).map(|q| Some(q).filter(|q| q.is_finite()));
        }
    }
    AssessedParameter {
        name: names[i].clone(),
        value: estimate.value,
        standard_error,
        low: ends[0],
        high: ends[1],
        verdict,
        partners,
    }
}

/// A verdict in words, with the names of the partners.
pub(crate) fn words(verdict: &Verdict, names: &[String]) -> (String, Vec<String>) {
    match verdict {
        Verdict::Identifiable => ("identifiable".into(), Vec::new()),
        Verdict::AtBound => ("held on its bound".into(), Vec::new()),
        Verdict::NoInfluence => ("the data say nothing of it".into(), Vec::new()),
        Verdict::Imitated => {
            ("not identifiable: the network can imitate what it does".into(), Vec::new())
        }
        Verdict::Combination { partners, what } => {
            (what.clone(), partners.iter().map(|j| names[*j].clone()).collect())
        }
    }
}

fn correlation(samples: &[Vec<f64>], i: usize, j: usize) -> f64 {
    let n = samples.len() as f64;
    let mean = |k: usize| samples.iter().map(|s| s[k]).sum::<f64>() / n;
    let (a, b) = (mean(i), mean(j));
    let sum = |f: &dyn Fn(&Vec<f64>) -> f64| samples.iter().map(f).sum::<f64>();
    let both = sum(&|s| (s[i] - a) * (s[j] - b));
    both / (sum(&|s| (s[i] - a).powi(2)) * sum(&|s| (s[j] - b).powi(2))).sqrt()
}
