//! The past of a solution: the dense output of the steps taken.

use super::continuation::step_that_goes_on;
use crate::Real;
use crate::barycentric::{ChebyshevPoints, MAX_POINTS};
use std::collections::VecDeque;

/// Which of two steps speaks for the point where they meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The step that ends there.
    Left,
    /// The step that begins there.
    Right,
}

/// Where a value of the past comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Source {
    /// The history function, at this time.
    Before(f64),
    /// A step taken, whose values begin there; place in it and its length.
    Step { values: usize, x: f64, length: f64 },
    /// So much `later` than a place in a step taken, along the slope there.
    Along { values: usize, x: f64, length: f64, later: f64 },
    /// The step at hand, likewise.
    AtHand { x: f64, length: f64 },
    /// The beginning of the step at hand, for want of anything better.
    Beginning,
    /// A step that is not kept any more.
    Lost,
}

/// What stands for the step at hand before it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtHand {
    /// Its beginning.
    Constant,
    /// The continuation of the last step.
    Continued,
    /// Its own values, from the last attempt.
    Sampled,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    t: f64,
    /// Length of the step.
    length: f64,
    /// How far the solution follows it; less than the whole step when an event cut it short.
    end: f64,
    values: usize,
}

/// Steps taken, each by its values at Chebyshev points, and the step at hand.
#[derive(Debug)]
pub(super) struct History<T> {
    n: usize,
    points: ChebyshevPoints,
    segments: VecDeque<Segment>,
    values: Vec<T>,
    free: Vec<usize>,
    /// Where the solution begins.
    pub(super) t0: f64,
    /// Where the step at hand begins,
    pub(super) t: f64,
    /// its state there,
    pub(super) beginning: Vec<T>,
    /// its end,
    pub(super) t_new: f64,
    /// what stands for it,
    pub(super) at_hand: AtHand,
    /// and its values at the points, followed by the slopes where these are kept.
    pub(super) sampled: Vec<T>,
    /// Whether slopes are kept besides values, because they are read.
    keeps_slopes: bool,
    /// Steps that end longer ago than this are not needed.
    reach: f64,
}

impl<T: Real> History<T> {
    pub(super) fn new(degree: usize) -> Self {
        History {
            n: 0,
            points: ChebyshevPoints::new(degree),
            segments: VecDeque::new(),
            values: Vec::new(),
            free: Vec::new(),
            t0: 0.0,
            t: 0.0,
            beginning: Vec::new(),
            t_new: 0.0,
            at_hand: AtHand::Constant,
            sampled: Vec::new(),
            keeps_slopes: false,
            reach: f64::INFINITY,
        }
    }

    /// Begins at `(t0, u0)`; lags are at most `reach`.
    pub(super) fn begin(&mut self, t0: f64, u0: &[T], reach: f64, keeps_slopes: bool) {
        if self.n != u0.len() || self.keeps_slopes != keeps_slopes {
            self.n = u0.len();
            self.keeps_slopes = keeps_slopes;
            self.values.clear();
            self.free.clear();
            self.segments.clear();
        }
        self.free.extend(self.segments.drain(..).map(|segment| segment.values));
        self.t0 = t0;
        self.reach = reach;
        self.sampled.resize(self.samples(), T::ZERO);
        self.begin_step(t0, u0);
    }

    /// The step at hand begins at `(t, u)`, and not where the last one ended.
    pub(super) fn begin_step(&mut self, t: f64, u: &[T]) {
        self.t = t;
        self.t_new = t;
        self.beginning.clear();
        self.beginning.extend_from_slice(u);
        self.at_hand = AtHand::Constant;
    }

    /// How many numbers are kept of a step.
    pub(super) fn samples(&self) -> usize {
        self.points.len() * self.n * if self.keeps_slopes { 2 } else { 1 }
    }

    /// Number of values of a step for each state.
    pub(super) fn points(&self) -> usize {
        self.points.len()
    }

    /// Time of value `i` of the step at hand.
    pub(super) fn time(&self, i: usize) -> f64 {
        if i + 1 == self.points.len() {
            self.t_new
        } else {
            self.t + self.points.point(i) * (self.t_new - self.t)
        }
    }

