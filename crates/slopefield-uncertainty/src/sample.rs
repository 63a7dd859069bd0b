//! Sampling of the posterior by the No-U-Turn sampler (M. D. Hoffman, A. Gelman, 2014) of the
//! crate nuts-rs, one chain on each core.

use crate::{Draws, Posterior};
use nuts_rs::rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use nuts_rs::{
    Chain, CpuLogpFunc, CpuMath, CpuMathError, HasDims, LogpError, LowRankNutsSettings, Settings,
};
use slopefield_train::{Control, Failure, Objective};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleSettings {
    /// Chains; at least 1.
    pub chains: u32,
    /// Draws of each chain on which it learns its step and metric and which are thrown away.
    pub warmup: u32,
    /// Draws of each chain that are kept.
    pub draws: u32,
    /// Seed of the random numbers.
    pub seed: u64,
}

impl Default for SampleSettings {
    fn default() -> Self {
        SampleSettings { chains: 4, warmup: 500, draws: 1000, seed: 1 }
    }
}

/// Where sampling is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleProgress {
    /// Draws made by all chains, warm-up included.
    pub done: u64,
    /// Draws to make.
    pub total: u64,
}

/// Sampling that cannot begin or go on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SampleError {
    /// Some observation has no noise model.
    #[error(
        "observation {observation} has no noise model, so there is no likelihood to draw from; write \
         one, such as `with normal(sigma)`"
    )]
    NoLikelihood {
        /// Its name.
        observation: String,
    },
    /// Nothing to draw.
    #[error("there are no free parameters")]
    NoParameters,
    /// The density does not exist where a chain begins.
    #[error("the posterior does not exist where sampling begins: {}", .0.message)]
    Start(Box<Failure>),
    /// The loss cannot be computed at all.
    #[error("{0}")]
    Objective(String),
    /// The sampler gave up.
    #[error("sampling stopped: {0}")]
    Sampler(String),
}

