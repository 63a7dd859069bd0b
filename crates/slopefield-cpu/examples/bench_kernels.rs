//! Prints what one evaluation costs, and what compiling costs.
//!
//! `cargo run --release --example bench_kernels -p slopefield-cpu`. Numbers are the least of many
//! rounds, in nanoseconds per call through the `Kernel` interface; the interpreter is beside them.

use std::time::Instant;

use slopefield_cpu::{Isa, Options, compile_with};
use slopefield_graph::plan::Plans;
use slopefield_graph::{BuiltinNetworks, Interpreter, lower};
use slopefield_kernel::{Cotangent, Kernel, Point, Tangent};

const LOTKA: &str = "
state x = 10
state y = 5
param a = 1.1
param b = 0.4
param c = 0.4
param d = 0.1
x' = a*x - b*x*y
y' = -c*y + d*x*y
";

/// A neural equation with a network from all states to all derivatives.
fn neural(states: usize, hidden: &str) -> String {
    let mut text = String::new();
    let names: Vec<String> = (1..=states).map(|i| format!("x{i}")).collect();
    for name in &names {
        text += &format!("state {name} = 0.5\n");
    }
    text += &format!(
        "network n: mlp(inputs: {states}, outputs: {states}, hidden: {hidden}, activation: tanh)\n\
         let z = n({})\n",
        names.join(", ")
    );
    for (i, name) in names.iter().enumerate() {
        text += &format!("{name}' = z[{}]\n", i + 1);
    }
    text
}

/// Kinetics with `n` species, Arrhenius rates and Hill terms.
fn chemistry(n: usize) -> String {
    let mut text = String::from("param temp = 300\n");
    for i in 0..n {
        text += &format!("state c{i} = 0.{}\nparam a{i} = 1.5\nparam e{i} = 500\n", i % 9 + 1);
    }
    for i in 0..n {
        let (next, far) = ((i + 1) % n, (i * 7 + 3) % n);
        text += &format!(
            "c{i}' = a{i}*exp(-e{i}/temp)*c{next} - a{next}*exp(-(e{next} + 10)/temp)*c{i}*c{far}"
        );
        if i % 3 == 0 {
            text += &format!(" + c{far}^1.7/(0.5^1.7 + c{far}^1.7)");
        }
        text += "\n";
    }
    text
}

fn plans(text: &str) -> Plans {
    let (model, diagnostics) = slopefield_lang::check(text);
    assert!(model.is_complete, "{diagnostics:?}");
    lower(&model, &BuiltinNetworks).expect("the models of this file are correct").rhs
}

/// Least nanoseconds per call over rounds of about a millisecond.
fn time(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    call();
    let once = start.elapsed().as_nanos().max(20) as f64;
    let calls = (1e6 / once).clamp(1.0, 50_000.0) as usize;
    let mut least = f64::INFINITY;
    for _ in 0..60 {
        let start = Instant::now();
        for _ in 0..calls {
            call();
        }
        least = least.min(start.elapsed().as_nanos() as f64 / calls as f64);
    }
    least
}

/// Times of eval, jvp, vjp.
fn entries(kernel: &dyn Kernel) -> [f64; 3] {
    let s = kernel.shape();
    let u: Vec<f64> = (0..s.states).map(|i| 0.3 + 0.01 * i as f64).collect();
    let p: Vec<f64> = (0..s.params).map(|i| ((i * 37 % 101) as f64 - 50.0) / 200.0).collect();
    let (mut out, mut dout) = (vec![0.0; s.outputs], vec![0.0; s.outputs]);
    let w = vec![1.0; s.outputs];
    let (mut gt, mut gu, mut gp) = (0.0, vec![0.0; s.states], vec![0.0; s.params]);
    let mut scratch = vec![0.0; kernel.scratch_len()];
    let at = Point { t: 0.5, u: &u, p: &p };
    let along = Tangent { t: 1.0, u: &u, p: &p };
    [
        time(|| kernel.eval(0.5, &u, &p, &mut out, &mut scratch)),
        time(|| kernel.jvp(at, along, &mut out, &mut dout, &mut scratch)),
        time(|| {
            let grad = Cotangent { t: &mut gt, u: &mut gu, p: &mut gp };
            kernel.vjp(at, &w, grad, &mut scratch);
        }),
    ]
}

fn report(name: &str, text: &str) {
    let plans = plans(text);
    let sizes = [&plans.eval, &plans.jvp, &plans.vjp].map(|p| p.code.len());
    println!("{name}: {sizes:?} instructions");
    let line = |label: &str, [eval, jvp, vjp]: [f64; 3], compile: f64| {
        println!(
            "  {label:<12} eval {eval:>10.1}  jvp {jvp:>10.1}  vjp {vjp:>10.1} ns   compile {:.3} ms",
            compile / 1e6
        );
    };
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        let options = Options { isa, ..Options::default() };
        let mut compile = f64::INFINITY;
        for _ in 0..5 {
            let start = Instant::now();
            compile_with(&plans, options).expect("the plans are sound");
            compile = compile.min(start.elapsed().as_nanos() as f64);
        }
        let kernel = compile_with(&plans, options).expect("the plans are sound");
        line(&format!("{isa:?}"), entries(&kernel), compile);
    }
    line("interpreter", entries(&Interpreter::new(plans)), 0.0);
}

fn main() {
    // The first compilation of a process also sets up the code generator.
    let start = Instant::now();
    compile_with(&plans(LOTKA), Options::default()).expect("the plans are sound");
    println!("first compilation, lowering included: {:.3} ms", start.elapsed().as_secs_f64() * 1e3);
    report("Lotka-Volterra", LOTKA);
    report("MLP 2-50-2", &neural(2, "[50]"));
    report("MLP 16-128-128-16", &neural(16, "[128, 128]"));
    report("chemistry of 30 species", &chemistry(30));
    report("chemistry of 1000 species", &chemistry(1000));
}