    /// Keeps the step at hand, whose values are sampled, as far as `end`; the next one begins there.
    pub(super) fn keep(&mut self, end: f64) {
        let size = self.sampled.len();
        let values = self.free.pop().unwrap_or_else(|| {
            let values = self.values.len();
            self.values.resize(values + size, T::ZERO);
            // All of them will be free when another solve begins.
            self.free.reserve(self.values.len() / size);
            values
        });
        self.values[values..values + size].copy_from_slice(&self.sampled);
        let length = self.t_new - self.t;
        self.segments.push_back(Segment { t: self.t, length, end, values });
        self.t = end;
        let last = (self.points.len() - 1) * self.n;
        self.beginning.copy_from_slice(&self.sampled[last..last + self.n]);
        self.t_new = end;
        self.at_hand = AtHand::Continued;
        // One more than is needed: which step speaks for a point may be decided by rounding.
        while self.segments.len() > 2 && self.segments[1].end < self.t - self.reach {
            self.free.extend(self.segments.pop_front().map(|segment| segment.values));
        }
    }

    /// Where the value at `s` comes from. Points closer than `slack` are one.
    pub(super) fn source(&self, s: f64, side: Side, slack: f64) -> Source {
        let at = |point: f64| (s - point).abs() <= slack;
        if s < self.t0 && !at(self.t0) || at(self.t0) && side == Side::Left {
            return Source::Before(s);
        }
        if s > self.t && !at(self.t)
            || at(self.t) && (side == Side::Right || self.segments.is_empty())
        {
            return self.source_at_hand(s);
        }
        let after = self.segments.partition_point(|segment| segment.t <= s);
        let Some(mut index) = after.checked_sub(1) else {
            // At the very beginning, or long forgotten.
            let first = self.segments.front().filter(|first| at(first.t));
            return first.map_or(Source::Lost, |first| first.source(s));
        };
        if side == Side::Left && index > 0 && at(self.segments[index].t) {
            index -= 1;
        } else if side == Side::Right
            && index + 1 < self.segments.len()
            && at(self.segments[index].end)
        {
            index += 1;
        }
        self.segments[index].source(s)
    }

    /// Where the value at `s` comes from, which a piece of the past goes on to beyond its `edge`: its end
    /// (`Side::Left`) or its beginning; `other` is the other one. Where no step is long enough
    /// ([`step_that_goes_on`]), the slope at the edge goes on.
    pub(super) fn beyond(&self, edge: f64, s: f64, side: Side, slack: f64, other: f64) -> Source {
        let nearest = self.source(edge, side, slack);
        let Source::Step { values, .. } = nearest else { return nearest.moved(s - edge) };
        let last = self.segments.len() - 1;
        let found = self.segments.iter().rposition(|segment| segment.values == values);
        // Beside the step at hand nothing else than the last step goes on.
        let place = |step: usize| (s - self.segments[step].t) / self.segments[step].length;
        let next = |step: usize| match side {
            Side::Left => {
                step.checked_sub(1).filter(|step| self.segments[*step].t >= other - slack)
            }
            Side::Right => Some(step + 1)
                .filter(|step| *step < last && self.segments[*step].end <= other + slack),
        };
        let found = found.filter(|step| *step < last);
        match found.and_then(|step| step_that_goes_on(step, place, next)) {
            Some(step) => self.segments[step].source(s),
            None => nearest.moved(s - edge),
        }
    }

    fn source_at_hand(&self, s: f64) -> Source {
        let length = self.t_new - self.t;
        match self.at_hand {
            AtHand::Sampled if length > 0.0 => Source::AtHand { x: (s - self.t) / length, length },
            AtHand::Continued => {
                self.segments.back().map_or(Source::Beginning, |last| last.source(s))
            }
            _ => Source::Beginning,
        }
    }

    /// Whether `source` stands for the step at hand.
    pub(super) fn is_ahead(&self, source: Source) -> bool {
        match source {
            Source::AtHand { .. } | Source::Beginning => true,
            Source::Step { values, x, .. } => {
                x > 1.0 + 1e-10 && self.segments.back().is_some_and(|last| last.values == values)
            }
            Source::Before(_) | Source::Along { .. } | Source::Lost => false,
        }
    }

    /// Weights of the values (`derivative` 0), slopes (1) or second derivatives (2) at `source`.
    pub(super) fn weights(&self, source: Source, derivative: u32, out: &mut [f64; MAX_POINTS]) {
        let (Source::Step { x, length, .. }
        | Source::AtHand { x, length }
        | Source::Along { x, length, .. }) = source
        else {
            return;
        };
        self.points.value_weights(x, out);
        let n = self.points.len();
        if let Source::Along { later, .. } = source
            && derivative != 1
        {
            let mut slope = *out;
            self.points.differentiate(&mut slope);
            for (weight, slope) in out[..n].iter_mut().zip(slope) {
                *weight = if derivative == 0 { *weight + later / length * slope } else { 0.0 };
            }
            return;
        }
        let kept = u32::from(self.keeps_slopes && derivative > 0);
        for _ in kept..derivative {
            self.points.differentiate(out);
            for weight in &mut out[..self.points.len()] {
                *weight /= length;
            }
        }
    }

