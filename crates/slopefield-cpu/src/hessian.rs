//! Second derivatives as native code, compiled when somebody asks for them.

use std::sync::Arc;

use slopefield_graph::plan::{Entry, Plan};
use slopefield_kernel::{Cotangent, HessianProduct, Point, Shape, Tangent};

use crate::Options;
use crate::error::CompileError;
use crate::jit::code::{Code, generate};
use crate::lanes::Loops;
use crate::scratch;

/// `(t, u, p, dt, du, dp, w, gt, gu, gp, scratch)`; adds to `gt`, `gu`, `gp`.
type HvpFn = unsafe extern "C" fn(
    f64,
    *const f64,
    *const f64,
    f64,
    *const f64,
    *const f64,
    *const f64,
    *mut f64,
    *mut f64,
    *mut f64,
    *mut f64,
);

/// Native code for products with second derivatives. Cheap to clone; the code is freed with the
/// last clone.
#[derive(Clone)]
pub struct CompiledHessian {
    function: HvpFn,
    shape: Shape,
    scratch_len: usize,
    _code: Arc<Owner>,
}

/// What the address of the function needs to stay alive.
struct Owner {
    _pool: Box<[f64]>,
    _tables: Vec<Box<[u32]>>,
    _loops: Loops,
    _code: Code,
}

/// Compiles a plan of [`slopefield_graph::lower_hessian`] with the default options.
pub fn compile_hessian(plan: &Plan) -> Result<CompiledHessian, CompileError> {
    compile_hessian_with(plan, Options::default())
}

/// Compiles a plan for [`Entry::Hvp`]. Checks it first, as [`crate::compile_with`] does.
///
/// # Panics
/// When `options.isa` is not available on this machine ([`crate::Isa::is_available`]).
pub fn compile_hessian_with(
    plan: &Plan,
    options: Options,
) -> Result<CompiledHessian, CompileError> {
    let (entry, shape) = (Entry::Hvp, plan.shape);
    if plan.entry != entry {
        return Err(CompileError::Mismatch { entry, found: plan.entry, shape, expected: shape });
    }
    plan.verify().map_err(|source| CompileError::Malformed { entry, source })?;
    let (code, [program]) = generate::<f64, 1>([plan], &options)?;
    // SAFETY: `generate` gave the function the signature of its entry, an argument per buffer of
    // `buffers::buffers` in this order, in the machine's C calling convention.
    let function = unsafe { std::mem::transmute::<*const u8, HvpFn>(program.function) };
    Ok(CompiledHessian {
        function,
        shape,
        scratch_len: scratch::request::<f64>(program.scratch_len),
        _code: Arc::new(Owner {
            _pool: program.pool,
            _tables: program.tables,
            _loops: program.loops,
            _code: code,
        }),
    })
}

fn check_len(name: &str, len: usize, expected: usize) {
    assert!(len == expected, "`{name}` has {len} elements instead of {expected}");
}

impl HessianProduct for CompiledHessian {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn scratch_len(&self) -> usize {
        self.scratch_len
    }

    fn hvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        w: &[f64],
        grad: Cotangent<'_>,
        scratch: &mut [f64],
    ) {
        let Shape { states, params, outputs } = self.shape;
        check_len("u", at.u.len(), states);
        check_len("p", at.p.len(), params);
        check_len("du", along.u.len(), states);
        check_len("dp", along.p.len(), params);
        check_len("w", w.len(), outputs);
        check_len("grad.u", grad.u.len(), states);
        check_len("grad.p", grad.p.len(), params);
        let needed = self.scratch_len;
        assert!(
            scratch.len() >= needed,
            "scratch has {} elements and needs {needed}",
            scratch.len()
        );
        let scratch = scratch::aligned(scratch);
        // SAFETY: the plan was verified against exactly these lengths, which have just been checked;
        // without scratch the pointer may lie past the end, and is not used.
        unsafe {
            (self.function)(
                at.t,
                at.u.as_ptr(),
                at.p.as_ptr(),
                along.t,
                along.u.as_ptr(),
                along.p.as_ptr(),
                w.as_ptr(),
                grad.t,
                grad.u.as_mut_ptr(),
                grad.p.as_mut_ptr(),
                scratch,
            );
        }
    }
}
