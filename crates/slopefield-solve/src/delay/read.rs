//! What the lags of a system are, taken in when a solve begins.

use super::fill::Fill;
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
        let (n, m) = (ivp.u0.len(), delays.constant.len());
        let shape = (delays.lags.shape(), delays.history.shape());
        let reads_are_known =
            delays.reads.iter().all(|read| (read.state as usize) < n && (read.lag as usize) < m);
        if shape.0.outputs != m || shape.1.outputs != n || !reads_are_known {
            return Err(SolveError::Invalid(
                "the delays of the model do not fit its states and lags".into(),
            ));
        }
        let lags = &mut self.lags;
        lags.constant.clear();
        lags.constant.resize(m, Some(0.0));
        lags.reads.clear();
        lags.starts.clear();
        for lag in 0..m {
            lags.starts.push(lags.reads.len());
            let reads = delays.reads.iter().enumerate();
            let own = reads.filter(|(_, read)| read.lag as usize == lag);
            lags.reads.extend(own.map(|(index, _)| index as u32));
        }
        lags.starts.push(lags.reads.len());
        lags.piece.clear();
        lags.piece.resize(m, 0);
        lags.bounds.clear();
        lags.bounds.resize(m, (f64::NEG_INFINITY, f64::INFINITY));
        lags.coupled.clear();
        lags.coupled.resize(m, false);
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
        fill_lengths(ivp, delays, &mut self.lags.constant, &mut self.scratch);
        Ok(())
    }
}

/// Lengths of the constant lags, as their kernel gives them.
fn fill_lengths<T: Real>(
    ivp: &Ivp<'_, T>,
    delays: &Delays<'_, T>,
    constant: &mut [Option<f64>],
    scratch: &mut [T],
) {
    let states = ivp.u0.len() + delays.reads.len();
    let (u, rest) = scratch.split_at_mut(states);
    let (lengths, rest) = rest.split_at_mut(constant.len());
    u.fill(T::ZERO);
    u[..ivp.u0.len()].copy_from_slice(ivp.u0);
    delays.lags.eval(T::of(ivp.t0), u, ivp.p, lengths, rest);
    for (constant, length) in constant.iter_mut().zip(lengths) {
        if let Some(constant) = constant {
            *constant = length.f64().max(0.0);
        }
    }
}
