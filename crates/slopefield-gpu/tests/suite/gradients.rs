//! Gradients of a loss of many trajectories against the discrete adjoint of the processor.

use crate::common::{Random, device, dialect, lowered};
use crate::cuda::{Written, finished};
use crate::trajectories::{LOTKA, Lotka};
use slopefield_adjoint::{DiscreteAdjoint, GradientMethod};
use slopefield_ensemble::Values;
use slopefield_gpu::{
    Dialect, GpuError, GradientProgram, GradientReport, GradientSolver, Tape, Trajectories,
};
use slopefield_graph::LoweredModel;
use slopefield_solve::{Ivp, Settings, Tableau, tableau};

/// Half the squared distance of all saved states from numbers between 0 and 2.
pub fn distance(trajectory: usize, states: &[f64], by_state: &mut [f64]) -> f64 {
    let mut random = Random(trajectory as u64);
    let mut sum = 0.0;
    for (state, by) in states.iter().zip(by_state) {
        *by = state - random.uniform(0.0, 2.0);
        sum += 0.5 * *by * *by;
    }
    sum
}

/// A row of values that trajectories have in common or each for itself.
fn row<'a>(values: &Values<'a>, len: usize, k: usize) -> &'a [f64] {
    match *values {
        Values::Same(row) => row,
        Values::Each(rows) => &rows[k * len..][..len],
    }
}

/// Losses and gradients by initial states and all parameters, trajectory by trajectory, from the
/// discrete adjoint.
pub fn on_processor(
    model: &LoweredModel,
    own: &[usize],
    problem: &Trajectories<'_>,
    method: &'static Tableau,
    settings: &Settings,
    saves: &[f64],
) -> (f64, Vec<f64>, Vec<f64>) {
    let kernel = slopefield_cpu::compile(&model.rhs).expect("it compiles");
    let (n, params) = (model.rhs.eval.shape.states, model.rhs.eval.shape.params);
    let mut adjoint = DiscreteAdjoint::new(method);
    let (mut sum, mut by_u0, mut by_p) = (0.0, Vec::new(), Vec::new());
    for k in 0..problem.count {
        let mut p = problem.shared.to_vec();
        for (i, value) in own.iter().zip(row(&problem.own, own.len(), k)) {
            p[*i] = *value;
        }
        let u0 = row(&problem.u0, n, k);
        let ivp = Ivp { rhs: &kernel, t0: problem.t0, t1: problem.t1, u0, p: &p };
        let mut loss = |states: &[f64], by: &mut [f64]| distance(k, states, by);
        let (mut grad_u0, mut grad_p) = (vec![0.0; n], vec![0.0; params]);
        let evaluated =
            adjoint.evaluate(&ivp, settings, saves, &mut loss, &mut grad_u0, &mut grad_p);
        sum += evaluated.expect("it is solved").loss;
        by_u0.extend(grad_u0);
        by_p.extend(grad_p);
    }
    (sum, by_u0, by_p)
}

/// The CUDA C++ text in double precision: by initial states and parameters, trajectory by trajectory.
fn in_double_precision(
    program: &GradientProgram,
    problem: &Trajectories<'_>,
    settings: &Settings,
    saves: &[f64],
    tape: Tape,
) -> (Vec<f64>, Vec<f64>) {
    let (dialect, count) = (Dialect::CudaDouble, problem.count);
    let forward = program.forward();
    forward.check(problem, settings, saves).expect("the problem makes sense");
    let arrays = program.forward_arrays(problem, settings, saves, (0, count), 29, tape);
    let inputs = (&arrays.joint_values[..], &arrays.own_values[..], &arrays.tables[..]);
    let mut written = finished(&forward.text, dialect, inputs, &Written::before(&arrays));
    let n = forward.states();
    let mut states = vec![0.0; count * saves.len() * n];
    let mut all = Vec::new();
    forward.unpack(
        problem,
        settings,
        saves.len(),
        (&written.results, &written.kept),
        &written.counts[..6 * count],
        &written.clock,
        None,
        &mut all,
        &mut states,
    );
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    let mut by_state = vec![0.0; states.len()];
    let each = states.chunks_exact(saves.len() * n).zip(by_state.chunks_exact_mut(saves.len() * n));
    for (k, (states, by_state)) in each.enumerate() {
        distance(k, states, by_state);
    }
    let (joint, own, tables) = program.reverse_arrays(&arrays, &by_state);
    written.results = vec![0.0; program.rows() * count];
    let written = finished(program.reverse(), dialect, (&joint, &own, &tables), &written);
    let rows = |from: usize, to: usize| -> Vec<f64> {
        let at = |k: usize| (from..to).map(move |row| (row, k));
        (0..count).flat_map(at).map(|(row, k)| written.results[row * count + k]).collect()
    };
    (rows(0, n), rows(n, program.rows()))
}

