//! The flat program that every back end compiles or interprets.
//!
//! Lowering ends luminal here. A [`Plan`] is a straight line of instructions over numbered
//! buffers of `f64`; it has no loops besides those inside dense instructions and the lane loops of
//! [`Instruction::Each`], no allocation and no pointers, so the interpreter, native code and GPU text
//! are made from the same thing. The one exception are operators that somebody else computes
//! ([`Instruction::Custom`]), which have no text for graphics cards.

mod body;
mod error;
pub(crate) mod parse;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod touch;
mod verify;

use crate::custom::CustomOp;
pub use body::{Body, BodyInstruction, LaneInput, LaneOutput};
pub use error::{PlanError, limits};
pub use parse::PlanTextError;
pub use touch::Run;
pub(crate) use touch::{Loops, Touch};

/// Number of an SSA value of the scalar instructions; equals the index of the instruction that
/// defines it in [`Plan::code`].
pub type Value = u32;

/// The buffers that a plan may touch. Which exist depends on the entry (see [`Entry`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Buffer {
    /// Time, one element. Read only.
    Time,
    /// States. Read only.
    States,
    /// Parameters. Read only.
    Params,
    /// Tangents of time, states, params (entries `Jvp` and `Hvp`). Read only.
    TimeTangent,
    #[expect(missing_docs, reason = "see TimeTangent")]
    StatesTangent,
    #[expect(missing_docs, reason = "see TimeTangent")]
    ParamsTangent,
    /// Cotangent of the output (entries `Vjp`, `Factored` and `Hvp`). Read only.
    Weights,
    /// Result; of the entry `Factored`, the factors of what it leaves open. Written once per element.
    Out,
    /// Tangent of the result (entry `Jvp`). Written once per element.
    OutTangent,
    /// Gradients (entries `Vjp`, `Factored` and `Hvp`): instructions only ever add to them.
    TimeGrad,
    #[expect(missing_docs, reason = "see TimeGrad")]
    StatesGrad,
    #[expect(missing_docs, reason = "see TimeGrad")]
    ParamsGrad,
    /// Work space, contents undefined at entry.
    Scratch,
    /// Numbers of the plan itself ([`Plan::constants`]). Read only.
    Constants,
}

/// What a plan computes; decides which buffers exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entry {
    /// `Out = f(Time, States, Params)`.
    Eval,
    /// `Out = f`, `OutTangent = ∂f · (TimeTangent, StatesTangent, ParamsTangent)`.
    Jvp,
    /// `TimeGrad/StatesGrad/ParamsGrad += Weightsᵀ ∂f`.
    Vjp,
    /// As `Vjp`, except for outer products of vectors that belong to `ParamsGrad`: their factors are
    /// written to `Out`, for somebody who adds those of many products in one pass
    /// ([`crate::lower_recording`]). Not one of [`Plans`].
    Factored,
    /// The derivative of what `Vjp` adds, along a direction in time, states and params:
    /// `TimeGrad/StatesGrad/ParamsGrad += ∂²(Weightsᵀ f) · (TimeTangent, StatesTangent,
    /// ParamsTangent)`. A plan of its own ([`crate::lower_hessian`]); not one of [`Plans`].
    Hvp,
}

/// First element of a run of elements in a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ref {
    /// Buffer.
    pub buffer: Buffer,
    /// Offset in elements.
    pub offset: u32,
}

