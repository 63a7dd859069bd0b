//! A solver of a plugin as a [`Stepper`].
//!
//! The plugin is told one step at a time where to stop, and nothing it answers is believed before
//! it was checked: times that move the right way and stay within the limit, a state that is there
//! and finite. A plugin that breaks a rule is named in the error and its instance is thrown away.

mod answers;
mod dense;
mod segment;
mod setup;

use super::callbacks::{self, Callbacks};
use super::error_buffer;
use super::library::SolverEntry;
use super::reverse::Reversing;
use segment::Segments;
use setup::{Setup, check, refuse_undeclared, refused};
use slopefield_lang::OptionValue;
use slopefield_plugin_abi as abi;
use slopefield_solve::{
    Consistency, Ivp, KeptPast, Settings, SolveError, Stats, Step, StepVjp, Stepper,
};
use std::ptr;

/// Runs one solver of a plugin. Instances of the plugin are reused from one `start` to the next
/// while the number of states and the settings stay the same.
pub struct PluginSolver {
    pub(super) entry: SolverEntry,
    options: Vec<(String, OptionValue)>,
    /// Owned; raw because the plugin holds the same pointer.
    pub(super) callbacks: *mut Callbacks,
    /// Owned; raw for the same reason. Points to `callbacks`.
    problem: *mut abi::slf_problem,
    /// Owned by the plugin; null when there is none.
    pub(super) instance: *mut abi::slf_solver,
    created_for: Setup,
    /// Where the plugin says why a call failed. Kept, because clearing a kilobyte takes longer than
    /// many a step.
    err: Box<abi::slf_error>,
    /// A call broke the rules, so the instance cannot be trusted.
    dead: bool,
    /// Model time is this times plugin time.
    pub(super) sign: f64,
    /// Plugin times.
    t_prev: f64,
    t: f64,
    started: bool,
    y_prev: Vec<f64>,
    pub(super) y: Vec<f64>,
    /// Slopes at both ends in plugin time, for solvers without dense output.
    f_prev: Vec<f64>,
    f: Vec<f64>,
    /// Initial values and slopes of systems with a mass matrix.
    consistency: Consistency<f64>,
    pub(super) consistent: Vec<f64>,
    /// The past of delay equations, once there was one.
    pub(super) past: Option<Box<KeptPast>>,
    /// The system of this run has delays.
    delayed: bool,
    /// The next step begins at a point where delays carry a discontinuity on.
    pub(super) anew: bool,
    /// What the plugin has been told of the system still holds.
    pub(super) described: bool,
    /// Whether slopes at both ends of the last step are there, for systems with a mass matrix.
    slopes: Option<Result<(), SolveError>>,
    stats: Stats,
    /// For solvers that give their steps as polynomials.
    segments: Segments,
    /// For steps that the plugin reverses.
    pub(super) reversing: Reversing,
    pub(super) record_len: usize,
    /// Times within a step in plugin time.
    pub(super) mirrored: Vec<f64>,
}

// SAFETY: the pointers are owned by this value alone; the interface allows an instance to be used
// by one thread at a time and to move between threads between calls, and the callbacks hold the
// problem of a call only while that call runs.
unsafe impl Send for PluginSolver {}

impl PluginSolver {
    pub(crate) fn new(entry: SolverEntry, options: Vec<(String, OptionValue)>) -> Self {
        let callbacks = Box::into_raw(Box::<Callbacks>::default());
        let problem =
            Box::into_raw(Box::new(callbacks::problem(0, false, callbacks, callbacks::rhs)));
        PluginSolver {
            entry,
            options,
            callbacks,
            problem,
            instance: ptr::null_mut(),
            created_for: Setup::default(),
            err: Box::new(error_buffer()),
            dead: false,
            sign: 1.0,
            t_prev: 0.0,
            t: 0.0,
            started: false,
            y_prev: Vec::new(),
            y: Vec::new(),
            f_prev: Vec::new(),
            f: Vec::new(),
            consistency: Consistency::default(),
            consistent: Vec::new(),
            past: None,
            delayed: false,
            anew: false,
            described: true,
            slopes: None,
            segments: Segments::default(),
            reversing: Reversing::default(),
            record_len: 0,
            mirrored: Vec::new(),
            stats: Stats::default(),
        }
    }

    pub(super) fn callbacks(&mut self) -> &mut Callbacks {
        // SAFETY: owned by this value and, outside of calls into the plugin, used by it alone.
        unsafe { &mut *self.callbacks }
    }

    /// The error buffer, empty, for one call.
    pub(super) fn empty_error(&mut self) -> *mut abi::slf_error {
        // The plugin may have changed any of them.
        self.err.struct_size = size_of::<abi::slf_error>() as u32;
        self.err.code = 0;
        self.err.message_len = 0;
        &raw mut *self.err
    }

    pub(super) fn hermite(&self) -> bool {
        self.entry.description.dense_order == 0.0
    }

