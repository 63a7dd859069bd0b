//! Fits to other data (bootstrap) and from other starts (ensemble).

use crate::bands::outputs;
use crate::curvature::{AssessError, Curvature};
use crate::fits::{Fits, Refits};
use crate::minimise::{Basis, minimise};
use crate::scatter::{gauss, measurement, uniform};
use nuts_rs::rand::{RngExt, SeedableRng, rngs::StdRng};
use slopefield_train::{
    Censoring, Control, Lender, NoiseKind, Objective, ParamKind, Problem, Recipe, Series, Start,
    train,
};

/// Where the data of a bootstrap come from (B. Efron, R. Tibshirani, An Introduction to the
/// Bootstrap, 1993).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resampling {
    /// Drawn from the noise models around the fit.
    #[default]
    Parametric,
    /// The fit plus residuals drawn with replacement, in units of the noise; observations whose
    /// noise is no shift of the value (counts, probabilities) have their points drawn instead.
    Residual,
    /// Points drawn with replacement.
    Case,
}

/// Refits to `count` sets of new data, each from the fit. Where something is lent that differentiates many
/// trajectories at once, up to 1,024 refits go in lockstep, and their gradients come from there until they are
/// near the minimum; the processor goes on from there.
///
/// # Errors
/// Objectives that cannot be made, and cancelling before the first refit.
#[expect(clippy::too_many_arguments, reason = "each says something else")]
pub fn bootstrap<E: std::fmt::Display>(
    make: &(dyn Fn(Option<Problem>) -> Result<Objective, E> + Sync),
    curvature: &Curvature,
    resampling: Resampling,
    count: usize,
    seed: u64,
    elsewhere: Option<&dyn Lender>,
    control: &Control,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Refits, AssessError> {
    let basis =
        Basis::new(&curvature.information, &curvature.free()).ok_or(AssessError::NotFinite)?;
    let original = make(None).map_err(|e| AssessError::Objective(e.to_string()))?;
    let fitted = Fitted::new(&original, curvature);
    let problem = original.problem().clone();
    let of = |k: usize| {
        let new = fitted.resampled(&problem, resampling, &mut stream(seed, k));
        make(Some(new)).map_err(|e| e.to_string())
    };
    let fits = Fits { make: &of, same_data: false, elsewhere, control, progress };
    fits.run(count, &|_, objective| {
        let found = minimise(objective, curvature.scale, &curvature.z, &basis, control);
        found.map(|(z, loss)| (objective.theta(&z), loss / curvature.scale))
    })
}

/// Trains from `count` other starts with `recipe` and keeps the fits whose likelihood a test of
/// their ratio to the best does not reject: loss below the best (or the fit) plus half the 95 %
/// quantile of χ² with as many degrees of freedom as there are parameters that are no weights (at
/// least 1). Starts of parameters are normal around the study's with standard deviation `width` in
/// `z`; those of weights are the study's in another order and with other signs. Gradients of all stages but
/// the last fit come from elsewhere where that is lent, as in [`slopefield_train::train_from_many`].
///
/// # Errors
/// Objectives that cannot be made, and cancelling before the first fit.
#[expect(clippy::too_many_arguments, reason = "each says something else")]
pub fn ensemble<E: std::fmt::Display>(
    make: &(dyn Fn() -> Result<Objective, E> + Sync),
    curvature: &Curvature,
    recipe: &Recipe,
    width: f64,
    count: usize,
    seed: u64,
    elsewhere: Option<&dyn Lender>,
    control: &Control,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Refits, AssessError> {
    // The gradient has been checked when the fit was made.
    let recipe = Recipe { check_gradient: false, ..recipe.clone() };
    let recipe = if elsewhere.is_some() { recipe.for_elsewhere() } else { recipe };
    let of = |_: usize| make().map_err(|e| e.to_string());
    let fits = Fits { make: &of, same_data: true, elsewhere, control, progress };
    let mut all = fits.run(count, &|k, objective| {
        let start = another_start(objective, width, &mut stream(seed, k));
        let fit = train(objective, &recipe, Start::Theta(start), control, &mut |_| {});
        let usable = fit.stop_reason.is_success() && fit.horizon >= 1.0 && fit.loss.is_finite();
        usable.then_some((fit.theta, fit.loss))
    })?;
    all.thetas.push(curvature.theta.clone());
    all.losses.push(curvature.loss / curvature.scale);
    let best = all.losses.iter().copied().fold(f64::INFINITY, f64::min);
    let objective = make().map_err(|e| AssessError::Objective(e.to_string()))?;
    let theta = &objective.problem().theta;
    let freedom = theta.iter().filter(|s| s.kind == ParamKind::Scalar).count().max(1);
    let limit = best + 0.5 * chi_square_95(freedom) / curvature.scale;
    let keep: Vec<bool> = all.losses.iter().map(|loss| *loss <= limit).collect();
    let mut kept = keep.iter();
    all.thetas.retain(|_| kept.next() == Some(&true));
    let mut kept = keep.iter();
    all.losses.retain(|_| kept.next() == Some(&true));
    all.rejected = keep.len() - all.losses.len();
    Ok(all)
}

/// 95 % quantile of χ² (E. B. Wilson, M. M. Hilferty, PNAS 17 (1931)); exact for 1.
fn chi_square_95(freedom: usize) -> f64 {
    if freedom == 1 {
        return crate::THRESHOLD;
    }
    let k = 2.0 / (9.0 * freedom as f64);
    freedom as f64 * (1.0 - k + 1.644_853_626_951_472_2 * k.sqrt()).powi(3)
}

/// Random numbers of a refit.
fn stream(seed: u64, k: usize) -> StdRng {
    StdRng::seed_from_u64(seed ^ (k as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

fn another_start(objective: &Objective, width: f64, rng: &mut StdRng) -> Vec<f64> {
    let specs = &objective.problem().theta;
    let mut theta: Vec<f64> = specs.iter().map(|s| s.start).collect();
    for (i, z) in objective.z_start().iter().enumerate() {
        if specs[i].kind == ParamKind::Scalar {
            theta[i] = objective.transforms()[i].theta(z + width * gauss(rng)).0;
        }
    }
    // Weights of one array are alike: its name is what stands before the bracket.
    let array = |i: usize| specs[i].name.split('[').next().unwrap_or_default();
    let mut first = 0;
    while first < theta.len() {
        let same = |i: &usize| specs[*i].kind == ParamKind::Weight && array(*i) == array(first);
        let end = first + (first..theta.len()).take_while(same).count().max(1);
        if specs[first].kind == ParamKind::Weight {
            for i in (first + 1..end).rev() {
                let other = rng.random_range(first..=i);
                theta.swap(i, other);
            }
            theta[first..end].iter_mut().filter(|_| uniform(rng) < 0.5).for_each(|w| *w = -*w);
        }
        first = end;
    }
    theta
}

/// What the fit says at the training points of each series of each experiment.
struct Fitted {
    /// Value and noise arguments of each point, all outputs of the observation functions.
    rows: Vec<Vec<Vec<Vec<f64>>>>,
    sigma: Option<f64>,
}

/// Puts a new measurement in place of point `i`. Where a limit stands that the new one is beyond too, it would
/// not have been measured either.
fn measure(series: &mut Series, i: usize, drawn: f64) {
    let beyond = match series.censoring(i) {
        Censoring::Measured => false,
        Censoring::Below => drawn < series.values[i],
        Censoring::Above => drawn > series.values[i],
    };
    if beyond {
        return;
    }
    series.values[i] = drawn;
    if let Some(mark) = series.censored.get_mut(i) {
        *mark = Censoring::Measured;
    }
}

impl Fitted {
    fn new(objective: &Objective, curvature: &Curvature) -> Fitted {
        let problem = objective.problem();
        let width = problem.kernels.observe.shape().outputs.max(1);
        let of_series = |e: usize, times: &[f64]| -> Vec<Vec<f64>> {
            let mut order: Vec<usize> = (0..times.len()).collect();
            order.sort_by(|a, b| times[*a].total_cmp(&times[*b]));
            let sorted: Vec<f64> = order.iter().map(|i| times[*i]).collect();
            let flat = outputs(objective, &curvature.theta, e, &sorted);
            let mut rows = vec![Vec::new(); times.len()];
            for (row, i) in flat.chunks(width).zip(order) {
                rows[i] = row.to_vec();
            }
            rows
        };
        let experiments = problem.experiments.iter().enumerate();
        let rows = experiments
            .map(|(e, spec)| spec.series.iter().map(|s| of_series(e, &s.times)).collect())
            .collect();
        Fitted { rows, sigma: curvature.sigma }
    }

    /// The problem with new data. Held-out and missing points stay as they are.
    fn resampled(&self, problem: &Problem, resampling: Resampling, rng: &mut StdRng) -> Problem {
        let mut new = problem.clone();
        for (experiment, rows) in new.experiments.iter_mut().zip(&self.rows) {
            for (series, rows) in experiment.series.iter_mut().zip(rows) {
                let spec = &problem.observations[series.observation];
                let points: Vec<usize> = (0..series.times.len())
                    .filter(|i| !series.is_held_out(*i) && series.values[*i].is_finite())
                    .collect();
                if points.is_empty() {
                    continue;
                }
                let old = series.clone();
                // Residuals are known where something was measured.
                let known: Vec<usize> = points
                    .iter()
                    .copied()
                    .filter(|i| old.censoring(*i) == Censoring::Measured)
                    .collect();
                let any = |of: &[usize], rng: &mut StdRng| of[rng.random_range(0..of.len())];
                let parts = |i: usize| (rows[i][spec.value], &rows[i][spec.noise_args.clone()]);
                let shift = Shift::of(spec.noise).filter(|_| !known.is_empty());
                for i in &points {
                    let (value, arguments) = parts(*i);
                    match (resampling, &shift) {
                        (Resampling::Parametric, _) => {
                            let drawn = measurement(spec.noise, value, arguments, self.sigma, rng);
                            measure(series, *i, drawn);
                        }
                        (Resampling::Residual, Some(shift)) => {
                            let from = any(&known, rng);
                            let (other, theirs) = parts(from);
                            let residual = shift.residual(old.values[from], other, theirs);
                            measure(series, *i, shift.moved(value, residual, arguments));
                        }
                        (Resampling::Residual, None) | (Resampling::Case, _) => {
                            let from = any(&points, rng);
                            series.times[*i] = old.times[from];
                            series.values[*i] = old.values[from];
                            if let Some(mark) = series.censored.get_mut(*i) {
                                *mark = old.censoring(from);
                            }
                            if let Some(weight) = series.weights.get_mut(*i) {
                                *weight = old.weight(from);
                            }
                        }
                    }
                }
            }
        }
        new
    }
}

/// How a residual is taken off and put on again.
#[derive(Clone, Copy)]
enum Shift {
    /// Plain difference.
    Plain,
    /// Difference in units of the noise argument in this place.
    Scaled(usize),
    /// Difference of logarithms in units of the first noise argument.
    Logarithm,
}

impl Shift {
    fn of(kind: NoiseKind) -> Option<Shift> {
        match kind {
            NoiseKind::LeastSquares => Some(Shift::Plain),
            NoiseKind::Normal | NoiseKind::Laplace => Some(Shift::Scaled(0)),
            NoiseKind::StudentT => Some(Shift::Scaled(1)),
            NoiseKind::LogNormal => Some(Shift::Logarithm),
            _ => None,
        }
    }

    fn residual(self, measured: f64, value: f64, arguments: &[f64]) -> f64 {
        match self {
            Shift::Plain => measured - value,
            Shift::Scaled(k) => (measured - value) / arguments[k],
            Shift::Logarithm => (measured / value).ln() / arguments[0],
        }
    }

    fn moved(self, value: f64, residual: f64, arguments: &[f64]) -> f64 {
        match self {
            Shift::Plain => value + residual,
            Shift::Scaled(k) => value + residual * arguments[k],
            Shift::Logarithm => value * (residual * arguments[0]).exp(),
        }
    }
}
