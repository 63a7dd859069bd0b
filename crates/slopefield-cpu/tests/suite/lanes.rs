//! Functions over lanes give every lane what the scalar kernel gives.

use crate::common;

use common::*;
use slopefield_cpu::{BatchOptions, CompiledBatch, Options, compile_batch_with, compile_with};
use slopefield_graph::plan::{
    BinaryOp, Body, BodyInstruction, Buffer, Entry, Instruction, LaneInput, LaneOutput, Plan,
    UnaryOp,
};
use slopefield_kernel::{BatchKernel, BatchPoint, Shape};

/// Every way to compile on this machine, with several widths.
fn ways() -> Vec<BatchOptions> {
    let mut ways = Vec::new();
    for isa in isas() {
        for native in [true, false] {
            for width in [Some(8), Some(24), None] {
                ways.push(BatchOptions { isa, native, width });
            }
        }
    }
    ways
}

/// Random inputs of every lane.
struct Lanes {
    each: Vec<Inputs>,
    shared: Vec<f64>,
}

fn lanes(random: &mut Random, kernel: &CompiledBatch, count: usize) -> Lanes {
    let shared = random.vector(kernel.shape().params);
    let mut each = Vec::new();
    for _ in 0..count {
        let mut inputs = random.inputs(kernel.shape());
        for (i, p) in inputs.p.iter_mut().enumerate() {
            if !kernel.own_params().contains(&i) {
                *p = shared[i];
            }
        }
        each.push(inputs);
    }
    Lanes { each, shared }
}

/// Evaluates and returns the outputs of each lane; checks that nothing outside is written.
fn eval_lanes(kernel: &CompiledBatch, lanes: &Lanes) -> Vec<Vec<f64>> {
    let (w, s) = (kernel.width(), kernel.shape());
    let garbage = f64::from_bits(0x7ff8_dead_beef_0001);
    let mut t = vec![garbage; w];
    let mut u = vec![garbage; s.states * w];
    let mut own = vec![garbage; kernel.own_params().len() * w];
    for (lane, inputs) in lanes.each.iter().enumerate() {
        t[lane] = inputs.t;
        for (i, x) in inputs.u.iter().enumerate() {
            u[i * w + lane] = *x;
        }
        for (row, &i) in kernel.own_params().iter().enumerate() {
            own[row * w + lane] = inputs.p[i];
        }
    }
    // Shared numbers of parameters that lanes have of their own must not be read.
    let mut shared = lanes.shared.clone();
    for &i in kernel.own_params() {
        shared[i] = garbage;
    }
    let guard = 8;
    let mut out = vec![garbage; s.outputs * w + 2 * guard];
    let mut scratch = vec![garbage; kernel.scratch_len() + 2 * guard];
    let (out_end, scratch_end) = (out.len() - guard, scratch.len() - guard);
    let at = BatchPoint { t: &t, u: &u, shared: &shared, own: &own };
    kernel.eval(lanes.each.len(), at, &mut out[guard..out_end], &mut scratch[guard..scratch_end]);
    for guards in [&out[..guard], &out[out_end..], &scratch[..guard], &scratch[scratch_end..]] {
        assert!(guards.iter().all(|x| x.to_bits() == garbage.to_bits()), "wrote outside");
    }
    (0..lanes.each.len())
        .map(|lane| (0..s.outputs).map(|i| out[guard + i * w + lane]).collect())
        .collect()
}

/// Compares each way with the scalar kernel of the same instruction set: to the bit, or to
/// `relative` where dense sums are made in another order.
#[track_caller]
fn check(plan: &Plan, own: &[usize], relative: Option<f64>, seed: u64) {
    let plans = eval_only(plan.clone());
    for way in ways() {
        let options = Options { isa: way.isa, ..Options::default() };
        let scalar = compile_with(&plans, options).unwrap_or_else(|e| panic!("{e}"));
        let batch = compile_batch_with(plan, own, way).unwrap_or_else(|e| panic!("{e}"));
        let mut random = Random(seed);
        for count in [1, 7, 8, batch.width()] {
            let lanes = lanes(&mut random, &batch, count);
            let got = eval_lanes(&batch, &lanes);
            for (lane, inputs) in lanes.each.iter().enumerate() {
                let want = eval(&scalar, inputs);
                let what = format!("{way:?}, lane {lane} of {count}");
                match relative {
                    Some(relative) => assert_close(&got[lane], &want, relative, &what),
                    None => {
                        for (i, (g, w)) in got[lane].iter().zip(&want).enumerate() {
                            assert_eq!(ulps(*g, *w), 0, "{what}: output {i} is {g:e}, not {w:e}");
                        }
                    }
                }
            }
        }
    }
}

