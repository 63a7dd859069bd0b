//! Operators that somebody else computes, called by machine code.

use crate::recording::recorded;
use slopefield_cpu::{CompileError, compile, compile_batch, compile_f32, compile_matrix};
use slopefield_graph::custom::{CustomCode, CustomOp, CustomSource, bind, offer};
use slopefield_graph::network::{Init, NetworkError};
use slopefield_graph::{
    Interpreter, LoweredModel, NetworkBuilder, NetworkGraph, NetworkLibrary, lower, lower_jacobian,
};
use slopefield_kernel::{Cotangent, Kernel, MatrixKernel, Point, Tangent};
use slopefield_lang::{Model, OptionValue};
use std::sync::{Arc, Once};

/// `y[i] = x[i] x[i + 1]`.
struct Products;

impl CustomCode for Products {
    fn forward(&self, x: &[f64], y: &mut [f64]) {
        y.iter_mut().enumerate().for_each(|(i, y)| *y = x[i] * x[i + 1]);
    }
    fn reverse(&self, x: &[f64], w: &[f64], grad: &mut [f64]) {
        grad.fill(0.0);
        for (i, w) in w.iter().enumerate() {
            grad[i] += w * x[i + 1];
            grad[i + 1] += w * x[i];
        }
    }
}

impl CustomSource for Products {
    fn bind(&self, _: &[u32], _: u32) -> Result<Box<dyn CustomCode>, String> {
        Ok(Box::new(Products))
    }
}

const NAME: &str = "org.example.native@1.0.0/products";

/// The operator for operands of these lengths.
pub fn products(lengths: &[u32], outputs: u32) -> &'static CustomOp {
    static OFFERED: Once = Once::new();
    OFFERED.call_once(|| offer(NAME, Arc::new(Products)));
    bind(NAME, lengths, outputs).unwrap()
}

/// A network `y = A products(tanh(x), w)` with as many inputs as asked for.
struct Library;

impl NetworkLibrary for Library {
    fn build(
        &self,
        _: &str,
        inputs: u32,
        outputs: u32,
        _: &[(String, OptionValue)],
    ) -> Result<NetworkGraph, NetworkError> {
        let mut b = NetworkBuilder::new(inputs)?;
        let w = b.param("w", &[3], Init::Normal(0.0, 1.0))?;
        let a = b.param("a", &[outputs, inputs + 2], Init::XavierUniform(1.0))?;
        let x = b.op("tanh", &[b.input()], &[])?;
        let len = [i64::from(inputs) + 2];
        let y = b.op(&format!("custom:{NAME}"), &[x, w], &[("len", &len)])?;
        let y = b.op("matvec", &[a, y], &[])?;
        b.output(y)?;
        b.finish()
    }
}

/// A model of `n` states and its plans.
fn model(n: usize) -> (Model, LoweredModel) {
    products(&[1, 1], 1);
    let names: Vec<String> = (1..=n).map(|i| format!("x{i}")).collect();
    let mut text: String = names.iter().map(|x| format!("state {x} = 1\n")).collect();
    text += &format!("network f: org.example.native/f(inputs: {n}, outputs: {n})\n");
    text += &format!("let y = f({})\n", names.join(", "));
    for (i, x) in names.iter().enumerate() {
        text += &format!("{x}' = y[{}] - {x} + t\n", i + 1);
    }
    let (model, diagnostics) = slopefield_lang::check(&text);
    assert!(model.is_complete, "{diagnostics:?}");
    let lowered = lower(&model, &Library).unwrap();
    (model, lowered)
}

fn wave(n: usize, phase: f64) -> Vec<f64> {
    (0..n).map(|i| (1.3 * i as f64 + phase).sin()).collect()
}

