//! Constants of CMA-ES: table 1 of the tutorial.

use crate::optimise::dot;

/// Constants of table 1 for a dimension and a population.
pub(super) struct Constants {
    /// Places of a generation.
    pub lambda: usize,
    /// Weights by rank, negative for the worse half.
    pub weights: Vec<f64>,
    /// How many make the new mean.
    pub mu: usize,
    pub mu_eff: f64,
    pub c_c: f64,
    pub c_sigma: f64,
    pub c_1: f64,
    pub c_mu: f64,
    pub d_sigma: f64,
    /// Mean length of a standard normal vector.
    pub chi: f64,
}

impl Constants {
    pub fn new(n: usize, population: usize) -> Constants {
        let lambda = match population {
            0 => 4 + (3.0 * (n as f64).ln()) as usize,
            p => p.max(4),
        };
        let n = n as f64;
        let half = (lambda as f64 + 1.0) / 2.0;
        let raw: Vec<f64> = (1..=lambda).map(|i| half.ln() - (i as f64).ln()).collect();
        let mu = lambda / 2;
        let effective = |w: &[f64]| w.iter().sum::<f64>().powi(2) / dot(w, w);
        let (mu_eff, mu_eff_negative) = (effective(&raw[..mu]), effective(&raw[mu..]));
        let c_c = (4.0 + mu_eff / n) / (n + 4.0 + 2.0 * mu_eff / n);
        let c_sigma = (mu_eff + 2.0) / (n + mu_eff + 5.0);
        let c_1 = 2.0 / ((n + 1.3).powi(2) + mu_eff);
        let c_mu = (2.0 * (0.25 + mu_eff + 1.0 / mu_eff - 2.0) / ((n + 2.0).powi(2) + mu_eff))
            .min(1.0 - c_1);
        let d_sigma = 1.0 + 2.0 * (((mu_eff - 1.0) / (n + 1.0)).sqrt() - 1.0).max(0.0) + c_sigma;
        // Negative weights, equations 49 to 53.
        let alpha = (1.0 + c_1 / c_mu)
            .min(1.0 + 2.0 * mu_eff_negative / (mu_eff + 2.0))
            .min((1.0 - c_1 - c_mu) / (n * c_mu));
        let positive: f64 = raw.iter().filter(|w| **w >= 0.0).sum();
        let negative: f64 = -raw.iter().filter(|w| **w < 0.0).sum::<f64>();
        let weight = |w: &f64| if *w >= 0.0 { w / positive } else { alpha * w / negative };
        let weights = raw.iter().map(weight).collect();
        let chi = n.sqrt() * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n));
        Constants { lambda, weights, mu, mu_eff, c_c, c_sigma, c_1, c_mu, d_sigma, chi }
    }
}