/// The largest magnitude; NaN where there is one.
pub fn largest(x: &[f64]) -> f64 {
    x.iter().fold(0.0, |most, x| if x.is_nan() || x.abs() > most { x.abs() } else { most })
}

pub fn assert_near(got: &[f64], want: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), want.len());
    let scale = largest(want);
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let far = (got - want).abs() / scale;
        assert!(far <= tolerance, "{what}, {i}: {got} instead of {want}");
    }
}

/// Save times at both ends, at one time more than once, in between, several to a step.
pub fn saves(t0: f64, t1: f64) -> Vec<f64> {
    let parts = [0.0, 0.0, 0.013, 0.3, 0.31, 0.311, 0.5, 0.5, 0.77, 1.0, 1.0];
    parts.iter().map(|part| if *part == 1.0 { t1 } else { t0 + part * (t1 - t0) }).collect()
}

#[test]
fn in_double_precision_gradients_are_those_of_the_discrete_adjoint() {
    let model = lowered(LOTKA);
    let lotka = Lotka::new(40);
    let own = [0, 1, 2, 3];
    for (method, tolerance) in [("tsit5", 1e-6), ("dp5", 1e-8), ("bs3", 1e-4)] {
        let method = tableau(method).expect("built in");
        let program = GradientProgram::of_model(&model, &own, method, Dialect::CudaDouble);
        let program = program.expect("it has a form");
        let settings = Settings::with_tolerances(tolerance, tolerance);
        for (t0, t1, stride) in [(0.0, 10.0, 1), (0.0, 10.0, 7), (3.0, 1.0, 2)] {
            let saves = saves(t0, t1);
            let problem = Trajectories { t0, t1, ..lotka.problem() };
            let (_, by_u0, by_p) = on_processor(&model, &own, &problem, method, &settings, &saves);
            let tape = Tape { room: 1000, stride };
            let (got_u0, got_p) = in_double_precision(&program, &problem, &settings, &saves, tape);
            assert!(largest(&by_p) > 0.1);
            assert_near(&got_u0, &by_u0, 1e-10, method.id);
            assert_near(&got_p, &by_p, 1e-10, method.id);
        }
    }
}

/// More parameters than a thread keeps, loops over elements, tables, dense layers, numbers of plans.
pub const MIXED: &str = "
const N = 4
state u[N] = 0.4
state a = 0.3
param k = 1.2
param r[N] = 0.5
network n: mlp(inputs: 2, outputs: 1, hidden: [16], activation: tanh)
u[i]' = k*(u[clamp(i + 1)] - u[i]) + r[i]*sin(u[i]*t) + 0.1*mean(u) for i in 1..N
a' = n(u[1], a) - a*u[2]^2
";

