//! The buffers of a running plan, and safe access to several runs at once.

use crate::plan::{Buffer, Ref};

/// What is only read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Inputs<'a> {
    pub(super) t: [f64; 1],
    pub(super) u: &'a [f64],
    pub(super) p: &'a [f64],
    pub(super) dt: [f64; 1],
    pub(super) du: &'a [f64],
    pub(super) dp: &'a [f64],
    pub(super) w: &'a [f64],
    pub(super) constants: &'a [f64],
}

/// What is only written or added to.
#[derive(Debug, Default)]
pub(super) struct Results<'a> {
    pub(super) out: &'a mut [f64],
    pub(super) dout: &'a mut [f64],
    pub(super) t_grad: &'a mut [f64],
    pub(super) u_grad: &'a mut [f64],
    pub(super) p_grad: &'a mut [f64],
}

#[derive(Debug)]
pub(super) struct Memory<'a> {
    pub(super) inputs: Inputs<'a>,
    pub(super) results: Results<'a>,
    pub(super) scratch: &'a mut [f64],
}

/// A run that is read by a dense instruction.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operand<'a> {
    Slice(&'a [f64]),
    /// It is the destination itself.
    Destination,
}

impl<'a> Operand<'a> {
    /// An element; `own` is the destination's element at the same index, before the write.
    pub(super) fn at(self, index: usize, own: f64) -> f64 {
        match self {
            Operand::Slice(slice) => slice[index],
            Operand::Destination => own,
        }
    }

    /// The run, for instructions whose operands are never the destination.
    pub(super) fn slice(self) -> &'a [f64] {
        match self {
            Operand::Slice(slice) => slice,
            Operand::Destination => unreachable!("the verifier refuses such a plan"),
        }
    }
}

impl Inputs<'_> {
    pub(super) fn buffer(&self, buffer: Buffer) -> &[f64] {
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

impl Results<'_> {
    pub(super) fn buffer(&mut self, buffer: Buffer) -> &mut [f64] {
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

impl Memory<'_> {
    /// The destination and the operands of a dense instruction. Operands in scratch lie before or
    /// after a destination there, or are the destination; the verifier has checked that.
    pub(super) fn split<const N: usize>(
        &mut self,
        dst: Ref,
        len: u32,
        operands: [(Ref, u32); N],
    ) -> (&mut [f64], [Operand<'_>; N]) {
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
