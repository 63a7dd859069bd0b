//! The parts of systems beyond their right-hand sides.

use super::{check_products, eval, number, point, size};
use crate::everything;
use slopefield_kernel::{Cotangent, Event, JumpChange, Kernel, NoiseKind, Point, Tangent, Trigger};

#[test]
fn products_of_every_part_match_differences() {
    let mut checked = 0;
    for problem in everything() {
        let structure = problem.rhs.structure();
        let mut check = |part: &str, kernel: &dyn Kernel| {
            checked += 1;
            check_products(&format!("{}, {part}", problem.id), kernel, &problem);
        };
        if let Some(delays) = structure.delays {
            check("lags", delays.lags);
            check("history", delays.history);
        }
        if let Some(noise) = structure.noise {
            check("noise", noise.coefficients);
        }
        if let Some(jumps) = structure.jumps {
            check("rates", jumps.rates);
            for change in jumps.changes {
                if let JumpChange::Set(kernel) = change {
                    check("jump", &**kernel);
                }
            }
        }
        if let Some(events) = structure.events {
            events.roots.into_iter().for_each(|roots| check("roots", roots));
            events.times.into_iter().for_each(|times| check("times", times));
            events.affects.iter().for_each(|affect| check("affect", &**affect));
        }
    }
    assert_eq!(checked, 2 * 32 + 15 + 11 + 2 + 2 + 1 + 2 + 8, "delays, noise, jumps, events");
}

#[test]
fn sizes_of_parts_agree() {
    for problem in everything() {
        let id = problem.id;
        let (n, m) = (problem.u0.len(), problem.p.len());
        let structure = problem.rhs.structure();
        let sizes = |kernel: &dyn Kernel| {
            let shape = kernel.shape();
            assert_eq!(shape.params, m, "{id}");
            (shape.states, shape.outputs)
        };
        if let Some(delays) = structure.delays {
            let z = delays.reads.len();
            assert_eq!(sizes(delays.lags), (n + z, delays.constant.len()), "{id}");
            assert_eq!(sizes(delays.history), (0, n), "{id}");
            for read in delays.reads {
                assert!((read.state as usize) < n && (read.lag as usize) < delays.constant.len());
            }
            let start = eval(delays.history, problem.t0, &[], &problem.p);
            assert_eq!(start != problem.u0, delays.jumps_at_start, "{id}: {start:?}");
        }
        if let Some(noise) = structure.noise {
            let count = if noise.kind == NoiseKind::Diagonal { n } else { n * noise.sources };
            assert_eq!(sizes(noise.coefficients), (n, count), "{id}");
        }
        if let Some(jumps) = structure.jumps {
            let count = jumps.changes.len();
            assert_eq!(sizes(jumps.rates), (n, count), "{id}");
            assert_eq!(jumps.alters.len(), count, "{id}");
        }
        if let Some(events) = structure.events {
            let roots = events.roots.map_or(0, |kernel| sizes(kernel).1);
            for Event { trigger, affect, stop } in events.list {
                assert!(affect.is_some() || *stop, "{id}");
                assert!(affect.is_none_or(|i| (i as usize) < events.affects.len()), "{id}");
                if let Trigger::Crossing { root, .. } = trigger {
                    assert!((*root as usize) < roots, "{id}");
                }
            }
            assert!(events.affects.iter().all(|affect| sizes(&**affect) == (n, n)), "{id}");
        }
    }
}

#[test]
fn velocities_are_the_slopes_of_positions() {
    let mut pairs = 0;
    for problem in everything() {
        let (t, u, p) = point(&problem, problem.rhs.shape().states);
        let slope = eval(&*problem.rhs, t, &u, &p);
        for pair in problem.rhs.structure().pairs {
            assert_eq!(slope[pair.position as usize], u[pair.velocity as usize], "{}", problem.id);
            pairs += 1;
        }
    }
    assert_eq!(pairs, 1 + 14 + 2 + 2 + 40);
}

#[test]
fn kinds_of_noise_are_what_they_say() {
    for problem in everything() {
        let Some(noise) = problem.rhs.structure().noise else { continue };
        let (t, u, p) = point(&problem, problem.u0.len());
        let n = u.len();
        let zero = vec![0.0; p.len()];
        for j in 0..n {
            let mut along = vec![0.0; n];
            along[j] = 1.0;
            let count = noise.coefficients.shape().outputs;
            let (mut value, mut change) = (vec![0.0; count], vec![0.0; count]);
            let at = slopefield_kernel::Point { t, u: &u, p: &p };
            let along = Tangent { t: 0.0, u: &along, p: &zero };
            noise.coefficients.jvp(at, along, &mut value, &mut change, &mut []);
            for (i, change) in change.iter().enumerate() {
                let may = match noise.kind {
                    NoiseKind::Additive => false,
                    NoiseKind::Diagonal => i == j,
                    NoiseKind::Commutative | NoiseKind::General => true,
                };
                assert!(may || *change == 0.0, "{}: coefficient {i} by state {j}", problem.id);
            }
        }
    }
}

