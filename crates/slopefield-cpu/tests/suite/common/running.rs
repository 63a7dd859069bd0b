//! Running error analysis (Wilkinson 1963): numbers with a bound of what rounding can have done to
//! them, carried through a plan by the interpreter.

use std::ops::{Add, AddAssign, Mul};

use slopefield_graph::Element;
use slopefield_graph::plan::{BinaryOp, UnaryOp};

/// One unit in the last place of `f32`, relative: what an operation may err by. Half of it is its
/// rounding; the other half is for small powers, which are made of two multiplications.
const ULP: f64 = 1.0 / (1 << 23) as f64;
/// The same for results near zero: the smallest `f32`.
const SMALLEST: f64 = 1.5e-45;

/// A number in `f64` and the most by which `f32` arithmetic can miss it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Running {
    pub value: f64,
    pub error: f64,
}

impl Running {
    /// A result that inherits `error` and is rounded; `size` bounds what is rounded.
    fn rounded(value: f64, error: f64, size: f64) -> Self {
        Running { value, error: error + ULP * size + SMALLEST }
    }

    /// Both ends of what the number can be.
    fn ends(self) -> [f64; 2] {
        [self.value - self.error, self.value + self.error]
    }
}

impl PartialEq for Running {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Add for Running {
    type Output = Running;
    /// The bound holds for sums in any order: every partial sum is below the sum of sizes.
    fn add(self, b: Running) -> Running {
        let size = self.value.abs() + b.value.abs();
        Running::rounded(self.value + b.value, self.error + b.error, size)
    }
}

impl AddAssign for Running {
    fn add_assign(&mut self, b: Running) {
        *self = *self + b;
    }
}

impl Mul for Running {
    type Output = Running;
    fn mul(self, b: Running) -> Running {
        Running::binary(BinaryOp::Mul, self, b)
    }
}

impl Element for Running {
    fn from_f64(x: f64) -> Self {
        Running::rounded(x, 0.0, x.abs())
    }

    fn to_f64(self) -> f64 {
        self.value
    }

    /// The largest change over both ends of the argument; the functions are monotonic between them
    /// or flat.
    fn unary(op: UnaryOp, x: Self) -> Self {
        let y = op.apply(x.value);
        let change = x.ends().map(|x| (op.apply(x) - y).abs());
        Running::rounded(y, change[0].max(change[1]), y.abs())
    }

    fn binary(op: BinaryOp, a: Self, b: Self) -> Self {
        let z = op.apply(a.value, b.value);
        let mut change = 0.0f64;
        for x in a.ends() {
            for y in b.ends() {
                change = change.max((op.apply(x, y) - z).abs());
            }
        }
        Running::rounded(z, change, z.abs())
    }
}
