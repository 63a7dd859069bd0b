//! The order in which a loop computes and writes, and when each value is used.

use std::collections::{HashMap, HashSet};

use super::program::{Op, Program, Stream, Value};

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Item {
    /// The operation of this index.
    Compute(u32),
    /// The output of this index.
    Write(u32),
}

/// The order of a program.
#[derive(Debug)]
pub(super) struct Order {
    pub items: Vec<Item>,
    /// For each value, the items that use it, the last first.
    pub uses: Vec<Vec<u32>>,
    /// Inputs that a result is written over: they must be read where they stand in the program.
    pub fleeting: Vec<bool>,
}

/// Orders a program: results are written as soon as they are known where that disturbs no input,
/// which keeps few values alive; the others at the end.
pub(super) fn order(program: &Program) -> Order {
    let inputs: HashSet<Stream> = program
        .code
        .iter()
        .filter_map(|op| if let Op::Input(stream) = op { Some(*stream) } else { None })
        .collect();
    let mut writes: HashMap<Stream, u32> = HashMap::new();
    for output in &program.outputs {
        *writes.entry(output.to).or_insert(0) += 1;
    }
    let mut early: HashMap<Value, Vec<u32>> = HashMap::new();
    let mut late = Vec::new();
    for (k, output) in (0..).zip(&program.outputs) {
        let computed = !matches!(program.code[output.value as usize], Op::Input(_));
        if computed && !inputs.contains(&output.to) && writes[&output.to] == 1 {
            early.entry(output.value).or_default().push(k);
        } else {
            late.push(k);
        }
    }
    let mut items = Vec::with_capacity(program.code.len() + program.outputs.len());
    for v in 0..program.code.len() as u32 {
        items.push(Item::Compute(v));
        items.extend(early.get(&v).into_iter().flatten().map(|&k| Item::Write(k)));
    }
    items.extend(late.into_iter().map(Item::Write));

    let mut uses = vec![Vec::new(); program.code.len()];
    for (position, item) in items.iter().enumerate().rev() {
        let position = position as u32;
        match *item {
            Item::Compute(v) => {
                for a in program.code[v as usize].operands() {
                    uses[a as usize].push(position);
                }
            }
            Item::Write(k) => uses[program.outputs[k as usize].value as usize].push(position),
        }
    }
    let fleeting = program
        .code
        .iter()
        .map(|op| matches!(op, Op::Input(stream) if writes.contains_key(stream)))
        .collect();
    Order { items, uses, fleeting }
}
