//! Checks that a plan keeps the rules its back ends rely on.
//!
//! Native code runs without bounds checks, so nothing is compiled before this has passed: every
//! buffer is legal for the entry, every run and every table entry lies inside its buffer, values
//! are defined before they are used, runs do not overlap, scratch is written before it is read, and
//! each element of the result is written exactly once.

use super::touch::Access;
use super::{
    BodyInstruction, Buffer, Entry, Instruction, LaneInput, LaneOutput, Plan, PlanError, Touch,
    limits,
};

impl Plan {
    /// Number of elements of a buffer; 0 for buffers that the entry does not have.
    #[must_use]
    pub fn buffer_len(&self, buffer: Buffer) -> usize {
        let Entries { tangents, weights, out } = self.entries();
        let when = |exists: bool, len: usize| if exists { len } else { 0 };
        match buffer {
            Buffer::Time => 1,
            Buffer::States => self.shape.states,
            Buffer::Params => self.shape.params,
            Buffer::TimeTangent => when(tangents, 1),
            Buffer::StatesTangent => when(tangents, self.shape.states),
            Buffer::ParamsTangent => when(tangents, self.shape.params),
            Buffer::Weights => when(weights, self.shape.outputs),
            Buffer::Out if self.entry == Entry::Factored => self.factors as usize,
            Buffer::Out => when(out, self.shape.outputs),
            Buffer::OutTangent => when(out && tangents, self.shape.outputs),
            Buffer::TimeGrad => when(weights, 1),
            Buffer::StatesGrad => when(weights, self.shape.states),
            Buffer::ParamsGrad => when(weights, self.shape.params),
            Buffer::Scratch => self.scratch_len as usize,
            Buffer::Constants => self.constants.len(),
        }
    }

    fn entries(&self) -> Entries {
        let (tangents, weights) = match self.entry {
            Entry::Eval => (false, false),
            Entry::Jvp => (true, false),
            Entry::Vjp | Entry::Factored => (false, true),
            Entry::Hvp => (true, true),
        };
        // Gradients and values are never results of the same entry; factors are no values.
        Entries { tangents, weights, out: !weights || self.entry == Entry::Factored }
    }

    fn allows(&self, buffer: Buffer, access: Access) -> bool {
        let Entries { tangents, weights, out } = self.entries();
        match (buffer, access) {
            (Buffer::Time | Buffer::States | Buffer::Params | Buffer::Constants, Access::Read)
            | (Buffer::Scratch, _) => true,
            (Buffer::TimeTangent | Buffer::StatesTangent | Buffer::ParamsTangent, Access::Read) => {
                tangents
            }
            (Buffer::Weights, Access::Read)
            | (Buffer::TimeGrad | Buffer::StatesGrad | Buffer::ParamsGrad, Access::Add) => weights,
            (Buffer::Out, Access::Write) => out,
            (Buffer::OutTangent, Access::Write) => out && tangents,
            _ => false,
        }
    }

    /// Checks all rules of plans; the first that is broken is reported.
    pub fn verify(&self) -> Result<(), PlanError> {
        for (what, count, limit) in [
            ("instructions", self.code.len(), limits::CODE),
            ("elements of scratch", self.scratch_len as usize, limits::SCRATCH as usize),
            ("numbers", self.constants.len(), limits::CONSTANTS),
            ("states", self.shape.states, limits::VECTOR),
            ("params", self.shape.params, limits::VECTOR),
            ("outputs", self.shape.outputs, limits::VECTOR),
            ("factors", self.factors as usize, limits::VECTOR),
            ("body instructions", self.bodies.iter().map(|b| b.code.len()).sum(), limits::BODIES),
            ("table entries", self.tables.iter().map(Vec::len).sum(), limits::TABLES),
        ] {
            if count > limit {
                return Err(PlanError::TooLarge { what, count, limit });
            }
        }
        self.verify_bodies()?;
        let mut written = Written {
            scratch: vec![false; self.scratch_len as usize],
            out: vec![false; self.buffer_len(Buffer::Out)],
            tangent: vec![false; self.buffer_len(Buffer::OutTangent)],
        };
        let mut touches = Vec::new();
        for (at, instruction) in self.code.iter().enumerate() {
            touches.clear();
            self.verify_form(at, instruction)?;
            instruction.touches(self.loops(), &mut touches);
            self.verify_touches((at, instruction.name()), &touches, &mut written)?;
        }
        for (buffer, elements) in
            [(Buffer::Out, &written.out), (Buffer::OutTangent, &written.tangent)]
        {
            if let Some(element) = elements.iter().position(|w| !w) {
                return Err(PlanError::NeverWritten { buffer, element });
            }
        }
        Ok(())
    }

