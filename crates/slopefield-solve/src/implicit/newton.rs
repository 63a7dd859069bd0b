//! Convergence of simplified Newton iterations.
//!
//! An iteration with a fixed matrix converges linearly: each update is about `θ` times the one
//! before, so that after an update of norm `d` an error of `d·θ/(1 − θ)` remains. From that
//! follow when to stop, when to give up early, and whether a matrix is good enough to be used
//! again: Hairer, Wanner, *Solving ODEs II*, section IV.8, "stopping criterion" and eqs. 8.10 to
//! 8.12, and the codes RADAU5 and SDIRK4 published with it.

/// Watches the updates of an iteration. Norms are scaled by the tolerances, so that 1 is an error
/// as large as a step may have.
#[derive(Debug, Clone)]
pub(crate) struct Convergence {
    /// More iterations than this are not worth their work.
    limit: u32,
    /// Order in the step length of the distance between guess and solution, for advice on it.
    order: f64,
    tolerance: f64,
    /// Updates that do not contract are rounding errors below this.
    noise: f64,
    iteration: u32,
    /// Estimate of `θ/(1 − θ)`, kept from iteration to iteration and from system to system.
    remaining: f64,
    /// Norm of the last update.
    last: f64,
    /// Quotient of the last two updates.
    quotient: f64,
    /// Slowest rate since [`Convergence::forget_rates`].
    slowest: f64,
}

/// What to do after an update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Verdict {
    /// Iterate again.
    Again,
    /// The error left is small enough.
    Converged,
    /// The error will not be small enough within the limit. With the matrix at hand, `factor` of
    /// the step length might do.
    Hopeless {
        /// Between 0.1 and 0.9.
        factor: f64,
    },
}

/// What is assumed while no rate is known: that an error as large as the update remains.
const UNKNOWN: f64 = 1.0;

impl Convergence {
    /// At most `limit` iterations from guesses whose error is `O(h^order)`.
    pub(crate) fn new(limit: u32, order: u32) -> Self {
        Convergence {
            limit,
            order: f64::from(order),
            tolerance: 0.0,
            noise: 0.0,
            iteration: 0,
            remaining: UNKNOWN,
            last: 0.0,
            quotient: 0.0,
            slowest: 0.0,
        }
    }

    /// Begins with a solve: nothing is known yet.
    pub(crate) fn reset(&mut self) {
        self.remaining = UNKNOWN;
        self.slowest = 0.0;
    }

    /// Begins to solve a system.
    pub(crate) fn begin(&mut self, target: Target) {
        self.tolerance = target.tolerance;
        self.noise = target.noise;
        self.iteration = 0;
        // The rate of the last system is trusted less for this one (RADAU5's exponent).
        self.remaining = self.remaining.max(f64::EPSILON).powf(0.8);
    }

    /// Judges an update of norm `update`; NaN is hopeless.
    pub(crate) fn judge(&mut self, update: f64) -> Verdict {
        self.iteration += 1;
        if !update.is_finite() {
            return self.hopeless(0.5);
        }
        if self.iteration > 1 {
            let quotient = update / self.last.max(f64::MIN_POSITIVE);
            // From the third update on the mean of two quotients: single ones oscillate when the
            // dominant eigenvalues are complex.
            let rate =
                if self.iteration == 2 { quotient } else { (quotient * self.quotient).sqrt() };
            self.quotient = quotient;
            self.slowest = self.slowest.max(rate);
            if rate >= 0.99 {
                return self.end_of_contraction(update, 0.5);
            }
            self.remaining = rate / (1.0 - rate);
            let left = self.limit.saturating_sub(self.iteration);
            let expected = self.remaining * update * rate.powi(left as i32) / self.tolerance;
            if expected > 1.0 {
                let exponent = -1.0 / (self.order + f64::from(left));
                let factor = 0.8 * expected.clamp(1e-4, 20.0).powf(exponent);
                return self.end_of_contraction(update, factor);
            }
        }
        self.last = update;
        if self.remaining * update <= self.tolerance {
            Verdict::Converged
        } else if self.iteration >= self.limit {
            self.end_of_contraction(update, 0.5)
        } else {
            Verdict::Again
        }
    }

    /// Rounding errors do not contract: when all that is left is them, that is the solution.
    fn end_of_contraction(&mut self, update: f64, factor: f64) -> Verdict {
        if update > self.noise {
            return self.hopeless(factor);
        }
        self.last = update;
        self.remaining = UNKNOWN;
        Verdict::Converged
    }

    fn hopeless(&mut self, factor: f64) -> Verdict {
        self.remaining = UNKNOWN;
        self.slowest = 1.0;
        Verdict::Hopeless { factor: factor.clamp(0.1, 0.9) }
    }

    /// Updates so far.
    pub(crate) fn iterations(&self) -> u32 {
        self.iteration
    }

    /// Most updates there may be.
    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    /// Slowest rate of convergence since the last [`Convergence::forget_rates`]; 0 where single
    /// updates were enough.
    pub(crate) fn slowest_rate(&self) -> f64 {
        self.slowest
    }

    /// Begins to watch for the slowest rate anew.
    pub(crate) fn forget_rates(&mut self) {
        self.slowest = 0.0;
    }
}

