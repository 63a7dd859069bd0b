//! Steps of plugins that reverse themselves, as [`StepVjp`].
//!
//! The plugin turns weights of a step's end into weights of its beginning, with `pull_back` for each
//! evaluation that the step depends on; what these add to the gradient by the parameters stays here.
//! Where the host interpolates, it reverses that by itself.

use super::callbacks::{BAD_RESULT, Callbacks, guarded, open};
use super::stepper::PluginSolver;
use super::{borrow, borrow_mut};
use slopefield_kernel::{Cotangent, Point};
use slopefield_plugin_abi as abi;
use slopefield_solve::{Ivp, Settings, SolveError, StepVjp, TakenStep};
use std::ffi::c_void;

/// Longest record of a step, as a multiple of the number of states, and in any case.
const MAX_RECORD: u64 = 1 << 10;
const MAX_SHORT_RECORD: u64 = 1 << 16;

/// What belongs to reversing steps.
#[derive(Default)]
pub(super) struct Reversing {
    /// Weights of the step's ends and slopes, where the host interpolates.
    start: Vec<f64>,
    slopes: [Vec<f64>; 2],
}

impl Callbacks {
    /// Adds `wᵀ ∂f/∂y` at a model time to `sum`, and what belongs to the parameters to
    /// `param_gradient`. Whether the sum is finite.
    fn pull_back(&mut self, ivp: &Ivp<'_>, t: f64, y: &[f64], w: &[f64], sum: &mut [f64]) -> bool {
        self.pulled += 1;
        ivp.rhs.vjp(
            Point { t, u: y, p: ivp.p },
            w,
            Cotangent { t: &mut 0.0, u: sum, p: &mut self.param_gradient },
            &mut self.scratch,
        );
        match sum.iter().position(|v| !v.is_finite()) {
            Some(state) => {
                self.note_non_finite(t, state, y);
                false
            }
            None => true,
        }
    }
}

unsafe extern "C" fn pull_back(
    ctx: *mut c_void,
    t: f64,
    y: *const c_void,
    w: *const c_void,
    sum: *mut c_void,
) -> abi::slf_status {
    let body = || {
        // SAFETY: pointers of the plugin, as the interface promises.
        let (callbacks, at) = unsafe { open(ctx, t, y)? };
        let n = at.y.len();
        // SAFETY: as above.
        let w = unsafe { borrow(w.cast::<f64>(), n) };
        // SAFETY: as above.
        let sum = w.and_then(|w| unsafe { borrow_mut(sum, n, &[at.y, w]) });
        let (Some(w), Some(sum)) = (w, sum) else {
            return Err(callbacks.misuse(|| BAD_RESULT.to_owned()));
        };
        // The plugin's right-hand side is the model's with the sign of its time.
        let mut signed = std::mem::take(&mut callbacks.value);
        signed.iter_mut().zip(w).for_each(|(signed, w)| *signed = at.sign * w);
        let finite = callbacks.pull_back(at.ivp, at.sign * at.t, at.y, &signed, sum);
        callbacks.value = signed;
        if finite { Ok(()) } else { Err(abi::SLF_ERR_NON_FINITE) }
    };
    // SAFETY: the context of this problem.
    unsafe { guarded(ctx, body) }
}

impl PluginSolver {
    fn reversal_table(&self) -> Result<abi::slf_step_vjp, SolveError> {
        self.entry.step_vjp.ok_or_else(|| {
            SolveError::Invalid(format!(
                "the solver `{}` does not offer derivatives of its steps",
                self.entry.description.id
            ))
        })
    }

