//! The problem that a plugin solves, and everything it does with it.

use super::implicit::{Diagonal, Matrices};
use slopefield_kernel::{Cotangent, Kernel, Point, Tangent};
use slopefield_plugin_abi as abi;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

/// Room, in units of rounding, by which a stage may miss the limit it means; the host has it too.
const SLACK: f64 = 4.0;

/// Sees every evaluation of the right-hand side after it was made: number of the call from 1,
/// time, state, result. It may change the result, and returns the status.
pub type Hook = Box<dyn FnMut(u64, f64, &[f64], &mut [f64]) -> abi::slf_status + Send>;

/// What `poll` returns.
pub type Poll = Box<dyn Fn() -> abi::slf_status + Send>;

/// What `slf_problem.ctx` points to.
pub struct Model {
    rhs: Arc<dyn Kernel>,
    params: Vec<f64>,
    scratch: Vec<f64>,
    /// Evaluations of the right-hand side.
    pub calls: u64,
    /// Calls of any function of the problem.
    pub all_calls: u64,
    /// Calls made while the interface forbids them.
    pub forbidden: u64,
    /// Calls made after one of them had failed for good, within one call of the plugin.
    pub after_failure: u64,
    failed: bool,
    /// The farthest time past the limit that was asked for, and that limit.
    pub past: Option<(f64, f64)>,
    /// A misuse of a function.
    pub misuse: Option<String>,
    open: bool,
    limit: f64,
    forwards: bool,
    hook: Option<Hook>,
    mass: bool,
    /// Extensions are to be had, as from a host of today.
    extensions: bool,
    pub(super) matrices: Matrices,
    pub(super) diagonal: Option<Diagonal>,
    poll: Option<Poll>,
    /// Calls of `poll`.
    pub polls: u64,
}

impl Model {
    /// A model that is a kernel with parameters.
    pub fn new(rhs: Arc<dyn Kernel>, params: &[f64]) -> Model {
        Model {
            scratch: vec![0.0; rhs.scratch_len()],
            rhs,
            params: params.to_vec(),
            calls: 0,
            all_calls: 0,
            forbidden: 0,
            after_failure: 0,
            failed: false,
            past: None,
            misuse: None,
            open: false,
            limit: 0.0,
            forwards: true,
            hook: None,
            mass: false,
            extensions: true,
            matrices: Matrices::default(),
            diagonal: None,
            poll: None,
            polls: 0,
        }
    }

    /// The model without extensions, as hosts had it before there were any.
    #[must_use]
    pub fn without_extensions(mut self) -> Model {
        self.extensions = false;
        self
    }

    pub(super) fn has_mass(&self) -> bool {
        self.mass
    }

    /// The model with a hook.
    #[must_use]
    pub fn with(mut self, hook: Hook) -> Model {
        self.hook = Some(hook);
        self
    }

    /// The model with an answer of `poll`.
    #[must_use]
    pub fn polled(mut self, poll: Poll) -> Model {
        self.poll = Some(poll);
        self
    }

    /// Number of states.
    pub fn states(&self) -> usize {
        self.rhs.shape().states
    }

    /// What the plugin did wrong so far, in a sentence.
    pub fn verdict(&self) -> Result<(), String> {
        if let Some(misuse) = &self.misuse {
            return Err(misuse.clone());
        }
        if let Some((t, limit)) = self.past {
            return Err(format!("it called the model at t = {t}, past the limit {limit}"));
        }
        if self.forbidden > 0 {
            let n = self.forbidden;
            return Err(format!(
                "it called the model {n} times from create, interpolate or destroy"
            ));
        }
        Ok(())
    }

    pub(super) fn enter(&mut self, from: f64, limit: f64) {
        self.open = true;
        self.failed = false;
        self.limit = limit;
        self.forwards = limit >= from;
    }

    pub(super) fn leave(&mut self) {
        self.open = false;
    }

    /// Whether a call is allowed, and its time.
    fn admit(&mut self, t: f64) -> Result<(), abi::slf_status> {
        self.all_calls += 1;
        if !self.open {
            self.forbidden += 1;
            return Err(abi::SLF_ERR_HOST);
        }
        if self.failed {
            self.after_failure += 1;
        }
        if !t.is_finite() {
            self.misuse.get_or_insert(format!("it called the model at the time {t}"));
            return Err(abi::SLF_ERR_ARGUMENT);
        }
        let past = if self.forwards { t - self.limit } else { self.limit - t };
        if past > SLACK * f64::EPSILON * t.abs().max(self.limit.abs()) {
            self.past.get_or_insert((t, self.limit));
        }
        Ok(())
    }

