//! White noise in equations: coefficients, correlations, and what is refused.

use slopefield_lang::{Env, Expr, Model, check, evaluate, evaluate_derivatives};

#[track_caller]
fn right(text: &str) -> Model {
    let (model, diagnostics) = check(text);
    assert!(model.is_complete && diagnostics.is_empty(), "{diagnostics:?}");
    model
}

fn codes(text: &str) -> Vec<&'static str> {
    check(text).1.iter().map(|d| d.code).collect()
}

fn value(expr: &Expr, states: &[f64], params: &[f64]) -> f64 {
    evaluate(expr, &Env { states, params, time: 2.0, ..Env::default() })
}

/// Coefficients of a state as (source, value).
fn noise(model: &Model, state: usize, states: &[f64], params: &[f64]) -> Vec<(u32, f64)> {
    let list = model.states[state].noise.iter();
    list.map(|(source, e)| (*source, value(e, states, params))).collect()
}

#[test]
fn coefficients_are_taken_apart() {
    let model = right(
        "state x = 1, y = 2\nparam mu = 3, s = 4\nnoise W\nnoise V\n\
         function f(a) = 2*a\nlet shaken = s*x*W'\n\
         x' = mu*x + shaken - (y*V' + 1)/2\n\
         y' = f(W' - V') + (if x > 0 then 3 else 5)*V' + (if x > 0 then V' else 1)\n",
    );
    assert_eq!(noise(&model, 0, &[5.0, 7.0], &[3.0, 4.0]), [(0, 20.0), (1, -3.5)]);
    assert_eq!(noise(&model, 1, &[5.0, 7.0], &[3.0, 4.0]), [(0, 2.0), (1, 2.0)]);
    assert_eq!(noise(&model, 1, &[-5.0, 7.0], &[3.0, 4.0]), [(0, 2.0), (1, 3.0)]);
    assert_eq!(evaluate_derivatives(&model, 0.0, &[5.0, 7.0], &[3.0, 4.0]), [14.5, 0.0]);
    assert_eq!(evaluate_derivatives(&model, 0.0, &[-5.0, 7.0], &[3.0, 4.0]), [-15.5, 1.0]);
    assert!(model.lets.is_empty(), "noise has no value of its own");
    assert!(model.noises.iter().all(|n| !n.stratonovich));
}

#[test]
fn correlations_are_in_the_coefficients() {
    let model = right(
        "state S = 1, v = 0.04\nparam rho = -0.6\nnoise W stratonovich\n\
         noise V stratonovich correlated(W, rho)\nnoise U stratonovich correlated(V, 0.5)\n\
         S' = 2*W'\nv' = 10*V' + U'\n",
    );
    assert!(model.noises.iter().all(|n| n.stratonovich));
    let found = noise(&model, 1, &[1.0, 1.0], &[-0.6]);
    // V = -0.6 W + 0.8 Z, U = 0.5 V + √0.75 Y.
    let expected = [(0, -6.0 - 0.3), (1, 8.0 + 0.4), (2, 0.75f64.sqrt())];
    for ((source, x), (wanted, y)) in found.iter().zip(expected) {
        assert!(*source == wanted && (x - y).abs() < 1e-15, "{found:?}");
    }
    // The variance of U' is 1 whatever the correlations are.
    let alone = right("state x = 0\nnoise W\nnoise V correlated(W, 0.3)\nx' = V'\n");
    let sum: f64 = noise(&alone, 0, &[0.0], &[]).iter().map(|(_, g)| g * g).sum();
    assert!((sum - 1.0).abs() < 1e-15);
}

#[test]
fn loops_have_noises_of_their_own() {
    let model = right(
        "const N = 3\nstate u[i in 1..N] = i\nnoise W[i in 1..N]\nnoise V\n\
         u[i]' = -u[i] + 0.1*i*W[wrap(i + 1)]' + V' for i in 1..N\n",
    );
    let names: Vec<&str> = model.noises.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["W[1]", "W[2]", "W[3]", "V"]);
    let sources: Vec<Vec<u32>> =
        model.states.iter().map(|s| s.noise.iter().map(|(j, _)| *j).collect()).collect();
    assert_eq!(sources, [[1, 3], [2, 3], [0, 3]]);
    assert!((noise(&model, 1, &[], &[])[0].1 - 0.2).abs() < 1e-16);
    // The whole array at once.
    let model = right("state u[3] = 1\nnoise W[3]\nu' = -u + u*W'\n");
    assert_eq!(model.states[2].noise[0].0, 2);
}

