//! Measurements beyond a limit: of the quantity nothing is known but that it lies below or above.
//!
//! The loss of one is `−ln` of the probability to lie there. Derivations: `docs/derivations/training.md`,
//! "Limits".

use super::{DomainError, Information, MAX_ARGUMENTS, NoiseKind, Term, require};
use crate::problem::Censoring;
use crate::special::tails::{self, Tail};

/// Largest limit of a count: its probability is a sum over all counts on one side.
const MOST_COUNTED: f64 = 100_000.0;

/// Loss with first and second derivatives by value and noise arguments.
#[derive(Default)]
struct Bent {
    term: Term,
    second: Information,
}

impl NoiseKind {
    /// Checks a limit once, before training: what no value of the model could be beyond.
    pub fn check_limit(self, side: Censoring, limit: f64) -> Result<(), DomainError> {
        self.check_measurement(limit)?;
        match self {
            NoiseKind::Bernoulli | NoiseKind::Categorical => {
                require(false, "a hit or a category must be a value and no limit", limit)
            }
            NoiseKind::Poisson | NoiseKind::NegativeBinomial | NoiseKind::Binomial => {
                require(
                    side != Censoring::Below || limit > 0.0,
                    "a count must be below a limit of at least 1",
                    limit,
                )?;
                require(limit <= MOST_COUNTED, "the limit of a count must be at most 100000", limit)
            }
            _ => Ok(()),
        }
    }

    /// Loss of a measurement beyond a limit, with its derivatives: `−ln P(Y < limit)` or
    /// `−ln P(Y > limit)`. For least squares the squared distance to the limit where the model's value is on
    /// the wrong side of it, else 0.
    ///
    /// # Errors
    /// As [`NoiseKind::term`].
    pub fn censored_term(
        self,
        side: Censoring,
        limit: f64,
        value: f64,
        arguments: &[f64],
    ) -> Result<Term, DomainError> {
        let term = self.beyond(side, limit, (value, arguments), false)?.term;
        require(term.loss.is_finite(), "the limit must be possible under the model", value)?;
        Ok(term)
    }

    /// Second derivatives of [`NoiseKind::censored_term`], as [`NoiseKind::curvature`].
    ///
    /// # Errors
    /// As [`NoiseKind::term`].
    pub fn censored_curvature(
        self,
        side: Censoring,
        limit: f64,
        value: f64,
        arguments: &[f64],
    ) -> Result<Information, DomainError> {
        Ok(self.beyond(side, limit, (value, arguments), true)?.second)
    }

    /// In place of the information of a measurement ([`NoiseKind::information`]) the square of the
    /// score, whose mean it is. For least squares the second derivative.
    ///
    /// # Errors
    /// As [`NoiseKind::term`].
    pub fn censored_information(
        self,
        side: Censoring,
        limit: f64,
        value: f64,
        arguments: &[f64],
    ) -> Result<Information, DomainError> {
        let Bent { term, second } = self.beyond(side, limit, (value, arguments), false)?;
        if self == NoiseKind::LeastSquares {
            return Ok(second);
        }
        let score = slopes(&term);
        Ok(score.map(|a| score.map(|b| a * b)))
    }

    /// Second derivatives of counts, where every count has its own, only if they are wanted.
    fn beyond(
        self,
        side: Censoring,
        limit: f64,
        (value, arguments): (f64, &[f64]),
        bent: bool,
    ) -> Result<Bent, DomainError> {
        let below = side == Censoring::Below;
        match self {
            NoiseKind::LeastSquares => {
                self.term(limit, value, arguments)?;
                let r = side.residual(value, limit);
                let term = Term { loss: r * r, d_value: 2.0 * r, ..Term::default() };
                let mut second = Information::default();
                second[0][0] = if r == 0.0 { 0.0 } else { 2.0 };
                Ok(Bent { term, second })
            }
            NoiseKind::Bernoulli | NoiseKind::Categorical => {
                self.check_limit(side, limit).map(|()| Bent::default())
            }
            NoiseKind::Normal | NoiseKind::LogNormal | NoiseKind::Laplace | NoiseKind::StudentT => {
                // At its own value everything that makes a density impossible is found.
                self.term(value, value, arguments)?;
                Ok(self.continuous(below, limit, value, arguments))
            }
            NoiseKind::Poisson | NoiseKind::NegativeBinomial | NoiseKind::Binomial => {
                self.counted(below, limit, (value, arguments), bent)
            }
        }
    }

