//! The Runge–Kutta–Chebyshev method of order 2.
//!
//! B. P. Sommeijer, L. F. Shampine, J. G. Verwer, *RKC: An explicit solver for parabolic PDEs*,
//! Journal of Computational and Applied Mathematics 88 (1998) 315–326,
//! doi:10.1016/S0377-0427(97)00219-7. Formulas, error estimate, first step and number of stages are
//! theirs.

use super::spectral_radius::SpectralRadius;
use crate::hermite::{cubic, fraction};
use crate::unsupported::refuse_all_but_explicit;
use crate::{
    Adaptive, Attempt, ErrorNorm, Failure, Ivp, OneStep, PiController, Real, Settings, SolveError,
    Stats,
};

/// The adaptive Runge–Kutta–Chebyshev method.
pub type Rkc<T = f64> = Adaptive<RkcStep<T>, T>;

impl<T: Real> Rkc<T> {
    /// With the published controller, which predicts from the last two errors.
    pub fn new() -> Self {
        let mut controller = PiController::predictive(ERROR_ORDER);
        controller.safety = 0.8;
        (controller.min_factor, controller.max_factor) = (0.1, 10.0);
        Adaptive::with(RkcStep::default(), controller)
    }
}

impl<T: Real> Default for Rkc<T> {
    fn default() -> Self {
        Rkc::new()
    }
}

const ERROR_ORDER: u32 = 3;

/// Damping `ε`: the stability polynomial stays below `1 − ε/3` in size.
const DAMPING: f64 = 2.0 / 13.0;

/// `s` stages are stable for `h ρ ≤ (s² − 1)/1.54`.
const STABILITY: f64 = 1.54;

/// Accepted steps after which the spectral radius is estimated again.
const ESTIMATE_AFTER: u32 = 25;

/// However loose the tolerances.
const MOST_STAGES: usize = 100_000;

/// One step.
#[derive(Default)]
pub struct RkcStep<T: Real = f64> {
    t: f64,
    t_new: f64,
    start: Vec<T>,
    start_slope: Vec<T>,
    end: Vec<T>,
    end_slope: Vec<T>,
    /// The stage before the last one, which `end` is.
    before: Vec<T>,
    slope: Vec<T>,
    error: Vec<T>,
    scratch: Vec<T>,
    spectrum: SpectralRadius<T>,
    /// Spectral radius with its safety.
    radius: f64,
    /// Accepted steps since it was estimated.
    age: u32,
    most_stages: usize,
}

impl<T: Real> RkcStep<T> {
    /// The spectral radius in use, with the safety factor of 1.2.
    pub fn spectral_radius(&self) -> f64 {
        self.radius
    }

    /// Number of stages that are stable for steps of length `h`.
    pub fn stages(&self, h: f64) -> usize {
        let stages = 1 + (STABILITY * h.abs() * self.radius + 1.0).sqrt() as usize;
        stages.max(2)
    }

    /// Longest step that the largest number of stages allows.
    fn longest(&self) -> f64 {
        let square = (self.most_stages * self.most_stages) as f64;
        // Less by rounding, so that the count of stages agrees.
        (square - 1.0) * (1.0 - 1e-9) / (STABILITY * self.radius)
    }

    fn estimate(&mut self, ivp: &Ivp<'_, T>, counts: &mut Stats) {
        let at = (self.t, &self.start[..], &self.start_slope[..]);
        self.radius = self.spectrum.estimate(ivp, at, &mut self.scratch, counts);
        self.age = 0;
    }

    /// The stages of a step of length `h`, of which the last is left in `end`.
    fn advance(&mut self, ivp: &Ivp<'_, T>, h: f64, stages: usize) {
        let n = self.start.len();
        let s = stages as f64;
        // Chebyshev polynomials at w0 by hyperbolic functions: T_s'(w0)/T_s''(w0).
        let w0 = 1.0 + DAMPING / (s * s);
        let square = w0 * w0 - 1.0;
        let (sinh, cosh) = {
            let argument = s * (w0 + square.sqrt()).ln();
            (argument.sinh(), argument.cosh())
        };
        let w1 = sinh * square / (cosh * s * square.sqrt() - w0 * sinh);
        // T, T' and T'' at w0 for the last two degrees, and the b of both.
        let (mut value, mut first, mut second) = ([1.0, w0], [0.0, 1.0], [0.0, 0.0]);
        let b1 = 1.0 / (4.0 * w0 * w0);
        let mut b = [b1, b1];
        let mut time = [0.0, w1 * b1];
        let step = T::of(h * w1 * b1);
        self.before.copy_from_slice(&self.start);
        for ((y, u), f) in self.end.iter_mut().zip(&self.start).zip(&self.start_slope) {
            *y = *u + step * *f;
        }
        for _ in 2..=stages {
            let next = |pair: [f64; 2], more: f64| 2.0 * w0 * pair[1] - pair[0] + more;
            let new_value = next(value, 0.0);
            let new_first = next(first, 2.0 * value[1]);
            let new_second = next(second, 4.0 * first[1]);
            let new_b = new_second / (new_first * new_first);
            let a = 1.0 - value[1] * b[1];
            let (mu, nu) = (2.0 * w0 * new_b / b[1], -new_b / b[0]);
            let weight = mu * w1 / w0;
            let t = T::of(self.t + h * time[1]);
            ivp.rhs.eval(t, &self.end, ivp.p, &mut self.slope, &mut self.scratch);
            let (last, earlier, rest) = (T::of(mu), T::of(nu), T::of(1.0 - mu - nu));
            let (step, back) = (T::of(h * weight), T::of(-h * weight * a));
            for i in 0..n {
                let y = last * self.end[i]
                    + earlier * self.before[i]
                    + rest * self.start[i]
                    + step * self.slope[i]
                    + back * self.start_slope[i];
                self.before[i] = self.end[i];
                self.end[i] = y;
            }
            time = [time[1], mu * time[1] + nu * time[0] + weight * (1.0 - a)];
            (value, first) = ([value[1], new_value], [first[1], new_first]);
            (second, b) = ([second[1], new_second], [b[1], new_b]);
        }
    }
}

