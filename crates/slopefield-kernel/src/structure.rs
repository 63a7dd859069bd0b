//! What is known of a system of equations beyond its right-hand side.
//!
//! A kernel that is the right-hand side of a system may describe the rest of it in a
//! [`Structure`]: its Jacobian, a mass matrix, delays, noise, jumps, events. Methods look up what
//! they need when they start; one that cannot honour a part refuses the system. Plain functions
//! have an empty structure.

use crate::{HessianProduct, Kernel, Point};
use std::ops::Range;
use std::sync::Arc;

/// The parts of a system `M u' = f(t, u, z, p) + Σ g_j W_j'` with events and jumps.
///
/// `u` has `n` states. For systems with delays, the right-hand side and every other function of
/// the state take `n + z` numbers, the states followed by the delayed values of
/// [`Delays::reads`]; results for the state have `n`.
pub struct Structure<'a, T = f64> {
    /// `∂f/∂u`, `n × n`.
    pub jacobian: Option<&'a dyn MatrixKernel<T>>,
    /// Products with the second derivatives of `f`, for derivatives of methods that have the Jacobian
    /// in their formulas. Asked for anything but [`HessianProduct::shape`], it may be made first.
    pub hessian: Option<&'a dyn HessianProduct>,
    /// The mass matrix `M(p)`, `n × n`; the identity when there is none. Rows of zeros are
    /// algebraic equations.
    pub mass: Option<&'a dyn MatrixKernel<T>>,
    /// States `(q, v)` with the equation `q' = v`, for methods that use it.
    pub pairs: &'a [Pair],
    /// `f` as a sum of two parts.
    pub split: Option<Split<'a, T>>,
    /// Delayed values that the right-hand side reads.
    pub delays: Option<Delays<'a, T>>,
    /// Noise.
    pub noise: Option<Noise<'a, T>>,
    /// Random jumps.
    pub jumps: Option<Jumps<'a, T>>,
    /// `(t, u, p) →` for each jump a number that its rate does not exceed from `t` on, along any
    /// solution from `u`, as long as no jump happens; and one number more, for how long at least
    /// that holds (positive, perhaps infinite). For simulation by thinning, which needs nothing
    /// else of rates that vary between jumps.
    pub rate_bounds: Option<&'a dyn Kernel<T>>,
    /// Each rate as a function of its own, `(t, u, p) →` one number, in the order of
    /// [`Jumps::rates`] and to the last bit the same; empty where they are not to be had. With them
    /// a jump costs the rates that it alters, and not all.
    pub single_rates: &'a [Arc<dyn Kernel<T>>],
    /// Events.
    pub events: Option<Events<'a, T>>,
    /// Second derivatives of their functions, for products with the Hessian of a loss.
    pub event_hessians: Option<EventHessians<'a>>,
    /// Times at which functions of the system are not smooth in time, ascending, each once.
    pub breaks: &'a [Break],
}

impl<T> Default for Structure<'_, T> {
    fn default() -> Self {
        Structure {
            jacobian: None,
            hessian: None,
            mass: None,
            pairs: &[],
            split: None,
            delays: None,
            noise: None,
            jumps: None,
            rate_bounds: None,
            single_rates: &[],
            events: None,
            event_hessians: None,
            breaks: &[],
        }
    }
}

/// A part of a [`Structure`] that changes the solution, so that who cannot honour it must refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// [`Structure::mass`].
    Mass,
    /// [`Structure::delays`].
    Delays,
    /// [`Structure::noise`].
    Noise,
    /// [`Structure::jumps`].
    Jumps,
    /// [`Structure::events`].
    Events,
}

impl Part {
    /// What it is called in messages: "systems with …".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Part::Mass => "algebraic variables or a mass matrix",
            Part::Delays => "delays",
            Part::Noise => "noise",
            Part::Jumps => "random jumps",
            Part::Events => "events",
        }
    }
}

