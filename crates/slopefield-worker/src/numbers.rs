//! The block of numbers that goes with a reply.

use slopefield_api::schema::Block;
use slopefield_api::types::Slice;

/// Collects numbers and hands out their places.
#[derive(Debug, Default)]
pub struct Numbers(Block);

impl Numbers {
    /// Adds numbers.
    pub fn add(&mut self, values: impl IntoIterator<Item = f64>) -> Slice {
        let start = self.0.len();
        self.0.extend(values);
        Slice { start: start as u32, len: (self.0.len() - start) as u32 }
    }

    /// All of them.
    pub fn into_block(self) -> Block {
        self.0
    }
}
