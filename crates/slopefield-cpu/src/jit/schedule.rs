//! The order in which the instructions of a plan run, with equal calls side by side.
//!
//! A call of `exp` costs about 2 ns alone and 0.3 ns in a vector of eight, so calls of the same
//! function that do not depend on each other are gathered into scratch memory and made as one.
//! Calls are grouped by depth: the number of calls on the longest path from the inputs. What the
//! arguments of a group need runs just before it; everything else keeps its order.

use std::collections::{BTreeMap, HashSet};

use slopefield_graph::plan::{BinaryOp, Instruction, Plan, Ref, UnaryOp, Value};

use super::fuse::Fused;
use super::pair::{Parts, parts, pays, use_counts};
use crate::buffers::is_read_only;

/// A function whose calls can be gathered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Function {
    One(UnaryOp),
    Two(BinaryOp),
}

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step {
    /// The scalar instruction of this index.
    Scalar(u32),
    /// The dense instruction of this index.
    Dense(u32),
    /// Put a value into a slot, as an argument of a gathered call.
    Gather { slot: u32, value: Value },
    /// Compute two values at once and put them into a slot and the one after it.
    GatherPair { slot: u32, values: [Value; 2] },
    /// Replace `len` slots from `first` by the function of them; a function of two arguments takes
    /// its second ones from `first + len`.
    Call { function: Function, first: u32, len: u32 },
}

/// A plan in its order of execution.
pub(super) struct Schedule {
    /// What to do.
    pub steps: Vec<Step>,
    /// For results of gathered calls, the slot they end up in.
    pub slot: Vec<Option<u32>>,
    /// Number of slots.
    pub slots: u32,
    /// Values that are only computed as half of a pair.
    pub inner: Vec<bool>,
}

/// Fewest calls worth gathering.
const SMALLEST_GROUP: usize = 3;

/// The values that an instruction uses.
pub(super) fn operands(instruction: &Instruction) -> ([Value; 3], usize) {
    use Instruction::*;
    match *instruction {
        Unary(_, a) | Store(_, a) | AddTo(_, a) => ([a, 0, 0], 1),
        Binary(_, a, b) => ([a, b, 0], 2),
        Select(c, a, b) => ([c, a, b], 3),
        _ => ([0; 3], 0),
    }
}

/// Whether a value costs nothing but a load wherever it is used.
pub(super) fn is_free(instruction: &Instruction) -> bool {
    match instruction {
        Instruction::Constant(_) => true,
        Instruction::Load(r) => is_read_only(r.buffer),
        _ => false,
    }
}

fn is_scalar(instruction: &Instruction) -> bool {
    use Instruction::*;
    matches!(
        instruction,
        Constant(_) | Load(_) | Unary(..) | Binary(..) | Select(..) | Store(..) | AddTo(..)
    )
}

/// The function, if it has vector code that beats single calls.
fn gatherable(plan: &Plan, instruction: &Instruction) -> Option<Function> {
    use UnaryOp::*;
    match *instruction {
        Instruction::Unary(
            op @ (Exp | Expm1 | Ln | Log1p | Log2 | Log10 | Sin | Cos | Tan | Atan | Sinh | Cosh
            | Tanh | Sigmoid | Softplus | Cbrt | Erf | Erfc | Gelu),
            _,
        ) => Some(Function::One(op)),
        Instruction::Binary(op @ BinaryOp::Pow, _, b) if small_power(plan, b).is_none() => {
            Some(Function::Two(op))
        }
        _ => None,
    }
}

/// The exponent, if it is a constant for which a few multiplications do.
pub(super) fn small_power(plan: &Plan, exponent: Value) -> Option<i32> {
    match plan.code[exponent as usize] {
        Instruction::Constant(c) if [-1.0, 1.0, 2.0, 3.0, 4.0].contains(&c) => Some(c as i32),
        _ => None,
    }
}

/// Orders a verified plan without what has become part of something else. Without `gather`, in its
/// own order; with `pairs`, arguments of gathered calls may be computed two at a
/// time.
pub(super) fn schedule(plan: &Plan, fused: &Fused, gather: bool, pairs: bool) -> Schedule {
    let code = &plan.code;
    let needed = needed(code);
    let mut s = Scheduler {
        plan,
        pairs,
        used_once: use_counts(code, &needed).into_iter().map(|n| n == 1).collect(),
        needed,
        done: vec![false; code.len()],
        out: Schedule {
            steps: Vec::with_capacity(code.len()),
            slot: vec![None; code.len()],
            slots: 0,
            inner: vec![false; code.len()],
        },
        stack: Vec::new(),
    };
    let mut start = 0;
    while start < code.len() {
        if !is_scalar(&code[start]) {
            if !fused.is_part(start as u32) {
                s.out.steps.push(Step::Dense(start as u32));
            }
            start += 1;
            continue;
        }
        let end = region_end(code, start);
        if gather {
            s.gather_region(start, end);
        }
        for i in start..end {
            s.emit(i);
        }
        start = end;
    }
    s.out
}

