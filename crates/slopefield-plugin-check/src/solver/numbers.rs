//! Order and accuracy, measured.

use super::MAX_STEPS;
use super::problems::{self, Setup, distance};
use crate::context::Context;
use crate::outcome::{Finding, passed, skipped, warning};
use slopefield_lang::OptionValue;
use slopefield_plugin_host::{OptionDescription, OptionKind, SolverDescription};
use slopefield_solve::{Settings, Stepper};

/// Errors between these show an order: below, rounding does; above, the steps are too long.
const SMALLEST: f64 = 2e-12;
const LARGEST: f64 = 2e-2;
/// How many times steps are shortened before a run must succeed.
const LONG_STEPS: i32 = 12;
/// Steps of one measurement.
const MOST_STEPS: f64 = 40_000.0;
/// How far a measured order may lie from the declared one: with steps of one length, and with those
/// that a step control chose.
const NEAR_FIXED: f64 = 0.3;
const NEAR_CHOSEN: f64 = 0.6;
/// How far the worst problem may fall behind, how far at the end when its errors have fallen faster
/// before, and how far the best may be ahead.
const WORST: f64 = 0.5;
const CATCHING_UP: f64 = 0.9;
const HIGHER: f64 = 0.7;
/// Global error, in units of what a method that keeps the error of each step at the tolerance may be
/// expected to have, that is worth a word, and that is a failure.
const LOOSE: f64 = 20.0;
const WRONG: f64 = 500.0;
const ORDER: &str = "order";

/// The option that sets the length of a step, of solvers that do not choose it: `h`, `dt`, ….
pub(super) fn step_option(cx: &Context, id: &str) -> Result<Option<String>, String> {
    let registry = cx.registry()?;
    let full = format!("{}/{id}", cx.manifest()?.id);
    let solver = registry.solvers().find(|s| s.id == full);
    let names = ["h", "dt", "step", "step_size"];
    let option = solver
        .into_iter()
        .flat_map(|s| &s.options)
        .find(|o| o.kind == OptionKind::Number && names.contains(&o.name.as_str()));
    Ok(option.map(|o| o.name.clone()))
}

/// A method and how its steps are set.
struct Method {
    about: SolverDescription,
    step_option: Option<String>,
}

impl Method {
    fn new(cx: &Context) -> Result<Method, String> {
        let about = cx.solver()?;
        let step_option = if about.adaptive { None } else { step_option(cx, about.local_id())? };
        Ok(Method { about, step_option })
    }

    /// The method with steps of one length, whatever the error.
    fn with_step(&self, cx: &Context, h: f64) -> Result<(Box<dyn Stepper>, Settings), String> {
        let options: Vec<_> =
            self.step_option.iter().map(|name| (name.clone(), OptionValue::Number(h))).collect();
        let settings =
            Settings { h_init: Some(h), h_max: h, ..Settings::with_tolerances(1e8, 1e8) };
        Ok((cx.stepper(&options)?, settings))
    }

    /// Whether its order shows with steps of one length: equations inside a step may be solved no
    /// better than the tolerance asks, and a method that chooses its order takes the lowest when it
    /// may.
    fn by_length(&self) -> bool {
        !(self.about.adaptive && (self.about.implicit || self.chooses_order()))
    }

    /// Whether the order changes from step to step, up to an option `max_order`.
    fn chooses_order(&self) -> bool {
        let named = |o: &OptionDescription| o.name == "max_order" && o.kind == OptionKind::Integer;
        self.about.adaptive && self.about.options.iter().any(named)
    }
}

/// Goes to the end; `inspect` sees every step. Number of steps.
fn solve(
    stepper: &mut dyn Stepper,
    problem: &Setup,
    settings: &Settings,
    mut inspect: impl FnMut(&mut dyn Stepper, f64, f64) -> Result<(), String>,
) -> Result<usize, String> {
    let ivp = problem.ivp();
    let failed = |e: slopefield_solve::SolveError| format!("on {}: {e}", problem.name);
    stepper.start(&ivp, settings).map_err(failed)?;
    let (mut t, mut steps) = (ivp.t0, 0);
    while t != ivp.t1 {
        let step = stepper.step(&ivp, settings, ivp.t1).map_err(failed)?;
        t = step.t;
        steps += 1;
        if steps > MAX_STEPS {
            return Err(format!("on {}: it took {steps} steps and is at t = {t}", problem.name));
        }
        inspect(stepper, step.t_prev, step.t)?;
    }
    Ok(steps)
}

fn quiet(_: &mut dyn Stepper, _: f64, _: f64) -> Result<(), String> {
    Ok(())
}

/// How errors fall with the number of steps.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Slopes {
    /// The middle one of the finest three slopes between runs.
    finest: f64,
    /// From the first to the last run whose errors show an order.
    all: f64,
}

