//! Evaluations that write down what their reverse products need.

use crate::{Cotangent, Point, Shape};

/// A function whose reverse products need not compute it again: an evaluation writes into a row
/// what a product at the same point then reads.
///
/// A row has the function's outputs first; before a product is taken, its weights take their
/// place. A product may leave additions to the gradient of the parameters open, outer products of
/// vectors that it writes as *factors*: [`Recording::add_products`] makes up for many products in
/// one pass over that gradient, which is most of the work where there are many weights. The rules of [`crate::Kernel`] hold otherwise: nothing is allocated, no call fails,
/// `scratch` is the caller's. Values have the bits of the kernel's own;
/// products are equal but for rounding.
pub trait Recording<T = f64>: Send + Sync {
    /// The sizes of inputs and output.
    fn shape(&self) -> Shape;

    /// Elements of a row: the outputs and what is written down.
    fn row_len(&self) -> usize;

    /// Number of elements that every call needs as work space.
    fn scratch_len(&self) -> usize;

    /// Writes `f(t, u, p)` to the beginning of `row`, and what products need behind it.
    fn eval(&self, at: Point<'_, T>, row: &mut [T], scratch: &mut [T]);

    /// Elements of the factors that one product leaves.
    fn factors_len(&self) -> usize;

    /// As [`crate::Kernel::vjp`], for the point that `row` was written at; the weights `w` are in
    /// the place of the outputs. What belongs to `grad.p` and is not added is in `factors`.
    fn vjp(
        &self,
        at: Point<'_, T>,
        row: &[T],
        grad: Cotangent<'_, T>,
        factors: &mut [T],
        scratch: &mut [T],
    );

    /// Adds what products left open to the gradient by the parameters; `factors` are those of any
    /// number of products, one after the other.
    fn add_products(&self, factors: &[T], grad_p: &mut [T]);
}
