//! The buffers of a running plan, and safe access to several runs at once.

use crate::plan::{Buffer, Ref};

/// What is only read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Inputs<'a, T> {
    pub(super) t: [T; 1],
    pub(super) u: &'a [T],
    pub(super) p: &'a [T],
    pub(super) dt: [T; 1],
    pub(super) du: &'a [T],
    pub(super) dp: &'a [T],
    pub(super) w: &'a [T],
    pub(super) constants: &'a [T],
}

/// What is only written or added to.
#[derive(Debug, Default)]
pub(super) struct Results<'a, T> {
    pub(super) out: &'a mut [T],
    pub(super) dout: &'a mut [T],
    pub(super) t_grad: &'a mut [T],
    pub(super) u_grad: &'a mut [T],
    pub(super) p_grad: &'a mut [T],
}

#[derive(Debug)]
pub(super) struct Memory<'a, T> {
    pub(super) inputs: Inputs<'a, T>,
    pub(super) results: Results<'a, T>,
    pub(super) scratch: &'a mut [T],
}

/// A run that is read by a dense instruction.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operand<'a, T> {
    Slice(&'a [T]),
    /// It is the destination itself.
    Destination,
}

impl<'a, T: Copy> Operand<'a, T> {
    /// An element; `own` is the destination's element at the same index, before the write.
    pub(super) fn at(self, index: usize, own: T) -> T {
        match self {
            Operand::Slice(slice) => slice[index],
            Operand::Destination => own,
        }
    }

    /// The run, for instructions whose operands are never the destination.
    pub(super) fn slice(self) -> &'a [T] {
        match self {
            Operand::Slice(slice) => slice,
            Operand::Destination => unreachable!("the verifier refuses such a plan"),
        }
    }
}

impl<T> Inputs<'_, T> {
    pub(super) fn buffer(&self, buffer: Buffer) -> &[T] {
        match buffer {
            Buffer::Time => &self.t,
            Buffer::States => self.u,
            Buffer::Params => self.p,
            Buffer::TimeTangent => &self.dt,
            Buffer::StatesTangent => self.du,
            Buffer::ParamsTangent => self.dp,
            Buffer::Weights => self.w,
            Buffer::Constants => self.constants,
            other => unreachable!("the verifier refuses reads of {other:?}"),
        }
    }
}

impl<T> Results<'_, T> {
    pub(super) fn buffer(&mut self, buffer: Buffer) -> &mut [T] {
        match buffer {
            Buffer::Out => self.out,
            Buffer::OutTangent => self.dout,
            Buffer::TimeGrad => self.t_grad,
            Buffer::StatesGrad => self.u_grad,
            Buffer::ParamsGrad => self.p_grad,
            other => unreachable!("the verifier refuses writes to {other:?}"),
        }
    }
}

impl<T> Memory<'_, T> {
    /// The destination and the operands of a dense instruction. Operands in scratch lie before or
    /// after a destination there, or are the destination; the verifier has checked that.
    pub(super) fn split<const N: usize>(
        &mut self,
        dst: Ref,
        len: u32,
        operands: [(Ref, u32); N],
    ) -> (&mut [T], [Operand<'_, T>; N]) {
        let (start, len) = (dst.offset as usize, len as usize);
        let inputs = &self.inputs;
        let run =
            |at: Ref, len: u32| &inputs.buffer(at.buffer)[at.offset as usize..][..len as usize];
        if dst.buffer != Buffer::Scratch {
            let scratch = &*self.scratch;
            let operands = operands.map(|(at, len)| {
                Operand::Slice(match at.buffer {
                    Buffer::Scratch => &scratch[at.offset as usize..][..len as usize],
                    _ => run(at, len),
                })
            });
            return (&mut self.results.buffer(dst.buffer)[start..][..len], operands);
        }
        let (before, rest) = self.scratch.split_at_mut(start);
        let (dst_run, after) = rest.split_at_mut(len);
        let (before, after) = (&*before, &*after);
        let operands = operands.map(|(at, n)| {
            let from = at.offset as usize;
            match at.buffer {
                Buffer::Scratch if at == dst => Operand::Destination,
                Buffer::Scratch if from < start => Operand::Slice(&before[from..][..n as usize]),
                Buffer::Scratch => Operand::Slice(&after[from - start - len..][..n as usize]),
                _ => Operand::Slice(run(at, n)),
            }
        });
        (dst_run, operands)
    }
}
