//! What the two pieces of code have in common.

use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};

use crate::jit::emit::Emitter;

/// Writes into a function that inlines a plan, with the numbers of a table at hand.
pub(super) struct Writer<'w, 'a, 'b> {
    pub e: &'w mut Emitter<'a, 'b, f64>,
    /// Place of the table's numbers among the constants.
    pub numbers: u32,
    /// Step length.
    pub h: ir::Value,
}

impl Writer<'_, '_, '_> {
    pub fn load(&mut self, base: ir::Value, element: usize) -> ir::Value {
        self.e.builder.ins().load(types::F64, MemFlagsData::trusted(), base, offset(element))
    }

    pub fn store(&mut self, v: ir::Value, base: ir::Value, element: usize) {
        self.e.builder.ins().store(MemFlagsData::trusted(), v, base, offset(element));
    }

    pub fn add(&mut self, x: ir::Value, y: ir::Value) -> ir::Value {
        self.e.builder.ins().fadd(x, y)
    }

    pub fn multiply(&mut self, x: ir::Value, y: ir::Value) -> ir::Value {
        self.e.builder.ins().fmul(x, y)
    }

    /// The `k`-th number of the table.
    pub fn number(&mut self, k: usize) -> ir::Value {
        self.e.constant(self.numbers + k as u32)
    }

    /// `h` times the `k`-th number of the table.
    pub fn weight(&mut self, k: usize) -> ir::Value {
        let number = self.number(k);
        self.multiply(self.h, number)
    }
}

/// Place of `a_ij` in a stage matrix whose rows lie one after the other.
pub(super) fn place(i: usize, j: usize) -> usize {
    i * (i - 1) / 2 + j
}

/// Byte offset of an element; arrays of a step are far below 2 GB.
fn offset(element: usize) -> i32 {
    (element * size_of::<f64>()) as i32
}
