//! Delays through the interface.

use crate::common;

use common::*;
use slopefield_kernel::{
    Cotangent, Event, Events, Kernel, Point, Shape, Structure, Tangent, Trigger,
};
use slopefield_plugin_host::Registry;
use slopefield_problems::Problem;
use slopefield_solve::{Ivp, Settings, SolveError, Stepper, drive};
use std::sync::{Arc, OnceLock};

fn example(id: &str) -> Box<dyn Stepper> {
    example_registry().stepper(&format!("org.example.rust/{id}")).unwrap()
}

/// A solver of `tests/abi/past.c`.
pub fn past(id: &str) -> Box<dyn Stepper> {
    static PAST: OnceLock<Registry> = OnceLock::new();
    let registry = PAST.get_or_init(|| {
        let folder = scratch("past");
        let solvers = ["compares", "odd", "noisy", "quiet", "onward"];
        install_c(&folder, "past.c", &[], ("org.example.past", "1.0.0"), &solvers);
        let registry = load(&folder);
        assert!(registry.problems().is_empty(), "{:?}", registry.problems());
        registry
    });
    registry.stepper(&format!("org.example.past/{id}")).unwrap()
}

/// Largest error at the references of a problem, or of its solution in closed form, relative to
/// each value or to 0.1.
fn error(stepper: &mut dyn Stepper, problem: &Problem, rtol: f64) -> f64 {
    let saves: Vec<f64> = match problem.exact {
        Some(_) => (1..=20).map(|i| problem.t1 * f64::from(i) / 20.0).collect(),
        None => problem.references.iter().map(|r| r.t).collect(),
    };
    let (n, t1) = (problem.u0.len(), *saves.last().unwrap());
    let ivp = Ivp { rhs: &*problem.rhs, t0: problem.t0, t1, u0: &problem.u0, p: &problem.p };
    let atol = problem.u0.iter().map(|u| rtol * if *u == 0.0 { 1.0 } else { u.abs() }).collect();
    let settings = Settings { rtol, atol, ..Settings::default() };
    let mut out = vec![0.0; n * saves.len()];
    drive(stepper, &ivp, &settings, &saves, &mut out, None)
        .unwrap_or_else(|e| panic!("{}: {e}", problem.id));
    let mut worst = 0f64;
    for (row, (t, found)) in saves.iter().zip(out.chunks(n)).enumerate() {
        let mut exact = vec![0.0; n];
        match problem.exact {
            Some(f) => f(*t, problem.t0, &problem.u0, &problem.p, &mut exact),
            None => exact.copy_from_slice(&problem.references[row].u),
        }
        for (a, b) in found.iter().zip(&exact) {
            worst = worst.max((a - b).abs() / b.abs().max(0.1));
        }
    }
    worst
}

fn problem(id: &str) -> Problem {
    slopefield_problems::delays().into_iter().find(|p| p.id == id).unwrap()
}

/// References and solutions in closed form; the second plugin is implicit.
#[test]
fn errors_fall_with_the_tolerance() {
    let cases = [
        ("unit-delay", "bs32", [1e-4, 1e-6], 1e-4),
        ("delay-logistic", "bs32", [1e-5, 1e-7], 1e-4),
        ("mackey-glass", "bs32", [1e-5, 1e-7], 1e-3),
        ("delay-lotka-volterra", "bs32", [1e-5, 1e-7], 1e-4),
        ("unit-delay", "sdirk2", [1e-3, 1e-5], 1e-3),
    ];
    let all = cases.map(|(id, solver, tolerances, most)| {
        let problem = problem(id);
        let errors = tolerances.map(|rtol| error(&mut *example(solver), &problem, rtol));
        println!("{id} by {solver}: {errors:?}");
        errors[1] < most && errors[1] < 0.3 * errors[0]
    });
    assert_eq!(all, [true; 5]);
}

