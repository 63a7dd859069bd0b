//! Dense instructions become calls to precompiled kernels.

use cranelift_codegen::ir::{InstBuilder, types};
use slopefield_graph::plan::{Instruction, Ref};

use super::emit::Emitter;

impl Emitter<'_, '_> {
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
                let f = if add { t.mat_vec_add } else { t.mat_vec };
                (f as usize, vec![y, a, x], vec![rows, cols])
            }
            MatTVec { y, a, x, rows, cols, add } => {
                let f = if add { t.mat_t_vec_add } else { t.mat_t_vec };
                (f as usize, vec![y, a, x], vec![rows, cols])
            }
            Layer { y, a, x, bias, activation, rows, cols } => {
                let product = [rows, cols];
                match bias {
                    Some(bias) => {
                        self.call_kernel(t.copy as usize, &[y, bias], &[rows]);
                        self.call_kernel(t.mat_vec_add as usize, &[y, a, x], &product);
                    }
                    None => self.call_kernel(t.mat_vec as usize, &[y, a, x], &product),
                }
                if let Some(op) = activation {
                    self.call_kernel((t.map)(op) as usize, &[y, y], &[rows]);
                }
                return;
            }
            Each { body, count } => {
                return self.each(&self.context.plan.bodies[body as usize], count);
            }
            Outer { a, x, y, rows, cols } => (t.outer as usize, vec![a, x, y], vec![rows, cols]),
            Sum { dst, src, len } => (t.sum as usize, vec![dst, src], vec![len]),
            Dot { dst, a, b, len } => (t.dot as usize, vec![dst, a, b], vec![len]),
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
}
