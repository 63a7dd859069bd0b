//! The stated errors of the functions of the language, which tests hold and documents repeat.

use slopefield_graph::plan::{BinaryOp, UnaryOp};

/// How far results may lie from the correctly rounded value, in representable numbers: `n` of them mean
/// an error below `n + ½` units in the last place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound {
    /// In native code, on every instruction set, in vectors and alone.
    pub native: u64,
    /// By the definition that the interpreter uses (`slopefield_lang::functions`).
    pub definition: u64,
}

const fn bound(native: u64, definition: u64) -> Bound {
    Bound { native, definition }
}

/// Of a function of one argument.
pub(super) fn unary(op: UnaryOp) -> Bound {
    use UnaryOp::*;
    match op {
        Neg | Not | Abs | Sign | Floor | Ceil | Round | Sqrt | Relu | Step => bound(0, 0),
        Exp | Expm1 | Ln | Log1p | Log2 | Log10 | Sin | Cos | Tan | Atan | Cbrt => bound(1, 1),
        Sinh | Cosh | Sigmoid => bound(1, 2),
        Tanh => bound(2, 2),
        Softplus | Erf => bound(2, 2),
        Erfc | Gelu => bound(2, 3),
        Asin | Acos => bound(1, 1),
        Asinh | Acosh | Atanh => bound(2, 2),
        Gamma => bound(4, 4),
        // Not close to its zeros at negative numbers, where no digit is promised.
        LnGamma => bound(10, 10),
    }
}

/// Of a function of two arguments.
pub(super) fn binary(op: BinaryOp) -> Bound {
    use BinaryOp::*;
    match op {
        Pow | Atan2 => bound(1, 1),
        Add | Sub | Mul | Div | Min | Max | Less | LessEqual | Greater | GreaterEqual | Equal
        | NotEqual | And | Or => bound(0, 0),
    }
}

/// The functions that have vector code.
pub(super) const VECTOR: [UnaryOp; 19] = {
    use UnaryOp::*;
    [
        Exp, Expm1, Ln, Log1p, Log2, Log10, Sin, Cos, Tan, Atan, Sinh, Cosh, Tanh, Sigmoid,
        Softplus, Cbrt, Erf, Erfc, Gelu,
    ]
};
