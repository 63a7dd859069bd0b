//! Hand-written model functions for tests: a function is written once over dual numbers, which
//! give its exact derivatives without any of the code under test.

#![allow(dead_code, reason = "each test program uses a part of it")]

use slopefield_adjoint::DiscreteAdjoint;
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};
use slopefield_solve::runge_kutta::TSIT5;
use slopefield_solve::{FrozenSteps, Settings};
use slopefield_train::{
    Experiment, Methods, ModelKernels, NoiseKind, ObservationSpec, ParamKind, ParamSpec, Scale,
    Series, Source,
};
use std::ops::{Add, Div, Mul, Neg, Sub};
use std::sync::Arc;

/// A value and its derivative along one direction.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dual(pub f64, pub f64);

impl Add for Dual {
    type Output = Dual;
    fn add(self, b: Dual) -> Dual {
        Dual(self.0 + b.0, self.1 + b.1)
    }
}
impl Sub for Dual {
    type Output = Dual;
    fn sub(self, b: Dual) -> Dual {
        Dual(self.0 - b.0, self.1 - b.1)
    }
}
impl Mul for Dual {
    type Output = Dual;
    fn mul(self, b: Dual) -> Dual {
        Dual(self.0 * b.0, self.1 * b.0 + self.0 * b.1)
    }
}
impl Div for Dual {
    type Output = Dual;
    fn div(self, b: Dual) -> Dual {
        Dual(self.0 / b.0, (self.1 * b.0 - self.0 * b.1) / (b.0 * b.0))
    }
}
impl Neg for Dual {
    type Output = Dual;
    fn neg(self) -> Dual {
        Dual(-self.0, -self.1)
    }
}
impl Dual {
    pub fn exp(self) -> Dual {
        Dual(self.0.exp(), self.1 * self.0.exp())
    }
    pub fn sin(self) -> Dual {
        Dual(self.0.sin(), self.1 * self.0.cos())
    }
}

/// A number.
pub fn c(x: f64) -> Dual {
    Dual(x, 0.0)
}

/// `out = f(t, u, p)`.
pub type Function = fn(Dual, &[Dual], &[Dual], &mut [Dual]);

/// A kernel whose derivatives come from dual numbers.
pub struct DualKernel {
    pub shape: Shape,
    pub f: Function,
}

const MOST: usize = 24;

impl DualKernel {
    pub fn shared(states: usize, params: usize, outputs: usize, f: Function) -> Arc<dyn Kernel> {
        assert!(states <= MOST && params <= MOST && outputs <= MOST);
        Arc::new(DualKernel { shape: Shape { states, params, outputs }, f })
    }

    fn run(&self, at: Point<'_>, along: impl Fn(usize) -> f64) -> [Dual; MOST] {
        let (n, m) = (self.shape.states, self.shape.params);
        let mut u = [Dual::default(); MOST];
        let mut p = [Dual::default(); MOST];
        let mut out = [Dual::default(); MOST];
        for (i, (u, value)) in u.iter_mut().zip(at.u).enumerate() {
            *u = Dual(*value, along(1 + i));
        }
        for (i, (p, value)) in p.iter_mut().zip(at.p).enumerate() {
            *p = Dual(*value, along(1 + n + i));
        }
        (self.f)(Dual(at.t, along(0)), &u[..n], &p[..m], &mut out[..self.shape.outputs]);
        out
    }
}

impl Kernel for DualKernel {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn scratch_len(&self) -> usize {
        0
    }

    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], _: &mut [f64]) {
        let result = self.run(Point { t, u, p }, |_| 0.0);
        out.iter_mut().zip(result).for_each(|(out, r)| *out = r.0);
    }

    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        _: &mut [f64],
    ) {
        let n = self.shape.states;
        let result = self.run(at, |i| match i {
            0 => along.t,
            i if i <= n => along.u[i - 1],
            i => along.p[i - 1 - n],
        });
        for (i, r) in result.iter().take(out.len()).enumerate() {
            (out[i], dout[i]) = (r.0, r.1);
        }
    }

    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, _: &mut [f64]) {
        let (n, m) = (self.shape.states, self.shape.params);
        for input in 0..1 + n + m {
            let result = self.run(at, |i| f64::from(u8::from(i == input)));
            let sum: f64 = result.iter().zip(w).map(|(r, w)| r.1 * w).sum();
            match input {
                0 => *grad.t += sum,
                i if i <= n => grad.u[i - 1] += sum,
                i => grad.p[i - 1 - n] += sum,
            }
        }
    }
}

/// Tsit5 with the exact discrete adjoint.
pub fn methods() -> Methods {
    Methods {
        gradient: Arc::new(|_| Box::new(DiscreteAdjoint::named("tsit5").unwrap())),
        stepper: Arc::new(|_| slopefield_solve::method("tsit5").unwrap()),
        replay: Arc::new(|_, times| Some(Box::new(FrozenSteps::new(&TSIT5, times)))),
    }
}

pub fn tight(tolerance: f64) -> Settings {
    Settings { rtol: tolerance, atol: vec![0.01 * tolerance], ..Settings::default() }
}

pub const FREE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

/// An unbounded linear scalar.
pub fn scalar(name: &str, start: f64) -> ParamSpec {
    ParamSpec {
        name: name.into(),
        start,
        bounds: FREE,
        scale: Scale::Linear,
        prior: None,
        kind: ParamKind::Scalar,
    }
}

/// A scalar on a log scale.
pub fn positive(name: &str, start: f64, bounds: (f64, f64)) -> ParamSpec {
    ParamSpec { bounds, scale: Scale::Log, ..scalar(name, start) }
}

pub fn observation(name: &str, noise: NoiseKind, value: usize) -> ObservationSpec {
    ObservationSpec {
        over_paths: None,
        name: name.into(),
        noise,
        value,
        noise_args: value + 1..value + 1 + noise.arguments(),
    }
}

pub fn series(observation: usize, times: &[f64], values: &[f64]) -> Series {
    Series { observation, times: times.into(), values: values.into(), ..Series::default() }
}

/// One experiment whose model parameters are the elements of θ in order.
pub fn experiment(t0: f64, params: usize, series: Vec<Series>) -> Experiment {
    Experiment {
        name: "the only one".into(),
        t0,
        params: (0..params).map(Source::Theta).collect(),
        steady: false,
        fixed_initial: Vec::new(),
        series,
    }
}

/// Times `from + i · step`.
pub fn times(from: f64, step: f64, count: usize) -> Vec<f64> {
    (0..count).map(|i| from + step * i as f64).collect()
}

/// Lotka–Volterra with parameters (α, β, δ, γ), start (1, 1), both states observed.
pub fn lotka_volterra() -> ModelKernels {
    ModelKernels {
        initial: DualKernel::shared(0, 4, 2, |_, _, _, out| out.fill(c(1.0))),
        rhs: Arc::from(slopefield_problems::lotka_volterra().rhs),
        observe: DualKernel::shared(2, 4, 2, |_, u, _, out| out.copy_from_slice(u)),
    }
}
