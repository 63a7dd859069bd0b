//! Models of every class, from text to trajectory, against values known from elsewhere.
use slopefield_graph::BuiltinNetworks;
use slopefield_lang::ReactionMode;
use slopefield_solve::Settings;
use slopefield_study::simulate::simulate;
use slopefield_study::{BuiltinSolvers, CompiledModel, SimulateOptions, Simulated, StudyError};

/// What to run, and how.
struct Run<'a> {
    text: String,
    set: &'a [(&'a str, f64)],
    reactions: ReactionMode,
    method: &'a str,
    rtol: f64,
    atol: f64,
    at: &'a [f64],
    path: u64,
    paths: Option<u32>,
}

impl<'a> Run<'a> {
    fn example(name: &str, at: &'a [f64]) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/models/");
        Self::text(&std::fs::read_to_string(format!("{folder}{name}.slope")).unwrap(), at)
    }

    fn text(text: &str, at: &'a [f64]) -> Self {
        Run {
            text: text.into(),
            set: &[],
            reactions: ReactionMode::Ode,
            method: "auto",
            rtol: 1e-9,
            atol: 1e-11,
            at,
            path: 0,
            paths: None,
        }
    }

    /// The trajectory, and the method that was used.
    fn result(&self) -> Result<(Simulated, String), StudyError> {
        let model = CompiledModel::with_reactions(&self.text, &BuiltinNetworks, self.reactions)?;
        let mut p = model.start_params(1);
        for (name, value) in self.set {
            let i = model.model.params.iter().position(|param| param.name == *name).unwrap();
            p[i] = *value;
        }
        let from = model.model.time.start;
        let u0 = model.initial_state(from, &p, &[]);
        let method = model.choose_solver(self.method, self.rtol).method;
        let options = SimulateOptions {
            from,
            at: self.at.to_vec(),
            method: method.clone(),
            settings: Settings {
                seed: 1,
                path: self.path,
                ..Settings::with_tolerances(self.rtol, self.atol)
            },
            paths: self.paths,
        };
        Ok((simulate(&model, &p, &u0, &options, &BuiltinSolvers)?, method))
    }

    fn solve(&self) -> Simulated {
        self.result().unwrap().0
    }

    /// States at the last time.
    fn end(&self) -> Vec<f64> {
        self.solve().states.iter().map(|column| *column.last().unwrap()).collect()
    }

    fn failure(&self) -> String {
        match self.result() {
            Ok(_) => panic!("it should fail: {}", self.text),
            Err(error) => error.to_string(),
        }
    }
}

#[track_caller]
fn close(found: &[f64], expected: &[f64], relative: f64) {
    assert_eq!(found.len(), expected.len());
    for (i, (x, y)) in found.iter().zip(expected).enumerate() {
        let off = (x - y).abs();
        assert!(
            off <= relative * y.abs().max(1e-12),
            "state {i}: {x} instead of {y}, off by {off:e}"
        );
    }
}

#[test]
fn delays() {
    // Of the 2019 paper: history 1, lag 0.1.
    let run = Run::example("delay-lotka-volterra", &[10.0]);
    close(&run.end(), &[1.213_370_12, 3.415_942_94], 1e-7);
    assert_eq!(run.result().unwrap().1, "vern7");
    let run = Run::example("mackey-glass", &[14.0, 100.0]);
    let x = &run.solve().states[0];
    close(x, &[0.875_966_49, 0.828_187_75], 1e-7);
}

#[test]
fn delayed_values_reach_named_expressions_and_observations() {
    let text = "state x = 1\nhistory x = 1 + t\nx' = -delay(x, 1)\nlet past = delay(x, 1)\n\
        observe both = x + delay(x, 1)\n";
    // Until t = 1: x' = -t, so x = 1 - t²/2 and past = t.
    let run = Run::text(text, &[0.0, 0.25, 0.5, 1.0]);
    let found = run.solve();
    close(&found.states[0], &[1.0, 0.96875, 0.875, 0.5], 1e-9);
    close(&found.lets[0][1..], &[0.25, 0.5, 1.0], 1e-9);
    close(&found.observations[0], &[1.0, 1.21875, 1.375, 1.5], 1e-9);
}

