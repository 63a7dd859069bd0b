//! The exponential method of order 4 of Cox and Matthews.
//!
//! S. M. Cox, P. C. Matthews, *Exponential time differencing for stiff systems*, Journal of
//! Computational Physics 176 (2002) 430–455, doi:10.1006/jcph.2002.6995. With `φ_k = φ_k(hL)`,
//! `N` the rest and `t' = t + h/2`:
//!
//! ```text
//! a = e^{hL/2} u + h/2 φ_1(hL/2) N(t, u)
//! b = e^{hL/2} u + h/2 φ_1(hL/2) N(t', a)
//! c = e^{hL/2} a + h/2 φ_1(hL/2) (2 N(t', b) − N(t, u))
//! u₁ = e^{hL} u + h (φ_1 − 3φ_2 + 4φ_3) N(t, u) + h (2φ_2 − 4φ_3) (N(t', a) + N(t', b))
//!      + h (4φ_3 − φ_2) N(t + h, c)
//! ```
//!
//! The error estimate is the difference from the result with `N(t', b)` twice and `N(t + h, u₁)` in
//! place of `N(t + h, c)`: the quadrature of order 4 through three slopes on the solution, of which
//! those in the middle are good to order 2, which makes it a result of order 3. It costs nothing,
//! because `N(t + h, u₁)` is the first slope of the next step.

use super::linear_part::LinearPart;
use super::operators::{Cache, add_product};
use crate::hermite::{cubic, fraction};
use crate::initial::starting_length;
use crate::unsupported::refuse_unsupported;
use crate::{
    Adaptive, Attempt, ErrorNorm, Ivp, OneStep, PiController, Real, Settings, SolveError, Stats,
};

/// The adaptive method. Lengths of steps are the span divided by powers of two, so that matrix
/// functions are computed for few of them.
pub type Etdrk4<T = f64> = Adaptive<Etdrk4Step<T>, T>;

impl<T: Real> Etdrk4<T> {
    /// With a controller that does not aim below the tolerances: the lengths do.
    pub fn new() -> Self {
        let mut controller = PiController::for_error_order(ERROR_ORDER);
        (controller.alpha, controller.beta) = (1.0 / f64::from(ERROR_ORDER), 0.0);
        controller.safety = 1.0;
        Adaptive::with(Etdrk4Step::default(), controller)
    }
}

impl<T: Real> Default for Etdrk4<T> {
    fn default() -> Self {
        Etdrk4::new()
    }
}

const ERROR_ORDER: u32 = 4;

/// A length doubles when the controller asks for this much more: the step after an error near the
/// tolerance should not be rejected.
const DOUBLE_AT: f64 = 2.3;

/// One step.
#[derive(Default)]
pub struct Etdrk4Step<T: Real = f64> {
    linear: LinearPart<T>,
    cache: Cache<T>,
    span: f64,
    /// Length of the last attempt.
    length: f64,
    t: f64,
    t_new: f64,
    start: Vec<T>,
    end: Vec<T>,
    /// The rest at the beginning, twice in the middle, and at the end.
    rest: [Vec<T>; 4],
    /// The rest at the end of the step, which is that of the next beginning.
    rest_at_end: Vec<T>,
    /// The first stage, which the third needs.
    middle: Vec<T>,
    stage: Vec<T>,
    sum: Vec<T>,
    error: Vec<T>,
    /// Slopes at the beginning and at the end.
    slopes: [Vec<T>; 2],
    dense: bool,
    scratch: Vec<T>,
}

impl<T: Real> Etdrk4Step<T> {
    /// Evaluates the rest into `rest[i]`, at `stage`.
    fn evaluate(&mut self, ivp: &Ivp<'_, T>, i: usize, t: f64) {
        if let Some(split) = ivp.rhs.structure().split {
            split.rest.eval(T::of(t), &self.stage, ivp.p, &mut self.rest[i], &mut self.scratch);
        }
    }

