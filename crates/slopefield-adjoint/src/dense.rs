//! A whole trajectory as a piecewise polynomial, from any stepper's own dense output.
//!
//! Each accepted step is sampled at seven Chebyshev–Lobatto points, both ends among them, and
//! evaluated by barycentric interpolation of degree 6. The dense output of the built-in methods
//! (degree 3 or 4) is therefore reproduced up to rounding; a stepper with dense output of higher
//! degree is represented with an error of order 7 in its step. (Berrut, Trefethen, *Barycentric
//! Lagrange interpolation*, SIAM Review 46 (2004) 501, eq. 5.4.)

use slopefield_solve::{SolveError, Step, StepObserver, Stepper};

/// Samples per step.
const NODES: usize = 7;

/// Chebyshev–Lobatto points on [0, 1], ascending: (1 − cos(jπ/6))/2.
const POINTS: [f64; NODES] =
    [0.0, 0.066_987_298_107_780_68, 0.25, 0.5, 0.75, 0.933_012_701_892_219_3, 1.0];

/// Barycentric weights of these points, up to a common factor.
const WEIGHTS: [f64; NODES] = [0.5, -1.0, 1.0, -1.0, 1.0, -1.0, 0.5];

/// The stored trajectory.
#[derive(Default)]
pub(crate) struct DensePath {
    n: usize,
    /// Start of the first step, then the end of each.
    times: Vec<f64>,
    /// `NODES × n` values per step.
    values: Vec<f64>,
}

impl DensePath {
    /// Forgets the previous trajectory, keeping the memory.
    pub fn clear(&mut self, n: usize) {
        self.n = n;
        self.times.clear();
        self.values.clear();
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        8 * (self.times.len() + self.values.len()) as u64
    }

    /// Writes the state at `t`, which must lie on the path, to `out`.
    pub fn at(&self, t: f64, out: &mut [f64]) {
        let forward = self.times[self.times.len() - 1] >= self.times[0];
        let inner = &self.times[1..self.times.len() - 1];
        let step = inner.partition_point(|end| if forward { *end < t } else { *end > t });
        let (t_prev, t_new) = (self.times[step], self.times[step + 1]);
        let theta = (t - t_prev) / (t_new - t_prev);
        let rows = &self.values[step * NODES * self.n..(step + 1) * NODES * self.n];
        let mut weights = [0.0; NODES];
        let mut total = 0.0;
        for j in 0..NODES {
            let distance = theta - POINTS[j];
            if distance == 0.0 {
                out.copy_from_slice(&rows[j * self.n..(j + 1) * self.n]);
                return;
            }
            weights[j] = WEIGHTS[j] / distance;
            total += weights[j];
        }
        out.fill(0.0);
        for (weight, row) in weights.iter().zip(rows.chunks_exact(self.n)) {
            let weight = weight / total;
            for (value, x) in out.iter_mut().zip(row) {
                *value += weight * x;
            }
        }
    }
}

impl StepObserver for DensePath {
    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper) -> Result<(), SolveError> {
        if self.times.is_empty() {
            self.times.push(step.t_prev);
        }
        self.times.push(step.t);
        let first = self.values.len();
        self.values.resize(first + NODES * self.n, 0.0);
        let rows = &mut self.values[first..];
        for (j, row) in rows.chunks_exact_mut(self.n).enumerate() {
            if j == NODES - 1 {
                row.copy_from_slice(solution.state());
            } else {
                let t = step.t_prev + POINTS[j] * (step.t - step.t_prev);
                solution.interpolate(t, row)?;
            }
        }
        Ok(())
    }
}
