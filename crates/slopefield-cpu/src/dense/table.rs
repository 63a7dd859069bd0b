//! The kernels of each instruction set as function pointers for generated code.

use std::sync::OnceLock;

use slopefield_graph::plan::{BinaryOp, UnaryOp};

use super::backward::{self, Runs, SigmoidSlope, Slope, TanhSlope};
use super::functions::*;
use super::{affine, elementwise, outer, outer_sum, reduce, transposed};
use crate::simd::Array;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512, Pair, Single};
#[cfg(target_arch = "aarch64")]
use crate::simd::{Neon, Pair};
use crate::vmath::{
    Atan, Cbrt, Cos, Cosh, Erf, Erfc, Exp, Expm1, Function1, Function2, Gelu, Ln, Log1p, Log2,
    Log10, Pow, Sigmoid, Sin, Sinh, Softplus, Tan, Tanh,
};

/// An instruction set that kernels exist for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isa {
    /// AVX-512 F with AVX2 and fused multiply-add (x86-64).
    Avx512,
    /// AVX2 with fused multiply-add (x86-64).
    Avx2,
    /// Advanced SIMD with fused multiply-add (AArch64, always there).
    Neon,
    /// Plain code that runs everywhere. Has no fused multiply-add on x86-64, where results differ
    /// from the others in the last places.
    Portable,
}

impl Isa {
    /// Every set, the preferred first.
    pub const ALL: [Isa; 4] = [Isa::Avx512, Isa::Avx2, Isa::Neon, Isa::Portable];

    /// Whether this machine has it.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            match self {
                Isa::Avx512 => avx2 && is_x86_feature_detected!("avx512f"),
                Isa::Avx2 => avx2,
                Isa::Neon => false,
                Isa::Portable => true,
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            self == Isa::Portable || (self == Isa::Neon && cfg!(target_arch = "aarch64"))
        }
    }

    /// The best set of this machine.
    pub fn best() -> Isa {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| {
            Isa::ALL.into_iter().find(|isa| isa.is_available()).unwrap_or(Isa::Portable)
        })
    }
}

/// `dst[i] = f(src[i])`: `(dst, src, len)`.
pub(crate) type MapFn<T = f64> = unsafe extern "C" fn(*mut T, *const T, usize);
/// `dst[i] = f(a[i], b[i])`: `(dst, a, b, len)`.
pub(crate) type ZipFn<T = f64> = unsafe extern "C" fn(*mut T, *const T, *const T, usize);
/// `f(x)`.
pub(crate) type ScalarFn1<T = f64> = unsafe extern "C" fn(T) -> T;
/// `f(x, y)`.
pub(crate) type ScalarFn2<T = f64> = unsafe extern "C" fn(T, T) -> T;
/// `(y, a, x, rows, cols)`.
pub(crate) type MatVecFn<T = f64> = unsafe extern "C" fn(*mut T, *const T, *const T, usize, usize);
/// `A += Σ x yᵀ` over `count` pairs of vectors, `stride` elements apart:
/// `(a, x, y, rows, cols, stride, count)`; `y` may be null for ones, with one column.
pub(crate) type OuterSumFn<T = f64> =
    unsafe extern "C" fn(*mut T, *const T, *const T, usize, usize, usize, usize);
/// `y = map(A x + start)`: `(y, a, x, start, rows, cols, map)`; `start` may be null for 0 or `y`
/// itself, `map` may be null for the identity.
pub(crate) type AffineFn<T = f64> =
    unsafe extern "C" fn(*mut T, *const T, *const T, *const T, usize, usize, Option<MapFn<T>>);

/// `z = F(Aᵀ g, h)`, `bias_grad += z`, `matrix_grad += g hᵀ`:
/// `(z, a, g, h, matrix_grad, bias_grad, rows, cols)`; the gradients may be null.
pub(crate) type BackwardFn<T = f64> =
    unsafe extern "C" fn(*mut T, *const T, *const T, *const T, *mut T, *mut T, usize, usize);

