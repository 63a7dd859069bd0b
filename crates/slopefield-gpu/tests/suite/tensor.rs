//! Batched solves: large networks and many states against the processor, and what a thread holds against
//! the whole solves in threads.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::common::{Random, device, dialect, lowered};
use crate::trajectories::{LOTKA, Lotka, on_processor};
use slopefield_ensemble::{TrajectoryResult, Values};
use slopefield_gpu::{GpuError, Solver, TensorProgram, TensorSolver};
use slopefield_gpu::{Trajectories, TrajectoryProgram};
use slopefield_solve::{Settings, SolveError, tableau};

fn program(text: &str, own: &[usize], method: &str) -> TensorProgram {
    let method = tableau(method).expect("built in");
    TensorProgram::of_model(&lowered(text), own, method, dialect()).expect("it has a form")
}

fn solve_with(
    program: &TensorProgram,
    problem: &Trajectories<'_>,
    settings: &Settings,
    saves: &[f64],
    change: impl FnOnce(&mut TensorSolver<'_>),
) -> (Vec<f64>, Vec<TrajectoryResult>) {
    let mut solver = TensorSolver::new(device(), program).unwrap_or_else(|e| panic!("{e}"));
    change(&mut solver);
    let mut out = vec![0.0; problem.count * saves.len() * program.states()];
    let report = solver.solve(problem, settings, saves, &mut out).expect("the device works");
    (out, report.trajectories)
}

/// Median and largest distance, relative to the larger of a number and `least`.
fn distances(got: &[f64], want: &[f64], least: f64) -> (f64, f64) {
    assert_eq!(got.len(), want.len());
    let far = |(got, want): (&f64, &f64)| (got - want).abs() / want.abs().max(least);
    let mut all: Vec<f64> = got.iter().zip(want).map(far).collect();
    all.sort_by(f64::total_cmp);
    (all[all.len() / 2], all[all.len() - 1])
}

fn attempts(all: &[TrajectoryResult]) -> Vec<(u64, u64)> {
    let stats = |r: &TrajectoryResult| {
        let stats = r.as_ref().expect("it is solved");
        (stats.accepted, stats.rejected)
    };
    all.iter().map(stats).collect()
}

/// A neural differential equation with a hidden layer of its own size and another one that does not fill
/// tiles, which no thread holds.
pub fn network(width: usize, other: usize) -> String {
    format!(
        "state x = 0.8\nstate y = -0.3\nparam c = 1\nnetwork n: mlp(inputs: 2, outputs: 2, hidden: \
         [{width}, {other}], activation: tanh)\nlet z = n(x, y)\nx' = z[1] - c*x + 0.3*sin(2*t)\n\
         y' = z[2] - c*y\n"
    )
}

/// Weights as large as those that training starts from, from the numbers of layers.
pub fn weights(params: usize, width: usize) -> Vec<f64> {
    let mut random = Random(4);
    let size = (3.0 / width as f64).sqrt();
    let mut p: Vec<f64> = (0..params).map(|_| size * random.uniform(-1.0, 1.0)).collect();
    p[0] = 1.0;
    p
}

#[test]
fn a_network_that_no_thread_holds_from_many_initial_states() {
    let text = network(1100, 1000);
    let model = lowered(&text);
    let tsit5 = tableau("tsit5").expect("built in");
    let refused = TrajectoryProgram::of_model(&model, &[], tsit5, dialect());
    assert!(matches!(refused, Err(GpuError::TooLarge { .. })));

    let text = network(100, 72);
    let model = lowered(&text);
    let p = weights(model.rhs.eval.shape.params, 100);
    let mut random = Random(9);
    let u0: Vec<f64> = (0..2 * 150).map(|_| random.uniform(-1.0, 1.0)).collect();
    let saves = Lotka::saves(0.0, 3.0, 7);
    let problem = Trajectories {
        t0: 0.0,
        t1: 3.0,
        count: 150,
        u0: Values::Each(&u0),
        shared: &p,
        own: Values::Same(&[]),
    };
    let full = Trajectories { own: Values::Same(&p), ..problem };
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let strict = Settings::with_tolerances(1e-10, 1e-10);
    let (want, _) = on_processor(&model, &full, tsit5, &strict, &saves);
    let (_, report) = on_processor(&model, &full, tsit5, &settings, &saves);
    for method in ["tsit5", "vern7", "bs3"] {
        let program = program(&text, &[], method);
        let (got, all) = solve_with(&program, &problem, &settings, &saves, |_| {});
        let (median, worst) = distances(&got, &want, 0.3);
        println!("{method}: median {median:.1e}, worst {worst:.1e}");
        assert!(median <= 1e-5 && worst <= 5e-5, "{method}: {median:e}, {worst:e}");
        if method == "tsit5" {
            // Rounding has its part in the error estimate, so double precision takes fewer steps.
            let tried: u64 = attempts(&all).iter().map(|(a, r)| a + r).sum();
            let ratio = tried as f64 / report.attempts as f64;
            println!("{ratio:.3} as many attempts as in double precision");
            assert!((0.97..=1.15).contains(&ratio), "{ratio} as many attempts");
        }
    }
}

#[test]
fn what_a_thread_holds_takes_the_same_steps_there() {
    let model = lowered(LOTKA);
    let lotka = Lotka::new(100);
    let (problem, saves) = (lotka.problem(), Lotka::saves(0.0, 10.0, 21));
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let own = [0, 1, 2, 3];
    for method in ["tsit5", "dp5", "bs3", "vern6", "vern7", "vern8", "vern9"] {
        let table = tableau(method).expect("built in");
        let whole = TrajectoryProgram::of_model(&model, &own, table, dialect());
        let whole = whole.expect("it has a form");
        let mut want = vec![0.0; 100 * 21 * 2];
        let solver = Solver::new(device(), &whole).expect("the device works");
        let report = solver.solve(&problem, &settings, &saves, &mut want).expect("it works");
        let program = program(LOTKA, &own, method);
        let (got, all) = solve_with(&program, &problem, &settings, &saves, |_| {});
        let (found, expected) = (attempts(&all), attempts(&report.trajectories));
        let same: Vec<usize> = (0..100).filter(|k| found[*k] == expected[*k]).collect();
        let of_same = |all: &[f64]| -> Vec<f64> {
            same.iter().flat_map(|k| all[42 * k..42 * (k + 1)].to_vec()).collect()
        };
        let tried = |all: &[(u64, u64)]| all.iter().map(|(a, r)| a + r).sum::<u64>() as f64;
        let ratio = tried(&found) / tried(&expected);
        let (median, worst) = distances(&of_same(&got), &of_same(&want), 0.0);
        let (_, at_all) = distances(&got, &want, 0.0);
        let same = same.len();
        println!("{method}: {same} same, {median:.1e}, {worst:.1e}; all {at_all:.1e}, {ratio:.4}");
        // Rounding tips some steps, since drivers fuse operations where they like (an H200 by Vulkan leaves
        // 49 with dp5); error estimates of some methods are differences of large terms.
        assert!(same >= 30, "{method}: {same} of 100 take the same steps");
        assert!((ratio - 1.0).abs() <= 0.01, "{method}: {ratio} as many attempts");
        assert!(median <= 2e-6 && worst <= 3e-4, "{method}: {median:e}, {worst:e}");
        assert!(at_all <= 2e-3, "{method}: {at_all:e}");
    }
}

/// Backwards, with parameters of each trajectory's own, one of which is in a loop; 300 states.
const RING: &str = "
const N = 300
state u[N] = 0.4
state a = 0.3
param k = 1.2
param r[N] = 0.5
u[i]' = k*(u[wrap(i + 1)] - 2*u[i] + u[wrap(i - 1)]) + r[i]*sin(3*t) - 0.1*u[i]^3 + 0.2*a for i in 1..N
a' = mean(u) - a
";

#[test]
fn many_states_with_neighbours_means_and_parameters_of_their_own() {
    let model = lowered(RING);
    let own = [0, 7];
    let tsit5 = tableau("tsit5").expect("built in");
    let refused = TrajectoryProgram::of_model(&model, &own, tsit5, dialect());
    assert!(matches!(refused, Err(GpuError::TooLarge { .. })));
    let mut random = Random(6);
    let (count, n) = (9, 301);
    let values: Vec<f64> = (0..2 * count).map(|_| random.uniform(0.5, 1.5)).collect();
    let u0: Vec<f64> = (0..n * count).map(|_| random.uniform(-1.0, 1.0)).collect();
    let shared: Vec<f64> = (0..301).map(|_| random.uniform(0.0, 1.0)).collect();
    let rows: Vec<f64> = values
        .chunks_exact(2)
        .flat_map(|own| {
            let mut row = shared.clone();
            (row[0], row[7]) = (own[0], own[1]);
            row
        })
        .collect();
    for (t0, t1) in [(0.0, 2.0), (1.0, 0.6)] {
        let saves: Vec<f64> = [0.0, 0.1, 0.13, 0.5, 1.0].map(|part| t0 + part * (t1 - t0)).to_vec();
        let problem = Trajectories {
            t0,
            t1,
            count,
            u0: Values::Each(&u0),
            shared: &shared,
            own: Values::Each(&values),
        };
        let full = Trajectories { own: Values::Each(&rows), ..problem };
        let strict = Settings::with_tolerances(1e-10, 1e-10);
        let (want, _) = on_processor(&model, &full, tsit5, &strict, &saves);
        let settings = Settings::with_tolerances(1e-5, 1e-6);
        let program = program(RING, &own, "tsit5");
        let (got, all) = solve_with(&program, &problem, &settings, &saves, |_| {});
        assert!(all.iter().all(Result::is_ok), "{all:?}");
        let (median, worst) = distances(&got, &want, 1.0);
        println!("median {median:.1e}, worst {worst:.1e}");
        assert!(median <= 1e-5 && worst <= 2e-4, "{median:e}, {worst:e}");
    }
}

#[test]
fn neither_cuts_nor_portions_change_a_bit() {
    let lotka = Lotka::new(200);
    let (problem, saves) = (lotka.problem(), Lotka::saves(0.0, 10.0, 13));
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let program = program(LOTKA, &[0, 1, 2, 3], "tsit5");
    let (want, results) = solve_with(&program, &problem, &settings, &saves, |_| {});
    for rounds in [1, 7] {
        let (got, all) =
            solve_with(&program, &problem, &settings, &saves, |s| s.rounds = Some(rounds));
        assert!(got.iter().zip(&want).all(|(a, b)| a.to_bits() == b.to_bits()), "{rounds}");
        assert_eq!(all, results);
    }
    for lanes in [1, 70] {
        let (got, all) =
            solve_with(&program, &problem, &settings, &saves, |s| s.lanes = Some(lanes));
        assert!(got.iter().zip(&want).all(|(a, b)| a.to_bits() == b.to_bits()), "{lanes}");
        assert_eq!(all, results);
    }
}

/// Batches of several sizes one after the other, on the arrays of those before.
#[test]
fn arrays_are_kept_and_nothing_stays_in_them() {
    let (lotka, saves) = (Lotka::new(200), Lotka::saves(0.0, 10.0, 13));
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let program = program(LOTKA, &[0, 1, 2, 3], "tsit5");
    let (want, results) = solve_with(&program, &lotka.problem(), &settings, &saves, |_| {});
    let mut solver = TensorSolver::new(device(), &program).expect("the device works");
    // Portions of 120 and 80, twice.
    solver.lanes = Some(120);
    for _ in 0..2 {
        let mut got = vec![f64::NAN; want.len()];
        let report = solver.solve(&lotka.problem(), &settings, &saves, &mut got);
        assert!(got.iter().zip(&want).all(|(a, b)| a.to_bits() == b.to_bits()));
        assert_eq!(report.expect("the device works").trajectories, results);
        assert_eq!(solver.memory_taken(), 8, "memory is taken once for each array");
    }
}

/// `x' = p x²` from 1 ends at `t = 1/p`.
#[test]
fn a_trajectory_that_fails_stops_alone_and_says_why() {
    let text = "state x = 1\nparam p = 1\nx' = p*x^2\n";
    let own = [0.25, 2.0, -1.0, 0.5, 4.0];
    let u0 = [1.0, 1.0, 1.0, f64::NAN, 1.0];
    let problem = Trajectories {
        t0: 0.0,
        t1: 1.0,
        count: 5,
        u0: Values::Each(&u0),
        shared: &[0.0],
        own: Values::Each(&own),
    };
    let saves = [0.2, 0.4, 1.0];
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let program = program(text, &[0], "tsit5");
    let (got, all) = solve_with(&program, &problem, &settings, &saves, |_| {});
    for (k, p) in own.iter().enumerate() {
        let rows = &got[3 * k..3 * k + 3];
        if u0[k].is_nan() {
            let failure = all[k].as_ref().expect_err("it starts from no number");
            assert!(matches!(failure.error, SolveError::NonFinite { state: 0, .. }), "{failure:?}");
            assert!(rows.iter().all(|x| x.is_nan()));
        } else if *p < 1.0 {
            assert!(all[k].is_ok(), "{:?}", all[k]);
            for (t, x) in saves.iter().zip(rows) {
                let want = 1.0 / (1.0 - p * t);
                assert!((x - want).abs() <= 1e-4 * want, "{p} at {t}: {x} instead of {want}");
            }
        } else {
            let failure = all[k].as_ref().expect_err("the solution ends");
            let (SolveError::StepTooSmall { t, .. } | SolveError::NonFinite { t, .. }) =
                failure.error
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
    let few = Settings { max_steps: 3, ..settings.clone() };
    let (_, all) = solve_with(&program, &problem, &few, &saves, |_| {});
    let failure = all[2].as_ref().expect_err("three steps are not enough");
    assert!(matches!(failure.error, SolveError::TooManySteps { steps: 3, .. }), "{failure:?}");
    let cancel = Some(Arc::new(AtomicBool::new(true)));
    let cancelled = Settings { cancel, ..settings };
    let (_, all) = solve_with(&program, &problem, &cancelled, &saves, |_| {});
    let is_cancelled = |r: &TrajectoryResult| {
        r.as_ref().is_err_and(|f| matches!(f.error, SolveError::Cancelled { .. }))
    };
    assert!(all.iter().all(is_cancelled), "{all:?}");
}

/// The large second state makes a long trial step at the beginning, which leaves the domain of the root.
#[test]
fn a_first_step_that_leaves_the_numbers_is_tried_again() {
    let text = "state x = 1e-3\nstate y = 1000\nparam p = 1\nx' = -p*sqrt(x)\ny' = 0\n";
    let model = lowered(text);
    let own = [1.0, 0.9];
    let problem = Trajectories {
        t0: 0.0,
        t1: 0.05,
        count: 2,
        u0: Values::Same(&[1e-3, 1000.0]),
        shared: &[0.0],
        own: Values::Each(&own),
    };
    let settings = Settings::with_tolerances(1e-4, 1e-3);
    let tsit5 = tableau("tsit5").expect("built in");
    let whole = TrajectoryProgram::of_model(&model, &[0], tsit5, dialect()).expect("a form");
    let mut want = [0.0; 4];
    let solver = Solver::new(device(), &whole).expect("the device works");
    let report = solver.solve(&problem, &settings, &[0.05], &mut want).expect("it works");
    let program = program(text, &[0], "tsit5");
    let (got, all) = solve_with(&program, &problem, &settings, &[0.05], |_| {});
    assert_eq!(attempts(&all), attempts(&report.trajectories));
    for (k, p) in own.iter().enumerate() {
        let (x, exact) = (got[2 * k], (1e-3_f64.sqrt() - 0.5 * p * 0.05).powi(2));
        assert!((x - want[2 * k]).abs() <= 1e-8, "{x} instead of {}", want[2 * k]);
        assert!((x - exact).abs() <= 1e-5, "{x} instead of {exact}");
        assert_eq!(got[2 * k + 1], 1000.0);
    }
}

#[test]
fn what_is_no_ordinary_differential_equation_is_refused() {
    let refused = |text: &str| {
        let method = tableau("tsit5").expect("built in");
        let made = TensorProgram::of_model(&lowered(text), &[], method, dialect());
        made.expect_err("it is refused").to_string()
    };
    let delayed = "state x = 1\nx' = -delay(x, 0.5)\nhistory x = 1\n";
    assert!(refused(delayed).contains("delays are not solved on graphics cards"));
    let program = program(LOTKA, &[0], "tsit5");
    let solver = TensorSolver::new(device(), &program).expect("the device works");
    let lotka = Lotka::new(3);
    let (wrong, settings) = (lotka.problem(), Settings::default());
    let mut out = vec![0.0; 6];
    let error = solver.solve(&wrong, &settings, &[1.0], &mut out).expect_err("too many own");
    assert!(error.to_string().contains("12 own parameters were given"), "{error}");
    let right = Trajectories { own: Values::Same(&[1.0]), ..wrong };
    let error = solver.solve(&right, &settings, &[11.0], &mut out).expect_err("bad times");
    assert!(error.to_string().contains("outside the span"), "{error}");
    let empty = Trajectories { t1: 0.0, ..right };
    assert!(solver.solve(&empty, &settings, &[0.0], &mut out).is_err());
}