    /// What [`History::weights`] of `derivative` give for `state` at `source`, which is in a step.
    pub(super) fn value(
        &self,
        source: Source,
        derivative: u32,
        weights: &[f64; MAX_POINTS],
        state: usize,
    ) -> T {
        let values = match source {
            Source::Step { values, .. } | Source::Along { values, .. } => &self.values[values..],
            Source::AtHand { .. } => &self.sampled[..],
            _ => return T::ZERO,
        };
        let points = self.points.len();
        let first = if self.keeps_slopes && derivative > 0 { points * self.n } else { 0 };
        let mut sum = T::ZERO;
        for (row, &weight) in weights[..points].iter().enumerate() {
            sum += T::of(weight) * values[first + row * self.n + state];
        }
        sum
    }

    /// Where the slope at the beginning of the step at hand comes from, before there is any of its
    /// own: from the end of the last step, or from the history function.
    pub(super) fn slope_before(&self) -> Source {
        self.segments.back().map_or(Source::Before(self.t0), |last| last.source(last.end))
    }

    /// Fills in the slopes at the points behind the values there, by differentiating them.
    pub(super) fn differentiate(&self, samples: &mut [T]) {
        let length = self.t_new - self.t;
        let (values, slopes) = samples.split_at_mut(self.points.len() * self.n);
        for (i, row) in slopes.chunks_exact_mut(self.n).enumerate() {
            for (state, out) in row.iter_mut().enumerate() {
                let slope = self.points.slope_at(i, |j| values[j * self.n + state].f64());
                *out = T::of(slope / length);
            }
        }
    }

    /// Writes what stands for the step at hand at its points to `out`.
    pub(super) fn guess(&self, out: &mut [T]) {
        let mut weights = [0.0; MAX_POINTS];
        let (values, slopes) = out.split_at_mut(self.points.len() * self.n);
        // Of a step that stands still.
        slopes.fill(T::ZERO);
        for i in 0..self.points.len() {
            let row = i * self.n..(i + 1) * self.n;
            let source = self.source_at_hand(self.time(i));
            if source == Source::Beginning {
                values[row].copy_from_slice(&self.beginning);
                continue;
            }
            self.weights(source, 0, &mut weights);
            for (state, value) in values[row.clone()].iter_mut().enumerate() {
                *value = self.value(source, 0, &weights, state);
            }
            if self.keeps_slopes {
                self.weights(source, 1, &mut weights);
                for (state, slope) in slopes[row].iter_mut().enumerate() {
                    *slope = self.value(source, 1, &weights, state);
                }
            }
        }
    }
}

impl Source {
    /// The same step, or the history function, at a place `later` by that much. A polynomial says
    /// little about times farther from its step than the step is long: there its slope at the place
    /// serves, which rounding errors of short steps leave alone.
    pub(super) fn moved(self, later: f64) -> Self {
        match self {
            Source::Before(s) => Source::Before(s + later),
            Source::Step { values, x, length } if later.abs() <= length => {
                Source::Step { values, x: x + later / length, length }
            }
            Source::Step { values, x, length } => Source::Along { values, x, length, later },
            Source::AtHand { x, length } => Source::AtHand { x: x + later / length, length },
            Source::Beginning | Source::Along { .. } | Source::Lost => self,
        }
    }
}

impl Segment {
    fn source(&self, s: f64) -> Source {
        Source::Step { values: self.values, x: (s - self.t) / self.length, length: self.length }
    }
}

#[cfg(test)]
mod tests {
    use super::{AtHand, History, Side, Source};
    use crate::barycentric::MAX_POINTS;

    /// Steps of length 1 of the cubic t³, with a jump by 1 at t = 2.
    fn cubic(reach: f64) -> History<f64> {
        let exact = |t: f64| t.powi(3) + if t > 2.0 { 1.0 } else { 0.0 };
        let mut history = History::new(3);
        history.begin(0.0, &[0.0], reach, false);
        for step in 0..10 {
            history.t_new = f64::from(step + 1);
            for i in 0..history.points() {
                let t = history.time(i);
                history.sampled[i] = exact(if step == 2 && i == 0 { 2.000_000_1 } else { t });
            }
            if step == 2 {
                history.sampled[0] = 9.0;
            }
            history.at_hand = AtHand::Sampled;
            history.keep(f64::from(step + 1));
        }
        history
    }

