//! What the tests of this crate share: systems in closed form.
#![allow(dead_code, clippy::unwrap_used, reason = "every test file uses a part; tests may panic")]

use slopefield_kernel::{
    Calculus, Cotangent, JumpChange, Jumps, Kernel, Noise, NoiseKind, Point, Shape, Structure,
    Tangent,
};
use slopefield_solve::{Ivp, Real, Settings, SolveError, Stats, Stepper, drive};
use slopefield_stochastic::BrownianMotion;
use std::sync::Arc;

/// `f(t, u, p, out)`.
pub type Value = fn(f64, &[f64], &[f64], &mut [f64]);
/// `(t, u, p, along u, out)`: the derivative along a direction of the state.
pub type Along = fn(f64, &[f64], &[f64], &[f64], &mut [f64]);

/// A function given in double precision, evaluated in it for any number type.
#[derive(Clone, Copy)]
pub struct Function {
    pub states: usize,
    pub params: usize,
    pub outputs: usize,
    pub value: Value,
    pub along: Along,
}

fn double<T: Real>(x: &[T]) -> [f64; 12] {
    let mut out = [0.0; 12];
    for (out, x) in out.iter_mut().zip(x) {
        *out = x.f64();
    }
    out
}

impl<T: Real> Kernel<T> for Function {
    fn shape(&self) -> Shape {
        Shape { states: self.states, params: self.params, outputs: self.outputs }
    }

    fn scratch_len(&self) -> usize {
        0
    }

    fn eval(&self, t: T, u: &[T], p: &[T], out: &mut [T], _: &mut [T]) {
        let mut result = [0.0; 12];
        let (u, p) = (double(u), double(p));
        let outputs = self.outputs;
        (self.value)(t.f64(), &u[..self.states], &p[..self.params], &mut result[..outputs]);
        for (out, x) in out.iter_mut().zip(result) {
            *out = T::of(x);
        }
    }

    fn jvp(
        &self,
        at: Point<'_, T>,
        along: Tangent<'_, T>,
        out: &mut [T],
        dout: &mut [T],
        scratch: &mut [T],
    ) {
        assert!(along.p.iter().all(|d| *d == T::ZERO));
        self.eval(at.t, at.u, at.p, out, scratch);
        let mut result = [0.0; 12];
        let (u, p, du) = (double(at.u), double(at.p), double(along.u));
        let outputs = self.outputs;
        (self.along)(
            at.t.f64(),
            &u[..self.states],
            &p[..self.params],
            &du[..self.states],
            &mut result[..outputs],
        );
        if along.t != T::ZERO {
            // By a central difference; only implicit methods ask.
            let (mut later, mut earlier, step) = ([0.0; 12], [0.0; 12], 1e-5);
            let (u, p, t) = (&u[..self.states], &p[..self.params], at.t.f64());
            (self.value)(t + step, u, p, &mut later[..outputs]);
            (self.value)(t - step, u, p, &mut earlier[..outputs]);
            for i in 0..outputs {
                result[i] += along.t.f64() * (later[i] - earlier[i]) / (2.0 * step);
            }
        }
        for (out, x) in dout.iter_mut().zip(result) {
            *out = T::of(x);
        }
    }

    fn vjp(&self, _: Point<'_, T>, _: &[T], _: Cotangent<'_, T>, _: &mut [T]) {
        unimplemented!("no test needs gradients")
    }
}

/// What noise a system has.
#[derive(Clone, Copy)]
pub struct Noisy {
    pub coefficients: Function,
    pub sources: usize,
    pub kind: NoiseKind,
    pub calculus: Calculus,
}

/// A system with noise and jumps.
#[derive(Clone, Copy)]
pub struct System {
    pub drift: Function,
    pub noise: Option<Noisy>,
    pub rates: Option<Function>,
    pub changes: &'static [&'static [(u32, f64)]],
    pub alters: &'static [&'static [u32]],
    pub constant_between: bool,
    /// Whether the only jump multiplies the only state by 0.7.
    pub multiply: bool,
}

pub const NO_CHANGE: Along = |_, _, _, _, out| out.fill(0.0);
pub const ZERO: Value = |_, _, _, out| out.fill(0.0);

