//! Continuous adjoints: through any stepper, plugins included.
//!
//! `Mᵀ λ' = −(∂f/∂u)ᵀ λ` is integrated backward over the stored trajectory with jumps at save times
//! and events, and `dL/dp = ∫ (∂f/∂p)ᵀ λ dt`. Nothing is asked of the stepper but dense output. The
//! gradient is that of the exact solution, approached as the tolerances fall; it is not the exact
//! derivative of the computed steps. `docs/derivations/continuous-adjoints.md` has the derivations.

mod algebraic;
mod backsolve;
mod equation;
mod events;
mod integral;
mod path;
mod recorder;
mod reverse;
mod sweep;
mod transposed;

pub use backsolve::{BacksolveAdjoint, Reversal, reversal};

use crate::method::{ensure_finite, validate_gradients};
use crate::saves::SavedStates;
use crate::{Evaluated, GradientMethod, Loss};
use algebraic::Algebraic;
use events::Saltation;
use integral::{Integral, Work};
use recorder::{Recorder, Recording};
use reverse::Reverse;
use slopefield_kernel::Part;
use slopefield_solve::{Ivp, Settings, SolveError, Stepper, drive_to_stop};
use sweep::Sweep;
use transposed::Transposed;

/// [`ContinuousAdjoint`] with the parameter integral by Gauss points in each reverse step.
pub type GaussAdjoint = ContinuousAdjoint<0>;
/// [`ContinuousAdjoint`] with the parameter integral as part of the reverse equation.
pub type InterpolatingAdjoint = ContinuousAdjoint<1>;
/// [`ContinuousAdjoint`] with the parameter integral after the reverse solve.
pub type QuadratureAdjoint = ContinuousAdjoint<2>;

/// Continuous adjoint through any stepper over its stored dense output. `INTEGRAL` says how the
/// parameter integral is taken; use one of [`GaussAdjoint`], [`InterpolatingAdjoint`] and
/// [`QuadratureAdjoint`].
pub struct ContinuousAdjoint<const INTEGRAL: u8> {
    stepper: Box<dyn Stepper>,
    reverse: Reverse,
    recorder: Recorder,
    memory: u64,
    saved: SavedStates,
    cotangent: Vec<f64>,
    lambda: Vec<f64>,
    state: Vec<f64>,
    slope: Vec<f64>,
    scratch: Vec<f64>,
    transposed: Transposed,
    algebraic: Algebraic,
    saltation: Saltation,
    work: Work,
}

impl<const INTEGRAL: u8> ContinuousAdjoint<INTEGRAL> {
    /// Through the dense output of `stepper`.
    pub fn new(stepper: Box<dyn Stepper>) -> Self {
        ContinuousAdjoint {
            stepper,
            reverse: Reverse::default(),
            recorder: Recorder::default(),
            memory: u64::MAX,
            saved: SavedStates::default(),
            cotangent: Vec::new(),
            lambda: Vec::new(),
            state: Vec::new(),
            slope: Vec::new(),
            scratch: Vec::new(),
            transposed: Transposed::default(),
            algebraic: Algebraic::default(),
            saltation: Saltation::default(),
            work: Work::default(),
        }
    }

    /// Holds at most `bytes` of the trajectory, where that is room for a few steps: stretches that
    /// do not fit are solved again from checkpoints.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    const KIND: Integral = match INTEGRAL {
        0 => Integral::Gauss,
        1 => Integral::Interpolating,
        _ => Integral::Quadrature,
    };
}

impl<const INTEGRAL: u8> GradientMethod for ContinuousAdjoint<INTEGRAL> {
    fn name(&self) -> &'static str {
        match Self::KIND {
            Integral::Gauss => "gauss",
            Integral::Interpolating => "interpolating",
            Integral::Quadrature => "quadrature",
        }
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
        validate_gradients(ivp, grad_u0, grad_p, &[Part::Mass, Part::Events])?;
        let n = ivp.u0.len();
        self.saved.resize(saves.len(), n);
        let events = ivp.rhs.structure().events;
        let list = events.as_ref().map_or(&[][..], |events| events.list);
        // λ over a stretch takes as much again where it is stored.
        let share = if Self::KIND == Integral::Quadrature { self.memory / 2 } else { self.memory };
        self.recorder.begin(ivp.u0, share);
        let mut recording = Recording { recorder: &mut self.recorder, events: list };
        let states = &mut self.saved.states;
        let solved =
            drive_to_stop(&mut *self.stepper, ivp, settings, saves, states, Some(&mut recording))?;
        let loss = self.saved.evaluate(loss);
        grad_p.fill(0.0);
        let reached = solved.stop.map_or(ivp.t1, |stop| stop.t);
        let remaining = self.saved.reached(saves, reached, ivp.direction(), n)?;
        for vector in [&mut self.cotangent, &mut self.lambda, &mut self.slope, &mut self.state] {
            vector.clear();
            vector.resize(n, 0.0);
        }
        self.scratch.resize(ivp.rhs.scratch_len(), 0.0);
        let largest = self.saved.by_state.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
        self.reverse.configure(settings, largest);
        let extra = if Self::KIND == Integral::Interpolating { ivp.p.len() } else { 0 };
        self.transposed.prepare(ivp.rhs, extra);
        self.algebraic.configure(ivp, settings, extra)?;
        if let Some(events) = &events {
            self.saltation.begin(ivp, events);
        }
        self.work.resize(ivp);
        let mut sweep = Sweep {
            ivp,
            settings,
            saves,
            integral: Self::KIND,
            events: events.as_ref(),
            saved: &self.saved,
            remaining,
            stepper: &mut *self.stepper,
            reverse: &mut self.reverse,
            recorder: &mut self.recorder,
            cotangent: &mut self.cotangent,
            lambda: &mut self.lambda,
            state: &mut self.state,
            slope: &mut self.slope,
            scratch: &mut self.scratch,
            transposed: &self.transposed,
            algebraic: &mut self.algebraic,
            saltation: &mut self.saltation,
            work: &mut self.work,
            grad_p: &mut *grad_p,
            largest: 0.0,
            products: 0,
            by_start_time: None,
        };
        sweep.run(reached)?;
        let (products, by_start_time) = (sweep.products, sweep.by_start_time);
        self.algebraic.finish(ivp, grad_p);
        grad_u0.copy_from_slice(&self.cotangent);
        ensure_finite(ivp, &self.saved.by_state, grad_u0, grad_p)?;
        Ok(Evaluated {
            loss,
            forward: solved.stats,
            reverse_products: products + self.work.products,
            memory: self.recorder.peak + self.work.peak,
            by_start_time,
        })
    }
}
