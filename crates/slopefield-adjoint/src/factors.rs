//! Additions to the gradient of parameters that reverse products have left open.

use slopefield_kernel::Recording;

/// Bytes of factors that fit into the cache next to a core, roughly.
const CACHE: usize = 256 << 10;
/// Products whose factors are kept however large they are: a pass over the gradient costs as much as
/// two over the weights, which every product reads.
const LEAST: usize = 8;
/// More than this save nothing more.
const MOST: usize = 16;

/// The factors of some products, one after the other, until there are enough for a pass over the
/// gradient.
#[derive(Default)]
pub(crate) struct Factors {
    /// Empty until a product needs it.
    values: Vec<f64>,
    /// Elements of one product.
    row: usize,
    /// Products kept at most.
    rows: usize,
    /// Products in `values` that have not been added.
    waiting: usize,
}

impl Factors {
    /// Forgets what is left of an earlier sweep.
    pub(crate) fn begin(&mut self, recording: Option<&dyn Recording>) {
        self.row = recording.map_or(0, |recording| recording.factors_len());
        let bytes = self.row * size_of::<f64>();
        self.rows = (CACHE / bytes.max(1)).clamp(LEAST, MOST);
        self.waiting = 0;
    }

    /// The place for the factors of the next product.
    pub(crate) fn next(&mut self, recording: &dyn Recording, grad_p: &mut [f64]) -> &mut [f64] {
        self.values.resize(self.capacity(), 0.0);
        if self.waiting == self.rows {
            self.close(recording, grad_p);
        }
        let first = self.waiting * self.row;
        self.waiting += 1;
        &mut self.values[first..first + self.row]
    }

    /// Adds what is open.
    pub(crate) fn close(&mut self, recording: &dyn Recording, grad_p: &mut [f64]) {
        recording.add_products(&self.values[..self.waiting * self.row], grad_p);
        self.waiting = 0;
    }

    /// Elements that are held once a product has needed them.
    pub(crate) fn capacity(&self) -> usize {
        self.rows * self.row
    }

    pub(crate) fn bytes(&self) -> u64 {
        (self.values.len() * size_of::<f64>()) as u64
    }
}
