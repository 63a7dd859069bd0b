//! Cuts a program at its calls of vector functions.
//!
//! A vector function on one register waits for itself (`exp` has a latency of about 60 cycles and a
//! throughput of 8); on the lanes of a whole block it does not. So a program becomes loops of plain
//! arithmetic with calls between them, each call over all lanes, and all calls of one function that
//! do not depend on each other as one. Values pass from loop to loop in rows of work space.

use std::collections::BTreeMap;

use slopefield_graph::plan::{BinaryOp, UnaryOp};

use super::program::{Op, Output, Program, Stream, Value};

/// A vector function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Function {
    One(UnaryOp),
    Two(BinaryOp),
}

/// A part of a program.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stage {
    /// Arithmetic.
    Loop(Program),
    /// Replaces the rows `first..first + rows` by the function of them; a function of two arguments
    /// takes its second ones from the `rows` behind.
    Call { function: Function, first: u32, rows: u32 },
}

/// The parts of a program in order; takes new rows from `next_row`, whose lanes are `stream(row)`.
pub(super) fn stages(
    program: &Program,
    next_row: &mut u32,
    stream: impl Fn(u32) -> Stream,
) -> Vec<Stage> {
    let code = &program.code;
    let needed = needed(program);
    let groups = groups(code, &needed);
    let last = groups.keys().map(|(level, _)| level + 1).max().unwrap_or(0);

    // Rows of the calls, arguments and results alike.
    let mut row: Vec<Option<u32>> = vec![None; code.len()];
    let mut calls: Vec<Vec<(Function, u32, &[Value])>> = vec![Vec::new(); last as usize + 1];
    for (&(level, _), (function, members)) in &groups {
        let first = *next_row;
        let len = members.len() as u32;
        *next_row += if matches!(function, Function::Two(_)) { 2 * len } else { len };
        for (place, &v) in (first..).zip(members) {
            row[v as usize] = Some(place);
        }
        calls[level as usize].push((*function, first, members));
    }

    // The loop in which each value is computed: the first that needs it.
    let mut home: Vec<Option<u32>> = vec![None; code.len()];
    let mut crosses = vec![false; code.len()];
    let mut stack: Vec<Value> = Vec::new();
    for level in 0..=last {
        for (_, _, members) in &calls[level as usize] {
            stack.extend(members.iter().flat_map(|&v| code[v as usize].operands()));
        }
        if level == last {
            stack.extend(program.outputs.iter().map(|o| o.value));
        }
        while let Some(v) = stack.pop() {
            let op = &code[v as usize];
            if matches!(op, Op::Input(_)) || !op.is_arithmetic() {
                continue;
            }
            match home[v as usize] {
                Some(earlier) => crosses[v as usize] |= earlier < level,
                None => {
                    home[v as usize] = Some(level);
                    stack.extend(op.operands());
                }
            }
        }
    }
    for v in (0..code.len()).filter(|&v| crosses[v]) {
        row[v] = Some(*next_row);
        *next_row += 1;
    }

    let mut parts = Vec::new();
    for level in 0..=last {
        let mut part = Part {
            code,
            row: &row,
            stream: &stream,
            program: Program::default(),
            local: BTreeMap::new(),
        };
        for v in 0..code.len() {
            if home[v] == Some(level) {
                part.compute(v as Value);
                if crosses[v] {
                    part.give(v as Value, stream(row[v].unwrap_or(0)), false);
                }
            }
        }
        for (function, first, members) in &calls[level as usize] {
            let len = members.len() as u32;
            for (place, &v) in (*first..).zip(*members) {
                for (k, argument) in (0..).zip(code[v as usize].operands()) {
                    part.give(argument, stream(place + k * len), false);
                }
            }
            let _ = function;
        }
        if level == last {
            for output in &program.outputs {
                part.give(output.value, output.to, output.add);
            }
        }
        if !part.program.outputs.is_empty() {
            parts.push(Stage::Loop(part.program));
        }
        for &(function, first, members) in &calls[level as usize] {
            parts.push(Stage::Call { function, first, rows: members.len() as u32 });
        }
    }
    parts
}

/// Which values have a use.
fn needed(program: &Program) -> Vec<bool> {
    let mut needed = vec![false; program.code.len()];
    for output in &program.outputs {
        needed[output.value as usize] = true;
    }
    for v in (0..program.code.len()).rev() {
        if needed[v] {
            for a in program.code[v].operands() {
                needed[a as usize] = true;
            }
        }
    }
    needed
}

