//! Adaptive step-size control.
//!
//! A controller sees the scaled error of an attempted step and answers how long the next one
//! should be, as a factor on the step just tried. It never evaluates the right-hand side.
//!
//! The proportional–integral form and its exponents follow Gustafsson, *Control theoretic
//! techniques for stepsize selection in explicit Runge–Kutta methods*, ACM TOMS 17 (1991) 533,
//! doi:10.1145/210232.210242; safety factor and limits follow Hairer, Nørsett, Wanner, *Solving
//! ODEs I*, section II.4.

use crate::step_rules::{EXP2, LOG2, LOG2_SMALLEST_REMEMBERED, SMALLEST_SQUARE};

/// PI step-size controller: `factor = safety · err^−α · err_prev^β`, limited from both sides.
#[derive(Debug, Clone)]
pub struct PiController {
    /// Exponent of the present error.
    pub alpha: f64,
    /// Exponent of the previous error; 0 gives the plain integral controller.
    pub beta: f64,
    /// Aim below the tolerance by this factor.
    pub safety: f64,
    /// The step never shrinks by more than this at once.
    pub min_factor: f64,
    /// The step never grows by more than this at once.
    pub max_factor: f64,
    /// Length of the previous accepted step, where the controller predicts.
    predictive: bool,
    previous_length: f64,
    log2_previous: f64,
    after_rejection: bool,
}

/// RADAU5 remembers no error below a hundredth of the tolerance.
const LOG2_SMALLEST_PREDICTED: f64 = -6.643_856_189_774_724;

impl PiController {
    /// Gustafsson's constants `α = 0.7/q`, `β = 0.4/q` for an error estimate of size `O(h^q)`,
    /// that is `q` = embedded order + 1.
    pub fn for_error_order(q: u32) -> Self {
        let q = f64::from(q);
        PiController {
            alpha: 0.7 / q,
            beta: 0.4 / q,
            safety: 0.9,
            min_factor: 0.2,
            max_factor: 10.0,
            predictive: false,
            previous_length: 0.0,
            log2_previous: LOG2_SMALLEST_REMEMBERED,
            after_rejection: false,
        }
    }

    /// Gustafsson's predictive controller for implicit methods with an error estimate of size
    /// `O(h^q)`, with the constants of RADAU5. Where the error coefficient grows or falls, as in
    /// and after transients, it expects that to go on: the factor is the lesser of
    /// `safety · err^(−1/q)` and `safety · h/h_prev · (err_prev/err²)^(1/q)` (Hairer, Wanner,
    /// *Solving ODEs II*, eq. IV.8.25; Gustafsson, ACM TOMS 20 (1994) 496,
    /// doi:10.1145/198429.198437).
    pub fn predictive(q: u32) -> Self {
        PiController {
            alpha: 1.0 / f64::from(q),
            beta: 0.0,
            max_factor: 8.0,
            predictive: true,
            ..Self::for_error_order(q)
        }
    }

    /// Forgets the previous solve.
    pub fn reset(&mut self) {
        self.previous_length = 0.0;
        self.log2_previous = LOG2_SMALLEST_REMEMBERED;
        self.after_rejection = false;
    }

    /// Factor for the next step after a step with error norm `err` ≤ 1 was accepted, given the
    /// norm's square. Does not grow the step right after a rejection.
    pub fn accepted(&mut self, squared_error: f64) -> f64 {
        let log2_error = 0.5 * log2(within(squared_error, SMALLEST_SQUARE, f64::MAX));
        let wanted = self.safety * exp2(self.beta * self.log2_previous - self.alpha * log2_error);
        self.log2_previous = log2_error.max(LOG2_SMALLEST_REMEMBERED);
        let ceiling = if self.after_rejection { 1.0 } else { self.max_factor };
        self.after_rejection = false;
        within(wanted, self.min_factor, ceiling)
    }

    /// Like [`PiController::accepted`] for a step of length `length` > 0.
    #[inline]
    pub fn accepted_step(&mut self, squared_error: f64, length: f64) -> f64 {
        if self.predictive {
            self.predicted(squared_error, length)
        } else {
            self.accepted(squared_error)
        }
    }

    fn predicted(&mut self, squared_error: f64, length: f64) -> f64 {
        let log2_error = 0.5 * log2(within(squared_error, SMALLEST_SQUARE, f64::MAX));
        let ceiling = if self.after_rejection { 1.0 } else { self.max_factor };
        let mut factor = self.safety * exp2(-self.alpha * log2_error);
        if self.previous_length > 0.0 {
            let gain = length / self.previous_length;
            let log2_ahead = 2.0 * log2_error - self.log2_previous;
            factor = factor.min(self.safety * gain * exp2(-self.alpha * log2_ahead));
        }
        self.previous_length = length;
        self.log2_previous = log2_error.max(LOG2_SMALLEST_PREDICTED);
        self.after_rejection = false;
        within(factor, self.min_factor, ceiling)
    }