impl<T: Real> OneStep<T> for RkcStep<T> {
    fn error_order(&self) -> u32 {
        ERROR_ORDER
    }

    fn begin(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t: f64,
        u: &[T],
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        refuse_all_but_explicit(ivp, "rkc2")?;
        let n = u.len();
        for vector in [
            &mut self.start,
            &mut self.start_slope,
            &mut self.end,
            &mut self.end_slope,
            &mut self.before,
            &mut self.slope,
            &mut self.error,
        ] {
            vector.resize(n, T::ZERO);
        }
        self.scratch.resize(ivp.rhs.scratch_len(), T::ZERO);
        // More stages than these would add up rounding errors of a tenth of the tolerance.
        let most = (settings.rtol / (10.0 * T::EPSILON)).sqrt().round();
        self.most_stages = (most as usize).clamp(2, MOST_STAGES);
        self.start.copy_from_slice(u);
        (self.t, self.t_new) = (t, t);
        ivp.rhs.eval(T::of(t), u, ivp.p, &mut self.start_slope, &mut self.scratch);
        counts.rhs += 1;
        if let Some(state) = self.start_slope.iter().position(|x| !x.finite()) {
            return Err(SolveError::non_finite(t, state, u));
        }
        self.spectrum.reset(n);
        self.estimate(ivp, counts);
        Ok(())
    }

    fn first_length(
        &mut self,
        ivp: &Ivp<'_, T>,
        norm: &ErrorNorm,
        h_max: f64,
        counts: &mut Stats,
    ) -> f64 {
        let longest = (ivp.t1 - ivp.t0).abs().min(h_max);
        let mut h = if self.radius * longest > 1.0 { 1.0 / self.radius } else { longest };
        for _ in 0..12 {
            let step = ivp.direction() * h;
            for ((y, u), f) in self.end.iter_mut().zip(&self.start).zip(&self.start_slope) {
                *y = *u + T::of(step) * *f;
            }
            let t = T::of(self.t + step);
            ivp.rhs.eval(t, &self.end, ivp.p, &mut self.error, &mut self.scratch);
            counts.rhs += 1;
            for (change, f) in self.error.iter_mut().zip(&self.start_slope) {
                *change = T::of(step) * (*change - *f);
            }
            let change = norm.of_value(&self.error, &self.start);
            if change.is_finite() {
                return if 0.1 * h < longest * change.sqrt() {
                    0.1 * h / change.sqrt()
                } else {
                    longest
                };
            }
            h *= 0.1;
        }
        h
    }

    fn admissible(&self, h: f64, _: f64) -> f64 {
        if self.radius > 0.0 { h.min(self.longest()) } else { h }
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
            std::mem::swap(&mut self.start_slope, &mut self.end_slope);
            self.age += 1;
        }
        let again = self.t == t && !from_end && self.t_new != t;
        (self.t, self.t_new) = (t, t_new);
        // After a rejection the radius may be the reason, unless it is that of this beginning.
        if self.age >= ESTIMATE_AFTER || (again && self.age > 0) {
            self.estimate(ivp, counts);
        }
        let h = t_new - t;
        let stages = self.stages(h);
        if stages > self.most_stages {
            let factor = 0.9 * (self.longest() / h.abs()).min(1.0);
            return Attempt::Failed { factor, reason: Failure::NotConverged };
        }
        if !self.radius.is_finite() {
            return Attempt::Measured(f64::NAN);
        }
        self.advance(ivp, h, stages);
        ivp.rhs.eval(T::of(t_new), &self.end, ivp.p, &mut self.end_slope, &mut self.scratch);
        counts.rhs += stages as u64;
        let (values, slopes) = (T::of(0.8), T::of(0.4 * h));
        for i in 0..self.start.len() {
            self.error[i] = values * (self.start[i] - self.end[i])
                + slopes * (self.start_slope[i] + self.end_slope[i]);
        }
        Attempt::Measured(norm.square_of_error(&self.error, &self.start, &self.end))
    }

    fn beginning(&self) -> &[T] {
        &self.start
    }

    fn end(&self) -> &[T] {
        &self.end
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        if t == self.t_new {
            out.copy_from_slice(if self.t == t { &self.start } else { &self.end });
            return Ok(());
        }
        let theta = fraction(t, self.t, self.t_new)?;
        let (start, end) =
            ((&self.start[..], &self.start_slope[..]), (&self.end[..], &self.end_slope[..]));
        cubic(theta, self.t_new - self.t, start, end, out);
        Ok(())
    }
}
