//! Forward sensitivities along a path of an equation with noise.

use super::path::{Path, no_derivative};
use crate::method::{ensure_finite, validate_gradients};
use crate::saves::saves_at_start;
use crate::{Evaluated, GradientMethod, Loss};
use slopefield_kernel::Part;
use slopefield_solve::{Ivp, Settings, SolveError, Stats};

/// Tangents of the accepted steps of a method for noise along all initial values and parameters, on
/// the same Brownian motion. Equal to [`crate::StochasticAdjoint`] up to rounding.
pub struct StochasticForward {
    path: Path,
    /// Tangents of the state, one after the other for each direction.
    tangents: Vec<f64>,
    next: Vec<f64>,
}

impl StochasticForward {
    /// Through the method called `id` (see [`slopefield_stochastic::methods`]); none where it is
    /// no method for equations with noise.
    #[must_use]
    pub fn named(id: &str) -> Option<Self> {
        Some(StochasticForward { path: Path::named(id)?, tangents: Vec::new(), next: Vec::new() })
    }

    /// Keeps the states at step ends below `bytes` where that is possible: all times and about the
    /// root of as many states are needed. States that are not kept are computed again, at the cost
    /// of another solve; 256 MiB unless told otherwise.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.path.set_budget(bytes);
        self
    }

    /// Solves and writes the states at `saves` to `states` (`saves.len() × n`) and their
    /// derivatives to `jacobian`: row `m·n + i` belongs to state `i` at save time `m` and holds
    /// `n` derivatives by the initial state, then those by the parameters.
    ///
    /// # Errors
    /// As [`GradientMethod::evaluate`].
    pub fn jacobian(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        states: &mut [f64],
        jacobian: &mut [f64],
    ) -> Result<Stats, SolveError> {
        let n = ivp.u0.len();
        let columns = n + ivp.p.len();
        if states.len() != saves.len() * n || jacobian.len() != states.len() * columns {
            return Err(SolveError::Invalid(format!(
                "room for {} states and a Jacobian of {} numbers was given, but {} and {} are \
                 needed",
                states.len(),
                jacobian.len(),
                saves.len() * n,
                saves.len() * n * columns
            )));
        }
        let stats = self.path.solve(&self.path.system(ivp)?, settings, saves)?;
        states.copy_from_slice(&self.path.saved.states);
        self.propagate(ivp, settings, saves, &mut |save, direction, tangent| {
            for (i, value) in tangent.iter().enumerate() {
                jacobian[(save * n + i) * columns + direction] = *value;
            }
        })?;
        Ok(stats)
    }

    /// Runs the tangents over the recorded steps and hands `(save, direction, tangent)` to `sink`.
    fn propagate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        sink: &mut dyn FnMut(usize, usize, &[f64]),
    ) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        let directions = n + ivp.p.len();
        let path = &mut self.path;
        let system = path.system(ivp)?;
        self.tangents.clear();
        self.tangents.resize(directions * n, 0.0);
        self.next.resize(directions * n, 0.0);
        for i in 0..n {
            self.tangents[i * n + i] = 1.0;
        }
        let mut first = saves_at_start(saves, ivp);
        for save in 0..first {
            for (direction, tangent) in self.tangents.chunks_exact(n).enumerate() {
                sink(save, direction, tangent);
            }
        }
        for step in 0..path.steps() {
            if first == saves.len() {
                break; // nothing asks for what happens after the last save point
            }
            let (_, t_new) = path.times(step);
            if settings.cancelled() {
                return Err(SolveError::Cancelled { t: t_new });
            }
            let last = first + saves[first..].iter().take_while(|save| **save <= t_new).count();
            let recorded = path.replay(&system, step, saves, first..last)?;
            first = last;
            if !path.tape.propagate(&system, &self.tangents, n) {
                return Err(no_derivative(t_new));
            }
            for direction in 0..directions {
                for (save, row) in &path.rows {
                    sink(*save, direction, path.tape.tangent(direction, *row));
                }
                let end = path.tape.tangent(direction, recorded.end);
                self.next[direction * n..(direction + 1) * n].copy_from_slice(end);
            }
            std::mem::swap(&mut self.tangents, &mut self.next);
        }
        Ok(())
    }
}

impl GradientMethod for StochasticForward {
    fn name(&self) -> &'static str {
        "forward"
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
        let n = ivp.u0.len();
        let forward = self.path.solve(&self.path.system(ivp)?, settings, saves)?;
        let loss = self.path.loss(loss);
        grad_u0.fill(0.0);
        grad_p.fill(0.0);
        let by_state = std::mem::take(&mut self.path.saved.by_state);
        let result = self.propagate(ivp, settings, saves, &mut |save, direction, tangent| {
            let w = &by_state[save * n..(save + 1) * n];
            let product: f64 = w.iter().zip(tangent).map(|(w, x)| w * x).sum();
            match direction.checked_sub(n) {
                None => grad_u0[direction] += product,
                Some(parameter) => grad_p[parameter] += product,
            }
        });
        self.path.saved.by_state = by_state;
        result?;
        ensure_finite(ivp, &self.path.saved.by_state, grad_u0, grad_p)?;
        Ok(Evaluated {
            loss,
            forward,
            reverse_products: self.path.tape.products,
            memory: self.path.bytes(),
            by_start_time: None,
        })
    }
}
