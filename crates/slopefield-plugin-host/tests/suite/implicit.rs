//! Matrices, mass matrices and algebraic equations through the interface.

use crate::common;
use crate::solvers::check_order;

use common::*;
use slopefield_kernel::{
    Cotangent, Kernel, MatrixKernel, MatrixPattern, Point, Shape, Structure, Tangent,
};
use slopefield_plugin_host::Registry;
use slopefield_problems::Problem;
use slopefield_solve::{Ivp, Settings, SolveError, Stepper, drive};
use std::sync::OnceLock;

const SDIRK2: &str = "org.example.rust/sdirk2";

fn sdirk2() -> Box<dyn Stepper> {
    example_registry().stepper(SDIRK2).unwrap()
}

/// A solver of `tests/abi/matrices.c`.
fn matrices(id: &str) -> Box<dyn Stepper> {
    static MATRICES: OnceLock<Registry> = OnceLock::new();
    let registry = MATRICES.get_or_init(|| {
        let folder = scratch("matrices");
        let solvers =
            ["agrees", "regular", "early-factor", "early-solve", "odd-factor", "in-place", "stale"];
        install_c(&folder, "matrices.c", &[], ("org.example.matrices", "1.0.0"), &solvers);
        let registry = load(&folder);
        assert!(registry.problems().is_empty(), "{:?}", registry.problems());
        registry
    });
    registry.stepper(&format!("org.example.matrices/{id}")).unwrap()
}

fn at(problem: &Problem, t1: f64) -> Ivp<'_> {
    Ivp { rhs: &*problem.rhs, t0: problem.t0, t1, u0: &problem.u0, p: &problem.p }
}

/// Relative to the size of each value that is expected.
fn off(found: &[f64], expected: &[f64]) -> f64 {
    let each = found.iter().zip(expected).map(|(a, b)| (a - b).abs() / b.abs());
    each.fold(0.0, |worst, e| if e <= worst { worst } else { e })
}

#[test]
fn sdirk2_has_order_2_and_the_host_interpolates() {
    check_order(sdirk2(), (&swing(), |t| vec![swing_exact(0.0, t)]), (2.0, 3.0), 0.02);
}

