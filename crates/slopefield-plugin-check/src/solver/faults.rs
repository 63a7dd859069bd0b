//! Models that fail.

use super::problems::{self, Setup};
use super::{MAX_STEPS, Tried, difference, march, start};
use crate::context::Context;
use crate::outcome::{Finding, passed, warning};
use crate::raw::{Config, Hook, Instance, Record, status_name};
use slopefield_plugin_abi as abi;

/// Calls that fail one by one from the first, and calls drawn at random behind them.
const FIRST_CALLS: u64 = 40;
const DRAWN_CALLS: u64 = 20;
/// How far a step may reach past the end of a solution without meeting what is not defined.
const BEYOND: f64 = 0.05;
/// Evaluations after which a run that gets nowhere is given up.
const MOST_CALLS: u64 = 5_000_000;

fn fails_at(call: u64, status: abi::slf_status) -> Hook {
    Box::new(move |n, _, _, _| if n == call { status } else { abi::SLF_OK })
}

pub(crate) fn failing_callback(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    let problem = problems::lotka_volterra();
    let mut plain = tried.instance(&problem)?;
    start(&mut plain, &problem)?;
    let undisturbed = march(&mut plain, problem.t0, problem.t1)?;
    let total = plain.model().calls;
    let mut random = cx.random("failing callback");
    let drawn = (0..DRAWN_CALLS).map(|_| 1 + (random() * total as f64) as u64);
    let calls: Vec<u64> = (1..=FIRST_CALLS.min(total)).chain(drawn).collect();
    for call in calls {
        let status = if call % 2 == 0 { abi::SLF_ERR_CANCELLED } else { abi::SLF_ERR_HOST };
        let found = disturbed(cx, &tried, &problem, call, status);
        let found = found.map_err(|e| format!("evaluation {call} fails: {e}"))?;
        if let Some(difference) = difference(&undisturbed, &found) {
            return Err(format!(
                "evaluation {call} fails, and the same call made once more goes another way: \
                 {difference}"
            ));
        }
    }
    passed(format!("a run with {total} evaluations, seed {}", cx.seed))
}

/// A run in which one evaluation fails for good, and the call that it failed in is made again.
fn disturbed(
    cx: &Context,
    tried: &Tried,
    problem: &Setup,
    call: u64,
    status: abi::slf_status,
) -> Result<Vec<Record>, String> {
    let model = problem.model().with(fails_at(call, status));
    let mut instance = tried.create(model, &tried.config(problem.t1 - problem.t0))?;
    let dense = cx.solver()?.dense_order > 0.0;
    let as_it_should = |instance: &mut Instance, found: abi::slf_status| {
        if instance.model().after_failure > 0 {
            return Err("the model is called again before the call returns".to_owned());
        }
        if found == status {
            return Ok(());
        }
        Err(format!("it makes {} of {}", status_name(found), status_name(status)))
    };
    if let Err(e) = instance.start(problem.t0, problem.t1, &problem.u0) {
        as_it_should(&mut instance, e.status)?;
        start(&mut instance, problem)?;
    }
    let mut records: Vec<Record> = Vec::new();
    while records.last().is_none_or(|r| r.t != problem.t1) {
        let (a, b) = records.last().map_or((problem.t0, problem.t0), |r| (r.t_prev, r.t));
        // Also what can be asked of the last step stays.
        let inside = 0.25 * a + 0.75 * b;
        let ask = |instance: &mut Instance| {
            let known = dense && a != b;
            known.then(|| instance.interpolate(inside, 0)).transpose().map_err(|e| e.to_string())
        };
        let before = ask(&mut instance)?;
        let record = match instance.step(problem.t1) {
            Ok(record) => record,
            Err(e) => {
                as_it_should(&mut instance, e.status)?;
                if ask(&mut instance)? != before {
                    return Err("values within the last step are others afterwards".to_owned());
                }
                let again = instance.step(problem.t1);
                again.map_err(|e| format!("the step made once more failed: {e}"))?
            }
        };
        records.push(record);
        if records.len() > MAX_STEPS {
            return Err("the run does not end".to_owned());
        }
    }
    if instance.model().calls >= call && instance.model().after_failure > 0 {
        return Err("the model is called again before the call returns".to_owned());
    }
    instance.verdict()?;
    Ok(records)
}

