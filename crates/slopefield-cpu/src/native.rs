//! The element types of compiled kernels as the code generator and the kernels see them.

use std::ops::{Div, Neg, Sub};

use cranelift_codegen::ir::{self, InstBuilder, types};
use cranelift_frontend::FunctionBuilder;
use slopefield_graph::Element;

use crate::dense::table::{Isa, Table, table, table_f32};

/// `f64` or `f32` in native code.
pub trait Native: Element + Sub<Output = Self> + Div<Output = Self> + Neg<Output = Self> {
    /// Type of a number in generated code.
    const TYPE: ir::Type;
    /// Bytes of a number.
    const BYTES: i64 = size_of::<Self>() as i64;
    /// Whether generated code computes two numbers in one register where that pays.
    const PAIRS: bool;
    /// The kernels of `isa`, which must be available.
    fn table(isa: Isa) -> &'static Table<Self>;
    /// A number in generated code.
    fn constant(builder: &mut FunctionBuilder<'_>, x: f64) -> ir::Value;
    /// The number 1.
    fn one() -> Self {
        Self::from_f64(1.0)
    }
    /// `self * b + c` with one rounding; slow where the machine has no such instruction.
    fn fused(self, b: Self, c: Self) -> Self;
}

impl Native for f64 {
    const TYPE: ir::Type = types::F64;
    const PAIRS: bool = true;
    fn table(isa: Isa) -> &'static Table<Self> {
        table(isa)
    }
    fn constant(builder: &mut FunctionBuilder<'_>, x: f64) -> ir::Value {
        builder.ins().f64const(x)
    }
    #[inline(always)]
    fn fused(self, b: Self, c: Self) -> Self {
        self.mul_add(b, c)
    }
}

impl Native for f32 {
    const TYPE: ir::Type = types::F32;
    const PAIRS: bool = false; // two of them are no register of their own
    fn table(isa: Isa) -> &'static Table<Self> {
        table_f32(isa)
    }
    fn constant(builder: &mut FunctionBuilder<'_>, x: f64) -> ir::Value {
        builder.ins().f32const(x as f32)
    }
    #[inline(always)]
    fn fused(self, b: Self, c: Self) -> Self {
        self.mul_add(b, c)
    }
}
