//! The model's functions as a plugin may call them.
//!
//! A [`Callbacks`] is what `slf_problem.ctx` points to. It holds the problem of the current call
//! and nothing between calls, so that a pointer kept by a plugin finds an answer and not freed
//! memory. The plugin's time runs forwards or backwards as the plugin likes; `sign` turns it into
//! the model's.

use super::delays::PastTable;
use super::implicit::Implicit;
use super::noise::NoiseSource;
use super::site::{Compiled, Site};
use super::split::SplitTable;
use super::{MAX_NAME, borrow, borrow_mut};
use slopefield_kernel::{Cotangent, Point, Tangent};
use slopefield_plugin_abi as abi;
use slopefield_solve::{Ivp, Stats};
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Room, in units of rounding, by which a stage time may miss the limit it means.
const LIMIT_SLACK: f64 = 4.0;

/// What the callbacks work on.
#[derive(Default)]
#[repr(C)]
pub(super) struct Callbacks {
    /// First, because compiled evaluations take the context of a problem for their site.
    site: Site,
    pub(super) compiled: Compiled,
    current: Option<Current>,
    pub(super) scratch: Vec<f64>,
    pub(super) value: Vec<f64>,
    unit: Vec<f64>,
    zero_params: Vec<f64>,
    unwanted: Vec<f64>,
    /// Sums by the parameters while a step is reversed.
    pub(super) param_gradient: Vec<f64>,
    /// Products while a step is reversed.
    pub(super) pulled: u64,
    /// What the plugin has had computed since `start`.
    pub(super) stats: Stats,
    /// Matrices, for those who ask.
    pub(super) implicit: Implicit,
    pub(super) split: SplitTable,
    pub(super) noise: NoiseSource,
    pub(super) past: PastTable,
    /// What the model or the plugin did wrong in the current call.
    pub(super) trouble: Trouble,
}

/// The problem of the call that is running. The pointers are valid until that call returns, which
/// is when [`Callbacks::leave`] removes them.
struct Current {
    ivp: *const Ivp<'static>,
    /// Set from anywhere to stop.
    cancel: *const AtomicBool,
    /// Plugin time may not pass this, in the direction of `limit - from`.
    from: f64,
    limit: f64,
    /// Times from here to there are finite and not past the limit.
    ahead: (f64, f64),
    /// Model time is `sign` times plugin time.
    sign: f64,
    /// The plugin may call the model; in `create` it may only ask what there is.
    answers: bool,
}

/// What is looked at where nobody can ask to stop.
static NEVER: AtomicBool = AtomicBool::new(false);

/// The first mishaps inside one call. Kept apart from the status, which the plugin may change.
#[derive(Default)]
pub(super) struct Trouble {
    /// Somebody cancelled.
    pub(super) cancelled: bool,
    /// Model time and index of the first state whose derivative was not finite; the state itself
    /// is in `state`.
    pub(super) non_finite: Option<(f64, usize)>,
    /// The state at which that happened.
    pub(super) state: Vec<f64>,
    /// How the plugin misused a callback.
    pub(super) misuse: Option<String>,
    /// The model's code panicked.
    pub(super) panicked: bool,
}

impl Current {
    fn is_cancelled(&self) -> bool {
        // SAFETY: the flag belongs to the settings of the call that is running, or to this program.
        unsafe { &*self.cancel }.load(Ordering::Relaxed)
    }
}

impl Trouble {
    fn clear(&mut self) {
        self.cancelled = false;
        self.non_finite = None;
        self.misuse = None;
        self.panicked = false;
    }
}

impl Callbacks {
    /// Makes room for a problem; allocates only when it is larger than any before.
    pub(super) fn prepare(&mut self, ivp: &Ivp<'_>) {
        let shape = ivp.rhs.shape();
        let structure = ivp.rhs.structure();
        let noise = structure.noise.map_or(0, |noise| noise.coefficients.scratch_len());
        let parts = structure.split.map_or([0; 2], |s| [s.stiff, s.rest].map(|f| f.scratch_len()));
        let needed = ivp.rhs.scratch_len().max(noise).max(parts[0]).max(parts[1]);
        self.scratch.resize(needed, 0.0);
        self.value.resize(shape.states, 0.0);
        self.unit.resize(shape.states, 0.0);
        self.unit.fill(0.0);
        self.zero_params.resize(shape.params, 0.0);
        self.zero_params.fill(0.0);
        self.param_gradient.resize(shape.params, 0.0);
        self.param_gradient.fill(0.0);
        self.unwanted.resize(shape.params, 0.0);
        self.trouble.state.resize(shape.states, 0.0);
        self.stats = Stats::default();
        self.compiled.prepare(ivp);
    }

