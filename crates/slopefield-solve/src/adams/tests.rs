//! Coefficients against the textbook, and measured orders on pinned steps.

use super::coefficients::{Coefficients, EQUAL_STEP_ERROR, LENGTH, PastSteps};
use super::{Adams, MAX_ORDER};
use crate::{Ivp, Settings, Stepper};
use slopefield_problems::forced_relaxation;

#[test]
fn coefficients_on_equal_steps_are_those_of_the_textbook() {
    // Hairer, Nørsett, Wanner, tables III.1.1 and III.1.2.
    let moulton = [1.0, 1.0 / 2.0, 1.0 / 12.0, 1.0 / 24.0, 19.0 / 720.0, 3.0 / 160.0];
    let bashforth = [1.0, 1.0 / 2.0, 5.0 / 12.0, 3.0 / 8.0, 251.0 / 720.0, 95.0 / 288.0];
    let mut past = PastSteps::default();
    past.begin(0.25);
    let mut equal = Coefficients::default();
    equal.prepare(MAX_ORDER, 0.25, &past);
    for j in 0..6 {
        assert!((EQUAL_STEP_ERROR[j] - moulton[j]).abs() < 1e-15, "γ*_{j}");
        assert!((equal.g[j] - bashforth[j]).abs() < 1e-15, "γ_{j}");
        assert!((equal.beta[j] - 1.0).abs() < 1e-14 && (equal.sigma[j] - 1.0).abs() < 1e-14);
    }
}

/// Steps of a length that changes all the time.
fn uneven(i: i32, h: f64) -> f64 {
    h * [1.2, 0.7, 0.9, 1.2][i.rem_euclid(4) as usize]
}

impl Adams {
    /// A history of exact slopes of `u' = f` at steps of `length(i) · h` back from `t0`.
    fn seed(&mut self, order: usize, t0: f64, h: f64, slope: impl Fn(f64) -> f64) {
        let k = order + 1;
        let mut times = vec![t0];
        for i in 1..=LENGTH {
            times.push(times[i - 1] - uneven(-(i as i32), h));
        }
        for i in (0..LENGTH).rev() {
            self.past.push(times[i] - times[i + 1]);
        }
        // Newton's divided differences, then Φ_j = Π_{i<j} (t_n − t_{n−1−i}) f[t_n … t_{n−j}].
        let mut divided: Vec<f64> = times[..k].iter().map(|t| slope(*t)).collect();
        let mut product = 1.0;
        for j in 0..k {
            self.differences[j] = product * divided[0];
            product *= times[0] - times[j + 1];
            for i in 0..k - 1 - j {
                divided[i] = (divided[i] - divided[i + 1]) / (times[i] - times[i + j + 1]);
            }
        }
        (self.order, self.starting, self.holds_step) = (order, false, true);
    }

    fn forced_step(&mut self, ivp: &Ivp<'_>, h: f64) {
        self.attempt(ivp, self.t + h, h);
        self.order_taken = self.order;
        self.update(h);
        std::mem::swap(&mut self.state, &mut self.before);
        self.state.copy_from_slice(&self.predicted);
        self.gap_known = false;
        (self.t_prev, self.t) = (self.t, self.t + h);
    }
}

/// Errors at the end and within the last steps, of steps of about `h` over a span of `1.2`.
fn errors(order: usize, steps: i32) -> (f64, f64) {
    let mut problem = forced_relaxation();
    problem.p[2] = 8.0; // a fast forcing, so that rounding stays far below the errors
    let exact = |t: f64| {
        let mut out = [0.0];
        (problem.exact.unwrap())(t, problem.t0, &problem.u0, &problem.p, &mut out);
        out[0]
    };
    let h = 1.2 / f64::from(steps);
    let t0 = problem.t0 + 1.0;
    let u0 = [exact(t0)];
    let ivp = Ivp { rhs: &*problem.rhs, t0, t1: t0 + 9.0, u0: &u0, p: &problem.p };
    let slope = |t: f64| {
        let mut out = [0.0];
        problem.rhs.eval(t, &[exact(t)], &problem.p, &mut out, &mut []);
        out[0]
    };
    let mut adams = Adams::new();
    adams.start(&ivp, &Settings::with_tolerances(1e3, 1e3)).unwrap();
    adams.seed(order, t0, h, slope);
    let (mut worst, mut within) = (0.0_f64, 0.0_f64);
    for i in 0..steps {
        adams.forced_step(&ivp, uneven(i, h));
        worst = worst.max((adams.state[0] - exact(adams.t)).abs());
        for theta in [0.1, 0.35, 0.6, 0.85] {
            let t = adams.t_prev + theta * (adams.t - adams.t_prev);
            let mut out = [0.0];
            adams.interpolate(t, &mut out).unwrap();
            within = within.max((out[0] - exact(t)).abs());
        }
    }
    (worst, within)
}

/// Slope of log error over log step from the coarsest to the finest.
fn slope(steps: &[i32], errors: &[f64]) -> f64 {
    let points: Vec<(f64, f64)> =
        steps.iter().zip(errors).map(|(n, e)| (-f64::from(*n).ln(), e.ln())).collect();
    let n = points.len() as f64;
    let (mx, my) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
    let (xy, xx) = points
        .iter()
        .fold((0.0, 0.0), |(xy, xx), (x, y)| (xy + (x - mx) * (y - my), xx + (x - mx).powi(2)));
    xy / xx
}

#[test]
fn each_order_converges_on_uneven_steps_and_between_them() {
    for order in 1..MAX_ORDER {
        // The higher the order, the sooner rounding hides it.
        let base = [400, 400, 320, 240, 160, 112, 96, 80, 64, 48, 48][order - 1];
        let steps: Vec<i32> = [4, 5, 6, 7, 8].iter().map(|f| base * f / 4 / 4 * 4).collect();
        let (ends, within): (Vec<f64>, Vec<f64>) = steps.iter().map(|n| errors(order, *n)).unzip();
        // The corrector, whose result is carried on, has one order more than the predictor.
        let claim = (order + 1) as f64;
        let (at_ends, between) = (slope(&steps, &ends), slope(&steps, &within));
        assert!((at_ends - claim).abs() < 0.2, "order {order}: {at_ends} {ends:?}");
        assert!((between - claim).abs() < 0.2, "order {order}: {between} {within:?}");
    }
}
