//! Cells of the time axis and the numbering of their intervals.

/// Depth of the tree of a cell. Only in `[0, 1)` can a time have more binary digits than this;
/// those beyond 3e-29 are dropped.
pub(super) const LEVELS: usize = 95;

/// Cells reach to ±2^CELLS.
pub(super) const CELLS: u32 = 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    /// 0 for `[0, 1)`, otherwise `[2^(number − 1), 2^number)`.
    pub(super) number: u32,
    pub(super) mirrored: bool,
}

impl Cell {
    pub(super) fn at(time: f64, mirrored: bool) -> Self {
        let number = if time < 1.0 { 0 } else { (time.to_bits() >> 52) as u32 - 1022 };
        Cell { number, mirrored }
    }

    /// Logarithm of the length to base 2.
    pub(super) fn exponent(self) -> i32 {
        self.number.max(1) as i32 - 1
    }

    pub(super) fn begin(self) -> f64 {
        if self.number == 0 { 0.0 } else { power_of_two(self.number as i32 - 1) }
    }

    pub(super) fn end(self) -> f64 {
        power_of_two(self.number as i32)
    }

    /// Distance from the beginning as a fraction of the cell, in units of `2^−LEVELS`.
    pub(super) fn position(self, time: f64) -> u128 {
        ((time - self.begin()) * power_of_two(LEVELS as i32 - self.exponent())) as u128
    }
}

/// `2^e` for exponents of normal numbers.
#[inline(always)]
pub(crate) fn power_of_two(e: i32) -> f64 {
    f64::from_bits(((e + 1023) as u64) << 52)
}

/// `2^(e/2)`.
#[inline(always)]
pub(super) fn root_of_power_of_two(e: i32) -> f64 {
    let root = power_of_two(e >> 1);
    if e & 1 == 0 { root } else { root * std::f64::consts::SQRT_2 }
}

/// The counter of an interval: node 0 is the cell, `2^level + index` the interval that is divided.
#[inline(always)]
pub(super) fn counter(cell: Cell, node: u128, source: usize) -> [u32; 4] {
    let cell = 2 * cell.number + u32::from(cell.mirrored);
    [node as u32, (node >> 32) as u32, (node >> 64) as u32, source as u32 | (cell << 20)]
}
