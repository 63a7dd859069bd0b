//! Evaluations with their checks, for solvers of plugins: the function of `slopefield_kernel::EvalSite`.
//!
//! Small systems are inlined, so that the check of the result finds it in registers; of others the
//! kernel's own code is called.

use std::mem::offset_of;
use std::sync::{Arc, OnceLock};

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, MemFlagsData, Signature, types};
use slopefield_graph::plan::{Buffer, Entry, Plan};
use slopefield_kernel::{CheckedEval, CheckedEvalFn, EvalSite, Shape};

use crate::Options;
use crate::error::CompileError;
use crate::jit::code::{Code, generate_around};
use crate::jit::emit::Emitter;

/// In larger systems the evaluation takes much longer than its checks.
const MOST_STATES: usize = 16;
/// Longer programs are called: their copies would take long to make and gain nothing.
const LONGEST_COPY: usize = 500;

/// The code of a kernel, made when somebody first asks for it.
#[derive(Default)]
pub(crate) struct LazyChecked(OnceLock<Option<CheckedEval>>);

/// What the code is made of.
pub(crate) struct Parts<'a, O> {
    /// The function, where it is a small system of scalar equations.
    pub small: Option<&'a Plan>,
    pub shape: Shape,
    /// The kernel's own code for it, which takes `(t, u, p, out, scratch)`.
    pub whole: usize,
    /// Elements of scratch memory there are.
    pub scratch_len: usize,
    /// Owns that code.
    pub owner: &'a Arc<O>,
}

/// What the address of the function needs to stay alive.
struct Owner<O> {
    _pool: Box<[f64]>,
    _whole: Arc<O>,
    _code: Code,
}

impl LazyChecked {
    /// None for systems that would not gain, and where no code can be made: the kernel works without.
    pub fn get<O: Send + Sync + 'static>(
        &self,
        options: &Options,
        parts: Parts<'_, O>,
    ) -> Option<CheckedEval> {
        let fits = (1..=MOST_STATES).contains(&parts.shape.outputs)
            && parts.shape.states == parts.shape.outputs;
        let make = || if fits { make(options, &parts).ok().flatten() } else { None };
        self.0.get_or_init(make).clone()
    }
}

fn make<O: Send + Sync + 'static>(
    options: &Options,
    parts: &Parts<'_, O>,
) -> Result<Option<CheckedEval>, CompileError> {
    let shape = parts.shape;
    let none = Plan::new(Entry::Eval, shape);
    let inlined = parts.small.filter(|plan| plan.code.len() <= LONGEST_COPY);
    let signature = (&[types::I64, types::F64, types::I64, types::I64][..], &[types::I32][..]);
    let plan = inlined.unwrap_or(&none);
    let around = generate_around(plan, &[], options, signature, |e, arguments, _| {
        let &[site, t, u, out] = arguments else {
            unreachable!("the signature has these arguments")
        };
        let whole = if inlined.is_some() { None } else { Some(parts.whole) };
        Writer { e, site, t, u, out, n: shape.outputs }.write(whole);
    })?;
    if around.scratch_len > parts.scratch_len {
        return Ok(None);
    }
    // SAFETY: `generate_around` gave the function this signature, in the machine's C calling convention.
    let function = unsafe { std::mem::transmute::<*const u8, CheckedEvalFn>(around.function) };
    let owner = Owner { _pool: around.pool, _whole: Arc::clone(parts.owner), _code: around.code };
    // SAFETY: the plan was verified against `shape`, as was the kernel's own code, and neither uses more
    // than `scratch_len` elements of scratch memory; the code keeps no state, and `owner` keeps it and
    // all that it refers to.
    Ok(Some(unsafe { CheckedEval::new(function, shape, Arc::new(owner)) }))
}

struct Writer<'w, 'a, 'b> {
    e: &'w mut Emitter<'a, 'b, f64>,
    site: ir::Value,
    t: ir::Value,
    u: ir::Value,
    out: ir::Value,
    n: usize,
}

