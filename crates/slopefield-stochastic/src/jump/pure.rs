//! Exact simulation of jump processes whose rates are constant between jumps.

use super::queue::Queue;
use super::rates::{Rates, jumps_alone};
use crate::random::{Draws, Purpose};
use slopefield_kernel::Jumps;
use slopefield_solve::{Ivp, Real, Settings, SolveError, Stats, Step, Stepper};

/// How the next jump is found. All are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// Sum of the rates and linear search (Gillespie, J. Phys. Chem. 81 (1977) 2340,
    /// doi:10.1021/j100540a008).
    Direct,
    /// The same with the search in an order that moves frequent jumps to the front (McCollum et
    /// al., Comput. Biol. Chem. 30 (2006) 39, doi:10.1016/j.compbiolchem.2005.10.007).
    SortingDirect,
    /// A time for every jump, of which only those with altered rates change (Gibson & Bruck 2000,
    /// doi:10.1021/jp993732q).
    NextReaction,
}

/// A jump that has happened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Happened {
    /// When.
    pub t: f64,
    /// Which: its index among [`Jumps::changes`].
    pub jump: u32,
}

/// Jumps without time passing that are too many.
const STORM: u64 = 100_000;

/// A jump process, one jump a step. Between jumps the state is constant; at a jump it is the state
/// after it.
#[derive(Debug)]
pub struct PureJump<T: Real = f64> {
    selection: Selection,
    rates: Rates<T>,
    draws: Draws,
    queue: Queue,
    order: Vec<u32>,
    previous: Vec<f64>,
    total: f64,
    t_prev: f64,
    t: f64,
    /// Time of the next jump.
    next: f64,
    before: Vec<T>,
    after: Vec<T>,
    record: Option<Vec<Happened>>,
    stats: Stats,
}

impl<T: Real> PureJump<T> {
    /// A simulation that finds the next jump in the given way.
    #[must_use]
    pub fn new(selection: Selection) -> Self {
        PureJump {
            selection,
            rates: Rates::default(),
            draws: Draws::default(),
            queue: Queue::default(),
            order: Vec::new(),
            previous: Vec::new(),
            total: 0.0,
            t_prev: 0.0,
            t: 0.0,
            next: f64::INFINITY,
            before: Vec::new(),
            after: Vec::new(),
            record: None,
            stats: Stats::default(),
        }
    }

    /// Keeps a list of the jumps since the start; see [`PureJump::happened`].
    #[must_use]
    pub fn recording(mut self) -> Self {
        self.record = Some(Vec::new());
        self
    }

    /// The jumps since the start, if a list was asked for.
    #[must_use]
    pub fn happened(&self) -> &[Happened] {
        self.record.as_deref().unwrap_or_default()
    }

