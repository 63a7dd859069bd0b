//! Every combination of the parts that a system may have (algebraic variables, a mass matrix, delays,
//! noise, random jumps, events) with every solver: the solution is right or refused in a sentence,
//! and `auto` solves whatever some solver solves.
//!
//! The system is linear, so that mean and variance of its states are sums of known terms, one for
//! each part; a part that a solver passed over in silence would be missed.
use slopefield_graph::BuiltinNetworks;
use slopefield_solve::Settings;
use slopefield_study::simulate::simulate;
use slopefield_study::solvers::summaries;
use slopefield_study::{BuiltinSolvers, CompiledModel, SimulateOptions, Simulated, StudyError};

/// A part of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Algebraic,
    Mass,
    Delay,
    Noise,
    Jumps,
    Events,
}
use Part::{Algebraic, Delay, Events, Jumps, Mass, Noise};

const PARTS: [Part; 6] = [Algebraic, Mass, Delay, Noise, Jumps, Events];
/// End of the solutions.
const END: f64 = 1.5;
/// Time of the two events, which come at once.
const EVENT: f64 = 0.25;
/// Paths of a random system.
const PATHS: u32 = 300;

/// A method of each family.
const FAMILIES: [&str; 8] =
    ["tsit5", "vcabm", "rodas5p", "radau", "bdf", "auto-switch", "em", "sosri"];

struct System {
    parts: Vec<Part>,
    text: String,
}

impl System {
    fn new(parts: Vec<Part>) -> System {
        let has = |part| parts.contains(&part);
        let mut text = String::from("state x = 1\n");
        let mut add = |line: &str| text += &format!("{line}\n");
        let decay = if has(Algebraic) { "-y/2" } else { "-x" };
        let noise = if has(Noise) { " + 0.3*W'" } else { "" };
        if has(Noise) {
            add("noise W");
        }
        if has(Algebraic) {
            add("algebraic y = 2");
            add("0 = y - 2*x");
        }
        if has(Mass) {
            // Sum and difference of x' = −x and q' = −q.
            add("state q = 1");
            add(&format!("x' + q' = {decay}{noise} - q"));
            add(&format!("x' - q' = {decay}{noise} + q"));
        } else {
            add(&format!("x' = {decay}{noise}"));
        }
        if has(Delay) {
            add("history x = 0.5");
            add("state w = 0");
            add("w' = delay(x, 1)");
        }
        if has(Jumps) {
            add("jump rate 3: x += 0.2");
        }
        if has(Events) {
            add("state clock = 0");
            add("clock' = 1");
            add("at [0.25]: x += 0.5");
            add("when clock crosses 0.25 rising: x += 0.5");
        }
        System { text, parts }
    }

    /// All combinations, of no part to all of them.
    fn all() -> impl Iterator<Item = System> {
        (0..1_u32 << PARTS.len()).map(|bits| {
            let chosen = (0..).zip(PARTS).filter(|(i, _)| bits >> i & 1 == 1);
            System::new(chosen.map(|(_, part)| part).collect())
        })
    }

    fn has(&self, part: Part) -> f64 {
        f64::from(u8::from(self.parts.contains(&part)))
    }

    fn is_random(&self) -> bool {
        self.has(Noise) + self.has(Jumps) > 0.0
    }

    /// Names of states with means at the end, and variances where they are known.
    fn moments(&self) -> Vec<(&'static str, f64, Option<f64>)> {
        let decayed = |t: f64| 1.0 - (-t).exp();
        let mean = 1.0 - decayed(END)
            + 0.6 * self.has(Jumps) * decayed(END)
            + self.has(Events) * (1.0 - decayed(END - EVENT));
        let rate = 0.09 * self.has(Noise) + 3.0 * 0.04 * self.has(Jumps);
        let variance = rate * decayed(2.0 * END) / 2.0;
        let mut all = vec![("x", mean, Some(variance))];
        if self.has(Algebraic) > 0.0 {
            all.push(("y", 2.0 * mean, Some(4.0 * variance)));
        }
        if self.has(Mass) > 0.0 {
            all.push(("q", 1.0 - decayed(END), Some(0.0)));
        }
        if self.has(Delay) > 0.0 {
            // The history, then the mean of x until the end less the lag.
            let t = END - 1.0;
            let past = 0.5
                + decayed(t)
                + 0.6 * self.has(Jumps) * (t - decayed(t))
                + self.has(Events) * decayed(t - EVENT);
            all.push(("w", past, None));
        }
        if self.has(Events) > 0.0 {
            all.push(("clock", END, Some(0.0)));
        }
        all
    }

    fn run(&self, model: &CompiledModel, method: &str) -> Result<Simulated, StudyError> {
        let p = model.start_params(1);
        let u0 = model.initial_state(0.0, &p, &[]);
        let noisy = self.has(Noise) > 0.0;
        // Errors of paths with noise fall slowly with the step, errors of means do not need to be small.
        let rtol = if noisy {
            0.1
        } else if self.is_random() {
            1e-4
        } else {
            1e-8
        };
        let method = model.choose_solver(method, rtol).method;
        let h_max = if noisy { 0.03 } else { f64::INFINITY };
        let settings = Settings {
            seed: 7,
            h_max,
            max_steps: 2_000_000,
            ..Settings::with_tolerances(rtol, 1e-2 * rtol)
        };
        let paths = self.is_random().then_some(PATHS);
        let options = SimulateOptions { from: 0.0, at: vec![END], method, settings, paths };
        simulate(model, &p, &u0, &options, &BuiltinSolvers)
    }

