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

/// Any gradient method as one along paths: by its scores where it has some
/// ([`GradientMethod::along_paths`]), else pathwise.
pub struct AlongPaths {
    method: Box<dyn GradientMethod>,
    scores: bool,
}

impl AlongPaths {
    /// Of a method.
    #[must_use]
    pub fn new(mut method: Box<dyn GradientMethod>) -> Self {
        let scores = method.along_paths().is_some_and(|own| own.scores());
        AlongPaths { method, scores }
    }
}

impl PathGradient for AlongPaths {
    fn scores(&self) -> bool {
        self.scores
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
        if let Some(own) = self.method.along_paths() {
            return own.path_gradient(ivp, settings, saves, loss, grad_u0, grad_p);
        }
        pathwise(&mut *self.method, ivp, settings, saves, loss, grad_u0, grad_p)
    }
}

/// The gradient along a path that only Brownian motion drives, which has no scores.
fn pathwise(
    method: &mut dyn GradientMethod,
    ivp: &Ivp<'_>,
    settings: &Settings,
    saves: &[f64],
    loss: &mut PathLoss<'_>,
    grad_u0: &mut [f64],
    grad_p: &mut [f64],
) -> Result<Evaluated, SolveError> {
    let mut weights = vec![0.0; saves.len()];
    let mut plain = |u: &[f64], by_state: &mut [f64]| loss(u, by_state, &mut weights);
    method.evaluate(ivp, settings, saves, &mut plain, grad_u0, grad_p)
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
        pathwise(&mut *self.0, ivp, settings, saves, loss, grad_u0, grad_p)
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
    let mut result = over_paths(method, ivp, settings, which, saves, &|k, u, by: Slopes<'_>| {
        let value = loss(u, by.state);
        if let (Some(first), Some(last)) = (values.get(k), by.scores.last_mut()) {
            *last = value - baseline(total, *first, values.len());
        }
        value
    })?;
    result.forward += stats;
    Ok(result)
}

/// The mean of all other values.
pub(super) fn baseline(total: f64, own: f64, count: usize) -> f64 {
    if count < 2 { 0.0 } else { (total - own) / (count - 1) as f64 }
}

/// What the loss of a path writes, all given zeroed.
pub(super) struct Slopes<'a> {
    /// Derivatives by the states at the save times,
    pub state: &'a mut [f64],
    /// past them by the parameters,
    pub p: &'a mut [f64],
    /// and weights of the scores until each save time.
    pub scores: &'a mut [f64],
}

/// The loss of path `k`, as [`PathLoss`].
pub(super) type Numbered<'a> = dyn Fn(usize, &[f64], Slopes<'_>) -> f64 + Sync + 'a;

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
pub(super) fn over_paths(
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
        let mut direct = vec![0.0; p];
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
                direct.fill(0.0);
                let mut numbered = |u: &[f64], state: &mut [f64], scores: &mut [f64]| {
                    loss(k, u, Slopes { state, p: &mut direct, scores })
                };
                let (value, slopes) = row.split_at_mut(1);
                let (by_u0, by_p) = slopes.split_at_mut(n);
                match gradient.path_gradient(ivp, &settings, saves, &mut numbered, by_u0, by_p) {
                    Ok(evaluated) => {
                        value[0] = evaluated.loss;
                        portion.forward += evaluated.forward;
                        portion.products += evaluated.reverse_products;
                        by_p.iter_mut().zip(&direct).for_each(|(g, d)| *g += d);
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
