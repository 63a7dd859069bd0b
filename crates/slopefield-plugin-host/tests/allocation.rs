//! A step through the interface allocates nothing on the side of the host.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
#![allow(unsafe_code, reason = "a counting allocator")]

#[path = "suite/common/mod.rs"]
mod common;

use common::*;
use slopefield_solve::Ivp;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|c| c.set(c.get() + 1));
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn steps_and_repeated_starts_allocate_nothing() {
    let model = lotka_volterra();
    let ivp = Ivp { rhs: &model, t0: 0.0, t1: 10.0, u0: &LV_U0, p: &LV_P };
    let settings = tolerances(1e-8, 1e-8);
    let mut stepper = bundled_registry().stepper("org.slopefield.ode-extra/dop853").unwrap();
    stepper.start(&ivp, &settings).unwrap();
    let mut out = [0.0; 2];
    let before = COUNT.get();
    for _ in 0..2 {
        stepper.start(&ivp, &settings).unwrap();
        let mut t = 0.0;
        while t != 10.0 {
            let step = stepper.step(&ivp, &settings, 10.0).unwrap();
            stepper.interpolate(0.5 * (step.t_prev + step.t), &mut out).unwrap();
            t = step.t;
        }
    }
    assert_eq!(COUNT.get() - before, 0);
    // The counter counts.
    drop(std::hint::black_box(vec![1.0; 3]));
    assert_eq!(COUNT.get() - before, 1);
}
