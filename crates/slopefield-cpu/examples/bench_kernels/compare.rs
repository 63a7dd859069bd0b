//! Our right-hand sides and reverse products beside hand-written C, in one run on one core.
//!
//! Rounds of all competitors alternate and the least time of each counts, so that a busy machine
//! delays all of them alike. The first two states of a call follow from the result of the call
//! before, as in a solver, so that a call starts when the one before has ended.

use std::time::Instant;

use slopefield_cpu::{CompiledKernel, Raw, compile};
use slopefield_kernel::{Cotangent, Kernel, Point};

use crate::comparators::{Comparator, SCRATCH};
use crate::plans;

/// Numbers at a chosen distance from a multiple of 64 bytes.
struct Placed {
    memory: Vec<f64>,
    start: usize,
    len: usize,
}

impl Placed {
    /// `len` zeros, `elements` after a multiple of 64 bytes.
    fn zeros(len: usize, elements: usize) -> Self {
        let memory = vec![0.0; len + 16];
        let misplaced = memory.as_ptr() as usize / 8 % 8;
        Placed { start: (8 - misplaced) % 8 + elements, memory, len }
    }
    fn get(&mut self) -> &mut [f64] {
        &mut self.memory[self.start..][..self.len]
    }
}

/// What a comparison works on.
struct Data {
    u: Vec<f64>,
    p: Placed,
    w: Vec<f64>,
    out: Vec<f64>,
    gu: Vec<f64>,
    gp: Placed,
    scratch: Placed,
}

impl Data {
    fn new(kernel: &CompiledKernel, start: &[f64], misplaced: usize) -> Self {
        let s = kernel.shape();
        let mut p = Placed::zeros(s.params, misplaced);
        p.get().copy_from_slice(start);
        Data {
            u: (0..s.states).map(|i| 0.3 + 0.01 * i as f64).collect(),
            p,
            w: (0..s.outputs).map(|i| 1.0 - 0.03 * i as f64).collect(),
            out: vec![0.0; s.outputs],
            gu: vec![0.0; s.states],
            gp: Placed::zeros(s.params, misplaced),
            scratch: Placed::zeros(kernel.scratch_len().max(SCRATCH), 0),
        }
    }
}

/// Nanoseconds per call of one round of an evaluation.
fn eval_round(data: &mut Data, calls: usize, mut call: impl FnMut(&mut Data)) -> f64 {
    let (x, y) = (data.u[0], data.u[1]);
    let start = Instant::now();
    for _ in 0..calls {
        call(data);
        data.u[0] = x + 1e-3 * data.out[0];
        data.u[1] = y + 1e-3 * data.out[1];
    }
    let time = start.elapsed().as_nanos() as f64 / calls as f64;
    (data.u[0], data.u[1]) = (x, y);
    time
}

/// Nanoseconds per call of one round of a reverse product.
fn vjp_round(data: &mut Data, calls: usize, mut call: impl FnMut(&mut Data)) -> f64 {
    let (x, y) = (data.w[0], data.w[1]);
    data.gu.fill(0.0);
    data.gp.get().fill(0.0);
    let start = Instant::now();
    for _ in 0..calls {
        call(data);
        data.w[0] = x + 1e-12 * data.gu[0];
        data.w[1] = y + 1e-12 * data.gu[1];
    }
    let time = start.elapsed().as_nanos() as f64 / calls as f64;
    (data.w[0], data.w[1]) = (x, y);
    time
}

fn eval(kernel: &dyn Kernel, d: &mut Data) {
    kernel.eval(0.5, &d.u, d.p.get(), &mut d.out, d.scratch.get());
}

fn vjp(kernel: &dyn Kernel, d: &mut Data) {
    let at = Point { t: 0.5, u: &d.u, p: d.p.get() };
    let mut gt = 0.0;
    let grad = Cotangent { t: &mut gt, u: &mut d.gu, p: d.gp.get() };
    kernel.vjp(at, &d.w, grad, d.scratch.get());
}