    fn at(history: &History<f64>, s: f64, side: Side, derivative: u32) -> f64 {
        let source = history.source(s, side, 1e-13);
        let mut weights = [0.0; MAX_POINTS];
        history.weights(source, derivative, &mut weights);
        history.value(source, derivative, &weights, 0)
    }

    #[test]
    fn values_slopes_and_sides() {
        let history = cubic(f64::INFINITY);
        for s in [0.5_f64, 1.0, 1.7] {
            assert!((at(&history, s, Side::Left, 0) - s.powi(3)).abs() < 1e-13);
            assert!((at(&history, s, Side::Right, 1) - 3.0 * s * s).abs() < 1e-12);
            assert!((at(&history, s, Side::Right, 2) - 6.0 * s).abs() < 1e-11);
        }
        assert!((at(&history, 2.0 + 1e-15, Side::Left, 0) - 8.0).abs() < 1e-12);
        assert!((at(&history, 2.0 - 1e-15, Side::Right, 0) - 9.0).abs() < 1e-12);
        assert_eq!(history.source(-0.5, Side::Right, 1e-13), Source::Before(-0.5));
        assert_eq!(history.source(0.0, Side::Left, 1e-13), Source::Before(0.0));
        assert!(matches!(history.source(0.0, Side::Right, 1e-13), Source::Step { .. }));
        assert!(matches!(history.source(10.5, Side::Left, 1e-13), Source::Step { .. }));
    }

    #[test]
    fn far_beyond_a_step_its_slope_goes_on() {
        let history = cubic(f64::INFINITY);
        let from = history.source(5.0, Side::Left, 1e-13);
        let at = |source: Source, derivative: u32| {
            let mut weights = [0.0; MAX_POINTS];
            history.weights(source, derivative, &mut weights);
            history.value(source, derivative, &weights, 0)
        };
        // Up to the length of the step the polynomial itself.
        assert!((at(from.moved(0.9), 0) - (5.9_f64.powi(3) + 1.0)).abs() < 1e-10);
        let far = from.moved(1e6);
        let slope = 3.0 * 25.0;
        assert!((at(far, 0) - (126.0 + slope * 1e6)).abs() < 1e-5);
        assert!((at(far, 1) - slope).abs() < 1e-11);
        assert_eq!(at(far, 2), 0.0);
        // Backwards from the beginning of a step, likewise.
        let far = history.source(5.0, Side::Right, 1e-13).moved(-50.0);
        assert!((at(far, 0) - (126.0 - slope * 50.0)).abs() < 1e-9);
    }

    #[test]
    fn a_long_step_of_the_piece_goes_on_beyond_short_ones() {
        // A cubic with steps to 5, a short one, and another cubic from its end on.
        let mut history = cubic(f64::INFINITY);
        history.begin(0.0, &[0.0], f64::INFINITY, false);
        let edge = 5.0 + 1e-9;
        for (end, more) in
            [(3.0, 0.0), (5.0, 0.0), (edge, 0.0), (edge + 1e-9, 9.0), (7.0, 9.0), (8.0, 9.0)]
        {
            history.t_new = end;
            for i in 0..history.points() {
                history.sampled[i] = history.time(i).powi(3) + more;
            }
            history.at_hand = AtHand::Sampled;
            history.keep(end);
        }
        let beyond = |edge: f64, s: f64, side: Side, other: f64| {
            let source = history.beyond(edge, s, side, 1e-13, other);
            let mut weights = [0.0; MAX_POINTS];
            history.weights(source, 0, &mut weights);
            (history.value(source, 0, &weights, 0), matches!(source, Source::Along { .. }))
        };
        let (value, along) = beyond(edge, 5.1, Side::Left, 0.0);
        assert!((value - 5.1_f64.powi(3)).abs() < 1e-10 && !along, "{value}");
        let (value, along) = beyond(edge, 4.9, Side::Right, f64::INFINITY);
        assert!((value - 4.9_f64.powi(3) - 9.0).abs() < 1e-10 && !along, "{value}");
        // Not from another piece, and not from too far.
        let (value, along) = beyond(edge, 6.0, Side::Left, 5.0);
        // Its slope is that of values apart by rounding.
        assert!((value - 200.0).abs() < 1e-2 && along, "{value}");
        assert!(beyond(edge, 5.3, Side::Left, 0.0).1);
    }

    #[test]
    fn old_steps_make_room() {
        let history = cubic(2.5);
        assert_eq!(history.segments.len(), 4);
        assert!(history.values.len() <= 4 * 5);
        assert_eq!(history.source(3.0, Side::Left, 1e-13), Source::Lost);
        assert!((at(&history, 7.4, Side::Left, 0) - (7.4_f64.powi(3) + 1.0)).abs() < 1e-11);
    }
}