    fn destroy(&mut self) {
        let instance = std::mem::replace(&mut self.instance, ptr::null_mut());
        self.started = false;
        if let (false, Some(destroy)) = (instance.is_null(), self.entry.table.destroy) {
            // SAFETY: the pointer came from `create` of the same table and is given back once.
            unsafe { destroy(instance) }
        }
        let callbacks = self.callbacks();
        callbacks.implicit.forget();
        callbacks.split.forget();
        callbacks.noise.forget();
        callbacks.past.forget();
    }

    /// The instance, where there is one that may be called.
    pub(super) fn living(&self) -> Result<*mut abi::slf_solver, SolveError> {
        match self.dead || self.instance.is_null() {
            true => Err(SolveError::Invalid(
                "the solver was called before start, or after a failure that ended the run".into(),
            )),
            false => Ok(self.instance),
        }
    }

    /// Moves the initial state to values that satisfy the algebraic equations; whether there are any.
    fn consistent_start(&mut self, ivp: &Ivp<'_>, settings: &Settings) -> Result<bool, SolveError> {
        if ivp.rhs.structure().mass.is_none() {
            return Ok(false);
        }
        self.consistency.configure(ivp, settings);
        self.consistency.establish(ivp, ivp.t0, &mut self.y, &mut self.f, &mut self.stats)?;
        let singular = self.consistency.algebraic_equations() > 0;
        match singular && !self.entry.description.singular_mass {
            true => Err(refused(&self.entry.description, "algebraic equations")),
            false => Ok(singular),
        }
    }
}

impl PluginSolver {
    /// Begins a system without delays, or what the past makes of one.
    pub(super) fn start_ordinary(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
    ) -> Result<(), SolveError> {
        check(ivp, settings)?;
        self.started = false;
        self.stats = Stats::default();
        let n = ivp.u0.len();
        for v in
            [&mut self.y, &mut self.y_prev, &mut self.f, &mut self.f_prev, &mut self.consistent]
        {
            v.resize(n, 0.0);
        }
        self.y.copy_from_slice(ivp.u0);
        let singular = self.consistent_start(ivp, settings)?;
        // A plugin that knows only one direction of time sees a mirrored problem.
        let mirrored = ivp.t1 < ivp.t0 && !self.entry.description.backward;
        self.sign = if mirrored { -1.0 } else { 1.0 };
        let (t0, t1) = (self.sign * ivp.t0, self.sign * ivp.t1);
        (self.t_prev, self.t) = (t0, t0);
        self.callbacks().prepare(ivp);
        self.ready(ivp, settings, singular)?;
        self.y_prev.copy_from_slice(&self.y);

        let Some(start) = self.entry.table.start else { return Err(self.missing()) };
        let sign = self.sign;
        self.callbacks().enter(ivp, &settings.cancel, sign, t0, t1);
        let err = self.empty_error();
        // SAFETY: a function of the plugin on its own living instance; `y` has as many elements
        // as the instance was created for.
        let status = unsafe { start(self.instance, t0, t1, self.y.as_ptr().cast(), err) };
        self.callbacks().leave();
        if status != abi::SLF_OK {
            return Err(self.error(status, 0.0));
        }
        if let Some(misuse) = self.callbacks().trouble.misuse.take() {
            return Err(self.broke(misuse));
        }
        if self.hermite() {
            self.slope(ivp)?;
        }
        self.prepare_segments()?;
        self.started = true;
        Ok(())
    }

    /// Takes a step of it.
    pub(super) fn step_ordinary(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        t_limit: f64,
    ) -> Result<Step, SolveError> {
        let limit = self.sign * t_limit;
        if !self.started || self.dead {
            return Err(SolveError::Invalid(
                "step was called before start, or after a failure that ended the run".into(),
            ));
        }
        if !limit.is_finite() || limit == self.t || ivp.u0.len() != self.y.len() {
            return Err(SolveError::Invalid(format!(
                "cannot step from t = {} towards {t_limit} with {} states",
                self.sign * self.t,
                ivp.u0.len()
            )));
        }
        let Some(step) = self.entry.table.step else { return Err(self.missing()) };
        let mut out = abi::slf_step {
            struct_size: size_of::<abi::slf_step>() as u32,
            flags: 0,
            t_prev: f64::NAN,
            t: f64::NAN,
            h_next: 0.0,
            error_norm: f64::NAN,
            y: ptr::null(),
            n_rejected: 0,
        };
        let (sign, from) = (self.sign, self.t);
        self.callbacks().enter(ivp, &settings.cancel, sign, from, limit);
        let err = self.empty_error();
        // SAFETY: a function of the plugin on its own living instance, with room for a step.
        let status = unsafe { step(self.instance, limit, &mut out, err) };
        self.callbacks().leave();
        if status != abi::SLF_OK {
            return Err(self.error(status, out.h_next));
        }
        if self.callbacks().trouble.cancelled {
            return Err(SolveError::Cancelled { t: sign * from });
        }
        if let Some(misuse) = self.callbacks().trouble.misuse.take() {
            return Err(self.broke(misuse));
        }
        self.accept(&out, limit).map_err(|message| self.broke(message))?;
        if self.hermite() {
            self.slope(ivp)?;
        }
        self.stats.accepted += 1;
        self.stats.rejected = self.stats.rejected.saturating_add(out.n_rejected);
        // Not read from `self`: both as one block would wait until each of them has been stored.
        Ok(Step { t_prev: sign * from, t: sign * out.t, rejected: out.n_rejected })
    }

