//! What an ensemble does beyond agreeing with single solves: threads, failures, cancellation,
//! refusals, use of the lanes.

use crate::common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::*;
use slopefield_ensemble::{EachLane, Ensemble, Run, Values, solve};
use slopefield_problems::{exponential_decay, lorenz, lotka_volterra};
use slopefield_solve::{Settings, SolveError, Stats, tableau};

/// `x' = p x² `, which ends at `t = 1 / (p x0)`.
fn explosion() -> Function<Rhs> {
    Function {
        states: 1,
        params: 1,
        f: |_, u: &[f64], p: &[f64], out: &mut [f64]| out[0] = p[0] * u[0] * u[0],
    }
}

/// An oscillator of frequency `p`: twenty times the frequency, twenty times the steps.
fn oscillator() -> Function<Rhs> {
    Function {
        states: 2,
        params: 1,
        f: |_, u: &[f64], p: &[f64], out: &mut [f64]| {
            out[0] = p[0] * u[1];
            out[1] = -p[0] * u[0];
        },
    }
}

#[test]
fn neither_threads_nor_company_change_a_bit() {
    let problem = lorenz();
    let rhs = &*problem.rhs;
    let batch = EachLane::new(rhs, &all_params(rhs));
    let (tsit5, settings) = (tableau("tsit5").unwrap(), Settings::with_tolerances(1e-7, 1e-8));
    let span = (0.0, 2.0);
    let saves = grid(span, 21);
    let count = 150;
    let v = variations(&problem, count);
    let (alone, _) = together(&batch, span, &v, count, tsit5, &settings, &saves, 1);
    for threads in [2, 3, 7, 0] {
        let (many, report) = together(&batch, span, &v, count, tsit5, &settings, &saves, threads);
        assert_same_bits(&many, &alone, &format!("{threads} threads"));
        assert_eq!(report.failures(), 0);
    }
    // The last 33 among themselves, in other lanes and blocks.
    let (n, p) = (problem.u0.len(), problem.p.len());
    let skip = count - 33;
    let few = Variations { u0: v.u0[skip * n..].to_vec(), p: v.p[skip * p..].to_vec() };
    let (few, _) = together(&batch, span, &few, 33, tsit5, &settings, &saves, 2);
    assert_same_bits(&few, &alone[skip * saves.len() * n..], "the last 33");
}

#[test]
fn shared_numbers_serve_all_trajectories() {
    let problem = lotka_volterra();
    let batch = EachLane::new(&*problem.rhs, &[1]);
    let own: Vec<f64> = (0..20).map(|i| 0.8 + 0.02 * f64::from(i)).collect();
    let mut all = Vec::new();
    for b in &own {
        all.extend_from_slice(&problem.p);
        *all.iter_mut().nth_back(problem.p.len() - 2).unwrap() = *b;
    }
    let v = Variations { u0: problem.u0.repeat(20), p: all };
    let (tsit5, settings) = (tableau("tsit5").unwrap(), Settings::default());
    let span = (0.0, 3.0);
    let (want, _) = singles(&*problem.rhs, span, &v, 20, tsit5, &settings, &[3.0]);
    let ensemble = Ensemble {
        rhs: &batch,
        t0: 0.0,
        t1: 3.0,
        count: 20,
        u0: Values::Same(&problem.u0),
        shared: &problem.p,
        own: Values::Each(&own),
    };
    let mut got = vec![0.0; want.len()];
    solve(&ensemble, tsit5, &settings, &[3.0], &mut got, Run::default()).unwrap();
    assert_same_bits(&got, &want, "one parameter varies");
}

#[test]
fn results_are_as_accurate_as_asked_for() {
    let problem = exponential_decay();
    let exact = problem.exact.unwrap();
    let batch = EachLane::new(&*problem.rhs, &all_params(&*problem.rhs));
    let v = variations(&problem, 65);
    let span = (problem.t0, problem.t1);
    let saves = grid(span, 11);
    let n = problem.u0.len();
    let mut errors = Vec::new();
    for tolerance in [1e-5, 1e-8] {
        let settings = Settings::with_tolerances(tolerance, tolerance);
        let tsit5 = tableau("tsit5").unwrap();
        let (got, _) = together(&batch, span, &v, 65, tsit5, &settings, &saves, 2);
        let mut worst = 0.0f64;
        for (k, row) in got.chunks_exact(n).enumerate() {
            let (i, t) = (k / saves.len(), saves[k % saves.len()]);
            let mut want = vec![0.0; n];
            let p = &v.p[i * problem.p.len()..][..problem.p.len()];
            exact(t, span.0, &v.u0[i * n..][..n], p, &mut want);
            for (g, w) in row.iter().zip(&want) {
                worst = worst.max((g - w).abs());
            }
        }
        assert!(worst < 50.0 * tolerance, "error {worst:e} at tolerance {tolerance:e}");
        errors.push(worst);
    }
    assert!(errors[1] < 1e-2 * errors[0], "{errors:?}");
}

