//! A function at many points at once.

use crate::Shape;

/// Lanes are computed in groups of this many; the width of every batch is a multiple of it.
pub const LANE_GROUP: usize = 8;

/// A function `out = f(t, u, p)` evaluated at several points, the *lanes*, in one call.
///
/// Arrays are structures of arrays: row `i` of an array holds component `i` of every lane, is
/// [`BatchKernel::width`] numbers long and follows row `i − 1` without a gap. Nothing has to be
/// aligned; rows that begin at multiples of 64 bytes are fastest.
///
/// Lanes are independent of each other: a lane's results depend on that lane's inputs only, not
/// on its place, its neighbours or their number, to the last bit. Otherwise the rules are those of
/// [`crate::Kernel`]: no allocation, no state between calls, any thread, `scratch` from the
/// caller, NaN instead of failure.
pub trait BatchKernel: Send + Sync {
    /// Sizes for one lane.
    fn shape(&self) -> Shape;

    /// Length of a row: the largest number of lanes of a call, a multiple of [`LANE_GROUP`].
    fn width(&self) -> usize;

    /// Ascending indices of the parameters that every lane has a value of its own for
    /// ([`BatchPoint::own`]); the others are shared.
    fn own_params(&self) -> &[usize];

    /// Number of `f64` that every call needs as work space.
    fn scratch_len(&self) -> usize;

    /// Writes `f` of lanes `0..lanes` to `out` (outputs × width). Lanes up to the next multiple of
    /// [`LANE_GROUP`] may be computed and written as well, from whatever stands there.
    fn eval(&self, lanes: usize, at: BatchPoint<'_>, out: &mut [f64], scratch: &mut [f64]);
}

/// Where a batch is evaluated.
#[derive(Debug, Clone, Copy)]
pub struct BatchPoint<'a> {
    /// Time of each lane (one row).
    pub t: &'a [f64],
    /// States (states × width).
    pub u: &'a [f64],
    /// All parameters once, as for [`crate::Kernel`]; those that lanes have of their own are not
    /// read.
    pub shared: &'a [f64],
    /// The parameters of [`BatchKernel::own_params`], in that order (own × width).
    pub own: &'a [f64],
}
