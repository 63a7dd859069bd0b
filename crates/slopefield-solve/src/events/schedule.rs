//! Events at given times.

use crate::{Ivp, Real, SolveError};
use slopefield_kernel::{Event, Events, Trigger};

/// Times this close, relative to their size, are one instant.
const ONE_INSTANT: f64 = 8.0 * f64::EPSILON;

/// When time events happen, in either direction of time.
pub(super) struct Schedule<'a> {
    list: &'a [Event],
    /// Times and periods, as [`Events::times`] gives them.
    times: Vec<f64>,
    direction: f64,
}

impl<'a> Schedule<'a> {
    /// Evaluates the times for the parameters of `ivp`.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] for times that are not numbers and periods that are not positive.
    pub(super) fn new<T: Real>(
        ivp: &Ivp<'_, T>,
        events: &Events<'a, T>,
    ) -> Result<Self, SolveError> {
        let mut times = Vec::new();
        if let Some(kernel) = events.times {
            let mut values = vec![T::ZERO; kernel.shape().outputs];
            let mut scratch = vec![T::ZERO; kernel.scratch_len()];
            kernel.eval(T::of(ivp.t0), &[], ivp.p, &mut values, &mut scratch);
            times.extend(values.iter().map(|x| x.f64()));
        }
        for (index, event) in events.list.iter().enumerate() {
            let (used, period) = match &event.trigger {
                Trigger::At(range) => (range.start as usize..range.end as usize, None),
                Trigger::Every { period, from, .. } => {
                    (*from as usize..*from as usize + 1, Some(*period as usize))
                }
                Trigger::Crossing { .. } => continue,
            };
            if used.end > times.len() || period.is_some_and(|period| period >= times.len()) {
                return Err(SolveError::Invalid(format!(
                    "event {index} refers to a time that the model does not give"
                )));
            }
            if times[used].iter().any(|time| time.is_nan()) {
                return Err(SolveError::Invalid(format!(
                    "the time of event {index} is not a number; look at the parameters in it"
                )));
            }
            if let Some(period) = period.map(|period| times[period])
                && !(period > 0.0)
            {
                return Err(SolveError::Invalid(format!(
                    "the period of event {index} is {period}; it must be positive"
                )));
            }
        }
        Ok(Schedule { list: events.list, times, direction: ivp.direction() })
    }

    /// The next instant strictly after `t`. Times that differ by rounding are one instant, the last
    /// of them.
    pub(super) fn next_after(&self, t: f64) -> Option<f64> {
        let mut next: Option<f64> = None;
        self.each_first_after(t, |time| {
            if next.is_none_or(|next| (next - time) * self.direction > 0.0) {
                next = Some(time);
            }
        });
        let mut last = next?;
        let first = last;
        self.each_first_after(t, |time| {
            if same_instant(time, first) && (time - last) * self.direction > 0.0 {
                last = time;
            }
        });
        Some(last)
    }

    /// How often each event happens at the instant `t`: calls `happens(event, times)`.
    pub(super) fn at(&self, t: f64, mut happens: impl FnMut(usize, u32)) {
        for (index, event) in self.list.iter().enumerate() {
            match &event.trigger {
                Trigger::At(range) => {
                    let range = range.start as usize..range.end as usize;
                    let count = self.times[range].iter().filter(|&&x| same_instant(x, t)).count();
                    if count > 0 {
                        happens(index, count as u32);
                    }
                }
                Trigger::Every { period, from, count } => {
                    let (period, from) = (self.times[*period as usize], self.times[*from as usize]);
                    let k = ((t - from) / period).round();
                    let within = k >= 0.0 && count.is_none_or(|count| k < count as f64);
                    if within && same_instant(from + k * period, t) {
                        happens(index, 1);
                    }
                }
                Trigger::Crossing { .. } => {}
            }
        }
    }

    /// Whether there are any at the instant `t`.
    pub(super) fn any_at(&self, t: f64) -> bool {
        let mut any = false;
        self.at(t, |_, _| any = true);
        any
    }

    /// Calls `found` with times strictly after `t`, among them the first of each event.
    fn each_first_after(&self, t: f64, mut found: impl FnMut(f64)) {
        let after = |time: f64| (time - t) * self.direction > 0.0;
        for event in self.list {
            match &event.trigger {
                Trigger::At(range) => {
                    let range = range.start as usize..range.end as usize;
                    self.times[range]
                        .iter()
                        .copied()
                        .filter(|&time| after(time))
                        .for_each(&mut found);
                }
                Trigger::Every { period, from, count } => {
                    let (period, from) = (self.times[*period as usize], self.times[*from as usize]);
                    let near = ((t - from) / period).floor();
                    // Rounding may put the quotient on either side of a whole number.
                    for k in [near - 1.0, near, near + 1.0, near + 2.0] {
                        let within = k >= 0.0 && count.is_none_or(|count| k < count as f64);
                        let time = from + k * period;
                        if within && after(time) {
                            found(time);
                        }
                    }
                    // Far before the first or after the last of them.
                    for k in [Some(0), count.map(|count| count.saturating_sub(1))] {
                        let time = k.map(|k| from + k as f64 * period);
                        if let Some(time) = time.filter(|&time| after(time) && *count != Some(0)) {
                            found(time);
                        }
                    }
                }
                Trigger::Crossing { .. } => {}
            }
        }
    }
}

fn same_instant(a: f64, b: f64) -> bool {
    (a - b).abs() <= ONE_INSTANT * a.abs().max(b.abs())
}
