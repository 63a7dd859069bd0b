//! Bands around curves from any set of parameters, and whether held-out points lie within.

use crate::diagnostics::quantiles;
use crate::scatter::measurement;
use nuts_rs::rand::{SeedableRng, rngs::StdRng};
use slopefield_train::{Censoring, Experiment, Objective, Source};

/// Shares of the distribution below the curves of a [`Band`].
pub const LEVELS: [f64; 7] = [0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975];

/// Quantiles of an observation over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// Experiment, by place.
    pub experiment: usize,
    /// Observation, by place.
    pub observation: usize,
    /// Times.
    pub times: Vec<f64>,
    /// Quantiles at [`LEVELS`], of the model's value or of measurements.
    pub quantiles: [Vec<f64>; 7],
}

/// How many held-out points lie within the bands of measurements.
#[derive(Debug, Clone, PartialEq)]
pub struct Coverage {
    /// Experiment, by place.
    pub experiment: usize,
    /// Observation, by place.
    pub observation: usize,
    /// Held-out points.
    pub points: usize,
    /// Points within the central 50 %, 90 % and 95 %.
    pub inside: [usize; 3],
}

impl Coverage {
    /// Central shares of the bands.
    pub const SHARES: [f64; 3] = [0.5, 0.9, 0.95];

    /// A sentence when the number of points inside is further from what is expected than 2.6
    /// standard deviations of independent points.
    #[must_use]
    pub fn warning(&self, observation: &str) -> Option<String> {
        let n = self.points as f64;
        let (share, inside) = Coverage::SHARES
            .into_iter()
            .zip(self.inside)
            .find(|(p, k)| (*k as f64 - p * n).abs() > 2.6 * (n * p * (1.0 - p)).sqrt() + 0.5)?;
        let what = if (inside as f64) < share * n {
            "the bands are too narrow: the model or its noise misses something"
        } else {
            "the bands are too wide"
        };
        Some(format!(
            "{inside} of {} held-out points of {observation} lie within the {:.0} % band; {what}",
            self.points,
            100.0 * share
        ))
    }
}

/// Bands of every observation of every experiment at `times(experiment)`, ascending. With
/// `scatter`, of measurements: then the number is the standard deviation of least squares, if any,
/// and `seed` that of the random numbers.
#[must_use]
pub fn bands(
    objective: &Objective,
    samples: &[Vec<f64>],
    times: &dyn Fn(usize) -> Vec<f64>,
    scatter: Option<Option<f64>>,
    seed: u64,
) -> Vec<Band> {
    let problem = objective.problem();
    let mut all = Vec::new();
    for experiment in 0..problem.experiments.len() {
        let times = times(experiment);
        let outputs: Vec<Vec<f64>> =
            samples.iter().map(|theta| outputs(objective, theta, experiment, &times)).collect();
        for observation in 0..problem.observations.len() {
            let mut rng =
                StdRng::seed_from_u64(seed ^ ((experiment * 64 + observation) as u64) << 32);
            let mut curves: [Vec<f64>; 7] = Default::default();
            for row in 0..times.len() {
                let values = at(objective, &outputs, observation, row, scatter, 1, &mut rng);
                let found = quantiles(values, LEVELS);
                curves.iter_mut().zip(found).for_each(|(c, q)| c.push(q));
            }
            all.push(Band { experiment, observation, times: times.clone(), quantiles: curves });
        }
    }
    all
}

/// Shares of held-out points within the bands of measurements; nothing without held-out points.
#[must_use]
pub fn coverage(
    objective: &Objective,
    samples: &[Vec<f64>],
    sigma: Option<f64>,
    seed: u64,
) -> Vec<Coverage> {
    let problem = objective.problem();
    let mut rng = StdRng::seed_from_u64(seed ^ 0xC0FE);
    let mut all = Vec::new();
    for (experiment, spec) in problem.experiments.iter().enumerate() {
        for series in &spec.series {
            let mut points: Vec<(f64, f64)> = (0..series.times.len())
                .filter(|i| series.is_held_out(*i) && series.values[*i].is_finite())
                .filter(|i| series.censoring(*i) == Censoring::Measured)
                .map(|i| (series.times[i], series.values[i]))
                .collect();
            if points.is_empty() {
                continue;
            }
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            let times: Vec<f64> = points.iter().map(|p| p.0).collect();
            let outputs: Vec<Vec<f64>> =
                samples.iter().map(|theta| outputs(objective, theta, experiment, &times)).collect();
            let mut inside = [0; 3];
            for (row, (_, value)) in points.iter().enumerate() {
                let o = series.observation;
                let values = at(objective, &outputs, o, row, Some(sigma), 10, &mut rng);
                let limits = quantiles(values, [0.25, 0.75, 0.05, 0.95, 0.025, 0.975]);
                for (count, pair) in inside.iter_mut().zip(limits.chunks(2)) {
                    *count += usize::from(*value >= pair[0] && *value <= pair[1]);
                }
            }
            let (observation, points) = (series.observation, points.len());
            all.push(Coverage { experiment, observation, points, inside });
        }
    }
    all
}

/// Values of an observation in a row of all samples, or `repeats` measurements of each.
fn at(
    objective: &Objective,
    outputs: &[Vec<f64>],
    observation: usize,
    row: usize,
    scatter: Option<Option<f64>>,
    repeats: usize,
    rng: &mut StdRng,
) -> Vec<f64> {
    let spec = &objective.problem().observations[observation];
    let width = objective.problem().kernels.observe.shape().outputs;
    let mut values = Vec::with_capacity(outputs.len() * repeats);
    for output in outputs {
        let output = &output[row * width..(row + 1) * width];
        let value = output[spec.value];
        match scatter {
            None => values.push(value),
            Some(sigma) => values.extend((0..repeats).map(|_| {
                measurement(spec.noise, value, &output[spec.noise_args.clone()], sigma, rng)
            })),
        }
    }
    values.retain(|v| v.is_finite());
    values
}

/// All outputs of the observation functions at ascending times, row by row; NaN from where the
/// solve failed.
pub(crate) fn outputs(
    objective: &Objective,
    theta: &[f64],
    experiment: usize,
    times: &[f64],
) -> Vec<f64> {
    let problem = objective.problem();
    let observe = &problem.kernels_of(experiment).observe;
    let (n, width) = (problem.observed(), observe.shape().outputs);
    let p = parameters(&problem.experiments[experiment], theta);
    let (states, _) = objective.states(theta, experiment, times);
    let mut scratch = vec![0.0; observe.scratch_len()];
    let mut all = vec![f64::NAN; width * times.len()];
    for ((t, u), out) in times.iter().zip(states.chunks(n.max(1))).zip(all.chunks_mut(width.max(1)))
    {
        if u.iter().all(|x| x.is_finite()) {
            observe.eval(*t, u, &p, out, &mut scratch);
        }
    }
    all
}

fn parameters(experiment: &Experiment, theta: &[f64]) -> Vec<f64> {
    let value = |source: &Source| match *source {
        Source::Theta(i) => theta[i],
        Source::Fixed(value) => value,
    };
    experiment.params.iter().map(value).collect()
}
