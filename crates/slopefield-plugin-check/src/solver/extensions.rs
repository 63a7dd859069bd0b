//! What solvers declare beyond `y' = f(t, y)`.

use super::problems::{self, Setup, distance, standard};
use super::{Tried, run_on};
use crate::context::Context;
use crate::outcome::{Finding, passed, skipped};
use slopefield_adjoint::{Case, GradientMethod, OwnStepsAdjoint, Replay, check};
use slopefield_lang::OptionValue;
use slopefield_plugin_abi as abi;
use slopefield_problems as known;
use slopefield_solve::{Ivp, Settings, SolveError, Stats, Step, StepTimes, Stepper, drive};
use slopefield_stochastic::BrownianMotion;

/// Relative error that is a failure, of problems solved with a tolerance of 1e-5.
const WRONG: f64 = 0.1;

pub(crate) fn older_host(cx: &Context) -> Finding {
    let tried = Tried::new(cx)?;
    let problem = problems::lotka_volterra();
    let config = tried.config(problem.t1 - problem.t0);
    let model = problem.model().without_extensions();
    match tried.solvers.create(&tried.id, model, &config) {
        Ok(mut instance) => {
            run_on(&mut instance, &problem)?;
            instance.verdict()?;
            passed("it needs none")
        }
        Err(e) if e.status == abi::SLF_ERR_UNSUPPORTED && !e.message.is_empty() => {
            passed(format!("refused: {e}"))
        }
        Err(e) => Err(format!("refused, and not with SLF_ERR_UNSUPPORTED and a sentence: {e}")),
    }
}

pub(crate) fn algebraic(cx: &Context) -> Finding {
    if !cx.solver()?.singular_mass {
        return skipped("the solver does not declare that it takes algebraic equations");
    }
    let mut text = Vec::new();
    for (problem, atol) in [
        (standard(known::robertson_dae(), 0), 1e-11),
        (standard(known::transistor_amplifier(), 0), 1e-8),
    ] {
        let settings = Settings::with_tolerances(1e-5, atol);
        let end = end_of(cx, &problem, &settings)?;
        let error = distance(&end, problem.end.as_deref().unwrap_or(&[]));
        if !(error < WRONG) {
            return Err(format!("on {} the error is {error:.1e}", problem.name));
        }
        text.push(format!("error {error:.0e} on {}", problem.name));
    }
    passed(text.join(", "))
}

/// The state at the end, by the application's own loop.
fn end_of(cx: &Context, problem: &Setup, settings: &Settings) -> Result<Vec<f64>, String> {
    let mut end = vec![0.0; problem.u0.len()];
    drive(&mut *cx.stepper(&[])?, &problem.ivp(), settings, &[problem.t1], &mut end, None)
        .map_err(|e| format!("on {}: {e}", problem.name))?;
    Ok(end)
}

/// Steps of a coarse and of a fine run along noise, and paths.
const COARSE: f64 = 1.0 / 16.0;
const FINE: f64 = 1.0 / 256.0;
const PATHS: u64 = 40;

pub(crate) fn noise(cx: &Context) -> Finding {
    if !cx.solver()?.noise {
        return skipped("the solver does not declare that it takes noise");
    }
    let (mut text, mut refused) = (Vec::new(), String::new());
    for problem in [
        known::geometric_brownian_motion(),
        known::geometric_brownian_motion_stratonovich(),
        known::additive_noise(),
        known::kubo_oscillator(),
    ] {
        // It need not take every kind of noise, and says so when it is created.
        let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 1.0, u0: &problem.u0, p: &problem.p };
        if let Err(e @ SolveError::Plugin { .. }) =
            cx.stepper(&[])?.start(&ivp, &Settings::default())
        {
            refused = e.to_string();
            continue;
        }
        let errors = errors_along_paths(cx, &problem, COARSE)
            .and_then(|coarse| Ok((coarse, errors_along_paths(cx, &problem, FINE)?)));
        match errors {
            Ok((coarse, fine)) if fine < 0.5 * coarse => {
                text.push(format!("{coarse:.0e} and {fine:.0e} on {}", problem.id));
            }
            Ok((coarse, fine)) => {
                return Err(format!(
                    "on {} the mean error along paths is {coarse:.1e} with steps of {COARSE} and \
                     {fine:.1e} with steps of {FINE}",
                    problem.id
                ));
            }
            Err(e) => return Err(format!("on {}: {e}", problem.id)),
        }
    }
    match text.is_empty() {
        true => Err(format!("it declares noise and takes none of four kinds: {refused}")),
        false => passed(format!("mean errors along {PATHS} paths: {}", text.join(", "))),
    }
}

