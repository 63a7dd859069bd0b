//! Exact gradients through plugins that reverse their own steps, against differences of the very
//! same steps.

use crate::common;
use common::*;
use slopefield_adjoint::{
    Case, Evaluated, GradientMethod, METHODS, OwnStepsAdjoint, Replay, Through, check, method_info,
};
use slopefield_kernel::Kernel;
use slopefield_plugin_host::{PluginError, Registry};
use slopefield_problems::Problem;
use slopefield_solve::{Ivp, Settings, SolveError, Stats, Step, StepTimes, Stepper, drive};
use std::sync::OnceLock;

const REVERSING: [&str; 6] = ["midpoint", "nan", "grows", "late", "drifts", "stale"];
const BS32: &str = "org.example.rust/bs32";

fn bs32() -> Box<dyn Stepper> {
    example_registry().stepper(BS32).unwrap()
}

/// A solver of `tests/abi/reversing.c`.
fn reversing(id: &str) -> Box<dyn Stepper> {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    let registry = REGISTRY.get_or_init(|| {
        let folder = scratch("reversing");
        install_c(&folder, "reversing.c", &[], ("org.example.reversing", "1.0.0"), &REVERSING);
        let registry = load(&folder);
        assert!(registry.problems().is_empty(), "{:?}", registry.problems());
        registry
    });
    registry.stepper(&format!("org.example.reversing/{id}")).unwrap()
}

/// Takes given steps with a stepper whose tolerances allow any step.
struct Given {
    inner: Box<dyn Stepper>,
    times: Vec<f64>,
    next: usize,
}

fn any_step(settings: &Settings, longest: f64) -> Settings {
    Settings { rtol: 1e12, h_init: Some(longest), ..settings.clone() }
}

impl Stepper for Given {
    fn start(&mut self, ivp: &Ivp<'_>, settings: &Settings) -> Result<(), SolveError> {
        self.next = 1;
        self.inner.start(ivp, &any_step(settings, (ivp.t1 - ivp.t0).abs()))
    }
    fn step(&mut self, ivp: &Ivp<'_>, settings: &Settings, _: f64) -> Result<Step, SolveError> {
        let t = self.times[self.next];
        self.next += 1;
        let settings = any_step(settings, (ivp.t1 - ivp.t0).abs());
        let step = self.inner.step(ivp, &settings, t)?;
        assert_eq!((step.t, step.rejected), (t, 0), "the step that was given");
        Ok(step)
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

/// A sum that weighs all states at all times differently.
fn loss(states: &[f64], by_state: &mut [f64]) -> f64 {
    let mut sum = 0.0;
    for (i, (u, w)) in states.iter().zip(by_state).enumerate() {
        let weight = 1.0 + (i as f64 * 0.7).sin();
        sum += weight * u * u;
        *w = 2.0 * weight * u;
    }
    sum
}

/// Largest relative difference between the gradient and differences of the same steps.
fn worst(
    make: &dyn Fn() -> Box<dyn Stepper>,
    problem: &Problem,
    (t0, t1): (f64, f64),
    settings: &Settings,
    saves: &[f64],
) -> f64 {
    let ivp = Ivp { rhs: &*problem.rhs, t0, t1, u0: &problem.u0, p: &problem.p };
    let mut times = StepTimes::default();
    drive(&mut *make(), &ivp, settings, &[], &mut [], Some(&mut times)).unwrap();
    let mut given = Given { inner: make(), times: times.times, next: 0 };
    let mut method = OwnStepsAdjoint::new(make()).unwrap();
    let case = Case { ivp, settings, saves };
    let report = check(&mut method, &case, Replay::Given(&mut given), &mut loss, 6, 7).unwrap();
    println!("{}: {:?}", problem.id, report.worst());
    report.worst()
}

fn between(t0: f64, t1: f64, count: usize) -> Vec<f64> {
    (0..=count).map(|i| t0 + (t1 - t0) * i as f64 / count as f64).collect()
}

/// Saves at the start, within steps (several in one), at step ends and at the end.
#[test]
fn gradients_are_those_of_the_steps_taken() {
    let problem = slopefield_problems::lotka_volterra();
    let settings = tolerances(1e-4, 1e-6);
    for (t0, t1) in [(0.0, 4.0), (4.0, 0.0)] {
        for saves in [between(t0, t1, 37), vec![t1], vec![t0, t1, t1]] {
            assert!(worst(&bs32, &problem, (t0, t1), &settings, &saves) < 1e-9);
        }
    }
    let problem = slopefield_problems::van_der_pol_mild();
    let saves = between(0.0, 3.0, 50);
    assert!(worst(&bs32, &problem, (0.0, 3.0), &tolerances(1e-5, 1e-7), &saves) < 1e-9);
}

/// A solver in C without dense output that sees time mirrored: the host reverses the cubic between
/// the steps, and signs.
#[test]
fn the_host_reverses_what_it_interpolates() {
    let make = || reversing("midpoint");
    let problem = slopefield_problems::lotka_volterra();
    for (t0, t1) in [(0.0, 2.0), (2.0, 0.0)] {
        let saves = between(t0, t1, 23);
        let ivp = Ivp { rhs: &*problem.rhs, t0, t1, u0: &problem.u0, p: &problem.p };
        let settings = Settings { h_init: Some(0.1), ..tolerances(1e-4, 1e-6) };
        // Its steps have one length, so the differences are of the same steps.
        let case = Case { ivp, settings: &settings, saves: &saves };
        let mut method = OwnStepsAdjoint::new(make()).unwrap();
        let mut again = make();
        let replay = Replay::Given(&mut *again);
        let report = check(&mut method, &case, replay, &mut loss, 6, 3).unwrap();
        assert!(report.worst() < 1e-9, "{report:?}");
    }
    // What breaks a rule is named.
    for (id, expected) in [
        (
            "grows",
            "it wants to keep 18446744073709551615 numbers of each step, more than the 65536 allowed",
        ),
        ("late", "it called the model at t = 3, past the limit 2"),
    ] {
        match gradient(reversing(id), &problem, 2.0, u64::MAX) {
            Err(SolveError::Plugin { message, .. }) => assert_eq!(message, expected, "{id}"),
            other => panic!("{id}: {other:?}"),
        }
    }
    let outcome = gradient(reversing("nan"), &problem, 2.0, u64::MAX);
    assert!(matches!(outcome, Err(SolveError::NonFinite { state: 1, .. })), "{outcome:?}");
}

/// A table of derivatives with a hole is found when the library is loaded.
#[test]
fn incomplete_derivatives_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let about = ("org.example.reversing", "1.0.0");
    let solvers = REVERSING;
    install_c(folder.path(), "reversing.c", &["BAD_REVERSE"], about, &solvers);
    let registry = load(folder.path());
    let [(_, PluginError::Interface { message, .. })] = registry.problems() else {
        panic!("{:?}", registry.problems())
    };
    assert_eq!(message, "a function of the table of derivatives of steps is null");
}

fn gradient(
    stepper: Box<dyn Stepper>,
    problem: &Problem,
    t1: f64,
    memory: u64,
) -> Result<(), SolveError> {
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1, u0: &problem.u0, p: &problem.p };
    let (mut by_u0, mut by_p) = (vec![0.0; ivp.u0.len()], vec![0.0; ivp.p.len()]);
    let mut method = OwnStepsAdjoint::new(stepper).unwrap().with_memory(memory);
    let settings = Settings { h_init: Some(0.1), ..tolerances(1e-4, 1e-6) };
    method.evaluate(&ivp, &settings, &[t1], &mut loss, &mut by_u0, &mut by_p).map(drop)
}

