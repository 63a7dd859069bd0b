//! What the networks of a study are asked along its fitted curves.

use super::LearnedTerm;
use crate::simulate::{SimulateOptions, simulate, spaced};
use crate::{CompiledModel, Prepared, Solvers, StudyError};
use slopefield_lang::{Expr, ExprKind, Noise, Observation, Span, Vector, VectorId, VectorKind};
use slopefield_train::{Experiment, Source};
use std::sync::Arc;

/// Times of a curve besides those of the data, and places in all at which a network is watched.
const POINTS: usize = 241;
const ROWS: usize = 20_000;
/// Lanes of a loop that are watched.
const LANES: usize = 32;

/// What all terms are asked, experiment by experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Visited {
    /// One for each experiment with points to train on.
    pub courses: Vec<Course>,
    /// What could not be followed to its end, in sentences.
    pub notes: Vec<String>,
}

/// What the terms are asked in one experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Index of the experiment.
    pub experiment: usize,
    /// Times, ascending, from the start to the end of the forecast.
    pub times: Vec<f64>,
    /// Time of the last point that was trained on.
    pub trained_until: f64,
    /// For each term its inputs: time by time, place by place where it is applied, input by input.
    pub terms: Vec<Asked>,
}

/// Inputs of one term along one course.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Inputs of the term.
    pub inputs: usize,
    /// Places where it is applied (lanes of loops apart).
    pub places: usize,
    /// `times × places × inputs` numbers.
    pub values: Vec<f64>,
}

impl Asked {
    /// The inputs at a time, as many rows as there are places.
    pub fn at(&self, time: usize) -> impl Iterator<Item = &[f64]> {
        let width = self.inputs * self.places;
        self.values[time * width..(time + 1) * width].chunks_exact(self.inputs)
    }
}

impl Visited {
    /// All inputs of a term over the times that were trained on, row by row; rows with a number that
    /// is not finite are left out. Rows of a course follow each other in time.
    #[must_use]
    pub fn trained(&self, term: usize) -> Vec<&[f64]> {
        let rows = self.courses.iter().flat_map(|course| {
            let times = course.times.iter().enumerate();
            let times = times.filter(|(_, t)| **t <= course.trained_until);
            times.flat_map(move |(row, _)| course.terms[term].at(row))
        });
        rows.filter(|row| row.iter().all(|x| x.is_finite())).collect()
    }
}

/// Follows the fitted curves of all experiments to `until` and tells what the terms are asked.
///
/// # Errors
/// A solve that fails before the last point that was trained on.
pub fn visited(
    prepared: &Prepared,
    terms: &[LearnedTerm],
    theta: &[f64],
    until: f64,
    solvers: &dyn Solvers,
) -> Result<Visited, StudyError> {
    let watched: Vec<Watched> = terms.iter().map(|t| Watched::new(&prepared.model, t)).collect();
    let (mut vectors, mut observations) = (Vec::new(), Vec::new());
    for w in &watched {
        w.observe(&prepared.model, &mut vectors, &mut observations);
    }
    let model = Arc::new(prepared.model.observing(&vectors, observations)?);
    let mut visited = Visited { courses: Vec::new(), notes: Vec::new() };
    let trained = prepared.problem.experiments.iter().enumerate();
    let trained: Vec<_> = trained.filter_map(|(i, e)| Some((i, e, trained_until(e)?))).collect();
    let rows: usize = watched.iter().map(|w| w.places.len()).max().unwrap_or(1);
    let points = (ROWS / (rows * trained.len()).max(1)).clamp(21, POINTS);
    for (index, experiment, trained_until) in trained {
        let signals = prepared.resolved.experiments.get(index).and_then(|e| e.signals.clone());
        let model = match signals {
            Some(signals) => Arc::new(model.with_signals(signals)?),
            None => Arc::clone(&model),
        };
        let p: Vec<f64> = experiment
            .params
            .iter()
            .map(|s| match *s {
                Source::Theta(i) => theta[i],
                Source::Fixed(x) => x,
            })
            .collect();
        let u0 = model.initial_state(experiment.t0, &p, &experiment.fixed_initial);
        let run = |until: f64| {
            let options = SimulateOptions {
                from: experiment.t0,
                at: times(experiment, until, points),
                method: prepared.solver.0.clone(),
                settings: prepared.problem.settings.clone(),
                paths: None,
            };
            simulate(&model, &p, &u0, &options, solvers)
        };
        let found = match run(until.max(trained_until)) {
            Ok(found) => found,
            Err(why) => {
                let found = run(trained_until)?;
                visited.notes.push(format!(
                    "the forecast of {} cannot be followed to its end: {why}",
                    experiment.name
                ));
                found
            }
        };
        let mut columns = found.observations.into_iter();
        let terms = watched.iter().map(|w| {
            let columns: Vec<Vec<f64>> =
                columns.by_ref().take(w.inputs() * w.places.len()).collect();
            w.asked(&columns, found.times.len())
        });
        let terms = terms.collect();
        visited.courses.push(Course {
            experiment: index,
            times: found.times,
            trained_until,
            terms,
        });
    }
    if crate::solvers::is_random(&prepared.model.rhs.structure()) {
        visited.notes.push("the model is random: this is what one of its paths asks".into());
    }
    Ok(visited)
}