/// Rates that differ by many powers of ten, against published values, relative to each.
#[test]
fn stiff_delay_equations_are_solved_with_the_matrices_of_the_host() {
    let problem = problem("delay-oregonator");
    let reference = &problem.references[0];
    let (u0, p) = (&problem.u0, &problem.p);
    let ivp = Ivp { rhs: &*problem.rhs, t0: problem.t0, t1: reference.t, u0, p };
    let errors = [1e-3, 1e-5].map(|rtol| {
        let atol = u0.iter().map(|u| 1e-3 * rtol * u.abs()).collect();
        let settings = Settings { rtol, atol, ..Settings::default() };
        let (mut stepper, mut end) = (example("sdirk2"), vec![0.0; u0.len()]);
        drive(&mut *stepper, &ivp, &settings, &[ivp.t1], &mut end, None).unwrap();
        println!("{:?}", stepper.stats());
        let each = end.iter().zip(&reference.u).map(|(a, b)| ((a - b) / b).abs());
        each.fold(0.0, f64::max)
    });
    println!("{errors:?}");
    assert!(errors[1] < 1e-3 && errors[1] < 0.1 * errors[0], "{errors:?}");
}

/// Steps end where delays carry a discontinuity on, so the order is that of the method although no
/// error is estimated; between steps, too.
#[test]
fn the_order_is_kept_across_discontinuities() {
    let problem = problem("unit-delay");
    let saves: Vec<f64> = (1..=57).map(|i| 0.1 * f64::from(i)).collect();
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 5.7, u0: &problem.u0, p: &problem.p };
    let error = |h: f64| {
        let mut out = vec![0.0; saves.len()];
        drive(&mut *example("bs32"), &ivp, &fixed_steps(h), &saves, &mut out, None).unwrap();
        let mut worst = 0f64;
        for (t, found) in saves.iter().zip(&out) {
            let mut exact = [0.0];
            (problem.exact.unwrap())(*t, 0.0, &problem.u0, &problem.p, &mut exact);
            worst = worst.max((found - exact[0]).abs());
        }
        worst
    };
    let (coarse, fine) = (error(0.37), error(0.37 / 4.0));
    let order = (coarse / fine).log2() / 2.0;
    println!("{coarse:e} {fine:e}: order {order:.2}");
    assert!(order > 2.7, "order {order} from {coarse:e} and {fine:e}");
}

#[test]
fn a_plugin_may_ask_for_the_past() {
    let problem = problem("unit-delay");
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 4.0, u0: &problem.u0, p: &problem.p };
    let settings = Settings { h_init: Some(0.03), ..Settings::default() };
    // Twice with one instance: the past begins anew.
    let mut stepper = past("compares");
    for _ in 0..2 {
        let mut end = [0.0];
        drive(&mut *stepper, &ivp, &settings, &[4.0], &mut end, None).unwrap();
        let mut exact = [0.0];
        (problem.exact.unwrap())(4.0, 0.0, &problem.u0, &problem.p, &mut exact);
        assert!((end[0] - exact[0]).abs() < 0.05, "{end:?} {exact:?}");
    }
    let odd = drive(&mut *past("odd"), &ivp, &settings, &[], &mut [], None).unwrap_err();
    assert!(
        odd.to_string().ends_with("it asked for derivative 2 of the past at the time 0"),
        "{odd}"
    );
}

type Body = fn(f64, &[f64], &mut [f64]);

/// A function whose derivatives nobody asks for.
struct Plain(usize, Body);

impl Kernel for Plain {
    fn shape(&self) -> Shape {
        Shape { states: self.0, params: 1, outputs: 1 }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, u: &[f64], _: &[f64], out: &mut [f64], _: &mut [f64]) {
        (self.1)(t, u, out);
    }
    fn jvp(&self, _: Point<'_>, _: Tangent<'_>, _: &mut [f64], _: &mut [f64], _: &mut [f64]) {
        panic!("not given")
    }
    fn vjp(&self, _: Point<'_>, _: &[f64], _: Cotangent<'_>, _: &mut [f64]) {
        panic!("not given")
    }
}

