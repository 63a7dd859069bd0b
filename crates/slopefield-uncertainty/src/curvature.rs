//! The observed information: second derivatives of the loss at a fit.

use crate::minimise::{Basis, minimise};
use slopefield_train::{Control, Failure, Objective};

/// A fit and the second derivatives of the loss around it, in the optimiser's coordinates `z`.
#[derive(Debug, Clone, PartialEq)]
pub struct Curvature {
    /// The fit, moved to the very minimum of the loss.
    pub z: Vec<f64>,
    /// Its parameters.
    pub theta: Vec<f64>,
    /// `scale ·` loss there.
    pub loss: f64,
    /// What the loss is multiplied with to be a negative log-likelihood: 1, or `1/(2σ̂²)` when all
    /// observations are least squares.
    pub scale: f64,
    /// `σ̂`, estimated from the residuals, when all observations are least squares.
    pub sigma: Option<f64>,
    /// Second derivatives of `scale ·` loss, `n × n`; rows of held parameters are 0.
    pub information: Vec<f64>,
    /// Size of the errors of `information`: largest asymmetry of the differences.
    pub error: f64,
    /// Parameters that lie on a bound; they are held there.
    pub held: Vec<bool>,
}

/// An assessment that cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AssessError {
    /// No scale of the noise.
    #[error(
        "some observations have a noise model and others are least squares; give all of them a \
         noise model, such as `with normal(sigma)`"
    )]
    Mixed,
    /// Least squares with priors or a penalty: the weight of one against the other is unknown.
    #[error(
        "least squares cannot be weighed against priors or a penalty; give the observations a \
         noise model, such as `with normal(sigma)`"
    )]
    Weighed,
    /// Too few points to estimate the noise.
    #[error("{points} points cannot tell {parameters} parameters and the size of the noise")]
    Points {
        /// Points.
        points: usize,
        /// Parameters.
        parameters: usize,
    },
    /// Nothing to be sure of.
    #[error("there are no free parameters")]
    NoParameters,
    /// A gradient that is none of the loss.
    #[error(
        "the gradient method `{0}` is not exact, so differences of its gradient are no curvature; \
         choose an exact one, such as `discrete`"
    )]
    Inexact(&'static str),
    /// The loss does not exist at or close to the fit.
    #[error("the loss cannot be computed close to the fit: {}", .0.message)]
    Failed(Box<Failure>),
    /// The curvature is no number.
    #[error("the second derivatives of the loss at the fit are not finite")]
    NotFinite,
    /// The loss cannot be built at all.
    #[error("{0}")]
    Objective(String),
    /// Somebody cancelled.
    #[error("stopped before there was a result")]
    Cancelled,
}

impl From<Failure> for AssessError {
    fn from(failure: Failure) -> AssessError {
        if failure.is_cancelled() {
            AssessError::Cancelled
        } else {
            AssessError::Failed(Box::new(failure))
        }
    }
}

impl Curvature {
    /// Curvature at the parameters `theta`, from where the loss is minimised first.
    ///
    /// # Errors
    /// See [`AssessError`].
    pub fn at(
        objective: &mut Objective,
        theta: &[f64],
        control: &Control,
    ) -> Result<Curvature, AssessError> {
        let n = objective.dimension();
        if n == 0 {
            return Err(AssessError::NoParameters);
        }
        let (method, exact) = objective.gradient_method();
        if !exact {
            return Err(AssessError::Inexact(method));
        }
        objective.set_cancel(Some(control.cancel.clone()));
        let held: Vec<bool> = objective
            .problem()
            .theta
            .iter()
            .zip(theta)
            .map(|(s, x)| on_bound(*x, s.bounds))
            .collect();
        let free: Vec<bool> = held.iter().map(|h| !h).collect();
        let mut z = objective.z(theta);
        let (mut scale, mut sigma) = noise(objective, &z, &free)?;
        let (mut information, mut error) = second(objective, &z, scale, &free)?;
        // Training ends where the loss has stopped falling, which may be a little off the minimum.
        for _ in 0..2 {
            let basis = Basis::new(&information, &free).ok_or(AssessError::NotFinite)?;
            let Some((moved, _)) = minimise(objective, scale, &z, &basis, control) else { break };
            let off: Vec<f64> = moved.iter().zip(&z).map(|(a, b)| a - b).collect();
            let far = quadratic(&information, &off);
            z = moved;
            (scale, sigma) = noise(objective, &z, &free)?;
            (information, error) = second(objective, &z, scale, &free)?;
            if far < 1e-4 {
                break;
            }
        }
        if control.cancelled() {
            return Err(AssessError::Cancelled);
        }
        let loss = scale * objective.evaluate(&z, 1.0, None)?.loss;
        let theta = objective.theta(&z);
        Ok(Curvature { theta, z, loss, scale, sigma, information, error, held })
    }

