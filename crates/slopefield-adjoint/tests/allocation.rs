//! Repeated gradients of the same size allocate nothing.
#![allow(unsafe_code, reason = "a global allocator that counts can only be written with unsafe")]

#[path = "suite/common/mod.rs"]
mod common;

use common::{HEUN, ivp, spread, squares};
use slopefield_adjoint::{
    DiscreteAdjoint, Evaluated, ForwardSensitivity, GaussAdjoint, GradientMethod, HybridAdjoint,
    HybridForward, ImplicitAdjoint, ImplicitHybridAdjoint, ImplicitHybridSensitivity,
    ImplicitSensitivity, JumpScore, Loss, PathGradient, StochasticAdjoint, StochasticForward,
};
use slopefield_kernel::{Cotangent, DelayedRead, Delays, Kernel, Point, Shape, Structure, Tangent};
use slopefield_problems::all;
use slopefield_solve::runge_kutta::{BS3, TSIT5};
use slopefield_solve::{ExplicitRungeKutta, Ivp, Settings, SolveError};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    /// Bytes held, and the most of them.
    static HELD: Cell<i64> = const { Cell::new(0) };
    static MOST: Cell<i64> = const { Cell::new(0) };
}

/// Counts bytes that are taken or, negative, given back.
fn count_bytes(bytes: i64) {
    let held = HELD.with(Cell::get) + bytes;
    HELD.with(|cell| cell.set(held));
    MOST.with(|most| most.set(most.get().max(held)));
}

struct Counting;

// SAFETY: passes every request on to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        count_bytes(layout.size() as i64);
        // SAFETY: the caller keeps the contract of `alloc`, which is the same here.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count_bytes(-(layout.size() as i64));
        // SAFETY: `pointer` came from `System` through `alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn a_repeated_gradient_allocates_nothing() {
    for problem in all() {
        for table in [&TSIT5, &BS3, &HEUN] {
            let methods: [Box<dyn GradientMethod>; 4] = [
                Box::new(DiscreteAdjoint::new(table)),
                Box::new(DiscreteAdjoint::new(table).with_memory(1000)),
                Box::new(ForwardSensitivity::new(table)),
                Box::new(GaussAdjoint::new(Box::new(ExplicitRungeKutta::new(table)))),
            ];
            for mut method in methods {
                let saves = spread(problem.t0, problem.t1, 15);
                let settings = Settings::with_tolerances(1e-4, 1e-4);
                let mut by_u0 = vec![0.0; problem.u0.len()];
                let mut by_p = vec![0.0; problem.p.len()];
                let mut counts = [0; 2];
                for count in &mut counts {
                    let before = ALLOCATIONS.with(Cell::get);
                    method
                        .evaluate(
                            &ivp(&problem),
                            &settings,
                            &saves,
                            &mut squares,
                            &mut by_u0,
                            &mut by_p,
                        )
                        .unwrap();
                    *count = ALLOCATIONS.with(Cell::get) - before;
                }
                let name = format!("{} through {} on {}", method.name(), table.id, problem.id);
                assert!(counts[0] > 0, "the counter counts: {name}");
                assert_eq!(counts[1], 0, "{name}");
            }
        }
    }
}

#[test]
fn a_repeated_gradient_along_a_path_allocates_nothing() {
    use slopefield_problems::{birth_death, kubo_oscillator, lorenz_noise, lotka_volterra_noise};
    let cases: [(_, &[&str]); 4] = [
        (
            lotka_volterra_noise(),
            &["em", "euler-heun", "milstein", "implicit-milstein", "sosri", "dri1"],
        ),
        (kubo_oscillator(), &["milstein", "sriw1", "dri1"]),
        (lorenz_noise(), &["sra1", "sosra"]),
        (birth_death(), &["direct", "next-reaction"]),
    ];
    for (problem, solvers) in cases {
        for solver in solvers {
            let methods: Vec<Box<dyn GradientMethod>> = match JumpScore::named(solver) {
                Some(score) => vec![Box::new(OnePath(score))],
                None => vec![
                    Box::new(StochasticAdjoint::named(solver).unwrap()),
                    Box::new(StochasticAdjoint::named(solver).unwrap().with_memory(1000)),
                    Box::new(StochasticForward::named(solver).unwrap()),
                ],
            };
            for mut method in methods {
                let t1 = problem.t1.min(1.0);
                let ivp = Ivp { t1, ..ivp(&problem) };
                let saves = spread(0.0, t1, 15);
                let h = 1.0 / 256.0;
                let settings = Settings { h_init: Some(h), h_max: h, ..Settings::default() };
                let mut by_u0 = vec![0.0; problem.u0.len()];
                let mut by_p = vec![0.0; problem.p.len()];
                let mut counts = [0; 2];
                for count in &mut counts {
                    let before = ALLOCATIONS.with(Cell::get);
                    method
                        .evaluate(&ivp, &settings, &saves, &mut squares, &mut by_u0, &mut by_p)
                        .unwrap();
                    *count = ALLOCATIONS.with(Cell::get) - before;
                }
                let name = format!("{} through {solver} on {}", method.name(), problem.id);
                assert!(counts[0] > 0, "the counter counts: {name}");
                assert_eq!(counts[1], 0, "{name}");
            }
        }
    }
}