fn raw_eval(raw: Raw, d: &mut Data) {
    // SAFETY: `Data` has the kernel's lengths, and scratch at a multiple of 64 bytes.
    unsafe {
        (raw.eval)(
            0.5,
            d.u.as_ptr(),
            d.p.get().as_ptr(),
            d.out.as_mut_ptr(),
            d.scratch.get().as_mut_ptr(),
        );
    }
}

fn c_eval(c: &Comparator, d: &mut Data) {
    // SAFETY: `Data` has the lengths of the problem and enough scratch.
    unsafe {
        (c.eval)(
            0.5,
            d.u.as_ptr(),
            d.p.get().as_ptr(),
            d.out.as_mut_ptr(),
            d.scratch.get().as_mut_ptr(),
        );
    }
}

fn c_vjp(f: crate::comparators::VjpFn, d: &mut Data) {
    // SAFETY: as in `c_eval`.
    unsafe {
        f(
            0.5,
            d.u.as_ptr(),
            d.p.get().as_ptr(),
            d.w.as_ptr(),
            d.gu.as_mut_ptr(),
            d.gp.get().as_mut_ptr(),
            d.scratch.get().as_mut_ptr(),
        );
    }
}

fn agree(got: &[f64], want: &[f64], what: &str) {
    let scale = want.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((g - w).abs() <= 1e-12 * scale, "{what}: element {i} is {g} and in C {w}");
    }
}

/// One problem of `benches/core`.
pub struct Case {
    /// Name of its C file and model.
    pub name: &'static str,
    /// The model.
    pub text: &'static str,
    /// Flags of the C compiler beyond `-O3 -march=native`.
    pub flags: &'static [&'static str],
    /// Greatest ratios to C that we want, of the right-hand side and the reverse product.
    pub targets: [Option<f64>; 2],
}

/// Runs a case with parameters `misplaced` elements after a multiple of 64 bytes.
pub fn run(case: &Case, misplaced: usize) -> Result<(), String> {
    let kernel = compile(&plans(case.text)).map_err(|e| e.to_string())?;
    let raw = kernel.raw();
    let c = Comparator::build(case.name, case.flags)?;
    let start = crate::start(case.text);
    let data = &mut Data::new(&kernel, &start, misplaced);

    c_eval(&c, data);
    let want = data.out.clone();
    eval(&kernel, data);
    agree(&data.out, &want, case.name);
    if let Some(f) = c.vjp {
        c_vjp(f, data);
        let want = [&data.gu[..], data.gp.get()].concat();
        data.gu.fill(0.0);
        data.gp.get().fill(0.0);
        vjp(&kernel, data);
        let got = [&data.gu[..], data.gp.get()].concat();
        agree(&got, &want, case.name);
    }

    let mut least = [f64::INFINITY; 5];
    let once = eval_round(data, 10, |d| eval(&kernel, d));
    let calls = (3e5 / once).clamp(10.0, 20_000.0) as usize;
    for _ in 0..200 {
        let times = [
            eval_round(data, calls, |d| eval(&kernel, d)),
            eval_round(data, calls, |d| raw_eval(raw, d)),
            eval_round(data, calls, |d| c_eval(&c, d)),
            c.vjp.map_or(f64::INFINITY, |_| vjp_round(data, calls, |d| vjp(&kernel, d))),
            c.vjp.map_or(f64::INFINITY, |f| vjp_round(data, calls, |d| c_vjp(f, d))),
        ];
        for (least, time) in least.iter_mut().zip(times) {
            *least = least.min(time);
        }
    }
    let [ours, raw, theirs, our_vjp, their_vjp] = least;
    let line = |what: &str, ours: f64, theirs: f64, target: Option<f64>| {
        let target = target.map_or(String::new(), |t| format!("  target {t}"));
        let ratio = ours / theirs;
        println!("  {what:<22} {ours:>9.1} ns   C {theirs:>9.1} ns   ratio {ratio:.2}{target}");
    };
    println!("{} {:?}, parameters at 64 k + {}", case.name, case.flags, 8 * misplaced);
    line("eval, Kernel trait", ours, theirs, case.targets[0]);
    line("eval, raw function", raw, theirs, case.targets[0]);
    if c.vjp.is_some() {
        line("vjp, Kernel trait", our_vjp, their_vjp, case.targets[1]);
    }
    Ok(())
}
