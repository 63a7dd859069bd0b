//! A smooth curve through measurements: local quadratic regression with an automatic bandwidth.
//!
//! Around each time a parabola is fitted to the points within a window, near ones weighing more.
//! The width is that which predicts every point best from the others; where the points are too far
//! apart for it, as at the ends, the window grows until it has enough. J. Fan, I. Gijbels, *Local
//! Polynomial Modelling and Its Applications*, Chapman & Hall 1996, sections 3.1 and 4.10.

#[cfg(test)]
mod tests;

/// Widths that are tried.
const WIDTHS: usize = 40;
/// Points that a window needs at least.
const LEAST: usize = 5;

/// Measurements of one quantity with the curve through them.
#[derive(Debug, Clone, PartialEq)]
pub struct Smooth {
    points: Vec<(f64, f64)>,
    times: Vec<f64>,
    bandwidth: f64,
    noise: f64,
}

/// The curve at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Local {
    pub value: f64,
    /// Variance of the value when measurements have variance 1.
    pub variance: f64,
    /// Weight of a measurement at this very time in the value.
    leverage: f64,
}

impl Smooth {
    /// Chooses the width for points (time, value) in any order.
    ///
    /// # Errors
    /// Fewer than five different times.
    pub fn new(mut points: Vec<(f64, f64)>) -> Result<Smooth, String> {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut times: Vec<f64> = points.iter().map(|p| p.0).collect();
        times.dedup();
        if points.is_empty() {
            return Err("nobody measured it, so it has no curve whose slope could be taken".into());
        }
        if times.len() < LEAST {
            return Err(format!(
                "it was measured at {} times, and a curve with a slope needs {LEAST}",
                times.len()
            ));
        }
        let span = times[times.len() - 1] - times[0];
        let distances = times.iter().map(|t| reach(&times, *t));
        let narrowest = distances.fold(f64::INFINITY, f64::min);
        let mut smooth = Smooth { points, times, bandwidth: span, noise: 0.0 };
        let growth = (2.0 * span / narrowest).max(1.0).powf(1.0 / (WIDTHS - 1) as f64);
        let mut best = f64::INFINITY;
        for k in 0..WIDTHS {
            let width = narrowest * growth.powi(k as i32);
            if let Some((error, noise)) = smooth.left_out(width)
                && error < best
            {
                best = error;
                (smooth.bandwidth, smooth.noise) = (width, noise);
            }
        }
        Ok(smooth)
    }

    /// Half width of the window, in units of time.
    #[must_use]
    pub fn bandwidth(&self) -> f64 {
        self.bandwidth
    }

    /// Standard deviation of the measurements around the curve.
    #[must_use]
    pub fn noise(&self) -> f64 {
        self.noise
    }

    /// The curve at `t`; none where its window has too few points.
    pub(crate) fn value(&self, t: f64) -> Option<f64> {
        self.at(t).map(|local| local.value)
    }

    /// First and last time.
    pub(super) fn span(&self) -> (f64, f64) {
        (self.points[0].0, self.points[self.points.len() - 1].0)
    }

    /// The curve at `t`; none where its window has too few points.
    pub(super) fn at(&self, t: f64) -> Option<Local> {
        self.local(t, self.bandwidth)
    }

    /// Mean squared error of each point's prediction from the others, and the standard deviation
    /// around the curve.
    fn left_out(&self, width: f64) -> Option<(f64, f64)> {
        let (mut error, mut rest, mut used) = (0.0, 0.0, 0.0);
        for &(t, y) in &self.points {
            let local = self.local(t, width)?;
            let (residual, free) = (y - local.value, 1.0 - local.leverage);
            if free < 1e-8 {
                return None;
            }
            error += (residual / free).powi(2);
            rest += residual * residual;
            used += local.leverage;
        }
        let count = self.points.len() as f64;
        let noise = (rest / (count - used).max(1.0)).sqrt();
        Some((error / count, noise))
    }

    /// The parabola around `t`, by weighted least squares in the scaled time `x = (t_i − t)/width`.
    fn local(&self, t: f64, width: f64) -> Option<Local> {
        let width = width.max(reach(&self.times, t));
        let first = self.points.partition_point(|p| p.0 < t - width);
        let last = self.points.partition_point(|p| p.0 <= t + width);
        let window = &self.points[first..last];
        let mut s = [0.0; 5];
        for &(time, _) in window {
            let x = (time - t) / width;
            let mut term = weight(x);
            for s in &mut s {
                *s += term;
                term *= x;
            }
        }
        let row = first_row_of_inverse(&s)?;
        let (mut value, mut variance) = (0.0, 0.0);
        for &(time, y) in window {
            let x = (time - t) / width;
            let share = weight(x) * (row[0] + row[1] * x + row[2] * x * x);
            value += share * y;
            variance += share * share;
        }
        Some(Local { value, variance, leverage: row[0] * weight(0.0) })
    }
}

/// Epanechnikov's kernel, but for a factor.
fn weight(x: f64) -> f64 {
    (1.0 - x * x).max(0.0)
}

/// A little more than the distance from `t` to as many times as a window needs.
fn reach(times: &[f64], t: f64) -> f64 {
    // A merge from the nearest outwards.
    let mut right = times.partition_point(|time| *time < t);
    let (mut left, mut distance) = (right, 0.0);
    for _ in 0..LEAST {
        let to_left = left.checked_sub(1).map(|i| t - times[i]);
        let to_right = times.get(right).map(|time| time - t);
        match (to_left, to_right) {
            (Some(a), b) if b.is_none_or(|b| a <= b) => {
                (distance, left) = (a, left - 1);
            }
            (_, Some(b)) => {
                (distance, right) = (b, right + 1);
            }
            _ => {}
        }
    }
    1.05 * distance
}

/// First row of the inverse of the matrix of moments `s[i + j]`; none when it is singular but for
/// rounding.
fn first_row_of_inverse(s: &[f64; 5]) -> Option<[f64; 3]> {
    let minors = [s[2] * s[4] - s[3] * s[3], s[3] * s[2] - s[1] * s[4], s[1] * s[3] - s[2] * s[2]];
    let determinant = s[0] * minors[0] + s[1] * minors[1] + s[2] * minors[2];
    if !(determinant > 1e-12 * s[0] * s[2] * s[4]) {
        return None;
    }
    Some(minors.map(|minor| minor / determinant))
}
