//! The Levenberg–Marquardt method with Moré's scaling and Nielsen's damping (Marquardt 1963; Moré
//! 1978; Nielsen, *Damping parameter in Marquardt's method*, IMM-REP-1999-05).
//!
//! Works on a value with its gradient and an approximate, positive semidefinite second derivative:
//! `2 JᵀJ` for sums of squares, the Fisher information for likelihoods (then it is damped Fisher
//! scoring). Only steps that lower the value are taken.

use super::{StepError, Stepped, all_finite, cholesky, dot, max_abs};

/// The function to minimise: returns its value at the point and writes its gradient and
/// approximate second derivative (`n × n`, row by row).
pub type InformationFn<'a> =
    dyn FnMut(&[f64], &mut [f64], &mut [f64]) -> Result<f64, StepError> + 'a;

/// Settings of Levenberg–Marquardt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevenbergMarquardtSettings {
    /// Damping at the beginning, relative to the diagonal of the second derivative.
    pub damping: f64,
    /// Longest step in any coordinate.
    pub longest_step: f64,
    /// Value relative to which changes are small: the greater of this and the value itself.
    pub unit: f64,
    /// Largest component of the gradient, relative to the value, that counts as zero.
    pub gradient_tolerance: f64,
    /// Relative decrease that counts as none; three in a row end the search.
    pub decrease_tolerance: f64,
    /// Steps tried in one iteration before the search counts as exhausted.
    pub trials: u32,
}

impl Default for LevenbergMarquardtSettings {
    fn default() -> Self {
        LevenbergMarquardtSettings {
            damping: 1e-3,
            longest_step: 10.0,
            unit: 0.0,
            gradient_tolerance: 1e-10,
            decrease_tolerance: 1e-12,
            trials: 25,
        }
    }
}

/// State of Levenberg–Marquardt: everything that the next iteration depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct LevenbergMarquardt {
    /// Where it is.
    pub z: Vec<f64>,
    /// Value there.
    pub loss: f64,
    /// Gradient there.
    pub gradient: Vec<f64>,
    /// Approximate second derivative there, row by row.
    pub information: Vec<f64>,
    /// Largest diagonal of it so far, the scale of the damping.
    pub scale: Vec<f64>,
    /// Damping.
    pub damping: f64,
    /// Factor by which the next failure raises it.
    pub growth: f64,
    /// Iterations in a row without noticeable decrease.
    pub small_decreases: u32,
    /// Iterations done.
    pub steps: u64,
}

impl LevenbergMarquardt {
    /// Starts at `z`, which is evaluated.
    ///
    /// # Errors
    /// That of the evaluation.
    pub fn start(
        z: Vec<f64>,
        settings: &LevenbergMarquardtSettings,
        evaluate: &mut InformationFn<'_>,
    ) -> Result<LevenbergMarquardt, StepError> {
        let n = z.len();
        let (mut gradient, mut information) = (vec![0.0; n], vec![0.0; n * n]);
        let loss = evaluate_finite(evaluate, &z, &mut gradient, &mut information)?;
        let mut start = LevenbergMarquardt {
            z,
            loss,
            gradient,
            information,
            scale: vec![0.0; n],
            damping: settings.damping,
            growth: 2.0,
            small_decreases: 0,
            steps: 0,
        };
        start.rescale();
        Ok(start)
    }