/// The last time with a value to train on.
fn trained_until(experiment: &Experiment) -> Option<f64> {
    let series = experiment.series.iter();
    let points = series.flat_map(|s| {
        let used = (0..s.times.len()).filter(|&i| !s.is_held_out(i) && s.values[i].is_finite());
        used.map(|i| s.times[i])
    });
    points.max_by(f64::total_cmp)
}

/// Equally spaced times and those of the data, up to an end.
fn times(experiment: &Experiment, until: f64, points: usize) -> Vec<f64> {
    let mut times = spaced(experiment.t0, until, points);
    let measured = experiment.series.iter().flat_map(|s| s.times.iter().copied());
    times.extend(measured.filter(|t| t.is_finite() && *t >= experiment.t0 && *t <= until));
    times.sort_by(f64::total_cmp);
    times.dedup();
    times
}

/// The places at which a term is watched.
struct Watched {
    factors: Vec<f64>,
    places: Vec<Applied>,
}

/// A place where a network is applied: its arguments, of one lane where it is in a loop.
struct Applied {
    arguments: Vec<Expr>,
    lane: Option<(u32, u32)>,
}

impl Watched {
    fn new(model: &CompiledModel, term: &LearnedTerm) -> Watched {
        let mut places = Vec::new();
        let network = |id: slopefield_lang::NetworkId| id.0 as usize == term.network;
        for call in model.model.calls.iter().filter(|c| network(c.network)) {
            places.push(Applied { arguments: call.arguments.clone(), lane: None });
        }
        for vector in &model.model.vectors {
            let VectorKind::Network { network: id, arguments } = &vector.kind else { continue };
            if !network(*id) {
                continue;
            }
            let lanes = vector.len as usize / term.outputs.len().max(1);
            for lane in (0..lanes).step_by(lanes.div_ceil(LANES).max(1)) {
                let lane = Some((lane as u32, lanes as u32));
                places.push(Applied { arguments: arguments.clone(), lane });
            }
        }
        let factors = term.inputs.iter().map(|i| i.factor).collect();
        Watched { factors, places }
    }

    fn inputs(&self) -> usize {
        self.factors.len()
    }

    /// Observations of all inputs, place by place.
    fn observe(
        &self,
        model: &CompiledModel,
        vectors: &mut Vec<Vector>,
        observations: &mut Vec<Observation>,
    ) {
        for place in &self.places {
            for argument in &place.arguments {
                let value = match place.lane {
                    None => argument.clone(),
                    Some((lane, len)) => {
                        let span = argument.span;
                        let vector = Vector { kind: VectorKind::Each(argument.clone()), len, span };
                        let known = vectors.iter().position(|v| *v == vector);
                        let at = known.unwrap_or_else(|| {
                            vectors.push(vector);
                            vectors.len() - 1
                        });
                        let id = VectorId((model.model.vectors.len() + at) as u32);
                        Expr { kind: ExprKind::Element(id, lane), span }
                    }
                };
                observations.push(Observation {
                    name: format!("input {}", observations.len() + 1),
                    unit: None,
                    value,
                    over_paths: None,
                    noise: Noise::LeastSquares,
                    span: Span::default(),
                });
            }
        }
    }

    /// The observed columns as quantities of the model.
    fn asked(&self, columns: &[Vec<f64>], times: usize) -> Asked {
        let mut values = Vec::with_capacity(times * columns.len());
        for row in 0..times {
            for (k, column) in columns.iter().enumerate() {
                values.push(column[row] / self.factors[k % self.factors.len()]);
            }
        }
        Asked { inputs: self.factors.len(), places: self.places.len(), values }
    }
}
