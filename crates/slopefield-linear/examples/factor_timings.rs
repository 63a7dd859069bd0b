//! Times of the parts of an implicit step on two Brusselators: right-hand side, Jacobian,
//! factorisation and solution, beside faer's sparse factorisation of the same matrix.
//!
//! `cargo run --release -p slopefield-linear --example factor_timings`

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::sparse::linalg::SupernodalThreshold;
use faer::sparse::linalg::lu::{LuRef, LuSymbolicParams, NumericLu, factorize_symbolic_lu};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use faer::{Conj, MatMut, Par, Spec};
use slopefield_linear::{IterationMatrix, Jacobian, Mass, Pattern};
use slopefield_problems::{
    Problem, brusselator_1d, brusselator_1d_200, brusselator_2d, hires, pollution, robertson,
};
use std::hint::black_box;
use std::time::Instant;

/// Least time of a call in microseconds.
fn least(mut call: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    let begin = Instant::now();
    while begin.elapsed().as_millis() < 300 {
        let start = Instant::now();
        let mut calls = 0;
        while start.elapsed().as_micros() < 50 {
            call();
            calls += 1;
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e6 / f64::from(calls));
    }
    best
}

fn main() {
    for problem in [
        robertson(),
        hires(),
        pollution(),
        brusselator_1d(),
        brusselator_1d_200(),
        brusselator_2d(16),
        brusselator_2d(32),
    ] {
        parts(&problem);
    }
}

fn parts(problem: &Problem) {
    let Problem { rhs, u0, p, t0, .. } = problem;
    let n = u0.len();
    let (mut jacobian, mut mass) = (Jacobian::new(), Mass::new());
    jacobian.prepare(&**rhs);
    mass.evaluate(&**rhs, *t0, u0, p);
    let mut out = vec![0.0; n];
    let mut scratch = vec![0.0; rhs.scratch_len()];
    let f = least(|| rhs.eval(*t0, black_box(u0), p, &mut out, &mut scratch));
    let j = least(|| {
        jacobian.evaluate(&**rhs, *t0, black_box(u0), p);
    });
    let mut matrix = IterationMatrix::<f64>::new();
    matrix.prepare(&jacobian, &mass);
    let a = black_box(50.0);
    let factor = least(|| {
        matrix.factor(a, 1.0, &jacobian, &mass).expect("a regular matrix");
    });
    let mut x = u0.clone();
    let solve = least(|| {
        x.copy_from_slice(u0);
        matrix.solve(black_box(&mut x));
    });
    println!(
        "{:>20} {n:>5} states: f {f:.3} µs, J {j:.3}, factor {factor:.3} ({} multiplications, {:?}), \
         solve {solve:.3}",
        problem.id,
        matrix.operations(),
        matrix.storage(),
    );
    if n >= 40 {
        by_faer(&jacobian, a, u0);
    }
}

fn by_faer(jacobian: &Jacobian<f64>, a: f64, u0: &[f64]) {
    let n = jacobian.size();
    let Some(pattern) = jacobian.pattern() else { return };
    let whole = pattern.union(&Pattern::diagonal(n));
    let mut values = vec![0.0; whole.len()];
    for j in 0..n {
        for (i, v) in pattern.column(j).iter().zip(&jacobian.values()[pattern.range(j)]) {
            values[whole.index(*i, j).expect("in the union")] = -v;
        }
        values[whole.index(j as u32, j).expect("in the union")] += a;
    }
    let rows: Vec<usize> = whole.view().rows.iter().map(|i| *i as usize).collect();
    let symbolic = SymbolicSparseColMatRef::new_checked(n, n, whole.view().starts, None, &rows);
    for (name, threshold) in [
        ("simplicial", SupernodalThreshold::FORCE_SIMPLICIAL),
        ("supernodal", SupernodalThreshold::FORCE_SUPERNODAL),
    ] {
        let params =
            LuSymbolicParams { supernodal_flop_ratio_threshold: threshold, ..Default::default() };
        let Ok(analysis) = factorize_symbolic_lu(symbolic, params) else { return };
        let mut numeric = NumericLu::new();
        let requirement = analysis.factorize_numeric_lu_scratch::<f64>(Par::Seq, Spec::default());
        let mut memory = MemBuffer::new(requirement);
        let factor = least(|| {
            let matrix = SparseColMatRef::new(symbolic, &values);
            let factored = analysis.factorize_numeric_lu(
                &mut numeric,
                black_box(matrix),
                Par::Seq,
                MemStack::new(&mut memory),
                Spec::default(),
            );
            assert!(factored.is_ok());
        });
        let mut memory = MemBuffer::new(analysis.solve_in_place_scratch::<f64>(1, Par::Seq));
        let mut x = u0.to_vec();
        let solve = least(|| {
            x.copy_from_slice(u0);
            let factors = LuRef::new_unchecked(&analysis, &numeric);
            let x = MatMut::from_column_major_slice_mut(&mut x, n, 1);
            factors.solve_in_place_with_conj(Conj::No, x, Par::Seq, MemStack::new(&mut memory));
        });
        println!("{:>26}: factor {factor:.3} µs, solve {solve:.3}", format!("faer {name}"));
    }
}
