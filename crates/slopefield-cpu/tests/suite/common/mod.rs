//! Shared by the tests: building plans by hand, and comparing kernels.

#![allow(dead_code, reason = "each test file uses a part")]

pub mod running;

use slopefield_cpu::{CompiledKernel, Isa, Options, compile_f32_with, compile_with};
use slopefield_graph::Element;
use slopefield_graph::plan::{Buffer, Entry, Instruction, Plan, Plans, Ref, Value};
use slopefield_kernel::{Cotangent, HessianProduct, Kernel, Point, Shape, Tangent};

pub fn at(buffer: Buffer, offset: u32) -> Ref {
    Ref { buffer, offset }
}

/// Writes a plan.
pub struct Writer {
    pub plan: Plan,
}

impl Writer {
    pub fn new(entry: Entry, shape: Shape) -> Self {
        Writer { plan: Plan::new(entry, shape) }
    }
    pub fn push(&mut self, instruction: Instruction) -> Value {
        self.plan.code.push(instruction);
        self.plan.code.len() as Value - 1
    }
    pub fn load(&mut self, buffer: Buffer, offset: u32) -> Value {
        self.push(Instruction::Load(at(buffer, offset)))
    }
    pub fn store(&mut self, buffer: Buffer, offset: u32, v: Value) {
        self.push(Instruction::Store(at(buffer, offset), v));
    }
    /// A new run of scratch.
    pub fn scratch(&mut self, len: u32) -> Ref {
        let r = at(Buffer::Scratch, self.plan.scratch_len);
        self.plan.scratch_len += len;
        r
    }
}

/// The three plans of a function of which a test looks at `Eval` only: the other two are correct
/// plans of the function 0.
pub fn eval_only(eval: Plan) -> Plans {
    let shape = eval.shape;
    let mut jvp = Writer::new(Entry::Jvp, shape);
    let len = shape.outputs as u32;
    for buffer in [Buffer::Out, Buffer::OutTangent] {
        jvp.push(Instruction::Fill { dst: at(buffer, 0), len, value: 0.0 });
    }
    let vjp = Writer::new(Entry::Vjp, shape);
    Plans { eval, jvp: jvp.plan, vjp: vjp.plan }
}

/// Instruction sets of this machine.
pub fn isas() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available())
}

/// The instruction sets, with and without gathering.
pub fn whole_options() -> Vec<Options> {
    all_options().into_iter().filter(|o| o.chunk_length == 1000).collect()
}

/// Every way to compile that must not change results (but for rounding of elementary functions).
pub fn all_options() -> Vec<Options> {
    let mut all = Vec::new();
    for isa in isas() {
        for gather in [true, false] {
            for chunk_length in [1, 7, 1000] {
                all.push(Options { isa, gather, chunk_length, ..Options::default() });
            }
        }
    }
    all
}

#[track_caller]
pub fn compiled(plans: &Plans, options: Options) -> CompiledKernel {
    match compile_with(plans, options) {
        Ok(kernel) => kernel,
        Err(e) => panic!("{options:?}: {e}"),
    }
}

#[track_caller]
pub fn compiled_f32(plans: &Plans, options: Options) -> CompiledKernel<f32> {
    match compile_f32_with(plans, options) {
        Ok(kernel) => kernel,
        Err(e) => panic!("{options:?}: {e}"),
    }
}

/// Inputs of all entries.
#[derive(Debug, Clone)]
pub struct Inputs {
    pub t: f64,
    pub u: Vec<f64>,
    pub p: Vec<f64>,
    pub dt: f64,
    pub du: Vec<f64>,
    pub dp: Vec<f64>,
    pub w: Vec<f64>,
}

/// SplitMix64 (Steele, Lea & Flood 2014) as numbers in `[-1, 1)`.
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub fn number(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
    pub fn vector(&mut self, len: usize) -> Vec<f64> {
        (0..len).map(|_| self.number()).collect()
    }
    pub fn inputs(&mut self, shape: Shape) -> Inputs {
        Inputs {
            t: self.number(),
            u: self.vector(shape.states),
            p: self.vector(shape.params),
            dt: self.number(),
            du: self.vector(shape.states),
            dp: self.vector(shape.params),
            w: self.vector(shape.outputs),
        }
    }
}

/// Scratch memory with garbage in it, at an odd address.
fn garbage<T: Element>(kernel: &dyn Kernel<T>) -> Vec<T> {
    vec![T::from_f64(f64::NAN); kernel.scratch_len() + 1]
}

