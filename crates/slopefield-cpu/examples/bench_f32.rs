//! Networks in double and single precision: nanoseconds per evaluation and per gradient.
//!
//! `cargo run --release --example bench_f32 -p slopefield-cpu`. The two kinds take turns, and each
//! number is the least of its rounds, so that other work on the machine cancels from the ratio.

use std::time::Instant;

use slopefield_cpu::{Isa, Options, compile_f32_with, compile_with};
use slopefield_graph::plan::Plans;
use slopefield_graph::{BuiltinNetworks, Element, lower};
use slopefield_kernel::{Cotangent, Kernel, Point};

/// A neural equation with a network from all states to all derivatives.
fn neural(states: usize, hidden: &str) -> Plans {
    let names: Vec<String> = (1..=states).map(|i| format!("x{i}")).collect();
    let mut text: String = names.iter().map(|name| format!("state {name} = 0.5\n")).collect();
    text += &format!(
        "network n: mlp(inputs: {states}, outputs: {states}, hidden: {hidden}, activation: tanh)\n\
         let z = n({})\n",
        names.join(", ")
    );
    text.extend(names.iter().enumerate().map(|(i, name)| format!("{name}' = z[{}]\n", i + 1)));
    let (model, diagnostics) = slopefield_lang::check(&text);
    assert!(model.is_complete, "{diagnostics:?}");
    lower(&model, &BuiltinNetworks).expect("the model is correct").rhs
}

/// A kernel with the memory of its calls.
struct Bench<T> {
    kernel: Box<dyn Kernel<T>>,
    u: Vec<T>,
    p: Vec<T>,
    out: Vec<T>,
    w: Vec<T>,
    gu: Vec<T>,
    gp: Vec<T>,
    scratch: Vec<T>,
}

impl<T: Element> Bench<T> {
    fn new(kernel: Box<dyn Kernel<T>>) -> Self {
        let s = kernel.shape();
        let of = |x: f64| T::from_f64(x);
        Bench {
            u: (0..s.states).map(|i| of(0.3 + 0.01 * i as f64)).collect(),
            p: (0..s.params).map(|i| of(((i * 37 % 101) as f64 - 50.0) / 200.0)).collect(),
            out: vec![of(0.0); s.outputs],
            w: vec![of(1.0); s.outputs],
            gu: vec![of(0.0); s.states],
            gp: vec![of(0.0); s.params],
            scratch: vec![of(0.0); kernel.scratch_len()],
            kernel,
        }
    }

    fn eval(&mut self) {
        let t = T::from_f64(0.5);
        self.kernel.eval(t, &self.u, &self.p, &mut self.out, &mut self.scratch);
    }

    fn vjp(&mut self) {
        let at = Point { t: T::from_f64(0.5), u: &self.u, p: &self.p };
        let mut gt = T::default();
        let grad = Cotangent { t: &mut gt, u: &mut self.gu, p: &mut self.gp };
        self.kernel.vjp(at, &self.w, grad, &mut self.scratch);
    }
}

/// Nanoseconds per call over a round of about a quarter of a millisecond.
fn round(call: &mut dyn FnMut(), calls: usize) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        call();
    }
    start.elapsed().as_nanos() as f64 / calls as f64
}

/// The least times of two calls that take turns.
fn turns(mut a: impl FnMut(), mut b: impl FnMut()) -> (f64, f64) {
    let calls = (2.5e5 / round(&mut a, 10).max(20.0)).clamp(1.0, 10_000.0) as usize;
    let mut least = (f64::INFINITY, f64::INFINITY);
    for _ in 0..200 {
        least.0 = least.0.min(round(&mut a, calls));
        least.1 = least.1.min(round(&mut b, calls));
    }
    least
}

fn main() {
    println!("{}", slopefield_cpu::description());
    let cases = [
        ("2-50-2", neural(2, "[50]")),
        ("16-128-128-16", neural(16, "[128, 128]")),
        ("16-3030-16", neural(16, "[3030]")),
    ];
    for (name, plans) in &cases {
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            let options = Options { isa, ..Options::default() };
            let kernel = compile_with(plans, options).expect("the plans are sound");
            let mut double = Bench::<f64>::new(Box::new(kernel));
            let kernel = compile_f32_with(plans, options).expect("the plans are sound");
            let mut single = Bench::<f32>::new(Box::new(kernel));
            let (a, b) = turns(|| double.eval(), || single.eval());
            let (c, d) = turns(|| double.vjp(), || single.vjp());
            println!(
                "{name:<14} {isa:<9?} eval {a:>9.1} ns, f32 {b:>9.1} ({:.2}x)   vjp {c:>9.1} ns, f32 \
                 {d:>9.1} ({:.2}x)",
                a / b,
                c / d
            );
        }
    }
}
