//! Solves and gradients of compiled models against hand-written C++ (`benches/peers/c/limits.cpp`)
//! of the same method, tolerances and save points: least times of interleaved rounds, and ratios.
//!
//! `cargo run --release --example against_c -p slopefield-adjoint`; needs `g++`. Names of parts as
//! arguments (`lotka`, `spiral`, `preparation`) leave out the others.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use slopefield_adjoint::{DiscreteAdjoint, GradientMethod};
use slopefield_cpu::CompiledKernel;
use slopefield_graph::BuiltinNetworks;
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};
use slopefield_solve::runge_kutta::TSIT5;
use slopefield_solve::{ExplicitRungeKutta, Ivp, Settings, drive};

const ROUNDS: usize = 12;
/// Seconds of a round for each program.
const BUDGET: f64 = 0.05;

const LOTKA: &str = "
state x = 1
state y = 1
param a = 1.5
param b = 1
param c = 3
param d = 1
x' = a*x - b*x*y
y' = d*x*y - c*y
";

const SPIRAL: &str = "
state x = 2
state y = 0
network f: mlp(inputs: 2, outputs: 2, hidden: [50], activation: tanh)
let v = f(x^3, y^3)
x' = v[1]
y' = v[2]
";

fn compile(text: &str) -> CompiledKernel {
    let (model, diagnostics) = slopefield_lang::check(text);
    assert!(model.is_complete, "{diagnostics:?}");
    let lowered = slopefield_graph::lower(&model, &BuiltinNetworks).expect("a correct model");
    slopefield_cpu::compile(&lowered.rhs).expect("native code on this machine")
}

/// A kernel that takes its steps one evaluation at a time.
struct Plain(CompiledKernel);

impl Kernel for Plain {
    fn shape(&self) -> Shape {
        self.0.shape()
    }
    fn scratch_len(&self) -> usize {
        self.0.scratch_len()
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.0.eval(t, u, p, out, scratch);
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.0.jvp(at, along, out, dout, scratch);
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        self.0.vjp(at, w, grad, scratch);
    }
}

/// The C++ program.
struct Peer {
    program: PathBuf,
    folder: PathBuf,
}

