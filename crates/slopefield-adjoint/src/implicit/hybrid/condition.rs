//! Instants that the solution determines: where they are, and how they move.

use super::super::equations::{StageEquations, StepView};
use super::filled::Filled;
use super::reads::{Reader, Seen};
use super::tape::{Tape, within};
use crate::hybrid::locate::{Condition, GRAZING, times_condition};
use crate::hybrid::system::{System, refused};
use crate::hybrid::trace::Kind;
use slopefield_kernel::{Cotangent, Kernel, Point, Tangent};
use slopefield_solve::SolveError;

/// Newton iterations for the place of a crossing at most.
const ITERATIONS: usize = 30;

/// Places in a step at which the size of a number is looked at.
const PLACES: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

/// The numbers whose zeros are events, as functions of time, state and parameters.
pub(super) struct Roots<'a> {
    plain: &'a dyn Kernel,
    filled: Option<Filled<'a>>,
    p: &'a [f64],
}

impl<'a> Roots<'a> {
    /// Those of a system; with delays they read the past, and their parameters are all numbers of the
    /// tape.
    pub fn new(
        system: &System<'a>,
        tape: &'a Tape,
        equations: &dyn StageEquations,
        context: usize,
    ) -> Result<Self, SolveError> {
        let Some(plain) = system.events().and_then(|events| events.roots) else {
            return refused("an event has no condition".into());
        };
        if system.delays().is_none() {
            return Ok(Roots { plain, filled: None, p: system.ivp.p });
        }
        let (interpolant, seen) = (equations.interpolant(), Seen::Everything);
        let reader = Reader { system: *system, tape, interpolant, context, seen };
        Ok(Roots { plain, filled: Some(Filled::new(reader, plain)), p: &tape.data })
    }

    fn kernel(&self) -> &dyn Kernel {
        match &self.filled {
            Some(filled) => filled,
            None => self.plain,
        }
    }
}

/// Work space.
#[derive(Debug, Default)]
pub(super) struct Locator {
    state: Vec<f64>,
    slope: Vec<f64>,
    value: Vec<f64>,
    rates: Vec<f64>,
    weights: Vec<f64>,
    still: Vec<f64>,
    scratch: Vec<f64>,
}

impl Locator {
    pub fn begin(&mut self, system: &System<'_>) {
        let roots = system.roots();
        self.state.resize(system.n, 0.0);
        self.slope.resize(system.n, 0.0);
        self.value.resize(roots, 0.0);
        self.rates.resize(roots, 0.0);
        self.weights.resize(roots.max(system.times()).max(system.lags()), 0.0);
        self.scratch.resize(system.scratch_len(), 0.0);
    }

    /// The number `root` and its rate of change along the solution in a step, at `t`.
    fn along(
        &mut self,
        roots: &Roots<'_>,
        equations: &dyn StageEquations,
        step: &StepView<'_>,
        (t, root): (f64, u32),
    ) -> (f64, f64) {
        within(equations, step, t, &mut self.state, &mut self.slope);
        let kernel = roots.kernel();
        self.still.resize(roots.p.len(), 0.0);
        self.scratch.resize(self.scratch.len().max(kernel.scratch_len()), 0.0);
        let along = Tangent { t: 1.0, u: &self.slope, p: &self.still };
        let (value, rates) = (&mut self.value, &mut self.rates);
        let at = Point { t, u: &self.state, p: roots.p };
        kernel.jvp(at, along, value, rates, &mut self.scratch);
        (self.value[root as usize], self.rates[root as usize])
    }

    /// Where `root` passes 0 on the solution within a step, near `t`.
    pub fn locate(
        &mut self,
        roots: &Roots<'_>,
        equations: &dyn StageEquations,
        step: &StepView<'_>,
        (t, root): (f64, u32),
    ) -> Result<f64, SolveError> {
        let (mut at, mut last) = (t, f64::INFINITY);
        for _ in 0..ITERATIONS {
            let (value, rate) = self.along(roots, equations, step, (at, root));
            let change = value / rate;
            // Nothing but rounding is left when changes no longer fall; where the number only touches
            // 0, that is said when the rate is looked at.
            if !change.is_finite() || change.abs() >= 0.5 * last {
                break;
            }
            at -= change;
            last = change.abs();
        }
        if (at - t).abs() > 0.1 * step.h().abs() {
            return refused(format!(
                "the event at t = {t} is not there when the steps are taken again with their \
                 iterations continued to rounding, which exact gradients need; use smaller \
                 tolerances"
            ));
        }
        Ok(at)
    }

