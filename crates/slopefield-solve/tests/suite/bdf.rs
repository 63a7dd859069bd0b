//! Backward differentiation: references, algebraic variables, work, and every way to fail.
use crate::common;

use common::{distance, end_state, ivp};
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};
use slopefield_problems::{
    Equations, Function, Number, Problem, System, beam, brusselator_1d, brusselator_2d, hires,
    lotka_volterra, medical_akzo_nobel, oregonator, pleiades, pollution, robertson, robertson_dae,
    van_der_pol,
};
use slopefield_solve::{
    Bdf, Ivp, Settings, SolveError, Stats, Step, StepObserver, Stepper, drive, method,
};

fn solve(problem: &Problem, t1: f64, settings: &Settings) -> Result<(Vec<f64>, Stats), SolveError> {
    let ivp = Ivp { t1, ..ivp(problem) };
    end_state(&mut *method("bdf").unwrap(), &ivp, settings)
}

/// Largest error in units of the reference's own size, or of `scale` where that is larger.
fn relative(u: &[f64], exact: &[f64], scale: f64) -> f64 {
    u.iter().zip(exact).fold(0.0, |worst, (a, b)| ((a - b).abs() / b.abs().max(scale)).max(worst))
}

/// The usual stiff problems with the end times that have references, and the size below which a
/// state counts as 0.
fn references() -> Vec<(Problem, f64, f64)> {
    vec![
        (robertson(), 1e5, 1e-4),
        (robertson(), 1e11, 1e-9),
        (hires(), 321.8122, 1e-3),
        (oregonator(), 360.0, 1.0),
        (pollution(), 60.0, 1e-5),
        (van_der_pol(), 2.0, 1.0),
    ]
}

#[test]
fn references_are_met_to_six_digits_and_errors_fall_with_the_tolerance() {
    for (problem, t1, scale) in references() {
        let reference = problem.references.iter().find(|r| r.t == t1).unwrap();
        let errors: Vec<f64> = [1e-4, 1e-6, 1e-8, 1e-10, 1e-12]
            .map(|rtol| {
                let settings = Settings::with_tolerances(rtol, rtol * scale * 1e-2);
                relative(&solve(&problem, t1, &settings).unwrap().0, &reference.u, scale)
            })
            .to_vec();
        let name = (problem.id, t1);
        assert!(errors[4] < 5e-8, "{name:?}: {errors:?}");
        assert!(errors[3] < 1e-6, "{name:?}: {errors:?}");
        for pair in errors.windows(2) {
            assert!(pair[1] < 0.2 * pair[0], "{name:?}: {errors:?}");
        }
    }
}

#[test]
fn large_problems_with_sparse_jacobians_agree_with_another_method() {
    for problem in [medical_akzo_nobel(), brusselator_1d()] {
        let (u, stats) =
            solve(&problem, problem.t1, &Settings::with_tolerances(1e-8, 1e-10)).unwrap();
        let tight = Settings::with_tolerances(1e-9, 1e-11);
        let (other, _) =
            end_state(&mut *method("rodas5p").unwrap(), &ivp(&problem), &tight).unwrap();
        let error = distance(&u, &other);
        assert!(error < 1e-5, "{}: {error:e}", problem.id);
        assert!(stats.rhs < 2 * stats.accepted, "{}: {stats:?}", problem.id);
    }
}

#[test]
fn a_jacobian_and_its_factors_serve_many_steps() {
    for (problem, t1, scale) in references() {
        let settings = Settings::with_tolerances(1e-6, 1e-8 * scale);
        let (_, stats) = solve(&problem, t1, &settings).unwrap();
        assert!(stats.jacobians * 8 < stats.accepted, "{}: {stats:?}", problem.id);
        assert!(stats.factorisations * 4 < stats.accepted, "{}: {stats:?}", problem.id);
        // Fewer than two evaluations and solves for each step.
        assert!(stats.rhs < 2 * stats.accepted, "{}: {stats:?}", problem.id);
        assert_eq!(stats.iterations, stats.solves);
    }
}

