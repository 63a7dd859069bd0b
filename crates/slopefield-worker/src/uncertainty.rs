//! How sure a run of the project is: asked, stored beside the run, read again.

mod profiles;

use crate::failure::{self, error};
use crate::model::finite;
use crate::numbers::Numbers;
use crate::session::project_error;
use crate::{assessing, gradient, sampling};
use slopefield_api::schema::{Block, Emit};
use slopefield_api::types::*;
use slopefield_api::{ApiError, Code};
use slopefield_devices::Site;
use slopefield_project::{NewUncertainty, Project, Uncertainty};
use slopefield_study::simulate::spaced;
use slopefield_study::{OnDevice, Prepared, Solvers, StudyError};
use slopefield_train::{Censoring, Control, MAX_ARGUMENTS, Objective, ParamKind, Problem};
use slopefield_uncertainty::{
    AssessError, Curvature, Draws, Laplace, Predicted, Resampling, SampleProgress, SampleSettings,
    Verdict, bootstrap, ensemble, measured_quantiles, quantiles, sample,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// The method of draws from the posterior.
pub const NUTS: &str = "nuts";
/// The method of the normal distribution around the fit.
pub const LAPLACE: &str = "laplace";
/// The method of fits to new data.
pub const BOOTSTRAP: &str = "bootstrap";
/// The method of refits along each parameter.
pub const PROFILE: &str = "profile";
/// The method of trainings from other starts.
pub const ENSEMBLE: &str = "ensemble";
/// Standard deviation in the coordinates of the optimiser of the starts of an ensemble.
const SPREAD: f64 = 0.5;
/// Draws whose curves make the bands, and numbers of these curves that are held at a time.
const CURVES: usize = 400;
const CURVE_NUMBERS: usize = 20_000_000;
/// Draws that are stored.
const KEPT: usize = 8000;
/// Draws of everything that are stored for learned terms, and their numbers.
const WHOLE: usize = 100;
const WHOLE_NUMBERS: usize = 1_000_000;
/// Quantiles of parameters and bands.
const SHARES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// An answer that is not stored yet.
pub struct Found {
    /// How it was found.
    pub method: String,
    /// What it says.
    pub result: UncertaintyResult,
    /// Its numbers.
    pub block: Block,
}

/// Asks how sure a fit at `theta` is.
///
/// # Errors
/// An unknown method, a study without a likelihood, a posterior that cannot be drawn from, and a
/// stop before there was anything to tell.
pub fn ask(
    prepared: &Prepared,
    theta: &[f64],
    request: &UncertaintyRequest,
    solvers: &Arc<dyn Solvers + Send + Sync>,
    (control, figures): (&Control, &Path),
    emit: Emit<'_>,
) -> Result<Found, ApiError> {
    let site = Site { figures: Some(figures), ..Site::new(slopefield_devices::cards()) };
    match request.method.as_deref().unwrap_or(NUTS) {
        NUTS => draw(prepared, theta, request, solvers, control, emit),
        LAPLACE => curve(prepared, theta, request, solvers, control),
        BOOTSTRAP => refit(prepared, theta, request, solvers, (control, site), emit),
        PROFILE => profiles::ask(prepared, theta, solvers, control, emit),
        ENSEMBLE => trainings(prepared, theta, request, solvers, (control, site), emit),
        other => Err(error(
            Code::Request,
            format!(
                "there is no method `{other}` to ask how sure a run is; there are `{NUTS}`, \
                 `{LAPLACE}`, `{BOOTSTRAP}`, `{PROFILE}` and `{ENSEMBLE}`"
            ),
        )),
    }
}

fn draw(
    prepared: &Prepared,
    theta: &[f64],
    request: &UncertaintyRequest,
    solvers: &Arc<dyn Solvers + Send + Sync>,
    control: &Control,
    emit: Emit<'_>,
) -> Result<Found, ApiError> {
    let default = SampleSettings::default();
    let settings = SampleSettings {
        chains: request.chains.unwrap_or(default.chains),
        warmup: request.warmup.unwrap_or(default.warmup),
        draws: request.draws.unwrap_or(default.draws),
        seed: request.seed.unwrap_or(prepared.file.seed),
    };
    if settings.chains == 0 || settings.draws < 4 {
        return Err(error(Code::Request, "at least 1 chain of at least 4 draws is needed"));
    }
    sampling::refuse(prepared)?;
    let make = || gradient::objective(prepared, &prepared.gradient.0, solvers);
    let shown = make().map_err(failure::study)?;
    let began = Instant::now();
    let draws =
        sampling::told(emit, began, |progress| sample(&make, theta, &settings, control, progress))
            .map_err(|e| error(Code::Solve, e.to_string()))?;
    if draws.len() < 4 {
        return Err(error(Code::Cancelled, "stopped before there were draws to tell of"));
    }
    let mut settings = vec![
        ("chains".to_owned(), draws.chains.len().to_string()),
        ("warm-up draws of each".into(), settings.warmup.to_string()),
        ("draws of each".into(), draws.len().to_string()),
        ("seed".into(), settings.seed.to_string()),
        ("gradients".into(), draws.gradients.to_string()),
        ("divergences".into(), draws.divergences.to_string()),
    ];
    if draws.failures > 0 {
        settings.push(("places without a solution".into(), draws.failures.to_string()));
    }
    let mut warnings = draws.warnings(&prepared.theta_names, &draws.summaries());
    if draws.cancelled {
        warnings.insert(0, "the drawing was stopped; this is what there was by then".into());
    }
    let seconds = began.elapsed().as_secs_f64();
    let told = Told { title: "Draws from the posterior (NUTS)", settings, warnings, seconds };
    Ok(answer(NUTS, prepared, theta, &draws, request, &shown, told))
}

/// The normal distribution around the fit.
fn curve(
    prepared: &Prepared,
    theta: &[f64],
    request: &UncertaintyRequest,
    solvers: &Arc<dyn Solvers + Send + Sync>,
    control: &Control,
) -> Result<Found, ApiError> {
    let began = Instant::now();
    let (objective, curvature, laplace) = curvature(prepared, theta, solvers, control)?;
    let seed = request.seed.unwrap_or(prepared.file.seed);
    let samples = laplace.draws(&curvature, &objective, independent(request, 1000)?, seed);
    let settings =
        vec![("draws".into(), samples.len().to_string()), ("seed".into(), seed.to_string())];
    let warnings = verdicts(prepared, &laplace);
    let draws = one_chain(&samples, theta.len(), control);
    let seconds = began.elapsed().as_secs_f64();
    let told =
        Told { title: "Normal distribution around the fit (Laplace)", settings, warnings, seconds };
    let mut found = answer(LAPLACE, prepared, theta, &draws, request, &objective, told);
    if found.result.whole.is_some() {
        let (start, len) = (found.block.len() as u32, curvature.theta.len() as u32);
        found.result.centre = Some(Slice { start, len });
        found.block.extend(curvature.theta);
    }
    Ok(found)
}

/// Fits to data drawn from the noise models around the fit.
fn refit(
    prepared: &Prepared,
    theta: &[f64],
    request: &UncertaintyRequest,
    solvers: &Arc<dyn Solvers + Send + Sync>,
    (control, site): (&Control, Site<'_>),
    emit: Emit<'_>,
) -> Result<Found, ApiError> {
    let began = Instant::now();
    let (objective, curvature, laplace) = curvature(prepared, theta, solvers, control)?;
    let make = |problem: Option<Problem>| -> Result<_, StudyError> {
        let problem = problem.unwrap_or_else(|| prepared.problem.clone());
        gradient::objective_of(prepared, problem, &prepared.gradient.0, solvers)
    };
    let count = independent(request, 200)?;
    let seed = request.seed.unwrap_or(prepared.file.seed);
    let place = OnDevice::refits(prepared, &objective, site, count);
    let (lender, why) = place.lender();
    let refits = sampling::told(emit, began, |progress| {
        let tell = |done, total| progress(SampleProgress { done, total });
        let resampling = Resampling::Parametric;
        bootstrap(&make, &curvature, resampling, count, seed, lender, control, &tell)
    });
    let refits = refits.map_err(assessing::refused)?;
    if refits.thetas.len() < 4 {
        return Err(error(Code::Solve, "too few of the fits to new data came to an end"));
    }
    let mut settings = vec![
        ("fits".into(), refits.thetas.len().to_string()),
        ("fits that failed".into(), refits.failed.to_string()),
        ("seed".into(), seed.to_string()),
    ];
    settings.extend(computed(why, refits.news));
    let mut warnings = verdicts(prepared, &laplace);
    if refits.failed > 0 {
        warnings.insert(0, format!("{} fits failed and do not count", refits.failed));
    }
    if control.cancelled() {
        warnings.insert(0, "the fits were stopped; this is what there was by then".into());
    }
    let draws = one_chain(&refits.thetas, theta.len(), control);
    let seconds = began.elapsed().as_secs_f64();
    let told =
        Told { title: "Fits to new data (parametric bootstrap)", settings, warnings, seconds };
    Ok(answer(BOOTSTRAP, prepared, theta, &draws, request, &objective, told))
}

/// What computed gradients, and why, as far as there is something to tell.
fn computed(why: Option<&str>, news: Vec<String>) -> impl Iterator<Item = (String, String)> {
    let why = why.map(str::to_owned);
    why.into_iter().chain(news).map(|sentence| ("gradients".into(), sentence))
}

/// Trainings from other starts whose likelihood is not rejected.
fn trainings(
    prepared: &Prepared,
    theta: &[f64],
    request: &UncertaintyRequest,
    solvers: &Arc<dyn Solvers + Send + Sync>,
    (control, site): (&Control, Site<'_>),
    emit: Emit<'_>,
) -> Result<Found, ApiError> {
    let began = Instant::now();
    let (objective, curvature, laplace) = curvature(prepared, theta, solvers, control)?;
    let make = || gradient::objective(prepared, &prepared.gradient.0, solvers);
    let count = independent(request, 20)?;
    let seed = request.seed.unwrap_or(prepared.file.seed);
    let place = OnDevice::trainings(prepared, &objective, site, count);
    let (lender, why) = place.lender();
    let refits = sampling::told(emit, began, |progress| {
        let tell = |done, total| progress(SampleProgress { done, total });
        let recipe = &prepared.recipe;
        ensemble(&make, &curvature, recipe, SPREAD, count, seed, lender, control, &tell)
    });
    let refits = refits.map_err(assessing::refused)?;
    let kept = refits.thetas.len();
    if kept < 4 {
        let message = format!(
            "only {kept} of the fits are about as good as the best, the fit itself among them; ask for \
             more trainings"
        );
        return Err(error(Code::Solve, message));
    }
    let mut settings = vec![
        ("trainings".into(), count.to_string()),
        ("kept, the fit among them".into(), kept.to_string()),
        ("left out because they fit worse".into(), refits.rejected.to_string()),
        ("that failed".into(), refits.failed.to_string()),
        ("seed".into(), seed.to_string()),
    ];
    settings.extend(computed(why, refits.news));
    let mut warnings = verdicts(prepared, &laplace);
    if kept < 20 {
        let few = format!("{kept} fits are few: quantiles far out, and the bands, are rough");
        warnings.insert(0, few);
    }
    if control.cancelled() {
        warnings.insert(0, "the trainings were stopped; this is what there was by then".into());
    }
    let draws = one_chain(&refits.thetas, theta.len(), control);
    let seconds = began.elapsed().as_secs_f64();
    let told =
        Told { title: "Trainings from other starts (ensemble)", settings, warnings, seconds };
    Ok(answer(ENSEMBLE, prepared, theta, &draws, request, &objective, told))
}

/// The loss around the fit, and the normal distribution that it gives.
pub(crate) fn curvature(
    prepared: &Prepared,
    theta: &[f64],
    solvers: &Arc<dyn Solvers + Send + Sync>,
    control: &Control,
) -> Result<(Objective, Curvature, Laplace), ApiError> {
    let objective = gradient::objective(prepared, &prepared.gradient.0, solvers);
    let mut objective = objective.map_err(failure::study)?;
    let found = Curvature::at(&mut objective, theta, control).map_err(assessing::refused)?;
    let laplace = Laplace::new(&found, &mut objective)
        .ok_or_else(|| assessing::refused(AssessError::NotFinite))?;
    Ok((objective, found, laplace))
}

/// How many independent samples are asked for.
fn independent(request: &UncertaintyRequest, usual: u32) -> Result<usize, ApiError> {
    match request.draws.unwrap_or(usual) {
        0..4 => Err(error(Code::Request, "at least 4 draws are needed")),
        count => Ok(count as usize),
    }
}

/// Independent samples as draws.
fn one_chain(samples: &[Vec<f64>], dimension: usize, control: &Control) -> Draws {
    Draws {
        dimension,
        chains: vec![samples.concat()],
        divergences: 0,
        failures: 0,
        gradients: 0,
        cancelled: control.cancelled(),
    }
}

/// What the data do not fix, in sentences.
fn verdicts(prepared: &Prepared, laplace: &Laplace) -> Vec<String> {
    let names = &prepared.theta_names;
    let scalars = (0..names.len()).filter(|&i| prepared.problem.theta[i].kind == ParamKind::Scalar);
    let doubtful = scalars.filter_map(|i| {
        let verdict = &laplace.estimates[i].verdict;
        let said = assessing::words(verdict, names).0;
        (*verdict != Verdict::Identifiable).then(|| format!("`{}`: {said}", names[i]))
    });
    doubtful.collect()
}

/// What is told of an answer besides its numbers.
struct Told {
    title: &'static str,
    settings: Vec<(String, String)>,
    warnings: Vec<String>,
    seconds: f64,
}

/// The answer that draws give.
fn answer(
    method: &str,
    prepared: &Prepared,
    theta: &[f64],
    draws: &Draws,
    request: &UncertaintyRequest,
    shown: &Objective,
    told: Told,
) -> Found {
    let mut numbers = Numbers::default();
    let (bands, coverage) =
        bands(shown, prepared, draws, request.points.unwrap_or(201), &mut numbers);
    let summaries = draws.summaries();
    let names = &prepared.theta_names;
    let scalars: Vec<usize> =
        (0..names.len()).filter(|&i| prepared.problem.theta[i].kind == ParamKind::Scalar).collect();
    let parameters = scalars.iter().map(|&i| {
        let s = &summaries[i];
        UncertainParameter {
            name: names[i].clone(),
            unit: unit(prepared, &names[i]),
            fitted: finite(theta[i]),
            mean: finite(s.mean),
            sd: finite(s.sd),
            quantiles: quantiles(column(draws, i), SHARES).map(finite),
            // Only chains can disagree.
            chains: (method == NUTS).then(|| ChainDiagnostics {
                standard_error: finite(s.standard_error),
                bulk: finite(s.bulk),
                tail: finite(s.tail),
                scale_reduction: finite(s.scale_reduction),
            }),
        }
    });
    let result = UncertaintyResult {
        title: told.title.into(),
        settings: told.settings,
        parameters: parameters.collect(),
        draws: Some(kept(draws, &scalars, KEPT, names, &mut numbers)),
        whole: whole(prepared, draws, names, &mut numbers),
        centre: None,
        bands,
        coverage,
        profiles: Vec::new(),
        warnings: told.warnings,
        time: prepared.model.model.time.name.clone(),
        seconds: told.seconds,
        cancelled: draws.cancelled,
    };
    Found { method: method.into(), result, block: numbers.into_block() }
}

/// The unit of a parameter; one that is fitted per experiment is called `k [experiment]`.
fn unit(prepared: &Prepared, name: &str) -> Option<String> {
    let base = name.split(" [").next().unwrap_or(name);
    let declared = prepared.model.model.params.iter().find(|p| p.name == base);
    declared.and_then(|p| p.unit.clone())
}

/// All draws of an element of θ.
fn column(draws: &Draws, element: usize) -> Vec<f64> {
    let values = |chain: &Vec<f64>| {
        chain.iter().skip(element).step_by(draws.dimension).copied().collect::<Vec<_>>()
    };
    draws.chains.iter().flat_map(values).collect()
}

/// Some draws of everything, where there are networks to be drawn with a band.
fn whole(
    prepared: &Prepared,
    draws: &Draws,
    names: &[String],
    numbers: &mut Numbers,
) -> Option<KeptDraws> {
    let width = names.len();
    let most = (WHOLE_NUMBERS / width.max(1)).min(WHOLE);
    if prepared.model.model.networks.is_empty() || most < 4 {
        return None;
    }
    let all: Vec<usize> = (0..width).collect();
    Some(kept(draws, &all, most, names, numbers))
}

/// The draws of some elements, thinned to at most so many.
fn kept(
    draws: &Draws,
    scalars: &[usize],
    most: usize,
    names: &[String],
    numbers: &mut Numbers,
) -> KeptDraws {
    let chains = draws.chains.len().max(1);
    // Each chain rounds up by itself.
    let every = draws.len().div_ceil((most / chains).max(1)).max(1);
    let values = draws.chains.iter().flat_map(|chain| {
        let rows = chain.chunks_exact(draws.dimension).step_by(every);
        rows.flat_map(|row| scalars.iter().map(|&i| row[i]))
    });
    KeptDraws {
        names: scalars.iter().map(|&i| names[i].clone()).collect(),
        chains: draws.chains.len() as u32,
        draws: draws.len().div_ceil(every) as u32,
        every: every as u32,
        values: numbers.add(values),
    }
}

/// Quantiles of all observations over the data and the forecast, those of a measurement where one
/// is measured, and how often the measurements lie between the outer two.
fn bands(
    objective: &Objective,
    prepared: &Prepared,
    draws: &Draws,
    points: u32,
    numbers: &mut Numbers,
) -> (Vec<UncertainBand>, Vec<Coverage>) {
    let problem = &prepared.problem;
    let total = draws.len() * draws.chains.len();
    let (mut all, mut covered) = (Vec::new(), Vec::new());
    for (i, experiment) in problem.experiments.iter().enumerate() {
        let mut times = spaced(experiment.t0, prepared.forecast_end(), points.max(2) as usize);
        // The times of the points exactly, so that a measurement is compared at its own time.
        times.extend(experiment.series.iter().flat_map(|s| s.times.iter().copied()));
        times.retain(|t| t.is_finite());
        times.sort_by(f64::total_cmp);
        times.dedup();
        let width = problem.kernels_of(i).observe.shape().outputs;
        let most = (CURVE_NUMBERS / (times.len() * width).max(1)).clamp(20, CURVES);
        let curves: Vec<Vec<f64>> = (0..total)
            .step_by(total.div_ceil(most).max(1))
            .filter_map(|k| draws.get(k))
            .map(|theta| {
                let mut rows = Vec::with_capacity(times.len() * width);
                objective.observe(theta, i, &times, &mut |outputs| rows.extend(outputs));
                rows
            })
            .collect();
        let shared = numbers.add(times.iter().copied());
        for (o, observation) in problem.observations.iter().enumerate() {
            let at = |row: usize| {
                let values = curves.iter().map(|c| c[row * width + observation.value]);
                quantiles(values.filter(|v| v.is_finite()).collect(), SHARES)
            };
            let rows: Vec<[f64; 5]> = (0..times.len()).map(at).collect();
            let series: Vec<_> = experiment.series.iter().filter(|s| s.observation == o).collect();
            let measured = (!series.is_empty() && observation.noise.has_likelihood()).then(|| {
                let at = |row: usize| {
                    let predicted = |curve: &Vec<f64>| {
                        let outputs = &curve[row * width..(row + 1) * width];
                        let mut arguments = [0.0; MAX_ARGUMENTS];
                        for (to, from) in
                            arguments.iter_mut().zip(&outputs[observation.noise_args.clone()])
                        {
                            *to = *from;
                        }
                        Predicted { value: outputs[observation.value], arguments }
                    };
                    let all: Vec<Predicted> = curves.iter().map(predicted).collect();
                    measured_quantiles(observation.noise, &all, [0.05, 0.95])
                        .unwrap_or([f64::NAN; 2])
                };
                (0..times.len()).map(at).collect::<Vec<[f64; 2]>>()
            });
            // Categories and hits have no band.
            let measured = measured.filter(|rows| rows.iter().flatten().any(|v| v.is_finite()));
            for held_out in [false, true] {
                let mut found = Coverage {
                    experiment: experiment.name.clone(),
                    observation: observation.name.clone(),
                    held_out,
                    ..Coverage::default()
                };
                for s in &series {
                    for (k, (t, y)) in s.times.iter().zip(&s.values).enumerate() {
                        let row = times.partition_point(|x| x < t);
                        let Some([low, high]) = measured.as_ref().and_then(|m| m.get(row)) else {
                            continue;
                        };
                        // A limit is no place that could lie in a band.
                        let measured = s.censoring(k) == Censoring::Measured;
                        if measured && y.is_finite() && s.is_held_out(k) == held_out {
                            found.points += 1;
                            found.inside += u32::from(low <= y && y <= high);
                        }
                    }
                }
                if found.points > 0 {
                    covered.push(found);
                }
            }
            all.push(UncertainBand {
                experiment: experiment.name.clone(),
                observation: observation.name.clone(),
                times: shared,
                value: [0, 1, 2, 3, 4].map(|q| numbers.add(rows.iter().map(|r| r[q]))),
                measured: measured
                    .map(|rows| [0, 1].map(|q| numbers.add(rows.iter().map(|r| r[q])))),
            });
        }
    }
    (all, covered)
}

fn summary(stored: Uncertainty) -> UncertaintySummary {
    UncertaintySummary {
        id: stored.id,
        run: stored.run,
        method: stored.method,
        made_ms: stored.made_utc_ms,
    }
}

/// Stores an answer beside its run, and gives it back as it was stored.
pub fn store(
    project: &mut Project,
    run: &str,
    found: Found,
) -> Result<(UncertaintyView, Block), ApiError> {
    let result_json = serde_json::to_string(&found.result)
        .map_err(|e| error(Code::Internal, format!("the answer cannot be written: {e}")))?;
    let new = NewUncertainty { method: found.method, result_json, numbers: found.block };
    let id = project.add_uncertainty(run, &new).map_err(project_error)?;
    view(project, &id)
}

/// Answers about a run, newest first.
pub fn list(project: &Project, run: &str) -> Result<UncertaintyList, ApiError> {
    let mut stored = project.uncertainties(run).map_err(project_error)?;
    stored.retain(|s| s.method != crate::starts::METHOD);
    stored.reverse();
    Ok(UncertaintyList { answers: stored.into_iter().map(summary).collect() })
}

/// An answer with its numbers.
///
/// # Errors
/// No such answer, and one whose text or places are not those of an answer: a project file may
/// come from anywhere.
pub fn view(project: &Project, id: &str) -> Result<(UncertaintyView, Block), ApiError> {
    let (stored, found) = project.uncertainty(id).map_err(project_error)?;
    let broken = |why: String| {
        error(Code::Project, format!("the stored answer `{id}` cannot be read: {why}"))
    };
    let result: UncertaintyResult =
        serde_json::from_str(&found.result_json).map_err(|e| broken(e.to_string()))?;
    check(&result, found.numbers.len()).map_err(|why| broken(why.into()))?;
    Ok((UncertaintyView { summary: summary(stored), result }, found.numbers))
}

/// All places lie in the block, and arrays that belong together have one length.
fn check(result: &UncertaintyResult, len: usize) -> Result<(), &'static str> {
    let inside = |s: &Slice| u64::from(s.start) + u64::from(s.len) <= len as u64;
    for band in &result.bands {
        let curves = band.value.iter().chain(band.measured.iter().flatten());
        for slice in curves.chain([&band.times]) {
            if !inside(slice) {
                return Err("a band refers to numbers that are not there");
            }
            if slice.len != band.times.len {
                return Err("a band has not one value for each time");
            }
        }
    }
    if result.centre.is_some_and(|s| !inside(&s)) {
        return Err("the middle of the distribution refers to numbers that are not there");
    }
    for p in &result.profiles {
        if !inside(&p.values) || !inside(&p.rises) || p.values.len != p.rises.len {
            return Err("a profile refers to numbers that are not there");
        }
    }
    for draws in result.draws.iter().chain(&result.whole) {
        let count = u64::from(draws.chains) * u64::from(draws.draws);
        let expected = count.checked_mul(draws.names.len() as u64);
        if !inside(&draws.values) || expected != Some(u64::from(draws.values.len)) {
            return Err("the draws are not as many as it says");
        }
    }
    Ok(())
}

/// Deletes an answer; what is left of its run's.
pub fn delete(project: &mut Project, id: &str) -> Result<UncertaintyList, ApiError> {
    let run = project.uncertainty(id).map_err(project_error)?.0.run;
    project.delete_uncertainty(id).map_err(project_error)?;
    list(project, &run)
}
