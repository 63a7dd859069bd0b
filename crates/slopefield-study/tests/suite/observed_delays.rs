//! Training on observations that read delayed values.
use crate::support;

use slopefield_train::Objective;
use support::{objective, prepare};

const MODEL: &str = "\
param a = 1.1 in [0.1, 5]
param tau = 0.8 in [0.1, 3]
param past = 0.6 in [0.1, 2]
param k = 1.3 in [0.1, 5] log
state x = 0.5
state y = 0.2
history x = past*(1 + 0.2*t)
x' = a*delay(x, tau)*(1 - x)
y' = x - k*y
observe seen = k*delay(x, tau) + y with normal(0.1 + 0.01*delay(y, tau))
observe plain = x
";

fn columns() -> Vec<(&'static str, Vec<f64>)> {
    vec![
        ("t", vec![0.0, 0.4, 0.9, 1.7, 2.3]),
        ("seen", vec![0.9, 0.8, f64::NAN, 1.1, 1.3]),
        ("plain", vec![0.5, f64::NAN, 0.9, 0.95, 1.0]),
    ]
}

fn of(gradient: &str, solver: &str) -> Objective {
    let text = format!("[solver]\nmethod = \"{solver}\"\nrtol = 1e-10\natol = 1e-10\n");
    objective(&prepare(MODEL, &text, &columns()), gradient)
}

#[test]
fn the_gradient_is_the_slope_of_the_loss() {
    let mut reference = of("discrete", "tsit5");
    let z = reference.z_start();
    let n = z.len();
    let expected: Vec<f64> = (0..n)
        .map(|i| {
            let mut at = |h: f64| {
                let mut z = z.clone();
                z[i] += h;
                reference.value(&z, 1.0).unwrap().loss
            };
            let h = 1e-3;
            (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h)
        })
        .collect();
    let size = expected.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    // Every parameter matters: a lag and a history that enter through observations, too.
    assert!(expected.iter().all(|x| x.abs() > 1e-3 * size), "{expected:?}");
    for (method, solver) in [
        ("discrete", "tsit5"),
        ("forward", "tsit5"),
        ("discrete", "rodas5p"),
        ("forward", "kencarp4"),
    ] {
        let mut objective = of(method, solver);
        let (mut grad, mut again) = (vec![0.0; n], vec![0.0; n]);
        let found = objective.evaluate(&z, 1.0, Some(&mut grad)).unwrap();
        let value = objective.value(&z, 1.0).unwrap();
        assert!((found.loss - value.loss).abs() < 1e-7 * value.loss.abs(), "{found:?} {value:?}");
        for (i, (a, b)) in grad.iter().zip(&expected).enumerate() {
            assert!((a - b).abs() < 1e-6 * size, "{method} over {solver}, {i}: {a} {b}");
        }
        let mut information = vec![0.0; n * n];
        objective.evaluate_information(&z, 1.0, &mut again, &mut information).unwrap();
        for (a, b) in again.iter().zip(&grad) {
            assert!((a - b).abs() < 1e-8 * size, "{method} over {solver}: {again:?} {grad:?}");
        }
        // Curves are observed with the past as well.
        let theta = objective.theta(&z);
        let curves = objective.predict(&theta, 0, &[0.0, 0.4, 2.3]).unwrap();
        assert!(curves.iter().flatten().all(|x| x.is_finite()), "{curves:?}");
    }
}

#[test]
fn what_cannot_show_the_past_says_so() {
    // Delays along random paths.
    let model =
        "noise W\nparam k = 1\nstate x = 1\nx' = -k*x + 0.1*W'\nobserve y = delay(x, 0.5)\n";
    let data = [("t", vec![0.0, 1.0]), ("y", vec![1.0, 0.9])];
    let refused = support::try_prepare(model, "", &data).err().expect("a refusal").to_string();
    assert!(refused.contains("observation y reads a delayed value"), "{refused}");
    // Measured at the start alone.
    let first = [("t", vec![0.0]), ("seen", vec![0.9]), ("plain", vec![0.5])];
    let refused = support::try_prepare(MODEL, "", &first);
    let refused = match refused {
        Err(error) => error.to_string(),
        Ok(prepared) => support::try_objective(&prepared, "discrete").err().unwrap().to_string(),
    };
    assert!(refused.contains("at the start alone"), "{refused}");
}
