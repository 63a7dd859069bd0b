//! Reverse products of evaluations that wrote down what those need, and the additions to the gradient
//! of parameters that such products leave open.

use slopefield_kernel::{Cotangent, Point, Recording};
use slopefield_solve::{Ivp, copy_few};
use std::sync::Arc;

/// Products whose factors are kept, however large they are: a pass over the gradient reads and writes as
/// much as two products read of the weights, and more terms in a pass save little more.
const ROWS: usize = 16;

/// The kernel's products for evaluations that wrote something down, and the factors of some of them,
/// one after the other, until there are enough for a pass over the gradient.
#[derive(Default)]
pub(crate) struct Recorded {
    kernel: Option<Arc<dyn Recording>>,
    /// Empty until a product needs it.
    factors: Vec<f64>,
    /// Elements of the factors of one product.
    row: usize,
    /// Products in `factors` that have not been added.
    waiting: usize,
}

impl Recorded {
    /// For sweeps back through a system; forgets what is left of an earlier one.
    pub(crate) fn begin(&mut self, ivp: &Ivp<'_>) {
        self.kernel = ivp.rhs.recording();
        self.row = self.kernel.as_ref().map_or(0, |kernel| kernel.factors_len());
        self.waiting = 0;
    }

    /// Elements of scratch that products need.
    pub(crate) fn scratch_len(&self) -> usize {
        self.kernel.as_ref().map_or(0, |kernel| kernel.scratch_len())
    }

    /// The reverse product of a stage, from what its evaluation wrote down where it did.
    #[inline(always)]
    pub(crate) fn product(
        &mut self,
        ivp: &Ivp<'_>,
        at: Point<'_>,
        w: &[f64],
        record: &mut [f64],
        grad: Cotangent<'_>,
        scratch: &mut [f64],
    ) {
        match &self.kernel {
            Some(kernel) if !record.is_empty() => {
                if self.factors.len() != ROWS * self.row {
                    self.factors.resize(ROWS * self.row, 0.0);
                }
                let first = self.waiting * self.row;
                let factors = &mut self.factors[first..first + self.row];
                copy_few(&mut record[..w.len()], w);
                let here = Cotangent { t: grad.t, u: grad.u, p: &mut *grad.p };
                kernel.vjp(at, record, here, factors, scratch);
                self.waiting += 1;
                if self.waiting == ROWS {
                    self.add_open(grad.p);
                }
            }
            _ => ivp.rhs.vjp(at, w, grad, scratch),
        }
    }

    /// Adds what products have left open.
    pub(crate) fn add_open(&mut self, grad_p: &mut [f64]) {
        if let Some(kernel) = &self.kernel {
            kernel.add_products(&self.factors[..self.waiting * self.row], grad_p);
        }
        self.waiting = 0;
    }

    /// Elements that are held once a product has needed them.
    pub(crate) fn capacity(&self) -> usize {
        ROWS * self.row
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> u64 {
        (self.factors.len() * size_of::<f64>()) as u64
    }
}
