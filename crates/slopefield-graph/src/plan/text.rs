//! The text form of a plan: one instruction a line, `v3 = mul v1 v2`, `scratch[0] = matvec ...`,
//! then its numbers, index tables and loop bodies. `parse.rs` reads it back.

use std::fmt;

use super::{Body, BodyInstruction, Buffer, Entry, Instruction, LaneInput, LaneOutput, Plan, Ref};
use crate::custom::CustomOp;
use crate::function::binary_name;

/// Names of buffers in texts.
pub(super) const BUFFERS: [(&str, Buffer); 14] = [
    ("t", Buffer::Time),
    ("u", Buffer::States),
    ("p", Buffer::Params),
    ("dt", Buffer::TimeTangent),
    ("du", Buffer::StatesTangent),
    ("dp", Buffer::ParamsTangent),
    ("w", Buffer::Weights),
    ("out", Buffer::Out),
    ("dout", Buffer::OutTangent),
    ("t_grad", Buffer::TimeGrad),
    ("u_grad", Buffer::StatesGrad),
    ("p_grad", Buffer::ParamsGrad),
    ("scratch", Buffer::Scratch),
    ("numbers", Buffer::Constants),
];

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = BUFFERS.iter().find(|(_, buffer)| *buffer == self.buffer).map_or("", |b| b.0);
        write!(f, "{name}[{}]", self.offset)
    }
}

/// A number that reads back as the same bits.
pub(crate) struct Number(pub(crate) f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_nan() && self.0.to_bits() != f64::NAN.to_bits() {
            write!(f, "nan:{:016x}", self.0.to_bits())
        } else {
            write!(f, "{:?}", self.0)
        }
    }
}

/// A list of numbers; repeated ones are written once, `0.0*3`.
pub(crate) struct Numbers<'a>(pub(crate) &'a [f64]);

impl fmt::Display for Numbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.0.chunk_by(|a, b| a.to_bits() == b.to_bits());
        for (i, run) in runs.enumerate() {
            let separator = if i == 0 { "" } else { " " };
            write!(f, "{separator}{}", Number(run[0]))?;
            if run.len() > 1 {
                write!(f, "*{}", run.len())?;
            }
        }
        Ok(())
    }
}

/// Whole numbers; rising runs are written `4..9`, the end left out.
pub(crate) struct Indices<'a>(pub(crate) &'a [u32]);

impl fmt::Display for Indices<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.0.chunk_by(|a, b| a.checked_add(1) == Some(*b));
        for (i, run) in runs.enumerate() {
            let separator = if i == 0 { "" } else { " " };
            match run {
                [one] => write!(f, "{separator}{one}")?,
                _ => write!(f, "{separator}{}..{}", run[0], u64::from(run[0]) + run.len() as u64)?,
            }
        }
        Ok(())
    }
}

/// An operator that somebody else computes: name, direction, elements of its result, lengths of its
/// operands, `org.example.special@1.2.0/bessel forward x2 3,1`.
pub(crate) struct Custom<'a> {
    pub(crate) op: &'a CustomOp,
    pub(crate) reverse: bool,
}

impl fmt::Display for Custom<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Custom { op, reverse } = *self;
        let direction = if reverse { "reverse" } else { "forward" };
        let lengths: Vec<String> = op.lengths().iter().map(u32::to_string).collect();
        write!(f, "{} {direction} x{} {}", op.name(), op.outputs(), lengths.join(","))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "plan {:?}: {} states, {} params, {} outputs, {} scratch",
            self.entry, self.shape.states, self.shape.params, self.shape.outputs, self.scratch_len,
        )?;
        if self.entry == Entry::Factored {
            writeln!(f, "factors: {}", self.factors)?;
        }
        for (i, instruction) in self.code.iter().enumerate() {
            write_instruction(f, i, instruction)?;
        }
        if !self.constants.is_empty() {
            writeln!(f, "numbers: {}", Numbers(&self.constants))?;
        }
        for (i, table) in self.tables.iter().enumerate() {
            writeln!(f, "table {i}: {}", Indices(table))?;
        }
        for (i, body) in self.bodies.iter().enumerate() {
            write_body(f, i, body)?;
        }
        Ok(())
    }
}

