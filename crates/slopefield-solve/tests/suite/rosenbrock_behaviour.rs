//! Rosenbrock methods where something is special: single precision, backward time, delays, noise,
//! singular systems, values that are not finite, budgets.
use crate::common;

use common::{distance, end_state, ivp};
use slopefield_kernel::{Cotangent, DelayedRead, Delays, Kernel, Point, Shape, Structure, Tangent};
use slopefield_problems::{
    Equations, Float, Function, Number, System, forced_relaxation, hires, lotka_volterra,
    oregonator, pollution, robertson, van_der_pol,
};
use slopefield_solve::rosenbrock::{RODAS4P, RODAS5P, ROSENBROCK23, RosenbrockTable};
use slopefield_solve::{
    Ivp, MethodClass, Rosenbrock, Settings, SolveError, drive, method_info, methods,
};

static TABLES: [&RosenbrockTable; 3] = [&RODAS5P, &RODAS4P, &ROSENBROCK23];

#[test]
fn they_are_built_in_and_stiff() {
    for table in TABLES {
        let info = method_info(table.id).unwrap();
        assert_eq!((info.class, info.order), (MethodClass::Stiff, table.order));
        assert!(methods().any(|method| method.id == table.id));
    }
}

#[test]
fn single_precision_reaches_its_accuracy() {
    for (problem, t1) in [(hires(), 321.8122), (robertson(), 1e5), (pollution(), 60.0)] {
        let rhs = problem.single.as_deref().unwrap();
        let u0: Vec<f32> = problem.u0.iter().map(|x| *x as f32).collect();
        let p: Vec<f32> = problem.p.iter().map(|x| *x as f32).collect();
        let single = Ivp { rhs, t0: 0.0, t1, u0: &u0, p: &p };
        let reference = problem.references.iter().find(|reference| reference.t == t1).unwrap();
        for table in [&RODAS5P, &RODAS4P] {
            let mut end = vec![0.0_f32; u0.len()];
            let settings = Settings::with_tolerances(1e-4, 1e-9);
            let mut stepper = Rosenbrock::<f32>::new(table);
            let stats = drive(&mut stepper, &single, &settings, &[t1], &mut end, None).unwrap();
            assert!(stats.accepted < 500, "{} on {}: {stats:?}", table.id, problem.id);
            for (x, exact) in end.iter().zip(&reference.u) {
                let off = (f64::from(*x) - exact).abs();
                let allowed = 2e-3 * exact.abs() + 1e-8;
                assert!(off < allowed, "{} on {}: {x} {exact}", table.id, problem.id);
            }
        }
    }
}

#[test]
fn backward_time_returns_to_the_start() {
    for table in TABLES {
        let rtol = if table.order == 2 { 1e-7 } else { 1e-10 };
        let settings = Settings::with_tolerances(rtol, rtol);
        for problem in [lotka_volterra(), forced_relaxation()] {
            let there = Ivp { t1: problem.t0 + 1.0, ..ivp(&problem) };
            let mut stepper = Rosenbrock::new(table);
            let (end, _) = end_state(&mut stepper, &there, &settings).unwrap();
            let back = Ivp { t0: there.t1, t1: there.t0, u0: &end, ..there };
            // Points on the way back lie between step ends.
            let saves = [there.t1, there.t0 + 0.37, there.t0];
            let mut rows = vec![0.0; 3 * end.len()];
            drive(&mut stepper, &back, &settings, &saves, &mut rows, None).unwrap();
            let (n, error) = (end.len(), distance(&rows[2 * end.len()..], &problem.u0));
            assert!(error < 1e4 * rtol, "{} on {}: {error:e}", table.id, problem.id);
            let middle = Ivp { t1: there.t0 + 0.37, ..there };
            let (direct, _) = end_state(&mut stepper, &middle, &settings).unwrap();
            let error = distance(&rows[n..2 * n], &direct);
            assert!(error < 1e5 * rtol, "{} on {}: {error:e}", table.id, problem.id);
        }
    }
}

/// A function given by a closure over any number type is not possible; these are the ones needed.
enum Small {
    /// `u' = u²`.
    BlowUp,
    /// `u' = −√(1 − t)`, which is not a number beyond 1.
    Edge,
    /// `x' = −x`, `0 = 0`: nothing determines `z`.
    Undetermined,
    /// `x' = z`, `0 = x − sin t`, of index 2.
    IndexTwo,
    /// `x' = −x + z`, `0 = z³ + z − x`.
    Cubic,
}

impl Function for Small {
    fn shape(&self) -> Shape {
        let n = if matches!(self, Small::BlowUp | Small::Edge) { 1 } else { 2 };
        Shape { states: n, params: 0, outputs: n }
    }
    fn eval<N: Number>(
        &self,
        t: N,
        u: impl Fn(usize) -> N,
        _: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        match self {
            Small::BlowUp => out(0, u(0).square()),
            Small::Edge => out(0, -(-t + 1.0).sqrt()),
            Small::Undetermined => {
                out(0, -u(0));
                out(1, N::of(0.0));
            }
            Small::IndexTwo => {
                out(0, u(1));
                out(1, u(0) - t.sin());
            }
            Small::Cubic => {
                out(0, u(1) - u(0));
                out(1, u(1) * u(1).square() + u(1) - u(0));
            }
        }
    }
}