#[test]
fn doses_at_times_and_bounces_where_the_floor_is() {
    let times: Vec<f64> = (0..=40).map(|i| f64::from(i) * 1.7).collect();
    let found = Run::example("dosing", &times).solve();
    let (ka, ke, dose) = (1.2, 0.25, 100.0);
    for (i, t) in times.iter().enumerate() {
        // Each dose on its own, added up.
        let since = |k: i32| t - 12.0 * f64::from(k);
        let given = (0..6).filter(|k| since(*k) >= 0.0);
        let blood: f64 = given
            .map(|k| dose * ka / (ka - ke) * ((-ke * since(k)).exp() - (-ka * since(k)).exp()))
            .sum();
        assert!(
            (found.states[1][i] - blood).abs() < 1e-6,
            "at {t}: {} {blood}",
            found.states[1][i]
        );
    }
    assert_eq!(found.events.len(), 6);

    let found = Run::example("bouncing-ball", &[15.0]).solve();
    close(&found.states[0], &[8.494_217_007_6], 1e-9);
    // Bounces follow by a geometric series from the first, at sqrt(2 h / g).
    let first = (2.0f64 * 50.0 / 9.8).sqrt();
    let mut at = first;
    let mut flight = 2.0 * 0.8 * first;
    for event in &found.events {
        assert!((event.t - at).abs() < 1e-9, "{} {at}", event.t);
        at += flight;
        flight *= 0.8;
    }
    assert_eq!(found.events.len(), 3);
}

#[test]
fn a_stop_ends_the_solution_and_says_where() {
    let text = "state x = 1\nx' = x\nstop when x crosses 2\n";
    let found = Run::text(text, &[0.0, 0.5, 1.0, 2.0]).solve();
    assert_eq!(found.times, [0.0, 0.5]);
    let stop = found.events.last().unwrap();
    assert!(stop.stop && (stop.t - 2f64.ln()).abs() < 1e-9);
}

#[test]
fn states_that_events_switch() {
    let times: Vec<f64> = (0..400).map(|i| 0.05 * f64::from(i)).collect();
    let found = Run::example("predator-with-threshold", &times).solve();
    let (prey, hunting) = (&found.states[0], &found.states[1]);
    assert!(found.events.len() >= 3, "{:?}", found.events);
    assert!(prey.iter().all(|x| (0.499..3.001).contains(x)));
    assert!(hunting.iter().all(|h| *h == 0.0 || *h == 1.0));
    assert!(hunting.contains(&0.0) && hunting.contains(&1.0));
}

#[test]
fn algebraic_variables_and_mass_matrices() {
    let run = Run::example("robertson", &[0.0, 40.0]);
    let (found, method) = run.result().unwrap();
    assert_eq!(method, "rodas5p");
    // The guess for the algebraic variable is mended at the start.
    close(&[found.states[2][0] + 1.0], &[1.0], 1e-12);
    let end: Vec<f64> = found.states.iter().map(|c| c[1]).collect();
    close(&end, &[0.715_827_068_719_4, 9.185_534_764_558e-6, 0.284_163_745_745_8], 1e-7);

    let published = [
        -0.556_214_501_226_270_9e-2,
        3.006_522_471_903_042,
        2.849_958_788_608_128,
        2.926_422_536_206_241,
        2.704_617_865_010_554,
        2.761_837_778_393_145,
        4.770_927_631_616_772,
        1.236_995_868_091_548,
    ];
    let run = Run { method: "radau", ..Run::example("transistor-amplifier", &[0.2]) };
    close(&run.end(), &published, 1e-6);
}

