//! The functions of a system with events and delays, and work space for calling them.

use slopefield_kernel::{DelayedRead, Delays, Events, Kernel, Point, Structure};
use slopefield_solve::{Ivp, SolveError};

/// The system of a problem.
#[derive(Clone, Copy)]
pub(crate) struct System<'a> {
    pub ivp: Ivp<'a>,
    /// Number of states,
    pub n: usize,
    /// and of states and delayed values.
    pub all: usize,
    pub reads: &'a [DelayedRead],
}

impl<'a> System<'a> {
    pub fn new(ivp: &Ivp<'a>) -> Self {
        let reads = ivp.rhs.structure().delays.map_or(&[][..], |delays| delays.reads);
        let n = ivp.u0.len();
        System { ivp: *ivp, n, all: n + reads.len(), reads }
    }

    pub fn structure(&self) -> Structure<'a> {
        self.ivp.rhs.structure()
    }

    pub fn delays(&self) -> Option<Delays<'a>> {
        self.structure().delays
    }

    pub fn events(&self) -> Option<Events<'a>> {
        self.structure().events
    }

    pub fn rhs(&self) -> &'a dyn Kernel {
        self.ivp.rhs
    }

    /// Number of lags.
    pub fn lags(&self) -> usize {
        self.delays().map_or(0, |delays| delays.constant.len())
    }

    /// Number of the numbers whose zeros are events.
    pub fn roots(&self) -> usize {
        self.events().and_then(|events| events.roots).map_or(0, |roots| roots.shape().outputs)
    }

    /// Number of times and periods.
    pub fn times(&self) -> usize {
        self.events().and_then(|events| events.times).map_or(0, |times| times.shape().outputs)
    }

    /// Whether lag `lag` depends on parameters alone.
    pub fn is_constant(&self, lag: usize) -> bool {
        self.delays().is_some_and(|delays| delays.constant[lag])
    }

    /// The change of event `event`, if it has one.
    pub fn affect(&self, event: usize) -> Option<&'a dyn Kernel> {
        let events = self.events()?;
        let index = events.list[event].affect?;
        Some(&*events.affects[index as usize])
    }

    /// Work space that serves every function.
    pub fn scratch_len(&self) -> usize {
        let structure = self.structure();
        let mut most = self.ivp.rhs.scratch_len();
        if let Some(delays) = structure.delays {
            most = most.max(delays.lags.scratch_len()).max(delays.history.scratch_len());
        }
        if let Some(events) = structure.events {
            let kernels = events.roots.into_iter().chain(events.times);
            most = kernels.map(|kernel| kernel.scratch_len()).fold(most, usize::max);
            most = events.affects.iter().map(|kernel| kernel.scratch_len()).fold(most, usize::max);
        }
        most
    }

    /// The right-hand side at `(t, u)`, whose delayed values are behind the states.
    pub fn slope(&self, t: f64, u: &[f64], out: &mut [f64], scratch: &mut [f64]) {
        self.ivp.rhs.eval(t, u, self.ivp.p, out, scratch);
    }

    pub fn point<'s>(&self, t: f64, u: &'s [f64]) -> Point<'s>
    where
        'a: 's,
    {
        Point { t, u, p: self.ivp.p }
    }
}

/// A refusal in a sentence.
pub(crate) fn refused<T>(sentence: String) -> Result<T, SolveError> {
    Err(SolveError::Invalid(sentence))
}
