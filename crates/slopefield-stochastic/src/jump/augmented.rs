//! A system with one more state: the integral of the rates of its jumps.

use slopefield_kernel::{
    Calculus, Cotangent, HessianProduct, Kernel, Noise, NoiseKind, Point, Shape, Structure, Tangent,
};
use slopefield_solve::Real;

/// A system with one more state, the hazard: `u' = f(t, u, p) + noise`, `Λ' = Σ rates(t, u, p)`.
/// Negative rates count as 0. It has no jumps of its own.
pub struct Augmented<'a, T> {
    rhs: &'a dyn Kernel<T>,
    rates: &'a dyn Kernel<T>,
    noise: Option<WithoutNoise<'a, T>>,
}

/// Coefficients of noise with those of the additional state, which are 0.
struct WithoutNoise<'a, T> {
    coefficients: &'a dyn Kernel<T>,
    sources: usize,
    kind: NoiseKind,
    calculus: Calculus,
    states: usize,
    hessian: Option<&'a dyn HessianProduct>,
}

impl<'a, T: Real> Augmented<'a, T> {
    /// The system of a right-hand side with these rates and noise.
    #[must_use]
    pub fn new(
        rhs: &'a dyn Kernel<T>,
        rates: &'a dyn Kernel<T>,
        noise: Option<Noise<'a, T>>,
    ) -> Self {
        let states = rhs.shape().states;
        let noise = noise.map(|noise| WithoutNoise {
            coefficients: noise.coefficients,
            sources: noise.sources,
            kind: noise.kind,
            calculus: noise.calculus,
            states,
            hessian: noise.hessian,
        });
        Augmented { rhs, rates, noise }
    }

    fn count(&self) -> usize {
        self.rates.shape().outputs
    }
}

fn positive<T: Real>(rate: T) -> T {
    // A rate that is not a number must stay one.
    if rate < T::ZERO { T::ZERO } else { rate }
}

impl<T: Real> Kernel<T> for Augmented<'_, T> {
    fn shape(&self) -> Shape {
        let Shape { states, params, outputs } = self.rhs.shape();
        Shape { states: states + 1, params, outputs: outputs + 1 }
    }

    fn scratch_len(&self) -> usize {
        2 * self.count() + self.rhs.scratch_len().max(self.rates.scratch_len())
    }

    fn eval(&self, t: T, u: &[T], p: &[T], out: &mut [T], scratch: &mut [T]) {
        let n = u.len() - 1;
        let (rates, scratch) = scratch.split_at_mut(self.count());
        self.rhs.eval(t, &u[..n], p, &mut out[..n], scratch);
        self.rates.eval(t, &u[..n], p, rates, scratch);
        out[n] = rates.iter().fold(T::ZERO, |sum, rate| sum + positive(*rate));
    }

    fn jvp(
        &self,
        at: Point<'_, T>,
        along: Tangent<'_, T>,
        out: &mut [T],
        dout: &mut [T],
        scratch: &mut [T],
    ) {
        let n = at.u.len() - 1;
        let (rates, scratch) = scratch.split_at_mut(self.count());
        let (slopes, scratch) = scratch.split_at_mut(self.count());
        let at = Point { u: &at.u[..n], ..at };
        let along = Tangent { u: &along.u[..n], ..along };
        self.rhs.jvp(at, along, &mut out[..n], &mut dout[..n], scratch);
        self.rates.jvp(at, along, rates, slopes, scratch);
        (out[n], dout[n]) = (T::ZERO, T::ZERO);
        for (rate, slope) in rates.iter().zip(&*slopes) {
            if !(*rate < T::ZERO) {
                out[n] += *rate;
                dout[n] += *slope;
            }
        }
    }

    fn vjp(&self, at: Point<'_, T>, w: &[T], grad: Cotangent<'_, T>, scratch: &mut [T]) {
        let n = at.u.len() - 1;
        let (weights, scratch) = scratch.split_at_mut(self.count());
        let at = Point { u: &at.u[..n], ..at };
        self.rates.eval(at.t, at.u, at.p, weights, scratch);
        for weight in &mut *weights {
            *weight = if *weight < T::ZERO { T::ZERO } else { w[n] };
        }
        let Cotangent { t, u, p } = grad;
        let u = &mut u[..n];
        self.rhs.vjp(at, &w[..n], Cotangent { t, u, p }, scratch);
        self.rates.vjp(at, weights, Cotangent { t, u, p }, scratch);
    }

    fn structure(&self) -> Structure<'_, T> {
        let noise = self.noise.as_ref().map(|noise| Noise {
            coefficients: noise as &dyn Kernel<T>,
            // With diagonal noise the additional state has a source of its own, without effect.
            sources: noise.sources + usize::from(noise.kind == NoiseKind::Diagonal),
            kind: noise.kind,
            calculus: noise.calculus,
            hessian: noise.hessian.map(|_| noise as &dyn HessianProduct),
        });
        Structure { noise, ..Structure::default() }
    }
}

