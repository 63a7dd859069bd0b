//! Jumps on top of a differential equation by thinning.

use super::rates::Rates;
use super::without_jumps::WithoutJumps;
use crate::random::{Draws, Purpose};
use slopefield_kernel::{Jumps, Kernel};
use slopefield_solve::{Consistency, Ivp, Real, Settings, SolveError, Stats, Step, Stepper};

/// Jumps without time passing that are too many.
const STORM: u64 = 100_000;

/// Jumps whose rates vary between jumps, with the time or along a solution, below known bounds.
///
/// Candidates come with the sum of the bounds as their rate, and one is a jump with the probability
/// rate over bound, with the rate at the candidate (P. A. W. Lewis, G. S. Shedler, *Simulation of
/// nonhomogeneous Poisson processes by thinning*, Naval Res. Logistics Quart. 26 (1979) 403,
/// doi:10.1002/nav.3800260304; Y. Ogata, *On Lewis' simulation method for point processes*, IEEE
/// Trans. Inf. Theory 27 (1981) 23, doi:10.1109/TIT.1981.1056305, for bounds that hold for a time
/// and are given anew after each candidate). No rate is integrated, so that times of jumps have no
/// error but that of the solution, and none at all where the state changes by jumps alone.
///
/// The inner method steps onto every candidate and goes on behind those that are no jumps. It may be
/// any: also one for noise, whose Brownian motion goes on at jumps, one for delays, whose past holds
/// the jumps, and one for algebraic equations, which determine their variables anew after a jump.
///
/// *Invariant:* rates are compared with their bounds at all candidates and ends of steps, and a rate
/// above ends the solve: jumps are never missed silently where anything is evaluated.
pub struct Thinning<T: Real = f64> {
    inner: Box<dyn Stepper<T>>,
    rates: Rates<T>,
    draws: Draws,
    /// Where the inner method began last, and with which state,
    t_start: f64,
    start: Vec<T>,
    /// or has to begin before the next step, since there was a jump.
    begin_again: bool,
    t: f64,
    /// The next candidate, or where the bounds end before there is one.
    target: f64,
    /// Whether it is a candidate.
    candidate: bool,
    /// Sum of the bounds.
    bound: f64,
    /// State after the last step and its jump, with delayed values behind it.
    after: Vec<T>,
    /// Finds algebraic variables after a jump.
    consistency: Consistency<T>,
    slope: Vec<T>,
    /// Counters of inner solves that have ended, and of jumps.
    stats: Stats,
}

impl<T: Real> Thinning<T> {
    /// Jumps on top of what `inner` solves.
    #[must_use]
    pub fn new(inner: Box<dyn Stepper<T>>) -> Self {
        Thinning {
            inner,
            rates: Rates::default(),
            draws: Draws::default(),
            t_start: 0.0,
            start: Vec::new(),
            begin_again: false,
            t: 0.0,
            target: f64::INFINITY,
            candidate: false,
            bound: 0.0,
            after: Vec::new(),
            consistency: Consistency::default(),
            slope: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// What `start` and `restart` have in common, before the inner method begins.
    fn begin(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        let (jumps, _) = bounded(ivp)?;
        let structure = ivp.rhs.structure();
        if structure.mass.is_some() && structure.delays.is_some() {
            return Err(SolveError::Invalid(
                "jumps are not simulated along solutions of equations with both delays and a mass \
                 matrix or algebraic variables"
                    .into(),
            ));
        }
        if ivp.t1 < ivp.t0 {
            return Err(SolveError::Invalid(
                "jumps are simulated forward in time only; exchange the ends of the span".into(),
            ));
        }
        self.rates.configure(ivp, &jumps)?;
        self.consistency.configure(ivp, settings);
        self.slope.resize(ivp.u0.len(), T::ZERO);
        self.draws = Draws::new(settings.seed, settings.path, Purpose::Jumps, ivp.t0);
        self.start.clear();
        self.start.extend_from_slice(ivp.u0);
        self.after.resize(ivp.rhs.shape().states, T::ZERO);
        (self.t, self.t_start) = (ivp.t0, ivp.t0);
        (self.begin_again, self.stats) = (false, Stats::default());
        Ok(())
    }

    /// Takes the state of the inner method, at the end of its last step.
    fn look(&mut self, ivp: &Ivp<'_, T>, inner: &Ivp<'_, T>) -> Result<(), SolveError> {
        let (u, z) = self.after.split_at_mut(ivp.u0.len());
        u.copy_from_slice(self.inner.state());
        self.inner.delayed(inner, self.t, z)
    }

    /// Draws the next candidate from where the solution is.
    fn draw(&mut self, ivp: &Ivp<'_, T>) -> Result<(), SolveError> {
        let (jumps, bounds) = bounded(ivp)?;
        let (bound, length) = self.rates.bound(ivp, bounds, self.t, &self.after)?;
        self.rates.evaluate(ivp, &jumps, self.t, &self.after)?;
        self.rates.check_bounds(self.t)?;
        let wait = if bound > 0.0 { self.draws.exponential() / bound } else { f64::INFINITY };
        self.bound = bound;
        self.candidate = wait <= length;
        self.target = self.t + wait.min(length);
        if !self.candidate && self.target <= self.t {
            return Err(SolveError::Invalid(format!(
                "the bounds of rates hold for a time of {length} from t = {} on, in which no time \
                 passes",
                self.t
            )));
        }
        Ok(())
    }

    /// Lets a candidate be a jump, or not. Returns the jump, and leaves the state after it.
    fn decide(&mut self, ivp: &Ivp<'_, T>) -> Result<Option<usize>, SolveError> {
        if !self.candidate {
            return Ok(None);
        }
        let (jumps, _) = bounded(ivp)?;
        let total = self.rates.evaluate(ivp, &jumps, self.t, &self.after)?;
        self.rates.check_bounds(self.t)?;
        let at = self.draws.uniform() * self.bound;
        if at >= total {
            return Ok(None);
        }
        let jump = self.rates.pick(at);
        self.rates.apply(ivp, &jumps, jump, self.t, &mut self.after)?;
        if ivp.rhs.structure().mass.is_some() {
            let Thinning { consistency, after, slope, stats, .. } = self;
            consistency.establish(ivp, self.t, after, slope, stats)?;
        }
        self.stats.events += 1;
        Ok(Some(jump))
    }

    /// Deals with the candidates that lie where the solution has got to.
    fn pass_candidates(&mut self, ivp: &Ivp<'_, T>) -> Result<(), SolveError> {
        let mut at_once = 0;
        while self.target <= self.t {
            if let Some(jump) = self.decide(ivp)? {
                at_once += 1;
                if at_once > STORM {
                    return Err(SolveError::EventStorm { t: self.t, event: jump, count: at_once });
                }
                // Not yet: the solution within the last step may be asked for.
                self.begin_again = true;
            }
            self.draw(ivp)?;
        }
        Ok(())
    }
}

/// The jumps of a system, and the bounds of their rates.
fn bounded<'i, T: Real>(ivp: &Ivp<'i, T>) -> Result<(Jumps<'i, T>, &'i dyn Kernel<T>), SolveError> {
    let structure = ivp.rhs.structure();
    match (structure.jumps, structure.rate_bounds) {
        (Some(jumps), Some(bounds)) => Ok((jumps, bounds)),
        (None, _) => Err(SolveError::Invalid(
            "the system has no jumps to simulate along its solution".into(),
        )),
        (_, None) => Err(SolveError::Invalid(
            "thinning needs bounds of the rates of jumps, and the system gives none".into(),
        )),
    }
}

impl<T: Real> Stepper<T> for Thinning<T> {
    fn start(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        self.begin(ivp, settings)?;
        let plain = WithoutJumps::new(ivp.rhs);
        let inner = Ivp { rhs: &plain, ..*ivp };
        self.inner.start(&inner, settings)?;
        self.look(ivp, &inner)?;
        self.draw(ivp)
    }

