//! The code of one attempt at a step: see `slopefield_kernel::StepKernel::attempt` for the
//! formulas, whose order of operations is kept to the bit.
//!
//! Only what the next operation waits for stays in registers: the newest slope, the weights of the
//! stage at hand, the sums. Older slopes are read from the array they have been stored to, as
//! memory operands; that needs no register and, unlike a spill, no extra store.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{self, InstBuilder, types};
use slopefield_graph::plan::Buffer;
use slopefield_kernel::StepTable;

use super::writer::{Writer, place};
use crate::jit::emit::Emitter;

/// Types of the arguments, in the order in which [`write`] takes them.
pub(super) const ARGUMENTS: [ir::Type; 9] = {
    use types::{F64, I64};
    [F64, F64, F64, I64, I64, I64, I64, I64, I64]
};

/// Type of the result.
pub(super) const RESULTS: [ir::Type; 1] = [types::F64];

/// The numbers of a table that the code reads: rows of `a`, then `b_error`, then `c`, then `b`.
pub(super) fn numbers(table: &StepTable) -> Vec<f64> {
    let mut numbers = table.a.concat();
    numbers.extend_from_slice(table.b_error);
    numbers.extend_from_slice(table.c);
    numbers.extend_from_slice(table.b);
    numbers
}

/// Writes the body of the function, for `n` states.
pub(super) fn write(
    e: &mut Emitter<'_, '_, f64>,
    arguments: &[ir::Value],
    numbers: u32,
    table: &StepTable,
    n: usize,
) {
    let &[t, t_new, rtol, states, slopes, p, atol, scratch, begin] = arguments else {
        unreachable!("the signature has these arguments")
    };
    let h = e.builder.ins().fsub(t_new, t);
    let writer = Writer { e, numbers, h };
    let s = table.c.len();
    let mut step = Step { writer, s, last: table.rows() - 1, n, states, slopes, p, scratch };
    let mut newest = step.begin(begin);
    for (stage, &c) in table.c.iter().enumerate().skip(1) {
        let weights = step.weights(place(stage, 0), table.a[stage], |terms| terms <= 7);
        let state = step.combine(stage, &weights, &newest);
        let time = if c == 1.0 { t_new } else { step.time(stage, t) };
        newest = step.evaluate(stage, time, &state);
    }
    if !table.b.is_empty() {
        let weights = step.weights(place(s, 0) + 2 * s, table.b, |terms| terms <= 7);
        step.combine(s, &weights, &newest);
    }
    let weights = step.weights(place(s, 0), table.b_error, |terms| terms == 4 || terms == 7);
    let squared = step.squared_error(rtol, atol, &weights, &newest);
    step.writer.e.builder.ins().return_(&[squared]);
}

struct Step<'w, 'a, 'b> {
    writer: Writer<'w, 'a, 'b>,
    s: usize,
    /// Row of the result.
    last: usize,
    n: usize,
    states: ir::Value,
    slopes: ir::Value,
    p: ir::Value,
    scratch: ir::Value,
}

