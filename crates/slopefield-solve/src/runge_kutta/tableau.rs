//! Coefficients of an explicit Runge–Kutta method, with its embedded error estimate and its
//! interpolant. Data only.

use slopefield_kernel::StepTable;

/// Largest number of stages of a table, those that only the interpolant needs not counted.
pub const MAX_STAGES: usize = 16;

/// Largest number of stages of a table with those that only the interpolant needs.
pub const MAX_DENSE_STAGES: usize = 32;

/// Stages that only the interpolant needs. They are evaluated when somebody asks for the solution
/// within a step.
#[derive(Debug, PartialEq)]
pub struct ExtraStages {
    /// Stage matrix: row `i` has an entry for each of the `s` stages of the step and the `i` extra
    /// ones before it.
    pub a: &'static [&'static [f64]],
    /// Stage times.
    pub c: &'static [f64],
    /// Row `i`, of the stages of the step and then of the extra ones: coefficients `d_ij` of the
    /// weight `b_i(θ) = θ Σ_j d_ij T_j(2θ − 1)` in Chebyshev polynomials. In powers of `θ` those of
    /// high orders would be up to `10^6` for weights of the size of 1, and so many digits would
    /// cancel. Rows of weights that are 0 are empty.
    pub dense: &'static [&'static [f64]],
}

impl ExtraStages {
    /// For interpolants of the stages that the step has anyhow.
    pub const NONE: ExtraStages = ExtraStages { a: &[], c: &[], dense: &[] };
}

/// Coefficients of an explicit Runge–Kutta pair.
///
/// A step from `(t, u)` of length `h` has the stages
/// `k_i = f(t + c_i h, u + h Σ_{j<i} a_ij k_j)`, the result `u + h Σ b_i k_i`, the error estimate
/// `h Σ e_i k_i` and, for `0 ≤ θ ≤ 1`, the solution `u(t + θh) ≈ u + h Σ b_i(θ) k_i` with
/// polynomials `b_i(θ)`.
///
/// First same as last (`fsal`) means that the last stage is the result: its row of `a` equals
/// `b`, and its slope is the first slope of the next step.
#[derive(Debug, PartialEq)]
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
    /// What the interpolant needs besides the stages of the step.
    pub extra: ExtraStages,
    /// Row `i`: coefficients of `θ, θ², …` in `b_i(θ)`. No rows for tables with extra stages, whose
    /// interpolant is [`ExtraStages::dense`].
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

    /// Number of stages with those that only the interpolant needs.
    pub const fn dense_stages(&self) -> usize {
        self.b.len() + self.extra.a.len()
    }

    /// Weights and time of a stage, which may be one of those that only the interpolant needs.
    pub fn stage(&self, i: usize) -> (&'static [f64], f64) {
        match i.checked_sub(self.stages()) {
            None => (self.a[i], self.c[i]),
            Some(i) => (self.extra.a[i], self.extra.c[i]),
        }
    }

    /// The last two stages at one time: the difference of their slopes over that of their states
    /// estimates how fast the problem is.
    pub(super) fn last_pair(&self) -> Option<(usize, usize)> {
        let last = self.stages().checked_sub(1)?;
        (0..last).rev().find(|i| self.c[*i] == self.c[last]).map(|i| (i, last))
    }

    /// Evaluations of the right-hand side per step, after the first.
    pub const fn evaluations_per_step(&self) -> usize {
        if self.fsal { self.b.len() - 1 } else { self.b.len() }
    }

    /// Order in the step size of the local error estimate, as controllers want it.
    pub const fn error_order(&self) -> u32 {
        self.embedded_order + 1
    }

    /// Whether the first extra stage is the end of the step, and so the first stage of the next.
    pub(super) fn extra_begins_with_end(&self) -> bool {
        self.extra.a.first().is_some_and(|row| *row == self.b) && self.extra.c[0] == 1.0
    }

    /// Degree in `θ` of the interpolation weights.
    pub fn dense_degree(&self) -> usize {
        self.dense.iter().chain(self.extra.dense).map(|row| row.len()).max().unwrap_or(0)
    }

    /// What code for whole steps needs to know.
    pub const fn step_table(&self) -> StepTable {
        let b: &[f64] = if self.fsal { &[] } else { self.b };
        let dense: &[&[f64]] = if self.extra.a.is_empty() { self.dense } else { &[] };
        StepTable { a: self.a, b, b_error: self.b_error, c: self.c, dense }
    }

    /// Writes the interpolation weights `b_i(θ)` to the first [`Tableau::dense_stages`] entries.
    pub fn dense_weights(&self, theta: f64, weights: &mut [f64]) {
        if !self.extra.a.is_empty() {
            return self.chebyshev_weights(theta, weights);
        }
        for (weight, row) in weights.iter_mut().zip(self.dense) {
            *weight = dense_weight(row, theta);
        }
    }

    /// Weights of an interpolant given in Chebyshev polynomials.
    fn chebyshev_weights(&self, theta: f64, weights: &mut [f64]) {
        let x = 2.0 * theta - 1.0;
        let mut basis = [theta, theta * x, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        for j in 2..basis.len() {
            basis[j] = 2.0 * x * basis[j - 1] - basis[j - 2];
        }
        for (weight, row) in weights.iter_mut().zip(self.extra.dense) {
            *weight = row.iter().zip(&basis).map(|(d, b)| d * b).sum();
        }
    }
}

/// Interpolation weight `b(θ) = θ (c_0 + c_1 θ + …)` of one stage.
#[inline(always)]
pub(super) fn dense_weight(row: &[f64], theta: f64) -> f64 {
    match *row {
        [a, b, c, d] => theta * ((a + theta * b) + (theta * theta) * (c + theta * d)),
        _ => row.iter().rev().fold(0.0, |sum, coefficient| theta * (sum + coefficient)),
    }
}
