//! ARS(2,2,2), implicit in the stiff part of a right-hand side and explicit in the rest, of order 2,
//! with steps of one length (U. M. Ascher, S. J. Ruuth, R. J. Spiteri, Appl. Numer. Math. 25 (1997)
//! 151, doi:10.1016/S0168-9274(97)00056-1).
//!
//! ```text
//! U₁ = y + γ h r(y) + γ h s(U₁)
//! U₂ = y + h (δ r(y) + (1 − δ) r(U₁)) + h ((1 − γ) s(U₁) + γ s(U₂))
//! ```
//!
//! with `γ = 1 − 1/√2`, `δ = 1 − 1/(2γ)`; `U₂` is the result. Where the model does not split its
//! right-hand side, all of it is stiff.

use slopefield_plugin_sdk::prelude::*;

const GAMMA: f64 = 1.0 - std::f64::consts::FRAC_1_SQRT_2;
const DELTA: f64 = 1.0 - 0.5 / GAMMA;
const MOST: usize = 20;
/// Newton steps below this, relative to the state, are the last.
const SMALL: f64 = 1e-10;

options! {
    /// Options of ARS(2,2,2).
    pub struct ImexOptions {
        /// Length of a step.
        h: f64 = 0.01, min(1e-9);
    }
}

pub struct Imex {
    t: f64,
    t_end: f64,
    h: f64,
    y: Vec<f64>,
    stages: [Vec<f64>; 2],
    rests: [Vec<f64>; 2],
    stiff: Vec<f64>,
    known: Vec<f64>,
    residual: Vec<f64>,
    moved: Vec<f64>,
}

/// The end of a step of one length towards a limit, without a sliver of a step at the end.
pub fn end(t: f64, h: f64, limit: f64) -> f64 {
    let rest = limit - t;
    if h * 1.000001 >= rest.abs() { limit } else { t + h.copysign(rest) }
}

impl Imex {
    /// Solves `U = known + γ h s(t, U)` for stage `i`, from the `U` that is there. `s` at the result
    /// is left in `stiff`.
    fn stage(&mut self, problem: &Problem<'_>, (i, t, h): (usize, f64, f64)) -> Result<(), Error> {
        let (split, matrices) = (problem.split()?, problem.implicit()?);
        for _ in 0..MOST {
            let u = &mut self.stages[i];
            match &split {
                Some(split) => split.stiff(t, u, &mut self.stiff)?,
                None => problem.rhs(t, u, &mut self.stiff)?,
            }
            for (j, u) in u.iter().enumerate() {
                self.residual[j] = (self.known[j] - u) / (GAMMA * h) + self.stiff[j];
            }
            matrices.solve(&self.residual, &mut self.moved)?;
            let mut size = 0f64;
            for (u, moved) in u.iter_mut().zip(&self.moved) {
                *u += moved;
                size = size.max(moved.abs() / u.abs().max(1.0));
            }
            if !size.is_finite() {
                return Err(Error::diverged("Newton's iteration left the finite numbers"));
            }
            if size <= SMALL {
                // From the equation and not from another evaluation: stiff parts magnify rounding.
                for (j, u) in u.iter().enumerate() {
                    self.stiff[j] = (u - self.known[j]) / (GAMMA * h);
                }
                return Ok(());
            }
        }
        Err(Error::diverged("Newton's iteration does not converge; take shorter steps"))
    }
}

impl Solver for Imex {
    const INFO: SolverInfo = SolverInfo::new("ars222", "ARS(2,2,2)", 2.0)
        .reference("10.1016/S0168-9274(97)00056-1")
        .caps(Caps::IMPLICIT.and(Caps::BACKWARD).and(Caps::DETERMINISTIC));
    type Options = ImexOptions;

    fn create(problem: &Problem<'_>, config: &Config<'_, ImexOptions>) -> Result<Self, Error> {
        problem.implicit()?;
        let vector = || vec![0.0; problem.len()];
        Ok(Imex {
            t: 0.0,
            t_end: 0.0,
            h: config.h_init.unwrap_or(config.options.h).min(config.h_max),
            y: vector(),
            stages: [vector(), vector()],
            rests: [vector(), vector()],
            stiff: vector(),
            known: vector(),
            residual: vector(),
            moved: vector(),
        })
    }

    fn start(&mut self, _: &Problem<'_>, t0: f64, t_end: f64, y0: &[f64]) -> Result<(), Error> {
        (self.t, self.t_end) = (t0, t_end);
        self.y.copy_from_slice(y0);
        Ok(())
    }

    fn step(&mut self, problem: &Problem<'_>, t_limit: f64) -> Result<Step, Error> {
        let fixed =
            |e: Error, h: f64| if e.is_recoverable() { Error::step_too_small(h) } else { e };
        let (t, t_new) = (self.t, end(self.t, self.h, t_limit));
        let (h, inner) = (t_new - t, t + GAMMA * (t_new - t));
        let split = problem.split()?;
        let mut attempt = || -> Result<(), Error> {
            match &split {
                Some(split) => {
                    split.linearise(t, &self.y)?;
                    split.rest(t, &self.y, &mut self.rests[0])?;
                }
                None => {
                    problem.implicit()?.linearise(t, &self.y)?;
                    self.rests.iter_mut().for_each(|rest| rest.fill(0.0));
                }
            }
            problem.implicit()?.factor(1.0 / (GAMMA * h))?;
            for j in 0..self.y.len() {
                self.known[j] = self.y[j] + GAMMA * h * self.rests[0][j];
            }
            self.stages[0].copy_from_slice(&self.y);
            self.stage(problem, (0, inner, h))?;
            if let Some(split) = &split {
                split.rest(inner, &self.stages[0], &mut self.rests[1])?;
            }
            for j in 0..self.y.len() {
                let rest = DELTA * self.rests[0][j] + (1.0 - DELTA) * self.rests[1][j];
                self.known[j] = self.y[j] + h * (rest + (1.0 - GAMMA) * self.stiff[j]);
            }
            let [first, second] = &mut self.stages;
            second.copy_from_slice(first);
            self.stage(problem, (1, t_new, h))
        };
        attempt().map_err(|e| fixed(e, h.abs()))?;
        std::mem::swap(&mut self.y, &mut self.stages[1]);
        self.t = t_new;
        Ok(Step { t_prev: t, t: t_new, h_next: self.h, error_norm: f64::NAN, rejected: 0 })
    }

    fn state(&self) -> &[f64] {
        &self.y
    }

    fn restart(&mut self, problem: &Problem<'_>, t: f64, y: &[f64]) -> Result<(), Error> {
        self.start(problem, t, self.t_end, y)
    }
}
