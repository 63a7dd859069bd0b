//! Gradients of the very steps: against differences of the same steps, against each other, and
//! between levels of memory.

use crate::common;

use common::{HEUN, all_methods, exact_methods, gradient, ivp, relative_distance, spread, squares};
use slopefield_adjoint::{
    Case, DiscreteAdjoint, Evaluated, ForwardSensitivity, GradientMethod, Loss, Replay, check,
};
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};
use slopefield_problems::{all, lotka_volterra, neural_spiral};
use slopefield_solve::runge_kutta::TSIT5;
use slopefield_solve::{Ivp, Settings, SolveError, Tableau, methods, tableau};

/// The built-in tables and one that is not first-same-as-last.
fn tables() -> impl Iterator<Item = &'static Tableau> {
    methods().filter_map(|info| tableau(info.id)).chain([&HEUN])
}

/// How much more than those of tsit5 the results of a step with this table are rounded, at least 1:
/// stages are sums of slopes with weights up to hundreds, and so is the result of stages.
fn rounding(table: &Tableau) -> f64 {
    let size = |row: &[f64]| row.iter().map(|a| a.abs()).sum::<f64>();
    let of =
        |table: &Tableau| size(table.b) * table.a.iter().map(|row| size(row)).fold(1.0, f64::max);
    (of(table) / of(&TSIT5)).max(1.0)
}

/// Both exact methods agree with differences of the same steps to `tolerance`.
#[track_caller]
fn check_exact(table: &'static Tableau, name: &str, case: &Case<'_>, tolerance: f64) {
    let tolerance = tolerance * rounding(table);
    for mut method in exact_methods(table) {
        let replay = Replay::Frozen(table);
        let report = check(&mut *method, case, replay, &mut squares, 3, 7)
            .expect("the standard problems can be solved");
        assert_eq!(report.directions.len(), 3);
        assert!(
            report.worst() < tolerance,
            "{} through {} on {name}: {report:?}",
            report.method,
            table.id
        );
    }
}

#[test]
fn exact_methods_agree_with_differences_of_the_same_steps() {
    let settings = Settings::with_tolerances(1e-6, 1e-8);
    for problem in all() {
        let saves = spread(problem.t0, problem.t1, 31);
        let case = Case { ivp: ivp(&problem), settings: &settings, saves: &saves };
        for table in tables().filter(|table| table.id != HEUN.id) {
            // The differences themselves are good to about eleven digits on Lorenz.
            check_exact(table, problem.id, &case, 1e-10);
        }
    }
}

#[test]
fn a_table_that_is_not_first_same_as_last_is_reversed_exactly() {
    let settings = Settings::with_tolerances(1e-4, 1e-4);
    for problem in all() {
        let saves = spread(problem.t0, problem.t1, 12);
        let case = Case { ivp: ivp(&problem), settings: &settings, saves: &saves };
        check_exact(&HEUN, problem.id, &case, 1e-11);
    }
}

#[test]
fn backward_integration_is_reversed_exactly() {
    let problem = lotka_volterra();
    let settings = Settings::with_tolerances(1e-5, 1e-5);
    let saves = spread(4.0, -1.0, 23);
    let back = Ivp { t0: 4.0, t1: -1.0, ..ivp(&problem) };
    let case = Case { ivp: back, settings: &settings, saves: &saves };
    for table in tables() {
        check_exact(table, "backward Lotka–Volterra", &case, 1e-11);
    }
}

#[test]
fn save_points_may_be_few_repeated_at_the_start_or_in_the_middle() {
    let problem = lotka_volterra();
    let settings = Settings::with_tolerances(1e-5, 1e-5);
    for saves in [
        vec![10.0],
        vec![0.0],
        vec![0.0, 0.0, 10.0, 10.0],
        vec![2.3],
        vec![2.3, 2.3, 2.301, 2.302, 2.302],
    ] {
        let case = Case { ivp: ivp(&problem), settings: &settings, saves: &saves };
        for table in tables() {
            // A loss of one state is rounded more than one of many: ten digits.
            check_exact(table, &format!("saves {saves:?}"), &case, 1e-10);
        }
    }
}

#[test]
fn without_save_points_the_gradient_is_zero() {
    let problem = lotka_volterra();
    let mut constant = |_: &[f64], _: &mut [f64]| 4.0;
    for mut method in all_methods(&TSIT5) {
        let settings = Settings::default();
        let (found, by_u0, by_p) =
            gradient(&mut *method, &ivp(&problem), &settings, &[], &mut constant).unwrap();
        assert_eq!(found.loss, 4.0);
        assert_eq!((by_u0, by_p), (vec![0.0; 2], vec![0.0; 4]), "{}", method.name());
    }
}

