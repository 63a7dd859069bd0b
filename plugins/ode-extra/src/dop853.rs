//! DOP853: the explicit Runge–Kutta method of order 8 of Dormand and Prince, with error estimates
//! of orders 5 and 3 and dense output of order 7.
//!
//! For smooth, non-stiff problems at tight tolerances (rtol 1e-8 and below): orbits, oscillations,
//! reference solutions. It needs 12 evaluations per step and 3 more for dense output. For loose
//! tolerances Tsit5 is cheaper; for stiff problems any explicit method is wrong.
//!
//! Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, 2nd edition (1993): method
//! and error estimate in section II.5, dense output in II.6, first step and step control in II.4.

mod dense;
mod tableau;
#[cfg(test)]
mod tests;

use dense::Dense;
use slopefield_plugin_sdk::prelude::*;
use tableau::{A, C, EMBEDDED_3, ERROR_5, LAST, Row, STAGES, STEP_STAGES};

options! {
    /// Options of DOP853.
    pub struct Dop853Options {
        /// Dense output of order 7, at 3 more evaluations per step; without it values between steps
        /// come from a cubic.
        dense: bool = true;
        /// Damping of the step size by the previous error. 0 is classical; 0.04 avoids a zigzag of
        /// step sizes on mildly stiff problems.
        beta: f64 = 0.0, min(0.0), max(0.08);
    }
}

/// Safety factor, and smallest and largest change of the step size.
const SAFETY: f64 = 0.9;
const SHRINK: f64 = 1.0 / 3.0;
const GROW: f64 = 6.0;
/// Change of the step size where the right-hand side is not defined or overflows.
const RETREAT: f64 = 0.25;
/// Steps are stretched by up to this to end at the limit instead of just before it.
const STRETCH: f64 = 1.01;
/// Smallest step in units of rounding of the time.
const ROUNDING_STEPS: f64 = 10.0;

/// An instance for a fixed number of states.
pub struct Dop853 {
    rtol: f64,
    atol: Vec<f64>,
    h_init: Option<f64>,
    h_min: f64,
    h_max: f64,
    beta: f64,
    t: f64,
    t_end: f64,
    y: Vec<f64>,
    /// Size of the next step, positive.
    h: f64,
    /// Error of the last accepted step, for damping.
    last_error: f64,
    /// Stages, one after the other; stage 0 is `f(t, y)` between steps.
    k: Vec<f64>,
    trial: Vec<f64>,
    dense: Dense,
}

impl Dop853 {
    fn n(&self) -> usize {
        self.y.len()
    }

    fn stage(&self, i: usize) -> &[f64] {
        &self.k[i * self.n()..(i + 1) * self.n()]
    }

    /// `trial = y + h Σ weight · stage`.
    fn combine(&mut self, h: f64, row: Row) {
        let n = self.n();
        self.trial.fill(0.0);
        for &(j, weight) in row {
            let stage = &self.k[j * n..(j + 1) * n];
            for (out, k) in self.trial.iter_mut().zip(stage) {
                *out += weight * k;
            }
        }
        for (out, y) in self.trial.iter_mut().zip(&self.y) {
            *out = y + h * *out;
        }
    }

    /// Evaluates stage `i` of a step from `t` to `t_new`; the point stays in `trial`.
    fn evaluate(&mut self, problem: &Problem<'_>, i: usize, t_new: f64) -> Result<(), Error> {
        let h = t_new - self.t;
        self.combine(h, A[i]);
        // `t + 1.0 * h` may round past the end.
        let t = if C[i] == 1.0 { t_new } else { self.t + C[i] * h };
        let n = self.n();
        problem.rhs(t, &self.trial, &mut self.k[i * n..(i + 1) * n])
    }

    /// All stages of a trial step; the new state is left in `trial`, its slope in stage 12.
    fn attempt(&mut self, problem: &Problem<'_>, t_new: f64) -> Result<(), Error> {
        for i in 1..=LAST {
            self.evaluate(problem, i, t_new)?;
        }
        Ok(())
    }

