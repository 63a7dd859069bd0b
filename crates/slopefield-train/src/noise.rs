//! Noise models: how measurements scatter around the model's value.
//!
//! Log-densities with all constants and their exact derivatives with respect to the model's value
//! and the noise arguments. A value for which a density does not exist is an error, never a
//! number. Definitions: `docs/reference/noise-models.md`.

use crate::special::{
    LN_SQRT_2PI, SERIES_FROM, d_ln_rising, digamma, digamma_half_step, ln_gamma,
    ln_gamma_half_step, ln_rising, stirling_correction,
};

mod censored;
mod curvature;
mod information;
pub use information::Information;

/// Largest number of noise arguments of any model.
pub const MAX_ARGUMENTS: usize = 2;

/// Distribution of a measurement given the model's value and the noise arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoiseKind {
    /// No distribution: the squared difference counts. No arguments.
    LeastSquares,
    /// Normal around the value. Argument: standard deviation.
    Normal,
    /// The logarithm is normal around the logarithm of the value (which is the median).
    /// Argument: standard deviation on the log scale.
    LogNormal,
    /// Laplace around the value. Argument: scale `b` (standard deviation `b√2`).
    Laplace,
    /// Student t around the value. Arguments: degrees of freedom, scale.
    StudentT,
    /// Poisson; the value is the mean. No arguments.
    Poisson,
    /// Negative binomial; the value is the mean `m`. Argument: `phi`, variance `m + m²/phi`.
    NegativeBinomial,
    /// Binomial; the value is the probability. Argument: number of trials.
    Binomial,
    /// Bernoulli; the value is the probability of 1. No arguments.
    Bernoulli,
    /// Category 1 against all others; the value is the probability of category 1. No arguments.
    Categorical,
}

/// A value for which the density does not exist.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{what}, not {value}")]
pub struct DomainError {
    /// What would be acceptable, as the beginning of a sentence.
    pub what: &'static str,
    /// What came.
    pub value: f64,
}

fn require(ok: bool, what: &'static str, value: f64) -> Result<(), DomainError> {
    if ok { Ok(()) } else { Err(DomainError { what, value }) }
}

/// Result of [`NoiseKind::term`]: a contribution to the loss and its derivatives.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Term {
    /// `−ln density`, or the squared difference for least squares.
    pub loss: f64,
    /// Derivative of `loss` with respect to the model's value.
    pub d_value: f64,
    /// Derivatives of `loss` with respect to the noise arguments; unused ones are 0.
    pub d_arguments: [f64; MAX_ARGUMENTS],
}

impl NoiseKind {
    /// Number of noise arguments.
    #[must_use]
    pub fn arguments(self) -> usize {
        match self {
            NoiseKind::Normal
            | NoiseKind::LogNormal
            | NoiseKind::Laplace
            | NoiseKind::NegativeBinomial
            | NoiseKind::Binomial => 1,
            NoiseKind::StudentT => 2,
            NoiseKind::LeastSquares
            | NoiseKind::Poisson
            | NoiseKind::Bernoulli
            | NoiseKind::Categorical => 0,
        }
    }

    /// Whether there is a likelihood (everything but least squares).
    #[must_use]
    pub fn has_likelihood(self) -> bool {
        self != NoiseKind::LeastSquares
    }

    /// Checks a measurement once, before training: what no model value could explain.
    pub fn check_measurement(self, y: f64) -> Result<(), DomainError> {
        require(y.is_finite(), "a measurement must be a finite number", y)?;
        let whole = y >= 0.0 && y == y.floor();
        match self {
            NoiseKind::LogNormal => {
                require(y > 0.0, "with log-normal noise a measurement must be positive", y)
            }
            NoiseKind::Poisson | NoiseKind::NegativeBinomial | NoiseKind::Binomial => {
                require(whole, "a count must be a whole number of at least 0", y)
            }
            NoiseKind::Bernoulli => require(
                y == 0.0 || y == 1.0,
                "with Bernoulli noise a measurement must be 0 or 1",
                y,
            ),
            NoiseKind::Categorical => {
                require(whole, "a category must be a whole number of at least 0", y)
            }
            NoiseKind::LeastSquares
            | NoiseKind::Normal
            | NoiseKind::Laplace
            | NoiseKind::StudentT => Ok(()),
        }
    }

