//! A start without solving: parameters for which the equations have the changes of the data.
//!
//! The first stage puts a smooth curve through the measurements of each state ([`smooth`]); the
//! second one finds parameters whose right-hand side, integrated along these curves, gives their
//! changes over windows of time: `û(b) − û(a) = ∫ f(t, û, p) dt`. No trajectory is solved, so there
//! is none to get lost on, and an evaluation costs as much as a few steps. The result errs with
//! the curves and is meant as a place to begin.
//!
//! J. M. Varah, *A spline least squares method for numerical parameter estimation in differential
//! equations*, SIAM J. Sci. Stat. Comput. 3 (1982) 28–46, doi:10.1137/0903003, compares slopes; that
//! integrals err less: I. Dattner, C. A. J. Klaassen, *Optimal rate of direct estimators in systems
//! of ordinary differential equations linear in functions of the parameters*, Electronic Journal of
//! Statistics 9 (2015) 1939–1973, doi:10.1214/15-EJS1053.

mod smooth;
#[cfg(test)]
mod tests;

pub use smooth::Smooth;

use crate::objective::{Objective, assemble_params};
use crate::optimise::{Lbfgs, LbfgsSettings, LbfgsWork, StepError, Stepped};
use crate::problem::{Problem, Source};
use crate::transform::Transform;
use slopefield_kernel::{Cotangent, Point};

/// Iterations of the second stage at most.
const ITERATIONS: usize = 300;

/// A state of an experiment as the first stage saw it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmoothedState {
    /// Index of the experiment.
    pub experiment: usize,
    /// Index of the state.
    pub state: usize,
    /// Half width of the window, in units of time.
    pub bandwidth: f64,
    /// Standard deviation of the measurements around the curve.
    pub noise: f64,
}

/// What matching changes came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Matched {
    /// Coordinates of the optimiser.
    pub z: Vec<f64>,
    /// Mean square of the differences of changes, relative to the changes, at the start.
    pub before: f64,
    /// The same at `z`.
    pub after: f64,
    /// The curves.
    pub states: Vec<SmoothedState>,
}

/// Begins at `z` and finds coordinates at which the right-hand side has the changes of the data.
///
/// # Errors
/// A sentence why this problem cannot be begun so: states that nobody measured, equations with
/// delays, noise, jumps, events or algebraic parts, too few points.
pub fn match_changes(objective: &Objective, z: &[f64]) -> Result<Matched, String> {
    let mut matching = Matching::new(objective.problem())?;
    let transforms = objective.transforms();
    let mut evaluate = |z: &[f64], gradient: &mut [f64]| {
        matching.evaluate(objective.problem(), transforms, z, gradient).ok_or(StepError::Failed)
    };
    let undefined = "the slopes of the equations cannot be computed at the measured states";
    let mut lbfgs = Lbfgs::start(z.to_vec(), &mut evaluate).map_err(|_| undefined)?;
    let before = lbfgs.loss;
    let (settings, mut work) = (LbfgsSettings::default(), LbfgsWork::default());
    for _ in 0..ITERATIONS {
        match lbfgs.step(&settings, &mut work, &mut evaluate) {
            Ok(Stepped::Moved) => {}
            Ok(_) | Err(_) => break,
        }
    }
    let (z, after) = (lbfgs.z.clone(), lbfgs.loss);
    Ok(Matched { z, before, after, states: matching.smoothed })
}

/// The curves of an experiment on a grid of times.
struct Curves {
    experiment: usize,
    times: Vec<f64>,
    /// States at the times, row by row.
    states: Vec<f64>,
    windows: Vec<Window>,
}

/// A stretch of time over which the change of a state is compared.
struct Window {
    state: usize,
    /// Rows of its ends.
    ends: (usize, usize),
    /// What the curve changes by.
    change: f64,
    /// Weight of the squared difference.
    weight: f64,
}

/// The mean square of the differences between the changes of the curves and of the equations.
struct Matching {
    curves: Vec<Curves>,
    smoothed: Vec<SmoothedState>,
    p: Vec<f64>,
    theta: Vec<f64>,
    by_p: Vec<f64>,
    by_u: Vec<f64>,
    /// Integrals of the right-hand side from the first time, row by row, and their cotangents.
    integrals: Vec<f64>,
    cotangents: Vec<f64>,
    slopes: Vec<f64>,
    scratch: Vec<f64>,
}

