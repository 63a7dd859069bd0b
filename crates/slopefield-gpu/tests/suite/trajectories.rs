//! Whole solves on the device: accuracy, failures, how the work is cut, refusals.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::common::{Random, device, dialect, lowered};
use slopefield_ensemble::{Ensemble, Report, Run, TrajectoryResult, Values};
use slopefield_gpu::{Solver, Trajectories, TrajectoryProgram};
use slopefield_graph::LoweredModel;
use slopefield_solve::{ExplicitRungeKutta, Ivp, Settings, SolveError, Tableau, drive, tableau};

pub const LOTKA: &str = "
state x = 1
state y = 1
param a = 1.5
param b = 1
param c = 3
param d = 1
x' = a*x - b*x*y
y' = d*x*y - c*y
";

/// Lotka–Volterra with parameters of each trajectory, up to 20 % off.
pub struct Lotka {
    count: usize,
    own: Vec<f64>,
}

impl Lotka {
    pub fn new(count: usize) -> Self {
        let mut random = Random(2);
        let usual = [1.5, 1.0, 3.0, 1.0];
        let vary = |i: usize| usual[i % 4] * random.uniform(0.8, 1.2);
        Lotka { count, own: (0..4 * count).map(vary).collect() }
    }

    /// Their parameters, trajectory by trajectory.
    pub fn own(&self) -> &[f64] {
        &self.own
    }

    pub fn problem(&self) -> Trajectories<'_> {
        Trajectories {
            t0: 0.0,
            t1: 10.0,
            count: self.count,
            u0: Values::Same(&[1.0, 1.0]),
            shared: &[0.0; 4],
            own: Values::Each(&self.own),
        }
    }

    pub fn saves(t0: f64, t1: f64, count: usize) -> Vec<f64> {
        let at = |i: usize| t0 + (t1 - t0) * i as f64 / (count - 1) as f64;
        (0..count).map(at).collect()
    }
}

/// The same trajectories by the ensembles on the processor, in double precision.
pub fn on_processor(
    model: &LoweredModel,
    problem: &Trajectories<'_>,
    method: &'static Tableau,
    settings: &Settings,
    saves: &[f64],
) -> (Vec<f64>, Report) {
    let own: Vec<usize> = (0..model.rhs.eval.shape.params).collect();
    let rhs = slopefield_cpu::compile_batch(&model.rhs.eval, &own).expect("it compiles");
    let Trajectories { t0, t1, count, u0, shared, own } = *problem;
    let ensemble = Ensemble { rhs: &rhs, t0, t1, count, u0, shared, own };
    let mut out = vec![0.0; count * saves.len() * model.rhs.eval.shape.outputs];
    let report =
        slopefield_ensemble::solve(&ensemble, method, settings, saves, &mut out, Run::default());
    (out, report.expect("the problem makes sense"))
}

fn tsit5() -> &'static Tableau {
    tableau("tsit5").expect("built in")
}

fn solve_with(
    program: &TrajectoryProgram,
    problem: &Trajectories<'_>,
    settings: &Settings,
    saves: &[f64],
    attempts: Option<u32>,
) -> (Vec<f64>, Vec<TrajectoryResult>) {
    let mut solver = Solver::new(device(), program).unwrap_or_else(|e| panic!("{e}"));
    solver.attempts = attempts;
    let mut out = vec![0.0; problem.count * saves.len() * program.states()];
    let report = solver.solve(problem, settings, saves, &mut out).expect("the device works");
    (out, report.trajectories)
}

fn program(text: &str, own: &[usize]) -> TrajectoryProgram {
    TrajectoryProgram::of_model(&lowered(text), own, tsit5(), dialect()).expect("it has a form")
}

/// The same by a solver for one trajectory, for methods that ensembles have not: states and counters of
/// accepted steps.
pub fn one_by_one(
    model: &LoweredModel,
    problem: &Trajectories<'_>,
    method: &'static Tableau,
    settings: &Settings,
    saves: &[f64],
) -> (Vec<f64>, Vec<u64>) {
    let kernel = slopefield_cpu::compile(&model.rhs).expect("it compiles");
    let (Values::Same(u0), Values::Each(own)) = (problem.u0, problem.own) else {
        panic!("each has its own parameters only")
    };
    let (mut all, mut accepted) = (Vec::new(), Vec::new());
    for p in own.chunks_exact(problem.shared.len()) {
        let ivp = Ivp { rhs: &kernel, t0: problem.t0, t1: problem.t1, u0, p };
        let mut out = vec![0.0; saves.len() * u0.len()];
        let mut stepper = ExplicitRungeKutta::new(method);
        let stats = drive(&mut stepper, &ivp, settings, saves, &mut out, None);
        accepted.push(stats.expect("it is solved").accepted);
        all.extend(out);
    }
    (all, accepted)
}

