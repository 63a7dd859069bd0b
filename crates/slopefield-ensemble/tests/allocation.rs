//! Steps allocate nothing: an ensemble allocates as often for many steps as for few.
#![allow(unsafe_code, reason = "a global allocator that counts can only be written with unsafe")]

#[path = "suite/common/mod.rs"]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use common::*;
use slopefield_ensemble::EachLane;
use slopefield_problems::lotka_volterra;
use slopefield_solve::{Settings, tableau};

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

#[test]
fn neither_steps_nor_saves_nor_refills_allocate() {
    let problem = lotka_volterra();
    let batch = EachLane::new(&*problem.rhs, &all_params(&*problem.rhs));
    let span = (0.0, 10.0);
    let saves = grid(span, 51);
    // The caller's own allocations are the same for each count.
    let run = |count: usize, tolerance: f64| {
        let v = variations(&problem, count);
        let settings = Settings::with_tolerances(tolerance, tolerance);
        let tsit5 = tableau("tsit5").unwrap();
        let before = ALLOCATIONS.with(Cell::get);
        let (_, report) = together(&batch, span, &v, count, tsit5, &settings, &saves, 1);
        (ALLOCATIONS.with(Cell::get) - before, report.attempts)
    };
    run(1, 1e-3);
    let (few, few_steps) = run(9, 1e-3);
    let (many, many_steps) = run(200, 1e-9);
    assert!(many_steps > 100 * few_steps, "{few_steps} and {many_steps} steps");
    assert_eq!(many, few);
    assert!(few > 10, "the counter counts: {few}");
}
