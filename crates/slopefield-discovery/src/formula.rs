//! Formulas and their constants.

use crate::expression::Expression;
use crate::sum::{Sum, Term};

/// A formula of some inputs.
#[derive(Debug, Clone, PartialEq)]
pub enum Formula {
    /// A sum of terms of the library.
    Sum(Sum),
    /// An expression of any form.
    Free(Expression),
}

impl From<Sum> for Formula {
    fn from(sum: Sum) -> Self {
        Formula::Sum(sum)
    }
}

impl From<Expression> for Formula {
    fn from(expression: Expression) -> Self {
        Formula::Free(expression)
    }
}

impl Formula {
    /// Its value for inputs.
    #[must_use]
    pub fn value(&self, inputs: &[f64]) -> f64 {
        match self {
            Formula::Sum(sum) => sum.value(inputs),
            Formula::Free(expression) => expression.value(inputs),
        }
    }

    /// Constants, inputs and functions in it, powers counted by their exponents.
    #[must_use]
    pub fn complexity(&self) -> u32 {
        match self {
            Formula::Sum(sum) => sum.complexity(),
            Formula::Free(expression) => expression.complexity(),
        }
    }

    /// Its constants in the order of [`Formula::text`].
    #[must_use]
    pub fn constants(&self) -> Vec<Constant> {
        let mut constants = Vec::new();
        self.text(&[], &mut |c| {
            constants.push(c);
            String::new()
        });
        constants
    }

    /// The formula as an expression of the model language. `names` are the inputs, such that they
    /// may stand in a product; `constant` writes each constant, and is asked for them in order.
    pub fn text(&self, names: &[String], constant: &mut dyn FnMut(Constant) -> String) -> String {
        match self {
            Formula::Sum(sum) => sum.text(names, constant),
            Formula::Free(expression) => expression.text(names, constant),
        }
    }

    /// Coefficients and terms of a sum; nothing of an expression of another form.
    #[must_use]
    pub fn terms(&self) -> &[(f64, Term)] {
        match self {
            Formula::Sum(sum) => &sum.terms,
            Formula::Free(_) => &[],
        }
    }
}

/// A constant of a formula.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constant {
    /// What it is.
    pub kind: ConstantKind,
    /// Its value.
    pub value: f64,
}

/// What a constant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConstantKind {
    /// The coefficient of a term, of either sign.
    Coefficient,
    /// `K` of `x/(K + x)` or `1/(K + x)`, positive.
    Half,
    /// `w` of `sin(w*x)` or `cos(w*x)`, positive.
    Frequency,
    /// An exponent, a constant in the argument of another function or a negative one below a
    /// fraction line: of either sign, and of a size that matters.
    Inner,
}
