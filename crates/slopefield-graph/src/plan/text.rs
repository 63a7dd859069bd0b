//! The text form of a plan: one instruction a line, `v3 = mul v1 v2`, `matvec ...`.

use std::fmt;

use super::{Buffer, Instruction, Plan, Ref};
use crate::function::binary_name;

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.buffer {
            Buffer::Time => "t",
            Buffer::States => "u",
            Buffer::Params => "p",
            Buffer::TimeTangent => "dt",
            Buffer::StatesTangent => "du",
            Buffer::ParamsTangent => "dp",
            Buffer::Weights => "w",
            Buffer::Out => "out",
            Buffer::OutTangent => "dout",
            Buffer::TimeGrad => "t_grad",
            Buffer::StatesGrad => "u_grad",
            Buffer::ParamsGrad => "p_grad",
            Buffer::Scratch => "scratch",
            Buffer::Constants => "numbers",
        };
        write!(f, "{name}[{}]", self.offset)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "plan {:?}: {} states, {} params, {} outputs, {} scratch, {} numbers",
            self.entry,
            self.shape.states,
            self.shape.params,
            self.shape.outputs,
            self.scratch_len,
            self.constants.len()
        )?;
        for (i, instruction) in self.code.iter().enumerate() {
            write_instruction(f, i, instruction)?;
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
        Instruction::Constant(value) => writeln!(f, "{value:?}"),
        Instruction::Load(at) => writeln!(f, "load {at}"),
        Instruction::Unary(op, a) => writeln!(f, "{} v{a}", op.name()),
        Instruction::Binary(op, a, b) => writeln!(f, "{} v{a} v{b}", binary_name(op)),
        Instruction::Select(c, a, b) => writeln!(f, "select v{c} v{a} v{b}"),
        Instruction::Store(at, v) => writeln!(f, "{at} = v{v}"),
        Instruction::AddTo(at, v) => writeln!(f, "{at} += v{v}"),
        Instruction::Fill { dst, len, value } => writeln!(f, "{dst} x{len} = {value:?}"),
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
        Instruction::Sum { dst, src, len } => writeln!(f, "{dst} = sum {src} x{len}"),
        Instruction::Dot { dst, a, b, len } => writeln!(f, "{dst} = dot {a} {b} x{len}"),
    }
}
