//! A system with noise, as its derivatives need it.

use super::schemes::Scheme;
use slopefield_kernel::{Calculus, HessianProduct, Kernel, Noise, NoiseKind, Part};
use slopefield_solve::{Ivp, SolveError};

/// Which function of a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rhs {
    /// The drift as the model has it.
    Drift,
    /// The coefficients of noise.
    Noise,
}

/// A system with noise during one gradient.
pub(super) struct System<'a> {
    pub(super) ivp: &'a Ivp<'a>,
    pub(super) noise: Noise<'a>,
    /// What is added to the drift, as a multiple of `Σ_j (∂g_j/∂u) g_j`, for a method of the other
    /// calculus.
    pub(super) correction: f64,
    /// Whether second derivatives of the noise are used; they may have to be compiled first.
    second: bool,
}

/// What a method adds to the drift of a system with such noise, and whether its gradients need
/// second derivatives of the noise.
///
/// # Errors
/// A sentence where its gradients need second derivatives that the system does not offer.
pub(super) fn correction(scheme: Scheme, noise: &Noise<'_>) -> Result<(f64, bool), String> {
    let wants = scheme.calculus(noise.calculus);
    let correction = match (noise.kind, noise.calculus, wants) {
        (NoiseKind::Additive, _, _) => 0.0,
        (_, Calculus::Stratonovich, Calculus::Ito) => 0.5,
        (_, Calculus::Ito, Calculus::Stratonovich) => -0.5,
        _ => 0.0,
    };
    let second =
        noise.kind != NoiseKind::Additive && (correction != 0.0 || scheme.differentiates_noise());
    if second && noise.hessian.is_none() {
        return Err(format!(
            "the method {} uses first derivatives of the noise here, so that gradients need second \
             ones, which this system does not offer; use {}",
            scheme.id(),
            if noise.calculus == Calculus::Ito { "em or dri1" } else { "euler-heun" }
        ));
    }
    Ok((correction, second))
}

impl<'a> System<'a> {
    /// The system of a problem for a method.
    ///
    /// # Errors
    /// A sentence for systems without noise or with other parts, and where the method needs second
    /// derivatives that the system does not offer.
    pub(super) fn new(ivp: &'a Ivp<'a>, scheme: Scheme) -> Result<Self, SolveError> {
        let structure = ivp.rhs.structure();
        if let Some(part) = structure.beyond(&[Part::Noise]) {
            return Err(SolveError::Invalid(format!(
                "gradients of equations with noise are not computed together with {}",
                part.words()
            )));
        }
        let Some(noise) = structure.noise else {
            return Err(SolveError::Invalid(format!(
                "the method {} is for equations with noise, and this system has none",
                scheme.id()
            )));
        };
        let (correction, second) = correction(scheme, &noise).map_err(SolveError::Invalid)?;
        Ok(System { ivp, noise, correction, second })
    }

    /// Whether source `i` acts on state `i` alone.
    pub(super) fn is_diagonal(&self) -> bool {
        self.noise.kind == NoiseKind::Diagonal
    }

    pub(super) fn kernel(&self, which: Rhs) -> &'a dyn Kernel {
        match which {
            Rhs::Drift => self.ivp.rhs,
            Rhs::Noise => self.noise.coefficients,
        }
    }

    /// Number of coefficients of noise.
    pub(super) fn outputs(&self) -> usize {
        self.noise.coefficients.shape().outputs
    }

    /// Work space that any function asks for.
    pub(super) fn scratch_len(&self) -> usize {
        let first = self.ivp.rhs.scratch_len().max(self.noise.coefficients.scratch_len());
        let second = self.noise.hessian.filter(|_| self.second);
        first.max(second.map_or(0, HessianProduct::scratch_len))
    }
}
