//! Interval arithmetic: between which numbers an expression lies while its inputs move.
//!
//! R. E. Moore, R. B. Kearfott, M. J. Cloud, *Introduction to Interval Analysis*, SIAM 2009,
//! doi:10.1137/1.9780898717716. Ends are moved outwards by more than the rounding of what they are
//! computed from, in place of directed rounding. [`Interval::ALL`] also stands for values that are no
//! numbers, so that whatever leaves the domain of a function gives it.

mod enclosure;
mod functions;

pub use enclosure::{Enclosure, Inputs};

/// The numbers from `lo` to `hi`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Least number.
    pub lo: f64,
    /// Greatest number.
    pub hi: f64,
}

/// By which part of itself an end is moved outwards: several roundings, as compiled functions may
/// round otherwise.
const OUTWARDS: f64 = 8.0 * f64::EPSILON;

impl Interval {
    /// All numbers, and what is none.
    pub const ALL: Interval = Interval { lo: f64::NEG_INFINITY, hi: f64::INFINITY };

    /// One number.
    #[must_use]
    pub const fn point(x: f64) -> Interval {
        Interval { lo: x, hi: x }
    }

    /// From one number to another; everything where that is no interval.
    #[must_use]
    pub fn new(lo: f64, hi: f64) -> Interval {
        if lo <= hi { Interval { lo, hi } } else { Interval::ALL }
    }

    /// The same with room for the rounding of its ends.
    fn widened(self) -> Interval {
        // An end at 0 stays there, so that what cannot be negative does not become so.
        let room = |x: f64| if x.is_finite() { OUTWARDS * x.abs() } else { 0.0 };
        Interval::new(self.lo - room(self.lo), self.hi + room(self.hi))
    }

    /// The least that holds both.
    fn hull(self, other: Interval) -> Interval {
        Interval::new(self.lo.min(other.lo), self.hi.max(other.hi))
    }

    /// The least that holds these numbers; everything where one is none.
    fn around(numbers: [f64; 4]) -> Interval {
        if numbers.iter().any(|x| x.is_nan()) {
            return Interval::ALL;
        }
        let of = |pick: fn(f64, f64) -> f64| numbers.into_iter().reduce(pick).unwrap_or(f64::NAN);
        Interval::new(of(f64::min), of(f64::max))
    }

    fn contains(self, x: f64) -> bool {
        self.lo <= x && x <= self.hi
    }
}
