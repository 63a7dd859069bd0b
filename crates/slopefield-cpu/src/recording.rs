//! Evaluations that write down what their reverse products need, as native code.

use std::sync::Arc;

use slopefield_graph::plan::{Entry, Plan};
use slopefield_graph::{OpenProduct, RecordingPlans};
use slopefield_kernel::{Cotangent, Point, Recording, Shape};

use crate::Options;
use crate::dense::table::{OuterSumFn, table};
use crate::error::CompileError;
use crate::jit::code::{Code, generate};
use crate::kernel::EvalFn;
use crate::lanes::Loops;
use crate::scratch;

/// `(t, u, p, w, grad_t, grad_u, grad_p, factors, scratch)`.
type FactoredFn = unsafe extern "C" fn(
    f64,
    *const f64,
    *const f64,
    *const f64,
    *mut f64,
    *mut f64,
    *mut f64,
    *mut f64,
    *mut f64,
);

/// Native code for a function that writes down and the product that reads. Cheap to clone; the code
/// is freed with the last clone.
#[derive(Clone)]
pub struct CompiledRecording {
    function: EvalFn<f64>,
    product: FactoredFn,
    outer_sum: OuterSumFn,
    open: Arc<[OpenProduct]>,
    shape: Shape,
    row_len: usize,
    factors_len: usize,
    scratch_len: usize,
    _code: Arc<Owner>,
}

/// The numbers that a program reads, its index tables, the loops that it calls.
type Pools = (Box<[f64]>, Vec<Box<[u32]>>, Loops);

/// What the addresses of the functions need to stay alive.
struct Owner {
    _pools: [Pools; 2],
    _code: Code,
}

/// Compiles plans of [`slopefield_graph::lower_recording`] with the default options.
pub fn compile_recording(plans: &RecordingPlans) -> Result<CompiledRecording, CompileError> {
    compile_recording_with(plans, Options::default())
}

/// Compiles plans. Checks them first, as [`crate::compile_with`] does.
///
/// # Panics
/// When `options.isa` is not available on this machine ([`crate::Isa::is_available`]).
pub fn compile_recording_with(
    plans: &RecordingPlans,
    options: Options,
) -> Result<CompiledRecording, CompileError> {
    let RecordingPlans { function, product, open, outputs } = plans;
    check(function, Entry::Eval, function)?;
    check(product, Entry::Factored, function)?;
    let row = function.shape;
    if *outputs > row.outputs {
        let expected = Shape { outputs: *outputs, ..row };
        let (entry, found) = (Entry::Eval, Entry::Eval);
        return Err(CompileError::Mismatch { entry, found, shape: row, expected });
    }
    let factors_len = product.factors as usize;
    for o in open {
        let matrix = o.matrix as usize + o.rows as usize * o.cols as usize;
        let x = o.x as usize + o.rows as usize;
        let y = o.y.map_or(0, |y| y as usize + o.cols as usize);
        assert!(matrix <= row.params && x.max(y) <= factors_len, "{o:?} is outside of its buffers");
        assert!(o.y.is_some() || o.cols == 1, "{o:?} has columns without factors");
    }
    let (code, [eval, vjp]) = generate::<f64, 2>([function, product], &options)?;
    let longest = eval.scratch_len.max(vjp.scratch_len);
    // SAFETY: `generate` gave these functions the signature of their entry, an argument per buffer
    // of `buffers::buffers` in this order, in the machine's C calling convention.
    let (function, product) = unsafe {
        (
            std::mem::transmute::<*const u8, EvalFn<f64>>(eval.function),
            std::mem::transmute::<*const u8, FactoredFn>(vjp.function),
        )
    };
    Ok(CompiledRecording {
        function,
        product,
        outer_sum: table(options.isa).outer_sum,
        open: open.as_slice().into(),
        shape: Shape { outputs: *outputs, ..row },
        row_len: row.outputs,
        factors_len,
        scratch_len: scratch::request::<f64>(longest),
        _code: Arc::new(Owner {
            _pools: [eval, vjp].map(|program| (program.pool, program.tables, program.loops)),
            _code: code,
        }),
    })
}

fn check(plan: &Plan, entry: Entry, function: &Plan) -> Result<(), CompileError> {
    if (plan.entry, plan.shape) != (entry, function.shape) {
        let (found, shape, expected) = (plan.entry, plan.shape, function.shape);
        return Err(CompileError::Mismatch { entry, found, shape, expected });
    }
    plan.verify().map_err(|source| CompileError::Malformed { entry, source })
}

impl CompiledRecording {
    /// Panics when a slice of a call has another length than the plans were verified for.
    #[inline]
    fn check(&self, at: &Point<'_>, row: usize, scratch: usize) {
        let Shape { states, params, .. } = self.shape;
        let fits = (at.u.len() == states)
            & (at.p.len() == params)
            & (row == self.row_len)
            & (scratch >= self.scratch_len);
        assert!(fits, "a slice of a recorded evaluation has the wrong length");
    }
}

impl Recording for CompiledRecording {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn row_len(&self) -> usize {
        self.row_len
    }

    fn scratch_len(&self) -> usize {
        self.scratch_len
    }

    fn eval(&self, at: Point<'_>, row: &mut [f64], scratch: &mut [f64]) {
        self.check(&at, row.len(), scratch.len());
        let scratch = scratch::aligned(scratch);
        // SAFETY: the plan was verified against exactly these lengths, which have just been checked.
        unsafe { (self.function)(at.t, at.u.as_ptr(), at.p.as_ptr(), row.as_mut_ptr(), scratch) };
    }

    fn factors_len(&self) -> usize {
        self.factors_len
    }

    fn vjp(
        &self,
        at: Point<'_>,
        row: &[f64],
        grad: Cotangent<'_>,
        factors: &mut [f64],
        scratch: &mut [f64],
    ) {
        self.check(&at, row.len(), scratch.len());
        let Shape { states, params, .. } = self.shape;
        let fits = (grad.u.len() == states)
            & (grad.p.len() == params)
            & (factors.len() == self.factors_len);
        assert!(fits, "a gradient of a recorded product has the wrong length");
        let scratch = scratch::aligned(scratch);
        // SAFETY: as in `eval`.
        unsafe {
            (self.product)(
                at.t,
                at.u.as_ptr(),
                at.p.as_ptr(),
                row.as_ptr(),
                grad.t,
                grad.u.as_mut_ptr(),
                grad.p.as_mut_ptr(),
                factors.as_mut_ptr(),
                scratch,
            );
        }
    }

    fn add_products(&self, factors: &[f64], grad_p: &mut [f64]) {
        let whole = factors.len().checked_rem(self.factors_len).unwrap_or(factors.len()) == 0;
        assert!(whole && grad_p.len() == self.shape.params, "factors are those of whole products");
        if factors.is_empty() {
            return;
        }
        let (stride, count) = (self.factors_len, factors.len() / self.factors_len);
        for o in &*self.open {
            // SAFETY: `compile_recording_with` checked that the matrix lies among the parameters and
            // its factors among those of a product, of which there are `count`.
            unsafe {
                let a = grad_p.as_mut_ptr().add(o.matrix as usize);
                let x = factors.as_ptr().add(o.x as usize);
                let y = o.y.map_or(std::ptr::null(), |y| factors.as_ptr().add(y as usize));
                (self.outer_sum)(a, x, y, o.rows as usize, o.cols as usize, stride, count);
            }
        }
    }
}