impl Step<'_, '_, '_> {
    /// Moves the row that lies `begin` bytes into both arrays to their first rows; gives its slope.
    fn begin(&mut self, begin: ir::Value) -> Vec<ir::Value> {
        let w = &mut self.writer;
        let u = w.e.builder.ins().iadd(self.states, begin);
        let k = w.e.builder.ins().iadd(self.slopes, begin);
        let mut slope = Vec::with_capacity(self.n);
        for i in 0..self.n {
            let value = w.load(u, i);
            w.store(value, self.states, i);
            let value = w.load(k, i);
            w.store(value, self.slopes, i);
            slope.push(value);
        }
        slope
    }

    /// `h` times the coefficients of a row of the table, whose first one is its `first` number, with
    /// the stages they belong to. Without those that are 0, unless `all` says of their number that
    /// the plain formulas keep them.
    fn weights(
        &mut self,
        first: usize,
        row: &[f64],
        all: impl Fn(usize) -> bool,
    ) -> Vec<(usize, ir::Value)> {
        let kept = |j: &usize| row[*j] != 0.0 || all(row.len());
        (0..row.len()).filter(kept).map(|j| (j, self.writer.weight(first + j))).collect()
    }

    /// The slope of a stage for component `i`; that of the stage before row `row` is `newest`.
    fn slope(&mut self, j: usize, row: usize, i: usize, newest: ir::Value) -> ir::Value {
        if j + 1 == row { newest } else { self.writer.load(self.slopes, j * self.n + i) }
    }

    /// Adds `weights_j k_j` for the slopes of component `i`, of stages before `row`, the last of
    /// which is `newest`: it arrives last, and only one product and one sum wait for it.
    fn add_slopes(
        &mut self,
        mut sum: ir::Value,
        (row, i): (usize, usize),
        weights: &[(usize, ir::Value)],
        newest: ir::Value,
    ) -> ir::Value {
        for &(j, weight) in weights {
            let slope = self.slope(j, row, i, newest);
            let term = self.writer.multiply(weight, slope);
            sum = self.writer.add(sum, term);
        }
        sum
    }

    /// The state of a stage, or the result as the row after the last stage; it is also stored.
    fn combine(
        &mut self,
        stage: usize,
        weights: &[(usize, ir::Value)],
        newest: &[ir::Value],
    ) -> Vec<ir::Value> {
        let mut state = Vec::with_capacity(self.n);
        for (i, &newest) in newest.iter().enumerate() {
            let u = self.writer.load(self.states, i);
            let sum = self.add_slopes(u, (stage, i), weights, newest);
            self.writer.store(sum, self.states, stage * self.n + i);
            state.push(sum);
        }
        state
    }

    fn time(&mut self, stage: usize, t: ir::Value) -> ir::Value {
        let c = self.writer.number(place(self.s, 0) + self.s + stage);
        let part = self.writer.multiply(c, self.writer.h);
        self.writer.add(t, part)
    }

    /// The slope of a stage, which is also stored.
    fn evaluate(&mut self, stage: usize, time: ir::Value, state: &[ir::Value]) -> Vec<ir::Value> {
        let held = vec![
            (Buffer::Time, vec![Some(time)]),
            (Buffer::States, state.iter().copied().map(Some).collect()),
            (Buffer::Out, vec![None; self.n]),
        ];
        let e = &mut *self.writer.e;
        e.inline(&[(Buffer::Params, self.p), (Buffer::Scratch, self.scratch)], held);
        let slope: Vec<ir::Value> = e.held(Buffer::Out).iter().flatten().copied().collect();
        for (i, &value) in slope.iter().enumerate() {
            self.writer.store(value, self.slopes, stage * self.n + i);
        }
        slope
    }

    fn squared_error(
        &mut self,
        rtol: ir::Value,
        atol: ir::Value,
        weights: &[(usize, ir::Value)],
        newest: &[ir::Value],
    ) -> ir::Value {
        let mut squares = Vec::with_capacity(self.n);
        for (i, &newest) in newest.iter().enumerate() {
            let end = self.writer.load(self.states, self.last * self.n + i);
            let scale = self.scale(rtol, atol, i, end);
            let error = match *weights {
                [(j, weight), ref rest @ ..] => {
                    let slope = self.slope(j, self.s, i, newest);
                    let first = self.writer.multiply(weight, slope);
                    self.add_slopes(first, (self.s, i), rest, newest)
                }
                [] => self.writer.e.number(0.0),
            };
            // An infinite end would make the scale infinite and hide itself: ∞·0 is NaN.
            let zero = self.writer.e.number(0.0);
            let poison = self.writer.multiply(end, zero);
            let error = self.writer.add(error, poison);
            let ratio = self.writer.e.builder.ins().fdiv(error, scale);
            squares.push(self.writer.multiply(ratio, ratio));
        }
        let sum = squares.into_iter().reduce(|sum, square| self.writer.add(sum, square));
        let reciprocal = self.writer.e.number(1.0 / self.n as f64);
        self.writer.multiply(sum.expect("a step has states"), reciprocal)
    }

    /// What the error of component `i` is measured against.
    fn scale(&mut self, rtol: ir::Value, atol: ir::Value, i: usize, end: ir::Value) -> ir::Value {
        let before = self.writer.load(self.states, i);
        let before = self.writer.e.builder.ins().fabs(before);
        let after = self.writer.e.builder.ins().fabs(end);
        let larger = self.larger(before, after);
        let relative = self.writer.multiply(rtol, larger);
        let atol = self.writer.load(atol, i);
        let scale = self.writer.add(atol, relative);
        let smallest = self.writer.e.number(f64::MIN_POSITIVE);
        self.larger(scale, smallest)
    }

    /// The larger of two numbers, one instruction on x86-64. Where one is NaN the result does not
    /// matter here: the error is NaN as well.
    fn larger(&mut self, x: ir::Value, y: ir::Value) -> ir::Value {
        let ins = &mut self.writer.e.builder;
        let less = ins.ins().fcmp(FloatCC::LessThan, y, x);
        ins.ins().select(less, x, y)
    }
}