#[test]
fn loops_layers_and_many_parameters_have_their_gradients() {
    let model = lowered(MIXED);
    let params = model.rhs.eval.shape.params;
    assert!(params > 64, "{params}");
    let mut random = Random(3);
    let shared: Vec<f64> = (0..params).map(|_| random.uniform(-0.6, 0.9)).collect();
    let own = [0, 2, 3];
    let (own_values, u0): (Vec<f64>, Vec<f64>) = (
        (0..3 * 11).map(|_| random.uniform(0.2, 1.0)).collect(),
        (0..5 * 11).map(|_| random.uniform(0.2, 1.0)).collect(),
    );
    let problem = Trajectories {
        t0: 0.2,
        t1: 2.0,
        count: 11,
        u0: Values::Each(&u0),
        shared: &shared,
        own: Values::Each(&own_values),
    };
    let method = tableau("tsit5").expect("built in");
    let settings = Settings::with_tolerances(1e-7, 1e-8);
    let saves = saves(0.2, 2.0);
    let program = GradientProgram::of_model(&model, &own, method, Dialect::CudaDouble);
    let program = program.expect("it has a form");
    let (_, by_u0, by_p) = on_processor(&model, &own, &problem, method, &settings, &saves);
    let tape = Tape { room: 200, stride: 3 };
    let (got_u0, got_p) = in_double_precision(&program, &problem, &settings, &saves, tape);
    assert_near(&got_u0, &by_u0, 1e-10, "initial states");
    assert_near(&got_p, &by_p, 1e-10, "parameters");

    // The same on the device, in single precision; parameters that all share are summed. Devices round
    // products with sums once or twice, so their steps differ: five times the tolerance is allowed.
    let near = 5e-5;
    let program = GradientProgram::of_model(&model, &own, method, dialect());
    let program = program.expect("it has a form");
    let solver = GradientSolver::new(device(), &program).expect("the device works");
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let report = solver.gradient(&problem, &settings, &saves, &mut distance).expect("it works");
    let (loss, by_u0, by_p) = on_processor(&model, &own, &problem, method, &settings, &saves);
    assert!((report.loss - loss).abs() <= near * loss, "{} instead of {loss}", report.loss);
    assert_near(&report.by_u0, &by_u0, near, "initial states");
    let rows = by_p.chunks_exact(params);
    let by_own: Vec<f64> = rows.clone().flat_map(|row| own.map(|i| row[i])).collect();
    assert_near(&report.by_own, &by_own, near, "own parameters");
    let sum = |i: usize| if own.contains(&i) { 0.0 } else { rows.clone().map(|row| row[i]).sum() };
    let by_shared: Vec<f64> = (0..params).map(sum).collect();
    assert_near(&report.by_shared, &by_shared, near, "shared parameters");
}

