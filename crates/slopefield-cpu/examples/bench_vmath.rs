//! Elementary functions in vectors: what an element costs and how far results lie from the correctly
//! rounded ones, per instruction set.
//!
//! `cargo run --release --example bench_vmath -p slopefield-cpu [arguments per function]`. Times are
//! the least of many rounds over 512 elements; distances are in representable numbers, `n` of them
//! mean an error below `n + ½` units in the last place, over uniform and log-uniform arguments and
//! every binade.

use std::time::Instant;

use slopefield_cpu::{CompiledKernel, Isa, Options, compile_with};
use slopefield_graph::plan::{Buffer, Entry, Instruction, Plan, Plans, Ref, UnaryOp};
use slopefield_kernel::{Kernel, Shape};

/// Elements per call.
const LEN: usize = 512;

/// A function with the arguments that are measured and a correctly rounded reference.
struct Case {
    op: UnaryOp,
    /// Where the function varies; all of it is searched for the worst argument.
    domain: (f64, f64),
    /// Usual arguments, for the time.
    usual: (f64, f64),
    reference: fn(f64) -> f64,
}

const fn case(
    op: UnaryOp,
    domain: (f64, f64),
    usual: (f64, f64),
    reference: fn(f64) -> f64,
) -> Case {
    Case { op, domain, usual, reference }
}

const CASES: [Case; 16] = [
    case(UnaryOp::Exp, (-746.0, 710.0), (-20.0, 20.0), pxfm::f_exp),
    case(UnaryOp::Expm1, (-45.0, 710.0), (-3.0, 3.0), pxfm::f_expm1),
    case(UnaryOp::Ln, (1e-3, 4.0), (0.5, 10.0), pxfm::f_log),
    case(UnaryOp::Log1p, (-1.0, 4.0), (0.0, 10.0), pxfm::f_log1p),
    case(UnaryOp::Log2, (1e-3, 4.0), (0.5, 10.0), pxfm::f_log2),
    case(UnaryOp::Log10, (1e-3, 4.0), (0.5, 10.0), pxfm::f_log10),
    case(UnaryOp::Sin, (-1e6, 1e6), (-10.0, 10.0), pxfm::f_sin),
    case(UnaryOp::Cos, (-1e6, 1e6), (-10.0, 10.0), pxfm::f_cos),
    case(UnaryOp::Tan, (-1e6, 1e6), (-10.0, 10.0), pxfm::f_tan),
    case(UnaryOp::Atan, (-10.0, 10.0), (-3.0, 3.0), pxfm::f_atan),
    case(UnaryOp::Sinh, (-710.0, 710.0), (-3.0, 3.0), pxfm::f_sinh),
    case(UnaryOp::Cosh, (-710.0, 710.0), (-3.0, 3.0), pxfm::f_cosh),
    case(UnaryOp::Tanh, (-22.0, 22.0), (-3.0, 3.0), pxfm::f_tanh),
    case(UnaryOp::Cbrt, (-1e3, 1e3), (-10.0, 10.0), pxfm::f_cbrt),
    case(UnaryOp::Erf, (-6.5, 6.5), (-3.0, 3.0), pxfm::f_erf),
    case(UnaryOp::Erfc, (-6.0, 26.0), (-3.0, 3.0), pxfm::f_erfc),
];

/// `out[i] = op(u[i])`.
fn kernel(op: UnaryOp, isa: Isa) -> CompiledKernel {
    let shape = Shape { states: LEN, params: 0, outputs: LEN };
    let plan = |entry| {
        let mut plan = Plan { entry, shape, ..empty() };
        let at = |buffer| Ref { buffer, offset: 0 };
        if entry != Entry::Vjp {
            let (dst, src) = (at(Buffer::Out), at(Buffer::States));
            plan.code.push(Instruction::Map { op, dst, src, len: LEN as u32 });
        }
        if entry == Entry::Jvp {
            let dst = at(Buffer::OutTangent);
            plan.code.push(Instruction::Fill { dst, len: LEN as u32, value: 0.0 });
        }
        plan
    };
    let plans = Plans { eval: plan(Entry::Eval), jvp: plan(Entry::Jvp), vjp: plan(Entry::Vjp) };
    compile_with(&plans, Options { isa, ..Options::default() }).expect("the plans are sound")
}