    /// Scaled error of the trial step: the estimate of order 5, corrected by that of order 3 where
    /// the former underestimates (Hairer, Nørsett & Wanner, equation II.10.17).
    fn error(&self, h: f64) -> f64 {
        let weighted = |row: Row, i: usize| -> f64 {
            row.iter().map(|&(j, weight)| weight * self.stage(j)[i]).sum()
        };
        let (mut five, mut three) = (0.0, 0.0);
        for i in 0..self.n() {
            let scale = self.atol[i] + self.rtol * self.y[i].abs().max(self.trial[i].abs());
            let e5 = weighted(ERROR_5, i) / scale;
            let e3 = (weighted(A[LAST], i) - weighted(EMBEDDED_3, i)) / scale;
            five += e5 * e5;
            three += e3 * e3;
        }
        let sum = five + 0.01 * three;
        if sum == 0.0 {
            return 0.0;
        }
        h.abs() * five / (sum * self.n() as f64).sqrt()
    }

    /// Size of the first step (II.4), for order 8.
    fn first_step(&mut self, problem: &Problem<'_>, dir: f64) -> Result<f64, Error> {
        let longest = (self.t_end - self.t).abs().min(self.h_max);
        if let Some(h) = self.h_init {
            return Ok(h.min(longest));
        }
        let n = self.n();
        let norm = |v: &dyn Fn(usize) -> f64, s: &Self| -> f64 {
            let scaled = |i: usize| v(i) / (s.atol[i] + s.rtol * s.y[i].abs());
            let sum: f64 = (0..n).map(|i| scaled(i) * scaled(i)).sum();
            (sum / n.max(1) as f64).sqrt()
        };
        let size = norm(&|i| self.y[i], self);
        let slope = norm(&|i| self.k[i], self);
        let guess = if size < 1e-5 || slope < 1e-5 { 1e-6 } else { 0.01 * size / slope };
        let guess = guess.min(longest);
        // An Euler step shows how fast the slope changes.
        for i in 0..n {
            self.trial[i] = self.y[i] + dir * guess * self.k[i];
        }
        let outcome = problem.rhs(self.t + dir * guess, &self.trial, &mut self.k[n..2 * n]);
        match outcome {
            Ok(()) => {}
            // Not defined even there: begin carefully.
            Err(e) if e.is_recoverable() => return Ok(0.01 * guess),
            Err(e) => return Err(e),
        }
        let change = norm(&|i| self.k[n + i] - self.k[i], self) / guess;
        let steepest = slope.max(change);
        let h = if steepest <= 1e-15 {
            (guess * 1e-3).max(1e-6)
        } else {
            (0.01 / steepest).powf(1.0 / 8.0)
        };
        Ok(h.min(100.0 * guess).min(longest))
    }

    /// Factor for the step size after a scaled error.
    fn factor(&self, error: f64) -> f64 {
        if error == 0.0 {
            return GROW;
        }
        let exponent = 1.0 / 8.0 - 0.2 * self.beta;
        let wish = SAFETY * self.last_error.powf(self.beta) / error.powf(exponent);
        wish.clamp(SHRINK, GROW)
    }
}

impl Solver for Dop853 {
    const INFO: SolverInfo = SolverInfo::new("dop853", "Dormand–Prince 8(5,3)", 8.0)
        .dense_order(7.0)
        .reference("10.1007/978-3-540-78862-1")
        .caps(Caps::ADAPTIVE.and(Caps::BACKWARD).and(Caps::DETERMINISTIC).and(Caps::DENSE_SEGMENT));
    type Options = Dop853Options;

    fn create(problem: &Problem<'_>, config: &Config<'_, Dop853Options>) -> Result<Self, Error> {
        let n = problem.len();
        Ok(Dop853 {
            rtol: config.rtol,
            atol: config.atol.to_vec(),
            h_init: config.h_init,
            h_min: config.h_min,
            h_max: config.h_max,
            beta: config.options.beta,
            t: 0.0,
            t_end: 0.0,
            y: vec![0.0; n],
            h: 0.0,
            last_error: 1e-4,
            k: vec![0.0; STAGES * n],
            trial: vec![0.0; n],
            dense: Dense::new(n, config.options.dense),
        })
    }

