//! Names of the scalar functions in network ops, graphs and plans.
//!
//! What the functions mean is the language's: `slopefield_lang::functions`. Functions of one
//! argument have their name from there; operators of two arguments are written as words here.

use slopefield_lang::{Binary, Unary};

/// 1/√2.
pub(crate) const FRAC_1_SQRT_2: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// Name of a function of two arguments.
pub(crate) fn binary_name(op: Binary) -> &'static str {
    match op {
        Binary::Add => "add",
        Binary::Sub => "sub",
        Binary::Mul => "mul",
        Binary::Div => "div",
        Binary::Pow => "pow",
        Binary::Atan2 => "atan2",
        Binary::Min => "min",
        Binary::Max => "max",
        Binary::Less => "less",
        Binary::LessEqual => "less_equal",
        Binary::Greater => "greater",
        Binary::GreaterEqual => "greater_equal",
        Binary::Equal => "equal",
        Binary::NotEqual => "not_equal",
        Binary::And => "and",
        Binary::Or => "or",
    }
}

/// The function of two arguments with this name.
pub(crate) fn binary_named(name: &str) -> Option<Binary> {
    Binary::ALL.into_iter().find(|op| binary_name(*op) == name)
}

/// Names of all functions of one argument.
pub(crate) fn unary_names() -> impl Iterator<Item = &'static str> {
    Unary::ALL.into_iter().map(Unary::name)
}
