//! Two values at once, in one register.
//!
//! Arguments of gathered calls lie side by side in memory, so those that are computed alike are
//! computed and stored two at a time where that saves a division or a root. Every lane is rounded
//! as the single operation would be.

use slopefield_graph::plan::{BinaryOp, Instruction, Plan, Ref, UnaryOp, Value};

use super::schedule::{is_free, operands};
use crate::buffers::is_by_value;

/// What two values have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pair {
    /// They are one.
    Same,
    /// Elements side by side, the first one here.
    Run(Ref),
    /// The same function of two pairs.
    Unary(UnaryOp, [Value; 2]),
    /// The same function of four values, first operands first.
    Binary(BinaryOp, [Value; 2], [Value; 2]),
    /// Nothing.
    Apart,
}

/// What two values have in common. Values that `is_inner` denies are needed as they are.
pub(super) fn pair(plan: &Plan, [a, b]: [Value; 2], is_inner: impl Fn(Value) -> bool) -> Pair {
    use Instruction::*;
    if a == b {
        return Pair::Same;
    }
    let inner = is_inner(a) && is_inner(b);
    match (plan.code[a as usize], plan.code[b as usize]) {
        (Load(x), Load(y))
            if is_free(&plan.code[a as usize])
                && !is_by_value(x.buffer)
                && x.buffer == y.buffer
                && x.offset.checked_add(1) == Some(y.offset) =>
        {
            Pair::Run(x)
        }
        (Unary(f, x), Unary(g, y)) if inner && f == g && is_pairwise1(f) => Pair::Unary(f, [x, y]),
        (Binary(f, x, z), Binary(g, y, w)) if inner && f == g && is_pairwise2(f) => {
            Pair::Binary(f, [x, y], [z, w])
        }
        _ => Pair::Apart,
    }
}

fn is_pairwise1(f: UnaryOp) -> bool {
    matches!(f, UnaryOp::Neg | UnaryOp::Abs | UnaryOp::Sqrt)
}

fn is_pairwise2(f: BinaryOp) -> bool {
    matches!(f, BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div)
}

/// Whether two values are better computed at once: with fewer divisions, roots or accesses.
pub(super) fn pays(plan: &Plan, values: [Value; 2], is_inner: &impl Fn(Value) -> bool) -> bool {
    match pair(plan, values, is_inner) {
        Pair::Same
        | Pair::Run(_)
        | Pair::Unary(UnaryOp::Sqrt, _)
        | Pair::Binary(BinaryOp::Div, ..) => true,
        Pair::Unary(_, x) => pays(plan, x, is_inner),
        Pair::Binary(_, x, y) => pays(plan, x, is_inner) || pays(plan, y, is_inner),
        Pair::Apart => false,
    }
}

/// The values that the code for a pair takes as they are, and those that it computes in pairs.
#[derive(Default)]
pub(super) struct Parts {
    pub leaves: Vec<Value>,
    pub inner: Vec<Value>,
}

/// Collects the parts of a pair.
pub(super) fn parts(
    plan: &Plan,
    values: [Value; 2],
    is_inner: &impl Fn(Value) -> bool,
    parts: &mut Parts,
) {
    match pair(plan, values, is_inner) {
        Pair::Same => parts.leaves.push(values[0]),
        Pair::Apart => parts.leaves.extend(values),
        Pair::Run(_) => {}
        Pair::Unary(_, x) => {
            parts.inner.extend(values);
            self::parts(plan, x, is_inner, parts);
        }
        Pair::Binary(_, x, y) => {
            parts.inner.extend(values);
            self::parts(plan, x, is_inner, parts);
            self::parts(plan, y, is_inner, parts);
        }
    }
}

/// How often each value is used.
pub(super) fn use_counts(code: &[Instruction], needed: &[bool]) -> Vec<u32> {
    let mut uses = vec![0; code.len()];
    for (instruction, _) in code.iter().zip(needed).filter(|(_, needed)| **needed) {
        let (values, count) = operands(instruction);
        for &v in &values[..count] {
            uses[v as usize] += 1;
        }
    }
    uses
}

#[cfg(test)]
mod tests {
    use super::super::fuse::Fused;
    use super::super::schedule::{Step, schedule};
    use super::*;

    #[test]
    fn neighbours_that_are_computed_alike_make_a_pair() {
        let text = "\
plan Eval: 1 states, 5 params, 4 outputs, 0 scratch
  v0 = load p[0]
  v1 = load p[1]
  v2 = load p[2]
  v3 = load u[0]
  v4 = div v0 v3
  v5 = div v1 v3
  v6 = div v2 v3
  v7 = mul v0 v3
  v8 = exp v4
  v9 = exp v5
  v10 = exp v6
  v11 = exp v7
  out[0] = v8
  out[1] = v9
  out[2] = v10
  out[3] = v11
";
        let plan: Plan = text.parse().unwrap_or_else(|e| panic!("{e}"));
        plan.verify().unwrap_or_else(|e| panic!("{e}"));
        let with = schedule(&plan, &Fused::default(), true, true);
        assert!(with.steps.contains(&Step::GatherPair { slot: 0, values: [4, 5] }));
        assert!(
            with.steps.contains(&Step::Gather { slot: 2, value: 6 }),
            "a quotient and a product"
        );
        let scalar = |v| with.steps.contains(&Step::Scalar(v));
        assert!(!scalar(4) && !scalar(5) && scalar(6) && scalar(7));
        let without = schedule(&plan, &Fused::default(), true, false);
        assert!(!without.steps.iter().any(|s| matches!(s, Step::GatherPair { .. })));
    }
}
