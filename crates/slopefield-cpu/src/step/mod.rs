//! Whole Runge–Kutta steps as one piece of code.
//!
//! A step of a small system is one chain of operations that wait for each other, from the step
//! length through the stages to the error. Evaluated one call at a time, every stage sends its
//! state and its slope through memory, which costs more than the arithmetic. [`attempt`] writes
//! the step with the function inlined at every stage instead, and [`reverse`] its reverse with the
//! reverse product inlined. What is fused, what it costs and when it is used is on the page
//! `docs/derivations/whole-steps.md`.

mod attempt;
mod cache;
mod reverse;
mod writer;

use std::sync::Arc;

use cranelift_codegen::ir;
use slopefield_graph::plan::{Buffer, Instruction, Plan, Plans};
use slopefield_kernel::{
    ReverseStepKernel, Shape, StepAttempt, StepKernel, StepReversal, StepTable,
};

use crate::Options;
use crate::error::CompileError;
use crate::jit::code::{Code, generate_around};
use crate::scratch;
use crate::unroll::unroll;
use cache::Cache;

/// Systems of more states do not gain: their loops over states hide the passage through memory.
const MOST_STATES: usize = 16;

/// The steps of a kernel.
pub(crate) struct WholeSteps {
    /// The function, if steps can be made of it.
    eval: Option<Plan>,
    /// Its reverse product, if steps can be reversed with it.
    vjp: Option<Plan>,
    options: Options,
    forward: Cache<Attempt>,
    reverse: Cache<Reverse>,
}

impl WholeSteps {
    /// Of the kernel of `plans`, which have been verified, in numbers of type `kind`.
    pub fn new(plans: &Plans, options: Options, kind: ir::Type) -> Self {
        let [eval, vjp] = [&plans.eval, &plans.vjp].map(|plan| unroll(plan, options.unroll));
        let suitable = kind == ir::types::F64 // as solvers compute
            && is_suitable(&eval);
        let reversible = suitable && vjp.code.iter().all(is_scalar);
        WholeSteps {
            eval: suitable.then(|| eval.into_owned()),
            vjp: reversible.then(|| vjp.into_owned()),
            options,
            forward: Cache::new(),
            reverse: Cache::new(),
        }
    }

    /// The function, if it is a small system of scalar equations.
    pub fn function(&self) -> Option<&Plan> {
        self.eval.as_ref()
    }

    /// The step of `table`, once `taken` steps more without it are enough to make it.
    pub fn forward(&self, table: &StepTable, taken: u64) -> Option<Arc<dyn StepKernel>> {
        let eval = self.eval.as_ref()?;
        let make = || Attempt::new(eval, table, &self.options);
        Some(self.forward.get(table, taken, length(eval, table)?, make)?)
    }

    /// The reversed step of `table`.
    pub fn reverse(&self, table: &StepTable, taken: u64) -> Option<Arc<dyn ReverseStepKernel>> {
        let vjp = self.vjp.as_ref()?;
        // Only steps that end with a stage and are interpolated from their stages.
        if !table.b.is_empty() || table.dense.len() != table.c.len() {
            return None;
        }
        let make = || Reverse::new(vjp, table, &self.options);
        Some(self.reverse.get(table, taken, length(vjp, table)?, make)?)
    }
}

fn is_scalar(instruction: &Instruction) -> bool {
    use Instruction::*;
    matches!(
        instruction,
        Constant(_) | Load(_) | Unary(..) | Binary(..) | Select(..) | Store(..) | AddTo(..)
    )
}

/// Whether a plan is a small system of scalar equations that sets every slope.
fn is_suitable(plan: &Plan) -> bool {
    let n = plan.shape.outputs;
    let sets = |i: usize| {
        plan.code.iter().any(|instruction| match instruction {
            Instruction::Store(r, _) => r.buffer == Buffer::Out && r.offset as usize == i,
            _ => false,
        })
    };
    (1..=MOST_STATES).contains(&n)
        && plan.shape.states == n
        && plan.code.iter().all(is_scalar)
        && (0..n).all(sets)
}

/// Instructions of a step, roughly; none for a table that is no method.
fn length(plan: &Plan, table: &StepTable) -> Option<usize> {
    let (n, s) = (plan.shape.states, table.c.len());
    let stages = s.checked_sub(1).filter(|stages| *stages > 0)?;
    Some(stages * plan.code.len() + (n + 1) * s * (s + 1))
}

/// Panics unless all arrays of a step have the length they should have, and scratch is long enough.
#[inline(always)]
fn check(lens: &[(&str, usize, usize)], scratch: usize, needed: usize) {
    // One branch for all of them.
    if lens.iter().fold(scratch < needed, |bad, (_, len, expected)| bad | (len != expected)) {
        refuse(lens, scratch, needed);
    }
}

/// Panics because an array of a step has not the length it should have.
#[cold]
#[inline(never)]
fn refuse(lens: &[(&str, usize, usize)], scratch: usize, needed: usize) -> ! {
    for (name, len, expected) in lens {
        assert!(len == expected, "`{name}` has {len} elements instead of {expected}");
    }
    panic!("scratch has {scratch} elements and needs {needed}");
}

type AttemptFn = unsafe extern "C" fn(
    f64,
    f64,
    f64,
    *mut f64,
    *mut f64,
    *const f64,
    *const f64,
    *mut f64,
    usize,
) -> f64;

