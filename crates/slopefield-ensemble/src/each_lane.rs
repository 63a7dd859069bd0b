//! Any kernel as a batch, lane by lane.

use slopefield_kernel::{BatchKernel, BatchPoint, Kernel, LANE_GROUP, Shape};

/// A [`Kernel`] evaluated lane by lane: for kernels that have no batch form, and as what batch
/// forms are compared with.
pub struct EachLane<'a> {
    kernel: &'a dyn Kernel,
    own: Vec<usize>,
    width: usize,
}

impl<'a> EachLane<'a> {
    /// Batches of `kernel` in which the parameters `own` (ascending) vary from lane to lane.
    ///
    /// # Panics
    /// If `own` does not ascend or names a parameter that the kernel does not have.
    pub fn new(kernel: &'a dyn Kernel, own: &[usize]) -> Self {
        let params = kernel.shape().params;
        assert!(own.is_sorted_by(|a, b| a < b) && own.iter().all(|&i| i < params), "{own:?}");
        EachLane { kernel, own: own.to_vec(), width: 2 * LANE_GROUP }
    }
}

impl BatchKernel for EachLane<'_> {
    fn shape(&self) -> Shape {
        self.kernel.shape()
    }

    fn width(&self) -> usize {
        self.width
    }

    fn own_params(&self) -> &[usize] {
        &self.own
    }

    fn scratch_len(&self) -> usize {
        let Shape { states, params, outputs } = self.kernel.shape();
        states + params + outputs + self.kernel.scratch_len()
    }

    fn eval(&self, lanes: usize, at: BatchPoint<'_>, out: &mut [f64], scratch: &mut [f64]) {
        let Shape { states, params, outputs } = self.kernel.shape();
        let (u, rest) = scratch.split_at_mut(states);
        let (p, rest) = rest.split_at_mut(params);
        let (slopes, rest) = rest.split_at_mut(outputs);
        p.copy_from_slice(at.shared);
        for lane in 0..lanes {
            for (to, row) in u.iter_mut().zip(at.u.chunks_exact(self.width)) {
                *to = row[lane];
            }
            for (&i, row) in self.own.iter().zip(at.own.chunks_exact(self.width)) {
                p[i] = row[lane];
            }
            self.kernel.eval(at.t[lane], u, p, slopes, rest);
            for (row, from) in out.chunks_exact_mut(self.width).zip(&*slopes) {
                row[lane] = *from;
            }
        }
    }
}
