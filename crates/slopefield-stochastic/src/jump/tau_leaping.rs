//! Tau leaping: many jumps at once.

use super::rates::{Rates, jumps_alone};
use crate::random::{Draws, Purpose};
use slopefield_kernel::{JumpChange, Jumps, Point, Tangent};
use slopefield_solve::{Ivp, Real, Settings, SolveError, Stats, Step, Stepper};

/// Relative change of rates in a leap, `ε`.
const CHANGE: f64 = 0.03;
/// A jump that could happen no more than this often before a state is used up is critical.
const CRITICAL: f64 = 10.0;
/// Leaps shorter than this many mean waiting times are not worth it;
const SHORT: f64 = 10.0;
/// this many single jumps are simulated instead.
const SINGLE_JUMPS: u32 = 100;

/// Tau leaping with step selection and critical jumps (Cao, Gillespie & Petzold, *Efficient step
/// size selection for the tau-leaping simulation method*, J. Chem. Phys. 124 (2006) 044109,
/// doi:10.1063/1.2159468; *Avoiding negative populations in explicit Poisson tau-leaping*, J. Chem.
/// Phys. 123 (2005) 054104, doi:10.1063/1.1992473).
///
/// In a leap no rate changes by more than about 3 % in mean or standard deviation. The paper bounds
/// the change of a state `x` by `ε x/g` with `g` tabulated by the order of the rate `a`; that is
/// `ε a/(∂a/∂x)`, which serves rates of any form. Near an equilibrium that alone would allow leaps
/// longer than the memory of the process, with too large variances (Rathinam et al., J. Chem. Phys.
/// 119 (2003) 12784, doi:10.1063/1.1627296): a leap is no longer than `2ε` times the least time in
/// which a disturbance can decay, so variances too are right to about `ε`. Leaps that would make a state negative are tried again with half the length.
#[derive(Debug)]
pub struct TauLeaping<T: Real = f64> {
    rates: Rates<T>,
    draws: Draws,
    scratch: Vec<T>,
    no_parameters: Vec<T>,
    direction: Vec<T>,
    values: Vec<T>,
    derivative: Vec<T>,
    critical: Vec<bool>,
    drift: Vec<f64>,
    column: Vec<f64>,
    variance: Vec<f64>,
    single: u32,
    t_prev: f64,
    t: f64,
    before: Vec<T>,
    after: Vec<T>,
    stats: Stats,
}