/// Everything that a kernel computes, one after the other.
fn all(kernel: &dyn Kernel) -> Vec<f64> {
    let s = kernel.shape();
    let (u, p) = (wave(s.states, 0.2), wave(s.params, 0.9));
    let (du, dp, w) = (wave(s.states, 1.7), wave(s.params, 2.1), wave(s.outputs, 3.3));
    let mut scratch = vec![f64::NAN; kernel.scratch_len()];
    let mut result = vec![f64::NAN; 2 * s.outputs];
    let (out, dout) = result.split_at_mut(s.outputs);
    let at = Point { t: 0.4, u: &u, p: &p };
    kernel.jvp(at, Tangent { t: 0.3, u: &du, p: &dp }, out, dout, &mut scratch);
    let mut value = vec![f64::NAN; s.outputs];
    kernel.eval(0.4, &u, &p, &mut value, &mut scratch);
    let (mut t, mut gu, mut gp) = (0.0, vec![0.0; s.states], vec![0.0; s.params]);
    kernel.vjp(at, &w, Cotangent { t: &mut t, u: &mut gu, p: &mut gp }, &mut scratch);
    [result, value, vec![t], gu, gp].concat()
}

#[test]
fn machine_code_and_interpreter_agree() {
    for n in [2, 3, 5, 40] {
        let (model, lowered) = model(n);
        let native = compile(&lowered.rhs).unwrap();
        let (found, expected) = (all(&native), all(&Interpreter::new(lowered.rhs.clone())));
        for (f, e) in found.iter().zip(&expected) {
            assert!((f - e).abs() < 1e-12 * (1.0 + e.abs()), "{n}: {f} and {e}");
        }
        // Forward and reverse are transposes of each other.
        let s = native.shape();
        let (dout, w) = (&found[s.outputs..2 * s.outputs], wave(s.outputs, 3.3));
        let left: f64 = dout.iter().zip(&w).map(|(a, b)| a * b).sum();
        let grads = &found[3 * s.outputs..];
        let directions = [vec![0.3], wave(s.states, 1.7), wave(s.params, 2.1)].concat();
        let right: f64 = grads.iter().zip(&directions).map(|(a, b)| a * b).sum();
        assert!((left - right).abs() < 1e-11 * (1.0 + left.abs()), "{n}: {left} and {right}");

        let single = compile_f32(&lowered.rhs).unwrap();
        let (u, p) = (wave(s.states, 0.2), wave(s.params, 0.9));
        let narrow = |x: &[f64]| x.iter().map(|x| *x as f32).collect::<Vec<f32>>();
        let mut out = vec![0f32; n];
        let mut scratch = vec![0f32; Kernel::<f32>::scratch_len(&single)];
        single.eval(0.4, &narrow(&u), &narrow(&p), &mut out, &mut scratch);
        for (f, e) in out.iter().zip(&expected) {
            assert!((f64::from(*f) - e).abs() < 1e-4, "{n}: {f} and {e}");
        }

        if let Some(plan) = lower_jacobian(&model, &lowered).unwrap() {
            let matrix = compile_matrix(&plan).unwrap();
            let mut values = vec![f64::NAN; matrix.pattern().rows.len()];
            let mut scratch = vec![0.0; matrix.scratch_len()];
            matrix.eval(0.4, &u, &p, &mut values, &mut scratch);
            let mut scratch = vec![0.0; native.scratch_len()];
            let (mut f, mut column) = (vec![0.0; n], vec![0.0; n]);
            let zero = vec![0.0; p.len()];
            for c in 0..n {
                let unit: Vec<f64> = (0..n).map(|i| f64::from(u8::from(i == c))).collect();
                let at = Point { t: 0.4, u: &u, p: &p };
                let along = Tangent { t: 0.0, u: &unit, p: &zero };
                native.jvp(at, along, &mut f, &mut column, &mut scratch);
                let pattern = matrix.pattern();
                for k in pattern.starts[c]..pattern.starts[c + 1] {
                    let e = column[pattern.rows[k] as usize];
                    assert!((values[k] - e).abs() < 1e-12, "{n}: {} and {e}", values[k]);
                }
            }
        } else {
            assert_eq!(n, 40);
        }
    }
}

/// Evaluations that write down what their reverse products need have the operator too.
#[test]
fn recorded_evaluations_and_products_are_those_of_the_kernel() {
    let (model, lowered) = model(5);
    recorded(&model, &lowered, "an operator");
}

#[test]
fn code_for_many_trajectories_at_once_is_refused() {
    let (_, lowered) = model(2);
    let Err(error) = compile_batch(&lowered.rhs.eval, &[]) else { panic!("it has none") };
    assert!(matches!(&error, CompileError::Operator { name } if name.ends_with("/products")));
    assert!(error.can_interpret() && error.to_string().contains("one after the other"), "{error}");
}
