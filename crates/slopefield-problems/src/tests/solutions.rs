//! Exact solutions against the equations.

use super::eval;
use crate::{Class, Problem, everything};
use slopefield_kernel::{Calculus, Delays};

fn exact(problem: &Problem, t: f64) -> Option<Vec<f64>> {
    let mut u = vec![f64::NAN; problem.u0.len()];
    (problem.exact?)(t, problem.t0, &problem.u0, &problem.p, &mut u);
    Some(u)
}

/// The fourth-order central difference of a vector function.
fn derivative(f: impl Fn(f64) -> Vec<f64>, t: f64, h: f64) -> Vec<f64> {
    let central = |h: f64| -> Vec<f64> {
        f(t + h).iter().zip(f(t - h)).map(|(a, b)| (a - b) / (2.0 * h)).collect()
    };
    central(h).iter().zip(central(2.0 * h)).map(|(a, b)| (4.0 * a - b) / 3.0).collect()
}

/// The states at `t` followed by their delayed values, all from the exact solution.
fn with_delayed(problem: &Problem, delays: &Delays<'_>, t: f64) -> Vec<f64> {
    let past = |t: f64| match t {
        t if t <= problem.t0 => eval(delays.history, t, &[], &problem.p),
        _ => exact(problem, t).expect("only asked where there is one"),
    };
    let mut u = past(t);
    let n = u.len();
    u.resize(n + delays.reads.len(), 0.0);
    let lags = eval(delays.lags, t, &u, &problem.p);
    for (k, read) in delays.reads.iter().enumerate() {
        let lag = lags[read.lag as usize];
        assert!(lag > -1e-12, "{}: lag {lag} at {t}", problem.id);
        let then = match t - lag {
            past_time if read.slope => {
                // Differences do not reach across the start.
                let from_start = (past_time - problem.t0).abs();
                let h = if from_start > 1e-9 { (0.3 * from_start).min(1e-5) } else { 1e-5 };
                derivative(past, past_time, h)
            }
            past_time => past(past_time),
        };
        u[n + k] = then[read.state as usize];
    }
    u
}

#[test]
fn exact_solutions_start_at_the_initial_state_and_satisfy_the_equation() {
    let mut checked = 0;
    for problem in everything() {
        let Some(start) = exact(&problem, problem.t0) else { continue };
        checked += 1;
        // Events may happen at the start.
        if problem.class != Class::Event {
            for (a, b) in start.iter().zip(&problem.u0) {
                assert!((a - b).abs() < 1e-15, "{}", problem.id);
            }
        }
        let structure = problem.rhs.structure();
        for k in 1..8 {
            let t = problem.t0 + (problem.t1 - problem.t0) * (f64::from(k) + 0.03) / 8.3;
            let at = |t: f64| exact(&problem, t).expect("it has one");
            let u = match &structure.delays {
                Some(delays) => with_delayed(&problem, delays, t),
                None => at(t),
            };
            let slope = eval(&*problem.rhs, t, &u, &problem.p);
            let found = derivative(at, t, 1e-3 * (problem.t1 - problem.t0).min(1.0));
            // Delayed slopes come from differences as well.
            let allowed = if structure.delays.is_some() { 1e-8 } else { 1e-9 };
            for (slope, found) in slope.iter().zip(found) {
                let distance = (slope - found).abs();
                assert!(distance < allowed, "{} at {t}: off by {distance:e}", problem.id);
            }
        }
    }
    assert_eq!(checked, 3 + 16 + 2, "linear, with delays, with events");
}

#[test]
fn paths_of_stochastic_equations_satisfy_them() {
    let mut checked = 0;
    for problem in everything() {
        let Some(path) = problem.path else { continue };
        checked += 1;
        let noise = problem.rhs.structure().noise.expect("a stochastic equation");
        assert_eq!(noise.sources, 1, "the derivatives below are by one source");
        let n = problem.u0.len();
        let at = |t: f64, w: f64| {
            let mut u = vec![f64::NAN; n];
            path(t, &[w], &problem.u0, &problem.p, &mut u);
            u
        };
        for (a, b) in at(0.0, 0.0).iter().zip(&problem.u0) {
            assert!((a - b).abs() < 1e-15, "{}", problem.id);
        }
        for (t, w) in [(0.3, 0.4), (0.7, -0.6), (0.9, 1.1)] {
            let u = at(t, w);
            let drift = eval(&*problem.rhs, t, &u, &problem.p);
            let coefficient = eval(noise.coefficients, t, &u, &problem.p);
            let by_time = derivative(|t| at(t, w), t, 1e-3);
            let by_noise = derivative(|w| at(t, w), w, 1e-3);
            let curvature = derivative(|w| derivative(|w| at(t, w), w, 1e-3), w, 1e-3);
            for i in 0..n {
                // Itô's formula.
                let correction = match noise.calculus {
                    Calculus::Ito => 0.5 * curvature[i],
                    Calculus::Stratonovich => 0.0,
                };
                let off = (by_time[i] + correction - drift[i]).abs();
                assert!(off < 1e-8, "{} at {t}: drift off by {off:e}", problem.id);
                let off = (by_noise[i] - coefficient[i]).abs();
                assert!(off < 1e-9, "{} at {t}: noise off by {off:e}", problem.id);
            }
        }
    }
    assert_eq!(checked, 8);
}