    /// Opens the callbacks for one call of the plugin, between two plugin times.
    pub(super) fn enter(
        &mut self,
        ivp: &Ivp<'_>,
        cancel: &Option<Arc<AtomicBool>>,
        sign: f64,
        from: f64,
        limit: f64,
    ) {
        self.trouble.clear();
        let cancel = ptr::from_ref(cancel.as_deref().unwrap_or(&NEVER));
        let ahead = if limit >= from { (f64::MIN, limit) } else { (limit, f64::MAX) };
        if sign > 0.0 && self.compiled.serves(ivp) {
            // SAFETY: what is borrowed here lives until the call of the plugin returns, which is when
            // `leave` closes the site; scratch memory is used by one evaluation at a time.
            unsafe { self.site.open(ivp, ahead, cancel, &mut self.scratch) };
        }
        let ivp = ptr::from_ref(ivp).cast::<Ivp<'static>>();
        self.current = Some(Current { ivp, cancel, from, limit, ahead, sign, answers: true });
    }

    /// Lets the plugin ask for extensions of a problem, in `create`.
    pub(super) fn describe(&mut self, ivp: &Ivp<'_>) {
        self.enter(ivp, &None, 1.0, ivp.t0, ivp.t1);
        self.site.close();
        self.current.iter_mut().for_each(|current| current.answers = false);
    }

    /// Closes them.
    pub(super) fn leave(&mut self) {
        self.current = None;
        self.stats.rhs += self.site.close();
    }

    /// `f(t, y)` for the host itself, in plugin time; whether it is finite.
    #[inline(always)]
    pub(super) fn evaluate(
        &mut self,
        ivp: &Ivp<'_>,
        sign: f64,
        t: f64,
        y: &[f64],
        out: &mut [f64],
    ) -> bool {
        self.stats.rhs += 1;
        ivp.rhs.eval(sign * t, y, ivp.p, out, &mut self.scratch);
        self.accept(sign, t, y, out)
    }

    /// Notes where a derivative is not finite; else gives it the sign of plugin time.
    #[inline(always)]
    pub(super) fn accept(&mut self, sign: f64, t: f64, y: &[f64], dydt: &mut [f64]) -> bool {
        if let Some(state) = dydt.iter().position(|v| !v.is_finite()) {
            self.note_non_finite(sign * t, state, y);
            return false;
        }
        if sign < 0.0 {
            negate(dydt);
        }
        true
    }

    /// Zeros for the parameters, and work space.
    pub(super) fn work(&mut self) -> (&[f64], &mut [f64]) {
        (&self.zero_params, &mut self.scratch)
    }

    /// The plugin times between which the current call may look.
    pub(super) fn span(&self) -> Option<(f64, f64)> {
        self.current.as_ref().map(|current| (current.from, current.limit))
    }

    fn cancelled(&mut self) -> bool {
        let cancelled = self.current.as_ref().is_some_and(Current::is_cancelled);
        self.trouble.cancelled |= cancelled;
        cancelled
    }

    /// A plugin time that is past the limit by no more than rounding, moved onto it.
    #[cold]
    fn near_the_limit(&mut self, t: f64) -> Result<f64, abi::slf_status> {
        let Some(current) = &self.current else { return Err(abi::SLF_ERR_HOST) };
        let (from, limit, sign) = (current.from, current.limit, current.sign);
        if !t.is_finite() {
            return Err(self.misuse(|| format!("it called the model at the time {t}")));
        }
        let past = if limit >= from { t - limit } else { limit - t };
        if past > LIMIT_SLACK * f64::EPSILON * t.abs().max(limit.abs()) {
            return Err(self.misuse(|| {
                format!("it called the model at t = {}, past the limit {}", sign * t, sign * limit)
            }));
        }
        Ok(limit)
    }

    /// Notes the first state whose derivative was not finite, at a model time.
    #[cold]
    pub(super) fn note_non_finite(&mut self, t: f64, state: usize, y: &[f64]) {
        if self.trouble.non_finite.is_none() {
            self.trouble.non_finite = Some((t, state));
            self.trouble.state.copy_from_slice(y);
        }
    }

    #[cold]
    pub(super) fn misuse(&mut self, message: impl FnOnce() -> String) -> abi::slf_status {
        self.trouble.misuse.get_or_insert_with(message);
        abi::SLF_ERR_ARGUMENT
    }
}

