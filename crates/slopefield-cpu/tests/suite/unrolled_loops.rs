//! Short loops over elements, written out, against the same loops as loops: every number has the same
//! bits, in both precisions, and what is written out is used.

use crate::common;

use common::*;
use slopefield_cpu::{CompiledKernel, Isa, Options, compile_f32_with, compile_with};
use slopefield_graph::plan::Instruction;
use slopefield_graph::{BuiltinNetworks, lower};
use slopefield_kernel::{Kernel, StepTable};

/// Models of a few loops each.
const MODELS: [(&str, &str); 5] = [
    (
        "seven stars",
        "const N = 7\nstate x[N] = 0.1\nstate y[N] = 0.2\nparam g = 1.3\n\
         function d2(i, j) = (x[i] - x[j])^2 + (y[i] - y[j])^2\n\
         function pull(w, i, j) = if i == j then 0 else j*g*(w[j] - w[i])/d2(i, j)^1.5\n\
         x[i]' = sum(pull(x, i, j) for j in 1..N) for i in 1..N\n\
         y[i]' = sum(pull(y, i, j) for j in 1..N) for i in 1..N",
    ),
    (
        "diffusion on a ring",
        "const N = 6\nstate u[N] = 0.5\nparam d = 0.7\nparam k = 1.1\n\
         u[1]' = d*(u[N] - 2*u[1] + u[2])\n\
         u[i]' = d*(u[i - 1] - 2*u[i] + u[i + 1]) - k*u[i]^2 for i in 2..N - 1\n\
         u[N]' = d*(u[N - 1] - 2*u[N] + u[1])",
    ),
    (
        "functions",
        "const N = 5\nstate u[N] = 0.5\nparam a = 0.3\n\
         u[i]' = exp(-a*u[i]) - tanh(t*u[N + 1 - i]) + sqrt(1 + u[i]^2) for i in 1..N",
    ),
    (
        "means",
        "const N = 4\nstate u[N] = 0.5\nstate m = 1\n\
         u[i]' = m - u[i]*abs(u[i]) for i in 1..N\nm' = sum(u[j]/N for j in 1..N) - m*t",
    ),
    (
        "signs of zero",
        "const N = 3\nstate u[N] = 0\nstate v[N] = 0\n\
         u[i]' = -v[i]*u[i] for i in 1..N\nv[i]' = sum(-u[j]*v[i] for j in 1..N) for i in 1..N",
    ),
];

fn plans(text: &str) -> slopefield_graph::plan::Plans {
    let (model, diagnostics) = slopefield_lang::check(text);
    assert!(model.is_complete, "{text}: {diagnostics:?}");
    lower(&model, &BuiltinNetworks).unwrap_or_else(|e| panic!("{text}: {e}")).rhs
}

fn all_bits(kernel: &CompiledKernel, i: &Inputs) -> Vec<Vec<u64>> {
    let bits = |values: Vec<f64>| -> Vec<u64> {
        let canonical = |x: f64| if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() };
        values.into_iter().map(canonical).collect()
    };
    [eval(kernel, i), jvp(kernel, i), vjp(kernel, i)].map(bits).to_vec()
}

#[test]
fn written_out_loops_have_the_bits_of_loops() {
    for (name, text) in MODELS {
        let plans = plans(text);
        for options in all_options() {
            let out = compiled(&plans, options);
            let loops = compiled(&plans, Options { unroll: false, ..options });
            let mut random = Random(7);
            for round in 0..4 {
                let mut i = random.inputs(out.shape());
                match round {
                    0 => i.u.fill(0.0),
                    1 => i.u.iter_mut().step_by(2).for_each(|u| *u = -0.0),
                    _ => {}
                }
                assert_eq!(all_bits(&out, &i), all_bits(&loops, &i), "{name}, {options:?}");
            }
        }
    }
}

#[test]
fn written_out_loops_have_the_bits_of_loops_in_single_precision() {
    for (name, text) in MODELS {
        let plans = plans(text);
        let options = Options::default();
        let out = compile_f32_with(&plans, options).unwrap();
        let loops = compile_f32_with(&plans, Options { unroll: false, ..options }).unwrap();
        let mut random = Random(11);
        for _ in 0..4 {
            let i = random.inputs(plans.eval.shape);
            let bits = |kernel: &CompiledKernel<f32>| -> Vec<u32> {
                let all = [eval_as(kernel, &i), jvp_as(kernel, &i), vjp_as(kernel, &i)].concat();
                all.into_iter().map(|x: f32| if x.is_nan() { 0 } else { x.to_bits() }).collect()
            };
            assert_eq!(bits(&out), bits(&loops), "{name}");
        }
    }
}

/// Euler's method with an error estimate of its slope.
const EULER: StepTable = StepTable {
    a: &[&[], &[1.0]],
    b: &[0.5, 0.5],
    b_error: &[-0.5, 0.5],
    c: &[0.0, 1.0],
    dense: &[],
};

#[test]
fn systems_of_short_loops_are_stepped_whole() {
    let mut loops = 0;
    for (name, text) in MODELS {
        let plans = plans(text);
        // Very short ones are no loops already in the plan.
        let has_loop = plans.eval.code.iter().any(|i| matches!(i, Instruction::Each { .. }));
        loops += u32::from(has_loop);
        let steps = |unroll| {
            let options = Options { unroll, ..Options::default() };
            let kernel = compile_with(&plans, options).unwrap();
            kernel.explicit_step(&EULER, u64::MAX).is_some()
        };
        assert!(steps(true), "{name}");
        assert_eq!(steps(false), !has_loop, "{name}");
    }
    assert!(loops >= 2, "{loops}");
}

#[test]
fn long_loops_stay_loops() {
    let text = "const N = 2000\nstate u[N] = 0.5\n\
                u[1]' = -u[1]\nu[i]' = u[i - 1] - u[i] for i in 2..N";
    let plans = plans(text);
    let kernel = |unroll| compiled(&plans, Options { unroll, ..Options::default() });
    let (with, without) = (kernel(true), kernel(false));
    assert_eq!(with.scratch_len(), without.scratch_len());
    let loops_need_room = Isa::best() != Isa::Portable;
    assert!(with.scratch_len() > 0 || !loops_need_room);
    let i = Random(3).inputs(with.shape());
    assert_eq!(all_bits(&with, &i), all_bits(&without, &i));
}
