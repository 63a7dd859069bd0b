//! The compiled form of a function as a [`Kernel`].

use std::sync::Arc;

use cranelift_codegen::ir::types;
use slopefield_graph::plan::{Entry, Plans};
use slopefield_kernel::{
    CheckedEval, Cotangent, EvalSite, Kernel, Point, ReverseStepKernel, Shape, StepKernel,
    StepTable, Tangent,
};

use crate::Options;
use crate::checked::{LazyChecked, Parts};
use crate::error::CompileError;
use crate::jit::code::{Code, generate};
use crate::lanes::Loops;
use crate::native::Native;
use crate::scratch;
use crate::step::WholeSteps;

/// `(t, u, p, out, scratch)`.
pub type EvalFn<T> = unsafe extern "C" fn(T, *const T, *const T, *mut T, *mut T);
/// `(t, u, p, dt, du, dp, out, dout, scratch)`.
pub type JvpFn<T> =
    unsafe extern "C" fn(T, *const T, *const T, T, *const T, *const T, *mut T, *mut T, *mut T);
/// `(t, u, p, w, gt, gu, gp, scratch)`; adds to `gt`, `gu`, `gp`.
pub type VjpFn<T> =
    unsafe extern "C" fn(T, *const T, *const T, *const T, *mut T, *mut T, *mut T, *mut T);

/// The machine code of a function, for callers that have checked once what [`Kernel`] checks on
/// every call.
///
/// # Safety
/// Pointers must be valid for the lengths of the kernel's [`Shape`], destinations must not overlap
/// anything else, scratch must start at a multiple of [`Raw::ALIGNMENT`] bytes and have
/// [`Raw::scratch_len`] elements, and the kernel (or a clone) must outlive the calls.
#[derive(Debug, Clone, Copy)]
pub struct Raw<T = f64> {
    /// [`Kernel::eval`].
    pub eval: EvalFn<T>,
    /// [`Kernel::jvp`].
    pub jvp: JvpFn<T>,
    /// [`Kernel::vjp`].
    pub vjp: VjpFn<T>,
    /// Elements of scratch memory.
    pub scratch_len: usize,
}

impl<T> Raw<T> {
    /// Scratch starts at a multiple of this many bytes.
    pub const ALIGNMENT: usize = EvalSite::SCRATCH_ALIGNMENT;
}

/// Native code for the three entries of a function, computing in `f64` or `f32`. Cheap to clone; the
/// code is freed with the last clone.
#[derive(Clone)]
pub struct CompiledKernel<T = f64> {
    raw: Raw<T>,
    shape: Shape,
    /// Elements of scratch memory that is aligned to no more than an element.
    scratch_len: usize,
    options: Options,
    steps: Arc<WholeSteps>,
    checked: Arc<LazyChecked>,
    code: Arc<Owner<T>>,
}

/// The numbers that a program reads, its index tables, the loops that it calls.
type Pools<T> = (Box<[T]>, Vec<Box<[u32]>>, Loops);

/// What the addresses in [`Raw`] need to stay alive.
struct Owner<T> {
    _pools: [Pools<T>; 3],
    _code: Code,
}

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
    compile_as(plans, &options)
}

/// As [`compile`], for a kernel that computes in `f32`: every number of the plans and the result of
/// every operation is rounded to `f32`. Elementary functions are computed in `f64` and rounded.
pub fn compile_f32(plans: &Plans) -> Result<CompiledKernel<f32>, CompileError> {
    compile_f32_with(plans, Options::default())
}

/// As [`compile_with`], for a kernel that computes in `f32`.
///
/// # Panics
/// When `options.isa` is not available on this machine ([`crate::Isa::is_available`]).
pub fn compile_f32_with(
    plans: &Plans,
    options: Options,
) -> Result<CompiledKernel<f32>, CompileError> {
    compile_as(plans, &options)
}