impl Peer {
    /// Compiles it, or says why not.
    fn new() -> Result<Peer, String> {
        let folder = std::env::temp_dir().join(format!("slopefield-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/peers/c/limits.cpp");
        let program = folder.join("limits");
        let status = Command::new("g++")
            .args(["-O3", "-march=native", "-ffast-math", "-std=c++17", "-pthread", "-w", "-o"])
            .arg(&program)
            .arg(source)
            .status()
            .map_err(|e| format!("g++: {e}"))?;
        if status.success() { Ok(Peer { program, folder }) } else { Err("g++ failed".into()) }
    }

    /// Runs a case on `input`; gives its least seconds and what it computed.
    fn run(&self, case: &[&str], budget: f64, input: &[f64]) -> (f64, Vec<f64>) {
        let (from, to) = (self.folder.join("in"), self.folder.join("out"));
        let bytes: Vec<u8> = input.iter().flat_map(|x| x.to_ne_bytes()).collect();
        std::fs::File::create(&from).and_then(|mut f| f.write_all(&bytes)).expect("a scratch file");
        let run = Command::new(&self.program)
            .args(case)
            .args(["--budget", &budget.to_string(), "--in"])
            .arg(&from)
            .arg("--out")
            .arg(&to)
            .output()
            .expect("the program starts");
        let text = String::from_utf8_lossy(&run.stdout).into_owned();
        let least = text.split("\"min\":").nth(1).and_then(|rest| rest.split(',').next());
        let least = least.and_then(|x| x.parse().ok()).unwrap_or(f64::NAN);
        let mut bytes = Vec::new();
        std::fs::File::open(&to).and_then(|mut f| f.read_to_end(&mut bytes)).expect("its result");
        let words = bytes.chunks_exact(8);
        let result = words.map(|b| f64::from_ne_bytes(b.try_into().expect("8 bytes"))).collect();
        (least, result)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Least seconds of a call within a round.
fn least(work: &mut dyn FnMut()) -> f64 {
    let end = Instant::now() + Duration::from_secs_f64(BUDGET);
    let mut least = f64::INFINITY;
    loop {
        let start = Instant::now();
        work();
        let now = Instant::now();
        least = least.min((now - start).as_secs_f64());
        if now > end {
            return least;
        }
    }
}

/// Interleaves rounds of the programs and prints their least times.
fn compare(name: &str, peer: &mut dyn FnMut() -> f64, ours: &mut [(&str, &mut dyn FnMut())]) {
    let mut best = vec![f64::INFINITY; ours.len()];
    let mut best_peer = f64::INFINITY;
    for _ in 0..ROUNDS {
        best_peer = best_peer.min(peer());
        for (best, (_, work)) in best.iter_mut().zip(ours.iter_mut()) {
            *best = best.min(least(*work));
        }
    }
    println!("{name:<34} C++ {:>26.2} µs", best_peer * 1e6);
    for (best, (label, _)) in best.iter().zip(ours.iter()) {
        println!("{:<34} {label:<22} {:>7.2} µs  {:.2} × C++", "", best * 1e6, best / best_peer);
    }
}

/// A ring of states that drive each other, in the middle of what is taken whole.
fn ring(n: usize, term: &str) -> String {
    let mut text = String::from("param k = 0.3\n");
    for i in 0..n {
        let (before, after) = ((i + n - 1) % n, (i + 1) % n);
        let term = term.replace('#', &before.to_string());
        text += &format!("state x{i} = {}\nx{i}' = k*(x{before} - 2*x{i} + x{after})", 1 + i % 5);
        text += &format!(" - {term}\n");
    }
    text
}

/// What code for whole steps takes to make, and what it saves in a step.
fn preparation(name: &str, text: &str) {
    let table = TSIT5.step_table();
    let (mut step, mut reverse) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..40 {
        let kernel = compile(text);
        let start = Instant::now();
        assert!(kernel.explicit_step(&table, u64::MAX).is_some(), "{name} is not taken whole");
        let middle = Instant::now();
        assert!(kernel.explicit_step_reverse(&table, u64::MAX).is_some());
        step = step.min((middle - start).as_secs_f64());
        reverse = reverse.min(middle.elapsed().as_secs_f64());
    }
    let kernel = compile(text);
    let plain = Plain(kernel.clone());
    let shape = kernel.shape();
    let u0: Vec<f64> = (0..shape.states).map(|i| 1.0 + (i % 5) as f64).collect();
    let case = Case {
        name,
        u0: &u0,
        p: &vec![0.3; shape.params],
        t1: 10.0,
        settings: Settings { h_max: 0.05, ..Settings::with_tolerances(1e-3, 1e-3) },
        saves: vec![10.0],
        data: vec![1.0; shape.states],
    };
    let mut works: [Box<dyn FnMut()>; 4] = [
        Box::new(case.solve(&plain)),
        Box::new(case.solve(&kernel)),
        Box::new(case.gradient(&plain)),
        Box::new(case.gradient(&kernel)),
    ];
    let mut best = [f64::INFINITY; 4];
    for _ in 0..ROUNDS {
        for (best, work) in best.iter_mut().zip(&mut works) {
            *best = best.min(least(&mut **work));
        }
    }
    let steps = 200.0; // as long as the longest allowed
    let [solve, whole, gradient, both] = best.map(|seconds| seconds * 1e9 / steps);
    println!(
        "{name:<34} step made in {:.2} ms, saves {:.0} of {solve:.0} ns; reverse in {:.2} ms, saves \
         {:.0} of {:.0} ns",
        step * 1e3,
        solve - whole,
        reverse * 1e3,
        (gradient - both) - (solve - whole),
        gradient - solve
    );
}

/// What a solve and a gradient cost besides their steps.
fn one_step() {
    let kernel = compile(LOTKA);
    let table = TSIT5.step_table();
    assert!(kernel.explicit_step(&table, u64::MAX).is_some());
    assert!(kernel.explicit_step_reverse(&table, u64::MAX).is_some());
    let case = Case {
        name: "one step",
        u0: &[1.0, 1.0],
        p: &[1.5, 1.0, 3.0, 1.0],
        t1: 0.01,
        settings: Settings { h_init: Some(0.01), ..Settings::with_tolerances(1e-6, 1e-6) },
        saves: vec![0.01],
        data: vec![1.0; 2],
    };
    let settings = Settings { h_init: None, ..case.settings.clone() };
    let chooses = Case { settings, saves: case.saves.clone(), data: case.data.clone(), ..case };
    let mut works: [Box<dyn FnMut()>; 3] = [
        Box::new(case.solve(&kernel)),
        Box::new(chooses.solve(&kernel)),
        Box::new(case.gradient(&kernel)),
    ];
    // A clock reading is not short beside a step.
    let times = works.each_mut().map(|work| {
        let hundred = &mut || (0..100).for_each(|_| work());
        (0..ROUNDS).map(|_| least(hundred)).fold(f64::INFINITY, f64::min) * 1e7
    });
    println!(
        "one step of Lotka-Volterra: solve {:.0} ns, {:.0} ns where the first step is chosen, \
         gradient {:.0} ns",
        times[0], times[1], times[2]
    );
}

fn preparations() {
    one_step();
    preparation("Lotka-Volterra, 2 states", LOTKA);
    preparation("ring of 4", &ring(4, "0.1*x#^3"));
    preparation("ring of 4 with exp", &ring(4, "0.1*exp(-x#)"));
    preparation("ring of 6", &ring(6, "0.1*x#^3"));
    preparation("ring of 8", &ring(8, "0.1*x#^3"));
    preparation("ring of 8 with exp", &ring(8, "0.1*exp(-x#)*x#"));
    preparation("ring of 8 with sin and ^", &ring(8, "0.1*sin(x#)*(1 + x#^2)^0.3*x#"));
    preparation("ring of 16", &ring(16, "0.1*x#^3"));
    preparation("ring of 16 with exp", &ring(16, "0.1*exp(-x#)*x#"));
}

fn grid(t1: f64, points: usize) -> Vec<f64> {
    let last = points - 1;
    (0..points).map(|i| if i == last { t1 } else { t1 * i as f64 / last as f64 }).collect()
}

struct Case<'a> {
    name: &'a str,
    u0: &'a [f64],
    p: &'a [f64],
    t1: f64,
    settings: Settings,
    saves: Vec<f64>,
    /// What the loss compares the saved states with.
    data: Vec<f64>,
}

impl Case<'_> {
    fn ivp<'k>(&'k self, rhs: &'k dyn Kernel) -> Ivp<'k> {
        Ivp { rhs, t0: 0.0, t1: self.t1, u0: self.u0, p: self.p }
    }

    fn solve<'k>(&'k self, rhs: &'k dyn Kernel) -> impl FnMut() + 'k {
        let mut stepper = ExplicitRungeKutta::new(&TSIT5);
        let mut states = vec![0.0; self.data.len()];
        move || {
            drive(&mut stepper, &self.ivp(rhs), &self.settings, &self.saves, &mut states, None)
                .expect("the problem can be solved");
        }
    }

    fn gradient<'k>(&'k self, rhs: &'k dyn Kernel) -> impl FnMut() + 'k {
        let mut method = DiscreteAdjoint::new(&TSIT5);
        let (mut by_u0, mut by_p) = (vec![0.0; self.u0.len()], vec![0.0; self.p.len()]);
        let mut loss = |states: &[f64], by_state: &mut [f64]| {
            let mut sum = 0.0;
            for ((w, x), y) in by_state.iter_mut().zip(states).zip(&self.data) {
                *w = 2.0 * (x - y);
                sum += (x - y) * (x - y);
            }
            sum
        };
        move || {
            method
                .evaluate(
                    &self.ivp(rhs),
                    &self.settings,
                    &self.saves,
                    &mut loss,
                    &mut by_u0,
                    &mut by_p,
                )
                .expect("the problem has a gradient");
        }
    }

    fn run(
        &self,
        kernel: &CompiledKernel,
        solve: &mut dyn FnMut() -> f64,
        gradient: &mut dyn FnMut() -> f64,
    ) {
        let plain = Plain(kernel.clone());
        compare(
            &format!("{}: solve", self.name),
            solve,
            &mut [
                ("ours", &mut self.solve(kernel)),
                ("ours, single calls", &mut self.solve(&plain)),
            ],
        );
        compare(
            &format!("{}: loss and gradient", self.name),
            gradient,
            &mut [
                ("ours", &mut self.gradient(kernel)),
                ("ours, single calls", &mut self.gradient(&plain)),
            ],
        );
    }
}

fn main() {
    let parts: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|p| p == part);
    if wanted("preparation") {
        preparations();
    }
    if !wanted("lotka") && !wanted("spiral") {
        return;
    }
    let peer = match Peer::new() {
        Ok(peer) => Some(peer),
        Err(why) => {
            println!("no comparison with C++: {why}");
            None
        }
    };
    let ask = |case: &[&str], budget: f64, input: &[f64]| match &peer {
        Some(peer) => peer.run(case, budget, input),
        None => (f64::NAN, Vec::new()),
    };

