//! Bad input, from a model text to the sentence: time, state and cause, what to try, and always an
//! end.
use slopefield_graph::BuiltinNetworks;
use slopefield_solve::Settings;
use slopefield_study::simulate::{simulate, steady};
use slopefield_study::{BuiltinSolvers, CompiledModel, SimulateOptions, StudyError};
use std::time::Duration;

fn settings() -> Settings {
    Settings::with_tolerances(1e-6, 1e-8).within(Duration::from_secs(60))
}

/// The sentence and the advice of a simulation that fails.
#[track_caller]
fn failure(text: &str, method: &str, to: f64, settings: Settings) -> (String, String) {
    failure_at(text, &[], method, to, settings)
}

/// The same with other values of the first parameters.
#[track_caller]
fn failure_at(
    text: &str,
    first: &[f64],
    method: &str,
    to: f64,
    settings: Settings,
) -> (String, String) {
    let model = CompiledModel::new(text, &BuiltinNetworks).unwrap();
    let mut p = model.start_params(1);
    p[..first.len()].copy_from_slice(first);
    let from = model.model.time.start;
    let u0 = model.initial_state(from, &p, &[]);
    let method = model.choose_solver(method, settings.rtol).method;
    let options = SimulateOptions { from, at: vec![to], method, settings, paths: None };
    match simulate(&model, &p, &u0, &options, &BuiltinSolvers) {
        Err(StudyError::Solve { message, advice }) => (message, advice),
        Err(other) => panic!("{text}: {other}"),
        Ok(found) => panic!("{text}: this should fail, but ends at {:?}", found.states),
    }
}

/// The sentence about a model text that is refused before anything is solved.
#[track_caller]
fn refusal(text: &str) -> String {
    match CompiledModel::new(text, &BuiltinNetworks) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{text}: this should be refused"),
    }
}

#[track_caller]
fn check(text: &str, methods: &[&str], message: &[&str], advice: &str) {
    for method in methods {
        let (said, try_this) = failure(text, method, 2.0, settings());
        for words in message {
            assert!(said.contains(words), "{method}: `{words}` is not in: {said}");
        }
        assert!(try_this.contains(advice), "{method}: `{advice}` is not in: {try_this}");
    }
}

const IMPLICIT: [&str; 4] = ["auto", "rodas5p", "radau", "bdf"];
const ORDINARY: [&str; 6] = ["auto", "tsit5", "vern7", "vcabm", "rodas5p", "bdf"];

#[test]
fn inconsistent_initial_values_name_their_equation() {
    check(
        "state x = 1\nalgebraic y = 0.3\nx' = -x\n0 = y^2 + x\n",
        &IMPLICIT,
        &["no consistent initial values: `0 = y^2 + x` (line 4) is off by", "at t = 0"],
        "starting values",
    );
    // A constraint that has been differentiated: in the text, and with another parameter.
    let pendulum = "state x = 1, y = 0, vx = 0, vy = 0\nparam L = 1\nalgebraic T = 0\nx' = vx\ny' = vy\n\
                    vx' = -T*x\nvy' = -T*y - 9.81\n0 = x^2 + y^2 - L^2\n";
    let said = refusal(&pendulum.replace("x = 1,", "x = 1.1,"));
    assert!(said.contains("line 8") && said.contains("0.21"), "{said}");
    for method in IMPLICIT {
        let (said, advice) = failure_at(pendulum, &[1.1], method, 2.0, settings());
        assert!(said.contains("`0 = x^2 + y^2 - L^2` (line 8)"), "{method}: {said}");
        assert!(said.contains("off by -2.1") && advice.contains("velocities included"), "{said}");
    }
}