    /// One iteration: raises the damping until a step lowers the value. A failed evaluation is a
    /// step too long.
    ///
    /// # Errors
    /// [`StepError::Interrupted`]; the state is then as before.
    pub fn step(
        &mut self,
        settings: &LevenbergMarquardtSettings,
        work: &mut LevenbergMarquardtWork,
        evaluate: &mut InformationFn<'_>,
    ) -> Result<Stepped, StepError> {
        let n = self.z.len();
        work.resize(n);
        let unit = self.loss.abs().max(settings.unit);
        let steepest = max_abs(&self.gradient);
        if steepest == 0.0 || steepest <= settings.gradient_tolerance * unit {
            return Ok(Stepped::Stationary);
        }
        let (mut damping, mut growth) = (self.damping, self.growth);
        for _ in 0..settings.trials {
            let predicted = self.propose(damping, work);
            let mut found = None;
            if predicted > 0.0 && max_abs(&work.step) <= settings.longest_step {
                for ((trial, z), s) in work.z.iter_mut().zip(&self.z).zip(&work.step) {
                    *trial = z + s;
                }
                if work.z == self.z {
                    return Ok(Stepped::Exhausted);
                }
                match evaluate_finite(evaluate, &work.z, &mut work.gradient, &mut work.information)
                {
                    Ok(value) if value < self.loss => found = Some(value),
                    Ok(_) | Err(StepError::Failed) => {}
                    Err(StepError::Interrupted) => return Err(StepError::Interrupted),
                }
            }
            let Some(value) = found else {
                damping *= growth;
                growth *= 2.0;
                continue;
            };
            let decrease = self.loss - value;
            let excess = 2.0 * decrease / predicted - 1.0;
            self.damping = damping * (1.0 - excess.powi(3)).clamp(1.0 / 3.0, 2.0);
            self.growth = 2.0;
            self.loss = value;
            std::mem::swap(&mut self.z, &mut work.z);
            std::mem::swap(&mut self.gradient, &mut work.gradient);
            std::mem::swap(&mut self.information, &mut work.information);
            self.rescale();
            self.steps += 1;
            if decrease <= settings.decrease_tolerance * unit {
                self.small_decreases += 1;
            } else {
                self.small_decreases = 0;
            }
            return Ok(if self.small_decreases >= 3 { Stepped::Settled } else { Stepped::Moved });
        }
        Ok(Stepped::Exhausted)
    }

    /// Writes the step with this damping and returns the decrease that the quadratic model
    /// predicts; 0 when the matrix is singular.
    fn propose(&self, damping: f64, work: &mut LevenbergMarquardtWork) -> f64 {
        let n = self.z.len();
        work.matrix.copy_from_slice(&self.information);
        for i in 0..n {
            // Without any curvature along a coordinate, one keeps the matrix regular.
            let scale = if self.scale[i] > 0.0 { self.scale[i] } else { 1.0 };
            work.matrix[i * n + i] += damping * scale;
            work.step[i] = -self.gradient[i];
        }
        if !cholesky::solve(&mut work.matrix, &mut work.step) || !all_finite(&work.step) {
            return 0.0;
        }
        let bend: f64 = (0..n)
            .map(|i| work.step[i] * dot(&self.information[i * n..(i + 1) * n], &work.step))
            .sum();
        -dot(&self.gradient, &work.step) - 0.5 * bend
    }

    fn rescale(&mut self) {
        let n = self.z.len();
        for (i, scale) in self.scale.iter_mut().enumerate() {
            *scale = scale.max(self.information[i * n + i]);
        }
    }
}

fn evaluate_finite(
    evaluate: &mut InformationFn<'_>,
    z: &[f64],
    gradient: &mut [f64],
    information: &mut [f64],
) -> Result<f64, StepError> {
    let value = evaluate(z, gradient, information)?;
    let finite = value.is_finite() && all_finite(gradient) && all_finite(information);
    if finite { Ok(value) } else { Err(StepError::Failed) }
}

/// Work arrays of [`LevenbergMarquardt::step`]; not part of the state.
#[derive(Debug, Clone, Default)]
pub struct LevenbergMarquardtWork {
    z: Vec<f64>,
    step: Vec<f64>,
    gradient: Vec<f64>,
    information: Vec<f64>,
    matrix: Vec<f64>,
}

impl LevenbergMarquardtWork {
    fn resize(&mut self, n: usize) {
        for v in [&mut self.z, &mut self.step, &mut self.gradient] {
            v.resize(n, 0.0);
        }
        for v in [&mut self.information, &mut self.matrix] {
            v.resize(n * n, 0.0);
        }
    }
}
