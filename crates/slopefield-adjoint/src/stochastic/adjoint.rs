//! The discrete adjoint along a path of an equation with noise.

use super::path::{Path, no_derivative};
use crate::method::{ensure_finite, validate_gradients};
use crate::saves::{saves_at_start, saves_in_step};
use crate::{Evaluated, GradientMethod, Loss, StateSensitivities, StochasticForward};
use slopefield_kernel::Part;
use slopefield_solve::{Ivp, Settings, SolveError};

/// Exact reverse of the accepted steps of a method for noise, on the same Brownian motion: the
/// derivative of one path, that of the seed and path number of the settings. The increments of the
/// motion are made again step by step and not stored. Step lengths count as constants.
///
/// The derivation is on the page `docs/derivations/stochastic-gradients.md`.
pub struct StochasticAdjoint {
    solver: String,
    path: Path,
    lambda: Vec<f64>,
}

impl StochasticAdjoint {
    /// Through the method called `id` (see [`slopefield_stochastic::methods`]); none where it is
    /// no method for equations with noise.
    #[must_use]
    pub fn named(id: &str) -> Option<Self> {
        let (solver, path) = (id.to_owned(), Path::named(id)?);
        Some(StochasticAdjoint { solver, path, lambda: Vec::new() })
    }

    /// Keeps the states at step ends below `bytes` where that is possible: all times and about the
    /// root of as many states are needed. States that are not kept are computed again, at the cost
    /// of another solve; 256 MiB unless told otherwise.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.path.set_budget(bytes);
        self
    }
}

impl GradientMethod for StochasticAdjoint {
    fn name(&self) -> &'static str {
        "discrete"
    }

    fn state_sensitivities(&self) -> Option<Box<dyn StateSensitivities>> {
        Some(Box::new(StochasticForward::named(&self.solver)?))
    }

    fn evaluate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        loss: &mut Loss<'_>,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) -> Result<Evaluated, SolveError> {
        validate_gradients(ivp, grad_u0, grad_p, &[Part::Noise])?;
        let (path, n) = (&mut self.path, ivp.u0.len());
        let system = path.system(ivp)?;
        let forward = path.solve(&system, settings, saves)?;
        let loss = path.loss(loss);
        grad_p.fill(0.0);
        self.lambda.clear();
        self.lambda.resize(n, 0.0);
        let mut saves_end = saves.len();
        for step in (0..path.steps()).rev() {
            let (t, t_new) = path.times(step);
            if settings.cancelled() {
                return Err(SolveError::Cancelled { t: t_new });
            }
            let inside = saves_in_step(saves, saves_end, t, 1.0);
            saves_end = inside.start;
            if inside.is_empty() && self.lambda.iter().all(|l| *l == 0.0) {
                continue; // nothing depends on what happens after the last save point
            }
            let recorded = path.replay(&system, step, saves, inside)?;
            path.tape.clear_cotangents();
            add(path.tape.cotangent(recorded.end), &self.lambda);
            for (save, row) in &path.rows {
                add(path.tape.cotangent(*row), path.saved.row_by_state(*save, n));
            }
            if !path.tape.reverse(&system, grad_p) {
                return Err(no_derivative(t_new));
            }
            self.lambda.copy_from_slice(path.tape.cotangent(path.begin));
        }
        grad_u0.copy_from_slice(&self.lambda);
        for row in 0..saves_at_start(saves, ivp) {
            add(grad_u0, path.saved.row_by_state(row, n));
        }
        ensure_finite(ivp, &path.saved.by_state, grad_u0, grad_p)?;
        Ok(Evaluated {
            loss,
            forward,
            reverse_products: path.tape.products,
            memory: path.bytes(),
            by_start_time: None,
        })
    }
}

fn add(sum: &mut [f64], x: &[f64]) {
    for (s, x) in sum.iter_mut().zip(x) {
        *s += x;
    }
}