#[test]
fn a_trajectory_that_fails_stops_alone_and_says_where() {
    let rhs = explosion();
    let batch = EachLane::new(&rhs, &[0]);
    let (tsit5, settings) = (tableau("tsit5").unwrap(), Settings::default());
    let span = (0.0, 1.0);
    let saves = grid(span, 11);
    let count = 43;
    // Every fifth one explodes at t = 0.5, the seventh begins at no number.
    let p: Vec<f64> = (0..count).map(|i| if i % 5 == 0 { 2.0 } else { 0.3 }).collect();
    let mut u0 = vec![1.0; count];
    u0[7] = f64::NAN;
    let v = Variations { u0, p };
    let (mut want, results) = singles(&rhs, span, &v, count, tsit5, &settings, &saves);
    // The single solve refuses such a start before it touches the rows.
    want[7 * saves.len()..8 * saves.len()].fill(f64::NAN);
    let (got, report) = together(&batch, span, &v, count, tsit5, &settings, &saves, 2);
    assert_same_bits(&got, &want, "rows");
    assert_eq!(report.failures(), 9 + 1);
    for (i, (got, want)) in report.trajectories.iter().zip(&results).enumerate() {
        match (got, want) {
            (Ok(got), Ok(want)) => assert_eq!(got, want),
            (Err(got), Err(want)) => {
                let text = format!("{:?}", got.error);
                assert_eq!(text, format!("{want:?}"), "trajectory {i}");
                if i == 7 {
                    assert!(matches!(got.error, SolveError::NonFinite { t: 0.0, state: 0, .. }));
                    continue;
                }
                let t = match got.error {
                    SolveError::StepTooSmall { t, .. } | SolveError::NonFinite { t, .. } => t,
                    ref other => panic!("{other:?}"),
                };
                assert!((t - 0.5).abs() < 1e-6, "the explosion is at 0.5, not {t}");
                assert!(got.u[0].is_finite() && got.u[0] > 1e5, "{:?}", got.u);
                assert!(got.stats.accepted > 20 && got.stats.rejected > 0);
            }
            (got, want) => panic!("trajectory {i}: {got:?}, alone {want:?}"),
        }
    }
    for (i, rows) in got.chunks_exact(saves.len()).enumerate() {
        // The explosion is at a save time, which may or may not be reached.
        let (reached, unreached) = match i {
            7 => (0, 0),
            _ if i % 5 == 0 => (5, 6),
            _ => (saves.len(), saves.len()),
        };
        assert!(rows[..reached].iter().all(|x| x.is_finite()), "trajectory {i}");
        assert!(rows[unreached..].iter().all(|x| x.is_nan()), "trajectory {i}");
    }
}

#[test]
fn steps_are_counted_and_budgets_hold() {
    let rhs = oscillator();
    let batch = EachLane::new(&rhs, &[0]);
    let v = Variations { u0: [1.0, 0.0].repeat(30), p: (1..=30).map(f64::from).collect() };
    for (method, max_steps) in [("tsit5", 60), ("bs3", 100), ("tsit5", 0), ("tsit5", 1)] {
        let settings = Settings { max_steps, ..Settings::with_tolerances(1e-5, 1e-5) };
        let method = tableau(method).unwrap();
        let span = (0.0, 3.0);
        let (want, results) = singles(&rhs, span, &v, 30, method, &settings, &[1.0, 3.0]);
        let (got, report) = together(&batch, span, &v, 30, method, &settings, &[1.0, 3.0], 1);
        assert_same_bits(&got, &want, method.id);
        let spent = report
            .trajectories
            .iter()
            .filter(|r| matches!(r, Err(f) if matches!(f.error, SolveError::TooManySteps { .. })));
        let spent = spent.count();
        assert!(if max_steps < 2 { spent == 30 } else { 0 < spent && spent < 30 }, "{spent}");
        for (got, want) in report.trajectories.iter().zip(&results) {
            assert_eq!(got.as_ref().map_err(|f| &f.error), want.as_ref());
        }
        let attempts: u64 = report
            .trajectories
            .iter()
            .map(|r| r.as_ref().unwrap_or_else(|f| &f.stats))
            .map(|s| s.accepted + s.rejected)
            .sum();
        assert_eq!(attempts, report.attempts);
    }
}

