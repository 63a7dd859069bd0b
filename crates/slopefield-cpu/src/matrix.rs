//! Jacobians as native code, compiled when an implicit method asks for them.

use std::sync::Arc;

use slopefield_graph::JacobianPlan;
use slopefield_graph::plan::Entry;
use slopefield_graph::sparse::Pattern;
use slopefield_kernel::{MatrixKernel, MatrixPattern};

use crate::Options;
use crate::error::CompileError;
use crate::jit::code::{Code, generate};
use crate::kernel::EvalFn;
use crate::lanes::Loops;
use crate::scratch;

/// Native code for the entries of a sparse matrix. Cheap to clone; the code is freed with the last
/// clone.
#[derive(Clone)]
pub struct CompiledMatrix {
    function: EvalFn<f64>,
    states: usize,
    params: usize,
    scratch_len: usize,
    shared: Arc<Shared>,
}

/// The pattern, and what the address of the function needs to stay alive.
struct Shared {
    pattern: Pattern,
    _pool: Box<[f64]>,
    _tables: Vec<Box<[u32]>>,
    _loops: Loops,
    _code: Code,
}

/// Compiles a Jacobian of [`slopefield_graph::lower_jacobian`]. Checks its plan first, as
/// [`crate::compile`] does.
///
/// # Errors
/// A plan that breaks the rules of plans, or code that cannot be made on this system.
pub fn compile_matrix(matrix: &JacobianPlan) -> Result<CompiledMatrix, CompileError> {
    let JacobianPlan { pattern, plan } = matrix;
    let (entry, shape) = (Entry::Eval, plan.shape);
    let expected = slopefield_kernel::Shape { outputs: pattern.len(), ..shape };
    if plan.entry != entry || shape != expected {
        return Err(CompileError::Mismatch { entry, found: plan.entry, shape, expected });
    }
    plan.verify().map_err(|source| CompileError::Malformed { entry, source })?;
    let (code, [program]) = generate::<f64, 1>([plan], &Options::default())?;
    // SAFETY: `generate` gave the function the signature of its entry, an argument per buffer of
    // `buffers::buffers` in this order, in the machine's C calling convention.
    let function = unsafe { std::mem::transmute::<*const u8, EvalFn<f64>>(program.function) };
    Ok(CompiledMatrix {
        function,
        states: shape.states,
        params: shape.params,
        scratch_len: scratch::request::<f64>(program.scratch_len),
        shared: Arc::new(Shared {
            pattern: pattern.clone(),
            _pool: program.pool,
            _tables: program.tables,
            _loops: program.loops,
            _code: code,
        }),
    })
}

impl MatrixKernel for CompiledMatrix {
    fn pattern(&self) -> MatrixPattern<'_> {
        self.shared.pattern.as_matrix_pattern()
    }

    fn scratch_len(&self) -> usize {
        self.scratch_len
    }

    fn eval(&self, t: f64, u: &[f64], p: &[f64], values: &mut [f64], scratch: &mut [f64]) {
        let fits = (u.len() == self.states)
            & (p.len() == self.params)
            & (values.len() == self.shared.pattern.len())
            & (scratch.len() >= self.scratch_len);
        assert!(
            fits,
            "u, p, values and scratch have {}, {}, {} and {} elements instead of {}, {}, {} and {}",
            u.len(),
            p.len(),
            values.len(),
            scratch.len(),
            self.states,
            self.params,
            self.shared.pattern.len(),
            self.scratch_len
        );
        let scratch = scratch::aligned(scratch);
        // SAFETY: the plan was verified against exactly these lengths, which have just been checked;
        // without scratch the pointer may lie past the end, and is not used.
        unsafe {
            (self.function)(t, u.as_ptr(), p.as_ptr(), values.as_mut_ptr(), scratch);
        }
    }
}
