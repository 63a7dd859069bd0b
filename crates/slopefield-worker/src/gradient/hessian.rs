//! Second derivatives of a study's loss at its start values.

use crate::failure::{self, error};
use slopefield_api::types::HessianView;
use slopefield_api::{ApiError, Code};
use slopefield_study::{Prepared, Solvers};
use slopefield_train::{Control, Failure, SecondDerivatives};
use std::sync::Arc;

/// Up to so many parameters the whole matrix is computed.
const WHOLE: usize = 60;

/// The product with the direction of the gradient, and of few parameters the curvatures.
pub(super) fn view(
    prepared: &Prepared,
    solvers: &Arc<dyn Solvers + Send + Sync>,
    control: &Control,
) -> Result<HessianView, ApiError> {
    let told = |f: Failure| error(Code::Gradient, super::explain(prepared, &f));
    let gradient = &prepared.gradient.0;
    let mut objective = super::objective(prepared, gradient, solvers).map_err(failure::study)?;
    objective.set_cancel(Some(control.cancel.clone()));
    let (initial, observe) = prepared.second_derivatives().map_err(failure::study)?;
    let (solver, memory) = (prepared.solver.0.as_str(), prepared.memory);
    let second = SecondDerivatives { solver, memory, initial: &*initial, observe: &observe };
    let z = objective.z_start();
    let n = z.len();
    let (mut grad, mut product) = (vec![0.0; n], vec![0.0; n]);
    objective.evaluate(&z, 1.0, Some(&mut grad)).map_err(told)?;
    let slopes: Vec<f64> =
        objective.transforms().iter().zip(&z).map(|(t, z)| t.theta(*z).1).collect();
    // The direction of the gradient by the parameters as people write them, and the same in the
    // optimiser's coordinates.
    let natural: Vec<f64> = grad.iter().zip(&slopes).map(|(g, s)| g / s).collect();
    let length = natural.iter().map(|g| g * g).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
    let natural: Vec<f64> = natural.iter().map(|g| g / length).collect();
    let along: Vec<f64> = natural.iter().zip(&slopes).map(|(d, s)| d / s).collect();
    objective.hessian_product(&z, &along, second, &mut grad, &mut product).map_err(told)?;
    let along_gradient: Vec<f64> = (0..n)
        .map(|i| {
            // Without what the transform's own curvature adds.
            let bend = objective.transforms()[i].log_slope(z[i]).1;
            (product[i] - grad[i] * bend * along[i]) / slopes[i]
        })
        .collect();
    let curvature = natural.iter().zip(&along_gradient).map(|(d, h)| d * h).sum();
    let whole = match n <= WHOLE {
        true => Some(objective.hessian(&z, second).map_err(told)?),
        false => None,
    };
    Ok(HessianView {
        along_gradient,
        curvature,
        asymmetry: whole.as_ref().map(|h| h.asymmetry),
        eigenvalues: whole.map_or_else(Vec::new, |h| h.eigenvalues),
    })
}
