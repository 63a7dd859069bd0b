//! Delays that depend on time or state, through the interface.

use crate::common;
use crate::delays::past;
use common::*;
use slopefield_kernel::{Cotangent, DelayedRead, Delays, Kernel, Point, Shape, Structure, Tangent};
use slopefield_problems::{Problem, ddetst_b1, ddetst_c1, ddetst_c2, neves};
use slopefield_solve::{Ivp, Settings, SolveError, Stats, Stepper, delay_method, drive};

fn bs32() -> Box<dyn Stepper> {
    example_registry().stepper("org.example.rust/bs32").unwrap()
}

fn run(
    stepper: &mut dyn Stepper,
    rhs: &dyn Kernel,
    (t0, t1): (f64, f64),
    u0: &[f64],
    settings: &Settings,
) -> (Vec<f64>, Stats) {
    let ivp = Ivp { rhs, t0, t1, u0, p: &[] };
    let saves: Vec<f64> = (0..=60).map(|i| t0 + (t1 - t0) * f64::from(i) / 60.0).collect();
    let mut states = vec![f64::NAN; saves.len() * u0.len()];
    let stats = drive(stepper, &ivp, settings, &saves, &mut states, None).unwrap();
    (states, stats)
}

/// Largest difference, each relative to 1 or to its size.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let each = a.iter().zip(b).map(|(a, b)| (a - b).abs() / b.abs().max(1.0));
    each.fold(0.0, |worst, e| if e <= worst { worst } else { e })
}

fn exact(problem: &Problem) -> Vec<f64> {
    let time = |i: i32| problem.t0 + (problem.t1 - problem.t0) * f64::from(i) / 60.0;
    let value = |t: f64| {
        let mut out = [0.0];
        (problem.exact.unwrap())(t, problem.t0, &problem.u0, &problem.p, &mut out);
        out[0]
    };
    (0..=60).map(|i| value(time(i))).collect()
}

/// A solution in closed form. Its derivatives jump where the delayed time passes jumps of lower ones;
/// steps end there, so that the order with steps of one length is that of the method, between steps
/// too.
#[test]
fn steps_end_where_delayed_times_pass_discontinuities() {
    let problem = neves();
    let (span, expected) = ((problem.t0, problem.t1), exact(&problem));
    let errors = [1e-4, 1e-6].map(|rtol| {
        let settings = tolerances(rtol, rtol);
        let (found, stats) = run(&mut *bs32(), &*problem.rhs, span, &problem.u0, &settings);
        println!("{rtol}: {stats:?}");
        distance(&found, &expected)
    });
    println!("{errors:?}");
    assert!(errors[1] < 1e-4 && errors[1] < 0.1 * errors[0], "{errors:?}");
    // The beginning is a straight line, so the error is that of what follows.
    let error = |h: f64| {
        let found = run(&mut *bs32(), &*problem.rhs, span, &problem.u0, &fixed_steps(h)).0;
        distance(&found, &expected)
    };
    let (coarse, fine) = (error(0.11), error(0.11 / 4.0));
    let order = (coarse / fine).log2() / 2.0;
    println!("{coarse:e} {fine:e}: order {order:.2}");
    assert!(order > 2.7, "order {order} from {coarse:e} and {fine:e}");
}

/// Two equations without a solution in closed form, against the built-in method of steps.
#[test]
fn solutions_are_those_of_the_built_in_method() {
    for (problem, t1) in [(ddetst_c1(), 20.0), (ddetst_c2(), 10.0)] {
        let span = (problem.t0, t1);
        let settings = tolerances(1e-10, 1e-10);
        let mut built_in = delay_method("tsit5").unwrap();
        let expected = run(&mut *built_in, &*problem.rhs, span, &problem.u0, &settings).0;
        let distances = [1e-6, 1e-8].map(|rtol| {
            let settings = tolerances(rtol, rtol);
            let (found, stats) = run(&mut *bs32(), &*problem.rhs, span, &problem.u0, &settings);
            println!("{}: {stats:?}", problem.id);
            distance(&found, &expected)
        });
        println!("{}: {distances:?}", problem.id);
        assert!(distances[1] < 1e-4 && distances[1] < 0.2 * distances[0], "{}", problem.id);
    }
}

/// A function of the time alone; the states and delayed values are no matter.
struct OfTime(usize, fn(f64) -> f64);

