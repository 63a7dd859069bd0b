//! Mass matrices and algebraic variables: with noise they are refused, in words, by everything; random
//! jumps come on top of them by thinning.
use crate::common;

use common::*;
use slopefield_kernel::{
    Cotangent, Kernel, MatrixKernel, MatrixPattern, Point, Shape, Structure, Tangent,
};
use slopefield_solve::{Ivp, Settings, Step, Stepper, drive};
use slopefield_stochastic::{JumpDiffusion, Process, Thinning, method, methods};

/// `2 u' = …`.
struct Two;

impl MatrixKernel for Two {
    fn pattern(&self) -> MatrixPattern<'_> {
        MatrixPattern { height: 1, starts: &[0, 1], rows: &[0] }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, _: f64, _: &[f64], _: &[f64], values: &mut [f64], _: &mut [f64]) {
        values[0] = 2.0;
    }
    fn is_constant(&self) -> bool {
        true
    }
}

/// `u_0' = …, 0 = …`.
struct First;

impl MatrixKernel for First {
    fn pattern(&self) -> MatrixPattern<'_> {
        MatrixPattern { height: 2, starts: &[0, 1, 1], rows: &[0] }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, _: f64, _: &[f64], _: &[f64], values: &mut [f64], _: &mut [f64]) {
        values[0] = 1.0;
    }
    fn is_constant(&self) -> bool {
        true
    }
}

struct WithMass {
    model: Model<f64>,
    mass: &'static dyn MatrixKernel,
    bounds: Option<Function>,
}

impl Kernel for WithMass {
    fn shape(&self) -> Shape {
        self.model.shape()
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.model.eval(t, u, p, out, scratch);
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.model.jvp(at, along, out, dout, scratch);
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        self.model.vjp(at, w, grad, scratch);
    }
    fn structure(&self) -> Structure<'_> {
        Structure {
            mass: Some(self.mass),
            rate_bounds: self.bounds.as_ref().map(|bounds| bounds as &dyn Kernel),
            ..self.model.structure()
        }
    }
}

fn refusal(stepper: &mut dyn Stepper, system: System) -> String {
    let bounds = system.rates.map(|rates| Function {
        states: 1,
        params: 0,
        outputs: rates.outputs + 1,
        value: |_, _, _, out| out.fill(1e3),
        along: NO_CHANGE,
    });
    let rhs = WithMass { model: Model::new(system), mass: &Two, bounds };
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 1.0, u0: &[0.5], p: &[] };
    drive(stepper, &ivp, &Settings::default(), &[], &mut [], None).unwrap_err().to_string()
}

#[test]
fn mass_matrices_are_refused_with_noise() {
    let counter =
        System::jumps(1, None, (|_, _, _, out| out[0] = 1.0, NO_CHANGE), &[&[(0, 1.0)]], &[&[]]);
    for info in methods() {
        let mut stepper = (info.build)();
        let text = match info.process {
            Process::Diffusion => refusal(&mut *stepper, geometric()),
            Process::Jumps => refusal(&mut *stepper, counter),
        };
        assert!(text.starts_with("the method "), "{text}");
        assert!(text.contains("mass matrix"), "{}: {text}", info.id);
    }
    let ordinary = || slopefield_solve::method("rodas5p").unwrap();
    let noisy =
        System { rates: counter.rates, alters: &[&[]], changes: &[&[(0, 1.0)]], ..geometric() };
    for (inner, system) in [(ordinary(), counter), (method("em").unwrap(), noisy)] {
        let text = refusal(&mut JumpDiffusion::new(inner), system);
        assert!(text.contains("without delays and mass matrices only"), "{text}");
    }
    let text = refusal(&mut Thinning::new(method("em").unwrap()), noisy);
    assert!(text.contains("mass matrix"), "{text}");
}

