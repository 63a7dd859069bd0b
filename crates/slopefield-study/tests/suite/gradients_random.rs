//! Gradients of random models from their texts.
use slopefield_adjoint::{
    Case, FrozenPath, JumpScore, MeanGradient, PathGradient, PathMethod, Pathwise, Replay,
    SteadyAdjoint, StochasticAdjoint, check, mean_gradient,
};
use slopefield_graph::BuiltinNetworks;
use slopefield_lang::ReactionMode;
use slopefield_solve::{Ivp, Settings, StepTimes, drive};
use slopefield_stochastic::Paths;
use slopefield_study::gradient::Route;
use slopefield_study::{BuiltinSolvers, CompiledModel};

fn route<'a>(model: &'a CompiledModel, solver: &'a str) -> Route<'a> {
    Route { model, solver, solvers: &BuiltinSolvers, memory: 1 << 28 }
}

fn applicable(model: &CompiledModel, solver: &str) -> Vec<&'static str> {
    route(model, solver).applicable().iter().map(|method| method.id).collect()
}

fn example(name: &str, reactions: ReactionMode) -> CompiledModel {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/models/");
    let text = std::fs::read_to_string(format!("{folder}{name}.slope")).unwrap();
    CompiledModel::with_reactions(&text, &BuiltinNetworks, reactions).unwrap()
}

fn squares(u: &[f64], slope: &mut [f64]) -> f64 {
    slope.copy_from_slice(u);
    0.5 * u.iter().map(|x| x * x).sum::<f64>()
}

/// Every method named agrees with differences of the same steps on the same motion.
#[track_caller]
fn agrees(model: &CompiledModel, span: f64, solvers: &[&str]) {
    let p = model.start_params(1);
    let t0 = model.model.time.start;
    let u0 = model.initial_state(t0, &p, &[]);
    let ivp = Ivp { rhs: &*model.rhs, t0, t1: t0 + span, u0: &u0, p: &p };
    let saves: Vec<f64> = (0..=5).map(|k| t0 + span * f64::from(k) / 5.0).collect();
    let settings = Settings { rtol: 1e-2, atol: vec![1e-2], seed: 3, ..Settings::default() };
    for solver in solvers {
        for name in ["discrete", "forward"] {
            let mut method = route(model, solver).method(name).unwrap();
            let mut record = StepTimes::default();
            let mut stepper = slopefield_stochastic::method(solver).unwrap();
            drive(&mut *stepper, &ivp, &settings, &[], &mut [], Some(&mut record)).unwrap();
            let mut frozen = FrozenPath::new(stepper, record.times);
            let case = Case { ivp, settings: &settings, saves: &saves };
            let replay = Replay::Adaptive(&mut frozen);
            let report = check(&mut *method, &case, replay, &mut squares, 3, 5).unwrap();
            assert!(report.worst() < 1e-9, "{name} through {solver}: {report:?}");
        }
    }
}

#[test]
fn noise_of_the_examples() {
    let model = example("geometric-brownian-motion", ReactionMode::Ode);
    agrees(&model, 1.0, &["sosri", "milstein", "em", "euler-heun", "dri1"]);
    let model = example("stochastic-lotka-volterra", ReactionMode::Ode);
    agrees(&model, 2.0, &["sosri", "sriw1", "milstein", "em", "euler-heun", "dri1"]);
    assert!(applicable(&model, "em").contains(&"discrete"));
}

/// The gradient of the mean of a state at the end, over paths of a model.
fn mean(
    model: &CompiledModel,
    method: PathMethod<'_>,
    settings: &Settings,
    t1: f64,
    state: usize,
) -> MeanGradient {
    let p = model.start_params(1);
    let u0 = model.initial_state(0.0, &p, &[]);
    let ivp = Ivp { rhs: &*model.rhs, t0: 0.0, t1, u0: &u0, p: &p };
    let loss = |u: &[f64], slope: &mut [f64]| {
        slope[state] = 1.0;
        u[state]
    };
    let which = Paths { first: 0, count: 3000, threads: 0 };
    mean_gradient(method, &ivp, settings, which, &[t1], &loss).unwrap()
}

/// Value and derivatives by the parameters named are those given, within three standard errors.
#[track_caller]
fn found_is(found: &MeanGradient, model: &CompiledModel, value: f64, slopes: &[(&str, f64)]) {
    assert!((found.loss - value).abs() < 3.0 * found.loss_error, "{found:?} for {value}");
    let names = model.param_names();
    for (name, slope) in slopes {
        let i = names.iter().position(|n| n == name).unwrap();
        let (by, error) = (found.by_p[i], found.by_p_error[i]);
        assert!((by - slope).abs() < 3.0 * error, "{name}: {by} ± {error} for {slope}");
        assert!(error < 0.1 * slope.abs() + 0.02 * value, "{name}: {by} ± {error} says little");
    }
}

#[test]
fn the_mean_of_geometric_brownian_motion() {
    let model = example("geometric-brownian-motion", ReactionMode::Ode);
    let gradient = || -> Box<dyn PathGradient> {
        Box::new(Pathwise(Box::new(StochasticAdjoint::named("sosri").unwrap())))
    };
    let stepper = || slopefield_stochastic::method("sosri").unwrap();
    let method = PathMethod { stepper: &stepper, gradient: &gradient };
    let h = 1.0 / 64.0;
    let settings = Settings { seed: 7, h_init: Some(h), h_max: h, ..Settings::default() };
    let t = 0.5;
    let found = mean(&model, method, &settings, t, 0);
    let exact = 0.5 * (1.01 * t).exp();
    found_is(&found, &model, exact, &[("mu", t * exact), ("sigma", 0.0)]);
}

