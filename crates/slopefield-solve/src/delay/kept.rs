//! The past of a delay equation for steppers that choose their steps by themselves.

mod varying;

use super::breaks::{Break, Breaks};
use super::fill::{Fill, Filled};
use super::history::{AtHand, History, Side, Source};
use super::lags::{Lags, Notes};
use super::passages::Passage;
use super::read::fill_lengths;
use crate::barycentric::MAX_POINTS;
use crate::{Ivp, SolveError};
use slopefield_kernel::{Kernel, Point, Tangent};

/// What makes an ordinary equation of a delay equation, for a stepper that knows nothing of delays:
/// the solution so far, and how far a step may go. A step no longer than the shortest lag reads
/// nothing but what is kept, and none goes across a point where delays carry a discontinuity on.
///
/// Where lags depend on time or state, neither is known beforehand. Then [`KeptPast::look_around`]
/// guesses from the lags at the beginning of a step, [`KeptPast::looked_ahead`] tells whether an
/// evaluation asked for more than is kept, and [`KeptPast::review`] whether a lag has come to look
/// across a discontinuity on the way; such a step is to be taken again.
pub struct KeptPast {
    past: History<f64>,
    breaks: Breaks,
    lags: Lags,
    notes: Notes,
    shortest: f64,
    /// The step at hand has been taken and is sampled.
    holds: bool,
    /// How far the step at hand may go for the sake of lags that are not constant,
    near: f64,
    /// and where it must end because such a lag comes to look at a discontinuity.
    target: Option<f64>,
    /// What the step held ends on.
    arrival: Option<Passage>,
    /// Lags shorter than this, or steps for their sake, are none.
    shortest_step: f64,
    times: Vec<f64>,
    state: Vec<f64>,
    scratch: Vec<f64>,
}