/// Jumps by 0.2 at rate 3, with a bound of 5 that holds for 0.3, on top of a drift.
fn jumping(states: usize, drift: Value, slope: Along, mass: &'static dyn MatrixKernel) -> WithMass {
    let rates: (Value, Along) = (|_, _, _, out| out[0] = 3.0, NO_CHANGE);
    let system = System::jumps(states, Some((drift, slope)), rates, &[&[(0, 0.2)]], &[&[]]);
    let bounds = Function {
        states,
        params: 0,
        outputs: 2,
        value: |_, _, _, out| out.copy_from_slice(&[5.0, 0.3]),
        along: NO_CHANGE,
    };
    WithMass { model: Model::new(system), mass, bounds: Some(bounds) }
}

#[test]
fn jumps_come_on_top_of_equations_with_a_mass_matrix() {
    // 2 x' = −x.
    let rhs = jumping(1, |_, u, _, out| out[0] = -u[0], |_, _, _, du, out| out[0] = -du[0], &Two);
    let decayed = 1.0 - (-0.5_f64).exp();
    // m' = −m/2 + 0.6 and, of the variance, v' = −v + 3 · 0.04.
    let (mean, variance) = (1.0 - decayed + 1.2 * decayed, 0.12 * (1.0 - (-1.0_f64).exp()));
    for id in ["rodas5p", "radau", "bdf", "kvaerno5"] {
        let count = 1500;
        let mut values = Vec::new();
        for path in 0..count {
            let mut stepper = Thinning::new(slopefield_solve::method(id).unwrap());
            let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 1.0, u0: &[1.0], p: &[] };
            let settings = Settings { seed: 3, path, ..Settings::with_tolerances(1e-5, 1e-7) };
            let mut out = [0.0];
            drive(&mut stepper, &ivp, &settings, &[1.0], &mut out, None).unwrap();
            values.push(out[0]);
        }
        let n = count as f64;
        let found = values.iter().sum::<f64>() / n;
        let spread = values.iter().map(|x| (x - found).powi(2)).sum::<f64>() / (n - 1.0);
        assert!((found - mean).abs() < 3.0 * (variance / n).sqrt(), "{id}: {found} for {mean}");
        assert!((spread / variance - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "{id}: {spread}");
    }
}

#[test]
fn algebraic_variables_follow_a_jump_at_once() {
    // x' = −y/2, 0 = y − 2x.
    let rhs = jumping(
        2,
        |_, u, _, out| out.copy_from_slice(&[-0.5 * u[1], u[1] - 2.0 * u[0]]),
        |_, _, _, du, out| out.copy_from_slice(&[-0.5 * du[1], du[1] - 2.0 * du[0]]),
        &First,
    );
    for id in ["rodas5p", "radau", "bdf"] {
        let mut jumps = 0.0;
        for path in 0..20 {
            let mut before = (0.0, 1.0_f64);
            let mut watch = |step: &Step, solution: &mut dyn Stepper| {
                let (x, y) = (solution.state()[0], solution.state()[1]);
                assert!((y - 2.0 * x).abs() < 1e-7, "{id} at t = {}: {x}, {y}", step.t);
                // Between jumps x decays; a jump adds 0.2.
                let without = before.1 * (before.0 - step.t).exp();
                let jumped = ((x - without) / 0.2).round();
                assert!((x - without - 0.2 * jumped).abs() < 1e-5, "{id}: {x} after {without}");
                jumps += jumped;
                before = (step.t, x);
                Ok(())
            };
            let mut stepper = Thinning::new(slopefield_solve::method(id).unwrap());
            // The algebraic variable is found at the start too.
            let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 10.0, u0: &[1.0, 0.0], p: &[] };
            let settings = Settings { seed: 4, path, ..Settings::with_tolerances(1e-8, 1e-8) };
            drive(&mut stepper, &ivp, &settings, &[], &mut [], Some(&mut watch)).unwrap();
        }
        // 600 are expected.
        assert!((jumps - 600.0_f64).abs() < 3.0 * 600.0_f64.sqrt(), "{id}: {jumps}");
    }
}
