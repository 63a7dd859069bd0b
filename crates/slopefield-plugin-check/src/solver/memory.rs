//! Memory: what steps ask for, what they leave, and what is touched beside what was lent.

use super::{MAX_STEPS, Tried, problems, start, step};
use crate::context::Context;
use crate::outcome::{Finding, passed, skipped, warning};
use crate::raw::allocations;

/// Steps before memory is looked at: buffers may be made when they are first needed.
const FIRST: usize = 50;
/// Steps whose allocations are counted.
const COUNTED: usize = 200;
/// Steps between two looks at the memory of the process.
const MANY: usize = 40_000;
/// Bytes that may come and go meanwhile.
const GROWTH: u64 = 1 << 20;

/// Steps allocate nothing, and many of them leave no more memory in use than few.
pub(crate) fn step_memory(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    let problem = problems::lotka_volterra();
    let h = (problem.t1 - problem.t0) / 1000.0;
    // Far away, so that no step is the last.
    let far = problem.t0 + h * (FIRST + COUNTED + MANY + 1) as f64;
    let config = tried.config_with_step(h);
    let mut instance = tried.create(problem.model(), &config)?;
    let begun = instance.start(problem.t0, far, &problem.u0);
    begun.map_err(|e| format!("start failed: {e}"))?;
    let mut t = problem.t0;
    let mut walk = |steps: usize| -> Result<(), String> {
        for _ in 0..steps.min(MAX_STEPS) {
            if t == far {
                return Ok(());
            }
            t = step(&mut instance, t, far)?.t;
        }
        Ok(())
    };
    let counts = allocations::watch();
    walk(FIRST)?;
    let before = allocations::count();
    walk(COUNTED)?;
    let allocated = allocations::count() - before;
    let before = resident();
    walk(MANY)?;
    let grown = resident().zip(before).map(|(after, before)| after.saturating_sub(before));
    if let Some(bytes) = grown.filter(|bytes| *bytes > GROWTH) {
        return Err(format!("{MANY} steps left {bytes} bytes, {} each", bytes / MANY as u64));
    }
    match (counts, grown) {
        (true, _) if allocated > 0 => warning(format!(
            "{COUNTED} steps allocate {allocated} times; memory that is kept makes steps faster"
        )),
        (true, _) => passed("no step allocates"),
        (false, Some(_)) => passed("allocations are not counted on this system"),
        (false, None) => skipped("this system does not show the memory of a process"),
    }
}

/// Bytes of memory that this process has, on systems that say so.
#[cfg(target_os = "linux")]
pub(super) fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|l| l.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// Not known here.
#[cfg(not(target_os = "linux"))]
pub(super) fn resident() -> Option<u64> {
    None
}

/// Every buffer that is lent lies beside memory that may not be touched, on the one side and then on
/// the other, and cannot be written where it is lent for reading.
#[cfg(unix)]
pub(crate) fn guard_pages(cx: &Context) -> Finding {
    use crate::raw::{Config, Side, watch_pages};
    let tried = Tried::new(cx)?;
    let dense = cx.solver()?.dense_order > 0.0;
    let problem = problems::lotka_volterra();
    let middle = 0.5 * (problem.t0 + problem.t1);
    watch_pages(&cx.result).map_err(|e| format!("memory cannot be guarded: {e}"))?;
    for side in [Side::Behind, Side::Before] {
        let config = Config { guard: Some(side), ..tried.config(problem.t1 - problem.t0) };
        let mut instance = tried.create(problem.model(), &config)?;
        start(&mut instance, &problem)?;
        let mut t = problem.t0;
        while t != middle {
            let record = step(&mut instance, t, middle)?;
            t = record.t;
            if dense {
                for derivative in [0, 1] {
                    let inside = 0.5 * (record.t_prev + t);
                    instance.interpolate(inside, derivative).map_err(|e| e.to_string())?;
                }
            }
        }
        let restarted = instance.restart(middle, problem.t1, &[2.0, 0.5]);
        restarted.map_err(|e| format!("restart failed: {e}"))?;
        step(&mut instance, middle, problem.t1)?;
        instance.verdict()?;
    }
    passed("")
}

#[cfg(not(unix))]
pub(crate) fn guard_pages(_: &Context) -> Finding {
    skipped("memory is guarded on Unix only")
}