/// The score of one path, without the mean over paths.
struct OnePath(JumpScore);

impl GradientMethod for OnePath {
    fn name(&self) -> &'static str {
        "score of one path"
    }

    fn evaluate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        loss: &mut Loss<'_>,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) -> Result<Evaluated, SolveError> {
        let mut weighted = |u: &[f64], by_state: &mut [f64], weights: &mut [f64]| {
            weights.fill(1.0);
            loss(u, by_state)
        };
        self.0.path_gradient(ivp, settings, saves, &mut weighted, grad_u0, grad_p)
    }
}

#[test]
fn steps_taken_whole_allocate_nothing_once_their_code_is_made() {
    let text = "state x = 1\nstate y = 1\nparam a = 1.5\nx' = a*x - exp(y) + exp(x*y) - exp(x)\n\
                y' = -x*y + sin(t)";
    let (model, _) = slopefield_lang::check(text);
    let lowered = slopefield_graph::lower(&model, &slopefield_graph::BuiltinNetworks).unwrap();
    let kernel = slopefield_cpu::compile(&lowered.rhs).unwrap();
    let steps = TSIT5.step_table();
    assert!(kernel.explicit_step(&steps, u64::MAX).is_some());
    assert!(kernel.explicit_step_reverse(&steps, u64::MAX).is_some());
    let ivp = Ivp { rhs: &kernel, t0: 0.0, t1: 1.0, u0: &[0.5, 0.25], p: &[1.5] };
    let settings = Settings::with_tolerances(1e-6, 1e-6);
    let saves = spread(0.0, 1.0, 15);
    let mut method = DiscreteAdjoint::new(&TSIT5);
    let (mut by_u0, mut by_p) = ([0.0; 2], [0.0]);
    let mut counts = [0; 3];
    for count in &mut counts {
        let before = ALLOCATIONS.with(Cell::get);
        method.evaluate(&ivp, &settings, &saves, &mut squares, &mut by_u0, &mut by_p).unwrap();
        *count = ALLOCATIONS.with(Cell::get) - before;
    }
    assert!(counts[0] > 0, "the counter counts");
    assert_eq!(counts[1..], [0, 0]);
}

#[test]
fn a_repeated_gradient_through_an_implicit_method_allocates_nothing_per_step() {
    let problem = slopefield_problems::hires();
    for name in ["rosenbrock23", "rodas5p", "kencarp4", "kvaerno5", "radau"] {
        let methods: [Box<dyn GradientMethod>; 3] = [
            Box::new(ImplicitAdjoint::named(name).unwrap()),
            Box::new(ImplicitAdjoint::named(name).unwrap().with_memory(4000)),
            Box::new(ImplicitSensitivity::named(name).unwrap()),
        ];
        for mut method in methods {
            let saves = spread(problem.t0, problem.t1, 15);
            let settings = Settings::with_tolerances(1e-4, 1e-7);
            let (mut by_u0, mut by_p) = (vec![0.0; 8], vec![0.0; 12]);
            let mut counts = [0; 3];
            for count in &mut counts {
                let before = ALLOCATIONS.with(Cell::get);
                let ivp = ivp(&problem);
                method
                    .evaluate(&ivp, &settings, &saves, &mut squares, &mut by_u0, &mut by_p)
                    .unwrap();
                *count = ALLOCATIONS.with(Cell::get) - before;
            }
            let name = format!("{} through {name}", method.name());
            assert!(counts[0] > 0, "the counter counts: {name}");
            assert_eq!(counts[2], 0, "{name}: {counts:?}");
        }
    }
}

/// `u' = −a u(t − τ) + sin 2t` with the history `a`, without allocations; parameters `a`, `τ`.
struct Delayed;

/// Its lag and its history.
struct Lag;
struct History;

