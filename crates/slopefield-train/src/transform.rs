//! Transforms between a parameter `θ` and the unbounded coordinate `z` that optimisers move.
//!
//! Smooth, strictly increasing, and anchored at the start value, which is mapped exactly. Bounds
//! hold for every `z`. Formulas and the choice of scale: `docs/derivations/training.md`.

use crate::problem::{ParamKind, ParamSpec, Scale};

/// The map of one parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transform {
    shape: Shape,
    log: bool,
    /// `θ` at the anchor, where `z` is 0 (except for `Shape::Unit`).
    start: f64,
    bounds: (f64, f64),
    /// Stretch of `z`.
    c: f64,
}

/// How `y` (`θ − start`, or `ln(θ / start)`) depends on `x = c z`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    /// `θ = unit · z`.
    Unit(f64),
    /// `y = x`.
    Free,
    /// `y = distance · (eˣ − 1)`, above `−distance`.
    Lower { distance: f64 },
    /// `y = distance · (1 − e⁻ˣ)`, below `distance`.
    Upper { distance: f64 },
    /// Logistic between `−width·share` and `width·(1 − share)`.
    Both { width: f64, share: f64 },
}

/// A start value and bounds that do not go together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("parameter {name}: {what}")]
pub struct TransformError {
    /// The parameter.
    pub name: String,
    /// What is wrong and what to do.
    pub what: String,
}

impl Transform {
    /// Chooses the map for a parameter. The text is a note for people when the start value had to
    /// be moved off a bound.
    pub fn new(spec: &ParamSpec) -> Result<(Transform, Option<String>), TransformError> {
        let refuse = |what: String| Err(TransformError { name: spec.name.clone(), what });
        let (mut lo, hi) = spec.bounds;
        let start = spec.start;
        if !start.is_finite() {
            return refuse(format!("the start value must be a finite number, not {start}"));
        }
        if lo.is_nan() || hi.is_nan() || lo >= hi {
            return refuse(format!("the lower bound {lo} must be below the upper bound {hi}"));
        }
        let log = spec.scale == Scale::Log;
        if log {
            if start <= 0.0 {
                return refuse(format!(
                    "on a log scale the start value must be positive, not {start}; use a linear scale"
                ));
            }
            lo = if lo > 0.0 { lo } else { f64::NEG_INFINITY };
        }
        if spec.scale == Scale::Logit && !(lo.is_finite() && hi.is_finite()) {
            return refuse("a logit scale needs two finite bounds".into());
        }
        if start < lo || start > hi {
            return refuse(format!(
                "the start value {start} is outside its bounds [{lo}, {hi}]; change either"
            ));
        }
        let inside = step_off_bounds(start, (lo, hi), 1e-3, log);
        let note = (inside != start).then(|| {
            format!(
                "{}: the start value {start} lies on a bound, where nothing can be learned; it \
                 begins at {inside} instead",
                spec.name
            )
        });
        let start = inside;

        let to_y = |v: f64| if log { (v / start).ln() } else { v - start };
        let shape = match (lo.is_finite(), hi.is_finite()) {
            (false, false) if log => Shape::Free,
            (false, false) => Shape::Unit(unit(spec.kind, start)),
            (true, false) => Shape::Lower { distance: -to_y(lo) },
            (false, true) => Shape::Upper { distance: to_y(hi) },
            (true, true) => {
                let (l, u) = (to_y(lo), to_y(hi));
                Shape::Both { width: u - l, share: -l / (u - l) }
            }
        };
        // Slope dy/dz wanted at the start: the room there, but no more than the value's own size
        // (loose bounds must not make steps wild).
        let natural = match shape {
            Shape::Unit(_) | Shape::Free => 1.0,
            Shape::Lower { distance } | Shape::Upper { distance } => distance,
            Shape::Both { width, share } => width * share * (1.0 - share),
        };
        let size = if log { 1.0 } else { start.abs().max(1.0) };
        let c = if spec.scale == Scale::Logit { 1.0 } else { (size / natural).min(1.0) };
        let bounds = if log { (lo.max(0.0), hi) } else { (lo, hi) };
        Ok((Transform { shape, log, start, bounds, c }, note))
    }

    /// `θ` at `z` and `dθ/dz`. An infinite `z` is a bound, where the map is flat.
    #[must_use]
    pub fn theta(&self, z: f64) -> (f64, f64) {
        if z.is_infinite() {
            // The bound itself, which no finite `z` reaches.
            return (if z < 0.0 { self.bounds.0 } else { self.bounds.1 }, 0.0);
        }
        let x = self.c * z;
        let (y, dy) = match self.shape {
            Shape::Unit(unit) => return (unit * z, unit),
            Shape::Free => (x, 1.0),
            Shape::Lower { distance } => (distance * x.exp_m1(), distance * x.exp()),
            Shape::Upper { distance } => (-distance * (-x).exp_m1(), distance * (-x).exp()),
            Shape::Both { width, share } => {
                let full = width * share * (1.0 - share);
                // E / (1 + share·E) with E = eˣ − 1, in the form that cannot overflow.
                if x > 0.0 {
                    let e = (-x).exp();
                    let d = e + share * (1.0 - e);
                    (-full * (-x).exp_m1() / d, full * e / (d * d))
                } else {
                    let e = x.exp_m1();
                    let d = 1.0 + share * e;
                    (full * e / d, full * x.exp() / (d * d))
                }
            }
        };
        let (theta, slope) = if self.log {
            (self.start * y.exp(), self.start * y.exp())
        } else {
            (self.start + y, 1.0)
        };
        let slope = slope * dy * self.c;
        // Rounding may carry the last bit over a bound. Far out, 0 · ∞: the map is flat there.
        let slope = if slope.is_nan() { 0.0 } else { slope };
        (theta.clamp(self.bounds.0, self.bounds.1), slope)
    }

