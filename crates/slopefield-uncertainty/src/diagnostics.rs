//! Whether draws can be trusted: split scale reduction and effective numbers of draws.
//!
//! A. Vehtari, A. Gelman, D. Simpson, B. Carpenter, P.-C. Bürkner, Rank-normalization, folding, and
//! localization: an improved R̂ for assessing convergence of MCMC, Bayesian Analysis 16 (2021),
//! with the estimator of autocorrelations of Stan (Geyer's initial monotone sequence).

use crate::normal;

/// Larger of the rank-normalised split R̂ of the draws and of their distances from the median: near
/// 1 when all chains tell the same; above 1.01 they have not mixed. `chains` are of equal length.
#[must_use]
pub fn scale_reduction(chains: &[&[f64]]) -> f64 {
    let halves = split(chains);
    let bulk = reduction(&rank_normalised(&halves));
    let all = sorted(&halves);
    let median = quantile(&all, 0.5);
    let folded: Vec<Vec<f64>> =
        halves.iter().map(|c| c.iter().map(|x| (x - median).abs()).collect()).collect();
    bulk.max(reduction(&rank_normalised(&folded)))
}

/// Effective numbers of draws: of the bulk (rank-normalised), of the 5 % and 95 % quantiles
/// (the smaller), and of the mean.
#[must_use]
pub fn effective_draws(chains: &[&[f64]]) -> (f64, f64, f64) {
    let halves = split(chains);
    let all = sorted(&halves);
    let tail = |p: f64| {
        let limit = quantile(&all, p);
        let below = |c: &Vec<f64>| c.iter().map(|x| f64::from(u8::from(*x <= limit))).collect();
        effective(&halves.iter().map(below).collect::<Vec<_>>())
    };
    (effective(&rank_normalised(&halves)), tail(0.05).min(tail(0.95)), effective(&halves))
}

/// Value below which a share `p` of ascending numbers lies, interpolated between neighbours.
pub(crate) fn quantile(sorted: &[f64], p: f64) -> f64 {
    let at = p * (sorted.len() - 1) as f64;
    let (low, share) = (at.floor() as usize, at.fract());
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + share * (sorted[high] - sorted[low])
}

/// Values below which shares of the numbers lie; NaN of none.
#[must_use]
pub fn quantiles<const N: usize>(mut numbers: Vec<f64>, shares: [f64; N]) -> [f64; N] {
    numbers.sort_by(f64::total_cmp);
    shares.map(|p| if numbers.is_empty() { f64::NAN } else { quantile(&numbers, p) })
}

fn sorted(chains: &[Vec<f64>]) -> Vec<f64> {
    let mut all: Vec<f64> = chains.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    all
}

/// Each chain as two; a middle draw of an odd number is left out.
fn split(chains: &[&[f64]]) -> Vec<Vec<f64>> {
    let halves = chains.iter().flat_map(|c| {
        let half = c.len() / 2;
        [&c[..half], &c[c.len() - half..]]
    });
    halves.map(<[f64]>::to_vec).collect()
}