#[test]
fn mass_matrices_that_leave_states_open_are_singular() {
    // Nothing says what x − y is.
    let text = "state x = 1, y = 0\nparam a = 1\nx' + y' = -x\na*x' + y' = -x\n";
    check(text, &IMPLICIT, &["singular at t = 0"], "mass matrix without full rank");
    // With another value of the parameter it is an ordinary equation.
    let model = CompiledModel::new(text, &BuiltinNetworks).unwrap();
    let options = SimulateOptions {
        from: 0.0,
        at: vec![1.0],
        method: "rodas5p".into(),
        settings: settings(),
        paths: None,
    };
    let found = simulate(&model, &[2.0], &[1.0, 0.0], &options, &BuiltinSolvers).unwrap();
    // x' = 0 and y' = −1.
    assert!((found.states[0][0] - 1.0).abs() < 1e-9, "{:?}", found.states);
    assert!((found.states[1][0] + 1.0).abs() < 1e-6, "{:?}", found.states);
}

#[test]
fn negative_delays_are_named() {
    let said = refusal("state x = 1\nparam tau = -0.25\nx' = -delay(x, tau)\n");
    assert!(said.contains("line 3") && said.contains("-0.25 would look into the future"), "{said}");
    let text = "state x = 1\nparam tau = 1\nx' = -delay(x, tau)\n";
    let noisy = "state x = 1\nparam tau = 1\nnoise W\nx' = -delay(x, tau) + 0.1*W'\n";
    for (text, methods) in
        [(text, &["auto", "tsit5", "vern7", "rodas5p", "radau"][..]), (noisy, &["auto", "em"])]
    {
        let line = text.lines().count();
        for method in methods {
            let (said, advice) = failure_at(text, &[-0.25], method, 2.0, settings());
            let start = format!("`tau` (line {line}) is -0.25 at t = 0; lags are 0 or more");
            assert!(said.starts_with(&start), "{method}: {said}");
            assert!(advice.contains("the future"), "{advice}");
        }
    }
    // One that becomes negative on the way, named where it does.
    let later = "state x = 1\nx' = -delay(x, 1 - t)\n";
    let (said, _) = failure(later, "auto", 2.0, settings());
    assert!(said.contains("`1 - t` (line 2) is -") && said.contains("at t = 1"), "{said}");
}

#[test]
fn delays_of_zero_are_no_delays() {
    let text = "state x = 1\nparam tau = 0\nx' = -delay(x, tau)\n";
    let model = CompiledModel::new(text, &BuiltinNetworks).unwrap();
    for method in ["tsit5", "vern7", "rodas5p", "radau"] {
        let options = SimulateOptions {
            from: 0.0,
            at: vec![2.0],
            method: method.into(),
            settings: Settings::with_tolerances(1e-9, 1e-9),
            paths: None,
        };
        let found = simulate(&model, &[0.0], &[1.0], &options, &BuiltinSolvers).unwrap();
        assert!((found.states[0][0] - (-2.0_f64).exp()).abs() < 1e-7, "{method}");
    }
}

#[test]
fn storms_of_events_name_the_event() {
    let ball = "state h = 1, v = 0\nh' = v\nv' = -9.81\n\
                when h crosses 0 falling: v = -0.5*v, h = 0\n";
    check(
        ball,
        &ORDINARY,
        &["events happened at t = 1.3", "without time passing", "(line 4)", "when h crosses 0"],
        "an event that stops",
    );
    let relay = "state x = 1, on = 1\nx' = -on\non' = 0\n\
                 when x crosses 0.5 falling: x = 0.6\nwhen x crosses 0.55 rising: x = 0.4\n";
    let (said, _) = failure(relay, "auto", 2.0, settings());
    assert!(said.contains("without time passing") && said.contains("(line "), "{said}");
}

