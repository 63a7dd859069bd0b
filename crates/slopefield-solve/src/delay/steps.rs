//! The method of steps: a one-step method for ordinary equations made one for delay equations.

use super::breaks::{Break, Breaks};
use super::fill::{Fill, Filled};
use super::history::{AtHand, History};
use super::lags::{Lags, Notes};
use super::passages::{Passage, Passages, Place};
use crate::{Attempt, ErrorNorm, Failure, Ivp, OneStep, Real, Settings, SolveError, Stages, Stats};

/// A step that needs its own solution is repeated at most so often.
const MOST_REPEATS: usize = 10;

/// It is repeated until its solution changes by less than this part of the tolerance.
const SETTLED: f64 = 0.1;

/// Repetitions that shrink the change less than this are given up.
const CONTRACTION: f64 = 0.7;

/// Squared error beyond which a step is not worth repeating.
const HOPELESS: f64 = 1e8;

/// A lag shorter than this part of the step is coupled to the state.
const SHORT: f64 = 0.5;

/// Discontinuities of derivatives up to this many above the order of the method are tracked.
const BEYOND_ORDER: u32 = 1;

/// The method of steps over `M`.
pub struct MethodOfSteps<M, T: Real = f64> {
    pub(super) method: M,
    pub(super) past: History<T>,
    pub(super) breaks: Breaks,
    pub(super) lags: Lags,
    pub(super) notes: Notes,
    /// What methods need to begin.
    pub(super) settings: Settings,
    /// Whether the method holds an attempt at a step.
    pub(super) holds: bool,
    /// Whether its dense output is sampled.
    pub(super) sampled: bool,
    /// Whether the next step begins at a discontinuity.
    pub(super) anew: bool,
    /// Where the next step must end because a lag comes to look at a discontinuity.
    pub(super) target: Option<f64>,
    /// What the step held ends on.
    pub(super) arrival: Option<Passage>,
    pub(super) fresh: Vec<T>,
    pub(super) state: Vec<T>,
    pub(super) times: Vec<f64>,
    pub(super) scratch: Vec<T>,
}

/// The ordinary equation at hand: its right-hand side is `$filled`.
macro_rules! ordinary {
    ($self:ident, $ivp:ident, $filled:ident, $inner:ident) => {
        let Some(fill) = Fill::new($ivp, &$self.past, &$self.lags, &$self.notes) else {
            unreachable!("checked when the solve began");
        };
        let $filled = Filled::new(fill);
        let $inner = Ivp { rhs: &$filled, ..*$ivp };
    };
}

