//! What the header asks of solvers, call by call.

use super::problems::{self, Setup, distance};
use super::{Tried, difference, march, run_on, start, step};
use crate::context::Context;
use crate::outcome::{Finding, passed, skipped, warning};
use crate::raw::{Config, Record};
use slopefield_plugin_abi as abi;

/// Error with usual settings that says that something else than accuracy is wrong.
const FAR_OFF: f64 = 0.05;

pub(crate) fn unknown_id(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    let problem = problems::lotka_volterra();
    let longer = format!("{}x", cx.subject);
    let shorter = &cx.subject[..cx.subject.len() - 1];
    let mut silent = false;
    for id in ["no-such-solver", &longer, shorter, ""] {
        // The plugin may have a solver of that name.
        if cx.manifest()?.provides.iter().any(|p| p.id == id) {
            continue;
        }
        match tried.solvers.create(id, problem.model(), &Config::default()) {
            Ok(_) => return Err(format!("it makes an instance of \"{id}\"")),
            Err(e) => silent |= e.message.is_empty(),
        }
    }
    if silent { warning("it refuses without a sentence") } else { passed("") }
}

/// Whether every field of a step is as the header says; a sentence when not.
fn fields(r: &Record, limit: f64, adaptive: bool) -> Result<(), String> {
    let at_limit = r.flags & abi::SLF_STEP_AT_LIMIT != 0;
    if at_limit != (r.t == limit) {
        let says = if at_limit { "is set" } else { "is not set" };
        return Err(format!("SLF_STEP_AT_LIMIT {says} at t = {} with the limit {limit}", r.t));
    }
    if r.flags & !abi::SLF_STEP_AT_LIMIT != 0 {
        return Err(format!("flags is {:#x}, with bits that mean nothing", r.flags));
    }
    if !(r.h_next > 0.0) {
        return Err(format!("h_next is {}, which is not a length", r.h_next));
    }
    if !r.error_norm.is_nan() && !(0.0..=1.0).contains(&r.error_norm) {
        return Err(format!("error_norm is {} in an accepted step", r.error_norm));
    }
    if adaptive && r.error_norm.is_nan() {
        return Err("error_norm is NaN and the solver chooses its steps".to_owned());
    }
    Ok(())
}

pub(crate) fn step_record(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    let adaptive = tried.can(abi::SLF_CAP_ADAPTIVE);
    let mut steps = 0;
    for problem in problems::smooth() {
        let mut instance = tried.instance(&problem)?;
        let records = run_on(&mut instance, &problem)?;
        for record in &records {
            fields(record, problem.t1, adaptive)?;
        }
        let error = problem.error(&records[records.len() - 1].y);
        if !(error < FAR_OFF) {
            return Err(format!(
                "with usual settings the error on {} is {error:.1e}",
                problem.name
            ));
        }
        instance.verdict()?;
        steps += records.len();
    }
    passed(format!("{steps} steps"))
}

pub(crate) fn limits(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    let mut random = cx.random("limits");
    for problem in problems::smooth() {
        let mut instance = tried.instance(&problem)?;
        start(&mut instance, &problem)?;
        let (mut t, mut pieces) = (problem.t0, 0);
        while t != problem.t1 {
            // Limits far behind, near and just ahead of the next step.
            let length = 10f64.powf(-5.0 * random()) * (problem.t1 - problem.t0);
            let limit =
                if pieces > 200 || t + length >= problem.t1 { problem.t1 } else { t + length };
            t = march(&mut instance, t, limit)?.last().map_or(limit, |r| r.t);
            pieces += 1;
            instance.verdict().map_err(|e| format!("on {}: {e}", problem.name))?;
        }
    }
    passed(format!("limits drawn with seed {}", cx.seed))
}

pub(crate) fn closed_callbacks(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    let problem = problems::lotka_volterra();
    let mut instance = tried.instance(&problem)?;
    if instance.model().all_calls > 0 {
        return Err("it calls the model from create, before there is a run".to_owned());
    }
    let records = run_on(&mut instance, &problem)?;
    if has_dense(cx)? {
        let last = &records[records.len() - 1];
        let before = instance.model().all_calls;
        let inside = 0.5 * (last.t_prev + last.t);
        instance.interpolate(inside, 0).map_err(|e| format!("interpolate failed: {e}"))?;
        if instance.model().all_calls > before {
            return Err("it calls the model from interpolate".to_owned());
        }
    }
    instance.verdict()?;
    passed("")
}

fn has_dense(cx: &Context) -> Result<bool, String> {
    Ok(cx.solver()?.dense_order > 0.0)
}

/// Buffers of the host lie between guards and are gone after each call (see
/// [`crate::raw::Instance`]), so this looks for what a plugin that kept them would do.
pub(crate) fn borrowed(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    let dense = has_dense(cx)?;
    for problem in problems::smooth() {
        let mut instance = tried.instance(&problem)?;
        let records = run_on(&mut instance, &problem)?;
        let last = &records[records.len() - 1];
        if dense {
            let inside = last.t_prev + 0.3 * (last.t - last.t_prev);
            instance.interpolate(inside, 0).map_err(|e| format!("interpolate failed: {e}"))?;
        }
        instance.verdict()?;
        let error = problem.error(&last.y);
        if !(error < FAR_OFF) {
            return Err(format!(
                "the error on {} is {error:.1e}: does it read tolerances or the initial state after \
                 the call that lent them?",
                problem.name
            ));
        }
    }
    passed("")
}