impl<T> Structure<'_, T> {
    /// The first part that the system has and `honoured` does not name.
    #[must_use]
    pub fn beyond(&self, honoured: &[Part]) -> Option<Part> {
        let present = [
            (Part::Mass, self.mass.is_some()),
            (Part::Delays, self.delays.is_some()),
            (Part::Noise, self.noise.is_some()),
            (Part::Jumps, self.jumps.is_some()),
            (Part::Events, self.events.is_some()),
        ];
        let refused = |(part, there): &(Part, bool)| *there && !honoured.contains(part);
        present.into_iter().find(refused).map(|(part, _)| part)
    }
}

/// Where a sparse matrix has entries, by columns: the rows of column `j` are
/// `rows[starts[j]..starts[j + 1]]`, ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixPattern<'a> {
    /// Number of rows.
    pub height: usize,
    /// Where each column begins in `rows`; one more at the end.
    pub starts: &'a [usize],
    /// Rows of the entries, column by column.
    pub rows: &'a [u32],
}

impl MatrixPattern<'_> {
    /// Number of columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }
}

/// A sparse matrix as a function of `(t, u, p)`. The rules of [`Kernel`] hold: nothing is
/// allocated, no call fails, `scratch` is the caller's.
pub trait MatrixKernel<T = f64>: Send + Sync {
    /// Where the entries are; everything else is 0 at every point.
    fn pattern(&self) -> MatrixPattern<'_>;

    /// Number of elements that every call needs as work space.
    fn scratch_len(&self) -> usize;

    /// Writes the entries at a point to `values`, in the order of the pattern.
    fn eval(&self, t: T, u: &[T], p: &[T], values: &mut [T], scratch: &mut [T]);

    /// Whether the entries do not depend on `t` and `u`.
    fn is_constant(&self) -> bool {
        false
    }

    /// Adds `Σ_k w_k ∂values_k/∂p` to `grad`, with a weight for each entry in the order of the
    /// pattern. False, and nothing added, where these derivatives are not known; matrices of
    /// numbers have none and say true.
    fn parameter_vjp(
        &self,
        at: Point<'_, T>,
        weights: &[T],
        grad: &mut [T],
        scratch: &mut [T],
    ) -> bool {
        let _ = (at, weights, grad, scratch);
        false
    }
}

/// Two states with the equation `position' = velocity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// Index of `q`.
    pub position: u32,
    /// Index of `v`.
    pub velocity: u32,
}

/// `f = stiff + rest`, both of the shape of `f`.
pub struct Split<'a, T = f64> {
    /// Treated implicitly. Its own structure has its Jacobian.
    pub stiff: &'a dyn Kernel<T>,
    /// Treated explicitly.
    pub rest: &'a dyn Kernel<T>,
    /// Whether `stiff` is linear in the states with constant coefficients, and has no other term.
    pub linear: bool,
}

/// A time at which functions of a system are not smooth in time: no step goes across it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Break {
    /// When.
    pub t: f64,
    /// The functions themselves jump; at `t` they have the values of later times. Otherwise only
    /// their derivatives do.
    pub jump: bool,
}

/// Delays.
pub struct Delays<'a, T = f64> {
    /// What is read: one delayed value for each.
    pub reads: &'a [DelayedRead],
    /// `(t, u, p) →` the lags, none negative: `z_k = u(t − lag)`. Like the right-hand side it takes
    /// delayed values behind the states, although lags that depend on them are not allowed (they
    /// are passed as 0).
    pub lags: &'a dyn Kernel<T>,
    /// For each lag, whether it depends on nothing but parameters.
    pub constant: &'a [bool],
    /// `(t, [], p) →` the states before the start; its derivative by `t` is the slope there.
    pub history: &'a dyn Kernel<T>,
    /// Whether the history at the start differs from the initial state for some parameters: then
    /// the solution has a jump there.
    pub jumps_at_start: bool,
}

/// One delayed value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DelayedRead {
    /// Which state.
    pub state: u32,
    /// Which lag.
    pub lag: u32,
    /// Whether its slope is read and not its value (neutral equations).
    pub slope: bool,
}

