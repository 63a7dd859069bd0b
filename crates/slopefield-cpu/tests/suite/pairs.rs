//! Arguments of gathered calls that are computed two at a time.

use crate::common;

use common::*;
use slopefield_graph::plan::{BinaryOp, Buffer, Entry, Instruction, UnaryOp, Value};
use slopefield_kernel::Shape;

/// Fifteen calls of one function whose arguments are trees of several kinds, alike for neighbours:
/// quotients of runs, of the same number, of numbers apart, roots, numbers of the plan, and values
/// that others use as well.
fn calls(w: &mut Writer, function: UnaryOp) -> Vec<Value> {
    use Instruction::*;
    let shared = w.load(Buffer::States, 7);
    let sum = w.push(Binary(BinaryOp::Add, shared, shared));
    let mut results = Vec::new();
    for k in 0..15u32 {
        let x = w.load(Buffer::Params, k);
        let far = w.load(Buffer::Params, (k * 7 + 3) % 15);
        let constant = w.push(Constant(0.5 + f64::from(k)));
        let negative = w.push(Unary(UnaryOp::Neg, x));
        let time = w.load(Buffer::Time, 0);
        let argument = match k / 2 {
            0 => w.push(Binary(BinaryOp::Div, negative, sum)),
            1 => w.push(Binary(BinaryOp::Div, far, x)),
            2 => {
                let size = w.push(Unary(UnaryOp::Abs, far));
                w.push(Unary(UnaryOp::Sqrt, size))
            }
            3 => {
                let quotient = w.push(Binary(BinaryOp::Div, x, constant));
                let product = w.push(Binary(BinaryOp::Mul, quotient, time));
                w.push(Binary(BinaryOp::Sub, product, sum))
            }
            4 => {
                // Used twice, so not in a pair.
                let quotient = w.push(Binary(BinaryOp::Div, x, sum));
                w.store(Buffer::Out, 15 + k - 8, quotient);
                quotient
            }
            5 => x,
            6 => w.push(Binary(BinaryOp::Add, negative, far)),
            _ => w.push(Binary(BinaryOp::Div, x, far)),
        };
        results.push(w.push(Unary(function, argument)));
    }
    results
}

#[test]
fn pairs_give_the_bits_of_single_operations() {
    let shape = Shape { states: 8, params: 15, outputs: 18 };
    for function in [UnaryOp::Exp, UnaryOp::Sin, UnaryOp::Tanh] {
        let mut w = Writer::new(Entry::Eval, shape);
        let values = calls(&mut w, function);
        for (k, v) in (0..).zip(values) {
            w.store(Buffer::Out, k, v);
        }
        let rest = w.push(Instruction::Constant(0.0));
        w.store(Buffer::Out, 17, rest);
        let plans = eval_only(w.plan);
        for seed in 0..20 {
            let mut i = Random(seed).inputs(shape);
            i.p[3] = [0.0, -0.0, f64::INFINITY, f64::NAN, 5e-324][seed as usize % 5];
            for options in all_options().into_iter().filter(|o| o.gather) {
                let bits = |gather: bool| -> Vec<u64> {
                    let kernel = compiled(&plans, slopefield_cpu::Options { gather, ..options });
                    eval(&kernel, &i).into_iter().map(number).collect()
                };
                assert_eq!(bits(true), bits(false), "{function:?} {options:?}");
            }
        }
    }
}

/// Bits, but one pattern for all NaN.
fn number(x: f64) -> u64 {
    if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() }
}
