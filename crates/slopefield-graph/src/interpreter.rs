//! Runs plans instruction by instruction.
//!
//! The portable fallback where native code is not allowed, and what native code is compared with.
//! It allocates nothing: values live behind the plan's scratch, in the caller's work space.

mod memory;

use slopefield_kernel::{
    Cotangent, HessianProduct, Kernel, MatrixKernel, MatrixPattern, Point, Shape, Tangent,
};

use crate::element::Element;
use crate::lower::JacobianPlan;
use crate::plan::{
    Body, BodyInstruction, Buffer, Entry, Instruction, LaneInput, LaneOutput, Plan, Plans, Ref,
};
use memory::{Inputs, Memory, Operand, Results};

/// A kernel that interprets the plans of one function, in `f64` or another [`Element`].
#[derive(Debug, Clone, PartialEq)]
pub struct Interpreter<T = f64> {
    plans: Plans,
    scratch_len: usize,
    /// `Plan::constants` of the entries, as elements.
    constants: [Vec<T>; 3],
}

impl Interpreter {
    /// A kernel for plans that pass [`Plan::verify`], as those of a [`crate::LoweredModel`] do.
    /// Calls of a kernel of other plans may panic.
    #[must_use]
    pub fn new(plans: Plans) -> Self {
        Self::with_element(plans)
    }
}

impl<T: Element> Interpreter<T> {
    /// As [`Interpreter::new`], computing in `T`: `Interpreter::<f32>::with_element(plans)`.
    #[must_use]
    pub fn with_element(plans: Plans) -> Self {
        let all = [&plans.eval, &plans.jvp, &plans.vjp];
        let scratch_len = all.map(work_len).into_iter().max();
        let constants = all.map(|p| p.constants.iter().map(|&c| T::from_f64(c)).collect());
        Interpreter { scratch_len: scratch_len.unwrap_or(0), constants, plans }
    }

    /// The plans it runs.
    #[must_use]
    pub fn plans(&self) -> &Plans {
        &self.plans
    }
}

impl<T: Element> Kernel<T> for Interpreter<T> {
    fn shape(&self) -> Shape {
        self.plans.eval.shape
    }

    fn scratch_len(&self) -> usize {
        self.scratch_len
    }

    fn eval(&self, t: T, u: &[T], p: &[T], out: &mut [T], scratch: &mut [T]) {
        let constants = &self.constants[0];
        let inputs = Inputs { t: [t], u, p, constants, ..Inputs::default() };
        run(&self.plans.eval, inputs, Results { out, ..Results::default() }, scratch);
    }

    fn jvp(
        &self,
        at: Point<'_, T>,
        along: Tangent<'_, T>,
        out: &mut [T],
        dout: &mut [T],
        scratch: &mut [T],
    ) {
        let inputs = Inputs {
            t: [at.t],
            u: at.u,
            p: at.p,
            dt: [along.t],
            du: along.u,
            dp: along.p,
            constants: &self.constants[1],
            ..Inputs::default()
        };
        run(&self.plans.jvp, inputs, Results { out, dout, ..Results::default() }, scratch);
    }

    fn vjp(&self, at: Point<'_, T>, w: &[T], grad: Cotangent<'_, T>, scratch: &mut [T]) {
        let constants = &self.constants[2];
        let inputs = Inputs { t: [at.t], u: at.u, p: at.p, w, constants, ..Inputs::default() };
        let results = Results {
            t_grad: std::slice::from_mut(grad.t),
            u_grad: grad.u,
            p_grad: grad.p,
            ..Results::default()
        };
        run(&self.plans.vjp, inputs, results, scratch);
    }
}

/// A Jacobian that interprets a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixInterpreter {
    matrix: JacobianPlan,
}

impl MatrixInterpreter {
    /// For what [`crate::lower_jacobian`] gives.
    #[must_use]
    pub fn new(matrix: JacobianPlan) -> Self {
        MatrixInterpreter { matrix }
    }
}

impl MatrixKernel for MatrixInterpreter {
    fn pattern(&self) -> MatrixPattern<'_> {
        self.matrix.pattern.as_matrix_pattern()
    }

    fn scratch_len(&self) -> usize {
        work_len(&self.matrix.plan)
    }

    fn eval(&self, t: f64, u: &[f64], p: &[f64], values: &mut [f64], scratch: &mut [f64]) {
        let plan = &self.matrix.plan;
        let inputs = Inputs { t: [t], u, p, constants: &plan.constants, ..Inputs::default() };
        run(plan, inputs, Results { out: values, ..Results::default() }, scratch);
    }
}

/// A kernel for second derivatives that interprets a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct HessianInterpreter {
    plan: Plan,
}