#[test]
fn jumps_alter_the_rates_that_they_say() {
    for problem in everything() {
        let Some(jumps) = problem.rhs.structure().jumps else { continue };
        // No whole amounts: of those, what a jump takes and gives may leave a product as it was.
        let u: Vec<f64> = (0..problem.u0.len()).map(|i| 7.0 + 4.0 * number(i)).collect();
        let before = eval(jumps.rates, 0.0, &u, &problem.p);
        for (change, alters) in jumps.changes.iter().zip(jumps.alters) {
            let mut after = u.clone();
            match change {
                JumpChange::Add(list) => list.iter().for_each(|(i, x)| after[*i as usize] += x),
                JumpChange::Set(kernel) => after = eval(&**kernel, 0.0, &u, &problem.p),
            }
            for (i, (a, b)) in
                before.iter().zip(eval(jumps.rates, 0.0, &after, &problem.p)).enumerate()
            {
                assert_eq!(*a != b, alters.contains(&(i as u32)), "{}: rate {i}", problem.id);
            }
        }
    }
}

/// Products with second derivatives are differences of reverse products along the direction.
#[test]
fn second_derivatives_match_differences() {
    let mut checked = 0;
    for problem in everything() {
        let Some(hessian) = problem.rhs.structure().hessian else { continue };
        let (t, u, p) = point(&problem, problem.rhs.shape().states);
        if u.len() > 100 {
            continue; // the same code with more columns
        }
        checked += 1;
        let (n, m) = (u.len(), p.len());
        let du: Vec<f64> = u.iter().enumerate().map(|(i, x)| number(i) * size(*x)).collect();
        let dp: Vec<f64> = p.iter().enumerate().map(|(i, x)| number(70 + i) * size(*x)).collect();
        // Signals of electronics change within that time.
        let fast = ["ring-modulator", "transistor-amplifier"].contains(&problem.id);
        let (dt, h) = (if fast { 1e-4 } else { 0.3 }, 1e-5);
        let w: Vec<f64> = (0..problem.rhs.shape().outputs).map(|i| number(500 + i)).collect();
        let (mut by_t, mut by_u, mut by_p) = (0.0, vec![0.0; n], vec![0.0; m]);
        let grad = Cotangent { t: &mut by_t, u: &mut by_u, p: &mut by_p };
        let along = Tangent { t: dt, u: &du, p: &dp };
        hessian.hvp(Point { t, u: &u, p: &p }, along, &w, grad, &mut []);
        let reverse = |x: f64| {
            let moved = |a: &[f64], d: &[f64]| -> Vec<f64> {
                a.iter().zip(d).map(|(a, d)| a + x * d).collect()
            };
            let (u, p) = (moved(&u, &du), moved(&p, &dp));
            let (mut by_t, mut by_u, mut by_p) = (0.0, vec![0.0; n], vec![0.0; m]);
            let grad = Cotangent { t: &mut by_t, u: &mut by_u, p: &mut by_p };
            let at = Point { t: t + x * dt, u: &u, p: &p };
            problem.rhs.vjp(at, &w, grad, &mut []);
            [vec![by_t], by_u, by_p].concat()
        };
        let (above, below) = (reverse(h), reverse(-h));
        let found = [vec![by_t], by_u, by_p].concat();
        for (k, found) in found.iter().enumerate() {
            let expected = (above[k] - below[k]) / (2.0 * h);
            let scale = above[k].abs() + expected.abs() + 1e-9;
            assert!(
                (found - expected).abs() < 1e-5 * scale,
                "{}, column {k}: {found} {expected}",
                problem.id
            );
        }
    }
    assert!(checked > 60, "{checked}");
}

#[test]
fn langevin_noise_has_drift_and_covariance_of_the_jumps() {
    let (jumps, noise) = (crate::mixed_oscillator(), crate::mixed_oscillator_noise());
    let (n, t, p) = (noise.u0.len(), 0.0, &noise.p);
    let u: Vec<f64> =
        noise.u0.iter().enumerate().map(|(i, x)| x * (1.0 + 0.3 * number(i))).collect();
    let structure = jumps.rhs.structure();
    let reactions = structure.jumps.unwrap();
    let rates = eval(reactions.rates, t, &u, p);
    let (mut drift, mut covariance) = (vec![0.0; n], vec![0.0; n * n]);
    for (rate, change) in rates.iter().zip(reactions.changes) {
        let JumpChange::Add(list) = change else { panic!("reactions add") };
        for &(i, a) in list.iter() {
            drift[i as usize] += rate * a;
            for &(j, b) in list.iter() {
                covariance[i as usize * n + j as usize] += rate * a * b;
            }
        }
    }
    let found = eval(&*noise.rhs, t, &u, p);
    let columns = eval(noise.rhs.structure().noise.unwrap().coefficients, t, &u, p);
    for i in 0..n {
        assert!((found[i] - drift[i]).abs() < 1e-12 * rates.iter().sum::<f64>(), "drift {i}");
        for j in 0..n {
            let sum: f64 = columns.chunks_exact(n).map(|column| column[i] * column[j]).sum();
            let known = covariance[i * n + j];
            assert!((sum - known).abs() <= 1e-12 * known.abs(), "{i}, {j}: {sum} {known}");
        }
    }
}
