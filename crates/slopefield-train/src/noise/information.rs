//! Expected information of one measurement: the curvature of the loss that least-squares methods
//! use in place of second derivatives.

use super::{DomainError, MAX_ARGUMENTS, NoiseKind};
use crate::special::trigamma;

/// Symmetric matrix over the model's value and the noise arguments, in this order; unused rows and
/// columns are 0.
pub type Information = [[f64; 1 + MAX_ARGUMENTS]; 1 + MAX_ARGUMENTS];

impl NoiseKind {
    /// The Fisher information that a measurement `y` carries about the model's value and the noise
    /// arguments: the mean of the loss's second derivatives over measurements distributed as the
    /// model says. Positive semidefinite. For least squares the second derivative itself, 2.
    ///
    /// Formulas: Lehmann and Casella, *Theory of Point Estimation* (1998), section 2.5; Student t:
    /// Lange, Little and Taylor (1989), appendix B. Two entries are not the expectation: the dispersion
    /// of the negative binomial, which has no closed form, has the squared score of `y`, whose
    /// mean it is; the number of binomial trials is a whole number and has 0. Where a probability
    /// or a mean lies on the edge of its range the information about it would be infinite; it is 0
    /// there, so that values that cannot move do no harm.
    ///
    /// # Errors
    /// As [`NoiseKind::term`].
    pub fn information(
        self,
        y: f64,
        value: f64,
        arguments: &[f64],
    ) -> Result<Information, DomainError> {
        let term = self.term(y, value, arguments)?;
        let mut i = Information::default();
        let inside = |x: f64| if x.is_finite() { x } else { 0.0 };
        match self {
            NoiseKind::LeastSquares => i[0][0] = 2.0,
            NoiseKind::Normal => {
                let r = arguments[0].powi(-2);
                (i[0][0], i[1][1]) = (r, 2.0 * r);
            }
            NoiseKind::LogNormal => {
                let r = arguments[0].powi(-2);
                (i[0][0], i[1][1]) = (r / (value * value), 2.0 * r);
            }
            NoiseKind::Laplace => {
                let r = arguments[0].powi(-2);
                (i[0][0], i[1][1]) = (r, r);
            }
            NoiseKind::StudentT => i = student_t(arguments[0], arguments[1]),
            NoiseKind::Poisson => i[0][0] = inside(1.0 / value),
            NoiseKind::NegativeBinomial => {
                i[0][0] = inside(arguments[0] / (value * (arguments[0] + value)));
                i[1][1] = term.d_arguments[0] * term.d_arguments[0];
            }
            NoiseKind::Binomial => i[0][0] = inside(arguments[0] / (value * (1.0 - value))),
            NoiseKind::Bernoulli | NoiseKind::Categorical => {
                i[0][0] = inside(1.0 / (value * (1.0 - value)));
            }
        }
        Ok(i)
    }
}

fn student_t(df: f64, s: f64) -> Information {
    let scale = 1.0 / (s * s * (df + 3.0));
    let location = (df + 1.0) * scale;
    let scale = 2.0 * df * scale;
    let mixed = -2.0 / (s * (df + 1.0) * (df + 3.0));
    // The terms cancel to order df⁻⁴; where that costs digits, the expansion in 1/df.
    let by_df = if df < 200.0 {
        0.25 * (trigamma(0.5 * df) - trigamma(0.5 * (df + 1.0)))
            - 0.5 * (df + 5.0) / (df * (df + 1.0) * (df + 3.0))
    } else {
        const SERIES: [f64; 6] = [3.5, -13.0, 39.5, -119.0, 363.5, -1101.0];
        SERIES.iter().rev().fold(0.0, |sum, c| sum / df + c) / df.powi(4)
    };
    [[location, 0.0, 0.0], [0.0, by_df, mixed], [0.0, mixed, scale]]
}
