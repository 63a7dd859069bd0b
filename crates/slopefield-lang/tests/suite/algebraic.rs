//! Algebraic equations and mass matrices: which equation a state gets, and what is refused.

use slopefield_lang::{Env, Model, check, evaluate, evaluate_derivatives};

#[track_caller]
fn right(text: &str) -> Model {
    let (model, diagnostics) = check(text);
    assert!(model.is_complete && diagnostics.is_empty(), "{diagnostics:?}");
    model
}

fn codes(text: &str) -> Vec<&'static str> {
    check(text).1.iter().map(|d| d.code).collect()
}

/// The mass matrix as rows.
fn mass(model: &Model, params: &[f64]) -> Vec<Vec<f64>> {
    let n = model.states.len();
    let mut rows = vec![vec![0.0; n]; n];
    let mut last = None;
    for (row, column, value) in &model.mass.as_ref().unwrap().entries {
        assert!(last < Some((*column, *row)), "by columns and rows");
        last = Some((*column, *row));
        let env = Env { params, ..Env::default() };
        rows[*row as usize][*column as usize] = evaluate(value, &env);
    }
    rows
}

#[test]
fn robertson_with_a_conservation_law() {
    let model = right(
        "state a = 1, b = 0\nalgebraic c = 0\na' = -0.04*a + 1e4*b*c\n\
         b' = 0.04*a - 1e4*b*c - 3e7*b^2\na + b + c = 1\n",
    );
    let algebraic: Vec<bool> = model.states.iter().map(|s| s.algebraic).collect();
    assert_eq!(algebraic, [false, false, true]);
    assert_eq!(mass(&model, &[]), [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]);
    let f = evaluate_derivatives(&model, 0.0, &[0.5, 0.2, 0.4], &[]);
    assert!((f[2].abs() - 0.1).abs() < 1e-15);
    assert_eq!(f[0], -0.02 + 1e4 * 0.2 * 0.4);
}

#[test]
fn algebraic_equations_in_any_form_and_order() {
    let model = right(
        "state x = 1\nalgebraic y = 1\nalgebraic z = 2\nx' = -x + z\n\
         z = y + x\n0 = sin(y) - x\nobserve o = y\n",
    );
    let f = evaluate_derivatives(&model, 0.0, &[0.25, 0.5, 3.0], &[]);
    assert_eq!(f[1].abs(), 3.0 - 0.75);
    assert_eq!(f[2], 0.5f64.sin() - 0.25);
}

#[test]
fn one_derivative_is_divided() {
    let model = right("state x = 1, y = 1\nparam m = 4\nx*x' = 1\nm*y' + y = 3*x - 2*y'\n");
    assert!(model.mass.is_none());
    assert_eq!(evaluate_derivatives(&model, 0.0, &[2.0, 5.0], &[4.0]), [0.5, 1.0 / 6.0]);
    let model = right(
        "state x = 1, x' = 2\nparam m = 4\nm*x'' = -8*x - x'\nnoise W\nstate v = 0\n2*v' = W'\n",
    );
    let names: Vec<&str> = model.states.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["x", "x'", "v"]);
    assert_eq!(evaluate_derivatives(&model, 0.0, &[1.0, 2.0, 0.0], &[4.0]), [2.0, -2.5, 0.0]);
    assert_eq!(evaluate(&model.states[2].noise[0].1, &Env::default()), 0.5);
}

#[test]
fn several_derivatives_make_a_row() {
    let model = right(
        "state a = 1, b = 2, c = 3\nparam C = 5, R = 2\n\
         C*(b' - a') = (b - a)/R\na' + b' = 1\nc' = a' + 0*c\n"
            .replace("c' = a' + 0*c", "c' = -c")
            .as_str(),
    );
    assert_eq!(mass(&model, &[5.0, 2.0]), [[-5.0, 5.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
    let f = evaluate_derivatives(&model, 0.0, &[1.0, 4.0, 3.0], &[5.0, 2.0]);
    assert_eq!(f, [1.5, 1.0, -3.0]);
}

#[test]
fn rows_go_to_states_that_stand_in_them() {
    // The first equation fits a, b; the second only a: it must move.
    let model = right("state a = 1, b = 2, c = 0\na' + b' = 1\na' + c' = 2\na' - 2*c' = 3\n");
    for (i, row) in mass(&model, &[]).iter().enumerate() {
        assert!(row[i] != 0.0, "{row:?}");
    }
}

#[test]
fn a_singular_matrix_without_algebraic_states() {
    // A capacitor between two nodes, and a resistor from each to ground.
    let model = right("state a = 1, b = 2\nb' - a' = a\na' - b' = b - a\n");
    assert_eq!(mass(&model, &[]), [[-1.0, 1.0], [1.0, -1.0]]);
}

#[test]
fn loops_of_general_equations() {
    let model = right(
        "const N = 4\nstate u[i in 1..N] = i\nalgebraic g[i in 1..N] = 0\n\
         u[1]' = 0\nu[i]' - u[i - 1]' = g[i] for i in 2..N\n0 = g[i] - u[i]^2 for i in 1..N\n",
    );
    let m = mass(&model, &[]);
    assert_eq!(m[2][..4], [0.0, -1.0, 1.0, 0.0]);
    assert!(m[4..].iter().flatten().all(|x| *x == 0.0));
    let states: Vec<f64> = (1..=8).map(f64::from).collect();
    let f = evaluate_derivatives(&model, 0.0, &states, &[]);
    assert_eq!(f[..4], [0.0, 6.0, 7.0, 8.0]);
    assert_eq!(f[4..], [4.0, 2.0, -2.0, -8.0]);
}

#[test]
fn wrong_systems_are_explained() {
    assert_eq!(codes("state x = 1\nx' = -x\n0 = x - 1\n"), ["duplicate-equation"]);
    assert_eq!(codes("state x = 1\nalgebraic y = 0\nx' = -y\n"), ["missing-equation"]);
    assert_eq!(
        codes("state x = 1, y = 1\nx' = -y\n0 = x - y\n"),
        ["missing-equation", "duplicate-equation"]
    );
    assert_eq!(codes("state x = 1, y = 1\nx' + y' = 1\n"), ["missing-equation"]);
    assert_eq!(codes("state x = 1\nx' = 1\n2*x' + x = 0\n"), ["duplicate-equation"]);
    assert_eq!(codes("state x = 1, y = 1\nx*x' + y' = 1\nx' - y' = 0\n"), ["wrong-mass"]);
    assert_eq!(codes("state x = 1\nx'^2 = x\n"), ["not-linear"]);
    assert_eq!(
        codes("state x = 1, y = 1\nx' + y' = 1\nx' - y' = 0\nlet r = x'\n"),
        ["misplaced-prime"]
    );
    assert_eq!(
        codes("state x = 1\nalgebraic y = 1\nx' + y' = 1\n0 = x - y\n"),
        ["misplaced-prime"]
    );
    assert_eq!(
        codes("state x = 1\nalgebraic y = 1\nnoise W\nx' = W'\n0 = x - y + W'\n"),
        ["misplaced-noise"]
    );
    assert_eq!(codes("state x = 1\nalgebraic y = x\nx' = -x\n0 = x - y\n"), ["initial-uses-state"]);
    assert_eq!(
        codes("state x = 1\nalgebraic y = 1\nx' = -x\n0 = x - y\nat 1: y = 2\n"),
        ["wrong-assignment"]
    );
    assert_eq!(codes("state x = 1\nx = 2\nx' = -x\n"), ["not-an-equation"]);
}
