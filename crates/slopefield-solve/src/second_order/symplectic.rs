//! Symplectic compositions as steppers: equal steps, without error control.

use super::composition::Composition;
use super::partition::Partition;
use crate::hermite::{Jet, cubic, fraction, quintic};
use crate::initial::starting_length;
use crate::{ErrorNorm, Ivp, Real, Settings, SolveError, Stats, Step, Stepper};

/// A symplectic method with equal steps.
///
/// The span is divided into equal steps of at most [`Settings::h_init`]. Without it the length is
/// chosen once, at the start, such that a step differs from two of half its length by half the
/// tolerances: right for motions that are everywhere as fast as at the start. Step bounds hold;
/// tolerances have no other use.
pub struct Symplectic<T: Real = f64> {
    scheme: &'static Composition,
    partition: Partition<T>,
    norm: ErrorNorm,
    t_prev: f64,
    t: f64,
    /// Length of all steps, positive.
    h: f64,
    before: Vec<T>,
    u: Vec<T>,
    /// Right-hand side at the last kick.
    slope: Vec<T>,
    /// Whether its accelerations are those at the end of the last step.
    kicked: bool,
    jets: [Jet<T>; 2],
    /// Whether the jets at the beginning and at the end of the last step are evaluated.
    prepared: [bool; 2],
    still: Vec<T>,
    trial: Vec<T>,
    scratch: Vec<T>,
    stats: Stats,
}

/// Trials of a length at the start.
const TRIALS: u32 = 12;

impl<T: Real> Symplectic<T> {
    /// The method of `scheme`.
    pub fn new(scheme: &'static Composition) -> Self {
        Symplectic {
            scheme,
            partition: Partition::default(),
            norm: ErrorNorm::default(),
            t_prev: 0.0,
            t: 0.0,
            h: 0.0,
            before: Vec::new(),
            u: Vec::new(),
            slope: Vec::new(),
            kicked: false,
            jets: [Jet::default(), Jet::default()],
            prepared: [false; 2],
            still: Vec::new(),
            trial: Vec::new(),
            scratch: Vec::new(),
            stats: Stats::default(),
        }
    }

    /// The step from `t` to `t_new` on `u`.
    fn advance(&mut self, ivp: &Ivp<'_, T>, t: f64, t_new: f64) {
        let h = t_new - t;
        let Composition { kicks, drifts, .. } = self.scheme;
        // Accelerations see the time of the positions, velocities their own.
        let (mut moved, mut kicked) = (0.0, 0.0);
        for (i, (kick, drift)) in kicks.iter().zip(*drifts).enumerate() {
            if i > 0 || !self.kicked {
                let last = i + 1 == kicks.len() && *drift == 0.0;
                self.evaluate(ivp, if last { t_new } else { t + moved * h });
            }
            let weight = T::of(h * kick);
            for v in &self.partition.velocities {
                let v = *v as usize;
                self.u[v] += weight * self.slope[v];
            }
            kicked += kick;
            if *drift == 0.0 {
                continue;
            }
            let weight = T::of(h * drift);
            if self.partition.plain {
                for (q, v) in self.partition.positions.iter().zip(&self.partition.velocities) {
                    let velocity = self.u[*v as usize];
                    self.u[*q as usize] += weight * velocity;
                }
            } else {
                self.evaluate(ivp, t + kicked * h);
                for q in &self.partition.positions {
                    let q = *q as usize;
                    self.u[q] += weight * self.slope[q];
                }
            }
            moved += drift;
        }
        self.kicked = drifts.last() == Some(&0.0);
    }

    fn evaluate(&mut self, ivp: &Ivp<'_, T>, t: f64) {
        ivp.rhs.eval(T::of(t), &self.u, ivp.p, &mut self.slope, &mut self.scratch);
        self.stats.rhs += 1;
    }

    /// A length from the tolerances, at most `longest`; leaves `u` at the start.
    fn chosen_length(&mut self, ivp: &Ivp<'_, T>, longest: f64) -> f64 {
        let direction = ivp.direction();
        let order = self.scheme.order;
        self.evaluate(ivp, ivp.t0);
        let d0 = self.norm.of_value(ivp.u0, ivp.u0);
        let d1 = self.norm.of_value(&self.slope, ivp.u0);
        // For lengths of which the state changes by little; the trials do the rest.
        let mut h = starting_length(longest, longest, order + 1, (d0, d1), |_| 0.0);
        for _ in 0..TRIALS {
            let t = ivp.t0 + direction * h;
            self.begin_at(ivp.u0);
            self.advance(ivp, ivp.t0, t);
            self.trial.copy_from_slice(&self.u);
            self.begin_at(ivp.u0);
            let middle = ivp.t0 + 0.5 * direction * h;
            self.advance(ivp, ivp.t0, middle);
            self.advance(ivp, middle, t);
            for (once, twice) in self.trial.iter_mut().zip(&self.u) {
                *once -= *twice;
            }
            let error = self.norm.of_error(&self.trial, ivp.u0, &self.u);
            let power = 1.0 / f64::from(order + 1);
            let factor = if error.is_finite() {
                (0.5 / error.max(1e-30)).powf(power).clamp(0.1, 10.0)
            } else {
                0.1
            };
            h = (h * factor).min(longest);
            if (0.8..=1.25).contains(&factor) || (h == longest && factor >= 1.0) {
                break;
            }
        }
        self.begin_at(ivp.u0);
        h
    }