/// Normal scores of the ranks among all draws; equal draws share their mean rank.
fn rank_normalised(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let len = chains.first().map_or(0, Vec::len);
    let mut order: Vec<(f64, usize)> =
        chains.iter().flatten().copied().enumerate().map(|(i, x)| (x, i)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = order.len() as f64;
    let mut scores = vec![0.0; order.len()];
    let mut first = 0;
    while first < order.len() {
        let equal = order[first..].iter().take_while(|x| x.0 == order[first].0).count();
        // Ranks from 1.
        let rank = first as f64 + 0.5 * (equal as f64 + 1.0);
        for (_, place) in &order[first..first + equal] {
            scores[*place] = normal::quantile((rank - 0.375) / (count + 0.25));
        }
        first += equal;
    }
    scores.chunks(len.max(1)).map(<[f64]>::to_vec).collect()
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn variance(x: &[f64]) -> f64 {
    let m = mean(x);
    x.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / (x.len() as f64 - 1.0)
}

/// Mean variance within chains and the estimate of the whole variance.
fn variances(chains: &[Vec<f64>]) -> (f64, f64) {
    let n = chains[0].len() as f64;
    let within = mean(&chains.iter().map(|c| variance(c)).collect::<Vec<_>>());
    let between = variance(&chains.iter().map(|c| mean(c)).collect::<Vec<_>>());
    (within, within * (n - 1.0) / n + between)
}

fn reduction(chains: &[Vec<f64>]) -> f64 {
    let (within, whole) = variances(chains);
    (whole / within).sqrt()
}

/// Number of independent draws whose mean would be as good.
fn effective(chains: &[Vec<f64>]) -> f64 {
    let (within, whole) = variances(chains);
    let n = chains[0].len();
    let total = (n * chains.len()) as f64;
    if !(whole > 0.0) {
        return f64::NAN; // all draws are the same
    }
    let centred: Vec<Vec<f64>> = chains
        .iter()
        .map(|c| {
            let m = mean(c);
            c.iter().map(|x| x - m).collect()
        })
        .collect();
    let correlation = |lag: usize| {
        let covariance =
            |c: &Vec<f64>| c[lag..].iter().zip(c).map(|(a, b)| a * b).sum::<f64>() / n as f64;
        // The variances within chains have the divisor n − 1, these n.
        let shared = mean(&centred.iter().map(covariance).collect::<Vec<_>>());
        1.0 - (within - shared * n as f64 / (n as f64 - 1.0)) / whole
    };
    // Sums of neighbours, positive and not rising.
    let (mut sum, mut last, mut lag) = (0.0, f64::INFINITY, 0);
    while lag + 1 < n {
        let pair = correlation(lag) + correlation(lag + 1);
        if !(pair > 0.0) {
            break;
        }
        last = pair.min(last);
        sum += last;
        lag += 2;
    }
    // An estimate above this one is noise of antithetic chains.
    let most = total * total.log10();
    (total / (2.0 * sum - 1.0).max(1.0 / total.log10())).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An autoregressive chain `x' = ρ x + √(1 − ρ²) ε` of normal numbers.
    fn chain(rho: f64, seed: u64, len: usize) -> Vec<f64> {
        let mut state = seed;
        let mut uniform = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
        };
        let mut x = 0.0;
        let mut all = Vec::new();
        for i in 0..len + 200 {
            x = rho * x + (1.0 - rho * rho).sqrt() * normal::quantile(uniform());
            if i >= 200 {
                all.push(x);
            }
        }
        all
    }

    /// The mean of an autoregressive chain is worth (1 − ρ)/(1 + ρ) of its length.
    #[test]
    fn correlated_draws_count_for_less() {
        for rho in [0.0, 0.5, 0.9, -0.3] {
            let chains: Vec<Vec<f64>> = (1..=4).map(|s| chain(rho, s, 20_000)).collect();
            let views: Vec<&[f64]> = chains.iter().map(|c| &c[..]).collect();
            let (bulk, _, of_mean) = effective_draws(&views);
            let expected = 80_000.0 * (1.0 - rho) / (1.0 + rho);
            assert!((of_mean / expected - 1.0).abs() < 0.1, "{rho}: {of_mean} and {expected}");
            assert!((bulk / expected - 1.0).abs() < 0.1, "{rho}: {bulk} and {expected}");
            let r = scale_reduction(&views);
            assert!((r - 1.0).abs() < 0.005, "{rho}: {r}");
        }
    }

    #[test]
    fn chains_at_different_places_or_of_different_widths_are_told() {
        let mut chains: Vec<Vec<f64>> = (1..=4).map(|s| chain(0.2, s, 1000)).collect();
        for x in &mut chains[3] {
            *x += 1.5;
        }
        let views: Vec<&[f64]> = chains.iter().map(|c| &c[..]).collect();
        assert!(scale_reduction(&views) > 1.1);
        for x in &mut chains[3] {
            *x = 3.0 * (*x - 1.5);
        }
        let views: Vec<&[f64]> = chains.iter().map(|c| &c[..]).collect();
        assert!(scale_reduction(&views) > 1.05, "{}", scale_reduction(&views));
        // A chain that drifts differs from itself.
        let drifting: Vec<f64> = (0..1000).map(|i| f64::from(i) * 0.01).collect();
        assert!(scale_reduction(&[&drifting]) > 1.5);
    }

    #[test]
    fn quantiles_lie_between_neighbours() {
        let numbers = [1.0, 2.0, 4.0];
        assert_eq!(quantile(&numbers, 0.0), 1.0);
        assert_eq!(quantile(&numbers, 0.75), 3.0);
        assert_eq!(quantile(&numbers, 1.0), 4.0);
    }
}
