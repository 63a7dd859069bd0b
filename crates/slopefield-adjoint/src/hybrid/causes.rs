//! Why events happen, and what they do, as the record of a solve shows it.

use super::record::{Entry, Record};
use super::system::{System, refused};
use slopefield_kernel::{Cotangent, Trigger};
use slopefield_solve::SolveError;
use std::ops::Range;

/// Factors and numbers of times of the model, whose sum a time is.
pub(crate) type Terms = [(u32, f64); 2];

/// The entries from `first` that are events at `t`, if one of them changes the state or stops the
/// solve.
pub(crate) fn breaking(system: &System<'_>, record: &Record, first: usize, t: f64) -> Range<usize> {
    let mut end = first;
    let mut any = false;
    while let Some(&Entry::Event { t: at, event, .. }) = record.entries.get(end)
        && at == t
    {
        end += 1;
        any |= system.affect(event).is_some() || stops(system, event);
    }
    if any { first..end } else { first..first }
}

/// Writes the times and periods of the model to `times`.
pub(crate) fn read_times(system: &System<'_>, times: &mut Vec<f64>, scratch: &mut [f64]) {
    times.clear();
    if let Some(kernel) = system.events().and_then(|events| events.times) {
        times.resize(kernel.shape().outputs, 0.0);
        kernel.eval(system.ivp.t0, &[], system.ivp.p, times, scratch);
    }
}

/// What determines the time of an event of the first round that happens at given times, which are
/// `times`.
pub(crate) fn scheduled(system: &System<'_>, times: &[f64], entry: Entry) -> Option<Terms> {
    let Entry::Event { t, event, round: 0 } = entry else { return None };
    let nearest = |range: &mut dyn Iterator<Item = u32>| {
        let off = |index: &u32| (times[*index as usize] - t).abs();
        range.min_by(|a, b| off(a).total_cmp(&off(b)))
    };
    match &system.events()?.list[event].trigger {
        Trigger::At(range) => Some([(nearest(&mut range.clone())?, 1.0), (0, 0.0)]),
        Trigger::Every { period, from, .. } => {
            let (length, first) = (times[*period as usize], times[*from as usize]);
            Some([(*from, 1.0), (*period, ((t - first) / length).round())])
        }
        Trigger::Crossing { .. } => None,
    }
}

/// The root of an event of the first round that happens because a number passes 0.
pub(crate) fn root_of(system: &System<'_>, entry: Entry) -> Option<u32> {
    let Entry::Event { event, round: 0, .. } = entry else { return None };
    match system.events()?.list[event].trigger {
        Trigger::Crossing { root, .. } => Some(root),
        _ => None,
    }
}

pub(crate) fn stops(system: &System<'_>, event: usize) -> bool {
    system.events().is_some_and(|events| events.list[event].stop)
}

/// Refuses time events at the start whose times depend on parameters: a little earlier they would
/// not happen at all.
pub(crate) fn start_stays(
    system: &System<'_>,
    terms: Terms,
    scratch: &mut [f64],
) -> Result<(), SolveError> {
    let Some(times) = system.events().and_then(|events| events.times) else { return Ok(()) };
    let mut weights = vec![0.0; times.shape().outputs];
    for (index, factor) in terms {
        weights[index as usize] += factor;
    }
    let mut by_p = vec![0.0; system.ivp.p.len()];
    let grad = Cotangent { t: &mut 0.0, u: &mut [], p: &mut by_p };
    let at = system.point(system.ivp.t0, &[]);
    times.vjp(at, &weights, grad, scratch);
    match by_p.iter().position(|x| *x != 0.0) {
        None => Ok(()),
        Some(parameter) => refused(format!(
            "a time event happens exactly at the start, t = {}, and its time depends on parameter \
             number {}: it would not happen a little earlier, so there is no derivative; let the \
             solve begin before it",
            system.ivp.t0,
            parameter + 1
        )),
    }
}
