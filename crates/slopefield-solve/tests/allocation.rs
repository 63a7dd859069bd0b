//! The accepted step allocates nothing, nor does a repeated solve of the same size.
#![allow(unsafe_code, reason = "a global allocator that counts can only be written with unsafe")]

mod common;

use common::{HEUN, ivp};
use slopefield_problems::{all, forced_relaxation, hires, oregonator, pollution, robertson};
use slopefield_solve::{
    ExplicitRungeKutta, Settings, Step, Stepper, drive, method, method_info, tableau,
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