    /// The bodies by themselves: values before use, inputs that exist.
    fn verify_bodies(&self) -> Result<(), PlanError> {
        for (index, body) in self.bodies.iter().enumerate() {
            for (what, count) in
                [("inputs of a body", body.inputs.len()), ("outputs of a body", body.outputs.len())]
            {
                if count > limits::BODY_RUNS {
                    return Err(PlanError::TooLarge { what, count, limit: limits::BODY_RUNS });
                }
            }
            for (at, instruction) in body.code.iter().enumerate() {
                if let BodyInstruction::Input(input) = *instruction
                    && input as usize >= body.inputs.len()
                {
                    let count = body.inputs.len();
                    return Err(PlanError::BodyInput { body: index, at, input, count });
                }
                if let Some(value) = instruction.values().find(|v| *v as usize >= at) {
                    return Err(PlanError::BodyValue { body: index, at, value });
                }
            }
            let at = body.code.len();
            let mut results = body.outputs.iter().map(|output| output.value());
            if let Some(value) = results.find(|v| *v as usize >= at) {
                return Err(PlanError::BodyValue { body: index, at, value });
            }
        }
        Ok(())
    }

    /// Values, sizes, bodies and tables of an instruction.
    fn verify_form(&self, at: usize, instruction: &Instruction) -> Result<(), PlanError> {
        let op = instruction.name();
        for value in instruction.values() {
            let defined = (value as usize) < at && self.code[value as usize].defines_value();
            if !defined {
                return Err(PlanError::Undefined { at, op, value });
            }
        }
        if let Instruction::MatVec { rows, cols, .. }
        | Instruction::MatTVec { rows, cols, .. }
        | Instruction::Layer { rows, cols, .. }
        | Instruction::Outer { rows, cols, .. } = *instruction
            && (rows == 0 || cols == 0)
        {
            return Err(PlanError::EmptyMatrix { at, op, rows, cols });
        }
        let Instruction::Each { body, count } = *instruction else { return Ok(()) };
        let missing = |what, index, count| Err(PlanError::Missing { at, op, what, index, count });
        if count == 0 {
            return Err(PlanError::NoLanes { at, op });
        }
        let Some(loop_body) = self.bodies.get(body as usize) else {
            return missing("body", body, self.bodies.len());
        };
        let gathered = loop_body.inputs.iter().filter_map(|input| match *input {
            LaneInput::Gathered(_, table) => Some(table),
            _ => None,
        });
        let scattered = loop_body.outputs.iter().filter_map(|output| match *output {
            LaneOutput::ScatterAdd(_, table, _) => Some(table),
            _ => None,
        });
        for table in gathered.chain(scattered) {
            match self.tables.get(table as usize) {
                None => return missing("table", table, self.tables.len()),
                Some(entries) if entries.len() != count as usize => {
                    let len = entries.len();
                    return Err(PlanError::TableLength { at, op, table, len, count });
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// What an instruction touches: legal buffers, bounds, overlap, order of writing and reading.
    fn verify_touches(
        &self,
        (at, op): (usize, &'static str),
        touches: &[Touch],
        written: &mut Written,
    ) -> Result<(), PlanError> {
        for touch in touches {
            let buffer = touch.at.buffer;
            if !self.allows(buffer, touch.access) {
                let access = match touch.access {
                    Access::Read => "read",
                    Access::Write => "write",
                    Access::Add => "add to",
                };
                return Err(PlanError::Buffer { at, op, access, buffer, entry: self.entry });
            }
            let (offset, len) = (u64::from(touch.at.offset), self.buffer_len(buffer) as u64);
            // Both terms are products of u32, so the sum can only overflow when absurd.
            let end = touch.end();
            if end > len {
                return Err(PlanError::Bounds { at, op, buffer, offset, end, len });
            }
        }
        // Nothing may be read, or written otherwise, where the instruction writes.
        let destinations = touches.iter().take_while(|t| t.access != Access::Read);
        for (i, dst) in destinations.enumerate() {
            for other in &touches[i + 1..] {
                let same = other.at == dst.at && other.may_equal && dst.access == Access::Write;
                let apart = other.at.buffer != dst.at.buffer
                    || other.end() <= u64::from(dst.at.offset)
                    || dst.end() <= u64::from(other.at.offset);
                if !(same || apart) {
                    let (buffer, offset) = (dst.at.buffer, dst.at.offset);
                    return Err(PlanError::Overlap { at, op, buffer, offset });
                }
            }
        }
        let loops = self.loops();
        for touch in touches.iter().filter(|t| t.access != Access::Write) {
            if touch.at.buffer == Buffer::Scratch
                && let Some(element) = touch.elements(loops).find(|i| !written.scratch[*i])
            {
                return Err(PlanError::Uninitialised { at, op, element });
            }
        }
        for touch in touches.iter().filter(|t| t.access == Access::Write) {
            let buffer = touch.at.buffer;
            let elements = match buffer {
                Buffer::Scratch => &mut written.scratch,
                Buffer::Out => &mut written.out,
                _ => &mut written.tangent,
            };
            for element in touch.run() {
                if elements[element] && buffer != Buffer::Scratch {
                    return Err(PlanError::WrittenTwice { at, op, buffer, element });
                }
                elements[element] = true;
            }
        }
        Ok(())
    }
}

/// Which groups of buffers an entry has.
struct Entries {
    tangents: bool,
    /// Weights of the outputs, and gradients.
    weights: bool,
    out: bool,
}

struct Written {
    scratch: Vec<bool>,
    out: Vec<bool>,
    tangent: Vec<bool>,
}
