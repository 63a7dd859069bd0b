//! Exact gradients through backward differentiation of variable order.
//!
//! A step is no function of the state at its beginning alone, but it is one of the backward differences
//! `∇^j u` there, `j = 0 … k`. All that happens to these is linear, except for one system of equations in
//! each step: so cotangents and tangents are those of the differences. What counts as constant are the
//! ends of the steps, their orders, and the spacings that attempts which failed have left. The derivation
//! is on the page `docs/derivations/implicit-adjoints.md`.

mod path;
mod reverse;
mod tangent;

use super::path::HONOURED;
use crate::method::{ensure_finite, validate_gradients};
use crate::saves::SavedStates;
use crate::sensitivity::{Sink, TangentPass, sensitivities};
use crate::{Evaluated, GradientMethod, Loss, StateSensitivities};
use path::Path;
use reverse::Sweep;
use slopefield_kernel::Part;
use slopefield_solve::{Ivp, Settings, SolveError, Stats};
use tangent::Tangents;

/// Exact reverse of the accepted steps of backward differentiation ([`slopefield_solve::Bdf`]). Mass
/// matrices are honoured, and so is the way from the given to the consistent initial state.
pub struct BdfAdjoint {
    path: Path,
    saved: SavedStates,
    sweep: Sweep,
}

impl Default for BdfAdjoint {
    fn default() -> Self {
        Self::new()
    }
}

impl BdfAdjoint {
    /// With up to 256 MiB of record.
    pub fn new() -> Self {
        BdfAdjoint { path: Path::new(), saved: SavedStates::default(), sweep: Sweep::new() }
    }

    /// Keeps the record below `bytes` where that is possible: besides about fifty bytes for each of the
    /// `N` steps, the differences at about `√(N/7)` of them and the states of `√(7N)` are needed.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.path.budget = bytes;
        self
    }
}

impl GradientMethod for BdfAdjoint {
    fn name(&self) -> &'static str {
        "discrete"
    }

    fn state_sensitivities(&self) -> Option<Box<dyn StateSensitivities>> {
        Some(Box::new(BdfSensitivity::new().with_memory(self.path.budget)))
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
        validate_gradients(ivp, grad_u0, grad_p, HONOURED)?;
        self.saved.resize(saves.len(), ivp.u0.len());
        let forward = self.path.solve(ivp, settings, saves, &mut self.saved.states)?;
        let loss = self.saved.evaluate(loss);
        grad_p.fill(0.0);
        self.sweep.begin(ivp, saves.len())?;
        for index in (0..self.path.segments()).rev() {
            let segment = self.path.segment(ivp, settings, index)?;
            for i in (0..segment.len()).rev() {
                let step = segment.step(i);
                if settings.cancelled() {
                    return Err(SolveError::Cancelled { t: step.info.t });
                }
                self.sweep.reverse_step(ivp, settings, &step, saves, &self.saved, grad_p)?;
            }
        }
        self.sweep.finish(&self.saved, ivp.u0.len(), grad_u0, grad_p);
        ensure_finite(ivp, &self.saved.by_state, grad_u0, grad_p)?;
        Ok(Evaluated {
            loss,
            forward,
            reverse_products: self.sweep.products + self.path.repeated,
            memory: self.path.bytes(),
            by_start_time: None,
        })
    }
}

/// Tangents of the accepted steps of backward differentiation along all initial values and parameters;
/// the directions of a step share its factors.
pub struct BdfSensitivity {
    pass: Pass,
    saved: SavedStates,
}

impl Default for BdfSensitivity {
    fn default() -> Self {
        Self::new()
    }
}

impl BdfSensitivity {
    /// With up to 256 MiB of record.
    pub fn new() -> Self {
        let pass = Pass { path: Path::new(), tangents: Tangents::new() };
        BdfSensitivity { pass, saved: SavedStates::default() }
    }

    /// Keeps the record below `bytes` where that is possible; the tangents come on top.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.pass.path.budget = bytes;
        self
    }

    fn again(&self) -> Option<Self> {
        Some(Self::new().with_memory(self.pass.path.budget))
    }
}

sensitivities!(BdfSensitivity);

struct Pass {
    path: Path,
    tangents: Tangents,
}

impl TangentPass for Pass {
    fn honoured(&self) -> &'static [Part] {
        HONOURED
    }

    fn solve(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        states: &mut [f64],
    ) -> Result<(Stats, usize), SolveError> {
        Ok((self.path.solve(ivp, settings, saves, states)?, saves.len()))
    }

    fn propagate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        _: bool,
        sink: &mut Sink<'_>,
    ) -> Result<(), SolveError> {
        self.tangents.begin(ivp)?;
        for index in 0..self.path.segments() {
            let segment = self.path.segment(ivp, settings, index)?;
            for i in 0..segment.len() {
                let step = segment.step(i);
                if settings.cancelled() {
                    return Err(SolveError::Cancelled { t: step.info.t });
                }
                self.tangents.step(ivp, settings, &step, saves, sink)?;
            }
        }
        self.tangents.finish(saves.len(), sink);
        Ok(())
    }

    fn products(&self) -> u64 {
        self.tangents.products + self.path.repeated
    }

    fn bytes(&self) -> u64 {
        self.path.bytes() + self.tangents.bytes()
    }
}
