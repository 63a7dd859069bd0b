//! What multistep methods share: the length of the first step, weighted norms.

use crate::{ErrorNorm, Ivp, Real};

/// Writes `1 / (atol + rtol·max(|a|, |b|))` to `weights`.
pub(crate) fn weigh<T: Real>(norm: &ErrorNorm, a: &[T], b: &[T], weights: &mut [T]) {
    let n = weights.len();
    let (a, b, atol, rtol) = (&a[..n], &b[..n], &norm.atol()[..n], norm.rtol());
    for i in 0..n {
        let scale = atol[i] + rtol * a[i].magnitude().greater(b[i].magnitude()).f64();
        weights[i] = T::of(1.0 / scale.max(1e-300));
    }
}

/// Square of the root mean square of `v` times `weights`.
pub(crate) fn weighted_square<T: Real>(v: &[T], weights: &[T]) -> f64 {
    let n = v.len();
    let weights = &weights[..n];
    let mut sum = 0.0;
    for i in 0..n {
        let ratio = (v[i] * weights[i]).f64();
        sum += ratio * ratio;
    }
    sum / n as f64
}

/// Length of a first step of order 1, positive: Hairer, Nørsett, Wanner, *Solving ODEs I*, section
/// II.4, from the slope at the start and one evaluation nearby; the book's first guess where there is
/// no scratch space to evaluate with. `point` and `there` are work space.
pub(crate) fn first_length<T: Real>(
    ivp: &Ivp<'_, T>,
    norm: &ErrorNorm,
    (u, slope): (&[T], &[T]),
    (point, there): (&mut [T], &mut [T]),
    scratch: Option<&mut [T]>,
    h_max: f64,
) -> (f64, u64) {
    let span = (ivp.t1 - ivp.t0).abs();
    let longest = span.min(h_max);
    let d0 = norm.of_value(u, u);
    let d1 = norm.of_value(slope, u);
    let first = if d0 < 1e-5 || d1 < 1e-5 { 1e-6 * span.min(1.0) } else { 0.01 * d0 / d1 };
    let mut h0 = first.min(longest);
    let Some(scratch) = scratch else { return (h0, 0) };
    // Near the edge of a function's domain the explorative step may leave it; come closer.
    for tries in 1..=12 {
        let signed = ivp.direction() * h0;
        for i in 0..u.len() {
            point[i] = u[i] + T::of(signed) * slope[i];
        }
        ivp.rhs.eval(T::of(ivp.t0 + signed), point, ivp.p, there, scratch);
        for i in 0..u.len() {
            there[i] -= slope[i];
        }
        let d2 = norm.of_value(there, u) / h0;
        if d2.is_finite() {
            let h1 = if d1.max(d2) <= 1e-15 {
                (h0 * 1e-3).max(1e-6 * span.min(1.0))
            } else {
                // The error of a step of order 1 is h²/2 times the second derivative.
                (0.1 / d1.max(d2)).sqrt()
            };
            return ((100.0 * h0).min(h1).min(longest), tries);
        }
        h0 *= 0.1;
    }
    (h0, 12)
}