#[test]
fn oscillations_on_the_edge_of_stability_are_solved_too() {
    // Eigenvalues near the imaginary axis, up to 6400i, where orders 3 to 5 are unstable.
    let problem = beam();
    let reference = &problem.references[0];
    let settings = Settings::with_tolerances(1e-4, 1e-4);
    let mut limited = Bdf::up_to(2);
    let (u, stats) = end_state(&mut limited, &ivp(&problem), &settings).unwrap();
    assert!(distance(&u, &reference.u) < 2e-2, "{:e}", distance(&u, &reference.u));
    assert!(stats.accepted < 20_000, "{stats:?}");
}

/// Robertson's reaction with the sum of all in place of the third equation.
#[derive(Clone, Copy)]
struct RobertsonAlgebraic;

impl Function for RobertsonAlgebraic {
    fn shape(&self) -> Shape {
        Shape { states: 3, params: 0, outputs: 3 }
    }
    fn eval<N: Number>(
        &self,
        _: N,
        u: impl Fn(usize) -> N,
        _: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let slow = u(0) * 0.04 - u(1) * u(2) * 1e4;
        out(0, -slow);
        out(1, slow - u(1) * u(1) * 3e7);
        out(2, u(0) + u(1) + u(2) - 1.0);
    }
}

impl Equations for RobertsonAlgebraic {
    fn mass(&self) -> Vec<(u32, u32, f64)> {
        vec![(0, 0, 1.0), (1, 1, 1.0)]
    }
}

#[test]
fn algebraic_variables_are_solved_for_and_start_where_they_must() {
    let rhs = System::new(RobertsonAlgebraic);
    let exact = [0.01786592114210, 7.274751468437e-8, 0.9821340061104];
    // The third value is not consistent with the equations and is not taken for granted.
    for third in [0.0, 0.4] {
        let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 1e5, u0: &[1.0, 0.0, third], p: &[] };
        let mut errors = Vec::new();
        for rtol in [1e-4, 1e-6, 1e-8] {
            let settings = Settings::with_tolerances(rtol, rtol * 1e-5);
            let (u, stats) = end_state(&mut *method("bdf").unwrap(), &ivp, &settings).unwrap();
            errors.push(relative(&u, &exact, 1e-5));
            assert!((u[0] + u[1] + u[2] - 1.0).abs() < 10.0 * rtol, "{u:?}");
            assert!(stats.accepted < 1500, "{stats:?}");
        }
        assert!(errors.windows(2).all(|e| e[1] < 0.2 * e[0]), "{errors:?}");
        assert!(errors[2] < 1e-6, "{errors:?}");
    }
}

/// `u' = v u`, `0 = u v − cos t · e^{sin t}`, with the solution `u = e^{sin t}`, `v = cos t`; with
/// a mass matrix that mixes the equations, so that no row of it is 0.
#[derive(Clone, Copy)]
struct Mixed;

impl Function for Mixed {
    fn shape(&self) -> Shape {
        Shape { states: 2, params: 0, outputs: 2 }
    }
    fn eval<N: Number>(
        &self,
        t: N,
        u: impl Fn(usize) -> N,
        _: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let product = u(0) * u(1);
        let rest = product - t.cos() * t.sin().exp();
        out(0, product + rest);
        out(1, product - rest);
    }
}

impl Equations for Mixed {
    fn mass(&self) -> Vec<(u32, u32, f64)> {
        vec![(0, 0, 1.0), (1, 0, 1.0)]
    }
}

#[test]
fn mass_matrices_without_rows_of_zeros_are_honoured_and_the_solution_between_steps_too() {
    let rhs = System::new(Mixed);
    let exact = |t: f64| [t.sin().exp(), t.cos()];
    for (t0, t1) in [(0.0, 6.0), (6.0, 0.0)] {
        let u0 = exact(t0);
        let ivp = Ivp { rhs: &rhs, t0, t1, u0: &u0, p: &[] };
        for (rtol, allowed) in [(1e-5, 2e-3), (1e-8, 5e-6), (1e-10, 1e-7)] {
            let saves: Vec<f64> = (0..=97).map(|i| t0 + (t1 - t0) * f64::from(i) / 97.0).collect();
            let mut out = vec![0.0; 2 * saves.len()];
            let settings = Settings::with_tolerances(rtol, rtol);
            drive(&mut Bdf::new(), &ivp, &settings, &saves, &mut out, None).unwrap();
            for (t, u) in saves.iter().zip(out.chunks_exact(2)) {
                let error = distance(u, &exact(*t));
                assert!(error < allowed, "{rtol} at {t}: {error:e}");
            }
        }
    }
}