#[test]
fn births_and_deaths_one_by_one() {
    let model = example("birth-death", ReactionMode::Jumps);
    let gradient = || -> Box<dyn PathGradient> { Box::new(JumpScore::named("direct").unwrap()) };
    let stepper = || slopefield_stochastic::method("direct").unwrap();
    let method = PathMethod { stepper: &stepper, gradient: &gradient };
    let t = 0.05;
    let found = mean(&model, method, &Settings { seed: 7, ..Settings::default() }, t, 0);
    let e = (-10.0 * t).exp();
    let by_death = -10.0 * (1.0 - e) + 100.0 * t * e;
    let slopes = [("birth_rate", (1.0 - e) / 10.0), ("death_rate", by_death)];
    found_is(&found, &model, 100.0 * (1.0 - e), &slopes);
    // A study asks for it by name.
    assert_eq!(applicable(&model, "direct"), ["score"]);
    let mut score = route(&model, "direct").method("score").unwrap();
    let p = model.start_params(1);
    let ivp = Ivp { rhs: &*model.rhs, t0: 0.0, t1: t, u0: &[0.0], p: &p };
    let (mut by_u0, mut by_p) = ([0.0], vec![0.0; p.len()]);
    let settings = Settings { seed: 7, ..Settings::default() };
    score.evaluate(&ivp, &settings, &[t], &mut squares, &mut by_u0, &mut by_p).unwrap();
    assert!(by_p[0] > 0.0 && by_p[1] < 0.0, "{by_p:?}");
    let why = route(&model, "tau-leaping").method("score").err().unwrap();
    assert!(why.to_string().contains("likelihood"), "{why}");
}

/// `E = exp((drift − falls/5) t)`.
#[test]
fn a_price_that_falls_now_and_then() {
    let model = example("jump-diffusion", ReactionMode::Ode);
    assert_eq!(applicable(&model, "sosri"), ["score"]);
    let mut score = route(&model, "sosri").method("score").unwrap();
    let p = model.start_params(1);
    let u0 = model.initial_state(0.0, &p, &[]);
    let ivp = Ivp { rhs: &*model.rhs, t0: 0.0, t1: 1.0, u0: &u0, p: &p };
    let h = 1.0 / 16.0;
    // Means over 64 paths each, and how much they vary.
    let (n, runs) = (p.len(), 40);
    let (mut sums, mut squares) = (vec![0.0; n], vec![0.0; n]);
    for run in 0..runs {
        let path = 64 * run;
        let settings = Settings { seed: 5, path, h_init: Some(h), h_max: h, ..Settings::default() };
        let (mut by_u0, mut by_p) = ([0.0], vec![0.0; n]);
        let mut last = |u: &[f64], slope: &mut [f64]| {
            slope[0] = 1.0;
            u[0]
        };
        score.evaluate(&ivp, &settings, &[1.0], &mut last, &mut by_u0, &mut by_p).unwrap();
        for i in 0..n {
            sums[i] += by_p[i];
            squares[i] += by_p[i] * by_p[i];
        }
    }
    let mean = (0.05_f64 - 0.5 * 0.2).exp();
    let names = model.param_names();
    for (name, exact) in [("drift", mean), ("volatility", 0.0), ("falls", -0.2 * mean)] {
        let i = names.iter().position(|known| known == name).unwrap();
        let runs = runs as f64;
        let found = sums[i] / runs;
        let error = ((squares[i] / runs - found * found) / (runs - 1.0)).sqrt();
        assert!((found - exact).abs() < 3.0 * error, "{name}: {found} ± {error} for {exact}");
        assert!(error < 0.03, "{name}: {found} ± {error}");
    }
}

/// Production against use by an enzyme rests at `s = k K/(V − k)`.
#[test]
fn a_steady_state_from_text() {
    let text =
        "state s = 0.1\n\nparam k = 0.4\nparam V = 1.1\nparam K = 0.7\n\ns' = k - V*s/(K + s)\n";
    let model = CompiledModel::new(text, &BuiltinNetworks).unwrap();
    let p = model.start_params(1);
    let (k, v, half) = (0.4, 1.1, 0.7);
    assert_eq!(p, [k, v, half]);
    let mut by_p = [0.0; 3];
    let mut loss = |u: &[f64], slope: &mut [f64]| {
        slope[0] = 1.0;
        u[0]
    };
    let settings = Settings::with_tolerances(1e-12, 1e-14);
    let found = SteadyAdjoint::new()
        .evaluate(&*model.rhs, 0.0, &[0.1], &p, &settings, &mut loss, &mut by_p)
        .unwrap();
    assert!((found.loss - k * half / (v - k)).abs() < 1e-12);
    let exact = [half * v / (v - k).powi(2), -k * half / (v - k).powi(2), k / (v - k)];
    for (found, exact) in by_p.iter().zip(exact) {
        assert!((found / exact - 1.0).abs() < 1e-11, "{by_p:?} for {exact:?}");
    }
}