    /// The last step was not taken; [`PluginSolver::begin_afresh`] must follow.
    pub(super) fn undo(&mut self) {
        std::mem::swap(&mut self.y, &mut self.y_prev);
        self.t = self.t_prev;
        self.stats.accepted -= 1;
        self.stats.rejected += 1;
        self.segments.forget();
    }

    /// The plugin goes on from where it is and forgets what it remembers.
    pub(super) fn begin_afresh(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        t_limit: f64,
    ) -> Result<(), SolveError> {
        let Some(restart) = self.entry.table.restart else { return Err(self.missing()) };
        let (instance, sign, from) = (self.living()?, self.sign, self.t);
        self.callbacks().enter(ivp, &settings.cancel, sign, from, sign * t_limit);
        let err = self.empty_error();
        // SAFETY: a function of the plugin on its own living instance; `y` has as many elements as
        // the instance was created for.
        let status = unsafe { restart(instance, from, self.y.as_ptr().cast(), err) };
        self.callbacks().leave();
        if status != abi::SLF_OK {
            return Err(self.error(status, 0.0));
        }
        if let Some(misuse) = self.callbacks().trouble.misuse.take() {
            return Err(self.broke(misuse));
        }
        if self.hermite() { self.slope(ivp) } else { Ok(()) }
    }
}

impl Stepper for PluginSolver {
    fn start(&mut self, ivp: &Ivp<'_>, settings: &Settings) -> Result<(), SolveError> {
        refuse_undeclared(&self.entry.description, ivp)?;
        let structure = ivp.rhs.structure();
        self.delayed = structure.delays.is_some();
        if !self.delayed {
            self.described &= self.callbacks().past.prepare(std::iter::empty());
            return self.start_ordinary(ivp, settings);
        }
        if structure.noise.is_some() {
            return Err(SolveError::Invalid(
                "solvers of plugins take no systems with both delays and noise; use `auto`".into(),
            ));
        }
        self.start_delayed(ivp, settings)
    }

    fn restart(&mut self, ivp: &Ivp<'_>, settings: &Settings) -> Result<(), SolveError> {
        match self.delayed {
            true => self.restart_delayed(ivp, settings),
            false => self.start(ivp, settings),
        }
    }

    fn step(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        t_limit: f64,
    ) -> Result<Step, SolveError> {
        match self.delayed {
            true => self.step_delayed(ivp, settings, t_limit),
            false => self.step_ordinary(ivp, settings, t_limit),
        }
    }

    fn state(&self) -> &[f64] {
        &self.y
    }

    fn prepare_dense(&mut self, ivp: &Ivp<'_>) {
        // With delays it was done when the step was taken.
        if !self.delayed {
            self.prepare_dense_ordinary(ivp);
        }
    }

    fn dense_degree(&self) -> usize {
        if self.entry.segments.is_some() {
            return self.segments.max_degree();
        }
        // Of a cubic; of what is not known enough to represent its order.
        if self.hermite() { 3 } else { (self.entry.description.dense_order.ceil() as usize).max(6) }
    }

    fn delayed(&mut self, ivp: &Ivp<'_>, t: f64, out: &mut [f64]) -> Result<(), SolveError> {
        if self.delayed { self.delayed_values(ivp, t, out) } else { Ok(()) }
    }

    fn interpolate(&mut self, t: f64, out: &mut [f64]) -> Result<(), SolveError> {
        let time = self.sign * t;
        let (a, b) = (self.t_prev, self.t);
        let inside = (a <= time && time <= b) || (b <= time && time <= a);
        if !inside || out.len() != self.y.len() {
            return Err(SolveError::Invalid(format!(
                "cannot interpolate at t = {t}: the last step went from {} to {}",
                self.sign * self.t_prev,
                self.sign * self.t
            )));
        }
        self.within(time, out)
    }

    fn step_vjp(&mut self) -> Option<&mut dyn StepVjp> {
        if self.entry.step_vjp.is_some() { Some(self) } else { None }
    }

    fn stats(&self) -> Stats {
        // SAFETY: owned by this value; the plugin is not running.
        let mut stats = unsafe { (*self.callbacks).stats };
        stats += self.stats;
        stats
    }
}

impl Drop for PluginSolver {
    fn drop(&mut self) {
        self.destroy();
        // SAFETY: both came from boxes, are freed here only, and the instance that knew them is
        // gone.
        unsafe {
            drop(Box::from_raw(self.problem));
            drop(Box::from_raw(self.callbacks));
        }
    }
}