fn elements<T: Element>(xs: &[f64]) -> Vec<T> {
    xs.iter().map(|&x| T::from_f64(x)).collect()
}

/// The inputs as elements of the kernel's type; results of `eval`.
pub fn eval_as<T: Element>(kernel: &dyn Kernel<T>, i: &Inputs) -> Vec<T> {
    let mut out = vec![T::from_f64(f64::NAN); kernel.shape().outputs];
    let (u, p) = (elements(&i.u), elements(&i.p));
    kernel.eval(T::from_f64(i.t), &u, &p, &mut out, &mut garbage(kernel)[1..]);
    out
}

/// Value and tangent, one after the other.
pub fn jvp_as<T: Element>(kernel: &dyn Kernel<T>, i: &Inputs) -> Vec<T> {
    let mut out = vec![T::from_f64(f64::NAN); kernel.shape().outputs];
    let mut dout = out.clone();
    let [u, p, du, dp] = [&i.u, &i.p, &i.du, &i.dp].map(|x| elements(x));
    let point = Point { t: T::from_f64(i.t), u: &u, p: &p };
    let along = Tangent { t: T::from_f64(i.dt), u: &du, p: &dp };
    kernel.jvp(point, along, &mut out, &mut dout, &mut garbage(kernel)[1..]);
    out.append(&mut dout);
    out
}

/// Gradients by time, states, params, one after the other, added to what was there.
pub fn vjp_as<T: Element>(kernel: &dyn Kernel<T>, i: &Inputs) -> Vec<T> {
    let shape = kernel.shape();
    let mut gt = T::from_f64(0.5);
    let mut gu = vec![T::from_f64(0.25); shape.states];
    let mut gp = vec![T::from_f64(-0.125); shape.params];
    let grad = Cotangent { t: &mut gt, u: &mut gu, p: &mut gp };
    let [u, p, w] = [&i.u, &i.p, &i.w].map(|x| elements(x));
    let point = Point { t: T::from_f64(i.t), u: &u, p: &p };
    kernel.vjp(point, &w, grad, &mut garbage(kernel)[1..]);
    let mut all = vec![gt];
    all.append(&mut gu);
    all.append(&mut gp);
    all
}

/// [`eval_as`] in `f64`.
pub fn eval(kernel: &dyn Kernel, i: &Inputs) -> Vec<f64> {
    eval_as(kernel, i)
}

/// [`jvp_as`] in `f64`.
pub fn jvp(kernel: &dyn Kernel, i: &Inputs) -> Vec<f64> {
    jvp_as(kernel, i)
}

/// [`vjp_as`] in `f64`.
pub fn vjp(kernel: &dyn Kernel, i: &Inputs) -> Vec<f64> {
    vjp_as(kernel, i)
}

/// Gradients by time, states, params, one after the other, added to what was there.
pub fn hvp(kernel: &dyn HessianProduct, i: &Inputs) -> Vec<f64> {
    let shape = kernel.shape();
    let (mut gt, mut gu, mut gp) = (0.5, vec![0.25; shape.states], vec![-0.125; shape.params]);
    let mut scratch = vec![f64::NAN; kernel.scratch_len() + 1];
    kernel.hvp(
        Point { t: i.t, u: &i.u, p: &i.p },
        Tangent { t: i.dt, u: &i.du, p: &i.dp },
        &i.w,
        Cotangent { t: &mut gt, u: &mut gu, p: &mut gp },
        &mut scratch[1..],
    );
    let mut all = vec![gt];
    all.append(&mut gu);
    all.append(&mut gp);
    all
}

/// Distance in representable numbers; zeros are one number, NaN another.
pub fn ulps(a: f64, b: f64) -> u64 {
    if a.is_nan() || b.is_nan() {
        return if a.is_nan() && b.is_nan() { 0 } else { u64::MAX };
    }
    let order = |x: f64| {
        let b = x.to_bits() as i64;
        if b < 0 { i64::MIN.wrapping_sub(b) } else { b }
    };
    order(a).abs_diff(order(b))
}

/// Asserts that the numbers differ by no more than `relative` times the largest of them all.
#[track_caller]
pub fn assert_close(got: &[f64], want: &[f64], relative: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let scale = want.iter().filter(|x| x.is_finite()).fold(0.0f64, |m, x| m.max(x.abs()));
    for (i, (&g, &w)) in got.iter().zip(want).enumerate() {
        let same = (g.is_nan() && w.is_nan()) || g == w;
        assert!(
            same || (g - w).abs() <= relative * scale,
            "{what}: element {i} is {g:e} instead of {w:e} (largest {scale:e})"
        );
    }
}
