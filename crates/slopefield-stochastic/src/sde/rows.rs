//! Arithmetic on rows, with the vector instructions of the machine where rows are long.

use slopefield_solve::Real;

/// From this length on wider instructions are worth the call.
const WIDE: usize = 16;

/// Rows by coefficients: `out = Σ c_k row_k`, coefficients of 0 left out.
pub(crate) struct Sum<'a, T> {
    pub(crate) coefficients: &'a [f64],
    pub(crate) rows: &'a [Vec<T>],
    pub(crate) out: &'a mut [T],
}

/// A stage: `out = u + h drift + scale · noise`, element by element.
pub(crate) struct Stage<'a, T> {
    pub(crate) u: &'a [T],
    pub(crate) h: f64,
    pub(crate) drift: &'a [T],
    pub(crate) scale: &'a [f64],
    pub(crate) noise: &'a [T],
    pub(crate) out: &'a mut [T],
}

/// A row moved along another: `out = u + factor · slope`.
pub(crate) struct Scaled<'a, T> {
    pub(crate) u: &'a [T],
    pub(crate) factor: f64,
    pub(crate) slope: &'a [T],
    pub(crate) out: &'a mut [T],
}

/// A row operation.
pub(crate) trait Rows: Sized {
    /// The length of the rows.
    fn len(&self) -> usize;
    /// Does it; inlined, so that callers decide on the instructions.
    fn apply(self);

    /// Does it in the best way for the length.
    fn run(self, arch: pulp::Arch) {
        if self.len() < WIDE { self.apply() } else { arch.dispatch(Vectorised(self)) }
    }
}

struct Vectorised<R>(R);

impl<R: Rows> pulp::WithSimd for Vectorised<R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        self.0.apply();
    }
}

impl<T: Real> Rows for Sum<'_, T> {
    fn len(&self) -> usize {
        self.out.len()
    }

    #[inline(always)]
    fn apply(self) {
        self.out.fill(T::ZERO);
        for (coefficient, row) in self.coefficients.iter().zip(self.rows) {
            if *coefficient == 0.0 {
                continue;
            }
            let coefficient = T::of(*coefficient);
            for (out, x) in self.out.iter_mut().zip(row) {
                *out += coefficient * *x;
            }
        }
    }
}

impl<T: Real> Rows for Stage<'_, T> {
    fn len(&self) -> usize {
        self.out.len()
    }

    #[inline(always)]
    fn apply(self) {
        let n = self.out.len();
        let h = T::of(self.h);
        let (u, drift) = (&self.u[..n], &self.drift[..n]);
        let (scale, noise) = (&self.scale[..n], &self.noise[..n]);
        for i in 0..n {
            self.out[i] = u[i] + h * drift[i] + T::of(scale[i]) * noise[i];
        }
    }
}

impl<T: Real> Rows for Scaled<'_, T> {
    fn len(&self) -> usize {
        self.out.len()
    }

    #[inline(always)]
    fn apply(self) {
        let n = self.out.len();
        let factor = T::of(self.factor);
        let (u, slope) = (&self.u[..n], &self.slope[..n]);
        for i in 0..n {
            self.out[i] = u[i] + factor * slope[i];
        }
    }
}
