//! A solver of a plugin as a [`Stepper`].
//!
//! The plugin is told one step at a time where to stop, and nothing it answers is believed before
//! it was checked: times that move the right way and stay within the limit, a state that is there
//! and finite. A plugin that breaks a rule is named in the error and its instance is thrown away.

use super::callbacks::{self, Callbacks};
use super::library::SolverEntry;
use super::options::{c_options, spelled_options};
use super::{borrow, error_buffer, error_text};
use slopefield_kernel::Part;
use slopefield_lang::OptionValue;
use slopefield_plugin_abi as abi;
use slopefield_solve::{Ivp, Settings, SolveError, Stats, Step, Stepper};
use std::ptr;

/// Runs one solver of a plugin. Instances of the plugin are reused from one `start` to the next
/// while the number of states and the settings stay the same.
pub struct PluginSolver {
    entry: SolverEntry,
    options: Vec<(String, OptionValue)>,
    /// Owned; raw because the plugin holds the same pointer.
    callbacks: *mut Callbacks,
    /// Owned; raw for the same reason. Points to `callbacks`.
    problem: *mut abi::slf_problem,
    /// Owned by the plugin; null when there is none.
    instance: *mut abi::slf_solver,
    created_for: Setup,
    /// Where the plugin says why a call failed. Kept, because clearing a kilobyte takes longer than
    /// many a step.
    err: Box<abi::slf_error>,
    /// A call broke the rules, so the instance cannot be trusted.
    dead: bool,
    /// Model time is this times plugin time.
    sign: f64,
    /// Plugin times.
    t_prev: f64,
    t: f64,
    started: bool,
    y_prev: Vec<f64>,
    y: Vec<f64>,
    /// Slopes at both ends in plugin time, for solvers without dense output.
    f_prev: Vec<f64>,
    f: Vec<f64>,
    stats: Stats,
}

/// What an instance was created for.
#[derive(Debug, Clone, PartialEq, Default)]
struct Setup {
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
        let problem = Box::into_raw(Box::new(callbacks::problem(0, callbacks)));
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
            stats: Stats::default(),
        }
    }

    fn callbacks(&mut self) -> &mut Callbacks {
        // SAFETY: owned by this value and, outside of calls into the plugin, used by it alone.
        unsafe { &mut *self.callbacks }
    }

    /// The error buffer, empty, for one call.
    fn empty_error(&mut self) -> *mut abi::slf_error {
        // The plugin may have changed any of them.
        self.err.struct_size = size_of::<abi::slf_error>() as u32;
        self.err.code = 0;
        self.err.message_len = 0;
        &raw mut *self.err
    }

    fn hermite(&self) -> bool {
        self.entry.description.dense_order == 0.0
    }

    fn destroy(&mut self) {
        let instance = std::mem::replace(&mut self.instance, ptr::null_mut());
        self.started = false;
        if let (false, Some(destroy)) = (instance.is_null(), self.entry.table.destroy) {
            // SAFETY: the pointer came from `create` of the same table and is given back once.
            unsafe { destroy(instance) }
        }
    }

    /// Makes the instance fit the problem and the settings.
    fn ready(&mut self, ivp: &Ivp<'_>, settings: &Settings) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        let fits = !self.instance.is_null()
            && !self.dead
            && self.y.len() == n
            && self.created_for.matches(n, settings);
        if fits {
            return Ok(());
        }
        self.destroy();
        self.dead = false;
        for v in [&mut self.y, &mut self.y_prev, &mut self.f, &mut self.f_prev] {
            v.resize(n, 0.0);
        }
        let setup = Setup::new(n, settings);
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
        unsafe { (*self.problem).n = n as u64 };
        let Some(create) = self.entry.table.create else { return Err(self.missing()) };
        let err = self.empty_error();
        let mut instance = ptr::null_mut();
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

    fn failed(&self, t: f64, message: String) -> SolveError {
        SolveError::Plugin { plugin: self.entry.description.id.clone(), t, message }
    }

    fn missing(&self) -> SolveError {
        self.failed(self.sign * self.t, "a function of its table is null".to_owned())
    }

    /// The plugin broke a rule: no further call on this instance.
    fn broke(&mut self, message: String) -> SolveError {
        self.dead = true;
        self.failed(self.sign * self.t, message)
    }

    /// The error behind a status that is not success.
    fn error(&mut self, status: abi::slf_status, h: f64) -> SolveError {
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
        // SAFETY: owned by this value; the plugin is not running.
        let callbacks = unsafe { &mut *self.callbacks };
        if callbacks.evaluate(ivp, self.sign, self.t, &self.y, &mut self.f) {
            return Ok(());
        }
        let state = callbacks.trouble.non_finite.map_or(0, |(_, state)| state);
        self.started = false;
        Err(SolveError::NonFinite { t: self.sign * self.t, state, u: self.y.clone() })
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
    fn new(n: usize, s: &Settings) -> Self {
        Setup {
            rtol: s.rtol,
            atol: if s.atol.len() == n { s.atol.clone() } else { vec![s.atol[0]; n] },
            h_init: s.h_init.map_or(0.0, f64::abs),
            h_min: s.h_min,
            h_max: bounded(s.h_max),
        }
    }

    /// Whether an instance made for `self` serves; allocates nothing.
    fn matches(&self, n: usize, s: &Settings) -> bool {
        let same_atol = if s.atol.len() == n {
            self.atol == s.atol
        } else {
            self.atol.iter().all(|a| *a == s.atol[0])
        };
        same_atol
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

/// The interface of plugins hands over a right-hand side and nothing else; a part that it leaves out
/// would silently change the solution. Events are the loop's own matter.
fn refuse_more_than_a_right_hand_side(ivp: &Ivp<'_>) -> Result<(), SolveError> {
    match ivp.rhs.structure().beyond(&[Part::Events]) {
        Some(part) => Err(SolveError::Invalid(format!(
            "solvers of plugins solve no systems with {}; use a built-in method, or `auto`",
            part.words()
        ))),
        None => Ok(()),
    }
}

impl Stepper for PluginSolver {
    fn start(&mut self, ivp: &Ivp<'_>, settings: &Settings) -> Result<(), SolveError> {
        check(ivp, settings)?;
        refuse_more_than_a_right_hand_side(ivp)?;
        self.started = false;
        self.stats = Stats::default();
        // A plugin that knows only one direction of time sees a mirrored problem.
        let mirrored = ivp.t1 < ivp.t0 && !self.entry.description.backward;
        self.sign = if mirrored { -1.0 } else { 1.0 };
        let (t0, t1) = (self.sign * ivp.t0, self.sign * ivp.t1);
        (self.t_prev, self.t) = (t0, t0);
        self.callbacks().prepare(ivp);
        self.ready(ivp, settings)?;
        self.y.copy_from_slice(ivp.u0);
        self.y_prev.copy_from_slice(ivp.u0);

        let Some(start) = self.entry.table.start else { return Err(self.missing()) };
        let sign = self.sign;
        self.callbacks().enter(ivp, &settings.cancel, sign, t0, t1);
        let err = self.empty_error();
        // SAFETY: a function of the plugin on its own living instance; `u0` has as many elements
        // as the instance was created for.
        let status = unsafe { start(self.instance, t0, t1, ivp.u0.as_ptr().cast(), err) };
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

    fn step(
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

    fn state(&self) -> &[f64] {
        &self.y
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
        if self.hermite() {
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

    fn stats(&self) -> Stats {
        // SAFETY: owned by this value; the plugin is not running.
        let rhs = unsafe { (*self.callbacks).rhs_count };
        Stats { rhs, ..self.stats }
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
