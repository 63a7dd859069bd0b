//! Finds the backward passes of dense layers in a plan, for kernels that make each in one call.
//!
//! The graph gives the gradient of a layer `y = A h + b` on a layer `h = F(x)` as four
//! instructions: `s = Aᵀ g`, `A' += g hᵀ`, a loop `z = s F'(h)`, and `b' += z` of the layer before.
//! Taken together, `s` is never stored and `h`, `g` and `z` are read once.

#[cfg(test)]
mod tests;

use std::ops::Range;

use slopefield_graph::plan::{
    BinaryOp, Body, BodyInstruction, Buffer, Entry, Instruction, LaneInput, LaneOutput, Plan, Ref,
    Run, Value,
};

/// Derivatives that kernels know in terms of the value of the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slope {
    /// `1 - h²`.
    Tanh,
    /// `h (1 - h)`.
    Sigmoid,
}

/// `z = s F'(h)` with `s = Aᵀ g`, `bias_grad += z`, `matrix_grad += g hᵀ`. Plans that leave outer products
/// open have no gradients there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Backward {
    pub slope: Slope,
    pub z: Ref,
    pub a: Ref,
    pub g: Ref,
    pub h: Ref,
    pub matrix_grad: Option<Ref>,
    pub bias_grad: Option<Ref>,
    pub rows: u32,
    pub cols: u32,
}

/// What runs instead of instructions of a plan.
#[derive(Debug, Default)]
pub(super) struct Fused {
    /// Backward passes, with the index of the loop in whose place each runs; in order.
    backward: Vec<(u32, Backward)>,
    /// Instructions that have become part of one, loops excepted; in order.
    parts: Vec<u32>,
}

impl Fused {
    /// The backward pass in the place of an instruction.
    pub(super) fn backward(&self, index: u32) -> Option<&Backward> {
        let found = self.backward.binary_search_by_key(&index, |(i, _)| *i);
        found.ok().map(|i| &self.backward[i].1)
    }

    /// Whether an instruction has nothing left to do.
    pub(super) fn is_part(&self, index: u32) -> bool {
        self.parts.binary_search(&index).is_ok()
    }
}

/// Finds the backward passes of a verified plan.
pub(super) fn fuse(plan: &Plan) -> Fused {
    let mut fused = Fused::default();
    let loops: Vec<_> =
        (0..plan.code.len()).filter_map(|i| slope(plan, i).map(|slope| (i, slope))).collect();
    if loops.is_empty() {
        return fused;
    }
    let runs: Vec<Vec<Run>> = plan.code.iter().map(|i| plan.runs(i)).collect();
    let search = Search { plan, runs: &runs };
    for (at, slope) in loops {
        let Some((backward, parts)) = search.backward(at, slope) else { continue };
        if parts.iter().all(|part| !fused.parts.contains(part)) {
            fused.backward.push((at as u32, backward));
            fused.parts.extend(parts);
        }
    }
    fused.parts.sort_unstable();
    fused
}

/// A loop `z = s F'(h)`.
#[derive(Clone, Copy)]
struct SlopeLoop {
    slope: Slope,
    s: Ref,
    h: Ref,
    z: Ref,
    count: u32,
}

/// The loop at an index, if it is one that kernels know.
fn slope(plan: &Plan, index: usize) -> Option<SlopeLoop> {
    let Instruction::Each { body, count } = plan.code[index] else { return None };
    let body = &plan.bodies[body as usize];
    let [LaneOutput::Store(z, product)] = body.outputs[..] else { return None };
    let (slope, s, h) = either_way(body, product, |s, derivative| {
        let s = input(body, s)?;
        let (slope, h) = derivative_of(body, derivative)?;
        Some((slope, s, h))
    })?;
    Some(SlopeLoop { slope, s, h, z, count })
}

/// `F'(h)` of a function that kernels know.
fn derivative_of(body: &Body, v: Value) -> Option<(Slope, Ref)> {
    if let Some(square) = one_minus(body, v) {
        let h = either_way(body, square, |a, b| {
            let (a, b) = (input(body, a)?, input(body, b)?);
            (a == b).then_some(a)
        })?;
        return Some((Slope::Tanh, h));
    }
    let h = either_way(body, v, |h, rest| {
        let (h, other) = (input(body, h)?, input(body, one_minus(body, rest)?)?);
        (h == other).then_some(h)
    })?;
    Some((Slope::Sigmoid, h))
}

/// What `found` makes of the operands of a product, in one order or the other.
fn either_way<R>(
    body: &Body,
    product: Value,
    found: impl Fn(Value, Value) -> Option<R>,
) -> Option<R> {
    match body.code[product as usize] {
        BodyInstruction::Binary(BinaryOp::Mul, a, b) => found(a, b).or_else(|| found(b, a)),
        _ => None,
    }
}

