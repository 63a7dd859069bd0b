//! Delays: what is read, how far back, and the values before the start.

use slopefield_lang::{Env, ExprKind, Lanes, Model, Source, StateId, VectorKind, check, evaluate};

#[track_caller]
fn right(text: &str) -> Model {
    let (model, diagnostics) = check(text);
    assert!(model.is_complete && diagnostics.is_empty(), "{diagnostics:?}");
    model
}

fn codes(text: &str) -> Vec<&'static str> {
    check(text).1.iter().map(|d| d.code).collect()
}

/// The delayed values as (state, lag, slope).
fn reads(model: &Model) -> Vec<(u32, u32, bool)> {
    model.delays.iter().map(|d| (d.state.0, d.lag, d.slope)).collect()
}

#[test]
fn equal_reads_are_one() {
    let model = right(
        "state x = 1, y = 2\nparam tau = 3\n\
         x' = -delay(x, tau) + delay(y, 2)*delay(x, tau)\ny' = delay(x*y + t, tau) - delay(x, tau + 0*y)\n",
    );
    assert_eq!(reads(&model), [(0, 0, false), (1, 1, false), (1, 0, false), (0, 2, false)]);
    let constant: Vec<bool> = model.lags.iter().map(|l| l.constant).collect();
    assert_eq!(constant, [true, true, false]);
    // x = 5, y = 7, x(t-3) = 11, y(t-2) = 13, y(t-3) = 17, x(t-lag) = 19.
    let env = Env {
        time: 10.0,
        states: &[5.0, 7.0, 11.0, 13.0, 17.0, 19.0],
        params: &[3.0],
        ..Env::default()
    };
    assert_eq!(evaluate(&model.states[0].derivative, &env), -11.0 + 13.0 * 11.0);
    assert_eq!(evaluate(&model.states[1].derivative, &env), 11.0 * 17.0 + (10.0 - 3.0) - 19.0);
}

#[test]
fn names_and_functions_are_read_in_the_past() {
    let model = right(
        "state x = 1\nlet r = 2*x + t\nfunction f(a) = a^2\n\
         network n: mlp(inputs: 1, outputs: 1)\nx' = f(delay(r, 1)) + delay(f(r), 1) + delay(n(x), 1)\n",
    );
    assert_eq!(reads(&model), [(0, 0, false)]);
    let call = model.calls.last().unwrap();
    assert_eq!(call.arguments[0].kind, ExprKind::State(StateId(1)));
    let outputs = [vec![f64::NAN], vec![100.0]];
    let env = Env { time: 4.0, states: &[5.0, 7.0], outputs: &outputs, ..Env::default() };
    let past = (2.0 * 7.0 + 3.0f64).powi(2);
    assert_eq!(evaluate(&model.states[0].derivative, &env), 2.0 * past + 100.0);
}

#[test]
fn neutral_and_second_order() {
    let model = right("state x = 1\nx' = -x + 0.5*delay(x', 1)\nhistory x = exp(t)\n");
    assert_eq!(reads(&model), [(0, 0, true)]);
    assert!(model.states[0].history.is_some());
    // The velocity is a state; the acceleration is a slope of it.
    let model =
        right("state x = 1, x' = 0\nx'' = -delay(x', 1) - 0.1*delay(x'', 1)\nhistory x' = 2\n");
    assert_eq!(reads(&model), [(1, 0, false), (1, 0, true)]);
    assert!(model.states[0].history.is_none() && model.states[1].history.is_some());
}

