//! Loops over lanes, one lane after the other.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{self, BlockArg, InstBuilder, MemFlagsData, types};
use slopefield_graph::plan::{
    BinaryOp, Body, BodyInstruction, LaneInput, LaneOutput, Ref, UnaryOp,
};

use super::emit::Emitter;
use crate::native::Native;

/// A value of a body: a number, and for comparisons the flag it comes from.
#[derive(Clone, Copy)]
struct LaneValue {
    value: ir::Value,
    flag: Option<ir::Value>,
}

impl<T: Native> Emitter<'_, '_, T> {
    /// Runs a body for `count` lanes, at least one.
    pub(super) fn each(&mut self, body: &Body, count: u32) {
        // Pointers do not depend on the lane.
        let inputs: Vec<ir::Value> =
            body.inputs.iter().map(|input| self.pointer(input.place().0)).collect();
        let outputs: Vec<ir::Value> =
            body.outputs.iter().map(|output| self.pointer(target(output))).collect();
        let sums = body.outputs.iter().filter(|o| matches!(o, LaneOutput::SumTo(..))).count();

        let start = self.builder.ins().iconst(types::I64, 0);
        let zero = self.number(0.0);
        let head = self.builder.create_block();
        let lane = self.builder.append_block_param(head, types::I64);
        let totals: Vec<ir::Value> =
            (0..sums).map(|_| self.builder.append_block_param(head, T::TYPE)).collect();
        let mut arguments = vec![BlockArg::Value(start)];
        arguments.extend((0..sums).map(|_| BlockArg::Value(zero)));
        self.builder.ins().jump(head, &arguments);
        self.builder.switch_to_block(head);

        let values = self.lane(body, lane, &inputs);
        let mut next_totals = Vec::with_capacity(sums);
        for (output, base) in body.outputs.iter().zip(&outputs) {
            let v = values[output.value() as usize].value;
            match *output {
                LaneOutput::Store(..) => {
                    let at = self.lane_address(*base, lane);
                    self.builder.ins().store(MemFlagsData::trusted(), v, at, 0);
                }
                LaneOutput::AddTo(..) => {
                    let at = self.lane_address(*base, lane);
                    self.add_to(at, v);
                }
                LaneOutput::ScatterAdd(_, table, _) => {
                    let index = self.table_entry(table, lane);
                    let at = self.lane_address(*base, index);
                    self.add_to(at, v);
                }
                LaneOutput::SumTo(..) => {
                    let total = totals[next_totals.len()];
                    next_totals.push(self.builder.ins().fadd(total, v));
                }
            }
        }
        let next = self.builder.ins().iadd_imm_s(lane, 1);
        let more = self.builder.ins().icmp_imm_u(IntCC::UnsignedLessThan, next, i64::from(count));
        let done = self.builder.create_block();
        let mut arguments = vec![BlockArg::Value(next)];
        arguments.extend(next_totals.iter().map(|v| BlockArg::Value(*v)));
        self.builder.ins().brif(more, head, &arguments, done, &[]);
        self.builder.seal_block(head);
        self.builder.switch_to_block(done);
        self.builder.seal_block(done);

        let is_sum = |(output, _): &(&LaneOutput, _)| matches!(output, LaneOutput::SumTo(..));
        let summed = body.outputs.iter().zip(&outputs).filter(is_sum);
        for ((_, base), total) in summed.zip(next_totals) {
            self.add_to(*base, total);
        }
    }

