//! Runs of a project, as the window, the forecast and the report show them.

use crate::comparing;
use crate::failure::error;
use crate::model::finite;
use crate::numbers::Numbers;
use crate::session::{self, project_error, table_data};
use crate::starts;
use slopefield_api::types::*;
use slopefield_api::{ApiError, Code};
use slopefield_project::{self as project, Curve, Parameters, Project, Role};
use slopefield_study::resolve::{Resolved, resolve};
use slopefield_study::{CompiledModel, StudyFile, TableData, stages};
use slopefield_train::Stage;
use std::collections::BTreeMap;

/// Runs of a project, newest first.
pub fn list(project: &Project) -> Result<Vec<RunSummary>, ApiError> {
    let runs = project.runs().map_err(project_error)?;
    Ok(runs.iter().map(summary).collect())
}

/// A run in a line.
pub fn summary(run: &project::Run) -> RunSummary {
    RunSummary {
        id: run.id.clone(),
        number: run.number,
        started_ms: run.started_utc_ms,
        status: match run.status {
            project::RunStatus::Running => RunStatus::Running,
            project::RunStatus::Paused => RunStatus::Paused,
            project::RunStatus::Finished => RunStatus::Finished,
            project::RunStatus::Stopped => RunStatus::Stopped,
            project::RunStatus::Interrupted => RunStatus::Interrupted,
            project::RunStatus::Failed => RunStatus::Failed,
        },
        iterations: run.iterations,
        loss: run.best_loss,
        log_likelihood: run.log_likelihood,
        hold_out: run.hold_out,
        stop_reason: run.stop_reason.clone(),
        seconds: run.seconds,
    }
}

/// The run that is meant: by id, by number, or the newest that has parameters.
pub fn find(project: &Project, which: Option<&str>) -> Result<project::Run, ApiError> {
    let mut runs = project.runs().map_err(project_error)?;
    runs.sort_by_key(|r| std::cmp::Reverse(r.number));
    let found = match which {
        Some(name) => runs.into_iter().find(|r| r.id == name || r.number.to_string() == name),
        None => runs.into_iter().find(|r| r.iterations > 0 || r.best_loss.is_some()),
    };
    found.ok_or_else(|| match which {
        Some(name) => error(Code::Project, format!("the project has no run `{name}`")),
        None => error(Code::Project, "the project has no run with a result; train it first"),
    })
}

/// No run has found anything: the project holds only what it was made from.
pub fn barren(project: &Project) -> Result<bool, ApiError> {
    let runs = project.runs().map_err(project_error)?;
    Ok(runs.iter().all(|r| r.iterations == 0 && r.best_loss.is_none()))
}

/// A stage of a recipe.
pub fn stage(stage: &Stage) -> StageView {
    StageView {
        optimiser: stage.optimiser_name().into(),
        iterations: stage.iterations,
        rate: stage.is_adam().then_some(stage.rate),
        horizon: stage.horizon,
        details: stages::details(stage),
        file: stages::written(stage),
    }
}

/// A run with what was frozen at its start, resolved again against its own tables.
pub struct Frozen {
    /// The stored run.
    pub detail: project::RunDetail,
    /// Its study.
    pub study: StudyFile,
    /// Its model, checked.
    pub model: slopefield_lang::Model,
    /// Its experiments with their points.
    pub resolved: Resolved,
}

impl Frozen {
    /// Reads a run.
    pub fn read(project: &Project, id: &str) -> Result<Frozen, ApiError> {
        let detail = project.run(id).map_err(project_error)?;
        let study = session::parse_study(&detail.study_text)?;
        let tables = frozen_tables(project, id, &study)?;
        let (model, _) = slopefield_lang::check(&detail.model_text);
        let resolved = resolve(&model, &study, &tables);
        Ok(Frozen { detail, study, model, resolved })
    }
}

/// The tables that a run was trained on, as its study names them.
pub fn frozen_tables(
    project: &Project,
    id: &str,
    study: &StudyFile,
) -> Result<BTreeMap<String, TableData>, ApiError> {
    let mut tables = BTreeMap::new();
    for (name, source) in &study.data {
        let stored = project.run_table(id, &source.file).map_err(project_error)?;
        tables.insert(name.clone(), table_data(&stored.columns));
    }
    Ok(tables)
}

