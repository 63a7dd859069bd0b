//! The compiled kernel as a whole: no allocation, threads, memory, refusals.

#[path = "suite/common/mod.rs"]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::*;
use slopefield_cpu::{CompileError, Options, compile};
use slopefield_graph::plan::{BinaryOp, Buffer, Entry, Instruction, Plan, Plans, UnaryOp};
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: forwards to the system allocator and only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(p, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SHAPE: Shape = Shape { states: 9, params: 90, outputs: 9 };

/// `out = tanh(A u + b) + exp(t)`, with a tangent along u and t, and the gradient by u.
fn network() -> Plans {
    use Instruction::*;
    let n = 9;
    let forward = |w: &mut Writer| {
        let (h, time) = (w.scratch(n), w.scratch(n));
        w.push(Copy { dst: h, src: at(Buffer::Params, 81), len: n });
        let (a, x) = (at(Buffer::Params, 0), at(Buffer::States, 0));
        w.push(MatVec { y: h, a, x, rows: n, cols: n, add: true });
        w.push(Map { op: UnaryOp::Tanh, dst: h, src: h, len: n });
        let t = w.load(Buffer::Time, 0);
        let e = w.push(Unary(UnaryOp::Exp, t));
        for i in 0..n {
            w.store(Buffer::Scratch, time.offset + i, e);
        }
        (h, time)
    };
    let mut eval = Writer::new(Entry::Eval, SHAPE);
    let (h, time) = forward(&mut eval);
    let dst = at(Buffer::Out, 0);
    eval.push(Zip { op: BinaryOp::Add, dst, a: h, b: time, len: n });

    let mut jvp = Writer::new(Entry::Jvp, SHAPE);
    let (h, time) = forward(&mut jvp);
    jvp.push(Zip { op: BinaryOp::Add, dst, a: h, b: time, len: n });
    let d = jvp.scratch(n);
    let (a, x) = (at(Buffer::Params, 0), at(Buffer::StatesTangent, 0));
    jvp.push(MatVec { y: d, a, x, rows: n, cols: n, add: false });
    let dt = jvp.load(Buffer::TimeTangent, 0);
    let (e, one) = (jvp.load(Buffer::Scratch, time.offset), jvp.push(Constant(1.0)));
    let de = jvp.push(Binary(BinaryOp::Mul, e, dt));
    for i in 0..n {
        let (y, z) =
            (jvp.load(Buffer::Scratch, h.offset + i), jvp.load(Buffer::Scratch, d.offset + i));
        let square = jvp.push(Binary(BinaryOp::Mul, y, y));
        let slope = jvp.push(Binary(BinaryOp::Sub, one, square));
        let product = jvp.push(Binary(BinaryOp::Mul, slope, z));
        let sum = jvp.push(Binary(BinaryOp::Add, product, de));
        jvp.store(Buffer::OutTangent, i, sum);
    }

    let mut vjp = Writer::new(Entry::Vjp, SHAPE);
    let (h, time) = forward(&mut vjp);
    let g = vjp.scratch(n);
    let one = vjp.push(Constant(1.0));
    let e = vjp.load(Buffer::Scratch, time.offset);
    for i in 0..n {
        let (y, w) = (vjp.load(Buffer::Scratch, h.offset + i), vjp.load(Buffer::Weights, i));
        let square = vjp.push(Binary(BinaryOp::Mul, y, y));
        let slope = vjp.push(Binary(BinaryOp::Sub, one, square));
        let product = vjp.push(Binary(BinaryOp::Mul, slope, w));
        vjp.store(Buffer::Scratch, g.offset + i, product);
        let share = vjp.push(Binary(BinaryOp::Mul, e, w));
        vjp.push(AddTo(at(Buffer::TimeGrad, 0), share));
    }
    let (a, y) = (at(Buffer::Params, 0), at(Buffer::StatesGrad, 0));
    vjp.push(MatTVec { y, a, x: g, rows: n, cols: n, add: true });
    let (a, y) = (at(Buffer::ParamsGrad, 0), at(Buffer::States, 0));
    vjp.push(Outer { a, x: g, y, rows: n, cols: n });
    vjp.push(Add { dst: at(Buffer::ParamsGrad, 81), src: g, len: n });
    Plans { eval: eval.plan, jvp: jvp.plan, vjp: vjp.plan }
}

/// All three entries by formula.
fn expected(i: &Inputs) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let a = |r: usize, c: usize| i.p[9 * r + c];
    let h: Vec<f64> = (0..9)
        .map(|r| ((0..9).map(|c| a(r, c) * i.u[c]).sum::<f64>() + i.p[81 + r]).tanh())
        .collect();
    let out: Vec<f64> = h.iter().map(|h| h + i.t.exp()).collect();
    let mut both = out.clone();
    both.extend((0..9).map(|r| {
        let along: f64 = (0..9).map(|c| a(r, c) * i.du[c]).sum();
        (1.0 - h[r] * h[r]) * along + i.t.exp() * i.dt
    }));
    let g: Vec<f64> = (0..9).map(|r| (1.0 - h[r] * h[r]) * i.w[r]).collect();
    let mut grad = vec![0.5 + i.t.exp() * i.w.iter().sum::<f64>()];
    grad.extend((0..9).map(|c| 0.25 + (0..9).map(|r| a(r, c) * g[r]).sum::<f64>()));
    grad.extend((0..81).map(|k| -0.125 + g[k / 9] * i.u[k % 9]));
    grad.extend((0..9).map(|r| -0.125 + g[r]));
    (out, both, grad)
}