impl<T: Real> WithoutNoise<'_, T> {
    fn columns(&self) -> usize {
        if self.kind == NoiseKind::Diagonal { 1 } else { self.sources }
    }

    /// Spreads columns of `n` numbers in place, from the last on, with a 0 behind each.
    fn spread(&self, out: &mut [T]) {
        let n = self.states;
        for column in (0..self.columns()).rev() {
            out.copy_within(column * n..(column + 1) * n, column * (n + 1));
            out[column * (n + 1) + n] = T::ZERO;
        }
    }
}

impl<T: Real> Kernel<T> for WithoutNoise<'_, T> {
    fn shape(&self) -> Shape {
        let Shape { states, params, outputs } = self.coefficients.shape();
        Shape { states: states + 1, params, outputs: outputs + self.columns() }
    }

    fn scratch_len(&self) -> usize {
        self.coefficients.scratch_len() + self.coefficients.shape().outputs
    }

    fn eval(&self, t: T, u: &[T], p: &[T], out: &mut [T], scratch: &mut [T]) {
        let (n, outputs) = (self.states, self.columns() * self.states);
        self.coefficients.eval(t, &u[..n], p, &mut out[..outputs], scratch);
        self.spread(out);
    }

    fn jvp(
        &self,
        at: Point<'_, T>,
        along: Tangent<'_, T>,
        out: &mut [T],
        dout: &mut [T],
        scratch: &mut [T],
    ) {
        let (n, outputs) = (self.states, self.columns() * self.states);
        let at = Point { u: &at.u[..n], ..at };
        let along = Tangent { u: &along.u[..n], ..along };
        let (first, second) = (&mut out[..outputs], &mut dout[..outputs]);
        self.coefficients.jvp(at, along, first, second, scratch);
        self.spread(out);
        self.spread(dout);
    }

    fn vjp(&self, at: Point<'_, T>, w: &[T], grad: Cotangent<'_, T>, scratch: &mut [T]) {
        let (n, columns) = (self.states, self.columns());
        let (weights, scratch) = scratch.split_at_mut(columns * n);
        for column in 0..columns {
            let part = &w[column * (n + 1)..column * (n + 1) + n];
            weights[column * n..(column + 1) * n].copy_from_slice(part);
        }
        let Cotangent { t, u, p } = grad;
        let at = Point { u: &at.u[..n], ..at };
        self.coefficients.vjp(at, weights, Cotangent { t, u: &mut u[..n], p }, scratch);
    }
}

/// Second derivatives of the coefficients; the additional state takes no part in them.
impl<T: Real> HessianProduct for WithoutNoise<'_, T> {
    fn shape(&self) -> Shape {
        Kernel::<T>::shape(self)
    }

    fn scratch_len(&self) -> usize {
        self.coefficients.shape().outputs + self.hessian.map_or(0, HessianProduct::scratch_len)
    }

    fn hvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        w: &[f64],
        grad: Cotangent<'_>,
        scratch: &mut [f64],
    ) {
        let Some(hessian) = self.hessian else { return };
        let (n, columns) = (self.states, self.columns());
        let (weights, scratch) = scratch.split_at_mut(columns * n);
        for column in 0..columns {
            let part = &w[column * (n + 1)..column * (n + 1) + n];
            weights[column * n..(column + 1) * n].copy_from_slice(part);
        }
        let Cotangent { t, u, p } = grad;
        let at = Point { u: &at.u[..n], ..at };
        let along = Tangent { u: &along.u[..n], ..along };
        hessian.hvp(at, along, weights, Cotangent { t, u: &mut u[..n], p }, scratch);
    }
}
