//! Loops over single elements: fill, copy, add, map, zip.

use crate::simd::Vector;
use crate::vmath::{Function1, Function2};

/// `F(x)` in every lane, in `f64` for vectors of `f32` too.
#[inline(always)]
unsafe fn one<S: Vector, F: Function1>(x: S::V) -> S::V {
    // SAFETY: the caller's promise of `Simd`'s contract.
    unsafe { S::narrow(F::at::<S::Wide>(S::widen(x))) }
}

/// `F(a, b)` in every lane, in `f64` for vectors of `f32` too.
#[inline(always)]
unsafe fn two<S: Vector, F: Function2>(a: S::V, b: S::V) -> S::V {
    // SAFETY: the caller's promise of `Simd`'s contract.
    unsafe { S::narrow(F::at::<S::Wide>(S::widen(a), S::widen(b))) }
}

/// `F(x)` for one value; `S` has one lane.
///
/// # Safety
/// [`Vector`]'s contract.
#[inline(always)]
pub(super) unsafe fn map_one<S: Vector, F: Function1>(x: S::T) -> S::T {
    const { assert!(S::LANES == 1) };
    let mut y = x;
    // SAFETY: the caller's promise; one lane is read and written.
    unsafe { S::store(&mut y, one::<S, F>(S::splat(x))) };
    y
}

/// `F(a, b)` for one value; `S` has one lane.
///
/// # Safety
/// [`Vector`]'s contract.
#[inline(always)]
pub(super) unsafe fn zip_one<S: Vector, F: Function2>(a: S::T, b: S::T) -> S::T {
    const { assert!(S::LANES == 1) };
    let mut y = a;
    // SAFETY: the caller's promise; one lane is read and written.
    unsafe { S::store(&mut y, two::<S, F>(S::splat(a), S::splat(b))) };
    y
}

/// `dst[i] = F(src[i])`; `dst` may equal `src`.
///
/// # Safety
/// `len` elements are valid; [`Vector`]'s contract.
#[inline(always)]
pub(super) unsafe fn map<S: Vector, F: Function1>(dst: *mut S::T, src: *const S::T, len: usize) {
    // SAFETY: every access stays below `len`.
    unsafe {
        let mut i = 0;
        while i + S::LANES <= len {
            S::store(dst.add(i), one::<S, F>(S::load(src.add(i))));
            i += S::LANES;
        }
        if i < len {
            let rest = len - i;
            S::store_part(dst.add(i), rest, one::<S, F>(S::load_part(src.add(i), rest)));
        }
    }
}

/// `dst[i] = F(a[i], b[i])`; `dst` may equal `a` or `b`.
///
/// # Safety
/// `len` elements are valid; [`Vector`]'s contract.
#[inline(always)]
pub(super) unsafe fn zip<S: Vector, F: Function2>(
    dst: *mut S::T,
    a: *const S::T,
    b: *const S::T,
    len: usize,
) {
    // SAFETY: every access stays below `len`.
    unsafe {
        let mut i = 0;
        while i + S::LANES <= len {
            S::store(dst.add(i), two::<S, F>(S::load(a.add(i)), S::load(b.add(i))));
            i += S::LANES;
        }
        if i < len {
            let rest = len - i;
            let v = two::<S, F>(S::load_part(a.add(i), rest), S::load_part(b.add(i), rest));
            S::store_part(dst.add(i), rest, v);
        }
    }
}

/// `dst[i] += src[i]`; the runs are equal or disjoint.
///
/// # Safety
/// `len` elements are valid; [`Vector`]'s contract.
#[inline(always)]
pub(super) unsafe fn add<S: Vector>(dst: *mut S::T, src: *const S::T, len: usize) {
    // SAFETY: every access stays below `len`.
    unsafe {
        let mut i = 0;
        while i + S::LANES <= len {
            let p = dst.add(i);
            S::store(p, S::add(S::load(p), S::load(src.add(i))));
            i += S::LANES;
        }
        if i < len {
            let (p, rest) = (dst.add(i), len - i);
            let sum = S::add(S::load_part(p, rest), S::load_part(src.add(i), rest));
            S::store_part(p, rest, sum);
        }
    }
}

/// `dst[i] = value`.
///
/// # Safety
/// `len` elements are valid.
#[inline(always)]
pub(super) unsafe fn fill<T: Copy>(dst: *mut T, len: usize, value: T) {
    for i in 0..len {
        // SAFETY: i < len.
        unsafe { *dst.add(i) = value };
    }
}

/// `dst[i] = src[i]`; the runs are equal or disjoint.
///
/// # Safety
/// `len` elements are valid.
#[inline(always)]
pub(super) unsafe fn copy<T: Copy>(dst: *mut T, src: *const T, len: usize) {
    // SAFETY: the caller's promise; `copy` allows equal runs.
    unsafe { std::ptr::copy(src, dst, len) };
}
