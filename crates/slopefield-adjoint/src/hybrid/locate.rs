//! Instants that the solution determines: what they are zeros of, and how they move.

use super::causes::Terms;
use super::reverse::dot;
use super::system::{System, refused};
use super::trace::{Kind, Source, Trace};
use super::zeros;
use slopefield_kernel::{Cotangent, Kernel, Tangent};
use slopefield_solve::SolveError;

/// A condition whose rate of change times the step is below this part of its size in the step only
/// touches 0.
pub(crate) const GRAZING: f64 = 1e-6;

/// Two conditions that pass 0 at one instant must move it alike up to this.
const ALIKE: f64 = 1e-7;

/// How an instant moves with the solution and the parameters: its time changes by minus the sum of
/// these numbers times the changes, divided by the rate.
#[derive(Debug)]
pub(crate) struct Condition {
    pub rate: f64,
    pub by_input: Vec<f64>,
    pub by_p: Vec<f64>,
}

impl Condition {
    /// Refuses another condition, which holds at the same instant `t` and moves it differently.
    pub fn stays_with(&self, other: &Condition, t: f64) -> Result<(), SolveError> {
        let numbers = |c: &Condition| -> Vec<f64> {
            c.by_input.iter().chain(&c.by_p).map(|x| x / c.rate).collect()
        };
        let (one, two) = (numbers(self), numbers(other));
        let size = one.iter().chain(&two).fold(0.0_f64, |most, x| most.max(x.abs()));
        if one.iter().zip(&two).any(|(a, b)| (a - b).abs() > ALIKE * size) {
            return refused(format!(
                "several events happen at the same instant t = {t} for different reasons and would \
                 part when parameters change, so the order in which they happen, and with it the \
                 solution, has no derivative there; change a parameter slightly"
            ));
        }
        Ok(())
    }
}

/// A time of the model as a condition `t − time = 0`; `weights` is work space.
pub(crate) fn times_condition(
    system: &System<'_>,
    terms: Terms,
    weights: &mut [f64],
    scratch: &mut [f64],
) -> Condition {
    let mut by_p = vec![0.0; system.ivp.p.len()];
    if let Some(times) = system.events().and_then(|events| events.times) {
        weights.fill(0.0);
        for (index, factor) in terms {
            weights[index as usize] -= factor;
        }
        let grad = Cotangent { t: &mut 0.0, u: &mut [], p: &mut by_p };
        let weights = &weights[..times.shape().outputs];
        times.vjp(system.point(system.ivp.t0, &[]), weights, grad, scratch);
    }
    Condition { rate: 1.0, by_input: vec![0.0; system.all], by_p }
}

/// Work space for the conditions of instants.
#[derive(Debug, Default)]
pub(super) struct Locator {
    row: Vec<f64>,
    direction: Vec<f64>,
    value: Vec<f64>,
    rates: Vec<f64>,
    weights: Vec<f64>,
    unit: Vec<f64>,
    still: Vec<f64>,
    scratch: Vec<f64>,
}

/// The first change at a moment.
pub(super) fn change_at(trace: &Trace, moment: usize) -> usize {
    trace.changes.partition_point(|change| change.moment < moment)
}

impl Locator {
    pub fn begin(&mut self, system: &System<'_>, trace: &Trace) {
        let most = trace.n.max(system.roots()).max(trace.lags).max(system.times());
        zeros(&mut self.row, trace.all);
        zeros(&mut self.direction, trace.all);
        zeros(&mut self.value, most);
        zeros(&mut self.rates, most);
        zeros(&mut self.weights, most);
        zeros(&mut self.unit, trace.n);
        zeros(&mut self.still, system.ivp.p.len());
        zeros(&mut self.scratch, system.scratch_len());
    }

