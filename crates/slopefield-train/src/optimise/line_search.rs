//! Line search for the strong Wolfe conditions (Nocedal and Wright, Numerical Optimization,
//! algorithms 3.5 and 3.6), with the approximate conditions of Hager and Zhang (2005) for values
//! that differ by no more than their own noise.
//!
//! A failed evaluation is a place too far: the search steps back from it.

use super::{EvaluateFn, StepError, dot, evaluate_finite};

/// Constants of the search.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conditions {
    /// Sufficient decrease.
    pub c1: f64,
    /// Curvature.
    pub c2: f64,
    /// Difference of values that means nothing.
    pub noise: f64,
    /// Longest step.
    pub longest: f64,
    /// Evaluations at most.
    pub evaluations: u32,
}

/// A point on the line.
#[derive(Debug, Clone, Copy)]
struct Trial {
    step: f64,
    value: f64,
    slope: f64,
}

/// The line `z + step · direction`, and the best point found on it so far (`low_*`).
pub(super) struct Line<'a> {
    pub z: &'a [f64],
    pub direction: &'a [f64],
    pub trial_z: &'a mut Vec<f64>,
    pub trial_gradient: &'a mut Vec<f64>,
    pub low_z: &'a mut Vec<f64>,
    pub low_gradient: &'a mut Vec<f64>,
}

impl Line<'_> {
    /// Evaluates at a step; a failure has an infinite value.
    fn at(&mut self, step: f64, evaluate: &mut EvaluateFn<'_>) -> Result<Trial, StepError> {
        for ((trial, z), d) in self.trial_z.iter_mut().zip(self.z).zip(self.direction) {
            *trial = z + step * d;
        }
        match evaluate_finite(evaluate, self.trial_z, self.trial_gradient) {
            Ok(value) => Ok(Trial { step, value, slope: dot(self.trial_gradient, self.direction) }),
            Err(StepError::Failed) => {
                Ok(Trial { step, value: f64::INFINITY, slope: f64::INFINITY })
            }
            Err(StepError::Interrupted) => Err(StepError::Interrupted),
        }
    }

    fn keep(&mut self) {
        std::mem::swap(self.trial_z, self.low_z);
        std::mem::swap(self.trial_gradient, self.low_gradient);
    }

    /// Looks for a step from `value` with negative `slope`, first trying `step`. Returns the value
    /// found, with place and gradient in `low_z` and `low_gradient`; `None` when nothing lower
    /// exists within reach.
    pub fn search(
        &mut self,
        value: f64,
        slope: f64,
        step: f64,
        conditions: &Conditions,
        evaluate: &mut EvaluateFn<'_>,
    ) -> Result<Option<f64>, StepError> {
        let origin = Trial { step: 0.0, value, slope };
        let enough = |t: &Trial| t.value <= value + conditions.c1 * t.step * slope;
        let accept = |t: &Trial| {
            let wolfe = enough(t) && t.slope.abs() <= conditions.c2 * -slope;
            let approximate = t.value <= value + conditions.noise
                && t.slope <= (2.0 * conditions.c1 - 1.0) * slope
                && t.slope >= conditions.c2 * slope;
            t.value.is_finite() && (wolfe || approximate)
        };

        // Grow until the minimum is bracketed between `low` and `high`.
        let mut low = origin;
        let mut high = None;
        let mut next = step.min(conditions.longest);
        let mut left = conditions.evaluations;
        while left > 0 {
            left -= 1;
            let t = self.at(next, evaluate)?;
            if accept(&t) {
                self.keep();
                return Ok(Some(t.value));
            }
            if !enough(&t) || (low.step > 0.0 && t.value >= low.value) {
                high = Some(t);
                break;
            }
            self.keep();
            if t.slope >= 0.0 {
                high = Some(low);
                low = t;
                break;
            }
            low = t;
            if next >= conditions.longest {
                return Ok(Some(t.value));
            }
            next = (4.0 * next).min(conditions.longest);
        }

        // Shrink the bracket. `low` has the least value known and a slope towards `high`.
        if let Some(mut high) = high {
            while left > 0 {
                let width = high.step - low.step;
                if width.abs() <= 1e-14 * low.step.abs().max(high.step.abs()) {
                    break;
                }
                left -= 1;
                let t = self.at(low.step + width * share(&low, &high), evaluate)?;
                if accept(&t) {
                    self.keep();
                    return Ok(Some(t.value));
                }
                if !enough(&t) || t.value >= low.value {
                    high = t;
                } else {
                    self.keep();
                    if t.slope * width >= 0.0 {
                        high = low;
                    }
                    low = t;
                }
            }
        }
        Ok((low.step > 0.0).then_some(low.value))
    }
}

/// Where between `low` (0) and `high` (1) to try next: the minimiser of the cubic through both,
/// kept off the ends; a quarter when `high` failed.
fn share(low: &Trial, high: &Trial) -> f64 {
    if !high.value.is_finite() {
        return 0.25;
    }
    let width = high.step - low.step;
    let (d0, d1) = (low.slope * width, high.slope * width);
    let theta = 3.0 * (low.value - high.value) + d0 + d1;
    let root = (theta * theta - d0 * d1).sqrt();
    let share = 1.0 - (d1 + root - theta) / (d1 - d0 + 2.0 * root);
    if share.is_finite() { share.clamp(0.1, 0.9) } else { 0.5 }
}
