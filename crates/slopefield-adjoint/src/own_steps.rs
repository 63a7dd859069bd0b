//! The discrete adjoint through steppers that reverse their own steps, such as solvers of plugins.
//!
//! The host keeps the states at the ends of all steps and what the stepper wrote down after each
//! ([`StepVjp::record`]), or as much of it as the budget allows where the stepper takes steps again;
//! backward it hands the stepper one step after the other, with the derivatives of the loss by the
//! states read within it. Step lengths count as constants, as in [`crate::DiscreteAdjoint`].

mod taken;

use crate::method::{ensure_finite, validate_gradients};
use crate::saves::{SavedStates, saves_at_start, saves_in_step};
use crate::{Evaluated, GradientMethod, Loss};
use slopefield_solve::{Ivp, Settings, SolveError, StepVjp, Stepper, drive};
use taken::Taken;

/// Exact reverse of the accepted steps by the stepper itself.
pub struct OwnStepsAdjoint {
    stepper: Box<dyn Stepper>,
    taken: Taken,
    saved: SavedStates,
}

impl OwnStepsAdjoint {
    /// Through `stepper`, with up to 256 MiB of records; none where the stepper does not offer
    /// derivatives of its steps.
    pub fn new(mut stepper: Box<dyn Stepper>) -> Option<Self> {
        stepper.step_vjp()?;
        let taken = Taken::new(crate::DEFAULT_MEMORY);
        Some(OwnStepsAdjoint { stepper, taken, saved: SavedStates::default() })
    }

    /// Keeps at most `bytes` of states and records: a stepper that takes steps again then does so before
    /// it reverses them, others are refused.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.taken.set_budget(bytes);
        self
    }
}

/// The stepper's derivatives, which it had when this method was made.
fn own_vjp(stepper: &mut dyn Stepper) -> Result<&mut dyn StepVjp, SolveError> {
    stepper.step_vjp().ok_or_else(|| {
        SolveError::Invalid("the solver has no derivatives of its steps any more".into())
    })
}

impl GradientMethod for OwnStepsAdjoint {
    fn name(&self) -> &'static str {
        "discrete"
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
        validate_gradients(ivp, grad_u0, grad_p, &[])?;
        let (n, direction) = (ivp.u0.len(), ivp.direction());
        self.saved.resize(saves.len(), n);
        self.taken.begin(ivp);
        let states = &mut self.saved.states;
        let stepper = &mut *self.stepper;
        let forward = drive(stepper, ivp, settings, saves, states, Some(&mut self.taken))?;
        let loss = self.saved.evaluate(loss);
        grad_p.fill(0.0);
        let (lambda, mut products) = (grad_u0, 0);
        lambda.fill(0.0);
        let mut end = saves.len();
        for i in (0..self.taken.own.len()).rev() {
            let (t_prev, t) = (self.taken.times[i], self.taken.times[i + 1]);
            let rows = saves_in_step(saves, end, t_prev, direction);
            end = rows.start;
            let inside =
                rows.start..rows.end - saves[rows.clone()].iter().filter(|s| **s == t).count();
            for row in inside.end..rows.end {
                add(lambda, self.saved.row_by_state(row, n));
            }
            if !self.taken.own[i] {
                for row in inside {
                    add(lambda, self.saved.row_by_state(row, n));
                }
                continue;
            }
            if settings.cancelled() {
                return Err(SolveError::Cancelled { t });
            }
            let weights = &self.saved.by_state[inside.start * n..inside.end * n];
            let own = own_vjp(&mut *self.stepper)?;
            self.taken.ready(i, own, ivp, settings)?;
            let step = self.taken.step(i, &saves[inside], weights);
            products += own.reverse(ivp, settings, &step, lambda, grad_p)?;
        }
        for row in 0..saves_at_start(saves, ivp) {
            add(lambda, self.saved.row_by_state(row, n));
        }
        ensure_finite(ivp, &self.saved.by_state, lambda, grad_p)?;
        Ok(Evaluated {
            loss,
            forward,
            reverse_products: products + self.taken.redone,
            memory: self.taken.bytes(),
            by_start_time: None,
        })
    }
}

fn add(sum: &mut [f64], x: &[f64]) {
    for (sum, x) in sum.iter_mut().zip(x) {
        *sum += x;
    }
}
