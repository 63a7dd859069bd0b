//! The adaptive stepper for every explicit Runge–Kutta table.

use super::{Stages, Tableau};
use crate::controller::within;
use crate::initial::initial_step;
use crate::{ErrorNorm, Ivp, PiController, Settings, SolveError, Stats, Step, Stepper};

/// Adaptive explicit Runge–Kutta method, defined by its table.
///
/// A step is accepted when the scaled error norm is at most 1. An attempt that meets a non-finite
/// value is rejected like one that is too inaccurate; only when no step however small avoids such
/// values does the solve stop with [`SolveError::NonFinite`].
pub struct ExplicitRungeKutta {
    stages: Stages,
    controller: PiController,
    norm: ErrorNorm,
    t: f64,
    /// Length of the next attempt, positive.
    h: f64,
    /// Whether the stages hold an accepted step, rather than only its beginning.
    holds_step: bool,
    stats: Stats,
}

/// Steps shorter than this many units in the last place of the time are too small.
const SMALLEST_STEP_ULPS: f64 = 16.0;

/// Stretch the step onto the limit when it would end within this fraction of it: a tiny last step
/// would only add rounding errors (Hairer, Nørsett, Wanner, dopri5).
const STRETCH: f64 = 1.01;

impl ExplicitRungeKutta {
    /// The method of `tableau` with the controller constants published for its order.
    pub fn new(tableau: &'static Tableau) -> Self {
        Self::with_controller(tableau, PiController::for_error_order(tableau.error_order()))
    }

    /// The method of `tableau` with another controller.
    pub fn with_controller(tableau: &'static Tableau, controller: PiController) -> Self {
        ExplicitRungeKutta {
            stages: Stages::new(tableau),
            controller,
            norm: ErrorNorm::default(),
            t: 0.0,
            h: 0.0,
            holds_step: false,
            stats: Stats::default(),
        }
    }

    /// Shortest step allowed here.
    fn floor(&self, ivp: &Ivp<'_>, settings: &Settings) -> f64 {
        // Near t = 0 the spacing of floating-point numbers is no measure; the span is.
        let scale = self.t.abs().max(1e-10 * (ivp.t1 - ivp.t0).abs());
        (SMALLEST_STEP_ULPS * f64::EPSILON * scale).max(settings.h_min)
    }

    fn check_budget(&self, settings: &Settings) -> Result<(), SolveError> {
        if settings.cancelled() {
            return Err(SolveError::Cancelled { t: self.t });
        }
        if self.stats.accepted + self.stats.rejected >= settings.max_steps {
            return Err(SolveError::TooManySteps { t: self.t, steps: settings.max_steps });
        }
        Ok(())
    }
}

impl Stepper for ExplicitRungeKutta {
    fn start(&mut self, ivp: &Ivp<'_>, settings: &Settings) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        self.norm.configure(settings, n);
        self.controller.reset();
        self.t = ivp.t0;
        self.holds_step = false;
        self.stats = Stats { accepted: 0, rejected: 0, rhs: 1 };
        self.stages.begin(ivp, ivp.t0, ivp.u0);
        self.stages.ask_for_whole_steps(ivp);
        if let Some(state) = self.stages.slope(0).iter().position(|v| !v.is_finite()) {
            return Err(SolveError::NonFinite { t: ivp.t0, state, u: ivp.u0.to_vec() });
        }
        self.h = match settings.h_init {
            Some(h) => h.abs(),
            None => {
                self.stats.rhs += 1;
                let q = self.stages.tableau().error_order();
                initial_step(ivp, &self.norm, &mut self.stages, q, settings.h_max)
            }
        };
        Ok(())
    }

    fn step(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        t_limit: f64,
    ) -> Result<Step, SolveError> {
        let backward = t_limit < self.t;
        let signed = |h: f64| if backward { -h } else { h };
        let floor = self.floor(ivp, settings);
        let mut h = within(self.h, floor, settings.h_max);
        let mut rejected = 0;
        loop {
            self.check_budget(settings)?;
            let remaining = (t_limit - self.t).abs();
            let clipped = STRETCH * h >= remaining;
            let t_new = if clipped { t_limit } else { self.t + signed(h) };
            let (evaluations, error) =
                self.stages.measured_attempt(ivp, (self.t, t_new), self.holds_step, &self.norm);
            self.holds_step = false;
            self.stats.rhs += evaluations;
            if error <= 1.0 {
                let taken = if clipped { remaining } else { h };
                let next = self.controller.accepted(error) * taken;
                // A step cut short by the limit says nothing against the longer one.
                self.h = if taken < h { next.max(h) } else { next };
                let t_prev = std::mem::replace(&mut self.t, t_new);
                self.holds_step = true;
                self.stats.accepted += 1;
                return Ok(Step { t_prev, t: t_new, rejected });
            }
            rejected += 1;
            self.stats.rejected += 1;
            let finite = error.is_finite();
            let factor = if finite {
                self.controller.rejected(error)
            } else {
                self.controller.rejected_non_finite()
            };
            let tried = h.min(remaining);
            h = (tried * factor).max(floor);
            if tried <= floor {
                return Err(match self.stages.first_non_finite() {
                    Some(state) if !finite => {
                        SolveError::NonFinite { t: self.t, state, u: self.stages.state(0).to_vec() }
                    }
                    _ => SolveError::StepTooSmall { t: self.t, h: signed(tried) },
                });
            }
        }
    }

    fn state(&self) -> &[f64] {
        if self.holds_step { self.stages.end() } else { self.stages.state(0) }
    }

    fn interpolate(&mut self, t: f64, out: &mut [f64]) -> Result<(), SolveError> {
        self.stages.interpolate(t, out)
    }

    fn stats(&self) -> Stats {
        self.stats
    }

    fn stages(&self) -> Option<&Stages> {
        self.holds_step.then_some(&self.stages)
    }
}
