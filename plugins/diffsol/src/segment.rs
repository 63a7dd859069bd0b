//! The solution within the last step, as polynomials of its own: what the application may ask of it stays
//! when a later call fails in the middle.

use slopefield_plugin_sdk::prelude::*;
use std::f64::consts::PI;

/// The highest degree that diffsol interpolates with.
pub const DEGREE: usize = 5;

/// The polynomials through samples at the extrema of the Chebyshev polynomial of degree [`DEGREE`].
pub struct Samples {
    t_prev: f64,
    t: f64,
    n: usize,
    /// `n` for each extremum, from the beginning of the step to its end.
    samples: Vec<f64>,
}

impl Samples {
    /// Of no step yet.
    pub fn new(n: usize) -> Samples {
        Samples { t_prev: 0.0, t: 0.0, n, samples: vec![0.0; (DEGREE + 1) * n] }
    }

    /// A step between two states; until it is sampled, its chord.
    pub fn begin(&mut self, t_prev: f64, t: f64, from: &[f64], to: &[f64]) {
        (self.t_prev, self.t) = (t_prev, t);
        for (j, sample) in self.samples.chunks_exact_mut(self.n).enumerate() {
            for ((out, from), to) in sample.iter_mut().zip(from).zip(to) {
                *out = from + part(j) * (to - from);
            }
        }
        self.samples[DEGREE * self.n..].copy_from_slice(to);
    }

    /// Times within the step, with the place for the solution there.
    pub fn inside(&mut self) -> impl Iterator<Item = (f64, &mut [f64])> {
        let (t_prev, h) = (self.t_prev, self.t - self.t_prev);
        let all = self.samples.chunks_exact_mut(self.n).enumerate();
        all.take(DEGREE).skip(1).map(move |(j, place)| (t_prev + part(j) * h, place))
    }

    /// Writes the coefficients. Of the sums for the number `k` of the basis and for a sample the first
    /// and the last count half (J. C. Mason and D. C. Handscomb, *Chebyshev Polynomials* (2003), section
    /// 6.3.2).
    pub fn write(&self, out: &mut Segment<'_>) {
        let half = |i: usize| if i == 0 || i == DEGREE { 0.5 } else { 1.0 };
        let rows = out.chebyshev(DEGREE);
        for (k, row) in rows.chunks_exact_mut(self.n).enumerate() {
            for (j, sample) in self.samples.chunks_exact(self.n).enumerate() {
                // The number `k` of the basis at the extremum.
                let value = (k as f64 * angle(j)).cos();
                let weight = 2.0 / DEGREE as f64 * half(k) * half(j) * value;
                row.iter_mut().zip(sample).for_each(|(c, sample)| *c += weight * sample);
            }
        }
    }
}

/// The extremum `j` is the cosine of this.
fn angle(j: usize) -> f64 {
    PI * (DEGREE - j) as f64 / DEGREE as f64
}

/// The part of the step that lies before it.
fn part(j: usize) -> f64 {
    match j {
        0 => 0.0,
        DEGREE => 1.0,
        _ => 0.5 + 0.5 * angle(j).cos(),
    }
}