/// Mean distance at the end from the solution along the same motion.
fn errors_along_paths(cx: &Context, problem: &known::Problem, h: f64) -> Result<f64, SolveError> {
    let invalid = |e: String| SolveError::Invalid(e);
    let option = super::numbers::step_option(cx, &cx.subject).map_err(invalid)?;
    let options: Vec<_> = option.into_iter().map(|name| (name, OptionValue::Number(h))).collect();
    let exact = problem.path.ok_or_else(|| invalid("no solution is known".to_owned()))?;
    let Some(sources) = problem.rhs.structure().noise.map(|noise| noise.sources) else {
        return Err(invalid("the problem has no noise".to_owned()));
    };
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 1.0, u0: &problem.u0, p: &problem.p };
    let mut stepper = cx.stepper(&options).map_err(invalid)?;
    let (mut motion, mut sum) = (BrownianMotion::default(), 0.0);
    let (mut end, mut wanted) = (problem.u0.clone(), problem.u0.clone());
    let (mut w, mut area) = (vec![0.0; sources], vec![0.0; sources]);
    for path in 0..PATHS {
        let seed = cx.seed;
        let steps = Settings { h_init: Some(h), h_max: h, seed, path, ..Settings::default() };
        // Of a solver with step control, its tolerance is what is refined.
        let settings = Settings { rtol: 0.1 * h, atol: vec![0.1 * h], ..steps };
        drive(&mut *stepper, &ivp, &settings, &[1.0], &mut end, None)?;
        motion.start(cx.seed, path, sources)?;
        motion.increment(0.0, 1.0, &mut w, &mut area);
        exact(1.0, &w, &problem.u0, &problem.p, &mut wanted);
        sum += distance(&end, &wanted);
    }
    Ok(sum / PATHS as f64)
}

pub(crate) fn delays(cx: &Context) -> Finding {
    if !cx.solver()?.delays {
        return skipped("the solver does not declare that it takes delays");
    }
    errors_fall(
        cx,
        [
            standard(known::unit_delay(), 0).until(4.5),
            standard(known::delay_logistic(), 0),
            standard(known::mackey_glass(), 0),
        ],
    )
}

pub(crate) fn state_delays(cx: &Context) -> Finding {
    if !cx.solver()?.state_delays {
        return skipped(
            "the solver does not declare that it takes delays that depend on the state",
        );
    }
    errors_fall(cx, [standard(known::neves(), 0), standard(known::neves(), 0).until(6.0)])
}

/// Whether errors fall with the tolerance on each of some problems.
fn errors_fall<const N: usize>(cx: &Context, problems: [Setup; N]) -> Finding {
    let mut text = Vec::new();
    for problem in problems {
        let error = |rtol: f64| {
            let settings = Settings::with_tolerances(rtol, rtol);
            let end = end_of(cx, &problem, &settings)?;
            Ok::<f64, String>(distance(&end, problem.end.as_deref().unwrap_or(&[])))
        };
        let (loose, tight) = (error(1e-3)?, error(1e-6)?);
        let adaptive = cx.solver()?.adaptive;
        if !(tight < WRONG) || (adaptive && !(tight < 0.5 * loose || tight < 1e-6)) {
            return Err(format!(
                "on {} the error is {loose:.1e} with a tolerance of 1e-3 and {tight:.1e} with 1e-6",
                problem.name
            ));
        }
        text.push(format!("{tight:.0e} on {}", problem.name));
    }
    passed(format!("errors with a tolerance of 1e-6: {}", text.join(", ")))
}

/// Difference from differences that is a failure: those of given steps are good to 1e-10.
const GRADIENT_OFF: f64 = 1e-8;

pub(crate) fn step_gradient(cx: &Context) -> Finding {
    if !cx.solver()?.step_vjp {
        return skipped("the solver does not declare derivatives of its steps");
    }
    let mut loss = weighted;
    let settings = Settings::with_tolerances(1e-4, 1e-6);
    let mut worst = 0f64;
    for mut problem in [problems::lotka_volterra(), standard(known::van_der_pol_mild(), 0)] {
        let (begin, length) = (problem.t0, 3f64.min(problem.t1 - problem.t0));
        for (t0, t1) in [(begin, begin + length), (begin + length, begin)] {
            (problem.t0, problem.t1) = (t0, t1);
            let saves: Vec<f64> = (0..=40).map(|i| t0 + (t1 - t0) * f64::from(i) / 40.0).collect();
            let ivp = problem.ivp();
            let failed = |e: SolveError| format!("on {}: {e}", problem.name);
            let mut times = StepTimes::default();
            drive(&mut *cx.stepper(&[])?, &ivp, &settings, &[], &mut [], Some(&mut times))
                .map_err(failed)?;
            let mut given = Given { inner: cx.stepper(&[])?, times: times.times, next: 0 };
            let mut method = OwnStepsAdjoint::new(cx.stepper(&[])?)
                .ok_or("it declares derivatives of its steps and has none")?;
            let case = Case { ivp, settings: &settings, saves: &saves };
            let replay = Replay::Given(&mut given);
            let report =
                check(&mut method, &case, replay, &mut loss, 4, cx.seed).map_err(failed)?;
            if !(report.worst() < GRADIENT_OFF) {
                return Err(format!(
                    "on {} from t = {t0} to {t1} its gradient differs from differences of the same \
                     steps by {:.1e} of its size",
                    problem.name,
                    report.worst()
                ));
            }
            worst = worst.max(report.worst());
        }
    }
    passed(format!("it differs from differences of the same steps by {worst:.0e} at most"))
}