    /// `stage = half[0] from + half[1] sum`.
    fn half_step(&mut self, h: f64, from_middle: bool) {
        let (operators, _) = self.cache.of_length(&self.linear, h);
        let from = if from_middle { &self.middle } else { &self.start };
        self.stage.fill(T::ZERO);
        add_product(&self.linear, &operators.half[0], from, &mut self.stage);
        add_product(&self.linear, &operators.half[1], &self.sum, &mut self.stage);
    }
}

impl<T: Real> OneStep<T> for Etdrk4Step<T> {
    fn error_order(&self) -> u32 {
        ERROR_ORDER
    }

    fn begin(
        &mut self,
        ivp: &Ivp<'_, T>,
        _: &Settings,
        t: f64,
        u: &[T],
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        refuse_unsupported(ivp, "etdrk4")?;
        let structure = ivp.rhs.structure();
        let split = match structure.split {
            Some(split) if split.linear && structure.mass.is_none() => split,
            _ => {
                return Err(SolveError::Invalid(
                    "the method etdrk4 needs a right-hand side that is split into a linear stiff \
                     part with constant coefficients and a rest, and no mass matrix; use \
                     kencarp4-imex, kencarp4 or bdf"
                        .into(),
                ));
            }
        };
        let n = u.len();
        let [a, b, c, d] = &mut self.rest;
        let [left, right] = &mut self.slopes;
        for vector in [
            a,
            b,
            c,
            d,
            left,
            right,
            &mut self.start,
            &mut self.end,
            &mut self.rest_at_end,
            &mut self.middle,
            &mut self.stage,
            &mut self.sum,
            &mut self.error,
        ] {
            vector.resize(n, T::ZERO);
        }
        self.scratch.resize(split.rest.scratch_len(), T::ZERO);
        self.linear.configure(ivp, split.stiff)?;
        self.cache.clear();
        counts.jacobians += 1;
        self.span = (ivp.t1 - ivp.t0).abs();
        self.length = 0.0;
        (self.t, self.t_new) = (t, t);
        self.dense = false;
        self.start.copy_from_slice(u);
        self.stage.copy_from_slice(u);
        self.evaluate(ivp, 0, t);
        counts.rhs += 1;
        match self.rest[0].iter().position(|x| !x.finite()) {
            Some(state) => Err(SolveError::non_finite(t, state, u)),
            None => Ok(()),
        }
    }

    fn first_length(
        &mut self,
        ivp: &Ivp<'_, T>,
        norm: &ErrorNorm,
        h_max: f64,
        counts: &mut Stats,
    ) -> f64 {
        // By the rest alone: the linear part is no reason for short steps.
        let Some(split) = ivp.rhs.structure().split else { return h_max };
        let d0 = norm.of_value(&self.start, &self.start);
        let d1 = norm.of_value(&self.rest[0], &self.start);
        let (direction, t) = (ivp.direction(), self.t);
        let change = |h: f64| {
            let step = T::of(direction * h);
            for ((x, u), f) in self.stage.iter_mut().zip(&self.start).zip(&self.rest[0]) {
                *x = *u + step * *f;
            }
            let t = T::of(t + direction * h);
            split.rest.eval(t, &self.stage, ivp.p, &mut self.error, &mut self.scratch);
            counts.rhs += 1;
            for (change, slope) in self.error.iter_mut().zip(&self.rest[0]) {
                *change -= *slope;
            }
            norm.of_value(&self.error, &self.start)
        };
        starting_length(self.span, h_max, ERROR_ORDER, (d0, d1), change)
    }

    fn admissible(&self, h: f64, remaining: f64) -> f64 {
        let level = |h: f64| self.span * 0.5_f64.powf((self.span / h).log2().max(0.0).ceil());
        // The quotient is a power of two but for rounding where the last length is kept.
        let mut length = level(h * (1.0 + 1e-9));
        if self.length > 0.0 && length > self.length * (1.0 + 1e-9) && h < DOUBLE_AT * self.length {
            length = level(self.length * (1.0 + 1e-9));
        }
        if length <= remaining * (1.0 + 1e-9) {
            return length;
        }
        // The rest of the span is a sum of powers of two, unless somebody stops at another time.
        let shorter = level(remaining * (1.0 + 1e-9));
        let parts = remaining / (length * 0.5_f64.powi(8));
        if (parts - parts.round()).abs() < 1e-6 { shorter } else { remaining }
    }

