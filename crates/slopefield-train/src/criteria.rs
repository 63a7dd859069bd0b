//! Information criteria: how good a fit is, with a price for its free parameters.

/// Criteria of one fit. Smaller is better; they compare fits of different models to the same
/// measurements, and mean nothing alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Criteria {
    /// Akaike's, `2k − 2 ln L`.
    pub aic: f64,
    /// Schwarz's, `k ln n − 2 ln L`.
    pub bic: f64,
}

impl Criteria {
    /// Of a log-likelihood with all its constants, where `free` parameters were fitted (weights of
    /// networks and parameters of noise models among them) to `points` measurements.
    #[must_use]
    pub fn new(log_likelihood: f64, free: usize, points: usize) -> Criteria {
        let (twice, free) = (-2.0 * log_likelihood, free as f64);
        Criteria { aic: twice + 2.0 * free, bic: twice + free * (points as f64).ln() }
    }
}