/// The slopes between runs of so many steps with such errors. `None` when too few errors lie where an
/// order shows.
fn slopes(runs: &[(f64, f64)]) -> Option<Slopes> {
    let shows = |w: &[(f64, f64)]| {
        w.iter().all(|(_, e)| (SMALLEST..LARGEST).contains(e)) && w[1].0 > w[0].0
    };
    let slope = |a: (f64, f64), b: (f64, f64)| (a.1 / b.1).ln() / (b.0 / a.0).ln();
    let pairs: Vec<_> = runs.windows(2).filter(|w| shows(w)).map(|w| (w[0], w[1])).collect();
    let all = slope(pairs.first()?.0, pairs.last()?.1);
    let last = &pairs[pairs.len().saturating_sub(3)..];
    let mut finest: Vec<f64> = last.iter().map(|(a, b)| slope(*a, *b)).collect();
    finest.sort_by(f64::total_cmp);
    Some(Slopes { finest: finest[finest.len() / 2], all })
}

/// Runs with settings and gives the number of steps and the error.
type Measure<'a> = dyn FnMut(&mut dyn Stepper, &Settings) -> Result<(usize, f64), String> + 'a;

/// Steps and errors of runs that become finer, until the errors are those of rounding.
fn runs(
    method: &Method,
    cx: &Context,
    problem: &Setup,
    error_of: &mut Measure<'_>,
) -> Result<Vec<(f64, f64)>, String> {
    let mut found: Vec<(f64, f64)> = Vec::new();
    let span = (problem.t1 - problem.t0).abs();
    for k in 1..20 {
        let (mut stepper, settings) = if method.by_length() {
            // Ratios of less than 2 give more slopes where the window is narrow.
            method.with_step(cx, span / (2.0 * 1.5f64.powi(k)))?
        } else {
            let rtol = 10f64.powf(-1.5 - 0.5 * f64::from(k));
            (cx.stepper(&[])?, Settings::with_tolerances(rtol, rtol))
        };
        let (steps, error) = match error_of(&mut *stepper, &settings) {
            Ok((steps, error)) => (steps as f64, error),
            // Steps that are too long may lead anywhere.
            Err(_) if k < LONG_STEPS => {
                found.clear();
                continue;
            }
            Err(e) => return Err(e),
        };
        if error.is_finite() {
            found.push((steps, error));
        }
        if error < SMALLEST || steps * 1.5 > MOST_STEPS {
            break;
        }
    }
    Ok(found)
}

/// Compares measured orders, each with the name of its problem, with the declared one.
fn judge(declared: f64, mut measured: Vec<(Slopes, &str)>, near: f64, what: &str) -> Finding {
    if measured.len() < 2 {
        return skipped(format!(
            "no {what} can be measured: the steps do not follow the first and largest step (and \
             there is no option `h`), or errors are those of rounding at once"
        ));
    }
    let text: Vec<String> =
        measured.iter().map(|(slopes, name)| format!("{:.2} on {name}", slopes.finest)).collect();
    let text = text.join(", ");
    measured.sort_by(|a, b| a.0.finest.total_cmp(&b.0.finest));
    let (middle, worst) = (measured[measured.len() / 2].0.finest, measured[0].0.finest);
    // Where the leading term of the error is small, errors fall faster than it does at first, and more
    // slowly when they come down to it: Dormand and Prince's method on Lotka-Volterra. All in all they
    // have kept the order then.
    let behind = measured.iter().any(|(slopes, _)| {
        let caught_up = slopes.finest >= declared - CATCHING_UP && slopes.all >= declared - near;
        slopes.finest < declared - near.max(WORST) && !caught_up
    });
    if middle < declared - near || behind {
        return Err(format!("{what} {declared} is declared and it is {text}"));
    }
    // Errors of methods that are better than their order fall faster for a while; all of them by one
    // power more says that the method has that order.
    if worst > declared + HIGHER && what == ORDER {
        return warning(format!("{what} {declared} is declared and it is {text}"));
    }
    passed(text)
}

pub(crate) fn order(cx: &Context) -> Finding {
    let method = Method::new(cx)?;
    if method.chooses_order() {
        return skipped(
            "the solver chooses its order from step to step, up to its option `max_order`, so that \
             none shows; solver.tolerance looks at the errors",
        );
    }
    let mut measured = Vec::new();
    for problem in problems::long() {
        let found = runs(&method, cx, &problem, &mut |stepper, settings| {
            let steps = solve(stepper, &problem, settings, quiet)?;
            Ok((steps, problem.error(stepper.state())))
        })?;
        measured.extend(slopes(&found).map(|slopes| (slopes, problem.name)));
    }
    let near = if method.by_length() { NEAR_FIXED } else { NEAR_CHOSEN };
    judge(method.about.order, measured, near, ORDER)
}