#[test]
fn sums_of_noises_are_written_out() {
    let model = right(
        "const N = 3, M = 2\nparam s[i in 1..N, j in 1..M] = 10*i + j\nstate u[i in 1..N] = i\n\
         noise W[j in 1..M]\nlet total = sum(W[j]'*j for j in 1..M)\n\
         u[i]' = -u[i] + sum(s[i, j]*u[i]*W[j]' + j for j in 1..M) for i in 1..N\n\
         state x = 0\nx' = total + mean(W[j]' for j in 1..M)\n\
         state v[i in 1..N] = 0\nv[i]' = sum(W[j]' for j in 1..min(i, M)) for i in 1..N\n",
    );
    let params: Vec<f64> = model.params.iter().map(|p| p.value).collect();
    let states = [2.0, 3.0, 5.0, 0.0, 0.0, 0.0, 0.0];
    let mut vectors: Vec<Vec<f64>> = Vec::new();
    for vector in &model.vectors {
        let env = Env { states: &states, params: &params, vectors: &vectors, ..Env::default() };
        let values = slopefield_lang::evaluate_vector(vector, &env);
        vectors.push(values);
    }
    let env = Env { states: &states, params: &params, vectors: &vectors, ..Env::default() };
    let coefficients = |state: usize| -> Vec<(u32, f64)> {
        let list = model.states[state].noise.iter();
        list.map(|(source, e)| (*source, evaluate(e, &env))).collect()
    };
    assert_eq!(coefficients(0), [(0, 22.0), (1, 24.0)]);
    assert_eq!(coefficients(2), [(0, 155.0), (1, 160.0)]);
    assert_eq!(coefficients(3), [(0, 1.5), (1, 2.5)]);
    let first: Vec<f64> = coefficients(4).iter().map(|(_, g)| *g).collect();
    assert_eq!(first.iter().sum::<f64>(), 1.0, "one noise in the first element");
    assert_eq!(coefficients(6), [(0, 1.0), (1, 1.0)]);
    assert_eq!(evaluate(&model.states[1].derivative, &env), -3.0 + 3.0);
}

#[test]
fn wrong_noises_are_explained() {
    let head = "state x = 1\nnoise W\nnetwork n: mlp(inputs: 1, outputs: 1)\nlet k = n(x)\n";
    let with = |line: &str| codes(&format!("{head}{line}\n"));
    assert_eq!(with("x' = k + W'^2"), ["not-linear"]);
    assert_eq!(with("x' = k + W'*W'"), ["not-linear"]);
    assert_eq!(with("x' = k/W'"), ["not-linear"]);
    assert_eq!(with("x' = if W' > 0 then k else 0"), ["not-linear"]);
    assert_eq!(with("x' = n(W')"), ["misplaced-noise"]);
    assert_eq!(with("x' = k + W''"), ["misplaced-noise"]);
    assert_eq!(with("x' = k + W"), ["no-value"]);
    assert_eq!(with("x' = k + W'\nobserve y = W'"), ["misplaced-noise"]);
    assert_eq!(with("x' = k + W'\nobserve y = x'"), ["misplaced-noise"]);
    assert_eq!(with("let r = W'\nx' = k + r\nobserve y = r"), ["misplaced-noise"]);
    assert_eq!(with("x' = k + delay(W', 1)"), ["misplaced-noise"]);
    assert_eq!(with("x' = k + max(W'*i for i in 1..3)"), ["misplaced-noise"]);
    assert_eq!(with("x' = k + sum(W'^i for i in 2..3)"), ["not-linear"]);
    assert_eq!(with("x' = k + sum(W' for i in 1..2000)"), ["misplaced-noise"]);
    assert_eq!(with("x' = k + W'\nstate y = W'\ny' = 0"), ["misplaced-noise"]);
    assert_eq!(with("x' = k + W' + V'\nnoise V stratonovich"), ["mixed-noise"]);
    assert_eq!(with("x' = k + W' + V'\nnoise V correlated(W, 2)"), ["wrong-correlation"]);
    assert_eq!(with("x' = k + W' + V'\nnoise V correlated(x, 0.5)"), ["unknown-name"]);
    assert_eq!(with("x' = k + W' + V'\nnoise V correlated(V, 0.5)"), ["cycle"]);
    assert_eq!(with("x' = k"), ["unused"]);
}

#[test]
fn moments_over_paths_are_whole_observations() {
    use slopefield_lang::functions::PathMoment;
    let model = right(
        "noise W\nstate x[i in 1..2] = 1 {m}\nparam s = 0.5\nx[i]' = -x[i] + s*W' for i in 1..2\n\
         observe a = path_mean(2*x[1]) with normal(0.1)\n\
         observe b[i in 1..2] = path_variance(x[i]) with normal(s*x[1])\n\
         observe c = x[1]\n",
    );
    let found: Vec<_> = model.observations.iter().map(|o| o.over_paths).collect();
    let (mean, variance) = (Some(PathMoment::Mean), Some(PathMoment::Variance));
    assert_eq!(found, [mean, variance, variance, None]);
    // The quantity on a path stands in the moment's place.
    let [a, _, b2, c] = model.observations.as_slice() else { panic!("four observations") };
    assert_eq!(value(&a.value, &[3.0, 4.0], &[0.5]), 6.0);
    assert_eq!(value(&b2.value, &[3.0, 4.0], &[0.5]), 4.0);
    // A variance has not the unit of what varies.
    assert_eq!((b2.unit.as_deref(), c.unit.as_deref()), (None, Some("m")));
    let own = "state x = 1\nx' = -x\nfunction path_mean(a) = 2*a\nobserve y = path_mean(x)\n";
    assert_eq!(codes(own), ["name-taken"]);
    let nested = "noise W\nstate x = 1\nx' = W'\nobserve y = path_mean(x)^2\n";
    assert_eq!(codes(nested), ["misplaced-moment"]);
    assert_eq!(codes("noise W\nstate x = 1\nx' = path_mean(x) + W'\n"), ["misplaced-moment"]);
}