impl HessianInterpreter {
    /// A kernel for a plan of [`crate::lower_hessian`], or `None` for one of another entry.
    #[must_use]
    pub fn new(plan: Plan) -> Option<Self> {
        (plan.entry == Entry::Hvp).then_some(HessianInterpreter { plan })
    }
}

impl HessianProduct for HessianInterpreter {
    fn shape(&self) -> Shape {
        self.plan.shape
    }

    fn scratch_len(&self) -> usize {
        work_len(&self.plan)
    }

    fn hvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        w: &[f64],
        grad: Cotangent<'_>,
        scratch: &mut [f64],
    ) {
        let inputs = Inputs {
            t: [at.t],
            u: at.u,
            p: at.p,
            dt: [along.t],
            du: along.u,
            dp: along.p,
            w,
            constants: &self.plan.constants,
        };
        let results = Results {
            t_grad: std::slice::from_mut(grad.t),
            u_grad: grad.u,
            p_grad: grad.p,
            ..Results::default()
        };
        run(&self.plan, inputs, results, scratch);
    }
}

/// Elements of work space: the plan's scratch, its values, and those of its longest loop body.
fn work_len(plan: &Plan) -> usize {
    let longest = plan.bodies.iter().map(|b| b.code.len() + b.outputs.len()).max();
    plan.scratch_len as usize + plan.code.len() + longest.unwrap_or(0)
}

fn run<T: Element>(plan: &Plan, inputs: Inputs<'_, T>, results: Results<'_, T>, work: &mut [T]) {
    let (scratch, rest) = work.split_at_mut(plan.scratch_len as usize);
    let (values, lane) = rest.split_at_mut(plan.code.len());
    let mut memory = Memory { inputs, results, scratch };
    for (i, instruction) in plan.code.iter().enumerate() {
        match *instruction {
            Instruction::Constant(value) => values[i] = T::from_f64(value),
            Instruction::Load(at) => values[i] = memory.load(at),
            Instruction::Unary(op, a) => values[i] = T::unary(op, values[a as usize]),
            Instruction::Binary(op, a, b) => {
                values[i] = T::binary(op, values[a as usize], values[b as usize]);
            }
            Instruction::Select(c, a, b) => {
                let chosen = if values[c as usize] != T::default() { a } else { b };
                values[i] = values[chosen as usize];
            }
            Instruction::Store(at, v) => memory.element(at, |x| *x = values[v as usize]),
            Instruction::AddTo(at, v) => memory.element(at, |x| *x += values[v as usize]),
            Instruction::Each { body, count } => {
                each(&mut memory, &plan.bodies[body as usize], &plan.tables, count, lane);
            }
            _ => dense(&mut memory, instruction),
        }
    }
}

/// Runs a body for every lane; `work` is as long as its code and outputs.
fn each<T: Element>(
    memory: &mut Memory<'_, T>,
    body: &Body,
    tables: &[Vec<u32>],
    count: u32,
    work: &mut [T],
) {
    let (values, rest) = work.split_at_mut(body.code.len());
    let sums = &mut rest[..body.outputs.len()];
    sums.fill(T::default());
    for lane in 0..count {
        let entry = |table: u32| tables[table as usize][lane as usize];
        for (i, instruction) in body.code.iter().enumerate() {
            values[i] = match *instruction {
                BodyInstruction::Constant(value) => T::from_f64(value),
                BodyInstruction::Input(input) => memory.load(match body.inputs[input as usize] {
                    LaneInput::Uniform(at) => at,
                    LaneInput::Lanes(at) => at.plus(lane),
                    LaneInput::Gathered(at, table) => at.plus(entry(table)),
                }),
                BodyInstruction::Unary(op, a) => T::unary(op, values[a as usize]),
                BodyInstruction::Binary(op, a, b) => {
                    T::binary(op, values[a as usize], values[b as usize])
                }
                BodyInstruction::Select(c, a, b) => {
                    values[if values[c as usize] != T::default() { a } else { b } as usize]
                }
            };
        }
        for (sum, output) in sums.iter_mut().zip(&body.outputs) {
            let v = values[output.value() as usize];
            match *output {
                LaneOutput::Store(at, _) => memory.element(at.plus(lane), |x| *x = v),
                LaneOutput::AddTo(at, _) => memory.element(at.plus(lane), |x| *x += v),
                LaneOutput::ScatterAdd(at, table, _) => {
                    memory.element(at.plus(entry(table)), |x| *x += v);
                }
                LaneOutput::SumTo(..) => *sum += v,
            }
        }
    }
    for (sum, output) in sums.iter().zip(&body.outputs) {
        if let LaneOutput::SumTo(at, _) = *output {
            memory.element(at, |x| *x += *sum);
        }
    }
}