impl System {
    pub fn diffusion(drift: Function, noise: Noisy) -> Self {
        System {
            drift,
            noise: Some(noise),
            rates: None,
            changes: &[],
            alters: &[],
            constant_between: false,
            multiply: false,
        }
    }

    /// A jump process; with a drift where the state changes between jumps too.
    pub fn jumps(
        states: usize,
        drift: Option<(Value, Along)>,
        (rates, along): (Value, Along),
        changes: &'static [&'static [(u32, f64)]],
        alters: &'static [&'static [u32]],
    ) -> Self {
        let (value, slope) = drift.unwrap_or((ZERO, NO_CHANGE));
        let outputs = alters.len();
        System {
            drift: Function { states, params: 0, outputs: states, value, along: slope },
            noise: None,
            rates: Some(Function { states, params: 0, outputs, value: rates, along }),
            changes,
            alters,
            constant_between: drift.is_none(),
            multiply: false,
        }
    }

    pub fn with(self, kind: NoiseKind, calculus: Calculus) -> Self {
        let noise = self.noise.map(|noise| Noisy { kind, calculus, ..noise });
        System { noise, ..self }
    }
}

/// A system in a number type, with its jumps laid out.
pub struct Model<T: Real> {
    pub system: System,
    changes: Vec<JumpChange<T>>,
    alters: Vec<Vec<u32>>,
}

const MULTIPLY: Function = Function {
    states: 1,
    params: 0,
    outputs: 1,
    value: |_, u, _, out| out[0] = 0.7 * u[0],
    along: |_, _, _, du, out| out[0] = 0.7 * du[0],
};

impl<T: Real> Model<T> {
    pub fn new(system: System) -> Self {
        let changes = if system.multiply {
            vec![JumpChange::Set(Arc::new(MULTIPLY))]
        } else {
            system.changes.iter().map(|c| JumpChange::Add(c.to_vec())).collect()
        };
        let alters = system.alters.iter().map(|list| list.to_vec()).collect();
        Model { system, changes, alters }
    }
}

impl<T: Real> Kernel<T> for Model<T> {
    fn shape(&self) -> Shape {
        Kernel::<T>::shape(&self.system.drift)
    }

    fn scratch_len(&self) -> usize {
        0
    }

    fn eval(&self, t: T, u: &[T], p: &[T], out: &mut [T], scratch: &mut [T]) {
        self.system.drift.eval(t, u, p, out, scratch);
    }

    fn jvp(
        &self,
        at: Point<'_, T>,
        along: Tangent<'_, T>,
        out: &mut [T],
        dout: &mut [T],
        scratch: &mut [T],
    ) {
        self.system.drift.jvp(at, along, out, dout, scratch);
    }

    fn vjp(&self, at: Point<'_, T>, w: &[T], grad: Cotangent<'_, T>, scratch: &mut [T]) {
        self.system.drift.vjp(at, w, grad, scratch);
    }

    fn structure(&self) -> Structure<'_, T> {
        Structure {
            noise: self.system.noise.as_ref().map(|noise| Noise {
                coefficients: &noise.coefficients,
                sources: noise.sources,
                kind: noise.kind,
                calculus: noise.calculus,
                hessian: None,
            }),
            jumps: self.system.rates.as_ref().map(|rates| Jumps {
                rates,
                changes: &self.changes,
                alters: &self.alters,
                constant_between: self.system.constant_between,
            }),
            ..Structure::default()
        }
    }
}

/// Geometric Brownian motion `dX = 1.01 X dt + 0.87 X dW`.
pub fn geometric() -> System {
    System::diffusion(
        Function {
            states: 1,
            params: 0,
            outputs: 1,
            value: |_, u, _, out| out[0] = 1.01 * u[0],
            along: |_, _, _, du, out| out[0] = 1.01 * du[0],
        },
        Noisy {
            coefficients: Function {
                states: 1,
                params: 0,
                outputs: 1,
                value: |_, u, _, out| out[0] = 0.87 * u[0],
                along: |_, _, _, du, out| out[0] = 0.87 * du[0],
            },
            sources: 1,
            kind: NoiseKind::Diagonal,
            calculus: Calculus::Ito,
        },
    )
}

