//! Times of the parts of an implicit step on two Brusselators: right-hand side, Jacobian,
//! factorisation and solution, beside faer's sparse factorisation and a banded one of the same
//! matrix.
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
        in_a_band(&jacobian, a, u0);
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

/// Factorisation with partial pivoting in a band (as LAPACK's `dgbtf2`), with the states in the
/// order of Cuthill and McKee, which makes the band narrow.
struct Band {
    n: usize,
    /// Diagonals below and above.
    below: usize,
    above: usize,
    /// Column by column, each `2 below + above + 1` high.
    values: Vec<f64>,
    pivots: Vec<usize>,
}

impl Band {
    fn height(&self) -> usize {
        2 * self.below + self.above + 1
    }

    fn at(&self, i: usize, j: usize) -> usize {
        j * self.height() + self.below + self.above + i - j
    }

    fn factor(&mut self) {
        let (n, below) = (self.n, self.below);
        let stride = self.height() - 1;
        let mut last = 0;
        for j in 0..n {
            let rows = below.min(n - 1 - j);
            let diagonal = self.at(j, j);
            let column = &self.values[diagonal..=diagonal + rows];
            let mut pivot = 0;
            for (i, x) in column.iter().enumerate() {
                if x.abs() > column[pivot].abs() {
                    pivot = i;
                }
            }
            self.pivots[j] = pivot;
            last = last.max((j + self.above + pivot).min(n - 1));
            if pivot > 0 {
                for c in 0..=last - j {
                    self.values.swap(diagonal + c * stride, diagonal + pivot + c * stride);
                }
            }
            let reciprocal = 1.0 / self.values[diagonal];
            let (left, right) = self.values.split_at_mut(diagonal + rows + 1);
            let factors = &mut left[diagonal + 1..];
            for x in factors.iter_mut() {
                *x *= reciprocal;
            }
            for c in 1..=last - j {
                let top = diagonal + c * stride - (diagonal + rows + 1);
                let u = right[top];
                if u != 0.0 {
                    for (x, l) in right[top + 1..=top + rows].iter_mut().zip(&*factors) {
                        *x -= u * *l;
                    }
                }
            }
        }
    }

    fn solve(&self, x: &mut [f64]) {
        let (n, below) = (self.n, self.below);
        for j in 0..n {
            x.swap(j, j + self.pivots[j]);
            let (rows, first, xj) = (below.min(n - 1 - j), self.at(j, j) + 1, x[j]);
            for (x, l) in x[j + 1..=j + rows].iter_mut().zip(&self.values[first..]) {
                *x -= xj * l;
            }
        }
        for j in (0..n).rev() {
            let diagonal = self.at(j, j);
            x[j] /= self.values[diagonal];
            let (rows, xj) = ((below + self.above).min(j), x[j]);
            let column = &self.values[diagonal - rows..diagonal];
            for (x, u) in x[j - rows..j].iter_mut().zip(column) {
                *x -= xj * u;
            }
        }
    }
}

/// The order of Cuthill and McKee, from a state far from the others.
fn narrow_order(pattern: &Pattern) -> Vec<usize> {
    let n = pattern.width();
    let mut neighbours = vec![Vec::new(); n];
    for j in 0..n {
        for i in pattern.column(j) {
            neighbours[j].push(*i as usize);
            neighbours[*i as usize].push(j);
        }
    }
    let mut from = 0;
    let mut order = Vec::new();
    for _ in 0..3 {
        order.clear();
        let mut seen = vec![false; n];
        for root in std::iter::once(from).chain(0..n) {
            if std::mem::replace(&mut seen[root], true) {
                continue;
            }
            let mut next = order.len();
            order.push(root);
            while next < order.len() {
                let mut found: Vec<usize> = neighbours[order[next]].clone();
                found.sort_by_key(|k| neighbours[*k].len());
                for k in found {
                    if !std::mem::replace(&mut seen[k], true) {
                        order.push(k);
                    }
                }
                next += 1;
            }
        }
        from = order[n - 1];
    }
    order
}

fn in_a_band(jacobian: &Jacobian<f64>, a: f64, u0: &[f64]) {
    let n = jacobian.size();
    let Some(pattern) = jacobian.pattern() else { return };
    let order = narrow_order(pattern);
    let mut place = vec![0; n];
    for (at, state) in order.iter().enumerate() {
        place[*state] = at;
    }
    let (mut below, mut above) = (0, 0);
    let mut entries = Vec::new();
    for j in 0..n {
        for (i, v) in pattern.column(j).iter().zip(&jacobian.values()[pattern.range(j)]) {
            let (row, column) = (place[*i as usize], place[j]);
            below = below.max(row.saturating_sub(column));
            above = above.max(column.saturating_sub(row));
            entries.push((row, column, -v));
        }
        entries.push((place[j], place[j], a));
    }
    if below + above > n / 4 {
        return;
    }
    let mut band = Band { n, below, above, values: Vec::new(), pivots: vec![0; n] };
    band.values.resize(n * band.height(), 0.0);
    let places: Vec<usize> = entries.iter().map(|(i, j, _)| band.at(*i, *j)).collect();
    let factor = least(|| {
        band.values.fill(0.0);
        for (place, (.., value)) in places.iter().zip(&entries) {
            band.values[*place] += *value;
        }
        band.factor();
        black_box(&band.values);
    });
    let (mut x, mut ordered) = (u0.to_vec(), vec![0.0; n]);
    let solve = least(|| {
        for (x, state) in ordered.iter_mut().zip(&order) {
            *x = u0[*state];
        }
        band.solve(black_box(&mut ordered));
        for (value, state) in ordered.iter().zip(&order) {
            x[*state] = *value;
        }
    });
    // The residual tells that it is the same matrix.
    let mut residual = u0.to_vec();
    for j in 0..n {
        for (i, v) in pattern.column(j).iter().zip(&jacobian.values()[pattern.range(j)]) {
            residual[*i as usize] += v * x[j];
        }
        residual[j] -= a * x[j];
    }
    let worst = residual.iter().fold(0.0_f64, |worst, r| worst.max(r.abs()));
    println!(
        "{:>26}: {below} + {above} diagonals, factor {factor:.3} µs, solve {solve:.3}, residual {worst:.1e}",
        "band"
    );
}