fn gradient(
    program: &GradientProgram,
    problem: &Trajectories<'_>,
    settings: &Settings,
    saves: &[f64],
    change: impl FnOnce(&mut GradientSolver<'_>),
) -> GradientReport {
    let mut solver = GradientSolver::new(device(), program).unwrap_or_else(|e| panic!("{e}"));
    change(&mut solver);
    solver.gradient(problem, settings, saves, &mut distance).expect("the device works")
}

/// Gradients of 500 Lotka–Volterra trajectories in single precision at a tolerance of 1e-5 against those
/// of strict solves in double precision.
#[test]
fn in_single_precision_gradients_are_as_near_as_it_lets_them() {
    let model = lowered(LOTKA);
    let lotka = Lotka::new(500);
    let own = [0, 1, 2, 3];
    let (problem, saves) = (lotka.problem(), Lotka::saves(0.0, 10.0, 21));
    let method = tableau("tsit5").expect("built in");
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let program = GradientProgram::of_model(&model, &own, method, dialect()).expect("a form");
    let report = gradient(&program, &problem, &settings, &saves, |_| {});
    assert!(report.trajectories.iter().all(Result::is_ok));
    let strict = Settings::with_tolerances(1e-9, 1e-9);
    let (_, by_u0, by_p) = on_processor(&model, &own, &problem, method, &strict, &saves);
    for (got, want, len, what) in
        [(&report.by_u0, &by_u0, 2, "initial states"), (&report.by_own, &by_p, 4, "parameters")]
    {
        let rows = got.chunks_exact(len).zip(want.chunks_exact(len));
        let far = |(got, want): (&[f64], &[f64])| {
            let apart: Vec<f64> = got.iter().zip(want).map(|(a, b)| a - b).collect();
            largest(&apart) / largest(want)
        };
        let mut errors: Vec<f64> = rows.map(far).collect();
        errors.sort_by(f64::total_cmp);
        let (median, worst) = (errors[errors.len() / 2], errors[errors.len() - 1]);
        println!("{what}: median error {median:.1e}, worst {worst:.1e}");
        assert!(median <= 2e-4 && worst <= 2e-3, "{what}: {median:e}, {worst:e}");
    }
}

#[test]
fn neither_cuts_nor_memory_change_a_bit_of_a_gradient() {
    let model = lowered(LOTKA);
    let lotka = Lotka::new(200);
    let own = [0, 2];
    let values: Vec<f64> = lotka.own().chunks_exact(4).flat_map(|row| [row[0], row[2]]).collect();
    let shared = [f64::NAN, 1.0, f64::NAN, 1.1];
    let problem = Trajectories { shared: &shared, own: Values::Each(&values), ..lotka.problem() };
    let saves = Lotka::saves(0.0, 10.0, 13);
    let method = tableau("tsit5").expect("built in");
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let program = GradientProgram::of_model(&model, &own, method, dialect()).expect("a form");
    let want = gradient(&program, &problem, &settings, &saves, |_| {});
    assert_eq!((want.by_shared[0], want.by_shared[2]), (0.0, 0.0));
    assert!(want.by_shared[1].abs() > 1.0 && want.by_shared[3].abs() > 1.0, "{want:?}");
    let same = |got: &GradientReport, what: &str| {
        let all = |report: &GradientReport| {
            [&report.by_u0[..], &report.by_own, &report.by_shared, &[report.loss]].concat()
        };
        let bits = all(got).iter().zip(&all(&want)).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(bits, "{what} changes numbers");
        assert_eq!(got.trajectories, want.trajectories, "{what}");
    };
    for attempts in [1, 7] {
        let got = gradient(&program, &problem, &settings, &saves, |s| s.attempts = Some(attempts));
        assert!(got.runs > want.runs);
        same(&got, "how the work is cut");
    }
    let tape = Some(Tape { room: 3, stride: 1 });
    let got = gradient(&program, &problem, &settings, &saves, |solver| solver.tape = tape);
    same(&got, "too little room at first");
    let kept = GradientSolver::new(device(), &program).expect("the device works");
    for saves_between in [&saves[..], &saves[..5]] {
        let between = kept.gradient(&problem, &settings, saves_between, &mut distance);
        assert!(between.expect("it works").loss.is_finite());
        let got = kept.gradient(&problem, &settings, &saves, &mut distance).expect("it works");
        same(&got, "what another gradient left in the arrays");
    }
    let with = |memory: u64| {
        let change = |solver: &mut GradientSolver<'_>| {
            solver.memory = memory;
            solver.tape = Some(Tape { room: 150, stride: 1 });
        };
        gradient(&program, &problem, &settings, &saves, change)
    };
    let (all, few) = (with(1 << 30), with(1000));
    assert!(few.memory < all.memory / 2 && few.runs > all.runs, "{} {}", few.memory, few.runs);
    same(&few, "memory for 64 trajectories only");
    // Steps computed again may be compiled to other roundings.
    let tape = Some(Tape { room: 150, stride: 12 });
    let again = gradient(&program, &problem, &settings, &saves, |solver| solver.tape = tape);
    assert!(again.memory < 2 * all.memory / 3, "{} of {}", again.memory, all.memory);
    assert_near(&again.by_own, &want.by_own, 1e-5, "states computed again");
    assert_near(&again.by_shared, &want.by_shared, 1e-5, "states computed again");
}