    fn restart(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        self.begin(ivp, settings)?;
        let plain = WithoutJumps::new(ivp.rhs);
        let inner = Ivp { rhs: &plain, ..*ivp };
        self.inner.restart(&inner, settings)?;
        self.look(ivp, &inner)?;
        self.draw(ivp)
    }

    fn step(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t_limit: f64,
    ) -> Result<Step, SolveError> {
        self.pass_candidates(ivp)?;
        let plain = WithoutJumps::new(ivp.rhs);
        if std::mem::take(&mut self.begin_again) {
            self.stats += self.inner.stats();
            self.start.copy_from_slice(&self.after[..ivp.u0.len()]);
            self.t_start = self.t;
            let inner = Ivp { rhs: &plain, t0: self.t, t1: ivp.t1, u0: &self.start, p: ivp.p };
            self.inner.restart(&inner, settings)?;
        }
        let start = std::mem::take(&mut self.start);
        let inner = Ivp { rhs: &plain, t0: self.t_start, t1: ivp.t1, u0: &start, p: ivp.p };
        let taken = self.inner.step(&inner, settings, self.target.min(t_limit));
        let looked = taken.and_then(|step| {
            self.t = step.t;
            self.look(ivp, &inner).map(|()| step)
        });
        self.start = start;
        let step = looked?;
        if self.t < self.target {
            let (jumps, _) = bounded(ivp)?;
            self.rates.evaluate(ivp, &jumps, self.t, &self.after)?;
            self.rates.check_bounds(self.t)?;
        }
        self.pass_candidates(ivp)?;
        Ok(step)
    }

    fn begins_again_at_breaks(&self) -> bool {
        self.inner.begins_again_at_breaks()
    }

    fn state(&self) -> &[T] {
        &self.after[..self.start.len()]
    }

    fn prepare_dense(&mut self, ivp: &Ivp<'_, T>) {
        let plain = WithoutJumps::new(ivp.rhs);
        self.inner.prepare_dense(&Ivp {
            rhs: &plain,
            t0: self.t_start,
            t1: ivp.t1,
            u0: &self.start,
            p: ivp.p,
        });
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        self.inner.interpolate(t, out)
    }

    fn delayed(&mut self, ivp: &Ivp<'_, T>, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        let plain = WithoutJumps::new(ivp.rhs);
        self.inner.delayed(&Ivp { rhs: &plain, ..*ivp }, t, out)
    }

    fn stats(&self) -> Stats {
        let mut stats = self.stats;
        stats += self.inner.stats();
        stats
    }
}
