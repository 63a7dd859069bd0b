//! What the author of an operator writes.

use crate::Error;

/// A function of the plugin's own in the middle of a network, with its derivative, in native code.
///
/// A network records one with [`Graph::custom`](crate::Graph::custom). It is called on the processor
/// only, very often and from several threads; it gives the same bits for the same numbers, whatever was
/// computed before. The host compares [`reverse`](CustomOp::reverse) with differences of
/// [`forward`](CustomOp::forward) before it uses an operator, and refuses one that is wrong.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an operator",
    note = "implement `slopefield_plugin_sdk::CustomOp` for `{Self}` before naming it in `export_plugin!`"
)]
pub trait CustomOp: Sized + 'static {
    /// Id of `a-z`, `0-9` and `-`, unique among the operators of the plugin.
    const ID: &'static str;

    /// Whether it takes operands of these lengths and gives a result of `outputs` elements; if not, why.
    fn check(lengths: &[usize], outputs: usize) -> Result<(), Error>;

    /// Writes the result. Every element of it is written; one without a value is NaN.
    fn forward(operands: &Operands<'_>, result: &mut [f64]);

    /// Writes the derivative of `Σ weights[i] result[i]` by each element of the operands, in their order.
    fn reverse(operands: &Operands<'_>, weights: &[f64], gradient: &mut [f64]);
}

/// The operands of an operator, vectors one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Operands<'a> {
    pub(crate) lengths: &'a [u64],
    pub(crate) elements: &'a [f64],
}

impl<'a> Operands<'a> {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.lengths.len()
    }

    /// All elements.
    pub fn all(&self) -> &'a [f64] {
        self.elements
    }

    /// One operand, counted from 0.
    ///
    /// # Panics
    /// When there is no such operand.
    pub fn get(&self, index: usize) -> &'a [f64] {
        let start: u64 = self.lengths[..index].iter().sum();
        &self.elements[start as usize..][..self.lengths[index] as usize]
    }
}
