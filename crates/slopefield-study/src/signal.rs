//! Forcing signals: numbers of time, known at some times and interpolated between them.

use slopefield_kernel::Break;
use slopefield_lang::Interpolation;

/// A number of time. Before the first time and behind the last it stays what it is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Name of the input, for messages.
    pub name: String,
    interpolation: Interpolation,
    /// Ascending.
    times: Vec<f64>,
    values: Vec<f64>,
    /// Second derivatives of a spline at the times; empty for other kinds.
    curvature: Vec<f64>,
}

/// Why values do not make a signal.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SignalError {
    /// Too few points.
    #[error("has {found} values, but {interpolation} interpolation needs at least {least}")]
    TooFew {
        /// How many there are.
        found: usize,
        /// How many are needed.
        least: usize,
        /// For which interpolation.
        interpolation: &'static str,
    },
    /// Two values at one time.
    #[error("has two values at {t}: {first} and {second}")]
    Twice {
        /// When.
        t: f64,
        /// One,
        first: f64,
        /// and the other.
        second: f64,
    },
    /// A value that is no finite number.
    #[error("is infinite at {t}")]
    NotFinite {
        /// When.
        t: f64,
    },
}

impl Signal {
    /// A signal through points in any order; points without a time or value (NaN) are left out, a
    /// point given twice counts once.
    ///
    /// # Errors
    /// Too few points, two values at one time, infinite values.
    pub fn new(
        name: &str,
        interpolation: Interpolation,
        points: impl Iterator<Item = (f64, f64)>,
    ) -> Result<Signal, SignalError> {
        let mut points: Vec<(f64, f64)> =
            points.filter(|(t, v)| t.is_finite() && !v.is_nan()).collect();
        if let Some((t, _)) = points.iter().find(|(_, v)| v.is_infinite()) {
            return Err(SignalError::NotFinite { t: *t });
        }
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        // -0 and 0 are one time.
        points.dedup_by(|b, a| a.0 == b.0 && a.1 == b.1);
        if let Some(pair) = points.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let (t, first, second) = (pair[0].0, pair[0].1, pair[1].1);
            return Err(SignalError::Twice { t, first, second });
        }
        let least = if interpolation == Interpolation::Cubic { 3 } else { 2 };
        if points.len() < least {
            let (found, interpolation) = (points.len(), interpolation.word());
            return Err(SignalError::TooFew { found, least, interpolation });
        }
        let (times, values): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        let curvature = match interpolation {
            Interpolation::Cubic => natural_curvature(&times, &values),
            Interpolation::Linear | Interpolation::Previous => Vec::new(),
        };
        Ok(Signal { name: name.to_owned(), interpolation, times, values, curvature })
    }

    /// First and last time at which it is known.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        (self.times[0], self.times[self.times.len() - 1])
    }

    /// Its value, and its slope towards later times.
    #[must_use]
    pub fn at(&self, t: f64) -> (f64, f64) {
        if t.is_nan() {
            return (f64::NAN, f64::NAN);
        }
        let behind = self.times.partition_point(|known| *known <= t);
        let Some(i) = behind.checked_sub(1) else { return (self.values[0], 0.0) };
        if behind == self.times.len() || self.interpolation == Interpolation::Previous {
            return (self.values[i], 0.0);
        }
        let (h, from, to) =
            (self.times[behind] - self.times[i], self.values[i], self.values[behind]);
        let theta = (t - self.times[i]) / h;
        let (value, slope) = (from + theta * (to - from), (to - from) / h);
        if self.interpolation == Interpolation::Linear {
            return (value, slope);
        }
        // The line, and what the second derivatives at both ends add to it (Press et al., Numerical
        // Recipes, section 3.3).
        let (a, b) = (1.0 - theta, theta);
        let (left, right) = (self.curvature[i], self.curvature[behind]);
        let bend = ((a * a * a - a) * left + (b * b * b - b) * right) * (h * h / 6.0);
        let turn = ((3.0 * b * b - 1.0) * right - (3.0 * a * a - 1.0) * left) * (h / 6.0);
        (value + bend, slope + turn)
    }

    /// Its second derivative, towards later times.
    fn curvature_at(&self, t: f64) -> f64 {
        let behind = self.times.partition_point(|known| *known <= t);
        match (behind.checked_sub(1), self.curvature.get(behind)) {
            (Some(i), Some(right)) => {
                let theta = (t - self.times[i]) / (self.times[behind] - self.times[i]);
                (1.0 - theta) * self.curvature[i] + theta * right
            }
            _ => 0.0,
        }
    }

    /// Times at which it is not smooth: all jumps and corners, but not the knots of a spline, whose
    /// second derivative is continuous.
    fn breaks(&self) -> Vec<Break> {
        let last = self.times.len() - 1;
        let slope =
            |i: usize| (self.values[i + 1] - self.values[i]) / (self.times[i + 1] - self.times[i]);
        match self.interpolation {
            Interpolation::Previous => (1..=last)
                .filter(|i| self.values[*i] != self.values[i - 1])
                .map(|i| Break { t: self.times[i], jump: true })
                .collect(),
            Interpolation::Linear => (0..=last)
                .filter(|i| {
                    let before = if *i == 0 { 0.0 } else { slope(i - 1) };
                    let after = if *i == last { 0.0 } else { slope(*i) };
                    before != after
                })
                .map(|i| Break { t: self.times[i], jump: false })
                .collect(),
            Interpolation::Cubic => {
                [0, last].map(|i| Break { t: self.times[i], jump: false }).into()
            }
        }
    }
}

