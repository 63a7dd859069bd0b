//! Dense instructions become calls to precompiled kernels.

use cranelift_codegen::ir::{InstBuilder, types};
use slopefield_graph::custom::CustomOp;
use slopefield_graph::plan::{Instruction, Ref, UnaryOp};

use super::emit::Emitter;
use super::fuse::{Backward, Slope};
use crate::native::Native;

/// What generated code calls for an operator that somebody else computes.
///
/// # Safety
/// `op` lives as long as the program, and `dst` and `src` have as many elements as it writes and reads,
/// which do not overlap.
unsafe extern "C" fn custom<T: Native>(
    op: *const CustomOp,
    reverse: u64,
    dst: *mut T,
    src: *const T,
) {
    // SAFETY: promised by the caller; the verifier has compared both runs with these sizes.
    unsafe {
        let op = &*op;
        let reverse = reverse != 0;
        let (from, to) = op.sizes(reverse);
        let src = std::slice::from_raw_parts(src, from as usize);
        let dst = std::slice::from_raw_parts_mut(dst, to as usize);
        T::custom(op, reverse, src, dst);
    }
}

impl<T: Native> Emitter<'_, '_, T> {
    /// Calls the kernel of a dense instruction.
    pub(super) fn dense(&mut self, instruction: &Instruction) {
        use Instruction::*;
        let t = self.context.table;
        let (function, refs, sizes) = match *instruction {
            Fill { dst, len, value } => {
                let (dst, value) = (self.pointer(dst), self.number(value));
                let len = self.builder.ins().iconst(types::I64, i64::from(len));
                return self.call(t.fill as usize, &[dst, value, len]);
            }
            Copy { dst, src, len } => (t.copy as usize, vec![dst, src], vec![len]),
            Add { dst, src, len } => (t.add as usize, vec![dst, src], vec![len]),
            Map { op, dst, src, len } => ((t.map)(op) as usize, vec![dst, src], vec![len]),
            Zip { op, dst, a, b, len } => ((t.zip)(op) as usize, vec![dst, a, b], vec![len]),
            MatVec { y, a, x, rows, cols, add } => {
                return self.affine(y, a, x, add.then_some(y), None, [rows, cols]);
            }
            MatTVec { y, a, x, rows, cols, add } => {
                let f = if add { t.mat_t_vec_add } else { t.mat_t_vec };
                (f as usize, vec![y, a, x], vec![rows, cols])
            }
            Layer { y, a, x, bias, activation, rows, cols } => {
                return self.affine(y, a, x, bias, activation, [rows, cols]);
            }
            Each { body, count } => {
                let first = self.each_in_vectors(body, count);
                if first < count {
                    self.each(&self.context.plan.bodies[body as usize], first, count);
                }
                return;
            }
            Outer { a, x, y, rows, cols } => (t.outer as usize, vec![a, x, y], vec![rows, cols]),
            Sum { dst, src, len } => (t.sum as usize, vec![dst, src], vec![len]),
            Dot { dst, a, b, len } => (t.dot as usize, vec![dst, a, b], vec![len]),
            Custom { op, reverse, dst, src } => {
                let op = self.address(std::ptr::from_ref(op) as usize);
                let reverse = self.builder.ins().iconst(types::I64, i64::from(reverse));
                let (dst, src) = (self.pointer(dst), self.pointer(src));
                return self.call(custom::<T> as *const () as usize, &[op, reverse, dst, src]);
            }
            Constant(_) | Load(_) | Unary(..) | Binary(..) | Select(..) | Store(..) | AddTo(..) => {
                return;
            } // scalar instructions come as `Step::Scalar`
        };
        self.call_kernel(function, &refs, &sizes);
    }

    fn call_kernel(&mut self, function: usize, runs: &[Ref], sizes: &[u32]) {
        let mut arguments: Vec<_> = runs.iter().map(|r| self.pointer(*r)).collect();
        for n in sizes {
            arguments.push(self.builder.ins().iconst(types::I64, i64::from(*n)));
        }
        self.call(function, &arguments);
    }

    /// The backward pass of a layer.
    pub(super) fn backward(&mut self, b: &Backward) {
        let t = self.context.table;
        let open = b.matrix_grad.is_none() && b.bias_grad.is_none();
        let function = match (b.slope, open) {
            (Slope::Tanh, false) => t.backward_tanh,
            (Slope::Sigmoid, false) => t.backward_sigmoid,
            (Slope::Tanh, true) => (t.open_backward_tanh)(b.rows),
            (Slope::Sigmoid, true) => (t.open_backward_sigmoid)(b.rows),
        };
        let mut arguments = [b.z, b.a, b.g, b.h].map(|r| self.pointer(r)).to_vec();
        arguments.extend([b.matrix_grad, b.bias_grad].map(|grad| match grad {
            Some(grad) => self.pointer(grad),
            None => self.address(0),
        }));
        for n in [b.rows, b.cols] {
            arguments.push(self.builder.ins().iconst(types::I64, i64::from(n)));
        }
        self.call(function as usize, &arguments);
    }

    /// `y = map(A x + start)`.
    fn affine(
        &mut self,
        y: Ref,
        a: Ref,
        x: Ref,
        start: Option<Ref>,
        map: Option<UnaryOp>,
        sizes: [u32; 2],
    ) {
        let t = self.context.table;
        let mut arguments = [y, a, x].map(|r| self.pointer(r)).to_vec();
        arguments.push(match start {
            Some(start) => self.pointer(start),
            None => self.address(0),
        });
        arguments.extend(sizes.map(|n| self.builder.ins().iconst(types::I64, i64::from(n))));
        let map = map.map_or(0, |op| (t.map)(op) as usize);
        arguments.push(self.address(map));
        self.call(t.affine as usize, &arguments);
    }
}