#[test]
fn entries_agree_with_formulas() {
    let plans = network();
    let mut random = Random(11);
    for options in all_options() {
        let kernel = compiled(&plans, options);
        let i = random.inputs(SHAPE);
        let (out, both, grad) = expected(&i);
        assert_close(&eval(&kernel, &i), &out, 1e-14, "eval");
        assert_close(&jvp(&kernel, &i), &both, 1e-14, "jvp");
        assert_close(&vjp(&kernel, &i), &grad, 1e-14, "vjp");
    }
}

#[test]
fn calls_allocate_nothing() {
    for options in all_options() {
        let kernel = compiled(&network(), options);
        let i = Random(2).inputs(SHAPE);
        let mut scratch = vec![0.0; kernel.scratch_len()];
        let (mut out, mut dout) = ([0.0; 9], [0.0; 9]);
        let (mut gt, mut gu, mut gp) = (0.0, [0.0; 9], [0.0; 90]);
        let point = Point { t: i.t, u: &i.u, p: &i.p };
        let along = Tangent { t: i.dt, u: &i.du, p: &i.dp };
        let before = ALLOCATIONS.with(Cell::get);
        kernel.eval(i.t, &i.u, &i.p, &mut out, &mut scratch);
        kernel.jvp(point, along, &mut out, &mut dout, &mut scratch);
        let grad = Cotangent { t: &mut gt, u: &mut gu, p: &mut gp };
        kernel.vjp(point, &i.w, grad, &mut scratch);
        let after = ALLOCATIONS.with(Cell::get);
        assert_eq!(before, after);
        drop(vec![after]);
        assert!(ALLOCATIONS.with(Cell::get) > after, "the counter counts");
    }
}

#[test]
fn one_kernel_serves_many_threads() {
    let kernel = compiled(&network(), Options::default());
    std::thread::scope(|scope| {
        for seed in 0..8 {
            let kernel = &kernel;
            scope.spawn(move || {
                let mut random = Random(seed);
                for _ in 0..300 {
                    let i = random.inputs(SHAPE);
                    let (out, both, grad) = expected(&i);
                    assert_close(&eval(kernel, &i), &out, 1e-14, "eval");
                    assert_close(&jvp(kernel, &i), &both, 1e-14, "jvp");
                    assert_close(&vjp(kernel, &i), &grad, 1e-14, "vjp");
                }
            });
        }
    });
}

#[test]
fn malformed_plans_are_refused_and_not_interpreted() {
    let refused = |change: fn(&mut Plans)| {
        let mut plans = network();
        change(&mut plans);
        let error = compile(&plans).err().expect("the plan must be refused");
        assert!(!error.can_interpret(), "{error}");
        error
    };
    let swapped = refused(|p| std::mem::swap(&mut p.eval, &mut p.jvp));
    assert!(matches!(swapped, CompileError::Mismatch { .. }));
    let resized = refused(|p| p.vjp.shape.params += 1);
    assert!(matches!(resized, CompileError::Mismatch { entry: Entry::Vjp, .. }));
    for change in [
        (|p: &mut Plans| p.eval.scratch_len -= 1) as fn(&mut Plans),
        |p| p.eval.code.push(Instruction::Load(at(Buffer::States, 9))),
        |p| p.eval.code.push(Instruction::Unary(UnaryOp::Exp, 10_000)),
        |p| p.eval.code.push(Instruction::Load(at(Buffer::Weights, 0))),
        |p| p.eval.code.push(Instruction::Load(at(Buffer::Constants, 0))),
        |p| {
            let (y, a, x) = (at(Buffer::Scratch, 0), at(Buffer::Params, 0), at(Buffer::States, 0));
            let (rows, cols) = (1 << 20, 1 << 20);
            p.eval.code.push(Instruction::MatVec { y, a, x, rows, cols, add: false });
        },
    ] {
        assert!(matches!(refused(change), CompileError::Malformed { entry: Entry::Eval, .. }));
    }
}

#[test]
#[should_panic(expected = "`u` has 8 elements instead of 9")]
fn a_short_slice_is_refused() {
    let kernel = compiled(&network(), Options::default());
    let mut i = Random(4).inputs(SHAPE);
    i.u.pop();
    eval(&kernel, &i);
}

#[test]
#[should_panic(expected = "scratch has 3 elements")]
fn short_scratch_is_refused() {
    let kernel = compiled(&network(), Options::default());
    let i = Random(4).inputs(SHAPE);
    kernel.eval(i.t, &i.u, &i.p, &mut [0.0; 9], &mut [0.0; 3]);
}

#[test]
fn an_empty_function_compiles() {
    let shape = Shape { states: 0, params: 0, outputs: 0 };
    let empty = |entry| Plan::new(entry, shape);
    let plans = Plans { eval: empty(Entry::Eval), jvp: empty(Entry::Jvp), vjp: empty(Entry::Vjp) };
    let kernel = compile(&plans).expect("nothing to do is fine");
    assert_eq!(kernel.scratch_len(), 0);
    kernel.eval(0.0, &[], &[], &mut [], &mut []);
}
