//! An integrator that shares nothing with the solvers of the project: extrapolation of the
//! linearly implicit Euler method (Deuflhard, *Recent progress in extrapolation methods for
//! ordinary differential equations*, SIAM Review 27 (1985) 505, doi:10.1137/1027140), of fixed
//! order, for `M u' = f(t, u, p)` with a constant mass matrix.
//! The derivative by time enters as in an autonomous system, so nothing is lost.

use slopefield_kernel::{Kernel, MatrixKernel, Point, Tangent};
use slopefield_problems::Problem;

/// Columns of the extrapolation table: the solution has this order.
const COLUMNS: usize = 9;

/// A dense matrix, row by row, with its factors by Gaussian elimination.
struct Factors {
    n: usize,
    lu: Vec<f64>,
    order: Vec<usize>,
}

impl Factors {
    fn of(n: usize, mut a: Vec<f64>) -> Factors {
        let mut order: Vec<usize> = (0..n).collect();
        for k in 0..n {
            let pivot = (k..n).max_by(|i, j| a[i * n + k].abs().total_cmp(&a[j * n + k].abs()));
            let pivot = pivot.unwrap_or(k);
            order.swap(k, pivot);
            for c in 0..n {
                a.swap(k * n + c, pivot * n + c);
            }
            for i in k + 1..n {
                let factor = a[i * n + k] / a[k * n + k];
                a[i * n + k] = factor;
                if factor != 0.0 {
                    for c in k + 1..n {
                        a[i * n + c] -= factor * a[k * n + c];
                    }
                }
            }
        }
        Factors { n, lu: a, order }
    }

    fn solve(&self, b: &[f64]) -> Vec<f64> {
        let n = self.n;
        let mut x: Vec<f64> = self.order.iter().map(|&i| b[i]).collect();
        for i in 0..n {
            for k in 0..i {
                x[i] -= self.lu[i * n + k] * x[k];
            }
        }
        for i in (0..n).rev() {
            for k in i + 1..n {
                x[i] -= self.lu[i * n + k] * x[k];
            }
            x[i] /= self.lu[i * n + i];
        }
        x
    }
}

fn dense(matrix: &dyn MatrixKernel, t: f64, u: &[f64], p: &[f64]) -> Vec<f64> {
    let pattern = matrix.pattern();
    let mut values = vec![0.0; pattern.rows.len()];
    matrix.eval(t, u, p, &mut values, &mut vec![0.0; matrix.scratch_len()]);
    let mut all = vec![0.0; pattern.height * pattern.width()];
    for j in 0..pattern.width() {
        for place in pattern.starts[j]..pattern.starts[j + 1] {
            all[pattern.rows[place] as usize * pattern.width() + j] = values[place];
        }
    }
    all
}

struct System<'a> {
    rhs: &'a dyn Kernel,
    p: &'a [f64],
    /// Identity when there is none.
    mass: Vec<f64>,
}

