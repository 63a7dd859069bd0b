//! Gradients of means over many paths, on all cores.

use crate::{Evaluated, GradientMethod};
use slopefield_solve::{Ivp, Settings, SolveError, Stats, Stepper};
use slopefield_stochastic::{Paths, paths};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a loss says of one path: given the states at the save times, row by row, it writes the
/// derivative of the path's loss with respect to each (the second slice, given zeroed), for each
/// save time the weight of the score of what has happened until then (the third, given zeroed),
/// and returns the path's loss.
pub type PathLoss<'a> = dyn FnMut(&[f64], &mut [f64], &mut [f64]) -> f64 + 'a;

/// The gradient along one path, as one term of a mean.
///
/// The path is a function of the parameters where only Brownian motion drives it. Where jumps
/// depend on the parameters their law does too, and the gradient of a mean has a second part: the
/// derivative of the logarithm of the density of the jumps, the *score*, times what the path is
/// worth (see [`JumpScore`](crate::JumpScore)).
pub trait PathGradient: Send {
    /// Whether the weights of scores are used: whether the law of the jumps depends on anything.
    fn scores(&self) -> bool;

    /// Solves the path of the settings, evaluates the loss and *writes* the path's contribution
    /// to the gradient.
    ///
    /// # Errors
    /// As [`GradientMethod::evaluate`].
    fn path_gradient(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        loss: &mut PathLoss<'_>,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) -> Result<Evaluated, SolveError>;
}

/// A gradient along paths that only Brownian motion drives.
pub struct Pathwise(pub Box<dyn GradientMethod>);

impl PathGradient for Pathwise {
    fn scores(&self) -> bool {
        false
    }

    fn path_gradient(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        loss: &mut PathLoss<'_>,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) -> Result<Evaluated, SolveError> {
        let mut weights = vec![0.0; saves.len()];
        let mut plain = |u: &[f64], by_state: &mut [f64]| loss(u, by_state, &mut weights);
        self.0.evaluate(ivp, settings, saves, &mut plain, grad_u0, grad_p)
    }
}

/// How paths are simulated and differentiated.
#[derive(Clone, Copy)]
pub struct PathMethod<'a> {
    /// Makes a stepper for paths alone.
    pub stepper: &'a (dyn Fn() -> Box<dyn Stepper> + Sync),
    /// Makes a gradient along one path, through the same method.
    pub gradient: &'a (dyn Fn() -> Box<dyn PathGradient> + Sync),
}

/// The gradient of a mean, estimated over paths.
#[derive(Debug, Clone, PartialEq)]
pub struct MeanGradient {
    /// The loss.
    pub loss: f64,
    /// Its standard error; NaN for one path.
    pub loss_error: f64,
    /// Derivatives by the initial state, with their standard errors.
    pub by_u0: Vec<f64>,
    /// See [`MeanGradient::by_u0`].
    pub by_u0_error: Vec<f64>,
    /// Derivatives by the parameters, with their standard errors.
    pub by_p: Vec<f64>,
    /// See [`MeanGradient::by_p`].
    pub by_p_error: Vec<f64>,
    /// Counters of all solves together.
    pub forward: Stats,
    /// Products of the reverse passes.
    pub reverse_products: u64,
}

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

/// Paths that a thread takes at a time; sums over so many are added in order, so that results do
/// not depend on the number of threads.
const PORTION: usize = 16;

/// The gradient of the mean over paths of a loss of each path: of `E[L(states at saves)]`, with the
/// same random numbers whatever the parameters are. `loss` is that of one path, as
/// [`Loss`](crate::Loss), for any of them at once.
///
/// Unbiased for the expectation of the discretised path; where jumps depend on parameters the score
/// is weighted with the loss minus the mean of those of the *other* paths, which leaves the estimate
/// unbiased and takes most of its variance away.
///
/// # Errors
/// The error of the path with the smallest number among those that failed; [`SolveError::Invalid`]
/// for no paths.
pub fn mean_gradient(
    method: PathMethod<'_>,
    ivp: &Ivp<'_>,
    settings: &Settings,
    which: Paths,
    saves: &[f64],
    loss: &(dyn Fn(&[f64], &mut [f64]) -> f64 + Sync),
) -> Result<MeanGradient, SolveError> {
    let row = saves.len() * ivp.u0.len();
    let mut stats = Stats::default();
    let mut values = Vec::new();
    if (method.gradient)().scores() {
        let mut states = vec![0.0; which.count * row];
        stats += paths(method.stepper, ivp, settings, which, saves, &mut states)?;
        let mut rest = vec![0.0; row];
        values.extend((0..which.count).map(|k| loss(&states[k * row..(k + 1) * row], &mut rest)));
    }
    let total: f64 = values.iter().sum();
    let mut result =
        over_paths(method, ivp, settings, which, saves, &|k, u, by_state, weights| {
            let value = loss(u, by_state);
            if let (Some(first), Some(last)) = (values.get(k), weights.last_mut()) {
                *last = value - baseline(total, *first, values.len());
            }
            value
        })?;
    result.forward += stats;
    Ok(result)
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
    if which.count < 2 {
        return Err(SolveError::Invalid("variances need at least two paths".into()));
    }
    let (n, row) = (ivp.u0.len(), saves.len() * ivp.u0.len());
    let mut states = vec![0.0; which.count * row];
    let stats = paths(method.stepper, ivp, settings, which, saves, &mut states)?;
    let count = which.count as f64;
    let (mut mean, mut variance) = (vec![0.0; row], vec![0.0; row]);
    for path in states.chunks_exact(row.max(1)) {
        mean.iter_mut().zip(path).for_each(|(m, x)| *m += x / count);
    }
    for path in states.chunks_exact(row.max(1)) {
        for ((v, x), m) in variance.iter_mut().zip(path).zip(&mean) {
            *v += (x - m) * (x - m) / (count - 1.0);
        }
    }
    let (mut by_mean, mut by_variance) = (vec![0.0; row], vec![0.0; row]);
    let moments = Moments { mean: &mean, variance: &variance };
    let value = loss(moments, &mut by_mean, &mut by_variance);
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
    let mut totals = vec![0.0; saves.len()];
    for path in states.chunks_exact(row.max(1)) {
        totals.iter_mut().enumerate().for_each(|(save, total)| *total += worth(path, save));
    }
    let mut result =
        over_paths(method, ivp, settings, which, saves, &|k, u, by_state, weights| {
            for (i, slope) in by_state.iter_mut().enumerate() {
                *slope = by_mean[i] + 2.0 * by_variance[i] * factor * (u[i] - mean[i]);
            }
            let first = &states[k * row..(k + 1) * row];
            for (save, weight) in weights.iter_mut().enumerate() {
                *weight = worth(u, save) - baseline(totals[save], worth(first, save), which.count);
            }
            0.0
        })?;
    result.forward += stats;
    (result.loss, result.loss_error) = (value, f64::NAN);
    Ok(result)
}