impl KeptPast {
    /// Of nothing yet. The solution within a step is kept as a polynomial of this degree.
    #[must_use]
    pub fn new(degree: usize) -> Self {
        KeptPast {
            past: History::new(degree.clamp(1, MAX_POINTS - 1)),
            breaks: Breaks::default(),
            lags: Lags::default(),
            notes: Notes::default(),
            shortest: f64::INFINITY,
            holds: false,
            near: f64::INFINITY,
            target: None,
            arrival: None,
            shortest_step: 0.0,
            times: Vec::new(),
            state: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Begins at the start of `ivp`, which has delays, for a method that notices jumps of
    /// derivatives up to the order `highest`.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] for lags of length 0 and for times that run backward,
    /// [`SolveError::BadLag`] for negative ones.
    pub fn begin(&mut self, ivp: &Ivp<'_>, highest: u32) -> Result<(), SolveError> {
        let structure = ivp.rhs.structure();
        let Some(delays) = structure.delays else {
            return Err(SolveError::Invalid("the system has no delays".into()));
        };
        if ivp.t1 < ivp.t0 {
            return Err(SolveError::Invalid(
                "delay equations cannot be integrated backward in time: their past would have to \
                 be known from their future"
                    .into(),
            ));
        }
        self.lags.read(ivp.u0.len(), &delays)?;
        for (lag, &constant) in delays.constant.iter().enumerate() {
            self.lags.constant[lag] = constant.then_some(0.0);
        }
        self.begin_varying(ivp);
        let slopes = delays.reads.iter().any(|read| read.slope);
        self.past.begin(ivp.t0, ivp.u0, f64::INFINITY, slopes);
        self.notes.clear();
        self.holds = false;
        if let Some(fill) = Fill::new(ivp, &self.past, &self.lags, &self.notes) {
            self.scratch.resize(fill.scratch_len(), 0.0);
        }
        fill_lengths(ivp, &delays, &mut self.lags.constant, &mut self.scratch)?;
        let lengths = || self.lags.constant.iter().flatten().copied();
        self.shortest = lengths().fold(f64::INFINITY, f64::min);
        if !(self.shortest > 0.0) {
            return Err(SolveError::Invalid(
                "this solver takes no delays of length 0; use a built-in method".into(),
            ));
        }
        let varying = self.lags.vary();
        let longest = if varying { f64::INFINITY } else { lengths().fold(0.0, f64::max) };
        self.past.begin(ivp.t0, ivp.u0, longest, slopes);
        let first = Break { t: ivp.t0, order: u32::from(!delays.jumps_at_start) };
        self.breaks.begin(first, highest, &self.lags.constant, delays.reads);
        self.place_lags(ivp);
        self.check_lags(ivp.t0)
    }

    /// The ordinary equation: its kernel gives the right-hand side of `ivp` with delayed values
    /// filled in, for times from the end of the last step to [`KeptPast::limit`]. None for systems
    /// without delays.
    #[must_use]
    pub fn ordinary<'a>(&'a self, ivp: &Ivp<'a>) -> Option<impl Kernel + use<'a>> {
        Fill::new(ivp, &self.past, &self.lags, &self.notes).map(Filled::new)
    }

    /// Where the next step must end at the latest, after [`KeptPast::settle`] and
    /// [`KeptPast::look_around`].
    #[must_use]
    pub fn limit(&self) -> f64 {
        let reach = (self.past.t + self.shortest).min(self.near);
        self.breaks.next().into_iter().chain(self.target).fold(reach, f64::min)
    }

    /// A step to `t` was taken; `solution` writes the state at a time within it. Whether a
    /// derivative jumps at its end, so that the stepper should begin afresh there.
    ///
    /// # Errors
    /// Those of `solution`.
    pub fn take(
        &mut self,
        t: f64,
        mut solution: impl FnMut(f64, &mut [f64]) -> Result<(), SolveError>,
    ) -> Result<bool, SolveError> {
        self.settle();
        self.past.t_new = t;
        let n = self.past.beginning.len();
        let mut sampled = std::mem::take(&mut self.past.sampled);
        let points = self.past.points();
        let mut rows = sampled[..points * n].chunks_exact_mut(n).enumerate();
        let outcome = rows.try_for_each(|(i, row)| solution(self.past.time(i), row));
        if sampled.len() > points * n {
            self.past.differentiate(&mut sampled);
        }
        self.past.sampled = sampled;
        outcome?;
        self.past.at_hand = AtHand::Sampled;
        self.holds = true;
        let passed = self.breaks.pass(t);
        if passed {
            self.lags.bound(self.breaks.passed());
        }
        Ok(passed || self.arrival.is_some())
    }

    /// Makes the step that was taken part of the past: the next one begins.
    pub fn settle(&mut self) {
        if std::mem::take(&mut self.holds) {
            self.past.keep(self.past.t_new);
            self.past.at_hand = AtHand::Constant;
            self.target = self.target.filter(|&target| target > self.past.t);
            if let Some(passage) = self.arrival.take() {
                self.lags.pass_through(passage, &mut self.breaks);
            }
        }
    }

    /// The solution goes on from `u` at `t`, within or at the end of the last step, after an event.
    pub fn jump(&mut self, ivp: &Ivp<'_>, t: f64, u: &[f64]) {
        if std::mem::take(&mut self.holds) {
            self.past.keep(t.min(self.past.t_new));
        }
        self.breaks.pass(t);
        self.breaks.reach(Break { t, order: 0 });
        (self.target, self.arrival) = (None, None);
        self.past.begin_step(t, u);
        self.place_lags(ivp);
    }

    /// Writes the delayed values of the system of `ivp` at `t` within or at the end of the last step,
    /// where the state is `u`.
    pub fn delayed(&mut self, ivp: &Ivp<'_>, t: f64, u: &[f64], out: &mut [f64]) {
        if let Some(fill) = Fill::new(ivp, &self.past, &self.lags, &self.notes) {
            fill.delayed(t, u, ivp.p, out, &mut self.scratch);
        }
    }

    /// Lengths of the lags; NaN for those that are not constant.
    pub fn lags(&self) -> impl Iterator<Item = f64> {
        self.lags.constant.iter().map(|length| length.unwrap_or(f64::NAN))
    }

    /// Writes the state (`derivative` 0) or its slope (1) at `s`, before or at the end of what is
    /// kept, to `out`; false for times that lie ahead or are not kept any more. `scratch` is work
    /// space, which grows.
    pub fn read(
        &self,
        ivp: &Ivp<'_>,
        s: f64,
        derivative: u32,
        out: &mut [f64],
        scratch: &mut Vec<f64>,
    ) -> bool {
        let source = self.past.source(s, Side::Left, 8.0 * f64::EPSILON * s.abs());
        match source {
            source if self.past.is_ahead(source) => return false,
            Source::Lost => return false,
            Source::Before(s) => {
                let Some(delays) = ivp.rhs.structure().delays else { return false };
                let (n, m) = (out.len(), ivp.p.len());
                scratch.resize(scratch.len().max(n + m + delays.history.scratch_len()), 0.0);
                let (other, rest) = scratch.split_at_mut(n);
                let (no_params, rest) = rest.split_at_mut(m);
                no_params.fill(0.0);
                let at = Point { t: s, u: &[], p: ivp.p };
                let along = Tangent { t: 1.0, u: &[], p: no_params };
                match derivative {
                    0 => delays.history.jvp(at, along, out, other, rest),
                    _ => delays.history.jvp(at, along, other, out, rest),
                }
            }
            source => {
                let mut weights = [0.0; MAX_POINTS];
                self.past.weights(source, derivative, &mut weights);
                for (state, out) in out.iter_mut().enumerate() {
                    *out = self.past.value(source, derivative, &weights, state);
                }
            }
        }
        true
    }
}
