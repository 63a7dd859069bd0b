//! Right-hand sides of two parts through the interface.

use crate::common;
use common::*;
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Split, Structure, Tangent};
use slopefield_lang::OptionValue;
use slopefield_solve::{Ivp, Stepper};

fn ars222() -> Box<dyn Stepper> {
    example_registry().stepper("org.example.rust/ars222").unwrap()
}

/// `u' = p (cos t − u)`, with `−p u` as the stiff part, or nothing said about parts.
struct Relaxation {
    whole: Formula,
    stiff: Formula,
    rest: Formula,
    split: bool,
}

fn split_relaxation(split: bool) -> Relaxation {
    let part = |f, jacobian, dfdt| Formula { states: 1, params: 1, f, jacobian, dfdt };
    Relaxation {
        whole: relaxation(),
        stiff: part(|_, u, p, out| out[0] = -p[0] * u[0], |_, _, p, out| out[0] = -p[0], zero),
        rest: part(|t, _, p, out| out[0] = p[0] * t.cos(), zero, |_, _, _, _| panic!("not needed")),
        split,
    }
}

fn zero(_: f64, _: &[f64], _: &[f64], out: &mut [f64]) {
    out.fill(0.0);
}

impl Kernel for Relaxation {
    fn shape(&self) -> Shape {
        self.whole.shape()
    }
    fn scratch_len(&self) -> usize {
        self.whole.scratch_len()
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.whole.eval(t, u, p, out, scratch);
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.whole.jvp(at, along, out, dout, scratch);
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        self.whole.vjp(at, w, grad, scratch);
    }
    fn structure(&self) -> Structure<'_> {
        let parts = Split { stiff: &self.stiff, rest: &self.rest, linear: true };
        Structure { split: self.split.then_some(parts), ..Structure::default() }
    }
}

fn at_end(
    stepper: &mut dyn Stepper,
    model: &dyn Kernel,
    p: f64,
    (t0, t1): (f64, f64),
    h: f64,
) -> f64 {
    let u0 = [relaxation_exact(t0, p)];
    let ivp = Ivp { rhs: model, t0, t1, u0: &u0, p: &[p] };
    solve(stepper, &ivp, &fixed_steps(h)).unwrap()[0]
}

/// One step by hand: `U₁ = (y + γ h r₀)/(1 + γ h p)`,
/// `U₂ = (y + h (δ r₀ + (1 − δ) r₁) − (1 − γ) h p U₁)/(1 + γ h p)` with `r = p cos t`.
#[test]
fn a_step_is_implicit_in_one_part_and_explicit_in_the_other() {
    let model = split_relaxation(true);
    let (p, h) = (7.0, 0.3);
    let gamma = 1.0 - 0.5_f64.sqrt();
    let delta = 1.0 - 0.5 / gamma;
    for (t0, t1) in [(0.2, 0.5), (0.5, 0.2)] {
        let h = if t1 < t0 { -h } else { h };
        let y = relaxation_exact(t0, p);
        let (r0, r1) = (p * f64::cos(t0), p * f64::cos(t0 + gamma * h));
        let first = (y + gamma * h * r0) / (1.0 + gamma * h * p);
        let known = y + h * (delta * r0 + (1.0 - delta) * r1) - (1.0 - gamma) * h * p * first;
        let expected = known / (1.0 + gamma * h * p);
        let found = at_end(&mut *ars222(), &model, p, (t0, t1), 0.3);
        assert!((found - expected).abs() < 1e-13, "{found} {expected}");
    }
}

/// Order 2 in both directions, with parts and without.
#[test]
fn the_order_is_2() {
    for split in [true, false] {
        let model = split_relaxation(split);
        for (t0, t1) in [(0.0, 2.0), (2.0, 0.0)] {
            let p = if t1 < t0 { -3.0 } else { 3.0 };
            let exact = relaxation_exact(t1, p);
            let error = |h: f64| (at_end(&mut *ars222(), &model, p, (t0, t1), h) - exact).abs();
            let (coarse, fine) = (error(0.04), error(0.01));
            let order = (coarse / fine).log2() / 2.0;
            assert!((order - 2.0).abs() < 0.1, "split {split}: {coarse:e} {fine:e}: {order}");
        }
    }
}

/// Steps a thousand times longer than the stiff part allows an explicit method.
#[test]
fn a_stiff_part_does_not_limit_the_step() {
    let model = split_relaxation(true);
    let p = 1e5;
    let found = at_end(&mut *ars222(), &model, p, (0.0, 2.0), 0.01);
    assert!((found - relaxation_exact(2.0, p)).abs() < 1e-2, "{found}");
}

/// The same instance for a model with parts and one without, and options in their place.
#[test]
fn a_reused_solver_sees_the_parts_of_the_next_system() {
    let options = [("h".to_owned(), OptionValue::Number(0.05))];
    let mut reused = example_registry().stepper_with("org.example.rust/ars222", &options).unwrap();
    let run = |stepper: &mut dyn Stepper, split: bool| {
        let model = split_relaxation(split);
        let u0 = [1.0];
        let ivp = Ivp { rhs: &model, t0: 0.0, t1: 1.0, u0: &u0, p: &[20.0] };
        solve(stepper, &ivp, &tolerances(1e-6, 1e-6)).unwrap()[0]
    };
    let fresh = [true, false].map(|split| {
        let registry = example_registry();
        let mut stepper = registry.stepper_with("org.example.rust/ars222", &options).unwrap();
        run(&mut *stepper, split)
    });
    assert_ne!(fresh[0], fresh[1]);
    for split in [true, false, true] {
        assert_eq!(run(&mut *reused, split), fresh[usize::from(!split)]);
    }
}
