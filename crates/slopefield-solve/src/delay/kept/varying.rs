//! Lags that depend on time or state, for steppers that choose their steps by themselves.

use super::super::fill::Fill;
use super::super::passages::{Passage, Passages, Place};
use super::KeptPast;
use crate::{Ivp, SolveError};

/// Lags that become shorter than this part of the time, or of the span, are taken to come to nothing.
const NOTHING: f64 = 1e-9;

impl KeptPast {
    pub(super) fn begin_varying(&mut self, ivp: &Ivp<'_>) {
        (self.near, self.target, self.arrival) = (f64::INFINITY, None, None);
        self.shortest_step = NOTHING * (ivp.t1 - ivp.t0).max(ivp.t0.abs());
        self.times.resize(self.lags.constant.len(), 0.0);
        self.state.resize(ivp.u0.len(), 0.0);
    }

    /// Finds the times that lags look at from the beginning of the step at hand.
    fn look_from_beginning(&mut self, ivp: &Ivp<'_>) {
        if let Some(fill) = Fill::new(ivp, &self.past, &self.lags, &self.notes) {
            let (t, u) = (self.past.t, &self.past.beginning);
            fill.times(t, u, ivp.p, &mut self.times, &mut self.scratch);
        }
    }

    /// Finds the pieces of the past that the lags look at from the beginning of the step at hand.
    pub(super) fn place_lags(&mut self, ivp: &Ivp<'_>) {
        if self.lags.vary() {
            self.look_from_beginning(ivp);
            self.lags.place::<f64>(self.past.t, &self.times, &self.breaks);
        }
    }

    /// Refuses lags that are negative or no numbers where the solution is.
    pub(super) fn check_lags(&self, t: f64) -> Result<(), SolveError> {
        if !self.lags.vary() {
            return Ok(());
        }
        for (lag, (&s, constant)) in self.times.iter().zip(&self.lags.constant).enumerate() {
            let value = t - s;
            if constant.is_none() && !(value >= 0.0 && value.is_finite()) {
                return Err(SolveError::BadLag { t, lag, value });
            }
        }
        Ok(())
    }

    /// Looks at the lags from where the next step begins, for [`KeptPast::limit`], after
    /// [`KeptPast::settle`].
    ///
    /// # Errors
    /// [`SolveError::BadLag`] for lags that are negative or no numbers, [`SolveError::Invalid`] for
    /// lags that have come to nothing.
    pub fn look_around(&mut self, ivp: &Ivp<'_>) -> Result<(), SolveError> {
        if !self.lags.vary() {
            return Ok(());
        }
        self.look_from_beginning(ivp);
        let t = self.past.t;
        self.check_lags(t)?;
        let times = self.times.iter().zip(&self.lags.constant);
        let shortest = times.filter(|(_, constant)| constant.is_none()).map(|(s, _)| t - s);
        self.come_near(shortest.fold(f64::INFINITY, f64::min))
    }

    /// The step at hand may be at most so long.
    fn come_near(&mut self, length: f64) -> Result<(), SolveError> {
        let t = self.past.t;
        self.near = t + length;
        if length > self.shortest_step.max(NOTHING * t.abs()) {
            return Ok(());
        }
        Err(SolveError::Invalid(format!(
            "a delay comes to nothing at t = {t}, and this solver takes no delays of length 0; use a \
             built-in method"
        )))
    }

    /// Whether an evaluation since the last call asked for values that are not known before the step at
    /// hand has been taken.
    #[must_use]
    pub fn looked_ahead(&self) -> bool {
        self.lags.vary() && self.notes.take_ahead()
    }

    /// The step at hand, which was to end at `limit`, looked ahead: a shorter one is to be tried.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] where it has become too short.
    pub fn shorten(&mut self, limit: f64) -> Result<(), SolveError> {
        self.come_near(0.5 * (limit - self.past.t))
    }

    /// Whether a step to `t` stands, before [`KeptPast::take`]; otherwise it is to be taken again from
    /// its beginning, up to [`KeptPast::limit`], because a lag comes to look across a discontinuity.
    /// `solution` writes the state at a time within the step and at its ends.
    ///
    /// # Errors
    /// Those of `solution`.
    pub fn review(
        &mut self,
        ivp: &Ivp<'_>,
        t: f64,
        mut solution: impl FnMut(f64, &mut [f64]) -> Result<(), SolveError>,
    ) -> Result<bool, SolveError> {
        self.arrival = None;
        if !Passages::<f64>::may_be(&self.lags, &self.breaks) {
            return Ok(true);
        }
        self.past.t_new = t;
        let span = (self.past.t, t);
        let Self { past, lags, notes, times, state, scratch, .. } = self;
        let mut along = Passages { past, lags, notes, times, state, scratch };
        let Some(passage) = along.first(ivp, span, &mut solution)? else {
            if self.target == Some(t) {
                self.arrival = along.nearly(ivp, span, &mut solution);
            }
            return Ok(true);
        };
        match passage.place(span) {
            Place::End => {
                self.arrival = Some(Passage { t, ..passage });
                return Ok(true);
            }
            Place::Beginning => {
                let at_once = Passage { t: span.0, ..passage };
                self.lags.pass_through(at_once, &mut self.breaks);
            }
            Place::Inside => self.target = Some(passage.t),
        }
        Ok(false)
    }

    /// The lag that was negative or no number, and where, if one was met since the last call.
    #[must_use]
    pub fn bad_lag(&self) -> Option<SolveError> {
        let (t, lag, value) = self.notes.bad_lag()?;
        self.notes.clear();
        Some(SolveError::BadLag { t, lag, value })
    }

    /// Writes the lengths of the lags at `t`, where the state is `u`, to `out`. `scratch` is work space,
    /// which grows.
    pub fn lengths(
        &self,
        ivp: &Ivp<'_>,
        t: f64,
        u: &[f64],
        out: &mut [f64],
        scratch: &mut Vec<f64>,
    ) {
        if let Some(fill) = Fill::new(ivp, &self.past, &self.lags, &self.notes) {
            scratch.resize(scratch.len().max(fill.scratch_len()), 0.0);
            fill.write_lengths(t, u, ivp.p, out, scratch);
        }
    }
}