    fn begin_at(&mut self, u: &[T]) {
        self.u.copy_from_slice(u);
        self.kicked = false;
    }

    fn jet(&mut self, ivp: &Ivp<'_, T>, end: usize) {
        if self.prepared[end] {
            return;
        }
        self.prepared[end] = true;
        let (t, u) = if end == 0 { (self.t_prev, &self.before) } else { (self.t, &self.u) };
        let jet = &mut self.jets[end];
        if self.scheme.dense_order < 4 {
            jet.first(ivp, t, u, &mut self.scratch);
            self.stats.rhs += 1;
        } else {
            // The trial is not in use between steps.
            jet.both(ivp, t, u, &self.still, &mut self.trial, &mut self.scratch);
            self.stats.rhs += 2;
        }
    }
}

impl<T: Real> Stepper<T> for Symplectic<T> {
    fn start(&mut self, ivp: &Ivp<'_, T>, settings: &Settings) -> Result<(), SolveError> {
        let (n, scheme) = (ivp.u0.len(), self.scheme);
        self.stats = Stats { rhs: Partition::<T>::EVALUATIONS, ..Stats::default() };
        self.partition.configure(ivp, scheme.id)?;
        if scheme.quadratic && !self.partition.linear {
            return Err(SolveError::Invalid(format!(
                "the method {} needs slopes of positions that are linear in the velocities; use \
                 kahan-li8",
                scheme.id
            )));
        }
        self.norm.configure(settings, n);
        for vector in [&mut self.before, &mut self.u, &mut self.slope, &mut self.trial] {
            vector.resize(n, T::ZERO);
        }
        for jet in &mut self.jets {
            jet.resize(n);
        }
        self.still.clear();
        self.still.resize(ivp.p.len(), T::ZERO);
        self.scratch.resize(ivp.rhs.scratch_len(), T::ZERO);
        (self.t_prev, self.t) = (ivp.t0, ivp.t0);
        self.prepared = [false; 2];
        self.begin_at(ivp.u0);
        self.before.copy_from_slice(ivp.u0);
        let span = (ivp.t1 - ivp.t0).abs();
        let longest = span.min(settings.h_max);
        let wanted = match settings.h_init {
            Some(h) => h.abs().min(longest),
            None => self.chosen_length(ivp, longest),
        };
        // Equal steps; a quotient that is whole but for rounding is whole.
        let steps = (span / wanted.max(settings.h_min) * (1.0 - 1e-12)).ceil().max(1.0);
        self.h = span / steps;
        Ok(())
    }

    fn step(
        &mut self,
        ivp: &Ivp<'_, T>,
        settings: &Settings,
        t_limit: f64,
    ) -> Result<Step, SolveError> {
        let t = self.t;
        if let Some(interruption) = settings.interruption(t) {
            return Err(interruption);
        }
        if self.stats.accepted >= settings.max_steps {
            return Err(SolveError::TooManySteps { t, steps: settings.max_steps });
        }
        // The sum of equal steps misses the end by rounding errors.
        let last = (t_limit - t).abs() <= self.h * (1.0 + 1e-6);
        let t_new = if last { t_limit } else { t + self.h.copysign(t_limit - t) };
        if t_new == t {
            return Err(SolveError::StepTooSmall { t, h: self.h });
        }
        self.before.copy_from_slice(&self.u);
        self.jets.swap(0, 1);
        self.prepared = [self.prepared[1], false];
        self.advance(ivp, t, t_new);
        (self.t_prev, self.t) = (t, t_new);
        self.stats.accepted += 1;
        match self.u.iter().position(|x| !x.finite()) {
            Some(state) => Err(SolveError::non_finite(t, state, &self.before)),
            None => Ok(Step { t_prev: t, t: t_new, rejected: 0 }),
        }
    }

    fn begins_again_at_breaks(&self) -> bool {
        false
    }

    fn state(&self) -> &[T] {
        &self.u
    }

    fn prepare_dense(&mut self, ivp: &Ivp<'_, T>) {
        if self.t != self.t_prev {
            self.jet(ivp, 0);
            self.jet(ivp, 1);
        }
    }

    fn interpolate(&mut self, t: f64, out: &mut [T]) -> Result<(), SolveError> {
        if t == self.t {
            out.copy_from_slice(&self.u);
            return Ok(());
        }
        let (theta, h) = (fraction(t, self.t_prev, self.t)?, self.t - self.t_prev);
        if self.prepared != [true; 2] {
            return Err(SolveError::Invalid(format!(
                "the derivatives that the solution within a step of {} needs have not been \
                 evaluated",
                self.scheme.name
            )));
        }
        let [start, end] = &self.jets;
        if self.scheme.dense_order < 4 {
            cubic(theta, h, (&self.before, &start.slope), (&self.u, &end.slope), out);
        } else {
            quintic(theta, h, (&self.before, start), (&self.u, end), out);
        }
        Ok(())
    }

    fn stats(&self) -> Stats {
        self.stats
    }
}