impl Equations for Small {
    fn mass(&self) -> Vec<(u32, u32, f64)> {
        match self {
            Small::BlowUp | Small::Edge => vec![],
            _ => vec![(0, 0, 1.0)],
        }
    }
    fn structure<T: Float>(&self) -> Structure<'_, T> {
        Structure::default()
    }
}

fn stop(table: &'static RosenbrockTable, small: Small, u0: &[f64], t1: f64) -> SolveError {
    let rhs = System::new(small);
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1, u0, p: &[] };
    end_state(&mut Rosenbrock::new(table), &ivp, &Settings::default()).unwrap_err()
}

#[test]
fn every_stop_has_its_reason() {
    for table in TABLES {
        match stop(table, Small::BlowUp, &[1.0], 2.0) {
            SolveError::StepTooSmall { t, .. } | SolveError::NonFinite { t, .. } => {
                assert!((t - 1.0).abs() < 1e-3, "{}: {t}", table.id);
            }
            other => panic!("{}: {other}", table.id),
        }
        match stop(table, Small::Edge, &[1.0], 2.0) {
            SolveError::NonFinite { t, state: 0, u } => {
                assert!(t <= 1.0 && t > 0.99 && u[0].is_finite(), "{}: {t}", table.id);
            }
            other => panic!("{}: {other}", table.id),
        }
        for small in [Small::Undetermined, Small::IndexTwo] {
            let error = stop(table, small, &[1.0, 0.0], 2.0);
            assert!(
                matches!(error, SolveError::Singular { t: 0.0 } | SolveError::Inconsistent { .. }),
                "{}: {error}",
                table.id
            );
        }
    }
}

#[test]
fn inconsistent_values_are_made_consistent() {
    let rhs = System::new(Small::Cubic);
    for table in TABLES {
        let settings = Settings::with_tolerances(1e-6, 1e-8);
        let solve = |z: f64| {
            let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 1.0, u0: &[2.0, z], p: &[] };
            end_state(&mut Rosenbrock::new(table), &ivp, &settings).unwrap().0
        };
        let (consistent, guessed) = (solve(1.0), solve(0.3));
        assert!(distance(&consistent, &guessed) < 1e-7, "{consistent:?} {guessed:?}");
        let [x, z] = consistent[..] else { unreachable!() };
        assert!((z * z * z + z - x).abs() < 1e-5, "{}: {x} {z}", table.id);
    }
}

#[test]
fn budgets_and_cancelling_end_a_solve() {
    let problem = van_der_pol();
    for table in TABLES {
        let settings = Settings { max_steps: 20, ..Settings::default() };
        let error = end_state(&mut Rosenbrock::new(table), &ivp(&problem), &settings).unwrap_err();
        assert!(matches!(error, SolveError::TooManySteps { steps: 20, .. }), "{error}");
        let flag = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        let settings = Settings { cancel: Some(flag), ..Settings::default() };
        let error = end_state(&mut Rosenbrock::new(table), &ivp(&problem), &settings).unwrap_err();
        assert!(matches!(error, SolveError::Cancelled { .. }), "{error}");
    }
}

/// A rejected attempt needs no new Jacobian.
#[test]
fn jacobians_are_evaluated_once_per_step() {
    let problem = oregonator();
    for table in TABLES {
        let settings = Settings::with_tolerances(1e-5, 1e-7);
        let (_, stats) = end_state(&mut Rosenbrock::new(table), &ivp(&problem), &settings).unwrap();
        assert!(stats.rejected > 0 || table.order == 2, "{}: {stats:?}", table.id);
        assert_eq!(stats.jacobians, stats.accepted, "{}: {stats:?}", table.id);
        assert_eq!(stats.factorisations, stats.accepted + stats.rejected, "{stats:?}");
        let s = table.stages() as u64;
        assert_eq!(stats.solves, s * stats.factorisations, "{stats:?}");
    }
}

/// A right-hand side with a delay.
struct Delayed;

impl Kernel for Delayed {
    fn shape(&self) -> Shape {
        Shape { states: 2, params: 0, outputs: 1 }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, _: f64, u: &[f64], _: &[f64], out: &mut [f64], _: &mut [f64]) {
        out[0] = -u[1];
    }
    fn jvp(&self, _: Point<'_>, _: Tangent<'_>, _: &mut [f64], _: &mut [f64], _: &mut [f64]) {
        unreachable!("refused before");
    }
    fn vjp(&self, _: Point<'_>, _: &[f64], _: Cotangent<'_>, _: &mut [f64]) {
        unreachable!("refused before");
    }
    fn structure(&self) -> Structure<'_> {
        const READS: &[DelayedRead] = &[DelayedRead { state: 0, lag: 0, slope: false }];
        let delays = Delays {
            reads: READS,
            lags: self,
            constant: &[true],
            history: self,
            jumps_at_start: false,
        };
        Structure { delays: Some(delays), ..Structure::default() }
    }
}

#[test]
fn systems_with_delays_are_refused() {
    let ivp = Ivp { rhs: &Delayed, t0: 0.0, t1: 1.0, u0: &[1.0], p: &[] };
    for table in TABLES {
        let error = end_state(&mut Rosenbrock::new(table), &ivp, &Settings::default());
        assert!(error.unwrap_err().to_string().contains("delays"), "{}", table.id);
    }
}