/// First steps that leave the domain of the function, given ones, bounds on steps.
#[test]
fn settings_mean_what_they_mean_for_one() {
    // The slope is no number above x = 1.0001, and the exact solution stays below.
    let edge = Function {
        states: 1,
        params: 1,
        f: |_, u: &[f64], p: &[f64], out: &mut [f64]| out[0] = p[0] * (1.0001 - u[0]).sqrt(),
    };
    let batch = EachLane::new(&edge, &[0]);
    let v = Variations {
        u0: (0..19).map(|i| 1.0 - 0.05 * f64::from(i)).collect(),
        p: (0..19).map(|i| 50.0 + f64::from(i)).collect(),
    };
    let base = Settings::with_tolerances(1e-6, 1e-6);
    for settings in [
        base.clone(),
        Settings { h_init: Some(-1e-5), ..base.clone() },
        Settings { h_max: 1e-3, ..base.clone() },
        Settings { h_min: 1e-5, ..base },
    ] {
        let (tsit5, span) = (tableau("tsit5").unwrap(), (0.0, 0.01));
        let (want, results) = singles(&edge, span, &v, 19, tsit5, &settings, &[0.005]);
        let (got, report) = together(&batch, span, &v, 19, tsit5, &settings, &[0.005], 1);
        assert_same_bits(&got, &want, "rows");
        for (got, want) in report.trajectories.iter().zip(&results) {
            // In words, because NaN in a state vector is not equal to itself.
            let got = got.as_ref().map_err(|f| format!("{:?}", f.error));
            assert_eq!(got, want.as_ref().map_err(|e| format!("{e:?}")));
        }
    }
}

#[test]
fn lanes_of_very_different_cost_are_kept_busy() {
    let rhs = oscillator();
    let batch = EachLane::new(&rhs, &[0]);
    let count = 600;
    let p: Vec<f64> =
        (0..count).map(|i| 1.0 + 19.0 * ((i * 7919) % count) as f64 / count as f64).collect();
    let v = Variations { u0: [1.0, 0.0].repeat(count), p };
    let (tsit5, settings) = (tableau("tsit5").unwrap(), Settings::default());
    let (_, report) = together(&batch, (0.0, 5.0), &v, count, tsit5, &settings, &[5.0], 1);
    let steps = |i: usize| report.trajectories[i].as_ref().unwrap().accepted;
    let (least, most) = (0..count).map(steps).fold((u64::MAX, 0), |(a, b), s| (a.min(s), b.max(s)));
    assert!(most > 10 * least, "{least} to {most} steps");
    assert!(report.utilisation() >= 0.95, "{}", report.utilisation());
    assert_eq!(report.lane_steps % 8, 0);
}

#[test]
fn an_empty_span_or_ensemble_or_list_of_saves_is_fine() {
    let problem = lotka_volterra();
    let batch = EachLane::new(&*problem.rhs, &all_params(&*problem.rhs));
    let (tsit5, settings) = (tableau("tsit5").unwrap(), Settings::default());
    let v = variations(&problem, 11);
    let (got, report) = together(&batch, (2.0, 2.0), &v, 11, tsit5, &settings, &[2.0, 2.0], 2);
    let twice: Vec<f64> = v.u0.chunks_exact(2).flat_map(|u| [u, u].concat()).collect();
    assert_same_bits(&got, &twice, "the initial states");
    assert!(report.trajectories.iter().all(|r| *r == Ok(Stats::default())));
    assert_eq!(report.utilisation(), 1.0);

    let none = Variations { u0: vec![], p: vec![] };
    let (_, report) = together(&batch, (0.0, 1.0), &none, 0, tsit5, &settings, &[1.0], 2);
    assert!(report.trajectories.is_empty());
    let (_, report) = together(&batch, (0.0, 1.0), &v, 11, tsit5, &settings, &[], 2);
    assert!(report.trajectories.iter().all(|r| matches!(r, Ok(s) if s.accepted > 3)));
}

