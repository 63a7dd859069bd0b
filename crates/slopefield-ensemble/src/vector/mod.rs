//! Eight doubles at a time: the operations the step is written in, per instruction set.
//!
//! All implementations do the same operations with one rounding each and never fuse, so results
//! have the same bits on every machine. They are few, which is why this crate has its own rather
//! than reaching into the compiler for those of its kernels.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
pub(crate) use portable::Portable;

/// Number of lanes of a vector.
pub(crate) const LANES: usize = slopefield_kernel::LANE_GROUP;

/// Lane-wise operations on eight doubles.
///
/// # Safety
///
/// Every method may be called only on a machine that has the implementation's instruction set;
/// `load` and `store` need eight valid, possibly unaligned, elements.
pub(crate) trait Vector: Copy {
    /// One truth value per lane.
    type Mask: Copy;

    unsafe fn splat(x: f64) -> Self;
    unsafe fn load(p: *const f64) -> Self;
    unsafe fn store(self, p: *mut f64);
    unsafe fn add(self, b: Self) -> Self;
    unsafe fn sub(self, b: Self) -> Self;
    unsafe fn mul(self, b: Self) -> Self;
    unsafe fn div(self, b: Self) -> Self;
    /// `if self < b { self } else { b }`.
    unsafe fn least(self, b: Self) -> Self;
    /// `if self > b { self } else { b }`.
    unsafe fn greatest(self, b: Self) -> Self;
    /// Bitwise and.
    unsafe fn and(self, b: Self) -> Self;
    /// Bitwise or.
    unsafe fn or(self, b: Self) -> Self;
    /// Wrapping sum of the bit patterns.
    unsafe fn add_bits(self, b: Self) -> Self;
    /// Bit pattern shifted left by 52.
    unsafe fn shl52(self) -> Self;
    /// Bit pattern shifted right by 52, filled with zeros.
    unsafe fn shr52(self) -> Self;
    /// `self < b`, false for NaN.
    unsafe fn lt(self, b: Self) -> Self::Mask;
    /// `self <= b`, false for NaN.
    unsafe fn le(self, b: Self) -> Self::Mask;
    /// `self == b`, false for NaN.
    unsafe fn eq(self, b: Self) -> Self::Mask;
    /// `if mask { a } else { b }`.
    unsafe fn select(mask: Self::Mask, a: Self, b: Self) -> Self;
    /// The mask whose lane `i` is bit `i`.
    unsafe fn mask(bits: u8) -> Self::Mask;
    /// Lane `i` of the mask as bit `i`.
    unsafe fn bits(mask: Self::Mask) -> u8;

    /// Absolute value.
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        // SAFETY: the caller's promise.
        unsafe { self.and(Self::splat(f64::from_bits(0x7fff_ffff_ffff_ffff))) }
    }
}