/// Everything about one run.
pub fn view(project: &Project, id: &str, numbers: &mut Numbers) -> Result<RunView, ApiError> {
    let run = find(project, Some(id))?;
    let frozen = Frozen::read(project, &run.id)?;
    let start = project.parameters(&run.id, Role::Start).map_err(project_error)?;
    let best = project.parameters(&run.id, Role::Best).map_err(project_error)?;
    let curves = project.curves(&run.id).map_err(project_error)?;
    let history = project.history(&run.id).map_err(project_error)?;
    let notes = project.notes(&run.id).map_err(project_error)?;
    let mut provenance: Vec<_> =
        frozen.detail.facts.iter().map(|f| (f.name.clone(), f.value.clone())).collect();
    provenance.push(("seed".into(), frozen.detail.seed.to_string()));
    for (name, hash) in &frozen.detail.tables {
        provenance.push((format!("table {name}, BLAKE3"), hash.clone()));
    }
    let free = best.scalars.len() + best.weights.iter().map(|w| w.values.len()).sum::<usize>();
    let (model, resolved) = (&frozen.model, &frozen.resolved);
    Ok(RunView {
        summary: summary(&run),
        model: frozen.detail.model_text.clone(),
        parameters: parameters(&frozen.model, &start, &best),
        scores: scores_of(model, resolved, &curves),
        criteria: comparing::criteria(model, resolved, run.log_likelihood, free),
        curves: curve_views(&curves, numbers),
        experiments: session::experiments(&frozen.model, &frozen.resolved, numbers),
        history_iterations: numbers.add(history.iterations.iter().map(|&i| f64::from(i))),
        history_loss: numbers.add(history.loss),
        history_best: numbers.add(history.best),
        history_hold_out: numbers.add(history.hold_out),
        history_parameters: numbers.add(history.parameters),
        log: notes.into_iter().map(|n| (n.iteration, n.message)).collect(),
        study: frozen.study,
        provenance,
        starts: starts::of(project, &run.id, numbers)?,
    })
}

fn parameters(
    model: &slopefield_lang::Model,
    start: &Parameters,
    best: &Parameters,
) -> Vec<FittedParameter> {
    let fitted = |(name, value): &(String, f64)| {
        // A parameter fitted per experiment is called `k [experiment]`.
        let base = name.split(" [").next().unwrap_or(name);
        let declared = model.params.iter().find(|p| p.name == base);
        let (lower, upper) = declared.map_or((f64::NEG_INFINITY, f64::INFINITY), |p| p.bounds);
        let near = |bound: f64| (value - bound).abs() <= 1e-3 * bound.abs().max(1e-12);
        FittedParameter {
            name: name.clone(),
            unit: declared.and_then(|p| p.unit.clone()),
            start: start.scalars.iter().find(|s| s.0 == *name).map_or(*value, |s| s.1),
            value: *value,
            lower: finite(lower),
            upper: finite(upper),
            at_bound: near(lower) || near(upper),
        }
    };
    best.scalars.iter().map(fitted).collect()
}

/// Root mean square distances of the stored curves from the points; the curves hold the times of
/// the points exactly, so nothing is solved again.
pub fn scores_of(
    model: &slopefield_lang::Model,
    resolved: &Resolved,
    curves: &[Curve],
) -> Vec<Score> {
    let mut scores = Vec::new();
    for e in &resolved.experiments {
        for s in &e.series {
            let observation = &model.observations[s.observation].name;
            let curve =
                curves.iter().find(|c| c.experiment == e.name && c.observation == *observation);
            let Some(curve) = curve else { continue };
            let mut sums = [(0u32, 0.0, 0.0); 2];
            for (k, ((t, y), held)) in s.times.iter().zip(&s.values).zip(&s.held_out).enumerate() {
                let at = curve.times.partition_point(|x| x < t);
                if curve.times.get(at) == Some(t) {
                    let sum = &mut sums[usize::from(*held)];
                    let weight = s.weights.get(k).copied().unwrap_or(1.0);
                    let censoring = s.censored.get(k).copied().unwrap_or_default();
                    sum.0 += 1;
                    sum.1 += weight * censoring.residual(curve.values[at], *y).powi(2);
                    sum.2 += weight;
                }
            }
            let rms = |(_, sum, weights): (u32, f64, f64)| (sum / weights).sqrt();
            scores.push(Score {
                experiment: e.name.clone(),
                observation: observation.clone(),
                points: sums[0].0,
                rmse: if sums[0].0 > 0 { rms(sums[0]) } else { 0.0 },
                held_out_points: sums[1].0,
                held_out_rmse: (sums[1].0 > 0).then(|| rms(sums[1])),
            });
        }
    }
    scores
}

/// Stored curves per experiment.
pub fn curve_views(curves: &[Curve], numbers: &mut Numbers) -> Vec<CurveView> {
    let mut views: Vec<CurveView> = Vec::new();
    for curve in curves {
        let values = NamedSlice {
            name: curve.observation.clone(),
            values: numbers.add(curve.values.clone()),
        };
        match views.last_mut() {
            Some(view) if view.experiment == curve.experiment => view.observations.push(values),
            _ => views.push(CurveView {
                experiment: curve.experiment.clone(),
                times: numbers.add(curve.times.iter().copied()),
                observations: vec![values],
            }),
        }
    }
    views
}

/// Parameter vector of a model from the stored parameters of a run. Names that the model no longer
/// has are ignored, names that the run did not have keep the model's value.
pub fn params_of(model: &CompiledModel, stored: &Parameters, seed: u64) -> Vec<f64> {
    let mut p = model.start_params(seed);
    for (i, param) in model.model.params.iter().enumerate() {
        let same = |s: &&(String, f64)| s.0.split(" [").next() == Some(param.name.as_str());
        if let Some((_, value)) = stored.scalars.iter().find(same) {
            p[i] = *value;
        }
    }
    for slot in &model.lowered.layout.weights {
        let found = stored.weights.iter().find(|w| w.name == slot.name);
        if let Some(weights) = found.filter(|w| w.values.len() == slot.len) {
            p[slot.offset..slot.offset + slot.len].copy_from_slice(&weights.values);
        }
    }
    p
}