    /// How the time at which `root` passes 0 in a step, `t`, moves.
    pub fn condition(
        &mut self,
        roots: &Roots<'_>,
        equations: &dyn StageEquations,
        step: &StepView<'_>,
        (t, root): (f64, u32),
    ) -> Result<Condition, SolveError> {
        let mut size = 0.0_f64;
        for place in PLACES {
            let (value, _) = self.along(roots, equations, step, (step.t + place * step.h(), root));
            size = if value.is_finite() { size.max(value.abs()) } else { size };
        }
        let (_, rate) = self.along(roots, equations, step, (t, root));
        if !(rate.abs() * step.h().abs() > GRAZING * size) {
            return refused(format!(
                "a condition of the events touches 0 at t = {t} without passing it (its rate of \
                 change there is {rate:e}), so the time of the event has no derivative; change the \
                 parameters or the condition so that the solution passes it or stays clear of it"
            ));
        }
        let (mut by_input, mut by_p) = (vec![0.0; step.start.len()], vec![0.0; roots.p.len()]);
        self.weights.fill(0.0);
        self.weights[root as usize] = 1.0;
        let grad = Cotangent { t: &mut 0.0, u: &mut by_input, p: &mut by_p };
        let weights = &self.weights[..self.value.len()];
        let at = Point { t, u: &self.state, p: roots.p };
        roots.kernel().vjp(at, weights, grad, &mut self.scratch);
        Ok(Condition { rate, by_input, by_p })
    }

    /// How the time `t` moves at which `lag` comes to look at a discontinuity in a step: the time looked
    /// at, less that of the discontinuity, is 0.
    pub fn passage(
        &mut self,
        system: &System<'_>,
        equations: &dyn StageEquations,
        (step, numbers): (&StepView<'_>, usize),
        (t, lag): (f64, usize),
    ) -> Result<Condition, SolveError> {
        let Some(delays) = system.delays() else {
            return refused("a lag is read that the system does not have".into());
        };
        let n = system.n;
        within(equations, step, t, &mut self.state, &mut self.slope);
        let (mut input, mut by_input) = (vec![0.0; system.all], vec![0.0; system.all]);
        input[..n].copy_from_slice(&self.state);
        let (mut by_t, mut by_p) = (0.0, vec![0.0; numbers]);
        self.weights.fill(0.0);
        self.weights[lag] = -1.0;
        let own = system.ivp.p.len();
        let grad = Cotangent { t: &mut by_t, u: &mut by_input, p: &mut by_p[..own] };
        let weights = &self.weights[..system.lags()];
        delays.lags.vjp(system.point(t, &input), weights, grad, &mut self.scratch);
        by_input.truncate(n);
        let along: f64 = by_input.iter().zip(&self.slope).map(|(x, slope)| x * slope).sum();
        let rate = 1.0 + by_t + along;
        if !(rate.abs() > GRAZING) {
            return refused(format!(
                "lag {lag} comes to look at a discontinuity of the past at t = {t} without passing \
                 it, so that instant has no derivative"
            ));
        }
        Ok(Condition { rate, by_input, by_p })
    }

    /// Refuses instants at which several conditions pass 0 that would part when parameters change:
    /// `coincidences` are a moment, a root that passes 0 there besides the one that determines it, and
    /// the step.
    pub fn check_coincidences(
        &mut self,
        system: &System<'_>,
        equations: &mut dyn StageEquations,
        tape: &Tape,
        coincidences: &[(usize, u32, usize)],
    ) -> Result<(), SolveError> {
        for &(moment, root, step) in coincidences {
            let (t, view) = (tape.time(moment), tape.view(step));
            equations.select(view.explicit);
            let equations = &*equations;
            let roots = Roots::new(system, tape, equations, tape.steps[step].event_context)?;
            let other = self.condition(&roots, equations, &view, (t, root))?;
            let leading = match tape.moments[moment].kind {
                Kind::Scheduled { terms } => {
                    let (weights, scratch) = (&mut self.weights, &mut self.scratch);
                    let mut condition = times_condition(system, terms, weights, scratch);
                    condition.by_input.truncate(system.n);
                    condition.by_p.resize(roots.p.len(), 0.0);
                    condition
                }
                Kind::Root { root, .. } => self.condition(&roots, equations, &view, (t, root))?,
                _ => continue,
            };
            leading.stays_with(&other, t)?;
        }
        Ok(())
    }
}