/// One instruction. Scalar ones define an SSA value; dense ones work on runs of elements and
/// define none. Runs never overlap unless they are equal and the doc says so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Instruction {
    /// A number.
    Constant(f64),
    /// An element.
    Load(Ref),
    /// Function of one value.
    Unary(UnaryOp, Value),
    /// Function of two values.
    Binary(BinaryOp, Value, Value),
    /// `if condition != 0 { a } else { b }`; both have been computed, neither raises anything.
    Select(Value, Value, Value),
    /// Writes an element (`Out`, `OutTangent`, `Scratch`).
    Store(Ref, Value),
    /// Adds to an element (`*Grad`, `Scratch`).
    AddTo(Ref, Value),

    /// `dst[..len] = value`.
    Fill {
        /// Destination.
        dst: Ref,
        /// Number of elements.
        len: u32,
        /// What is written.
        value: f64,
    },
    /// `dst[..len] = src[..len]`.
    Copy {
        /// Destination.
        dst: Ref,
        /// Source.
        src: Ref,
        /// Number of elements.
        len: u32,
    },
    /// `dst[..len] += src[..len]`.
    Add {
        /// Destination.
        dst: Ref,
        /// Source.
        src: Ref,
        /// Number of elements.
        len: u32,
    },
    /// `dst[i] = op(src[i])`; `dst` may equal `src`.
    Map {
        /// Function.
        op: UnaryOp,
        /// Destination.
        dst: Ref,
        /// Source.
        src: Ref,
        /// Number of elements.
        len: u32,
    },
    /// `dst[i] = op(a[i], b[i])`; `dst` may equal `a` or `b`.
    Zip {
        /// Function.
        op: BinaryOp,
        /// Destination.
        dst: Ref,
        /// First operand.
        a: Ref,
        /// Second operand.
        b: Ref,
        /// Number of elements.
        len: u32,
    },
    /// `y = A x` (or `y += A x`), `A` row-major `rows × cols`.
    MatVec {
        /// Destination, `rows` long.
        y: Ref,
        /// Matrix.
        a: Ref,
        /// Vector, `cols` long.
        x: Ref,
        /// Rows of the matrix.
        rows: u32,
        /// Columns of the matrix.
        cols: u32,
        /// Whether the product is added to the destination.
        add: bool,
    },
    /// `y = Aᵀ x` (or `y += Aᵀ x`), `A` row-major `rows × cols`, `x` of length `rows`.
    MatTVec {
        /// Destination, `cols` long.
        y: Ref,
        /// Matrix.
        a: Ref,
        /// Vector, `rows` long.
        x: Ref,
        /// Rows of the matrix.
        rows: u32,
        /// Columns of the matrix.
        cols: u32,
        /// Whether the product is added to the destination.
        add: bool,
    },
    /// `A += x yᵀ`, `A` row-major `rows × cols`.
    Outer {
        /// Matrix that is added to.
        a: Ref,
        /// Vector, `rows` long.
        x: Ref,
        /// Vector, `cols` long.
        y: Ref,
        /// Rows of the matrix.
        rows: u32,
        /// Columns of the matrix.
        cols: u32,
    },
    /// `y = activation(A x + bias)`, `A` row-major `rows × cols`: the product first, then the bias
    /// is added, then the function is applied.
    Layer {
        /// Destination, `rows` long.
        y: Ref,
        /// Matrix.
        a: Ref,
        /// Vector, `cols` long.
        x: Ref,
        /// Offset, `rows` long.
        bias: Option<Ref>,
        /// Function of each element; `None` for the sum itself.
        activation: Option<UnaryOp>,
        /// Rows of the matrix.
        rows: u32,
        /// Columns of the matrix.
        cols: u32,
    },
    /// Runs the scalar program [`Plan::bodies`]`[body]` for every lane `0..count`; see [`Body`].
    Each {
        /// Index into [`Plan::bodies`].
        body: u32,
        /// Number of lanes, at least 1.
        count: u32,
    },
    /// `dst[0] = Σ src[i]`.
    Sum {
        /// Destination, one element.
        dst: Ref,
        /// Source.
        src: Ref,
        /// Number of elements of the source.
        len: u32,
    },
    /// `dst[0] = Σ a[i] b[i]`.
    Dot {
        /// Destination, one element.
        dst: Ref,
        /// First operand.
        a: Ref,
        /// Second operand.
        b: Ref,
        /// Number of elements of each.
        len: u32,
    },
    /// An operator that somebody else computes, or its reverse: [`CustomOp::run`] from `src` to `dst`.
    Custom {
        /// The operator.
        op: &'static CustomOp,
        /// Which of the two.
        reverse: bool,
        /// Destination.
        dst: Ref,
        /// Operands one after the other, for the reverse with the weights of the result behind them.
        src: Ref,
    },
}

/// Scalar functions of two arguments.
pub use slopefield_lang::Binary as BinaryOp;
/// Scalar functions of one argument. Semantics are those of the language (docs/reference).
/// Derivative helpers are written with ordinary ops, so this list stays the language's.
pub use slopefield_lang::Unary as UnaryOp;

/// A straight-line program.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What it computes.
    pub entry: Entry,
    /// Sizes of states, params and outputs.
    pub shape: slopefield_kernel::Shape,
    /// Elements of `Buffer::Scratch`.
    pub scratch_len: u32,
    /// Elements of `Buffer::Out` of the entry `Factored`; 0 for others, whose results have the
    /// outputs of the shape.
    pub factors: u32,
    /// Elements of `Buffer::Constants`.
    pub constants: Vec<f64>,
    /// Index tables of lane loops.
    pub tables: Vec<Vec<u32>>,
    /// Programs of lane loops.
    pub bodies: Vec<Body>,
    /// The program.
    pub code: Vec<Instruction>,
}

impl Plan {
    /// A plan without instructions.
    #[must_use]
    pub fn new(entry: Entry, shape: slopefield_kernel::Shape) -> Plan {
        Plan {
            entry,
            shape,
            scratch_len: 0,
            factors: 0,
            constants: Vec::new(),
            tables: Vec::new(),
            bodies: Vec::new(),
            code: Vec::new(),
        }
    }

    /// The first operator in it that somebody else computes.
    #[must_use]
    pub fn custom(&self) -> Option<&'static CustomOp> {
        self.code.iter().find_map(|instruction| match instruction {
            Instruction::Custom { op, .. } => Some(*op),
            _ => None,
        })
    }

    pub(crate) fn loops(&self) -> Loops<'_> {
        Loops { bodies: &self.bodies, tables: &self.tables }
    }
}

/// The three entries of one function.
#[derive(Debug, Clone, PartialEq)]
pub struct Plans {
    /// Value.
    pub eval: Plan,
    /// Forward product.
    pub jvp: Plan,
    /// Reverse product.
    pub vjp: Plan,
}
