//! Scratch memory is given out anew once the plan is known: a run's place is free again after the
//! last instruction that touches it.
//!
//! While a plan is made, every run has elements of its own, which is what makes loads from scratch
//! as good as values. Afterwards only the order of instructions counts, and back ends keep the
//! order of a store and a load of one element.

use std::collections::BTreeMap;

use super::ALIGNMENT;
use super::numbering::Finished;
use crate::plan::{Body, Buffer, Instruction, LaneInput, LaneOutput, Loops, Ref};

/// Places the runs anew, each given by its first element and length in rising order. Returns the
/// elements of scratch that are needed.
pub(super) fn reuse(plan: &mut Finished, runs: &[(u32, u32)]) -> u32 {
    let run_of = |element: u32| runs.partition_point(|(start, _)| *start <= element) - 1;
    let mut lives: Vec<Option<(usize, usize)>> = vec![None; runs.len()];
    let mut touches = Vec::new();
    for (i, instruction) in plan.code.iter().enumerate() {
        touches.clear();
        let loops = Loops { bodies: &plan.bodies, tables: &plan.tables };
        instruction.touches(loops, &mut touches);
        for touch in touches.iter().filter(|t| t.at.buffer == Buffer::Scratch) {
            let (from, _) = lives[run_of(touch.at.offset)].unwrap_or((i, i));
            lives[run_of(touch.at.offset)] = Some((from, i));
        }
    }

    // Long runs start at whole cache lines, so short ones have a region of their own.
    let mut starting: Vec<Vec<usize>> = vec![Vec::new(); plan.code.len()];
    let mut ending: Vec<Vec<usize>> = vec![Vec::new(); plan.code.len()];
    for (run, life) in lives.iter().enumerate() {
        if let Some((from, to)) = life {
            starting[*from].push(run);
            ending[*to].push(run);
        }
    }
    let (mut long, mut short) = (Arena::default(), Arena::default());
    let mut place = vec![0; runs.len()];
    let is_long = |run: usize| runs[run].1 >= ALIGNMENT;
    let size = |run: usize| {
        let len = runs[run].1;
        if is_long(run) { len.next_multiple_of(ALIGNMENT) } else { len }
    };
    for (starting, ending) in starting.iter().zip(&ending) {
        for run in starting {
            let arena = if is_long(*run) { &mut long } else { &mut short };
            place[*run] = arena.take(size(*run));
        }
        for run in ending {
            let arena = if is_long(*run) { &mut long } else { &mut short };
            arena.give_back(place[*run], size(*run));
        }
    }
    let mut moved = |at: &mut Ref| {
        if at.buffer == Buffer::Scratch {
            let run = run_of(at.offset);
            let start = place[run] + if is_long(run) { 0 } else { long.len };
            at.offset = start + (at.offset - runs[run].0);
        }
    };
    plan.code.iter_mut().for_each(|instruction| instruction.each_ref(&mut moved));
    plan.bodies.iter_mut().for_each(|body| body.each_ref(&mut moved));
    long.len + short.len
}

/// Free ranges below `len`, by their start; neighbours are joined.
#[derive(Default)]
struct Arena {
    free: BTreeMap<u32, u32>,
    len: u32,
}

impl Arena {
    fn take(&mut self, size: u32) -> u32 {
        // The smallest that is large enough.
        let best = self.free.iter().filter(|(_, len)| **len >= size).min_by_key(|(_, len)| **len);
        if let Some((&start, &len)) = best {
            self.free.remove(&start);
            if len > size {
                self.free.insert(start + size, len - size);
            }
            return start;
        }
        // Grow, from a free range at the end if there is one.
        let start = match self.free.last_key_value() {
            Some((&start, &len)) if start + len == self.len => {
                self.free.remove(&start);
                start
            }
            _ => self.len,
        };
        self.len = start + size;
        start
    }

    fn give_back(&mut self, mut start: u32, mut len: u32) {
        if let Some((&before, &before_len)) = self.free.range(..start).next_back()
            && before + before_len == start
        {
            self.free.remove(&before);
            (start, len) = (before, before_len + len);
        }
        if let Some(after) = self.free.remove(&(start + len)) {
            len += after;
        }
        self.free.insert(start, len);
    }
}

impl Instruction {
    fn each_ref(&mut self, change: &mut impl FnMut(&mut Ref)) {
        match self {
            Instruction::Constant(_)
            | Instruction::Unary(..)
            | Instruction::Binary(..)
            | Instruction::Select(..)
            | Instruction::Each { .. } => {}
            Instruction::Load(at) | Instruction::Store(at, _) | Instruction::AddTo(at, _) => {
                change(at);
            }
            Instruction::Fill { dst, .. } => change(dst),
            Instruction::Copy { dst, src, .. }
            | Instruction::Add { dst, src, .. }
            | Instruction::Map { dst, src, .. }
            | Instruction::Custom { dst, src, .. }
            | Instruction::Sum { dst, src, .. } => [dst, src].into_iter().for_each(change),
            Instruction::Zip { dst, a, b, .. } | Instruction::Dot { dst, a, b, .. } => {
                [dst, a, b].into_iter().for_each(change);
            }
            Instruction::MatVec { y, a, x, .. }
            | Instruction::MatTVec { y, a, x, .. }
            | Instruction::Outer { a, x, y, .. } => [y, a, x].into_iter().for_each(change),
            Instruction::Layer { y, a, x, bias, .. } => {
                [y, a, x].into_iter().chain(bias).for_each(change);
            }
        }
    }
}

impl Body {
    fn each_ref(&mut self, change: &mut impl FnMut(&mut Ref)) {
        for input in &mut self.inputs {
            let (LaneInput::Uniform(at) | LaneInput::Lanes(at) | LaneInput::Gathered(at, _)) =
                input;
            change(at);
        }
        for output in &mut self.outputs {
            let (LaneOutput::Store(at, _)
            | LaneOutput::AddTo(at, _)
            | LaneOutput::ScatterAdd(at, _, _)
            | LaneOutput::SumTo(at, _)) = output;
            change(at);
        }
    }
}