    fn attempt(
        &mut self,
        ivp: &Ivp<'_, T>,
        (t, t_new): (f64, f64),
        from_end: bool,
        norm: &ErrorNorm,
        counts: &mut Stats,
    ) -> Attempt {
        if from_end {
            std::mem::swap(&mut self.start, &mut self.end);
            std::mem::swap(&mut self.rest[0], &mut self.rest_at_end);
        }
        (self.t, self.t_new) = (t, t_new);
        self.dense = false;
        let h = t_new - t;
        self.length = h.abs();
        let (_, computed) = self.cache.of_length(&self.linear, h);
        counts.factorisations += u64::from(computed);
        let (n, middle_time) = (self.start.len(), t + 0.5 * h);
        self.sum.copy_from_slice(&self.rest[0]);
        self.half_step(h, false);
        self.middle.copy_from_slice(&self.stage);
        self.evaluate(ivp, 1, middle_time);
        self.sum.copy_from_slice(&self.rest[1]);
        self.half_step(h, false);
        self.evaluate(ivp, 2, middle_time);
        for i in 0..n {
            self.sum[i] = self.rest[2][i] + self.rest[2][i] - self.rest[0][i];
        }
        self.half_step(h, true);
        self.evaluate(ivp, 3, t_new);
        for i in 0..n {
            self.sum[i] = self.rest[1][i] + self.rest[2][i];
        }
        let (operators, _) = self.cache.of_length(&self.linear, h);
        let [first, middle, last] = &operators.weights;
        self.stage.fill(T::ZERO);
        let parts = [
            (&operators.whole, &self.start),
            (first, &self.rest[0]),
            (middle, &self.sum),
            (last, &self.rest[3]),
        ];
        for (matrix, x) in parts {
            add_product(&self.linear, matrix, x, &mut self.stage);
        }
        self.end.copy_from_slice(&self.stage);
        // The slope at the end, in place of the last one of this step until the next.
        std::mem::swap(&mut self.rest[3], &mut self.rest_at_end);
        self.evaluate(ivp, 3, t_new);
        std::mem::swap(&mut self.rest[3], &mut self.rest_at_end);
        counts.rhs += 4;
        let (operators, _) = self.cache.of_length(&self.linear, h);
        let [_, middle, last] = &operators.weights;
        self.error.fill(T::ZERO);
        for i in 0..n {
            self.sum[i] = self.rest[1][i] - self.rest[2][i];
        }
        add_product(&self.linear, middle, &self.sum, &mut self.error);
        for i in 0..n {
            self.sum[i] = self.rest[3][i] - self.rest_at_end[i];
        }
        add_product(&self.linear, last, &self.sum, &mut self.error);
        Attempt::Measured(norm.square_of_error(&self.error, &self.start, &self.end))
    }

    fn beginning(&self) -> &[T] {
        &self.start
    }

    fn end(&self) -> &[T] {
        &self.end
    }

    fn prepare_dense(&mut self, _: &Ivp<'_, T>, _: &mut Stats) {
        if self.dense || self.t == self.t_new {
            return;
        }
        let ends = [(&self.start, &self.rest[0]), (&self.end, &self.rest_at_end)];
        for (slope, (u, rest)) in self.slopes.iter_mut().zip(ends) {
            self.linear.multiply(u, slope);
            for (slope, rest) in slope.iter_mut().zip(rest) {
                *slope += *rest;
            }
        }
        self.dense = true;
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        if t == self.t_new {
            out.copy_from_slice(if self.t == t { &self.start } else { &self.end });
            return Ok(());
        }
        let theta = fraction(t, self.t, self.t_new)?;
        if !self.dense {
            return Err(SolveError::Invalid(
                "the slopes that the solution within a step of etdrk4 needs have not been computed"
                    .into(),
            ));
        }
        let [left, right] = &self.slopes;
        cubic(theta, self.t_new - self.t, (&self.start, left), (&self.end, right), out);
        Ok(())
    }
}
