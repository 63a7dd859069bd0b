//! A step through the interface allocates nothing on the side of the host.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
#![allow(unsafe_code, reason = "a counting allocator")]

#[path = "suite/common/mod.rs"]
mod common;

use common::*;
use slopefield_adjoint::{GradientMethod, OwnStepsAdjoint};
use slopefield_solve::{Ivp, Settings, Stepper, TakenStep};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    /// Bytes that are allocated and not freed.
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|c| c.set(c.get() + 1));
        BYTES.with(|b| b.set(b.get() + layout.size() as i64));
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        BYTES.with(|b| b.set(b.get() - layout.size() as i64));
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Allocations of a second run with a stepper, with values in every step.
fn of_second_run(stepper: &mut dyn Stepper, ivp: &Ivp<'_>, settings: &Settings) -> u64 {
    stepper.start(ivp, settings).unwrap();
    let mut out = vec![0.0; ivp.u0.len()];
    let mut before = COUNT.get();
    for run in 0..3 {
        if run == 1 {
            before = COUNT.get();
        }
        stepper.start(ivp, settings).unwrap();
        let mut t = ivp.t0;
        while t != ivp.t1 {
            let step = stepper.step(ivp, settings, ivp.t1).unwrap();
            stepper.prepare_dense(ivp);
            stepper.interpolate(0.5 * (step.t_prev + step.t), &mut out).unwrap();
            t = step.t;
        }
    }
    COUNT.get() - before
}

#[test]
fn steps_and_repeated_starts_allocate_nothing() {
    let model = lotka_volterra();
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 10.0, u0: &LV_U0, p: &LV_P };
    let mut stepper = bundled_registry().stepper("org.slopefield.ode-extra/dop853").unwrap();
    assert_eq!(of_second_run(&mut *stepper, &ivp, &tolerances(1e-8, 1e-8)), 0);
    // The counter counts.
    let before = COUNT.get();
    drop(std::hint::black_box(vec![1.0; 3]));
    assert_eq!(COUNT.get() - before, 1);
}

/// Matrices, factors, algebraic equations and slopes of their variables.
#[test]
fn implicit_steps_allocate_nothing() {
    let settings = tolerances(1e-4, 1e-8);
    let dense = slopefield_problems::robertson_dae();
    let sparse = slopefield_problems::pollution();
    for (problem, t1) in [(&dense, 40.0), (&sparse, 1.0)] {
        let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1, u0: &problem.u0, p: &problem.p };
        let mut stepper = example_registry().stepper("org.example.rust/sdirk2").unwrap();
        assert_eq!(of_second_run(&mut *stepper, &ivp, &settings), 0, "{}", problem.id);
    }
}

/// Increments of noise, and a past of which old steps make room for new ones.
#[test]
fn steps_with_noise_and_delays_allocate_nothing() {
    let noisy = slopefield_problems::lotka_volterra_noise();
    let delayed = slopefield_problems::unit_delay();
    let settings = Settings { h_init: Some(0.02), h_max: 0.1, ..tolerances(1e-5, 1e-7) };
    for (problem, solver) in [(&noisy, "milstein"), (&delayed, "bs32"), (&delayed, "sdirk2")] {
        let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 5.0, u0: &problem.u0, p: &problem.p };
        let id = format!("org.example.rust/{solver}");
        let mut stepper = example_registry().stepper(&id).unwrap();
        assert_eq!(of_second_run(&mut *stepper, &ivp, &settings), 0, "{} {solver}", problem.id);
    }
}

/// Records and reverses.
#[test]
fn reversed_steps_allocate_nothing() {
    let model = lotka_volterra();
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 1.0, u0: &LV_U0, p: &LV_P };
    let settings = tolerances(1e-4, 1e-6);
    let mut stepper = example_registry().stepper("org.example.rust/bs32").unwrap();
    stepper.start(&ivp, &settings).unwrap();
    let step = stepper.step(&ivp, &settings, 1.0).unwrap();
    let end = stepper.state().to_vec();
    let own = stepper.step_vjp().unwrap();
    let mut record = vec![0.0; own.record_len().unwrap()];
    let (mut by_state, mut by_params) = ([1.0, 2.0], [0.0; 4]);
    let inside = [0.5 * (step.t_prev + step.t)];
    let mut before = COUNT.get();
    for run in 0..3 {
        if run == 1 {
            before = COUNT.get();
        }
        own.record(&mut record).unwrap();
        let taken = TakenStep {
            t_prev: step.t_prev,
            t: step.t,
            start: &LV_U0,
            end: &end,
            record: &record,
            inside: &inside,
            weights: &[0.5, 0.5],
        };
        let products = own.reverse(&ivp, &settings, &taken, &mut by_state, &mut by_params);
        assert_eq!(products, Ok(4));
    }
    assert_eq!(COUNT.get() - before, 0);
}

/// What a gradient holds is what it says, up to the room by which vectors grow: with a quarter of the
/// memory it holds less, because steps are taken again.
#[test]
fn gradients_hold_the_memory_that_they_may() {
    let model = lotka_volterra();
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 40.0, u0: &LV_U0, p: &LV_P };
    let settings = tolerances(1e-6, 1e-8);
    let mut loss = |states: &[f64], by_state: &mut [f64]| {
        by_state.fill(1.0);
        states.iter().sum::<f64>()
    };
    let mut held = |memory: u64| {
        let stepper = example_registry().stepper("org.example.rust/bs32").unwrap();
        let before = BYTES.get();
        let mut method = OwnStepsAdjoint::new(stepper).unwrap().with_memory(memory);
        let (mut by_u0, mut by_p) = ([0.0; 2], [0.0; 4]);
        let found = method.evaluate(&ivp, &settings, &[40.0], &mut loss, &mut by_u0, &mut by_p);
        (found.unwrap().memory, (BYTES.get() - before) as u64, by_p)
    };
    let (all, bytes, expected) = held(u64::MAX);
    assert!(bytes >= all && bytes < 2 * all + 4096, "{bytes} for {all}");
    for budget in [all / 2, all / 4] {
        let (said, bytes, by_p) = held(budget);
        println!("{said} said and {bytes} held of {budget} allowed; {all} for all");
        assert!(said <= budget && bytes < 2 * budget + 4096, "{bytes} for {said}");
        assert_eq!(by_p, expected);
    }
}