    /// The values of one lane.
    fn lane(&mut self, body: &Body, lane: ir::Value, inputs: &[ir::Value]) -> Vec<LaneValue> {
        let mut values: Vec<LaneValue> = Vec::with_capacity(body.code.len());
        for instruction in &body.code {
            let mut flag = None;
            let value = match *instruction {
                BodyInstruction::Constant(x) => self.number(x),
                BodyInstruction::Input(input) => {
                    let base = inputs[input as usize];
                    let at = match body.inputs[input as usize] {
                        LaneInput::Uniform(_) => base,
                        LaneInput::Lanes(_) => self.lane_address(base, lane),
                        LaneInput::Gathered(_, table) => {
                            let index = self.table_entry(table, lane);
                            self.lane_address(base, index)
                        }
                    };
                    self.builder.ins().load(T::TYPE, MemFlagsData::trusted(), at, 0)
                }
                BodyInstruction::Unary(UnaryOp::Not, a) => {
                    let truth = self.truth(values[a as usize]);
                    let (zero, one) = (self.number(0.0), self.number(1.0));
                    self.builder.ins().select(truth, zero, one)
                }
                BodyInstruction::Unary(op, a) => self.unary_of(op, values[a as usize].value),
                BodyInstruction::Binary(op, a, b) => {
                    let (a, b) = (values[a as usize], values[b as usize]);
                    match self.comparison(op, a, b) {
                        None => self.binary_of(op, a.value, b.value),
                        Some(truth) => {
                            flag = Some(truth);
                            let (zero, one) = (self.number(0.0), self.number(1.0));
                            self.builder.ins().select(truth, one, zero)
                        }
                    }
                }
                BodyInstruction::Select(c, a, b) => {
                    let truth = self.truth(values[c as usize]);
                    let (a, b) = (values[a as usize].value, values[b as usize].value);
                    self.builder.ins().select(truth, a, b)
                }
            };
            values.push(LaneValue { value, flag });
        }
        values
    }

    /// Flag of `v != 0`, which NaN fulfils.
    fn truth(&mut self, v: LaneValue) -> ir::Value {
        v.flag.unwrap_or_else(|| {
            let zero = self.number(0.0);
            self.builder.ins().fcmp(FloatCC::NotEqual, v.value, zero)
        })
    }

    /// The flag, for operations that give 1 or 0.
    fn comparison(&mut self, op: BinaryOp, a: LaneValue, b: LaneValue) -> Option<ir::Value> {
        let code = match op {
            BinaryOp::Less => FloatCC::LessThan,
            BinaryOp::LessEqual => FloatCC::LessThanOrEqual,
            BinaryOp::Greater => FloatCC::GreaterThan,
            BinaryOp::GreaterEqual => FloatCC::GreaterThanOrEqual,
            BinaryOp::Equal => FloatCC::Equal,
            BinaryOp::NotEqual => FloatCC::NotEqual,
            BinaryOp::And | BinaryOp::Or => {
                let (a, b) = (self.truth(a), self.truth(b));
                let ins = self.builder.ins();
                return Some(if op == BinaryOp::And { ins.band(a, b) } else { ins.bor(a, b) });
            }
            _ => return None,
        };
        Some(self.builder.ins().fcmp(code, a.value, b.value))
    }

    fn lane_address(&mut self, base: ir::Value, index: ir::Value) -> ir::Value {
        let bytes = self.builder.ins().ishl_imm_u(index, i64::from(T::BYTES.trailing_zeros()));
        self.builder.ins().iadd(base, bytes)
    }

    /// The entry of a table for a lane, as a 64-bit number.
    fn table_entry(&mut self, table: u32, lane: ir::Value) -> ir::Value {
        let base = self.address(self.context.tables[table as usize].as_ptr() as usize);
        let bytes = self.builder.ins().ishl_imm_u(lane, 2);
        let at = self.builder.ins().iadd(base, bytes);
        let entry = self.builder.ins().load(types::I32, MemFlagsData::trusted(), at, 0);
        self.builder.ins().uextend(types::I64, entry)
    }

    fn add_to(&mut self, at: ir::Value, v: ir::Value) {
        let old = self.builder.ins().load(T::TYPE, MemFlagsData::trusted(), at, 0);
        let sum = self.builder.ins().fadd(old, v);
        self.builder.ins().store(MemFlagsData::trusted(), sum, at, 0);
    }
}

fn target(output: &LaneOutput) -> Ref {
    let (LaneOutput::Store(at, _)
    | LaneOutput::AddTo(at, _)
    | LaneOutput::ScatterAdd(at, _, _)
    | LaneOutput::SumTo(at, _)) = *output;
    at
}
