//! Straight-line programs over lanes, and where their lanes lie.

use slopefield_graph::plan::{BinaryOp, UnaryOp};

/// Index of a value: that of the operation that defines it.
pub(super) type Value = u32;

/// Lanes in memory: number `i` lies `offset + 8 i` bytes behind the base pointer of that number; a
/// uniform stream has the same number, at `offset`, for all lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Stream {
    pub base: u8,
    pub offset: i32,
    pub uniform: bool,
}

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Op {
    /// The lanes of a stream.
    Input(Stream),
    /// A function of one value.
    Unary(UnaryOp, Value),
    /// A function of two values.
    Binary(BinaryOp, Value, Value),
    /// `if c != 0 { a } else { b }`.
    Select(Value, Value, Value),
}

impl Op {
    /// The values it uses.
    pub(super) fn operands(&self) -> impl Iterator<Item = Value> + use<> {
        let (values, count) = match *self {
            Op::Input(_) => ([0; 3], 0),
            Op::Unary(_, a) => ([a, 0, 0], 1),
            Op::Binary(_, a, b) => ([a, b, 0], 2),
            Op::Select(c, a, b) => ([c, a, b], 3),
        };
        values.into_iter().take(count)
    }

    /// Whether machine code does it in a few instructions. The others are calls of vector functions.
    pub(super) fn is_arithmetic(&self) -> bool {
        match self {
            Op::Input(_) | Op::Select(..) => true,
            Op::Unary(op, _) => {
                use UnaryOp::*;
                matches!(op, Neg | Not | Abs | Sqrt | Relu | Step)
            }
            Op::Binary(op, _, _) => !matches!(op, BinaryOp::Pow | BinaryOp::Atan2),
        }
    }
}

/// A result that leaves the program.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Output {
    pub to: Stream,
    pub value: Value,
    /// Whether it is added to what is there.
    pub add: bool,
}

/// Operations in order of dependence, and results. Every lane reads all its inputs before it writes
/// a result: a stream may be both only as the very same one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Program {
    pub code: Vec<Op>,
    pub outputs: Vec<Output>,
}

impl Program {
    /// Appends an operation.
    pub(super) fn push(&mut self, op: Op) -> Value {
        self.code.push(op);
        self.code.len() as Value - 1
    }

    /// Appends `op(a, b)`; small whole powers become products, as in the scalar compiler.
    /// `exponent` is the second operand's number, if it is one.
    pub(super) fn push_binary(
        &mut self,
        op: BinaryOp,
        a: Value,
        b: Value,
        exponent: Option<f64>,
        one: Stream,
    ) -> Value {
        let product = |p: &mut Self, a, b| p.push(Op::Binary(BinaryOp::Mul, a, b));
        match (op, exponent) {
            (BinaryOp::Pow, Some(-1.0)) => {
                let one = self.push(Op::Input(one));
                self.push(Op::Binary(BinaryOp::Div, one, a))
            }
            (BinaryOp::Pow, Some(1.0)) => a,
            (BinaryOp::Pow, Some(2.0)) => product(self, a, a),
            (BinaryOp::Pow, Some(3.0)) => {
                let square = product(self, a, a);
                product(self, square, a)
            }
            (BinaryOp::Pow, Some(4.0)) => {
                let square = product(self, a, a);
                product(self, square, square)
            }
            _ => self.push(Op::Binary(op, a, b)),
        }
    }
}

/// The numbers that programs read, each once, as uniform streams of one base pointer.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    pub numbers: Vec<f64>,
    known: std::collections::HashMap<u64, u32>,
    base: u8,
}

impl Pool {
    /// Numbers that machine code needs, at the start of every pool: 0, 1, the sign bit and all the
    /// others.
    pub(super) const ZERO: i32 = 0;
    pub(super) const ONE: i32 = 8;
    pub(super) const SIGN: i32 = 16;
    pub(super) const MAGNITUDE: i32 = 24;

    /// A pool whose numbers lie at the base pointer `base`.
    pub(super) fn new(base: u8) -> Self {
        let mut pool = Pool { numbers: Vec::new(), known: Default::default(), base };
        for x in [0.0, 1.0, -0.0, f64::from_bits(0x7fff_ffff_ffff_ffff)] {
            pool.number(x);
        }
        pool
    }

    /// Appends numbers in a row; gives the index of the first.
    pub(super) fn append(&mut self, numbers: &[f64]) -> u32 {
        let first = self.numbers.len() as u32;
        self.numbers.extend_from_slice(numbers);
        first
    }

    /// The stream of a number.
    pub(super) fn number(&mut self, x: f64) -> Stream {
        let index = *self.known.entry(x.to_bits()).or_insert_with(|| {
            self.numbers.push(x);
            self.numbers.len() as u32 - 1
        });
        Stream { base: self.base, offset: index as i32 * 8, uniform: true }
    }

    /// The stream of 1.
    pub(super) fn one(&self) -> Stream {
        Stream { base: self.base, offset: Self::ONE, uniform: true }
    }
}
