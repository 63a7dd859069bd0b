//! The accepted step allocates nothing, nor does a repeated solve of the same size.
#![allow(unsafe_code, reason = "a global allocator that counts can only be written with unsafe")]

mod common;

use common::{HEUN, ivp};
use slopefield_problems::{all, brusselator_1d_200, hires, lotka_volterra, rigid_body, robertson};
use slopefield_solve::{ExplicitRungeKutta, Settings, Step, Stepper, drive, method, tableau};
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

#[test]
fn no_step_allocates_and_no_repeated_solve_does() {
    for problem in all() {
        let tables = ["tsit5", "dp5", "bs3", "vern6", "vern7", "vern8", "vern9"].map(tableau);
        for table in tables.into_iter().chain([Some(&HEUN)]) {
            let mut stepper = ExplicitRungeKutta::new(table.unwrap());
            let settings = Settings::with_tolerances(1e-5, 1e-6);
            let span = problem.t1 - problem.t0;
            let saves: Vec<f64> =
                (0..=20).map(|i| problem.t0 + span * f64::from(i) / 20.5).collect();
            let mut out = vec![0.0; saves.len() * problem.u0.len()];
            let ivp = ivp(&problem);
            let mut at_first_step = None;
            let mut steps = 0;
            let mut watch = |_: &Step, _: &mut dyn Stepper| {
                at_first_step.get_or_insert_with(allocations);
                steps += 1;
                Ok(())
            };
            drive(&mut stepper, &ivp, &settings, &saves, &mut out, Some(&mut watch)).unwrap();
            let first_solve = allocations();
            assert!(steps > 3, "{}", problem.id);
            assert_eq!(at_first_step, Some(first_solve), "in the steps of {}", problem.id);
            drive(&mut stepper, &ivp, &settings, &saves, &mut out, None).unwrap();
            assert_eq!(allocations(), first_solve, "in a second solve of {}", problem.id);
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
