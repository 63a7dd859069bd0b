//! Stiff problems.

use super::problems::{Setup, standard};
use crate::context::Context;
use crate::outcome::{Finding, passed, skipped, warning};
use slopefield_lang::OptionValue;
use slopefield_problems as known;
use slopefield_solve::{Settings, SolveError};

/// Relative tolerance.
const RTOL: f64 = 1e-5;
/// Relative error that is worth a word, and that is a failure.
const LOOSE: f64 = 1e-2;
const WRONG: f64 = 0.1;
/// Steps that a stiff solver does not need, even of order 2.
const MANY_STEPS: u64 = 100_000;

/// Problems with their absolute tolerances, which follow the smallest values that matter.
fn all() -> Vec<(Setup, f64)> {
    vec![
        (standard(known::robertson(), 1), 1e-12),
        (standard(known::hires(), 0), 1e-9),
        (standard(known::oregonator(), 0), 1e-6),
        (standard(known::van_der_pol(), 0), 1e-7),
    ]
}

pub(crate) fn stiff(cx: &Context) -> Finding {
    let about = cx.solver()?;
    if !about.implicit {
        return skipped("the solver is not for stiff problems");
    }
    if !about.adaptive {
        return without_step_control(cx);
    }
    let (mut text, mut worst) = (Vec::new(), 0f64);
    for (problem, atol) in all() {
        let mut stepper = cx.stepper(&[])?;
        let settings = Settings::with_tolerances(RTOL, atol);
        let ivp = problem.ivp();
        let mut run = || -> Result<u64, SolveError> {
            stepper.start(&ivp, &settings)?;
            let (mut t, mut steps) = (ivp.t0, 0);
            while t != ivp.t1 && steps <= MANY_STEPS {
                t = stepper.step(&ivp, &settings, ivp.t1)?.t;
                steps += 1;
            }
            Ok(steps)
        };
        let steps = run().map_err(|e| format!("on {}: {e}", problem.name))?;
        if steps > MANY_STEPS {
            return Err(format!("on {} it takes more than {MANY_STEPS} steps", problem.name));
        }
        // Relative to each value: they differ by orders of magnitude.
        let end = problem.end.as_deref().unwrap_or(&[]);
        let each = stepper.state().iter().zip(end).map(|(a, b)| (a - b).abs() / b.abs());
        let error = each.fold(0.0, |w, e| if e <= w { w } else { e });
        if !(error < WRONG) {
            return Err(format!("on {} the relative error is {error:.1e}", problem.name));
        }
        worst = worst.max(error);
        text.push(format!("{error:.0e} in {steps} steps on {}", problem.name));
    }
    let text = format!("relative errors with a tolerance of {RTOL:.0e}: {}", text.join(", "));
    if worst > LOOSE { warning(text) } else { passed(text) }
}

/// A solver that takes steps of one length must at least not be held up by a fast decay.
fn without_step_control(cx: &Context) -> Finding {
    const RATE: f64 = 1e5;
    const STEP: f64 = 0.01;
    let mut problem = standard(known::forced_relaxation(), 0);
    problem.p = vec![RATE, RATE, 1.0];
    problem.u0 = vec![0.0];
    let problem = problem.until(2.0);
    let option = super::numbers::step_option(cx, &cx.subject)?;
    let options: Vec<_> =
        option.into_iter().map(|name| (name, OptionValue::Number(STEP))).collect();
    let mut stepper = cx.stepper(&options)?;
    let settings =
        Settings { h_init: Some(STEP), h_max: STEP, ..Settings::with_tolerances(1e-6, 1e-6) };
    let ivp = problem.ivp();
    let mut run = || -> Result<(), SolveError> {
        stepper.start(&ivp, &settings)?;
        let mut t = ivp.t0;
        while t != ivp.t1 {
            t = stepper.step(&ivp, &settings, ivp.t1)?.t;
        }
        Ok(())
    };
    run().map_err(|e| format!("with a decay at the rate {RATE:.0e}: {e}"))?;
    let error = problem.error(stepper.state());
    if error < STEP {
        passed(format!("error {error:.0e} with steps a thousand times longer than the decay"))
    } else {
        Err(format!("steps of {STEP} at the rate {RATE:.0e} give an error of {error:.1e}"))
    }
}
