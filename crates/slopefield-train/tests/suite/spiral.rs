//! The spiral neural differential equation of the 2019 paper, trained by the default recipe.
//!
//! Reference: the same recipe written independently (RK4 discrete adjoint, six seeds) ended
//! between 0.0015 and 0.0079; Adam alone, with its usual memory of a thousand iterations, left 0.03 to
//! 0.4, and its last iterate up to 108.

use crate::support;

use slopefield_train::{
    Control, ModelKernels, NoiseKind, Objective, ParamKind, ParamSpec, Problem, Start, recipe,
    train,
};
use std::sync::Arc;
use support::*;

/// Identity of two states among many parameters; constant initial state (2, 0).
struct Plain {
    initial: bool,
}

impl slopefield_kernel::Kernel for Plain {
    fn shape(&self) -> slopefield_kernel::Shape {
        let states = if self.initial { 0 } else { 2 };
        slopefield_kernel::Shape { states, params: 252, outputs: 2 }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, _: f64, u: &[f64], _: &[f64], out: &mut [f64], _: &mut [f64]) {
        out.copy_from_slice(if self.initial { &[2.0, 0.0] } else { u });
    }
    fn jvp(
        &self,
        at: slopefield_kernel::Point<'_>,
        along: slopefield_kernel::Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.eval(at.t, at.u, at.p, out, scratch);
        dout.copy_from_slice(if self.initial { &[0.0, 0.0] } else { along.u });
    }
    fn vjp(
        &self,
        _: slopefield_kernel::Point<'_>,
        w: &[f64],
        grad: slopefield_kernel::Cotangent<'_>,
        _: &mut [f64],
    ) {
        for (g, w) in grad.u.iter_mut().zip(w) {
            *g += w;
        }
    }
}

fn spiral(seed: u64) -> Problem {
    // Thirty points of the true system u' = (u³)ᵀA from 0 to 1.5.
    let truth = slopefield_problems::spiral();
    let t = times(0.0, 1.5 / 29.0, 30);
    let mut states = vec![0.0; 60];
    let ivp =
        slopefield_solve::Ivp { rhs: &*truth.rhs, t0: 0.0, t1: 1.5, u0: &truth.u0, p: &truth.p };
    let mut tsit5 = slopefield_solve::method("tsit5").unwrap();
    let t: Vec<f64> = t.into_iter().map(|t: f64| t.min(1.5)).collect();
    slopefield_solve::drive(&mut *tsit5, &ivp, &tight(1e-12), &t, &mut states, None).unwrap();
    let component = |i: usize| -> Vec<f64> { states.iter().skip(i).step_by(2).copied().collect() };
    let squares: f64 = states.iter().map(|v| v * v).sum();
    assert!((squares - 97.2354).abs() < 5e-4, "the data are not those of the reference: {squares}");

    let weight = |(i, start): (usize, f64)| ParamSpec {
        name: format!("w{i}"),
        kind: ParamKind::Weight,
        ..scalar("", start)
    };
    Problem {
        kernels: ModelKernels {
            initial: Arc::new(Plain { initial: true }),
            rhs: Arc::from(slopefield_problems::neural_spiral().rhs),
            observe: Arc::new(Plain { initial: false }),
        },
        observations: vec![
            observation("x", NoiseKind::LeastSquares, 0),
            observation("y", NoiseKind::LeastSquares, 1),
        ],
        theta: slopefield_problems::network_weights(seed)
            .into_iter()
            .enumerate()
            .map(weight)
            .collect(),
        experiments: vec![experiment(
            0.0,
            252,
            vec![series(0, &t, &component(0)), series(1, &t, &component(1))],
        )],
        settings: slopefield_solve::Settings::default(),
        driven: Vec::new(),
        l2: 0.0,
    }
}

#[test]
fn the_default_recipe_learns_the_spiral_from_every_seed() {
    for seed in [1u64, 1000, 2000, 3000, 4000, 5000] {
        let problem = spiral(seed);
        let recipe = recipe::default(&problem);
        let mut objective = Objective::new(problem, methods()).unwrap();
        let start = objective.evaluate(&objective.z_start(), 1.0, None).unwrap().loss;
        let begin = std::time::Instant::now();
        let mut adam = f64::INFINITY;
        let fit = train(&mut objective, &recipe, Start::Problem, &Control::default(), &mut |e| {
            if let slopefield_train::Event::Iteration { best, iteration: 0..=500, stage, .. } = e
                && recipe.stages[stage].is_adam()
            {
                adam = best;
            }
        });
        println!(
            "seed {seed}: {start:.1} -> {adam:.5} -> {:.3e} in {} iterations, {} evaluations, {:.2} s, {:?} {:?}",
            fit.loss,
            fit.iterations,
            fit.evaluations,
            begin.elapsed().as_secs_f64(),
            fit.stop_reason,
            fit.notes
        );
        assert!(adam <= 0.05, "seed {seed}: {adam} by Adam");
        assert!(fit.loss < 0.0079, "seed {seed}: {}", fit.loss);
    }
}
