//! A stop in the middle of a step.

use super::{Tried, problems, start};
use crate::context::Context;
use crate::outcome::{Finding, passed, warning};
use crate::raw::{Hook, Instance, status_name};
use slopefield_plugin_abi as abi;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How soon a step must return once it was told to stop; after that the application ends the
/// process.
const SOON: Duration = Duration::from_secs(2);
/// Evaluations after which the stop comes.
const CALLS: [u64; 4] = [1, 2, 5, 40];
/// Evaluations after a stop that only `poll` tells, before the test gives up.
const MOST_CALLS: u64 = 20_000;

/// When a stop was told first.
type Told = Arc<Mutex<Option<Instant>>>;

fn tell(told: &Told) {
    told.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
}

fn when(told: &Told) -> Option<Instant> {
    *told.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a step, or the start, did about a stop.
fn until_stopped(
    instance: &mut Instance,
    problem: &problems::Setup,
    told: &Told,
) -> Result<(Duration, abi::slf_status), String> {
    let mut status = match instance.start(problem.t0, problem.t1, &problem.u0) {
        Ok(()) => abi::SLF_OK,
        Err(e) => e.status,
    };
    let mut t = problem.t0;
    while when(told).is_none() && t != problem.t1 {
        status = match instance.step(problem.t1) {
            Ok(record) => {
                t = record.t;
                abi::SLF_OK
            }
            Err(e) => e.status,
        };
        if status != abi::SLF_OK && when(told).is_none() {
            return Err(format!("the step from t = {t} failed with {}", status_name(status)));
        }
    }
    let took = when(told).map_or(Duration::ZERO, |told| told.elapsed());
    Ok((took, status))
}

fn late(took: Duration, how: &str) -> String {
    let (took, soon) = (took.as_secs_f64(), SOON.as_secs());
    format!(
        "told to stop by {how}, it returns after {took:.1} s; after {soon} s the application ends the \
         process"
    )
}

/// Callbacks that say `SLF_ERR_CANCELLED`, and then `poll` alone, are heard soon.
pub(crate) fn cancel(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    let problem = problems::lotka_volterra();
    let config = tried.config(problem.t1 - problem.t0);
    for call in CALLS {
        let told = Told::default();
        let hook: Hook = {
            let told = told.clone();
            Box::new(move |calls, _, _, _| {
                if calls < call {
                    return abi::SLF_OK;
                }
                tell(&told);
                abi::SLF_ERR_CANCELLED
            })
        };
        let mut instance = tried.create(problem.model().with(hook), &config)?;
        let (took, status) = until_stopped(&mut instance, &problem, &told)?;
        if took > SOON {
            return Err(late(took, &format!("evaluation {call}")));
        }
        if when(&told).is_some() && status != abi::SLF_ERR_CANCELLED {
            let name = status_name(status);
            return Err(format!("it makes {name} of SLF_ERR_CANCELLED at evaluation {call}"));
        }
    }
    // Evaluations go well, and `poll` says that the run is over.
    let (told, gave_up) = (Told::default(), Arc::new(AtomicBool::new(false)));
    let poll = {
        let told = told.clone();
        move || when(&told).map_or(abi::SLF_OK, |_| abi::SLF_ERR_CANCELLED)
    };
    let hook: Hook = {
        let (told, gave_up) = (told.clone(), gave_up.clone());
        Box::new(move |calls, _, _, _| {
            if calls >= CALLS[3] {
                tell(&told);
            }
            if calls < MOST_CALLS {
                return abi::SLF_OK;
            }
            gave_up.store(true, Ordering::Relaxed);
            abi::SLF_ERR_CANCELLED
        })
    };
    let model = problem.model().with(hook).polled(Box::new(poll));
    let mut instance = tried.create(model, &config)?;
    let (took, status) = until_stopped(&mut instance, &problem, &told)?;
    if took > SOON {
        return Err(late(took, "poll"));
    }
    if gave_up.load(Ordering::Relaxed) {
        return Err(format!(
            "told to stop by poll, it evaluates {MOST_CALLS} times in one step without asking"
        ));
    }
    if !matches!(status, abi::SLF_OK | abi::SLF_ERR_CANCELLED) {
        return warning(format!(
            "it makes {} of a stop that poll tells; pass SLF_ERR_CANCELLED on",
            status_name(status)
        ));
    }
    let polls = instance.model().polls;
    drop(instance);
    // The solver is not broken by it.
    let mut again = tried.instance(&problem)?;
    start(&mut again, &problem)?;
    passed(match polls {
        0 => "its steps end before they would have to ask".to_owned(),
        polls => format!("it asked {polls} times"),
    })
}
