//! Repeated gradients of the same size allocate nothing.
#![allow(unsafe_code, reason = "a global allocator that counts can only be written with unsafe")]

mod common;

use common::{HEUN, ivp, spread, squares};
use slopefield_adjoint::{DiscreteAdjoint, ForwardSensitivity, GaussAdjoint, GradientMethod};
use slopefield_kernel::Kernel;
use slopefield_problems::all;
use slopefield_solve::runge_kutta::{BS3, TSIT5};
use slopefield_solve::{ExplicitRungeKutta, Ivp, Settings};
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
