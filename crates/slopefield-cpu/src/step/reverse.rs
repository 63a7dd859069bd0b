//! The code of one reversed step: see `slopefield_kernel::ReverseStepKernel::reverse` for the
//! formulas, whose order of operations is kept to the bit.
//!
//! A stage waits for the newest cotangent of a later stage only; the others are read from the
//! array they have been stored to.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};
use slopefield_graph::plan::Buffer;
use slopefield_kernel::{Shape, StepTable};
use std::mem::offset_of;

use super::ReverseArguments;
use super::writer::{Writer, place};
use crate::jit::emit::Emitter;

/// Types of the arguments: a pointer to [`ReverseArguments`].
pub(super) const ARGUMENTS: [ir::Type; 1] = [types::I64];

/// So many gradients by parameters are kept in registers from stage to stage. Others are added to
/// in memory, each stage waiting for the store of the one before.
const GRADIENTS_HELD: usize = 6;

/// Degree of the interpolant.
pub(super) fn degree(table: &StepTable) -> usize {
    table.dense.iter().map(|row| row.len()).max().unwrap_or(0)
}

/// The numbers of a table that the code reads: rows of `a`, then `c`, then rows of `dense`, each as
/// long as the degree.
pub(super) fn numbers(table: &StepTable) -> Vec<f64> {
    let mut numbers = table.a.concat();
    numbers.extend_from_slice(table.c);
    for row in table.dense {
        numbers.extend_from_slice(row);
        numbers.extend(std::iter::repeat_n(0.0, degree(table) - row.len()));
    }
    numbers
}

/// Writes the body of the function.
pub(super) fn write(
    e: &mut Emitter<'_, '_>,
    arguments: &[ir::Value],
    numbers: u32,
    table: &StepTable,
    shape: Shape,
) {
    let mut argument = |kind, offset: usize| {
        e.builder.ins().load(kind, MemFlagsData::trusted(), arguments[0], offset as i32)
    };
    let mut pointer = |offset| argument(types::I64, offset);
    let p = pointer(offset_of!(ReverseArguments, p));
    let states = pointer(offset_of!(ReverseArguments, states));
    let moments = pointer(offset_of!(ReverseArguments, moments));
    let lambda = pointer(offset_of!(ReverseArguments, lambda));
    let kappa = pointer(offset_of!(ReverseArguments, kappa));
    let grad_p = pointer(offset_of!(ReverseArguments, grad_p));
    let scratch = pointer(offset_of!(ReverseArguments, scratch));
    let stages = pointer(offset_of!(ReverseArguments, stages));
    let t = argument(types::F64, offset_of!(ReverseArguments, t));
    let t_new = argument(types::F64, offset_of!(ReverseArguments, t_new));
    let h = e.builder.ins().fsub(t_new, t);

    let (s, n) = (table.c.len(), shape.states);
    let writer = Writer { e, numbers, h };
    let gradient = Vec::new();
    let mut step = Step { writer, table, s, n, p, states, stages, grad_p, scratch, gradient };
    let of_saves = step.moments(moments);
    if shape.params <= GRADIENTS_HELD {
        step.gradient = (0..shape.params).map(|i| Some(step.writer.load(grad_p, i))).collect();
    }
    let mut sum = step.end(t_new, lambda, kappa);
    for (k, &m) in of_saves.iter().enumerate() {
        sum[k] = step.writer.add(sum[k], m);
    }
    let mut newest = Vec::new();
    for i in (1..s - 1).rev() {
        let slope = step.slope(i, &newest);
        let time = if table.c[i] == 1.0 { t_new } else { step.time(i, t) };
        let zero = step.writer.e.number(0.0);
        newest = step.product(i, time, &slope, &vec![zero; n]);
        for (k, &u) in newest.iter().enumerate() {
            step.writer.store(u, stages, i * n + k);
            sum[k] = step.writer.add(sum[k], u);
        }
    }
    let slope = step.slope(0, &newest);
    for k in 0..n {
        step.writer.store(slope[k], kappa, k);
        step.writer.store(sum[k], lambda, k);
    }
    for (i, value) in std::mem::take(&mut step.gradient).into_iter().flatten().enumerate() {
        step.writer.store(value, grad_p, i);
    }
    step.writer.e.builder.ins().return_(&[]);
}

struct Step<'w, 'a, 'b> {
    writer: Writer<'w, 'a, 'b>,
    table: &'w StepTable,
    s: usize,
    n: usize,
    p: ir::Value,
    states: ir::Value,
    /// Row `i` holds `m_i`, then `ū_i`; the last row in the end λ of the end.
    stages: ir::Value,
    grad_p: ir::Value,
    scratch: ir::Value,
    /// The gradient by the parameters, where it is held in registers.
    gradient: Vec<Option<ir::Value>>,
}

