//! Milstein's method for additive and diagonal noise, of strong order 1, with steps of one length
//! (G. N. Milstein, Theory Probab. Appl. 19 (1975) 557, doi:10.1137/1119062). Without noise it is
//! Euler's method.
//!
//! ```text
//! y⁺ = y + h f + g ΔW + ½ g' g (ΔW² − h)        (Itô; without h for Stratonovich's integral)
//! ```
//!
//! The increments come from the host: another length of steps sees the same motion.

use crate::imex::end;
use slopefield_plugin_sdk::prelude::*;

options! {
    /// Options of Milstein's method.
    pub struct MilsteinOptions {
        /// Length of a step.
        h: f64 = 0.01, min(1e-9);
    }
}

pub struct Milstein {
    t: f64,
    t_end: f64,
    h: f64,
    y: Vec<f64>,
    next: Vec<f64>,
    slope: Vec<f64>,
    /// Coefficients, their derivatives along themselves, increments.
    g: Vec<f64>,
    along: Vec<f64>,
    w: Vec<f64>,
}

impl Milstein {
    fn attempt(&mut self, problem: &Problem<'_>, t_new: f64) -> Result<(), Error> {
        let (t, h, n) = (self.t, t_new - self.t, self.y.len());
        problem.rhs(t, &self.y, &mut self.slope)?;
        for (i, next) in self.next.iter_mut().enumerate() {
            *next = self.y[i] + h * self.slope[i];
        }
        let Some(noise) = problem.noise()? else { return Ok(()) };
        noise.coefficients(t, &self.y, &mut self.g)?;
        noise.increments(t, t_new, &mut self.w)?;
        if noise.kind() == NoiseKind::Additive {
            for (column, w) in self.g.chunks_exact(n.max(1)).zip(&self.w) {
                for (next, g) in self.next.iter_mut().zip(column) {
                    *next += g * w;
                }
            }
            return Ok(());
        }
        noise.coefficients_jvp(t, &self.y, &self.g, &mut self.along)?;
        let mean = if noise.calculus() == Calculus::Ito { h } else { 0.0 };
        for (i, next) in self.next.iter_mut().enumerate() {
            let w = self.w[i];
            *next += self.g[i] * w + 0.5 * self.along[i] * (w * w - mean);
        }
        Ok(())
    }
}

impl Solver for Milstein {
    const INFO: SolverInfo = SolverInfo::new("milstein", "Milstein's method", 1.0)
        .reference("10.1137/1119062")
        .caps(Caps::NOISE.and(Caps::BACKWARD).and(Caps::DETERMINISTIC));
    type Options = MilsteinOptions;

    fn create(problem: &Problem<'_>, config: &Config<'_, MilsteinOptions>) -> Result<Self, Error> {
        let (mut coefficients, mut sources) = (0, 0);
        if let Some(noise) = problem.noise()? {
            if !matches!(noise.kind(), NoiseKind::Additive | NoiseKind::Diagonal) {
                return Err(Error::unsupported(
                    "this method takes additive noise, and a source for each state alone",
                ));
            }
            (coefficients, sources) = (noise.coefficients_len(), noise.sources());
        }
        let vector = || vec![0.0; problem.len()];
        Ok(Milstein {
            t: 0.0,
            t_end: 0.0,
            h: config.h_init.unwrap_or(config.options.h).min(config.h_max),
            y: vector(),
            next: vector(),
            slope: vector(),
            g: vec![0.0; coefficients],
            along: vec![0.0; coefficients],
            w: vec![0.0; sources],
        })
    }

    fn start(&mut self, _: &Problem<'_>, t0: f64, t_end: f64, y0: &[f64]) -> Result<(), Error> {
        (self.t, self.t_end) = (t0, t_end);
        self.y.copy_from_slice(y0);
        Ok(())
    }

    fn step(&mut self, problem: &Problem<'_>, t_limit: f64) -> Result<Step, Error> {
        let t_new = end(self.t, self.h, t_limit);
        let length = (t_new - self.t).abs();
        self.attempt(problem, t_new)
            .map_err(|e| if e.is_recoverable() { Error::step_too_small(length) } else { e })?;
        if !self.next.iter().all(|v| v.is_finite()) {
            return Err(Error::non_finite("the state overflowed"));
        }
        std::mem::swap(&mut self.y, &mut self.next);
        let t_prev = std::mem::replace(&mut self.t, t_new);
        Ok(Step { t_prev, t: t_new, h_next: self.h, error_norm: f64::NAN, rejected: 0 })
    }

    fn state(&self) -> &[f64] {
        &self.y
    }

    fn restart(&mut self, problem: &Problem<'_>, t: f64, y: &[f64]) -> Result<(), Error> {
        self.start(problem, t, self.t_end, y)
    }
}
