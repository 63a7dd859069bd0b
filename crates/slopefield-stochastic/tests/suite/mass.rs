//! Mass matrices beside noise and random jumps are refused, in words, by everything.
use crate::common;

use common::*;
use slopefield_kernel::{
    Cotangent, Kernel, MatrixKernel, MatrixPattern, Point, Shape, Structure, Tangent,
};
use slopefield_solve::{Ivp, Settings, Stepper, drive};
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

struct WithMass {
    model: Model<f64>,
    mass: Two,
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
            mass: Some(&self.mass),
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
    let rhs = WithMass { model: Model::new(system), mass: Two, bounds };
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 1.0, u0: &[0.5], p: &[] };
    drive(stepper, &ivp, &Settings::default(), &[], &mut [], None).unwrap_err().to_string()
}

#[test]
fn mass_matrices_are_refused() {
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
    for (inner, system) in [(ordinary(), counter), (method("em").unwrap(), noisy)] {
        let text = refusal(&mut Thinning::new(inner), system);
        assert!(text.contains("without mass matrices only"), "{text}");
    }
}
