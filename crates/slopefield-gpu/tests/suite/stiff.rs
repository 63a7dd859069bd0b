//! Rosenbrock methods: the CUDA C++ text against references and the processor, WGSL on the device.

use crate::common::{Random, device, dialect, lowered};
use crate::cuda::solved;
use slopefield_ensemble::{TrajectoryResult, Values};
use slopefield_gpu::{Dialect, GpuError, Solver, Trajectories, TrajectoryProgram};
use slopefield_graph::{BuiltinNetworks, JacobianPlan, lower, lower_jacobian};
use slopefield_solve::{
    Coefficients, Ivp, RosenbrockTable, Settings, SolveError, coefficients, drive, method,
};

/// Robertson's reaction.
const ROBER: &str = "
state a = 1
state b = 0
state c = 0
param k1 = 0.04
param k2 = 3e7
param k3 = 1e4
a' = -k1*a + k3*b*c
b' = k1*a - k3*b*c - k2*b^2
c' = k2*b^2
";

/// Van der Pol's oscillator, driven, so that the slopes depend on time.
const DRIVEN: &str = "
state x = 2
state y = 0
param mu = 50
param f = 3
x' = y
y' = mu*((1 - x^2)*y - x) + f*sin(7*t)
";

fn table(id: &str) -> &'static RosenbrockTable {
    match coefficients(id) {
        Some(Coefficients::Rosenbrock(table)) => table,
        _ => panic!("{id} is built in"),
    }
}

fn jacobian(text: &str) -> JacobianPlan {
    let (model, _) = slopefield_lang::check(text);
    let lowered = lower(&model, &BuiltinNetworks).expect("the model is right");
    lower_jacobian(&model, &lowered).expect("it is made").expect("it is small")
}

fn program(text: &str, with_matrix: bool, id: &str, dialect: Dialect) -> TrajectoryProgram {
    let matrix = with_matrix.then(|| jacobian(text));
    let model = lowered(text);
    let own: Vec<usize> = (0..model.rhs.eval.shape.params).collect();
    TrajectoryProgram::of_stiff_model(&model, matrix.as_ref(), &own, table(id), dialect)
        .unwrap_or_else(|e| panic!("{e}"))
}

/// States at the save times and accepted steps of each trajectory, by the solver of the processor.
fn on_processor(
    text: &str,
    id: &str,
    problem: &Trajectories<'_>,
    settings: &Settings,
    saves: &[f64],
) -> (Vec<f64>, Vec<u64>) {
    let kernel = slopefield_cpu::compile(&lowered(text).rhs).expect("it compiles");
    let (Values::Same(u0), Values::Each(own)) = (problem.u0, problem.own) else {
        panic!("each has its own parameters only")
    };
    let (mut all, mut accepted) = (Vec::new(), Vec::new());
    for p in own.chunks_exact(problem.shared.len()) {
        let ivp = Ivp { rhs: &kernel, t0: problem.t0, t1: problem.t1, u0, p };
        let mut out = vec![0.0; saves.len() * u0.len()];
        let mut stepper = method(id).expect("built in");
        let stats = drive(&mut *stepper, &ivp, settings, saves, &mut out, None);
        accepted.push(stats.expect("it is solved").accepted);
        all.extend(out);
    }
    (all, accepted)
}

fn accepted(all: &[TrajectoryResult]) -> Vec<u64> {
    all.iter().map(|r| r.as_ref().expect("it is solved").accepted).collect()
}

/// Parameters up to a tenth off the usual ones.
fn varied(usual: &[f64], count: usize) -> Vec<f64> {
    let mut random = Random(4);
    (0..count * usual.len()).map(|i| usual[i % usual.len()] * random.uniform(0.9, 1.1)).collect()
}