#[test]
fn loops_read_delayed_elements() {
    let model = right(
        "const N = 4\nstate u[i in 1..N] = i\nparam tau[N] = [1, 2, 3, 4]\n\
         u[i]' = delay(u[wrap(i + 1)], 2) - delay(u[i], tau[i]) for i in 1..N\nhistory u[i in 1..N] = i*t\n",
    );
    assert_eq!(model.lags.len(), 5);
    assert_eq!(model.delays.len(), 8);
    let VectorKind::Each(body) = &model.vectors[0].kind else { panic!() };
    let ExprKind::Binary(_, a, _) = &body.kind else { panic!() };
    let ExprKind::Lanes(lanes) = &a.kind else { panic!() };
    let Lanes::Elements(Source::States, table) = &**lanes else { panic!() };
    let read: Vec<u32> = table.iter().map(|i| model.delays[*i as usize - 4].state.0).collect();
    assert_eq!(read, [1, 2, 3, 0]);
    let env = Env { time: -2.0, ..Env::default() };
    let VectorKind::Each(history) = &model.vectors[1].kind else { panic!() };
    assert_eq!(evaluate(history, &Env { lane: 2, ..env }), -6.0);
}

#[test]
fn sums_are_delayed_as_a_whole() {
    let model = right(
        "state u[i in 1..3] = i, x = 0\nu' = 0\nlet w[i in 1..3] = u[i]^2\n\
         x' = delay(sum(u[i]*i for i in 1..3), 2) + delay(sum(w), 2)\n",
    );
    assert_eq!(reads(&model), [(0, 0, false), (1, 0, false), (2, 0, false)]);
    let past = [0.0, 0.0, 0.0, 0.0, 2.0, 3.0, 5.0];
    let env = Env { states: &past, ..Env::default() };
    let mut vectors: Vec<Vec<f64>> = Vec::new();
    for vector in &model.vectors {
        let values = slopefield_lang::evaluate_vector(vector, &Env { vectors: &vectors, ..env });
        vectors.push(values);
    }
    let slope = evaluate(&model.states[3].derivative, &Env { vectors: &vectors, ..env });
    assert_eq!(slope, 2.0 + 6.0 + 15.0 + 4.0 + 9.0 + 25.0);
}

#[test]
fn wrong_delays_are_explained() {
    let with = |line: &str| codes(&format!("state x = 1\nparam k = -1\nlet use = k\n{line}\n"));
    assert_eq!(with("x' = delay(x, -1)"), ["wrong-lag"]);
    assert_eq!(with("x' = delay(x, k)"), ["wrong-lag"]);
    assert_eq!(with("x' = delay(x, 0)"), ["wrong-lag"]);
    assert_eq!(with("x' = delay(x, delay(x, 1))"), ["wrong-lag"]);
    assert_eq!(with("x' = delay(delay(x, 1), 1)"), ["misplaced-delay"]);
    assert_eq!(with("let r = delay(x, 1)\nx' = delay(r, 1)"), ["misplaced-delay"]);
    assert_eq!(with("x' = delay(x)"), ["wrong-argument-count"]);
    assert_eq!(with("x' = x\nstate y = delay(x, 1)\ny' = x"), ["misplaced-delay"]);
    assert_eq!(with("x' = delay(x, 1)\nhistory x = x"), ["initial-uses-state"]);
    assert_eq!(with("x' = delay(x, 1)\nhistory k = 1"), ["wrong-history"]);
    assert_eq!(with("x' = delay(x, 1)\nhistory x' = 1"), ["wrong-history"]);
    assert_eq!(with("x' = delay(x, 1)\nhistory x = 1\nhistory x = 2"), ["wrong-history"]);
    assert_eq!(with("x' = -x\nhistory x = 1"), ["unused"]);
    // A lag of 0 is a warning, and the model runs.
    assert!(check("state x = 1\nx' = -delay(x, 0)\n").0.delays.is_empty());
}

#[test]
fn long_chains_in_the_past_need_no_stack() {
    let mut text = String::from("state x = 1\n");
    for i in 0..20_000 {
        text.push_str(&format!("let a{i} = a{} + x\n", i + 1));
    }
    text.push_str("let a20000 = x\nx' = delay(a0, 1)\n");
    assert_eq!(codes(&text), ["too-large"]);
}
