//! Evaluations that write down what reverse products need: values with the bits of the kernel's own,
//! products equal but for rounding, because other neighbours are computed in one call.

use crate::common;

use common::*;
use slopefield_cpu::{compile_recording_with, compile_with};
use slopefield_graph::{BuiltinNetworks, LoweredModel, RecordingPlans, lower, lower_recording};
use slopefield_kernel::{Cotangent, Kernel, Point, Recording};
use slopefield_lang::Model;

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// A network on cubed states; loops of layers; what an activation needs; a network of time and
/// parameters; two calls; weights that are functions of others; views of states.
const MODELS: [&str; 6] = [
    "network n: mlp(inputs: 2, outputs: 2, hidden: [50], activation: tanh)\n\
     state x = 1\nstate y = 1\nlet z = n(x^3, y^3)\nx' = z[1]\ny' = z[2]\n",
    "network n: mlp(inputs: 2, outputs: 2, hidden: [33, 9], activation: silu)\n\
     state x = 1\nstate y = 1\nlet z = n(x, y)\nx' = z[1]\ny' = z[2]*exp(-x*t)\n",
    "network n: mlp(inputs: 2, outputs: 1, hidden: [12], activation: gelu)\n\
     state x = 1\nparam k = 3\nx' = k*n(x, t) + x^1.5\n",
    "network n: resnet(inputs: 2, outputs: 1)\nnetwork m: fourier(inputs: 1, outputs: 2)\n\
     state x = 1\nparam k = 3\nlet z = m(x)\nx' = n(z[1], k) - n(x, z[2])\n",
    "network n: positive(inputs: 2, outputs: 1, hidden: [7])\nstate x = 1\nstate y = 2\n\
     x' = -n(x, y)\ny' = n(y, x)*x\n",
    "network n: monotone(inputs: 1, outputs: 1, increasing: [1])\nstate x = 1\nstate y = 2\n\
     x' = -n(x) + y\ny' = -n(y)\n",
];

#[test]
fn recorded_evaluations_and_products_are_those_of_the_kernel() {
    for text in MODELS {
        let (model, diagnostics) = slopefield_lang::check(text);
        assert!(model.is_complete, "{diagnostics:?}");
        let lowered = lower(&model, &BuiltinNetworks).expect("the model is sound");
        let plans = recorded(&model, &lowered, text);
        // The weights of monotone networks are functions of the parameters.
        assert_eq!(plans.open.is_empty(), text.contains("monotone"), "{text}");
    }
}

/// Compares what records with the kernel of a model; its plans.
pub fn recorded(model: &Model, lowered: &LoweredModel, text: &str) -> RecordingPlans {
    let plans = lower_recording(model, lowered)
        .expect("the model is sound")
        .expect("a network has something to write down");
    assert_eq!(plans.product.to_string().parse(), Ok(plans.product.clone()));
    for options in all_options() {
        let kernel = compile_with(&lowered.rhs, options).expect("the plans are sound");
        let recording = compile_recording_with(&plans, options).expect("the plans are sound");
        let shape = kernel.shape();
        assert_eq!(recording.shape(), shape);
        assert!(recording.row_len() > shape.outputs);
        for seed in 0..3 {
            let mut i = Random(seed).inputs(shape);
            i.u.iter_mut().for_each(|x| *x = x.abs() + 0.1);
            let mut scratch = vec![0.0; kernel.scratch_len().max(recording.scratch_len())];
            let mut out = vec![0.0; shape.outputs];
            kernel.eval(i.t, &i.u, &i.p, &mut out, &mut scratch);
            let at = Point { t: i.t, u: &i.u, p: &i.p };
            let mut row = vec![f64::NAN; recording.row_len()];
            recording.eval(at, &mut row, &mut scratch);
            assert_eq!(bits(&row[..shape.outputs]), bits(&out), "{options:?}\n{text}");

            let product = |recorded: bool, row: &[f64], scratch: &mut [f64]| {
                let mut all = vec![0.0; 1 + shape.states + shape.params];
                let (t, rest) = all.split_at_mut(1);
                let (u, p) = rest.split_at_mut(shape.states);
                let grad = Cotangent { t: &mut t[0], u, p: &mut *p };
                if recorded {
                    let mut factors = vec![f64::NAN; recording.factors_len()];
                    recording.vjp(at, row, grad, &mut factors, scratch);
                    recording.add_products(&factors, p);
                } else {
                    kernel.vjp(at, &i.w, grad, scratch);
                }
                all
            };
            row[..shape.outputs].copy_from_slice(&i.w);
            scratch.fill(f64::NAN);
            let found = product(true, &row, &mut scratch);
            let expected = product(false, &row, &mut scratch);
            assert_close(&found, &expected, 1e-13, &format!("{options:?}\n{text}"));
            // Only the row remembers the point.
            row[shape.outputs..].fill(f64::NAN);
            assert!(product(true, &row, &mut scratch).iter().any(|g| g.is_nan()), "{text}");
        }
    }
    plans
}

#[test]
fn without_networks_nothing_is_written_down() {
    let (model, _) = slopefield_lang::check("param a = 1\nstate x = 1\nx' = -a*sin(x)\n");
    let lowered = lower(&model, &BuiltinNetworks).expect("the model is sound");
    assert!(lower_recording(&model, &lowered).expect("the model is sound").is_none());
}