fn plan(states: usize, params: usize, outputs: usize) -> Writer {
    Writer::new(Entry::Eval, Shape { states, params, outputs })
}

#[test]
fn lotka_volterra_has_the_scalar_bits() {
    let mut w = plan(2, 4, 2);
    let (x, y) = (w.load(Buffer::States, 0), w.load(Buffer::States, 1));
    let p: Vec<_> = (0..4).map(|i| w.load(Buffer::Params, i)).collect();
    let xy = w.push(Instruction::Binary(BinaryOp::Mul, x, y));
    let times = |w: &mut Writer, a, b| w.push(Instruction::Binary(BinaryOp::Mul, a, b));
    let (a, b) = (times(&mut w, p[0], x), times(&mut w, p[1], xy));
    let dx = w.push(Instruction::Binary(BinaryOp::Sub, a, b));
    w.store(Buffer::Out, 0, dx);
    let (a, b) = (times(&mut w, p[3], xy), times(&mut w, p[2], y));
    let dy = w.push(Instruction::Binary(BinaryOp::Sub, a, b));
    w.store(Buffer::Out, 1, dy);
    for own in [&[0, 1, 2, 3][..], &[], &[1, 3]] {
        check(&w.plan, own, None, 3);
    }
}

/// Every function of the language, on ordinary and on awkward arguments.
#[test]
fn every_function_has_the_scalar_bits_in_every_lane() {
    let special = [0.0, -0.0, 1.0, -1.0, f64::INFINITY, -f64::INFINITY, f64::NAN, 3e-310, 1e300];
    let n = (UnaryOp::ALL.len() + 3 * BinaryOp::ALL.len() + 1) as u32;
    let mut w = plan(3, 0, n as usize);
    let (x, y, z) =
        (w.load(Buffer::States, 0), w.load(Buffer::States, 1), w.load(Buffer::States, 2));
    let mut results = Vec::new();
    for op in UnaryOp::ALL {
        results.push(w.push(Instruction::Unary(op, x)));
    }
    for op in BinaryOp::ALL {
        results.push(w.push(Instruction::Binary(op, x, y)));
        results.push(w.push(Instruction::Binary(op, y, x)));
        let two = w.push(Instruction::Constant(2.0));
        results.push(w.push(Instruction::Binary(op, x, two)));
    }
    results.push(w.push(Instruction::Select(x, y, z)));
    for (i, v) in results.into_iter().enumerate() {
        w.store(Buffer::Out, i as u32, v);
    }
    check(&w.plan, &[], None, 5);
    // The awkward ones, a lane each.
    let plans = eval_only(w.plan.clone());
    for way in ways() {
        let options = Options { isa: way.isa, gather: false, ..Options::default() };
        let scalar = compile_with(&plans, options).unwrap_or_else(|e| panic!("{e}"));
        let batch = compile_batch_with(&w.plan, &[], way).unwrap_or_else(|e| panic!("{e}"));
        for &a in &special {
            let each: Vec<Inputs> = special[..batch.width().min(special.len())]
                .iter()
                .map(|&b| Inputs { u: vec![a, b, 0.5], ..Random(1).inputs(batch.shape()) })
                .collect();
            let lanes = Lanes { each, shared: vec![] };
            for (got, inputs) in eval_lanes(&batch, &lanes).iter().zip(&lanes.each) {
                let want = eval(&scalar, inputs);
                for (i, (g, w)) in got.iter().zip(&want).enumerate() {
                    assert_eq!(
                        ulps(*g, *w),
                        0,
                        "{way:?} of {:?}: {i} is {g:e}, not {w:e}",
                        inputs.u
                    );
                }
            }
        }
    }
}

