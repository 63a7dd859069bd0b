//! Refits along each parameter, as an answer about a run.

use super::{Found, PROFILE, curvature, finite, verdicts};
use crate::numbers::Numbers;
use crate::{assessing, gradient, sampling};
use slopefield_api::ApiError;
use slopefield_api::schema::Emit;
use slopefield_api::types::*;
use slopefield_study::{Prepared, Solvers};
use slopefield_train::{Control, ParamKind};
use slopefield_uncertainty::{Laplace, Profile, SampleProgress, normal_quantile, profile};
use std::sync::Arc;
use std::time::Instant;

/// Shares below which the quantiles of the table lie.
const SHARES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// Profiles of all scalar parameters.
///
/// # Errors
/// A study without a likelihood, and a fit whose second derivatives cannot be had.
pub fn ask(
    prepared: &Prepared,
    theta: &[f64],
    solvers: &Arc<dyn Solvers + Send + Sync>,
    control: &Control,
    emit: Emit<'_>,
) -> Result<Found, ApiError> {
    let began = Instant::now();
    let (_, curvature, laplace) = curvature(prepared, theta, solvers, control)?;
    let scalars: Vec<usize> =
        (0..theta.len()).filter(|i| prepared.problem.theta[*i].kind == ParamKind::Scalar).collect();
    let make = || gradient::objective(prepared, &prepared.gradient.0, solvers);
    let profiles = sampling::told(emit, began, |progress| {
        let tell = |done, total| progress(SampleProgress { done, total });
        profile(&make, &curvature, &scalars, control, &tell)
    });
    let profiles = profiles.map_err(assessing::refused)?;
    let mut warnings = warnings(prepared, &laplace, &profiles);
    if control.cancelled() {
        warnings.insert(0, "the refits were stopped; this is what there was by then".into());
    }
    let names = &prepared.theta_names;
    let mut numbers = Numbers::default();
    let parameters = scalars.iter().map(|&i| {
        let found = profiles.iter().find(|p| p.element == i);
        UncertainParameter {
            name: names[i].clone(),
            unit: super::unit(prepared, &names[i]),
            fitted: finite(theta[i]),
            mean: None,
            sd: laplace.estimates[i].standard_error.and_then(finite),
            quantiles: SHARES.map(|share| found.and_then(|p| at_share(p, theta[i], share))),
            chains: None,
        }
    });
    let result = UncertaintyResult {
        title: "Refits along each parameter (profile likelihood)".into(),
        settings: vec![(
            "refits".into(),
            profiles.iter().map(|p| p.values.len().saturating_sub(1)).sum::<usize>().to_string(),
        )],
        parameters: parameters.collect(),
        profiles: profiles
            .iter()
            .map(|p| UncertainProfile {
                name: names[p.element].clone(),
                values: numbers.add(p.values.iter().copied()),
                rises: numbers.add(p.rises.iter().copied()),
                interval: p.interval(),
                verdict: p.verdict().into(),
            })
            .collect(),
        warnings,
        time: prepared.model.model.time.name.clone(),
        seconds: began.elapsed().as_secs_f64(),
        cancelled: control.cancelled(),
        ..UncertaintyResult::default()
    };
    Ok(Found { method: PROFILE.into(), result, block: numbers.into_block() })
}

/// What the data do not fix, and what speaks against the fit.
fn warnings(prepared: &Prepared, laplace: &Laplace, profiles: &[Profile]) -> Vec<String> {
    let mut warnings = verdicts(prepared, laplace);
    if profiles.iter().any(|p| p.lowest() < -1e-2) {
        let better = "a profile found a better fit than training did: train again from there, or with \
                      more iterations";
        warnings.insert(0, better.into());
    }
    for p in profiles.iter().filter(|p| p.verdict() != "identifiable") {
        warnings.push(format!("`{}`: {}", prepared.theta_names[p.element], p.verdict()));
    }
    warnings
}

/// The value below which the parameter lies with a share, where the profile says so: twice the loss
/// has risen there by the square of the normal quantile.
fn at_share(profile: &Profile, fitted: f64, share: f64) -> Option<f64> {
    let wanted = normal_quantile(share);
    if wanted == 0.0 {
        return finite(fitted);
    }
    // On the root of the rise with the sign of the side, a profile is nearly straight.
    let root = |k: usize| {
        let side = if profile.values[k] < fitted { -1.0 } else { 1.0 };
        side * profile.rises[k].max(0.0).sqrt()
    };
    let crosses = |k: &usize| (root(*k) - wanted) * (root(k + 1) - wanted) <= 0.0;
    let mut steps = (0..profile.values.len().saturating_sub(1)).filter(crosses);
    // The crossing nearest to the fit: beyond it the parameter is outside already.
    let k = if wanted < 0.0 { steps.next_back() } else { steps.next() }?;
    let (low, high) = (root(k), root(k + 1));
    let part = if high == low { 0.0 } else { (wanted - low) / (high - low) };
    finite(profile.values[k] + part * (profile.values[k + 1] - profile.values[k]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
    use super::*;
    use slopefield_uncertainty::End;

    /// Of a parabola the shares are those of the normal distribution.
    #[test]
    fn shares_of_a_parabola_are_normal_quantiles() {
        let values: Vec<f64> = (0..=60).map(|k| 0.9 + 0.01 * f64::from(k)).collect();
        let rises = values.iter().map(|x| ((x - 1.2) / 0.1f64).powi(2)).collect();
        let (low, high) = (End::Found(1.0), End::Found(1.4));
        let p = Profile { element: 0, values, rises, thetas: Vec::new(), low, high };
        for share in SHARES {
            let expected = 1.2 + 0.1 * normal_quantile(share);
            assert!((at_share(&p, 1.2, share).unwrap() - expected).abs() < 1e-9);
        }
        assert_eq!(at_share(&p, 1.2, 1.0 - 1e-12), None);
    }
}