    let lotka = Case {
        name: "Lotka-Volterra, 2 states",
        u0: &[1.0, 1.0],
        p: &[1.5, 1.0, 3.0, 1.0],
        t1: 10.0,
        settings: Settings::with_tolerances(1e-6, 1e-6),
        saves: grid(10.0, 101),
        data: vec![1.0; 202],
    };
    if wanted("lotka") {
        lotka.run(&compile(LOTKA), &mut || ask(&["lv_fwd"], BUDGET, &[]).0, &mut || {
            ask(&["lv_grad_adj"], BUDGET, &lotka.data).0
        });
    }
    if !wanted("spiral") {
        return;
    }

    // The spiral's data, then weights trained on them by the C++ program.
    let truth = slopefield_problems::spiral();
    let saves = grid(1.5, 30);
    let mut data = vec![0.0; 60];
    let ivp = Ivp { rhs: &*truth.rhs, t0: 0.0, t1: 1.5, u0: &truth.u0, p: &truth.p };
    let exact = Settings::with_tolerances(1e-12, 1e-12);
    let mut stepper = ExplicitRungeKutta::new(&TSIT5);
    drive(&mut stepper, &ivp, &exact, &saves, &mut data, None).expect("a standard problem");
    let start = slopefield_problems::network_weights(1);
    let input = |p: &[f64]| [p, &data].concat();
    let trained = ask(&["node64", "--mode", "train"], 0.0, &input(&start)).1;
    let p = if trained.len() == 253 { trained[1..].to_vec() } else { start };
    let spiral = Case {
        name: "Neural spiral, 2-50-2",
        u0: &[2.0, 0.0],
        p: &p,
        t1: 1.5,
        settings: Settings::with_tolerances(1e-7, 1e-9),
        saves,
        data: data.clone(),
    };
    spiral.run(
        &compile(SPIRAL),
        &mut || ask(&["node64", "--mode", "fwd"], BUDGET, &input(&p)).0,
        &mut || ask(&["node64", "--mode", "grad"], BUDGET, &input(&p)).0,
    );
}
