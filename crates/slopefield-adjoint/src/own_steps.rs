//! The discrete adjoint through steppers that reverse their own steps, such as solvers of plugins.
//!
//! The host keeps the states at the ends of all steps and what the stepper wrote down after each
//! ([`StepVjp::record`]); backward it hands the stepper one step after the other, with the derivatives
//! of the loss by the states read within it. Step lengths count as constants, as in
//! [`crate::DiscreteAdjoint`].

use crate::method::{ensure_finite, validate_gradients};
use crate::saves::{SavedStates, saves_at_start, saves_in_step};
use crate::{Evaluated, GradientMethod, Loss};
use slopefield_solve::{
    Ivp, Settings, SolveError, Step, StepObserver, StepVjp, Stepper, TakenStep, drive,
};

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
        let taken = Taken { budget: crate::DEFAULT_MEMORY, ..Taken::default() };
        Some(OwnStepsAdjoint { stepper, taken, saved: SavedStates::default() })
    }

    /// Refuses to keep more than `bytes` of states and records.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.taken.budget = bytes;
        self
    }
}

/// The steps of a solve.
#[derive(Default)]
struct Taken {
    budget: u64,
    n: usize,
    /// Where each began, then the end of the last.
    times: Vec<f64>,
    /// The states there.
    states: Vec<f64>,
    /// Length of a record, once there is a step.
    record_len: Option<usize>,
    records: Vec<f64>,
    /// Whether a step is one of the stepper; otherwise it is the gap at a jump of an input, which
    /// changes nothing.
    own: Vec<bool>,
}

impl Taken {
    fn begin(&mut self, ivp: &Ivp<'_>) {
        self.n = ivp.u0.len();
        self.times.clear();
        self.times.push(ivp.t0);
        self.states.clear();
        self.states.extend_from_slice(ivp.u0);
        self.record_len = None;
        self.records.clear();
        self.own.clear();
    }

    fn bytes(&self) -> u64 {
        let numbers = self.times.len() + self.states.len() + self.records.len();
        (numbers * size_of::<f64>() + self.own.len()) as u64
    }

    fn step<'a>(&'a self, i: usize, inside: &'a [f64], weights: &'a [f64]) -> TakenStep<'a> {
        let (n, len) = (self.n, self.record_len.unwrap_or(0));
        TakenStep {
            t_prev: self.times[i],
            t: self.times[i + 1],
            start: &self.states[i * n..(i + 1) * n],
            end: &self.states[(i + 1) * n..(i + 2) * n],
            record: &self.records[i * len..(i + 1) * len],
            inside,
            weights,
        }
    }
}

impl StepObserver for Taken {
    fn interpolates(&self) -> bool {
        false
    }

    fn accepted(&mut self, step: &Step, solution: &mut dyn Stepper) -> Result<(), SolveError> {
        self.times.push(step.t);
        self.states.extend_from_slice(solution.state());
        let own = solution.step_vjp();
        self.own.push(own.is_some());
        if let Some(own) = own {
            let len = match self.record_len {
                Some(len) => len,
                None => own.record_len()?,
            };
            self.record_len = Some(len);
            self.records.resize(self.own.len() * len, 0.0);
            let begin = self.records.len() - len;
            own.record(&mut self.records[begin..])?;
        } else if let Some(len) = self.record_len {
            self.records.resize(self.own.len() * len, 0.0);
        }
        if self.bytes() <= self.budget {
            return Ok(());
        }
        Err(SolveError::Invalid(format!(
            "the exact gradient keeps {} numbers of each step, and {} steps need more than the {} \
             MiB allowed; allow more memory, loosen the tolerances or use a continuous method, such \
             as gauss",
            self.n + self.record_len.unwrap_or(0),
            self.own.len(),
            self.budget >> 20
        )))
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
            let step = self.taken.step(i, &saves[inside], weights);
            let own = own_vjp(&mut *self.stepper)?;
            products += own.reverse(ivp, settings, &step, lambda, grad_p)?;
        }
        for row in 0..saves_at_start(saves, ivp) {
            add(lambda, self.saved.row_by_state(row, n));
        }
        ensure_finite(ivp, &self.saved.by_state, lambda, grad_p)?;
        Ok(Evaluated {
            loss,
            forward,
            reverse_products: products,
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