impl Kernel for OfTime {
    fn shape(&self) -> Shape {
        Shape { states: self.0, params: 0, outputs: 1 }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, _: &[f64], _: &[f64], out: &mut [f64], _: &mut [f64]) {
        out[0] = (self.1)(t);
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
        dout[0] = along.t * ((self.1)(at.t + 1e-6) - (self.1)(at.t - 1e-6)) / 2e-6;
    }
    fn vjp(&self, _: Point<'_>, _: &[f64], _: Cotangent<'_>, _: &mut [f64]) {
        panic!("not given")
    }
}

/// `u' = −u(t − τ(t))`, 1 before the start.
struct Delayed {
    lag: OfTime,
    before: OfTime,
}

impl Delayed {
    fn new(lag: fn(f64) -> f64) -> Self {
        Delayed { lag: OfTime(2, lag), before: OfTime(0, |_| 1.0) }
    }
}

static READS: [DelayedRead; 1] = [DelayedRead { state: 0, lag: 0, slope: false }];

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
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        _: &mut [f64],
    ) {
        (out[0], dout[0]) = (-at.u[1], -along.u[1]);
    }
    fn vjp(&self, _: Point<'_>, w: &[f64], grad: Cotangent<'_>, _: &mut [f64]) {
        grad.u[1] -= w[0];
    }
    fn structure(&self) -> Structure<'_> {
        let delays = Delays {
            reads: &READS,
            lags: &self.lag,
            constant: &[false],
            history: &self.before,
            jumps_at_start: false,
        };
        Structure { delays: Some(delays), ..Structure::default() }
    }
}

/// The lag falls from 1 to 0.06 within a step's length and rises again: at the beginning of a step
/// nothing tells, evaluations ask for what is not known, and shorter steps are taken. One plugin
/// chooses its steps, the other has steps of one length and ends when an evaluation fails.
#[test]
fn steps_that_would_look_into_themselves_are_shortened() {
    let model = Delayed::new(|t| {
        let square = (t - 2.0) * (t - 2.0);
        0.06 + 0.94 * square / (0.02 + square)
    });
    let settings = tolerances(1e-10, 1e-10);
    let mut built_in = delay_method("tsit5").unwrap();
    let expected = run(&mut *built_in, &model, (0.0, 5.0), &[1.0], &settings).0;
    let (found, stats) = run(&mut *bs32(), &model, (0.0, 5.0), &[1.0], &tolerances(1e-6, 1e-6));
    println!("{stats:?}");
    assert!(distance(&found, &expected) < 1e-4, "{}", distance(&found, &expected));
    let errors = [0.25, 0.25 / 16.0].map(|h| {
        let settings = Settings { h_init: Some(h), ..Settings::default() };
        let (found, stats) = run(&mut *past("quiet"), &model, (0.0, 5.0), &[1.0], &settings);
        assert!(h < 0.1 || stats.rejected > 0, "{stats:?}");
        distance(&found, &expected)
    });
    println!("{errors:?}");
    assert!(errors[1] < 0.02 && errors[1] < 0.2 * errors[0], "{errors:?}");
}

/// What cannot be stepped is refused in a sentence, and a plugin that does not go back is named.
#[test]
fn what_is_not_taken_is_refused() {
    let refusal = |stepper: &mut dyn Stepper, rhs: &dyn Kernel, span: (f64, f64), u0: &[f64]| {
        let ivp = Ivp { rhs, t0: span.0, t1: span.1, u0, p: &[] };
        let settings = Settings { h_init: Some(0.1), ..tolerances(1e-3, 1e-3) };
        drive(stepper, &ivp, &settings, &[], &mut [], None).unwrap_err()
    };
    // Its lag comes to nothing at t = 1.
    let b1 = ddetst_b1();
    let refused = refusal(&mut *bs32(), &*b1.rhs, (b1.t0, b1.t1), &b1.u0);
    let SolveError::Invalid(message) = &refused else { panic!("{refused:?}") };
    assert!(message.starts_with("a delay comes to nothing at t = 0.99"), "{message}");
    // Negative from t = 1 on.
    let negative = refusal(&mut *bs32(), &Delayed::new(|t| 1.0 - t), (0.0, 3.0), &[1.0]);
    let vanishes = matches!(&negative, SolveError::Invalid(m) if m.contains("comes to nothing"));
    assert!(vanishes, "{negative:?}");
    let at_once = refusal(&mut *bs32(), &Delayed::new(|_| -1.0), (0.0, 3.0), &[1.0]);
    assert_eq!(at_once, SolveError::BadLag { t: 0.0, lag: 0, value: -1.0 });
    let neves = neves();
    let onward = refusal(&mut *past("onward"), &*neves.rhs, (1.0, 12.0), &neves.u0);
    assert!(onward.to_string().contains("past the limit 2.718281828"), "{onward}");
}