#[test]
fn an_empty_span_passes_the_derivative_through() {
    let problem = lotka_volterra();
    let still = Ivp { t1: 0.0, ..ivp(&problem) };
    let mut linear = |u: &[f64], by_state: &mut [f64]| {
        by_state.copy_from_slice(&[3.0, -2.0]);
        3.0 * u[0] - 2.0 * u[1]
    };
    for mut method in all_methods(&TSIT5) {
        let settings = Settings::default();
        let (found, by_u0, by_p) =
            gradient(&mut *method, &still, &settings, &[0.0], &mut linear).unwrap();
        assert_eq!(found.loss, 1.0);
        assert_eq!((by_u0, by_p), (vec![3.0, -2.0], vec![0.0; 4]), "{}", method.name());
    }
}

#[test]
fn forward_and_discrete_agree_to_rounding() {
    let settings = Settings::with_tolerances(1e-4, 1e-4);
    for problem in all() {
        let saves = spread(problem.t0, problem.t1, 17);
        for table in tables() {
            let mut found = exact_methods(table).into_iter().map(|mut method| {
                gradient(&mut *method, &ivp(&problem), &settings, &saves, &mut squares).unwrap()
            });
            let (discrete, forward) = (found.next().unwrap(), found.next().unwrap());
            assert_eq!(discrete.0.loss, forward.0.loss, "the same trajectory");
            assert_eq!(discrete.0.forward, forward.0.forward);
            let name = format!("{} on {}", table.id, problem.id);
            let tolerance = 1e-12 * rounding(table);
            assert!(relative_distance(&discrete.1, &forward.1) < tolerance, "{name}: u0");
            assert!(relative_distance(&discrete.2, &forward.2) < tolerance, "{name}: p");
        }
    }
}

#[test]
fn checkpoints_and_tape_give_the_same_bits() {
    let settings = Settings::with_tolerances(1e-4, 1e-4);
    for problem in [lotka_volterra(), neural_spiral()] {
        let saves = spread(problem.t0, problem.t1, 17);
        for table in tables() {
            let run = |method: &mut dyn GradientMethod| {
                gradient(method, &ivp(&problem), &settings, &saves, &mut squares).unwrap()
            };
            let taped = run(&mut DiscreteAdjoint::new(table));
            let forward = run(&mut ForwardSensitivity::new(table));
            for divisor in [2, 4, 1_000_000] {
                let bytes = taped.0.memory / divisor;
                let low = run(&mut DiscreteAdjoint::new(table).with_memory(bytes));
                assert_eq!((&taped.1, &taped.2), (&low.1, &low.2), "{}", problem.id);
                assert!(low.0.memory < taped.0.memory);
                assert!(low.0.reverse_products > taped.0.reverse_products);
                let low = run(&mut ForwardSensitivity::new(table).with_memory(bytes));
                assert_eq!((&forward.1, &forward.2), (&low.1, &low.2), "{}", problem.id);
            }
        }
    }
}

