//! Coefficients of an explicit Runge–Kutta method, with its embedded error estimate and its
//! interpolant. Data only.

use slopefield_kernel::StepTable;

/// Largest number of stages of a table.
pub const MAX_STAGES: usize = 16;

/// Coefficients of an explicit Runge–Kutta pair.
///
/// A step from `(t, u)` of length `h` has the stages
/// `k_i = f(t + c_i h, u + h Σ_{j<i} a_ij k_j)`, the result `u + h Σ b_i k_i`, the error estimate
/// `h Σ e_i k_i` and, for `0 ≤ θ ≤ 1`, the solution `u(t + θh) ≈ u + h Σ b_i(θ) k_i` with
/// polynomials `b_i(θ)`.
///
/// First same as last (`fsal`) means that the last stage is the result: its row of `a` equals
/// `b`, and its slope is the first slope of the next step.
#[derive(Debug)]
pub struct Tableau {
    /// Name in study files.
    pub id: &'static str,
    /// Name shown to users.
    pub name: &'static str,
    /// Order of the result.
    pub order: u32,
    /// Order of the embedded result whose difference is the error estimate.
    pub embedded_order: u32,
    /// Order of the interpolant.
    pub dense_order: u32,
    /// Whether the last stage is the first of the next step.
    pub fsal: bool,
    /// Stage matrix, strictly lower triangular: row `i` has `i` entries.
    pub a: &'static [&'static [f64]],
    /// Weights of the result.
    pub b: &'static [f64],
    /// Weights of the error estimate (weights of the result minus embedded weights).
    pub b_error: &'static [f64],
    /// Stage times.
    pub c: &'static [f64],
    /// Row `i`: coefficients of `θ, θ², …` in `b_i(θ)`.
    pub dense: &'static [&'static [f64]],
    /// One sentence: when to use the method.
    pub advice: &'static str,
    /// DOI of the paper.
    pub reference: &'static str,
}

impl Tableau {
    /// Number of stages.
    pub const fn stages(&self) -> usize {
        self.b.len()
    }

    /// Evaluations of the right-hand side per step, after the first.
    pub const fn evaluations_per_step(&self) -> usize {
        if self.fsal { self.b.len() - 1 } else { self.b.len() }
    }

    /// Order in the step size of the local error estimate, as controllers want it.
    pub const fn error_order(&self) -> u32 {
        self.embedded_order + 1
    }

    /// Degree in `θ` of the interpolation weights.
    pub fn dense_degree(&self) -> usize {
        self.dense.iter().map(|row| row.len()).max().unwrap_or(0)
    }

    /// What code for whole steps needs to know; none for methods that are not first same as last.
    pub const fn step_table(&self) -> Option<StepTable> {
        if self.fsal {
            Some(StepTable { a: self.a, b_error: self.b_error, c: self.c, dense: self.dense })
        } else {
            None
        }
    }

    /// Writes the interpolation weights `b_i(θ)` to the first [`Tableau::stages`] entries.
    pub fn dense_weights(&self, theta: f64, weights: &mut [f64; MAX_STAGES]) {
        let square = theta * theta;
        for (weight, row) in weights.iter_mut().zip(self.dense) {
            *weight = match **row {
                [a, b, c, d] => theta * ((a + theta * b) + square * (c + theta * d)),
                _ => row.iter().rev().fold(0.0, |sum, coefficient| theta * (sum + coefficient)),
            };
        }
    }
}
