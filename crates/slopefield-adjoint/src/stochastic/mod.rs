//! Gradients of random systems: along one path of an equation with noise, of means over many
//! paths, and of jump processes.
//!
//! The derivations, and which estimators are unbiased, are on the page
//! `docs/derivations/stochastic-gradients.md`.

mod adjoint;
mod forward;
mod frozen;
mod implicit;
mod path;
mod schemes;
mod system;
mod tape;
#[cfg(test)]
mod tests;

use crate::GradientMethod;
use crate::methods::{Through, not_reversible, without};
use slopefield_kernel::Part;

pub use adjoint::StochasticAdjoint;
pub use forward::StochasticForward;
pub use frozen::FrozenPath;

/// The discrete adjoint through a system with noise.
pub(crate) fn adjoint(through: &Through<'_>) -> Result<Box<dyn GradientMethod>, String> {
    let method = StochasticAdjoint::named(through.solver);
    let method = method.ok_or_else(|| not_reversible(through.solver))?;
    check(through).map(|()| Box::new(method) as Box<dyn GradientMethod>)
}

/// Forward sensitivities through a system with noise.
pub(crate) fn forward(through: &Through<'_>) -> Result<Box<dyn GradientMethod>, String> {
    let method = StochasticForward::named(through.solver);
    let method = method.ok_or_else(|| not_reversible(through.solver))?;
    check(through).map(|()| Box::new(method) as Box<dyn GradientMethod>)
}

fn check(through: &Through<'_>) -> Result<(), String> {
    without(through, &[Part::Noise])?;
    let (Some(scheme), Some(noise)) =
        (schemes::Scheme::named(through.solver), &through.structure.noise)
    else {
        return Err(not_reversible(through.solver));
    };
    system::correction(scheme, noise).map(|_| ())
}