pub(crate) fn dense_order(cx: &Context) -> Finding {
    let method = Method::new(cx)?;
    if method.about.dense_order == 0.0 {
        return skipped("the application interpolates between the steps of this solver");
    }
    let mut measured = Vec::new();
    for problem in problems::closed_form() {
        let mut out = vec![0.0; problem.u0.len()];
        let found = runs(&method, cx, &problem, &mut |stepper, settings| {
            let (ivp, mut worst) = (problem.ivp(), 0f64);
            let steps = solve(stepper, &problem, settings, |stepper, a, b| {
                stepper.prepare_dense(&ivp);
                for part in [0.13, 0.37, 0.71] {
                    let t = a + part * (b - a);
                    stepper.interpolate(t, &mut out).map_err(|e| e.to_string())?;
                    let exact = problem.at(t).unwrap_or_default();
                    worst = worst.max(distance(&out, &exact));
                }
                Ok(())
            })?;
            Ok((steps, worst))
        })?;
        measured.extend(slopes(&found).map(|slopes| (slopes, problem.name)));
    }
    // An interpolant of order q errs by h^(q+1) within a step; the solution at its ends may limit it.
    let expected = (method.about.dense_order + 1.0).min(method.about.order);
    let near = if method.by_length() { NEAR_FIXED } else { NEAR_CHOSEN };
    judge(expected, measured, near, "an error within steps of order")
}

/// Tolerances to try; methods of low order would need too many steps for the tightest.
fn tolerances(order: f64) -> &'static [f64] {
    if order < 1.5 {
        &[1e-3, 1e-4, 1e-5, 1e-6]
    } else if order < 3.5 {
        &[1e-3, 1e-5, 1e-7, 1e-8]
    } else {
        &[1e-4, 1e-6, 1e-8, 1e-10]
    }
}

pub(crate) fn tolerance(cx: &Context) -> Finding {
    let method = Method::new(cx)?;
    if !method.about.adaptive {
        return skipped("the solver does not choose its steps");
    }
    let all = tolerances(method.about.order);
    // Steps of length h with an error of h^(p+1) each, kept at the tolerance, leave h^p together.
    let expected = |rtol: f64| rtol.powf(method.about.order / (method.about.order + 1.0));
    let (mut worst, mut text) = (0f64, Vec::new());
    for problem in [
        problems::standard(slopefield_problems::lotka_volterra(), 1),
        problems::standard(slopefield_problems::fitzhugh_nagumo(), 1),
        problems::standard(slopefield_problems::rigid_body(), 0),
    ] {
        let mut errors = Vec::new();
        for &rtol in all {
            let mut stepper = cx.stepper(&[])?;
            let settings = Settings::with_tolerances(rtol, rtol);
            solve(&mut *stepper, &problem, &settings, quiet)?;
            let error = problem.error(stepper.state());
            if !(error <= WRONG * expected(rtol)) {
                return Err(format!(
                    "on {} the error is {error:.1e} with a tolerance of {rtol:.0e}",
                    problem.name
                ));
            }
            worst = worst.max(error / expected(rtol));
            errors.push(error);
        }
        let (first, last) = (errors[0], errors[errors.len() - 1]);
        if !(last < 0.1 * first) {
            return Err(format!(
                "on {} the error falls from {first:.1e} to {last:.1e} only, while the tolerance \
                 falls from {:.0e} to {:.0e}",
                problem.name,
                all[0],
                all[all.len() - 1]
            ));
        }
        text.push(format!("{last:.1e} on {}", problem.name));
    }
    let text = format!(
        "errors with a tolerance of {:.0e}: {}; at most {worst:.1} times what its order promises",
        all[all.len() - 1],
        text.join(", ")
    );
    if worst > LOOSE { warning(text) } else { passed(text) }
}

pub(crate) fn backward(cx: &Context) -> Finding {
    let method = Method::new(cx)?;
    if !method.about.backward {
        return skipped("not declared; the application mirrors time for this solver");
    }
    let forwards = problems::lotka_volterra();
    let problem = Setup {
        t0: forwards.t1,
        t1: forwards.t0,
        u0: forwards.end.clone().unwrap_or_default(),
        end: Some(forwards.u0.clone()),
        ..forwards
    };
    let (mut stepper, settings) = if method.about.adaptive {
        let rtol = if method.about.order < 3.5 { 1e-6 } else { 1e-8 };
        (cx.stepper(&[])?, Settings::with_tolerances(rtol, rtol))
    } else {
        method.with_step(cx, 1e-3)?
    };
    solve(&mut *stepper, &problem, &settings, quiet)?;
    let error = problem.error(stepper.state());
    let bound = if method.about.adaptive { 5e3 * settings.rtol } else { 1e-2 };
    if error < bound {
        passed(format!("back at the start with an error of {error:.1e}"))
    } else {
        Err(format!("it comes back to the start with an error of {error:.1e}"))
    }
}
