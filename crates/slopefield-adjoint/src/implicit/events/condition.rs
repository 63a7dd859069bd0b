//! Instants that the solution determines: where they are, and how they move.

use super::super::equations::{StageEquations, StepView};
use super::tape::{Tape, within};
use crate::hybrid::locate::{Condition, GRAZING, times_condition};
use crate::hybrid::system::{System, refused};
use crate::hybrid::trace::Kind;
use slopefield_kernel::{Cotangent, Kernel, Tangent};
use slopefield_solve::SolveError;

/// Newton iterations for the place of a crossing at most.
const ITERATIONS: usize = 30;

/// Places in a step at which the size of a number is looked at.
const PLACES: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

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
        self.weights.resize(roots.max(system.times()), 0.0);
        self.still.clear();
        self.still.resize(system.ivp.p.len(), 0.0);
        self.scratch.resize(system.scratch_len(), 0.0);
    }

    /// The number `root` and its rate of change along the solution in a step, at `t`.
    fn along(
        &mut self,
        system: &System<'_>,
        equations: &dyn StageEquations,
        step: &StepView<'_>,
        (t, root): (f64, u32),
    ) -> Result<(f64, f64), SolveError> {
        within(equations, step, t, &mut self.state, &mut self.slope);
        let along = Tangent { t: 1.0, u: &self.slope, p: &self.still };
        let (value, rates) = (&mut self.value, &mut self.rates);
        let at = system.point(t, &self.state);
        roots_of(system)?.jvp(at, along, value, rates, &mut self.scratch);
        Ok((self.value[root as usize], self.rates[root as usize]))
    }

    /// Where `root` passes 0 on the solution within a step, near `t`.
    pub fn locate(
        &mut self,
        system: &System<'_>,
        equations: &dyn StageEquations,
        step: &StepView<'_>,
        (t, root): (f64, u32),
    ) -> Result<f64, SolveError> {
        let (mut at, mut last) = (t, f64::INFINITY);
        for _ in 0..ITERATIONS {
            let (value, rate) = self.along(system, equations, step, (at, root))?;
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
        system: &System<'_>,
        equations: &dyn StageEquations,
        step: &StepView<'_>,
        (t, root): (f64, u32),
    ) -> Result<Condition, SolveError> {
        let roots = roots_of(system)?;
        let mut size = 0.0_f64;
        for place in PLACES {
            let (value, _) =
                self.along(system, equations, step, (step.t + place * step.h(), root))?;
            size = if value.is_finite() { size.max(value.abs()) } else { size };
        }
        let (_, rate) = self.along(system, equations, step, (t, root))?;
        if !(rate.abs() * step.h().abs() > GRAZING * size) {
            return refused(format!(
                "a condition of the events touches 0 at t = {t} without passing it (its rate of \
                 change there is {rate:e}), so the time of the event has no derivative; change the \
                 parameters or the condition so that the solution passes it or stays clear of it"
            ));
        }
        let (mut by_input, mut by_p) = (vec![0.0; system.n], vec![0.0; system.ivp.p.len()]);
        self.weights.fill(0.0);
        self.weights[root as usize] = 1.0;
        let grad = Cotangent { t: &mut 0.0, u: &mut by_input, p: &mut by_p };
        let weights = &self.weights[..self.value.len()];
        roots.vjp(system.point(t, &self.state), weights, grad, &mut self.scratch);
        Ok(Condition { rate, by_input, by_p })
    }

    /// Refuses instants at which several conditions pass 0 that would part when parameters change:
    /// `coincidences` are a moment, a root that passes 0 there besides the one that determines it, and
    /// the step.
    pub fn check_coincidences(
        &mut self,
        system: &System<'_>,
        equations: &dyn StageEquations,
        tape: &Tape,
        coincidences: &[(usize, u32, usize)],
    ) -> Result<(), SolveError> {
        for &(moment, root, step) in coincidences {
            let (t, view) = (tape.time(moment), tape.view(step));
            let other = self.condition(system, equations, &view, (t, root))?;
            let leading = match tape.moments[moment].kind {
                Kind::Scheduled { terms } => {
                    times_condition(system, terms, &mut self.weights, &mut self.scratch)
                }
                Kind::Root { root, .. } => self.condition(system, equations, &view, (t, root))?,
                _ => continue,
            };
            leading.stays_with(&other, t)?;
        }
        Ok(())
    }
}

fn roots_of<'a>(system: &System<'a>) -> Result<&'a dyn Kernel, SolveError> {
    match system.events().and_then(|events| events.roots) {
        Some(roots) => Ok(roots),
        None => refused("an event has no condition".into()),
    }
}