/// Draws from the posterior of the objectives that `make` gives (all of the same problem), with
/// chains that begin near `theta`. `progress` is called now and then, from any chain.
///
/// # Errors
/// Problems without a likelihood or without parameters, and chains that cannot begin.
pub fn sample<E: std::fmt::Display>(
    make: &(dyn Fn() -> Result<Objective, E> + Sync),
    theta: &[f64],
    settings: &SampleSettings,
    control: &Control,
    progress: &(dyn Fn(SampleProgress) + Sync),
) -> Result<Draws, SampleError> {
    let make = || make().map_err(|e| SampleError::Objective(e.to_string()));
    let first = make()?;
    let problem = first.problem();
    if let Some(spec) = problem.observations.iter().find(|o| !o.noise.has_likelihood()) {
        return Err(SampleError::NoLikelihood { observation: spec.name.clone() });
    }
    let dimension = first.dimension();
    if dimension == 0 {
        return Err(SampleError::NoParameters);
    }
    let z: Vec<f64> = first.transforms().iter().zip(theta).map(|(t, x)| t.z(*x)).collect();
    drop(first);
    let chains = settings.chains.max(1);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let each = u64::from(settings.warmup) + u64::from(settings.draws);
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let results: Mutex<Vec<Option<Result<OneChain, SampleError>>>> =
        Mutex::new((0..chains).map(|_| None).collect());
    let total = each * u64::from(chains);
    std::thread::scope(|scope| {
        for _ in 0..cores.min(chains as usize) {
            scope.spawn(|| {
                loop {
                    let chain = next.fetch_add(1, Ordering::Relaxed);
                    if chain >= u64::from(chains) {
                        return;
                    }
                    let mut tell = || {
                        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                        progress(SampleProgress { done, total });
                    };
                    let result = make().and_then(|objective| {
                        one_chain(objective, &z, settings, chain, control, &mut tell)
                    });
                    let mut all = results.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    all[chain as usize] = Some(result);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut draws = Draws {
        dimension,
        chains: Vec::new(),
        divergences: 0,
        failures: 0,
        gradients: 0,
        cancelled: control.cancelled(),
    };
    for result in results.into_iter().flatten() {
        let chain = result?;
        draws.divergences += chain.divergences;
        draws.failures += chain.failures;
        draws.gradients += chain.gradients;
        draws.chains.push(chain.theta);
    }
    let shortest = draws.chains.iter().map(Vec::len).min().unwrap_or(0);
    for chain in &mut draws.chains {
        chain.truncate(shortest);
    }
    Ok(draws)
}

struct OneChain {
    theta: Vec<f64>,
    divergences: u64,
    failures: u64,
    gradients: u64,
}

fn one_chain(
    objective: Objective,
    z: &[f64],
    settings: &SampleSettings,
    chain: u64,
    control: &Control,
    tell: &mut dyn FnMut(),
) -> Result<OneChain, SampleError> {
    let sampler = |e: &dyn std::fmt::Display| SampleError::Sampler(e.to_string());
    let transforms = objective.transforms().to_vec();
    let mut posterior = Posterior::new(objective);
    // Chains have streams of their own.
    let mut rng =
        StdRng::seed_from_u64(settings.seed ^ (chain + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let start = beginning(&mut posterior, z, &mut rng)?;
    let counts = Counts::default();
    let density = Density { posterior, counts: &counts };
    let nuts = LowRankNutsSettings {
        num_tune: u64::from(settings.warmup),
        num_draws: u64::from(settings.draws),
        store_divergences: false,
        ..LowRankNutsSettings::default()
    };
    let math = CpuMath::new(density);
    let mut nuts = nuts.new_chain(chain, math, &mut rng).map_err(|e| sampler(&e))?;
    nuts.set_position(&start).map_err(|e| sampler(&e))?;
    let mut theta = Vec::with_capacity(settings.draws as usize * z.len());
    let mut divergences = 0;
    for draw in 0..u64::from(settings.warmup) + u64::from(settings.draws) {
        while control.paused() && !control.cancelled() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        if control.cancelled() {
            break;
        }
        let (place, info) = nuts.draw().map_err(|e| sampler(&e))?;
        if draw >= u64::from(settings.warmup) {
            divergences += u64::from(info.diverging);
            theta.extend(transforms.iter().zip(&place).map(|(t, z)| t.theta(*z).0));
        }
        tell();
    }
    drop(nuts);
    let Counts { failures, gradients } = counts;
    Ok(OneChain {
        theta,
        divergences,
        failures: failures.into_inner(),
        gradients: gradients.into_inner(),
    })
}

/// A place near `z` at which the density exists: chains that begin at one place agree before they
/// have seen anything.
fn beginning(
    posterior: &mut Posterior,
    z: &[f64],
    rng: &mut impl Rng,
) -> Result<Vec<f64>, SampleError> {
    let mut grad = vec![0.0; z.len()];
    let mut width = 0.2;
    for _ in 0..8 {
        let moved: Vec<f64> = z.iter().map(|z| z + width * rng.random_range(-1.0..1.0)).collect();
        if posterior.log_density(&moved, &mut grad).is_ok_and(f64::is_finite) {
            return Ok(moved);
        }
        width *= 0.5;
    }
    match posterior.log_density(z, &mut grad) {
        Ok(_) => Ok(z.to_vec()),
        Err(failure) => Err(SampleError::Start(Box::new(failure))),
    }
}

#[derive(Default)]
struct Counts {
    failures: AtomicU64,
    gradients: AtomicU64,
}

/// The posterior as the sampler sees it.
struct Density<'a> {
    posterior: Posterior,
    counts: &'a Counts,
}

/// A place without a density; trajectories turn back there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NoDensity(String);

impl LogpError for NoDensity {
    fn is_recoverable(&self) -> bool {
        true
    }
}

impl HasDims for Density<'_> {
    fn dim_sizes(&self) -> HashMap<String, u64> {
        HashMap::from([("unconstrained_parameter".to_owned(), self.dim() as u64)])
    }
}

impl CpuLogpFunc for Density<'_> {
    type LogpError = NoDensity;
    type ExpandedVector = Vec<f64>;
    type FlowParameters = ();

    fn dim(&self) -> usize {
        self.posterior.objective().dimension()
    }

    fn logp(&mut self, position: &[f64], gradient: &mut [f64]) -> Result<f64, NoDensity> {
        self.counts.gradients.fetch_add(1, Ordering::Relaxed);
        self.posterior.log_density(position, gradient).map_err(|failure| {
            self.counts.failures.fetch_add(1, Ordering::Relaxed);
            NoDensity(failure.message)
        })
    }

    fn expand_vector<R: Rng + ?Sized>(
        &mut self,
        _: &mut R,
        array: &[f64],
    ) -> Result<Vec<f64>, CpuMathError> {
        Ok(array.to_vec())
    }
}