    /// Number of parameters.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.z.len()
    }

    /// Which parameters may move.
    #[must_use]
    pub fn free(&self) -> Vec<bool> {
        self.held.iter().map(|held| !held).collect()
    }
}

/// `xᵀ A x`.
fn quadratic(a: &[f64], x: &[f64]) -> f64 {
    let n = x.len();
    (0..n)
        .map(|i| x[i] * a[i * n..(i + 1) * n].iter().zip(x).map(|(a, x)| a * x).sum::<f64>())
        .sum()
}

/// Whether a value lies on a finite bound, but for 1e-5 of the width or of the bound's size.
fn on_bound(x: f64, (low, high): (f64, f64)) -> bool {
    let width = if (high - low).is_finite() { high - low } else { x.abs().max(1.0) };
    let near = |bound: f64| {
        bound.is_finite()
            && (x - bound).abs() <= 1e-5 * width.min(bound.abs().max(1e-300).max(width))
    };
    near(high) || near(low)
}

/// Scale of the loss and the estimated standard deviation of least squares.
fn noise(
    objective: &mut Objective,
    z: &[f64],
    free: &[bool],
) -> Result<(f64, Option<f64>), AssessError> {
    let problem = objective.problem();
    let likelihoods = problem.observations.iter().filter(|o| o.noise.has_likelihood()).count();
    if likelihoods == problem.observations.len() {
        return Ok((1.0, None));
    }
    if likelihoods > 0 {
        return Err(AssessError::Mixed);
    }
    if problem.l2 > 0.0 || problem.theta.iter().any(|s| s.prior.is_some()) {
        return Err(AssessError::Weighed);
    }
    let parameters = free.iter().filter(|f| **f).count();
    let at = objective.evaluate(z, 1.0, None)?;
    if at.points <= parameters {
        return Err(AssessError::Points { points: at.points, parameters });
    }
    let variance = at.sse / (at.points - parameters) as f64;
    // A perfect fit has no scatter to tell of; a number keeps everything else finite.
    let variance = variance.max(1e-300);
    Ok((0.5 / variance, Some(variance.sqrt())))
}

/// Second derivatives from differences of the exact gradient, extrapolated twice: steps `h` and
/// `h/2` leave an error of h⁴. The step is a tenth of the conditional standard error: the solver's
/// own errors, which jump with its steps, then weigh least.
fn second(
    objective: &mut Objective,
    z: &[f64],
    scale: f64,
    free: &[bool],
) -> Result<(Vec<f64>, f64), AssessError> {
    let n = z.len();
    let mut rows = vec![0.0; n * n];
    let (mut up, mut down, mut moved) = (vec![0.0; n], vec![0.0; n], z.to_vec());
    for j in (0..n).filter(|j| free[*j]) {
        let mut difference = |h: f64, out: &mut [f64]| -> Result<(), AssessError> {
            moved[j] = z[j] + h;
            objective.evaluate(&moved, 1.0, Some(&mut up))?;
            moved[j] = z[j] - h;
            objective.evaluate(&moved, 1.0, Some(&mut down))?;
            moved[j] = z[j];
            for (out, (up, down)) in out.iter_mut().zip(up.iter().zip(&down)) {
                *out = scale * (up - down) / (2.0 * h);
            }
            Ok(())
        };
        let (mut whole, mut half) = (vec![0.0; n], vec![0.0; n]);
        difference(1e-3, &mut whole)?;
        let h = (0.1 / whole[j].max(1e-300).sqrt()).clamp(1e-5, 0.05);
        difference(h, &mut whole)?;
        difference(0.5 * h, &mut half)?;
        for i in (0..n).filter(|i| free[*i]) {
            rows[j * n + i] = (4.0 * half[i] - whole[i]) / 3.0;
        }
    }
    let mut error = 0.0f64;
    for i in 0..n {
        for j in 0..i {
            let (a, b) = (rows[i * n + j], rows[j * n + i]);
            // Relative to the curvatures of both, so that units do not matter.
            let size = (rows[i * n + i].abs() * rows[j * n + j].abs()).sqrt().max(1e-300);
            error = error.max((a - b).abs() / size);
            (rows[i * n + j], rows[j * n + i]) = (0.5 * (a + b), 0.5 * (a + b));
        }
    }
    if !rows.iter().all(|x| x.is_finite()) {
        return Err(AssessError::NotFinite);
    }
    Ok((rows, if error.is_finite() { error.min(1.0) } else { 1.0 }))
}
