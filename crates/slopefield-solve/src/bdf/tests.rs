//! Constants against the literature, and measured orders on pinned steps.

use super::coefficients::{ALPHA, ERROR, MAX_ORDER, transform};
use super::{Bdf, newton::Solved};
use crate::{Ivp, Settings, Stepper};
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};

/// `u' = −k (u − cos ωt) − ω sin ωt`, with the solution `cos ωt` whatever `k` (Prothero and
/// Robinson).
struct Cosine {
    k: f64,
}

const OMEGA: f64 = 3.0;

impl Kernel for Cosine {
    fn shape(&self) -> Shape {
        Shape { states: 1, params: 0, outputs: 1 }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, u: &[f64], _: &[f64], out: &mut [f64], _: &mut [f64]) {
        out[0] = -self.k * (u[0] - (OMEGA * t).cos()) - OMEGA * (OMEGA * t).sin();
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.eval(at.t, at.u, at.p, out, scratch);
        let (sin, cos) = (OMEGA * at.t).sin_cos();
        let by_time = -self.k * OMEGA * sin - OMEGA * OMEGA * cos;
        dout[0] = -self.k * along.u[0] + by_time * along.t;
    }
    fn vjp(&self, _: Point<'_>, _: &[f64], _: Cotangent<'_>, _: &mut [f64]) {
        unreachable!("no reverse products here");
    }
}

fn exact(t: f64) -> f64 {
    (OMEGA * t).cos()
}

/// Worst errors at the ends of steps and between them, over steps of `h(i)`.
fn errors(k: f64, order: usize, start: f64, h: impl Fn(usize) -> f64, steps: usize) -> (f64, f64) {
    let rhs = Cosine { k };
    let u0 = [exact(start)];
    let ivp = Ivp { rhs: &rhs, t0: start, t1: start + 100.0, u0: &u0, p: &[] };
    let mut bdf = Bdf::new();
    // Tolerances that nothing fails; the equations are linear, so one iteration solves them.
    let settings = Settings { h_init: Some(h(0)), ..Settings::with_tolerances(1e3, 1e3) };
    bdf.start(&ivp, &settings).unwrap();
    // Differences of exact states, as if steps of this length had been taken before.
    let mut values: Vec<f64> = (0..=order).map(|j| exact(start - j as f64 * h(0))).collect();
    for j in 0..=order {
        bdf.history.row_mut(j)[0] = values[0];
        for i in 0..order - j {
            values[i] -= values[i + 1];
        }
    }
    bdf.order = order;
    let (mut worst, mut between) = (0.0_f64, 0.0_f64);
    for i in 0..steps {
        let t_new = bdf.t + h(i);
        assert_ne!(bdf.attempt(&ivp, t_new, h(i)), Err(Solved::Slowly));
        bdf.accept(t_new);
        worst = worst.max((bdf.state()[0] - exact(bdf.t)).abs());
        let mut out = [0.0];
        for theta in [0.15, 0.4, 0.65, 0.9] {
            let t = bdf.t_prev + theta * (bdf.t - bdf.t_prev);
            bdf.interpolate(t, &mut out).unwrap();
            between = between.max((out[0] - exact(t)).abs());
        }
        bdf.interpolate(bdf.t_prev, &mut out).unwrap();
        let before = exact(bdf.t_prev);
        assert!((out[0] - before).abs() <= worst + 1e-13, "the solution is continuous");
    }
    (worst, between)
}

/// Slope of log error over log step, by least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let points: Vec<(f64, f64)> = points.iter().map(|(h, e)| (h.ln(), e.ln())).collect();
    let n = points.len() as f64;
    let (mx, my) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
    let (xy, xx) = points
        .iter()
        .fold((0.0, 0.0), |(xy, xx), (x, y)| (xy + (x - mx) * (y - my), xx + (x - mx).powi(2)));
    xy / xx
}

