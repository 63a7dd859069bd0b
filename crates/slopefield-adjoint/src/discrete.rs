//! The discrete adjoint: exact reverse of the accepted steps of an explicit Runge–Kutta method.
//!
//! The step sizes count as constants, so the result is the derivative of the map from `(u0, p)`
//! to the states at the save times with the steps that were taken. Interpolated save points and
//! first-same-as-last stages are part of that map. The derivation is on the page
//! `docs/derivations/discrete-adjoint.md`; its symbols are the names used here.

use crate::hybrid::StartTime;
use crate::method::{ensure_finite, validate_gradients};
use crate::moments::Moments;
use crate::recorded::Recorded;
use crate::saves::{SavedStates, saves_at_start, saves_in_step};
use crate::tape::{Segment, Tape};
use crate::{Evaluated, ForwardSensitivity, GradientMethod, Loss, StateSensitivities};
use slopefield_kernel::{Cotangent, Point, ReverseStepKernel, StepReversal};
use slopefield_solve::{
    ExplicitRungeKutta, Ivp, Settings, SolveError, Stages, Tableau, copy_few, drive, tableau,
};
use std::sync::Arc;

/// Exact reverse of the accepted steps.
pub struct DiscreteAdjoint {
    stepper: ExplicitRungeKutta,
    tape: Tape,
    saved: SavedStates,
    sweep: Sweep,
    /// What differentiates the first step by its beginning in time, where that is wanted.
    start: Option<StartTime>,
}

impl DiscreteAdjoint {
    /// Through the method of `tableau`, with up to 256 MiB of tape.
    pub fn new(tableau: &'static Tableau) -> Self {
        DiscreteAdjoint {
            stepper: ExplicitRungeKutta::new(tableau).recording(),
            tape: Tape::new(tableau, crate::DEFAULT_MEMORY),
            saved: SavedStates::default(),
            sweep: Sweep::new(tableau),
            start: None,
        }
    }

    /// Through the built-in method called `name` (see [`slopefield_solve::methods`]).
    pub fn named(name: &str) -> Option<Self> {
        tableau(name).map(Self::new)
    }

    /// Keeps tape and checkpoints below `bytes` where that is possible: with `N` steps at least
    /// the `N` times and about `√N` states are needed.
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.tape.set_budget(bytes);
        self
    }

    /// Gives the derivative by the start time too, [`crate::Evaluated::by_start_time`]. It costs a step more
    /// with products by all parameters, much where a solve has few steps.
    pub fn with_start_time(mut self) -> Self {
        self.start = Some(StartTime::new(self.sweep.tableau));
        self
    }
}

impl GradientMethod for DiscreteAdjoint {
    fn name(&self) -> &'static str {
        "discrete"
    }

    fn state_sensitivities(&self) -> Option<Box<dyn StateSensitivities>> {
        Some(Box::new(ForwardSensitivity::new(self.sweep.tableau)))
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
        let n = ivp.u0.len();
        self.saved.resize(saves.len(), n);
        self.sweep.recorded.begin(ivp);
        self.tape.clear(n);
        self.tape.count_beside(self.sweep.recorded.capacity());
        let states = &mut self.saved.states;
        self.tape.exchange_records(&mut self.stepper);
        let forward = drive(&mut self.stepper, ivp, settings, saves, states, Some(&mut self.tape));
        self.tape.exchange_records(&mut self.stepper);
        let forward = forward?;
        let loss = self.saved.evaluate(loss);
        grad_p.fill(0.0);
        let mut by_start_time = None;
        self.sweep.begin(ivp, saves.len());
        for index in (0..self.tape.segments()).rev() {
            let mut segment = self.tape.segment(ivp, index);
            for i in (0..segment.len()).rev() {
                if settings.cancelled() {
                    return Err(SolveError::Cancelled { t: segment.times[i + 1] });
                }
                if let (0, 0, Some(start)) = (index, i, &mut self.start) {
                    let (sweep, n) = (&self.sweep, ivp.u0.len());
                    let block = segment.block(0);
                    let end = (segment.times[1], &block[block.len() - n..]);
                    let (lambda, kappa) = (&sweep.lambda[..], &sweep.kappa[..]);
                    let saves = &saves[..sweep.saves_end];
                    let saved = &self.saved;
                    let found =
                        start.derivative(ivp, settings, end, lambda, kappa, saves, saved)?;
                    by_start_time = Some(found);
                }
                self.sweep.reverse_step(ivp, &mut segment, i, saves, &self.saved, grad_p)?;
            }
            if index == 0 {
                self.sweep.pull_back_start(ivp, segment.record(0, 0), grad_p);
            }
        }
        self.sweep.finish(ivp, saves, &self.saved, grad_u0, grad_p);
        ensure_finite(ivp, &self.saved.by_state, grad_u0, grad_p)?;
        Ok(Evaluated {
            loss,
            forward,
            reverse_products: self.sweep.products + self.tape.recomputed,
            memory: self.tape.bytes() + self.sweep.recorded.bytes(),
            by_start_time,
        })
    }
}

