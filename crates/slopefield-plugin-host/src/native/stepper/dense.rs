//! The solution within the last step.

use super::PluginSolver;
use slopefield_plugin_abi as abi;
use slopefield_solve::{Ivp, SolveError};

impl PluginSolver {
    /// Slope at the new end, where the host interpolates itself.
    pub(super) fn slope(&mut self, ivp: &Ivp<'_>) -> Result<(), SolveError> {
        std::mem::swap(&mut self.f, &mut self.f_prev);
        if self.created_for.mass {
            // Dear, and wanted only where somebody interpolates.
            self.slopes = None;
            return Ok(());
        }
        // SAFETY: owned by this value; the plugin is not running.
        let callbacks = unsafe { &mut *self.callbacks };
        if callbacks.evaluate(ivp, self.sign, self.t, &self.y, &mut self.f) {
            return Ok(());
        }
        let state = callbacks.trouble.non_finite.map_or(0, |(_, state)| state);
        self.started = false;
        Err(SolveError::NonFinite { t: self.sign * self.t, state, u: self.y.clone() })
    }

    /// The slopes of a solution of `M y' = f` at both ends of the last step, also of the variables that
    /// algebraic equations determine. They are those of values beside the states which satisfy these
    /// equations exactly.
    fn consistent_slopes(&mut self, ivp: &Ivp<'_>) -> Result<(), SolveError> {
        let Self { consistency, consistent, stats, sign, .. } = self;
        for (t, y, f) in
            [(self.t_prev, &self.y_prev, &mut self.f_prev), (self.t, &self.y, &mut self.f)]
        {
            consistent.copy_from_slice(y);
            consistency.establish(ivp, *sign * t, consistent, f, stats)?;
            if *sign < 0.0 {
                f.iter_mut().for_each(|v| *v = -*v);
            }
        }
        Ok(())
    }

    pub(super) fn interpolate_hermite(&self, t: f64, out: &mut [f64]) {
        let h = self.t - self.t_prev;
        let s = (t - self.t_prev) / h;
        let (a0, a1) = ((1.0 - s) * (1.0 - s), s * s);
        for (i, out) in out.iter_mut().enumerate() {
            let (y0, y1) = (self.y_prev[i], self.y[i]);
            let (d0, d1) = (h * self.f_prev[i], h * self.f[i]);
            *out =
                a0 * ((1.0 + 2.0 * s) * y0 + s * d0) + a1 * ((3.0 - 2.0 * s) * y1 + (s - 1.0) * d1);
        }
    }

    /// Evaluates what the host's own interpolants need and the step did not.
    pub(in crate::native) fn prepare_dense_ordinary(&mut self, ivp: &Ivp<'_>) {
        // SAFETY: owned by this value; the plugin is not running.
        let callbacks = unsafe { &mut *self.callbacks };
        if callbacks.noise.is_there() {
            let span = (self.t_prev, self.t);
            callbacks.noise.prepare_dense(ivp, span, &self.y_prev, &mut callbacks.scratch);
        } else if self.created_for.mass && self.hermite() && self.slopes.is_none() {
            self.slopes = Some(self.consistent_slopes(ivp));
        }
    }

    /// Writes the solution at a plugin time within the last step or at its ends.
    pub(super) fn within(&mut self, time: f64, out: &mut [f64]) -> Result<(), SolveError> {
        // The ends are exact, so that pieces join without a gap.
        if time == self.t {
            out.copy_from_slice(&self.y);
            return Ok(());
        }
        if time == self.t_prev {
            out.copy_from_slice(&self.y_prev);
            return Ok(());
        }
        if self.callbacks().noise.is_there() {
            let (span, ends) = ((self.t_prev, self.t), (&self.y_prev[..], &self.y[..]));
            // SAFETY: owned by this value; the plugin is not running.
            let noise = unsafe { &mut (*self.callbacks).noise };
            return match noise.interpolate(time, span, ends, out) {
                true => Ok(()),
                false => Err(SolveError::Invalid("prepare_dense was not called".into())),
            };
        }
        if self.hermite() {
            if self.created_for.mass {
                let missing = || Err(SolveError::Invalid("prepare_dense was not called".into()));
                self.slopes.clone().unwrap_or_else(missing)?;
            }
            self.interpolate_hermite(time, out);
            return Ok(());
        }
        if self.dead || self.instance.is_null() {
            return Err(SolveError::Invalid("interpolate was called after the run failed".into()));
        }
        if self.entry.segments.is_some() {
            return self.within_segment((time - self.t_prev) / (self.t - self.t_prev), out);
        }
        let Some(interpolate) = self.entry.table.interpolate else { return Err(self.missing()) };
        let err = self.empty_error();
        // SAFETY: a function of the plugin on its own living instance; `out` has as many elements
        // as the instance was created for.
        let status = unsafe { interpolate(self.instance, time, 0, out.as_mut_ptr().cast(), err) };
        if status != abi::SLF_OK {
            return Err(self.error(status, 0.0));
        }
        match out.iter().position(|v| !v.is_finite()) {
            Some(i) => {
                let (t, value) = (self.sign * time, out[i]);
                Err(self.broke(format!("its dense output at t = {t} gives {value} in element {i}")))
            }
            None => Ok(()),
        }
    }
}