fn compile_as<T: Native>(
    plans: &Plans,
    options: &Options,
) -> Result<CompiledKernel<T>, CompileError> {
    verify(plans)?;
    let (code, [eval, jvp, vjp]) = generate([&plans.eval, &plans.jvp, &plans.vjp], options)?;
    let longest = eval.scratch_len.max(jvp.scratch_len).max(vjp.scratch_len);
    // SAFETY: `generate` gave these functions the signature of their entry, an argument per buffer
    // of `buffers::buffers` in this order, in the machine's C calling convention.
    let raw = unsafe {
        Raw {
            eval: std::mem::transmute::<*const u8, EvalFn<T>>(eval.function),
            jvp: std::mem::transmute::<*const u8, JvpFn<T>>(jvp.function),
            vjp: std::mem::transmute::<*const u8, VjpFn<T>>(vjp.function),
            scratch_len: longest,
        }
    };
    Ok(CompiledKernel {
        raw,
        shape: plans.eval.shape,
        scratch_len: scratch::request::<T>(longest),
        options: *options,
        steps: Arc::new(WholeSteps::new(plans, *options, T::TYPE)),
        checked: Arc::default(),
        code: Arc::new(Owner {
            _pools: [eval, jvp, vjp].map(|program| (program.pool, program.tables, program.loops)),
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

impl<T: Native> CompiledKernel<T> {
    /// The machine code itself.
    #[must_use]
    pub fn raw(&self) -> Raw<T> {
        self.raw
    }

    /// Panics because a slice of a call is too short or, but for scratch, too long.
    #[cold]
    #[inline(never)]
    fn refuse(&self, lens: &[(&str, usize, usize)], scratch: usize) -> ! {
        for (name, len, expected) in lens {
            assert!(len == expected, "`{name}` has {len} elements instead of {expected}");
        }
        panic!("scratch has {scratch} elements and needs {}", self.scratch_len);
    }
}

impl<T: Native> Kernel<T> for CompiledKernel<T> {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn scratch_len(&self) -> usize {
        self.scratch_len
    }

    fn eval(&self, t: T, u: &[T], p: &[T], out: &mut [T], scratch: &mut [T]) {
        let s = self.shape;
        // One branch for all of them.
        let fits = (u.len() == s.states)
            & (p.len() == s.params)
            & (out.len() == s.outputs)
            & (scratch.len() >= self.scratch_len);
        if !fits {
            let lens =
                [("u", u.len(), s.states), ("p", p.len(), s.params), ("out", out.len(), s.outputs)];
            self.refuse(&lens, scratch.len());
        }
        let scratch = scratch::aligned(scratch);
        // SAFETY: the plans were verified against exactly these lengths, which have just been
        // checked.
        unsafe { (self.raw.eval)(t, u.as_ptr(), p.as_ptr(), out.as_mut_ptr(), scratch) };
    }

    fn jvp(
        &self,
        at: Point<'_, T>,
        along: Tangent<'_, T>,
        out: &mut [T],
        dout: &mut [T],
        scratch: &mut [T],
    ) {
        let s = self.shape;
        let fits = (at.u.len() == s.states)
            & (at.p.len() == s.params)
            & (along.u.len() == s.states)
            & (along.p.len() == s.params)
            & (out.len() == s.outputs)
            & (dout.len() == s.outputs)
            & (scratch.len() >= self.scratch_len);
        if !fits {
            let lens = [
                ("u", at.u.len(), s.states),
                ("p", at.p.len(), s.params),
                ("du", along.u.len(), s.states),
                ("dp", along.p.len(), s.params),
                ("out", out.len(), s.outputs),
                ("dout", dout.len(), s.outputs),
            ];
            self.refuse(&lens, scratch.len());
        }
        let scratch = scratch::aligned(scratch);
        // SAFETY: as in `eval`.
        unsafe {
            (self.raw.jvp)(
                at.t,
                at.u.as_ptr(),
                at.p.as_ptr(),
                along.t,
                along.u.as_ptr(),
                along.p.as_ptr(),
                out.as_mut_ptr(),
                dout.as_mut_ptr(),
                scratch,
            );
        }
    }

    fn vjp(&self, at: Point<'_, T>, w: &[T], grad: Cotangent<'_, T>, scratch: &mut [T]) {
        let s = self.shape;
        let fits = (at.u.len() == s.states)
            & (at.p.len() == s.params)
            & (w.len() == s.outputs)
            & (grad.u.len() == s.states)
            & (grad.p.len() == s.params)
            & (scratch.len() >= self.scratch_len);
        if !fits {
            let lens = [
                ("u", at.u.len(), s.states),
                ("p", at.p.len(), s.params),
                ("w", w.len(), s.outputs),
                ("grad.u", grad.u.len(), s.states),
                ("grad.p", grad.p.len(), s.params),
            ];
            self.refuse(&lens, scratch.len());
        }
        let scratch = scratch::aligned(scratch);
        // SAFETY: as in `eval`.
        unsafe {
            (self.raw.vjp)(
                at.t,
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
    fn explicit_step(&self, table: &StepTable, taken: u64) -> Option<Arc<dyn StepKernel<T>>> {
        T::whole_step(self.steps.forward(table, taken)?)
    }

    fn explicit_step_reverse(
        &self,
        table: &StepTable,
        taken: u64,
    ) -> Option<Arc<dyn ReverseStepKernel>> {
        self.steps.reverse(table, taken)
    }

    fn checked_eval(&self) -> Option<CheckedEval> {
        if T::TYPE != types::F64 {
            return None;
        }
        let parts = Parts {
            small: self.steps.function(),
            shape: self.shape,
            whole: self.raw.eval as usize,
            scratch_len: self.raw.scratch_len,
            owner: &self.code,
        };
        self.checked.get(&self.options, parts)
    }
}
