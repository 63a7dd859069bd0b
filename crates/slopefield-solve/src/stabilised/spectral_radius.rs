//! How fast a system is: its spectral radius by a nonlinear power method.

use crate::{Ivp, Real, Stats};

/// Estimates of the spectral radius of `∂f/∂u`, with the memory of the last dominant direction.
#[derive(Debug, Default)]
pub(super) struct SpectralRadius<T: Real> {
    /// A direction, of which successive estimates make the dominant eigenvector.
    direction: Vec<T>,
    known: bool,
    point: Vec<T>,
    slope: Vec<T>,
}

/// Iterations at most.
const ITERATIONS: u32 = 50;

/// Estimates that change by less than this have converged.
const ACCURACY: f64 = 0.01;

/// The iteration converges from below: what it finds is raised by this.
pub(super) const SAFETY: f64 = 1.2;

impl<T: Real> SpectralRadius<T> {
    /// Forgets the direction and makes room for `n` states.
    pub fn reset(&mut self, n: usize) {
        for vector in [&mut self.direction, &mut self.point, &mut self.slope] {
            vector.resize(n, T::ZERO);
        }
        self.known = false;
    }

    /// An upper bound, most likely, of the spectral radius at `(t, u)`, where the slope is `f`:
    /// differences of the right-hand side in directions that the iteration turns into the dominant
    /// eigenvector (Sommeijer, Shampine, Verwer, section 3.2, with their constants). They begin
    /// with the slope; to it is added a direction without any relation to the problem, because the
    /// slope of a smooth solution may be free of the fastest mode to the last digit.
    ///
    /// Zero for a system without any dependence on the state; NaN where `f` is not finite.
    pub fn estimate(
        &mut self,
        ivp: &Ivp<'_, T>,
        (t, u, f): (f64, &[T], &[T]),
        scratch: &mut [T],
        counts: &mut Stats,
    ) -> f64 {
        if !self.known {
            self.seed(f);
        }
        let size = norm(u);
        // The size of differences: half the digits of the state, or of 1 for a state of zeros.
        let distance = if size > 0.0 { size } else { 1.0 } * T::EPSILON.sqrt();
        let (mut radius, mut length) = (0.0_f64, norm(&self.direction));
        for iteration in 0..ITERATIONS {
            if length == 0.0 {
                break;
            }
            let scale = T::of(distance / length);
            for ((x, u), d) in self.point.iter_mut().zip(u).zip(&self.direction) {
                *x = *u + scale * *d;
            }
            ivp.rhs.eval(T::of(t), &self.point, ivp.p, &mut self.slope, scratch);
            counts.rhs += 1;
            for ((d, g), f) in self.direction.iter_mut().zip(&self.slope).zip(f) {
                *d = *g - *f;
            }
            length = norm(&self.direction);
            let previous = std::mem::replace(&mut radius, length / distance);
            if !radius.is_finite() {
                self.known = false;
                return radius;
            }
            if iteration > 0 && (radius - previous).abs() <= ACCURACY * radius {
                break;
            }
        }
        self.known = length > 0.0;
        SAFETY * radius
    }

    fn seed(&mut self, f: &[T]) {
        let size = norm(f);
        let (unit, each) = if size > 0.0 && size.is_finite() {
            (1.0 / size, 1.0 / (f.len() as f64).sqrt())
        } else {
            (0.0, 1.0)
        };
        for (i, (d, f)) in self.direction.iter_mut().zip(f).enumerate() {
            // Multiples of the golden ratio, between −1 and 1: no two alike, no pattern.
            let other = 2.0 * (0.618_033_988_749_894_9 * (i + 1) as f64).fract() - 1.0;
            *d = T::of(unit * f.f64() + each * other);
        }
    }
}

fn norm<T: Real>(x: &[T]) -> f64 {
    x.iter().map(|x| x.f64() * x.f64()).sum::<f64>().sqrt()
}
