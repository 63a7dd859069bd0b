//! Prints what one evaluation costs beside hand-written C, and what compiling costs.
//!
//! `cargo run --release --example bench_kernels -p slopefield-cpu`. Numbers are the least of many
//! rounds, in nanoseconds per call through the `Kernel` interface; the interpreter is beside them.
//! The argument `compare` or `sets` runs only the comparison with C or only the instruction sets.

mod comparators;
mod compare;

use std::time::Instant;

use compare::Case;

use slopefield_cpu::{Isa, Options, compile_with};
use slopefield_graph::plan::Plans;
use slopefield_graph::{BuiltinNetworks, Interpreter, LoweredModel, lower};
use slopefield_kernel::{Cotangent, Kernel, Point, Tangent};
use slopefield_lang::Model;

/// The problems that are compared with C, with the greatest ratios to it that we want.
const CASES: [Case; 6] = [
    Case {
        name: "lotka_volterra",
        text: include_str!("../../../../benches/core/lotka_volterra.slope"),
        flags: &[],
        targets: [Some(1.1), None],
    },
    Case {
        name: "kinetics30",
        text: include_str!("../../../../benches/core/kinetics30.slope"),
        flags: &[],
        targets: [Some(0.6), None],
    },
    Case {
        name: "mlp_2_50_2",
        text: MLP_SMALL,
        flags: &["-ffast-math"],
        targets: [Some(0.7), Some(1.0)],
    },
    Case {
        name: "mlp_2_50_2",
        text: MLP_SMALL,
        flags: &["-ffast-math", "-mprefer-vector-width=512", "-DSHORT_TANH"],
        targets: [None, None],
    },
    Case {
        name: "mlp_16_128_128_16",
        text: MLP_LARGE,
        flags: &["-ffast-math"],
        targets: [Some(0.8), Some(1.0)],
    },
    Case {
        name: "mlp_16_128_128_16",
        text: MLP_LARGE,
        flags: &["-ffast-math", "-mprefer-vector-width=512", "-DSHORT_TANH"],
        targets: [None, None],
    },
];
const MLP_SMALL: &str = include_str!("../../../../benches/core/mlp_2_50_2.slope");
const MLP_LARGE: &str = include_str!("../../../../benches/core/mlp_16_128_128_16.slope");

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

fn model(text: &str) -> (Model, LoweredModel) {
    let (model, diagnostics) = slopefield_lang::check(text);
    assert!(model.is_complete, "{diagnostics:?}");
    let lowered = lower(&model, &BuiltinNetworks).expect("the models of this file are correct");
    (model, lowered)
}

fn plans(text: &str) -> Plans {
    model(text).1.rhs
}

/// Parameters where they start, weights of moderate size.
fn start(text: &str) -> Vec<f64> {
    let (model, lowered) = model(text);
    let mut p: Vec<f64> =
        (0..lowered.layout.len).map(|i| ((i * 37 % 101) as f64 - 50.0) / 200.0).collect();
    for (p, param) in p.iter_mut().zip(&model.params) {
        *p = param.value;
    }
    p
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

fn compare() {
    for case in &CASES {
        let places: &[usize] = if case.name.starts_with("mlp") { &[0, 2] } else { &[0] };
        for &misplaced in places {
            if let Err(reason) = compare::run(case, misplaced) {
                println!("{}: no comparison: {reason}", case.name);
            }
        }
    }
}

fn sets() {
    // The first compilation of a process also sets up the code generator.
    let lotka = CASES[0].text;
    let begin = Instant::now();
    compile_with(&plans(lotka), Options::default()).expect("the plans are sound");
    println!("first compilation, lowering included: {:.3} ms", begin.elapsed().as_secs_f64() * 1e3);
    report("Lotka-Volterra", lotka);
    report("MLP 2-50-2", MLP_SMALL);
    report("MLP 16-128-128-16", MLP_LARGE);
    report("kinetics of 30 species", CASES[1].text);
    report("chemistry of 1000 species", &chemistry(1000));
}

fn main() {
    let only = std::env::args().nth(1);
    if only.as_deref() != Some("sets") {
        compare();
    }
    if only.as_deref() != Some("compare") {
        sets();
    }
}