    fn id(&self) -> &'static str {
        match self.selection {
            Selection::Direct => "direct",
            Selection::SortingDirect => "sorting-direct",
            Selection::NextReaction => "next-reaction",
        }
    }

    /// Decides the time of the next jump after jump `happened`, or of the first one.
    fn schedule(
        &mut self,
        ivp: &Ivp<'_, T>,
        jumps: &Jumps<'_, T>,
        happened: Option<usize>,
    ) -> Result<(), SolveError> {
        match happened {
            None => {
                self.rates.evaluate(ivp, jumps, self.t, &self.after)?;
            }
            Some(happened) => {
                self.rates.refresh(ivp, jumps, happened, self.t, &self.after)?;
            }
        }
        if self.selection != Selection::NextReaction {
            self.total = self.rates.total();
            self.next = self.t + self.wait(self.total);
            return Ok(());
        }
        match happened {
            None => {
                for jump in 0..jumps.changes.len() {
                    self.renew(jump);
                }
            }
            Some(happened) => {
                for jump in &jumps.alters[happened] {
                    if *jump as usize != happened {
                        self.stretch(*jump as usize);
                    }
                }
                self.renew(happened);
            }
        }
        self.next = self.queue.first().map_or(f64::INFINITY, |(_, time)| time);
        Ok(())
    }

    /// Waiting time at a rate.
    fn wait(&mut self, rate: f64) -> f64 {
        if rate > 0.0 { self.draws.exponential() / rate } else { f64::INFINITY }
    }

    /// A new time for a jump.
    fn renew(&mut self, jump: usize) {
        let rate = self.rates.values()[jump].f64();
        let time = self.t + self.wait(rate);
        self.queue.set(jump, time);
        self.previous[jump] = rate;
    }

    /// The time of a jump whose rate has changed: what is left of the wait is scaled.
    fn stretch(&mut self, jump: usize) {
        let rate = self.rates.values()[jump].f64();
        let before = self.previous[jump];
        if before == rate {
            return;
        }
        if before > 0.0 && rate > 0.0 {
            let left = (self.queue.time(jump) - self.t).max(0.0);
            self.queue.set(jump, self.t + before / rate * left);
            self.previous[jump] = rate;
        } else {
            self.renew(jump);
        }
    }

    /// The jump that happens now.
    fn select(&mut self) -> usize {
        match self.selection {
            Selection::NextReaction => self.queue.first().map_or(0, |(jump, _)| jump),
            Selection::Direct => {
                let at = self.draws.uniform() * self.total;
                self.rates.pick(at)
            }
            Selection::SortingDirect => {
                let mut at = self.draws.uniform() * self.total;
                let mut found = 0;
                for (place, jump) in self.order.iter().enumerate() {
                    let rate = self.rates.values()[*jump as usize].f64();
                    if rate > 0.0 {
                        found = place;
                        if at < rate {
                            break;
                        }
                        at -= rate;
                    }
                }
                let jump = self.order[found];
                if found > 0 {
                    self.order.swap(found, found - 1);
                }
                jump as usize
            }
        }
    }
}

impl<T: Real> Stepper<T> for PureJump<T> {
    fn start(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        let jumps = jumps_alone(ivp, self.id())?;
        let kinds = jumps.changes.len();
        self.rates.configure(ivp, &jumps)?;
        self.draws = Draws::new(settings.seed, settings.path, Purpose::Jumps, ivp.t0);
        self.queue.reset(kinds);
        self.order.clear();
        self.order.extend(0..kinds as u32);
        self.previous.clear();
        self.previous.resize(kinds, 0.0);
        self.before.resize(ivp.u0.len(), T::ZERO);
        self.after.resize(ivp.u0.len(), T::ZERO);
        self.before.copy_from_slice(ivp.u0);
        self.after.copy_from_slice(ivp.u0);
        (self.t_prev, self.t) = (ivp.t0, ivp.t0);
        self.stats = Stats::default();
        if let Some(record) = &mut self.record {
            record.clear();
        }
        self.schedule(ivp, &jumps, None)
    }

    fn step(&mut self, ivp: &Ivp<'_, T>, _: &Settings, t_limit: f64) -> Result<Step, SolveError> {
        let jumps = jumps_alone(ivp, self.id())?;
        self.before.copy_from_slice(&self.after);
        self.t_prev = self.t;
        self.stats.accepted += 1;
        let mut at_once = 0;
        while self.next <= t_limit {
            let jump = self.select();
            self.t = self.next;
            self.rates.apply(ivp, &jumps, jump, self.t, &mut self.after)?;
            self.stats.events += 1;
            if let Some(record) = &mut self.record {
                record.push(Happened { t: self.t, jump: jump as u32 });
            }
            self.schedule(ivp, &jumps, Some(jump))?;
            if self.t > self.t_prev {
                return Ok(Step { t_prev: self.t_prev, t: self.t, rejected: 0 });
            }
            // Jumps so frequent that the time does not change between them.
            at_once += 1;
            self.before.copy_from_slice(&self.after);
            if at_once > STORM {
                return Err(SolveError::EventStorm { t: self.t, event: jump, count: at_once });
            }
        }
        self.t = t_limit;
        Ok(Step { t_prev: self.t_prev, t: t_limit, rejected: 0 })
    }

    fn begins_again_at_breaks(&self) -> bool {
        false
    }

    fn state(&self) -> &[T] {
        &self.after
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        let state = if t >= self.t { &self.after } else { &self.before };
        out.copy_from_slice(state);
        Ok(())
    }

    fn stats(&self) -> Stats {
        self.stats
    }
}