/// End of the scalar instructions from `start` in which any load may move before any store.
fn region_end(code: &[Instruction], start: usize) -> usize {
    let mut written: HashSet<Ref> = HashSet::new();
    for (i, instruction) in code.iter().enumerate().skip(start) {
        match instruction {
            Instruction::Load(r) if written.contains(r) => return i,
            Instruction::Store(r, _) | Instruction::AddTo(r, _) => {
                written.insert(*r);
            }
            other if !is_scalar(other) => return i,
            _ => {}
        }
    }
    code.len()
}

/// Which instructions have an effect or are used by one that has.
fn needed(code: &[Instruction]) -> Vec<bool> {
    let mut needed = vec![false; code.len()];
    for i in (0..code.len()).rev() {
        let has_effect = !is_scalar(&code[i])
            || matches!(code[i], Instruction::Store(..) | Instruction::AddTo(..));
        needed[i] |= has_effect;
        if needed[i] {
            let (values, count) = operands(&code[i]);
            for &v in &values[..count] {
                needed[v as usize] = true;
            }
        }
    }
    needed
}

struct Scheduler<'a> {
    plan: &'a Plan,
    pairs: bool,
    used_once: Vec<bool>,
    needed: Vec<bool>,
    done: Vec<bool>,
    out: Schedule,
    stack: Vec<u32>,
}

impl Scheduler<'_> {
    /// Groups the calls of a region and puts each group as early as its arguments allow.
    fn gather_region(&mut self, start: usize, end: usize) {
        let code = &self.plan.code;
        // Depth of the values of the region; everything before it has depth 0.
        let mut depth = vec![0u32; end - start];
        let mut groups: BTreeMap<(u32, u32), (Function, Vec<u32>)> = BTreeMap::new();
        for i in start..end {
            let (values, count) = operands(&code[i]);
            let inside = values[..count].iter().filter(|&&v| v as usize >= start);
            let level = inside.map(|&v| depth[v as usize - start]).max().unwrap_or(0);
            depth[i - start] = level;
            if let Some(function) = gatherable(self.plan, &code[i]).filter(|_| self.needed[i]) {
                depth[i - start] += 1;
                let key = match function {
                    Function::One(op) => op as u32,
                    Function::Two(op) => 1000 + op as u32,
                };
                let group = groups.entry((level, key)).or_insert((function, Vec::new()));
                group.1.push(i as u32);
            }
        }
        for (function, calls) in groups.into_values() {
            if calls.len() >= SMALLEST_GROUP {
                self.gather(function, &calls);
            }
        }
    }

    fn gather(&mut self, function: Function, calls: &[u32]) {
        let (first, len) = (self.out.slots, calls.len() as u32);
        self.out.slots += match function {
            Function::One(_) => len,
            Function::Two(_) => 2 * len,
        };
        for (slot, pair) in (first..).step_by(2).zip(calls.chunks(2)) {
            for k in 0..operands(&self.plan.code[pair[0] as usize]).1 {
                let argument = |call: u32| operands(&self.plan.code[call as usize]).0[k];
                let slot = slot + k as u32 * len;
                match *pair {
                    [a, b] if self.pays([argument(a), argument(b)]) => {
                        self.gather_pair(slot, [argument(a), argument(b)]);
                    }
                    _ => {
                        for (slot, &call) in (slot..).zip(pair) {
                            let value = argument(call);
                            self.emit(value as usize);
                            self.out.steps.push(Step::Gather { slot, value });
                        }
                    }
                }
            }
            for (slot, &call) in (slot..).zip(pair) {
                self.done[call as usize] = true;
                self.out.slot[call as usize] = Some(slot);
            }
        }
        self.out.steps.push(Step::Call { function, first, len });
    }

    /// Whether a value can be computed as half of a pair: nobody else needs it, nor has it been
    /// computed.
    fn can_be_inner(&self, v: Value) -> bool {
        self.used_once[v as usize] && !self.done[v as usize]
    }

    fn pays(&self, values: [Value; 2]) -> bool {
        self.pairs && pays(self.plan, values, &|v| self.can_be_inner(v))
    }

    fn gather_pair(&mut self, slot: u32, values: [Value; 2]) {
        let mut found = Parts::default();
        parts(self.plan, values, &|v| self.can_be_inner(v), &mut found);
        for v in found.inner {
            self.done[v as usize] = true;
            self.out.inner[v as usize] = true;
        }
        for v in found.leaves {
            self.emit(v as usize);
        }
        self.out.steps.push(Step::GatherPair { slot, values });
    }

    /// Puts an instruction after everything it needs, unless it is done, free or without use.
    fn emit(&mut self, i: usize) {
        self.stack.push(i as u32);
        while let Some(&top) = self.stack.last() {
            let i = top as usize;
            let instruction = &self.plan.code[i];
            if self.done[i] || !self.needed[i] || is_free(instruction) {
                self.stack.pop();
                continue;
            }
            let (values, count) = operands(instruction);
            let waiting = values[..count]
                .iter()
                .rev()
                .filter(|&&v| !self.done[v as usize] && !is_free(&self.plan.code[v as usize]));
            let before = self.stack.len();
            self.stack.extend(waiting);
            if self.stack.len() == before {
                self.stack.pop();
                self.done[i] = true;
                self.out.steps.push(Step::Scalar(top));
            }
        }
    }
}
