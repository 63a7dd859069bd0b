//! Evaluations that write down what their reverse products need, as native code.

use std::sync::Arc;

use slopefield_graph::RecordingPlans;
use slopefield_graph::plan::{Entry, Plan};
use slopefield_kernel::{Cotangent, Point, Recording, Shape};

use crate::Options;
use crate::error::CompileError;
use crate::jit::code::{Code, generate};
use crate::kernel::{EvalFn, VjpFn};
use crate::lanes::Loops;
use crate::scratch;

/// Native code for a function that writes down and the product that reads. Cheap to clone; the code
/// is freed with the last clone.
#[derive(Clone)]
pub struct CompiledRecording {
    function: EvalFn<f64>,
    product: VjpFn<f64>,
    shape: Shape,
    row_len: usize,
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
    let RecordingPlans { function, product, outputs } = plans;
    check(function, Entry::Eval, function)?;
    check(product, Entry::Vjp, function)?;
    let row = function.shape;
    if *outputs > row.outputs {
        let expected = Shape { outputs: *outputs, ..row };
        let (entry, found) = (Entry::Eval, Entry::Eval);
        return Err(CompileError::Mismatch { entry, found, shape: row, expected });
    }
    let (code, [eval, vjp]) = generate::<f64, 2>([function, product], &options)?;
    let longest = eval.scratch_len.max(vjp.scratch_len);
    // SAFETY: `generate` gave these functions the signature of their entry, an argument per buffer
    // of `buffers::buffers` in this order, in the machine's C calling convention.
    let (function, product) = unsafe {
        (
            std::mem::transmute::<*const u8, EvalFn<f64>>(eval.function),
            std::mem::transmute::<*const u8, VjpFn<f64>>(vjp.function),
        )
    };
    Ok(CompiledRecording {
        function,
        product,
        shape: Shape { outputs: *outputs, ..row },
        row_len: row.outputs,
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

    fn vjp(&self, at: Point<'_>, row: &[f64], grad: Cotangent<'_>, scratch: &mut [f64]) {
        self.check(&at, row.len(), scratch.len());
        let Shape { states, params, .. } = self.shape;
        let fits = (grad.u.len() == states) & (grad.p.len() == params);
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
                scratch,
            );
        }
    }
}
