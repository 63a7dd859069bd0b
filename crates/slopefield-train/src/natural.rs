//! Coordinates in which bounds are a box, for optimisers that keep to one.
//!
//! A parameter on a log scale is its logarithm, any other is itself in a unit that is a power of
//! two, so that a bound is met exactly. A place on a bound has an infinite `z` there
//! ([`crate::Transform`]), which stands for the bound itself.

use crate::objective::Objective;
use crate::problem::{ParamSpec, Scale};
use crate::transform::unit;

/// The map of one parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Element {
    log: bool,
    unit: f64,
    bounds: (f64, f64),
    /// The bounds in the coordinate.
    ends: (f64, f64),
}

impl Element {
    fn new(spec: &ParamSpec) -> Element {
        let (lo, hi) = spec.bounds;
        let log = spec.scale == Scale::Log;
        // Without a start that says how large it is, the room between the bounds does.
        let size = if spec.start == 0.0 && (hi - lo).is_finite() { hi - lo } else { spec.start };
        let unit = unit(spec.kind, size);
        let end = |v: f64| match log {
            true => v.max(0.0).ln(),
            false => v / unit,
        };
        Element { log, unit, bounds: spec.bounds, ends: (end(lo), end(hi)) }
    }

    /// The parameter and its slope.
    fn theta(&self, x: f64) -> (f64, f64) {
        if !self.log {
            return (x * self.unit, self.unit);
        }
        let value = match (x <= self.ends.0, x >= self.ends.1) {
            (true, _) => self.bounds.0,
            (_, true) => self.bounds.1,
            _ => x.exp().clamp(self.bounds.0, self.bounds.1),
        };
        (value, value)
    }

    fn x(&self, theta: f64) -> f64 {
        let x = if self.log { theta.ln() } else { theta / self.unit };
        x.clamp(self.ends.0, self.ends.1)
    }
}

/// The map of all parameters, with the box of a stage.
#[derive(Debug, Clone, Default)]
pub(crate) struct Natural {
    elements: Vec<Element>,
    /// Lower corner of the box; what a stage does not move has no room.
    pub lower: Vec<f64>,
    /// Upper corner of the box.
    pub upper: Vec<f64>,
    /// θ of the last place mapped.
    pub theta: Vec<f64>,
    /// Slopes there.
    pub slope: Vec<f64>,
}

impl Natural {
    /// For a stage that begins at `theta` and moves some elements.
    pub fn new(objective: &Objective, theta: &[f64], moving: &[bool]) -> Natural {
        let elements: Vec<Element> = objective.problem().theta.iter().map(Element::new).collect();
        let corner = |end: fn(&Element) -> f64| -> Vec<f64> {
            let at = |i: usize| match moving[i] {
                true => end(&elements[i]),
                false => elements[i].x(theta[i]),
            };
            (0..elements.len()).map(at).collect()
        };
        let (lower, upper) = (corner(|e| e.ends.0), corner(|e| e.ends.1));
        let (theta, slope) = (theta.to_vec(), vec![0.0; elements.len()]);
        Natural { elements, lower, upper, theta, slope }
    }

    /// The place of a θ.
    pub fn x(&self, theta: &[f64]) -> Vec<f64> {
        self.elements.iter().zip(theta).map(|(e, &v)| e.x(v)).collect()
    }

    /// Writes θ and its slopes at a place.
    pub fn place(&mut self, x: &[f64]) {
        for (i, element) in self.elements.iter().enumerate() {
            (self.theta[i], self.slope[i]) = element.theta(x[i]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::ParamKind;

    fn spec(start: f64, bounds: (f64, f64), scale: Scale) -> ParamSpec {
        let kind = ParamKind::Scalar;
        ParamSpec { name: "k".into(), start, bounds, scale, prior: None, kind }
    }

    #[test]
    fn bounds_are_met_exactly_and_the_slope_is_that_of_the_map() {
        for (start, bounds, scale) in [
            (0.3, (0.1, 0.7), Scale::Linear),
            (5e4, (1.0 / 3.0, 1e5 / 3.0), Scale::Linear),
            (3e-5, (1e-5 / 3.0, 0.1), Scale::Log),
            (0.2, (0.1, 0.3), Scale::Logit),
            (0.0, (-1e-6 / 3.0, 1e-6), Scale::Linear),
        ] {
            let e = Element::new(&spec(start, bounds, scale));
            assert_eq!((e.theta(e.ends.0).0, e.theta(e.ends.1).0), bounds);
            let x = e.ends.0 + 0.3 * (e.ends.1 - e.ends.0);
            let (theta, slope) = e.theta(x);
            let h = 1e-6 * (e.ends.1 - e.ends.0);
            let difference = (e.theta(x + h).0 - e.theta(x - h).0) / (2.0 * h);
            assert!((slope - difference).abs() < 1e-6 * slope.abs(), "{slope} {difference}");
            assert!((e.x(theta) - x).abs() <= 4.0 * f64::EPSILON * x.abs());
        }
        let free = Element::new(&spec(2.0, (f64::NEG_INFINITY, f64::INFINITY), Scale::Log));
        assert_eq!(free.ends, (f64::NEG_INFINITY, f64::INFINITY));
    }
}