#[test]
fn what_makes_no_sense_is_refused_in_words() {
    let problem = lotka_volterra();
    let batch = EachLane::new(&*problem.rhs, &[0]);
    let tsit5 = tableau("tsit5").unwrap();
    let (u0, own) = ([1.0, 1.0].repeat(3), [1.0, 2.0, 3.0]);
    let right = Ensemble {
        rhs: &batch,
        t0: 0.0,
        t1: 1.0,
        count: 3,
        u0: Values::Each(&u0),
        shared: &problem.p,
        own: Values::Each(&own),
    };
    let refusal = |ensemble: &Ensemble<'_>, settings: &Settings, saves: &[f64], room: usize| {
        let mut out = vec![0.0; room];
        match solve(ensemble, tsit5, settings, saves, &mut out, Run::default()) {
            Err(SolveError::Invalid(text)) => text,
            other => panic!("{other:?}"),
        }
    };
    let good = Settings::default();
    let text = refusal(&Ensemble { u0: Values::Each(&u0[1..]), ..right }, &good, &[1.0], 6);
    assert_eq!(text, "5 initial states were given instead of 2 for each of 3 trajectories");
    let text = refusal(&Ensemble { own: Values::Same(&own), ..right }, &good, &[1.0], 6);
    assert_eq!(text, "3 parameters of trajectories were given instead of 1 for all trajectories");
    let text = refusal(&Ensemble { shared: &problem.p[1..], ..right }, &good, &[1.0], 6);
    assert_eq!(text, "3 parameters were given, but the right-hand side takes 4");
    let text = refusal(&Ensemble { t1: f64::NAN, ..right }, &good, &[1.0], 6);
    assert_eq!(text, "the time span 0 to NaN is not finite");
    let text = refusal(&right, &good, &[0.5, 1.5], 12);
    assert_eq!(text, "save time 1 is 1.5, outside the span 0 to 1");
    let text = refusal(&right, &good, &[0.5, 0.4], 12);
    assert!(text.starts_with("save time 1 is 0.4, before its predecessor 0.5"), "{text}");
    let text = refusal(&right, &good, &[1.0], 5);
    assert!(text.starts_with("room for 5 values was given, but 3 trajectories"), "{text}");
    let text = refusal(&right, &Settings { rtol: f64::NAN, ..good }, &[1.0], 6);
    assert!(text.contains("relative tolerance"), "{text}");
}

#[test]
fn a_cancelled_ensemble_ends_every_trajectory_one_way_or_the_other() {
    let flag = Arc::new(AtomicBool::new(false));
    let evaluations = AtomicUsize::new(0);
    let rhs = Function {
        states: 1,
        params: 1,
        f: |_, u: &[f64], p: &[f64], out: &mut [f64]| {
            if evaluations.fetch_add(1, Ordering::Relaxed) == 20_000 {
                flag.store(true, Ordering::Relaxed);
            }
            out[0] = -p[0] * u[0];
        },
    };
    let batch = EachLane::new(&rhs, &[0]);
    let settings =
        Settings { cancel: Some(flag.clone()), ..Settings::with_tolerances(1e-8, 1e-10) };
    let v = Variations { u0: vec![1.0; 500], p: vec![3.0; 500] };
    let tsit5 = tableau("tsit5").unwrap();
    for threads in [1, 3] {
        flag.store(false, Ordering::Relaxed);
        evaluations.store(0, Ordering::Relaxed);
        let (out, report) =
            together(&batch, (0.0, 1.0), &v, 500, tsit5, &settings, &[0.0, 1.0], threads);
        let mut ended = 0;
        for (result, rows) in report.trajectories.iter().zip(out.chunks_exact(2)) {
            match result {
                Ok(_) => {
                    ended += 1;
                    assert!((rows[1] - (-3.0f64).exp()).abs() < 1e-7);
                }
                Err(failure) => {
                    assert!(matches!(failure.error, SolveError::Cancelled { .. }), "{failure:?}");
                    assert!(rows[1].is_nan());
                }
            }
        }
        assert!(0 < ended && ended < 500, "{ended} ended before");
    }
}

#[test]
fn progress_reaches_the_number_of_trajectories() {
    let rhs = oscillator();
    let batch = EachLane::new(&rhs, &[0]);
    let ensemble = Ensemble {
        rhs: &batch,
        t0: 0.0,
        t1: 1.0,
        count: 300,
        u0: Values::Same(&[1.0, 0.0]),
        shared: &[0.0],
        own: Values::Same(&[2.0]),
    };
    let (calls, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let progress = |begun: usize| {
        calls.fetch_add(1, Ordering::Relaxed);
        most.fetch_max(begun, Ordering::Relaxed);
    };
    let run = Run { threads: 3, progress: Some(&progress) };
    let mut out = vec![0.0; 600];
    solve(&ensemble, tableau("tsit5").unwrap(), &Settings::default(), &[1.0], &mut out, run)
        .unwrap();
    assert_eq!(most.into_inner(), 300);
    assert!((3..=300 / 16 + 6).contains(&calls.into_inner()));
}
