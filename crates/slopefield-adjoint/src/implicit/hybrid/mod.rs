//! Exact gradients through events and delays, over implicit methods: Rosenbrock, diagonally implicit
//! Runge–Kutta and Radau IIA methods; events with mass matrices and algebraic equations too.
//!
//! What moves and what stays is the same as over explicit methods, see
//! `docs/derivations/event-and-delay-gradients.md`; the steps between are those of
//! `docs/derivations/implicit-adjoints.md`, whose beginnings and lengths move. Behind a change the method
//! begins with a consistent state and slope.

mod condition;
mod curvature;
mod curved;
mod filled;
mod reads;
mod reverse;
mod solve;
mod tangent;
mod tape;

use super::path::SWITCHES_TO_BDF;
use super::rosenbrock::NEEDS_CURVATURE;
use crate::hybrid::system::System;
use crate::method::{ensure_finite, validate_gradients};
use crate::saves::SavedStates;
use crate::sensitivity::{Sink, TangentPass, sensitivities};
use crate::{Evaluated, GradientMethod, Loss, StateSensitivities};
pub(crate) use curved::{TapedSecondOrder, needs_curvature};
use filled::leaves_out_lags;
use reverse::Reverse;
use slopefield_kernel::{MatrixKernel, Part, Structure};
use slopefield_solve::{Ivp, Settings, SolveError, Stats, Switching};
use solve::Solve;
use tangent::Forward;

/// The parts of a system whose derivative is part of these gradients.
pub(crate) const HONOURED: [Part; 3] = [Part::Mass, Part::Events, Part::Delays];

/// Why events are refused beside delays and a mass matrix.
const EVENTS_BESIDE_ALGEBRA: &str = "events of systems with delays beside algebraic equations or a mass matrix \
    are not differentiated; solve the equations for the derivatives";

/// Why diagonally implicit methods are refused there.
const SLOPES_BESIDE_ALGEBRA: &str = "diagonally implicit methods begin a step with the slope at the end of the \
    last, and slopes of algebraic variables are not differentiated beside delays; use rodas5p or radau";

/// Why Rosenbrock methods are refused for neutral equations,
const READS_SLOPES: &str = "Rosenbrock methods have the Jacobian in their steps, which in equations \
    that read slopes of the past has second derivatives of the solution that are not known where the \
    history is; use kencarp4 or radau";

/// and for large systems with lags that move.
const LEAVES_OUT_LAGS: &str = "in systems of this size Rosenbrock methods take a sparse Jacobian that \
    leaves out how lags depend on the state, and such steps are not differentiated; use kencarp4 or \
    radau";

/// Why automatic switching is refused beside delays,
const SWITCHES_BESIDE_DELAYS: &str = "automatic switching is not differentiated in systems with delays; \
    use rodas5p, kencarp4 or tsit5";

/// Whether a system has what the derivatives need; otherwise a sentence.
fn suits(solve: &Solve, structure: &Structure<'_>) -> Result<(), String> {
    if solve.equations.have_the_jacobian() && structure.hessian.is_none() {
        return Err(NEEDS_CURVATURE.into());
    }
    let large = |jacobian: &dyn MatrixKernel| {
        jacobian.pattern().width() > Switching::<f64>::LARGEST_FOR_RODAS5P
    };
    if solve.equations.switches() && structure.jacobian.is_some_and(large) {
        return Err(SWITCHES_TO_BDF.into());
    }
    let Some(delays) = &structure.delays else { return Ok(()) };
    if solve.equations.switches() {
        return Err(SWITCHES_BESIDE_DELAYS.into());
    }
    if structure.mass.is_some() {
        if structure.events.is_some() {
            return Err(EVENTS_BESIDE_ALGEBRA.into());
        }
        if solve.equations.hands_over_slope() {
            return Err(SLOPES_BESIDE_ALGEBRA.into());
        }
    }
    if solve.equations.have_the_jacobian() {
        if delays.reads.iter().any(|read| read.slope) {
            return Err(READS_SLOPES.into());
        }
        if leaves_out_lags(structure) {
            return Err(LEAVES_OUT_LAGS.into());
        }
    }
    Ok(())
}

/// Exact reverse of a solve with events or delays by an implicit one-step method.
pub struct ImplicitHybridAdjoint {
    solver: String,
    solve: Solve,
    reverse: Reverse,
    saved: SavedStates,
}

impl ImplicitHybridAdjoint {
    /// Through the built-in implicit method called `name`; automatic switching
    /// included; none for other methods.
    pub fn named(name: &str) -> Option<Self> {
        let (solver, solve) = (name.to_owned(), Solve::named(name)?);
        let saved = SavedStates::default();
        Some(ImplicitHybridAdjoint { solver, solve, reverse: Reverse::new(), saved })
    }

    /// Holds no more than `bytes`, 256 MiB otherwise: with events, where there is no room for the whole
    /// solve, it is gone through in parts. Refuses solves for which that is not enough, with the number
    /// that is, and with delays those whose whole is more.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.solve.budget = bytes;
        self
    }

    /// Whether the system has what the derivatives need; otherwise a sentence.
    ///
    /// # Errors
    /// Steps of Rosenbrock methods of systems whose second derivatives are not known.
    pub fn suits(&self, structure: &Structure<'_>) -> Result<(), String> {
        suits(&self.solve, structure)
    }
}