/// A thousand trajectories in single precision at a tolerance of 1e-5 against solutions in double
/// precision at 1e-11.
#[test]
fn a_thousand_trajectories_are_as_near_as_single_precision_lets_them() {
    let model = lowered(LOTKA);
    let lotka = Lotka::new(1000);
    let (problem, saves) = (lotka.problem(), Lotka::saves(0.0, 10.0, 21));
    let strict = Settings::with_tolerances(1e-11, 1e-11);
    let (want, _) = on_processor(&model, &problem, tsit5(), &strict, &saves);
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let (got, all) = solve_with(&program(LOTKA, &[0, 1, 2, 3]), &problem, &settings, &saves, None);
    let mut errors: Vec<f64> =
        got.iter().zip(&want).map(|(got, want)| (got - want).abs() / want.abs()).collect();
    errors.sort_by(f64::total_cmp);
    let (median, worst) = (errors[errors.len() / 2], errors[errors.len() - 1]);
    println!("median error {median:.1e}, worst {worst:.1e}");
    assert!(median <= 5e-5, "{median:e}");
    assert!(worst <= 5e-4, "{worst:e}");
    // The same solve in double precision takes as many steps, but for those that rounding tips; how
    // many that are is the driver's.
    let (_, report) = on_processor(&model, &problem, tsit5(), &settings, &saves);
    let attempts = |all: &[TrajectoryResult]| -> u64 {
        all.iter().flatten().map(|stats| stats.accepted + stats.rejected).sum()
    };
    assert!(all.iter().all(Result::is_ok));
    let ratio = attempts(&all) as f64 / report.attempts as f64;
    println!("{ratio:.4} as many attempts");
    assert!((ratio - 1.0).abs() <= 0.03, "{ratio} as many attempts");
}

#[test]
fn methods_of_high_order_fill_long_steps() {
    let model = lowered(LOTKA);
    let lotka = Lotka::new(100);
    let (problem, saves) = (lotka.problem(), Lotka::saves(0.0, 10.0, 101));
    let strict = Settings::with_tolerances(1e-11, 1e-11);
    let (want, _) = on_processor(&model, &problem, tsit5(), &strict, &saves);
    let vern7 = tableau("vern7").expect("built in");
    let program = TrajectoryProgram::of_model(&model, &[0, 1, 2, 3], vern7, dialect());
    let program = program.expect("it has a form");
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let (got, all) = solve_with(&program, &problem, &settings, &saves, None);
    let far = |(got, want): (&f64, &f64)| (got - want).abs() / want.abs();
    let mut errors: Vec<f64> = got.iter().zip(&want).map(far).collect();
    errors.sort_by(f64::total_cmp);
    let (median, worst) = (errors[errors.len() / 2], errors[errors.len() - 1]);
    let steps = all[0].as_ref().expect("it is solved").accepted;
    println!("{steps} steps, median {median:.1e}, worst {worst:.1e}");
    assert!(steps < 60 && median <= 2e-5 && worst <= 5e-4, "{steps}, {median:e}, {worst:e}");
    let (again, _) = solve_with(&program, &problem, &settings, &saves, Some(3));
    assert!(again.iter().zip(&got).all(|(a, b)| a.to_bits() == b.to_bits()));
}

#[test]
fn how_the_work_is_cut_changes_no_bit() {
    let lotka = Lotka::new(100);
    let (problem, saves) = (lotka.problem(), Lotka::saves(0.0, 10.0, 13));
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let program = program(LOTKA, &[0, 1, 2, 3]);
    let (want, results) = solve_with(&program, &problem, &settings, &saves, None);
    for attempts in [1, 7, 1000] {
        let (got, all) = solve_with(&program, &problem, &settings, &saves, Some(attempts));
        assert!(got.iter().zip(&want).all(|(a, b)| a.to_bits() == b.to_bits()), "{attempts}");
        assert_eq!(all, results);
    }
    // The last ones alone.
    let few = Trajectories { count: 30, own: Values::Each(&lotka.own[280..]), ..problem };
    let (got, _) = solve_with(&program, &few, &settings, &saves, None);
    assert!(got.iter().zip(&want[70 * 26..]).all(|(a, b)| a.to_bits() == b.to_bits()));
}

