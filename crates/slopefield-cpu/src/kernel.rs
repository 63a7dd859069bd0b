//! The compiled form of a function as a [`Kernel`].

use std::sync::Arc;

use slopefield_graph::plan::{Entry, Plans};
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};

use crate::Options;
use crate::error::CompileError;
use crate::jit::code::{Code, Program, generate};

type EvalFn = unsafe extern "C" fn(*const f64, *const f64, *const f64, *mut f64, *mut f64);
type JvpFn = unsafe extern "C" fn(
    *const f64,
    *const f64,
    *const f64,
    *const f64,
    *const f64,
    *const f64,
    *mut f64,
    *mut f64,
    *mut f64,
);
type VjpFn = unsafe extern "C" fn(
    *const f64,
    *const f64,
    *const f64,
    *const f64,
    *mut f64,
    *mut f64,
    *mut f64,
    *mut f64,
);

/// Native code for the three entries of a function. Cheap to clone; the code is freed with the
/// last clone.
#[derive(Clone)]
pub struct CompiledKernel {
    inner: Arc<Inner>,
}

struct Inner {
    shape: Shape,
    scratch_len: usize,
    eval: Vec<EvalFn>,
    jvp: Vec<JvpFn>,
    vjp: Vec<VjpFn>,
    /// The numbers that the code reads, and its index tables.
    _pools: [(Box<[f64]>, Vec<Box<[u32]>>); 3],
    /// Last, so that it outlives the addresses above.
    _code: Code,
}

/// Scratch is used from its first address that is a multiple of this many bytes.
const ALIGNMENT: usize = 64;

/// Compiles plans with the default options.
pub fn compile(plans: &Plans) -> Result<CompiledKernel, CompileError> {
    compile_with(plans, Options::default())
}

/// Compiles plans. Checks them first: no plan that gets through can touch memory outside the
/// slices of a call.
///
/// # Panics
/// When `options.isa` is not available on this machine ([`crate::Isa::is_available`]).
pub fn compile_with(plans: &Plans, options: Options) -> Result<CompiledKernel, CompileError> {
    verify(plans)?;
    let (code, [eval, jvp, vjp]) = generate([&plans.eval, &plans.jvp, &plans.vjp], &options)?;
    let longest = eval.scratch_len.max(jvp.scratch_len).max(vjp.scratch_len);
    let spare = ALIGNMENT / size_of::<f64>() - 1;
    // SAFETY: `generate` gave these functions the signature of their entry, a pointer per buffer
    // of `buffers::buffers` in this order, in the machine's C calling convention.
    let (eval_fns, jvp_fns, vjp_fns) = unsafe {
        (
            functions(&eval, |f| std::mem::transmute::<*const u8, EvalFn>(f)),
            functions(&jvp, |f| std::mem::transmute::<*const u8, JvpFn>(f)),
            functions(&vjp, |f| std::mem::transmute::<*const u8, VjpFn>(f)),
        )
    };
    Ok(CompiledKernel {
        inner: Arc::new(Inner {
            shape: plans.eval.shape,
            scratch_len: if longest == 0 { 0 } else { longest + spare },
            eval: eval_fns,
            jvp: jvp_fns,
            vjp: vjp_fns,
            _pools: [eval, jvp, vjp].map(|program| (program.pool, program.tables)),
            _code: code,
        }),
    })
}

/// Checks that the three plans belong together and each keeps the rules of plans, bounds included.
fn verify(plans: &Plans) -> Result<(), CompileError> {
    let all = [(Entry::Eval, &plans.eval), (Entry::Jvp, &plans.jvp), (Entry::Vjp, &plans.vjp)];
    for (entry, plan) in all {
        if (plan.entry, plan.shape) != (entry, plans.eval.shape) {
            let (found, shape, expected) = (plan.entry, plan.shape, plans.eval.shape);
            return Err(CompileError::Mismatch { entry, found, shape, expected });
        }
        plan.verify().map_err(|source| CompileError::Malformed { entry, source })?;
    }
    Ok(())
}

fn functions<F>(program: &Program, cast: impl Fn(*const u8) -> F) -> Vec<F> {
    program.functions.iter().map(|&f| cast(f)).collect()
}

impl Inner {
    /// Pointer to the aligned part of `scratch`, which is long enough for every entry.
    fn scratch(&self, scratch: &mut [f64]) -> *mut f64 {
        assert!(
            scratch.len() >= self.scratch_len,
            "scratch has {} elements and needs {}",
            scratch.len(),
            self.scratch_len
        );
        if self.scratch_len == 0 {
            return scratch.as_mut_ptr();
        }
        let p = scratch.as_mut_ptr();
        let misplaced = p as usize % ALIGNMENT;
        let skip = (ALIGNMENT - misplaced) % ALIGNMENT / size_of::<f64>();
        p.wrapping_add(skip)
    }

    fn check(&self, at: &Point<'_>) {
        check_len("u", at.u.len(), self.shape.states);
        check_len("p", at.p.len(), self.shape.params);
    }
}

#[inline]
fn check_len(name: &str, len: usize, expected: usize) {
    assert!(len == expected, "`{name}` has {len} elements instead of {expected}");
}

impl Kernel for CompiledKernel {
    fn shape(&self) -> Shape {
        self.inner.shape
    }

    fn scratch_len(&self) -> usize {
        self.inner.scratch_len
    }

    fn eval(&self, t: f64, u: &[f64], p: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        let k = &*self.inner;
        k.check(&Point { t, u, p });
        check_len("out", out.len(), k.shape.outputs);
        let scratch = k.scratch(scratch);
        for f in &k.eval {
            // SAFETY: the plans were verified against exactly these lengths, which have just been
            // checked; `t` outlives the call.
            unsafe { f(&t, u.as_ptr(), p.as_ptr(), out.as_mut_ptr(), scratch) };
        }
    }

    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        scratch: &mut [f64],
    ) {
        let k = &*self.inner;
        k.check(&at);
        check_len("du", along.u.len(), k.shape.states);
        check_len("dp", along.p.len(), k.shape.params);
        check_len("out", out.len(), k.shape.outputs);
        check_len("dout", dout.len(), k.shape.outputs);
        let scratch = k.scratch(scratch);
        for f in &k.jvp {
            // SAFETY: as in `eval`.
            unsafe {
                f(
                    &at.t,
                    at.u.as_ptr(),
                    at.p.as_ptr(),
                    &along.t,
                    along.u.as_ptr(),
                    along.p.as_ptr(),
                    out.as_mut_ptr(),
                    dout.as_mut_ptr(),
                    scratch,
                );
            }
        }
    }

    fn vjp(&self, at: Point<'_>, w: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        let k = &*self.inner;
        k.check(&at);
        check_len("w", w.len(), k.shape.outputs);
        check_len("grad.u", grad.u.len(), k.shape.states);
        check_len("grad.p", grad.p.len(), k.shape.params);
        let scratch = k.scratch(scratch);
        for f in &k.vjp {
            // SAFETY: as in `eval`.
            unsafe {
                f(
                    &at.t,
                    at.u.as_ptr(),
                    at.p.as_ptr(),
                    w.as_ptr(),
                    grad.t,
                    grad.u.as_mut_ptr(),
                    grad.p.as_mut_ptr(),
                    scratch,
                );
            }
        }
    }
}