impl Kernel for Delayed {
    fn shape(&self) -> Shape {
        Shape { states: 2, params: 2, outputs: 1 }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], _: &mut [f64]) {
        out[0] = -p[0] * u[1] + (2.0 * t).sin();
    }
    fn jvp(&self, at: Point<'_>, d: Tangent<'_>, out: &mut [f64], dout: &mut [f64], _: &mut [f64]) {
        self.eval(at.t, at.u, at.p, out, &mut []);
        dout[0] = -d.p[0] * at.u[1] - at.p[0] * d.u[1] + 2.0 * (2.0 * at.t).cos() * d.t;
    }
    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, _: &mut [f64]) {
        *grad.t += w[0] * 2.0 * (2.0 * at.t).cos();
        grad.u[1] -= w[0] * at.p[0];
        grad.p[0] -= w[0] * at.u[1];
    }
    fn structure(&self) -> Structure<'_> {
        let delays = Delays {
            reads: &[DelayedRead { state: 0, lag: 0, slope: false }],
            lags: &Lag,
            constant: &[true],
            history: &History,
            jumps_at_start: true,
        };
        Structure { delays: Some(delays), ..Structure::default() }
    }
}

/// A function that is one of the parameters.
macro_rules! parameter {
    ($name:ident, $states:literal, $index:literal) => {
        impl Kernel for $name {
            fn shape(&self) -> Shape {
                Shape { states: $states, params: 2, outputs: 1 }
            }
            fn scratch_len(&self) -> usize {
                0
            }
            fn eval(&self, _: f64, _: &[f64], p: &[f64], out: &mut [f64], _: &mut [f64]) {
                out[0] = p[$index];
            }
            fn jvp(
                &self,
                at: Point<'_>,
                d: Tangent<'_>,
                out: &mut [f64],
                dout: &mut [f64],
                _: &mut [f64],
            ) {
                (out[0], dout[0]) = (at.p[$index], d.p[$index]);
            }
            fn vjp(&self, _: Point<'_>, w: &[f64], grad: Cotangent<'_>, _: &mut [f64]) {
                grad.p[$index] += w[0];
            }
        }
    };
}
parameter!(Lag, 2, 1);
parameter!(History, 0, 0);

#[test]
fn steps_with_delays_allocate_nothing() {
    let settings = Settings::with_tolerances(1e-5, 1e-5);
    let methods: [Box<dyn GradientMethod>; 2] =
        [Box::new(HybridAdjoint::new(&TSIT5)), Box::new(HybridForward::new(&TSIT5))];
    for mut method in methods {
        let (mut by_u0, mut by_p) = ([0.0], [0.0; 2]);
        let mut repeated = |t1: f64| {
            let ivp = Ivp { rhs: &Delayed, t0: 0.0, t1, u0: &[0.5], p: &[1.1, 0.8] };
            let saves = spread(0.0, t1, 15);
            let mut counts = [0; 2];
            for count in &mut counts {
                let before = ALLOCATIONS.with(Cell::get);
                method
                    .evaluate(&ivp, &settings, &saves, &mut squares, &mut by_u0, &mut by_p)
                    .unwrap();
                *count = ALLOCATIONS.with(Cell::get) - before;
            }
            assert!(counts[0] > 0, "the counter counts");
            counts[1]
        };
        let (short, long) = (repeated(5.0), repeated(50.0));
        assert_eq!(short, long, "{} allocates in steps", method.name());
        assert!(long < 10, "{}: {long}", method.name());
    }
}

/// An oscillator that a crossing kicks.
fn kicked() -> common::dual::System {
    common::dual::System::new(2, 2, |_, u, p, out| {
        out[0] = u[1];
        out[1] = -(p[0] * u[0]);
    })
    .curved()
    .roots(1, |_, u, _, out| out[0] = u[0])
    .event(common::dual::crossing(0, slopefield_kernel::Crossing::Rising), |_, u, p, out| {
        out[1] = p[1] * u[1];
    })
}

/// A gradient through events with so many bytes allowed.
fn with_memory(name: &str, bytes: u64) -> Box<dyn GradientMethod> {
    match name {
        "explicit discrete" => Box::new(HybridAdjoint::new(&TSIT5).with_memory(bytes)),
        "explicit forward" => Box::new(HybridForward::new(&TSIT5).with_memory(bytes)),
        "implicit discrete" => {
            Box::new(ImplicitHybridAdjoint::named("kencarp4").expect("a method").with_memory(bytes))
        }
        "switching discrete" => Box::new(
            ImplicitHybridAdjoint::named("auto-switch").expect("a method").with_memory(bytes),
        ),
        _ => Box::new(
            ImplicitHybridSensitivity::named("kencarp4").expect("a method").with_memory(bytes),
        ),
    }
}

