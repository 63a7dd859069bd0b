//! Coefficients of diagonally implicit Runge–Kutta methods. Data only.

/// Largest number of stages of a table.
pub const MAX_STAGES: usize = 12;

/// Coefficients of a stiffly accurate diagonally implicit Runge–Kutta method with an explicit
/// first stage (ESDIRK), its error estimate and its interpolant.
///
/// A step of length `h` from `(t, u)` has the increments `z_i = h k_i` with
/// `M k_i = f(t + c_i h, u + Σ_{j<i} a_ij z_j + γ z_i)`, `z_1 = h u'(t)`. The last stage is the
/// result: its row of `a`, with `γ` at the end, holds the weights. The last slope is the first of
/// the next step.
///
/// A method all of whose stages are implicit (SDIRK) has a first stage without weight in front: the
/// slope at the beginning, which costs nothing and serves guesses and the interpolant.
#[derive(Debug, PartialEq)]
pub struct ImplicitTableau {
    /// Name in study files.
    pub id: &'static str,
    /// Name shown to users.
    pub name: &'static str,
    /// Order of the result.
    pub order: u32,
    /// Order in the step size of the error estimate.
    pub error_order: u32,
    /// Order of the interpolant for differential variables; for algebraic ones it is at most 2,
    /// the order of the stages.
    pub dense_order: u32,
    /// Diagonal of the stage matrix, but for its first entry, which is 0.
    pub gamma: f64,
    /// Stage matrix below the diagonal: row `i` has `i` entries.
    pub a: &'static [&'static [f64]],
    /// Stage times.
    pub c: &'static [f64],
    /// Weights of the error estimate (weights of the result minus embedded weights).
    pub b_error: &'static [f64],
    /// Guesses of the increments from those before: row `i` has `i` entries.
    pub predictor: &'static [&'static [f64]],
    /// Row `i`: coefficients of `θ, θ², …` in the weight of `z_i` in the solution at `t + θh`.
    pub dense: &'static [&'static [f64]],
    /// The explicit method that treats the rest of a split right-hand side, as row `i` with `i`
    /// entries. Its weights and stage times are those of the implicit method.
    pub explicit: Option<&'static [&'static [f64]]>,
    /// One sentence: when to use the method.
    pub advice: &'static str,
    /// DOI of the paper.
    pub reference: &'static str,
}

impl ImplicitTableau {
    /// Number of stages.
    pub const fn stages(&self) -> usize {
        self.c.len()
    }

    /// Weight `i` of the result.
    pub fn weight(&self, i: usize) -> f64 {
        let last = self.stages() - 1;
        if i == last { self.gamma } else { self.a[last][i] }
    }

    /// Writes the interpolation weights at `theta`.
    pub fn dense_weights(&self, theta: f64, weights: &mut [f64; MAX_STAGES]) {
        for (weight, row) in weights.iter_mut().zip(self.dense) {
            *weight = row.iter().rev().fold(0.0, |sum, coefficient| theta * (sum + coefficient));
        }
    }
}