/// Backwards in time, with a parameter that all share and save times at both ends.
#[test]
fn time_may_run_backwards_and_parameters_may_be_shared() {
    let model = lowered(LOTKA);
    let lotka = Lotka::new(40);
    let a: Vec<f64> = lotka.own.chunks_exact(4).map(|row| row[0]).collect();
    let saves = [4.0, 4.0, 3.3, 1.0, 0.5, 0.5];
    let shared = [f64::NAN, 1.0, 3.0, 1.0];
    let problem = Trajectories {
        t0: 4.0,
        t1: 0.5,
        count: 40,
        u0: Values::Same(&[1.2, 0.7]),
        shared: &shared,
        own: Values::Each(&a),
    };
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let (got, all) = solve_with(&program(LOTKA, &[0]), &problem, &settings, &saves, None);
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    let rows: Vec<f64> = a.iter().flat_map(|a| [*a, 1.0, 3.0, 1.0]).collect();
    let full = Trajectories { own: Values::Each(&rows), ..problem };
    let strict = Settings::with_tolerances(1e-11, 1e-11);
    let (want, _) = on_processor(&model, &full, tsit5(), &strict, &saves);
    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
        assert!((got - want).abs() <= 3e-4 * want.abs(), "{i}: {got} instead of {want}");
    }
}

const NETWORK: &str = "
state x = 0.8
state y = -0.3
param c = 1
network n: mlp(inputs: 2, outputs: 2, hidden: [12], activation: tanh)
let z = n(x, y)
x' = z[1] - c*x + 0.3*sin(2*t)
y' = z[2] - c*y
";

#[test]
fn a_network_that_all_share_from_many_initial_states() {
    let model = lowered(NETWORK);
    let params = model.rhs.eval.shape.params;
    let mut p: Vec<f64> = (0..params).map(|i| 0.4 * ((i * 37 % 19) as f64 / 9.0 - 1.0)).collect();
    p[0] = 1.0;
    let mut random = Random(9);
    let u0: Vec<f64> = (0..2 * 90).map(|_| random.uniform(-1.0, 1.0)).collect();
    let saves = Lotka::saves(0.0, 3.0, 7);
    let problem = Trajectories {
        t0: 0.0,
        t1: 3.0,
        count: 90,
        u0: Values::Each(&u0),
        shared: &p,
        own: Values::Same(&[]),
    };
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let (got, all) = solve_with(&program(NETWORK, &[]), &problem, &settings, &saves, None);
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    let full = Trajectories { own: Values::Same(&p), ..problem };
    let strict = Settings::with_tolerances(1e-10, 1e-10);
    let (want, _) = on_processor(&model, &full, tsit5(), &strict, &saves);
    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
        assert!((got - want).abs() <= 3e-5 * want.abs().max(0.3), "{i}: {got} instead of {want}");
    }
}

/// `x' = p x²` from 1 ends at `t = 1/p`.
#[test]
fn a_trajectory_that_cannot_go_on_says_so_and_stops_alone() {
    let text = "state x = 1\nparam p = 1\nx' = p*x^2\n";
    let own = [0.25, 2.0, -1.0, 0.5, 4.0];
    let problem = Trajectories {
        t0: 0.0,
        t1: 1.0,
        count: 5,
        u0: Values::Same(&[1.0]),
        shared: &[0.0],
        own: Values::Each(&own),
    };
    let saves = [0.2, 0.4, 1.0];
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let (got, all) = solve_with(&program(text, &[0]), &problem, &settings, &saves, None);
    for (k, p) in own.iter().enumerate() {
        let rows = &got[3 * k..3 * k + 3];
        if *p < 1.0 {
            assert!(all[k].is_ok(), "{:?}", all[k]);
            for (t, x) in saves.iter().zip(rows) {
                let want = 1.0 / (1.0 - p * t);
                assert!((x - want).abs() <= 1e-4 * want, "{p} at {t}: {x} instead of {want}");
            }
            continue;
        }
        let failure = all[k].as_ref().expect_err("the solution ends");
        let (SolveError::StepTooSmall { t, .. } | SolveError::NonFinite { t, .. }) = failure.error
        else {
            panic!("{failure:?}")
        };
        assert!((t - 1.0 / p).abs() <= 1e-4, "{p}: stopped at {t}");
        assert!(failure.u[0] > 1e3 && failure.stats.accepted > 10, "{failure:?}");
        for (save, x) in saves.iter().zip(rows) {
            assert_eq!(x.is_nan(), *save > t, "{p} at {save}: {x}");
        }
    }
}