/// What the solver and single steps work with.
const WORK: i64 = 60_000;

/// Outcome and gradient, or why there is none, and the most bytes held on the way.
fn kicked_gradient(
    system: &common::dual::System,
    name: &str,
    bytes: u64,
) -> (Option<(Evaluated, [f64; 4])>, String, i64) {
    let saves = spread(0.0, 60.0, 4);
    let ivp = Ivp { rhs: system, t0: 0.0, t1: 60.0, u0: &[1.0, 0.3], p: &[1.1, 0.9] };
    let settings = Settings::with_tolerances(1e-8, 1e-8);
    let before = HELD.with(Cell::get);
    MOST.with(|most| most.set(before));
    let mut method = with_memory(name, bytes);
    let (mut by_u0, mut by_p) = ([0.0; 2], [0.0; 2]);
    let found = method.evaluate(&ivp, &settings, &saves, &mut squares, &mut by_u0, &mut by_p);
    drop(method);
    let most = MOST.with(Cell::get) - before;
    let why = found.as_ref().err().map(ToString::to_string).unwrap_or_default();
    (found.ok().map(|found| (found, [by_u0[0], by_u0[1], by_p[0], by_p[1]])), why, most)
}

/// The tighter the memory, the more parts a solve is gone through in; the gradient stays, and no more
/// than allowed is held.
#[test]
fn gradients_through_events_go_in_parts_within_the_memory_allowed() {
    let system = kicked();
    for name in ["explicit discrete", "implicit discrete", "switching discrete"] {
        let (whole, why, most) = kicked_gradient(&system, name, 1 << 28);
        let (found, expected) = whole.unwrap_or_else(|| panic!("{name}: {why}"));
        let mut parts = 0;
        for share in [0.7, 0.5, 0.4, 0.3] {
            let budget = (share * most as f64) as u64;
            let (part, why, held) = kicked_gradient(&system, name, budget);
            let Some((part, gradient)) = part else {
                assert!(why.contains("keeps the state at every step"), "{name}: {why}");
                continue;
            };
            parts += 1;
            assert!(part.memory <= budget, "{name}: {} of {budget}", part.memory);
            assert!(part.memory < found.memory, "{name}: {} {}", part.memory, found.memory);
            assert!(held < budget as i64 + WORK, "{name}: {held} of {budget}");
            let off = common::relative_distance(&gradient, &expected);
            assert!(off < 1e-12, "{name} in {budget} bytes: {off:e} {gradient:?} {expected:?}");
            assert!((part.loss - found.loss).abs() <= 1e-14 * found.loss, "{name}");
        }
        assert!(parts >= 2, "{name}: {parts} budgets were enough");
    }
}

#[test]
fn gradients_that_keep_a_solve_hold_no_more_than_allowed_or_name_what_they_need() {
    let system = kicked();
    for name in [
        "explicit discrete",
        "explicit forward",
        "implicit discrete",
        "implicit forward",
        "switching discrete",
    ] {
        let run = |bytes: u64| {
            let (found, why, most) = kicked_gradient(&system, name, bytes);
            (found.map(|(found, _)| found), why, most)
        };
        let (found, why, most) = run(10_000);
        let in_parts = name.ends_with("discrete");
        let what = if in_parts { "keeps the state at every step" } else { "keeps the whole solve" };
        assert!(found.is_none() && why.contains(what), "{name}: {why}");
        assert!(most < 10_000 + WORK, "{name}: {most}");
        let words: Vec<&str> = why.split(' ').collect();
        let place = words.iter().position(|word| *word == "MB,").expect("a need");
        let need = (words[place - 1].parse::<f64>().unwrap() * 1e6) as u64;
        assert!(need > if in_parts { 50_000 } else { 200_000 }, "{name}: {need} is little");
        assert!(why.contains("0.010 MB are allowed"), "{name}: {why}");
        // A little more is enough, a little less is not; it is no more than half too much.
        let (found, why, most) = run(need + 1_000);
        let found = found.unwrap_or_else(|| panic!("{name}: {why}"));
        assert!(found.memory <= need + 1_000, "{name}: {} of {need}", found.memory);
        assert!(most < need as i64 + WORK, "{name}: {most} of {need}");
        assert!(2 * most > need as i64, "{name}: {most} of {need}");
        let (found, _, most) = run(need - 1_000);
        assert!(found.is_none() && most < need as i64, "{name}: {most} of {need}");
    }
}