    /// Factor for another attempt after a step with finite error norm `err` > 1 was rejected,
    /// given the norm's square.
    pub fn rejected(&mut self, squared_error: f64) -> f64 {
        self.after_rejection = true;
        let q_inverse = self.alpha + 0.75 * self.beta; // 1/q for the constants above
        let log2_error = 0.5 * log2(squared_error.min(1.0 / SMALLEST_SQUARE));
        (self.safety * exp2(-q_inverse * log2_error)).clamp(self.min_factor, 0.95)
    }

    /// Factor for another attempt after a step whose result was not finite.
    pub fn rejected_non_finite(&mut self) -> f64 {
        self.after_rejection = true;
        0.5 * self.min_factor
    }
}

/// `x` limited from both sides. Rarely is it, and the next step waits for the result, so this is
/// a branch that the processor foresees and not a chain of comparisons.
#[inline(always)]
pub(crate) fn within(x: f64, low: f64, high: f64) -> f64 {
    if x >= low && x <= high { x } else { limited(x, low, high) }
}

#[cold]
#[inline(never)]
fn limited(x: f64, low: f64, high: f64) -> f64 {
    x.max(low).min(high)
}

/// Base-2 logarithm to about 3e-6, for positive normal numbers. Built from additions and
/// multiplications alone, so step sequences do not depend on the platform's mathematical library.
/// The next step waits for the result: the polynomial (best for the relative error of the
/// logarithm of 1 + r) is summed in pairs, which is a shorter way than a quotient.
fn log2(x: f64) -> f64 {
    const SQRT_HALF_BITS: i64 = 0x3FE6_A09E_667F_3BCD;
    const C: [f64; 6] = LOG2;
    let bits = x.to_bits() as i64;
    // Exponent such that the rest lies in [1/√2, √2); the shift keeps the sign.
    let exponent = (bits - SQRT_HALF_BITS) >> 52;
    let r = f64::from_bits((bits - (exponent << 52)) as u64) - 1.0;
    let r2 = r * r;
    let low = (C[0] + C[1] * r) + (C[2] + C[3] * r) * r2;
    exponent as f64 + r * (low + (C[4] + C[5] * r) * (r2 * r2))
}

/// Power of 2 to about 3e-6 relative, for |x| < 1000; see [`log2`] for why and how.
fn exp2(x: f64) -> f64 {
    // Adding 1.5·2^52 rounds to a whole number, which then is the low end of the bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const C: [f64; 5] = EXP2;
    let shifted = x + ROUND;
    let y = x - (shifted - ROUND);
    let y2 = y * y;
    let series = (C[0] + C[1] * y) + ((C[2] + C[3] * y) + C[4] * y2) * y2;
    series * f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52)
}

#[cfg(test)]
mod tests {
    use super::{PiController, exp2, log2};

    #[test]
    fn the_platform_free_power_is_accurate_enough() {
        for i in -400..400 {
            let x = 1.093_f64.powi(i);
            assert!((log2(x) - x.log2()).abs() < 3e-6, "log2({x})");
        }
        for i in -4000..4000 {
            let x = f64::from(i) * 0.0113;
            assert!((exp2(x) / x.exp2() - 1.0).abs() < 3e-6, "exp2({x})");
        }
    }

    #[test]
    fn an_error_at_the_tolerance_repeats_the_step_with_safety() {
        let mut controller = PiController::for_error_order(5);
        controller.accepted(1.0);
        // With err = err_prev = 1 both powers are 1.
        assert!((controller.accepted(1.0) - 0.9).abs() < 1e-5);
    }

    #[test]
    fn limits_hold_and_rejections_stop_growth() {
        let mut controller = PiController::for_error_order(5);
        assert_eq!(controller.accepted(0.0), 10.0);
        assert_eq!(controller.rejected(1e300), 0.2);
        assert_eq!(controller.accepted(0.0), 1.0);
        assert_eq!(controller.accepted(0.0), 10.0);
        assert!(controller.rejected(1.0 + 1e-12) < 0.96);
    }

    #[test]
    fn a_predictive_controller_expects_a_change_to_go_on() {
        // err = C h^4 with C twice as large in every step: the steps should shrink by 2^(-1/4).
        let mut controller = PiController::predictive(4);
        let (mut h, mut coefficient) = (1.0, 0.5);
        for step in 0..20 {
            let error: f64 = coefficient * f64::powi(h, 4);
            let factor = controller.accepted_step(error * error, h);
            if step > 5 {
                assert!((factor - 0.5_f64.powf(0.25)).abs() < 1e-3, "{factor}");
            }
            h *= factor;
            coefficient *= 2.0;
        }
        // The plain controller would lag behind by one step and reject many.
        let error = coefficient * f64::powi(h, 4);
        assert!((error - 0.9_f64.powi(4)).abs() < 2e-2, "{error}");
    }

    #[test]
    fn a_rejected_step_shrinks_by_the_order_of_the_method() {
        // err = C h^5, so an error of 32 asks for half the step.
        let mut controller = PiController::for_error_order(5);
        assert!((controller.rejected(32.0 * 32.0) - 0.45).abs() < 1e-5);
    }
}