fn negate(values: &mut [f64]) {
    values.iter_mut().for_each(|v| *v = -*v);
}

/// The problem that plugins see; `ctx` must outlive it.
pub(super) fn problem(
    n: usize,
    has_mass: bool,
    ctx: *mut Callbacks,
    rhs: abi::slf_rhs_fn,
) -> abi::slf_problem {
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
        mass: if has_mass { Some(mass) } else { None },
        jacobian_pattern: ptr::null(),
        mass_pattern: ptr::null(),
        poll: Some(poll),
        get_extension: Some(get_extension),
    }
}

/// What the problem of the current call has beyond its right-hand side, by id.
unsafe extern "C" fn get_extension(ctx: *mut c_void, id: abi::slf_str) -> *const c_void {
    let find = || {
        // SAFETY: the context of this problem; nothing else refers to it while the plugin runs.
        let callbacks = unsafe { ctx.cast::<Callbacks>().as_mut() }?;
        // SAFETY: text of the plugin, used during this call only.
        let id = unsafe { borrow(id.ptr.cast::<u8>(), id.len.min(MAX_NAME) as usize) }?;
        let current = callbacks.current.as_ref()?;
        // SAFETY: the problem is alive while `current` is set.
        let ivp = unsafe { &*current.ivp };
        match str::from_utf8(id).ok()? {
            abi::IMPLICIT_PROBLEM => Some(callbacks.implicit.table(ivp, ctx)),
            abi::SPLIT_PROBLEM => callbacks.split.table(ivp, ctx),
            abi::NOISE_PROBLEM => callbacks.noise.table(ctx),
            abi::DELAY_PROBLEM => callbacks.past.table(ctx),
            abi::STATE_DELAY_PROBLEM => callbacks.past.varying_table(ctx),
            _ => None,
        }
    };
    match catch_unwind(AssertUnwindSafe(find)) {
        Ok(table) => table.unwrap_or(ptr::null()),
        Err(_) => {
            // SAFETY: as above; the reference that `find` held is gone.
            if let Some(callbacks) = unsafe { ctx.cast::<Callbacks>().as_mut() } {
                callbacks.trouble.panicked = true;
            }
            ptr::null()
        }
    }
}

/// What a callback needs of the current problem.
pub(super) struct At<'a> {
    pub(super) ivp: &'a Ivp<'static>,
    pub(super) sign: f64,
    /// Plugin time, moved onto the limit when it misses it by rounding.
    pub(super) t: f64,
    pub(super) y: &'a [f64],
}

/// Opens a callback that has no time: finds the problem and its sign, looks at the cancel flag.
///
/// # Safety
/// `ctx` is null or the context of a living `PluginSolver`.
pub(super) unsafe fn open_at_once<'a>(
    ctx: *mut c_void,
) -> Result<(&'a mut Callbacks, &'a Ivp<'static>, f64), abi::slf_status> {
    // SAFETY: as promised; nothing else refers to the callbacks while the plugin runs.
    let callbacks = unsafe { ctx.cast::<Callbacks>().as_mut() }.ok_or(abi::SLF_ERR_ARGUMENT)?;
    if callbacks.cancelled() {
        return Err(abi::SLF_ERR_CANCELLED);
    }
    let current = callbacks.current.as_ref().filter(|c| c.answers).ok_or(abi::SLF_ERR_HOST)?;
    // SAFETY: the problem is alive while `current` is set.
    let (ivp, sign) = (unsafe { &*current.ivp }, current.sign);
    Ok((callbacks, ivp, sign))
}

/// Opens a callback: finds the problem, looks at the cancel flag, checks time and state.
///
/// # Safety
/// `ctx` is null or the context of a living `PluginSolver`; `y` is readable for its states.
#[inline(always)]
pub(super) unsafe fn open<'a>(
    ctx: *mut c_void,
    t: f64,
    y: *const c_void,
) -> Result<(&'a mut Callbacks, At<'a>), abi::slf_status> {
    // SAFETY: as promised; nothing else refers to the callbacks while the plugin runs.
    let callbacks = unsafe { ctx.cast::<Callbacks>().as_mut() }.ok_or(abi::SLF_ERR_ARGUMENT)?;
    let current = callbacks.current.as_ref().filter(|c| c.answers).ok_or(abi::SLF_ERR_HOST)?;
    if current.is_cancelled() {
        callbacks.trouble.cancelled = true;
        return Err(abi::SLF_ERR_CANCELLED);
    }
    let sign = current.sign;
    // SAFETY: the problem is alive while `current` is set.
    let ivp = unsafe { &*current.ivp };
    // Called millions of times; a NaN is in no range.
    let t = match t >= current.ahead.0 && t <= current.ahead.1 {
        true => t,
        false => callbacks.near_the_limit(t)?,
    };
    // SAFETY: as promised by the caller.
    let Some(y) = (unsafe { borrow(y.cast::<f64>(), ivp.u0.len()) }) else {
        return Err(callbacks.misuse(|| "it passed a null or misaligned state".to_owned()));
    };
    Ok((callbacks, At { ivp, sign, t, y }))
}

