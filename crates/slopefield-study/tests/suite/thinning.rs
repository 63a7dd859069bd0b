//! Jumps whose rates vary between jumps, from text: thinning below bounds that are found or given.
use slopefield_graph::BuiltinNetworks;
use slopefield_lang::ReactionMode;
use slopefield_solve::Settings;
use slopefield_study::simulate::simulate;
use slopefield_study::{BuiltinSolvers, CompiledModel, SimulateOptions, StudyError};

fn compiled(text: &str) -> CompiledModel {
    CompiledModel::with_reactions(text, &BuiltinNetworks, ReactionMode::Jumps).unwrap()
}

/// Mean and standard deviation of the first state at a time.
fn moments(text: &str, at: f64, paths: u32) -> Result<(f64, f64), StudyError> {
    let model = compiled(text);
    let p = model.start_params(1);
    let u0 = model.initial_state(0.0, &p, &[]);
    let options = SimulateOptions {
        from: 0.0,
        at: vec![at],
        method: model.choose_solver("auto", 1e-6).method,
        settings: Settings { seed: 5, ..Settings::with_tolerances(1e-6, 1e-8) },
        paths: Some(paths),
    };
    let found = simulate(&model, &p, &u0, &options, &BuiltinSolvers)?;
    Ok((found.states[0][0], found.spreads[0][0]))
}

fn is_thinned(text: &str) -> bool {
    let model = compiled(text);
    let reason = model.choose_solver("auto", 1e-6).reason;
    let bounded = model.rhs.structure().rate_bounds.is_some();
    assert_eq!(bounded, reason.contains("thinning"), "{reason}");
    bounded
}

/// The mean lies within three standard errors; so does the variance, whose standard error is that of
/// a distribution with the kurtosis of a normal one.
#[track_caller]
fn check(text: &str, at: f64, mean: f64, variance: f64) {
    let count = 4000;
    let (found, spread) = moments(text, at, count).unwrap();
    let error = (variance / f64::from(count)).sqrt();
    assert!((found - mean).abs() < 3.0 * error, "{text}: {found} ± {error}, not {mean}");
    let ratio = spread * spread / variance;
    let allowed =
        3.0 * (2.0 / f64::from(count)).sqrt() + 3.0 / (f64::from(count) * variance).sqrt();
    assert!((ratio - 1.0).abs() < allowed, "{text}: variance {ratio} times too large");
}

#[test]
fn numbers_of_jumps_with_rates_of_the_time_are_poisson_distributed() {
    // The mean is the integral of the rate, and so is the variance.
    let count = |rate: &str, at: f64, integral: f64| {
        let text = format!("state N = 0\nparam k = 3\njump rate {rate}: N += 1\n");
        assert!(is_thinned(&text), "{rate}");
        check(&text, at, integral, integral);
    };
    // Bounded for ever; growing without bound; falling; jumping; never above 0 but at times.
    count("k*(1 + sin(t))", 5.0, 3.0 * (5.0 + 1.0 - 5f64.cos()));
    count("k*t", 3.0, 13.5);
    count("20*exp(-k*t)", 2.0, 20.0 / 3.0 * (1.0 - (-6f64).exp()));
    count("if t < 1 then 0.5 else 8", 2.0, 8.5);
    count("relu(t - 2)", 4.0, 2.0);
    count("k*sqrt(t)", 4.0, 16.0);
    count("1000*pulse(t, 1.5, 1.51)", 2.0, 10.0);
}

#[test]
fn rates_may_read_states_that_only_jumps_change() {
    // Each of 50 dies by itself: the number is binomial.
    let text = "state N = 50\nparam k = 0.6\njump rate k*(1 + cos(t))*N: N -= 1\n";
    assert!(is_thinned(text));
    let p = (-0.6f64 * (2.0 + 2f64.sin())).exp();
    check(text, 2.0, 50.0 * p, 50.0 * p * (1.0 - p));
    // As a reaction, with birth: Poisson distributed, of mean m' = 10 (1 + sin t) − m.
    let text =
        "state N = 0\nreaction birth: 0 -> N rate 10*(1 + sin(t))\nreaction death: N -> 0 rate N\n";
    assert!(is_thinned(text));
    let (sin, cos) = 4f64.sin_cos();
    let mean = 10.0 * (1.0 - 0.5 * (-4f64).exp()) + 5.0 * (sin - cos);
    check(text, 4.0, mean, mean);
}

#[test]
fn bounds_of_the_text_serve_where_states_move() {
    let text = "state N = 0\nstate x = 1\nparam k = 8\nx' = -x\njump rate k*x bound k*x: N += 1\n";
    assert!(is_thinned(text));
    let mean = 8.0 * (1.0 - (-2f64).exp());
    check(text, 2.0, mean, mean);
    // A bound for a time: x grows by less than e in it.
    let text =
        "state N = 0\nstate x = 1\nparam k = 2\nx' = x\njump rate k*x bound e*k*x for 1: N += 1\n";
    assert!(is_thinned(text));
    let mean = 2.0 * (2f64.exp() - 1.0);
    check(text, 2.0, mean, mean);
    // Without one, rates are integrated along the solution.
    let text = "state N = 0\nstate x = 1\nparam k = 8\nx' = -x\njump rate k*x: N += 1\n";
    assert!(!is_thinned(text));
    let mean = 8.0 * (1.0 - (-2f64).exp());
    check(text, 2.0, mean, mean);
}

#[test]
fn one_rate_without_a_bound_is_enough_for_the_integral() {
    let text =
        "state N = 0\nstate x = 1\nx' = -x\njump rate x bound 1: N += 1\njump rate x: N -= 1\n";
    assert!(!is_thinned(text));
    let text = "state N = 0\nstate x = 1\nnetwork n: mlp(inputs: 1, outputs: 1)\nx' = -x\n\
                jump rate exp(n(t)): N += 1\n";
    assert!(!is_thinned(text));
}

#[test]
fn bounds_that_do_not_hold_end_the_solve() {
    let failure = |text: &str| moments(text, 3.0, 50).unwrap_err().to_string();
    let said = failure("state N = 0\nstate x = 1\nx' = x\njump rate x bound 1.5: N += 1\n");
    assert!(said.contains("above its bound 1.5"), "{said}");
    assert!(said.contains("the rate of jump 0 is") && said.contains("at t = "), "{said}");
    let said = failure("state N = 0\njump rate 1 + t bound 1: N += 1\n");
    assert!(said.contains("above its bound 1"), "{said}");
    let said = failure("state N = 0\njump rate cos(t)^2 bound 1 for 1 - t: N += 1\n");
    assert!(said.contains("must be positive"), "{said}");
    // What interval arithmetic cannot enclose at any length of time.
    let said = failure("state N = 0\njump rate if t > 0 then sin(t)/t else 1: N += 1\n");
    assert!(said.contains("jump rate … bound"), "{said}");
    let (mean, _) =
        moments("state N = 0\njump rate if t > 0 then sin(t)/t else 1 bound 1: N += 1\n", 3.0, 50)
            .unwrap();
    assert!(mean > 1.0 && mean < 3.0, "{mean}");
}
