//! The backward pass of a dense layer in one call: the gradient of its weights, and what it hands
//! back to the layer before, through that one's activation function.

use super::outer::outer;
use super::rows::Eight;
use super::transposed::{get, transposed};
use crate::simd::{Vector, zero};

/// Derivative of an activation function in terms of its value.
pub(super) trait Slope {
    /// `s F'(x)` where `h = F(x)`, rounded as the operations of the plan are.
    ///
    /// # Safety
    /// As for [`Vector`].
    unsafe fn at<S: Vector>(s: S::V, h: S::V) -> S::V;
}

/// `s (1 - h²)`: hyperbolic tangent.
pub(super) struct TanhSlope;

impl Slope for TanhSlope {
    #[inline(always)]
    unsafe fn at<S: Vector>(s: S::V, h: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { S::mul(s, S::sub(one::<S>(), S::mul(h, h))) }
    }
}

/// `s (h (1 - h))`: the logistic function.
pub(super) struct SigmoidSlope;

impl Slope for SigmoidSlope {
    #[inline(always)]
    unsafe fn at<S: Vector>(s: S::V, h: S::V) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { S::mul(s, S::mul(h, S::sub(one::<S>(), h))) }
    }
}

#[inline(always)]
unsafe fn one<S: Vector>() -> S::V {
    // SAFETY: the caller's promise.
    unsafe { S::splat(crate::native::Native::one()) }
}

/// The runs of a backward pass.
#[derive(Clone, Copy)]
pub(super) struct Runs<T> {
    /// `cols` elements.
    pub z: *mut T,
    /// `rows · cols` elements.
    pub a: *const T,
    /// `rows` elements.
    pub g: *const T,
    /// `cols` elements.
    pub h: *const T,
    /// `rows · cols` elements, or null.
    pub matrix_grad: *mut T,
    /// `cols` elements, or null.
    pub bias_grad: *mut T,
    pub rows: usize,
    pub cols: usize,
}

/// `z = F(Aᵀ g, h)`, `bias_grad += z` and `matrix_grad += g hᵀ` unless they are null.
///
/// # Safety
/// The runs are valid, and those that are written overlap no other; the contract of `Vector`.
#[inline(always)]
pub(super) unsafe fn backward<E: Eight, F: Slope>(r: Runs<E::T>) {
    // SAFETY: the caller's promise.
    unsafe {
        // With few rows all of them pass by a vector of columns at once, which is then complete.
        let few = r.rows <= 8;
        if !few {
            transposed::<E, false>(r.z, r.a, r.g, r.rows, r.cols);
            if !r.matrix_grad.is_null() {
                outer::<E>(r.matrix_grad, r.g, r.h, r.rows, r.cols);
            }
        }
        let mut j = 0;
        while j + 8 <= r.cols {
            columns::<E, F>(&r, few, j, 8);
            j += 8;
        }
        if j < r.cols {
            columns::<E, F>(&r, few, j, r.cols - j);
        }
    }
}

/// [`backward`] of `ROWS` rows without gradients: the same bits.
///
/// # Safety
/// As for [`backward`].
#[inline(always)]
pub(super) unsafe fn backward_of_few<E: Eight, F: Slope, const ROWS: usize>(r: Runs<E::T>) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut g = [zero::<E>(); ROWS];
        for (i, g) in g.iter_mut().enumerate() {
            *g = E::splat(*r.g.add(i));
        }
        let mut j = 0;
        while j + 8 <= r.cols {
            columns_of_few::<E, F, ROWS>(&r, &g, j, 8);
            j += 8;
        }
        if j < r.cols {
            columns_of_few::<E, F, ROWS>(&r, &g, j, r.cols - j);
        }
    }
}

/// Columns `j..j + n`, `n <= 8`.
#[inline(always)]
unsafe fn columns_of_few<E: Eight, F: Slope, const ROWS: usize>(
    r: &Runs<E::T>,
    g: &[E::V; ROWS],
    j: usize,
    n: usize,
) {
    // SAFETY: the runs are valid.
    unsafe {
        let mut s = zero::<E>();
        for (i, g) in g.iter().enumerate() {
            s = E::mul_add(get::<E>(r.a.add(i * r.cols + j), n), *g, s);
        }
        set::<E>(r.z.add(j), n, F::at::<E>(s, get::<E>(r.h.add(j), n)));
    }
}

/// Columns `j..j + n`, `n <= 8`; without `few`, `z` holds `Aᵀ g` already and the gradient of the
/// matrix is done.
#[inline(always)]
unsafe fn columns<E: Eight, F: Slope>(r: &Runs<E::T>, few: bool, j: usize, n: usize) {
    // SAFETY: the runs are valid.
    unsafe {
        let h = get::<E>(r.h.add(j), n);
        let z = r.z.add(j);
        let s = if few {
            let mut s = zero::<E>();
            for i in 0..r.rows {
                let at = i * r.cols + j;
                let g = E::splat(*r.g.add(i));
                s = E::mul_add(get::<E>(r.a.add(at), n), g, s);
                if !r.matrix_grad.is_null() {
                    let p = r.matrix_grad.add(at);
                    set::<E>(p, n, E::mul_add(g, h, get::<E>(p, n)));
                }
            }
            s
        } else {
            get::<E>(z, n)
        };
        let s = F::at::<E>(s, h);
        set::<E>(z, n, s);
        if !r.bias_grad.is_null() {
            let p = r.bias_grad.add(j);
            set::<E>(p, n, E::add(get::<E>(p, n), s));
        }
    }
}

/// Writes `n <= 8` elements.
#[inline(always)]
unsafe fn set<E: Eight>(p: *mut E::T, n: usize, v: E::V) {
    // SAFETY: n elements are valid.
    unsafe { if n == 8 { E::store(p, v) } else { E::store_part(p, n, v) } }
}