/// `u' = −u(t − 1)` with a dose of 1 at t = 1.5.
struct Dosed {
    equation: Problem,
    times: Plain,
    affects: [Arc<dyn Kernel>; 1],
}

static DOSE: [Event; 1] = [Event { trigger: Trigger::At(0..1), affect: Some(0), stop: false }];

impl Kernel for Dosed {
    fn shape(&self) -> Shape {
        self.equation.rhs.shape()
    }
    fn scratch_len(&self) -> usize {
        self.equation.rhs.scratch_len()
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.equation.rhs.eval(t, u, p, out, scratch);
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.equation.rhs.jvp(at, along, out, dout, scratch);
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        self.equation.rhs.vjp(at, w, grad, scratch);
    }
    fn structure(&self) -> Structure<'_> {
        let events =
            Events { list: &DOSE, roots: None, times: Some(&self.times), affects: &self.affects };
        Structure { events: Some(events), ..self.equation.rhs.structure() }
    }
}

/// The equation is linear, so the solution is that without a dose and the same 1.5 later; the jump
/// goes on in the delayed values.
#[test]
fn events_leave_the_past_as_it_was() {
    let model = Dosed {
        equation: problem("unit-delay"),
        times: Plain(0, |_, _, out| out[0] = 1.5),
        affects: [Arc::new(Plain(2, |_, u, out| out[0] = u[0] + 1.0))],
    };
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 5.0, u0: &[1.0], p: &[1.0] };
    let saves: Vec<f64> = (0..=25).map(|i| 0.2 * f64::from(i)).collect();
    for solver in ["bs32", "sdirk2"] {
        let mut out = vec![0.0; saves.len()];
        let settings = tolerances(1e-7, 1e-9);
        drive(&mut *example(solver), &ivp, &settings, &saves, &mut out, None).unwrap();
        for (t, found) in saves.iter().zip(&out) {
            let once = |since: f64| {
                let mut exact = [0.0];
                (model.equation.exact.unwrap())(since, 0.0, &[1.0], &[1.0], &mut exact);
                if since >= 0.0 { exact[0] } else { 0.0 }
            };
            let exact = once(*t) + once(t - 1.5);
            assert!((found - exact).abs() < 1e-4, "{solver} at {t}: {found} {exact}");
        }
    }
}

#[test]
fn what_is_not_taken_is_refused_in_a_sentence() {
    let refusal = |mut stepper: Box<dyn Stepper>, problem: &Problem, (t0, t1): (f64, f64)| {
        let ivp = Ivp { rhs: &*problem.rhs, t0, t1, u0: &problem.u0, p: &problem.p };
        match stepper.start(&ivp, &Settings::default()) {
            Err(SolveError::Invalid(message)) => message,
            other => panic!("{other:?}"),
        }
    };
    let (unit, b1) = (problem("unit-delay"), slopefield_problems::ddetst_b1());
    assert_eq!(
        refusal(
            bundled_registry().stepper("org.slopefield.ode-extra/dop853").unwrap(),
            &unit,
            (0.0, 1.0)
        ),
        "the solver `org.slopefield.ode-extra/dop853` of a plugin does not declare that it solves \
         systems with delays; use a built-in method, or `auto`"
    );
    assert_eq!(
        refusal(example("sdirk2"), &b1, (b1.t0, b1.t1)),
        "the solver `org.example.rust/sdirk2` takes delays of constant length only; use a built-in \
         method for delays that depend on time or state"
    );
    assert!(refusal(example("bs32"), &unit, (1.0, 0.0)).starts_with("delay equations cannot"));
    let undelayed = Problem { p: vec![0.0], ..problem("unit-delay") };
    assert_eq!(
        refusal(example("bs32"), &undelayed, (0.0, 1.0)),
        "this solver takes no delays of length 0; use a built-in method"
    );
}