/// The reverse pass: cotangents carried from step to step, last to first.
struct Sweep {
    tableau: &'static Tableau,
    /// Cotangent λ of the state at the end of the step to be reversed.
    lambda: Vec<f64>,
    /// Cotangent κ of the slope there, for first-same-as-last methods.
    kappa: Vec<f64>,
    /// Cotangents of the slopes of the step, row by row, those of stages that only the interpolant
    /// needs last, and a row that whole steps need.
    slopes: Vec<f64>,
    /// Cotangent of the step's beginning through the stages that only the interpolant needs.
    beginning: Vec<f64>,
    /// Takes steps again whose interpolant needs stages of its own.
    replay: Stages,
    /// Cotangent of one stage state.
    stage: Vec<f64>,
    scratch: Vec<f64>,
    /// Save times below this index are still to come.
    saves_end: usize,
    products: u64,
    moments: Moments,
    /// The kernel's own code for whole steps.
    whole: Option<Arc<dyn ReverseStepKernel>>,
    /// Steps reversed without it since the kernel was last asked for it.
    taken: u64,
    recorded: Recorded,
}

/// A kernel without code for whole steps is asked for it again after so many of them.
const ASK_AFTER: u64 = 256;

impl Sweep {
    fn new(tableau: &'static Tableau) -> Self {
        Sweep {
            tableau,
            lambda: Vec::new(),
            kappa: Vec::new(),
            slopes: Vec::new(),
            beginning: Vec::new(),
            replay: Stages::new(tableau),
            stage: Vec::new(),
            scratch: Vec::new(),
            saves_end: 0,
            products: 0,
            moments: Moments::default(),
            whole: None,
            taken: 0,
            recorded: Recorded::default(),
        }
    }

    fn begin(&mut self, ivp: &Ivp<'_>, saves: usize) {
        let n = ivp.u0.len();
        for carried in [&mut self.lambda, &mut self.kappa, &mut self.stage, &mut self.beginning] {
            carried.clear();
            carried.resize(n, 0.0);
        }
        self.slopes.resize((self.tableau.dense_stages() + 1) * n, 0.0);
        self.scratch.resize(ivp.rhs.scratch_len().max(self.recorded.scratch_len()), 0.0);
        self.moments.resize(self.tableau.dense_degree(), n);
        self.saves_end = saves;
        self.products = 0;
        self.ask_for_whole_steps(ivp);
    }