/// Keeps panics of the model's code from entering the plugin.
///
/// # Safety
/// As for [`open`].
#[inline(always)]
pub(super) unsafe fn guarded(
    ctx: *mut c_void,
    body: impl FnOnce() -> Result<(), abi::slf_status>,
) -> abi::slf_status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => abi::SLF_OK,
        Ok(Err(status)) => status,
        Err(_) => {
            // SAFETY: as promised; the reference that `body` held is gone.
            if let Some(callbacks) = unsafe { ctx.cast::<Callbacks>().as_mut() } {
                callbacks.trouble.panicked = true;
            }
            abi::SLF_ERR_HOST
        }
    }
}

pub(super) const BAD_RESULT: &str =
    "it passed a result that is null, misaligned or overlaps an argument";

/// Every evaluation that is not compiled, or not as it should be.
pub(super) unsafe extern "C" fn rhs(
    ctx: *mut c_void,
    t: f64,
    y: *const c_void,
    dydt: *mut c_void,
) -> abi::slf_status {
    let body = || {
        // SAFETY: pointers of the plugin, as the interface promises.
        let (callbacks, at) = unsafe { open(ctx, t, y)? };
        // SAFETY: as above.
        let Some(out) = (unsafe { borrow_mut(dydt, at.y.len(), &[at.y]) }) else {
            return Err(callbacks.misuse(|| BAD_RESULT.to_owned()));
        };
        if callbacks.evaluate(at.ivp, at.sign, at.t, at.y, out) && !callbacks.past.is_ahead() {
            Ok(())
        } else {
            Err(abi::SLF_RECOVERABLE)
        }
    };
    // SAFETY: the context of this problem.
    unsafe { guarded(ctx, body) }
}

/// One forward product along `(dt, v)`, with the sign of plugin time; checked.
fn product(
    callbacks: &mut Callbacks,
    at: &At<'_>,
    dt: f64,
    v: &[f64],
    out: &mut [f64],
) -> Result<(), abi::slf_status> {
    let Callbacks { scratch, value, zero_params, .. } = callbacks;
    at.ivp.rhs.jvp(
        Point { t: at.sign * at.t, u: at.y, p: at.ivp.p },
        Tangent { t: dt, u: v, p: zero_params },
        value,
        out,
        scratch,
    );
    if callbacks.accept(at.sign, at.t, at.y, out) { Ok(()) } else { Err(abi::SLF_RECOVERABLE) }
}

unsafe extern "C" fn jvp(
    ctx: *mut c_void,
    t: f64,
    y: *const c_void,
    v: *const c_void,
    out: *mut c_void,
) -> abi::slf_status {
    let body = || {
        // SAFETY: pointers of the plugin, as the interface promises.
        let (callbacks, at) = unsafe { open(ctx, t, y)? };
        // SAFETY: as above.
        let v = unsafe { borrow(v.cast::<f64>(), at.y.len()) };
        // SAFETY: as above.
        let out = v.and_then(|v| unsafe { borrow_mut(out, at.y.len(), &[at.y, v]) });
        let (Some(v), Some(out)) = (v, out) else {
            return Err(callbacks.misuse(|| BAD_RESULT.to_owned()));
        };
        product(callbacks, &at, 0.0, v, out)
    };
    // SAFETY: the context of this problem.
    unsafe { guarded(ctx, body) }
}