fn dense<T: Element>(memory: &mut Memory<'_, T>, instruction: &Instruction) {
    match *instruction {
        Instruction::Fill { dst, len, value } => {
            memory.split(dst, len, []).0.fill(T::from_f64(value));
        }
        Instruction::Copy { dst, src, len } => {
            let (dst, [src]) = memory.split(dst, len, [(src, len)]);
            if let Operand::Slice(src) = src {
                dst.copy_from_slice(src);
            }
        }
        Instruction::Add { dst, src, len } => {
            let (dst, [src]) = memory.split(dst, len, [(src, len)]);
            for (i, d) in dst.iter_mut().enumerate() {
                *d += src.at(i, *d);
            }
        }
        Instruction::Map { op, dst, src, len } => {
            let (dst, [src]) = memory.split(dst, len, [(src, len)]);
            for (i, d) in dst.iter_mut().enumerate() {
                *d = T::unary(op, src.at(i, *d));
            }
        }
        Instruction::Zip { op, dst, a, b, len } => {
            let (dst, [a, b]) = memory.split(dst, len, [(a, len), (b, len)]);
            for (i, d) in dst.iter_mut().enumerate() {
                *d = T::binary(op, a.at(i, *d), b.at(i, *d));
            }
        }
        Instruction::MatVec { y, a, x, rows, cols, add } => {
            let (y, [a, x]) = memory.split(y, rows, [(a, rows * cols), (x, cols)]);
            let (a, x) = (a.slice(), x.slice());
            for (y, row) in y.iter_mut().zip(a.chunks_exact(x.len())) {
                let product = dot(row, x);
                *y = if add { *y + product } else { product };
            }
        }
        Instruction::MatTVec { y, a, x, rows, cols, add } => {
            let (y, [a, x]) = memory.split(y, cols, [(a, rows * cols), (x, rows)]);
            if !add {
                y.fill(T::default());
            }
            for (row, x) in a.slice().chunks_exact(y.len()).zip(x.slice()) {
                for (y, a) in y.iter_mut().zip(row) {
                    *y += *a * *x;
                }
            }
        }
        Instruction::Layer { y, a, x, bias, activation, rows, cols } => {
            let (bias, bias_len) = bias.map_or((x, 0), |bias| (bias, rows));
            let operands = [(a, rows * cols), (x, cols), (bias, bias_len)];
            let (y, [a, x, bias]) = memory.split(y, rows, operands);
            let (a, x, bias) = (a.slice(), x.slice(), bias.slice());
            for (i, (y, row)) in y.iter_mut().zip(a.chunks_exact(x.len())).enumerate() {
                let product = dot(row, x);
                let sum = bias.get(i).map_or(product, |bias| *bias + product);
                *y = activation.map_or(sum, |f| T::unary(f, sum));
            }
        }
        Instruction::Outer { a, x, y, rows, cols } => {
            let (a, [x, y]) = memory.split(a, rows * cols, [(x, rows), (y, cols)]);
            let y = y.slice();
            for (row, x) in a.chunks_exact_mut(y.len()).zip(x.slice()) {
                for (a, y) in row.iter_mut().zip(y) {
                    *a += *x * *y;
                }
            }
        }
        Instruction::Sum { dst, src, len } => {
            let (dst, [src]) = memory.split(dst, 1, [(src, len)]);
            dst[0] = sum(src.slice().iter().copied());
        }
        Instruction::Dot { dst, a, b, len } => {
            let (dst, [a, b]) = memory.split(dst, 1, [(a, len), (b, len)]);
            dst[0] = dot(a.slice(), b.slice());
        }
        Instruction::Custom { op, reverse, dst, src } => {
            let (from, to) = op.sizes(reverse);
            let (dst, [src]) = memory.split(dst, to, [(src, from)]);
            T::custom(op, reverse, src.slice(), dst);
        }
        _ => unreachable!("scalar instructions are run above"),
    }
}

fn sum<T: Element>(terms: impl Iterator<Item = T>) -> T {
    terms.fold(T::default(), |sum, x| sum + x)
}

/// Four running sums, so that additions need not wait for each other.
fn dot<T: Element>(a: &[T], b: &[T]) -> T {
    let mut sums = [T::default(); 4];
    let (a4, b4) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest = sum(a4.remainder().iter().zip(b4.remainder()).map(|(&a, &b)| a * b));
    for (a, b) in a4.zip(b4) {
        for k in 0..4 {
            sums[k] += a[k] * b[k];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

impl<T: Element> Memory<'_, T> {
    fn load(&self, at: Ref) -> T {
        let offset = at.offset as usize;
        match at.buffer {
            Buffer::Scratch => self.scratch[offset],
            buffer => self.inputs.buffer(buffer)[offset],
        }
    }

    fn element(&mut self, at: Ref, change: impl FnOnce(&mut T)) {
        let offset = at.offset as usize;
        match at.buffer {
            Buffer::Scratch => change(&mut self.scratch[offset]),
            buffer => change(&mut self.results.buffer(buffer)[offset]),
        }
    }
}