fn empty() -> Plan {
    Plan {
        entry: Entry::Eval,
        shape: Shape { states: 0, params: 0, outputs: 0 },
        scratch_len: 0,
        factors: 0,
        constants: Vec::new(),
        code: Vec::new(),
        bodies: Vec::new(),
        tables: Vec::new(),
    }
}

fn map(kernel: &CompiledKernel, xs: &[f64], out: &mut [f64]) {
    kernel.eval(0.0, xs, &[], out, &mut []);
}

/// Least nanoseconds per element.
fn time(kernel: &CompiledKernel, (low, high): (f64, f64)) -> f64 {
    let xs: Vec<f64> =
        (0..LEN).map(|i| low + (high - low) * (i as f64 + 0.5) / LEN as f64).collect();
    let mut out = vec![0.0; LEN];
    let mut least = f64::INFINITY;
    for _ in 0..400 {
        let start = Instant::now();
        for _ in 0..8 {
            map(kernel, &xs, &mut out);
        }
        least = least.min(start.elapsed().as_nanos() as f64 / (8 * LEN) as f64);
    }
    least
}

/// SplitMix64 (Steele, Lea & Flood 2014) as numbers in `[0, 1)`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A third each: uniform over the domain, uniform near 0, any binade.
    fn argument(&mut self, case: &Case, i: usize) -> f64 {
        let (low, high) = case.domain;
        match i % 3 {
            0 => low + (high - low) * self.next(),
            1 => low.max(-3.0) + (high.min(3.0) - low.max(-3.0)) * self.next(),
            _ => {
                let size = (2.0f64).powf(2000.0 * self.next() - 1020.0) * (1.0 + self.next());
                let signed = if self.next() < 0.5 { -size } else { size };
                if low >= 0.0 { size } else { signed }
            }
        }
    }
}

/// Numbers between two results.
fn distance(a: f64, b: f64) -> u64 {
    if a.is_nan() || b.is_nan() {
        return if a.is_nan() && b.is_nan() { 0 } else { u64::MAX };
    }
    let order = |x: f64| {
        let b = x.to_bits() as i64;
        if b < 0 { i64::MIN - b } else { b }
    };
    order(a).abs_diff(order(b))
}

/// Largest distance from the reference, where, and how many results in a million are not the
/// correctly rounded one.
fn worst(kernel: &CompiledKernel, case: &Case, count: usize) -> (u64, f64, f64) {
    let mut random = Random(case.op as u64 + 1);
    let (mut xs, mut out) = (vec![0.0; LEN], vec![0.0; LEN]);
    let (mut worst, mut place, mut off) = (0, 0.0, 0usize);
    let rounds = count.div_ceil(LEN);
    for round in 0..rounds {
        for (i, x) in xs.iter_mut().enumerate() {
            *x = random.argument(case, round * LEN + i);
        }
        map(kernel, &xs, &mut out);
        for (&x, &y) in xs.iter().zip(&out) {
            let d = distance(y, (case.reference)(x));
            off += usize::from(d > 0);
            if d > worst {
                (worst, place) = (d, x);
            }
        }
    }
    (worst, place, off as f64 / (rounds * LEN) as f64 * 1e6)
}

fn main() {
    let count = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(100_000);
    println!("{}, {count} arguments per function", slopefield_cpu::description());
    for case in &CASES {
        print!("{:<8}", format!("{:?}", case.op).to_lowercase());
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            let kernel = kernel(case.op, isa);
            let (distance, x, off) = worst(&kernel, case, count);
            let ns = time(&kernel, case.usual);
            print!("  {isa:?} {ns:.2} ns, {distance} at {x:.3e} ({off:.0} in a million off)");
        }
        println!();
    }
}
