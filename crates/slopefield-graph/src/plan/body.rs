//! Scalar programs that run for every lane of an array.

use super::{BinaryOp, Ref, UnaryOp, Value};

/// The program of an [`super::Instruction::Each`].
///
/// Every lane reads its inputs, computes, then writes its outputs; lanes do not see each other's
/// results. So a run that is written may also be an input only lane by lane ([`LaneInput::Lanes`]
/// of the same run, for [`LaneOutput::Store`]); apart from that, runs that are written overlap
/// neither inputs nor each other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Body {
    /// The program, in SSA order.
    pub code: Vec<BodyInstruction>,
    /// What [`BodyInstruction::Input`] refers to.
    pub inputs: Vec<LaneInput>,
    /// Where results go.
    pub outputs: Vec<LaneOutput>,
}

/// One instruction of a lane program. Values are numbered by position in [`Body::code`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BodyInstruction {
    /// A number.
    Constant(f64),
    /// An input, by its index in [`Body::inputs`].
    Input(u32),
    /// Function of one value.
    Unary(UnaryOp, Value),
    /// Function of two values.
    Binary(BinaryOp, Value, Value),
    /// `if condition != 0 { a } else { b }`; both have been computed.
    Select(Value, Value, Value),
}

/// Where lane `i` finds an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LaneInput {
    /// The same element for every lane.
    Uniform(Ref),
    /// Element `offset + i`.
    Lanes(Ref),
    /// Element `offset + table[i]`; the second field is an index into [`super::Plan::tables`], of
    /// a table with an entry for every lane.
    Gathered(Ref, u32),
}

/// What lane `i` does with a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LaneOutput {
    /// `dst[i] = v`.
    Store(Ref, Value),
    /// `dst[i] += v`.
    AddTo(Ref, Value),
    /// `dst[table[i]] += v`, lanes in order.
    ScatterAdd(Ref, u32, Value),
    /// `dst[0] += Σ v` over all lanes. The sum is made first and then added. Back ends may split
    /// it, as they do for [`super::Instruction::Sum`], so it is the same up to rounding.
    SumTo(Ref, Value),
}

impl BodyInstruction {
    /// The values it uses.
    pub fn values(self) -> impl Iterator<Item = Value> {
        let (a, b, c) = match self {
            BodyInstruction::Constant(_) | BodyInstruction::Input(_) => (None, None, None),
            BodyInstruction::Unary(_, a) => (Some(a), None, None),
            BodyInstruction::Binary(_, a, b) => (Some(a), Some(b), None),
            BodyInstruction::Select(c, a, b) => (Some(c), Some(a), Some(b)),
        };
        [a, b, c].into_iter().flatten()
    }
}

impl LaneInput {
    /// First element, and the table for gathered lanes.
    #[must_use]
    pub fn place(self) -> (Ref, Option<u32>) {
        match self {
            LaneInput::Uniform(at) | LaneInput::Lanes(at) => (at, None),
            LaneInput::Gathered(at, table) => (at, Some(table)),
        }
    }
}

impl LaneOutput {
    /// The value that is written or added.
    #[must_use]
    pub fn value(self) -> Value {
        match self {
            LaneOutput::Store(_, v)
            | LaneOutput::AddTo(_, v)
            | LaneOutput::ScatterAdd(_, _, v)
            | LaneOutput::SumTo(_, v) => v,
        }
    }
}