impl<T: Real, M: OneStep<T>> MethodOfSteps<M, T> {
    /// The method of steps over `method`.
    pub fn new(method: M) -> Self {
        let degree = method.dense_degree();
        MethodOfSteps {
            method,
            past: History::new(degree),
            breaks: Breaks::default(),
            lags: Lags::default(),
            notes: Notes::default(),
            settings: Settings::default(),
            holds: false,
            sampled: false,
            anew: false,
            target: None,
            arrival: None,
            fresh: Vec::new(),
            state: Vec::new(),
            times: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// A lag that cannot be, met by the last attempt: time, index and value.
    pub(super) fn bad_lag(&self) -> Option<(f64, usize, f64)> {
        self.notes.bad_lag()
    }

    /// Finds the pieces of the past that the lags look at from the beginning of the step at hand.
    fn place_lags(&mut self, ivp: &Ivp<'_, T>, t: f64) {
        if !self.lags.vary() {
            return;
        }
        let u = &self.past.beginning;
        if let Some(fill) = Fill::new(ivp, &self.past, &self.lags, &self.notes) {
            fill.times(t, u, ivp.p, &mut self.times, &mut self.scratch);
        }
        self.lags.place::<T>(t, &self.times, &self.breaks);
    }

    /// Runs `find` on what looks for passages, and on the solution of the attempt.
    fn passages<R>(
        &mut self,
        find: impl FnOnce(
            &mut Passages<'_, T>,
            &mut dyn FnMut(f64, &mut [T]) -> Result<(), SolveError>,
        ) -> R,
    ) -> R {
        let Self { method, past, lags, notes, times, state, scratch, .. } = self;
        let (begin, end) = (past.t, past.t_new);
        let mut solution = |t: f64, out: &mut [T]| {
            if t == end {
                out.copy_from_slice(method.end());
            } else if t == begin {
                out.copy_from_slice(method.beginning());
            } else {
                method.interpolate(t, out)?;
            }
            Ok(())
        };
        find(&mut Passages { past, lags, notes, times, state, scratch }, &mut solution)
    }

    /// The first instant within the attempt at `span` at which a lag comes to look across a
    /// discontinuity of the past.
    fn passage(
        &mut self,
        ivp: &Ivp<'_, T>,
        span: (f64, f64),
        counts: &mut Stats,
    ) -> Result<Option<Passage>, SolveError> {
        if !Passages::<T>::may_be(&self.lags, &self.breaks) {
            return Ok(None);
        }
        self.prepare_dense(ivp, counts);
        self.passages(|along, solution| along.first(ivp, span, solution))
    }

    /// The discontinuity that a lag looks at from the end of the attempt, where the step was cut to end
    /// there and falls short by rounding.
    fn nearly(&mut self, ivp: &Ivp<'_, T>, span: (f64, f64)) -> Option<Passage> {
        self.target.filter(|&target| target == span.1)?;
        self.passages(|along, solution| along.nearly(ivp, span, solution))
    }

    /// Writes the delayed values at `t` within the step held to `out`.
    pub(super) fn delayed(
        &mut self,
        ivp: &Ivp<'_, T>,
        t: f64,
        out: &mut [T],
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        if self.holds {
            self.sample_held(ivp, counts)?;
            self.method.interpolate(t, &mut self.state)?;
        } else {
            self.state.copy_from_slice(self.method.beginning());
        }
        if let Some(fill) = Fill::new(ivp, &self.past, &self.lags, &self.notes) {
            fill.delayed(t, &self.state, ivp.p, out, &mut self.scratch);
        }
        Ok(())
    }

    /// Makes the dense output of the step held the step at hand.
    fn sample_held(&mut self, ivp: &Ivp<'_, T>, counts: &mut Stats) -> Result<(), SolveError> {
        if !self.sampled {
            self.sample(ivp, counts)?;
            std::mem::swap(&mut self.fresh, &mut self.past.sampled);
            self.past.at_hand = AtHand::Sampled;
            self.sampled = true;
        }
        Ok(())
    }

    /// Writes the dense output of the last attempt to `fresh`.
    fn sample(&mut self, ivp: &Ivp<'_, T>, counts: &mut Stats) -> Result<(), SolveError> {
        {
            ordinary!(self, ivp, filled, inner);
            self.method.prepare_dense(&inner, counts);
        }
        let n = ivp.u0.len();
        let last = self.past.points() - 1;
        let (values, slopes) = self.fresh.split_at_mut(self.past.points() * n);
        for (i, row) in values.chunks_exact_mut(n).enumerate() {
            if i == 0 {
                row.copy_from_slice(self.method.beginning());
            } else if i == last {
                row.copy_from_slice(self.method.end());
            } else {
                self.method.interpolate(self.past.time(i), row)?;
            }
        }
        let mut rows = slopes.chunks_exact_mut(n).enumerate();
        if !rows.all(|(i, row)| self.method.interpolate_slope(self.past.time(i), row)) {
            self.past.differentiate(&mut self.fresh);
        }
        Ok(())
    }

    /// Largest change, in units of the tolerance, from what stood for the step at hand to its
    /// samples: of the solution and, where they are read, of its slopes, too. In a short step little
    /// changes the solution, but much the slopes.
    fn change(&self, norm: &ErrorNorm, n: usize) -> f64 {
        let rows = self.fresh.chunks_exact(n).zip(self.past.sampled.chunks_exact(n));
        let mut most = 0.0_f64;
        for (new, old) in rows {
            let square = norm.square_of_difference(new, old);
            if square.is_nan() {
                return f64::INFINITY;
            }
            most = most.max(square);
        }
        most.sqrt()
    }

    /// Begins with the end of the step held, which has been accepted. Whether the method has begun
    /// anew there.
    fn go_on(&mut self, ivp: &Ivp<'_, T>, counts: &mut Stats) -> Result<bool, SolveError> {
        self.sample_held(ivp, counts)?;
        self.past.keep(self.past.t_new);
        self.holds = false;
        if !std::mem::take(&mut self.anew) {
            return Ok(false);
        }
        self.past.at_hand = AtHand::Constant;
        self.state.clone_from(&self.past.beginning);
        self.begin_method(ivp, counts)?;
        Ok(true)
    }

    /// The method begins at the step at hand, with the state in `state`.
    fn begin_method(&mut self, ivp: &Ivp<'_, T>, counts: &mut Stats) -> Result<(), SolveError> {
        self.notes.clear();
        self.lags.coupled.fill(false);
        {
            ordinary!(self, ivp, filled, inner);
            let (settings, t) = (&self.settings, self.past.t);
            let begun = self.method.begin(&inner, settings, t, &self.state, counts);
            if let Some((t, lag, value)) = self.notes.bad_lag() {
                return Err(SolveError::BadLag { t, lag, value });
            }
            begun?;
        }
        // Algebraic variables may have been made consistent.
        self.past.beginning.copy_from_slice(self.method.beginning());
        Ok(())
    }

    /// Repeats the attempt until the step agrees with the past that it made for itself.
    fn settle(
        &mut self,
        ivp: &Ivp<'_, T>,
        span: (f64, f64),
        from_end: bool,
        norm: &ErrorNorm,
        counts: &mut Stats,
    ) -> Result<Attempt, SolveError> {
        let not_settled = Ok(Attempt::Failed { factor: 0.5, reason: Failure::NotConverged });
        let mut before = f64::INFINITY;
        for repeat in 0..MOST_REPEATS {
            self.notes.clear();
            self.sampled = false;
            let attempt = {
                ordinary!(self, ivp, filled, inner);
                self.method.attempt(&inner, span, from_end && repeat == 0, norm, counts)
            };
            self.holds = true;
            let ahead = self.notes.looked_ahead();
            let error = match attempt {
                Attempt::Measured(error) if ahead => error,
                _ => return Ok(attempt),
            };
            if !(error <= HOPELESS) {
                // The continuation of the last step may run far away from the solution.
                if self.past.at_hand == AtHand::Continued {
                    self.past.at_hand = AtHand::Constant;
                    continue;
                }
                return Ok(attempt);
            }
            if self.past.at_hand != AtHand::Sampled {
                let mut guess = std::mem::take(&mut self.past.sampled);
                self.past.guess(&mut guess);
                self.past.sampled = guess;
            }
            self.sample(ivp, counts)?;
            let change = self.change(norm, ivp.u0.len());
            std::mem::swap(&mut self.fresh, &mut self.past.sampled);
            self.past.at_hand = AtHand::Sampled;
            self.sampled = true;
            if change <= SETTLED {
                return Ok(attempt);
            }
            if !change.is_finite() || repeat > 1 && change > CONTRACTION * before {
                return not_settled;
            }
            before = change;
        }
        not_settled
    }
}

impl<T: Real, M: OneStep<T>> OneStep<T> for MethodOfSteps<M, T> {
    fn error_order(&self) -> u32 {
        self.method.error_order()
    }

    fn begin(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t: f64,
        u: &[T],
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        let structure = ivp.rhs.structure();
        let Some(delays) = structure.delays else {
            return Err(SolveError::Invalid(
                "the system has no delays; call its method without the method of steps".into(),
            ));
        };
        for (there, what) in
            [(structure.noise.is_some(), "noise"), (structure.jumps.is_some(), "random jumps")]
        {
            if there {
                return Err(SolveError::Invalid(format!(
                    "there is no method for systems with both delays and {what}"
                )));
            }
        }
        if ivp.t1 < ivp.t0 {
            return Err(SolveError::Invalid(
                "delay equations cannot be integrated backward in time: their past would have to \
                 be known from their future"
                    .into(),
            ));
        }
        self.settings.rtol = settings.rtol;
        self.settings.atol.clone_from(&settings.atol);
        let Settings { h_init, h_min, h_max, max_steps, seed, path, deadline, .. } = *settings;
        let cancel = settings.cancel.clone();
        let atol = std::mem::take(&mut self.settings.atol);
        self.settings = Settings {
            rtol: settings.rtol,
            atol,
            h_init,
            h_min,
            h_max,
            max_steps,
            seed,
            path,
            cancel,
            deadline,
        };
        self.state.clear();
        self.state.extend_from_slice(u);
        let slopes = delays.reads.iter().any(|read| read.slope);
        self.past.begin(t, u, f64::INFINITY, slopes);
        self.fresh.resize(self.past.samples(), T::ZERO);
        self.notes.clear();
        (self.holds, self.sampled, self.anew) = (false, false, false);
        (self.target, self.arrival) = (None, None);
        self.read_lags(ivp, &delays)?;
        let mut lags = self.lags.constant.iter();
        let longest = lags.try_fold(0.0, |longest, lag| Some(f64::max(longest, (*lag)?)));
        self.past.begin(t, u, longest.unwrap_or(f64::INFINITY), slopes);
        let first = Break { t, order: u32::from(!delays.jumps_at_start) };
        let highest = self.error_order() + BEYOND_ORDER;
        self.breaks.begin(first, highest, &self.lags.constant, delays.reads);
        for b in structure.breaks.iter().filter(|b| b.t > t) {
            self.breaks.expect(Break { t: b.t, order: if b.jump { 1 } else { 2 } });
        }
        self.place_lags(ivp, t);
        self.begin_method(ivp, counts)
    }

    fn begin_again(
        &mut self,
        ivp: &Ivp<'_, T>,
        _: &Settings,
        t: f64,
        u: &[T],
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        if self.holds {
            self.sample_held(ivp, counts)?;
            self.past.keep(t);
            self.holds = false;
        }
        self.breaks.pass(t);
        self.breaks.reach(Break { t, order: 0 });
        (self.anew, self.target, self.arrival) = (false, None, None);
        self.past.begin_step(t, u);
        self.state.clear();
        self.state.extend_from_slice(u);
        self.place_lags(ivp, t);
        self.begin_method(ivp, counts)
    }

    fn first_length(
        &mut self,
        ivp: &Ivp<'_, T>,
        norm: &ErrorNorm,
        h_max: f64,
        counts: &mut Stats,
    ) -> f64 {
        ordinary!(self, ivp, filled, inner);
        self.method.first_length(&inner, norm, h_max, counts)
    }

    fn limit(&mut self, t: f64) -> Option<f64> {
        if self.holds && t == self.past.t_new {
            if let Some(passage) = self.arrival.take() {
                self.lags.pass_through(passage, &mut self.breaks);
                self.anew = true;
                self.target = None;
            }
            if self.breaks.pass(t) {
                self.lags.bound(self.breaks.passed());
                self.anew = true;
            }
        }
        let next = self.breaks.next().into_iter().chain(self.target.filter(|&at| at > t));
        next.reduce(f64::min)
    }

    fn attempt(
        &mut self,
        ivp: &Ivp<'_, T>,
        span: (f64, f64),
        from_end: bool,
        norm: &ErrorNorm,
        counts: &mut Stats,
    ) -> Attempt {
        let mut from_end = from_end;
        let failed = Attempt::Measured(f64::NAN);
        if from_end {
            match self.go_on(ivp, counts) {
                Ok(anew) => from_end = !anew,
                Err(_) => return failed,
            }
        }
        self.past.t_new = span.1;
        self.arrival = None;
        // Some methods linearise at the beginning of a step, once for all attempts at it, so the
        // equation must keep its form for all of them.
        if from_end && Fill::may_couple(ivp.rhs, ivp.u0.len()) {
            for (coupled, lag) in self.lags.coupled.iter_mut().zip(&self.lags.constant) {
                *coupled = lag.is_some_and(|lag| lag < SHORT * (span.1 - span.0));
            }
        }
        // What a rejected attempt made of a longer step is no guess for this one.
        if self.past.at_hand == AtHand::Sampled {
            self.past.at_hand = AtHand::Continued;
        }
        for _ in 0..8 {
            let attempt = match self.settle(ivp, span, from_end, norm, counts) {
                Ok(attempt) => attempt,
                Err(_) => return failed,
            };
            let Attempt::Measured(error) = attempt else { return attempt };
            // What lies within a step that is rejected anyway is not known well enough.
            if !(error <= 1.0) {
                return attempt;
            }
            let passage = match self.passage(ivp, span, counts) {
                Ok(passage) => passage,
                Err(_) => return failed,
            };
            let Some(passage) = passage else {
                self.arrival = self.nearly(ivp, span);
                return attempt;
            };
            match passage.place(span) {
                Place::End => {
                    self.arrival = Some(Passage { t: span.1, ..passage });
                    return attempt;
                }
                Place::Beginning => {
                    // Nothing lies between: the step begins on the other side.
                    let at_once = Passage { t: span.0, ..passage };
                    self.lags.pass_through(at_once, &mut self.breaks);
                    self.past.at_hand = AtHand::Constant;
                    self.holds = false;
                    self.state.clone_from(&self.past.beginning);
                    if self.begin_method(ivp, counts).is_err() {
                        return failed;
                    }
                    from_end = false;
                }
                Place::Inside => {
                    self.target = Some(passage.t);
                    return Attempt::Failed { factor: 1.0, reason: Failure::NotConverged };
                }
            }
        }
        Attempt::Failed { factor: 0.5, reason: Failure::NotConverged }
    }

    fn value(&mut self, ivp: &Ivp<'_, T>, t: f64, u: &[T], out: &mut [T], counts: &mut Stats) {
        ordinary!(self, ivp, filled, inner);
        self.method.value(&inner, t, u, out, counts);
    }

    fn beginning(&self) -> &[T] {
        self.method.beginning()
    }

    fn end(&self) -> &[T] {
        self.method.end()
    }

    fn prepare_dense(&mut self, ivp: &Ivp<'_, T>, counts: &mut Stats) {
        ordinary!(self, ivp, filled, inner);
        self.method.prepare_dense(&inner, counts);
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        self.method.interpolate(t, out)
    }

    fn dense_degree(&self) -> usize {
        self.method.dense_degree()
    }

    fn first_non_finite(&self) -> Option<usize> {
        self.method.first_non_finite()
    }

    fn preferred(&self, factor: f64) -> f64 {
        self.method.preferred(factor)
    }

    // The stages of a delay equation cannot be taken again without its past.
    fn stages(&self) -> Option<&Stages<T>> {
        None
    }
}
