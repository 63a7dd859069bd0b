//! Cuts a schedule into functions of limited length.
//!
//! Compile time grows faster than linearly with the length of a function, so long programs become
//! several functions that run one after the other. A value that a later function needs lives in a
//! spill slot of scratch memory; slots are used again once their last reader has run.

use slopefield_graph::plan::{Plan, Value};

use super::pair::{Parts, parts};
use super::schedule::{Schedule, Step, is_free, operands};

/// Where the functions start and which values pass between them.
pub(super) struct Chunks {
    /// First step of each function; the end follows from the next one.
    pub starts: Vec<usize>,
    /// For values that pass between functions, their spill slot.
    pub spill: Vec<Option<u32>>,
    /// Number of spill slots.
    pub spills: u32,
}

/// Calls `see` for every value that a step uses.
fn uses(plan: &Plan, schedule: &Schedule, step: &Step, mut see: impl FnMut(Value)) {
    match *step {
        Step::Scalar(i) => {
            let (values, count) = operands(&plan.code[i as usize]);
            values[..count].iter().for_each(|&v| see(v));
        }
        Step::Gather { value, .. } => see(value),
        Step::GatherPair { values, .. } => {
            let mut found = Parts::default();
            parts(plan, values, &|v| schedule.inner[v as usize], &mut found);
            found.leaves.into_iter().for_each(see);
        }
        Step::Dense(_) | Step::Call { .. } => {}
    }
}

/// Cuts after every `length` steps.
pub(super) fn chunk(plan: &Plan, schedule: &Schedule, length: usize) -> Chunks {
    let steps = &schedule.steps;
    let starts: Vec<usize> = (0..steps.len()).step_by(length).collect();
    let mut spill = vec![None; plan.code.len()];
    if starts.len() < 2 {
        return Chunks { starts, spill, spills: 0 };
    }

    // Chunk that defines each value and chunk that uses it last.
    const NOWHERE: u32 = u32::MAX;
    let mut defined = vec![NOWHERE; plan.code.len()];
    let mut last = vec![0u32; plan.code.len()];
    for (i, step) in steps.iter().enumerate() {
        let here = (i / length) as u32;
        uses(plan, schedule, step, |v| last[v as usize] = here);
        if let Step::Scalar(v) = *step {
            defined[v as usize] = here;
        }
    }

    let mut free: Vec<u32> = Vec::new();
    let mut expiring: Vec<Vec<u32>> = vec![Vec::new(); starts.len()];
    let mut spills = 0;
    for (c, &start) in starts.iter().enumerate() {
        for step in &steps[start..(start + length).min(steps.len())] {
            let Step::Scalar(v) = *step else { continue };
            let v = v as usize;
            let crosses = defined[v] == c as u32 && last[v] > c as u32;
            if crosses && !is_free(&plan.code[v]) && schedule.slot[v].is_none() {
                let slot = free.pop().unwrap_or_else(|| {
                    spills += 1;
                    spills - 1
                });
                spill[v] = Some(slot);
                expiring[last[v] as usize].push(slot);
            }
        }
        free.append(&mut expiring[c]);
    }
    Chunks { starts, spill, spills }
}
