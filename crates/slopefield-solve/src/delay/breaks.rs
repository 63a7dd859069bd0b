//! Points where a derivative of the solution jumps.

use slopefield_kernel::DelayedRead;

/// A point where the derivative of order `order` jumps (the solution itself for 0).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Break {
    pub(super) t: f64,
    pub(super) order: u32,
}

/// How a lag carries discontinuities on.
#[derive(Debug, Clone, Copy)]
struct Carrier {
    /// Its length, where that is constant.
    lag: Option<f64>,
    /// Whether slopes are read with it: they jump where the solution's slope does.
    neutral: bool,
}

/// Points closer than this, relative to the time, are one.
const ONE_POINT: f64 = 64.0 * f64::EPSILON;

/// With very many lags only the worst discontinuities are tracked; error control meets the others.
const MOST_PENDING: usize = 4096;

/// The discontinuities of a solve, those passed and those known to come.
#[derive(Debug, Default)]
pub(super) struct Breaks {
    carriers: Vec<Carrier>,
    /// Jumps of higher derivatives do not matter to the method.
    highest: u32,
    /// Ascending; kept where some lag is not constant, for its crossings.
    passed: Vec<Break>,
    keeps_passed: bool,
    /// Ascending.
    pending: Vec<Break>,
}

impl Breaks {
    /// Begins at `first`; derivatives up to `highest` are tracked.
    pub(super) fn begin(
        &mut self,
        first: Break,
        highest: u32,
        lags: &[Option<f64>],
        reads: &[DelayedRead],
    ) {
        self.highest = highest;
        self.carriers.clear();
        self.carriers.extend(lags.iter().enumerate().map(|(index, &lag)| Carrier {
            lag,
            neutral: reads.iter().any(|read| read.lag as usize == index && read.slope),
        }));
        self.keeps_passed = lags.contains(&None);
        self.passed.clear();
        self.pending.clear();
        self.reach(first);
    }

    /// What a discontinuity of order `order` becomes behind lag `lag`; none where the method does
    /// not notice it.
    fn carried(&self, order: u32, lag: usize) -> Option<u32> {
        // A slope has its jumps one order lower than the state, and enters a slope.
        let order = if self.carriers[lag].neutral { order.max(1) } else { order + 1 };
        (order <= self.highest).then_some(order)
    }

    /// The solution is at the discontinuity `at`: it is passed, and those that follow from it by
    /// constant lags are to come.
    pub(super) fn reach(&mut self, at: Break) {
        if self.keeps_passed {
            match self.passed.last_mut() {
                Some(last) if same(last.t, at.t) => last.order = last.order.min(at.order),
                _ => self.passed.push(at),
            }
        }
        for lag in 0..self.carriers.len() {
            let Some(length) = self.carriers[lag].lag else { continue };
            let t = at.t + length;
            if let Some(order) = self.carried(at.order, lag)
                && !same(t, at.t)
            {
                self.expect(Break { t, order });
            }
        }
    }

    /// The solution is at `t`, where lag `lag` looks at the passed discontinuity `index`.
    pub(super) fn reach_through(&mut self, t: f64, lag: usize, index: usize) {
        if let Some(order) = self.carried(self.passed[index].order, lag) {
            self.reach(Break { t, order });
        }
    }

    /// A discontinuity is to come; those that the method does not notice are left out.
    pub(super) fn expect(&mut self, new: Break) {
        if new.order > self.highest {
            return;
        }
        let place = self.pending.partition_point(|known| known.t < new.t);
        let around = place.saturating_sub(1)..(place + 1).min(self.pending.len());
        for known in &mut self.pending[around] {
            if same(known.t, new.t) {
                known.order = known.order.min(new.order);
                return;
            }
        }
        if self.pending.len() < MOST_PENDING || new.order <= 1 {
            self.pending.insert(place, new);
        }
    }

    /// Passes all that lie at or before `t`; whether there are any.
    pub(super) fn pass(&mut self, t: f64) -> bool {
        let mut any = false;
        while let Some(&first) = self.pending.first()
            && (first.t <= t || same(first.t, t))
        {
            self.pending.remove(0);
            self.reach(first);
            any = true;
        }
        any
    }

    /// The next one to come.
    pub(super) fn next(&self) -> Option<f64> {
        self.pending.first().map(|next| next.t)
    }

    /// Passed ones, ascending, where a lag is not constant.
    pub(super) fn passed(&self) -> &[Break] {
        &self.passed
    }
}

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= ONE_POINT * a.abs().max(b.abs())
}

#[cfg(test)]
mod tests {
    use super::{Break, Breaks};
    use slopefield_kernel::DelayedRead;

    fn all(lags: &[Option<f64>], slope: bool, highest: u32, until: f64) -> Vec<(f64, u32)> {
        let reads: Vec<DelayedRead> =
            (0..lags.len() as u32).map(|lag| DelayedRead { state: 0, lag, slope }).collect();
        let mut breaks = Breaks::default();
        breaks.begin(Break { t: 0.0, order: 0 }, highest, lags, &reads);
        let mut found = Vec::new();
        while let Some(next) = breaks.next().filter(|&t| t <= until) {
            found.push((next, breaks.pending[0].order));
            assert!(breaks.pass(next));
        }
        found
    }

    #[test]
    fn delays_smooth_by_one_derivative() {
        let found = all(&[Some(1.0)], false, 3, 10.0);
        assert_eq!(found, [(1.0, 1), (2.0, 2), (3.0, 3)]);
    }

    #[test]
    fn sums_of_lags_are_found_once_with_the_lowest_order() {
        let found = all(&[Some(1.0), Some(2.0)], false, 2, 10.0);
        assert_eq!(found, [(1.0, 1), (2.0, 1), (3.0, 2), (4.0, 2)]);
    }

    #[test]
    fn neutral_equations_do_not_smooth() {
        let found = all(&[Some(1.0)], true, 3, 4.0);
        assert_eq!(found, [(1.0, 1), (2.0, 1), (3.0, 1), (4.0, 1)]);
    }

    #[test]
    fn a_lag_of_nothing_carries_nothing() {
        assert_eq!(all(&[Some(0.0)], true, 3, 4.0), []);
    }
}
