//! Samples of numbers over an interval, and what the polynomials through them say.

use crate::Real;
use crate::barycentric::{ChebyshevPoints, MAX_POINTS};

/// Degree of the polynomials through the samples.
pub(super) const DEGREE: usize = 8;

/// A number is resolved when the last two coefficients are below this fraction of its changes.
const RESOLVED: f64 = 1e-2;

/// Samples at Chebyshev points of an interval.
pub(super) struct Samples {
    count: usize,
    points: ChebyshevPoints,
    /// Row `k`: the samples whose sum, so weighted, is Chebyshev coefficient `k`.
    coefficients: Vec<f64>,
    /// Point by point.
    values: Vec<f64>,
}

impl Samples {
    /// Of `count` numbers.
    pub(super) fn new(count: usize) -> Self {
        Samples {
            count,
            points: ChebyshevPoints::new(DEGREE),
            coefficients: chebyshev_coefficients(),
            values: vec![0.0; (DEGREE + 1) * count],
        }
    }

    /// Point `i` as a part of the interval.
    pub(super) fn point(&self, i: usize) -> f64 {
        self.points.point(i)
    }

    /// Takes the numbers at point `i`.
    pub(super) fn set<T: Real>(&mut self, i: usize, numbers: &[T]) {
        for (sample, number) in self.values[i * self.count..].iter_mut().zip(numbers) {
            *sample = number.f64();
        }
    }

    /// Number `root` at point `i`.
    pub(super) fn at(&self, i: usize, root: usize) -> f64 {
        self.values[i * self.count + root]
    }

    /// Whether the samples of every number tell its course, or stay clear of 0 anyway. Rounding
    /// errors are of the size `epsilon`.
    pub(super) fn resolved(&self, epsilon: f64) -> bool {
        (0..self.count).all(|root| {
            let sample = |i: usize| self.at(i, root);
            let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
            for i in 0..=DEGREE {
                low = low.min(sample(i));
                high = high.max(sample(i));
            }
            let range = high - low;
            if low > 2.0 * range || -high > 2.0 * range {
                return true;
            }
            let coefficient = |k: usize| -> f64 {
                let row = &self.coefficients[k * (DEGREE + 1)..(k + 1) * (DEGREE + 1)];
                row.iter().enumerate().map(|(i, weight)| weight * sample(i)).sum()
            };
            // Rounding errors of single precision must not look like detail.
            let rounding = 32.0 * epsilon * low.abs().max(high.abs());
            coefficient(DEGREE).abs() + coefficient(DEGREE - 1).abs()
                <= (RESOLVED * range).max(rounding)
        })
    }

    /// Between samples `i − 1` and `i`, where the polynomial through the samples of `root` comes
    /// closest to 0 from the side `sign`, as a part of the interval, if not at one of the two.
    pub(super) fn closest(&self, root: usize, sign: f64, i: usize) -> Option<f64> {
        let samples = |j: usize| self.at(j, root);
        if samples(i) * sign <= 0.0 || samples(i - 1) * sign < 0.0 {
            return None;
        }
        let slope = |j: usize| sign * self.points.slope_at(j, samples);
        if !(slope(i - 1) < 0.0 && slope(i) > 0.0) {
            return None;
        }
        let (mut low, mut high) = (self.points.point(i - 1), self.points.point(i));
        for _ in 0..40 {
            let middle = 0.5 * (low + high);
            let mut weights = [0.0; MAX_POINTS];
            self.points.value_weights(middle, &mut weights);
            self.points.differentiate(&mut weights);
            let slope: f64 = (0..=DEGREE).map(|j| weights[j] * samples(j)).sum();
            if sign * slope < 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(high)
    }
}

/// Rows of weights that turn samples at the Chebyshev points into coefficients of the Chebyshev
/// polynomials.
fn chebyshev_coefficients() -> Vec<f64> {
    let n = DEGREE + 1;
    let mut rows = vec![0.0; n * n];
    let half = |i: usize| if i == 0 || i == DEGREE { 0.5 } else { 1.0 };
    for k in 0..n {
        for i in 0..n {
            // The points ascend, so point `i` belongs to the angle π − π i / DEGREE.
            let angle = std::f64::consts::PI * (k * (DEGREE - i)) as f64 / DEGREE as f64;
            rows[k * n + i] = 2.0 / DEGREE as f64 * half(k) * half(i) * angle.cos();
        }
    }
    rows
}
