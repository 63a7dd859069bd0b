//! The vector operations that the kernels are written in, and one implementation per instruction
//! set.
//!
//! A kernel is one generic body over [`Vector`] (dense sums, of `f64` or `f32`) or [`Simd`] (functions,
//! always in `f64`); `dense::table` instantiates it inside functions that enable the instruction set. Nothing here decides which set the machine has.

mod array;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pair;
#[cfg(target_arch = "x86_64")]
mod single;

pub(crate) use array::Array;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
pub(crate) use pair::Pair;
#[cfg(target_arch = "x86_64")]
pub(crate) use single::{FromSingle, Single};

use crate::native::Native;

/// Most lanes any implementation has.
pub(crate) const MAX_LANES: usize = 8;

/// Adding and subtracting this rounds a double below 2^51 in size to the nearest whole number, ties
/// to even, and leaves that number in the low bits of the sum.
pub(crate) const ROUNDER: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52

/// Lane-wise arithmetic on [`Vector::LANES`] numbers.
///
/// All implementations whose `mul_add` is fused give the same bits for the same operations; the
/// kernels rely on it to give the same results on every machine with fused multiply-add.
///
/// # Safety
///
/// Every method may be called only on a machine that has the implementation's instruction set, and
/// the loads and stores need valid, possibly unaligned, memory for as many elements as they touch.
pub(crate) trait Vector: Copy + 'static {
    /// What a lane holds.
    type T: Native;
    /// A vector.
    type V: Copy;
    /// As many lanes of `f64`; `Self` if they are that already.
    type Wide: Simd;
    /// Number of lanes, at most [`MAX_LANES`].
    const LANES: usize;

    /// All lanes equal.
    unsafe fn splat(x: Self::T) -> Self::V;
    /// Reads `LANES` elements.
    unsafe fn load(p: *const Self::T) -> Self::V;
    /// Reads the first `n < LANES` elements; the other lanes are 0.
    unsafe fn load_part(p: *const Self::T, n: usize) -> Self::V;
    /// Writes `LANES` elements.
    unsafe fn store(p: *mut Self::T, v: Self::V);
    /// Writes the first `n < LANES` elements.
    unsafe fn store_part(p: *mut Self::T, n: usize, v: Self::V);

    /// `a + b`.
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`.
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b`.
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`.
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, fused where the instruction set has it.
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c - a * b`, fused where the instruction set has it.
    unsafe fn neg_mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The same numbers in `f64`.
    unsafe fn widen(v: Self::V) -> <Self::Wide as Vector>::V;
    /// The nearest numbers.
    unsafe fn narrow(v: <Self::Wide as Vector>::V) -> Self::V;
}

/// What the functions of `vmath` need beyond arithmetic, on lanes of `f64`.
///
/// # Safety
/// As for [`Vector`].
pub(crate) trait Simd: Vector<T = f64, Wide = Self> {
    /// One truth value per lane.
    type M: Copy;