unsafe extern "C" fn jacobian(
    ctx: *mut c_void,
    t: f64,
    y: *const c_void,
    values: *mut c_void,
) -> abi::slf_status {
    let body = || {
        // SAFETY: pointers of the plugin, as the interface promises.
        let (callbacks, at) = unsafe { open(ctx, t, y)? };
        let n = at.y.len();
        let size = n.checked_mul(n).ok_or(abi::SLF_ERR_MEMORY)?;
        // SAFETY: as above.
        let Some(values) = (unsafe { borrow_mut(values, size, &[at.y]) }) else {
            return Err(callbacks.misuse(|| BAD_RESULT.to_owned()));
        };
        let mut unit = std::mem::take(&mut callbacks.unit);
        let mut outcome = Ok(());
        for j in 0..n {
            unit[j] = 1.0;
            outcome = product(callbacks, &at, 0.0, &unit, &mut values[j * n..(j + 1) * n]);
            unit[j] = 0.0;
            if outcome.is_err() {
                break;
            }
        }
        callbacks.unit = unit;
        outcome
    };
    // SAFETY: the context of this problem.
    unsafe { guarded(ctx, body) }
}

unsafe extern "C" fn dfdt(
    ctx: *mut c_void,
    t: f64,
    y: *const c_void,
    out: *mut c_void,
) -> abi::slf_status {
    let body = || {
        // SAFETY: pointers of the plugin, as the interface promises.
        let (callbacks, at) = unsafe { open(ctx, t, y)? };
        // SAFETY: as above.
        let Some(out) = (unsafe { borrow_mut(out, at.y.len(), &[at.y]) }) else {
            return Err(callbacks.misuse(|| BAD_RESULT.to_owned()));
        };
        let unit = std::mem::take(&mut callbacks.unit);
        // Two reflections, of time and of the derivative's sign.
        let outcome = product(callbacks, &at, at.sign, &unit, out);
        callbacks.unit = unit;
        outcome
    };
    // SAFETY: the context of this problem.
    unsafe { guarded(ctx, body) }
}

/// The mass matrix as a dense one. It does not depend on the time.
unsafe extern "C" fn mass(ctx: *mut c_void, _t: f64, values: *mut c_void) -> abi::slf_status {
    let body = || {
        // SAFETY: the context of this problem.
        let (callbacks, ivp, _) = unsafe { open_at_once(ctx)? };
        let n = ivp.u0.len();
        let size = n.checked_mul(n).ok_or(abi::SLF_ERR_MEMORY)?;
        // SAFETY: a pointer of the plugin, as the interface promises.
        let Some(values) = (unsafe { borrow_mut(values, size, &[]) }) else {
            return Err(callbacks.misuse(|| BAD_RESULT.to_owned()));
        };
        callbacks.implicit.write_dense_mass(n, values);
        Ok(())
    };
    // SAFETY: the context of this problem.
    unsafe { guarded(ctx, body) }
}

unsafe extern "C" fn vjp(
    ctx: *mut c_void,
    t: f64,
    y: *const c_void,
    w: *const c_void,
    out: *mut c_void,
) -> abi::slf_status {
    let body = || {
        // SAFETY: pointers of the plugin, as the interface promises.
        let (callbacks, at) = unsafe { open(ctx, t, y)? };
        // SAFETY: as above.
        let w = unsafe { borrow(w.cast::<f64>(), at.y.len()) };
        // SAFETY: as above.
        let out = w.and_then(|w| unsafe { borrow_mut(out, at.y.len(), &[at.y, w]) });
        let (Some(w), Some(out)) = (w, out) else {
            return Err(callbacks.misuse(|| BAD_RESULT.to_owned()));
        };
        out.fill(0.0);
        let Callbacks { scratch, unwanted, .. } = &mut *callbacks;
        let mut by_time = 0.0;
        at.ivp.rhs.vjp(
            Point { t: at.sign * at.t, u: at.y, p: at.ivp.p },
            w,
            Cotangent { t: &mut by_time, u: out, p: unwanted },
            scratch,
        );
        // Parameter gradients are not asked for; keep the sums from overflowing.
        unwanted.fill(0.0);
        if callbacks.accept(at.sign, at.t, at.y, out) { Ok(()) } else { Err(abi::SLF_RECOVERABLE) }
    };
    // SAFETY: the context of this problem.
    unsafe { guarded(ctx, body) }
}

unsafe extern "C" fn poll(ctx: *mut c_void) -> abi::slf_status {
    let body = || {
        // SAFETY: the context of this problem; nothing else refers to it while the plugin runs.
        let callbacks = unsafe { ctx.cast::<Callbacks>().as_mut() }.ok_or(abi::SLF_ERR_ARGUMENT)?;
        if callbacks.cancelled() { Err(abi::SLF_ERR_CANCELLED) } else { Ok(()) }
    };
    // SAFETY: as above.
    unsafe { guarded(ctx, body) }
}