pub(crate) fn sizes(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    for n in [1, 2, 17, 120] {
        let problem = problems::decays(n);
        let mut instance = tried.instance(&problem)?;
        let records =
            run_on(&mut instance, &problem).map_err(|e| format!("with {n} states: {e}"))?;
        let error = problem.error(&records[records.len() - 1].y);
        if !(error < FAR_OFF) {
            return Err(format!("with {n} states the error is {error:.1e}"));
        }
        instance.verdict()?;
    }
    // The application never asks for this; it may be refused.
    let nothing = problems::decays(0);
    match tried.solvers.create(&tried.id, nothing.model(), &tried.config(1.0)) {
        Err(_) => passed("0 states are refused"),
        Ok(mut instance) => {
            let outcome = start(&mut instance, &nothing);
            let outcome = outcome.and_then(|()| step(&mut instance, 0.0, 1.0));
            passed(if outcome.is_ok() { "0 states too" } else { "0 states are refused" })
        }
    }
}

pub(crate) fn short_interval(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    let problem = problems::lotka_volterra();
    // Of length 0: nothing must be stepped, and the instance must be usable afterwards.
    let mut instance = tried.instance(&problem)?;
    let begun = instance.start(1.0, 1.0, &problem.u0);
    let records = run_on(&mut instance, &problem)
        .map_err(|e| format!("after a start at its own end: {e}"))?;
    if let Some(difference) = difference(&records, &tried.run(&problem)?) {
        return Err(format!("a start at its own end changes the next run: {difference}"));
    }
    // A few units of rounding.
    let t0 = 1.0;
    for t1 in [1.0 + f64::EPSILON, 1.0 + 8.0 * f64::EPSILON, 1.0 + 1e-12] {
        let short = Setup { t0, t1, end: Some(problem.u0.clone()), ..problem.clone() };
        let mut instance = tried.create(short.model(), &tried.config(1.0))?;
        let records = run_on(&mut instance, &short)
            .map_err(|e| format!("over an interval of length {:.1e}: {e}", t1 - t0))?;
        let moved = distance(&records[records.len() - 1].y, &problem.u0);
        if !(moved < 1e-10) {
            return Err(format!("over {:.1e} the solution moved by {moved:.1e}", t1 - t0));
        }
        instance.verdict()?;
    }
    match begun {
        Ok(()) => passed(""),
        Err(e) => passed(format!("a start at its own end is refused: {e}")),
    }
}

pub(crate) fn mass_matrix(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    // Twice the identity: the solution runs at half the speed.
    let mut problem = problems::decay();
    let made = tried.solvers.create_with(&tried.id, problem.model(), &tried.config(2.0), true);
    if !tried.can(abi::SLF_CAP_MASS_MATRIX) {
        return match made {
            Err(e) if e.status == abi::SLF_ERR_UNSUPPORTED => passed(format!("refused: {e}")),
            Err(e) => warning(format!("refused, and not with SLF_ERR_UNSUPPORTED: {e}")),
            Ok(_) => Err(
                "it takes a problem with a mass matrix and does not declare that it can; it would \
                 solve another problem without a word"
                    .to_owned(),
            ),
        };
    }
    let mut instance = made.map_err(|e| format!("declared, and create failed: {e}"))?;
    problem.p[0] *= 0.5;
    let problem = problem.until(2.0);
    let records = run_on(&mut instance, &problem)?;
    let error = problem.error(&records[records.len() - 1].y);
    if error < FAR_OFF {
        passed(format!("error {error:.0e} with twice the identity"))
    } else {
        Err(format!("with twice the identity as mass matrix the error is {error:.1e}"))
    }
}

pub(crate) fn dense_ends(cx: &Context) -> Finding {
    if !has_dense(cx)? {
        return skipped("the application interpolates between the steps of this solver");
    }
    let tried = Tried::new(cx)?;
    let failed = |e| format!("interpolate failed: {e}");
    let mut no_slope = None;
    for problem in problems::smooth() {
        let mut instance = tried.instance(&problem)?;
        start(&mut instance, &problem)?;
        let (mut t, mut y) = (problem.t0, problem.u0.clone());
        while t != problem.t1 {
            let record = step(&mut instance, t, problem.t1)?;
            let (a, b) = (record.t_prev, record.t);
            for (at, expected) in [(a, &y), (b, &record.y)] {
                let off = distance(&instance.interpolate(at, 0).map_err(failed)?, expected);
                if !(off < 1e-9) {
                    return Err(format!("at the end t = {at} of a step it is off by {off:.1e}"));
                }
            }
            let (middle, width) = (0.5 * (a + b), 1e-4 * (b - a));
            match instance.interpolate(middle, 1) {
                Err(e) => no_slope = Some(e.to_string()),
                Ok(slope) => {
                    let high = instance.interpolate(middle + width, 0).map_err(failed)?;
                    let low = instance.interpolate(middle - width, 0).map_err(failed)?;
                    for ((high, low), slope) in high.iter().zip(&low).zip(&slope) {
                        // Truncation of the difference and rounding of the values.
                        let difference = (high - low) / (2.0 * width);
                        let room =
                            1e-5 * (1.0 + slope.abs()) + 1e-13 * high.abs().max(1.0) / width.abs();
                        if !((difference - slope).abs() <= room) {
                            return Err(format!(
                                "within a step its slope is {slope} and that of its values is \
                                 {difference}"
                            ));
                        }
                    }
                }
            }
            (t, y) = (b, record.y);
        }
        instance.verdict()?;
    }
    match no_slope {
        None => passed(""),
        Some(e) => warning(format!("the first derivative is not to be had: {e}")),
    }
}
