//! The L-stable, stiffly accurate diagonally implicit method of order 2 with two stages, for stiff
//! problems, mass matrices and algebraic equations of index 1 (R. Alexander, SIAM J. Numer. Anal. 14
//! (1977) 1006, doi:10.1137/0714068). It leaves all linear algebra to the host.
//!
//! With `γ = 1 − 1/√2` the increments `Z` of the stages satisfy
//!
//! ```text
//! M Z₁ = γ h f(t + γ h, y + Z₁)        M (Z₂ − (1 − γ)/γ Z₁) = γ h f(t + h, y + Z₂)
//! ```
//!
//! and `y + Z₂` is the result. They are found by Newton's iteration with `W = 1/(γ h) M − ∂f/∂y`,
//! where the Jacobian is that of the beginning of the step. The error is estimated by the difference
//! from the result of order 1 with the slope of the first stage, `Z₂ − Z₁/γ`.

use crate::control::Control;
use slopefield_plugin_sdk::prelude::*;

const GAMMA: f64 = 1.0 - std::f64::consts::FRAC_1_SQRT_2;
/// Each iteration gains an order in the step, so that fewer would cost the method its own.
const FEWEST: usize = 3;
const MOST: usize = 8;
/// Newton steps below this, in units of the tolerance, are the last.
const SMALL: f64 = 1e-2;

pub struct Sdirk2 {
    control: Control,
    t: f64,
    t_end: f64,
    h: f64,
    y: Vec<f64>,
    z: [Vec<f64>; 2],
    stage: Vec<f64>,
    residual: Vec<f64>,
    moved: Vec<f64>,
    product: Vec<f64>,
}

impl Sdirk2 {
    /// Solves `c M (Z − known) = f(t, y + Z)` for stage `i`, from the `Z` that is there.
    /// False when the iteration does not converge.
    fn stage(
        &mut self,
        problem: &Problem<'_>,
        (i, t, c): (usize, f64, f64),
    ) -> Result<bool, Error> {
        let matrices = problem.implicit()?;
        let known = if i == 0 { 0.0 } else { (1.0 - GAMMA) / GAMMA };
        let mut before = f64::INFINITY;
        for iteration in 1..=MOST {
            for (j, stage) in self.stage.iter_mut().enumerate() {
                *stage = self.y[j] + self.z[i][j];
                self.moved[j] = c * (self.z[i][j] - known * self.z[0][j] * f64::from(i > 0));
            }
            problem.rhs(t, &self.stage, &mut self.residual)?;
            matrices.mass_product(&self.moved, &mut self.product)?;
            for (r, m) in self.residual.iter_mut().zip(&self.product) {
                *r -= m;
            }
            matrices.solve(&self.residual, &mut self.moved)?;
            for (z, step) in self.z[i].iter_mut().zip(&self.moved) {
                *z += step;
            }
            let size = self.control.norm(&self.moved, &self.y, &self.stage);
            if size <= SMALL && (iteration >= FEWEST || size == 0.0) {
                return Ok(true);
            }
            if !size.is_finite() || (iteration >= FEWEST && size >= before) {
                return Ok(false);
            }
            before = size;
        }
        Ok(false)
    }

    /// Tries the step to `t_new`; the scaled error, or none when it could not be taken.
    fn attempt(&mut self, problem: &Problem<'_>, t_new: f64) -> Result<Option<f64>, Error> {
        let h = t_new - self.t;
        let c = 1.0 / (GAMMA * h);
        match problem.implicit()?.factor(c) {
            Ok(()) => {}
            Err(e) if e.is_recoverable() => return Ok(None),
            Err(e) => return Err(e),
        }
        self.z[0].fill(0.0);
        if !self.stage(problem, (0, self.t + GAMMA * h, c))? {
            return Ok(None);
        }
        let [first, second] = &mut self.z;
        for (second, first) in second.iter_mut().zip(first.iter()) {
            *second = first / GAMMA;
        }
        if !self.stage(problem, (1, t_new, c))? {
            return Ok(None);
        }
        for j in 0..self.y.len() {
            self.moved[j] = self.z[1][j] - self.z[0][j] / GAMMA;
            self.stage[j] = self.y[j] + self.z[1][j];
        }
        let error = self.control.norm(&self.moved, &self.y, &self.stage);
        Ok(error.is_finite().then_some(error))
    }
}

impl Solver for Sdirk2 {
    const INFO: SolverInfo =
        SolverInfo::new("sdirk2", "SDIRK 2", 2.0).reference("10.1137/0714068").caps(
            Caps::ADAPTIVE
                .and(Caps::IMPLICIT)
                .and(Caps::SINGULAR_MASS)
                .and(Caps::DELAYS)
                .and(Caps::BACKWARD)
                .and(Caps::DETERMINISTIC),
        );
    type Options = NoOptions;

    fn create(problem: &Problem<'_>, config: &Config<'_, NoOptions>) -> Result<Self, Error> {
        // Says here already if the host has no matrices.
        problem.implicit()?;
        let zero = vec![0.0; problem.len()];
        Ok(Sdirk2 {
            control: Control::new(config),
            t: 0.0,
            t_end: 0.0,
            h: 0.0,
            y: zero.clone(),
            z: [zero.clone(), zero.clone()],
            stage: zero.clone(),
            residual: zero.clone(),
            moved: zero.clone(),
            product: zero,
        })
    }

    fn start(&mut self, _: &Problem<'_>, t0: f64, t_end: f64, y0: &[f64]) -> Result<(), Error> {
        (self.t, self.t_end) = (t0, t_end);
        self.h = self.control.first(t0, t_end);
        self.y.copy_from_slice(y0);
        Ok(())
    }

    fn step(&mut self, problem: &Problem<'_>, t_limit: f64) -> Result<Step, Error> {
        problem.implicit()?.linearise(self.t, &self.y)?;
        let (mut h, mut rejected) = (self.h, 0);
        loop {
            let t_new = self.control.end(self.t, h, t_limit);
            let length = (t_new - self.t).abs();
            let error = match self.attempt(problem, t_new) {
                Ok(error) => error,
                Err(e) if e.is_recoverable() => None,
                Err(e) => return Err(e),
            };
            match error {
                Some(error) if error <= 1.0 => {
                    // The estimate is of order 1, so its error is of order 2 in the step.
                    self.h = self.control.next(length, error, 2.0);
                    self.y.copy_from_slice(&self.stage);
                    let t_prev = std::mem::replace(&mut self.t, t_new);
                    let h_next = self.h;
                    return Ok(Step { t_prev, t: t_new, h_next, error_norm: error, rejected });
                }
                Some(error) => {
                    h = self.control.allow(self.t, self.control.next(length, error, 2.0))?;
                }
                None => h = self.control.retreat(self.t, length)?,
            }
            rejected += 1;
        }
    }

    fn state(&self) -> &[f64] {
        &self.y
    }

    fn restart(&mut self, problem: &Problem<'_>, t: f64, y: &[f64]) -> Result<(), Error> {
        self.start(problem, t, self.t_end, y)
    }
}
