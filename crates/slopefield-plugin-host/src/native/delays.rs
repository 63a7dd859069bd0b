//! Delay equations with solvers of plugins: the plugin sees an ordinary equation whose right-hand
//! side has the delayed values filled in, in steps that end where delays carry a discontinuity on,
//! and may ask for the past (`slf_delay_problem`). Where delays depend on time or state, a step is undone
//! and taken again when it turns out to have gone too far.

use super::borrow_mut;
use super::callbacks::{BAD_RESULT, guarded, open, open_at_once};
use super::stepper::PluginSolver;
use slopefield_plugin_abi as abi;
use slopefield_solve::{Ivp, KeptPast, Settings, SolveError, Step, Stepper};
use std::ffi::c_void;
use std::ptr;

/// Jumps of derivatives up to this many above the order of the method are stepped onto.
const BEYOND_ORDER: u32 = 1;

/// A step is taken again at most so often.
const MOST_TRIES: usize = 100;

/// The tables that a plugin asked for, and what their functions read.
pub(super) struct PastTable {
    table: abi::slf_delay_problem,
    varying: abi::slf_state_delay_problem,
    lags: Vec<f64>,
    /// The plugin has the table, or has been told that there is none.
    asked: bool,
    /// An evaluation of the step at hand asked for values that are not known before it.
    ahead: bool,
    /// The past and the delay equation of the call that runs; valid until that call returns.
    current: Option<(*const KeptPast, *const Ivp<'static>)>,
    scratch: Vec<f64>,
}

impl Default for PastTable {
    fn default() -> Self {
        PastTable {
            table: abi::slf_delay_problem {
                struct_size: size_of::<abi::slf_delay_problem>() as u32,
                reserved: 0,
                n_lags: 0,
                lags: ptr::null(),
                ctx: ptr::null_mut(),
                history: Some(history),
            },
            varying: abi::slf_state_delay_problem {
                struct_size: size_of::<abi::slf_state_delay_problem>() as u32,
                reserved: 0,
                ctx: ptr::null_mut(),
                lengths: Some(lengths),
            },
            lags: Vec::new(),
            asked: false,
            ahead: false,
            current: None,
            scratch: Vec::new(),
        }
    }
}

impl PastTable {
    /// Takes the lags of a run; none for systems without delays. Whether a table that a plugin holds
    /// still fits.
    pub(super) fn prepare(&mut self, lags: impl Iterator<Item = f64>) -> bool {
        let vary = |lags: &[f64]| lags.iter().any(|lag| lag.is_nan());
        let before = (self.lags.len(), vary(&self.lags));
        self.lags.clear();
        self.lags.extend(lags);
        self.table.lags = self.lags.as_ptr();
        !self.asked || before == (self.lags.len(), vary(&self.lags))
    }

    /// No plugin holds the table any more.
    pub(super) fn forget(&mut self) {
        self.asked = false;
    }

    /// Whether an evaluation that has just been made asked for values which are not known yet.
    #[inline(always)]
    pub(super) fn is_ahead(&mut self) -> bool {
        let Some((past, _)) = self.current else { return false };
        // SAFETY: the past is alive while it is current.
        let ahead = unsafe { &*past }.looked_ahead();
        self.ahead |= ahead;
        ahead
    }

    /// The table of lengths, where delays depend on time or state.
    pub(super) fn varying_table(&mut self, ctx: *mut c_void) -> Option<*const c_void> {
        self.asked = true;
        if !self.lags.iter().any(|lag| lag.is_nan()) {
            return None;
        }
        self.varying.ctx = ctx;
        Some((&raw const self.varying).cast())
    }

