//! The code of one reversed step: see `slopefield_kernel::ReverseStepKernel::reverse` for the
//! formulas, whose order of operations is kept to the bit.
//!
//! A stage waits for the newest cotangent of a later stage only. Everything else, the sums that
//! become λ and the gradient included, is read from the arrays it has been stored to: nothing is
//! alive from one stage to the next but pointers, which keeps register allocation fast.

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
    e: &mut Emitter<'_, '_, f64>,
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
    let mut step = Step { writer, table, s, n, p, states, stages, lambda, grad_p, scratch };
    step.moments(moments);
    step.end(t_new, kappa);
    let mut newest = Vec::new();
    for i in (1..s - 1).rev() {
        let slope = step.slope(i, &newest);
        let time = if table.c[i] == 1.0 { t_new } else { step.time(i, t) };
        newest = step.stage(i, time, &slope);
    }
    for (k, &value) in step.slope(0, &newest).iter().enumerate() {
        step.writer.store(value, kappa, k);
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
    /// Row `i < s` holds `m_i`, then `ū_i`, where that of the last stage is λ after it; row `s`
    /// holds `M_0`.
    stages: ir::Value,
    lambda: ir::Value,
    grad_p: ir::Value,
    scratch: ir::Value,
}

impl Step<'_, '_, '_> {
    /// Stores what save points send to each slope and to the beginning.
    fn moments(&mut self, moments: ir::Value) {
        let builder = &mut self.writer.e.builder;
        let (with, without, after) =
            (builder.create_block(), builder.create_block(), builder.create_block());
        let any = builder.ins().icmp_imm_u(IntCC::NotEqual, moments, 0);
        builder.ins().brif(any, with, &[], without, &[]);
        builder.seal_block(with);
        builder.seal_block(without);

        self.writer.e.builder.switch_to_block(with);
        let degree = degree(self.table);
        for i in 0..self.s {
            for k in 0..self.n {
                let mut sum = None;
                for d in 0..self.table.dense[i].len() {
                    let number = self.writer.number(place(self.s, 0) + self.s + i * degree + d);
                    let moment = self.writer.load(moments, (1 + d) * self.n + k);
                    let term = self.writer.multiply(number, moment);
                    sum = Some(sum.map_or(term, |sum| self.writer.add(sum, term)));
                }
                let sum = sum.unwrap_or_else(|| self.writer.e.number(0.0));
                let scaled = self.writer.multiply(self.writer.h, sum);
                self.writer.store(scaled, self.stages, i * self.n + k);
            }
        }
        for k in 0..self.n {
            let to_begin = self.writer.load(moments, k);
            self.writer.store(to_begin, self.stages, self.s * self.n + k);
        }
        self.writer.e.builder.ins().jump(after, &[]);

        self.writer.e.builder.switch_to_block(without);
        let zero = self.writer.e.number(0.0);
        for k in 0..(self.s + 1) * self.n {
            self.writer.store(zero, self.stages, k);
        }
        self.writer.e.builder.ins().jump(after, &[]);

        let builder = &mut self.writer.e.builder;
        builder.seal_block(after);
        builder.switch_to_block(after);
    }

    /// The last stage, which is the result and the first stage of the next step.
    fn end(&mut self, time: ir::Value, kappa: ir::Value) {
        let last = self.s - 1;
        let (mut slope, mut before) = (Vec::new(), Vec::new());
        for k in 0..self.n {
            let later = self.writer.load(kappa, k);
            let saves = self.writer.load(self.stages, last * self.n + k);
            slope.push(self.writer.add(later, saves));
            before.push(self.writer.load(self.lambda, k));
        }
        let lambda = self.product(last, time, &slope, &before);
        for (k, &value) in lambda.iter().enumerate() {
            self.writer.store(value, self.stages, last * self.n + k);
            let saves = self.writer.load(self.stages, self.s * self.n + k);
            let sum = self.writer.add(value, saves);
            self.writer.store(sum, self.lambda, k);
        }
    }

    /// A stage in between; gives the cotangent of its state.
    fn stage(&mut self, i: usize, time: ir::Value, slope: &[ir::Value]) -> Vec<ir::Value> {
        let zero = self.writer.e.number(0.0);
        let state = self.product(i, time, slope, &vec![zero; self.n]);
        for (k, &value) in state.iter().enumerate() {
            self.writer.store(value, self.stages, i * self.n + k);
            let sum = self.writer.load(self.lambda, k);
            let sum = self.writer.add(sum, value);
            self.writer.store(sum, self.lambda, k);
        }
        state
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
        let held = vec![
            (Buffer::Time, vec![Some(time)]),
            (Buffer::Weights, known(slope)),
            (Buffer::TimeGrad, vec![Some(zero)]),
            (Buffer::StatesGrad, known(sum)),
        ];
        let bases = [
            (Buffer::States, state),
            (Buffer::Params, self.p),
            (Buffer::ParamsGrad, self.grad_p),
            (Buffer::Scratch, self.scratch),
        ];
        e.inline(&bases, held);
        e.held(Buffer::StatesGrad).iter().flatten().copied().collect()
    }
}