/// Reference of the collection of test problems for initial value problem solvers (Bari): the state of
/// Robertson's reaction at 1e11.
#[test]
fn robertsons_reaction_ends_as_in_the_reference() {
    let problem = Trajectories {
        t0: 0.0,
        t1: 1e11,
        count: 1,
        u0: Values::Same(&[1.0, 0.0, 0.0]),
        shared: &[0.0; 3],
        own: Values::Each(&[0.04, 3e7, 1e4]),
    };
    let want = [0.208_334_014_970_125_5e-7, 0.833_336_077_033_471_3e-13, 0.999_999_979_166_505];
    for (id, rtol, tolerance) in [("rodas5p", 1e-8, 1e-7), ("rosenbrock23", 1e-6, 1e-3)] {
        for with_matrix in [true, false] {
            let program = program(ROBER, with_matrix, id, Dialect::CudaDouble);
            let settings = Settings::with_tolerances(rtol, 1e-6 * rtol);
            let (got, all) = solved(&program, Dialect::CudaDouble, &problem, &settings, &[1e11]);
            println!("{id}: {got:?}, {:?}", all[0]);
            for (got, want) in got.iter().zip(&want) {
                assert!((got - want).abs() <= tolerance * want, "{id}: {got} instead of {want}");
            }
        }
    }
}

#[test]
fn in_double_precision_the_steps_are_those_of_the_processor() {
    let (usual, saves) = ([50.0, 3.0], [0.0, 0.3, 1.7, 1.7001, 4.0]);
    let own = varied(&usual, 30);
    let problem = Trajectories {
        t0: 0.0,
        t1: 4.0,
        count: 30,
        u0: Values::Same(&[2.0, 0.0]),
        shared: &usual,
        own: Values::Each(&own),
    };
    for (id, tolerance) in [("rodas5p", 1e-7), ("rosenbrock23", 1e-4), ("rodas4p", 1e-6)] {
        let settings = Settings::with_tolerances(tolerance, tolerance);
        let (want, steps) = on_processor(DRIVEN, id, &problem, &settings, &saves);
        for with_matrix in [true, false] {
            let program = program(DRIVEN, with_matrix, id, Dialect::CudaDouble);
            let (got, all) = solved(&program, Dialect::CudaDouble, &problem, &settings, &saves);
            assert_eq!(accepted(&all), steps, "{id}");
            for (i, (got, want)) in got.iter().zip(&want).enumerate() {
                let far = (got - want).abs() / want.abs().max(1.0);
                assert!(far <= 1e-9, "{id}, {i}: {got} instead of {want}");
            }
        }
    }
}