#[test]
fn single_precision_backward_time_and_a_second_use_agree() {
    let problem = robertson();
    let single = problem.single.as_deref().unwrap();
    let p: Vec<f32> = problem.p.iter().map(|p| *p as f32).collect();
    let ivp32 = Ivp { rhs: single, t0: 0.0, t1: 1e3, u0: &[1.0, 0.0, 0.0], p: &p };
    let mut out = [0.0_f32; 3];
    let settings = Settings::with_tolerances(1e-4, 1e-8);
    let mut stepper = Bdf::<f32>::new();
    let stats = drive(&mut stepper, &ivp32, &settings, &[1e3], &mut out, None).unwrap();
    let (exact, _) = solve(&problem, 1e3, &Settings::with_tolerances(1e-10, 1e-14)).unwrap();
    assert!((f64::from(out[0]) - exact[0]).abs() < 1e-3, "{out:?} {exact:?}");
    assert!(stats.accepted < 400, "{stats:?}");

    let mut shared = method("bdf").unwrap();
    let settings = Settings::with_tolerances(1e-11, 1e-11);
    let problem = lotka_volterra();
    let there = Ivp { t1: 3.0, ..ivp(&problem) };
    let (end, stats) = end_state(&mut *shared, &there, &settings).unwrap();
    let back = Ivp { t0: 3.0, t1: 0.0, u0: &end, ..ivp(&problem) };
    let (start, _) = end_state(&mut *shared, &back, &settings).unwrap();
    assert!(distance(&start, &[1.0, 1.0]) < 1e-8, "{start:?}");
    let again = end_state(&mut *shared, &there, &settings).unwrap();
    assert_eq!(again, (end, stats));
}

#[test]
fn step_bounds_and_save_points_at_step_ends_are_kept() {
    let problem = hires();
    let settings = Settings { h_max: 2.0, h_init: Some(1e-5), ..Settings::default() };
    let mut steps = Vec::new();
    let mut watch = |step: &Step, solution: &mut dyn Stepper| {
        steps.push((*step, solution.state().to_vec()));
        Ok(())
    };
    let observer: &mut dyn StepObserver = &mut watch;
    drive(&mut Bdf::new(), &ivp(&problem), &settings, &[], &mut [], Some(observer)).unwrap();
    assert!(steps.iter().all(|(s, _)| s.t - s.t_prev <= 2.0 * 1.01 + 1e-9));
    assert!((steps[0].0.t - 1e-5).abs() < 1e-15);
    let (step, state) = &steps[steps.len() / 2];
    let mut out = vec![0.0; 8];
    drive(&mut Bdf::new(), &ivp(&problem), &settings, &[step.t], &mut out, None).unwrap();
    assert_eq!(&out, state);
}

/// One equation `u' = f(t, u)` with derivatives by `u`.
struct Scalar<F, G>(F, G);

impl<F, G> Kernel for Scalar<F, G>
where
    F: Fn(f64, f64) -> f64 + Send + Sync,
    G: Fn(f64, f64) -> f64 + Send + Sync,
{
    fn shape(&self) -> Shape {
        Shape { states: 1, params: 0, outputs: 1 }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, u: &[f64], _: &[f64], out: &mut [f64], _: &mut [f64]) {
        out[0] = (self.0)(t, u[0]);
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
        dout[0] = (self.1)(at.t, at.u[0]) * along.u[0];
    }
    fn vjp(&self, _: Point<'_>, _: &[f64], _: Cotangent<'_>, _: &mut [f64]) {
        unreachable!("no reverse products here");
    }
}

fn fail(rhs: &dyn Kernel, u0: f64, t1: f64, settings: &Settings) -> SolveError {
    let ivp = Ivp { rhs, t0: 0.0, t1, u0: &[u0], p: &[] };
    end_state(&mut *method("bdf").unwrap(), &ivp, settings).unwrap_err()
}

