//! The accepted step allocates nothing, nor does a repeated solve of the same size.
#![allow(unsafe_code, reason = "a global allocator that counts can only be written with unsafe")]
#![allow(clippy::unwrap_used, reason = "also in the functions that the tests share")]

#[path = "suite/common/mod.rs"]
mod common;

use common::parabolic::{Linear, Reaction, Semilinear};
use common::system::{self, crossing};
use common::{HEUN, ivp};
use slopefield_kernel::{Crossing, Trigger};
use slopefield_problems::{
    all, brusselator_1d_200, forced_relaxation, harmonic_oscillator, hires, lotka_volterra,
    oregonator, pollution, rigid_body, robertson,
};
use slopefield_solve::{
    ExplicitRungeKutta, Ivp, MethodClass, Settings, Step, Stepper, delay_method, drive, method,
    method_info, methods, tableau,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: passes every request on to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`, which is the same here.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System` through `alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

#[test]
fn the_counter_counts() {
    let before = allocations();
    let boxed = std::hint::black_box(Box::new(1.0));
    assert_eq!(allocations() - before, 1);
    drop(boxed);
}

/// Solves twice and counts: nothing is allocated after the first accepted step, nor in the second
/// solve if `again`.
#[track_caller]
fn check(stepper: &mut dyn Stepper, ivp: &Ivp<'_>, settings: &Settings, name: &str, again: bool) {
    let span = ivp.t1 - ivp.t0;
    let saves: Vec<f64> = (0..=20).map(|i| ivp.t0 + span * f64::from(i) / 20.5).collect();
    let mut out = vec![0.0; saves.len() * ivp.u0.len()];
    let mut at_first_step = None;
    let mut steps = 0;
    let mut watch = |_: &Step, _: &mut dyn Stepper| {
        at_first_step.get_or_insert_with(allocations);
        steps += 1;
        Ok(())
    };
    drive(stepper, ivp, settings, &saves, &mut out, Some(&mut watch)).expect("a standard problem");
    let first_solve = allocations();
    assert!(steps > 3, "{name}");
    assert_eq!(at_first_step, Some(first_solve), "in the steps of {name}");
    if again {
        drive(stepper, ivp, settings, &saves, &mut out, None).expect("a standard problem");
        assert_eq!(allocations(), first_solve, "in a second solve of {name}");
    }
}

#[test]
fn no_step_allocates_and_no_repeated_solve_does() {
    for problem in all() {
        let tables = ["tsit5", "dp5", "bs3", "vern6", "vern7", "vern8", "vern9"].map(tableau);
        for table in tables.into_iter().chain([Some(&HEUN)]) {
            let mut stepper = ExplicitRungeKutta::new(table.unwrap());
            let settings = Settings::with_tolerances(1e-5, 1e-6);
            check(&mut stepper, &ivp(&problem), &settings, problem.id, true);
        }
    }
}

#[test]
fn methods_for_second_order_diffusion_and_split_systems_allocate_nothing_either() {
    let oscillator = harmonic_oscillator();
    let settings = Settings { h_init: Some(0.1), ..Settings::with_tolerances(1e-6, 1e-6) };
    for id in ["dprkn6", "velocity-verlet", "mclachlan-atela5", "kahan-li8"] {
        check(&mut *method(id).unwrap(), &ivp(&oscillator), &settings, id, true);
    }
    let rhs = Semilinear::new(Linear::diffusion(20, 1.0, 0.05, true), Reaction::Cubic);
    let start: Vec<f64> = (0..20).map(|i| 0.1 * f64::from(i % 7)).collect();
    let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 1.0, u0: &start, p: &[] };
    let settings = Settings::with_tolerances(1e-4, 1e-4);
    check(&mut *method("rkc2").unwrap(), &ivp, &settings, "rkc2", true);
    // Functions of the matrix are computed, with work space, for every new length of steps.
    let settings =
        Settings { h_init: Some(0.125), h_max: 0.125, ..Settings::with_tolerances(1.0, 1.0) };
    check(&mut *method("etdrk4").unwrap(), &ivp, &settings, "etdrk4", false);
}

#[test]
fn no_event_allocates_but_for_the_search_that_begins() {
    // A ball between two walls, with a bounce a second and a watched time between.
    let system = system::System::new(2, 0, |_, u, _, out| out.copy_from_slice(&[u[1], 0.0]))
        .roots(1, |_, u, _, out| out[0] = 0.25 - u[0] * u[0])
        .event(crossing(0, Crossing::Both), |_, u, out| out[1] = -u[1])
        .times(&[0.25, 0.125])
        .watch(Trigger::Every { period: 0, from: 1, count: None });
    let ivp = Ivp { rhs: &system, t0: 0.0, t1: 20.0, u0: &[0.0, 1.0], p: &[] };
    let settings = Settings { h_max: 0.3, ..Settings::default() };
    let saves: Vec<f64> = (0..=40).map(|i| f64::from(i) * 0.5).collect();
    for id in ["tsit5", "vern7", "rodas5p", "radau"] {
        let mut stepper = method(id).unwrap();
        let mut out = vec![0.0; 2 * saves.len()];
        let mut counted = Vec::with_capacity(1000);
        let mut watch = |_: &Step, _: &mut dyn Stepper| {
            counted.push(allocations());
            Ok(())
        };
        let stats =
            drive(&mut *stepper, &ivp, &settings, &saves, &mut out, Some(&mut watch)).unwrap();
        assert!(stats.events > 90, "{id}: {stats:?}");
        // The first event may size arrays; after it nothing does.
        let settled = counted.partition_point(|&count| count < counted[counted.len() - 1]);
        assert!(settled < 10, "{id}: {counted:?}");
    }
}

#[test]
fn no_step_of_a_delay_equation_allocates_once_the_past_is_full() {
    let system = system::System::delayed(
        1,
        0,
        |_, u, _, out| out[0] = 1.8 * u[0] * (1.0 - u[1]),
        &[(0, 0, false)],
        &[true],
        |_, _, _, out| out[0] = 1.0,
        |_, _, _, out| out[0] = 0.5,
    );
    let settings = Settings::with_tolerances(1e-6, 1e-6);
    for id in ["tsit5", "vern7", "rodas5p", "radau", "kencarp4"] {
        let mut stepper = delay_method(id).unwrap();
        let mut counted = Vec::with_capacity(10_000);
        let ivp = Ivp { rhs: &system, t0: 0.0, t1: 200.0, u0: &[0.5], p: &[] };
        let mut watch = |_: &Step, _: &mut dyn Stepper| {
            counted.push(allocations());
            Ok(())
        };
        drive(&mut *stepper, &ivp, &settings, &[], &mut [], Some(&mut watch)).unwrap();
        let steps = counted.len();
        assert!(steps > 200, "{id}: {steps}");
        assert_eq!(counted[steps / 2], counted[steps - 1], "{id} in the second half of {steps}");
        let first_solve = allocations();
        let mut out = [0.0];
        drive(&mut *stepper, &ivp, &settings, &[200.0], &mut out, None).unwrap();
        assert_eq!(allocations(), first_solve, "{id} in a second solve");
    }
}

#[test]
fn no_step_of_an_implicit_method_allocates() {
    let problems = [forced_relaxation(), robertson(), hires(), oregonator(), pollution()];
    for problem in &problems {
        for name in [
            "rodas5p",
            "rodas4p",
            "rosenbrock23",
            "radau",
            "kvaerno5",
            "kencarp4",
            "trbdf2",
            "kencarp4-imex",
        ] {
            let settings = Settings::with_tolerances(1e-5, 1e-9);
            let saves = [problem.t0, 0.5 * (problem.t0 + problem.t1), problem.t1];
            let n = problem.u0.len();
            let mut out = vec![0.0; saves.len() * n];
            let ivp = ivp(problem);
            let mut stepper = method(name).unwrap();
            let mut at_first_step = None;
            let mut watch = |_: &Step, _: &mut dyn Stepper| {
                at_first_step.get_or_insert_with(allocations);
                Ok(())
            };
            drive(&mut *stepper, &ivp, &settings, &saves, &mut out, Some(&mut watch)).unwrap();
            let first_solve = allocations();
            assert_eq!(at_first_step, Some(first_solve), "{name}, in the steps of {}", problem.id);
            drive(&mut *stepper, &ivp, &settings, &saves, &mut out, None).unwrap();
            assert_eq!(allocations(), first_solve, "{name}, in a second solve of {}", problem.id);

            let single = problem.single.as_deref().unwrap();
            let u0: Vec<f32> = problem.u0.iter().map(|x| *x as f32).collect();
            let p: Vec<f32> = problem.p.iter().map(|x| *x as f32).collect();
            let ivp = slopefield_solve::Ivp {
                rhs: single,
                t0: problem.t0,
                t1: problem.t1,
                u0: &u0,
                p: &p,
            };
            let mut out = vec![0.0_f32; n];
            let mut stepper = (method_info(name).unwrap().single)();
            let settings = Settings::with_tolerances(1e-3, 1e-5);
            let mut solve = || drive(&mut *stepper, &ivp, &settings, &saves[2..], &mut out, None);
            solve().unwrap();
            let before = allocations();
            solve().unwrap();
            assert_eq!(allocations(), before, "{name}, f32, in a second solve of {}", problem.id);
        }
    }
}

#[test]
fn multistep_methods_allocate_nothing_either() {
    let stiff = [robertson(), hires(), brusselator_1d_200()];
    let easy = [lotka_volterra(), rigid_body()];
    let cases = stiff.iter().map(|p| (p, "bdf")).chain(easy.iter().map(|p| (p, "vcabm")));
    for (problem, name) in cases {
        let mut stepper = method(name).unwrap();
        let settings = Settings::with_tolerances(1e-5, 1e-8);
        let span = problem.t1 - problem.t0;
        let saves: Vec<f64> = (0..=20).map(|i| problem.t0 + span * f64::from(i) / 20.5).collect();
        let mut out = vec![0.0; saves.len() * problem.u0.len()];
        let ivp = ivp(problem);
        let mut at_first_step = None;
        let mut watch = |_: &Step, _: &mut dyn Stepper| {
            at_first_step.get_or_insert_with(allocations);
            Ok(())
        };
        drive(&mut *stepper, &ivp, &settings, &saves, &mut out, Some(&mut watch)).unwrap();
        let first_solve = allocations();
        assert_eq!(at_first_step, Some(first_solve), "in the steps of {name} on {}", problem.id);
        drive(&mut *stepper, &ivp, &settings, &saves, &mut out, None).unwrap();
        assert_eq!(allocations(), first_solve, "in a second solve of {}", problem.id);
    }
}

/// Every method of the table on a problem of its class, so that a new one is not forgotten; the tests
/// above look at more problems and more closely.
#[test]
fn no_method_of_the_table_allocates_in_its_steps() {
    let (easy, stiff, oscillator) = (lotka_volterra(), hires(), harmonic_oscillator());
    let split = Semilinear::new(Linear::diffusion(20, 1.0, 0.05, true), Reaction::Cubic);
    let start: Vec<f64> = (0..20).map(|i| 0.1 * f64::from(i % 7)).collect();
    let of_split = Ivp { rhs: &split, t0: 0.0, t1: 1.0, u0: &start, p: &[] };
    let usual = Settings::with_tolerances(1e-5, 1e-8);
    let equal = Settings { h_init: Some(0.1), ..usual.clone() };
    for info in methods() {
        let (ivp, settings) = match info.class {
            MethodClass::SecondOrder => (ivp(&oscillator), &equal),
            MethodClass::Stiff | MethodClass::Switching => (ivp(&stiff), &usual),
            MethodClass::NonStiff | MethodClass::Parabolic => (ivp(&easy), &usual),
            MethodClass::Split => (of_split, &usual),
        };
        // Switching makes a method when it begins with it, and ETDRK4 functions of the matrix for
        // every new length of steps; both have tests of their own.
        if info.class != MethodClass::Switching && info.id != "etdrk4" {
            check(&mut *(info.build)(), &ivp, settings, info.id, true);
        }
    }
}

#[test]
fn switching_allocates_when_a_method_begins_for_the_first_time_and_never_again() {
    for problem in [robertson(), brusselator_1d_200(), lotka_volterra()] {
        let mut stepper = method("auto-switch").unwrap();
        let settings = Settings::with_tolerances(1e-5, 1e-8);
        let mut out = vec![0.0; problem.u0.len()];
        let ivp = ivp(&problem);
        let mut counts = Vec::with_capacity(100_000);
        let mut watch = |_: &Step, solution: &mut dyn Stepper| {
            let switches = solution.switches().map_or(0, |report| report.count());
            counts.push((switches, allocations()));
            Ok(())
        };
        drive(&mut *stepper, &ivp, &settings, &[problem.t1], &mut out, Some(&mut watch)).unwrap();
        for pair in counts.windows(2) {
            assert!(pair[1].0 > pair[0].0 || pair[1].1 == pair[0].1, "{}", problem.id);
        }
        let first_solve = allocations();
        drive(&mut *stepper, &ivp, &settings, &[problem.t1], &mut out, None).unwrap();
        assert_eq!(allocations(), first_solve, "in a second solve of {}", problem.id);
    }
}