#[test]
fn values_that_are_not_finite_name_expression_and_line() {
    let text = "state x = 1, y = 1\nx' = -1\ny' = ln(x)\n";
    for method in ORDINARY {
        let (said, advice) = failure(text, method, 2.0, settings());
        assert!(said.contains("`y`") && said.contains("`ln(x)` (line 3)"), "{method}: {said}");
        assert!(said.contains("at t = 0.99") || said.contains("at t = 1"), "{method}: {said}");
        assert!(advice.contains("division by zero"), "{advice}");
    }
    let at_once = "state x = 0\nx' = 1/x\n";
    check(at_once, &ORDINARY, &["`x`", "at t = 0", "`1/x` (line 2)"], "division by zero");
    // In noise, in a rate, in a delayed equation.
    let noise = "state x = 1\nnoise W\nx' = -x + sqrt(-1 - x^2)*W'\n";
    check(noise, &["auto", "em", "milstein", "sosri"], &["`x`", "at t = 0"], "logarithm");
    let rate = "state x = 1, n = 0\nx' = -x\nn' = 0\njump rate ln(-x): n += 1\n";
    let (said, _) = failure(rate, "auto", 2.0, settings());
    assert!(said.contains("rate") && said.contains("at t = 0"), "{said}");
    let delayed = "state x = 1\nx' = ln(delay(x, 1) - 2)\n";
    check(delayed, &["auto", "vern7"], &["`x`", "at t = 0", "x = 1"], "logarithm");
}

#[test]
fn steps_that_collapse_end_where_the_solution_does() {
    // 1/(1 − t).
    let text = "state x = 1\nx' = x^2\n";
    for method in ORDINARY {
        let (said, advice) = failure(text, method, 2.0, settings());
        let named = ["step size fell to", "finite", "could not be solved", "singular"];
        assert!(named.iter().any(|words| said.contains(words)), "{method}: {said}");
        assert!(said.contains("at t = 1") || said.contains("at t = 0.99"), "{method}: {said}");
        assert!(!advice.is_empty());
    }
}

#[test]
fn budgets_of_steps_and_time_end_every_kind_of_solve() {
    let ordinary = "state x = 1\nx' = -x\n";
    let delayed = "state x = 1\nx' = -delay(x, 1)\n";
    let noisy = "state x = 1\nnoise W\nx' = -x + 0.1*x*W'\n";
    let jumps = "state n = 0\njump rate 1e9: n += 1\n";
    let along = "state n = 0, x = 1\nn' = 0\nx' = -x\njump rate 1e9*x: n += 1\n";
    let algebraic = "state x = 1\nalgebraic y = 1\nx' = -y\n0 = y - x\n";
    for text in [ordinary, delayed, noisy, jumps, along, algebraic] {
        let short = Settings { h_init: Some(1e-6), h_max: 1e-6, ..Settings::default() };
        let few = Settings { max_steps: 50, ..short.clone() };
        let (said, advice) = failure(text, "auto", 2.0, few);
        assert!(said.starts_with("50 steps were not enough; stopped at t = "), "{text}: {said}");
        assert!(advice.contains("step budget"), "{advice}");
        let endless = Settings { max_steps: u64::MAX, h_init: Some(1e-13), h_max: 1e-13, ..short };
        let brief = endless.within(Duration::from_millis(30));
        let (said, advice) = failure(text, "auto", 2.0, brief);
        assert!(
            said.starts_with("the time allowed was used up; stopped at t = "),
            "{text}: {said}"
        );
        assert!(advice.starts_with("Allow more time"), "{advice}");
    }
}

#[test]
fn systems_that_never_rest_have_no_steady_state() {
    let text = |text: &str| {
        let model = CompiledModel::new(text, &BuiltinNetworks).unwrap();
        let p = model.start_params(1);
        let u0 = model.initial_state(0.0, &p, &[]);
        match steady(&model, 0.0, &p, &u0, &settings()) {
            Err(error) => error.to_string(),
            Ok(found) => panic!("{text}: {:?}", found.states),
        }
    };
    let said = text("state x = 1, growing = 1\nx' = -x\ngrowing' = 1 + growing^2\n");
    assert!(said.contains("`growing`") || said.contains("not finite"), "{said}");
    for (part, words) in [
        ("state x = 1\nx' = 1 - delay(x, 1)\n", "delays"),
        ("state x = 1\nnoise W\nx' = 1 - x + W'\n", "noise"),
        ("state x = 1\nx' = 1 - x\njump rate 1: x += 1\n", "jumps"),
    ] {
        let said = text(part);
        assert!(said.contains("steady states") && said.contains(words), "{said}");
    }
}