/// The trajectory is that of the solver without gradients, and the gradient that of the exact
/// adjoint of the same method, up to the tolerance that chose the steps.
#[test]
fn the_gradient_agrees_with_the_built_in_one() {
    let problem = slopefield_problems::lotka_volterra();
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 4.0, u0: &problem.u0, p: &problem.p };
    let (saves, settings) = (between(0.0, 4.0, 9), tolerances(1e-9, 1e-11));
    let run = |method: &mut dyn GradientMethod| {
        let (mut by_u0, mut by_p) = (vec![0.0; 2], vec![0.0; problem.p.len()]);
        let found =
            method.evaluate(&ivp, &settings, &saves, &mut loss, &mut by_u0, &mut by_p).unwrap();
        (found.loss, [by_u0, by_p].concat())
    };
    let own = run(&mut OwnStepsAdjoint::new(bs32()).unwrap());
    let built_in = run(&mut slopefield_adjoint::DiscreteAdjoint::named("vern7").unwrap());
    assert!((own.0 - built_in.0).abs() < 1e-6 * built_in.0.abs());
    for (a, b) in own.1.iter().zip(&built_in.1) {
        assert!((a - b).abs() < 1e-5 * b.abs().max(1.0), "{own:?} {built_in:?}");
    }
    let mut states = vec![0.0; 2 * saves.len()];
    drive(&mut *bs32(), &ivp, &settings, &saves, &mut states, None).unwrap();
    assert_eq!(loss(&states, &mut vec![0.0; states.len()]), own.0);
}

/// Gradients are offered by name to solvers that reverse their steps and to no others, and refuse
/// what they do not differentiate.
#[test]
fn the_method_is_offered_where_it_goes() {
    let problem = slopefield_problems::lotka_volterra();
    let dae = slopefield_problems::robertson_dae();
    let outcome = |solver: &'static str, rhs: &dyn Kernel| {
        let through = Through {
            solver,
            structure: &rhs.structure(),
            stepper: &|| {
                let registry = if solver.starts_with("org.example") {
                    example_registry()
                } else {
                    bundled_registry()
                };
                registry.stepper(solver).map_err(|e| e.to_string())
            },
            memory: 1 << 20,
        };
        let names = METHODS.iter().filter(|m| (m.make)(&through).is_ok()).map(|m| m.id);
        let reason = (method_info("discrete").unwrap().make)(&through).err();
        (names.collect::<Vec<_>>(), reason)
    };
    let (names, reason) = outcome(BS32, &*problem.rhs);
    assert!(names.contains(&"discrete") && !names.contains(&"forward"), "{names:?}");
    assert_eq!(reason, None);
    let (names, reason) = outcome("org.slopefield.ode-extra/dop853", &*problem.rhs);
    assert!(!names.contains(&"discrete") && names.contains(&"gauss"), "{names:?}");
    assert!(reason.unwrap().contains("cannot be differentiated one by one"));
    let (_, reason) = outcome(BS32, &*dae.rhs);
    assert!(reason.unwrap().contains("algebraic variables or a mass matrix"));
}

