//! Loops over elements in vectors: against the same loop one element after the other.

use crate::common;

use common::*;
use slopefield_cpu::{Isa, Options};
use slopefield_graph::plan::{
    BinaryOp, Body, BodyInstruction, Buffer, Entry, Instruction, LaneInput, LaneOutput, Ref,
    UnaryOp,
};
use slopefield_kernel::{Kernel, Shape};

/// Neighbours on a ring, a random table, everything a body can have. Sums and scatters go to the
/// last outputs.
fn writer(n: u32) -> Writer {
    use BodyInstruction::{Binary, Constant, Input, Select, Unary};
    let shape =
        Shape { states: 2 * n as usize, params: n as usize + 2, outputs: 3 * n as usize + 1 };
    let mut w = Writer::new(Entry::Eval, shape);
    let (sums, scattered, own) = (w.scratch(2), w.scratch(n), w.scratch(n));
    w.push(Instruction::Fill { dst: sums, len: 2, value: 0.5 });
    w.push(Instruction::Fill { dst: scattered, len: n, value: -0.25 });
    w.push(Instruction::Copy { dst: own, src: at(Buffer::States, n), len: n });
    w.plan.tables = vec![
        (0..n).map(|i| (i + 1) % n).collect(),
        (0..n).map(|i| (i + n - 1) % n).collect(),
        (0..n).map(|i| (i * 7919 + 3) % n).collect(),
    ];
    let (u, p) = (at(Buffer::States, 0), |k| at(Buffer::Params, k));
    w.plan.bodies.push(Body {
        code: vec![
            Input(0),                     // u[i]
            Input(1),                     // its neighbours
            Input(2),                     //
            Input(3),                     // far away
            Input(4),                     // own[i]
            Input(5),                     // rate[i]
            Input(6),                     // two numbers for all
            Input(7),                     //
            Binary(BinaryOp::Add, 1, 2),  // 8
            Binary(BinaryOp::Mul, 6, 8),  //
            Unary(UnaryOp::Sin, 9),       //
            Binary(BinaryOp::Pow, 0, 7),  // 11: NaN where u[i] is negative
            Constant(3.0),                //
            Binary(BinaryOp::Pow, 0, 12), // 13
            Binary(BinaryOp::GreaterEqual, 0, 3),
            Select(14, 11, 13),           // 15
            Binary(BinaryOp::Max, 15, 4), //
            Binary(BinaryOp::Div, 16, 5), // 17
            Unary(UnaryOp::Abs, 17),      //
            Binary(BinaryOp::Sub, 10, 4), // 19
            Binary(BinaryOp::Add, 4, 19), // 20
        ],
        inputs: vec![
            LaneInput::Lanes(u),
            LaneInput::Gathered(u, 0),
            LaneInput::Gathered(u, 1),
            LaneInput::Gathered(u, 2),
            LaneInput::Lanes(own),
            LaneInput::Lanes(p(0)),
            LaneInput::Uniform(p(n)),
            LaneInput::Uniform(p(n + 1)),
        ],
        outputs: vec![
            LaneOutput::Store(at(Buffer::Out, 0), 17),
            LaneOutput::Store(own, 20),
            LaneOutput::ScatterAdd(scattered, 2, 19),
            LaneOutput::SumTo(Ref { offset: sums.offset, ..sums }, 19),
            LaneOutput::SumTo(Ref { offset: sums.offset + 1, ..sums }, 10),
        ],
    });
    w.push(Instruction::Each { body: 0, count: n });
    w.plan.bodies.push(Body {
        code: vec![Input(0), Input(1), Binary(BinaryOp::Mul, 0, 1)],
        inputs: vec![LaneInput::Lanes(own), LaneInput::Gathered(scattered, 1)],
        outputs: vec![LaneOutput::Store(at(Buffer::Out, n), 2)],
    });
    // To what is there.
    w.plan.bodies.push(Body {
        code: vec![Input(0)],
        inputs: vec![LaneInput::Lanes(at(Buffer::States, 0))],
        outputs: vec![LaneOutput::AddTo(own, 0)],
    });
    w.push(Instruction::Each { body: 1, count: n });
    w.push(Instruction::Each { body: 2, count: n });
    w.push(Instruction::Copy { dst: at(Buffer::Out, 2 * n), src: own, len: n });
    let (a, b) = (w.load(Buffer::Scratch, sums.offset), w.load(Buffer::Scratch, sums.offset + 1));
    let both = w.push(Instruction::Binary(BinaryOp::Add, a, b));
    w.store(Buffer::Out, 3 * n, both);
    w
}

#[test]
fn elements_in_vectors_have_the_bits_of_elements_one_by_one() {
    for n in [1, 15, 16, 17, 23, 24, 127, 128, 129, 300, 1027] {
        let plans = eval_only(writer(n).plan);
        for isa in isas() {
            let base = Options { isa, unroll: false, ..Options::default() };
            let vectors = compiled(&plans, base);
            // Without gathering loops go element by element.
            let single = compiled(&plans, Options { gather: false, ..base });
            let mut random = Random(u64::from(n));
            for _ in 0..3 {
                let i = random.inputs(vectors.shape());
                let (got, want) = (eval(&vectors, &i), eval(&single, &i));
                let last = got.len() - 1;
                for (k, (g, w)) in got[..last].iter().zip(&want[..last]).enumerate() {
                    assert_eq!(ulps(*g, *w), 0, "{isa:?}, {n}: output {k} is {g:e}, not {w:e}");
                }
                assert_close(&got[last..], &want[last..], 1e-13, "sums");
            }
            let is_longer = vectors.scratch_len() > single.scratch_len();
            assert_eq!(is_longer, n >= 16 && isa != Isa::Portable, "{isa:?}, {n}: is it used?");
        }
    }
}
