//! Every scalar function of the language, compiled in every way, against its definition.

use crate::common;

use common::*;
use slopefield_graph::plan::{BinaryOp, Buffer, Entry, Instruction, Plan, UnaryOp};
use slopefield_kernel::Shape;

/// Edges and ordinary numbers.
fn grid() -> Vec<f64> {
    let mut xs = vec![
        0.0,
        5e-324,
        1e-310,
        f64::MIN_POSITIVE,
        1e-300,
        1e-17,
        1e-9,
        0.1,
        0.25,
        0.49999999999999994,
        0.5,
        0.75,
        0.9999999999999999,
        1.0,
        1.0000000000000002,
        1.5,
        2.0,
        2.5,
        3.0,
        3.5,
        4.0,
        7.0,
        19.5,
        23.0,
        37.0,
        170.5,
        172.0,
        700.0,
        709.7,
        709.79,
        710.4,
        711.0,
        745.0,
        746.0,
        1e6,
        1e8,
        4503599627370495.5,
        9007199254740993.0,
        1e22,
        1e300,
        f64::MAX,
        f64::INFINITY,
    ];
    xs.extend(xs.clone().into_iter().map(|x: f64| -x));
    xs.push(f64::NAN);
    let mut r = Random(3);
    xs.extend((0..60).map(|_| 4.0 * r.number()));
    xs
}

/// Numbers between two results; the elementary functions of this crate and those of the language's
/// definition each have an error of their own.
fn allowed(op: UnaryOp) -> u64 {
    use UnaryOp::*;
    match op {
        Exp | Expm1 | Ln | Log1p | Log2 | Log10 | Sin | Cos | Tan | Atan | Cbrt => 2,
        Cosh | Tanh | Sigmoid => 3,
        Sinh | Softplus | Erf => 4,
        Erfc | Gelu => 5,
        _ => 0,
    }
}

fn shape(n: usize) -> Shape {
    Shape { states: n, params: n, outputs: n }
}

/// Applies the function to every state by scalar instructions.
fn scalar_unary(op: UnaryOp, n: usize) -> Plan {
    let mut w = Writer::new(Entry::Eval, shape(n));
    for i in 0..n as u32 {
        let x = w.load(Buffer::States, i);
        let y = w.push(Instruction::Unary(op, x));
        w.store(Buffer::Out, i, y);
    }
    w.plan
}

fn dense_unary(op: UnaryOp, n: usize) -> Plan {
    let mut w = Writer::new(Entry::Eval, shape(n));
    let (dst, src) = (at(Buffer::Out, 0), at(Buffer::States, 0));
    w.push(Instruction::Map { op, dst, src, len: n as u32 });
    w.plan
}

fn inputs(u: Vec<f64>, p: Vec<f64>) -> Inputs {
    Inputs { t: 0.0, u, p, dt: 0.0, du: vec![], dp: vec![], w: vec![] }
}

