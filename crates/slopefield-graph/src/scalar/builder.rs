//! Builds blocks: hash-consing (equal instructions are one value), folding of constants, and
//! identities that never change a value.
//!
//! What is *not* done: anything that would turn NaN or infinity into a number, such as `0*x = 0`,
//! or reorder sums. Powers with exponents 2, 3, 4, ±1/2, ±3/2, 5/2, -1, -2 and -3 become products,
//! quotients and roots; they differ from a correctly rounded power by at most one more rounding
//! per operation.

use std::collections::HashMap;

use slopefield_lang::{Binary, Unary};

use super::block::{Block, Scalar, SsaValue};

#[derive(Debug, Default)]
pub(crate) struct BlockBuilder {
    inputs: Vec<u32>,
    code: Vec<Scalar>,
    /// Whether a value may be infinite or NaN at finite inputs, other than by plain overflow of
    /// sums and products. Products of derivatives with such factors need a guard.
    singular: Vec<bool>,
    known: HashMap<Scalar, SsaValue>,
}

impl BlockBuilder {
    pub(crate) fn new(inputs: Vec<u32>) -> Self {
        BlockBuilder { inputs, ..Self::default() }
    }

    /// A builder that already holds a block's instructions, under the same numbers, and has
    /// further input vectors.
    pub(crate) fn extending(block: &Block, more_inputs: &[u32]) -> Self {
        let mut builder = Self::new(block.inputs.iter().chain(more_inputs).copied().collect());
        for instruction in &block.code {
            let value = builder.push(*instruction);
            debug_assert_eq!(value as usize + 1, builder.code.len(), "blocks are hash-consed");
        }
        builder
    }