impl GradientMethod for ImplicitHybridAdjoint {
    fn name(&self) -> &'static str {
        "discrete"
    }

    fn state_sensitivities(&self) -> Option<Box<dyn StateSensitivities>> {
        let mut forward = ImplicitHybridSensitivity::named(&self.solver)?;
        forward.pass.solve.shows_delayed = self.solve.shows_delayed;
        Some(Box::new(forward.with_memory(self.solve.budget)))
    }

    fn show_delayed(&mut self) -> bool {
        self.solve.shows_delayed = true;
        true
    }

    fn evaluate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        loss: &mut Loss<'_>,
        grad_u0: &mut [f64],
        grad_p: &mut [f64],
    ) -> Result<Evaluated, SolveError> {
        validate_gradients(ivp, grad_u0, grad_p, &HONOURED)?;
        let system = System::new(ivp);
        let n = system.n;
        self.saved.resize_with_delayed(saves.len(), n, self.solve.shown(&system));
        let states = &mut self.saved.states;
        let (forward, reached) = self.solve.solve(&system, settings, saves, states)?;
        self.solve.write_shown(&mut self.saved.delayed);
        let loss = self.saved.evaluate(loss);
        // What a loss says of states that were not reached has no meaning.
        self.saved.by_state[reached * n..].fill(0.0);
        grad_p.fill(0.0);
        let (mut memory, parts) = (0, self.solve.parts());
        for part in (0..parts).rev() {
            let states = &mut self.saved.states;
            self.solve.retake(&system, settings, part, saves, states)?;
            let last = part + 1 == parts;
            self.reverse.run(&system, &mut self.solve, saves, &self.saved, last, grad_p)?;
            memory = memory.max(self.solve.bytes() + self.reverse.bytes());
        }
        self.reverse.finish(grad_p);
        grad_u0.copy_from_slice(&self.reverse.lambda);
        ensure_finite(ivp, &self.saved.by_state, grad_u0, grad_p)?;
        Ok(Evaluated {
            loss,
            forward,
            reverse_products: self.reverse.products + self.solve.repeated,
            memory,
            by_start_time: self.solve.start_moves().then_some(self.reverse.moments[0]),
        })
    }
}

/// Tangents of a solve with events or delays by an implicit one-step method, along every initial value, every
/// parameter and the start time.
pub struct ImplicitHybridSensitivity {
    solver: String,
    pass: Pass,
    saved: SavedStates,
}

impl ImplicitHybridSensitivity {
    /// Through the built-in implicit method called `name`; automatic switching
    /// included; none for other methods.
    pub fn named(name: &str) -> Option<Self> {
        let mut solve = Solve::named(name)?;
        solve.forward = true;
        let pass = Pass { solve, forward: Forward::new() };
        let (solver, saved) = (name.to_owned(), SavedStates::default());
        Some(ImplicitHybridSensitivity { solver, pass, saved })
    }

    /// Whether the system has what the derivatives need; otherwise a sentence.
    ///
    /// # Errors
    /// Steps of Rosenbrock methods of systems whose second derivatives are not known.
    pub fn suits(&self, structure: &Structure<'_>) -> Result<(), String> {
        suits(&self.pass.solve, structure)
    }

    /// Refuses solves that take more than `bytes` to keep, tangents included, with their number;
    /// 256 MiB otherwise.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.pass.solve.budget = bytes;
        self
    }

    fn again(&self) -> Option<Self> {
        let mut again = Self::named(&self.solver)?;
        again.pass.solve.shows_delayed = self.pass.solve.shows_delayed;
        Some(again.with_memory(self.pass.solve.budget))
    }
}

sensitivities!(ImplicitHybridSensitivity);

struct Pass {
    solve: Solve,
    forward: Forward,
}

impl TangentPass for Pass {
    fn honoured(&self) -> &'static [Part] {
        &HONOURED
    }

    fn solve(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        states: &mut [f64],
    ) -> Result<(Stats, usize), SolveError> {
        self.solve.solve(&System::new(ivp), settings, saves, states)
    }

    fn follows_start_time(&self) -> bool {
        self.solve.start_moves()
    }

    fn propagate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        start_time: bool,
        sink: &mut Sink<'_>,
    ) -> Result<(), SolveError> {
        let along = (saves, start_time);
        self.forward.run(&System::new(ivp), settings, &mut self.solve, along, sink)
    }

    fn show(&mut self) -> bool {
        self.solve.shows_delayed = true;
        true
    }

    fn shown(&self, ivp: &Ivp<'_>) -> usize {
        self.solve.shown(&System::new(ivp))
    }

    fn write_shown(&self, delayed: &mut [f64]) {
        self.solve.write_shown(delayed);
    }

    fn products(&self) -> u64 {
        self.forward.products + self.solve.repeated
    }

    fn bytes(&self) -> u64 {
        self.solve.bytes() + self.forward.bytes()
    }
}
