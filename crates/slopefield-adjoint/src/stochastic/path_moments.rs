//! Gradients of losses of means and variances over many paths: of the states, or of what is observed.

use super::estimate::{MeanGradient, PathMethod, Slopes, baseline, over_paths};
use slopefield_kernel::{Cotangent, Kernel, Point};
use slopefield_solve::{Ivp, Settings, SolveError, Stats, Stepper};
use slopefield_stochastic::{Paths, paths};

/// A loss of moments: writes its derivatives by each mean and each variance (given zeroed) and
/// returns the loss.
pub type MomentLoss<'a> = dyn FnMut(Moments<'_>, &mut [f64], &mut [f64]) -> f64 + 'a;

/// Means and variances over paths, of each state at each save time, row by row.
#[derive(Debug, Clone, Copy)]
pub struct Moments<'a> {
    /// Sample means.
    pub mean: &'a [f64],
    /// Sample variances, with `N − 1` in the denominator.
    pub variance: &'a [f64],
}

/// The gradient of a loss of the means and variances of paths at the save times.
///
/// Exact derivative of the loss of the *sample* moments with the same random numbers where only
/// Brownian motion drives the paths. As an estimate of the loss of the true moments and its gradient
/// it has a bias of order `1/N`, unless the loss is linear in them. The standard errors are those
/// with the derivatives of the loss held fixed; that of the loss itself is not estimated (NaN).
///
/// # Errors
/// As [`mean_gradient`]; two paths are needed.
pub fn moment_gradient(
    method: PathMethod<'_>,
    ivp: &Ivp<'_>,
    settings: &Settings,
    which: Paths,
    saves: &[f64],
    loss: &mut MomentLoss<'_>,
) -> Result<MeanGradient, SolveError> {
    let seen = Seen { observe: None, ivp, saves, width: ivp.u0.len() };
    moments_with_gradient(method, &seen, settings, which, loss)
}

/// The same of what is observed: the moments are those of all outputs of `observe`, a function of
/// time, state and parameters. The gradient by the parameters is the whole one, also past the
/// states.
///
/// # Errors
/// As [`moment_gradient`]; [`SolveError::Invalid`] for a function of other states.
pub fn observed_moment_gradient(
    method: PathMethod<'_>,
    ivp: &Ivp<'_>,
    settings: &Settings,
    which: Paths,
    saves: &[f64],
    observe: &dyn Kernel,
    loss: &mut MomentLoss<'_>,
) -> Result<MeanGradient, SolveError> {
    let seen = Seen::through(observe, ivp, saves)?;
    moments_with_gradient(method, &seen, settings, which, loss)
}

/// Means and variances over paths of all outputs of `observe` at the save times, row by row, of the
/// paths that [`observed_moment_gradient`] differentiates.
///
/// # Errors
/// As [`observed_moment_gradient`].
pub fn observed_moments(
    stepper: &(dyn Fn() -> Box<dyn Stepper> + Sync),
    ivp: &Ivp<'_>,
    settings: &Settings,
    which: Paths,
    saves: &[f64],
    observe: &dyn Kernel,
) -> Result<(Vec<f64>, Vec<f64>), SolveError> {
    let seen = Seen::through(observe, ivp, saves)?;
    let sample = Sample::of(stepper, &seen, settings, which)?;
    Ok((sample.mean, sample.variance))
}

/// What moments are taken of.
struct Seen<'a> {
    /// A function of the states; none for the states themselves.
    observe: Option<&'a dyn Kernel>,
    ivp: &'a Ivp<'a>,
    saves: &'a [f64],
    /// Numbers at a save time.
    width: usize,
}

impl<'a> Seen<'a> {
    fn through(
        observe: &'a dyn Kernel,
        ivp: &'a Ivp<'a>,
        saves: &'a [f64],
    ) -> Result<Self, SolveError> {
        let shape = observe.shape();
        if shape.states != ivp.u0.len() || shape.params != ivp.p.len() {
            return Err(SolveError::Invalid(format!(
                "what is observed takes {} states and {} parameters, but the problem has {} and {}",
                shape.states,
                shape.params,
                ivp.u0.len(),
                ivp.p.len()
            )));
        }
        Ok(Seen { observe: Some(observe), ivp, saves, width: shape.outputs })
    }

    /// Writes what is seen of the states of a path at all save times.
    fn of_path(&self, states: &[f64], out: &mut [f64], scratch: &mut Vec<f64>) {
        let Some(observe) = self.observe else { return out.copy_from_slice(states) };
        scratch.resize(observe.scratch_len(), 0.0);
        let rows = states.chunks_exact(self.ivp.u0.len().max(1));
        let rows = rows.zip(out.chunks_exact_mut(self.width.max(1)));
        for (t, (u, out)) in self.saves.iter().zip(rows) {
            observe.eval(*t, u, self.ivp.p, out, scratch);
        }
    }

