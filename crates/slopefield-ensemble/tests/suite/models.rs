//! Compiled models: lanes against single solves of the compiled kernel.

use crate::common;

use common::*;
use slopefield_cpu::{BatchOptions, Isa, Options, compile_batch_with, compile_with};
use slopefield_graph::plan::Plans;
use slopefield_graph::{BuiltinNetworks, lower};
use slopefield_kernel::{BatchKernel, Kernel};
use slopefield_solve::{Settings, tableau};

const LOTKA: &str = "
state x = 1
state y = 1
param a = 1.5
param b = 1
param c = 3
param d = 1
x' = a*x - b*x*y
y' = d*x*y - c*y
";

const LORENZ: &str = "
state x = 1
state y = 0.5
state z = 20
param s = 10
param r = 28
param b = 2.6666666666666665
x' = s*(y - x)
y' = x*(r - z) - y
z' = x*y - b*z
";

/// Functions, powers, a switch and the time.
const KINETICS: &str = "
state a = 0.9
state b = 0.2
param k = 1.2
param e = 0.7
param m = 0.4
let rate = k*exp(-e/(0.5 + a))*a^1.7
a' = -rate + 0.1*sin(3*t)
b' = rate - m*tanh(b) + (if a > 0.6 then 0.05 else 0.02)*ln(1 + b)
";

const NETWORK: &str = "
state x = 0.8
state y = -0.3
param c = 1
network n: mlp(inputs: 2, outputs: 2, hidden: [12], activation: tanh)
let z = n(x, y)
x' = z[1] - c*x
y' = z[2] - c*y
";

fn plans(text: &str) -> Plans {
    let (model, diagnostics) = slopefield_lang::check(text);
    assert!(model.is_complete, "{diagnostics:?}");
    lower(&model, &BuiltinNetworks).expect("the model is right").rhs
}

/// Solves `count` variations both ways, on every instruction set, with and without machine code.
fn check(text: &str, p: &[f64], u0: &[f64], t1: f64, tolerance: f64, exact_bits: bool) {
    let plans = plans(text);
    let count = 70;
    let n = u0.len();
    let vary = |x: f64, k: usize| x * (0.9 + 0.2 * ((k * 7919) % 101) as f64 / 101.0);
    let v = Variations {
        u0: (0..count * n).map(|k| vary(u0[k % n], k)).collect(),
        p: (0..count * p.len()).map(|k| vary(p[k % p.len()], k + 5)).collect(),
    };
    let (tsit5, settings) =
        (tableau("tsit5").expect("built in"), Settings::with_tolerances(tolerance, tolerance));
    let (span, own) = ((0.0, t1), (0..p.len()).collect::<Vec<_>>());
    let saves = grid(span, 23);
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        let kernel = compile_with(&plans, Options { isa, ..Options::default() });
        let kernel = kernel.expect("the plans are right");
        let (want, results) = singles(&kernel, span, &v, count, tsit5, &settings, &saves);
        for native in [true, false] {
            let options = BatchOptions { isa, native, width: None };
            let batch = compile_batch_with(&plans.eval, &own, options).expect("so is this");
            assert_eq!(
                batch.is_native(),
                native && isa != Isa::Portable && cfg!(target_arch = "x86_64")
            );
            assert_eq!(batch.shape(), kernel.shape());
            let (got, report) = together(&batch, span, &v, count, tsit5, &settings, &saves, 2);
            let what = format!("{isa:?}, native {native}");
            if exact_bits {
                assert_same_bits(&got, &want, &what);
            } else {
                for (i, (g, w)) in got.iter().zip(&want).enumerate() {
                    assert!((g - w).abs() <= 1e-12 * w.abs().max(1.0), "{what}: {i}: {g} and {w}");
                }
            }
            for (got, want) in report.trajectories.iter().zip(&results) {
                assert_eq!(got.as_ref().ok(), want.as_ref().ok(), "{what}");
                assert!(got.is_ok(), "{what}: {got:?}");
            }
        }
    }
}

#[test]
fn lotka_volterra() {
    check(LOTKA, &[1.5, 1.0, 3.0, 1.0], &[1.0, 1.0], 10.0, 1e-6, true);
}

#[test]
fn lorenz() {
    check(LORENZ, &[10.0, 28.0, 8.0 / 3.0], &[1.0, 0.5, 20.0], 5.0, 1e-6, true);
}

#[test]
fn kinetics_with_functions_and_a_switch() {
    check(KINETICS, &[1.2, 0.7, 0.4], &[0.9, 0.2], 4.0, 1e-6, true);
}

/// Sums of networks are made in another order, so these agree to rounding: same numbers of steps,
/// values to 1e-12. The tolerance is strict because rounding changes the lengths of steps, and those
/// the result by a fraction of its error.
#[test]
fn a_network() {
    let params = plans(NETWORK).eval.shape.params;
    let mut p: Vec<f64> = (0..params).map(|i| 0.4 * ((i * 37 % 19) as f64 / 9.0 - 1.0)).collect();
    p[0] = 1.0; // scalars come first; the decay keeps differences from growing
    check(NETWORK, &p, &[0.8, -0.3], 3.0, 1e-9, false);
}