fn write_instruction(
    f: &mut fmt::Formatter<'_>,
    i: usize,
    instruction: &Instruction,
) -> fmt::Result {
    write!(f, "  ")?;
    if instruction.defines_value() {
        write!(f, "v{i} = ")?;
    }
    match *instruction {
        Instruction::Constant(value) => writeln!(f, "{}", Number(value)),
        Instruction::Load(at) => writeln!(f, "load {at}"),
        Instruction::Unary(op, a) => writeln!(f, "{} v{a}", op.name()),
        Instruction::Binary(op, a, b) => writeln!(f, "{} v{a} v{b}", binary_name(op)),
        Instruction::Select(c, a, b) => writeln!(f, "select v{c} v{a} v{b}"),
        Instruction::Store(at, v) => writeln!(f, "{at} = v{v}"),
        Instruction::AddTo(at, v) => writeln!(f, "{at} += v{v}"),
        Instruction::Fill { dst, len, value } => writeln!(f, "{dst} x{len} = {}", Number(value)),
        Instruction::Copy { dst, src, len } => writeln!(f, "{dst} x{len} = {src}"),
        Instruction::Add { dst, src, len } => writeln!(f, "{dst} x{len} += {src}"),
        Instruction::Map { op, dst, src, len } => {
            writeln!(f, "{dst} x{len} = map {} {src}", op.name())
        }
        Instruction::Zip { op, dst, a, b, len } => {
            writeln!(f, "{dst} x{len} = zip {} {a} {b}", binary_name(op))
        }
        Instruction::MatVec { y, a, x, rows, cols, add } => {
            writeln!(f, "{y} {} matvec {a} {rows}x{cols} {x}", if add { "+=" } else { "=" })
        }
        Instruction::MatTVec { y, a, x, rows, cols, add } => {
            writeln!(f, "{y} {} mattvec {a} {rows}x{cols} {x}", if add { "+=" } else { "=" })
        }
        Instruction::Outer { a, x, y, rows, cols } => {
            writeln!(f, "{a} += outer {rows}x{cols} {x} {y}")
        }
        Instruction::Layer { y, a, x, bias, activation, rows, cols } => {
            write!(f, "{y} = layer {a} {rows}x{cols} {x}")?;
            if let Some(bias) = bias {
                write!(f, " bias {bias}")?;
            }
            if let Some(op) = activation {
                write!(f, " {}", op.name())?;
            }
            writeln!(f)
        }
        Instruction::Each { body, count } => writeln!(f, "each body {body} x{count}"),
        Instruction::Sum { dst, src, len } => writeln!(f, "{dst} = sum {src} x{len}"),
        Instruction::Dot { dst, a, b, len } => writeln!(f, "{dst} = dot {a} {b} x{len}"),
        Instruction::Custom { op, reverse, dst, src } => {
            writeln!(f, "{dst} = custom {} {src}", Custom { op, reverse })
        }
    }
}

fn write_body(f: &mut fmt::Formatter<'_>, i: usize, body: &Body) -> fmt::Result {
    writeln!(f, "body {i}:")?;
    for (i, input) in body.inputs.iter().enumerate() {
        match *input {
            LaneInput::Uniform(at) => writeln!(f, "  input {i} = uniform {at}")?,
            LaneInput::Lanes(at) => writeln!(f, "  input {i} = lanes {at}")?,
            LaneInput::Gathered(at, table) => {
                writeln!(f, "  input {i} = gathered {at} table {table}")?;
            }
        }
    }
    for (i, instruction) in body.code.iter().enumerate() {
        write!(f, "  v{i} = ")?;
        match *instruction {
            BodyInstruction::Constant(value) => writeln!(f, "{}", Number(value))?,
            BodyInstruction::Input(input) => writeln!(f, "input {input}")?,
            BodyInstruction::Unary(op, a) => writeln!(f, "{} v{a}", op.name())?,
            BodyInstruction::Binary(op, a, b) => writeln!(f, "{} v{a} v{b}", binary_name(op))?,
            BodyInstruction::Select(c, a, b) => writeln!(f, "select v{c} v{a} v{b}")?,
        }
    }
    for output in &body.outputs {
        match *output {
            LaneOutput::Store(at, v) => writeln!(f, "  {at} = v{v}")?,
            LaneOutput::AddTo(at, v) => writeln!(f, "  {at} += v{v}")?,
            LaneOutput::ScatterAdd(at, table, v) => {
                writeln!(f, "  {at} table {table} += v{v}")?;
            }
            LaneOutput::SumTo(at, v) => writeln!(f, "  {at} += sum v{v}")?,
        }
    }
    Ok(())
}