/// More values alive than there are registers, results that replace what is read, calls in between,
/// loads after stores.
#[test]
fn long_programs_spill_and_keep_their_order() {
    let n = 48;
    let mut w = plan(n, n, n);
    let mut values: Vec<_> = (0..n as u32).map(|i| w.load(Buffer::States, i)).collect();
    let mut random = Random(77);
    for round in 0..12 {
        for i in 0..n {
            let other = values[random.bits() as usize % n];
            let op = [BinaryOp::Add, BinaryOp::Mul, BinaryOp::Sub, BinaryOp::Max, BinaryOp::Less]
                [random.bits() as usize % 5];
            values[i] = w.push(Instruction::Binary(op, values[i], other));
            if i % 16 == round {
                let p = w.load(Buffer::Params, i as u32);
                values[i] = w.push(Instruction::Binary(BinaryOp::Sub, values[i], p));
                values[i] = w.push(Instruction::Unary(UnaryOp::Tanh, values[i]));
            }
        }
    }
    let store = w.scratch(n as u32);
    for (i, &v) in (0..).zip(&values) {
        w.store(Buffer::Scratch, store.offset + i, v);
    }
    for i in 0..n as u32 {
        let v = w.load(Buffer::Scratch, store.offset + (i * 7 + 3) % n as u32);
        w.push(Instruction::AddTo(at(Buffer::Scratch, store.offset + i), v));
    }
    for i in 0..n as u32 {
        let v = w.load(Buffer::Scratch, store.offset + i);
        w.store(Buffer::Out, i, v);
    }
    check(&w.plan, &[1, 2, 40], None, 8);
}

/// A network written with dense instructions, weights shared, own, and partly both.
#[test]
fn dense_instructions_agree_with_the_scalar_kernel() {
    use Instruction::*;
    let (n, m) = (11u32, 19u32);
    let weights = n * m;
    let mut w = plan(n as usize, (weights + m) as usize, n as usize);
    let (h, back) = (w.scratch(m), w.scratch(n));
    w.push(Copy { dst: h, src: at(Buffer::Params, weights), len: m });
    let (a, x) = (at(Buffer::Params, 0), at(Buffer::States, 0));
    w.push(MatVec { y: h, a, x, rows: m, cols: n, add: true });
    w.push(Map { op: UnaryOp::Tanh, dst: h, src: h, len: m });
    w.push(MatTVec { y: back, a, x: h, rows: m, cols: n, add: false });
    let (sum, dot) = (w.scratch(1), w.scratch(1));
    w.push(Sum { dst: sum, src: h, len: m });
    w.push(Dot { dst: dot, a: at(Buffer::Params, weights), b: h, len: m });
    let square = w.scratch(n * n);
    w.push(Fill { dst: square, len: n * n, value: 0.25 });
    w.push(Outer { a: square, x: back, y: x, rows: n, cols: n });
    w.push(MatVec { y: back, a: square, x, rows: n, cols: n, add: true });
    w.push(Add { dst: back, src: at(Buffer::Params, 3), len: n });
    w.push(Zip { op: BinaryOp::Mul, dst: back, a: back, b: at(Buffer::States, 0), len: n });
    let (s, d) = (w.load(Buffer::Scratch, sum.offset), w.load(Buffer::Scratch, dot.offset));
    let (t, both) = (w.load(Buffer::Time, 0), w.push(Binary(BinaryOp::Add, s, d)));
    let both = w.push(Binary(BinaryOp::Add, both, t));
    for i in 0..n {
        let v = w.load(Buffer::Scratch, back.offset + i);
        let v = w.push(Binary(BinaryOp::Add, v, both));
        w.store(Buffer::Out, i, v);
    }
    let all: Vec<usize> = (0..(weights + m) as usize).collect();
    let some = [0, 5, 6, 7, 30, weights as usize, weights as usize + 18];
    for own in [&[][..], &all, &some, &all[..weights as usize]] {
        check(&w.plan, own, Some(1e-13), 21);
    }
}

