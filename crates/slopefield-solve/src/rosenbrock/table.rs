//! Coefficients of Rosenbrock methods.

/// Largest number of stages of a table; the smallest is 2.
pub const MAX_STAGES: usize = 8;

/// Coefficients of a Rosenbrock method with `s` stages, in the form that needs no products with
/// the Jacobian (*Solving ODEs II*, eq. IV.7.25): stage `i` solves
///
/// ```text
/// (M/(γh) − J) U_i = f(t + α_i h, u + Σ a_ij U_j) + M Σ (c_ij/h) U_j + γ_i h ∂f/∂t
/// ```
///
/// with sums over `j < i`; the result is `u + Σ b_j U_j`, the error estimate `Σ e_j U_j`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RosenbrockTable {
    /// Name in study files and on the command line.
    pub id: &'static str,
    /// Name shown to users.
    pub name: &'static str,
    /// Order of the result.
    pub order: u32,
    /// Order of the embedded method that the error estimate is the distance to.
    pub embedded_order: u32,
    /// Order of the interpolant.
    pub dense_order: u32,
    /// `γ`, the diagonal.
    pub gamma: f64,
    /// `a_ij`: row `i` has `i` entries.
    pub a: &'static [&'static [f64]],
    /// `c_ij`: row `i` has `i` entries.
    pub c: &'static [&'static [f64]],
    /// `b_j`.
    pub b: &'static [f64],
    /// `e_j`.
    pub error: &'static [f64],
    /// `α_i`.
    pub alpha: &'static [f64],
    /// `γ_i`.
    pub gamma_sum: &'static [f64],
    /// Rows `D_k = Σ h_kj U_j` of the interpolant
    /// `(1−θ) u + θ (u_new + (1−θ) (D_1 + θ (D_2 + θ (D_3 + …))))`.
    pub dense: &'static [&'static [f64]],
    /// The argument of this stage and of every later one, and the result, is that of the stage
    /// before plus its `U`; the number of stages when there is no such stage.
    pub chained: usize,
    /// One sentence: when to use it.
    pub advice: &'static str,
    /// DOI of the paper it comes from.
    pub reference: &'static str,
}

impl RosenbrockTable {
    /// Number of stages.
    pub fn stages(&self) -> usize {
        self.alpha.len()
    }

    /// Order in the step size of the local error estimate.
    pub fn error_order(&self) -> u32 {
        self.embedded_order + 1
    }
}