    fn reverse_by_plugin(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        step: &TakenStep<'_>,
        weights: &mut [f64],
    ) -> Result<(), SolveError> {
        let table = self.reversal_table()?;
        let Some(reverse) = table.reverse else { return Err(self.missing()) };
        let own = !self.hermite();
        let sign = self.sign;
        let times = if own { step.inside } else { &[] };
        self.mirrored.clear();
        self.mirrored.extend(times.iter().map(|t| sign * t));
        let raw = abi::slf_reversal {
            struct_size: size_of::<abi::slf_reversal>() as u32,
            reserved: 0,
            t_prev: sign * step.t_prev,
            t: sign * step.t,
            y_prev: step.start.as_ptr().cast(),
            y: step.end.as_ptr().cast(),
            record: step.record.as_ptr(),
            n_inside: times.len() as u64,
            inside: self.mirrored.as_ptr(),
            inside_weights: step.weights.as_ptr().cast(),
            weights: weights.as_mut_ptr().cast(),
            ctx: self.callbacks.cast(),
            pull_back: Some(pull_back),
        };
        let (from, limit) = (raw.t_prev, raw.t);
        self.callbacks().enter(ivp, &settings.cancel, sign, from, limit);
        let err = self.empty_error();
        // SAFETY: a function of the plugin on its own living instance; everything it gets lives
        // during the call and has the lengths that the interface says.
        let status = unsafe { reverse(self.instance, &raw, err) };
        self.callbacks().leave();
        if status != abi::SLF_OK {
            return Err(self.error(status, 0.0));
        }
        if self.callbacks().trouble.cancelled {
            return Err(SolveError::Cancelled { t: step.t });
        }
        match self.callbacks().trouble.misuse.take() {
            Some(misuse) => Err(self.broke(misuse)),
            None => Ok(()),
        }
    }

    /// Takes the weights within a step over to its ends and to the slopes there, for the host's own
    /// interpolant. `end` gains what belongs to the state at the end.
    fn reverse_hermite(
        &mut self,
        ivp: &Ivp<'_>,
        step: &TakenStep<'_>,
        end: &mut [f64],
    ) -> Result<(), SolveError> {
        let (n, h) = (end.len(), step.t - step.t_prev);
        let reversing = &mut self.reversing;
        let [first, last] = &mut reversing.slopes;
        for v in [&mut reversing.start, &mut *first, &mut *last] {
            v.clear();
            v.resize(n, 0.0);
        }
        for (t, weights) in step.inside.iter().zip(step.weights.chunks_exact(n.max(1))) {
            let s = (t - step.t_prev) / h;
            let (a0, a1) = ((1.0 - s) * (1.0 - s), s * s);
            for (i, w) in weights.iter().enumerate() {
                reversing.start[i] += a0 * (1.0 + 2.0 * s) * w;
                end[i] += a1 * (3.0 - 2.0 * s) * w;
                first[i] += a0 * s * h * w;
                last[i] += a1 * (s - 1.0) * h * w;
            }
        }
        // SAFETY: owned by this value; the plugin is not running.
        let callbacks = unsafe { &mut *self.callbacks };
        let finite = callbacks.pull_back(ivp, step.t, step.end, last, end)
            && callbacks.pull_back(ivp, step.t_prev, step.start, first, &mut reversing.start);
        match (finite, callbacks.trouble.non_finite) {
            (false, Some((t, state))) => {
                Err(SolveError::NonFinite { t, state, u: callbacks.trouble.state.clone() })
            }
            _ => Ok(()),
        }
    }
}

impl StepVjp for PluginSolver {
    fn record_len(&mut self) -> Result<usize, SolveError> {
        let table = self.reversal_table()?;
        let Some(record_len) = table.record_len else { return Err(self.missing()) };
        let (mut len, err) = (0, self.empty_error());
        // SAFETY: a function of the plugin on its own living instance, with room for a number.
        let status = unsafe { record_len(self.living()?, &mut len, err) };
        if status != abi::SLF_OK {
            return Err(self.error(status, 0.0));
        }
        let most = MAX_SHORT_RECORD.max(MAX_RECORD.saturating_mul(self.y.len() as u64));
        if len > most {
            return Err(self.broke(format!(
                "it wants to keep {len} numbers of each step, more than the {most} allowed"
            )));
        }
        self.record_len = len as usize;
        Ok(self.record_len)
    }