    /// `−ln F(z)` with `z = ±(limit − value)/scale`, of logarithms for log-normal noise: all these densities are
    /// symmetric.
    fn continuous(self, below: bool, limit: f64, m: f64, arguments: &[f64]) -> Bent {
        let sign = if below { 1.0 } else { -1.0 };
        let student = self == NoiseKind::StudentT;
        let s = arguments[usize::from(student)];
        // z with its derivatives by the value: first and second.
        let (z, z_m, z_mm) = match self {
            NoiseKind::LogNormal => {
                let z = sign * (limit.ln() - m.ln()) / s;
                (z, -sign / (s * m), sign / (s * m * m))
            }
            _ => (sign * (limit - m) / s, -sign / s, 0.0),
        };
        let Tail { ln, slope, bend } = match self {
            NoiseKind::Laplace => tails::laplace(z),
            NoiseKind::StudentT => tails::student_t(z, arguments[0]),
            _ => tails::normal(z),
        };
        let (z_s, z_ms, z_ss) = (-z / s, -z_m / s, 2.0 * z / (s * s));
        let mixed = |a: f64, b: f64, ab: f64| bend * a * b - slope * ab;
        let (by_m, by_s) = (-slope * z_m, -slope * z_s);
        let (mm, ms, ss) = (mixed(z_m, z_m, z_mm), mixed(z_m, z_s, z_ms), mixed(z_s, z_s, z_ss));
        if !student {
            let term = Term { loss: -ln, d_value: by_m, d_arguments: [by_s, 0.0] };
            return Bent { term, second: [[mm, ms, 0.0], [ms, ss, 0.0], [0.0; 3]] };
        }
        let (by_df, df_df, slope_by_df) = tails::student_t_by_df(z, arguments[0]);
        let (m_df, s_df) = (-slope_by_df * z_m, -slope_by_df * z_s);
        Bent {
            term: Term { loss: -ln, d_value: by_m, d_arguments: [-by_df, by_s] },
            second: [[mm, m_df, ms], [m_df, -df_df, s_df], [ms, s_df, ss]],
        }
    }

    /// `−ln Σ P(j)` over the counts on the side of the limit, or of 1 minus the sum over the others where that
    /// keeps more digits.
    fn counted(
        self,
        below: bool,
        limit: f64,
        (m, args): (f64, &[f64]),
        bent: bool,
    ) -> Result<Bent, DomainError> {
        let most = if self == NoiseKind::Binomial { args[0] } else { f64::INFINITY };
        if self == NoiseKind::Binomial && m == 1.0 {
            // All count, which P(0) calls an error.
            let certain = (limit < most) != below;
            require(certain, "a probability must be below 1 where not every trial counted", m)?;
            return Ok(Bent::default());
        }
        // What is impossible for every count is impossible.
        self.term(0.0, m, args)?;
        if m == 0.0 && (!below || limit > 1.0) {
            require(below, "the mean must be positive where something was counted", m)?;
            return Ok(Bent::default());
        }
        if !below && limit >= most {
            let what = "the limit that binomial noise is above must be below the number of trials";
            return Err(DomainError { what, value: limit });
        }
        let mean = if self == NoiseKind::Binomial { m * args[0] } else { m };
        let sum = |from: f64, to: f64| self.sum((from, to), mean, (m, args), bent);
        if below {
            let last = (limit - 1.0).min(most);
            return sum(0.0, last).map(Sum::surprise);
        }
        if mean > limit {
            let mut rest = sum(0.0, limit)?;
            rest.complement();
            if rest.total > 0.1 {
                return Ok(rest.surprise());
            }
        }
        sum(limit + 1.0, most).map(Sum::surprise)
    }

    /// Probabilities of the counts `from..=to` with their derivatives, scaled by the largest; without second ones
    /// unless they are wanted.
    fn sum(
        self,
        (from, to): (f64, f64),
        mean: f64,
        (m, args): (f64, &[f64]),
        bent: bool,
    ) -> Result<Sum, DomainError> {
        let mut sum = Sum::default();
        // The largest term is that next to the mean, about.
        let top = mean.floor().clamp(from, to);
        sum.scale = self.term(top, m, args)?.loss;
        let mut j = from;
        while j <= to {
            let term = self.term(j, m, args)?;
            let p = (sum.scale - term.loss).exp();
            let curvature = if bent { self.curvature(j, m, args)? } else { Default::default() };
            sum.add(p, &term, &curvature);
            if j > mean && p < 1e-18 * sum.total {
                break;
            }
            j += 1.0;
        }
        Ok(sum)
    }
}

/// Derivatives of a term by value and arguments.
fn slopes(term: &Term) -> [f64; 1 + MAX_ARGUMENTS] {
    [term.d_value, term.d_arguments[0], term.d_arguments[1]]
}

/// A sum of probabilities, times `exp(scale)`, with its derivatives.
#[derive(Default)]
struct Sum {
    scale: f64,
    total: f64,
    first: [f64; 1 + MAX_ARGUMENTS],
    second: Information,
}

impl Sum {
    /// Adds `p = exp(−loss)`: its derivatives are `−p ℓ'` and `p (ℓ' ℓ' − ℓ'')`.
    fn add(&mut self, p: f64, term: &Term, curvature: &Information) {
        let slope = slopes(term);
        self.total += p;
        for (i, a) in slope.iter().enumerate() {
            self.first[i] -= p * a;
            for (j, b) in slope.iter().enumerate() {
                self.second[i][j] += p * (a * b - curvature[i][j]);
            }
        }
    }

    /// 1 minus the sum.
    fn complement(&mut self) {
        let back = (-self.scale).exp();
        self.scale = 0.0;
        self.total = 1.0 - self.total * back;
        self.first.iter_mut().for_each(|d| *d *= -back);
        self.second.iter_mut().flatten().for_each(|d| *d *= -back);
    }

    /// `−ln` of the sum.
    fn surprise(self) -> Bent {
        let share = self.first.map(|d| d / self.total);
        let mut second = Information::default();
        for (i, row) in second.iter_mut().enumerate() {
            for (j, entry) in row.iter_mut().enumerate() {
                *entry = share[i] * share[j] - self.second[i][j] / self.total;
            }
        }
        Bent {
            term: Term {
                loss: self.scale - self.total.ln(),
                d_value: -share[0],
                d_arguments: [-share[1], -share[2]],
            },
            second,
        }
    }
}

#[cfg(test)]
mod tests;