    /// The table, where there are delays.
    pub(super) fn table(&mut self, ctx: *mut c_void) -> Option<*const c_void> {
        self.asked = true;
        if self.lags.is_empty() {
            return None;
        }
        self.table.n_lags = self.lags.len() as u64;
        self.table.ctx = ctx;
        Some((&raw const self.table).cast())
    }
}

unsafe extern "C" fn history(
    ctx: *mut c_void,
    t: f64,
    derivative: u32,
    out: *mut c_void,
) -> abi::slf_status {
    let body = || {
        // SAFETY: the context of this problem.
        let (callbacks, ivp, _) = unsafe { open_at_once(ctx)? };
        if !t.is_finite() || derivative > 1 {
            return Err(callbacks.misuse(|| {
                format!("it asked for derivative {derivative} of the past at the time {t}")
            }));
        }
        // SAFETY: a pointer of the plugin, as the interface promises.
        let Some(out) = (unsafe { borrow_mut(out, ivp.u0.len(), &[]) }) else {
            return Err(callbacks.misuse(|| BAD_RESULT.to_owned()));
        };
        let (past, equation) = callbacks.past.current.ok_or(abi::SLF_ERR_HOST)?;
        // SAFETY: both are alive while they are current.
        let (past, equation) = unsafe { (&*past, &*equation) };
        let there = past.read(equation, t, derivative, out, &mut callbacks.past.scratch);
        if there && out.iter().all(|v| v.is_finite()) { Ok(()) } else { Err(abi::SLF_RECOVERABLE) }
    };
    // SAFETY: the context of this problem.
    unsafe { guarded(ctx, body) }
}

unsafe extern "C" fn lengths(
    ctx: *mut c_void,
    t: f64,
    y: *const c_void,
    out: *mut c_void,
) -> abi::slf_status {
    let body = || {
        // SAFETY: pointers of the plugin, as the interface promises.
        let (callbacks, at) = unsafe { open(ctx, t, y)? };
        // SAFETY: as above; there is a length for each lag.
        let Some(out) = (unsafe { borrow_mut(out, callbacks.past.lags.len(), &[at.y]) }) else {
            return Err(callbacks.misuse(|| BAD_RESULT.to_owned()));
        };
        let (past, equation) = callbacks.past.current.ok_or(abi::SLF_ERR_HOST)?;
        // SAFETY: both are alive while they are current.
        let (past, equation) = unsafe { (&*past, &*equation) };
        past.lengths(equation, at.t, at.y, out, &mut callbacks.past.scratch);
        if out.iter().all(|v| v.is_finite()) { Ok(()) } else { Err(abi::SLF_RECOVERABLE) }
    };
    // SAFETY: the context of this problem.
    unsafe { guarded(ctx, body) }
}

impl PluginSolver {
    /// Begins a system with delays.
    pub(super) fn start_delayed(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
    ) -> Result<(), SolveError> {
        let about = &self.entry.description;
        let varying = ivp.rhs.structure().delays.is_some_and(|d| d.constant.contains(&false));
        if varying && !about.state_delays {
            return Err(SolveError::Invalid(format!(
                "the solver `{}` takes delays of constant length only; use a built-in method for \
                 delays that depend on time or state",
                about.id
            )));
        }
        let degree = if self.hermite() { 3 } else { about.dense_order.ceil().max(3.0) as usize };
        let highest = about.order.ceil() as u32 + BEYOND_ORDER;
        let mut past = self.past.take().unwrap_or_else(|| Box::new(KeptPast::new(degree)));
        self.anew = false;
        let begun = past.begin(ivp, highest).and_then(|()| {
            self.on_past(&past, ivp, |solver, ordinary| solver.start_ordinary(ordinary, settings))
        });
        self.past = Some(past);
        begun
    }

    /// Goes on after an event.
    pub(super) fn restart_delayed(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
    ) -> Result<(), SolveError> {
        let Some(mut past) = self.past.take() else { return Err(not_begun()) };
        past.jump(ivp, ivp.t0, ivp.u0);
        self.anew = false;
        let begun =
            self.on_past(&past, ivp, |solver, ordinary| solver.start_ordinary(ordinary, settings));
        self.past = Some(past);
        begun
    }