/// Its end at `t` from 0.5, for the motion `w`.
pub fn geometric_exact(calculus: Calculus, t: f64, w: f64) -> f64 {
    let drift = if calculus == Calculus::Ito { 1.01 - 0.5 * 0.87 * 0.87 } else { 1.01 };
    0.5 * (drift * t + 0.87 * w).exp()
}

/// `dX = −X(1 − X²)/4 dt + (1 − X²)/2 dW`.
pub fn cubic() -> System {
    System::diffusion(
        Function {
            states: 1,
            params: 0,
            outputs: 1,
            value: |_, u, _, out| out[0] = -0.25 * u[0] * (1.0 - u[0] * u[0]),
            along: |_, u, _, du, out| out[0] = -0.25 * (1.0 - 3.0 * u[0] * u[0]) * du[0],
        },
        Noisy {
            coefficients: Function {
                states: 1,
                params: 0,
                outputs: 1,
                value: |_, u, _, out| out[0] = 0.5 * (1.0 - u[0] * u[0]),
                along: |_, u, _, du, out| out[0] = -u[0] * du[0],
            },
            sources: 1,
            kind: NoiseKind::Diagonal,
            calculus: Calculus::Ito,
        },
    )
}

/// Its solution from 0.5.
pub fn cubic_exact(w: f64) -> f64 {
    let e = 1.5 * w.exp();
    (e + 0.5 - 1.0) / (e + 1.0 - 0.5)
}

/// `dX = (β/√(1+t) − X/(2(1+t))) dt + αβ/√(1+t) dW` with α = 0.1, β = 0.05.
pub fn additive() -> System {
    System::diffusion(
        Function {
            states: 1,
            params: 0,
            outputs: 1,
            value: |t, u, _, out| out[0] = 0.05 / (1.0 + t).sqrt() - u[0] / (2.0 * (1.0 + t)),
            along: |t, _, _, du, out| out[0] = -du[0] / (2.0 * (1.0 + t)),
        },
        Noisy {
            coefficients: Function {
                states: 1,
                params: 0,
                outputs: 1,
                value: |t, _, _, out| out[0] = 0.005 / (1.0 + t).sqrt(),
                along: NO_CHANGE,
            },
            sources: 1,
            kind: NoiseKind::Additive,
            calculus: Calculus::Ito,
        },
    )
}

/// Its solution from 1.
pub fn additive_exact(t: f64, w: f64) -> f64 {
    (1.0 + 0.05 * (t + 0.1 * w)) / (1.0 + t).sqrt()
}

/// Settings for fixed steps of length `h` on a path.
pub fn fixed(h: f64, path: u64) -> Settings {
    Settings { h_init: Some(h), h_max: h, seed: 2024, path, ..Settings::default() }
}

/// Solves to the end.
pub fn end<T: Real>(
    stepper: &mut dyn Stepper<T>,
    model: &Model<T>,
    (t0, t1): (f64, f64),
    u0: &[T],
    settings: &Settings,
) -> Result<(Vec<T>, Stats), SolveError> {
    let ivp = Ivp { rhs: model, t0, t1, u0, p: &[] };
    let mut out = vec![T::ZERO; u0.len()];
    let stats = drive(stepper, &ivp, settings, &[t1], &mut out, None)?;
    Ok((out, stats))
}

/// The motion of a path between two times.
pub fn motion(settings: &Settings, sources: usize, from: f64, to: f64) -> Vec<f64> {
    let mut motion = BrownianMotion::default();
    motion.start(settings.seed, settings.path, sources).unwrap();
    let (mut w, mut h) = (vec![0.0; sources], vec![0.0; sources]);
    motion.increment(from, to, &mut w, &mut h);
    w
}

/// Slope of the logarithm of errors against the logarithm of steps, by least squares.
pub fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let logs: Vec<(f64, f64)> = points.iter().map(|(h, e)| (h.ln(), e.ln())).collect();
    let mx = logs.iter().map(|l| l.0).sum::<f64>() / n;
    let my = logs.iter().map(|l| l.1).sum::<f64>() / n;
    let top: f64 = logs.iter().map(|(x, y)| (x - mx) * (y - my)).sum();
    let bottom: f64 = logs.iter().map(|(x, _)| (x - mx) * (x - mx)).sum();
    top / bottom
}