/// The kernels of one instruction set on elements of one type. Calling one is sound on a machine that
/// has the set, with runs that are valid for the lengths given.
pub struct Table<T = f64> {
    /// Element-wise functions of one argument.
    pub(crate) map: fn(UnaryOp) -> MapFn<T>,
    /// Element-wise functions of two arguments.
    pub(crate) zip: fn(BinaryOp) -> ZipFn<T>,
    /// One value.
    pub(crate) scalar1: fn(UnaryOp) -> ScalarFn1<T>,
    /// One value.
    pub(crate) scalar2: fn(BinaryOp) -> ScalarFn2<T>,
    /// `y = map(A x + start)`.
    pub(crate) affine: AffineFn<T>,
    /// `y = Aᵀ x`.
    pub(crate) mat_t_vec: MatVecFn<T>,
    /// `y += Aᵀ x`.
    pub(crate) mat_t_vec_add: MatVecFn<T>,
    /// Backward pass of a layer on a layer whose activation is `tanh`.
    pub(crate) backward_tanh: BackwardFn<T>,
    /// Backward pass of a layer on a layer whose activation is the logistic function.
    pub(crate) backward_sigmoid: BackwardFn<T>,
    /// The first where the gradients are null, for so many rows.
    pub(crate) open_backward_tanh: fn(u32) -> BackwardFn<T>,
    /// The second where the gradients are null, for so many rows.
    pub(crate) open_backward_sigmoid: fn(u32) -> BackwardFn<T>,
    /// `A += x yᵀ`: `(a, x, y, rows, cols)`.
    pub(crate) outer: MatVecFn<T>,
    /// `A += Σ x yᵀ`.
    pub(crate) outer_sum: OuterSumFn<T>,
    /// `dst[0] = Σ src[i]`.
    pub(crate) sum: MapFn<T>,
    /// `dst[0] = Σ a[i] b[i]`.
    pub(crate) dot: ZipFn<T>,
    /// `dst[i] = src[i]`.
    pub(crate) copy: MapFn<T>,
    /// `dst[i] += src[i]`.
    pub(crate) add: MapFn<T>,
    /// `dst[i] = value`: `(dst, value, len)`.
    pub(crate) fill: unsafe extern "C" fn(*mut T, T, usize),
}

/// The kernels of `isa`. Choosing one that [`Isa::is_available`] denies is a bug of the caller.
pub(crate) fn table(isa: Isa) -> &'static Table {
    assert!(isa.is_available(), "{isa:?} kernels were asked for on a machine without them");
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &avx512::TABLE,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => &avx2::TABLE,
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => &neon::TABLE,
        _ => &portable::TABLE,
    }
}

/// [`table`] for elements of 32 bits.
pub(crate) fn table_f32(isa: Isa) -> &'static Table<f32> {
    assert!(isa.is_available(), "{isa:?} kernels were asked for on a machine without them");
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &avx512_f32::TABLE,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => &avx2_f32::TABLE,
        // On AArch64 too: plain code is fused there.
        _ => &portable_f32::TABLE,
    }
}

macro_rules! by_name {
    ($kind:ident, $op:expr, $kernel:ident, $($name:ident)+) => {
        match $op { $($kind::$name => $kernel::<$name>),+ }
    };
}