#[test]
fn every_failure_says_where_and_why() {
    let settings = Settings::default();
    let blow_up = Scalar(|_, u| u * u, |_, u| 2.0 * u);
    let found = fail(&blow_up, 1.0, 2.0, &settings);
    let (SolveError::StepTooSmall { t, .. } | SolveError::NotConverged { t, .. }) = found else {
        panic!("{found:?}")
    };
    assert!((t - 1.0).abs() < 1e-4, "{t}");

    let edge = Scalar(|t: f64, u: f64| (1.0 - t).ln() - u, |_, _| -1.0);
    let found = fail(&edge, 1.0, 2.0, &settings);
    let SolveError::NonFinite { t, state: 0, u } = found else { panic!("{found:?}") };
    assert!((t - 1.0).abs() < 1e-3 && u[0].is_finite(), "{t} {u:?}");

    let start = Scalar(|_, u: f64| 1.0 / u, |_, u: f64| -1.0 / (u * u));
    let found = fail(&start, 0.0, 1.0, &settings);
    assert!(matches!(found, SolveError::NonFinite { t: 0.0, state: 0, .. }), "{found:?}");

    let decay = Scalar(|t: f64, u: f64| -1e4 * (u - t.cos()), |_, _| -1e4);
    let budget = Settings { max_steps: 12, ..Settings::default() };
    let found = fail(&decay, 0.0, 10.0, &budget);
    assert!(matches!(found, SolveError::TooManySteps { steps: 12, .. }), "{found:?}");

    let coarse = Settings { h_min: 0.3, ..Settings::with_tolerances(1e-9, 1e-9) };
    let found = fail(&Scalar(|t: f64, _| (9.0 * t).sin(), |_, _| 0.0), 0.0, 10.0, &coarse);
    assert!(matches!(found, SolveError::StepTooSmall { .. }), "{found:?}");
}

/// `0 = u² + 1` for the second state: nothing satisfies it.
#[derive(Clone, Copy)]
struct Impossible;

impl Function for Impossible {
    fn shape(&self) -> Shape {
        Shape { states: 2, params: 0, outputs: 2 }
    }
    fn eval<N: Number>(
        &self,
        _: N,
        u: impl Fn(usize) -> N,
        _: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        out(0, -u(0));
        out(1, u(1) * u(1) + 1.0);
    }
}

impl Equations for Impossible {
    fn mass(&self) -> Vec<(u32, u32, f64)> {
        vec![(0, 0, 1.0)]
    }
}

/// Shortest distance of two of the seven stars of the Pleiades.
fn nearest(u: &[f64]) -> f64 {
    let pairs = (0..7).flat_map(|i| (0..i).map(move |j| (i, j)));
    pairs.fold(f64::INFINITY, |least, (i, j)| least.min((u[i] - u[j]).hypot(u[7 + i] - u[7 + j])))
}

/// Where stars pass each other within the tolerance of their places, nothing controls the error of
/// their orbits, and damped methods let them spiral into each other. That, and nothing else, ends a
/// solve, and tolerances that see the passages give the published state.
#[test]
fn only_stars_that_a_loose_tolerance_lets_collide_end_the_solve() {
    let problem = pleiades();
    let reference = problem.references.last().unwrap();
    let run = |tolerance: f64| {
        let mut closest = f64::INFINITY;
        let mut watch = |_: &Step, solution: &mut dyn Stepper| {
            closest = closest.min(nearest(solution.state()));
            Ok(())
        };
        let settings = Settings::with_tolerances(tolerance, tolerance);
        let mut out = vec![0.0; 28];
        let ivp = ivp(&problem);
        let solved = drive(&mut Bdf::new(), &ivp, &settings, &[ivp.t1], &mut out, Some(&mut watch));
        (solved, closest, distance(&out, &reference.u))
    };
    for tolerance in [3e-3, 1e-3] {
        let (solved, closest, _) = run(tolerance);
        if let Err(error) = solved {
            assert!(matches!(error, SolveError::StepTooSmall { .. }), "{error}");
            assert!(error.advice().contains("tighter"), "{error}");
            assert!(closest < 1e-7, "they have not collided: {closest:e}");
        }
    }
    // In truth they keep apart.
    let errors: Vec<f64> = [1e-4, 1e-5, 1e-6, 1e-7]
        .into_iter()
        .map(|tolerance| {
            let (solved, closest, error) = run(tolerance);
            solved.unwrap();
            assert!(closest > 1e-3, "{closest:e} at {tolerance:e}");
            error
        })
        .collect();
    assert!(errors.windows(2).all(|pair| pair[1] < 0.5 * pair[0]), "{errors:?}");
}

