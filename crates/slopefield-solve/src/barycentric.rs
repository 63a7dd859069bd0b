//! Polynomials through values at Chebyshev points of the second kind on [0, 1].
//!
//! Values and derivatives are sums of the values at the points, with weights that depend on the
//! place alone: J.-P. Berrut, L. N. Trefethen, *Barycentric Lagrange interpolation*, SIAM Review 46
//! (2004) 501–517, doi:10.1137/S0036144502417715.

/// Largest number of points.
pub(crate) const MAX_POINTS: usize = 16;

/// Points with what is needed to interpolate between them.
#[derive(Debug, Clone)]
pub(crate) struct ChebyshevPoints {
    /// The points, ascending from exactly 0 to exactly 1.
    points: Vec<f64>,
    weights: Vec<f64>,
    /// Row `i`: the derivative at point `i` as a sum of the values.
    derivative: Vec<f64>,
}

impl ChebyshevPoints {
    /// `degree + 1` points; the degree is at least 1 and less than [`MAX_POINTS`].
    pub(crate) fn new(degree: usize) -> Self {
        let degree = degree.clamp(1, MAX_POINTS - 1);
        let n = degree + 1;
        let points: Vec<f64> = (0..n)
            // sin² keeps the points near 0 accurate, and both ends exact.
            .map(|i| (0.5 * std::f64::consts::PI * i as f64 / degree as f64).sin().powi(2))
            .collect();
        let weights: Vec<f64> = (0..n)
            .map(|i| {
                let sign = if i % 2 == 0 { 1.0 } else { -1.0 };
                if i == 0 || i == degree { 0.5 * sign } else { sign }
            })
            .collect();
        let mut derivative = vec![0.0; n * n];
        for i in 0..n {
            // The rows sum to 0, as the derivative of a constant must.
            let mut diagonal = 0.0;
            for j in (0..n).filter(|&j| j != i) {
                let entry = weights[j] / weights[i] / (points[i] - points[j]);
                derivative[i * n + j] = entry;
                diagonal -= entry;
            }
            derivative[i * n + i] = diagonal;
        }
        ChebyshevPoints { points, weights, derivative }
    }

    /// Number of points.
    pub(crate) fn len(&self) -> usize {
        self.points.len()
    }

    /// Point `i`.
    pub(crate) fn point(&self, i: usize) -> f64 {
        self.points[i]
    }

    /// Writes to `out` the weights of the value at `x`; exact at the points.
    pub(crate) fn value_weights(&self, x: f64, out: &mut [f64; MAX_POINTS]) {
        let n = self.len();
        if let Some(hit) = self.points.iter().position(|&point| point == x) {
            out[..n].fill(0.0);
            out[hit] = 1.0;
            return;
        }
        let mut total = 0.0;
        for ((out, weight), point) in out.iter_mut().zip(&self.weights).zip(&self.points) {
            *out = weight / (x - point);
            total += *out;
        }
        for weight in &mut out[..n] {
            *weight /= total;
        }
    }

    /// Turns weights of the value into those of the derivative there.
    pub(crate) fn differentiate(&self, weights: &mut [f64; MAX_POINTS]) {
        let n = self.len();
        let value = *weights;
        for (j, weight) in weights[..n].iter_mut().enumerate() {
            *weight = (0..n).map(|i| value[i] * self.derivative[i * n + j]).sum();
        }
    }

    /// The derivative at point `i` of the polynomial through `values`.
    pub(crate) fn slope_at(&self, i: usize, values: impl Fn(usize) -> f64) -> f64 {
        let n = self.len();
        (0..n).map(|j| self.derivative[i * n + j] * values(j)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{ChebyshevPoints, MAX_POINTS};

    #[test]
    fn polynomials_and_their_derivatives_are_exact() {
        for degree in 1..MAX_POINTS {
            let points = ChebyshevPoints::new(degree);
            assert_eq!((points.point(0), points.point(degree)), (0.0, 1.0));
            let power = degree as i32;
            let value = |x: f64| (x - 0.3).powi(power);
            let slope = |x: f64| f64::from(power) * (x - 0.3).powi(power - 1);
            let curve = |x: f64| f64::from(power * (power - 1)) * (x - 0.3).powi(power - 2);
            for x in [0.0, 0.11, 0.5, 0.97, 1.0, 1.1, -0.05] {
                let mut weights = [0.0; MAX_POINTS];
                points.value_weights(x, &mut weights);
                let sum = |weights: &[f64; MAX_POINTS]| -> f64 {
                    (0..points.len()).map(|i| weights[i] * value(points.point(i))).sum()
                };
                assert!((sum(&weights) - value(x)).abs() < 1e-13, "degree {degree} at {x}");
                points.differentiate(&mut weights);
                assert!((sum(&weights) - slope(x)).abs() < 1e-11, "slope {degree} at {x}");
                points.differentiate(&mut weights);
                if degree > 1 {
                    assert!((sum(&weights) - curve(x)).abs() < 1e-8, "curve {degree} at {x}");
                }
            }
            let middle = points.slope_at(degree / 2, |j| value(points.point(j)));
            assert!((middle - slope(points.point(degree / 2))).abs() < 1e-11);
        }
    }
}
