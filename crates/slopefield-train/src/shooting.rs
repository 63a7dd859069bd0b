//! Multiple shooting: a start from segments of the span, each with an initial state of its own.
//!
//! A solve over a long span of oscillating or chaotic data follows the measurements only where its
//! parameters are nearly right already. Cut into segments that begin near the data, it follows
//! them from almost anywhere; what is left is to make the segments join. The states at which they
//! begin are unknowns like the parameters, and the squares of the jumps between segments are added
//! to the loss with a weight that grows until they vanish. States that nobody measured are found
//! on the way. The result is a place from which to train on the whole span.
//!
//! H. G. Bock, *Recent advances in parameter identification techniques for O.D.E.*, in: Numerical
//! Treatment of Inverse Problems in Differential and Integral Equations, Birkhäuser 1983, pp. 95–121,
//! doi:10.1007/978-1-4684-7324-7_7, which demands that segments join as a constraint; the growing
//! penalty: J. Nocedal, S. J. Wright, *Numerical Optimization*, 2nd edition, Springer 2006, section 17.1.

mod cut;
mod kernels;
#[cfg(test)]
mod tests;

use crate::failure::Failure;
use crate::noise::NoiseKind;
use crate::objective::{Methods, Objective};
use crate::optimise::{
    Lbfgs, LbfgsSettings, LbfgsWork, LevenbergMarquardt, LevenbergMarquardtSettings,
    LevenbergMarquardtWork, StepError, Stepped,
};
use crate::problem::{
    Experiment, ModelKernels, ObservationSpec, ParamKind, ParamSpec, Problem, Scale, Series, Source,
};
use crate::recipe::{Scope, loss_unit};
use cut::Cut;
use std::sync::Arc;

/// Weights of the squared jumps, relative to the data, one round after the other.
const WEIGHTS: [f64; 5] = [1.0, 1e2, 1e4, 1e6, 1e8];
/// Iterations of a round at most: of Levenberg–Marquardt, and of L-BFGS where that cannot be had.
const ITERATIONS: [usize; 2] = [40, 200];
/// Jump, relative to the size of the state, up to which segments have joined.
const JOINED: f64 = 0.02;

/// What multiple shooting came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Joined {
    /// Coordinates of the optimiser.
    pub z: Vec<f64>,
    /// Segments, over all experiments.
    pub segments: usize,
    /// Largest jump that is left between segments, relative to the size of the state.
    pub jump: f64,
    /// Evaluations of the loss over the segments.
    pub evaluations: u64,
}

/// Why there is no start from segments.
#[derive(Debug, Clone, PartialEq)]
pub enum Unjoined {
    /// Somebody cancelled.
    Cancelled,
    /// A sentence.
    Because(String),
}

/// The training span of each experiment in segments.
pub(crate) struct Segments {
    cuts: Vec<Cut>,
    sizes: Vec<f64>,
    unit: f64,
}

impl Segments {
    /// Cuts experiments into `count` segments each, or into as many as their data have turns for. States at
    /// their beginnings are those of the smoothed data, and where there are none those at `z`.
    ///
    /// # Errors
    /// Equations with delays, noise, jumps, events or algebraic parts; too few measurements.
    pub(crate) fn new(
        objective: &Objective,
        z: &[f64],
        count: Option<usize>,
    ) -> Result<Segments, String> {
        let problem = objective.problem();
        if problem.kernels.rhs.structure().beyond(&[]).is_some() {
            return Err("segments are joined for ordinary differential equations only, without \
                        delays, noise, jumps, events and algebraic equations"
                .into());
        }
        if problem.experiments.iter().any(|e| e.steady) {
            return Err("measurements at rest have no span to cut into segments".into());
        }
        let cuts = cut::cut(problem, &objective.theta(z), count)?;
        let sizes = cut::sizes(&cuts, problem.states());
        Ok(Segments { cuts, sizes, unit: unit(problem) })
    }

    /// Segments, over all experiments that are cut.
    pub(crate) fn count(&self) -> usize {
        self.cuts.iter().map(|c| c.ends.len() - 1).sum()
    }

    /// The loss over the segments: that of their data, and the squares of the jumps between them, of
    /// which one of a state's size costs `weight` in units of the data. Each segment is an experiment;
    /// the states at which they begin follow the parameters.
    ///
    /// # Errors
    /// A problem that cannot be made.
    pub(crate) fn objective(&self, whole: &Objective, weight: f64) -> Result<Objective, String> {
        let weight = weight * self.unit;
        let (problem, of) = segmented(whole.problem(), &self.cuts, &self.sizes, weight);
        Objective::new(problem, methods_of(whole, of)).map_err(|e| e.to_string())
    }
}

/// Begins at `z` and makes segments of the span join.
///
/// # Errors
/// A cancellation; equations with delays, noise, jumps, events or algebraic parts, too few
/// measurements, segments that cannot be solved or do not join.
pub fn join_segments(objective: &Objective, z: &[f64]) -> Result<Joined, Unjoined> {
    join_segments_told(objective, z, &mut |_| {})
}

