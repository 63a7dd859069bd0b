//! Whole steps of explicit Runge–Kutta methods in one call.
//!
//! A step of a small system is a chain of evaluations that wait for each other. Called one by one,
//! each passes its argument and its result through memory; a compiler that knows the function and
//! the method can keep the chain in registers. A kernel that can do so hands out a [`StepKernel`]
//! from [`Kernel::explicit_step`](crate::Kernel::explicit_step), and for the reverse pass of the
//! discrete adjoint a [`ReverseStepKernel`].

/// Coefficients of an explicit Runge–Kutta pair. Two tables are the same when their slices are.
#[derive(Debug, Clone, Copy)]
pub struct StepTable {
    /// Stage matrix: row `i` has `i` entries.
    pub a: &'static [&'static [f64]],
    /// Weights of the result, one per stage. Empty where the last stage is the result and the first
    /// stage of the next step (first same as last): then the last row of `a` holds them.
    pub b: &'static [f64],
    /// Weights of the error estimate, one per stage.
    pub b_error: &'static [f64],
    /// Stage times, one per stage.
    pub c: &'static [f64],
    /// Row `i`: coefficients `d_i1, d_i2, …` of `θ, θ², …` in the interpolation weight of stage
    /// `i`. No rows where the interpolant needs further stages; such steps are not reversed whole.
    pub dense: &'static [&'static [f64]],
}

impl StepTable {
    /// Rows of states that a step has: its stages, and the result where no stage is.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.c.len() + usize::from(!self.b.is_empty())
    }
}

/// An attempt at a step, with `s` stages and `n` states.
#[derive(Debug)]
pub struct StepAttempt<'a, T = f64> {
    /// Where the step begins.
    pub t: f64,
    /// Where it ends. Its length is the rounded difference of the two.
    pub t_new: f64,
    /// Whether the arrays hold an accepted step that ends at `t`, whose last row is to become the
    /// first; otherwise their first rows hold the beginning. Only for methods whose last stage is
    /// the result: of others the slope at the end is not there.
    pub from_end: bool,
    /// Parameters.
    pub p: &'a [T],
    /// Relative tolerance.
    pub rtol: f64,
    /// Absolute tolerance of each state.
    pub atol: &'a [f64],
    /// Stage states, row by row, and the result where no stage is ([`StepTable::rows`]). The first
    /// row is the beginning; all others are written.
    pub states: &'a mut [T],
    /// Slopes of the stages, `s × n`.
    pub slopes: &'a mut [T],
    /// Work space, as long as the kernel asks for.
    pub scratch: &'a mut [T],
}

/// Steps of one method for one kernel. Allocates nothing and keeps no state, like a
/// [`Kernel`](crate::Kernel).
pub trait StepKernel<T = f64>: Send + Sync {
    /// Computes all stages of a step and the squared norm of its error estimate, in the order of
    /// the plain formulas, so that every number written has the bits that they give:
    ///
    /// ```text
    /// h = t_new − t,   u = first state,   k_0 = first slope
    /// u_i = ((u + (h a_i0) k_0) + (h a_i1) k_1) + …
    /// k_i = f(t_new if c_i = 1, else t + c_i h; u_i)
    /// e   = ((h e_0) k_0 + (h e_1) k_1) + …
    /// r   = (e + 0·u_last) / max(atol + rtol max(|u|, |u_last|), smallest normal number)
    /// result: (Σ r²) (1/n), sums from the first to the last
    /// ```
    ///
    /// `u_last` is the state of the last stage or, where no stage is the result, the sum with the
    /// weights `b` in place of `a_ij`. In sums of more than seven terms for a state, and of any
    /// number but four and seven for an error, terms whose coefficient is 0 are left out.
    ///
    /// The result is NaN when a slope or the end is not finite.
    ///
    /// # Panics
    /// When a slice has not the length its description says.
    fn attempt(&self, step: StepAttempt<'_, T>) -> f64;
}

/// A step to be reversed, with `s` stages and `n` states. Cotangents are derivatives of a loss;
/// save points within the step reach it through the interpolant.
#[derive(Debug)]
pub struct StepReversal<'a> {
    /// Where the step began.
    pub t: f64,
    /// Where it ended.
    pub t_new: f64,
    /// Parameters.
    pub p: &'a [f64],
    /// Stage states, `s × n`, row by row.
    pub states: &'a [f64],
    /// Where save points lie within the step, at `θ_m` of its length and with cotangents `w_m`:
    /// the rows `Σ w_m`, `Σ θ_m w_m`, `Σ θ_m² w_m`, … up to the degree of the interpolant.
    pub moments: Option<&'a [f64]>,
    /// Cotangent of the end; becomes that of the beginning.
    pub lambda: &'a mut [f64],
    /// Cotangent of the last slope as the next step saw it; becomes that of the first slope.
    pub kappa: &'a mut [f64],
    /// Gradient by the parameters, which is added to.
    pub grad_p: &'a mut [f64],
    /// Work space of the kernel, as long as it asks for.
    pub scratch: &'a mut [f64],
    /// Work space for the cotangents of stages, `(s + 1) × n`.
    pub stages: &'a mut [f64],
}

/// Reversed steps of one method for one kernel; see [`StepKernel`].
pub trait ReverseStepKernel: Send + Sync {
    /// Carries the cotangents from the end of a step to its beginning, in the order of the plain
    /// formulas, so that every number written has the bits that they give:
    ///
    /// ```text
    /// h = t_new − t,  s stages from 0,  J_i = ∂f/∂u,  P_i = ∂f/∂p  at stage i
    /// m_i = h (((d_i1 M_1 + d_i2 M_2) + d_i3 M_3) + …)          0 without save points
    /// κ := κ + m_{s−1};   λ := λ + J_{s−1}ᵀ κ;   p̄ := p̄ + P_{s−1}ᵀ κ
    /// k̄_i = m_i + (h a_{s−1,i}) λ                                 i < s − 1
    /// λ := λ + M_0
    /// i = s−2, …, 1:  ū_i = 0 + J_iᵀ k̄_i;   p̄ := p̄ + P_iᵀ k̄_i;   λ := λ + ū_i
    ///                 k̄_j := k̄_j + (h a_ij) ū_i                   j < i
    /// κ := k̄_0
    /// ```
    ///
    /// # Panics
    /// When a slice has not the length its description says.
    fn reverse(&self, step: StepReversal<'_>);
}