#[test]
fn functions_of_one_argument_are_those_of_the_language() {
    let xs = grid();
    let i = inputs(xs.clone(), vec![0.0; xs.len()]);
    for op in UnaryOp::ALL {
        for plan in [scalar_unary(op, xs.len()), dense_unary(op, xs.len())] {
            let plans = eval_only(plan);
            for options in whole_options() {
                let got = eval(&compiled(&plans, options), &i);
                for (&x, &y) in xs.iter().zip(&got) {
                    let want = op.apply(x);
                    assert!(
                        ulps(y, want) <= allowed(op),
                        "{op:?}({x:e}) = {y:e} instead of {want:e} with {options:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn functions_of_two_arguments_are_those_of_the_language() {
    let all = grid();
    let few: Vec<f64> = all.iter().copied().step_by(3).collect();
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for &x in &few {
        for &y in &few {
            a.push(x);
            b.push(y);
        }
    }
    let n = a.len();
    let i = inputs(a.clone(), b.clone());
    for op in BinaryOp::ALL {
        let mut scalar = Writer::new(Entry::Eval, shape(n));
        for k in 0..n as u32 {
            let (x, y) = (scalar.load(Buffer::States, k), scalar.load(Buffer::Params, k));
            let z = scalar.push(Instruction::Binary(op, x, y));
            scalar.store(Buffer::Out, k, z);
        }
        let mut dense = Writer::new(Entry::Eval, shape(n));
        dense.push(Instruction::Zip {
            op,
            dst: at(Buffer::Out, 0),
            a: at(Buffer::States, 0),
            b: at(Buffer::Params, 0),
            len: n as u32,
        });
        let allowed = if op == BinaryOp::Pow { 2 } else { 0 };
        for plan in [scalar.plan, dense.plan] {
            let plans = eval_only(plan);
            for options in whole_options() {
                let got = eval(&compiled(&plans, options), &i);
                for k in 0..n {
                    let want = op.apply(a[k], b[k]);
                    assert!(
                        ulps(got[k], want) <= allowed,
                        "{op:?}({:e}, {:e}) = {:e} instead of {want:e} with {options:?}",
                        a[k],
                        b[k],
                        got[k]
                    );
                }
            }
        }
    }
}

#[test]
fn powers_with_a_small_constant_exponent_are_within_two_numbers() {
    let xs = grid();
    let i = inputs(xs.clone(), vec![0.0; xs.len()]);
    for exponent in [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, -2.0] {
        let mut w = Writer::new(Entry::Eval, shape(xs.len()));
        for k in 0..xs.len() as u32 {
            let x = w.load(Buffer::States, k);
            let c = w.push(Instruction::Constant(exponent));
            let y = w.push(Instruction::Binary(BinaryOp::Pow, x, c));
            w.store(Buffer::Out, k, y);
        }
        let plans = eval_only(w.plan);
        for options in whole_options() {
            let got = eval(&compiled(&plans, options), &i);
            for (&x, &y) in xs.iter().zip(&got) {
                let want = BinaryOp::Pow.apply(x, exponent);
                assert!(ulps(y, want) <= 2, "{x:e}^{exponent} = {y:e} instead of {want:e}");
            }
        }
    }
}

#[test]
fn selection_takes_nan_for_true_as_the_interpreter_does() {
    let conditions = [0.0, -0.0, 1.0, -3.0, 5e-324, f64::NAN, f64::INFINITY];
    let n = conditions.len();
    let mut w = Writer::new(Entry::Eval, shape(2 * n));
    for k in 0..n as u32 {
        let c = w.load(Buffer::States, k);
        let a = w.push(Instruction::Constant(10.0));
        let b = w.push(Instruction::Constant(20.0));
        let y = w.push(Instruction::Select(c, a, b));
        w.store(Buffer::Out, k, y);
        // A comparison used as a condition and as a number, and one behind `not` and `and`.
        let less = w.push(Instruction::Binary(BinaryOp::Less, c, a));
        let not = w.push(Instruction::Unary(UnaryOp::Not, less));
        let both = w.push(Instruction::Binary(BinaryOp::Or, not, c));
        let z = w.push(Instruction::Select(both, less, b));
        w.store(Buffer::Out, n as u32 + k, z);
    }
    let mut u = conditions.to_vec();
    u.resize(2 * n, 0.0);
    for options in whole_options() {
        let kernel = compiled(&eval_only(w.plan.clone()), options);
        let got = eval(&kernel, &inputs(u.clone(), vec![0.0; 2 * n]));
        for (k, &c) in conditions.iter().enumerate() {
            assert_eq!(got[k], if c != 0.0 { 10.0 } else { 20.0 }, "condition {c}");
            let less = c < 10.0;
            let want = if !less || c != 0.0 { f64::from(less) } else { 20.0 };
            assert_eq!(got[n + k], want, "condition {c}");
        }
    }
}
