//! The element types of compiled kernels as the code generator and the kernels see them.

use std::ops::{Div, Neg, Sub};
use std::sync::Arc;

use cranelift_codegen::ir::{self, InstBuilder, types};
use cranelift_frontend::FunctionBuilder;
use slopefield_graph::Element;
use slopefield_kernel::StepKernel;

use crate::dense::table::{Isa, Table, table, table_f32};

/// `f64` or `f32` in native code.
pub trait Native: Element + Sub<Output = Self> + Div<Output = Self> + Neg<Output = Self> {
    /// Type of a number in generated code.
    const TYPE: ir::Type;
    /// Bytes of a number.
    const BYTES: i64 = size_of::<Self>() as i64;
    /// Whether loops over elements have vector code for numbers of this type.
    const HAS_LANES: bool;
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
    /// A step made for numbers of this type, where there are such steps.
    fn whole_step(step: Arc<dyn StepKernel>) -> Option<Arc<dyn StepKernel<Self>>> {
        let _ = step;
        None
    }
}

impl Native for f64 {
    const TYPE: ir::Type = types::F64;
    const HAS_LANES: bool = true;
    const PAIRS: bool = true;
    fn table(isa: Isa) -> &'static Table<Self> {
        table(isa)
    }
    fn constant(builder: &mut FunctionBuilder<'_>, x: f64) -> ir::Value {
        builder.ins().f64const(x)
    }
    fn whole_step(step: Arc<dyn StepKernel>) -> Option<Arc<dyn StepKernel>> {
        Some(step)
    }
    #[inline(always)]
    fn fused(self, b: Self, c: Self) -> Self {
        self.mul_add(b, c)
    }
}

impl Native for f32 {
    const TYPE: ir::Type = types::F32;
    const HAS_LANES: bool = false;
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
