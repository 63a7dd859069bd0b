//! Every method of the table converges at least with the orders that it claims. A new method is in
//! these tests by being in the table; the tests of single families measure on more problems.
use crate::common;

use common::*;
use slopefield_kernel::Calculus;
use slopefield_solve::{Ivp, Settings, drive};
use slopefield_stochastic::{MethodInfo, Paths, Process, methods, paths};

/// How far below its claim a measured order may be.
const SLACK: f64 = 0.2;

/// Root mean squares of the errors at the end of `[0, 1]` and at a time between ends of steps.
fn errors(info: &MethodInfo, h: f64) -> [f64; 2] {
    let additive_only = info.id.starts_with("sra") || info.id == "sosra";
    let model = Model::<f64>::new(if additive_only { additive() } else { geometric() });
    let start = if additive_only { 1.0 } else { 0.5 };
    // A third of a step before the middle.
    let between = 0.5 - h / 3.0;
    let mut sums = [0.0; 2];
    let count = 400;
    for path in 0..count {
        let settings = fixed(h, path);
        let ivp = Ivp { rhs: &model, t0: 0.0, t1: 1.0, u0: &[start], p: &[] };
        let mut out = [0.0; 2];
        let mut stepper = (info.build)();
        drive(&mut *stepper, &ivp, &settings, &[between, 1.0], &mut out, None).unwrap();
        for (sum, (t, found)) in sums.iter_mut().zip([(1.0, out[1]), (between, out[0])]) {
            let w = motion(&settings, 1, 0.0, t)[0];
            let exact = if additive_only {
                additive_exact(t, w)
            } else {
                geometric_exact(Calculus::Ito, t, w)
            };
            *sum += (found - exact).powi(2);
        }
    }
    sums.map(|sum: f64| (sum / count as f64).sqrt())
}

/// The orders with which errors fall at ends of steps and between them; with the errors.
pub fn strong_orders(info: &MethodInfo) -> [(f64, Vec<(f64, f64)>); 2] {
    let points: Vec<(f64, [f64; 2])> =
        (4..8).map(|level| 0.5_f64.powi(level)).map(|h| (h, errors(info, h))).collect();
    [0, 1].map(|which| {
        let points: Vec<(f64, f64)> = points.iter().map(|(h, e)| (*h, e[which])).collect();
        (slope(&points), points)
    })
}

#[test]
fn every_method_for_noise_has_its_strong_order_and_that_between_steps() {
    let mut below = Vec::new();
    let mut measured = 0;
    for info in methods().filter(|info| info.process == Process::Diffusion) {
        let claims = [info.strong_order, info.dense_order];
        for ((order, points), claim) in strong_orders(info).into_iter().zip(claims) {
            if order.is_nan() || order < claim - SLACK {
                below.push((info.id, order, claim, points));
            }
        }
        measured += 1;
    }
    assert!(below.is_empty(), "{below:#?}");
    assert!(measured >= 9);
}

/// Deaths of 400 at rate 1: the number at 1 is binomial with mean `400/e`.
#[test]
fn every_method_for_jumps_has_the_mean_that_it_claims() {
    let system = System::jumps(
        1,
        None,
        (|_, u, _, out| out[0] = u[0], |_, _, _, du, out| out[0] = du[0]),
        &[&[(0, -1.0)]],
        &[&[0]],
    );
    let model = Model::<f64>::new(system);
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 1.0, u0: &[400.0], p: &[] };
    let p = (-1.0_f64).exp();
    let mut measured = 0;
    for info in methods().filter(|info| info.process == Process::Jumps) {
        let count = 2000;
        let mut out = vec![0.0; count];
        let which = Paths { first: 0, count, threads: 2 };
        let settings = Settings { seed: 31, ..Settings::default() };
        paths(&info.build, &ivp, &settings, which, &[1.0], &mut out).unwrap();
        let mean = out.iter().sum::<f64>() / count as f64;
        let error = (400.0 * p * (1.0 - p) / count as f64).sqrt();
        // What is not exact may be off by the change of rates that a leap allows, 3 %.
        let bias = if info.weak_order.is_infinite() { 0.0 } else { 0.03 * 400.0 * p };
        let off = (mean - 400.0 * p).abs();
        assert!(off < 3.0 * error + bias, "{}: {mean} ± {error} for {}", info.id, 400.0 * p);
        measured += 1;
    }
    assert!(measured >= 4);
}
