//! Polynomials of steps.

use super::problems::{self, distance};
use super::{Tried, start, step};
use crate::context::Context;
use crate::outcome::{Finding, passed, skipped};
use slopefield_plugin_abi as abi;

/// Largest difference from what `interpolate` gives, each relative to 1 or to its size.
const OFF: f64 = 1e-11;
/// Places within a step, besides its ends.
const PLACES: [f64; 5] = [0.03, 0.25, 0.5, 0.71, 0.98];

pub(crate) fn segments(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    if !tried.can(abi::SLF_CAP_DENSE_SEGMENT) {
        return skipped("the solver does not declare polynomials of its steps");
    }
    let (mut worst, mut highest) = (0f64, 0);
    for problem in problems::smooth() {
        let mut instance = tried.instance(&problem)?;
        start(&mut instance, &problem)?;
        let (mut t, mut y) = (problem.t0, problem.u0.clone());
        while t != problem.t1 {
            let record = step(&mut instance, t, problem.t1)?;
            let (a, b) = (record.t_prev, record.t);
            let before = instance.model().all_calls;
            let asked = instance
                .polynomials()
                .ok_or("it declares polynomials of its steps and has no table of them")?;
            let given = asked.map_err(|e| format!("the step from t = {a} to {b}: {e}"))?;
            if instance.model().all_calls > before {
                return Err("it calls the model when it is asked for polynomials".to_owned());
            }
            highest = highest.max(given.degree());
            for (s, expected) in [(0.0, &y), (1.0, &record.y)] {
                let off = distance(&given.at(s), expected);
                if !(off < 1e-9) {
                    return Err(format!(
                        "at an end of the step from t = {a} to {b} its polynomials are off by {off:.1e}"
                    ));
                }
            }
            for s in PLACES {
                // The part of the step that a time is at, after rounding.
                let time = a + s * (b - a);
                let value = instance.interpolate(time, 0);
                let value = value.map_err(|e| format!("interpolate failed: {e}"))?;
                let off = distance(&given.at((time - a) / (b - a)), &value);
                if !(off < OFF) {
                    return Err(format!(
                        "at t = {time} the polynomials of the step differ from interpolate by \
                         {off:.1e}"
                    ));
                }
                worst = worst.max(off);
            }
            (t, y) = (b, record.y);
        }
        instance.verdict()?;
    }
    passed(format!("degree {highest}, at most {worst:.0e} from interpolate"))
}
