//! Factoring and solving again allocates nothing.
#![allow(unsafe_code, reason = "a global allocator that counts can only be written with unsafe")]

mod common;

use common::LinearSystem;
use slopefield_linear::{Field, Gmres, IterationMatrix, Jacobian, Mass, Real};
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

fn repeats<E: Field>(n: usize, density: f64, hidden: bool, a: E, b: E) {
    let system = LinearSystem::<E::Part>::random(n, density, hidden, true);
    let zeros = vec![<E::Part as Real>::ZERO; n];
    let (mut jacobian, mut mass) = (Jacobian::new(), Mass::new());
    let mut matrix = IterationMatrix::<E>::new();
    let mut x = vec![a; n];
    let mut at_first = 0;
    for round in 0..4 {
        jacobian.prepare(&system);
        mass.evaluate(&system, 0.0, &zeros, &[]);
        matrix.prepare(&jacobian, &mass);
        jacobian.evaluate(&system, 0.0, &zeros, &[]);
        let factored = matrix.factor(a, b, &jacobian, &mass);
        assert!(factored.is_ok(), "{n} states");
        matrix.solve(&mut x);
        matrix.solve_transposed(&mut x);
        if round == 0 {
            at_first = allocations();
        }
    }
    assert_eq!(allocations(), at_first, "{n} states");
}

#[test]
fn factoring_and_solving_again_allocates_nothing() {
    for (n, density, hidden) in
        [(3, 1.0, true), (20, 1.0, true), (60, 1.0, true), (40, 0.05, false), (200, 0.01, false)]
    {
        repeats(n, density, hidden, 2.0, 0.3);
        repeats(n, density, hidden, 2.0_f32, 0.3);
        repeats(n, density, hidden, f64::complex(2.0, 1.0), f64::complex(0.3, 0.0));
    }
}

#[test]
fn gmres_allocates_nothing() {
    let mut gmres = Gmres::new(50, 10);
    let (r, mut x) = (vec![1.0; 50], vec![0.0; 50]);
    let before = allocations();
    let product = |x: &[f64], out: &mut [f64]| {
        for i in 0..50 {
            out[i] = (2.0 + i as f64) * x[i] - x[(i + 1) % 50];
        }
    };
    let outcome = gmres.solve(product, |_| {}, &r, &mut x, 1e-8, 500);
    assert_eq!(allocations(), before);
    assert!(outcome.converged);
}

/// Pivots chosen anew, for numbers that have changed by orders of magnitude, find room.
#[test]
fn other_pivots_allocate_nothing() {
    for n in [12, 60] {
        let mut generator = common::Generator(9);
        let mut system = LinearSystem::<f64>::random(n, 2.0 / n as f64, false, false);
        let zeros = vec![0.0; n];
        let (mut jacobian, mut mass) = (Jacobian::new(), Mass::new());
        jacobian.prepare(&system);
        mass.evaluate(&system, 0.0, &zeros, &[]);
        let mut matrix = IterationMatrix::<f64>::new();
        matrix.prepare(&jacobian, &mass);
        jacobian.evaluate(&system, 0.0, &zeros, &[]);
        assert!(matrix.factor(1e3, 1.0, &jacobian, &mass).is_ok());
        let at_first = allocations();
        let mut operations = Vec::with_capacity(20);
        let after_list = allocations();
        for _ in 0..20 {
            system.rescale(|| 10.0_f64.powf(3.0 * generator.number()));
            jacobian.evaluate(&system, 0.0, &zeros, &[]);
            assert!(matrix.factor(1e-6, 1.0, &jacobian, &mass).is_ok());
            operations.push(matrix.operations());
        }
        assert_eq!(allocations(), after_list, "{n} states");
        assert!(after_list == at_first + 1);
        operations.dedup();
        assert!(operations.len() > 1, "the pivots never changed");
    }
}