/// The same, which tells the share of its iterations that is done; it may need fewer.
pub(crate) fn join_segments_told(
    objective: &Objective,
    z: &[f64],
    tell: &mut dyn FnMut(f64),
) -> Result<Joined, Unjoined> {
    let because = |reason: String| Unjoined::Because(reason);
    let cut = Segments::new(objective, z, None).map_err(because)?;
    let (mut place, mut jump, mut evaluations) = (z.to_vec(), f64::INFINITY, 0);
    let rounds = WEIGHTS.len() as f64;
    for (round, weight) in WEIGHTS.into_iter().enumerate() {
        let mut segmented = cut.objective(objective, weight).map_err(because)?;
        if place.len() == z.len() {
            place.extend_from_slice(&segmented.z_start()[z.len()..]);
        }
        let mut tell = |share: f64| tell((round as f64 + share) / rounds);
        place = minimise(&mut segmented, place, &mut tell)?;
        jump = largest_jump(&segmented, &place, weight * cut.unit)?;
        evaluations += segmented.evaluations();
    }
    if jump > JOINED {
        return Err(because(format!(
            "the segments of the span do not join, {:.0} % of a state's size are left between them",
            100.0 * jump
        )));
    }
    Ok(Joined { z: place[..z.len()].to_vec(), segments: cut.count(), jump, evaluations })
}

/// The methods of the experiments that the segments are of.
fn methods_of(objective: &Objective, of: Vec<usize>) -> Methods {
    let methods = objective.methods();
    let (gradient, stepper) = (Arc::clone(&methods.gradient), Arc::clone(&methods.stepper));
    let by = of.clone();
    Methods {
        gradient: Arc::new(move |i| gradient(of[i])),
        stepper: Arc::new(move |i| stepper(by[i])),
        replay: Arc::new(|_, _| None),
    }
}

/// What a jump of a state's size costs at first, in units of the loss: 1 for likelihoods, the mean
/// square of the data for least squares.
fn unit(problem: &Problem) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for series in problem.experiments.iter().flat_map(|e| &e.series) {
        if problem.observations[series.observation].noise != NoiseKind::LeastSquares {
            return 1.0;
        }
        for (_, y) in series.measured() {
            sum += y * y;
            count += 1.0;
        }
    }
    if sum > 0.0 { sum / count } else { 1.0 }
}

/// The problem over the segments, and the experiment that each is of. Its θ is that of the problem
/// followed by the states at which segments begin.
fn segmented(problem: &Problem, cuts: &[Cut], sizes: &[f64], weight: f64) -> (Problem, Vec<usize>) {
    let n = problem.states();
    let outputs = problem.kernels.observe.shape().outputs;
    let mut observations = problem.observations.clone();
    observations.extend((0..n).map(|i| ObservationSpec {
        over_paths: None,
        name: format!("jump of state {}", i + 1),
        noise: NoiseKind::LeastSquares,
        value: outputs + i,
        noise_args: outputs + i..outputs + i,
    }));
    let weights: Vec<Source> = sizes.iter().map(|s| Source::Fixed(weight.sqrt() / s)).collect();
    let nothing = vec![Source::Fixed(0.0); n];
    let (mut theta, mut experiments) = (problem.theta.clone(), Vec::new());
    let (mut driven, mut of) = (Vec::new(), Vec::new());
    for (index, experiment) in problem.experiments.iter().enumerate() {
        let found = cuts.iter().find(|c| c.experiment == index);
        let whole = [experiment.t0, f64::INFINITY];
        let ends = found.map_or(&whole[..], |c| &c.ends);
        let first_state = theta.len();
        if let Some(cut) = found {
            theta.extend(cut.states.iter().enumerate().map(|(k, value)| ParamSpec {
                name: format!("state {} of segment {}", k % n + 1, k / n + 2),
                start: *value,
                bounds: (f64::NEG_INFINITY, f64::INFINITY),
                scale: Scale::Linear,
                prior: None,
                kind: ParamKind::Scalar,
            }));
        }
        let beginning = |segment: usize| -> Vec<Source> {
            (0..n).map(|i| Source::Theta(first_state + (segment - 1) * n + i)).collect()
        };
        let inner = problem.kernels_of(index);
        let segments = ends.len() - 1;
        for segment in 0..segments {
            let (first, last) = (segment == 0, segment + 1 == segments);
            let (from, to) = (ends[segment], ends[segment + 1]);
            let mut params = experiment.params.clone();
            params.extend(if first { nothing.clone() } else { beginning(segment) });
            params.extend(if last { nothing.clone() } else { beginning(segment + 1) });
            params.extend(weights.iter().copied());
            let mut series: Vec<Series> = experiment
                .series
                .iter()
                .map(|s| within(s, |t| t >= from && (last || t < to)))
                .collect();
            if !last {
                series.extend((0..n).map(|i| Series {
                    observation: problem.observations.len() + i,
                    times: vec![to],
                    values: vec![0.0],
                    ..Series::default()
                }));
            }
            experiments.push(Experiment {
                name: experiment.name.clone(),
                t0: from,
                params,
                steady: false,
                fixed_initial: if first { experiment.fixed_initial.clone() } else { Vec::new() },
                series,
            });
            driven.push(ModelKernels {
                initial: match first {
                    true => kernels::start(&inner.initial),
                    false => kernels::free(&inner.initial),
                },
                rhs: kernels::rhs(&inner.rhs),
                observe: kernels::observe(&inner.observe),
            });
            of.push(index);
        }
    }
    let segmented = Problem {
        kernels: driven[0].clone(),
        driven,
        observations,
        theta,
        experiments,
        settings: problem.settings.clone(),
        l2: problem.l2,
    };
    (segmented, of)
}

