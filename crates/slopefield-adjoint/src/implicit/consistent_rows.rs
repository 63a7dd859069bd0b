//! The Jacobian of consistent state and slope, for tangents.

use super::linear::Linear;
use slopefield_solve::{Consistency, ConsistentSums, Ivp, SolveError};

/// A row of the Jacobian: the derivatives of one component.
pub(super) struct ConsistentRow<'a> {
    /// Whether the component is one of the slope, and not of the state.
    pub of_slope: bool,
    /// Which component.
    pub index: usize,
    /// By the state given,
    pub by_u: &'a [f64],
    /// by the parameters, those in the mass matrix included,
    pub by_p: &'a [f64],
    /// and by the time.
    pub by_t: f64,
}

/// Hands out the rows of the Jacobian of the consistent `state` and, with `slopes`, of its `slope`, where
/// `given` is the state that they were found from at `t`.
///
/// # Errors
/// Those of the linear systems.
pub(super) fn consistent_rows(
    consistency: &mut Consistency<f64>,
    linear: &Linear,
    ivp: &Ivp<'_>,
    t: f64,
    (given, state, slope): (&[f64], &[f64], &[f64]),
    slopes: bool,
    row: &mut dyn FnMut(ConsistentRow<'_>),
) -> Result<(), SolveError> {
    let (n, m) = (state.len(), ivp.p.len());
    let (mut by_u, mut by_p) = (vec![0.0; n], vec![0.0; m]);
    let mut by_mass = vec![0.0; linear.mass_entries()];
    let mut unit = vec![0.0; n];
    consistency.linearise(ivp, t, state)?;
    for of_slope in [false, true] {
        if of_slope && !slopes {
            continue;
        }
        for index in 0..n {
            by_u.fill(0.0);
            by_p.fill(0.0);
            by_mass.fill(0.0);
            unit[index] = if of_slope { 1.0 } else { 0.0 };
            by_u[index] = if of_slope { 0.0 } else { 1.0 };
            let mut by_t = 0.0;
            let sums = ConsistentSums {
                state: &mut by_u,
                slope: &unit,
                p: &mut by_p,
                mass: &mut by_mass,
                t: &mut by_t,
            };
            consistency.reverse(ivp, t, (given, state, slope), sums)?;
            linear.add_mass_gradient(&by_mass, &mut by_p);
            unit[index] = 0.0;
            row(ConsistentRow { of_slope, index, by_u: &by_u, by_p: &by_p, by_t });
        }
    }
    Ok(())
}