    fn eval(&mut self, t: f64, y: &[f64], out: &mut [f64]) -> abi::slf_status {
        self.calls += 1;
        self.rhs.eval(t, y, &self.params, out, &mut self.scratch);
        let mut status = match &mut self.hook {
            Some(hook) => hook(self.calls, t, y, out),
            None if out.iter().all(|v| v.is_finite()) => abi::SLF_OK,
            None => abi::SLF_RECOVERABLE,
        };
        if status < 0 {
            self.failed = true;
        }
        // The host never says that all is well with numbers that are not finite; a hook may.
        if status == abi::SLF_OK && self.hook.is_none() && out.iter().any(|v| !v.is_finite()) {
            status = abi::SLF_RECOVERABLE;
        }
        status
    }

    /// `∂f/∂t · dt + ∂f/∂y · v`.
    fn product(&mut self, t: f64, y: &[f64], dt: f64, v: &[f64], out: &mut [f64]) {
        let mut value = vec![0.0; y.len()];
        let zero = vec![0.0; self.params.len()];
        self.rhs.jvp(
            Point { t, u: y, p: &self.params },
            Tangent { t: dt, u: v, p: &zero },
            &mut value,
            out,
            &mut self.scratch,
        );
    }
}

/// The problem that a plugin sees; `ctx` must outlive it.
pub(super) fn problem(n: usize, ctx: *mut Model, mass: bool) -> abi::slf_problem {
    // SAFETY: null or a model that nobody else uses now.
    if let Some(model) = unsafe { ctx.as_mut() } {
        model.mass = mass;
    }
    abi::slf_problem {
        struct_size: size_of::<abi::slf_problem>() as u32,
        dtype: abi::SLF_F64,
        n: n as u64,
        ctx: ctx.cast(),
        rhs: Some(rhs),
        jacobian: Some(jacobian),
        jvp: Some(jvp),
        vjp: Some(vjp),
        dfdt: Some(dfdt),
        mass: if mass { Some(mass_matrix) } else { None },
        jacobian_pattern: ptr::null(),
        mass_pattern: ptr::null(),
        poll: Some(poll),
        get_extension: Some(get_extension),
    }
}

unsafe extern "C" fn get_extension(ctx: *mut c_void, id: abi::slf_str) -> *const c_void {
    // SAFETY: nothing else refers to the model while the plugin runs.
    let Some(model) = (unsafe { ctx.cast::<Model>().as_mut() }) else { return ptr::null() };
    // SAFETY: text of the plugin.
    match unsafe { super::text(id) } {
        Ok(id) if id == abi::IMPLICIT_PROBLEM && model.extensions => model.matrices_table(ctx),
        _ => ptr::null(),
    }
}

/// Runs a callback on the model behind `ctx`, with its vectors checked.
///
/// # Safety
/// `ctx` is the model of a living instance; the others are null or have the lengths given.
pub(super) unsafe fn callback<const K: usize>(
    ctx: *mut c_void,
    t: f64,
    inputs: [*const c_void; K],
    out: (*mut c_void, fn(usize) -> usize),
    body: impl FnOnce(&mut Model, [&[f64]; K], &mut [f64]) -> abi::slf_status,
) -> abi::slf_status {
    // SAFETY: nothing else refers to the model while the plugin runs.
    let Some(model) = (unsafe { ctx.cast::<Model>().as_mut() }) else {
        return abi::SLF_ERR_ARGUMENT;
    };
    if let Err(status) = model.admit(t) {
        return status;
    }
    // SAFETY: promised by the caller.
    unsafe { with_vectors(model, inputs, out, body) }
}

/// The same for a callback without a time.
///
/// # Safety
/// As for [`callback`].
pub(super) unsafe fn admitted<const K: usize>(
    ctx: *mut c_void,
    inputs: [*const c_void; K],
    out: (*mut c_void, fn(usize) -> usize),
    body: impl FnOnce(&mut Model, [&[f64]; K], &mut [f64]) -> abi::slf_status,
) -> abi::slf_status {
    // SAFETY: nothing else refers to the model while the plugin runs.
    let Some(model) = (unsafe { ctx.cast::<Model>().as_mut() }) else {
        return abi::SLF_ERR_ARGUMENT;
    };
    let now = model.limit;
    if let Err(status) = model.admit(now) {
        return status;
    }
    // SAFETY: promised by the caller.
    unsafe { with_vectors(model, inputs, out, body) }
}