/// Rate of convergence up to which a Jacobian matrix is good enough for another step (RADAU5's
/// `THET`). With 0.05 for systems of 160 to 512 states half of the factorisations could be saved,
/// for a fifth more iterations: no gain where factoring again is as cheap as here.
pub(crate) const KEEP_JACOBIAN: f64 = 1e-3;

/// Growth of the step that is not worth a new factorisation (RADAU5's `QUOT2`).
const KEEP_LENGTH: f64 = 1.2;

/// The factor on the next step, given whether the matrix would serve again if it were 1.
pub(crate) fn worth_a_factorisation(factor: f64, keeps_matrix: bool) -> f64 {
    if keeps_matrix && (1.0..=KEEP_LENGTH).contains(&factor) { 1.0 } else { factor }
}

/// Shortens the next step when the iterations of this one were many of those allowed (RADAU5's
/// safety factor, without the constant part that the controller has).
pub(crate) fn effort(iterations: u32, limit: u32) -> f64 {
    let limit = f64::from(limit);
    ((1.0 + 2.0 * limit) / (f64::from(iterations) + 2.0 * limit)).min(1.0)
}

/// How accurately a system is to be solved, in units of the tolerance of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// Error that may be left.
    pub(crate) tolerance: f64,
    /// Rounding errors of the updates, at least `tolerance`.
    pub(crate) noise: f64,
}

impl Target {
    /// The published rule for a relative tolerance `rtol`, but not below the rounding errors of a
    /// state of norm `size` in numbers with the relative spacing `epsilon`.
    pub(crate) fn for_tolerance(rtol: f64, size: f64, epsilon: f64) -> Self {
        let published = if rtol > 0.0 { rtol.sqrt().min(0.03) } else { 1e-3 };
        let tolerance = published.max(10.0 * epsilon * size);
        Target { tolerance, noise: tolerance.max((200.0 * epsilon * size).min(0.1)) }
    }

    /// The same in other units.
    pub(crate) fn times(self, factor: f64) -> Self {
        Target { tolerance: factor * self.tolerance, noise: factor * self.noise }
    }
}

#[cfg(test)]
mod tests {
    use super::{Convergence, Target, Verdict};

    fn exactly(tolerance: f64) -> Target {
        Target { tolerance, noise: tolerance }
    }

    /// Judges updates `1, θ, θ², …` until the verdict, which it returns with their number.
    fn geometric(convergence: &mut Convergence, rate: f64, tolerance: f64) -> (Verdict, u32) {
        convergence.begin(exactly(tolerance));
        let mut update = 1.0;
        loop {
            match convergence.judge(update) {
                Verdict::Again => update *= rate,
                verdict => return (verdict, convergence.iterations()),
            }
        }
    }

    #[test]
    fn iterates_until_the_error_that_remains_is_small_enough() {
        // The error after k updates is θ^k / (1 − θ).
        for (rate, tolerance) in [(0.1, 1e-2), (0.1, 2e-5), (0.3, 1e-2), (0.01, 1e-7)] {
            let mut convergence = Convergence::new(10, 3);
            let (verdict, count) = geometric(&mut convergence, rate, tolerance);
            assert_eq!(verdict, Verdict::Converged);
            let error = |k: u32| rate.powi(k as i32) / (1.0 - rate);
            assert!(error(count) <= tolerance && (count == 2 || error(count - 1) > tolerance));
            assert!((convergence.slowest_rate() - rate).abs() < 1e-12);
        }
    }

    #[test]
    fn a_good_matrix_needs_one_update_the_next_time() {
        let mut convergence = Convergence::new(10, 3);
        assert_eq!(geometric(&mut convergence, 1e-6, 1e-3), (Verdict::Converged, 2));
        assert_eq!(geometric(&mut convergence, 1e-6, 1e-3), (Verdict::Converged, 1));
        convergence.reset();
        assert_eq!(geometric(&mut convergence, 1e-6, 1e-3), (Verdict::Converged, 2));
    }

    #[test]
    fn gives_up_as_soon_as_the_limit_would_not_do() {
        let mut convergence = Convergence::new(7, 3);
        let (verdict, count) = geometric(&mut convergence, 0.8, 1e-3);
        assert!(matches!(verdict, Verdict::Hopeless { factor } if factor < 0.8), "{verdict:?}");
        assert_eq!(count, 2);
        assert_eq!(geometric(&mut convergence, 1.5, 1e-3).1, 2);
        convergence.begin(exactly(1e-3));
        assert_eq!(convergence.judge(f64::NAN), Verdict::Hopeless { factor: 0.5 });
    }

    #[test]
    fn updates_of_rounding_errors_end_an_iteration() {
        let mut convergence = Convergence::new(7, 3);
        convergence.begin(exactly(1e-3));
        assert_eq!(convergence.judge(1.003e-3), Verdict::Again);
        assert_eq!(convergence.judge(1e-3), Verdict::Converged);
        convergence.reset();
        convergence.begin(exactly(1e-3));
        assert_eq!(convergence.judge(1.1e-3), Verdict::Again);
        assert_eq!(convergence.judge(1.1e-3), Verdict::Hopeless { factor: 0.5 });
    }
}