    /// Loss of one measurement `y` with its derivatives. `arguments` has
    /// [`NoiseKind::arguments`] elements; `y` has passed [`NoiseKind::check_measurement`].
    pub fn term(self, y: f64, value: f64, arguments: &[f64]) -> Result<Term, DomainError> {
        require(value.is_finite(), "the model's value must be a finite number", value)?;
        for a in arguments {
            require(a.is_finite(), "a noise argument must be a finite number", *a)?;
        }
        let term = match self {
            NoiseKind::LeastSquares => {
                let r = value - y;
                Term { loss: r * r, d_value: 2.0 * r, ..Term::default() }
            }
            NoiseKind::Normal => normal(y, value, arguments[0])?,
            NoiseKind::LogNormal => log_normal(y, value, arguments[0])?,
            NoiseKind::Laplace => laplace(y, value, arguments[0])?,
            NoiseKind::StudentT => student_t(y, value, arguments[0], arguments[1])?,
            NoiseKind::Poisson => poisson(y, value)?,
            NoiseKind::NegativeBinomial => negative_binomial(y, value, arguments[0])?,
            NoiseKind::Binomial => binomial(y, value, arguments[0])?,
            NoiseKind::Bernoulli => bernoulli(y == 1.0, value)?,
            NoiseKind::Categorical => bernoulli(y == 1.0, value)?,
        };
        require(term.loss.is_finite(), "the measurement must be possible under the model", value)?;
        Ok(term)
    }
}

fn scale(s: f64, what: &'static str) -> Result<(), DomainError> {
    require(s > 0.0, what, s)
}

fn normal(y: f64, m: f64, s: f64) -> Result<Term, DomainError> {
    scale(s, "the standard deviation of normal noise must be positive")?;
    let r = (m - y) / s;
    Ok(Term {
        loss: LN_SQRT_2PI + s.ln() + 0.5 * r * r,
        d_value: r / s,
        d_arguments: [(1.0 - r * r) / s, 0.0],
    })
}

fn log_normal(y: f64, m: f64, s: f64) -> Result<Term, DomainError> {
    scale(s, "the log-scale standard deviation of log-normal noise must be positive")?;
    require(m > 0.0, "log-normal noise needs a positive value of the model", m)?;
    let r = (m.ln() - y.ln()) / s;
    Ok(Term {
        loss: LN_SQRT_2PI + s.ln() + y.ln() + 0.5 * r * r,
        d_value: r / (s * m),
        d_arguments: [(1.0 - r * r) / s, 0.0],
    })
}

fn laplace(y: f64, m: f64, b: f64) -> Result<Term, DomainError> {
    scale(b, "the scale of Laplace noise must be positive")?;
    let r = (m - y) / b;
    // At r = 0 the density has a corner; 0 is the subgradient that leaves a perfect fit alone.
    let sign = if r == 0.0 { 0.0 } else { r.signum() };
    Ok(Term {
        loss: std::f64::consts::LN_2 + b.ln() + r.abs(),
        d_value: sign / b,
        d_arguments: [(1.0 - r.abs()) / b, 0.0],
    })
}

fn student_t(y: f64, m: f64, df: f64, s: f64) -> Result<Term, DomainError> {
    scale(df, "the degrees of freedom of Student t noise must be positive")?;
    scale(s, "the scale of Student t noise must be positive")?;
    let r = (m - y) / s;
    let q = r * r / df;
    let half = 0.5 * (df + 1.0);
    let log1p = q.ln_1p();
    let constant = 0.5 * (df * std::f64::consts::PI).ln() - ln_gamma_half_step(0.5 * df);
    // r² / (df (1 + q)), written so that a huge r gives the limit 1 instead of inf / inf.
    let share = if q.is_finite() { q / (1.0 + q) } else { 1.0 };
    Ok(Term {
        loss: constant + s.ln() + half * log1p,
        d_value: if r == 0.0 { 0.0 } else { 2.0 * half * share / (r * s) },
        d_arguments: [
            0.5 / df - 0.5 * digamma_half_step(0.5 * df) + 0.5 * log1p - half * share / df,
            (1.0 - 2.0 * half * share) / s,
        ],
    })
}