impl Writer<'_, '_, '_> {
    /// Writes the body of the function, which calls the code at `whole` or has the plan inlined.
    fn write(mut self, whole: Option<usize>) {
        let otherwise = self.e.builder.create_block();
        self.e.builder.set_cold_block(otherwise);
        self.check_arguments(otherwise);
        let p = self.field(types::I64, offset_of!(EvalSite, p));
        let scratch = self.field(types::I64, offset_of!(EvalSite, scratch));
        let slope = match whole {
            Some(whole) => self.call(whole, p, scratch),
            None => self.inline(p, scratch),
        };
        self.check_result(&slope, otherwise);
        if whole.is_none() {
            self.store(&slope);
        }
        let count = self.field(types::I64, offset_of!(EvalSite, evaluations));
        let count = self.e.builder.ins().iadd_imm_s(count, 1);
        let place = offset(offset_of!(EvalSite, evaluations));
        self.e.builder.ins().store(MemFlagsData::trusted(), count, self.site, place);
        let ok = self.e.builder.ins().iconst(types::I32, 0);
        self.e.builder.ins().return_(&[ok]);
        self.leave_to(otherwise);
    }

    fn field(&mut self, kind: ir::Type, place: usize) -> ir::Value {
        self.e.builder.ins().load(kind, MemFlagsData::trusted(), self.site, offset(place))
    }

    /// Goes on where `holds`, and else to `otherwise`.
    fn require(&mut self, holds: ir::Value, otherwise: ir::Block) {
        let next = self.e.builder.create_block();
        self.e.builder.ins().brif(holds, next, &[], otherwise, &[]);
        self.e.builder.switch_to_block(next);
        self.e.builder.seal_block(next);
    }

    fn check_arguments(&mut self, otherwise: ir::Block) {
        let earliest = self.field(types::F64, offset_of!(EvalSite, earliest));
        let holds = self.e.builder.ins().fcmp(FloatCC::GreaterThanOrEqual, self.t, earliest);
        self.require(holds, otherwise);
        let latest = self.field(types::F64, offset_of!(EvalSite, latest));
        let holds = self.e.builder.ins().fcmp(FloatCC::LessThanOrEqual, self.t, latest);
        self.require(holds, otherwise);
        for pointer in [self.u, self.out] {
            let holds = self.e.builder.ins().icmp_imm_s(IntCC::NotEqual, pointer, 0);
            self.require(holds, otherwise);
        }
        let both = self.e.builder.ins().bor(self.u, self.out);
        let low = self.e.builder.ins().band_imm_u(both, align_of::<f64>() as i64 - 1);
        let holds = self.e.builder.ins().icmp_imm_s(IntCC::Equal, low, 0);
        self.require(holds, otherwise);
        // The distance of the two, moved so that the short ones of both signs are the smallest numbers.
        let bytes = (self.n * size_of::<f64>()) as i64;
        let distance = self.e.builder.ins().isub(self.out, self.u);
        let moved = self.e.builder.ins().iadd_imm_s(distance, bytes - 1);
        let apart = IntCC::UnsignedGreaterThanOrEqual;
        let holds = self.e.builder.ins().icmp_imm_u(apart, moved, 2 * bytes - 1);
        self.require(holds, otherwise);
        let stop = self.field(types::I64, offset_of!(EvalSite, stop));
        let stop = self.e.builder.ins().load(types::I8, MemFlagsData::trusted(), stop, 0);
        let holds = self.e.builder.ins().icmp_imm_s(IntCC::Equal, stop, 0);
        self.require(holds, otherwise);
    }

    fn inline(&mut self, p: ir::Value, scratch: ir::Value) -> Vec<ir::Value> {
        let bases = [(Buffer::States, self.u), (Buffer::Params, p), (Buffer::Scratch, scratch)];
        let held = vec![(Buffer::Time, vec![Some(self.t)]), (Buffer::Out, vec![None; self.n])];
        self.e.inline(&bases, held);
        self.e.held(Buffer::Out).iter().flatten().copied().collect()
    }

    fn call(&mut self, whole: usize, p: ir::Value, scratch: ir::Value) -> Vec<ir::Value> {
        self.e.call(whole, &[self.t, self.u, p, self.out, scratch]);
        let load = |i| {
            let at = offset(i * size_of::<f64>());
            self.e.builder.ins().load(types::F64, MemFlagsData::trusted(), self.out, at)
        };
        (0..self.n).map(load).collect()
    }

    /// The difference of a number and itself is NaN where it is not finite, and else 0.
    fn check_result(&mut self, slope: &[ir::Value], otherwise: ir::Block) {
        let ins = &mut self.e.builder;
        let zeros: Vec<_> = slope.iter().map(|&v| ins.ins().fsub(v, v)).collect();
        let sum = zeros.into_iter().reduce(|a, b| ins.ins().fadd(a, b));
        let sum = sum.expect("a system has states");
        let holds = ins.ins().fcmp(FloatCC::Equal, sum, sum);
        self.require(holds, otherwise);
    }

    /// Two at once, as the caller reads them.
    fn store(&mut self, slope: &[ir::Value]) {
        for (i, pair) in slope.chunks(2).enumerate() {
            let at = offset(2 * i * size_of::<f64>());
            let (value, flags) = match *pair {
                [x, y] => (self.e.side_by_side(x, y), MemFlagsData::new().with_notrap()),
                _ => (pair[0], MemFlagsData::trusted()),
            };
            self.e.builder.ins().store(flags, value, self.out, at);
        }
    }

    fn leave_to(&mut self, otherwise: ir::Block) {
        self.e.builder.switch_to_block(otherwise);
        self.e.builder.seal_block(otherwise);
        let mut signature = Signature::new(self.e.convention());
        signature
            .params
            .extend([types::I64, types::F64, types::I64, types::I64].map(AbiParam::new));
        signature.returns.push(AbiParam::new(types::I32));
        let signature = self.e.builder.import_signature(signature);
        let function = self.field(types::I64, offset_of!(EvalSite, otherwise));
        let arguments = [self.site, self.t, self.u, self.out];
        let call = self.e.builder.ins().call_indirect(signature, function, &arguments);
        let status = self.e.builder.inst_results(call)[0];
        self.e.builder.ins().return_(&[status]);
    }
}

/// Offsets within a site and a small result are far below 2 GB.
fn offset(bytes: usize) -> i32 {
    bytes as i32
}
