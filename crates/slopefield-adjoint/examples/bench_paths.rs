//! Times of paths and of gradients along them, in microseconds: minimum and median of many rounds,
//! for Lotka–Volterra with noise in compiled kernels. Run with
//! `cargo run --release --example bench_paths -p slopefield-adjoint`.

use slopefield_adjoint::{GradientMethod, StochasticAdjoint, StochasticForward};
use slopefield_cpu::{CompiledHessian, CompiledKernel, compile, compile_hessian};
use slopefield_graph::{BuiltinNetworks, ModelFunction, lower, lower_hessian};
use slopefield_kernel::{
    Calculus, Cotangent, Kernel, Noise, NoiseKind, Point, Shape, Structure, Tangent,
};
use slopefield_solve::{Ivp, Settings, drive};
use std::time::Instant;

const TEXT: &str = "state x = 1\nstate y = 1\nparam a = 1.5\nparam b = 1\nparam c = 3\nparam d = 1\n\
                    param s = 0.1\nnoise v\nnoise w\nx' = a*x - b*x*y + s*x*v'\n\
                    y' = -c*y + d*x*y + s*y*w'";

struct Model {
    drift: CompiledKernel,
    coefficients: CompiledKernel,
    hessian: CompiledHessian,
}

impl Model {
    fn new() -> Model {
        let (model, _) = slopefield_lang::check(TEXT);
        let lowered = lower(&model, &BuiltinNetworks).expect("a model");
        let noise = lowered.plans(ModelFunction::DiagonalNoise).expect("noise");
        let second = lower_hessian(&model, &BuiltinNetworks, ModelFunction::DiagonalNoise);
        Model {
            drift: compile(&lowered.rhs).expect("native code"),
            coefficients: compile(noise).expect("native code"),
            hessian: compile_hessian(&second.expect("a plan")).expect("native code"),
        }
    }
}

impl Kernel for Model {
    fn shape(&self) -> Shape {
        self.drift.shape()
    }
    fn scratch_len(&self) -> usize {
        self.drift.scratch_len()
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.drift.eval(t, u, p, out, scratch);
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.drift.jvp(at, along, out, dout, scratch);
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        self.drift.vjp(at, w, grad, scratch);
    }
    fn structure(&self) -> Structure<'_> {
        Structure {
            noise: Some(Noise {
                coefficients: &self.coefficients,
                sources: 2,
                kind: NoiseKind::Diagonal,
                calculus: Calculus::Ito,
                hessian: Some(&self.hessian),
            }),
            ..Structure::default()
        }
    }
}

/// Minimum and median time of one call, in microseconds.
fn measure(mut work: impl FnMut()) -> (f64, f64) {
    let mut times: Vec<f64> = (0..400)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[0], times[200])
}

fn main() {
    let model = Model::new();
    let ivp =
        Ivp { rhs: &model, t0: 0.0, t1: 10.0, u0: &[1.0, 1.0], p: &[1.5, 1.0, 3.0, 1.0, 0.1] };
    let saves: Vec<f64> = (0..=100).map(|k| f64::from(k) / 10.0).collect();
    let h = 1.0 / 128.0;
    let settings = Settings { h_init: Some(h), h_max: h, ..Settings::default() };
    println!("1280 steps       what        min (µs)  median");
    for solver in ["em", "milstein", "implicit-milstein", "sriw1", "sosri", "dri1"] {
        let mut stepper = slopefield_stochastic::method(solver).expect("a method for noise");
        let mut states = vec![0.0; 2 * saves.len()];
        let plain = measure(|| {
            drive(&mut *stepper, &ivp, &settings, &saves, &mut states, None).expect("a path");
        });
        println!("{solver:<17}path     {:>9.1} {:>9.1}", plain.0, plain.1);
        let adjoint = StochasticAdjoint::named(solver).expect("a method for noise");
        let forward = StochasticForward::named(solver).expect("a method for noise");
        let methods: [Box<dyn GradientMethod>; 2] = [Box::new(adjoint), Box::new(forward)];
        for mut method in methods {
            let (mut by_u0, mut by_p) = ([0.0; 2], [0.0; 5]);
            let mut loss = |u: &[f64], slope: &mut [f64]| {
                slope.copy_from_slice(u);
                0.0
            };
            let time = measure(|| {
                method
                    .evaluate(&ivp, &settings, &saves, &mut loss, &mut by_u0, &mut by_p)
                    .expect("a gradient");
            });
            let ratio = time.0 / plain.0;
            println!(
                "{solver:<17}{:<9}{:>9.1} {:>9.1}   {ratio:.1} × path",
                method.name(),
                time.0,
                time.1
            );
        }
    }
}
