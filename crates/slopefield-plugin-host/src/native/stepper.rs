//! A solver of a plugin as a [`Stepper`].
//!
//! The plugin is told one step at a time where to stop, and nothing it answers is believed before
//! it was checked: times that move the right way and stay within the limit, a state that is there
//! and finite. A plugin that breaks a rule is named in the error and its instance is thrown away.

use super::callbacks::{self, Callbacks};
use super::library::SolverEntry;
use super::options::{c_options, spelled_options};
use super::reverse::Reversing;
use super::{borrow, error_buffer, error_text};
use crate::describe::SolverDescription;
use slopefield_kernel::Part;
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
    /// For steps that the plugin reverses.
    pub(super) reversing: Reversing,
    pub(super) record_len: usize,
    /// Times within a step in plugin time.
    pub(super) mirrored: Vec<f64>,
}

/// What an instance was created for.
#[derive(Debug, Clone, PartialEq, Default)]
struct Setup {
    mass: bool,
    rtol: f64,
    atol: Vec<f64>,
    h_init: f64,
    h_min: f64,
    h_max: f64,
}

// SAFETY: the pointers are owned by this value alone; the interface allows an instance to be used
// by one thread at a time and to move between threads between calls, and the callbacks hold the
// problem of a call only while that call runs.
unsafe impl Send for PluginSolver {}