fn on_device(
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

/// Robertson's reaction to t = 40 in single precision, against strict solves in double precision.
#[test]
fn in_single_precision_robertsons_reaction_is_as_near_as_it_gets() {
    let (usual, saves) = ([0.04, 3e7, 1e4], [0.4, 4.0, 40.0]);
    let own = varied(&usual, 200);
    let problem = Trajectories {
        t0: 0.0,
        t1: 40.0,
        count: 200,
        u0: Values::Same(&[1.0, 0.0, 0.0]),
        shared: &usual,
        own: Values::Each(&own),
    };
    let strict = Settings::with_tolerances(1e-9, 1e-14);
    let (want, _) = on_processor(ROBER, "rodas5p", &problem, &strict, &saves);
    for (id, rtol) in [("rodas5p", 1e-4), ("rosenbrock23", 1e-4)] {
        let program = program(ROBER, true, id, dialect());
        let settings = Settings::with_tolerances(rtol, 1e-8);
        let (got, all) = on_device(&program, &problem, &settings, &saves, None);
        let steps = accepted(&all);
        let far = |(got, want): (&f64, &f64)| (got - want).abs() / want.abs();
        let mut errors: Vec<f64> = got.iter().zip(&want).map(far).collect();
        errors.sort_by(f64::total_cmp);
        let (median, worst) = (errors[errors.len() / 2], errors[errors.len() - 1]);
        println!("{id}: median {median:.1e}, worst {worst:.1e}, {} steps", steps[0]);
        assert!(median <= 2e-5 && worst <= 1e-3, "{id}: {median:e}, {worst:e}");
        let (again, same) = on_device(&program, &problem, &settings, &saves, Some(3));
        assert!(again.iter().zip(&got).all(|(a, b)| a.to_bits() == b.to_bits()), "{id}");
        assert_eq!(accepted(&same), steps);
    }
}

#[test]
fn a_network_is_differentiated_column_by_column() {
    let text = "
state x = 0.8
state y = -0.3
param c = 30
network n: mlp(inputs: 2, outputs: 2, hidden: [6], activation: tanh)
let z = n(x, y)
x' = z[1] - c*(x - cos(t))
y' = z[2] - y
";
    let plans = lowered(text).rhs;
    let params = plans.eval.shape.params;
    let mut p: Vec<f64> = (0..params).map(|i| 0.4 * ((i * 37 % 19) as f64 / 9.0 - 1.0)).collect();
    p[0] = 30.0;
    let own: Vec<usize> = (0..params).collect();
    let all = TrajectoryProgram::stiff(&plans, None, &own, table("rodas5p"), dialect());
    let all = all.expect("it has a form");
    let problem = Trajectories {
        t0: 0.0,
        t1: 2.0,
        count: 1,
        u0: Values::Same(&[0.8, -0.3]),
        shared: &p,
        own: Values::Each(&p),
    };
    let saves = [0.5, 1.0, 2.0];
    let strict = Settings::with_tolerances(1e-9, 1e-9);
    let (want, _) = on_processor(text, "rodas5p", &problem, &strict, &saves);
    let settings = Settings::with_tolerances(1e-4, 1e-5);
    let (got, _) = on_device(&all, &problem, &settings, &saves, None);
    for (got, want) in got.iter().zip(&want) {
        assert!((got - want).abs() <= 1e-4, "{got} instead of {want}");
    }
}

/// `x' = p x²` from 1 ends at `t = 1/p`.
#[test]
fn failures_and_refusals_have_their_reasons() {
    let text = "state x = 1\nparam p = 1\nx' = p*x^2\n";
    let own = [0.25, 2.0];
    let problem = Trajectories {
        t0: 0.0,
        t1: 1.0,
        count: 2,
        u0: Values::Same(&[1.0]),
        shared: &[0.0],
        own: Values::Each(&own),
    };
    let program = program(text, true, "rodas5p", dialect());
    let settings = Settings::with_tolerances(1e-4, 1e-5);
    let (got, all) = on_device(&program, &problem, &settings, &[0.4, 1.0], None);
    assert!(all[0].is_ok() && (got[1] - 4.0 / 3.0).abs() < 1e-3, "{all:?}, {got:?}");
    let failure = all[1].as_ref().expect_err("the solution ends");
    let at_end = |t: f64| (t - 0.5).abs() <= 1e-3;
    assert!(
        matches!(
            failure.error,
            SolveError::StepTooSmall { t, .. }
                | SolveError::NonFinite { t, .. }
                | SolveError::Singular { t } if at_end(t)
        ),
        "{failure:?}"
    );
    assert!((got[2] - 5.0).abs() < 0.01 && got[3].is_nan(), "{got:?}");
    let large = "const N = 50\nstate u[N] = 1\nu[i]' = -u[i] for i in 1..N\n";
    let plans = lowered(large).rhs;
    let refused = TrajectoryProgram::stiff(&plans, None, &[], table("rodas5p"), dialect());
    assert!(matches!(refused, Err(GpuError::TooLarge { .. })), "{refused:?}");
    let falling = "state h = 1\nstate v = 0\nh' = v\nv' = -1\nwhen h crosses 0 falling: v = -v\n";
    let made = lowered(falling);
    let refused = TrajectoryProgram::of_stiff_model(&made, None, &[], table("rodas5p"), dialect());
    assert!(matches!(refused, Err(GpuError::Model { what: "events" })), "{refused:?}");
    let other = jacobian(DRIVEN);
    let plans = lowered(ROBER).rhs;
    let refused = TrajectoryProgram::stiff(&plans, Some(&other), &[], table("rodas5p"), dialect());
    assert!(matches!(refused, Err(GpuError::Invalid(_))), "{refused:?}");
}
