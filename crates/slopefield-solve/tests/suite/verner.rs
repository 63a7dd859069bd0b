//! Verner's methods: measured orders, interpolants with stages of their own, references.
use crate::common;

use common::{Closure, distance, end_state, ivp, slope, with_equal_steps};
use slopefield_kernel::Kernel;
use slopefield_problems::{all, exponential_decay, lotka_volterra, rigid_body};
use slopefield_solve::runge_kutta::{VERN6, VERN7, VERN8, VERN9};
use slopefield_solve::{
    ExplicitRungeKutta, FrozenSteps, Ivp, Settings, SolveError, Step, Stepper, Tableau, drive,
    method_info,
};

const TABLES: [&Tableau; 4] = [&VERN6, &VERN7, &VERN8, &VERN9];

/// A system whose solution from 0 are the powers `t^k`, and which a method of order `p` solves
/// exactly but for those with `k = p + 1`: of the terms of its error no others are left. Efficient
/// methods make their leading term so small that on other problems the next hides it until
/// rounding errors hide both.
///
/// `u_0 = t`, `u_1 = ∫ t^p`, `u_2 = ∫ t²`, `u_3 = ∫ u_2 t^(p−3)`, and `t, t²/2, …` as a chain.
fn powers(p: u32) -> impl Kernel {
    let n = 4 + p as usize;
    Closure(n, move |_, u: &[f64], out: &mut [f64]| {
        let t = u[0];
        out[0] = 1.0;
        out[1] = t.powi(p as i32);
        out[2] = t * t;
        out[3] = u[2] * t.powi(p as i32 - 3);
        out[4] = t;
        out[5..].copy_from_slice(&u[4..n - 1]);
    })
}

/// Its solution at `t`.
fn powers_at(p: u32, t: f64) -> Vec<f64> {
    let high = t.powi(p as i32 + 1) / f64::from(p + 1);
    let mut u = vec![t, high, t.powi(3) / 3.0, high / 3.0];
    let mut power = t;
    for k in 2..p + 2 {
        power *= t / f64::from(k);
        u.push(power);
    }
    u
}

#[test]
fn the_leading_error_has_the_order_of_the_method() {
    for table in TABLES {
        let p = table.order;
        let rhs = powers(p);
        let u0 = vec![0.0; rhs.shape().states];
        let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 2.0, u0: &u0, p: &[] };
        let exact = powers_at(p, 2.0);
        for part in [1, 3, exact.len() - 1] {
            let errors: Vec<(f64, f64)> = [1, 2, 3, 4, 5]
                .into_iter()
                .map(|n| {
                    let error = with_equal_steps(table, &ivp, n)[part] - exact[part];
                    (1.0 / n as f64, error.abs())
                })
                .collect();
            let order = slope(&errors);
            let off = (order - f64::from(p)).abs();
            assert!(off < 0.05, "{} state {part}: {order} {errors:?}", table.id);
        }
    }
}

#[test]
fn the_leading_error_of_interpolants_has_their_order() {
    for table in TABLES {
        let q = table.dense_order;
        let rhs = powers(q);
        let u0 = vec![0.0; rhs.shape().states];
        let mut errors = Vec::new();
        for h in [2.0, 1.5, 1.0, 0.7, 0.5] {
            let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: h, u0: &u0, p: &[] };
            let saves: Vec<f64> = (1..8).map(|i| h * f64::from(i) / 8.0).collect();
            let mut out = vec![0.0; saves.len() * u0.len()];
            let mut stepper = FrozenSteps::new(table, vec![0.0, h]);
            drive(&mut stepper, &ivp, &Settings::default(), &saves, &mut out, None).unwrap();
            let states = out.chunks_exact(u0.len());
            let worst = saves
                .iter()
                .zip(states)
                .map(|(t, u)| distance(u, &powers_at(q, *t)))
                .fold(0.0_f64, f64::max);
            errors.push((h, worst));
        }
        let order = slope(&errors);
        assert!((order - f64::from(q + 1)).abs() < 0.05, "{}: {order} {errors:?}", table.id);
    }
}