/// `x' = p x²` from `u` has `x(t) = u/(1 − p t u)`, up to `t = 1/(p u)`.
#[test]
fn a_trajectory_that_fails_has_the_gradient_of_what_it_reached() {
    let text = "state x = 1\nparam p = 1\nx' = p*x^2\n";
    let own = [0.25, 2.0, -1.0, 4.0];
    let problem = Trajectories {
        t0: 0.0,
        t1: 1.0,
        count: 4,
        u0: Values::Same(&[1.0]),
        shared: &[0.0],
        own: Values::Each(&own),
    };
    let saves = [0.0, 0.2, 0.45, 1.0];
    let method = tableau("tsit5").expect("built in");
    let settings = Settings::with_tolerances(1e-5, 1e-6);
    let program = GradientProgram::of_model(&lowered(text), &[0], method, dialect());
    let program = program.expect("it has a form");
    let solver = GradientSolver::new(device(), &program).expect("the device works");
    let mut reached_only = |_: usize, states: &[f64], by: &mut [f64]| {
        let mut sum = 0.0;
        for (x, by) in states.iter().zip(by).filter(|(x, _)| x.is_finite()) {
            (*by, sum) = (1.0, sum + x);
        }
        sum
    };
    let report = solver.gradient(&problem, &settings, &saves, &mut reached_only).expect("works");
    for (k, p) in own.iter().enumerate() {
        let reached = saves.iter().filter(|t| p * **t < 1.0);
        let by_u0: f64 = reached.clone().map(|t| (1.0 - p * t).powi(-2)).sum();
        let by_p: f64 = reached.map(|t| t * (1.0 - p * t).powi(-2)).sum();
        assert_eq!(report.trajectories[k].is_ok(), *p < 1.0);
        let (got_u0, got_p) = (report.by_u0[k], report.by_own[k]);
        assert!((got_u0 - by_u0).abs() <= 1e-3 * by_u0, "{p}: {got_u0} instead of {by_u0}");
        assert!((got_p - by_p).abs() <= 1e-3 * by_p, "{p}: {got_p} instead of {by_p}");
    }
    let report = solver.gradient(&problem, &settings, &saves, &mut distance).expect("works");
    for (k, p) in own.iter().enumerate() {
        assert_eq!(report.by_u0[k].is_finite(), *p < 1.0, "{report:?}");
        assert_eq!(report.by_own[k].is_finite(), *p < 1.0, "{report:?}");
    }
    assert!(report.loss.is_nan());
}

#[test]
fn what_has_no_gradient_on_a_card_is_refused() {
    let make = |text: &str, method: &str| {
        let method = tableau(method).expect("built in");
        let made = GradientProgram::of_model(&lowered(text), &[], method, dialect());
        made.expect_err("it is refused")
    };
    let delayed = "state x = 1\nx' = -delay(x, 0.5)\nhistory x = 1\n";
    assert!(make(delayed, "tsit5").to_string().contains("delays"));
    assert!(matches!(make(LOTKA, "vern6"), GpuError::Method { .. }));
    // Its solve fits, but not its gradient.
    let large = "const N = 150\nstate u[N] = 1\nu[i]' = -u[i] for i in 1..N\n";
    assert!(matches!(make(large, "tsit5"), GpuError::TooLarge { .. }));
    let model = lowered(LOTKA);
    let method = tableau("tsit5").expect("built in");
    let program = GradientProgram::of_model(&model, &[0, 1, 2, 3], method, dialect());
    let program = program.expect("it has a form");
    let solver = GradientSolver::new(device(), &program).expect("the device works");
    let lotka = Lotka::new(2);
    let empty = Trajectories { t1: 0.0, ..lotka.problem() };
    let error = solver.gradient(&empty, &Settings::default(), &[0.0], &mut distance);
    assert!(matches!(error, Err(GpuError::Invalid(_))));
    let cancelled = Settings {
        cancel: Some(std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true))),
        ..Settings::default()
    };
    let error = solver.gradient(&lotka.problem(), &cancelled, &[1.0], &mut distance);
    assert!(matches!(error, Err(GpuError::Interrupted { .. })));
}
