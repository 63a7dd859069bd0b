//! What the lags of a system are, taken in when a solve begins.

use super::fill::Fill;
use super::lags::Lags;
use super::steps::MethodOfSteps;
use crate::{Ivp, OneStep, Real, SolveError};
use slopefield_kernel::Delays;

impl<T: Real, M: OneStep<T>> MethodOfSteps<M, T> {
    /// Takes what `delays` says of the lags, evaluated at the start.
    pub(super) fn read_lags(
        &mut self,
        ivp: &Ivp<'_, T>,
        delays: &Delays<'_, T>,
    ) -> Result<(), SolveError> {
        let (m, lags) = (delays.constant.len(), &mut self.lags);
        lags.read(ivp.u0.len(), delays)?;
        lags.tolerance = 10.0 * self.settings.rtol;
        self.times.resize(m, 0.0);
        let Some(fill) = Fill::new(ivp, &self.past, &self.lags, &self.notes) else {
            return Ok(());
        };
        self.scratch.resize(fill.scratch_len(), T::ZERO);
        fill.times(ivp.t0, ivp.u0, ivp.p, &mut self.times, &mut self.scratch);
        let slack = 8.0 * T::EPSILON * ivp.t0.abs();
        for lag in 0..m {
            let value = ivp.t0 - self.times[lag];
            let error = if delays.constant[lag] {
                slack
            } else {
                slack + self.lags.tolerance * ivp.t0.abs()
            };
            if !(value >= -error && value.is_finite()) {
                return Err(SolveError::BadLag { t: ivp.t0, lag, value });
            }
            self.lags.constant[lag] = delays.constant[lag].then_some(value.max(0.0));
        }
        // Again without the rounding of a difference.
        fill_lengths(ivp, delays, &mut self.lags.constant, &mut self.scratch)
    }
}

impl Lags {
    /// Takes what `delays` says of the lags of a system of `n` states, but their lengths.
    pub(super) fn read<T: Real>(
        &mut self,
        n: usize,
        delays: &Delays<'_, T>,
    ) -> Result<(), SolveError> {
        let m = delays.constant.len();
        let shape = (delays.lags.shape(), delays.history.shape());
        let reads_are_known =
            delays.reads.iter().all(|read| (read.state as usize) < n && (read.lag as usize) < m);
        if shape.0.outputs != m || shape.1.outputs != n || !reads_are_known {
            return Err(SolveError::Invalid(
                "the delays of the model do not fit its states and lags".into(),
            ));
        }
        self.constant.clear();
        self.constant.resize(m, Some(0.0));
        self.reads.clear();
        self.starts.clear();
        for lag in 0..m {
            self.starts.push(self.reads.len());
            let reads = delays.reads.iter().enumerate();
            let own = reads.filter(|(_, read)| read.lag as usize == lag);
            self.reads.extend(own.map(|(index, _)| index as u32));
        }
        self.starts.push(self.reads.len());
        self.piece.clear();
        self.piece.resize(m, 0);
        self.bounds.clear();
        self.bounds.resize(m, (f64::NEG_INFINITY, f64::INFINITY));
        self.coupled.clear();
        self.coupled.resize(m, false);
        Ok(())
    }
}

/// Lengths of the constant lags, as their kernel gives them.
///
/// # Errors
/// [`SolveError::BadLag`] for one that is not finite or negative beyond rounding.
pub(super) fn fill_lengths<T: Real>(
    ivp: &Ivp<'_, T>,
    delays: &Delays<'_, T>,
    constant: &mut [Option<f64>],
    scratch: &mut [T],
) -> Result<(), SolveError> {
    let states = ivp.u0.len() + delays.reads.len();
    let (u, rest) = scratch.split_at_mut(states);
    let (lengths, rest) = rest.split_at_mut(constant.len());
    u.fill(T::ZERO);
    u[..ivp.u0.len()].copy_from_slice(ivp.u0);
    delays.lags.eval(T::of(ivp.t0), u, ivp.p, lengths, rest);
    let slack = 8.0 * T::EPSILON * ivp.t0.abs();
    for (lag, (constant, length)) in constant.iter_mut().zip(lengths).enumerate() {
        if let Some(constant) = constant {
            let value = length.f64();
            if !(value >= -slack && value.is_finite()) {
                return Err(SolveError::BadLag { t: ivp.t0, lag, value });
            }
            *constant = value.max(0.0);
        }
    }
    Ok(())
}