impl<T: Real> Default for TauLeaping<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Real> TauLeaping<T> {
    /// A simulation by leaps.
    #[must_use]
    pub fn new() -> Self {
        TauLeaping {
            rates: Rates::default(),
            draws: Draws::default(),
            scratch: Vec::new(),
            no_parameters: Vec::new(),
            direction: Vec::new(),
            values: Vec::new(),
            derivative: Vec::new(),
            critical: Vec::new(),
            drift: Vec::new(),
            column: Vec::new(),
            variance: Vec::new(),
            single: 0,
            t_prev: 0.0,
            t: 0.0,
            before: Vec::new(),
            after: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// Longest leap in which no rate changes much by jumps that are not critical.
    fn longest_leap(&mut self, ivp: &Ivp<'_, T>, jumps: &Jumps<'_, T>) -> f64 {
        self.drift.fill(0.0);
        self.variance.fill(0.0);
        for (jump, change) in jumps.changes.iter().enumerate() {
            let rate = self.rates.values()[jump].f64();
            if let JumpChange::Add(parts) = change
                && !self.critical[jump]
            {
                for (state, amount) in parts {
                    self.drift[*state as usize] += amount * rate;
                    self.variance[*state as usize] += amount * amount * rate;
                }
            }
        }
        let mut longest = f64::INFINITY;
        for i in 0..self.after.len() {
            if self.variance[i] == 0.0 {
                continue;
            }
            let (scale, slope) = self.scale_of(ivp, jumps, i);
            let allowed = (CHANGE * scale).max(1.0);
            longest = longest
                .min(2.0 * CHANGE / slope)
                .min(allowed / self.drift[i].abs())
                .min(allowed * allowed / self.variance[i]);
        }
        longest
    }

    /// Least of `rate / |∂rate/∂u_i|` over all rates: how far state `i` may go until a rate is
    /// another one (infinite where no rate depends on it). And the sum over all states of how fast a
    /// disturbance of state `i` changes them.
    fn scale_of(&mut self, ivp: &Ivp<'_, T>, jumps: &Jumps<'_, T>, i: usize) -> (f64, f64) {
        self.direction[i] = T::ONE;
        jumps.rates.jvp(
            Point { t: T::of(self.t), u: &self.after, p: ivp.p },
            Tangent { t: T::ZERO, u: &self.direction, p: &self.no_parameters },
            &mut self.values,
            &mut self.derivative,
            &mut self.scratch,
        );
        self.direction[i] = T::ZERO;
        let mut scale = f64::INFINITY;
        self.column.fill(0.0);
        for (jump, change) in jumps.changes.iter().enumerate() {
            let slope = self.derivative[jump].f64();
            if slope == 0.0 {
                continue;
            }
            scale = scale.min(self.rates.values()[jump].f64() / slope.abs());
            if let JumpChange::Add(parts) = change
                && !self.critical[jump]
            {
                for (state, amount) in parts {
                    self.column[*state as usize] += amount * slope;
                }
            }
        }
        (scale, self.column.iter().map(|x| x.abs()).sum())
    }

    fn mark_critical(&mut self, jumps: &Jumps<'_, T>) -> f64 {
        let mut total = 0.0;
        for (jump, change) in jumps.changes.iter().enumerate() {
            let rate = self.rates.values()[jump].f64();
            let mut times = f64::INFINITY;
            if let JumpChange::Add(parts) = change {
                for (state, amount) in parts.iter().filter(|(_, amount)| *amount < 0.0) {
                    times = times.min((self.after[*state as usize].f64() / -amount).floor());
                }
            }
            self.critical[jump] = rate > 0.0 && times < CRITICAL;
            if self.critical[jump] {
                total += rate;
            }
        }
        total
    }

    /// Adds a Poisson number of every jump that is not critical, and one critical jump if asked
    /// for. Whether no state became negative.
    fn leap(&mut self, jumps: &Jumps<'_, T>, length: f64, critical: Option<f64>) -> bool {
        self.after.copy_from_slice(&self.before);
        let mut happened = 0.0;
        let mut left = critical;
        for (jump, change) in jumps.changes.iter().enumerate() {
            let rate = self.rates.values()[jump].f64();
            let count = if self.critical[jump] {
                match left {
                    Some(at) if at < rate => {
                        left = None;
                        1.0
                    }
                    Some(at) => {
                        left = Some(at - rate);
                        0.0
                    }
                    None => 0.0,
                }
            } else if rate > 0.0 {
                self.draws.poisson(rate * length)
            } else {
                0.0
            };
            if let JumpChange::Add(parts) = change
                && count > 0.0
            {
                happened += count;
                for (state, amount) in parts {
                    self.after[*state as usize] += T::of(amount * count);
                }
            }
        }
        let mut states = self.after.iter().zip(&self.before);
        // States that may be negative by themselves are left alone.
        let fine = states.all(|(after, before)| *after >= T::ZERO || *before < T::ZERO);
        if fine {
            self.stats.events += happened as u64;
        }
        fine
    }

    /// A single jump, or none before the limit.
    fn jump_once(
        &mut self,
        ivp: &Ivp<'_, T>,
        jumps: &Jumps<'_, T>,
        total: f64,
        limit: f64,
    ) -> Result<(), SolveError> {
        let next = self.t + self.draws.exponential() / total;
        if next > limit {
            self.t = limit;
            return Ok(());
        }
        let at = self.draws.uniform() * total;
        let jump = self.rates.pick(at);
        self.t = next;
        self.stats.events += 1;
        self.rates.apply(ivp, jumps, jump, next, &mut self.after)
    }
}

impl<T: Real> Stepper<T> for TauLeaping<T> {
    fn start(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        let jumps = jumps_alone(ivp, "tau-leaping")?;
        if jumps.changes.iter().any(|change| matches!(change, JumpChange::Set(_))) {
            return Err(SolveError::Invalid(
                "the method tau-leaping needs jumps that add fixed numbers to states; use direct"
                    .into(),
            ));
        }
        self.rates.configure(ivp, &jumps)?;
        let (n, kinds) = (ivp.u0.len(), jumps.changes.len());
        self.draws = Draws::new(settings.seed, settings.path, Purpose::Jumps, ivp.t0);
        self.scratch.resize(jumps.rates.scratch_len(), T::ZERO);
        self.no_parameters.clear();
        self.no_parameters.resize(ivp.p.len(), T::ZERO);
        self.direction.clear();
        self.direction.resize(n, T::ZERO);
        self.values.resize(kinds, T::ZERO);
        self.derivative.resize(kinds, T::ZERO);
        self.critical.resize(kinds, false);
        self.drift.resize(n, 0.0);
        self.column.resize(n, 0.0);
        self.variance.resize(n, 0.0);
        self.before.resize(n, T::ZERO);
        self.after.resize(n, T::ZERO);
        self.before.copy_from_slice(ivp.u0);
        self.after.copy_from_slice(ivp.u0);
        (self.t_prev, self.t) = (ivp.t0, ivp.t0);
        self.single = 0;
        self.stats = Stats::default();
        Ok(())
    }

    fn step(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t_limit: f64,
    ) -> Result<Step, SolveError> {
        let jumps = jumps_alone(ivp, "tau-leaping")?;
        self.before.copy_from_slice(&self.after);
        self.t_prev = self.t;
        self.stats.accepted += 1;
        let mut rejected = 0;
        let mut shorter = f64::INFINITY;
        loop {
            let total = self.rates.evaluate(ivp, &jumps, self.t, &self.after)?;
            if total == 0.0 {
                self.t = t_limit;
                break;
            }
            if self.single > 0 {
                self.single -= 1;
                self.jump_once(ivp, &jumps, total, t_limit)?;
                if self.t > self.t_prev {
                    break;
                }
                continue;
            }
            let critical = self.mark_critical(&jumps);
            let longest = self.longest_leap(ivp, &jumps).min(shorter);
            if longest < SHORT / total {
                self.single = SINGLE_JUMPS;
                continue;
            }
            let wait =
                if critical > 0.0 { self.draws.exponential() / critical } else { f64::INFINITY };
            let at = self.draws.uniform() * critical;
            let length = longest.min(wait).min(t_limit - self.t);
            let with_critical = (wait <= length).then_some(at);
            if self.leap(&jumps, length, with_critical) {
                self.t = if length == t_limit - self.t { t_limit } else { self.t + length };
                break;
            }
            self.after.copy_from_slice(&self.before);
            rejected += 1;
            self.stats.rejected += 1;
            if self.stats.rejected >= settings.max_steps {
                return Err(SolveError::TooManySteps { t: self.t, steps: settings.max_steps });
            }
            shorter = 0.5 * length;
        }
        Ok(Step { t_prev: self.t_prev, t: self.t, rejected })
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
