//! Scratch memory that begins at a cache line, wherever the caller's begins.

use crate::kernel::Raw;

/// Elements to ask callers for, of which `needed` begin at an aligned address.
pub(crate) fn request<T>(needed: usize) -> usize {
    if needed == 0 { 0 } else { needed + Raw::<T>::ALIGNMENT / size_of::<T>() - 1 }
}

/// The first aligned element of `scratch`, whose length has been checked; past the end when there
/// is none, and then not touched.
#[inline(always)]
pub(crate) fn aligned<T>(scratch: &mut [T]) -> *mut T {
    let p = scratch.as_mut_ptr();
    p.wrapping_add((p as usize).wrapping_neg() % Raw::<T>::ALIGNMENT / size_of::<T>())
}