#[test]
fn nonlinear_problems_converge_at_least_as_fast() {
    for (table, coarsest) in TABLES.into_iter().zip([120, 80, 48, 32]) {
        let problem = rigid_body();
        let reference = &problem.references[0];
        let ivp = Ivp { t1: reference.t, ..ivp(&problem) };
        let errors: Vec<(f64, f64)> = [4, 5, 6, 8]
            .map(|quarter| coarsest * quarter / 4)
            .map(|n| (1.0 / n as f64, distance(&with_equal_steps(table, &ivp, n), &reference.u)))
            .to_vec();
        let order = slope(&errors);
        assert!(order > f64::from(table.order) - 0.2, "{}: {order} {errors:?}", table.id);
    }
}

#[test]
fn all_references_are_met_at_tight_tolerances_with_few_evaluations() {
    let settings = Settings::with_tolerances(1e-12, 1e-12);
    let mut evaluations = [0; 5];
    for problem in all() {
        for reference in &problem.references {
            let ivp = Ivp { t1: reference.t, ..ivp(&problem) };
            for (name, total) in
                ["vern6", "vern7", "vern8", "vern9", "tsit5"].into_iter().zip(&mut evaluations)
            {
                let mut stepper = (method_info(name).unwrap().build)();
                let (u, stats) = end_state(&mut *stepper, &ivp, &settings).unwrap();
                let error = distance(&u, &reference.u);
                assert!(
                    error < 1e-10 + reference.tolerance,
                    "{name} on {} at {}: {error:e}",
                    problem.id,
                    reference.t
                );
                *total += stats.rhs;
            }
        }
    }
    let [vern6, vern7, vern8, vern9, tsit5] = evaluations;
    assert!(tsit5 > vern6 && vern6 > vern7 && vern7 > vern8 && vern8 > vern9, "{evaluations:?}");
    assert!(2 * vern7 < tsit5 && 3 * vern8 < tsit5, "{evaluations:?}");
}

#[test]
fn the_solution_within_steps_is_as_accurate_as_at_their_ends() {
    for problem in all() {
        let Some(exact) = problem.exact else { continue };
        let n = problem.u0.len();
        let span = problem.t1 - problem.t0;
        let saves: Vec<f64> = (0..=200).map(|i| problem.t0 + span * f64::from(i) / 200.5).collect();
        for table in TABLES {
            let mut out = vec![0.0; saves.len() * n];
            let mut stepper = ExplicitRungeKutta::new(table);
            let settings = Settings::with_tolerances(1e-11, 1e-11);
            drive(&mut stepper, &ivp(&problem), &settings, &saves, &mut out, None).unwrap();
            for (t, u) in saves.iter().zip(out.chunks_exact(n)) {
                let mut truth = vec![0.0; n];
                exact(*t, problem.t0, &problem.u0, &problem.p, &mut truth);
                let error = distance(u, &truth);
                assert!(error < 2e-10, "{} on {} at {t}: {error:e}", table.id, problem.id);
            }
        }
    }
}

#[test]
fn extra_stages_are_evaluated_only_where_somebody_looks() {
    let problem = lotka_volterra();
    let ivp = ivp(&problem);
    for table in TABLES {
        let settings = Settings::with_tolerances(1e-8, 1e-8);
        let mut stepper = ExplicitRungeKutta::new(table);
        let plain = drive(&mut stepper, &ivp, &settings, &[10.0], &mut [0.0; 2], None).unwrap();
        let attempts = plain.accepted + plain.rejected;
        let s = table.stages() as u64;
        // First same as last, or one more for each step but the first.
        let promoted = if table.fsal { 0 } else { plain.accepted - 1 };
        assert_eq!(plain.rhs, 2 + (s - 1) * attempts + promoted, "{}", table.id);
        // Three save points, two of them in one step.
        let saves = [5.0, 5.0 + 1e-9, 7.0];
        let looked = drive(&mut stepper, &ivp, &settings, &saves, &mut [0.0; 6], None).unwrap();
        let extra = table.extra.a.len() as u64;
        // The first extra stage of methods that are not first-same-as-last is the next first stage.
        let reused = if table.fsal { 0 } else { 1 };
        assert_eq!(looked.rhs, plain.rhs + 2 * (extra - reused), "{}", table.id);
        assert_eq!(looked.accepted, plain.accepted);
    }
}