/// The mean of all other values.
fn baseline(total: f64, own: f64, count: usize) -> f64 {
    if count < 2 { 0.0 } else { (total - own) / (count - 1) as f64 }
}

/// The loss of path `k`, as [`PathLoss`].
type Numbered<'a> = dyn Fn(usize, &[f64], &mut [f64], &mut [f64]) -> f64 + Sync + 'a;

/// Sums over the paths of a portion: of the loss and of all derivatives, and of their squares.
#[derive(Default)]
struct Portion {
    sums: Vec<f64>,
    squares: Vec<f64>,
    forward: Stats,
    products: u64,
    error: Option<SolveError>,
}

/// Means of losses and gradients over paths, with standard errors.
fn over_paths(
    method: PathMethod<'_>,
    ivp: &Ivp<'_>,
    settings: &Settings,
    which: Paths,
    saves: &[f64],
    loss: &Numbered<'_>,
) -> Result<MeanGradient, SolveError> {
    if which.count == 0 {
        return Err(SolveError::Invalid("a mean needs at least one path".into()));
    }
    let (n, p) = (ivp.u0.len(), ivp.p.len());
    let portions: Vec<Mutex<Portion>> =
        (0..which.count.div_ceil(PORTION)).map(|_| Mutex::default()).collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if which.threads == 0 { cores } else { which.threads }.min(portions.len());
    // Portions behind one that failed need not be computed.
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
    let work = || {
        let mut gradient = (method.gradient)();
        let mut settings = settings.clone();
        let mut row = vec![0.0; 1 + n + p];
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(portion) = portions.get(index) else { return };
            let Ok(mut portion) = portion.lock() else { return };
            if index > failed.load(Ordering::Relaxed) {
                continue;
            }
            portion.sums.resize(row.len(), 0.0);
            portion.squares.resize(row.len(), 0.0);
            for k in index * PORTION..((index + 1) * PORTION).min(which.count) {
                settings.path = which.first + k as u64;
                let mut numbered = |u: &[f64], by_state: &mut [f64], weights: &mut [f64]| {
                    loss(k, u, by_state, weights)
                };
                let (value, slopes) = row.split_at_mut(1);
                let (by_u0, by_p) = slopes.split_at_mut(n);
                match gradient.path_gradient(ivp, &settings, saves, &mut numbered, by_u0, by_p) {
                    Ok(evaluated) => {
                        value[0] = evaluated.loss;
                        portion.forward += evaluated.forward;
                        portion.products += evaluated.reverse_products;
                    }
                    Err(error) => {
                        portion.error = Some(error);
                        failed.fetch_min(index, Ordering::Relaxed);
                        break;
                    }
                }
                let Portion { sums, squares, .. } = &mut *portion;
                for ((sum, square), x) in sums.iter_mut().zip(squares).zip(&row) {
                    *sum += x;
                    *square += x * x;
                }
            }
        }
    };
    if threads <= 1 {
        work();
    } else {
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
    }
    let mut all =
        Portion { sums: vec![0.0; 1 + n + p], squares: vec![0.0; 1 + n + p], ..Portion::default() };
    for portion in portions {
        let portion = portion.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(error) = portion.error {
            return Err(error);
        }
        all.sums.iter_mut().zip(&portion.sums).for_each(|(a, b)| *a += b);
        all.squares.iter_mut().zip(&portion.squares).for_each(|(a, b)| *a += b);
        all.forward += portion.forward;
        all.products += portion.products;
    }
    Ok(all.finish(which.count as f64, n))
}

impl Portion {
    fn finish(self, count: f64, n: usize) -> MeanGradient {
        let means: Vec<f64> = self.sums.iter().map(|sum| sum / count).collect();
        let error = |(square, mean): (&f64, &f64)| {
            // Rounding may leave less than nothing.
            let variance = (square / count - mean * mean).max(0.0) * count / (count - 1.0);
            (variance / count).sqrt()
        };
        let errors: Vec<f64> = self.squares.iter().zip(&means).map(error).collect();
        MeanGradient {
            loss: means[0],
            loss_error: errors[0],
            by_u0: means[1..=n].to_vec(),
            by_u0_error: errors[1..=n].to_vec(),
            by_p: means[1 + n..].to_vec(),
            by_p_error: errors[1 + n..].to_vec(),
            forward: self.forward,
            reverse_products: self.products,
        }
    }
}