fn poisson(y: f64, m: f64) -> Result<Term, DomainError> {
    require(m >= 0.0, "the mean of Poisson noise must be at least 0", m)?;
    if y == 0.0 {
        return Ok(Term { loss: m, d_value: 1.0, ..Term::default() });
    }
    require(m > 0.0, "the mean of Poisson noise must be positive where something was counted", m)?;
    let loss = if y < SERIES_FROM {
        m - y * m.ln() + ln_gamma(y + 1.0)
    } else {
        // Deviance form (Loader 2000): the large parts of ln y! and y ln m cancel by hand.
        let r = (m - y) / y;
        y * (r - (m / y).ln()) + LN_SQRT_2PI + 0.5 * y.ln() + stirling_correction(y)
    };
    Ok(Term { loss, d_value: 1.0 - y / m, ..Term::default() })
}

fn negative_binomial(y: f64, m: f64, phi: f64) -> Result<Term, DomainError> {
    scale(phi, "the dispersion phi of negative binomial noise must be positive")?;
    require(m >= 0.0, "the mean of negative binomial noise must be at least 0", m)?;
    let log1p = (m / phi).ln_1p();
    if y == 0.0 {
        return Ok(Term {
            loss: phi * log1p,
            d_value: phi / (phi + m),
            d_arguments: [log1p - m / (phi + m), 0.0],
        });
    }
    require(
        m > 0.0,
        "the mean of negative binomial noise must be positive where something was counted",
        m,
    )?;
    // ln Γ(y+φ) − ln Γ(φ) as a rising factorial: no cancellation when phi is large.
    let rising = ln_rising(phi, y);
    Ok(Term {
        loss: ln_gamma(y + 1.0) - rising + (phi + y) * log1p + y * (phi.ln() - m.ln()),
        d_value: (phi + y) / (phi + m) - y / m,
        d_arguments: [log1p - d_ln_rising(phi, y) + (y - m) / (phi + m), 0.0],
    })
}

fn binomial(y: f64, p: f64, n: f64) -> Result<Term, DomainError> {
    require(n == n.floor(), "the number of trials of binomial noise must be a whole number", n)?;
    require(n >= y, "the number of trials of binomial noise must be at least the count", n)?;
    require((0.0..=1.0).contains(&p), "a probability must be between 0 and 1", p)?;
    let failures = n - y;
    let mut loss = -(ln_rising(failures + 1.0, y) - ln_gamma(y + 1.0));
    let mut d_value = 0.0;
    if y > 0.0 {
        require(p > 0.0, "a probability must be positive where something was counted", p)?;
        loss -= y * p.ln();
        d_value -= y / p;
    }
    if failures > 0.0 {
        require(p < 1.0, "a probability must be below 1 where not every trial counted", p)?;
        loss -= failures * (-p).ln_1p();
        d_value += failures / (1.0 - p);
    }
    // Slope of the continuation to real n by gamma functions.
    let d_n = digamma(failures + 1.0) - digamma(n + 1.0) - (-p).ln_1p();
    Ok(Term { loss, d_value, d_arguments: [if d_n.is_finite() { d_n } else { 0.0 }, 0.0] })
}

fn bernoulli(hit: bool, p: f64) -> Result<Term, DomainError> {
    require((0.0..=1.0).contains(&p), "a probability must be between 0 and 1", p)?;
    if hit {
        require(p > 0.0, "a probability must be positive where the event happened", p)?;
        Ok(Term { loss: -p.ln(), d_value: -1.0 / p, ..Term::default() })
    } else {
        require(p < 1.0, "a probability must be below 1 where the event did not happen", p)?;
        Ok(Term { loss: -(-p).ln_1p(), d_value: 1.0 / (1.0 - p), ..Term::default() })
    }
}

#[cfg(test)]
mod tests;
