//! Two vectors of another kind as one, so that sums split into eight lanes on machines with four.

use super::{Simd, Vector};

/// Twice the lanes of `S`.
#[derive(Clone, Copy)]
pub(crate) struct Pair<S>(std::marker::PhantomData<S>);

macro_rules! lanewise {
    ($($name:ident($($arg:ident: $kind:ident),+) -> $out:ident;)+) => {$(
        #[inline(always)]
        unsafe fn $name($($arg: Self::$kind),+) -> Self::$out {
            // SAFETY: the contract of the halves is that of the whole.
            unsafe { [S::$name($($arg[0]),+), S::$name($($arg[1]),+)] }
        }
    )+};
}

// SAFETY of all bodies: the contract of the halves is that of the whole; the second half of memory
// starts `S::LANES` elements after the first.
impl<S: Simd> Vector for Pair<S> {
    type T = f64;
    type V = [S::V; 2];
    type Wide = Self;
    const LANES: usize = 2 * S::LANES;

    #[inline(always)]
    unsafe fn splat(x: f64) -> Self::V {
        // SAFETY: see above.
        unsafe { [S::splat(x); 2] }
    }
    #[inline(always)]
    unsafe fn load(p: *const f64) -> Self::V {
        // SAFETY: see above.
        unsafe { [S::load(p), S::load(p.add(S::LANES))] }
    }
    #[inline(always)]
    unsafe fn load_part(p: *const f64, n: usize) -> Self::V {
        // SAFETY: see above; n < 2 LANES, so each half reads what exists.
        unsafe {
            if n >= S::LANES {
                [S::load(p), S::load_part(p.add(S::LANES), n - S::LANES)]
            } else {
                [S::load_part(p, n), S::splat(0.0)]
            }
        }
    }
    #[inline(always)]
    unsafe fn store(p: *mut f64, v: Self::V) {
        // SAFETY: see above.
        unsafe {
            S::store(p, v[0]);
            S::store(p.add(S::LANES), v[1]);
        }
    }
    #[inline(always)]
    unsafe fn store_part(p: *mut f64, n: usize, v: Self::V) {
        // SAFETY: see above; n < 2 LANES, so each half writes what exists.
        unsafe {
            if n >= S::LANES {
                S::store(p, v[0]);
                S::store_part(p.add(S::LANES), n - S::LANES, v[1]);
            } else {
                S::store_part(p, n, v[0]);
            }
        }
    }

    lanewise! {
        add(a: V, b: V) -> V;
        sub(a: V, b: V) -> V;
        mul(a: V, b: V) -> V;
        div(a: V, b: V) -> V;
        mul_add(a: V, b: V, c: V) -> V;
        neg_mul_add(a: V, b: V, c: V) -> V;
    }

    #[inline(always)]
    unsafe fn widen(v: Self::V) -> Self::V {
        v
    }
    #[inline(always)]
    unsafe fn narrow(v: Self::V) -> Self::V {
        v
    }
}

// SAFETY of all bodies: as above.
impl<S: Simd> Simd for Pair<S> {
    type M = [S::M; 2];

    lanewise! {
        mul_error(a: V, b: V, p: V) -> V;
        residual(a: V, b: V, c: V) -> V;
        sqrt(a: V) -> V;
        least(a: V, b: V) -> V;
        greatest(a: V, b: V) -> V;
        and(a: V, b: V) -> V;
        or(a: V, b: V) -> V;
        xor(a: V, b: V) -> V;
        add_bits(a: V, b: V) -> V;
        lt(a: V, b: V) -> M;
        le(a: V, b: V) -> M;
        eq(a: V, b: V) -> M;
        mask_and(a: M, b: M) -> M;
        mask_or(a: M, b: M) -> M;
        mask_not(a: M) -> M;
        select(m: M, a: V, b: V) -> V;
    }

    #[inline(always)]
    unsafe fn shl<const N: u32>(a: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { [S::shl::<N>(a[0]), S::shl::<N>(a[1])] }
    }
    #[inline(always)]
    unsafe fn shr<const N: u32>(a: Self::V) -> Self::V {
        // SAFETY: see above.
        unsafe { [S::shr::<N>(a[0]), S::shr::<N>(a[1])] }
    }
    #[inline(always)]
    unsafe fn any(m: Self::M) -> bool {
        // SAFETY: see above.
        unsafe { S::any(m[0]) || S::any(m[1]) }
    }
}