/// The points to train on whose times fit.
fn within(series: &Series, fits: impl Fn(f64) -> bool) -> Series {
    let kept = (0..series.times.len()).filter(|&i| fits(series.times[i]) && !series.is_held_out(i));
    let mut part = Series { observation: series.observation, ..Series::default() };
    for i in kept {
        part.times.push(series.times[i]);
        part.values.push(series.values[i]);
        part.censored.push(series.censoring(i));
        part.weights.push(series.weight(i));
    }
    part
}

/// Minimises over all but the parameters of noise alone: a scale that may grow would swallow the
/// jumps.
fn minimise(
    segmented: &mut Objective,
    begin: Vec<f64>,
    tell: &mut dyn FnMut(f64),
) -> Result<Vec<f64>, Unjoined> {
    let moving = segmented.moving(Scope::AllButNoise);
    let n = moving.len();
    let unit = loss_unit(segmented);
    let mut last = None;
    let mut failed = |failure: Failure| {
        let cancelled = failure.is_cancelled();
        last = Some(failure);
        if cancelled { StepError::Interrupted } else { StepError::Failed }
    };
    let found = if segmented.has_information().is_ok() {
        let mut evaluate = |z: &[f64], gradient: &mut [f64], information: &mut [f64]| {
            let found = segmented.evaluate_information(z, 1.0, gradient, information);
            let evaluation = found.map_err(&mut failed)?;
            for i in (0..n).filter(|i| !moving[*i]) {
                gradient[i] = 0.0;
                for j in 0..n {
                    (information[i * n + j], information[j * n + i]) = (0.0, 0.0);
                }
            }
            Ok(evaluation.loss)
        };
        let settings = LevenbergMarquardtSettings { unit, ..LevenbergMarquardtSettings::default() };
        let mut work = LevenbergMarquardtWork::default();
        LevenbergMarquardt::start(begin, &settings, &mut evaluate).and_then(|mut lm| {
            for k in 0..ITERATIONS[0] {
                tell(k as f64 / ITERATIONS[0] as f64);
                if lm.step(&settings, &mut work, &mut evaluate)? != Stepped::Moved {
                    break;
                }
            }
            Ok(lm.z)
        })
    } else {
        let mut evaluate = |z: &[f64], gradient: &mut [f64]| {
            let found = segmented.evaluate(z, 1.0, Some(&mut *gradient));
            let evaluation = found.map_err(&mut failed)?;
            gradient
                .iter_mut()
                .zip(&moving)
                .for_each(|(g, moves)| *g = if *moves { *g } else { 0.0 });
            Ok(evaluation.loss)
        };
        let settings = LbfgsSettings { unit, ..LbfgsSettings::default() };
        let mut work = LbfgsWork::default();
        Lbfgs::start(begin, &mut evaluate).and_then(|mut lbfgs| {
            for k in 0..ITERATIONS[1] {
                tell(k as f64 / ITERATIONS[1] as f64);
                if lbfgs.step(&settings, &mut work, &mut evaluate)? != Stepped::Moved {
                    break;
                }
            }
            Ok(lbfgs.z)
        })
    };
    found.map_err(|error| match (error, last) {
        (StepError::Interrupted, _) => Unjoined::Cancelled,
        (StepError::Failed, Some(failure)) => Unjoined::Because(failure.message),
        (StepError::Failed, None) => Unjoined::Because("the loss of segments is not finite".into()),
    })
}

/// The largest jump between segments, relative to the size of the state; `weight` is that of its
/// square in the loss.
fn largest_jump(segmented: &Objective, place: &[f64], weight: f64) -> Result<f64, Unjoined> {
    let theta = segmented.theta(place);
    let problem = segmented.problem();
    let first = problem.observations.len() - problem.states();
    let mut largest = 0.0_f64;
    for (index, experiment) in problem.experiments.iter().enumerate() {
        let Some(end) = experiment.series.iter().find(|s| s.observation == first) else { continue };
        let found = segmented.predict(&theta, index, &end.times);
        let values = found.map_err(|failure| match failure.is_cancelled() {
            true => Unjoined::Cancelled,
            false => Unjoined::Because(failure.message),
        })?;
        for value in values[first..].iter().flatten() {
            let jump = value.abs() / weight.sqrt();
            largest = if jump.is_nan() { f64::INFINITY } else { largest.max(jump) };
        }
    }
    Ok(largest)
}