    fn record(&mut self, out: &mut [f64]) -> Result<(), SolveError> {
        let table = self.reversal_table()?;
        let Some(record) = table.record else { return Err(self.missing()) };
        if out.len() != self.record_len {
            return Err(SolveError::Invalid(format!(
                "room for {} numbers was given, and a record has {}",
                out.len(),
                self.record_len
            )));
        }
        let err = self.empty_error();
        // SAFETY: a function of the plugin on its own living instance, with room for as many numbers
        // as it asked for.
        let status = unsafe { record(self.living()?, out.as_mut_ptr(), err) };
        if status != abi::SLF_OK {
            return Err(self.error(status, 0.0));
        }
        Ok(())
    }

    fn redoes(&self) -> bool {
        self.entry.step_redo.is_some()
    }

    fn redo(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        (t_prev, t): (f64, f64),
        start: &[f64],
        end: &mut [f64],
    ) -> Result<u64, SolveError> {
        let Some(redo) = self.entry.step_redo.and_then(|table| table.redo) else {
            return Err(SolveError::Invalid("the solver does not take its steps again".into()));
        };
        if [start.len(), end.len(), ivp.u0.len()] != [self.y.len(); 3] {
            return Err(SolveError::Invalid(
                "a step of another problem cannot be taken again".into(),
            ));
        }
        let (instance, sign) = (self.living()?, self.sign);
        let (from, limit) = (sign * t_prev, sign * t);
        let before = self.callbacks().stats.rhs;
        self.callbacks().enter(ivp, &settings.cancel, sign, from, limit);
        let err = self.empty_error();
        // SAFETY: a function of the plugin on its own living instance; the states have as many elements
        // as it was created for.
        let status = unsafe {
            redo(instance, from, start.as_ptr().cast(), limit, end.as_mut_ptr().cast(), err)
        };
        self.callbacks().leave();
        if status != abi::SLF_OK {
            return Err(self.error(status, 0.0));
        }
        if self.callbacks().trouble.cancelled {
            return Err(SolveError::Cancelled { t: t_prev });
        }
        if let Some(misuse) = self.callbacks().trouble.misuse.take() {
            return Err(self.broke(misuse));
        }
        match end.iter().position(|v| !v.is_finite()) {
            Some(i) => {
                let value = end[i];
                Err(self.broke(format!("a step taken again ends with {value} in element {i}")))
            }
            None => Ok(self.callbacks().stats.rhs - before),
        }
    }

    fn reverse(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        step: &TakenStep<'_>,
        by_state: &mut [f64],
        by_params: &mut [f64],
    ) -> Result<u64, SolveError> {
        let n = self.y.len();
        let sizes = [step.start.len(), step.end.len(), by_state.len(), ivp.u0.len()];
        if sizes != [n; 4]
            || step.record.len() != self.record_len
            || step.weights.len() != step.inside.len() * n
            || by_params.len() != ivp.p.len()
        {
            return Err(SolveError::Invalid("a step of another problem cannot be reversed".into()));
        }
        self.living()?;
        let callbacks = self.callbacks();
        callbacks.pulled = 0;
        callbacks.param_gradient.fill(0.0);
        callbacks.trouble.non_finite = None;
        let own_interpolant = self.hermite() && !step.inside.is_empty();
        if own_interpolant {
            self.reverse_hermite(ivp, step, by_state)?;
        }
        self.reverse_by_plugin(ivp, settings, step, by_state)?;
        if own_interpolant {
            by_state.iter_mut().zip(&self.reversing.start).for_each(|(sum, w)| *sum += w);
        }
        if let Some(state) = by_state.iter().position(|v| !v.is_finite()) {
            return Err(SolveError::NonFinite { t: step.t_prev, state, u: step.start.to_vec() });
        }
        let callbacks = self.callbacks();
        by_params.iter_mut().zip(&callbacks.param_gradient).for_each(|(sum, w)| *sum += w);
        callbacks.param_gradient.fill(0.0);
        Ok(callbacks.pulled)
    }
}
