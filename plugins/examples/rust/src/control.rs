//! Tolerances and lengths of steps, which the solvers of this plugin share.

use slopefield_plugin_sdk::{Config, Error};

/// Safety factor, and smallest and largest change of the length of a step.
const SAFETY: f64 = 0.9;
const SHRINK: f64 = 0.2;
const GROW: f64 = 5.0;
/// Steps are stretched by up to this to end at the limit instead of just before it.
const STRETCH: f64 = 1.01;
/// Smallest step in units of rounding of the time.
const ROUNDING_STEPS: f64 = 10.0;
/// First step as a part of the span, where none is given: the first errors correct it.
const FIRST: f64 = 1e-3;

/// What the user asked for.
pub struct Control {
    rtol: f64,
    atol: Vec<f64>,
    h_init: Option<f64>,
    h_min: f64,
    h_max: f64,
}

impl Control {
    pub fn new<O>(config: &Config<'_, O>) -> Self {
        Control {
            rtol: config.rtol,
            atol: config.atol.to_vec(),
            h_init: config.h_init,
            h_min: config.h_min,
            h_max: config.h_max,
        }
    }

    /// Length of the first step, positive.
    pub fn first(&self, t0: f64, t_end: f64) -> f64 {
        let chosen = (FIRST * (t_end - t0).abs()).max(rounding(t0));
        self.h_init.unwrap_or(chosen).min(self.h_max)
    }

    /// Root mean square of `e` in units of the tolerance at `a` and `b`; NaN when one of them is
    /// not finite.
    pub fn norm(&self, e: &[f64], a: &[f64], b: &[f64]) -> f64 {
        let each = e.iter().zip(a).zip(b).zip(&self.atol).map(|(((e, a), b), atol)| {
            let scaled = e / (atol + self.rtol * a.abs().max(b.abs()));
            scaled * scaled
        });
        (each.sum::<f64>() / e.len().max(1) as f64).sqrt()
    }

    /// Length of the step after one of length `h` whose error was `error`, estimated to be of the
    /// given order in the length.
    pub fn next(&self, h: f64, error: f64, order: f64) -> f64 {
        let factor = if error > 0.0 { SAFETY * error.powf(-1.0 / order) } else { GROW };
        (h * factor.clamp(SHRINK, GROW)).min(self.h_max)
    }

    /// The end of a step of length `h` from `t` towards `limit`.
    pub fn end(&self, t: f64, h: f64, limit: f64) -> f64 {
        let rest = limit - t;
        if STRETCH * h >= rest.abs() { limit } else { t + h.copysign(rest) }
    }

    /// Half the length after a step that could not be taken.
    pub fn retreat(&self, t: f64, h: f64) -> Result<f64, Error> {
        self.allow(t, 0.5 * h)
    }

    /// Refuses lengths that are too short.
    pub fn allow(&self, t: f64, h: f64) -> Result<f64, Error> {
        if h > rounding(t) && h >= self.h_min { Ok(h) } else { Err(Error::step_too_small(h)) }
    }
}

fn rounding(t: f64) -> f64 {
    ROUNDING_STEPS * f64::EPSILON * t.abs().max(f64::MIN_POSITIVE)
}