#[test]
fn a_step_that_is_not_prepared_is_not_interpolated() {
    let problem = exponential_decay();
    let ivp = ivp(&problem);
    let mut stepper: ExplicitRungeKutta = ExplicitRungeKutta::new(&VERN7);
    stepper.start(&ivp, &Settings::default()).unwrap();
    let Step { t_prev, t, .. } = stepper.step(&ivp, &Settings::default(), ivp.t1).unwrap();
    let middle = 0.5 * (t_prev + t);
    let found = stepper.interpolate(middle, &mut [0.0]);
    assert!(matches!(found, Err(SolveError::Invalid(_))), "{found:?}");
    stepper.prepare_dense(&ivp);
    stepper.interpolate(middle, &mut [0.0]).unwrap();
}

#[test]
fn backward_time_returns_to_the_start() {
    let problem = lotka_volterra();
    let there = ivp(&problem);
    let settings = Settings::with_tolerances(1e-12, 1e-12);
    for table in TABLES {
        let mut stepper = ExplicitRungeKutta::new(table);
        let (end, _) = end_state(&mut stepper, &there, &settings).unwrap();
        let back = Ivp { t0: there.t1, t1: there.t0, u0: &end, ..there };
        let mut out = [0.0; 4];
        drive(&mut stepper, &back, &settings, &[2.5, 0.0], &mut out, None).unwrap();
        let error = distance(&out[2..], &problem.u0);
        assert!(error < 1e-10, "{}: {error:e}", table.id);
        let mut on_the_way = [0.0; 2];
        drive(&mut stepper, &there, &settings, &[2.5], &mut on_the_way, None).unwrap();
        let error = distance(&out[..2], &on_the_way);
        assert!(error < 1e-10, "{}: {error:e}", table.id);
    }
}

#[test]
fn single_precision_is_as_good_as_it_can_be() {
    let (problem, body) = (lotka_volterra(), rigid_body());
    for problem in [&problem, &body] {
        let reference = problem.references.last().unwrap();
        let exact: Vec<f64> = {
            let there = Ivp { t1: reference.t, ..ivp(problem) };
            let saves = [0.37 * reference.t, reference.t];
            let mut out = vec![0.0; 2 * problem.u0.len()];
            let settings = Settings::with_tolerances(1e-12, 1e-12);
            drive(&mut ExplicitRungeKutta::new(&VERN8), &there, &settings, &saves, &mut out, None)
                .unwrap();
            out
        };
        let single = problem.single.as_ref().unwrap();
        let u0: Vec<f32> = problem.u0.iter().map(|x| *x as f32).collect();
        let p: Vec<f32> = problem.p.iter().map(|x| *x as f32).collect();
        for table in TABLES {
            let info = method_info(table.id).unwrap();
            let run = |tolerance: f64, back: bool| {
                let (t0, t1) = (problem.t0, reference.t);
                let ivp = Ivp::<f32> { rhs: &**single, t0, t1, u0: &u0, p: &p };
                // At the end, and within a step, where stages of its own are needed.
                let saves = [0.37 * t1, t1];
                let mut out = vec![0.0_f32; 2 * u0.len()];
                let settings = Settings::with_tolerances(tolerance, tolerance);
                let mut stepper = (info.single)();
                drive(&mut *stepper, &ivp, &settings, &saves, &mut out, None).unwrap();
                if back {
                    let end = out[u0.len()..].to_vec();
                    let back = Ivp { t0: t1, t1: t0, u0: &end, ..ivp };
                    let mut out = vec![0.0_f32; u0.len()];
                    drive(&mut *stepper, &back, &settings, &[t0], &mut out, None).unwrap();
                    let off = |(a, b): (&f32, &f32)| f64::from((a - b).abs());
                    return out.iter().zip(&u0).map(off).fold(0.0, f64::max);
                }
                let off = |(a, b): (&f32, &f64)| (f64::from(*a) - b).abs();
                out.iter().zip(&exact).map(off).fold(0.0, f64::max)
            };
            let (rough, fine) = (run(1e-3, false), run(1e-6, false));
            assert!(rough < 0.05, "{} on {}: {rough:e}", table.id, problem.id);
            // Some hundred roundings of numbers up to 6.
            assert!(fine < 1e-4, "{} on {}: {fine:e}", table.id, problem.id);
            let back = run(1e-6, true);
            assert!(back < 2e-4, "{} on {}: {back:e}", table.id, problem.id);
        }
    }
}