    /// Takes a step of a system with delays.
    pub(super) fn step_delayed(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        t_limit: f64,
    ) -> Result<Step, SolveError> {
        let Some(mut past) = self.past.take() else { return Err(not_begun()) };
        past.settle();
        let anew = std::mem::take(&mut self.anew);
        let taken = self.try_delayed(&mut past, ivp, settings, (t_limit, anew));
        let kept = taken.and_then(|step| {
            self.anew = past.take(step.t, |t, out| self.interpolate(t, out))?;
            Ok(step)
        });
        self.past = Some(past);
        kept
    }

    /// Takes the step that begins at the end of the past, which `anew` says is a point to begin afresh
    /// at; where delays are not constant, again and again until it looks at nothing but what is known,
    /// and across no discontinuity.
    fn try_delayed(
        &mut self,
        past: &mut KeptPast,
        ivp: &Ivp<'_>,
        settings: &Settings,
        (t_limit, mut anew): (f64, bool),
    ) -> Result<Step, SolveError> {
        past.look_around(ivp)?;
        let (mut rejected, mut from) = (0, ivp.t0);
        for _ in 0..MOST_TRIES {
            let limit = t_limit.min(past.limit());
            self.callbacks().past.ahead = false;
            let _ = past.looked_ahead();
            let stepped = self.on_past(past, ivp, |solver, ordinary| {
                if std::mem::take(&mut anew) {
                    solver.begin_afresh(ordinary, settings, limit)?;
                }
                let step = solver.step_ordinary(ordinary, settings, limit)?;
                solver.prepare_dense_ordinary(ordinary);
                Ok(step)
            });
            let may_go_on = self.living().is_ok();
            let met = std::mem::take(&mut self.callbacks().past.ahead);
            let step = match stepped {
                Ok(step) => step,
                // A step that failed left the plugin where it was.
                Err(e) if met && may_go_on && !matches!(e, SolveError::Cancelled { .. }) => {
                    past.shorten(limit)?;
                    rejected += 1;
                    continue;
                }
                Err(e) => return Err(past.bad_lag().unwrap_or(e)),
            };
            // What other functions of the model than its right-hand side looked at.
            let ahead = past.looked_ahead();
            if ahead {
                past.shorten(step.t)?;
            } else if past.review(ivp, step.t, |t, out| self.interpolate(t, out))? {
                return Ok(Step { rejected: step.rejected + rejected, ..step });
            }
            (rejected, from) = (rejected + 1 + step.rejected, step.t_prev);
            self.undo();
            anew = true;
        }
        Err(SolveError::Invalid(format!(
            "the delays of the model look across one discontinuity after the other behind t = {from}; \
             use a built-in method"
        )))
    }

    /// Delayed values at a time within the last step.
    pub(super) fn delayed_values(
        &mut self,
        ivp: &Ivp<'_>,
        t: f64,
        out: &mut [f64],
    ) -> Result<(), SolveError> {
        let Some(mut past) = self.past.take() else { return Err(not_begun()) };
        let mut state = std::mem::take(&mut self.consistent);
        let there = self.interpolate(t, &mut state);
        if there.is_ok() {
            past.delayed(ivp, t, &state, out);
        }
        self.consistent = state;
        self.past = Some(past);
        there
    }

    /// Runs something on the ordinary equation that the past makes of `ivp`.
    fn on_past<R>(
        &mut self,
        past: &KeptPast,
        ivp: &Ivp<'_>,
        run: impl FnOnce(&mut Self, &Ivp<'_>) -> Result<R, SolveError>,
    ) -> Result<R, SolveError> {
        let Some(kernel) = past.ordinary(ivp) else { return Err(not_begun()) };
        let callbacks = self.callbacks();
        callbacks.past.current =
            Some((ptr::from_ref(past), ptr::from_ref(ivp).cast::<Ivp<'static>>()));
        let fits = callbacks.past.prepare(past.lags());
        self.described &= fits;
        let outcome = run(self, &Ivp { rhs: &kernel, ..*ivp });
        self.callbacks().past.current = None;
        outcome
    }
}

fn not_begun() -> SolveError {
    SolveError::Invalid("the solver was called before start, or for another system".into())
}