impl PluginSolver {
    pub(crate) fn new(entry: SolverEntry, options: Vec<(String, OptionValue)>) -> Self {
        let callbacks = Box::into_raw(Box::<Callbacks>::default());
        let problem = Box::into_raw(Box::new(callbacks::problem(0, false, callbacks)));
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

    /// Makes the instance fit the problem and the settings.
    /// `singular`: whether the system has algebraic equations.
    fn ready(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        singular: bool,
    ) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        let mass = ivp.rhs.structure().mass.is_some();
        let callbacks = self.callbacks();
        let parts = callbacks.implicit.prepare(ivp, singular);
        let noise = callbacks.noise.prepare(ivp, settings)?;
        self.described &= parts && noise && self.callbacks().split.fits(ivp);
        let fits = !self.instance.is_null()
            && !self.dead
            && self.described
            && self.created_for.matches(n, mass, settings);
        if fits {
            return Ok(());
        }
        self.destroy();
        (self.dead, self.described) = (false, true);
        let setup = Setup::new(n, mass, settings);
        let spelled = spelled_options(&self.options);
        let options = c_options(&spelled);
        let config = abi::slf_solver_config {
            struct_size: size_of::<abi::slf_solver_config>() as u32,
            reserved: 0,
            rtol: setup.rtol,
            atol: setup.atol.as_ptr(),
            h_init: setup.h_init,
            h_min: setup.h_min,
            h_max: setup.h_max,
            options: options.as_ptr(),
            n_options: options.len() as u64,
        };
        // SAFETY: owned, and no instance exists that could be reading it.
        unsafe { *self.problem = callbacks::problem(n, mass, self.callbacks) };
        let Some(create) = self.entry.table.create else { return Err(self.missing()) };
        let err = self.empty_error();
        let mut instance = ptr::null_mut();
        self.callbacks().describe(ivp);
        // SAFETY: a function of the plugin; id, settings and options live during the call, the
        // problem until `destroy`.
        let status = unsafe {
            create(
                abi::slf_str::borrowed(self.entry.description.local_id()),
                self.problem,
                &config,
                &mut instance,
                err,
            )
        };
        self.callbacks().leave();
        if status != abi::SLF_OK {
            return Err(self.failed(ivp.t0, error_text(&self.err, status)));
        }
        if instance.is_null() {
            return Err(self.failed(ivp.t0, "it reported success and made no instance".into()));
        }
        self.instance = instance;
        self.created_for = setup;
        Ok(())
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

    fn failed(&self, t: f64, message: String) -> SolveError {
        SolveError::Plugin { plugin: self.entry.description.id.clone(), t, message }
    }

    pub(super) fn missing(&self) -> SolveError {
        self.failed(self.sign * self.t, "a function of its table is null".to_owned())
    }

    /// The plugin broke a rule: no further call on this instance.
    pub(super) fn broke(&mut self, message: String) -> SolveError {
        self.dead = true;
        self.failed(self.sign * self.t, message)
    }

    /// The error behind a status that is not success.
    pub(super) fn error(&mut self, status: abi::slf_status, h: f64) -> SolveError {
        let t = self.sign * self.t;
        let trouble = std::mem::take(&mut self.callbacks().trouble);
        if status == abi::SLF_ERR_PANIC {
            self.dead = true;
        }
        let error = if trouble.cancelled || status == abi::SLF_ERR_CANCELLED {
            SolveError::Cancelled { t }
        } else if trouble.panicked {
            self.failed(t, "a function of the model panicked".to_owned())
        } else if let Some(misuse) = &trouble.misuse {
            self.broke(misuse.clone())
        } else {
            let about_domain = [
                abi::SLF_RECOVERABLE,
                abi::SLF_ERR_STEP_TOO_SMALL,
                abi::SLF_ERR_NON_FINITE,
                abi::SLF_ERR_HOST,
            ];
            match trouble.non_finite {
                Some((t, state)) if about_domain.contains(&status) => {
                    SolveError::NonFinite { t, state, u: trouble.state.clone() }
                }
                _ if status == abi::SLF_ERR_STEP_TOO_SMALL => {
                    SolveError::StepTooSmall { t, h: if h.is_finite() { h.abs() } else { 0.0 } }
                }
                _ => self.failed(t, error_text(&self.err, status)),
            }
        };
        // Give the buffer back, so that the next call allocates nothing.
        self.callbacks().trouble.state = trouble.state;
        error
    }

    /// Takes over a step after checking it; `t_limit` is plugin time.
    fn accept(&mut self, step: &abi::slf_step, t_limit: f64) -> Result<(), String> {
        let (sign, forwards) = (self.sign, t_limit > self.t);
        if step.t_prev != self.t {
            return Err(format!(
                "its step begins at {} and the last one ended at {}",
                sign * step.t_prev,
                sign * self.t
            ));
        }
        if !step.t.is_finite() {
            return Err(format!("it stepped to the time {}", step.t));
        }
        if step.t == self.t || (step.t > self.t) != forwards {
            return Err(format!(
                "it stepped from {} to {}, which is not towards {}",
                sign * self.t,
                sign * step.t,
                sign * t_limit
            ));
        }
        if (step.t > t_limit) == forwards && step.t != t_limit {
            return Err(format!(
                "it stepped to {}, past the limit {}",
                sign * step.t,
                sign * t_limit
            ));
        }
        // SAFETY: the state belongs to the plugin until the next call and is copied here.
        let Some(y) = (unsafe { borrow(step.y.cast::<f64>(), self.y.len()) }) else {
            return Err("it returned a state that is null or misaligned".to_owned());
        };
        if let Some(i) = y.iter().position(|v| !v.is_finite()) {
            return Err(format!("it accepted a state whose element {i} is {}", y[i]));
        }
        std::mem::swap(&mut self.y, &mut self.y_prev);
        self.y.copy_from_slice(y);
        self.t_prev = self.t;
        self.t = step.t;
        Ok(())
    }

    /// Slope at the new end, where the host interpolates itself.
    fn slope(&mut self, ivp: &Ivp<'_>) -> Result<(), SolveError> {
        std::mem::swap(&mut self.f, &mut self.f_prev);
        if self.created_for.mass {
            // Dear, and wanted only where somebody interpolates.
            self.slopes = None;
            return Ok(());
        }
        // SAFETY: owned by this value; the plugin is not running.
        let callbacks = unsafe { &mut *self.callbacks };
        if callbacks.evaluate(ivp, self.sign, self.t, &self.y, &mut self.f) {
            return Ok(());
        }
        let state = callbacks.trouble.non_finite.map_or(0, |(_, state)| state);
        self.started = false;
        Err(SolveError::NonFinite { t: self.sign * self.t, state, u: self.y.clone() })
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

    /// The slopes of a solution of `M y' = f` at both ends of the last step, also of the variables that
    /// algebraic equations determine. They are those of values beside the states which satisfy these
    /// equations exactly.
    fn consistent_slopes(&mut self, ivp: &Ivp<'_>) -> Result<(), SolveError> {
        let Self { consistency, consistent, stats, sign, .. } = self;
        for (t, y, f) in
            [(self.t_prev, &self.y_prev, &mut self.f_prev), (self.t, &self.y, &mut self.f)]
        {
            consistent.copy_from_slice(y);
            consistency.establish(ivp, *sign * t, consistent, f, stats)?;
            if *sign < 0.0 {
                f.iter_mut().for_each(|v| *v = -*v);
            }
        }
        Ok(())
    }

    fn interpolate_hermite(&self, t: f64, out: &mut [f64]) {
        let h = self.t - self.t_prev;
        let s = (t - self.t_prev) / h;
        let (a0, a1) = ((1.0 - s) * (1.0 - s), s * s);
        for (i, out) in out.iter_mut().enumerate() {
            let (y0, y1) = (self.y_prev[i], self.y[i]);
            let (d0, d1) = (h * self.f_prev[i], h * self.f[i]);
            *out =
                a0 * ((1.0 + 2.0 * s) * y0 + s * d0) + a1 * ((3.0 - 2.0 * s) * y1 + (s - 1.0) * d1);
        }
    }
}

impl Setup {
    fn new(n: usize, mass: bool, s: &Settings) -> Self {
        Setup {
            mass,
            rtol: s.rtol,
            atol: if s.atol.len() == n { s.atol.clone() } else { vec![s.atol[0]; n] },
            h_init: s.h_init.map_or(0.0, f64::abs),
            h_min: s.h_min,
            h_max: bounded(s.h_max),
        }
    }

    /// Whether an instance made for `self` serves; allocates nothing.
    fn matches(&self, n: usize, mass: bool, s: &Settings) -> bool {
        let same_atol = if s.atol.len() == n {
            self.atol == s.atol
        } else {
            self.atol.iter().all(|a| *a == s.atol[0])
        };
        same_atol
            && self.atol.len() == n
            && self.mass == mass
            && self.rtol == s.rtol
            && self.h_init == s.h_init.map_or(0.0, f64::abs)
            && self.h_min == s.h_min
            && self.h_max == bounded(s.h_max)
    }
}

/// Infinity is 0 in the interface.
fn bounded(h_max: f64) -> f64 {
    if h_max.is_finite() { h_max } else { 0.0 }
}

fn check(ivp: &Ivp<'_>, settings: &Settings) -> Result<(), SolveError> {
    let n = ivp.u0.len();
    let shape = ivp.rhs.shape();
    let invalid = |message: String| Err(SolveError::Invalid(message));
    if shape.states != n || shape.outputs != n || shape.params != ivp.p.len() {
        return invalid(format!(
            "the model has {} states, {} derivatives and {} parameters, and {n} values and {} \
             parameters were given",
            shape.states,
            shape.outputs,
            shape.params,
            ivp.p.len()
        ));
    }
    if !ivp.t0.is_finite() || !ivp.t1.is_finite() {
        return invalid(format!("the times {} to {} are not finite", ivp.t0, ivp.t1));
    }
    if settings.atol.len() != n && settings.atol.len() != 1 {
        return invalid(format!(
            "{} absolute tolerances were given for {n} states; give one or {n}",
            settings.atol.len()
        ));
    }
    let positive = |v: f64| v.is_finite() && v >= 0.0;
    let tolerances = positive(settings.rtol) && settings.atol.iter().all(|a| positive(*a));
    if !tolerances || (settings.rtol == 0.0 && settings.atol.contains(&0.0)) {
        return invalid("tolerances must be positive".to_owned());
    }
    let steps = positive(settings.h_min)
        && settings.h_max > 0.0
        && settings.h_init.is_none_or(|h| h.is_finite() && h != 0.0);
    if !steps {
        return invalid("step bounds must be positive, and the first step not zero".to_owned());
    }
    if let Some(state) = ivp.u0.iter().position(|v| !v.is_finite()) {
        return Err(SolveError::NonFinite { t: ivp.t0, state, u: ivp.u0.to_vec() });
    }
    Ok(())
}

/// A part of the system that the solver does not say it honours would silently change the solution.
/// Events are the loop's own matter.
fn refuse_undeclared(about: &SolverDescription, ivp: &Ivp<'_>) -> Result<(), SolveError> {
    // An undeclared part is replaced by one that everybody honours.
    let declared = |yes, part| if yes { part } else { Part::Events };
    let honoured = [
        Part::Events,
        declared(about.mass_matrix, Part::Mass),
        declared(about.noise, Part::Noise),
        declared(about.delays, Part::Delays),
    ];
    match ivp.rhs.structure().beyond(&honoured) {
        Some(part) => Err(refused(about, part.words())),
        None => Ok(()),
    }
}

fn refused(about: &SolverDescription, what: &str) -> SolveError {
    SolveError::Invalid(format!(
        "the solver `{}` of a plugin does not declare that it solves systems with {what}; use a \
         built-in method, or `auto`",
        about.id
    ))
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
        Ok(Step { t_prev: sign * self.t_prev, t: sign * self.t, rejected: out.n_rejected })
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

    /// Evaluates what the host's own interpolants need and the step did not.
    pub(super) fn prepare_dense_ordinary(&mut self, ivp: &Ivp<'_>) {
        // SAFETY: owned by this value; the plugin is not running.
        let callbacks = unsafe { &mut *self.callbacks };
        if callbacks.noise.is_there() {
            let span = (self.t_prev, self.t);
            callbacks.noise.prepare_dense(ivp, span, &self.y_prev, &mut callbacks.scratch);
        } else if self.created_for.mass && self.hermite() && self.slopes.is_none() {
            self.slopes = Some(self.consistent_slopes(ivp));
        }
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

    fn delayed(&mut self, ivp: &Ivp<'_>, t: f64, out: &mut [f64]) -> Result<(), SolveError> {
        if self.delayed { self.delayed_values(ivp, t, out) } else { Ok(()) }
    }

    fn interpolate(&mut self, t: f64, out: &mut [f64]) -> Result<(), SolveError> {
        let time = self.sign * t;
        let (low, high) = (self.t_prev.min(self.t), self.t_prev.max(self.t));
        if !(time >= low && time <= high) || out.len() != self.y.len() {
            return Err(SolveError::Invalid(format!(
                "cannot interpolate at t = {t}: the last step went from {} to {}",
                self.sign * self.t_prev,
                self.sign * self.t
            )));
        }
        // The ends are exact, so that pieces join without a gap.
        if time == self.t {
            out.copy_from_slice(&self.y);
            return Ok(());
        }
        if time == self.t_prev {
            out.copy_from_slice(&self.y_prev);
            return Ok(());
        }
        if self.callbacks().noise.is_there() {
            let (span, ends) = ((self.t_prev, self.t), (&self.y_prev[..], &self.y[..]));
            // SAFETY: owned by this value; the plugin is not running.
            let noise = unsafe { &mut (*self.callbacks).noise };
            return match noise.interpolate(time, span, ends, out) {
                true => Ok(()),
                false => Err(SolveError::Invalid("prepare_dense was not called".into())),
            };
        }
        if self.hermite() {
            if self.created_for.mass {
                let missing = || Err(SolveError::Invalid("prepare_dense was not called".into()));
                self.slopes.clone().unwrap_or_else(missing)?;
            }
            self.interpolate_hermite(time, out);
            return Ok(());
        }
        if self.dead || self.instance.is_null() {
            return Err(SolveError::Invalid("interpolate was called after the run failed".into()));
        }
        let Some(interpolate) = self.entry.table.interpolate else { return Err(self.missing()) };
        let err = self.empty_error();
        // SAFETY: a function of the plugin on its own living instance; `out` has as many elements
        // as the instance was created for.
        let status = unsafe { interpolate(self.instance, time, 0, out.as_mut_ptr().cast(), err) };
        if status != abi::SLF_OK {
            return Err(self.error(status, 0.0));
        }
        match out.iter().position(|v| !v.is_finite()) {
            Some(i) => {
                let value = out[i];
                Err(self.broke(format!("its dense output at t = {t} gives {value} in element {i}")))
            }
            None => Ok(()),
        }
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