impl System<'_> {
    fn slope(&self, t: f64, u: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; u.len()];
        self.rhs.eval(t, u, self.p, &mut out, &mut vec![0.0; self.rhs.scratch_len()]);
        out
    }

    /// The Jacobian by the state and the derivative by time.
    fn derivatives(&self, t: f64, u: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let n = u.len();
        let mut scratch = vec![0.0; self.rhs.scratch_len()];
        let (mut value, mut column) = (vec![0.0; n], vec![0.0; n]);
        let mut product = |t_dot: f64, u_dot: &[f64], column: &mut Vec<f64>| {
            let zero = vec![0.0; self.p.len()];
            let along = Tangent { t: t_dot, u: u_dot, p: &zero };
            self.rhs.jvp(Point { t, u, p: self.p }, along, &mut value, column, &mut scratch);
        };
        let mut jacobian = vec![0.0; n * n];
        let mut along = vec![0.0; n];
        for j in 0..n {
            along[j] = 1.0;
            product(0.0, &along, &mut column);
            along[j] = 0.0;
            for i in 0..n {
                jacobian[i * n + j] = column[i];
            }
        }
        product(1.0, &along, &mut column);
        (jacobian, column)
    }

    /// One step of length `h`: the solution and an estimate of its error.
    fn step(&self, t: f64, u: &[f64], h: f64) -> (Vec<f64>, Vec<f64>) {
        let n = u.len();
        let (jacobian, by_time) = self.derivatives(t, u);
        let mut table: Vec<Vec<f64>> = Vec::new();
        let mut error = Vec::new();
        for row in 0..COLUMNS {
            let pieces = row + 1;
            let small = h / pieces as f64;
            let matrix = self.mass.iter().zip(&jacobian).map(|(m, j)| m - small * j).collect();
            let factors = Factors::of(n, matrix);
            let mut v = u.to_vec();
            for piece in 0..pieces {
                let now = t + piece as f64 * small;
                let slope = self.slope(now, &v);
                let right: Vec<f64> =
                    slope.iter().zip(&by_time).map(|(f, dt)| small * (f + small * dt)).collect();
                for (v, change) in v.iter_mut().zip(factors.solve(&right)) {
                    *v += change;
                }
            }
            let mut last = v;
            for (column, older) in table.iter_mut().enumerate() {
                let ratio = (row + 1) as f64 / (row - column) as f64 - 1.0;
                let improved = last.iter().zip(&*older).map(|(new, old)| new + (new - old) / ratio);
                let next: Vec<f64> = improved.collect();
                *older = std::mem::replace(&mut last, next);
            }
            if row + 1 == COLUMNS {
                error = last.iter().zip(&table[row - 1]).map(|(a, b)| a - b).collect();
            }
            table.push(last);
        }
        (table.pop().unwrap_or_default(), error)
    }
}

/// The states of `problem` at ascending `times`, with local errors below `rtol` of each value and
/// `atol`; steps end where the right-hand side jumps. Fails the test when that takes more than
/// `budget` steps.
pub fn solve(
    problem: &Problem,
    times: &[f64],
    rtol: f64,
    atol: f64,
    budget: usize,
) -> Vec<Vec<f64>> {
    let n = problem.u0.len();
    let structure = problem.rhs.structure();
    let mass = match structure.mass {
        Some(mass) => dense(mass, problem.t0, &problem.u0, &problem.p),
        None => (0..n * n).map(|k| if k % (n + 1) == 0 { 1.0 } else { 0.0 }).collect(),
    };
    let system = System { rhs: &*problem.rhs, p: &problem.p, mass };
    let (mut t, mut u) = (problem.t0, problem.u0.clone());
    let mut h = (times[0] - t) * 1e-4;
    h = h.min(1e-4);
    let mut states = Vec::new();
    for _ in 0..budget {
        while states.len() < times.len() && t == times[states.len()] {
            states.push(u.clone());
        }
        if states.len() == times.len() {
            return states;
        }
        let end = times[states.len()];
        let end = problem.breaks.iter().copied().filter(|b| *b > t).fold(end, f64::min);
        let last = t + 1.01 * h >= end;
        let length = if last { end - t } else { h };
        let (next, error) = system.step(t, &u, length);
        let scaled = |i: usize| error[i] / (atol + rtol * u[i].abs().max(next[i].abs()));
        let norm = (0..n).map(|i| scaled(i).powi(2)).sum::<f64>() / n as f64;
        let norm = if norm.is_finite() { norm.sqrt() } else { 1e30 };
        if norm <= 1.0 {
            t = if last { end } else { t + length };
            u = next;
        }
        let factor = 0.8 * norm.max(1e-12).powf(-1.0 / COLUMNS as f64);
        h = length * factor.clamp(0.1, 4.0);
        assert!(h > 1e-14 * (t.abs() + 1e-12), "{}: the step collapsed at {t}", problem.id);
    }
    panic!("{}: more than {budget} steps, at t = {t}", problem.id);
}
