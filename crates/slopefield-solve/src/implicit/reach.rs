//! Lengths of steps that Newton's method can do.
//!
//! A simplified Newton iteration contracts while the Jacobian changes little over a step, and while the
//! guess of the stages, extrapolated from the step before, is near. Where the error asks for steps longer
//! than that, a controller that knows errors only has every other step rejected: it grows, the iteration
//! fails, it is shortened, and the next one grows again. The iteration's own limit has to be part of the
//! control of steps: K. Gustafsson, G. Söderlind, *Control strategies for the iterative solution of
//! nonlinear equations in ODE solvers*, SIAM J. Sci. Comput. 18 (1997) 23,
//! doi:10.1137/S1064827595287109. They take the limit from the rate of convergence; rates measured from
//! two or three updates scatter by a factor of ten from step to step where several modes take part, so
//! here it is remembered from the failures.

/// The part of a length that failed which is allowed next.
const BACK: f64 = 0.8;

/// Growth of the limit with the first step after a failure,
const FIRST: f64 = 0.1;

/// at least, halved where the limit is met again and again,
const LEAST: f64 = 0.01;

/// and with each step so many times as large,
const FASTER: f64 = 1.5;

/// until there is no limit any more.
const FREE: f64 = 4.0;

/// What remains, after each step, of the longest length that is known to do.
const KNOWN: f64 = 0.9;

/// The longest step to try.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    longest: f64,
    /// The limit grows by this part of itself with the next step.
    growth: f64,
    /// And by this part with the first step after a failure.
    first: f64,
    /// Whether the last attempt failed.
    failed: bool,
    /// About the longest length of the last steps: failures below have other reasons, such as rounding
    /// errors, of which shorter steps may have more.
    done: f64,
}

impl Reach {
    /// No limit.
    pub(crate) fn new() -> Self {
        Reach { longest: f64::INFINITY, growth: FIRST, first: FIRST, failed: false, done: 0.0 }
    }

    /// The iteration failed in a step of this length.
    pub(crate) fn fail(&mut self, length: f64) {
        if length.abs() <= self.done {
            return;
        }
        if !self.failed {
            self.first =
                if self.longest.is_finite() { (0.5 * self.first).max(LEAST) } else { FIRST };
        }
        self.failed = true;
        self.growth = self.first;
        self.longest = BACK * length.abs();
    }

    /// A step of this length was accepted.
    pub(crate) fn take(&mut self, length: f64) {
        self.failed = false;
        self.done = length.abs().max(KNOWN * self.done);
        if self.growth > FREE {
            self.longest = f64::INFINITY;
        }
        if self.longest.is_finite() {
            self.longest *= 1.0 + self.growth;
            self.growth *= FASTER;
        }
    }

    /// The most that a step may grow after one of this length.
    pub(crate) fn most(&self, length: f64) -> f64 {
        self.longest / length.abs()
    }
}

#[cfg(test)]
mod tests {
    use super::Reach;

    /// Accepted steps and failures where the error asks for ever longer steps and the iteration can do
    /// those below `limit`.
    fn run(reach: &mut Reach, steps: usize, limit: impl Fn(usize) -> f64) -> usize {
        let (mut h, mut failures) = (1e-3, 0);
        for step in 0..steps {
            while h > limit(step) {
                failures += 1;
                reach.fail(h);
                h *= 0.5;
            }
            reach.take(h);
            h *= reach.most(h).min(4.0);
        }
        failures
    }

    #[test]
    fn a_lasting_limit_is_met_seldom() {
        // Without a memory 4 times the length is tried after every step, and fails twice or more.
        let failures = run(&mut Reach::new(), 200, |_| 1.0);
        assert!(failures > 5 && failures < 40, "{failures}");
    }

    #[test]
    fn a_limit_of_a_moment_is_forgotten() {
        let mut reach = Reach::new();
        run(&mut reach, 30, |step| if step == 8 { 1e-2 } else { f64::INFINITY });
        assert_eq!(reach.most(1.0), f64::INFINITY);
    }

    #[test]
    fn before_failures_there_is_no_limit() {
        let mut reach = Reach::new();
        reach.take(1.0);
        assert_eq!(reach.most(-1.0), f64::INFINITY);
        reach.fail(-2.0);
        assert!((reach.most(1.0) - 1.6).abs() < 1e-15);
    }

    #[test]
    fn failures_for_other_reasons_leave_no_limit() {
        let mut reach = Reach::new();
        for _ in 0..100 {
            reach.take(1.0);
            reach.fail(0.9);
            reach.fail(0.45);
        }
        assert_eq!(reach.most(1.0), f64::INFINITY);
    }
}
