//! The same run, again: on the same instance, beside others, on other threads.

use super::memory::resident;
use super::problems::{self, distance};
use super::{Tried, difference, march, run_on, start, step};
use crate::context::Context;
use crate::outcome::{Finding, passed, skipped, warning};
use crate::raw::{Instance, Record};
use slopefield_plugin_abi as abi;
use std::hint::black_box;

/// Threads at once, and runs of each.
const THREADS: usize = 4;
const RUNS: usize = 10;
/// Bytes that may come and go with 9,000 instances.
const GROWTH: u64 = 1 << 20;

pub(crate) fn determinism(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    for problem in problems::smooth() {
        let (first, second) = (tried.run(&problem)?, tried.run(&problem)?);
        let Some(difference) = difference(&first, &second) else { continue };
        return if tried.can(abi::SLF_CAP_BITWISE_DETERMINISTIC) {
            Err(format!("declared, and on {} {difference}", problem.name))
        } else {
            warning(format!("on {} {difference}; results cannot be repeated", problem.name))
        };
    }
    if tried.can(abi::SLF_CAP_BITWISE_DETERMINISTIC) {
        passed("")
    } else {
        passed("so it could be declared (SLF_CAP_BITWISE_DETERMINISTIC)")
    }
}

pub(crate) fn reuse(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    let problem = problems::lotka_volterra();
    let fresh = tried.run(&problem)?;
    let mut instance = tried.instance(&problem)?;
    // Another run before, ended in the middle.
    instance.start(3.0, 50.0, &[0.3, 2.0]).map_err(|e| format!("start failed: {e}"))?;
    march(&mut instance, 3.0, 3.7)?;
    for turn in 1..=2 {
        if let Some(difference) = difference(&fresh, &run_on(&mut instance, &problem)?) {
            return Err(format!("run {turn} on a used instance: {difference}"));
        }
    }
    passed("")
}

pub(crate) fn restart(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    let problem = problems::lotka_volterra();
    let (middle, jumped) = (0.5 * (problem.t0 + problem.t1), [2.0, 0.5]);
    let mut used = tried.instance(&problem)?;
    start(&mut used, &problem)?;
    march(&mut used, problem.t0, middle)?;
    used.restart(middle, problem.t1, &jumped).map_err(|e| format!("restart failed: {e}"))?;
    let found = march(&mut used, middle, problem.t1)?;
    let mut fresh = tried.instance(&problem)?;
    let begun = fresh.start(middle, problem.t1, &jumped);
    begun.map_err(|e| format!("start failed: {e}"))?;
    let expected = march(&mut fresh, middle, problem.t1)?;
    used.verdict()?;
    let Some(difference) = difference(&expected, &found) else { return passed("") };
    let off = distance(&found[found.len() - 1].y, &expected[expected.len() - 1].y);
    if off < 1e-2 {
        warning(format!("not to the last bit: {difference}"))
    } else {
        Err(format!("after a jump of the state {difference}"))
    }
}

pub(crate) fn instances(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    let all = problems::smooth();
    let alone: Vec<Vec<Record>> = all.iter().map(|p| tried.run(p)).collect::<Result<_, _>>()?;
    let mut instances: Vec<Instance> =
        all.iter().map(|p| tried.instance(p)).collect::<Result<_, _>>()?;
    let mut found: Vec<Vec<Record>> = vec![Vec::new(); all.len()];
    for (instance, problem) in instances.iter_mut().zip(&all) {
        start(instance, problem)?;
    }
    let mut busy = true;
    while busy {
        busy = false;
        for ((instance, problem), records) in instances.iter_mut().zip(&all).zip(&mut found) {
            let t = records.last().map_or(problem.t0, |r| r.t);
            if t != problem.t1 {
                records.push(step(instance, t, problem.t1)?);
                busy = true;
            }
        }
    }
    for ((problem, alone), found) in all.iter().zip(&alone).zip(&found) {
        if let Some(difference) = difference(alone, found) {
            return Err(format!("alone and beside others, on {}: {difference}", problem.name));
        }
    }
    passed(format!("{} instances", all.len()))
}

