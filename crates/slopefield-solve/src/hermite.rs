//! The solution within a step from values and derivatives at its ends.
//!
//! Hermite's polynomials: cubic from values and slopes, with an error of size `h^4`; quintic from
//! second derivatives as well, with an error of size `h^6` (Hairer, Nørsett, Wanner, *Solving
//! ODEs I*, section II.6).

use crate::{Ivp, Real, SolveError};
use slopefield_kernel::{Point, Tangent};

/// A state with its first and second derivative in time, as far as a polynomial needs them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Jet<T> {
    pub slope: Vec<T>,
    pub second: Vec<T>,
}

impl<T: Real> Jet<T> {
    /// Makes room for `n` states.
    pub fn resize(&mut self, n: usize) {
        self.slope.resize(n, T::ZERO);
        self.second.resize(n, T::ZERO);
    }

    /// Evaluates the slope at `(t, u)`.
    pub fn first(&mut self, ivp: &Ivp<'_, T>, t: f64, u: &[T], scratch: &mut [T]) {
        ivp.rhs.eval(T::of(t), u, ivp.p, &mut self.slope, scratch);
    }

    /// Evaluates the slope and the second derivative `∂f/∂t + ∂f/∂u f` at `(t, u)`; `still` is a
    /// zero for each parameter and `value` room for the right-hand side.
    pub fn both(
        &mut self,
        ivp: &Ivp<'_, T>,
        t: f64,
        u: &[T],
        still: &[T],
        value: &mut [T],
        scratch: &mut [T],
    ) {
        self.first(ivp, t, u, scratch);
        let at = Point { t: T::of(t), u, p: ivp.p };
        let along = Tangent { t: T::ONE, u: &self.slope, p: still };
        ivp.rhs.jvp(at, along, value, &mut self.second, scratch);
    }
}

/// Where `t` lies in the step from `t_prev` to `t_new`, as a fraction.
///
/// # Errors
/// [`SolveError::Invalid`] when it lies outside.
pub(crate) fn fraction(t: f64, t_prev: f64, t_new: f64) -> Result<f64, SolveError> {
    let theta = (t - t_prev) / (t_new - t_prev);
    if (0.0..=1.0).contains(&theta) {
        return Ok(theta);
    }
    Err(SolveError::Invalid(format!("t = {t} is outside the last step, {t_prev} to {t_new}")))
}

/// Writes the cubic through `(u0, f0)` at `θ = 0` and `(u1, f1)` at `θ = 1`, a step of length `h`.
pub(crate) fn cubic<T: Real>(
    theta: f64,
    h: f64,
    (u0, f0): (&[T], &[T]),
    (u1, f1): (&[T], &[T]),
    out: &mut [T],
) {
    let left = 1.0 - theta;
    // In the form u0 + θ² (3 − 2θ) (u1 − u0) + …, which keeps the digits of u0 and u1.
    let rise = T::of(theta * theta * (3.0 - 2.0 * theta));
    let (at0, at1) = (T::of(h * theta * left * left), T::of(-h * theta * theta * left));
    for (i, out) in out.iter_mut().enumerate() {
        *out = u0[i] + rise * (u1[i] - u0[i]) + at0 * f0[i] + at1 * f1[i];
    }
}

/// Writes the quintic through values, slopes and second derivatives at both ends.
pub(crate) fn quintic<T: Real>(
    theta: f64,
    h: f64,
    (u0, jet0): (&[T], &Jet<T>),
    (u1, jet1): (&[T], &Jet<T>),
    out: &mut [T],
) {
    let (x, y) = (theta, 1.0 - theta);
    let rise = T::of(x * x * x * (10.0 - 15.0 * x + 6.0 * x * x));
    let (f0, f1) = (h * x * y * y * y * (1.0 + 3.0 * x), -h * y * x * x * x * (1.0 + 3.0 * y));
    let (g0, g1) = (0.5 * h * h * x * x * y * y * y, 0.5 * h * h * y * y * x * x * x);
    let (f0, f1, g0, g1) = (T::of(f0), T::of(f1), T::of(g0), T::of(g1));
    for (i, out) in out.iter_mut().enumerate() {
        *out = u0[i]
            + rise * (u1[i] - u0[i])
            + (f0 * jet0.slope[i] + f1 * jet1.slope[i])
            + (g0 * jet0.second[i] + g1 * jet1.second[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::{Jet, cubic, quintic};

    /// `u = Σ a_k t^k` with its derivatives.
    fn polynomial(a: &[f64], t: f64) -> (Vec<f64>, Jet<f64>) {
        let sum = |order: i32| -> f64 {
            a.iter()
                .enumerate()
                .map(|(k, a)| {
                    let k = k as i32;
                    let falling: i32 = (0..order).map(|i| k - i).product();
                    if k < order { 0.0 } else { a * f64::from(falling) * t.powi(k - order) }
                })
                .sum()
        };
        (vec![sum(0)], Jet { slope: vec![sum(1)], second: vec![sum(2)] })
    }

    #[test]
    fn polynomials_of_the_degree_are_reproduced() {
        let a = [0.3, -1.2, 0.7, 2.1, -0.4, 0.9];
        let (t0, h) = (0.6, -0.8);
        for theta in [0.0, 0.2, 0.5, 0.9, 1.0] {
            let mut out = [0.0];
            let (u0, jet0) = polynomial(&a, t0);
            let (u1, jet1) = polynomial(&a, t0 + h);
            quintic(theta, h, (&u0, &jet0), (&u1, &jet1), &mut out);
            let exact = polynomial(&a, t0 + theta * h).0[0];
            assert!((out[0] - exact).abs() < 1e-14, "quintic at {theta}: {out:?} {exact}");
            let (u0, jet0) = polynomial(&a[..4], t0);
            let (u1, jet1) = polynomial(&a[..4], t0 + h);
            cubic(theta, h, (&u0, &jet0.slope), (&u1, &jet1.slope), &mut out);
            let exact = polynomial(&a[..4], t0 + theta * h).0[0];
            assert!((out[0] - exact).abs() < 1e-14, "cubic at {theta}: {out:?} {exact}");
        }
    }
}
