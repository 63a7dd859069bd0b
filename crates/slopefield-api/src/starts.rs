//! What trainings from many places came to.

use crate::types::Slice;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Trainings of one run from many places, best result first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct StartsView {
    /// How many came to the best loss.
    pub reached: u32,
    /// Number of each place; 0 is the start that was given, the others are in the order of their
    /// first loss.
    pub places: Slice,
    /// Loss where each began, over the span of the first stage; infinite where there was none.
    pub first: Slice,
    /// Loss where each ended; infinite where there was none.
    pub losses: Slice,
    /// Iterations of each.
    pub iterations: Slice,
    /// Scalar parameters where each ended, row by row.
    pub parameters: Slice,
}
