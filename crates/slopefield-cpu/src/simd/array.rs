//! Vectors as plain arrays, for every machine; also the scalar form (`N = 1`) of the functions.

use std::marker::PhantomData;

use super::{Simd, Vector};
use crate::native::Native;

/// `N` lanes of `T` in an array. `FUSED` says whether `mul_add` is one rounding: it must only be true
/// where the machine has the instruction, or the standard library emulates it slowly.
#[derive(Clone, Copy)]
pub(crate) struct Array<const N: usize, const FUSED: bool, T = f64>(PhantomData<T>);

#[inline(always)]
fn zip<T: Copy, const N: usize>(a: [T; N], b: [T; N], f: impl Fn(T, T) -> T) -> [T; N] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

#[inline(always)]
fn zip_bits<const N: usize>(a: [f64; N], b: [f64; N], f: impl Fn(u64, u64) -> u64) -> [f64; N] {
    std::array::from_fn(|i| f64::from_bits(f(a[i].to_bits(), b[i].to_bits())))
}

#[inline(always)]
fn test<const N: usize>(a: [f64; N], b: [f64; N], f: impl Fn(f64, f64) -> bool) -> [bool; N] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

/// Splits a double into two halves of at most 26 bits (Veltkamp 1968; Dekker 1971, section 5).
#[inline(always)]
fn halves(a: f64) -> (f64, f64) {
    let c = 134_217_729.0 * a; // 2^27 + 1
    let hi = c - (c - a);
    (hi, a - hi)
}

/// `a b - p` exactly, for `p` the rounded `a b` (Dekker 1971).
#[inline(always)]
fn product_error(a: f64, b: f64, p: f64) -> f64 {
    let ((ah, al), (bh, bl)) = (halves(a), halves(b));
    ((ah * bh - p) + ah * bl + al * bh) + al * bl
}

// No method needs anything of the machine; only `load` and `store` are unsafe in fact.
impl<const N: usize, const FUSED: bool, T: Native> Vector for Array<N, FUSED, T> {
    type T = T;
    type V = [T; N];
    type Wide = Array<N, FUSED>;
    const LANES: usize = N;

    #[inline(always)]
    unsafe fn splat(x: T) -> Self::V {
        [x; N]
    }
    #[inline(always)]
    unsafe fn load(p: *const T) -> Self::V {
        // SAFETY: the caller promises N readable elements.
        std::array::from_fn(|i| unsafe { *p.add(i) })
    }
    #[inline(always)]
    unsafe fn load_part(p: *const T, n: usize) -> Self::V {
        // SAFETY: the caller promises n readable elements.
        std::array::from_fn(|i| if i < n { unsafe { *p.add(i) } } else { T::default() })
    }
    #[inline(always)]
    unsafe fn store(p: *mut T, v: Self::V) {
        for (i, x) in v.into_iter().enumerate() {
            // SAFETY: the caller promises N writable elements.
            unsafe { *p.add(i) = x };
        }
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut T, n: usize, v: Self::V) {
        for (i, x) in v.into_iter().enumerate().take(n) {
            // SAFETY: the caller promises n writable elements.
            unsafe { *p.add(i) = x };
        }
    }

    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        std::array::from_fn(|i| if FUSED { a[i].fused(b[i], c[i]) } else { a[i] * b[i] + c[i] })
    }
    #[inline(always)]
    unsafe fn neg_mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        std::array::from_fn(|i| if FUSED { (-a[i]).fused(b[i], c[i]) } else { c[i] - a[i] * b[i] })
    }
    #[inline(always)]
    unsafe fn widen(v: Self::V) -> [f64; N] {
        v.map(T::to_f64)
    }
    #[inline(always)]
    unsafe fn narrow(v: [f64; N]) -> Self::V {
        v.map(T::from_f64)
    }
}

impl<const N: usize, const FUSED: bool> Simd for Array<N, FUSED> {
    type M = [bool; N];

    #[inline(always)]
    unsafe fn mul_error(a: Self::V, b: Self::V, p: Self::V) -> Self::V {
        std::array::from_fn(|i| {
            if FUSED { a[i].mul_add(b[i], -p[i]) } else { product_error(a[i], b[i], p[i]) }
        })
    }
    #[inline(always)]
    unsafe fn residual(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        std::array::from_fn(|i| {
            if FUSED {
                return (-a[i]).mul_add(b[i], c[i]);
            }
            let p = a[i] * b[i];
            (c[i] - p) - product_error(a[i], b[i], p)
        })
    }
    #[inline(always)]
    unsafe fn sqrt(a: Self::V) -> Self::V {
        a.map(f64::sqrt)
    }
    #[inline(always)]
    unsafe fn least(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn greatest(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    unsafe fn and(a: Self::V, b: Self::V) -> Self::V {
        zip_bits(a, b, |a, b| a & b)
    }
    #[inline(always)]
    unsafe fn or(a: Self::V, b: Self::V) -> Self::V {
        zip_bits(a, b, |a, b| a | b)
    }
    #[inline(always)]
    unsafe fn xor(a: Self::V, b: Self::V) -> Self::V {
        zip_bits(a, b, |a, b| a ^ b)
    }
    #[inline(always)]
    unsafe fn add_bits(a: Self::V, b: Self::V) -> Self::V {
        zip_bits(a, b, u64::wrapping_add)
    }
    #[inline(always)]
    unsafe fn shl<const K: u32>(a: Self::V) -> Self::V {
        a.map(|x| f64::from_bits(x.to_bits() << K))
    }
    #[inline(always)]
    unsafe fn shr<const K: u32>(a: Self::V) -> Self::V {
        a.map(|x| f64::from_bits(x.to_bits() >> K))
    }

    #[inline(always)]
    unsafe fn lt(a: Self::V, b: Self::V) -> Self::M {
        test(a, b, |a, b| a < b)
    }
    #[inline(always)]
    unsafe fn le(a: Self::V, b: Self::V) -> Self::M {
        test(a, b, |a, b| a <= b)
    }
    #[inline(always)]
    unsafe fn eq(a: Self::V, b: Self::V) -> Self::M {
        test(a, b, |a, b| a == b)
    }
    #[inline(always)]
    unsafe fn mask_and(a: Self::M, b: Self::M) -> Self::M {
        std::array::from_fn(|i| a[i] & b[i])
    }
    #[inline(always)]
    unsafe fn mask_or(a: Self::M, b: Self::M) -> Self::M {
        std::array::from_fn(|i| a[i] | b[i])
    }
    #[inline(always)]
    unsafe fn mask_not(a: Self::M) -> Self::M {
        a.map(|x| !x)
    }
    #[inline(always)]
    unsafe fn select(m: Self::M, a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| if m[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    unsafe fn any(m: Self::M) -> bool {
        m.into_iter().any(|x| x)
    }
}