    /// Adds to the derivatives by the states of a path, and past them by the parameters, what the
    /// derivatives `weights` by what is seen come to.
    fn pull_back(
        &self,
        states: &[f64],
        weights: &[f64],
        by_state: &mut [f64],
        by_p: &mut [f64],
        scratch: &mut Vec<f64>,
    ) {
        let Some(observe) = self.observe else { return by_state.copy_from_slice(weights) };
        scratch.resize(observe.scratch_len(), 0.0);
        let n = self.ivp.u0.len().max(1);
        let rows = states.chunks_exact(n).zip(by_state.chunks_exact_mut(n));
        let rows = rows.zip(weights.chunks_exact(self.width.max(1)));
        for (t, ((u, by_state), w)) in self.saves.iter().zip(rows) {
            let grad = Cotangent { t: &mut 0.0, u: by_state, p: &mut *by_p };
            observe.vjp(Point { t: *t, u, p: self.ivp.p }, w, grad, scratch);
        }
    }
}

/// Values of many paths at the save times, with their moments.
struct Sample {
    /// Path by path, row by row.
    values: Vec<f64>,
    mean: Vec<f64>,
    variance: Vec<f64>,
    stats: Stats,
}

impl Sample {
    fn of(
        stepper: &(dyn Fn() -> Box<dyn Stepper> + Sync),
        seen: &Seen<'_>,
        settings: &Settings,
        which: Paths,
    ) -> Result<Sample, SolveError> {
        if which.count < 2 {
            return Err(SolveError::Invalid("variances need at least two paths".into()));
        }
        let (ivp, saves) = (seen.ivp, seen.saves);
        let (states_len, row) = (saves.len() * ivp.u0.len(), saves.len() * seen.width);
        let mut states = vec![0.0; which.count * states_len];
        let stats = paths(stepper, ivp, settings, which, saves, &mut states)?;
        let values = match seen.observe {
            None => states,
            Some(_) => {
                let (mut values, mut scratch) = (vec![0.0; which.count * row], Vec::new());
                let each = states.chunks_exact(states_len.max(1));
                for (path, out) in each.zip(values.chunks_exact_mut(row.max(1))) {
                    seen.of_path(path, out, &mut scratch);
                }
                values
            }
        };
        let count = which.count as f64;
        let (mut mean, mut variance) = (vec![0.0; row], vec![0.0; row]);
        for path in values.chunks_exact(row.max(1)) {
            mean.iter_mut().zip(path).for_each(|(m, x)| *m += x / count);
        }
        for path in values.chunks_exact(row.max(1)) {
            for ((v, x), m) in variance.iter_mut().zip(path).zip(&mean) {
                *v += (x - m) * (x - m) / (count - 1.0);
            }
        }
        Ok(Sample { values, mean, variance, stats })
    }
}

/// [`moment_gradient`] of whatever is seen.
fn moments_with_gradient(
    method: PathMethod<'_>,
    seen: &Seen<'_>,
    settings: &Settings,
    which: Paths,
    loss: &mut MomentLoss<'_>,
) -> Result<MeanGradient, SolveError> {
    let Sample { values, mean, variance, stats } =
        Sample::of(method.stepper, seen, settings, which)?;
    let (n, row) = (seen.width, seen.saves.len() * seen.width);
    let (mut by_mean, mut by_variance) = (vec![0.0; row], vec![0.0; row]);
    let moments = Moments { mean: &mean, variance: &variance };
    let value = loss(moments, &mut by_mean, &mut by_variance);
    let count = which.count as f64;
    let factor = count / (count - 1.0);
    // What each save time of a path adds to the mean whose gradient is wanted.
    let worth = |u: &[f64], save: usize| -> f64 {
        let part = save * n..(save + 1) * n;
        part.map(|i| {
            let off = u[i] - mean[i];
            by_mean[i] * off + by_variance[i] * factor * off * off
        })
        .sum()
    };
    let mut totals = vec![0.0; seen.saves.len()];
    for path in values.chunks_exact(row.max(1)) {
        totals.iter_mut().enumerate().for_each(|(save, total)| *total += worth(path, save));
    }
    let one = |k: usize, states: &[f64], by: Slopes<'_>| {
        let (mut u, mut slopes, mut scratch) = (vec![0.0; row], vec![0.0; row], Vec::new());
        seen.of_path(states, &mut u, &mut scratch);
        for (i, slope) in slopes.iter_mut().enumerate() {
            *slope = by_mean[i] + 2.0 * by_variance[i] * factor * (u[i] - mean[i]);
        }
        seen.pull_back(states, &slopes, by.state, by.p, &mut scratch);
        let first = &values[k * row..(k + 1) * row];
        for (save, weight) in by.scores.iter_mut().enumerate() {
            *weight = worth(&u, save) - baseline(totals[save], worth(first, save), which.count);
        }
        0.0
    };
    let mut result = over_paths(method, seen.ivp, settings, which, seen.saves, &one)?;
    result.forward += stats;
    (result.loss, result.loss_error) = (value, f64::NAN);
    Ok(result)
}
