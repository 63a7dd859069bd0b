//! The linear part of a system and its rest.
use slopefield_lang::{Model, check, evaluate_derivatives};

fn model(text: &str) -> Model {
    let (model, diagnostics) = check(text);
    assert!(model.is_complete, "{diagnostics:?}");
    model
}

fn derivatives(model: &Model, t: f64, u: &[f64]) -> Vec<f64> {
    let params: Vec<f64> = model.params.iter().map(|p| p.value).collect();
    evaluate_derivatives(model, t, u, &params)
}

const HEAT: &str = "const N = 12\nparam d = 0.3\nparam k = 2\n\
    state u[i in 1..N] = sin(i)\nstate w = 0.5\n\
    function laplace(x, i) = x[wrap(i-1)] - 2*x[i] + x[wrap(i+1)]\n\
    let decay = -k*w + w^2\n\
    u[i]' = d*N^2*laplace(u, i) - u[i]^3 + w*u[i] for i in 1..N\n\
    w' = decay + exp(-t) + sum(u[i] for i in 1..N)/N\n";

#[test]
fn the_parts_add_up_and_the_first_is_linear() {
    let whole = model(HEAT);
    let (linear, rest) = whole.split_linear().unwrap();
    let n = whole.states.len();
    let u: Vec<f64> = (0..n).map(|i| 0.3 + (1.7 * i as f64).sin()).collect();
    let v: Vec<f64> = (0..n).map(|i| (0.4 * i as f64).cos()).collect();
    let (f, l, r) =
        (derivatives(&whole, 0.7, &u), derivatives(&linear, 0.7, &u), derivatives(&rest, 0.7, &u));
    for i in 0..n {
        assert!((f[i] - l[i] - r[i]).abs() < 1e-12 * f[i].abs().max(1.0), "state {i}");
    }
    // Linear: sums and multiples of states give those of slopes, at any time.
    let both: Vec<f64> = u.iter().zip(&v).map(|(u, v)| 2.0 * u - 3.0 * v).collect();
    let (lv, lb) = (derivatives(&linear, 0.0, &v), derivatives(&linear, 5.0, &both));
    for i in 0..n {
        assert!((lb[i] - 2.0 * l[i] + 3.0 * lv[i]).abs() < 1e-11, "state {i}");
    }
    // Nothing linear is left behind: the rest has no slope at 0 but that of the time.
    let tiny: Vec<f64> = vec![1e-8; n];
    let (at_zero, near) = (derivatives(&rest, 0.7, &vec![0.0; n]), derivatives(&rest, 0.7, &tiny));
    for i in 0..n {
        assert!((near[i] - at_zero[i]).abs() < 1e-14, "state {i}: {}", near[i] - at_zero[i]);
    }
}

#[test]
fn a_system_without_linear_terms_has_no_split() {
    assert!(
        model("state x = 1\nstate y = 1\nx' = x*y\ny' = sin(x) - t*y\n").split_linear().is_none()
    );
}
