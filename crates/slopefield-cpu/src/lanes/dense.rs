//! Dense instructions over lanes: a vector of the plan is as many rows of lanes.

use crate::dense::table::Isa;
use crate::simd::{Array, Simd};
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512, Pair};

/// Lanes of an array of rows that follow each other at a distance, in elements.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// Length of a row.
    pub width: usize,
    /// Lanes to compute, a multiple of 8.
    pub lanes: usize,
}

/// A matrix and its use: element `(r, c)` of the `rows × cols` factor is number
/// `r · row_step + c · col_step` of the array, so the transpose is the same with steps exchanged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Factor {
    pub rows: usize,
    pub cols: usize,
    pub row_step: usize,
    pub col_step: usize,
}

/// `(y, a, x, factor, add, layout)`: `y = A x` or `y += A x` in every lane.
pub(super) type ProductFn = unsafe fn(*mut f64, *const f64, *const f64, Factor, bool, Layout);
/// `(dst, a, b, len, layout)`: `dst = Σ a_i b_i` in every lane; without `b`, `Σ a_i`.
pub(super) type SumFn = unsafe fn(*mut f64, *const f64, Option<*const f64>, usize, Layout);
/// `(a, x, y, rows, cols, layout)`: `A += x yᵀ` in every lane.
pub(super) type OuterFn = unsafe fn(*mut f64, *const f64, *const f64, usize, usize, Layout);

/// Kernels over lanes of one instruction set.
///
/// # Safety
/// Calling one is sound on a machine that has the set, with arrays valid for the sizes given; what
/// is written overlaps nothing that is read.
pub(super) struct LaneTable {
    /// One matrix for all lanes.
    pub product: ProductFn,
    /// A matrix per lane.
    pub own_product: ProductFn,
    pub sum: SumFn,
    pub outer: OuterFn,
}

/// # Safety
/// See [`LaneTable`].
#[inline(always)]
unsafe fn product<S: Simd, const OWN: bool>(
    y: *mut f64,
    a: *const f64,
    x: *const f64,
    factor: Factor,
    add: bool,
    layout: Layout,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let blocks = factor.rows - factor.rows % 8;
        for v in (0..layout.lanes).step_by(S::LANES) {
            for r in (0..blocks).step_by(8) {
                product_rows::<S, OWN, 8>(y, a, x, factor, add, layout, v, r);
            }
            for r in blocks..factor.rows {
                product_rows::<S, OWN, 1>(y, a, x, factor, add, layout, v, r);
            }
        }
    }
}

/// `ROWS` rows from `r` of the product in one vector of lanes, with the running sums in registers.
#[expect(clippy::too_many_arguments, reason = "the state of an unrolled loop")]
#[inline(always)]
unsafe fn product_rows<S: Simd, const OWN: bool, const ROWS: usize>(
    y: *mut f64,
    a: *const f64,
    x: *const f64,
    factor: Factor,
    add: bool,
    Layout { width, .. }: Layout,
    v: usize,
    r: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [S::splat(0.0); ROWS];
        for c in 0..factor.cols {
            let x = S::load(x.add(c * width + v));
            for (i, sum) in sums.iter_mut().enumerate() {
                let at = (r + i) * factor.row_step + c * factor.col_step;
                let a = if OWN { S::load(a.add(at * width + v)) } else { S::splat(*a.add(at)) };
                *sum = S::mul_add(a, x, *sum);
            }
        }
        for (i, sum) in sums.into_iter().enumerate() {
            let y = y.add((r + i) * width + v);
            S::store(y, if add { S::add(S::load(y), sum) } else { sum });
        }
    }
}

/// # Safety
/// See [`LaneTable`].
#[inline(always)]
unsafe fn sum<S: Simd>(
    dst: *mut f64,
    a: *const f64,
    b: Option<*const f64>,
    len: usize,
    Layout { width, lanes }: Layout,
) {
    // SAFETY: the caller's promise.
    unsafe {
        for v in (0..lanes).step_by(S::LANES) {
            let mut sum = S::splat(0.0);
            for i in 0..len {
                let at = i * width + v;
                let a = S::load(a.add(at));
                sum = match b {
                    Some(b) => S::mul_add(a, S::load(b.add(at)), sum),
                    None => S::add(sum, a),
                };
            }
            S::store(dst.add(v), sum);
        }
    }
}

/// # Safety
/// See [`LaneTable`].
#[inline(always)]
unsafe fn outer<S: Simd>(
    a: *mut f64,
    x: *const f64,
    y: *const f64,
    rows: usize,
    cols: usize,
    Layout { width, lanes }: Layout,
) {
    // SAFETY: the caller's promise.
    unsafe {
        for r in 0..rows {
            for c in 0..cols {
                for v in (0..lanes).step_by(S::LANES) {
                    let at = a.add((r * cols + c) * width + v);
                    let (x, y) = (S::load(x.add(r * width + v)), S::load(y.add(c * width + v)));
                    S::store(at, S::mul_add(x, y, S::load(at)));
                }
            }
        }
    }
}

macro_rules! instance {
    ($module:ident, $simd:ty, $(#[$features:meta])*) => {
        mod $module {
            use super::*;

            $(#[$features])*
            unsafe fn product<const OWN: bool>(
                y: *mut f64, a: *const f64, x: *const f64, factor: Factor, add: bool, l: Layout,
            ) {
                // SAFETY: the table's contract.
                unsafe { super::product::<$simd, OWN>(y, a, x, factor, add, l) }
            }
            $(#[$features])*
            unsafe fn sum(
                dst: *mut f64, a: *const f64, b: Option<*const f64>, len: usize, l: Layout,
            ) {
                // SAFETY: the table's contract.
                unsafe { super::sum::<$simd>(dst, a, b, len, l) }
            }
            $(#[$features])*
            unsafe fn outer(
                a: *mut f64, x: *const f64, y: *const f64, rows: usize, cols: usize, l: Layout,
            ) {
                // SAFETY: the table's contract.
                unsafe { super::outer::<$simd>(a, x, y, rows, cols, l) }
            }

            pub(super) static TABLE: LaneTable = LaneTable {
                product: product::<false>,
                own_product: product::<true>,
                sum,
                outer,
            };
        }
    };
}

#[cfg(target_arch = "x86_64")]
instance!(avx512, Avx512, #[target_feature(enable = "avx512f,avx2,fma")]);
#[cfg(target_arch = "x86_64")]
instance!(avx2, Pair<Avx2>, #[target_feature(enable = "avx2,fma")]);
/// Whether plain code is compiled to fused multiply-add.
const PLAIN_FUSED: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
instance!(portable, Array<8, PLAIN_FUSED>,);

/// The kernels of `isa`, which must be available.
pub(super) fn lane_table(isa: Isa) -> &'static LaneTable {
    assert!(isa.is_available(), "{isa:?} kernels were asked for on a machine without them");
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &avx512::TABLE,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => &avx2::TABLE,
        _ => &portable::TABLE,
    }
}