#[test]
fn a_pendulum_of_index_three_is_reduced_and_swings() {
    let run = Run { rtol: 1e-11, atol: 1e-12, ..Run::example("pendulum", &[10.0]) };
    let end = run.end();
    // The equation of the angle, θ'' = −g sin θ, to ten digits.
    close(&end[..1], &[0.296_271_716_99], 1e-8);
    close(&end[2..3], &[-0.955_103_695_79], 1e-8);
}

#[test]
fn stiff_systems_are_found_out() {
    let run = Run { rtol: 1e-7, atol: 1e-9, ..Run::example("stiff-van-der-pol", &[2.0]) };
    let (found, method) = run.result().unwrap();
    assert_eq!(method, "auto-switch");
    close(
        &[found.states[0][0], found.states[1][0]],
        &[1.706_167_732_170, -0.892_809_701_025],
        1e-4,
    );
    assert!(found.notes[0].contains("stiff"), "{:?}", found.notes);
}

#[test]
fn a_hamiltonian_gives_its_equations() {
    // Kepler's ellipse of eccentricity 1/2 from its near end, once around.
    let period = std::f64::consts::TAU;
    let times = [period / 2.0, period];
    let run = Run { rtol: 1e-11, atol: 1e-12, ..Run::example("kepler", &times) };
    let found = run.solve();
    let half: Vec<f64> = found.states.iter().map(|c| c[0]).collect();
    let full: Vec<f64> = found.states.iter().map(|c| c[1]).collect();
    let start = [0.5, 0.0, 0.0, 3f64.sqrt()];
    let far = [-1.5, 0.0, 0.0, -1.0 / 3f64.sqrt()];
    for (found, expected) in [(half, far), (full, start)] {
        for (x, y) in found.iter().zip(expected) {
            assert!((x - y).abs() < 1e-8, "{found:?}");
        }
    }
}

#[test]
fn means_of_paths_are_those_of_the_equations() {
    let run = Run {
        rtol: 1e-3,
        atol: 1e-5,
        paths: Some(2000),
        ..Run::example("geometric-brownian-motion", &[1.0])
    };
    let found = run.solve();
    let (mean, spread) = (found.states[0][0], found.spreads[0][0]);
    let error = spread / 2000f64.sqrt();
    assert!((mean - 1.372_800_5).abs() < 3.0 * error, "{mean} ± {error}");
    assert!((spread / 2.132_701_1f64.sqrt() - 1.0).abs() < 0.25, "{spread}");
    // A path is the same again, and another one another.
    let one = |path| {
        let example = Run::example("geometric-brownian-motion", &[1.0]);
        Run { path, rtol: 1e-3, atol: 1e-5, ..example }.end()
    };
    assert_eq!(one(3), one(3));
    assert_ne!(one(3), one(4));
}

#[test]
fn reactions_one_by_one_with_noise_and_as_equations() {
    let mean = 100.0 * (1.0 - (-10.0f64 * 0.2).exp());
    let run = |reactions, paths| Run {
        reactions,
        paths,
        rtol: 1e-4,
        atol: 1e-4,
        ..Run::example("birth-death", &[0.2])
    };
    let (ode, _) = run(ReactionMode::Ode, None).result().unwrap();
    close(&ode.states[0], &[mean], 1e-3);
    for mode in [ReactionMode::Jumps, ReactionMode::Langevin] {
        let found = run(mode, Some(1000)).solve();
        let (found, spread) = (found.states[0][0], found.spreads[0][0]);
        assert!((found - mean).abs() < 3.0 * spread / 1000f64.sqrt(), "{mode:?}: {found} {mean}");
        // The number is Poisson distributed.
        assert!((spread / mean.sqrt() - 1.0).abs() < 0.1, "{mode:?}: {spread}");
    }
    let (_, method) = run(ReactionMode::Jumps, None).result().unwrap();
    assert_eq!(method, "direct");
}