pub(crate) fn threads(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    let problem = problems::lotka_volterra();
    let serial = tried.run(&problem)?;
    let runs: Vec<Result<Vec<Record>, String>> = std::thread::scope(|scope| {
        // Instances come and go on all of them.
        let run = || {
            for _ in 1..RUNS {
                if let Some(difference) = difference(&serial, &tried.run(&problem)?) {
                    return Err(format!("alone and on {THREADS} threads at once: {difference}"));
                }
            }
            tried.run(&problem)
        };
        let handles: Vec<_> = (0..THREADS).map(|_| scope.spawn(run)).collect();
        let lost = || Err("a thread was lost".to_owned());
        handles.into_iter().map(|h| h.join().unwrap_or_else(|_| lost())).collect()
    });
    for run in runs {
        if let Some(difference) = difference(&serial, &run?) {
            return Err(format!("alone and on {THREADS} threads at once: {difference}"));
        }
    }
    // One instance, every step on a thread of its own.
    let mut instance = tried.instance(&problem)?;
    start(&mut instance, &problem)?;
    let mut moved: Vec<Record> = Vec::new();
    while moved.last().is_none_or(|r| r.t != problem.t1) {
        let t = moved.last().map_or(problem.t0, |r| r.t);
        let next = std::thread::scope(|scope| {
            let take = || step(&mut instance, t, problem.t1);
            scope.spawn(take).join().unwrap_or_else(|_| Err("a thread was lost".to_owned()))
        });
        moved.push(next?);
    }
    match difference(&serial, &moved) {
        Some(difference) => Err(format!("an instance that moves between threads: {difference}")),
        None => passed(""),
    }
}

/// What shows the rounding mode and whether denormal numbers are kept.
fn fingerprint() -> [u64; 4] {
    let half_unit = f64::EPSILON / 2.0;
    [
        // To nearest: 1 and 1; upwards and downwards differ.
        black_box(1.0) + black_box(half_unit),
        black_box(1.0) - black_box(half_unit / 2.0),
        // Not 0 unless results are flushed.
        black_box(f64::MIN_POSITIVE) * black_box(0.5),
        // Not 0 unless operands are.
        black_box(f64::from_bits(1)) * black_box(2.0),
    ]
    .map(f64::to_bits)
}

pub(crate) fn float_mode(cx: &Context) -> Finding {
    let before = fingerprint();
    let tried = Tried::new(cx)?;
    let kept = |what: &str| {
        let after = fingerprint();
        let what = format!("after {what} ");
        if after[..2] != before[..2] {
            return Err(what + "numbers are rounded in another way");
        }
        if after == before { Ok(()) } else { Err(what + "denormal numbers become 0") }
    };
    kept("loading")?;
    let problem = problems::lotka_volterra();
    let mut instance = tried.instance(&problem)?;
    kept("create")?;
    start(&mut instance, &problem)?;
    kept("start")?;
    let mut t = problem.t0;
    let dense = cx.solver()?.dense_order > 0.0;
    while t != problem.t1 {
        t = step(&mut instance, t, problem.t1)?.t;
        kept("step")?;
        if dense {
            instance.interpolate(t, 0).map_err(|e| format!("interpolate failed: {e}"))?;
            kept("interpolate")?;
        }
    }
    drop(instance);
    kept("destroy")?;
    passed("")
}

pub(crate) fn growth(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    let problem = problems::lotka_volterra();
    let mut before = 0;
    for count in 1..=10_000 {
        let mut instance = tried.instance(&problem)?;
        start(&mut instance, &problem)?;
        step(&mut instance, problem.t0, problem.t1)?;
        drop(instance);
        if count == 1000 {
            let Some(bytes) = resident() else {
                return skipped("this system does not show the memory of a process");
            };
            before = bytes;
        }
    }
    let grown = resident().unwrap_or(before).saturating_sub(before);
    if grown > GROWTH {
        return Err(format!(
            "9,000 instances that were destroyed left {grown} bytes, {} each",
            grown / 9000
        ));
    }
    passed(format!("{} kB", grown / 1024))
}
