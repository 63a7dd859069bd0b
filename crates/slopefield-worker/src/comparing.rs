//! How good a fit is, for comparison with others of the same data.

use crate::failure::{self, error};
use crate::gradient;
use slopefield_api::types::ModelScore;
use slopefield_api::{ApiError, Code};
use slopefield_study::{Prepared, Solvers};
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
    let (points, parameters) = (found.points as f64, theta.len() as f64);
    let criteria = |twice: f64, free: f64| (twice + 2.0 * free, twice + points.ln() * free);
    // Without a noise model the measurements count as normal with one unknown standard deviation,
    // which is a free parameter too; with some of both kinds there is no common likelihood.
    let least_squares = found.log_likelihood.is_none() && all_least_squares(prepared);
    let criteria = match found.log_likelihood {
        Some(l) => Some(criteria(-2.0 * l, parameters)),
        None if least_squares && found.sse > 0.0 => {
            let variance = found.sse / points;
            let twice = points * ((std::f64::consts::TAU * variance).ln() + 1.0);
            Some(criteria(twice, parameters + 1.0))
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
        aic: criteria.map(|c| c.0),
        bic: criteria.map(|c| c.1),
    })
}

/// No measured observation has a noise model.
fn all_least_squares(prepared: &Prepared) -> bool {
    let problem = &prepared.problem;
    let measured = problem.experiments.iter().flat_map(|e| &e.series);
    let mut measured = measured.map(|s| &problem.observations[s.observation]);
    measured.all(|o| !o.noise.has_likelihood())
}