impl Matching {
    fn new(problem: &Problem) -> Result<Matching, String> {
        if problem.kernels.rhs.structure().beyond(&[]).is_some() {
            return Err("changes are matched for ordinary differential equations only, without \
                        delays, noise, jumps, events and algebraic equations"
                .into());
        }
        if problem.experiments.iter().any(|e| e.steady) {
            return Err("measurements at rest say nothing of changes".into());
        }
        let measured = measured_states(problem);
        let (mut all, mut smoothed) = (Vec::new(), Vec::new());
        let mut refused = None;
        for index in 0..problem.experiments.len() {
            match smooth_curves(problem, index, &measured) {
                Ok(curves) => {
                    smoothed.extend(curves.iter().enumerate().map(|(state, curve)| {
                        let (bandwidth, noise) = (curve.bandwidth(), curve.noise());
                        SmoothedState { experiment: index, state, bandwidth, noise }
                    }));
                    all.extend(on_grid(problem, index, &measured, &curves));
                }
                Err(reason) => refused = refused.or(Some(reason)),
            }
        }
        if all.is_empty() {
            let nothing = "there are no measurements to compare the equations with";
            return Err(refused.unwrap_or_else(|| nothing.into()));
        }
        normalise(&mut all, problem.states());
        let rows = all.iter().map(|c| c.states.len()).fold(0, usize::max);
        let scratch = (0..problem.experiments.len())
            .map(|i| problem.kernels_of(i).rhs.scratch_len())
            .fold(0, usize::max);
        Ok(Matching {
            curves: all,
            smoothed,
            p: vec![0.0; problem.params()],
            theta: vec![0.0; problem.theta.len()],
            by_p: vec![0.0; problem.params()],
            by_u: vec![0.0; problem.states()],
            integrals: vec![0.0; rows],
            cotangents: vec![0.0; rows],
            slopes: vec![0.0; rows],
            scratch: vec![0.0; scratch],
        })
    }

    /// The mean square at `z` and its gradient; none where a slope is not finite.
    fn evaluate(
        &mut self,
        problem: &Problem,
        transforms: &[Transform],
        z: &[f64],
        gradient: &mut [f64],
    ) -> Option<f64> {
        gradient.fill(0.0);
        for ((theta, transform), z) in self.theta.iter_mut().zip(transforms).zip(z) {
            *theta = transform.theta(*z).0;
        }
        let mut sum = 0.0;
        for index in 0..self.curves.len() {
            sum += self.add(problem, index, gradient);
        }
        for ((g, transform), z) in gradient.iter_mut().zip(transforms).zip(z) {
            *g *= transform.theta(*z).1;
        }
        (sum.is_finite() && gradient.iter().all(|g| g.is_finite())).then_some(sum)
    }

    /// The part of one experiment; adds its gradient by θ.
    fn add(&mut self, problem: &Problem, index: usize, gradient: &mut [f64]) -> f64 {
        let curves = &self.curves[index];
        let (n, rows) = (self.by_u.len(), curves.times.len());
        let experiment = &problem.experiments[curves.experiment];
        assemble_params(experiment, &self.theta, &mut self.p);
        let rhs = &problem.kernels_of(curves.experiment).rhs;
        for (row, &t) in curves.times.iter().enumerate() {
            let (u, out) = (&curves.states[row * n..][..n], &mut self.slopes[row * n..][..n]);
            rhs.eval(t, u, &self.p, out, &mut self.scratch);
        }
        // Trapezoids: the grid is four times as fine as the measurements.
        self.integrals[..n].fill(0.0);
        for row in 1..rows {
            let half = 0.5 * (curves.times[row] - curves.times[row - 1]);
            for i in row * n..(row + 1) * n {
                let mean = half * (self.slopes[i - n] + self.slopes[i]);
                self.integrals[i] = self.integrals[i - n] + mean;
            }
        }
        let mut sum = 0.0;
        self.cotangents[..rows * n].fill(0.0);
        for window in &curves.windows {
            let (from, to) = (window.ends.0 * n + window.state, window.ends.1 * n + window.state);
            let difference = self.integrals[to] - self.integrals[from] - window.change;
            sum += window.weight * difference * difference;
            self.cotangents[to] += 2.0 * window.weight * difference;
            self.cotangents[from] -= 2.0 * window.weight * difference;
        }
        // Cotangents of the slopes take the place of the slopes, last to first.
        let cotangents = &mut self.cotangents;
        self.slopes[..rows * n].fill(0.0);
        for row in (1..rows).rev() {
            let half = 0.5 * (curves.times[row] - curves.times[row - 1]);
            for i in row * n..(row + 1) * n {
                let w = cotangents[i];
                self.slopes[i] += half * w;
                self.slopes[i - n] += half * w;
                cotangents[i - n] += w;
            }
        }
        self.by_p.fill(0.0);
        for (row, &t) in curves.times.iter().enumerate() {
            let at = Point { t, u: &curves.states[row * n..][..n], p: &self.p };
            let grad = Cotangent { t: &mut 0.0, u: &mut self.by_u, p: &mut self.by_p };
            rhs.vjp(at, &self.slopes[row * n..][..n], grad, &mut self.scratch);
        }
        for (source, by_p) in experiment.params.iter().zip(&self.by_p) {
            if let Source::Theta(i) = *source {
                gradient[i] += by_p;
            }
        }
        sum
    }
}