    pub(crate) fn as_constant(&self, v: SsaValue) -> Option<f64> {
        match self.code[v as usize] {
            Scalar::Constant(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    pub(crate) fn is_singular(&self, v: SsaValue) -> bool {
        self.singular[v as usize]
    }

    pub(crate) fn constant(&mut self, value: f64) -> SsaValue {
        self.push(Scalar::Constant(value.to_bits()))
    }

    pub(crate) fn input(&mut self, slot: u32, index: u32) -> SsaValue {
        debug_assert!(index < self.inputs[slot as usize], "input element out of range");
        self.push(Scalar::Input { slot, index })
    }

    pub(crate) fn unary(&mut self, op: Unary, a: SsaValue) -> SsaValue {
        if let Some(x) = self.as_constant(a) {
            return self.constant(op.apply(x));
        }
        match (op, self.code[a as usize]) {
            (Unary::Neg, Scalar::Unary(Unary::Neg, inner)) => inner,
            (Unary::Abs, Scalar::Unary(Unary::Neg | Unary::Abs, inner)) => {
                self.push(Scalar::Unary(Unary::Abs, inner))
            }
            _ => self.push(Scalar::Unary(op, a)),
        }
    }

    pub(crate) fn binary(&mut self, op: Binary, a: SsaValue, b: SsaValue) -> SsaValue {
        let (x, y) = (self.as_constant(a), self.as_constant(b));
        if let (Some(x), Some(y)) = (x, y) {
            return self.constant(op.apply(x, y));
        }
        let is = |c: Option<f64>, value: f64| c.is_some_and(|c| c.to_bits() == value.to_bits());
        match op {
            Binary::Mul if is(x, 1.0) => return b,
            Binary::Mul | Binary::Div | Binary::Pow if is(y, 1.0) => return a,
            Binary::Mul if is(x, -1.0) => return self.unary(Unary::Neg, b),
            Binary::Mul | Binary::Div if is(y, -1.0) => return self.unary(Unary::Neg, a),
            Binary::Sub if is(y, 0.0) => return a,
            Binary::Add if is(y, -0.0) => return a,
            Binary::Add if is(x, -0.0) => return b,
            Binary::Pow => {
                if let Some(power) = self.small_power(a, y) {
                    return power;
                }
            }
            _ => {}
        }
        match (op, self.code[a as usize], self.code[b as usize]) {
            (Binary::Add, _, Scalar::Unary(Unary::Neg, c)) => self.binary(Binary::Sub, a, c),
            (Binary::Add, Scalar::Unary(Unary::Neg, c), _) => self.binary(Binary::Sub, b, c),
            (Binary::Sub, _, Scalar::Unary(Unary::Neg, c)) => self.binary(Binary::Add, a, c),
            // Commutative: one order, so that equal values are found equal.
            (Binary::Add | Binary::Mul, ..) if a > b => self.push(Scalar::Binary(op, b, a)),
            _ => self.push(Scalar::Binary(op, a, b)),
        }
    }

    fn small_power(&mut self, a: SsaValue, exponent: Option<f64>) -> Option<SsaValue> {
        let exponent = exponent?;
        Some(if exponent == 0.0 {
            self.constant(1.0)
        } else if exponent == 1.0 {
            a
        } else if exponent == 2.0 {
            self.mul(a, a)
        } else if exponent == 3.0 {
            let square = self.mul(a, a);
            self.mul(square, a)
        } else if exponent == 4.0 {
            let square = self.mul(a, a);
            self.mul(square, square)
        } else if exponent == 0.5 {
            self.unary(Unary::Sqrt, a)
        } else if [1.5, 2.5].contains(&exponent) {
            let root = self.unary(Unary::Sqrt, a);
            let power = self.small_power(a, Some(exponent - 0.5))?;
            self.mul(power, root)
        } else if [-0.5, -1.0, -1.5, -2.0, -3.0].contains(&exponent) {
            let power = if exponent == -1.0 { a } else { self.small_power(a, Some(-exponent))? };
            let one = self.constant(1.0);
            self.div(one, power)
        } else {
            return None;
        })
    }

    pub(crate) fn select(&mut self, c: SsaValue, a: SsaValue, b: SsaValue) -> SsaValue {
        if let Some(c) = self.as_constant(c) {
            return if c != 0.0 { a } else { b };
        }
        if a == b {
            return a;
        }
        self.push(Scalar::Select(c, a, b))
    }

    pub(crate) fn add(&mut self, a: SsaValue, b: SsaValue) -> SsaValue {
        self.binary(Binary::Add, a, b)
    }
    pub(crate) fn sub(&mut self, a: SsaValue, b: SsaValue) -> SsaValue {
        self.binary(Binary::Sub, a, b)
    }
    pub(crate) fn mul(&mut self, a: SsaValue, b: SsaValue) -> SsaValue {
        self.binary(Binary::Mul, a, b)
    }
    pub(crate) fn div(&mut self, a: SsaValue, b: SsaValue) -> SsaValue {
        self.binary(Binary::Div, a, b)
    }
    pub(crate) fn neg(&mut self, a: SsaValue) -> SsaValue {
        self.unary(Unary::Neg, a)
    }

    fn push(&mut self, instruction: Scalar) -> SsaValue {
        if let Some(v) = self.known.get(&instruction) {
            return *v;
        }
        let v = SsaValue::try_from(self.code.len()).expect("fewer than 2³² scalar instructions");
        self.singular.push(self.may_be_singular(instruction));
        self.code.push(instruction);
        self.known.insert(instruction, v);
        v
    }

    fn may_be_singular(&self, instruction: Scalar) -> bool {
        let s = |v: SsaValue| self.singular[v as usize];
        match instruction {
            Scalar::Constant(bits) => !f64::from_bits(bits).is_finite(),
            Scalar::Input { .. } => false,
            Scalar::Unary(op, a) => match op {
                Unary::Not | Unary::Sign | Unary::Step => false,
                Unary::Neg
                | Unary::Abs
                | Unary::Floor
                | Unary::Ceil
                | Unary::Round
                | Unary::Cbrt
                | Unary::Sin
                | Unary::Cos
                | Unary::Tan
                | Unary::Atan
                | Unary::Tanh
                | Unary::Asinh
                | Unary::Sigmoid
                | Unary::Softplus
                | Unary::Relu
                | Unary::Gelu
                | Unary::Erf
                | Unary::Erfc => s(a),
                Unary::Sqrt
                | Unary::Exp
                | Unary::Expm1
                | Unary::Ln
                | Unary::Log2
                | Unary::Log10
                | Unary::Log1p
                | Unary::Asin
                | Unary::Acos
                | Unary::Sinh
                | Unary::Cosh
                | Unary::Acosh
                | Unary::Atanh
                | Unary::Gamma
                | Unary::LnGamma => true,
            },
            Scalar::Binary(op, a, b) => match op {
                Binary::Add
                | Binary::Sub
                | Binary::Mul
                | Binary::Atan2
                | Binary::Min
                | Binary::Max => s(a) || s(b),
                Binary::Div => s(a) || self.as_constant(b).is_none_or(|c| c == 0.0),
                Binary::Pow => {
                    let whole = |c: f64| c >= 0.0 && c.fract() == 0.0;
                    s(a) || !self.as_constant(b).is_some_and(whole)
                }
                Binary::Less
                | Binary::LessEqual
                | Binary::Greater
                | Binary::GreaterEqual
                | Binary::Equal
                | Binary::NotEqual
                | Binary::And
                | Binary::Or => false,
            },
            Scalar::Select(_, a, b) => s(a) || s(b),
        }
    }

    /// Adds an instruction as it is, found equal to an earlier one or new.
    pub(crate) fn instruction(&mut self, instruction: Scalar) -> SsaValue {
        self.push(instruction)
    }

    /// The block with these outputs; instructions that no output needs are left out.
    pub(crate) fn finish(self, outputs: &[SsaValue]) -> Block {
        let mut needed = vec![false; self.code.len()];
        for v in outputs {
            needed[*v as usize] = true;
        }
        for v in (0..self.code.len()).rev() {
            if needed[v] {
                for operand in self.code[v].operands() {
                    needed[operand as usize] = true;
                }
            }
        }
        let mut new = vec![SsaValue::MAX; self.code.len()];
        let mut code = Vec::new();
        for (v, instruction) in self.code.iter().enumerate() {
            if needed[v] {
                new[v] = SsaValue::try_from(code.len()).expect("no more than before");
                code.push(instruction.renumbered(|operand| new[operand as usize]));
            }
        }
        let outputs = outputs.iter().map(|v| new[*v as usize]).collect();
        Block { inputs: self.inputs, code, outputs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_with_small_exponents_become_products_and_roots() {
        for exponent in [-3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0_f64] {
            let mut builder = BlockBuilder::new(vec![1]);
            let (x, y) = (builder.input(0, 0), builder.constant(exponent));
            let power = builder.binary(Binary::Pow, x, y);
            let block = builder.finish(&[power]);
            let is_power = |i: &Scalar| matches!(i, Scalar::Binary(Binary::Pow, ..));
            assert!(!block.code.iter().any(is_power), "{exponent}");
            for x in [0.0, 1e-60, 0.3, 1.0, 7.7, 1e50, f64::INFINITY] {
                let (got, want) = (block.evaluate(&[&[x]])[0], x.powf(exponent));
                let error = if got == want { 0.0 } else { (got / want - 1.0).abs() };
                assert!(error < 8e-16, "{x}^{exponent} is {got:e}, not {want:e}");
            }
            if exponent.fract() != 0.0 {
                assert!(block.evaluate(&[&[-2.0]])[0].is_nan(), "(-2)^{exponent}");
            }
        }
    }
}