#[test]
fn jumps_count_persons() {
    let times: Vec<f64> = (0..60).map(f64::from).collect();
    let found = Run::example("outbreak", &times).solve();
    for i in 0..times.len() {
        let persons: Vec<f64> = found.states.iter().map(|c| c[i]).collect();
        assert_eq!(persons.iter().sum::<f64>(), 1000.0);
        assert!(persons.iter().all(|x| x.fract() == 0.0 && *x >= 0.0));
    }
    assert!(found.states[2].last().unwrap() > &100.0);
}

#[test]
fn jumps_on_top_of_a_diffusion() {
    let run =
        Run { rtol: 1e-3, atol: 1e-4, paths: Some(2000), ..Run::example("jump-diffusion", &[1.0]) };
    let found = run.solve();
    // Each fall multiplies by 0.8: the mean grows at 0.05 − 0.5·0.2.
    let mean = (0.05f64 - 0.1).exp();
    let error = found.spreads[0][0] / 2000f64.sqrt();
    assert!((found.states[0][0] - mean).abs() < 3.0 * error, "{} {mean}", found.states[0][0]);
}

#[test]
fn a_steady_state_is_found() {
    use slopefield_study::simulate::steady;
    // Michaelis–Menten with inflow rests at s = k/(vmax − k).
    let text = "state s = 5\nparam k = 0.6\ns' = k - s/(1 + s)\nlet rate = s/(1 + s)\n";
    let model = CompiledModel::new(text, &BuiltinNetworks).unwrap();
    let p = model.start_params(1);
    let found = steady(&model, 0.0, &p, &[5.0], &Settings::default()).unwrap();
    close(&[found.states[0][0], found.lets[0][0]], &[1.5, 0.6], 1e-9);
    // With more inflow than the enzyme can take it never rests.
    let none = steady(&model, 0.0, &[1.6], &[5.0], &Settings::default());
    assert!(none.is_err());
}

#[test]
fn what_cannot_be_solved_is_said() {
    let bad = |text: &str, method: &str| Run { method, ..Run::text(text, &[1.0]) }.failure();
    let said = bad("state x = 1\nx' = -x\n", "sosri");
    assert!(said.contains("noise"), "{said}");
    let said = bad("state x = 1\nnoise W\nx' = -x + W'\n", "tsit5");
    assert!(said.contains("`sosri`"), "{said}");
    let said = bad("state a = 1\nreaction r: a -> 0 rate a\n", "direct");
    assert!(said.contains("jumps"), "{said}");
    let said = bad("state x = 1\nx' = sin(x)\n", "etdrk4");
    assert!(said.contains("linear"), "{said}");
    let said = bad("state x = 1\nx' = -x\n", "tsit6");
    assert!(said.contains("did you mean `tsit5`"), "{said}");
    // A ball that comes to rest bounces ever faster.
    let mut ball = Run::example("bouncing-ball", &[60.0]);
    ball.set = &[("e", 0.5)];
    let said = ball.failure();
    assert!(said.contains("events"), "{said}");
    // Off the circle.
    let text =
        Run::example("pendulum", &[1.0]).text.replace("state x = 1,", "param a = 1\nstate x = a,");
    let mut pendulum = Run::text(&text, &[1.0]);
    assert!(pendulum.result().is_ok());
    pendulum.set = &[("a", 1.1)];
    let said = pendulum.failure();
    assert!(said.contains("`0 = x^2 + y^2 - L^2`") && said.contains("2.1"), "{said}");
    // No consistent values: y² = −1, and Newton's iteration ends where y has no slope.
    let said = bad("state x = 1\nalgebraic y = 1\nx' = -x + y\n0 = y^2 + 1\n", "auto");
    assert!(said.contains("singular at t = 0"), "{said}");
    let said = bad("state x = 1\nparam tau = -1\nx' = -delay(x, tau)\n", "auto");
    assert!(said.contains("lag"), "{said}");
}