/// Calls that can be made as one: of one function, after the same number of calls.
fn groups(code: &[Op], needed: &[bool]) -> BTreeMap<(u32, u32), (Function, Vec<Value>)> {
    let mut groups: BTreeMap<(u32, u32), (Function, Vec<Value>)> = BTreeMap::new();
    let mut depth = vec![0u32; code.len()];
    for (v, op) in code.iter().enumerate() {
        let level = op.operands().map(|a| depth[a as usize]).max().unwrap_or(0);
        depth[v] = level;
        let (function, key) = match *op {
            Op::Unary(f, _) => (Function::One(f), f as u32),
            Op::Binary(f, _, _) => (Function::Two(f), 1000 + f as u32),
            _ => continue,
        };
        if op.is_arithmetic() || !needed[v] {
            continue;
        }
        depth[v] = level + 1;
        groups.entry((level, key)).or_insert((function, Vec::new())).1.push(v as Value);
    }
    groups
}

/// One loop while it is put together.
struct Part<'a, F> {
    code: &'a [Op],
    row: &'a [Option<u32>],
    stream: &'a F,
    program: Program,
    /// Values of the whole program in this one.
    local: BTreeMap<Value, Value>,
}

impl<F: Fn(u32) -> Stream> Part<'_, F> {
    /// A value as one of this loop.
    fn value(&mut self, v: Value) -> Value {
        if let Some(&local) = self.local.get(&v) {
            return local;
        }
        let from = match (self.code[v as usize], self.row[v as usize]) {
            (Op::Input(stream), _) => stream,
            (_, Some(row)) => (self.stream)(row),
            (op, None) => unreachable!("{op:?} is computed in the first loop that needs it"),
        };
        let local = self.program.push(Op::Input(from));
        self.local.insert(v, local);
        local
    }

    fn compute(&mut self, v: Value) {
        let op = match self.code[v as usize] {
            Op::Input(stream) => Op::Input(stream),
            Op::Unary(f, a) => Op::Unary(f, self.value(a)),
            Op::Binary(f, a, b) => Op::Binary(f, self.value(a), self.value(b)),
            Op::Select(c, a, b) => Op::Select(self.value(c), self.value(a), self.value(b)),
        };
        let local = self.program.push(op);
        self.local.insert(v, local);
    }

    fn give(&mut self, v: Value, to: Stream, add: bool) {
        let value = self.value(v);
        self.program.outputs.push(Output { to, value, add });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(row: u32) -> Stream {
        Stream { base: 9, offset: row as i32 * 64, uniform: false }
    }

    fn input(k: i32) -> Op {
        Op::Input(Stream { base: 0, offset: k, uniform: false })
    }

    /// `out = exp(x + y) * exp(x) + sin(exp(x)) + (x + y)`.
    #[test]
    fn calls_of_one_depth_are_made_together_and_values_cross_in_rows() {
        let mut p = Program::default();
        let (x, y) = (p.push(input(0)), p.push(input(8)));
        let sum = p.push(Op::Binary(BinaryOp::Add, x, y));
        let e1 = p.push(Op::Unary(UnaryOp::Exp, sum));
        let e2 = p.push(Op::Unary(UnaryOp::Exp, x));
        let product = p.push(Op::Binary(BinaryOp::Mul, e1, e2));
        let s = p.push(Op::Unary(UnaryOp::Sin, e2));
        let unused = p.push(Op::Unary(UnaryOp::Cos, e2));
        assert_eq!(unused, 7);
        let first = p.push(Op::Binary(BinaryOp::Add, product, s));
        let all = p.push(Op::Binary(BinaryOp::Add, first, sum));
        let to = Stream { base: 1, offset: 0, uniform: false };
        p.outputs.push(Output { to, value: all, add: true });
        let mut rows = 5;
        let parts = stages(&p, &mut rows, row);
        assert_eq!(rows, 5 + 2 + 1 + 1, "two for exp, one for sin, one for x + y");
        let kinds: Vec<String> = parts
            .iter()
            .map(|part| match part {
                Stage::Loop(p) => format!("loop {}", p.outputs.len()),
                Stage::Call { function, first, rows } => format!("{function:?} {first} {rows}"),
            })
            .collect();
        assert_eq!(
            kinds,
            ["loop 3", "One(Exp) 5 2", "loop 1", "One(Sin) 7 1", "loop 1"],
            "arguments of exp and the sum; the argument of sin; the result"
        );
        let Stage::Loop(last) = &parts[4] else { panic!("{parts:?}") };
        assert_eq!(last.outputs[0].to, to);
        assert!(last.outputs[0].add);
        assert!(last.code.contains(&Op::Input(row(8))), "the sum is not computed again");
    }

    #[test]
    fn a_program_without_calls_is_one_loop_without_what_nobody_needs() {
        let mut p = Program::default();
        let (x, y) = (p.push(input(0)), p.push(input(8)));
        let product = p.push(Op::Binary(BinaryOp::Mul, x, y));
        p.push(Op::Binary(BinaryOp::Div, x, y));
        p.outputs.push(Output { to: row(1), value: product, add: false });
        p.outputs.push(Output { to: row(2), value: x, add: false });
        let parts = stages(&p, &mut 0, row);
        let [Stage::Loop(only)] = &parts[..] else { panic!("{parts:?}") };
        assert_eq!((only.code.len(), only.outputs.len()), (3, 2));
    }
}