/// A gradient within a budget, and its bits.
fn within(
    stepper: Box<dyn Stepper>,
    problem: &Problem,
    (t0, t1): (f64, f64),
    memory: u64,
) -> Result<(Evaluated, Vec<u64>), SolveError> {
    let ivp = Ivp { rhs: &*problem.rhs, t0, t1, u0: &problem.u0, p: &problem.p };
    let (mut by_u0, mut by_p) = (vec![0.0; ivp.u0.len()], vec![0.0; ivp.p.len()]);
    let mut method = OwnStepsAdjoint::new(stepper).unwrap().with_memory(memory);
    let (saves, settings) = (between(t0, t1, 29), tolerances(1e-5, 1e-7));
    let found = method.evaluate(&ivp, &settings, &saves, &mut loss, &mut by_u0, &mut by_p)?;
    Ok((found, by_u0.iter().chain(&by_p).map(|v| v.to_bits()).collect()))
}

/// With less memory steps are taken again, and the gradient has the same bits. The bytes are those of
/// what is held: times, states, records of 4 numbers, or the states that are kept and one segment.
#[test]
fn steps_are_taken_again_where_memory_is_short() {
    let problem = slopefield_problems::lotka_volterra();
    for span in [(0.0, 8.0), (8.0, 0.0)] {
        let (all, expected) = within(bs32(), &problem, span, u64::MAX).unwrap();
        let steps = all.forward.accepted;
        assert_eq!(all.memory, 8 * (steps + 1) + 16 * (steps + 1) + 16 + 32 * steps + steps);
        let mut strides = Vec::new();
        for parts in (3..=16).rev() {
            let budget = all.memory * parts / 16;
            let Ok((found, bits)) = within(bs32(), &problem, span, budget) else { continue };
            assert!(found.memory <= budget, "{found:?} of {budget}");
            assert_eq!(bits, expected, "with {budget} bytes");
            assert_eq!(found.loss, all.loss);
            let held = |stride: u64| {
                let states = 2 * (steps / stride + 1) + 2 + stride * 6 + 2;
                8 * (steps + 1) + 8 * states + steps
            };
            if found.memory == all.memory {
                assert_eq!(found.reverse_products, all.reverse_products);
                continue;
            }
            let stride = (0..16).map(|k| 1 << k).find(|stride| held(*stride) == found.memory);
            strides.push(stride.unwrap());
            // Four evaluations for each step once more.
            assert_eq!(found.reverse_products, all.reverse_products + 4 * steps);
        }
        println!("{steps} steps, strides {strides:?}");
        assert!(strides.contains(&1) && strides.iter().any(|s| *s >= 4), "{strides:?}");
    }
}

/// The host interpolates and mirrors time for this one; and the gradient of steps that were taken again
/// is that of the steps.
#[test]
fn steps_taken_again_are_those_that_were_taken() {
    let problem = slopefield_problems::lotka_volterra();
    for span in [(0.0, 2.0), (2.0, 0.0)] {
        let make = || reversing("midpoint");
        let (all, expected) = within(make(), &problem, span, u64::MAX).unwrap();
        let (less, bits) = within(make(), &problem, span, all.memory / 2).unwrap();
        assert!(less.memory <= all.memory / 2 && bits == expected, "{less:?} {all:?}");
    }
    let refused = within(reversing("drifts"), &problem, (0.0, 2.0), 6000);
    let Err(SolveError::Invalid(message)) = &refused else { panic!("{refused:?}") };
    assert!(
        message.starts_with("the solver does not take its steps again with the same result"),
        "{message}"
    );
}

/// Steps that are not taken again must fit, and even their times.
#[test]
fn memory_beyond_the_budget_is_refused_in_a_sentence() {
    let problem = slopefield_problems::lotka_volterra();
    let folder = scratch("reversing-once");
    let about = ("org.example.reversing", "1.0.0");
    install_c(&folder, "reversing.c", &["NO_REDO"], about, &REVERSING);
    let registry = load(&folder);
    let once = || registry.stepper("org.example.reversing/midpoint").unwrap();
    assert!(gradient(once(), &problem, 10.0, 1 << 20).is_ok());
    for (stepper, memory, expected) in [
        (once(), 1 << 10, "the exact gradient keeps 4 numbers of each step"),
        (bs32(), 1 << 8, "the exact gradient keeps the times of each step"),
    ] {
        match gradient(stepper, &problem, 10.0, memory) {
            Err(SolveError::Invalid(message)) => {
                assert!(message.starts_with(expected), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(gradient(bs32(), &problem, 10.0, 1 << 20), Ok(()));
}
