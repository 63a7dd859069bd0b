//! Methods whose step needs nothing but its beginning.

use crate::{ErrorNorm, Ivp, Real, Settings, SolveError, Stages, Stats};

/// The arithmetic of one step. [`crate::Adaptive`] makes a [`crate::Stepper`] of it: it chooses
/// lengths, accepts and rejects; a method of steps for delays repeats attempts with better delayed
/// values.
pub trait OneStep<T: Real = f64>: Send {
    /// Order in the step size of the local error estimate (embedded order + 1).
    fn error_order(&self) -> u32;

    /// Sizes the arrays for `ivp`, makes `(t, u)` the beginning of the next step and evaluates what
    /// it needs there, and forgets everything else. Allocates only when sizes grow.
    ///
    /// # Errors
    /// Systems that the method cannot solve ([`SolveError::Invalid`]), values that are not finite.
    fn begin(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t: f64,
        u: &[T],
        counts: &mut Stats,
    ) -> Result<(), SolveError>;

    /// Makes `(t, u)` the beginning of the next step, on the way of a solve that is interrupted
    /// there within or at the end of the step held. Methods may keep what is still of use.
    ///
    /// # Errors
    /// Those of [`OneStep::begin`].
    fn begin_again(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t: f64,
        u: &[T],
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        self.begin(ivp, settings, t, u, counts)
    }

    /// Length, positive and at most `h_max`, of a first step from the beginning.
    fn first_length(
        &mut self,
        ivp: &Ivp<'_, T>,
        norm: &ErrorNorm,
        h_max: f64,
        counts: &mut Stats,
    ) -> f64;

    /// Length of the next attempt when `h` is wanted and `remaining` is left until the end, both
    /// positive: `h`, or less. For methods whose steps have a longest length, or only some lengths.
    fn admissible(&self, h: f64, remaining: f64) -> f64 {
        let _ = remaining;
        h
    }

    /// Where a step that begins at `t`, the end of the step held or its beginning, must end at the
    /// latest, for methods that step onto points where the solution is not smooth. Asked before each
    /// attempt.
    fn limit(&mut self, t: f64) -> Option<f64> {
        let _ = t;
        None
    }

    /// Takes the step from `t` to `t_new` and measures its error. With `from_end` it begins with
    /// the end of the step held, which has been accepted, otherwise with the beginning of that step
    /// (another attempt).
    fn attempt(
        &mut self,
        ivp: &Ivp<'_, T>,
        span: (f64, f64),
        from_end: bool,
        norm: &ErrorNorm,
        counts: &mut Stats,
    ) -> Attempt;

    /// Writes the right-hand side at `(t, u)`, at or before the end of the step held, to `out`. Not for
    /// every step: it allocates.
    fn value(&mut self, ivp: &Ivp<'_, T>, t: f64, u: &[T], out: &mut [T], counts: &mut Stats) {
        let mut scratch = vec![T::ZERO; ivp.rhs.scratch_len()];
        counts.rhs += 1;
        ivp.rhs.eval(T::of(t), u, ivp.p, out, &mut scratch);
    }

    /// State at the beginning of the step held.
    fn beginning(&self) -> &[T];

    /// State at its end, after an attempt.
    fn end(&self) -> &[T];

    /// Evaluates what [`OneStep::interpolate`] needs and the step does not; called before it, once
    /// or more often for a step.
    fn prepare_dense(&mut self, ivp: &Ivp<'_, T>, counts: &mut Stats) {
        let _ = (ivp, counts);
    }

    /// Solution at `t` within the step held, after [`OneStep::prepare_dense`].
    ///
    /// # Errors
    /// [`SolveError::Invalid`] when `t` lies outside the step.
    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError>;

    /// Writes the slope at `t` within the step held to `out`, after [`OneStep::prepare_dense`]; false
    /// for methods that have no better slope than that of the polynomial through their solution.
    fn interpolate_slope(&mut self, t: f64, out: &mut [T]) -> bool {
        let _ = (t, out);
        false
    }

    /// Largest degree in time of the solution within a step, where that is a polynomial.
    fn dense_degree(&self) -> usize {
        8
    }

    /// The first state whose slope or end is not finite after a failed attempt.
    fn first_non_finite(&self) -> Option<usize> {
        self.end().iter().position(|v| !v.finite())
    }

    /// What the controller's `factor` on the next step should be changed to after the step held
    /// was accepted: implicit methods shorten steps that took many iterations, and leave a length
    /// alone whose change would not be worth a factorisation.
    fn preferred(&self, factor: f64) -> f64 {
        factor
    }

    /// Stages of the step held, where the method is an explicit Runge–Kutta method.
    fn stages(&self) -> Option<&Stages<T>> {
        None
    }

    /// See [`Stepper::stop_recording`].
    fn stop_recording(&mut self) {}