/// For each observation the state that it is, if it is one as it stands.
pub(crate) fn measured_states(problem: &Problem) -> Vec<Option<usize>> {
    let observe = &problem.kernels.observe;
    let shape = observe.shape();
    let p: Vec<f64> = (0..shape.params).map(|i| 0.3 + 0.1 * (i as f64 * 1.7).sin()).collect();
    let mut found: Option<Vec<Option<usize>>> = None;
    // What is a state at three places with nothing in common is one.
    for trial in 1..=3 {
        let u: Vec<f64> = (0..shape.states)
            .map(|i| 1.0 + (0.618_033_988_749_895 * (i * 3 + trial) as f64).fract())
            .collect();
        let mut out = vec![0.0; shape.outputs];
        let mut scratch = vec![0.0; observe.scratch_len()];
        observe.eval(0.37 * trial as f64, &u, &p, &mut out, &mut scratch);
        let here: Vec<Option<usize>> = problem
            .observations
            .iter()
            .map(|o| u.iter().position(|u| u.to_bits() == out[o.value].to_bits()))
            .collect();
        found = Some(match found {
            None => here,
            Some(before) => before.iter().zip(&here).map(|(a, b)| a.filter(|_| a == b)).collect(),
        });
    }
    found.unwrap_or_default()
}

/// The smooth curves of all states of an experiment.
fn smooth_curves(
    problem: &Problem,
    index: usize,
    measured: &[Option<usize>],
) -> Result<Vec<Smooth>, String> {
    (0..problem.states()).map(|state| smooth_curve(problem, index, measured, state)).collect()
}

/// The smooth curve of one state of an experiment.
pub(crate) fn smooth_curve(
    problem: &Problem,
    index: usize,
    measured: &[Option<usize>],
    state: usize,
) -> Result<Smooth, String> {
    let experiment = &problem.experiments[index];
    let mut points: Vec<(f64, f64)> = Vec::new();
    for series in &experiment.series {
        if measured[series.observation] == Some(state) {
            points.extend(series.measured());
        }
    }
    Smooth::new(points)
        .map_err(|reason| format!("experiment {}, state {}: {reason}", experiment.name, state + 1))
}

/// The curves on a grid four times as fine as the measurements, where all of them are defined, and
/// for each state a window from every time on, as long as its smoothing but at most half of all.
fn on_grid(
    problem: &Problem,
    index: usize,
    measured: &[Option<usize>],
    curves: &[Smooth],
) -> Option<Curves> {
    let experiment = &problem.experiments[index];
    let series = experiment.series.iter().filter(|s| measured[s.observation].is_some());
    let mut times: Vec<f64> = series.flat_map(|s| s.times.iter().copied()).collect();
    let first = curves.iter().map(|c| c.span().0).fold(f64::NEG_INFINITY, f64::max);
    let last = curves.iter().map(|c| c.span().1).fold(f64::INFINITY, f64::min);
    times.retain(|t| (first..=last).contains(t));
    times.sort_by(f64::total_cmp);
    times.dedup();
    let between = |w: &[f64]| [0.25, 0.5, 0.75].map(|share| w[0] + share * (w[1] - w[0]));
    let finer: Vec<f64> = times.windows(2).flat_map(between).collect();
    times.extend(finer);
    times.sort_by(f64::total_cmp);

    let (mut states, mut variances) = (Vec::new(), Vec::new());
    for &t in &times {
        for curve in curves {
            let local = curve.at(t)?;
            states.push(local.value);
            variances.push(local.variance);
        }
    }
    let n = curves.len();
    let mut windows = Vec::new();
    for (state, curve) in curves.iter().enumerate() {
        let length = curve.bandwidth().min(0.5 * (last - first));
        for from in 0..times.len() {
            let to = times.partition_point(|t| *t < times[from] + length);
            if to >= times.len() {
                break;
            }
            let (a, b) = (from * n + state, to * n + state);
            windows.push(Window {
                state,
                ends: (from, to),
                change: states[b] - states[a],
                weight: 1.0 / (variances[a] + variances[b]),
            });
        }
    }
    Some(Curves { experiment: index, times, states, windows })
}

/// Scales the weights of each state so that changes of 0 would give 1 in all: how well a curve is
/// known decides between times, not between states.
fn normalise(all: &mut [Curves], n: usize) {
    for state in 0..n {
        let windows = || all.iter().flat_map(|c| &c.windows).filter(|w| w.state == state);
        let square: f64 = windows().map(|w| w.weight * w.change * w.change).sum();
        let total: f64 = windows().map(|w| w.weight).sum();
        let scale = n as f64 * if square > 0.0 { square } else { total };
        for window in all.iter_mut().flat_map(|c| &mut c.windows).filter(|w| w.state == state) {
            window.weight /= scale;
        }
    }
}