/// Algebraic equations of index 1 against references, with initial values that do not satisfy
/// them: the mass matrix of the first is diagonal, that of the second is not.
#[test]
fn algebraic_equations_are_solved() {
    let robertson = slopefield_problems::robertson_dae();
    let amplifier = slopefield_problems::transistor_amplifier();
    for (problem, tolerances, factor) in
        [(&robertson, [1e-4, 1e-6], 30.0), (&amplifier, [1e-3, 1e-5], 30.0)]
    {
        let reference = &problem.references[0];
        let errors = tolerances.map(|rtol| {
            let ivp = at(problem, reference.t);
            let mut stepper = sdirk2();
            let mut end = vec![0.0; ivp.u0.len()];
            let settings = common::tolerances(rtol, 1e-6 * rtol);
            drive(&mut *stepper, &ivp, &settings, &[ivp.t1], &mut end, None).unwrap();
            let stats = stepper.stats();
            println!("{} at {rtol:e}: {stats:?} {:e}", problem.id, off(&end, &reference.u));
            assert!(stats.jacobians > 0 && stats.factorisations >= stats.jacobians, "{stats:?}");
            assert!(stats.solves > 6 * stats.accepted, "{stats:?}");
            off(&end, &reference.u)
        });
        assert!(errors[0] < factor * tolerances[0] && errors[1] < factor * tolerances[1]);
        assert!(errors[1] < 0.1 * errors[0], "{errors:?}");
    }
    // 1 − y₁ − y₂ − y₃ = 0 holds from the start.
    let mut start = robertson.u0.clone();
    start[2] = 0.3;
    let ivp = Ivp { u0: &start, ..at(&robertson, 1.0) };
    let mut stepper = sdirk2();
    stepper.start(&ivp, &Settings::default()).unwrap();
    assert!((stepper.state().iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

/// Between steps, algebraic variables included.
#[test]
fn values_within_steps_satisfy_the_algebraic_equations() {
    let problem = slopefield_problems::robertson_dae();
    let ivp = at(&problem, 40.0);
    let saves: Vec<f64> = (0..=400).map(|i| 0.1 * f64::from(i)).collect();
    let mut states = vec![0.0; 3 * saves.len()];
    let settings = tolerances(1e-5, 1e-10);
    drive(&mut *sdirk2(), &ivp, &settings, &saves, &mut states, None).unwrap();
    let mut reference = states.clone();
    let mut radau = slopefield_solve::method("radau").unwrap();
    drive(&mut *radau, &ivp, &tolerances(1e-10, 1e-14), &saves, &mut reference, None).unwrap();
    for (found, expected) in states.chunks(3).zip(reference.chunks(3)).skip(1) {
        assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{found:?}");
        assert!(off(&[found[0], found[2]], &[expected[0], expected[2]]) < 1e-3, "{found:?}");
    }
}

/// `M u' = f` with a full and regular matrix and the solution of `u' = M⁻¹ f`, in both directions.
struct Massive(Formula);

const STARTS: [usize; 3] = [0, 2, 4];
const ROWS: [u32; 4] = [0, 1, 0, 1];
/// By columns.
const MASS: [f64; 4] = [2.0, 1.0, -1.0, 3.0];

impl Kernel for Massive {
    fn shape(&self) -> Shape {
        self.0.shape()
    }
    fn scratch_len(&self) -> usize {
        self.0.scratch_len()
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.0.eval(t, u, p, out, scratch);
        let [a, b] = [out[0], out[1]];
        out[0] = MASS[0] * a + MASS[2] * b;
        out[1] = MASS[1] * a + MASS[3] * b;
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.0.jvp(at, along, out, dout, scratch);
        for v in [out, dout] {
            let [a, b] = [v[0], v[1]];
            v[0] = MASS[0] * a + MASS[2] * b;
            v[1] = MASS[1] * a + MASS[3] * b;
        }
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        let w = [MASS[0] * w[0] + MASS[1] * w[1], MASS[2] * w[0] + MASS[3] * w[1]];
        self.0.vjp(at, &w, grad, scratch);
    }
    fn structure(&self) -> Structure<'_> {
        Structure { mass: Some(self), ..Structure::default() }
    }
}

impl MatrixKernel for Massive {
    fn pattern(&self) -> MatrixPattern<'_> {
        MatrixPattern { height: 2, starts: &STARTS, rows: &ROWS }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, _: f64, _: &[f64], _: &[f64], values: &mut [f64], _: &mut [f64]) {
        values.copy_from_slice(&MASS);
    }
    fn is_constant(&self) -> bool {
        true
    }
}

#[test]
fn a_mass_matrix_is_honoured_in_both_directions() {
    let model = Massive(lotka_volterra());
    let settings = tolerances(1e-7, 1e-9);
    let forward = Ivp { rhs: &model, t0: 0.0, t1: 10.0, u0: &LV_U0, p: &LV_P };
    let found = solve(&mut *sdirk2(), &forward, &settings).unwrap();
    assert!(off(&found, &LV_AT_10) < 1e-4, "{found:?}");
    let back = Ivp { t0: 10.0, t1: 0.0, u0: &LV_AT_10, ..forward };
    let found = solve(&mut *sdirk2(), &back, &settings).unwrap();
    assert!(off(&found, &LV_U0) < 1e-4, "{found:?}");
    // One that sees time mirrored: slopes and Jacobian change their signs, M does not.
    for ivp in [forward, back] {
        assert_eq!(matrices("agrees").start(&ivp, &settings), Ok(()));
    }
}

/// Dense and sparse, with and without a mass matrix, small and large.
#[test]
fn all_functions_of_the_matrices_agree() {
    let dense = lotka_volterra();
    let ivp = Ivp { rhs: &dense, t0: 0.0, t1: 1.0, u0: &LV_U0, p: &LV_P };
    matrices("agrees").start(&ivp, &Settings::default()).unwrap();
    for problem in [
        slopefield_problems::hires(),
        slopefield_problems::pollution(),
        slopefield_problems::medical_akzo_nobel(),
        slopefield_problems::robertson_dae(),
        slopefield_problems::transistor_amplifier(),
    ] {
        let outcome = matrices("agrees").start(&at(&problem, problem.t1), &Settings::default());
        assert_eq!(outcome, Ok(()), "{}", problem.id);
    }
}

/// A solver that is used for one system after the other gets the matrices of each.
#[test]
fn a_reused_solver_sees_the_matrices_of_the_next_system() {
    let settings = Settings::default();
    let mut stepper = matrices("agrees");
    let (hires, massive, plain) =
        (slopefield_problems::hires(), Massive(lotka_volterra()), lotka_volterra());
    for _ in 0..2 {
        stepper.start(&at(&hires, 1.0), &settings).unwrap();
        for rhs in [&massive as &dyn Kernel, &plain, &massive] {
            let ivp = Ivp { rhs, t0: 0.0, t1: 1.0, u0: &LV_U0, p: &LV_P };
            stepper.start(&ivp, &settings).unwrap();
            stepper.step(&ivp, &settings, 1.0).unwrap();
        }
    }
}

#[test]
fn what_a_solver_does_not_declare_is_refused_in_a_sentence() {
    let problem = slopefield_problems::robertson_dae();
    let refusal = |mut stepper: Box<dyn Stepper>| match stepper
        .start(&at(&problem, 1.0), &Settings::default())
    {
        Err(SolveError::Invalid(message)) => message,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refusal(bundled_registry().stepper("org.slopefield.ode-extra/dop853").unwrap()),
        "the solver `org.slopefield.ode-extra/dop853` of a plugin does not declare that it solves \
         systems with algebraic variables or a mass matrix; use a built-in method, or `auto`"
    );
    assert_eq!(
        refusal(matrices("regular")),
        "the solver `org.example.matrices/regular` of a plugin does not declare that it solves \
         systems with algebraic equations; use a built-in method, or `auto`"
    );
}

#[test]
fn misuse_of_the_matrices_is_named() {
    let model = lotka_volterra();
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 1.0, u0: &LV_U0, p: &LV_P };
    for (id, expected) in [
        ("early-factor", "it called factor before linearise"),
        ("early-solve", "it called solve without factors"),
        ("odd-factor", "it asked for a matrix with the factor NaN"),
        ("in-place", "it passed a result that is null, misaligned or overlaps an argument"),
        ("stale", "it called solve without factors"),
    ] {
        let settings = Settings::default();
        let mut stepper = matrices(id);
        let outcome = stepper
            .start(&ivp, &settings)
            .and_then(|()| stepper.step(&ivp, &settings, 1.0).map(drop));
        match outcome {
            Err(SolveError::Plugin { message, .. }) => assert_eq!(message, expected, "{id}"),
            other => panic!("{id}: {other:?}"),
        }
    }
}