/// Instantiates the bodies for elements `$t`: element-wise ones for `$simd`, sums for `$eight`, single
/// values for `$one`, all with `$features` enabled.
macro_rules! instances {
    ($module:ident, $t:ty, $simd:ty, $eight:ty, $one:ty, $(#[$features:meta])*) => {
        mod $module {
            use super::*;

            $(#[$features])*
            unsafe extern "C" fn map<F: Function1>(dst: *mut $t, src: *const $t, len: usize) {
                // SAFETY: the table's contract.
                unsafe { elementwise::map::<$simd, F>(dst, src, len) }
            }
            $(#[$features])*
            unsafe extern "C" fn zip<F: Function2>(
                dst: *mut $t, a: *const $t, b: *const $t, len: usize,
            ) {
                // SAFETY: the table's contract.
                unsafe { elementwise::zip::<$simd, F>(dst, a, b, len) }
            }
            $(#[$features])*
            unsafe extern "C" fn one<F: Function1>(x: $t) -> $t {
                // SAFETY: the table's contract.
                unsafe { elementwise::map_one::<$one, F>(x) }
            }
            $(#[$features])*
            unsafe extern "C" fn two<F: Function2>(x: $t, y: $t) -> $t {
                // SAFETY: the table's contract.
                unsafe { elementwise::zip_one::<$one, F>(x, y) }
            }
            $(#[$features])*
            unsafe extern "C" fn affine(
                y: *mut $t, a: *const $t, x: *const $t, start: *const $t,
                rows: usize, cols: usize, map: Option<MapFn<$t>>,
            ) {
                // SAFETY: the table's contract.
                unsafe { affine::affine::<$eight>(y, a, x, start, rows, cols, map) }
            }
            $(#[$features])*
            unsafe extern "C" fn mat_t_vec<const ADD: bool>(
                y: *mut $t, a: *const $t, x: *const $t, rows: usize, cols: usize,
            ) {
                // SAFETY: the table's contract.
                unsafe { transposed::transposed::<$eight, ADD>(y, a, x, rows, cols) }
            }
            $(#[$features])*
            unsafe extern "C" fn backward_of<F: Slope>(
                z: *mut $t, a: *const $t, g: *const $t, h: *const $t, matrix_grad: *mut $t,
                bias_grad: *mut $t, rows: usize, cols: usize,
            ) {
                let runs = Runs { z, a, g, h, matrix_grad, bias_grad, rows, cols };
                // SAFETY: the table's contract.
                unsafe { backward::backward::<$eight, F>(runs) }
            }
            $(#[$features])*
            unsafe extern "C" fn backward_of_few<F: Slope, const ROWS: usize>(
                z: *mut $t, a: *const $t, g: *const $t, h: *const $t, _: *mut $t, _: *mut $t,
                _: usize, cols: usize,
            ) {
                let none = std::ptr::null_mut();
                let runs = Runs {
                    z, a, g, h, matrix_grad: none, bias_grad: none, rows: ROWS, cols,
                };
                // SAFETY: the table's contract.
                unsafe { backward::backward_of_few::<$eight, F, ROWS>(runs) }
            }
            fn open_backward<F: Slope>(rows: u32) -> BackwardFn<$t> {
                match rows {
                    1 => backward_of_few::<F, 1>,
                    2 => backward_of_few::<F, 2>,
                    3 => backward_of_few::<F, 3>,
                    4 => backward_of_few::<F, 4>,
                    _ => backward_of::<F>,
                }
            }
            $(#[$features])*
            unsafe extern "C" fn outer(
                a: *mut $t, x: *const $t, y: *const $t, rows: usize, cols: usize,
            ) {
                // SAFETY: the table's contract.
                unsafe { outer::outer::<$eight>(a, x, y, rows, cols) }
            }
            $(#[$features])*
            unsafe extern "C" fn outer_sum(
                a: *mut $t, x: *const $t, y: *const $t, rows: usize, cols: usize, stride: usize,
                count: usize,
            ) {
                let terms = outer_sum::Terms { x, y, stride, count };
                // SAFETY: the table's contract.
                unsafe { outer_sum::outer_sum::<$eight>(a, &terms, rows, cols) }
            }
            $(#[$features])*
            unsafe extern "C" fn sum(dst: *mut $t, src: *const $t, len: usize) {
                // SAFETY: the table's contract.
                unsafe { reduce::sum::<$eight>(dst, src, len) }
            }
            $(#[$features])*
            unsafe extern "C" fn dot(dst: *mut $t, a: *const $t, b: *const $t, len: usize) {
                // SAFETY: the table's contract.
                unsafe { reduce::dot::<$eight>(dst, a, b, len) }
            }
            $(#[$features])*
            unsafe extern "C" fn add(dst: *mut $t, src: *const $t, len: usize) {
                // SAFETY: the table's contract.
                unsafe { elementwise::add::<$simd>(dst, src, len) }
            }
            unsafe extern "C" fn copy(dst: *mut $t, src: *const $t, len: usize) {
                // SAFETY: the table's contract.
                unsafe { elementwise::copy(dst, src, len) }
            }
            $(#[$features])*
            unsafe extern "C" fn fill(dst: *mut $t, value: $t, len: usize) {
                // SAFETY: the table's contract.
                unsafe { elementwise::fill(dst, len, value) }
            }

            fn map_of(op: UnaryOp) -> MapFn<$t> {
                by_name!(UnaryOp, op, map,
                    Neg Not Abs Sign Floor Ceil Round Sqrt Cbrt Exp Expm1 Ln Log2 Log10 Log1p Sin
                    Cos Tan Asin Acos Atan Sinh Cosh Tanh Asinh Acosh Atanh Sigmoid Softplus Relu
                    Gelu Erf Erfc Gamma LnGamma Step)
            }
            fn one_of(op: UnaryOp) -> ScalarFn1<$t> {
                by_name!(UnaryOp, op, one,
                    Neg Not Abs Sign Floor Ceil Round Sqrt Cbrt Exp Expm1 Ln Log2 Log10 Log1p Sin
                    Cos Tan Asin Acos Atan Sinh Cosh Tanh Asinh Acosh Atanh Sigmoid Softplus Relu
                    Gelu Erf Erfc Gamma LnGamma Step)
            }
            fn zip_of(op: BinaryOp) -> ZipFn<$t> {
                by_name!(BinaryOp, op, zip,
                    Add Sub Mul Div Pow Atan2 Min Max Less LessEqual Greater GreaterEqual Equal
                    NotEqual And Or)
            }
            fn two_of(op: BinaryOp) -> ScalarFn2<$t> {
                by_name!(BinaryOp, op, two,
                    Add Sub Mul Div Pow Atan2 Min Max Less LessEqual Greater GreaterEqual Equal
                    NotEqual And Or)
            }

            pub(super) static TABLE: Table<$t> = Table {
                map: map_of,
                zip: zip_of,
                scalar1: one_of,
                scalar2: two_of,
                affine,
                mat_t_vec: mat_t_vec::<false>,
                mat_t_vec_add: mat_t_vec::<true>,
                backward_tanh: backward_of::<TanhSlope>,
                backward_sigmoid: backward_of::<SigmoidSlope>,
                open_backward_tanh: open_backward::<TanhSlope>,
                open_backward_sigmoid: open_backward::<SigmoidSlope>,
                outer,
                outer_sum,
                sum,
                dot,
                copy,
                add,
                fill,
            };
        }
    };
}

/// Whether plain code is compiled to fused multiply-add.
const PLAIN_FUSED: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

#[cfg(target_arch = "x86_64")]
instances!(
    avx512, f64, Avx512, Avx512, Array<1, true>,
    #[target_feature(enable = "avx512f,avx2,fma")]
);
#[cfg(target_arch = "x86_64")]
instances!(
    avx512_f32, f32, Single<Avx512>, Single<Avx512>, Array<1, true, f32>,
    #[target_feature(enable = "avx512f,avx2,fma")]
);
#[cfg(target_arch = "x86_64")]
instances!(avx2, f64, Avx2, Pair<Avx2>, Array<1, true>, #[target_feature(enable = "avx2,fma")]);
#[cfg(target_arch = "x86_64")]
instances!(
    avx2_f32, f32, Single<Pair<Avx2>>, Single<Pair<Avx2>>, Array<1, true, f32>,
    #[target_feature(enable = "avx2,fma")]
);
// Sums in plain code, which the compiler turns into the same vectors; functions in four lanes, so that
// two registers take turns.
#[cfg(target_arch = "aarch64")]
instances!(neon, f64, Pair<Neon>, Array<8, true>, Array<1, true>,);
instances!(
    portable,
    f64,
    Array<4, PLAIN_FUSED>,
    Array<8, PLAIN_FUSED>,
    Array<1, PLAIN_FUSED>,
);
instances!(
    portable_f32,
    f32,
    Array<4, PLAIN_FUSED, f32>,
    Array<8, PLAIN_FUSED, f32>,
    Array<1, PLAIN_FUSED, f32>,
);
