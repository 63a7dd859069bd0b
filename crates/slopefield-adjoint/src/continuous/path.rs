//! A whole trajectory as a piecewise polynomial, from any stepper's own dense output.
//!
//! Each accepted step is sampled at the Chebyshev–Lobatto points of the degree that its dense
//! output has, both ends among them, and evaluated by barycentric interpolation of that degree, so
//! polynomial dense output is reproduced up to rounding. Where the degree is not known, 6 is taken:
//! the error is then of order 7 in the step. (Berrut, Trefethen, *Barycentric Lagrange
//! interpolation*, SIAM Review 46 (2004) 501, eqs. 5.4 and 9.4.)

use slopefield_solve::{SolveError, Step, Stepper};
use std::f64::consts::PI;
use std::ops::Range;

/// Highest degree kept.
const HIGHEST: usize = 10;

/// Chebyshev–Lobatto points of a degree on [0, 1], ascending, and their barycentric weights up to a
/// common factor.
#[derive(Clone, Copy, Default)]
struct Points {
    places: [f64; HIGHEST + 1],
    weights: [f64; HIGHEST + 1],
}

impl Points {
    fn of(degree: usize) -> Points {
        let mut points = Points::default();
        for j in 0..=degree {
            let end = j == 0 || j == degree;
            // By the half angle, so that points near 0 have all their digits.
            points.places[j] = (0.5 * PI * j as f64 / degree as f64).sin().powi(2);
            let sign = if j % 2 == 0 { 1.0 } else { -1.0 };
            points.weights[j] = if end { 0.5 * sign } else { sign };
        }
        points.places[degree] = 1.0;
        points
    }
}

/// One accepted step.
#[derive(Clone, Copy)]
struct Piece {
    t_prev: f64,
    t: f64,
    degree: usize,
    /// Where its samples begin.
    first: usize,
}

/// The stored trajectory.
pub(crate) struct DensePath {
    n: usize,
    points: Vec<Points>,
    pieces: Vec<Piece>,
    /// `degree + 1` states per piece.
    values: Vec<f64>,
}

impl Default for DensePath {
    fn default() -> Self {
        DensePath {
            n: 0,
            points: (0..=HIGHEST).map(|degree| Points::of(degree.max(1))).collect(),
            pieces: Vec::new(),
            values: Vec::new(),
        }
    }
}

impl DensePath {
    /// Forgets the previous trajectory, keeping the memory.
    pub fn clear(&mut self, n: usize) {
        self.n = n;
        self.pieces.clear();
        self.values.clear();
    }

    /// Bytes held.
    pub fn bytes(&self) -> u64 {
        8 * self.values.len() as u64 + Self::piece_bytes() * self.pieces.len() as u64
    }

    /// Bytes that another step of this degree takes.
    pub fn bytes_of_step(&self, degree: usize) -> u64 {
        8 * (self.n * (degree.clamp(1, HIGHEST) + 1)) as u64 + Self::piece_bytes()
    }

    fn piece_bytes() -> u64 {
        std::mem::size_of::<Piece>() as u64
    }

    /// Number of steps.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Where the first step begins and the last one ends; none without steps.
    pub fn span(&self) -> Option<(f64, f64)> {
        Some((self.pieces.first()?.t_prev, self.pieces.last()?.t))
    }

    /// Ends of step `index`.
    pub fn step(&self, index: usize) -> (f64, f64) {
        (self.pieces[index].t_prev, self.pieces[index].t)
    }

    /// State at the beginning of step `index`.
    pub fn beginning(&self, index: usize) -> &[f64] {
        let first = self.pieces[index].first;
        &self.values[first..first + self.n]
    }

    /// State at the end of step `index`.
    pub fn end(&self, index: usize) -> &[f64] {
        let Piece { degree, first, .. } = self.pieces[index];
        let at = first + degree * self.n;
        &self.values[at..at + self.n]
    }

    /// Samples a step that was accepted and prepared for interpolation.
    pub fn record(&mut self, step: &Step, solution: &mut dyn Stepper) -> Result<(), SolveError> {
        let degree = solution.dense_degree().clamp(1, HIGHEST);
        let (n, first) = (self.n, self.values.len());
        self.values.resize(first + (degree + 1) * n, 0.0);
        let (places, h) = (&self.points[degree].places, step.t - step.t_prev);
        for (j, row) in self.values[first..].chunks_exact_mut(n).enumerate() {
            if j == degree {
                row.copy_from_slice(solution.state());
            } else {
                solution.interpolate(step.t_prev + places[j] * h, row)?;
            }
        }
        self.pieces.push(Piece { t_prev: step.t_prev, t: step.t, degree, first });
        Ok(())
    }

    /// Makes room for `more` bytes of samples, and for `room` where it has to grow, for callers that
    /// keep a bound.
    pub fn reserve(&mut self, more: u64, room: u64) {
        if self.values.capacity() < self.values.len() + (more / 8) as usize {
            self.values.reserve_exact((room / 8) as usize);
        }
    }

    /// The part of the path made of these steps.
    pub fn part(&self, steps: Range<usize>) -> Part<'_> {
        Part { path: self, steps }
    }

    /// All of the path.
    pub fn whole(&self) -> Part<'_> {
        self.part(0..self.len())
    }
}

/// Steps of a path between which the state does not jump.
#[derive(Clone)]
pub(crate) struct Part<'a> {
    path: &'a DensePath,
    steps: Range<usize>,
}

