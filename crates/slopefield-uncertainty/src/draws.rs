//! Draws from a posterior and what they tell.

use crate::diagnostics::{effective_draws, quantile, scale_reduction};

/// Draws from the posterior, chain by chain, and how they came about.
#[derive(Debug, Clone, PartialEq)]
pub struct Draws {
    /// Elements of θ in each draw.
    pub dimension: usize,
    /// θ of all draws of each chain, draw by draw, `draws × dimension` numbers. Chains that were
    /// cancelled have the same number of draws too: that of the slowest.
    pub chains: Vec<Vec<f64>>,
    /// Draws at whose making the trajectory broke down; their neighbourhood may be left out.
    pub divergences: u64,
    /// Places where the model could not be solved, warm-up included.
    pub failures: u64,
    /// Evaluations of the loss with its gradient, warm-up included.
    pub gradients: u64,
    /// Whether sampling was stopped before its end.
    pub cancelled: bool,
}

/// What draws tell of one parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// Monte-Carlo standard error of the mean.
    pub standard_error: f64,
    /// 5 %, 50 % and 95 % quantiles.
    pub quantiles: [f64; 3],
    /// Effective number of draws in the bulk.
    pub bulk: f64,
    /// Effective number of draws in the tails.
    pub tail: f64,
    /// Scale reduction R̂.
    pub scale_reduction: f64,
}

impl Draws {
    /// Draws in each chain.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chains.first().map_or(0, |c| c.len() / self.dimension.max(1))
    }

    /// No draws.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The draw with this number, counted through all chains.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<&[f64]> {
        let (chain, draw) = (number / self.len().max(1), number % self.len().max(1));
        self.chains.get(chain)?.get(draw * self.dimension..(draw + 1) * self.dimension)
    }

    /// What the draws tell of an element of θ; `None` with fewer than four draws.
    #[must_use]
    pub fn summary(&self, element: usize) -> Option<Summary> {
        if self.len() < 4 || element >= self.dimension {
            return None;
        }
        let column = |chain: &Vec<f64>| -> Vec<f64> {
            chain.iter().skip(element).step_by(self.dimension).copied().collect()
        };
        let chains: Vec<Vec<f64>> = self.chains.iter().map(column).collect();
        let views: Vec<&[f64]> = chains.iter().map(|c| &c[..]).collect();
        let mut all: Vec<f64> = chains.concat();
        all.sort_by(f64::total_cmp);
        let count = all.len() as f64;
        let mean = all.iter().sum::<f64>() / count;
        let sd = (all.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (count - 1.0)).sqrt();
        let (bulk, tail, of_mean) = effective_draws(&views);
        Some(Summary {
            mean,
            sd,
            standard_error: sd / of_mean.sqrt(),
            quantiles: [0.05, 0.5, 0.95].map(|p| quantile(&all, p)),
            bulk,
            tail,
            scale_reduction: scale_reduction(&views),
        })
    }

    /// What the draws tell of every element of θ; nothing with fewer than four draws.
    #[must_use]
    pub fn summaries(&self) -> Vec<Summary> {
        (0..self.dimension).filter_map(|element| self.summary(element)).collect()
    }

    /// What speaks against trusting the draws, in sentences; none when nothing does. `names` and
    /// `summaries` are those of all elements of θ.
    #[must_use]
    pub fn warnings(&self, names: &[String], summaries: &[Summary]) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.divergences > 0 {
            let total = self.len() * self.chains.len();
            warnings.push(format!(
                "{} of {total} draws diverged: the posterior has corners that the sampler does not \
                 reach; tighten priors and bounds, or let the parameter have a log scale",
                self.divergences
            ));
        }
        let which = |test: fn(&Summary) -> bool| -> Vec<&str> {
            let all = names.iter().zip(summaries);
            all.filter(|(_, s)| test(s)).map(|(name, _)| name.as_str()).collect()
        };
        let unmixed = which(|s| !(s.scale_reduction <= 1.01));
        if !unmixed.is_empty() {
            warnings.push(format!(
                "the chains disagree about {} (R̂ above 1.01): take more warm-up and more draws, or \
                 look for parameters that only matter together",
                unmixed.join(", ")
            ));
        }
        let few = which(|s| !(s.bulk.min(s.tail) >= 400.0));
        if !few.is_empty() {
            warnings.push(format!(
                "fewer than 400 effective draws of {}: take more draws before you quote their \
                 quantiles",
                few.join(", ")
            ));
        }
        warnings
    }
}
