//! Gradients of random systems: along one path of an equation with noise, of means over many
//! paths, and of jump processes.
//!
//! The derivations, and which estimators are unbiased, are on the page
//! `docs/derivations/stochastic-gradients.md`.

mod adjoint;
mod estimate;
mod forward;
mod frozen;
mod implicit;
mod jump_diffusion;
mod path;
mod path_moments;
mod record;
mod schemes;
mod score;
mod system;
mod tape;
#[cfg(test)]
mod tests;

use crate::GradientMethod;
use crate::methods::{Through, not_reversible, without};
use slopefield_kernel::{Noise, Part, Structure};
use slopefield_stochastic::Process;

pub use adjoint::StochasticAdjoint;
pub use estimate::{
    AlongPaths, MeanGradient, PathGradient, PathLoss, PathMethod, Pathwise, mean_gradient,
};
pub use forward::StochasticForward;
pub use frozen::FrozenPath;
pub use jump_diffusion::JumpDiffusionGradient;
pub use path_moments::{
    MomentLoss, Moments, moment_gradient, observed_moment_gradient, observed_moments,
};
pub use score::JumpScore;

/// The discrete adjoint through a system with noise.
pub(crate) fn adjoint(through: &Through<'_>) -> Result<Box<dyn GradientMethod>, String> {
    let method = StochasticAdjoint::named(through.solver);
    let method = method.ok_or_else(|| not_reversible(through.solver))?;
    check(through)?;
    Ok(Box::new(method.with_memory(through.memory)))
}

/// Forward sensitivities through a system with noise.
pub(crate) fn forward(through: &Through<'_>) -> Result<Box<dyn GradientMethod>, String> {
    let method = StochasticForward::named(through.solver);
    let method = method.ok_or_else(|| not_reversible(through.solver))?;
    check(through)?;
    Ok(Box::new(method.with_memory(through.memory)))
}

/// The likelihood ratio through a system with jumps.
pub(crate) fn score(through: &Through<'_>) -> Result<Box<dyn GradientMethod>, String> {
    let (solver, structure) = (through.solver, through.structure);
    let Some(jumps) = &structure.jumps else {
        return Err("likelihood ratios are for systems with random jumps, and this has none".into());
    };
    let constant = jumps.constant_between;
    if let Some(method) = JumpScore::named(solver).filter(|_| constant) {
        without(through, &[Part::Jumps])?;
        return Ok(Box::new(method));
    }
    if slopefield_stochastic::method_info(solver).is_some_and(|m| m.process == Process::Jumps) {
        return Err(format!(
            "the likelihood of what `{solver}` simulates here is not known; use direct, \
             sorting-direct or next-reaction where rates are constant between jumps"
        ));
    }
    without(through, &[Part::Noise, Part::Jumps])?;
    // Between jumps the system is one without them.
    let between = Structure { noise: copy_of_noise(structure), ..Structure::default() };
    let stepper = || {
        let made = match between.noise {
            Some(_) => slopefield_stochastic::method(solver),
            None => slopefield_solve::method(solver),
        };
        made.ok_or_else(|| not_reversible(solver))
    };
    let inner = Through { structure: &between, stepper: &stepper, ..*through };
    let gradient = crate::method_info("discrete").map(|info| (info.make)(&inner));
    let gradient = gradient.unwrap_or_else(|| Err(not_reversible(solver)))?;
    Ok(Box::new(JumpDiffusionGradient::new(stepper()?, stepper()?, gradient)))
}

fn copy_of_noise<'a>(structure: &Structure<'a>) -> Option<Noise<'a>> {
    structure.noise.as_ref().map(|noise| Noise {
        coefficients: noise.coefficients,
        sources: noise.sources,
        kind: noise.kind,
        calculus: noise.calculus,
        hessian: noise.hessian,
    })
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