/// Step counts over a span of 2, at which errors are far from rounding.
const COARSEST: [usize; MAX_ORDER] = [800, 200, 120, 80, 60];

#[test]
fn each_order_converges_on_equal_steps_and_between_them() {
    for order in 1..=MAX_ORDER {
        let (mut ends, mut within) = (Vec::new(), Vec::new());
        for quarters in [4, 5, 6, 7, 8] {
            let steps = COARSEST[order - 1] * quarters / 4;
            let h = 2.0 / steps as f64;
            let (worst, between) = errors(1.0, order, 0.3, |_| h, steps);
            ends.push((h, worst));
            within.push((h, between));
        }
        let (at_ends, between) = (slope(&ends), slope(&within));
        assert!((at_ends - order as f64).abs() < 0.2, "order {order}: {at_ends} {ends:?}");
        assert!((between - order as f64).abs() < 0.2, "order {order}: {between} {within:?}");
    }
}

#[test]
fn each_order_converges_when_steps_change_their_length() {
    for order in 1..=MAX_ORDER {
        let mut ends = Vec::new();
        for quarters in [4, 5, 6, 7, 8] {
            let steps = COARSEST[order - 1] * quarters / 4 / 8 * 8;
            // Eight steps of one length, then eight of another, as the control of steps does.
            let h =
                |i: usize| 2.0 / steps as f64 * if (i / 8).is_multiple_of(2) { 1.2 } else { 0.8 };
            ends.push((2.0 / steps as f64, errors(1.0, order, 0.3, h, steps).0));
        }
        let order_found = slope(&ends);
        assert!((order_found - order as f64).abs() < 0.2, "order {order}: {order_found} {ends:?}");
    }
}

#[test]
fn stiff_components_do_not_reduce_the_order() {
    for order in 1..=MAX_ORDER {
        let mut ends = Vec::new();
        for quarters in [4, 5, 6, 7, 8] {
            let steps = 40 * quarters / 4;
            let h = 2.0 / steps as f64;
            // Errors of the solution are those of its derivative by differences over k; times k
            // they can be compared.
            ends.push((h, 1e5 * errors(1e5, order, 0.3, |_| h, steps).0));
        }
        let order_found = slope(&ends);
        assert!((order_found - order as f64).abs() < 0.2, "order {order}: {order_found} {ends:?}");
    }
}

#[test]
fn constants_are_those_of_the_paper() {
    // Shampine and Reichelt, table 1: truncation errors of the formulas of orders 1 to 5 are 0.26 to
    // 1 times smaller steps: their error constants against 1/(k+1) of backward differentiation.
    let ratio = |k: usize| (ERROR[k] * (k + 1) as f64).powf(-1.0 / (k + 1) as f64);
    for (k, gain) in [(1, 1.26), (2, 1.26), (3, 1.26), (4, 1.12), (5, 1.0)] {
        assert!((ratio(k) - gain).abs() < 0.005, "order {k}: {}", ratio(k));
    }
    assert!((ALPHA[5] - 137.0 / 60.0).abs() < 1e-15);
}

#[test]
fn a_change_of_spacing_keeps_the_polynomial() {
    // Differences of (1 + s)⁵ at s = 0, −1, … and at multiples of the new spacing.
    let differences = |spacing: f64| {
        let mut v: Vec<f64> = (0..=5).map(|j| (1.0 - spacing * f64::from(j)).powi(5)).collect();
        (0..=5)
            .map(|j| {
                let first = v[0];
                for i in 0..5 - j {
                    v[i] -= v[i + 1];
                }
                first
            })
            .collect::<Vec<f64>>()
    };
    for ratio in [0.3, 0.9, 1.7] {
        let (old, new, by) = (differences(1.0), differences(ratio), transform(5, ratio));
        for j in 0..=5 {
            let found: f64 = (0..=5).map(|i| by[i][j] * old[i]).sum();
            assert!((found - new[j]).abs() < 1e-11, "{ratio} {j}: {found} {}", new[j]);
        }
    }
}