/// Steps of one method, compiled.
struct Attempt {
    shape: Shape,
    stages: usize,
    /// Rows of states.
    rows: usize,
    /// Whether the last stage is the result.
    ends_with_stage: bool,
    scratch_len: usize,
    function: AttemptFn,
    _pool: Box<[f64]>,
    /// Last, so that it outlives the address above.
    _code: Code,
}

impl Attempt {
    fn new(plan: &Plan, table: &StepTable, options: &Options) -> Result<Self, CompileError> {
        let n = plan.shape.states;
        let numbers = attempt::numbers(table);
        let signature = (&attempt::ARGUMENTS[..], &attempt::RESULTS[..]);
        let around = generate_around(plan, &numbers, options, signature, |e, arguments, first| {
            attempt::write(e, arguments, first, table, n);
        })?;
        // SAFETY: `generate_around` gave the function this signature, which is that of `AttemptFn`,
        // in the machine's C calling convention.
        let function = unsafe { std::mem::transmute::<*const u8, AttemptFn>(around.function) };
        Ok(Attempt {
            shape: plan.shape,
            stages: table.c.len(),
            rows: table.rows(),
            ends_with_stage: table.b.is_empty(),
            scratch_len: scratch::request::<f64>(around.scratch_len),
            function,
            _pool: around.pool,
            _code: around.code,
        })
    }
}

impl StepKernel for Attempt {
    fn attempt(&self, step: StepAttempt<'_>) -> f64 {
        let n = self.shape.states;
        let lens = [
            ("p", step.p.len(), self.shape.params),
            ("atol", step.atol.len(), n),
            ("states", step.states.len(), self.rows * n),
            ("slopes", step.slopes.len(), self.stages * n),
        ];
        check(&lens, step.scratch.len(), self.scratch_len);
        assert!(self.ends_with_stage || !step.from_end, "the slope at the end is not known");
        let scratch = scratch::aligned(step.scratch);
        let begin = if step.from_end { (self.stages - 1) * n * size_of::<f64>() } else { 0 };
        // SAFETY: the code reads and writes rows of `n` elements of the two arrays, as many as the
        // table has stages and for the states one more where no stage is the result, `n` tolerances, and what the verified plan reads of the parameters and
        // uses of scratch; all these lengths have just been checked.
        unsafe {
            (self.function)(
                step.t,
                step.t_new,
                step.rtol,
                step.states.as_mut_ptr(),
                step.slopes.as_mut_ptr(),
                step.p.as_ptr(),
                step.atol.as_ptr(),
                scratch,
                begin,
            )
        }
    }
}

/// The arguments of a reversed step, as the code reads them.
#[repr(C)]
struct ReverseArguments {
    t: f64,
    t_new: f64,
    p: *const f64,
    states: *const f64,
    /// Null without save points.
    moments: *const f64,
    lambda: *mut f64,
    kappa: *mut f64,
    grad_p: *mut f64,
    scratch: *mut f64,
    stages: *mut f64,
}

type ReverseFn = unsafe extern "C" fn(*const ReverseArguments);

/// Reversed steps of one method, compiled.
struct Reverse {
    shape: Shape,
    stages: usize,
    /// Rows of moments.
    moments: usize,
    scratch_len: usize,
    function: ReverseFn,
    _pool: Box<[f64]>,
    /// Last, so that it outlives the address above.
    _code: Code,
}

impl Reverse {
    fn new(plan: &Plan, table: &StepTable, options: &Options) -> Result<Self, CompileError> {
        let numbers = reverse::numbers(table);
        let shape = plan.shape;
        let signature = (&reverse::ARGUMENTS[..], &[][..]);
        let around = generate_around(plan, &numbers, options, signature, |e, arguments, first| {
            reverse::write(e, arguments, first, table, shape);
        })?;
        // SAFETY: as for `Attempt`, with `ReverseFn`.
        let function = unsafe { std::mem::transmute::<*const u8, ReverseFn>(around.function) };
        Ok(Reverse {
            shape,
            stages: table.c.len(),
            moments: 1 + reverse::degree(table),
            scratch_len: scratch::request::<f64>(around.scratch_len),
            function,
            _pool: around.pool,
            _code: around.code,
        })
    }
}

impl ReverseStepKernel for Reverse {
    fn reverse(&self, step: StepReversal<'_>) {
        let n = self.shape.states;
        let moments = self.moments * n;
        let lens = [
            ("p", step.p.len(), self.shape.params),
            ("grad_p", step.grad_p.len(), self.shape.params),
            ("states", step.states.len(), self.stages * n),
            ("stages", step.stages.len(), (self.stages + 1) * n),
            ("lambda", step.lambda.len(), n),
            ("kappa", step.kappa.len(), n),
            ("moments", step.moments.map_or(moments, <[f64]>::len), moments),
        ];
        check(&lens, step.scratch.len(), self.scratch_len);
        let arguments = ReverseArguments {
            t: step.t,
            t_new: step.t_new,
            p: step.p.as_ptr(),
            states: step.states.as_ptr(),
            moments: step.moments.map_or(std::ptr::null(), <[f64]>::as_ptr),
            lambda: step.lambda.as_mut_ptr(),
            kappa: step.kappa.as_mut_ptr(),
            grad_p: step.grad_p.as_mut_ptr(),
            scratch: scratch::aligned(step.scratch),
            stages: step.stages.as_mut_ptr(),
        };
        // SAFETY: the code reads and writes rows of `n` elements, as many as the table has stages
        // or moments, and what the verified plan reads of the parameters, adds to their gradient
        // and uses of scratch; all these lengths have just been checked.
        unsafe { (self.function)(&arguments) };
    }
}