#[test]
fn algebraic_equations_without_solution_are_refused_at_the_start() {
    let rhs = System::new(Impossible);
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 1.0, u0: &[1.0, 0.7], p: &[] };
    let found = end_state(&mut *method("bdf").unwrap(), &ivp, &Settings::default()).unwrap_err();
    let expected =
        matches!(found, SolveError::Inconsistent { equation: 1, .. } | SolveError::Singular { .. });
    assert!(expected, "{found:?}");
}

#[test]
fn jumps_of_the_right_hand_side_are_passed() {
    // The slope jumps by 2e3 at t = 1 and back at t = 2.
    let square = |t: f64| if (1.0..2.0).contains(&t) { 1.0 } else { -1.0 };
    let rhs = Scalar(move |t, u| -1e3 * (u - square(t)), |_, _| -1e3);
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 3.0, u0: &[-1.0], p: &[] };
    let saves = [0.9, 1.001, 1.5, 2.5];
    let mut out = [0.0; 4];
    let settings = Settings { h_max: 0.4, ..Settings::with_tolerances(1e-6, 1e-6) };
    let stats = drive(&mut Bdf::new(), &ivp, &settings, &saves, &mut out, None).unwrap();
    let exact = [-1.0, 1.0 - 2.0 * (-1.0_f64).exp(), 1.0, -1.0];
    assert!(distance(&out, &exact) < 2e-4, "{out:?} {exact:?}");
    assert!(stats.accepted + stats.rejected < 700, "{stats:?}");
}

/// Systems that are iterated give what factored ones give, and errors fall with the tolerance.
#[test]
fn iterated_systems_are_as_good_as_factored_ones() {
    for (problem, scale) in [(brusselator_2d(12), 1.0), (medical_akzo_nobel(), 1e-2)] {
        let ivp = ivp(&problem);
        let tight = Settings::with_tolerances(1e-10, 1e-10);
        let (exact, _) = end_state(&mut Bdf::new(), &ivp, &tight).unwrap();
        let errors = [1e-4, 1e-6, 1e-8].map(|rtol| {
            let settings = Settings::with_tolerances(rtol, rtol);
            let (u, stats) = end_state(&mut Bdf::iterated(), &ivp, &settings).unwrap();
            let (v, factored) = end_state(&mut Bdf::new(), &ivp, &settings).unwrap();
            assert!(stats.solves > stats.iterations, "{}: {stats:?}", problem.id);
            let more = stats.accepted as f64 / factored.accepted as f64;
            assert!(more < 1.4, "{}: {stats:?} {factored:?}", problem.id);
            [relative(&u, &exact, scale), relative(&v, &exact, scale)]
        });
        for [iterated, factored] in errors {
            assert!(iterated < 3.0 * factored, "{}: {errors:?}", problem.id);
        }
        let falls = |pair: &[[f64; 2]]| pair[1][0] < 0.3 * pair[0][0];
        assert!(errors.windows(2).all(falls), "{}: {errors:?}", problem.id);
    }
}

#[test]
fn iterated_systems_with_a_mass_matrix_and_the_references_of_small_problems() {
    let settings = Settings::with_tolerances(1e-9, 1e-14);
    let dae = robertson_dae();
    let reference = dae.references.iter().find(|r| r.t == 1e5).unwrap();
    let span = Ivp { t1: 1e5, ..ivp(&dae) };
    let (u, _) = end_state(&mut *method("bdf-gmres").unwrap(), &span, &settings).unwrap();
    assert!(relative(&u, &reference.u, 0.0) < 1e-6, "{u:?}");
    for (problem, t1, scale) in references() {
        let reference = problem.references.iter().find(|r| r.t == t1).unwrap();
        let span = Ivp { t1, ..ivp(&problem) };
        let settings = Settings::with_tolerances(1e-10, 1e-12 * scale);
        let (u, _) = end_state(&mut *method("bdf-gmres").unwrap(), &span, &settings).unwrap();
        let error = relative(&u, &reference.u, scale);
        assert!(error < 1e-6, "{}: {error:e}", problem.id);
    }
}
