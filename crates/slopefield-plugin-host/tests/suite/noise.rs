//! Noise through the interface.

use crate::common;
use crate::delays::past;

use common::*;
use slopefield_problems::Problem;
use slopefield_solve::{Ivp, Settings, SolveError, Stepper, drive};
use slopefield_stochastic::BrownianMotion;

fn milstein() -> Box<dyn Stepper> {
    example_registry().stepper("org.example.rust/milstein").unwrap()
}

fn fixed(h: f64, path: u64) -> Settings {
    Settings { h_init: Some(h), h_max: h, seed: 11, path, ..Settings::default() }
}

fn states(
    stepper: &mut dyn Stepper,
    problem: &Problem,
    settings: &Settings,
    t: &[f64],
) -> Vec<f64> {
    let (t1, n) = (*t.last().unwrap(), problem.u0.len());
    let ivp = Ivp { rhs: &*problem.rhs, t0: problem.t0, t1, u0: &problem.u0, p: &problem.p };
    let mut out = vec![0.0; n * t.len()];
    drive(stepper, &ivp, settings, t, &mut out, None).unwrap();
    out
}

/// The exact solution along the path, as a function of the motion at the end.
fn exact(problem: &Problem, path: u64, sources: usize) -> Vec<f64> {
    let mut motion = BrownianMotion::default();
    motion.start(11, path, sources).unwrap();
    let (mut w, mut area) = (vec![0.0; sources], vec![0.0; sources]);
    motion.increment(0.0, problem.t1, &mut w, &mut area);
    let mut out = vec![0.0; problem.u0.len()];
    (problem.path.unwrap())(problem.t1, &w, &problem.u0, &problem.p, &mut out);
    out
}

/// Strong order 1 against solutions in closed form, for both calculi, diagonal and additive noise.
#[test]
fn steps_follow_the_brownian_motion_of_seed_and_path() {
    for problem in [
        slopefield_problems::geometric_brownian_motion(),
        slopefield_problems::geometric_brownian_motion_stratonovich(),
        slopefield_problems::cubic_noise(),
        slopefield_problems::additive_noise(),
    ] {
        let error = |h: f64| {
            let each = (0..200).map(|path| {
                let found = states(&mut *milstein(), &problem, &fixed(h, path), &[problem.t1]);
                (found[0] - exact(&problem, path, 1)[0]).abs()
            });
            each.sum::<f64>() / 200.0
        };
        let (coarse, fine) = (error(1.0 / 32.0), error(1.0 / 256.0));
        let order = (coarse / fine).log2() / 3.0;
        println!("{}: {coarse:e} {fine:e}: order {order:.2}", problem.id);
        assert!((order - 1.0).abs() < 0.2, "{}: order {order}", problem.id);
    }
}

/// The built-in method takes the same steps, on the same motion, and interpolates alike; several
/// sources included.
#[test]
fn the_built_in_method_gives_the_same_states_between_steps_too() {
    for problem in [
        slopefield_problems::geometric_brownian_motion(),
        slopefield_problems::lotka_volterra_noise(),
        slopefield_problems::additive_noise(),
        slopefield_problems::lorenz_noise(),
    ] {
        let t1 = problem.t1.min(1.0);
        let times: Vec<f64> = (0..=100).map(|i| t1 * f64::from(i) / 100.0).collect();
        for path in [0, 1, 17] {
            let settings = fixed(1.0 / 64.0, path);
            let own = states(&mut *milstein(), &problem, &settings, &times);
            let mut built_in = slopefield_stochastic::method("milstein").unwrap();
            let expected = states(&mut *built_in, &problem, &settings, &times);
            for (a, b) in own.iter().zip(&expected) {
                assert!((a - b).abs() < 1e-11 * b.abs().max(1.0), "{}: {a} {b}", problem.id);
            }
            assert_ne!(
                own,
                states(&mut *milstein(), &problem, &fixed(1.0 / 64.0, path + 1), &times)
            );
            assert_eq!(own, states(&mut *milstein(), &problem, &settings, &times));
        }
    }
}

/// One solver for one system after the other.
#[test]
fn a_reused_solver_sees_the_noise_of_the_next_system() {
    let mut reused = milstein();
    let plain = slopefield_problems::lotka_volterra();
    let problems = [
        slopefield_problems::lotka_volterra_noise(),
        slopefield_problems::geometric_brownian_motion(),
        slopefield_problems::additive_noise(),
        slopefield_problems::lorenz_noise(),
    ];
    let settings = fixed(1.0 / 64.0, 3);
    for problem in problems.iter().chain([&plain]).chain(&problems) {
        let found = states(&mut *reused, problem, &settings, &[0.5]);
        assert_eq!(found, states(&mut *milstein(), problem, &settings, &[0.5]), "{}", problem.id);
    }
}

#[test]
fn what_a_solver_does_not_take_is_refused_in_a_sentence() {
    let refusal = |mut stepper: Box<dyn Stepper>, problem: &Problem, (t0, t1): (f64, f64)| {
        let ivp = Ivp { rhs: &*problem.rhs, t0, t1, u0: &problem.u0, p: &problem.p };
        stepper.start(&ivp, &Settings::default()).unwrap_err().to_string()
    };
    let gbm = slopefield_problems::geometric_brownian_motion();
    let dop853 = bundled_registry().stepper("org.slopefield.ode-extra/dop853").unwrap();
    assert_eq!(
        refusal(dop853, &gbm, (0.0, 1.0)),
        "the solver `org.slopefield.ode-extra/dop853` of a plugin does not declare that it solves \
         systems with noise; use a built-in method, or `auto`"
    );
    assert_eq!(
        refusal(milstein(), &slopefield_problems::kubo_oscillator(), (0.0, 1.0)),
        "the solver plugin org.example.rust/milstein failed at t = 0: this method takes additive \
         noise, and a source for each state alone"
    );
    assert_eq!(
        refusal(milstein(), &gbm, (1.0, 0.0)),
        "equations with noise are solved forward in time only, but the span is 1 to 0"
    );
}

#[test]
fn noise_from_outside_of_the_step_is_refused() {
    let problem = slopefield_problems::geometric_brownian_motion();
    let ivp = Ivp { rhs: &*problem.rhs, t0: 0.0, t1: 1.0, u0: &problem.u0, p: &problem.p };
    let (mut stepper, settings) = (past("noisy"), fixed(0.25, 0));
    stepper.start(&ivp, &settings).unwrap();
    match stepper.step(&ivp, &settings, 1.0) {
        Err(SolveError::Plugin { message, .. }) => {
            assert_eq!(message, "it asked for the noise from 0 to 2, which is not within 0 to 1");
        }
        other => panic!("{other:?}"),
    }
}
