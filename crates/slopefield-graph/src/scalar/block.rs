//! A scalar program: inputs are elements of a few vectors, the output is one vector.

use std::fmt;

use slopefield_lang::{Binary, Unary};

use super::builder::BlockBuilder;
use crate::function;
use crate::plan::text::Number;

/// Number of an instruction of a block, and of the value it defines.
pub(crate) type SsaValue = u32;

/// One scalar instruction. Constants are kept as bits, so that equality is identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scalar {
    Constant(u64),
    Input { slot: u32, index: u32 },
    Unary(Unary, SsaValue),
    Binary(Binary, SsaValue, SsaValue),
    Select(SsaValue, SsaValue, SsaValue),
}

impl Scalar {
    /// The values it uses.
    pub(crate) fn operands(self) -> impl Iterator<Item = SsaValue> {
        let (a, b, c) = match self {
            Scalar::Constant(_) | Scalar::Input { .. } => (None, None, None),
            Scalar::Unary(_, a) => (Some(a), None, None),
            Scalar::Binary(_, a, b) => (Some(a), Some(b), None),
            Scalar::Select(c, a, b) => (Some(c), Some(a), Some(b)),
        };
        [a, b, c].into_iter().flatten()
    }

    /// The same instruction with its operands renumbered.
    pub(crate) fn renumbered(self, new: impl Fn(SsaValue) -> SsaValue) -> Scalar {
        match self {
            Scalar::Constant(_) | Scalar::Input { .. } => self,
            Scalar::Unary(op, a) => Scalar::Unary(op, new(a)),
            Scalar::Binary(op, a, b) => Scalar::Binary(op, new(a), new(b)),
            Scalar::Select(c, a, b) => Scalar::Select(new(c), new(a), new(b)),
        }
    }
}

/// A finished scalar program. Every instruction is used by an output or a later instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// Lengths of the input vectors.
    pub(crate) inputs: Vec<u32>,
    /// Instructions in SSA order.
    pub(crate) code: Vec<Scalar>,
    /// The values that form the output vector.
    pub(crate) outputs: Vec<SsaValue>,
}

impl Block {
    /// The output vector for given input vectors.
    pub(crate) fn evaluate(&self, inputs: &[&[f64]]) -> Vec<f64> {
        let mut values: Vec<f64> = Vec::with_capacity(self.code.len());
        for instruction in &self.code {
            let value = |v: SsaValue| values[v as usize];
            let result = match *instruction {
                Scalar::Constant(bits) => f64::from_bits(bits),
                Scalar::Input { slot, index } => inputs[slot as usize][index as usize],
                Scalar::Unary(op, a) => op.apply(value(a)),
                Scalar::Binary(op, a, b) => op.apply(value(a), value(b)),
                Scalar::Select(c, a, b) => {
                    if value(c) != 0.0 {
                        value(a)
                    } else {
                        value(b)
                    }
                }
            };
            values.push(result);
        }
        self.outputs.iter().map(|v| values[*v as usize]).collect()
    }
}

impl Block {
    /// The same program with equal instructions merged and unused ones left out.
    pub(crate) fn rebuilt(&self) -> Block {
        let mut builder = BlockBuilder::new(self.inputs.clone());
        let mut new: Vec<SsaValue> = Vec::with_capacity(self.code.len());
        for instruction in &self.code {
            new.push(builder.instruction(instruction.renumbered(|v| new[v as usize])));
        }
        let outputs: Vec<SsaValue> = self.outputs.iter().map(|v| new[*v as usize]).collect();
        builder.finish(&outputs)
    }

    /// The outputs one after the other, for every lane, of inputs that are each one number for all
    /// lanes or a number per lane.
    pub(crate) fn evaluate_lanes(&self, inputs: &[&[f64]], count: usize) -> Vec<f64> {
        let mut results = vec![0.0; self.outputs.len() * count];
        for lane in 0..count {
            let one: Vec<&[f64]> = inputs
                .iter()
                .map(|input| if input.len() == 1 { input } else { &input[lane..=lane] })
                .collect();
            for (k, value) in self.evaluate(&one).into_iter().enumerate() {
                results[k * count + lane] = value;
            }
        }
        results
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  inputs")?;
        self.inputs.iter().try_for_each(|len| write!(f, " {len}"))?;
        writeln!(f)?;
        for (i, instruction) in self.code.iter().enumerate() {
            write!(f, "  v{i} = ")?;
            match *instruction {
                Scalar::Constant(bits) => writeln!(f, "{}", Number(f64::from_bits(bits)))?,
                Scalar::Input { slot, index } => writeln!(f, "input {slot}[{index}]")?,
                Scalar::Unary(op, a) => writeln!(f, "{} v{a}", op.name())?,
                Scalar::Binary(op, a, b) => {
                    writeln!(f, "{} v{a} v{b}", function::binary_name(op))?;
                }
                Scalar::Select(c, a, b) => writeln!(f, "select v{c} v{a} v{b}")?,
            }
        }
        write!(f, "  return")?;
        for v in &self.outputs {
            write!(f, " v{v}")?;
        }
        writeln!(f)
    }
}
