//! Prior distributions of parameters, on the natural scale of the parameter.
//!
//! Normalised log-densities and their derivatives. The parameterisations are those of PEtab
//! (scale, not rate); see `docs/reference/noise-models.md`. No Jacobian of the optimiser's
//! transform enters: the fit is the maximum of the posterior density of the parameter itself.

use crate::special::{LN_SQRT_2PI, ln_gamma};
use std::f64::consts::{LN_2, PI};

/// A prior with checked arguments.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    kind: Kind,
    /// First argument.
    a: f64,
    /// Second argument, 0 where there is none.
    b: f64,
    /// The part of the log-density that does not depend on the parameter.
    constant: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    LogNormal,
    Uniform,
    Laplace,
    Cauchy,
    Gamma,
    Exponential,
    Beta,
    ChiSquare,
    Rayleigh,
    LogUniform,
    LogLaplace,
}

/// How a parameter is spread out to have a density with one maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coordinate {
    /// Not at all.
    Plain,
    /// Its logarithm.
    Logarithm,
    /// Its logit.
    Logit,
}

impl Coordinate {
    /// The parameter at a place, and its slope.
    pub fn x(self, t: f64) -> (f64, f64) {
        match self {
            Coordinate::Plain => (t, 1.0),
            Coordinate::Logarithm => (t.exp(), t.exp()),
            Coordinate::Logit => {
                let x = 1.0 / (1.0 + (-t).exp());
                (x, x * (1.0 - x))
            }
        }
    }

    /// The place of a parameter, infinite beyond its range.
    pub fn t(self, x: f64) -> f64 {
        match self {
            Coordinate::Plain => x,
            Coordinate::Logarithm => x.max(0.0).ln(),
            Coordinate::Logit => {
                let x = x.clamp(0.0, 1.0);
                (x / (1.0 - x)).ln()
            }
        }
    }
}

/// A prior that cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PriorError {
    /// No such distribution.
    #[error("no prior is called `{name}`; there are {}", NAMES.map(|n| n.0).join(", "))]
    Unknown {
        /// The name given.
        name: String,
    },
    /// Wrong number of arguments.
    #[error("the prior {name} takes {wanted} numbers, not {given}")]
    Count {
        /// Distribution.
        name: String,
        /// How many it takes.
        wanted: usize,
        /// How many came.
        given: usize,
    },
    /// An argument outside its range.
    #[error("the prior {name}: {what}")]
    Argument {
        /// Distribution.
        name: String,
        /// What is required and what came.
        what: String,
    },
}

/// Name, kind, number of arguments.
const NAMES: [(&str, Kind, usize); 12] = [
    ("normal", Kind::Normal, 2),
    ("lognormal", Kind::LogNormal, 2),
    ("uniform", Kind::Uniform, 2),
    ("laplace", Kind::Laplace, 2),
    ("cauchy", Kind::Cauchy, 2),
    ("gamma", Kind::Gamma, 2),
    ("exponential", Kind::Exponential, 1),
    ("beta", Kind::Beta, 2),
    ("chisquare", Kind::ChiSquare, 1),
    ("rayleigh", Kind::Rayleigh, 1),
    ("log_uniform", Kind::LogUniform, 2),
    ("log_laplace", Kind::LogLaplace, 2),
];

