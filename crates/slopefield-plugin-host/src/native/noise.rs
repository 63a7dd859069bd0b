//! The noise of a problem as plugins use it (`slf_noise_problem`), and the solution between their
//! steps.
//!
//! Increments are those of one Brownian motion that follows from seed and path, whatever the steps.
//! Between step ends the solution is the chord plus the noise of the motion's own deviation from its
//! chord, with the coefficients at the beginning of the step, as with the built-in methods.

use super::callbacks::{BAD_RESULT, Callbacks, guarded, open, open_at_once};
use super::{borrow, borrow_mut};
use slopefield_kernel::{Calculus, NoiseKind, Point, Tangent};
use slopefield_plugin_abi as abi;
use slopefield_solve::{Ivp, Settings, SolveError};
use slopefield_stochastic::BrownianMotion;
use std::ffi::c_void;
use std::ptr;

/// The motion of the run at hand, and the table that a plugin asked for.
pub(super) struct NoiseSource {
    table: abi::slf_noise_problem,
    /// The plugin has the table, or has been told that there is none.
    asked: bool,
    motion: BrownianMotion,
    /// None for systems without noise.
    shape: Option<NoiseShape>,
    /// For a plugin that wants no areas, and for the values within a step.
    area: Vec<f64>,
    /// Of the last step: coefficients at its beginning, increments over the whole and a part of it.
    coefficients: Vec<f64>,
    whole: Vec<f64>,
    part: Vec<f64>,
    /// They are those of the step that ends there.
    prepared: Option<f64>,
}

/// What a plugin has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NoiseShape {
    kind: u32,
    calculus: u32,
    sources: usize,
}

impl Default for NoiseSource {
    fn default() -> Self {
        NoiseSource {
            table: abi::slf_noise_problem {
                struct_size: size_of::<abi::slf_noise_problem>() as u32,
                kind: 0,
                calculus: 0,
                reserved: 0,
                sources: 0,
                ctx: ptr::null_mut(),
                coefficients: Some(coefficients),
                coefficients_jvp: Some(coefficients_jvp),
                increments: Some(increments),
            },
            asked: false,
            motion: BrownianMotion::default(),
            shape: None,
            area: Vec::new(),
            coefficients: Vec::new(),
            whole: Vec::new(),
            part: Vec::new(),
            prepared: None,
        }
    }
}

impl NoiseSource {
    /// Begins a run. Whether a table that a plugin holds still describes the noise. Allocates
    /// nothing for a problem of the same structure.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] for spans that run backward, times beyond the motion, too many
    /// sources.
    pub(super) fn prepare(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
    ) -> Result<bool, SolveError> {
        self.prepared = None;
        let structure = ivp.rhs.structure();
        let shape = structure.noise.as_ref().map(|noise| NoiseShape {
            kind: match noise.kind {
                NoiseKind::Additive => abi::SLF_NOISE_ADDITIVE,
                NoiseKind::Diagonal => abi::SLF_NOISE_DIAGONAL,
                NoiseKind::Commutative => abi::SLF_NOISE_COMMUTATIVE,
                NoiseKind::General => abi::SLF_NOISE_GENERAL,
            },
            calculus: match noise.calculus {
                Calculus::Ito => abi::SLF_CALCULUS_ITO,
                Calculus::Stratonovich => abi::SLF_CALCULUS_STRATONOVICH,
            },
            sources: noise.sources,
        });
        let fits = !self.asked || self.shape == shape;
        self.shape = shape;
        let (Some(shape), Some(noise)) = (shape, structure.noise) else { return Ok(fits) };
        if ivp.t1 < ivp.t0 {
            return Err(SolveError::Invalid(format!(
                "equations with noise are solved forward in time only, but the span is {} to {}",
                ivp.t0, ivp.t1
            )));
        }
        if !BrownianMotion::reaches(ivp.t0) || !BrownianMotion::reaches(ivp.t1) {
            return Err(SolveError::Invalid(format!(
                "noise is not defined at times like {} or {}",
                ivp.t0, ivp.t1
            )));
        }
        self.motion.start(settings.seed, settings.path, shape.sources)?;
        for row in [&mut self.area, &mut self.whole, &mut self.part] {
            row.resize(shape.sources, 0.0);
        }
        self.coefficients.resize(noise.coefficients.shape().outputs, 0.0);
        Ok(fits)
    }

    /// Whether the system has noise.
    pub(super) fn is_there(&self) -> bool {
        self.shape.is_some()
    }

    /// No plugin holds the table any more.
    pub(super) fn forget(&mut self) {
        self.asked = false;
    }

    /// The table, where there is noise.
    pub(super) fn table(&mut self, ctx: *mut c_void) -> Option<*const c_void> {
        self.asked = true;
        let shape = self.shape?;
        self.table.kind = shape.kind;
        self.table.calculus = shape.calculus;
        self.table.sources = shape.sources as u64;
        self.table.ctx = ctx;
        Some((&raw const self.table).cast())
    }

    /// Evaluates what [`NoiseSource::interpolate`] needs of the step over `span` that begins with
    /// `y`, once.
    pub(super) fn prepare_dense(
        &mut self,
        ivp: &Ivp<'_>,
        span: (f64, f64),
        y: &[f64],
        scratch: &mut [f64],
    ) {
        let Some(noise) = ivp.rhs.structure().noise else { return };
        if self.prepared == Some(span.1) {
            return;
        }
        noise.coefficients.eval(span.0, y, ivp.p, &mut self.coefficients, scratch);
        self.motion.increment(span.0, span.1, &mut self.whole, &mut self.area);
        self.prepared = Some(span.1);
    }