impl Part<'_> {
    /// Number of states.
    pub fn states(&self) -> usize {
        self.path.n
    }

    fn piece(&self, t: f64) -> &Piece {
        let pieces = &self.path.pieces[self.steps.clone()];
        let forward = pieces[pieces.len() - 1].t >= pieces[0].t_prev;
        let inner = &pieces[..pieces.len() - 1];
        &pieces[inner.partition_point(|p| if forward { p.t < t } else { p.t > t })]
    }

    /// Ends of the step that `t` lies in.
    pub fn step_at(&self, t: f64) -> (f64, f64) {
        let piece = self.piece(t);
        (piece.t_prev, piece.t)
    }

    /// Writes the state at `t`, which must lie on the part, to `out`.
    pub fn at(&self, t: f64, out: &mut [f64]) {
        let Piece { t_prev, t: t_new, degree, first } = *self.piece(t);
        let n = self.path.n;
        let theta = (t - t_prev) / (t_new - t_prev);
        let rows = &self.path.values[first..first + (degree + 1) * n];
        let Points { places, weights: own } = &self.path.points[degree];
        let mut weights = [0.0; HIGHEST + 1];
        let mut total = 0.0;
        for j in 0..=degree {
            let distance = theta - places[j];
            if distance == 0.0 {
                out.copy_from_slice(&rows[j * n..(j + 1) * n]);
                return;
            }
            weights[j] = own[j] / distance;
            total += weights[j];
        }
        out.fill(0.0);
        for (weight, row) in weights.iter().zip(rows.chunks_exact(n)) {
            let weight = weight / total;
            for (value, x) in out.iter_mut().zip(row) {
                *value += weight * x;
            }
        }
    }

    /// Writes the slope of the path at `t` to `out`.
    pub fn slope(&self, t: f64, out: &mut [f64]) {
        let Piece { t_prev, t: t_new, degree, first } = *self.piece(t);
        let (n, h) = (self.path.n, t_new - t_prev);
        let rows = &self.path.values[first..first + (degree + 1) * n];
        let Points { places, weights: own } = &self.path.points[degree];
        // Between points the formula divides by the square of the distance to one; the slope of the
        // nearest point is as good when that is next to nothing.
        let theta = (t - t_prev) / h;
        let near = (0..=degree).find(|j| (theta - places[*j]).abs() < 1e-7);
        out.fill(0.0);
        match near {
            Some(i) => {
                for j in (0..=degree).filter(|j| *j != i) {
                    let weight = -own[j] / (own[i] * (places[i] - places[j]) * h);
                    for (k, out) in out.iter_mut().enumerate() {
                        *out += weight * (rows[i * n + k] - rows[j * n + k]);
                    }
                }
            }
            None => {
                let mut total = 0.0;
                for j in 0..=degree {
                    total += own[j] / (theta - places[j]);
                }
                for (k, out) in out.iter_mut().enumerate() {
                    let mut value = 0.0;
                    for j in 0..=degree {
                        value += own[j] / (theta - places[j]) * rows[j * n + k];
                    }
                    value /= total;
                    let mut sum = 0.0;
                    for j in 0..=degree {
                        let distance = theta - places[j];
                        sum += own[j] / (distance * distance) * (value - rows[j * n + k]);
                    }
                    *out = sum / (total * h);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DensePath;
    use slopefield_solve::{Ivp, Settings, SolveError, Stats, Step, Stepper};

    /// `u(t) = (t^d, 1 − t)` on one step.
    struct Power(usize, [f64; 2]);

    impl Stepper for Power {
        fn start(&mut self, _: &Ivp<'_>, _: &Settings) -> Result<(), SolveError> {
            Ok(())
        }
        fn step(&mut self, _: &Ivp<'_>, _: &Settings, _: f64) -> Result<Step, SolveError> {
            Ok(Step { t_prev: 0.0, t: 0.0, rejected: 0 })
        }
        fn state(&self) -> &[f64] {
            &self.1
        }
        fn interpolate(&mut self, t: f64, out: &mut [f64]) -> Result<(), SolveError> {
            out.copy_from_slice(&[t.powi(self.0 as i32), 1.0 - t]);
            Ok(())
        }
        fn dense_degree(&self) -> usize {
            self.0
        }
        fn stats(&self) -> Stats {
            Stats::default()
        }
    }

    #[test]
    fn polynomials_of_every_degree_and_their_slopes_are_reproduced() {
        for degree in 1..=10 {
            for times in [[0.0, 0.5, 2.0], [2.0, 0.5, 0.0]] {
                let mut path = DensePath::default();
                path.clear(2);
                for pair in times.windows(2) {
                    let step = Step { t_prev: pair[0], t: pair[1], rejected: 0 };
                    let end = [pair[1].powi(degree as i32), 1.0 - pair[1]];
                    path.record(&step, &mut Power(degree, end)).unwrap();
                }
                assert_eq!(path.bytes(), 2 * path.bytes_of_step(degree));
                let scale = 2.0_f64.powi(degree as i32);
                for i in 0..=40 {
                    let t = 0.05 * f64::from(i);
                    let (mut u, mut slope) = ([0.0; 2], [0.0; 2]);
                    path.whole().at(t, &mut u);
                    path.whole().slope(t, &mut slope);
                    let power = t.powi(degree as i32 - 1);
                    assert!((u[0] - power * t).abs() < 1e-14 * scale, "{degree} {t}");
                    assert!((u[1] - (1.0 - t)).abs() < 1e-14);
                    let off = (slope[0] - degree as f64 * power).abs();
                    assert!(off < 2e-7 * scale, "{degree} at {t}: {off:e}");
                    assert!((slope[1] + 1.0).abs() < 1e-6, "{degree} at {t}: {slope:?}");
                }
            }
        }
    }
}