impl Prior {
    /// Looks a distribution of the model language up by name and checks its arguments.
    pub fn new(name: &str, arguments: &[f64]) -> Result<Prior, PriorError> {
        let Some((_, kind, wanted)) = NAMES.iter().copied().find(|n| n.0 == name) else {
            return Err(PriorError::Unknown { name: name.into() });
        };
        if arguments.len() != wanted {
            let given = arguments.len();
            return Err(PriorError::Count { name: name.into(), wanted, given });
        }
        let a = arguments[0];
        let b = arguments.get(1).copied().unwrap_or(0.0);
        let refuse = |what: String| Err(PriorError::Argument { name: name.into(), what });
        if !(a.is_finite() && b.is_finite()) {
            return refuse("its numbers must be finite".into());
        }
        match kind {
            Kind::Normal | Kind::LogNormal | Kind::Laplace | Kind::Cauchy | Kind::LogLaplace => {
                if b <= 0.0 {
                    return refuse(format!(
                        "its second number, a scale, must be positive, not {b}"
                    ));
                }
            }
            Kind::Uniform | Kind::LogUniform => {
                if a >= b {
                    return refuse(format!("its first number {a} must be below its second {b}"));
                }
                if kind == Kind::LogUniform && a <= 0.0 {
                    return refuse(format!("its first number must be positive, not {a}"));
                }
            }
            Kind::Gamma | Kind::Beta => {
                if a <= 0.0 || b <= 0.0 {
                    return refuse(format!("both numbers must be positive, not {a} and {b}"));
                }
            }
            Kind::Exponential | Kind::ChiSquare | Kind::Rayleigh => {
                if a <= 0.0 {
                    return refuse(format!("its number must be positive, not {a}"));
                }
            }
        }
        let constant = match kind {
            Kind::Normal | Kind::LogNormal => -LN_SQRT_2PI - b.ln(),
            Kind::Uniform => -(b - a).ln(),
            Kind::Laplace | Kind::LogLaplace => -LN_2 - b.ln(),
            Kind::Cauchy => -(PI * b).ln(),
            Kind::Gamma => -ln_gamma(a) - a * b.ln(),
            Kind::Exponential => -a.ln(),
            Kind::Beta => ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b),
            Kind::ChiSquare => -0.5 * a * LN_2 - ln_gamma(0.5 * a),
            Kind::Rayleigh => -2.0 * a.ln(),
            Kind::LogUniform => -(b / a).ln().ln(),
        };
        Ok(Prior { kind, a, b, constant })
    }

    /// Log-density at `x` and its derivative; `None` where the density is 0, or infinite at the
    /// edge of the support.
    #[must_use]
    pub fn log_density(&self, x: f64) -> Option<(f64, f64)> {
        let (a, b) = (self.a, self.b);
        let inside = match self.kind {
            Kind::Normal | Kind::Laplace | Kind::Cauchy => true,
            Kind::LogNormal | Kind::Gamma | Kind::ChiSquare | Kind::Rayleigh | Kind::LogLaplace => {
                x > 0.0
            }
            Kind::Exponential => x >= 0.0,
            Kind::Uniform | Kind::LogUniform => a <= x && x <= b,
            Kind::Beta => 0.0 < x && x < 1.0,
        };
        if !inside || !x.is_finite() {
            return None;
        }
        // Corners (Laplace at its centre) take the subgradient 0.
        let sign = |r: f64| if r == 0.0 { 0.0 } else { r.signum() };
        let (value, slope) = match self.kind {
            Kind::Normal => {
                let r = (x - a) / b;
                (-0.5 * r * r, -r / b)
            }
            Kind::LogNormal => {
                let r = (x.ln() - a) / b;
                (-0.5 * r * r - x.ln(), -(r / b + 1.0) / x)
            }
            Kind::Uniform => (0.0, 0.0),
            Kind::Laplace => (-(x - a).abs() / b, -sign(x - a) / b),
            Kind::Cauchy => {
                let r = (x - a) / b;
                (-(r * r).ln_1p(), -2.0 * r / (b * (1.0 + r * r)))
            }
            Kind::Gamma => ((a - 1.0) * x.ln() - x / b, (a - 1.0) / x - 1.0 / b),
            Kind::Exponential => (-x / a, -1.0 / a),
            Kind::Beta => (
                (a - 1.0) * x.ln() + (b - 1.0) * (-x).ln_1p(),
                (a - 1.0) / x - (b - 1.0) / (1.0 - x),
            ),
            Kind::ChiSquare => ((0.5 * a - 1.0) * x.ln() - 0.5 * x, (0.5 * a - 1.0) / x - 0.5),
            Kind::Rayleigh => (x.ln() - 0.5 * (x / a) * (x / a), 1.0 / x - x / (a * a)),
            Kind::LogUniform => (-x.ln(), -1.0 / x),
            Kind::LogLaplace => {
                let r = x.ln() - a;
                (-x.ln() - r.abs() / b, -(1.0 + sign(r) / b) / x)
            }
        };
        Some((self.constant + value, slope))
    }

    /// Second derivative of `−ln density`; 0 where there is no density, and at corners.
    #[must_use]
    pub fn curvature(&self, x: f64) -> f64 {
        if self.log_density(x).is_none() {
            return 0.0;
        }
        let (a, b) = (self.a, self.b);
        let sign = |r: f64| if r == 0.0 { 0.0 } else { r.signum() };
        match self.kind {
            Kind::LogNormal => ((1.0 - (x.ln() - a)) / (b * b) - 1.0) / (x * x),
            Kind::LogUniform => -1.0 / (x * x),
            Kind::LogLaplace => -(1.0 + sign(x.ln() - a) / b) / (x * x),
            _ => self.plain_curvature(x),
        }
    }

    /// A coordinate in which the density has one maximum, about where that is, and its width.
    pub(crate) fn coordinate(&self) -> (Coordinate, f64, f64) {
        let (a, b) = (self.a, self.b);
        match self.kind {
            Kind::Normal | Kind::Laplace | Kind::Cauchy => (Coordinate::Plain, a, b),
            Kind::Uniform => (Coordinate::Plain, 0.5 * (a + b), 0.01 * (b - a)),
            Kind::LogNormal | Kind::LogLaplace => (Coordinate::Logarithm, a, b),
            Kind::LogUniform => {
                let (from, to) = (a.ln(), b.ln());
                (Coordinate::Logarithm, 0.5 * (from + to), 0.01 * (to - from))
            }
            Kind::Gamma => (Coordinate::Logarithm, (a * b).ln(), 0.2 / a.sqrt()),
            Kind::Exponential | Kind::Rayleigh => (Coordinate::Logarithm, a.ln(), 0.2),
            Kind::ChiSquare => (Coordinate::Logarithm, a.ln(), 0.2 * (2.0 / a).sqrt()),
            Kind::Beta => (Coordinate::Logit, (a / b).ln(), 0.2 * (1.0 / a + 1.0 / b).sqrt()),
        }
    }

    /// Curvature of `−ln density` that stands for it in least-squares methods, never negative: the
    /// second derivative where that is positive, or for densities of the logarithm the square of
    /// the residual's slope. 0 where there is no density.
    #[must_use]
    pub fn information(&self, x: f64) -> f64 {
        if self.log_density(x).is_none() {
            return 0.0;
        }
        let curvature = self.plain_curvature(x);
        if curvature.is_finite() { curvature.max(0.0) } else { 0.0 }
    }

    /// The second derivative of `−ln density`, of densities of the logarithm the square of the
    /// residual's slope.
    fn plain_curvature(&self, x: f64) -> f64 {
        let (a, b) = (self.a, self.b);
        match self.kind {
            Kind::Normal => 1.0 / (b * b),
            Kind::LogNormal => 1.0 / (b * b * x * x),
            Kind::Uniform
            | Kind::LogUniform
            | Kind::Exponential
            | Kind::Laplace
            | Kind::LogLaplace => 0.0,
            Kind::Cauchy => {
                let q = ((x - a) / b).powi(2);
                2.0 * (1.0 - q) / (b * (1.0 + q)).powi(2)
            }
            Kind::Gamma => (a - 1.0) / (x * x),
            Kind::Beta => (a - 1.0) / (x * x) + (b - 1.0) / (1.0 - x).powi(2),
            Kind::ChiSquare => (0.5 * a - 1.0) / (x * x),
            Kind::Rayleigh => 1.0 / (a * a) + 1.0 / (x * x),
        }
    }
}

#[cfg(test)]
mod tests;
