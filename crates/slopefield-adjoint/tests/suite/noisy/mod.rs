//! A system with noise of every kind, in both calculi.
#![allow(dead_code, reason = "every test file uses a part")]

use slopefield_adjoint::{Case, CheckReport, FrozenPath, GradientMethod, Replay, check};
use slopefield_kernel::{Calculus, Kernel, Noise, NoiseKind, Shape, Structure};
use slopefield_problems::{Derived, Equations, Float, Function, Number, System};
use slopefield_solve::{Ivp, Settings, StepTimes, drive};
use slopefield_stochastic::method;

/// Parameters of [`Noisy`].
pub const PARAMS: [f64; 5] = [0.8, 1.3, 0.6, 0.35, 0.25];
/// Its initial state.
pub const START: [f64; 2] = [0.7, -0.4];

/// Coefficients of noise.
#[derive(Debug, Clone, Copy)]
pub struct Coefficients(pub NoiseKind, pub bool);

impl Coefficients {
    pub fn sources(self) -> usize {
        match self.0 {
            NoiseKind::Additive => 3,
            NoiseKind::Commutative if self.1 => 1,
            _ => 2,
        }
    }
}

impl Function for Coefficients {
    fn shape(&self) -> Shape {
        let outputs = if self.0 == NoiseKind::Diagonal { 2 } else { 2 * self.sources() };
        Shape { states: 2, params: 5, outputs }
    }

    fn eval<N: Number>(
        &self,
        t: N,
        u: impl Fn(usize) -> N,
        p: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let (x, y, a, b) = (u(0), u(1), p(3), p(4));
        match self.0 {
            NoiseKind::Additive => {
                out(0, a);
                out(1, b * (t * 2.0).cos());
                out(2, a * b);
                out(3, -(a + t * 0.3));
                out(4, N::of(0.0));
                out(5, (-t).exp() * b);
            }
            NoiseKind::Diagonal => {
                out(0, a * (x + x.sin() * 0.5) * (t * 0.3 + 1.0));
                out(1, b * (y * y + 1.0).sqrt());
            }
            // One source on both states, in no way linear.
            NoiseKind::Commutative if self.1 => {
                out(0, a * y.sin() + 0.2);
                out(1, b * x * y + a);
            }
            // Growth and rotation.
            NoiseKind::Commutative => {
                out(0, a * x);
                out(1, a * y);
                out(2, -(b * y));
                out(3, b * x);
            }
            NoiseKind::General => {
                out(0, a * y.sin() + 0.3);
                out(1, b * x * y);
                out(2, b * x * x + t * 0.2);
                out(3, a * x.cos());
            }
        }
    }
}

/// A pendulum-like drift with noise.
#[derive(Debug, Clone, Copy)]
pub struct Noisy {
    pub coefficients: Derived<Coefficients>,
    pub calculus: Calculus,
    pub second: bool,
}

impl Function for Noisy {
    fn shape(&self) -> Shape {
        Shape { states: 2, params: 5, outputs: 2 }
    }

    fn eval<N: Number>(
        &self,
        t: N,
        u: impl Fn(usize) -> N,
        p: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        out(0, p(0) * u(1) - u(0) * p(2) + t.sin() * 0.3);
        out(1, -(p(1) * u(0).sin()) - p(2) * p(2) * u(1));
    }
}

impl Equations for Noisy {
    fn structure<T: Float>(&self) -> Structure<'_, T> {
        let Coefficients(kind, _) = self.coefficients.0;
        Structure {
            noise: Some(Noise {
                coefficients: &self.coefficients,
                sources: self.coefficients.0.sources(),
                kind,
                calculus: self.calculus,
                hessian: self.second.then_some(&self.coefficients as _),
            }),
            ..Structure::default()
        }
    }
}

/// The system with a kind of noise; `scalar` for one source on both states.
pub fn noisy(kind: NoiseKind, scalar: bool, calculus: Calculus) -> System<Noisy> {
    let coefficients = Derived(Coefficients(kind, scalar));
    System::new(Noisy { coefficients, calculus, second: true })
}

/// Half the sum of squares, and something that is not symmetric.
pub fn loss(u: &[f64], slope: &mut [f64]) -> f64 {
    let mut sum = 0.0;
    for (k, (u, slope)) in u.iter().zip(slope).enumerate() {
        let c = 0.3 + 0.1 * (k % 3) as f64;
        sum += 0.5 * u * u + c * u;
        *slope = u + c;
    }
    sum
}

/// Compares a gradient with differences of the same steps on the same motion.
pub fn check_path(
    gradient: &mut dyn GradientMethod,
    solver: &str,
    ivp: Ivp<'_>,
    settings: &Settings,
    saves: &[f64],
) -> CheckReport {
    let mut record = StepTimes::default();
    let mut stepper = method(solver).expect("a method for noise");
    drive(&mut *stepper, &ivp, settings, &[], &mut [], Some(&mut record)).expect("a path");
    let mut frozen = FrozenPath::new(stepper, record.times);
    let case = Case { ivp, settings, saves };
    check(gradient, &case, Replay::Adaptive(&mut frozen), &mut loss, 3, 11).expect("solves")
}

/// A problem on a kernel.
pub fn ivp<'a>(rhs: &'a dyn Kernel, t1: f64) -> Ivp<'a> {
    Ivp { rhs, t0: 0.0, t1, u0: &START, p: &PARAMS }
}
