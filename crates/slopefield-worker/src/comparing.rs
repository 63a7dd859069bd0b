//! How good a fit is, by itself and for comparison with others of the same data.

use crate::failure::{self, error};
use crate::gradient;
use slopefield_api::types::{self as api, ModelScore};
use slopefield_api::{ApiError, Code};
use slopefield_lang::{Model, Noise};
use slopefield_study::resolve::{Resolved, Series};
use slopefield_study::{Prepared, Solvers};
use slopefield_train::Criteria;
use std::sync::Arc;

/// The scores of a fit at θ.
///
/// # Errors
/// A solve that fails before the last point.
pub fn score(
    name: &str,
    prepared: &Prepared,
    theta: &[f64],
    solvers: &Arc<dyn Solvers + Send + Sync>,
) -> Result<ModelScore, ApiError> {
    let objective = gradient::objective(prepared, &prepared.gradient.0, solvers);
    let mut objective = objective.map_err(failure::study)?;
    let z = objective.z(theta);
    let found = objective.value(&z, 1.0).map_err(|f| error(Code::Solve, f.message))?;
    let hold_out = objective.hold_out(&z).map_err(|f| error(Code::Solve, f.message))?;
    // Without a noise model the measurements count as normal with one unknown standard deviation,
    // which is a free parameter too; with some of both kinds there is no common likelihood.
    let least_squares = found.log_likelihood.is_none() && all_least_squares(prepared);
    let criteria = match found.log_likelihood {
        Some(l) => Some(Criteria::new(l, theta.len(), found.points)),
        None if least_squares && found.sse > 0.0 => {
            let points = found.points as f64;
            let variance = found.sse / points;
            let l = -0.5 * points * ((std::f64::consts::TAU * variance).ln() + 1.0);
            Some(Criteria::new(l, theta.len() + 1, found.points))
        }
        None => None,
    };
    Ok(ModelScore {
        name: name.into(),
        parameters: theta.len() as u32,
        points: found.points as u32,
        loss: found.loss,
        log_likelihood: found.log_likelihood,
        hold_out: hold_out.filter(|h| h.is_finite()),
        aic: criteria.map(|c| c.aic),
        bic: criteria.map(|c| c.bic),
    })
}

/// No measured observation has a noise model.
fn all_least_squares(prepared: &Prepared) -> bool {
    let problem = &prepared.problem;
    let measured = problem.experiments.iter().flat_map(|e| &e.series);
    let mut measured = measured.map(|s| &problem.observations[s.observation]);
    measured.all(|o| !o.noise.has_likelihood())
}

/// The criteria of a fit by itself, or why it has none: they need the likelihood of all points that
/// were trained on.
pub fn criteria(
    model: &Model,
    resolved: &Resolved,
    log_likelihood: Option<f64>,
    free: usize,
) -> api::Criteria {
    let series = || resolved.experiments.iter().flat_map(|e| &e.series);
    let trained = |s: &Series| s.held_out.iter().filter(|h| !**h).count();
    let points = series().map(trained).sum();
    let found = log_likelihood.map(|l| Criteria::new(l, free, points));
    let measured = model.observations.iter().enumerate();
    let without: Vec<_> = measured
        .filter(|(_, o)| o.noise == Noise::LeastSquares)
        .filter(|(i, _)| series().any(|s| s.observation == *i && trained(s) > 0))
        .map(|(_, o)| o.name.as_str())
        .collect();
    let lacking = match without[..] {
        _ if found.is_some() => None,
        [] => Some("needs a fit over the whole time span".to_owned()),
        [one] => Some(format!("needs a noise model: {one} has none")),
        _ => Some(format!("needs a noise model: {} have none", without.join(", "))),
    };
    api::Criteria {
        free: free as u32,
        points: points as u32,
        aic: found.map(|c| c.aic),
        bic: found.map(|c| c.bic),
        lacking,
    }
}
