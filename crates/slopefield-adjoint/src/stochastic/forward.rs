//! Forward sensitivities along a path of an equation with noise.

use super::path::{Path, no_derivative};
use crate::saves::{SavedStates, saves_at_start};
use crate::sensitivity::{Sink, TangentPass, sensitivities};
use slopefield_kernel::Part;
use slopefield_solve::{Ivp, Settings, SolveError, Stats};

/// Tangents of the accepted steps of a method for noise along all initial values and parameters, on
/// the same Brownian motion. Equal to [`crate::StochasticAdjoint`] up to rounding.
pub struct StochasticForward {
    solver: String,
    pass: Pass,
    saved: SavedStates,
}

impl StochasticForward {
    /// Through the method called `id` (see [`slopefield_stochastic::methods`]); none where it is
    /// no method for equations with noise.
    #[must_use]
    pub fn named(id: &str) -> Option<Self> {
        let pass = Pass { path: Path::named(id)?, tangents: Vec::new(), next: Vec::new() };
        let (solver, saved) = (id.to_owned(), SavedStates::default());
        Some(StochasticForward { solver, pass, saved })
    }

    /// Keeps the states at step ends below `bytes` where that is possible: all times and about the
    /// root of as many states are needed. States that are not kept are computed again, at the cost
    /// of another solve; 256 MiB unless told otherwise.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.pass.path.set_budget(bytes);
        self
    }

    fn again(&self) -> Option<Self> {
        Self::named(&self.solver)
    }
}

sensitivities!(StochasticForward);

struct Pass {
    path: Path,
    /// Tangents of the state, one after the other for each direction.
    tangents: Vec<f64>,
    next: Vec<f64>,
}

impl TangentPass for Pass {
    fn honoured(&self) -> &'static [Part] {
        &[Part::Noise]
    }

    fn solve(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        states: &mut [f64],
    ) -> Result<(Stats, usize), SolveError> {
        let stats = self.path.solve(&self.path.system(ivp)?, settings, saves)?;
        states.copy_from_slice(&self.path.saved.states);
        Ok((stats, saves.len()))
    }

    fn propagate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        _: bool,
        sink: &mut Sink<'_>,
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

    fn products(&self) -> u64 {
        self.path.tape.products
    }

    fn bytes(&self) -> u64 {
        self.path.bytes()
    }
}