    /// What is wrong with a solution, if anything is.
    fn fault(&self, model: &CompiledModel, found: &Simulated) -> Option<String> {
        self.moments().into_iter().find_map(|(name, mean, variance)| {
            let state = model.model.states.iter().position(|s| s.name == name).unwrap();
            let value = found.states[state][0];
            if !self.is_random() {
                let off = (value - mean).abs();
                return (off > 2e-5).then(|| format!("{name} = {value} instead of {mean}"));
            }
            let spread = found.spreads[state][0];
            let count = f64::from(PATHS);
            // Four standard errors, of the variance too; and what long steps make of the mean.
            let off = (value - mean).abs();
            if off > 4.0 * spread / count.sqrt() + 3e-3 {
                return Some(format!("the mean of {name} is {value} ± {spread}, not {mean}"));
            }
            let variance = variance?;
            let off = (spread * spread - variance).abs();
            let wrong = off > 4.0 * variance * (2.0 / count).sqrt() + 1e-3 * variance + 1e-7;
            wrong.then(|| format!("the variance of {name} is {}, not {variance}", spread * spread))
        })
    }
}

/// Whether a text reads as a sentence that says what cannot be done.
fn is_sentence(text: &str) -> bool {
    let refuses = ["no ", "not ", "is for", "none"];
    text.len() > 30 && text.contains(' ') && refuses.iter().any(|word| text.contains(word))
}

#[test]
fn every_combination_of_parts_is_solved_right_or_refused_by_every_solver() {
    let mut faults = Vec::new();
    let mut refused = Vec::new();
    for system in System::all() {
        let model = match CompiledModel::new(&system.text, &BuiltinNetworks) {
            Ok(model) => model,
            Err(error) => {
                let text = error.to_string();
                if !is_sentence(&text) {
                    faults.push(format!("{:?}: {text}", system.parts));
                }
                refused.push(system.parts);
                continue;
            }
        };
        let mut solvers = Vec::new();
        let all = summaries();
        // Of more than two parts every family has its say, and not every method.
        let few = |id: &&str| system.parts.len() <= 2 || FAMILIES.contains(id);
        for method in all.iter().map(|m| m.id).filter(few).chain(["auto"]) {
            match system.run(&model, method) {
                Ok(found) => {
                    solvers.push(method);
                    if let Some(fault) = system.fault(&model, &found) {
                        faults.push(format!("{:?} by {method}: {fault}", system.parts));
                    }
                }
                Err(StudyError::Solver(text) | StudyError::Solve { message: text, .. }) => {
                    if !is_sentence(&text) {
                        faults.push(format!("{:?} by {method}: {text}", system.parts));
                    }
                }
                Err(other) => faults.push(format!("{:?} by {method}: {other}", system.parts)),
            }
        }
        match solvers.last() {
            Some(&"auto") => {}
            Some(_) => {
                faults.push(format!("{:?}: auto fails, but {solvers:?} do not", system.parts));
            }
            None => refused.push(system.parts),
        }
    }
    // What no solver solves, as the page of solvers says.
    let has = |parts: &[Part], part| parts.contains(&part);
    for system in System::all() {
        let parts = system.parts;
        let implicit = has(&parts, Algebraic) || has(&parts, Mass);
        let known = implicit && (has(&parts, Noise) || has(&parts, Jumps) && has(&parts, Delay));
        assert_eq!(refused.contains(&parts), known, "{parts:?}");
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn means_over_paths_reach_expressions_of_delayed_values() {
    let text = "state x = 1\nhistory x = 0.5\nnoise W\nx' = -x + 0.3*W'\nlet past = 2*delay(x, 1)\n\
                state w = 0\nw' = past\nobserve seen = delay(x, 1) with normal(1)\n";
    let model = CompiledModel::new(text, &BuiltinNetworks).unwrap();
    let (p, settings) = (model.start_params(1), Settings { seed: 5, ..Settings::default() });
    let options = SimulateOptions {
        from: 0.0,
        at: vec![0.5, 1.5],
        method: "em".into(),
        settings: Settings { h_max: 0.02, rtol: 1e-3, atol: vec![1e-3], ..settings },
        paths: Some(300),
    };
    let found = simulate(&model, &p, &[1.0, 0.0], &options, &BuiltinSolvers).unwrap();
    // The history, and the state at 1/2, whose mean is known.
    assert_eq!(found.observations[0][0], 0.5);
    assert_eq!(found.lets[0][0], 1.0);
    let spread = found.spreads[found.spreads.len() - 1][1];
    let known = (0.09 * (1.0 - (-1.0_f64).exp()) / 2.0).sqrt();
    assert!((spread / known - 1.0).abs() < 0.15, "{spread} for {known}");
    let off = found.observations[0][1] - (-0.5_f64).exp();
    assert!(off.abs() < 4.0 * known / 300.0_f64.sqrt() + 5e-3, "{off}");
    assert!((found.lets[0][1] - 2.0 * found.observations[0][1]).abs() < 1e-12);
}
