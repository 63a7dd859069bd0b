//! White noise, as a solver sees it.

use super::Problem;
use crate::Error;
use slopefield_plugin_abi as abi;
use std::ffi::c_void;

/// What is known of the coefficients of noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoiseKind {
    /// They do not depend on the state.
    Additive,
    /// Source `i` acts on state `i` alone, with a coefficient that depends on no other state.
    Diagonal,
    /// No iterated integrals are needed for strong order 1.
    Commutative,
    /// Nothing.
    General,
}

/// Meaning of the stochastic integral.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calculus {
    /// Itô's.
    Ito,
    /// Stratonovich's.
    Stratonovich,
}

/// The noise of `dy = f(t, y) dt + Σ g_j(t, y) dW_j`, on loan for one call.
///
/// The host has the random numbers: [`increments`](Noise::increments) are of one Brownian motion
/// that seed and path determine, so steps of any length, also after a rejection, see the same.
pub struct Noise<'a> {
    raw: &'a abi::slf_noise_problem,
    n: usize,
    sources: usize,
    kind: NoiseKind,
    calculus: Calculus,
}

impl<'a> Problem<'a> {
    /// The noise of the problem; none where it has none, or where the host is from before noise was
    /// part of the interface.
    ///
    /// # Errors
    /// A kind of noise that this kit does not know.
    pub fn noise(&self) -> Result<Option<Noise<'a>>, Error> {
        let raw = self.extension(abi::NOISE_PROBLEM);
        // SAFETY: null or the host's table for this id, which lives until `destroy`.
        let Some(raw) = (unsafe { raw.cast::<abi::slf_noise_problem>().as_ref() }) else {
            return Ok(None);
        };
        if (raw.struct_size as usize) < size_of::<abi::slf_noise_problem>() {
            return Err(Error::unsupported("the host's table of noise is too short"));
        }
        let kind = match raw.kind {
            abi::SLF_NOISE_ADDITIVE => NoiseKind::Additive,
            abi::SLF_NOISE_DIAGONAL => NoiseKind::Diagonal,
            abi::SLF_NOISE_COMMUTATIVE => NoiseKind::Commutative,
            abi::SLF_NOISE_GENERAL => NoiseKind::General,
            _ => return Err(Error::unsupported("the noise is of an unknown kind")),
        };
        let calculus = match raw.calculus {
            abi::SLF_CALCULUS_ITO => Calculus::Ito,
            abi::SLF_CALCULUS_STRATONOVICH => Calculus::Stratonovich,
            _ => return Err(Error::unsupported("the stochastic integral is of an unknown kind")),
        };
        let sources = usize::try_from(raw.sources)
            .ok()
            .filter(|m| m.checked_mul(self.len().max(1)).is_some())
            .ok_or_else(|| Error::argument("the host passed an impossible number of sources"))?;
        if kind == NoiseKind::Diagonal && sources != self.len() {
            return Err(Error::argument("diagonal noise has a source for each state"));
        }
        Ok(Some(Noise { raw, n: self.len(), sources, kind, calculus }))
    }
}

impl Noise<'_> {
    /// Number of independent sources.
    pub fn sources(&self) -> usize {
        self.sources
    }

    /// What is known of the coefficients.
    pub fn kind(&self) -> NoiseKind {
        self.kind
    }

    /// Meaning of the integral.
    pub fn calculus(&self) -> Calculus {
        self.calculus
    }

    /// Number of coefficients: one for each state when the noise is diagonal, otherwise one for each
    /// state and source.
    pub fn coefficients_len(&self) -> usize {
        if self.kind == NoiseKind::Diagonal { self.n } else { self.n * self.sources }
    }

    /// Writes the coefficients; those of source `j` begin at `j · n`.
    pub fn coefficients(&self, t: f64, y: &[f64], out: &mut [f64]) -> Result<(), Error> {
        assert_eq!((y.len(), out.len()), (self.n, self.coefficients_len()), "lengths of vectors");
        let f = self.raw.coefficients.ok_or_else(incomplete)?;
        // SAFETY: the host's own function and context, inside the call that lent the problem, with
        // slices of the lengths that it expects.
        Error::check(unsafe {
            f(self.raw.ctx, t, y.as_ptr().cast(), out.as_mut_ptr().cast::<c_void>())
        })
    }

    /// Writes the derivative of all coefficients along `v`.
    pub fn coefficients_jvp(
        &self,
        t: f64,
        y: &[f64],
        v: &[f64],
        out: &mut [f64],
    ) -> Result<(), Error> {
        assert_eq!((y.len(), v.len()), (self.n, self.n), "lengths of vectors");
        assert_eq!(out.len(), self.coefficients_len(), "number of coefficients");
        let f = self.raw.coefficients_jvp.ok_or_else(incomplete)?;
        // SAFETY: as in `coefficients`.
        Error::check(unsafe {
            f(
                self.raw.ctx,
                t,
                y.as_ptr().cast(),
                v.as_ptr().cast(),
                out.as_mut_ptr().cast::<c_void>(),
            )
        })
    }

    /// Writes the increment `W` of each source from one time to a later one within the step.
    pub fn increments(&self, from: f64, to: f64, w: &mut [f64]) -> Result<(), Error> {
        self.both(from, to, w, None)
    }

    /// The same, and the mean distance `H` of each from its chord, which is independent of `W`:
    /// `∫ (W(r) − W(from)) dr = (to − from)(H + W/2)`.
    pub fn increments_and_areas(
        &self,
        from: f64,
        to: f64,
        w: &mut [f64],
        h: &mut [f64],
    ) -> Result<(), Error> {
        self.both(from, to, w, Some(h))
    }

    fn both(&self, from: f64, to: f64, w: &mut [f64], h: Option<&mut [f64]>) -> Result<(), Error> {
        let areas = h.as_ref().map_or(self.sources, |h| h.len());
        assert_eq!((w.len(), areas), (self.sources, self.sources), "number of sources");
        let f = self.raw.increments.ok_or_else(incomplete)?;
        let h = h.map_or(std::ptr::null_mut(), |h| h.as_mut_ptr().cast::<c_void>());
        // SAFETY: as in `coefficients`.
        Error::check(unsafe { f(self.raw.ctx, from, to, w.as_mut_ptr().cast::<c_void>(), h) })
    }
}

fn incomplete() -> Error {
    Error::argument("a function of the host's table is null")
}