    fn reverse_step(
        &mut self,
        ivp: &Ivp<'_>,
        segment: &mut Segment<'_>,
        i: usize,
        saves: &[f64],
        saved: &SavedStates,
        grad_p: &mut [f64],
    ) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        let (t, t_new) = (segment.times[i], segment.times[i + 1]);
        let block = segment.block(i);
        let inside = saves_in_step(saves, self.saves_end, t, ivp.direction());
        self.saves_end = inside.start;
        let interior_end =
            inside.start + saves[inside.clone()].iter().take_while(|save| **save != t_new).count();
        for row in interior_end..inside.end {
            add(&mut self.lambda, saved.row_by_state(row, n));
        }
        let interior = inside.start..interior_end;
        let within = !interior.is_empty()
            && self.moments.collect(t, t_new - t, &saves[interior.clone()], saved, interior.start);
        if !within && is_zero(&self.kappa) {
            if is_zero(&self.lambda) {
                return Ok(()); // nothing depends on what happens after the last save point
            }
            self.slopes.fill(0.0);
            self.reverse_stages(ivp, segment, i, false, grad_p);
        } else if let Some(whole) = &self.whole {
            whole.reverse(StepReversal {
                t,
                t_new,
                p: ivp.p,
                states: block,
                moments: within.then_some(&self.moments.rows),
                lambda: &mut self.lambda,
                kappa: &mut self.kappa,
                grad_p,
                scratch: &mut self.scratch,
                stages: &mut self.slopes,
            });
            self.products += self.tableau.evaluations_per_step() as u64;
        } else {
            self.slopes.fill(0.0);
            if within && self.tableau.extra.a.is_empty() {
                self.moments.scatter(self.tableau, t_new - t, &mut self.slopes);
            } else if within {
                let (h, times) = (t_new - t, &saves[interior.clone()]);
                let (table, slopes) = (self.tableau, &mut self.slopes);
                self.moments.scatter_each(table, (t, h), times, saved, interior.start, slopes);
                self.reverse_extra_stages(ivp, t, t_new, &block[..n], grad_p);
            }
            self.reverse_stages(ivp, segment, i, within, grad_p);
            self.taken += 1;
            if self.taken == ASK_AFTER {
                self.ask_for_whole_steps(ivp);
            }
        }
        match self.lambda.iter().position(|v| !v.is_finite()) {
            Some(state) if saved.by_state.iter().all(|w| w.is_finite()) => {
                Err(SolveError::NonFinite { t, state, u: block[..n].to_vec() })
            }
            _ => Ok(()),
        }
    }

    /// Asks the kernel for code that reverses whole steps.
    fn ask_for_whole_steps(&mut self, ivp: &Ivp<'_>) {
        let taken = std::mem::take(&mut self.taken);
        self.whole = ivp.rhs.explicit_step_reverse(&self.tableau.step_table(), taken);
    }

    /// The stages that only the interpolant needs, whose cotangents are collected, last to first.
    /// They depend on the beginning and on the slopes before them, not on the end.
    fn reverse_extra_stages(
        &mut self,
        ivp: &Ivp<'_>,
        t: f64,
        t_new: f64,
        u: &[f64],
        grad_p: &mut [f64],
    ) {
        let (n, s, h) = (ivp.u0.len(), self.tableau.stages(), t_new - t);
        self.replay.begin(ivp, t, u);
        let evaluations = 1 + self.replay.attempt(ivp, t, t_new) + self.replay.prepare_dense(ivp);
        self.products += evaluations + self.tableau.extra.a.len() as u64;
        self.beginning.fill(0.0);
        for i in (s..self.tableau.dense_stages()).rev() {
            let (weights, c) = self.tableau.stage(i);
            let u = self.replay.extra_state(i - s);
            let at = Point { t: if c == 1.0 { t_new } else { t + c * h }, u, p: ivp.p };
            let (before, this) = self.slopes.split_at_mut(i * n);
            self.stage.fill(0.0);
            let grad = Cotangent { t: &mut 0.0, u: &mut self.stage, p: grad_p };
            ivp.rhs.vjp(at, &this[..n], grad, &mut self.scratch);
            for (slope, a) in before.chunks_exact_mut(n).zip(weights) {
                add_scaled(slope, h * a, &self.stage);
            }
            add(&mut self.beginning, &self.stage);
        }
    }

    /// The step, one product at a time. With `within`, save points lie within it, and the slopes
    /// hold what those send them.
    fn reverse_stages(
        &mut self,
        ivp: &Ivp<'_>,
        segment: &mut Segment<'_>,
        step: usize,
        within: bool,
        grad_p: &mut [f64],
    ) {
        // An instance for each small number of states: loops over two numbers cost more than the numbers.
        match ivp.u0.len() {
            1 => self.reverse_stages_of::<1>(ivp, segment, step, within, grad_p),
            2 => self.reverse_stages_of::<2>(ivp, segment, step, within, grad_p),
            3 => self.reverse_stages_of::<3>(ivp, segment, step, within, grad_p),
            4 => self.reverse_stages_of::<4>(ivp, segment, step, within, grad_p),
            _ => self.reverse_stages_of::<0>(ivp, segment, step, within, grad_p),
        }
    }

    /// [`Sweep::reverse_stages`] of `N` states, or of any number when that is 0.
    fn reverse_stages_of<const N: usize>(
        &mut self,
        ivp: &Ivp<'_>,
        segment: &mut Segment<'_>,
        step: usize,
        within: bool,
        grad_p: &mut [f64],
    ) {
        let (t, t_new) = (segment.times[step], segment.times[step + 1]);
        let n = if N == 0 { ivp.u0.len() } else { N };
        let (s, h) = (self.tableau.stages(), t_new - t);
        let block = segment.block(step);
        if self.tableau.fsal {
            // The last stage is the step's result, and its slope the next step's first.
            add(&mut self.kappa, &self.slopes[(s - 1) * n..s * n]);
            if within || !is_zero(&self.kappa) {
                let end = &block[(s - 1) * n..s * n];
                self.pull_back_kappa(ivp, (t_new, end), segment.record(step, s - 1), grad_p);
            }
        }
        for (slope, weight) in self.slopes.chunks_exact_mut(n).zip(self.tableau.b) {
            add_scaled(slope, h * weight, &self.lambda);
        }
        if within {
            add(&mut self.lambda, &self.moments.rows[..n]);
            if !self.tableau.extra.a.is_empty() {
                add(&mut self.lambda, &self.beginning);
            }
        }
        // The last stage of a first-same-as-last method is done, the first belongs to the step
        // before.
        let last = self.tableau.evaluations_per_step();
        let first = usize::from(self.tableau.fsal);
        let stage = &mut self.stage[..n];
        let lambda = &mut self.lambda[..n];
        for i in (first..last).rev() {
            let c = self.tableau.c[i];
            let at = Point {
                t: if c == 1.0 { t_new } else { t + c * h },
                u: &block[i * n..(i + 1) * n],
                p: ivp.p,
            };
            let (before, this) = self.slopes.split_at_mut(i * n);
            stage.fill(0.0);
            let mut by_time = 0.0;
            let grad = Cotangent { t: &mut by_time, u: stage, p: grad_p };
            let (record, scratch) = (segment.record(step, i), &mut self.scratch);
            self.recorded.product(ivp, at, &this[..n], record, grad, scratch);
            self.products += 1;
            for (slope, a) in before.chunks_exact_mut(n).zip(self.tableau.a[i]) {
                add_scaled(slope, h * a, stage);
            }
            add(lambda, stage);
        }
        if self.tableau.fsal {
            copy_few(&mut self.kappa, &self.slopes[..n]);
        }
    }

    /// `λ += (∂f/∂u)ᵀ κ` and the same for the parameters, at a step's end.
    fn pull_back_kappa(
        &mut self,
        ivp: &Ivp<'_>,
        (t, u): (f64, &[f64]),
        record: &mut [f64],
        grad_p: &mut [f64],
    ) {
        let mut by_time = 0.0;
        let grad = Cotangent { t: &mut by_time, u: &mut self.lambda, p: grad_p };
        let (at, scratch) = (Point { t, u, p: ivp.p }, &mut self.scratch);
        self.recorded.product(ivp, at, &self.kappa, record, grad, scratch);
        self.products += 1;
    }

    /// What the first slope depends on.
    fn pull_back_start(&mut self, ivp: &Ivp<'_>, record: &mut [f64], grad_p: &mut [f64]) {
        if !is_zero(&self.kappa) {
            self.pull_back_kappa(ivp, (ivp.t0, ivp.u0), record, grad_p);
        }
    }

    fn finish(
        &mut self,
        ivp: &Ivp<'_>,
        saves: &[f64],
        saved: &SavedStates,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) {
        self.recorded.add_open(grad_p);
        grad_u0.copy_from_slice(&self.lambda);
        for row in 0..saves_at_start(saves, ivp) {
            add(grad_u0, saved.row_by_state(row, ivp.u0.len()));
        }
    }
}

fn is_zero(x: &[f64]) -> bool {
    x.iter().all(|v| *v == 0.0)
}

fn add(sum: &mut [f64], x: &[f64]) {
    for (s, x) in sum.iter_mut().zip(x) {
        *s += x;
    }
}

fn add_scaled(sum: &mut [f64], factor: f64, x: &[f64]) {
    for (s, x) in sum.iter_mut().zip(x) {
        *s += factor * x;
    }
}