#[test]
fn the_jacobian_contracts_to_the_gradient_and_starts_as_the_identity() {
    let problem = lotka_volterra();
    let settings = Settings::default();
    let saves = spread(0.0, 10.0, 21);
    let mut states = vec![0.0; 42];
    let mut jacobian = vec![f64::NAN; 42 * 6];
    let mut method = ForwardSensitivity::named("tsit5").unwrap();
    method.jacobian(&ivp(&problem), &settings, &saves, &mut states, &mut jacobian).unwrap();
    assert_eq!(jacobian[..6], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(jacobian[6..12], [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    let mut by_state = vec![0.0; 42];
    squares(&states, &mut by_state);
    let contracted: Vec<f64> = (0..6)
        .map(|d| by_state.iter().enumerate().map(|(i, w)| w * jacobian[6 * i + d]).sum())
        .collect();
    let mut discrete = DiscreteAdjoint::named("tsit5").unwrap();
    let (_, by_u0, by_p) =
        gradient(&mut discrete, &ivp(&problem), &settings, &saves, &mut squares).unwrap();
    assert!(relative_distance(&contracted, &[by_u0, by_p].concat()) < 1e-12);
}

#[test]
fn the_cost_does_not_grow_with_the_number_of_parameters() {
    // Products per step, from the counters: six per Tsit5 step, however many parameters.
    for problem in all() {
        let saves = [problem.t1];
        let mut method = DiscreteAdjoint::new(&TSIT5);
        let settings = Settings::default();
        let (found, _, _) =
            gradient(&mut method, &ivp(&problem), &settings, &saves, &mut squares).unwrap();
        // The last slope of the solve influences nothing; the first is pulled back at the end.
        assert_eq!(found.reverse_products, 6 * found.forward.accepted, "{}", problem.id);
    }
}

/// A method with a known defect.
struct Wrong(DiscreteAdjoint, f64);

impl GradientMethod for Wrong {
    fn name(&self) -> &'static str {
        "wrong"
    }
    fn evaluate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        loss: &mut Loss<'_>,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) -> Result<Evaluated, SolveError> {
        let found = self.0.evaluate(ivp, settings, saves, loss, grad_u0, grad_p)?;
        grad_p[1] *= 1.0 + self.1;
        Ok(found)
    }
}

#[test]
fn the_check_finds_small_defects_and_not_a_number() {
    let problem = lotka_volterra();
    let settings = Settings::default();
    let saves = spread(0.0, 10.0, 11);
    let case = Case { ivp: ivp(&problem), settings: &settings, saves: &saves };
    let worst = |defect: f64| {
        let mut method = Wrong(DiscreteAdjoint::new(&TSIT5), defect);
        let replay = Replay::Frozen(&TSIT5);
        check(&mut method, &case, replay, &mut squares, 3, 1).unwrap().worst()
    };
    assert!(worst(0.0) < 1e-11);
    assert!(worst(1e-6) > 1e-9);
    assert!(worst(f64::NAN).is_nan());
}

#[test]
fn a_failed_solve_fails_the_gradient_with_the_same_words() {
    let problem = lotka_volterra();
    let settings = Settings { max_steps: 10, ..Settings::default() };
    for mut method in all_methods(&TSIT5) {
        let found = gradient(&mut *method, &ivp(&problem), &settings, &[10.0], &mut squares);
        assert!(matches!(found, Err(SolveError::TooManySteps { steps: 10, .. })), "{found:?}");
    }
}

/// `u' = c + √u + √p`: at 0 the roots are finite and their derivatives are not.
struct Roots {
    constant: f64,
}

impl Kernel for Roots {
    fn shape(&self) -> Shape {
        Shape { states: 1, params: 1, outputs: 1 }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, _: f64, u: &[f64], p: &[f64], out: &mut [f64], _: &mut [f64]) {
        out[0] = self.constant + u[0].sqrt() + p[0].sqrt();
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.eval(at.t, at.u, at.p, out, scratch);
        let root = |x: f64, dx: f64| if dx == 0.0 { 0.0 } else { 0.5 / x.sqrt() * dx };
        dout[0] = root(at.u[0], along.u[0]) + root(at.p[0], along.p[0]);
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, _: &mut [f64]) {
        grad.u[0] += 0.5 / at.u[0].sqrt() * w[0];
        grad.p[0] += 0.5 / at.p[0].sqrt() * w[0];
    }
}

#[test]
fn a_derivative_that_is_not_finite_is_an_error_and_not_a_gradient() {
    let mut value = |u: &[f64], by_state: &mut [f64]| {
        by_state[0] = 1.0;
        u[0]
    };
    // Always at zero, at zero in the first moment only, and by the parameter.
    for (constant, u0, p) in [(0.0, [0.0], [0.0]), (1.0, [0.0], [4.0]), (0.0, [1.0], [0.0])] {
        let rhs = Roots { constant };
        let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 1.0, u0: &u0, p: &p };
        for mut method in exact_methods(&TSIT5) {
            let found = gradient(&mut *method, &ivp, &Settings::default(), &[1.0], &mut value);
            match found {
                Err(SolveError::NonFinite { state: 0, u, .. }) => assert_eq!(u, [0.0]),
                Err(SolveError::Invalid(message)) => {
                    assert_eq!(u0, [1.0], "{message}");
                    assert!(message.contains("parameter number 1"), "{message}");
                }
                other => panic!("{}: {other:?}", method.name()),
            }
        }
    }
    let ivp = Ivp { rhs: &Roots { constant: 0.0 }, t0: 0.0, t1: 1.0, u0: &[0.0], p: &[0.0] };
    let mut gauss = all_methods(&TSIT5).remove(2);
    let found = gradient(&mut *gauss, &ivp, &Settings::default(), &[1.0], &mut value);
    let Err(SolveError::NonFinite { state: 0, u, .. }) = found else { panic!("{found:?}") };
    assert_eq!(u, [0.0], "the state, not its cotangent");
}

#[test]
fn room_of_the_wrong_size_is_refused() {
    let problem = lotka_volterra();
    for mut method in all_methods(&TSIT5) {
        let found = method.evaluate(
            &ivp(&problem),
            &Settings::default(),
            &[1.0],
            &mut squares,
            &mut [0.0; 2],
            &mut [0.0; 3],
        );
        let Err(SolveError::Invalid(message)) = found else { panic!("{found:?}") };
        assert!(message.contains("3 parameters") && message.contains("2 and 4"), "{message}");
    }
}