/// A ring of elements with exchange between neighbours, rates of their own, a sum and a scatter.
#[test]
fn loops_over_elements_agree_with_the_scalar_kernel() {
    use BodyInstruction::{Binary, Constant, Input, Select, Unary};
    let n = 21u32;
    let mut w = plan(n as usize, n as usize + 1, n as usize);
    let (sum, flux) = (w.scratch(1), w.scratch(n));
    w.push(Instruction::Fill { dst: sum, len: 1, value: 0.5 });
    w.push(Instruction::Fill { dst: flux, len: n, value: 0.25 });
    w.plan.tables =
        vec![(0..n).map(|i| (i + 1) % n).collect(), (0..n).map(|i| (i * 5 + 2) % n).collect()];
    let u = at(Buffer::States, 0);
    w.plan.bodies.push(Body {
        code: vec![
            Input(0),                      // u[i]
            Input(1),                      // u[i + 1]
            Input(2),                      // rate[i]
            Input(3),                      // a parameter for all
            Binary(BinaryOp::Sub, 1, 0),   //
            Binary(BinaryOp::Mul, 4, 2),   //
            Unary(UnaryOp::Exp, 5),        //
            Constant(2.0),                 //
            Binary(BinaryOp::Pow, 0, 7),   // a square
            Binary(BinaryOp::Pow, 6, 3),   // a power
            Binary(BinaryOp::Less, 0, 1),  //
            Select(10, 8, 9),              //
            Binary(BinaryOp::Add, 11, 6),  //
            Input(4),                      // flux[i] itself
            Binary(BinaryOp::Add, 13, 12), //
        ],
        inputs: vec![
            LaneInput::Lanes(u),
            LaneInput::Gathered(u, 0),
            LaneInput::Lanes(at(Buffer::Params, 0)),
            LaneInput::Uniform(at(Buffer::Params, n)),
            LaneInput::Lanes(flux),
        ],
        outputs: vec![LaneOutput::Store(flux, 14), LaneOutput::SumTo(sum, 9)],
    });
    w.plan.bodies.push(Body {
        code: vec![Input(0), Input(1), Binary(BinaryOp::Mul, 0, 1)],
        inputs: vec![LaneInput::Lanes(u), LaneInput::Uniform(sum)],
        outputs: vec![LaneOutput::ScatterAdd(flux, 1, 2)],
    });
    w.plan.bodies.push(Body {
        code: vec![Input(0)],
        inputs: vec![LaneInput::Lanes(flux)],
        outputs: vec![LaneOutput::Store(at(Buffer::Out, 0), 0)],
    });
    for body in 0..3 {
        w.push(Instruction::Each { body, count: n });
    }
    let all: Vec<usize> = (0..=n as usize).collect();
    for own in [&[][..], &all, &all[..n as usize], &[2, 5, n as usize]] {
        check(&w.plan, own, Some(1e-14), 9);
    }
}

/// A fused layer with every form of operands.
#[test]
fn fused_layers_agree_with_the_scalar_kernel() {
    let (n, m) = (6u32, 17u32);
    let mut w = plan(n as usize, (n * m + m) as usize, m as usize);
    let h = w.scratch(m);
    let (a, x) = (at(Buffer::Params, 0), at(Buffer::States, 0));
    let bias = Some(at(Buffer::Params, n * m));
    let activation = Some(UnaryOp::Tanh);
    w.push(Instruction::Layer { y: h, a, x, bias, activation, rows: m, cols: n });
    let y = at(Buffer::Out, 0);
    w.plan.constants = (0..m * m).map(|i| f64::from(i % 7) - 3.0).collect();
    let a = at(Buffer::Constants, 0);
    w.push(Instruction::Layer { y, a, x: h, bias: None, activation: None, rows: m, cols: m });
    let all: Vec<usize> = (0..(n * m + m) as usize).collect();
    for own in [&[][..], &all, &[0, 3, 100, 104]] {
        check(&w.plan, own, Some(1e-13), 12);
    }
}

#[test]
fn slices_of_wrong_length_are_refused() {
    let mut w = plan(1, 0, 1);
    let x = w.load(Buffer::States, 0);
    let e = w.push(Instruction::Unary(UnaryOp::Exp, x));
    w.store(Buffer::Out, 0, e);
    let batch = compile_batch_with(&w.plan, &[], BatchOptions::default()).unwrap();
    let (w, scratch) = (batch.width(), batch.scratch_len());
    let wrong = std::panic::catch_unwind(|| {
        let at = BatchPoint { t: &vec![0.0; w], u: &vec![0.0; w - 1], shared: &[], own: &[] };
        batch.eval(1, at, &mut vec![0.0; w], &mut vec![0.0; scratch]);
    });
    assert!(wrong.is_err());
}

#[test]
fn plans_of_other_entries_and_malformed_ones_are_refused() {
    let mut w = plan(1, 0, 1);
    let x = w.load(Buffer::States, 0);
    w.store(Buffer::Out, 0, x);
    let mut other = w.plan.clone();
    other.entry = Entry::Jvp;
    assert!(compile_batch_with(&other, &[], BatchOptions::default()).is_err());
    let mut broken = w.plan;
    broken.code.push(Instruction::Load(at(Buffer::States, 1)));
    assert!(compile_batch_with(&broken, &[], BatchOptions::default()).is_err());
}
