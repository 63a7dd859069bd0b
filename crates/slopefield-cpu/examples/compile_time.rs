//! Time from model text (or graph text) to native code, and where it goes.
//!
//! `cargo run -p slopefield-cpu --example compile_time`
#![allow(clippy::expect_used, reason = "the models of this file are correct")]

use std::time::Instant;

use slopefield_cpu::compile;
use slopefield_graph::plan::Plans;
use slopefield_graph::{BuiltinNetworks, lower, lower_text};
use slopefield_kernel::Shape;

const LOTKA: &str = "param a = 1.5\nparam b = 1\nparam c = 3\nparam d = 1\n\
    state x = 1\nstate y = 1\nx' = a*x - b*x*y\ny' = d*x*y - c*y\n";

/// 100 states, each with a term of a network of all of them.
fn neural() -> String {
    let n = 100;
    let names: Vec<String> = (1..=n).map(|i| format!("x{i}")).collect();
    let mut text =
        format!("network f: mlp(inputs: {n}, outputs: {n}, hidden: [64, 64], activation: tanh)\n");
    for x in &names {
        text += &format!("state {x} = 0.1\n");
    }
    text += &format!("param k = 0.5\nlet z = f({})\n", names.join(", "));
    for (i, x) in names.iter().enumerate() {
        let next = &names[(i + 1) % n];
        text += &format!("{x}' = k*({next} - {x}) + z[{}]\n", i + 1);
    }
    text
}

/// About `n` scalar operations.
fn scalar(n: usize) -> String {
    let states = n / 10;
    let mut text = String::from("param k = 0.5\n");
    for i in 0..states {
        text += &format!("state x{i} = 0.1\n");
    }
    for i in 0..states {
        let (a, b) = ((i + 1) % states, (i * 7 + 3) % states);
        text += &format!("x{i}' = k*x{a}*x{b} - sin(x{i})*{i} + x{i}/(1 + x{a}^2)\n");
    }
    text
}

/// A chain of `n` lanes that exchange with their neighbours.
fn lanes(n: usize) -> String {
    format!(
        "%0 = input States 0 : [{n}]\n%1 = input Params 0 : [1]\n\
         %2 = gather 1..{n} 0 %0 : [{n}]\n%3 = gather {last} 0..{last} %0 : [{n}]\n\
         %4 = each x{n} %0 %1 %2 %3 : [{n}]\n  inputs 1 1 1 1\n  v0 = input 0[0]\n  \
         v1 = input 1[0]\n  v2 = input 2[0]\n  v3 = input 3[0]\n  v4 = add v2 v3\n  v5 = 2.0\n  \
         v6 = mul v5 v0\n  v7 = sub v4 v6\n  v8 = mul v1 v7\n  v9 = mul v0 v0\n  v10 = mul v9 v0\n  \
         v11 = sub v8 v10\n  return v11\n%5 = output Out 0 %4 : [{n}]\n",
        last = n - 1
    )
}

/// Least milliseconds of some runs of the two halves.
fn report(name: &str, make: impl Fn() -> Plans) {
    let (mut lowering, mut compiling, mut size) = (f64::INFINITY, f64::INFINITY, 0);
    for _ in 0..7 {
        let start = Instant::now();
        let plans = make();
        lowering = lowering.min(start.elapsed().as_secs_f64() * 1e3);
        size = plans.eval.code.len() + plans.jvp.code.len() + plans.vjp.code.len();
        let start = Instant::now();
        compile(&plans).expect("the plans are sound");
        compiling = compiling.min(start.elapsed().as_secs_f64() * 1e3);
    }
    println!(
        "{name:<32} lower {lowering:>8.2} ms  compile {compiling:>8.2} ms  {size} instructions"
    );
}

fn model(text: &str) -> Plans {
    let (model, diagnostics) = slopefield_lang::check(text);
    assert!(model.is_complete, "{diagnostics:?}");
    lower(&model, &BuiltinNetworks).expect("a correct model").rhs
}

fn main() {
    println!("checking and lowering all functions of a model; compiling the right-hand side");
    report("Lotka-Volterra", || model(LOTKA));
    let text = neural();
    report("100 states, 2x64 network", || model(&text));
    let text = scalar(10_000);
    report("10 000 scalar operations", || model(&text));
    for n in [2048, 65_536] {
        let text = lanes(n);
        let shape = Shape { states: n, params: 1, outputs: n };
        let lower = || lower_text(&text, shape).expect("a correct graph");
        report(&format!("{n} lanes"), lower);
    }
}
