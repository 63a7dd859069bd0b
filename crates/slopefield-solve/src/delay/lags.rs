//! Lags: their lengths, which piece of the past each looks at, and what is wrong with them.

use super::breaks::Break;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// What is known of the lags.
#[derive(Debug, Default)]
pub(super) struct Lags {
    /// Lengths of the constant ones.
    pub(super) constant: Vec<Option<f64>>,
    /// Reads of each lag: `reads[starts[lag]..starts[lag + 1]]`.
    pub(super) starts: Vec<usize>,
    pub(super) reads: Vec<u32>,
    /// For each lag that is not constant, how many of the discontinuities passed lie before the
    /// time it looks at.
    pub(super) piece: Vec<usize>,
    /// The piece itself, between two discontinuities.
    pub(super) bounds: Vec<(f64, f64)>,
    /// Whether values are taken as the state plus a difference of the dense output: the lag is short
    /// against the step.
    pub(super) coupled: Vec<bool>,
    /// Relative size of negative lags that are errors of the solution and not of the model.
    pub(super) tolerance: f64,
}

impl Lags {
    /// The bounds of the pieces, after discontinuities have been passed or pieces changed.
    pub(super) fn bound(&mut self, passed: &[Break]) {
        for (bounds, &piece) in self.bounds.iter_mut().zip(&self.piece) {
            let before = piece.checked_sub(1).and_then(|index| passed.get(index));
            bounds.0 = before.map_or(f64::NEG_INFINITY, |at| at.t);
            bounds.1 = passed.get(piece).map_or(f64::INFINITY, |at| at.t);
        }
    }
}

/// What evaluations met. Kernels cannot fail, so they leave a note.
#[derive(Debug)]
pub(super) struct Notes {
    /// Whether a value within the step at hand was needed.
    ahead: AtomicBool,
    bad_lag: AtomicUsize,
    bad_value: AtomicU64,
    bad_time: AtomicU64,
}

const NONE: usize = usize::MAX;

impl Default for Notes {
    fn default() -> Self {
        Notes {
            ahead: AtomicBool::new(false),
            bad_lag: AtomicUsize::new(NONE),
            bad_value: AtomicU64::new(0),
            bad_time: AtomicU64::new(0),
        }
    }
}

impl Notes {
    pub(super) fn clear(&self) {
        self.ahead.store(false, Relaxed);
        self.bad_lag.store(NONE, Relaxed);
    }

    pub(super) fn note_ahead(&self) {
        self.ahead.store(true, Relaxed);
    }

    pub(super) fn looked_ahead(&self) -> bool {
        self.ahead.load(Relaxed)
    }

    /// Whether a value within the step at hand was needed since this was last asked.
    pub(super) fn take_ahead(&self) -> bool {
        self.ahead.swap(false, Relaxed)
    }

    pub(super) fn note_bad_lag(&self, t: f64, lag: usize, value: f64) {
        self.bad_value.store(value.to_bits(), Relaxed);
        self.bad_time.store(t.to_bits(), Relaxed);
        self.bad_lag.store(lag, Relaxed);
    }

    /// Time, index and value of a lag that cannot be.
    pub(super) fn bad_lag(&self) -> Option<(f64, usize, f64)> {
        let lag = self.bad_lag.load(Relaxed);
        let number = |bits: &AtomicU64| f64::from_bits(bits.load(Relaxed));
        (lag != NONE).then(|| (number(&self.bad_time), lag, number(&self.bad_value)))
    }
}