    /// The rounding error of the product: `a * b - p` exactly, where `p` is the rounded `a * b`.
    unsafe fn mul_error(a: Self::V, b: Self::V, p: Self::V) -> Self::V;
    /// `c - a * b` with an exact product and one rounding; exact where `a` is close to `c / b`.
    unsafe fn residual(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// Square root.
    unsafe fn sqrt(a: Self::V) -> Self::V;
    /// `if a < b { a } else { b }`: `b` where either is NaN.
    unsafe fn least(a: Self::V, b: Self::V) -> Self::V;
    /// `if a > b { a } else { b }`: `b` where either is NaN.
    unsafe fn greatest(a: Self::V, b: Self::V) -> Self::V;

    /// Bitwise and.
    unsafe fn and(a: Self::V, b: Self::V) -> Self::V;
    /// Bitwise or.
    unsafe fn or(a: Self::V, b: Self::V) -> Self::V;
    /// Bitwise exclusive or.
    unsafe fn xor(a: Self::V, b: Self::V) -> Self::V;
    /// Wrapping sum of the bit patterns as 64-bit integers.
    unsafe fn add_bits(a: Self::V, b: Self::V) -> Self::V;
    /// Bit patterns shifted left by `N`.
    unsafe fn shl<const N: u32>(a: Self::V) -> Self::V;
    /// Bit patterns shifted right by `N`, filled with zeros.
    unsafe fn shr<const N: u32>(a: Self::V) -> Self::V;

    /// `a < b`, false for NaN.
    unsafe fn lt(a: Self::V, b: Self::V) -> Self::M;
    /// `a <= b`, false for NaN.
    unsafe fn le(a: Self::V, b: Self::V) -> Self::M;
    /// `a == b`, false for NaN.
    unsafe fn eq(a: Self::V, b: Self::V) -> Self::M;
    /// Both.
    unsafe fn mask_and(a: Self::M, b: Self::M) -> Self::M;
    /// Either.
    unsafe fn mask_or(a: Self::M, b: Self::M) -> Self::M;
    /// Not.
    unsafe fn mask_not(a: Self::M) -> Self::M;
    /// `if m { a } else { b }`.
    unsafe fn select(m: Self::M, a: Self::V, b: Self::V) -> Self::V;
    /// Whether any lane is true.
    unsafe fn any(m: Self::M) -> bool;
}

/// All lanes 0.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
pub(crate) unsafe fn zero<S: Vector>() -> S::V {
    // SAFETY: the caller's promise.
    unsafe { S::splat(S::T::default()) }
}

/// All lanes of the given bit pattern.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(crate) unsafe fn bits<S: Simd>(x: u64) -> S::V {
    // SAFETY: the caller's promise.
    unsafe { S::splat(f64::from_bits(x)) }
}

/// `|a|`.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(crate) unsafe fn abs<S: Simd>(a: S::V) -> S::V {
    // SAFETY: the caller's promise.
    unsafe { S::and(a, bits::<S>(0x7fff_ffff_ffff_ffff)) }
}

/// The sign bits of `a`.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(crate) unsafe fn sign_bits<S: Simd>(a: S::V) -> S::V {
    // SAFETY: the caller's promise.
    unsafe { S::and(a, bits::<S>(0x8000_0000_0000_0000)) }
}

/// Replaces the lanes of `result` where `mask` is set by the scalar function of the arguments. For
/// the rare arguments that the vector code does not handle.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(crate) unsafe fn patch<S: Simd>(
    mask: S::M,
    result: S::V,
    x: S::V,
    scalar: fn(f64) -> f64,
) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        if !S::any(mask) {
            return result;
        }
        patch_lanes::<S>(mask, result, x, x, |x, _| scalar(x))
    }
}

/// [`patch`] for two arguments.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(crate) unsafe fn patch2<S: Simd>(
    mask: S::M,
    result: S::V,
    x: S::V,
    y: S::V,
    scalar: fn(f64, f64) -> f64,
) -> S::V {
    // SAFETY: the caller's promise.
    unsafe {
        if !S::any(mask) {
            return result;
        }
        patch_lanes::<S>(mask, result, x, y, scalar)
    }
}

#[inline(always)]
unsafe fn patch_lanes<S: Simd>(
    mask: S::M,
    result: S::V,
    x: S::V,
    y: S::V,
    scalar: impl Fn(f64, f64) -> f64,
) -> S::V {
    // SAFETY: the caller's promise; the arrays hold MAX_LANES >= LANES elements.
    unsafe {
        let (mut r, mut a, mut b) = ([0.0; MAX_LANES], [0.0; MAX_LANES], [0.0; MAX_LANES]);
        let mut flags = [0.0; MAX_LANES];
        S::store(r.as_mut_ptr(), result);
        S::store(a.as_mut_ptr(), x);
        S::store(b.as_mut_ptr(), y);
        S::store(flags.as_mut_ptr(), S::select(mask, S::splat(1.0), S::splat(0.0)));
        for i in 0..S::LANES {
            if flags[i] != 0.0 {
                r[i] = scalar(a[i], b[i]);
            }
        }
        S::load(r.as_ptr())
    }
}