/// Second derivatives at the knots of the natural cubic spline: 0 at both ends, first derivatives
/// continuous between (the tridiagonal system of Press et al., *Numerical Recipes*, eq. 3.3.7, which
/// is diagonally dominant).
fn natural_curvature(times: &[f64], values: &[f64]) -> Vec<f64> {
    let n = times.len();
    let mut curvature = vec![0.0; n];
    // Elimination downwards, then substitution upwards.
    let mut upper = vec![0.0; n];
    for i in 1..n - 1 {
        let (before, after) = (times[i] - times[i - 1], times[i + 1] - times[i]);
        let change = (values[i + 1] - values[i]) / after - (values[i] - values[i - 1]) / before;
        let pivot = 2.0 * (before + after) - before * upper[i - 1];
        upper[i] = after / pivot;
        curvature[i] = (6.0 * change - before * curvature[i - 1]) / pivot;
    }
    for i in (1..n - 1).rev() {
        curvature[i] -= upper[i] * curvature[i + 1];
    }
    curvature
}

/// The signals of all inputs of a model, in their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Signals {
    /// None where there are no data.
    list: Vec<Option<Signal>>,
    breaks: Vec<Break>,
}

impl Signals {
    /// One signal for each input.
    #[must_use]
    pub fn new(list: Vec<Signal>) -> Signals {
        let mut breaks: Vec<Break> = list.iter().flat_map(Signal::breaks).collect();
        breaks.sort_by(|a, b| a.t.total_cmp(&b.t));
        breaks.dedup_by(|b, a| {
            let same = a.t == b.t;
            a.jump |= same && b.jump;
            same
        });
        Signals { list: list.into_iter().map(Some).collect(), breaks }
    }

    /// Signals without data: NaN at all times.
    #[must_use]
    pub fn absent(count: usize) -> Signals {
        Signals { list: vec![None; count], breaks: Vec::new() }
    }

    /// Number of inputs.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// No inputs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Those that have data.
    pub fn iter(&self) -> impl Iterator<Item = &Signal> {
        self.list.iter().flatten()
    }

    /// Times at which any of them is not smooth, ascending.
    #[must_use]
    pub fn breaks(&self) -> &[Break] {
        &self.breaks
    }

    /// Writes the values at `t`.
    pub fn write(&self, t: f64, out: &mut [f64]) {
        for (out, signal) in out.iter_mut().zip(&self.list) {
            *out = signal.as_ref().map_or(f64::NAN, |signal| signal.at(t).0);
        }
    }

    /// Writes values and slopes at `t`.
    pub fn write_with_slopes(&self, t: f64, out: &mut [f64], slopes: &mut [f64]) {
        for ((out, slope), signal) in out.iter_mut().zip(slopes).zip(&self.list) {
            (*out, *slope) = signal.as_ref().map_or((f64::NAN, f64::NAN), |signal| signal.at(t));
        }
    }

    /// Writes the second derivatives at `t`.
    pub fn write_curvatures(&self, t: f64, out: &mut [f64]) {
        for (out, signal) in out.iter_mut().zip(&self.list) {
            *out = signal.as_ref().map_or(f64::NAN, |signal| signal.curvature_at(t));
        }
    }

    /// Last time up to which all of them are known; infinity when there are none.
    #[must_use]
    pub fn end(&self) -> f64 {
        self.iter().map(|signal| signal.range().1).fold(f64::INFINITY, f64::min)
    }

    /// What is said of a solve from `from` to `to` that leaves the data.
    #[must_use]
    pub fn leaving(&self, from: f64, to: f64, time: &str) -> Vec<String> {
        let (low, high) = (from.min(to), from.max(to));
        let mut notes = Vec::new();
        for signal in self.iter() {
            let (first, last) = signal.range();
            let name = &signal.name;
            if low < first {
                notes.push(format!(
                    "the data of the input `{name}` begin at {time} = {first}; before, it stays at \
                     its first value"
                ));
            }
            if high > last {
                notes.push(format!(
                    "the data of the input `{name}` end at {time} = {last}; behind, it stays at its \
                     last value"
                ));
            }
        }
        notes
    }
}