/// # Safety
/// The vectors are null or have the lengths given.
unsafe fn with_vectors<const K: usize>(
    model: &mut Model,
    inputs: [*const c_void; K],
    (out, outputs): (*mut c_void, fn(usize) -> usize),
    body: impl FnOnce(&mut Model, [&[f64]; K], &mut [f64]) -> abi::slf_status,
) -> abi::slf_status {
    let n = model.states();
    let wants = outputs(n) > 0;
    let bad = |p: *const c_void| n > 0 && (p.is_null() || !p.cast::<f64>().is_aligned());
    let (low, high) = (out as usize, out as usize + outputs(n) * size_of::<f64>());
    let clash =
        |p: *const c_void| n > 0 && (p as usize) < high && low < p as usize + n * size_of::<f64>();
    if inputs.iter().any(|p| bad(*p) || clash(*p)) || (wants && bad(out)) {
        model.misuse.get_or_insert_with(|| {
            "it passed a vector that is null, misaligned or overlaps another".to_owned()
        });
        return abi::SLF_ERR_ARGUMENT;
    }
    let dangling = ptr::NonNull::<f64>::dangling().as_ptr();
    let pick = |p: *const c_void| if n == 0 { dangling.cast_const() } else { p.cast() };
    // SAFETY: not null, aligned, apart from each other and, as promised, of these lengths.
    let inputs = inputs.map(|p| unsafe { std::slice::from_raw_parts(pick(p), n) });
    let out = if n == 0 || !wants { dangling } else { out.cast() };
    // SAFETY: as above.
    let out = unsafe { std::slice::from_raw_parts_mut(out, outputs(n)) };
    let run = AssertUnwindSafe(|| body(model, inputs, out));
    catch_unwind(run).unwrap_or(abi::SLF_ERR_HOST)
}

unsafe extern "C" fn rhs(ctx: *mut c_void, t: f64, y: *const c_void, out: *mut c_void) -> i32 {
    // SAFETY: pointers of the plugin, as the interface promises.
    unsafe { callback(ctx, t, [y], (out, |n| n), |m, [y], out| m.eval(t, y, out)) }
}

pub(super) unsafe extern "C" fn jacobian(
    ctx: *mut c_void,
    t: f64,
    y: *const c_void,
    out: *mut c_void,
) -> i32 {
    let body = |m: &mut Model, [y]: [&[f64]; 1], out: &mut [f64]| {
        let n = y.len();
        let mut unit = vec![0.0; n];
        for (j, column) in out.chunks_mut(n.max(1)).enumerate() {
            unit[j] = 1.0;
            m.product(t, y, 0.0, &unit, column);
            unit[j] = 0.0;
        }
        abi::SLF_OK
    };
    // SAFETY: as in `rhs`.
    unsafe { callback(ctx, t, [y], (out, |n| n * n), body) }
}

unsafe extern "C" fn dfdt(ctx: *mut c_void, t: f64, y: *const c_void, out: *mut c_void) -> i32 {
    let body = |m: &mut Model, [y]: [&[f64]; 1], out: &mut [f64]| {
        m.product(t, y, 1.0, &vec![0.0; y.len()], out);
        abi::SLF_OK
    };
    // SAFETY: as in `rhs`.
    unsafe { callback(ctx, t, [y], (out, |n| n), body) }
}

unsafe extern "C" fn jvp(
    ctx: *mut c_void,
    t: f64,
    y: *const c_void,
    v: *const c_void,
    out: *mut c_void,
) -> i32 {
    let body = |m: &mut Model, [y, v]: [&[f64]; 2], out: &mut [f64]| {
        m.product(t, y, 0.0, v, out);
        abi::SLF_OK
    };
    // SAFETY: as in `rhs`.
    unsafe { callback(ctx, t, [y, v], (out, |n| n), body) }
}

unsafe extern "C" fn vjp(
    ctx: *mut c_void,
    t: f64,
    y: *const c_void,
    w: *const c_void,
    out: *mut c_void,
) -> i32 {
    let body = |m: &mut Model, [y, w]: [&[f64]; 2], out: &mut [f64]| {
        out.fill(0.0);
        let (mut by_time, mut by_params) = (0.0, vec![0.0; m.params.len()]);
        m.rhs.vjp(
            Point { t, u: y, p: &m.params },
            w,
            Cotangent { t: &mut by_time, u: out, p: &mut by_params },
            &mut m.scratch,
        );
        abi::SLF_OK
    };
    // SAFETY: as in `rhs`.
    unsafe { callback(ctx, t, [y, w], (out, |n| n), body) }
}

/// Twice the identity.
unsafe extern "C" fn mass_matrix(ctx: *mut c_void, t: f64, out: *mut c_void) -> i32 {
    let body = |m: &mut Model, []: [&[f64]; 0], out: &mut [f64]| {
        let n = m.states();
        out.fill(0.0);
        out.iter_mut().step_by(n + 1).for_each(|v| *v = 2.0);
        abi::SLF_OK
    };
    // SAFETY: as in `rhs`.
    unsafe { callback(ctx, t, [], (out, |n| n * n), body) }
}

unsafe extern "C" fn poll(ctx: *mut c_void) -> i32 {
    // SAFETY: nothing else refers to the model while the plugin runs.
    let Some(model) = (unsafe { ctx.cast::<Model>().as_mut() }) else {
        return abi::SLF_ERR_ARGUMENT;
    };
    model.polls += 1;
    model.poll.as_ref().map_or(abi::SLF_OK, |poll| poll())
}
