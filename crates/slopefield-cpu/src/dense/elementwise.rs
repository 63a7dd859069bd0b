//! Loops over single elements: fill, copy, add, map, zip.

use crate::simd::Simd;
use crate::vmath::{Function1, Function2};

/// `dst[i] = F(src[i])`; `dst` may equal `src`.
///
/// # Safety
/// `len` elements are valid; [`Simd`]'s contract.
#[inline(always)]
pub(super) unsafe fn map<S: Simd, F: Function1>(dst: *mut f64, src: *const f64, len: usize) {
    // SAFETY: every access stays below `len`.
    unsafe {
        let mut i = 0;
        while i + S::LANES <= len {
            S::store(dst.add(i), F::at::<S>(S::load(src.add(i))));
            i += S::LANES;
        }
        if i < len {
            let rest = len - i;
            S::store_part(dst.add(i), rest, F::at::<S>(S::load_part(src.add(i), rest)));
        }
    }
}

/// `dst[i] = F(a[i], b[i])`; `dst` may equal `a` or `b`.
///
/// # Safety
/// `len` elements are valid; [`Simd`]'s contract.
#[inline(always)]
pub(super) unsafe fn zip<S: Simd, F: Function2>(
    dst: *mut f64,
    a: *const f64,
    b: *const f64,
    len: usize,
) {
    // SAFETY: every access stays below `len`.
    unsafe {
        let mut i = 0;
        while i + S::LANES <= len {
            S::store(dst.add(i), F::at::<S>(S::load(a.add(i)), S::load(b.add(i))));
            i += S::LANES;
        }
        if i < len {
            let rest = len - i;
            let v = F::at::<S>(S::load_part(a.add(i), rest), S::load_part(b.add(i), rest));
            S::store_part(dst.add(i), rest, v);
        }
    }
}

/// `dst[i] = value`.
///
/// # Safety
/// `len` elements are valid.
#[inline(always)]
pub(super) unsafe fn fill(dst: *mut f64, len: usize, value: f64) {
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
pub(super) unsafe fn copy(dst: *mut f64, src: *const f64, len: usize) {
    // SAFETY: the caller's promise; `copy` allows equal runs.
    unsafe { std::ptr::copy(src, dst, len) };
}