#[test]
fn the_reason_of_a_failure_is_the_right_one() {
    let text = "state x = 1\nparam p = 1\nx' = -ln(p)*x\n";
    let own = [1.0, -1.0, 2.0];
    let problem = Trajectories {
        t0: 0.0,
        t1: 1.0,
        count: 3,
        u0: Values::Same(&[1.0]),
        shared: &[0.0],
        own: Values::Each(&own),
    };
    let program = program(text, &[0]);
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let (got, all) = solve_with(&program, &problem, &settings, &[1.0], None);
    assert!(all[0].is_ok() && all[2].is_ok(), "{all:?}");
    let failure = all[1].as_ref().expect_err("the logarithm has no value");
    assert!(matches!(failure.error, SolveError::NonFinite { t, state: 0, .. } if t == 0.0));
    assert!(got[1].is_nan() && (got[2] - 0.5).abs() < 1e-5, "{got:?}");

    let settings = Settings { max_steps: 3, ..Settings::with_tolerances(1e-6, 1e-7) };
    let (_, all) = solve_with(&program, &problem, &settings, &[1.0], Some(2));
    let failure = all[2].as_ref().expect_err("three steps are not enough");
    assert!(matches!(failure.error, SolveError::TooManySteps { steps: 3, .. }), "{failure:?}");

    let u0 = [1.0, f64::NAN, 1.0];
    let problem = Trajectories { u0: Values::Each(&u0), own: Values::Same(&[1.0]), ..problem };
    let (_, all) = solve_with(&program, &problem, &Settings::default(), &[1.0], None);
    let failure = all[1].as_ref().expect_err("it starts from no number");
    assert!(matches!(failure.error, SolveError::NonFinite { state: 0, .. }), "{failure:?}");

    let cancel = Some(Arc::new(AtomicBool::new(true)));
    let settings = Settings { cancel, ..Settings::default() };
    let (_, all) = solve_with(&program, &problem, &settings, &[1.0], None);
    let cancelled = |r: &TrajectoryResult| {
        r.as_ref().is_err_and(|f| matches!(f.error, SolveError::Cancelled { .. }))
    };
    assert!(all.iter().all(cancelled), "{all:?}");
}

#[test]
fn what_is_no_ordinary_differential_equation_is_refused() {
    let refused = |text: &str| {
        let made = TrajectoryProgram::of_model(&lowered(text), &[], tsit5(), dialect());
        made.expect_err("it is refused").to_string()
    };
    let delayed = "state x = 1\nx' = -delay(x, 0.5)\nhistory x = 1\n";
    assert!(refused(delayed).contains("delays are not solved on graphics cards"));
    let large = "const N = 400\nstate u[N] = 1\nu[i]' = -u[i] for i in 1..N\n";
    assert!(refused(large).contains("a thread of a graphics card holds 2048"));

    let program = program(LOTKA, &[0]);
    let lotka = Lotka::new(3);
    let wrong = lotka.problem();
    let settings = Settings::default();
    let solver = Solver::new(device(), &program).expect("the device works");
    let mut out = vec![0.0; 6];
    let error = solver.solve(&wrong, &settings, &[1.0], &mut out).expect_err("too many own");
    assert!(error.to_string().contains("12 own parameters were given"), "{error}");
    let right = Trajectories { own: Values::Same(&[1.0]), ..wrong };
    for (saves, why) in [(vec![11.0], "outside the span"), (vec![2.0, 1.0], "before its")] {
        let mut out = vec![0.0; saves.len() * 6];
        let error = solver.solve(&right, &settings, &saves, &mut out).expect_err("bad times");
        assert!(error.to_string().contains(why), "{error}");
    }
    let empty = Trajectories { t1: 0.0, ..right };
    assert!(solver.solve(&empty, &settings, &[0.0], &mut out).is_err());
}