impl Step<'_, '_, '_> {
    /// Stores what save points send to each slope; gives what they send to the beginning.
    fn moments(&mut self, moments: ir::Value) -> Vec<ir::Value> {
        let builder = &mut self.writer.e.builder;
        let (with, without, after) =
            (builder.create_block(), builder.create_block(), builder.create_block());
        let results: Vec<_> =
            (0..self.n).map(|_| builder.append_block_param(after, types::F64)).collect();
        let any = builder.ins().icmp_imm_u(IntCC::NotEqual, moments, 0);
        builder.ins().brif(any, with, &[], without, &[]);
        builder.seal_block(with);
        builder.seal_block(without);

        self.writer.e.builder.switch_to_block(with);
        let degree = degree(self.table);
        for i in 0..self.s {
            for k in 0..self.n {
                let terms = (0..self.table.dense[i].len()).map(|d| {
                    let number = self.writer.number(place(self.s, 0) + self.s + i * degree + d);
                    let moment = self.writer.load(moments, (1 + d) * self.n + k);
                    self.writer.multiply(number, moment)
                });
                let terms: Vec<_> = terms.collect();
                let sum = terms.into_iter().reduce(|sum, term| self.writer.add(sum, term));
                let sum = sum.unwrap_or_else(|| self.writer.e.number(0.0));
                let scaled = self.writer.multiply(self.writer.h, sum);
                self.writer.store(scaled, self.stages, i * self.n + k);
            }
        }
        let to_begin: Vec<ir::BlockArg> =
            (0..self.n).map(|k| self.writer.load(moments, k).into()).collect();
        self.writer.e.builder.ins().jump(after, &to_begin);

        self.writer.e.builder.switch_to_block(without);
        let zero = self.writer.e.number(0.0);
        for k in 0..self.s * self.n {
            self.writer.store(zero, self.stages, k);
        }
        self.writer.e.builder.ins().jump(after, &vec![zero.into(); self.n]);

        let builder = &mut self.writer.e.builder;
        builder.seal_block(after);
        builder.switch_to_block(after);
        results
    }

    /// The last stage, which is the result and the first stage of the next step; gives λ after it.
    fn end(&mut self, time: ir::Value, lambda: ir::Value, kappa: ir::Value) -> Vec<ir::Value> {
        let last = self.s - 1;
        let (mut slope, mut before) = (Vec::new(), Vec::new());
        for k in 0..self.n {
            let later = self.writer.load(kappa, k);
            let saves = self.writer.load(self.stages, last * self.n + k);
            slope.push(self.writer.add(later, saves));
            before.push(self.writer.load(lambda, k));
        }
        let lambda = self.product(last, time, &slope, &before);
        for (k, &value) in lambda.iter().enumerate() {
            self.writer.store(value, self.stages, last * self.n + k);
        }
        lambda
    }

    /// Cotangent of the slope of stage `i`; `newest` is that of the state of the stage after it,
    /// if that one is not the last.
    fn slope(&mut self, i: usize, newest: &[ir::Value]) -> Vec<ir::Value> {
        let later: Vec<usize> = (i + 1..self.s).rev().collect();
        let weights: Vec<_> = later.iter().map(|&j| self.writer.weight(place(j, i))).collect();
        let mut slope = Vec::with_capacity(self.n);
        for k in 0..self.n {
            let mut sum = self.writer.load(self.stages, i * self.n + k);
            for (&j, &weight) in later.iter().zip(&weights) {
                let u = match newest.get(k) {
                    Some(&u) if j == i + 1 => u,
                    _ => self.writer.load(self.stages, j * self.n + k),
                };
                let term = self.writer.multiply(weight, u);
                sum = self.writer.add(sum, term);
            }
            slope.push(sum);
        }
        slope
    }

    fn time(&mut self, stage: usize, t: ir::Value) -> ir::Value {
        let c = self.writer.number(place(self.s, 0) + stage);
        let part = self.writer.multiply(c, self.writer.h);
        self.writer.add(t, part)
    }

    /// Adds the reverse product at stage `i` to `sum`, and to the gradient.
    fn product(
        &mut self,
        i: usize,
        time: ir::Value,
        slope: &[ir::Value],
        sum: &[ir::Value],
    ) -> Vec<ir::Value> {
        let e = &mut *self.writer.e;
        let row = (i * self.n * size_of::<f64>()) as i64;
        let state = e.builder.ins().iadd_imm_s(self.states, row);
        let zero = e.number(0.0);
        let known = |values: &[ir::Value]| values.iter().copied().map(Some).collect();
        let mut held = vec![
            (Buffer::Time, vec![Some(time)]),
            (Buffer::Weights, known(slope)),
            (Buffer::TimeGrad, vec![Some(zero)]),
            (Buffer::StatesGrad, known(sum)),
        ];
        if !self.gradient.is_empty() {
            held.push((Buffer::ParamsGrad, std::mem::take(&mut self.gradient)));
        }
        let bases = [
            (Buffer::States, state),
            (Buffer::Params, self.p),
            (Buffer::ParamsGrad, self.grad_p),
            (Buffer::Scratch, self.scratch),
        ];
        e.inline(&bases, held);
        self.gradient = e.held(Buffer::ParamsGrad).to_vec();
        e.held(Buffer::StatesGrad).iter().flatten().copied().collect()
    }
}