    /// Writes the solution at `t` within the step over `span` from `start` to `end`. False when it
    /// was not prepared.
    pub(super) fn interpolate(
        &mut self,
        t: f64,
        span: (f64, f64),
        (start, end): (&[f64], &[f64]),
        out: &mut [f64],
    ) -> bool {
        let Some(shape) = self.shape.filter(|_| self.prepared == Some(span.1)) else {
            return false;
        };
        let (n, s) = (out.len(), (t - span.0) / (span.1 - span.0));
        self.motion.increment(span.0, t, &mut self.part, &mut self.area);
        for (i, out) in out.iter_mut().enumerate() {
            *out = start[i] + s * (end[i] - start[i]);
        }
        for (j, (part, whole)) in self.part.iter().zip(&self.whole).enumerate() {
            let deviation = part - s * whole;
            if shape.kind == abi::SLF_NOISE_DIAGONAL {
                out[j] += self.coefficients[j] * deviation;
            } else {
                for (out, g) in out.iter_mut().zip(&self.coefficients[j * n..(j + 1) * n]) {
                    *out += g * deviation;
                }
            }
        }
        true
    }
}

/// Notes where a coefficient is not finite.
fn accept(
    callbacks: &mut Callbacks,
    t: f64,
    y: &[f64],
    values: &[f64],
) -> Result<(), abi::slf_status> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(at) => {
            callbacks.note_non_finite(t, at % y.len().max(1), y);
            Err(abi::SLF_RECOVERABLE)
        }
    }
}

unsafe extern "C" fn coefficients(
    ctx: *mut c_void,
    t: f64,
    y: *const c_void,
    out: *mut c_void,
) -> abi::slf_status {
    let body = || {
        // SAFETY: pointers of the plugin, as the interface promises.
        let (callbacks, at) = unsafe { open(ctx, t, y)? };
        let noise = at.ivp.rhs.structure().noise.ok_or(abi::SLF_ERR_HOST)?;
        let len = noise.coefficients.shape().outputs;
        // SAFETY: as above.
        let Some(out) = (unsafe { borrow_mut(out, len, &[at.y]) }) else {
            return Err(callbacks.misuse(|| BAD_RESULT.to_owned()));
        };
        noise.coefficients.eval(at.t, at.y, at.ivp.p, out, &mut callbacks.scratch);
        accept(callbacks, at.t, at.y, out)
    };
    // SAFETY: the context of this problem.
    unsafe { guarded(ctx, body) }
}

unsafe extern "C" fn coefficients_jvp(
    ctx: *mut c_void,
    t: f64,
    y: *const c_void,
    v: *const c_void,
    out: *mut c_void,
) -> abi::slf_status {
    let body = || {
        // SAFETY: pointers of the plugin, as the interface promises.
        let (callbacks, at) = unsafe { open(ctx, t, y)? };
        let noise = at.ivp.rhs.structure().noise.ok_or(abi::SLF_ERR_HOST)?;
        let len = noise.coefficients.shape().outputs;
        // SAFETY: as above.
        let v = unsafe { borrow(v.cast::<f64>(), at.y.len()) };
        // SAFETY: as above.
        let out = v.and_then(|v| unsafe { borrow_mut(out, len, &[at.y, v]) });
        let (Some(v), Some(out)) = (v, out) else {
            return Err(callbacks.misuse(|| BAD_RESULT.to_owned()));
        };
        let mut values = std::mem::take(&mut callbacks.noise.coefficients);
        let (no_params, scratch) = callbacks.work();
        noise.coefficients.jvp(
            Point { t: at.t, u: at.y, p: at.ivp.p },
            Tangent { t: 0.0, u: v, p: no_params },
            &mut values,
            out,
            scratch,
        );
        callbacks.noise.coefficients = values;
        callbacks.noise.prepared = None;
        accept(callbacks, at.t, at.y, out)
    };
    // SAFETY: the context of this problem.
    unsafe { guarded(ctx, body) }
}

unsafe extern "C" fn increments(
    ctx: *mut c_void,
    from: f64,
    to: f64,
    w: *mut c_void,
    h: *mut c_void,
) -> abi::slf_status {
    let body = || {
        // SAFETY: the context of this problem.
        let (callbacks, _, _) = unsafe { open_at_once(ctx)? };
        let (begin, limit) = callbacks.span().ok_or(abi::SLF_ERR_HOST)?;
        let inside = from >= begin && to > from && to <= limit;
        if !inside {
            return Err(callbacks.misuse(|| {
                format!(
                    "it asked for the noise from {from} to {to}, which is not within {begin} to \
                     {limit}"
                )
            }));
        }
        let sources = callbacks.noise.shape.map_or(0, |shape| shape.sources);
        let mut area = std::mem::take(&mut callbacks.noise.area);
        // SAFETY: pointers of the plugin, as the interface promises.
        let outcome = unsafe {
            match (borrow_mut(w, sources, &[]), h.is_null()) {
                (Some(w), true) => {
                    callbacks.noise.motion.increment(from, to, w, &mut area);
                    Some(())
                }
                (Some(w), false) => borrow_mut(h, sources, &[&*w])
                    .map(|h| callbacks.noise.motion.increment(from, to, w, h)),
                (None, _) => None,
            }
        };
        callbacks.noise.area = area;
        outcome.ok_or_else(|| callbacks.misuse(|| BAD_RESULT.to_owned()))
    };
    // SAFETY: the context of this problem.
    unsafe { guarded(ctx, body) }
}