/// White noise on the right-hand side.
pub struct Noise<'a, T = f64> {
    /// `(t, u, p) →` the coefficients. For [`NoiseKind::Diagonal`] `n` of them, that of state `i`
    /// and source `i`; otherwise `n × m`, with the coefficients of source `j` at `j·n`.
    pub coefficients: &'a dyn Kernel<T>,
    /// Number of independent sources `m`.
    pub sources: usize,
    /// What is known of them.
    pub kind: NoiseKind,
    /// Meaning of the stochastic integral.
    pub calculus: Calculus,
    /// Second derivatives of the coefficients, for gradients through methods that use their first
    /// ones.
    pub hessian: Option<&'a dyn HessianProduct>,
}

/// What is known of the coefficients of noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoiseKind {
    /// They do not depend on the state.
    Additive,
    /// Source `i` acts on state `i` alone, with a coefficient that depends on no other state.
    Diagonal,
    /// `Σ_k g_kj ∂g_im/∂u_k = Σ_k g_km ∂g_ij/∂u_k`: no iterated integrals are needed for order 1.
    Commutative,
    /// Nothing.
    General,
}

/// Meaning of the stochastic integral.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calculus {
    /// Itô's.
    Ito,
    /// Stratonovich's.
    Stratonovich,
}

/// Random jumps with rates that depend on the state.
pub struct Jumps<'a, T = f64> {
    /// `(t, u, p) →` the rate of each jump, per unit of time; negative ones count as 0.
    pub rates: &'a dyn Kernel<T>,
    /// What each jump does.
    pub changes: &'a [JumpChange<T>],
    /// For each jump, the jumps whose rates its change can alter.
    pub alters: &'a [Vec<u32>],
    /// Whether rates are constant between jumps: the right-hand side is 0 and no rate has `t`.
    pub constant_between: bool,
}

/// What a jump does.
pub enum JumpChange<T = f64> {
    /// Adds numbers to states.
    Add(Vec<(u32, f64)>),
    /// `(t, u, p) →` the new state.
    Set(Arc<dyn Kernel<T>>),
}

/// Events: changes of the state, or stops, at times that the solution or the model determines.
pub struct Events<'a, T = f64> {
    /// Each event, in order of declaration, which is the order at one instant.
    pub list: &'a [Event],
    /// `(t, u, p) →` the numbers whose zeros are events.
    pub roots: Option<&'a dyn Kernel<T>>,
    /// `(t, [], p) →` times and periods of time events; they do not depend on `t`.
    pub times: Option<&'a dyn Kernel<T>>,
    /// `(t, u, p) →` the state after an event.
    pub affects: &'a [Arc<dyn Kernel<T>>],
}

/// Products with the second derivatives of the functions of [`Events`], in the same order.
#[derive(Clone, Copy)]
pub struct EventHessians<'a> {
    /// Of the numbers whose zeros are events.
    pub roots: Option<&'a dyn HessianProduct>,
    /// Of times and periods.
    pub times: Option<&'a dyn HessianProduct>,
    /// Of the changes.
    pub affects: &'a [Arc<dyn HessianProduct>],
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When it happens.
    pub trigger: Trigger,
    /// Index into [`Events::affects`]; none when the state stays.
    pub affect: Option<u32>,
    /// Whether the solve ends.
    pub stop: bool,
}

/// When an event happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    /// When a number of [`Events::roots`] passes 0.
    Crossing {
        /// Which number.
        root: u32,
        /// Which way, as time grows.
        direction: Crossing,
    },
    /// At times, a range of [`Events::times`]. An event at the start time happens there.
    At(Range<u32>),
    /// Again and again.
    Every {
        /// Index of the period among [`Events::times`].
        period: u32,
        /// Index of the first time.
        from: u32,
        /// How often; without end when none.
        count: Option<u64>,
    },
}

/// Which way a number passes 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crossing {
    /// Either.
    Both,
    /// From below.
    Rising,
    /// From above.
    Falling,
}