    /// `ln dθ/dz` and its derivative by `z`: what a density of θ gains as a density of `z`.
    #[must_use]
    pub fn log_slope(&self, z: f64) -> (f64, f64) {
        let x = self.c * z;
        // ln dy/dx, its slope by x, and y with dy/dx for a logarithmic θ.
        let (log, slope) = match self.shape {
            Shape::Unit(unit) => return (unit.ln(), 0.0),
            Shape::Free => (0.0, 0.0),
            Shape::Lower { distance } => (distance.ln() + x, 1.0),
            Shape::Upper { distance } => (distance.ln() - x, -1.0),
            Shape::Both { width, share } => {
                // full·eˣ / d² with d = 1 + share·(eˣ − 1), divided by eˣ where that is large.
                let full = (width * share * (1.0 - share)).ln();
                if x > 0.0 {
                    let d = share + (1.0 - share) * (-x).exp();
                    (full - x - 2.0 * d.ln(), 1.0 - 2.0 * share / d)
                } else {
                    let d = 1.0 + share * x.exp_m1();
                    (full + x - 2.0 * d.ln(), 1.0 - 2.0 * share * x.exp() / d)
                }
            }
        };
        let (log, slope) = (log + self.c.ln(), self.c * slope);
        if !self.log {
            return (log, slope);
        }
        let (theta, by_z) = self.theta(z);
        // dy/dz of θ = start·eʸ.
        (log + theta.ln(), slope + by_z / theta)
    }

    /// `z` of a value as it is: infinite on a bound.
    #[must_use]
    pub fn z_exact(&self, theta: f64) -> f64 {
        match (theta <= self.bounds.0, theta >= self.bounds.1) {
            (true, _) => f64::NEG_INFINITY,
            (_, true) => f64::INFINITY,
            _ => self.z(theta),
        }
    }

    /// `z` of a value; a value on or beyond a bound is taken just inside.
    #[must_use]
    pub fn z(&self, theta: f64) -> f64 {
        if let Shape::Unit(unit) = self.shape {
            return theta / unit;
        }
        let theta = theta.clamp(self.bounds.0, self.bounds.1);
        let theta = step_off_bounds(theta, self.bounds, 1e-6, self.log);
        let y = if self.log { (theta / self.start).ln() } else { theta - self.start };
        let x = match self.shape {
            Shape::Unit(_) | Shape::Free => y,
            Shape::Lower { distance } => (y / distance).ln_1p(),
            Shape::Upper { distance } => -(-y / distance).ln_1p(),
            Shape::Both { width, share } => {
                let r = y / (width * share * (1.0 - share));
                (r / (1.0 - share * r)).ln_1p()
            }
        };
        x / self.c
    }

    /// `z` of the start value.
    #[must_use]
    pub fn z_start(&self) -> f64 {
        if let Shape::Unit(unit) = self.shape { self.start / unit } else { 0.0 }
    }
}

/// Moves a value that lies on a bound inside, by `share` of the width (or of its own size); on a
/// log scale that of the logarithms, or a factor of `exp(share)`.
fn step_off_bounds(value: f64, (lo, hi): (f64, f64), share: f64, log: bool) -> f64 {
    if log && (value > 0.0 || lo > 0.0) {
        let width = if lo > 0.0 && hi < f64::INFINITY { (hi / lo).ln() } else { 1.0 };
        return match (value <= lo, value >= hi) {
            (true, _) => lo * (share * width).exp(),
            (_, true) => hi * (-share * width).exp(),
            _ => value,
        };
    }
    let width = if hi - lo < f64::INFINITY { hi - lo } else { value.abs().max(1.0) };
    if value <= lo {
        lo + share * width
    } else if value >= hi {
        hi - share * width
    } else {
        value
    }
}

/// Unit in which an unbounded linear parameter is moved: 1 for weights and for values of ordinary
/// size, else a power of two (so that no digit is lost) near the start value.
pub(crate) fn unit(kind: ParamKind, start: f64) -> f64 {
    let size = start.abs();
    if kind == ParamKind::Weight || size == 0.0 || (0.1..10.0).contains(&size) {
        1.0
    } else {
        size.log2().round().clamp(-300.0, 300.0).exp2()
    }
}

#[cfg(test)]
mod tests;
