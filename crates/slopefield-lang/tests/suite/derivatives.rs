//! Symbolic derivatives against differences, and the equations of a Hamiltonian.

use slopefield_lang::{
    Env, ExprKind, Model, NotDifferentiable, StateId, Variable, check, derivative, evaluate,
    evaluate_derivatives, evaluate_lets, evaluate_vector,
};

fn model(text: &str) -> Model {
    let (model, diagnostics) = check(text);
    assert!(model.is_complete, "{text}: {diagnostics:?}");
    model
}

/// The values of the lets and vectors at a point.
fn at<R>(model: &Model, states: &[f64], f: impl FnOnce(&Env<'_>) -> R) -> R {
    let lets = evaluate_lets(model, 2.0, states, &[1.5]);
    let mut vectors: Vec<Vec<f64>> = Vec::new();
    for vector in &model.vectors {
        let env = Env {
            time: 2.0,
            states,
            params: &[1.5],
            vectors: &vectors,
            lets: &lets,
            ..Env::default()
        };
        let values = evaluate_vector(vector, &env);
        vectors.push(values);
    }
    f(&Env { time: 2.0, states, params: &[1.5], lets: &lets, vectors: &vectors, ..Env::default() })
}

/// Compares the derivative of a right-hand side by x with a difference of fourth order.
#[track_caller]
fn agrees(text: &str, x: f64) {
    let model =
        model(&format!("param k = 1.5\nlet use = k\nstate x = 1, y = 0.5\nx' = {text}\ny' = 0\n"));
    let expr = &model.states[0].derivative;
    let slope = derivative(&model, expr, Variable::State(StateId(0))).unwrap();
    let value = |x: f64| at(&model, &[x, 0.5], |env| evaluate(expr, env));
    let h = 1e-3;
    let difference = (8.0 * (value(x + h) - value(x - h))
        - (value(x + 2.0 * h) - value(x - 2.0 * h)))
        / (12.0 * h);
    let found = at(&model, &[x, 0.5], |env| evaluate(&slope, env));
    let error = (found - difference).abs() / difference.abs().max(1.0);
    assert!(error < 2e-9, "({text})' at {x}: {found}, not {difference}");
}

#[test]
fn every_function_has_its_derivative() {
    for f in [
        "abs", "sqrt", "cbrt", "exp", "expm1", "ln", "log2", "log10", "log1p", "sin", "cos", "tan",
        "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "atanh", "sigmoid", "softplus",
        "relu", "gelu", "erf", "erfc", "sign", "floor", "ceil", "round", "step",
    ] {
        agrees(&format!("{f}(x)"), 0.37);
        agrees(&format!("{f}(x^2*y + 0.1)"), 0.61);
    }
    agrees("acosh(1 + x)", 0.37);
    for f in ["abs", "cbrt", "gelu", "relu", "sigmoid", "softplus", "atan"] {
        agrees(&format!("{f}(x)"), -0.83);
    }
}

#[test]
fn every_operator_has_its_derivative() {
    for text in [
        "x*y - y/x + 3*x/(1 + x^2)",
        "x^y + y^x + x^3 - x^(-0.5)",
        "atan2(x, y) - atan2(y, x^2)",
        "min(x, y, 2*x) + max(x^2, y) + clamp(x, 0, 5)",
        "if x > y then x^2 else sin(x)",
        "hill(x, y, 3) + mm(x, 2, k) + ramp(x - 0.1) + pulse(x, 0, 1)*x",
        "(x > y) + (x and y) + not x",
        "exp(-x^2/2)*cos(k*t*x)",
    ] {
        agrees(text, 0.8);
    }
}

#[test]
fn names_and_loops_are_written_out() {
    let model = model(
        "state x = 1, y = 2\nstate u[3] = 0\nu' = 0\nlet r = x^2*y\nlet w[i in 1..3] = i*x*u[i]\n\
         x' = r^2 + sum(w[i]*y for i in 1..3)\ny' = 0\n",
    );
    let slope =
        derivative(&model, &model.states[0].derivative, Variable::State(StateId(0))).unwrap();
    let states = [3.0, 5.0, 1.0, 2.0, 4.0];
    let found = at(&model, &states, |env| evaluate(&slope, env));
    // d(x⁴y²) = 4x³y², and y (u₁ + 2u₂ + 3u₃).
    assert_eq!(found, 4.0 * 27.0 * 25.0 + 5.0 * 17.0);
}

#[test]
fn what_has_no_formula_is_refused() {
    let refused = |text: &str| {
        let model = model(&format!(
            "state x = 1\nstate u[2] = 0\nu' = 0\nnetwork n: mlp(inputs: 1, outputs: 1)\nlet use = n(x)\nx' = {text}\n"
        ));
        derivative(&model, &model.states[0].derivative, Variable::State(StateId(0)))
    };
    assert!(matches!(refused("n(x)"), Err(NotDifferentiable::Network(_))));
    assert!(matches!(refused("gamma(x)"), Err(NotDifferentiable::Gamma(_))));
    assert!(matches!(refused("max(u[i]*x for i in 1..2)"), Err(NotDifferentiable::Extremum(_))));
    assert_eq!(refused("n(u[1]) + gamma(t)").unwrap().kind, ExprKind::Number(0.0));
}

#[test]
fn corners_follow_the_conventions() {
    let slope = |text: &str, x: f64| {
        let model = model(&format!("state x = 1\nx' = {text}\n"));
        let expr =
            derivative(&model, &model.states[0].derivative, Variable::State(StateId(0))).unwrap();
        evaluate(&expr, &Env { states: &[x], ..Env::default() })
    };
    assert_eq!(slope("abs(x)", 0.0), 0.0);
    assert_eq!(slope("relu(x)", 0.0), 0.0);
    assert_eq!(slope("max(x, 2*x)", 0.0), 1.0);
    assert_eq!(slope("atan2(x, x)", 0.0), 0.0);
    assert_eq!(slope("2^x", 0.0), std::f64::consts::LN_2);
    assert_eq!(slope("0^x", 1.0), 0.0);
    assert_eq!(slope("sqrt(x)", 0.0), f64::INFINITY);
}

#[test]
fn a_hamiltonian_gives_the_equations() {
    let text = "state q = 1, p = 0\nparam k = 2\nhamiltonian H(q, p) = p^2/2 + k*q^4/4 + cos(t)*q\n\
                observe energy = H(q, p)\n";
    let (model, diagnostics) = check(text);
    assert!(model.is_complete && diagnostics.is_empty(), "{diagnostics:?}");
    let f = evaluate_derivatives(&model, 0.5, &[3.0, 7.0], &[2.0]);
    assert!((f[0] - 7.0).abs() < 1e-14 && (f[1] + 54.0 + 0.5f64.cos()).abs() < 1e-13, "{f:?}");
    let hamiltonian = model.hamiltonian.as_ref().unwrap();
    assert!(hamiltonian.separable);
    assert_eq!(hamiltonian.pairs, [(StateId(0), StateId(1))]);
    assert_eq!(model.pairs, hamiltonian.pairs);
    assert_eq!(model.observations.len(), 1);
}

#[test]
fn two_bodies_and_energies_that_do_not_separate() {
    let text = "state q1 = 1, q2 = 0, p1 = 0, p2 = 1\nlet r = sqrt(q1^2 + q2^2)\n\
                hamiltonian H(q1, q2, p1, p2) = (p1^2 + p2^2)/2 - 1/r\n";
    let model_ = model(text);
    let states = [0.6, 0.8, 0.3, 0.4];
    let f = evaluate_derivatives(&model_, 0.0, &states, &[]);
    for (found, wanted) in f.iter().zip([0.3, 0.4, -0.6, -0.8]) {
        assert!((found - wanted).abs() < 1e-15, "{f:?}");
    }
    assert!(model_.hamiltonian.unwrap().separable);
    let coupled = model("state q = 1, p = 0\nhamiltonian H(q, p) = p^2/(2 + q^2) + q\n");
    assert!(!coupled.hamiltonian.unwrap().separable);
}

#[test]
fn wrong_hamiltonians_are_explained() {
    let codes = |text: &str| check(text).1.iter().map(|d| d.code).collect::<Vec<_>>();
    assert_eq!(
        codes("state q = 1, p = 0\nhamiltonian H(q, p) = p^2 + q^2\nq' = p\n"),
        ["wrong-hamiltonian"]
    );
    assert_eq!(
        codes("state q = 1, p = 0\nhamiltonian H(q) = q^2\np' = 0\n"),
        ["wrong-hamiltonian"]
    );
    assert_eq!(
        codes("state q = 1\nhamiltonian H(q, k) = q^2\nparam k = 1\n"),
        ["wrong-hamiltonian"]
    );
    assert_eq!(
        codes("state q = 1, p = 0\nhamiltonian H(q, p) = gamma(p) + q\n"),
        ["not-differentiable"]
    );
    assert_eq!(
        codes("state q = 1, p = 0\nhamiltonian H(q, p) = p + q\nhamiltonian G(q, p) = p\n"),
        ["duplicate-statement"]
    );
}