    fn start(
        &mut self,
        problem: &Problem<'_>,
        t0: f64,
        t_end: f64,
        y0: &[f64],
    ) -> Result<(), Error> {
        self.t_end = t_end;
        self.restart(problem, t0, y0)
    }

    fn restart(&mut self, problem: &Problem<'_>, t: f64, y: &[f64]) -> Result<(), Error> {
        let n = self.n();
        self.t = t;
        self.y.copy_from_slice(y);
        self.last_error = 1e-4;
        problem.rhs(t, &self.y, &mut self.k[..n])?;
        let dir = if self.t_end < t { -1.0 } else { 1.0 };
        self.h = self.first_step(problem, dir)?;
        Ok(())
    }

    fn step(&mut self, problem: &Problem<'_>, t_limit: f64) -> Result<Step, Error> {
        let n = self.n();
        let dir = if t_limit < self.t { -1.0 } else { 1.0 };
        let mut h = self.h.min(self.h_max);
        let mut rejected = 0;
        loop {
            let rest = (t_limit - self.t).abs();
            let clipped = h * STRETCH >= rest;
            let t_new = if clipped { t_limit } else { self.t + dir * h };
            let tried = (t_new - self.t).abs();
            let floor = self.h_min.max(ROUNDING_STEPS * f64::EPSILON * self.t.abs());
            // A short way to the limit is no sign of trouble, unless rejections led there.
            if tried == 0.0 || (tried < floor && (!clipped || rejected > 0)) {
                return Err(Error::step_too_small(h));
            }
            match self.attempt(problem, t_new) {
                Ok(()) => {}
                Err(e) if e.is_recoverable() => {
                    rejected += 1;
                    h = RETREAT * tried;
                    continue;
                }
                Err(e) => return Err(e),
            }
            let error = self.error(t_new - self.t);
            if !error.is_finite() || !self.trial.iter().all(|v| v.is_finite()) {
                rejected += 1;
                h = RETREAT * tried;
                continue;
            }
            let factor = self.factor(error);
            if error > 1.0 {
                rejected += 1;
                h = tried * factor.min(SAFETY);
                continue;
            }
            // The new state is also the input of the extra stages, which use `trial` too.
            self.dense.keep(&self.trial);
            match self.dense_stages(problem, t_new) {
                Ok(()) => {}
                Err(e) if e.is_recoverable() => {
                    rejected += 1;
                    h = RETREAT * tried;
                    continue;
                }
                Err(e) => return Err(e),
            }
            self.dense.build(t_new - self.t, &self.y, &self.k);
            let t_prev = std::mem::replace(&mut self.t, t_new);
            self.y.copy_from_slice(self.dense.kept());
            self.k.copy_within(LAST * n..(LAST + 1) * n, 0);
            self.last_error = error.max(1e-4);
            // After a rejection the step does not grow at once; a step cut short by the limit says
            // little about the next one.
            let mut next = tried * if rejected > 0 { factor.min(1.0) } else { factor };
            if clipped && rejected == 0 {
                next = next.max(h);
            }
            self.h = next.min(self.h_max);
            return Ok(Step { t_prev, t: t_new, h_next: self.h, error_norm: error, rejected });
        }
    }

    fn state(&self) -> &[f64] {
        &self.y
    }

    fn segment_degree(&self) -> usize {
        self.dense.degree()
    }

    fn segment(&self, out: &mut Segment<'_>) -> Result<(), Error> {
        self.dense.write(out.powers(self.dense.degree()));
        Ok(())
    }
}

impl Dop853 {
    /// The three stages that only the interpolant needs.
    fn dense_stages(&mut self, problem: &Problem<'_>, t_new: f64) -> Result<(), Error> {
        if self.dense.is_full() {
            for i in STEP_STAGES + 1..STAGES {
                self.evaluate(problem, i, t_new)?;
            }
        }
        Ok(())
    }
}