    /// The condition that determines a moment within a step.
    pub fn condition(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        step: usize,
        kind: Kind,
    ) -> Result<Condition, SolveError> {
        let n = trace.n;
        let cut = trace.steps[step].cut;
        let t = trace.time(cut);
        let mut by_input = vec![0.0; trace.all];
        let mut by_p = vec![0.0; system.ivp.p.len()];
        let mut by_t = 0.0;
        for state in 0..n {
            self.direction[state] = trace.value(step, t, 1, state);
        }
        match kind {
            Kind::Root { root, .. } => {
                let Some(roots) = system.events().and_then(|events| events.roots) else {
                    return refused("an event has no condition".into());
                };
                let change = change_at(trace, cut);
                let at = trace.before(change);
                self.delayed_rates(system, trace, t, at, trace.sources_of_change(change));
                let m = roots.shape().outputs;
                let along = Tangent { t: 1.0, u: &self.direction, p: &self.still };
                let (value, rates) = (&mut self.value[..m], &mut self.rates[..m]);
                roots.jvp(system.point(t, at), along, value, rates, &mut self.scratch);
                let rate = rates[root as usize];
                let size = self.size_in_step(system, trace, step, roots, root as usize);
                let (begin, end) = trace.span(step);
                if !(rate.abs() * (end - begin).abs() > GRAZING * size) {
                    let event = trace.changes[change].event;
                    return refused(format!(
                        "the condition of event {event} touches 0 at t = {t} without passing it \
                         (its rate of change there is {rate:e}), so the time of the event has no \
                         derivative; change the parameters or the condition so that the solution \
                         passes it or stays clear of it"
                    ));
                }
                self.weights.fill(0.0);
                self.weights[root as usize] = 1.0;
                let grad = Cotangent { t: &mut by_t, u: &mut by_input, p: &mut by_p };
                roots.vjp(system.point(t, at), &self.weights[..m], grad, &mut self.scratch);
                Ok(Condition { rate, by_input, by_p })
            }
            Kind::Passage { lag, .. } => {
                // t − lag(t, u, p) − moment = 0.
                let Some(delays) = system.delays() else {
                    return refused("a lag is read that the system does not have".into());
                };
                for state in 0..n {
                    self.row[state] = trace.value(step, t, 0, state);
                }
                self.row[n..].fill(0.0);
                self.weights.fill(0.0);
                self.weights[lag] = -1.0;
                let grad = Cotangent { t: &mut by_t, u: &mut by_input, p: &mut by_p };
                let weights = &self.weights[..trace.lags];
                let at = system.point(t, &self.row);
                delays.lags.vjp(at, weights, grad, &mut self.scratch);
                let rate = 1.0 + by_t + dot(&by_input[..n], &self.direction[..n]);
                if !(rate.abs() > GRAZING) {
                    return refused(format!(
                        "lag {lag} comes to look at a discontinuity of the past at t = {t} without \
                         passing it, so that instant has no derivative"
                    ));
                }
                Ok(Condition { rate, by_input, by_p })
            }
            _ => refused("this moment has no condition".into()),
        }
    }

    /// Completes `direction`, which holds the slopes of the states, by the rates of change of the
    /// delayed values along the solution.
    fn delayed_rates(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        t: f64,
        at: &[f64],
        sources: &[Source],
    ) {
        let n = trace.n;
        self.direction[n..].fill(0.0);
        let Some(delays) = system.delays() else { return };
        self.row.copy_from_slice(at);
        self.row[n..].fill(0.0);
        let along = Tangent { t: 1.0, u: &self.direction, p: &self.still };
        let (value, rates) = (&mut self.value[..trace.lags], &mut self.rates[..trace.lags]);
        delays.lags.jvp(system.point(t, &self.row), along, value, rates, &mut self.scratch);
        for (index, read) in system.reads.iter().enumerate() {
            let (state, lag) = (read.state as usize, read.lag as usize);
            let rate = match sources[lag] {
                Source::Before(s) => {
                    self.unit[state] = 1.0;
                    let mut by_s = 0.0;
                    if !read.slope {
                        let mut by_p = vec![0.0; self.still.len()];
                        let grad = Cotangent { t: &mut by_s, u: &mut [], p: &mut by_p };
                        let at = system.point(s, &[]);
                        delays.history.vjp(at, &self.unit, grad, &mut self.scratch);
                    }
                    self.unit[state] = 0.0;
                    by_s
                }
                Source::Step { step, s } => {
                    trace.value(step, s, 1 + usize::from(read.slope), state)
                }
            };
            let lag_rate = if system.is_constant(lag) { 0.0 } else { self.rates[lag] };
            self.direction[n + index] = rate * (1.0 - lag_rate);
        }
    }

    /// Largest size of a number of the events at the stages of a step.
    fn size_in_step(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        step: usize,
        roots: &dyn Kernel,
        root: usize,
    ) -> f64 {
        let mut most = 0.0_f64;
        let m = roots.shape().outputs;
        for stage in 0..trace.stages(step) {
            let t = trace.stage_time(step, trace.tableau.stage(stage).1);
            let input = trace.input(step, stage);
            roots.eval(t, input, system.ivp.p, &mut self.value[..m], &mut self.scratch);
            if self.value[root].is_finite() {
                most = most.max(self.value[root].abs());
            }
        }
        most
    }

    /// Refuses instants at which several conditions pass 0 that would part when parameters change.
    pub fn check_coincidences(
        &mut self,
        system: &System<'_>,
        trace: &Trace,
        coincidences: &[(usize, u32, usize)],
    ) -> Result<(), SolveError> {
        for &(moment, root, step) in coincidences {
            let t = trace.time(moment);
            let other = self.condition(system, trace, step, Kind::Root { root, step })?;
            let leading = match trace.moments[moment].kind {
                Kind::Scheduled { terms } => {
                    times_condition(system, terms, &mut self.weights, &mut self.scratch)
                }
                kind => self.condition(system, trace, step, kind)?,
            };
            leading.stays_with(&other, t)?;
        }
        Ok(())
    }
}