/// `u' = −1/(2u)`, that is `u = √(1 − t)`, which ends at `t = 1`; and a decay that is defined for
/// positive values only, begun with a step that leaves them.
pub(crate) fn undefined(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    let adaptive = tried.can(abi::SLF_CAP_ADAPTIVE);
    let mut positive = problems::decay();
    positive.p = vec![5.0];
    let positive = positive.until(2.0);
    let code = |calls, y: &[f64]| {
        if calls > MOST_CALLS {
            abi::SLF_ERR_CANCELLED
        } else if y[0] > 0.0 {
            abi::SLF_OK
        } else {
            abi::SLF_RECOVERABLE
        }
    };
    let only_positive: Hook = Box::new(move |calls, _, y, _| code(calls, y));
    if adaptive {
        let config = Config { h_init: 1.0, ..Config::default() };
        let mut instance = tried.create(positive.model().with(only_positive), &config)?;
        let begun = start(&mut instance, &positive);
        let run = begun.and_then(|()| march(&mut instance, positive.t0, positive.t1));
        let run = run.map_err(|e| {
            format!("a model that is not defined for the first step, but for shorter ones: {e}")
        })?;
        let error = positive.error(&run[run.len() - 1].y);
        if !(error < 1e-2) {
            return Err(format!("after steps into the undefined the error is {error:.1e}"));
        }
    }
    let root: Hook = Box::new(move |calls, _, y, out| {
        out[0] = -0.5 / y[0];
        code(calls, y)
    });
    let problem = Setup { u0: vec![1.0], ..problems::decay() };
    let mut instance = tried.create(problem.model().with(root), &tried.config(2.0))?;
    start(&mut instance, &problem)?;
    let mut t = problem.t0;
    loop {
        match instance.step(problem.t1) {
            Ok(record) if record.t > 1.0 + BEYOND => {
                return Err(format!("it goes to t = {} where the solution ends at 1", record.t));
            }
            Ok(record) => t = record.t,
            Err(e) => return ended(t, e.status, adaptive),
        }
    }
}

fn ended(t: f64, status: abi::slf_status, adaptive: bool) -> Finding {
    let name = status_name(status);
    if status == abi::SLF_ERR_CANCELLED {
        return Err(format!("it tries {MOST_CALLS} times at t = {t} and does not give up"));
    }
    let good = [
        abi::SLF_RECOVERABLE,
        abi::SLF_ERR_STEP_TOO_SMALL,
        abi::SLF_ERR_NON_FINITE,
        abi::SLF_ERR_DIVERGED,
    ];
    if !good.contains(&status) {
        return warning(format!(
            "it ends with {name} at t = {t}; SLF_ERR_STEP_TOO_SMALL lets the application say where \
             the model stopped being defined"
        ));
    }
    if adaptive && t < 0.9 {
        return Err(format!("it gives up at t = {t} with {name}, long before the end at 1"));
    }
    passed(format!("it ends at t = {t} with {name}"))
}

pub(crate) fn non_finite(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    let problem = problems::lotka_volterra();
    let middle = 0.5 * (problem.t0 + problem.t1);
    let span = problem.t1 - problem.t0;
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 1e300] {
        // From the middle on, and in one evaluation in the middle of a step. The status says that
        // all is well, which the application never does with such numbers.
        for only in [None, Some(7), Some(33)] {
            let hook: Hook = Box::new(move |calls, t, _, out| {
                if only.map_or(t > middle, |call| calls == call) {
                    out[out.len() - 1] = bad;
                }
                if calls > MOST_CALLS { abi::SLF_ERR_CANCELLED } else { abi::SLF_OK }
            });
            let mut instance = tried.create(problem.model().with(hook), &tried.config(span))?;
            let at = |e: String| format!("with {bad:e} from the model: {e}");
            if let Err(e) = instance.start(problem.t0, problem.t1, &problem.u0) {
                patience(e.status).map_err(at)?;
                continue;
            }
            let mut steps = 0;
            loop {
                match instance.step(problem.t1) {
                    Err(e) => {
                        patience(e.status).map_err(at)?;
                        break;
                    }
                    Ok(r) => {
                        if let Some(v) = r.y.iter().find(|v| !v.is_finite()) {
                            return Err(at(format!("it accepts a state with {v}")));
                        }
                        steps += 1;
                        if r.t == problem.t1 || steps > MAX_STEPS {
                            break;
                        }
                    }
                }
            }
        }
    }
    passed("")
}

fn patience(status: abi::slf_status) -> Result<(), String> {
    if status == abi::SLF_ERR_CANCELLED {
        return Err(format!("it evaluates {MOST_CALLS} times and does not give up"));
    }
    Ok(())
}