/// A loss that weighs all states at all times differently.
fn weighted(states: &[f64], by_state: &mut [f64]) -> f64 {
    let mut sum = 0.0;
    for (i, (u, w)) in states.iter().zip(by_state).enumerate() {
        let weight = 1.0 + (i as f64 * 0.7).sin();
        sum += weight * u * u;
        *w = 2.0 * weight * u;
    }
    sum
}

pub(crate) fn step_redo(cx: &Context) -> Finding {
    if !cx.solver()?.step_redo {
        return skipped("the solver does not declare that it takes its steps again");
    }
    let settings = Settings::with_tolerances(1e-6, 1e-8);
    let (mut most, mut least) = (0, u64::MAX);
    for mut problem in [problems::lotka_volterra(), standard(known::van_der_pol_mild(), 0)] {
        problem.t1 = problem.t0 + 3f64.min(problem.t1 - problem.t0);
        let saves = [problem.t1];
        let run = |memory: u64| {
            let mut method = OwnStepsAdjoint::new(cx.stepper(&[])?)
                .ok_or("it declares derivatives of its steps and has none")?
                .with_memory(memory);
            let (mut by_u0, mut by_p) = (vec![0.0; problem.u0.len()], vec![0.0; problem.p.len()]);
            let found = method
                .evaluate(&problem.ivp(), &settings, &saves, &mut weighted, &mut by_u0, &mut by_p)
                .map_err(|e| format!("on {}: {e}", problem.name))?;
            let bits = by_u0.iter().chain(&by_p).map(|v| v.to_bits()).collect::<Vec<_>>();
            Ok::<_, String>((found.memory, bits))
        };
        let (all, expected) = run(u64::MAX)?;
        // As little as there can be, and something between.
        let small = (9..64).map(|parts| all * parts / 64).find_map(|bytes| run(bytes).ok());
        for (memory, bits) in [run(all / 2 + all / 4)?, small.unwrap_or(run(all / 2 + all / 4)?)] {
            if bits != expected {
                return Err(format!(
                    "on {} the gradient has other bits when steps are taken again than when their \
                     records are kept",
                    problem.name
                ));
            }
            least = least.min(memory);
        }
        most = most.max(all);
    }
    passed(format!("the same gradient with {least} bytes as with {most}"))
}

/// Takes given steps, with tolerances that allow any.
struct Given {
    inner: Box<dyn Stepper>,
    times: Vec<f64>,
    next: usize,
}

fn any_step(ivp: &Ivp<'_>, settings: &Settings) -> Settings {
    Settings { rtol: 1e12, h_init: Some((ivp.t1 - ivp.t0).abs()), ..settings.clone() }
}

impl Stepper for Given {
    fn start(&mut self, ivp: &Ivp<'_>, settings: &Settings) -> Result<(), SolveError> {
        self.next = 1;
        self.inner.start(ivp, &any_step(ivp, settings))
    }
    fn step(&mut self, ivp: &Ivp<'_>, settings: &Settings, _: f64) -> Result<Step, SolveError> {
        let t = self.times.get(self.next).copied().unwrap_or(ivp.t1);
        self.next += 1;
        let step = self.inner.step(ivp, &any_step(ivp, settings), t)?;
        if step.t == t {
            return Ok(step);
        }
        Err(SolveError::Invalid(format!(
            "with tolerances that allow any step it does not take one from {} to {t}",
            step.t_prev
        )))
    }
    fn state(&self) -> &[f64] {
        self.inner.state()
    }
    fn interpolate(&mut self, t: f64, out: &mut [f64]) -> Result<(), SolveError> {
        self.inner.interpolate(t, out)
    }
    fn stats(&self) -> Stats {
        self.inner.stats()
    }
}
