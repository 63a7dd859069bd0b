//! Results computed where they go.
//!
//! A vector that is a result and is used again is computed in scratch memory and copied, because a
//! plan reads no results. Code may: whoever made such a vector writes the result, whoever used it
//! reads the result, and the copy is gone. Evaluations that write down what their reverse products
//! need consist of such vectors.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use slopefield_graph::plan::{Buffer, Instruction, LaneInput, LaneOutput, Plan, Ref, Run};

/// A verified plan without the copies from scratch memory that its instructions can do without. What
/// it computes has the same bits. It may read results, so it would not pass the verifier again.
pub(crate) fn in_place(mut plan: Cow<'_, Plan>) -> Cow<'_, Plan> {
    if plan.code.len() > LONG {
        return plan;
    }
    for at in 0..plan.code.len() {
        let Some(copy) = copy_of_scratch(&plan, at) else { continue };
        let Some(moved) = Moved::find(&plan, at, copy) else { continue };
        moved.apply(plan.to_mut(), copy);
        // The numbers of instructions are those of values, so none can be left out; this one has no
        // effect.
        plan.to_mut().code[at] = Instruction::Constant(0.0);
    }
    plan
}

/// Longer plans have other costs, and every copy is a pass over all instructions.
const LONG: usize = 4096;

/// A vector and the result that it is.
#[derive(Debug, Clone, Copy)]
struct CopyOut {
    dst: Ref,
    src: Ref,
    len: u32,
}

fn copy_of_scratch(plan: &Plan, at: usize) -> Option<CopyOut> {
    match plan.code[at] {
        Instruction::Copy { dst, src, len }
            if src.buffer == Buffer::Scratch
                && matches!(dst.buffer, Buffer::Out | Buffer::OutTangent) =>
        {
            Some(CopyOut { dst, src, len })
        }
        _ => None,
    }
}

/// The instructions that have to do with such a vector.
struct Moved {
    maker: usize,
    readers: Vec<usize>,
}

impl Moved {
    /// None where somebody else has to do with the memory of the vector or of the result, or only
    /// with a part of it.
    fn find(plan: &Plan, at: usize, copy: CopyOut) -> Option<Moved> {
        let (vector, result) = (run(copy.src, copy.len), run(copy.dst, copy.len));
        let runs: Vec<Vec<Run>> = plan.code.iter().map(|i| plan.runs(i)).collect();
        let meets = |i: usize, with: &Run| runs[i].iter().any(|r| r.meets(with));
        if (0..runs.len()).any(|i| i != at && meets(i, &result)) {
            return None;
        }
        let maker =
            (0..at).rev().find(|&i| runs[i].iter().any(|r| r.writes && r.meets(&vector)))?;
        if destination(plan, maker) != Some((copy.src, copy.len)) {
            return None;
        }
        let mut readers = Vec::new();
        for i in (maker + 1..runs.len()).filter(|i| *i != at) {
            let mut touching = runs[i].iter().filter(|r| r.meets(&vector)).peekable();
            if touching.peek().is_none() {
                continue;
            }
            let is_load = matches!(plan.code[i], Instruction::Load(_));
            let within = |r: &Run| !r.writes && covers(&vector, r) && !is_load;
            if touching.clone().all(within) {
                readers.push(i);
            } else if i > at && touching.all(|r| !r.reads && covers(r, &vector)) {
                break; // the memory is somebody else's from here on
            } else {
                return None;
            }
        }
        Some(Moved { maker, readers })
    }

    fn apply(&self, plan: &mut Plan, CopyOut { dst, src, len }: CopyOut) {
        let body = own_body(plan, self.maker);
        match (&mut plan.code[self.maker], body) {
            (Instruction::Layer { y, .. }, _)
            | (Instruction::MatVec { y, .. }, _)
            | (Instruction::MatTVec { y, .. }, _) => *y = dst,
            (Instruction::Map { dst: y, .. } | Instruction::Zip { dst: y, .. }, _) => *y = dst,
            (_, Some(body)) => {
                for output in &mut plan.bodies[body].outputs {
                    if let LaneOutput::Store(at, _) = output
                        && *at == src
                    {
                        *at = dst;
                    }
                }
            }
            _ => {}
        }
        let moved = |at: &mut Ref| {
            if at.buffer == src.buffer && (src.offset..src.offset + len).contains(&at.offset) {
                *at = dst.plus(at.offset - src.offset);
            }
        };
        for &reader in &self.readers {
            if let Some(body) = own_body(plan, reader) {
                for input in &mut plan.bodies[body].inputs {
                    let (LaneInput::Uniform(at)
                    | LaneInput::Lanes(at)
                    | LaneInput::Gathered(at, _)) = input;
                    moved(at);
                }
            }
            each_operand(&mut plan.code[reader], moved);
        }
    }
}

/// What an instruction writes, if that is one vector from its first to its last element and its earlier
/// contents do not matter.
fn destination(plan: &Plan, at: usize) -> Option<(Ref, u32)> {
    match plan.code[at] {
        Instruction::Layer { y, rows, .. } | Instruction::MatVec { y, rows, add: false, .. } => {
            Some((y, rows))
        }
        Instruction::MatTVec { y, cols, add: false, .. } => Some((y, cols)),
        Instruction::Map { dst, len, .. } | Instruction::Zip { dst, len, .. } => Some((dst, len)),
        Instruction::Each { body, count } => match plan.bodies[body as usize].outputs[..] {
            [LaneOutput::Store(y, _)] => Some((y, count)),
            _ => None,
        },
        _ => None,
    }
}

/// Gives a loop a body that is nobody else's.
fn own_body(plan: &mut Plan, at: usize) -> Option<usize> {
    let Instruction::Each { body, .. } = plan.code[at] else { return None };
    let uses = |i: &&Instruction| matches!(i, Instruction::Each { body: b, .. } if *b == body);
    if plan.code.iter().filter(uses).count() == 1 {
        return Some(body as usize);
    }
    plan.bodies.push(plan.bodies[body as usize].clone());
    let own = plan.bodies.len() - 1;
    if let Instruction::Each { body, .. } = &mut plan.code[at] {
        *body = own as u32;
    }
    Some(own)
}

/// The vectors that a dense instruction reads.
fn each_operand(instruction: &mut Instruction, mut visit: impl FnMut(&mut Ref)) {
    use Instruction::*;
    match instruction {
        Copy { src, .. }
        | Add { src, .. }
        | Map { src, .. }
        | Sum { src, .. }
        | Custom { src, .. } => visit(src),
        Zip { a, b, .. } | Dot { a, b, .. } => [a, b].into_iter().for_each(visit),
        MatVec { a, x, .. } | MatTVec { a, x, .. } => [a, x].into_iter().for_each(visit),
        Outer { x, y, .. } => [x, y].into_iter().for_each(visit),
        Layer { a, x, bias, .. } => [a, x].into_iter().chain(bias).for_each(visit),
        Constant(_)
        | Load(_)
        | Unary(..)
        | Binary(..)
        | Select(..)
        | Store(..)
        | AddTo(..)
        | Fill { .. }
        | Each { .. } => {}
    }
}

fn covers(outer: &Run, inner: &Run) -> bool {
    outer.elements.start <= inner.elements.start && inner.elements.end <= outer.elements.end
}

fn run(at: Ref, len: u32) -> Run {
    let start = at.offset as usize;
    Run { buffer: at.buffer, elements: start..start + len as usize, reads: true, writes: false }
}
