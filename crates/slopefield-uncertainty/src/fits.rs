//! Several fits that do not depend on each other: one on each core, or all in lockstep with gradients from
//! elsewhere.

use crate::curvature::AssessError;
use crate::parallel::parallel;
use slopefield_train::{Control, Lender, MakeOf, Objective, Pieces, Pool, together};

/// Parameters of several fits.
#[derive(Debug, Clone, PartialEq)]
pub struct Refits {
    /// θ of each fit that is kept.
    pub thetas: Vec<Vec<f64>>,
    /// Loss of each, in the objective's own unit.
    pub losses: Vec<f64>,
    /// Fits that failed.
    pub failed: usize,
    /// Fits of an ensemble that were left out because their likelihood is too low.
    pub rejected: usize,
    /// What there is to tell of gradients from elsewhere, sentences without a full stop.
    pub news: Vec<String>,
}

/// Fits that do not depend on each other, and where they are computed.
pub(crate) struct Fits<'a> {
    /// Makes the objective of a fit.
    pub make: &'a MakeOf<'a>,
    /// Whether they are all to the same data.
    pub same_data: bool,
    /// Who lends what computes gradients.
    pub elsewhere: Option<&'a dyn Lender>,
    pub control: &'a Control,
    /// Told fits done and fits in all, from any thread.
    pub progress: &'a (dyn Fn(u64, u64) + Sync),
}

/// A fit on its objective: θ and loss; none where it failed.
pub(crate) type Fit<'a> = dyn Fn(usize, &mut Objective) -> Option<(Vec<f64>, f64)> + Sync + 'a;

impl Fits<'_> {
    /// One on each core, or all in lockstep.
    pub fn run(&self, count: usize, fit: &Fit<'_>) -> Result<Refits, AssessError> {
        let Fits { make, same_data, control, progress, .. } = *self;
        let Pieces { results, news } = match self.elsewhere {
            Some(lender) => {
                let threads = std::thread::available_parallelism().map_or(1, usize::from);
                let pool = Pool { make, same_data, lender, threads };
                together(&pool, count, control, progress, fit)
            }
            None => {
                let piece = |k: usize| make(k).map(|mut objective| fit(k, &mut objective));
                let results = parallel(count, control, progress, &piece);
                Pieces { results, news: Vec::new() }
            }
        };
        let (thetas, losses) = (Vec::new(), Vec::new());
        let mut all = Refits { thetas, losses, failed: 0, rejected: 0, news };
        for fit in results.into_iter().flatten() {
            match fit.map_err(AssessError::Objective)? {
                Some((theta, loss)) => {
                    all.thetas.push(theta);
                    all.losses.push(loss);
                }
                // What cancelling broke off has not failed.
                None => all.failed += usize::from(!control.cancelled()),
            }
        }
        if all.thetas.is_empty() && control.cancelled() {
            return Err(AssessError::Cancelled);
        }
        Ok(all)
    }
}
