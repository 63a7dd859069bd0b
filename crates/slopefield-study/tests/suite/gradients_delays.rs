//! Gradients through the delays of models from text, by lags, rates and histories.
use crate::gradients;

use gradients::{Case, example};

#[track_caller]
fn check(case: &Case<'_>, tolerance: f64, allowed: f64) {
    check_over(&["tsit5"], case, tolerance, allowed);
}

#[track_caller]
fn check_over(solvers: &[&str], case: &Case<'_>, tolerance: f64, allowed: f64) {
    let expected = case.differences("vern9", 1e-12, 1e-3);
    for (solver, method) in solvers.iter().flat_map(|s| [(s, "discrete"), (s, "forward")]) {
        let (_, by_p) = case.gradient(method, solver, tolerance);
        let size = expected.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        for (i, (found, expected)) in by_p.iter().zip(&expected).enumerate() {
            let off = (found - expected).abs();
            let by = format!("{method} over {solver}");
            assert!(off < allowed * size, "{by}, parameter {i}: {found} {expected}");
        }
    }
}

#[test]
fn mackey_and_glass_by_the_lag() {
    let model = example("mackey-glass");
    let saves = [10.0, 30.0, 60.0, 100.0];
    // By implicit methods with the model's own second derivatives, too.
    let solvers = ["tsit5", "rodas5p", "kencarp4", "radau"];
    check_over(&solvers, &Case::new(&model, &saves), 1e-9, 1e-6);
}

#[test]
fn hare_and_lynx_with_a_lag_shorter_than_the_steps() {
    let model = example("delay-lotka-volterra");
    let saves = [1.0, 2.5, 5.0, 8.0];
    check(&Case::new(&model, &saves), 1e-9, 1e-5);
}

#[test]
fn lags_of_the_state_and_histories_with_parameters() {
    let text = "model \"Maturing\"\nstate x = 0.6\nparam r = 1.1\nparam base = 0.8\n\
                param slope = 0.4\nparam past = 0.6\n\
                history x = past*(1 + 0.2*t)\n\
                x' = r*delay(x, base + slope*x)*(1 - x)\n\
                when x crosses 0.9: x = x - 0.2*past\n";
    let model = gradients::model(text);
    let saves = [0.4, 1.1, 2.0, 3.3];
    check(&Case::new(&model, &saves), 1e-10, 1e-6);
}