/// `x`, if the value is `1 - x`.
fn one_minus(body: &Body, v: Value) -> Option<Value> {
    match body.code[v as usize] {
        BodyInstruction::Binary(BinaryOp::Sub, one, x)
            if body.code[one as usize] == BodyInstruction::Constant(1.0) =>
        {
            Some(x)
        }
        _ => None,
    }
}

/// The run that an input walks along.
fn input(body: &Body, v: Value) -> Option<Ref> {
    match body.code[v as usize] {
        BodyInstruction::Input(i) => match body.inputs[i as usize] {
            LaneInput::Lanes(at) => Some(at),
            _ => None,
        },
        _ => None,
    }
}

struct Search<'a> {
    plan: &'a Plan,
    runs: &'a [Vec<Run>],
}

impl Search<'_> {
    /// The backward pass that ends in a loop, and the other instructions of it.
    fn backward(&self, at: usize, l: SlopeLoop) -> Option<(Backward, Vec<u32>)> {
        let s = run(l.s, l.count);
        // Who made s, and nobody else may want it.
        let product = (0..at).rev().find(|&i| self.writes(i, &s))?;
        let Instruction::MatTVec { y, a, x: g, rows, cols, add: false } = self.plan.code[product]
        else {
            return None;
        };
        if (y, cols) != (l.s, l.count) || !self.is_read_only_by(at, product, &s) {
            return None;
        }
        let is_outer = |i: &usize| {
            matches!(self.plan.code[*i], Instruction::Outer { a, x, y, rows: r, cols: c }
                if (x, y, r, c) == (g, l.h, rows, cols) && a.buffer == Buffer::ParamsGrad)
        };
        let outer = (0..self.plan.code.len()).find(is_outer);
        if outer.is_none() && self.plan.entry != Entry::Factored {
            return None;
        }
        let matrix_grad = outer.and_then(|outer| match self.plan.code[outer] {
            Instruction::Outer { a, .. } => Some(a),
            _ => None,
        });

        let (h, z) = (run(l.h, cols), run(l.z, cols));
        let inputs = [run(a, rows * cols), run(g, rows), h];
        let span = product.min(outer.unwrap_or(at))..at.max(outer.unwrap_or(at)) + 1;
        let unchanged = inputs.iter().all(|input| !self.is_written_in(span.clone(), input));
        // The kernel writes z before it has read all of its operands.
        let apart = inputs.iter().all(|input| !input.meets(&z));
        if !unchanged || !apart {
            return None;
        }
        let bias = self.bias_gradient(at, &l);
        let mut parts = vec![product as u32];
        parts.extend(outer.map(|i| i as u32));
        parts.extend(bias.map(|(i, _)| i as u32));
        let bias_grad = bias.map(|(_, dst)| dst);
        let SlopeLoop { slope, h, z, .. } = l;
        Some((Backward { slope, z, a, g, h, matrix_grad, bias_grad, rows, cols }, parts))
    }

    /// The instruction that adds z to a gradient soon after the loop, and where.
    fn bias_gradient(&self, at: usize, l: &SlopeLoop) -> Option<(usize, Ref)> {
        let z = run(l.z, l.count);
        let end = (at + 1..self.plan.code.len()).find(|&i| self.writes(i, &z));
        let end = end.unwrap_or(self.plan.code.len());
        (at + 1..end).find_map(|i| match self.plan.code[i] {
            Instruction::Add { dst, src, len }
                if src == l.z && len == l.count && dst.buffer == Buffer::ParamsGrad =>
            {
                Some((i, dst))
            }
            _ => None,
        })
    }

    fn writes(&self, index: usize, run: &Run) -> bool {
        self.runs[index].iter().any(|r| r.writes && r.meets(run))
    }

    fn is_written_in(&self, span: Range<usize>, run: &Run) -> bool {
        span.into_iter().any(|i| self.writes(i, run))
    }

    /// Whether of all instructions after `from` only `reader` sees what `from` wrote to a run.
    fn is_read_only_by(&self, reader: usize, from: usize, run: &Run) -> bool {
        for i in from + 1..self.plan.code.len() {
            let touching = self.runs[i].iter().filter(|r| r.meets(run));
            if i != reader && touching.clone().any(|r| r.reads) {
                return false;
            }
            let covers = |r: &Run| {
                r.writes
                    && r.elements.start <= run.elements.start
                    && run.elements.end <= r.elements.end
            };
            if i > reader && touching.into_iter().any(covers) {
                return true;
            }
        }
        true
    }
}

fn run(at: Ref, len: u32) -> Run {
    let start = at.offset as usize;
    Run { buffer: at.buffer, elements: start..start + len as usize, reads: true, writes: false }
}