    /// The unknowns of the stage equations of the step held, for implicit methods whose steps can
    /// be differentiated.
    fn unknowns(&self) -> Option<StepUnknowns<'_, T>> {
        None
    }

    /// From now on steps are taken at given times: iterations are continued until nothing but
    /// rounding is left, so that a step is a smooth function of its beginning and the parameters,
    /// and errors need not be measured.
    fn freeze(&mut self) {}

    /// Where the iteration for the unknowns of the next attempts begins: numbers in the order of
    /// [`StepUnknowns::rows`], or none for the method's own guess.
    fn guess(&mut self, rows: &[T]) {
        let _ = rows;
    }

    /// Makes `(t, u)` the beginning of the next step as it was in a solve that this method has
    /// begun, with the `slope` there that [`StepUnknowns`] names: what [`OneStep::begin`] does, but
    /// that values are not made consistent again.
    ///
    /// # Errors
    /// Those of [`OneStep::begin`].
    fn resume(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t: f64,
        (u, slope): (&[T], &[T]),
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        let _ = slope;
        self.begin(ivp, settings, t, u, counts)
    }
}

/// The unknowns of the stage equations of one step of an implicit method.
#[derive(Debug, Clone, Copy)]
pub struct StepUnknowns<'a, T = f64> {
    /// Name of the method whose step it is.
    pub method: &'static str,
    /// State at the beginning.
    pub start: &'a [T],
    /// Slope at the beginning, where the step before hands one over; empty otherwise.
    pub slope: &'a [T],
    /// `U_i` of Rosenbrock methods, `z_i` of diagonally implicit ones, `Z_i` of Radau's, row by row.
    pub rows: &'a [T],
}

impl<T: Real> OneStep<T> for Box<dyn OneStep<T>> {
    fn error_order(&self) -> u32 {
        (**self).error_order()
    }
    fn begin(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t: f64,
        u: &[T],
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        (**self).begin(ivp, settings, t, u, counts)
    }
    fn begin_again(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t: f64,
        u: &[T],
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        (**self).begin_again(ivp, settings, t, u, counts)
    }
    fn first_length(
        &mut self,
        ivp: &Ivp<'_, T>,
        norm: &ErrorNorm,
        h_max: f64,
        counts: &mut Stats,
    ) -> f64 {
        (**self).first_length(ivp, norm, h_max, counts)
    }
    fn admissible(&self, h: f64, remaining: f64) -> f64 {
        (**self).admissible(h, remaining)
    }
    fn limit(&mut self, t: f64) -> Option<f64> {
        (**self).limit(t)
    }
    fn value(&mut self, ivp: &Ivp<'_, T>, t: f64, u: &[T], out: &mut [T], counts: &mut Stats) {
        (**self).value(ivp, t, u, out, counts);
    }
    fn attempt(
        &mut self,
        ivp: &Ivp<'_, T>,
        span: (f64, f64),
        from_end: bool,
        norm: &ErrorNorm,
        counts: &mut Stats,
    ) -> Attempt {
        (**self).attempt(ivp, span, from_end, norm, counts)
    }
    fn beginning(&self) -> &[T] {
        (**self).beginning()
    }
    fn end(&self) -> &[T] {
        (**self).end()
    }
    fn prepare_dense(&mut self, ivp: &Ivp<'_, T>, counts: &mut Stats) {
        (**self).prepare_dense(ivp, counts);
    }
    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        (**self).interpolate(t, out)
    }
    fn interpolate_slope(&mut self, t: f64, out: &mut [T]) -> bool {
        (**self).interpolate_slope(t, out)
    }
    fn dense_degree(&self) -> usize {
        (**self).dense_degree()
    }
    fn first_non_finite(&self) -> Option<usize> {
        (**self).first_non_finite()
    }
    fn preferred(&self, factor: f64) -> f64 {
        (**self).preferred(factor)
    }
    fn stages(&self) -> Option<&Stages<T>> {
        (**self).stages()
    }
    fn stop_recording(&mut self) {
        (**self).stop_recording();
    }
    fn unknowns(&self) -> Option<StepUnknowns<'_, T>> {
        (**self).unknowns()
    }
    fn freeze(&mut self) {
        (**self).freeze();
    }
    fn guess(&mut self, rows: &[T]) {
        (**self).guess(rows);
    }
    fn resume(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t: f64,
        from: (&[T], &[T]),
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        (**self).resume(ivp, settings, t, from, counts)
    }
}

/// How an attempt at a step ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Attempt {
    /// Squared norm of the error estimate; NaN when a slope or the end is not finite.
    Measured(f64),
    /// The stage equations could not be solved; the step is tried again at `factor` of its length.
    Failed {
        /// Less than 1.
        factor: f64,
        /// For the report when steps become too small.
        reason: Failure,
    },
}

/// Why stage equations could not be solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Newton's iteration did not converge.
    NotConverged,
    /// The matrix of the linear systems is singular.
    Singular,
}
