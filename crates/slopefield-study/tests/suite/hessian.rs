//! Second derivatives of the loss of a study.

use crate::support;

use slopefield_study::Prepared;
use slopefield_train::SecondDerivatives;
use support::{objective, prepare};

/// Products against differences of the gradient of the same steps, along two directions.
#[track_caller]
fn agrees(mut prepared: Prepared, h: f64, relative: f64) {
    let settings = &mut prepared.problem.settings;
    // Steps of one length, whatever the parameters.
    (settings.h_init, settings.h_max) = (Some(h), h);
    (settings.rtol, settings.atol) = (1e3, vec![1e3]);
    let mut objective = objective(&prepared, "discrete");
    let (initial, observe) = prepared.second_derivatives().unwrap();
    let (solver, memory) = (prepared.solver.0.as_str(), 1 << 28);
    let second = SecondDerivatives { solver, memory, initial: &*initial, observe: &observe };
    let z: Vec<f64> =
        objective.z_start().iter().enumerate().map(|(i, z)| z + 0.1 * (i as f64).sin()).collect();
    let n = z.len();
    let (mut plain, mut grad, mut product) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    let loss = objective.evaluate(&z, 1.0, Some(&mut plain)).unwrap().loss;
    for phase in [0.3, 1.1] {
        let direction: Vec<f64> = (0..n).map(|i| (1.7 * i as f64 + phase).cos()).collect();
        let found = objective.hessian_product(&z, &direction, second, &mut grad, &mut product);
        let found = found.unwrap();
        assert!((found.loss / loss - 1.0).abs() < 1e-12, "{found:?} for {loss}");
        let size = plain.iter().fold(0.0f64, |most, g| most.max(g.abs()));
        for (a, b) in grad.iter().zip(&plain) {
            assert!((a - b).abs() < 1e-10 * size, "{grad:?} for {plain:?}");
        }
        let mut gradient = |step: f64| {
            let z: Vec<f64> = z.iter().zip(&direction).map(|(z, d)| z + step * d).collect();
            let mut grad = vec![0.0; n];
            objective.evaluate(&z, 1.0, Some(&mut grad)).unwrap();
            grad
        };
        let step = 1e-3;
        let pairs = [1.0, 2.0, 3.0].map(|k| (gradient(k * step), gradient(-k * step)));
        let difference = |i: usize| {
            let pair = |k: usize| pairs[k].0[i] - pairs[k].1[i];
            (45.0 * pair(0) - 9.0 * pair(1) + pair(2)) / (60.0 * step)
        };
        let size = product.iter().fold(0.0f64, |most, x| most.max(x.abs()));
        for (i, x) in product.iter().enumerate() {
            let off = (x - difference(i)).abs() / size;
            assert!(off < relative, "{}: {x} for {}", prepared.theta_names[i], difference(i));
        }
    }
    let hessian = objective.hessian(&z, second).unwrap();
    assert!(hessian.asymmetry < 1e-11, "{:e}", hessian.asymmetry);
    let trace: f64 = (0..n).map(|i| hessian.matrix[i * n + i]).sum();
    let sum: f64 = hessian.eigenvalues.iter().sum();
    assert!((sum - trace).abs() < 1e-9 * trace.abs().max(sum.abs()), "{sum} {trace}");
    assert!(hessian.eigenvalues.is_sorted());
}

/// Bounds, scales and priors; parameters in equations, initial values, observations and noise.
#[test]
fn products_are_differences_of_the_gradient() {
    let model = "\
param a = 1.3 in [0.1, 5] log ~ lognormal(0.2, 0.5)
param b = 0.9 in [0.1, 5]
param c = 0.8 ~ normal(1, 0.4)
param d = 1.8 in [0.01, inf] log
param x0 = 0.5 in [0.01, 3]
param k = 1.2 ~ gamma(3, 0.5)
param s = 0.3 in [0.01, 10] log
param nu = 4 in [1, 50] log
state x = x0^2 + 0.2
state y = 1.5*x0
x' = a*x - b*x*y
y' = c*x*y - d*y
observe one = k*x^2 + y with normal(s*(1 + 0.1*x))
observe two = ln(y) + a with student_t(nu, s)
observe three = x*y with poisson()
";
    let columns = [
        ("t", vec![0.0, 0.31, 0.75, 1.2]),
        ("one", vec![1.5, 1.2, f64::NAN, 1.8]),
        ("two", vec![0.9, f64::NAN, 1.1, 0.4]),
        ("three", vec![1.0, 0.0, 2.0, f64::NAN]),
    ];
    agrees(prepare(model, "[solver]\nmethod = \"tsit5\"\n", &columns), 0.05, 1e-8);
}

#[test]
fn networks_have_second_derivatives_too() {
    let model = "\
network f: mlp(inputs: 1, outputs: 1, hidden: [4], activation: tanh)
param k = 0.5
state x = 1
x' = f(x) - k*x
observe y = x
";
    let columns = [("t", vec![0.0, 0.5, 1.0]), ("y", vec![1.0, 0.8, 0.9])];
    let text = "[solver]\nmethod = \"vern7\"\n[training]\nl2 = 0.01\n";
    agrees(prepare(model, text, &columns), 0.1, 1e-8);
}

const VAN_DER_POL: &str = "\
param mu = 3 in [0.1, 20] log
param x0 = 1.2 in [0.1, 3]
param s = 0.2 in [0.01, 5] log
state x = x0
state y = 0.3*x0^2
x' = y
y' = mu*(1 - x^2)*y - x + 0.2*sin(t)
observe seen = x + 0.1*y^2 with normal(s)
";

fn swings() -> Vec<(&'static str, Vec<f64>)> {
    vec![("t", vec![0.0, 0.31, 0.75, 1.2]), ("seen", vec![1.1, 1.0, 0.7, 0.4])]
}

#[test]
fn products_go_through_implicit_methods() {
    for solver in ["rodas5p", "kencarp4", "radau"] {
        let text = format!("[solver]\nmethod = \"{solver}\"\n");
        agrees(prepare(VAN_DER_POL, &text, &swings()), 0.05, 1e-8);
    }
}

#[test]
fn products_go_through_doses() {
    // At fixed times, so that all steps stay where they are.
    let model = format!(
        "{VAN_DER_POL}param dose = 0.3 in [0.01, 2] log\n\
        at [0.4, 0.9]: x += dose*(1 + 0.1*y)\n"
    );
    for solver in ["tsit5", "rodas5p", "kencarp4"] {
        let text = format!("[solver]\nmethod = \"{solver}\"\n");
        agrees(prepare(&model, &text, &swings()), 0.05, 1e-8);
    }
}

#[test]
fn products_go_through_inputs() {
    for how in ["linear", "previous"] {
        let model = VAN_DER_POL.replace("0.2*sin(t)", "0.4*u*x").replace("0.1*y^2", "0.1*y^2*u");
        let model = format!("input u = column(\"force\", {how})\n{model}");
        let mut columns = swings();
        columns.push(("force", vec![0.3, 1.0, -0.5, 0.8]));
        for solver in ["tsit5", "rodas5p", "kencarp4"] {
            let text = format!("[solver]\nmethod = \"{solver}\"\n");
            agrees(prepare(&model, &text, &columns), 0.05, 1e-8);
        }
    }
}

#[test]
fn what_has_no_second_derivatives_is_refused() {
    let refusal = |model: &str, text: &str| {
        let columns = [("t", vec![0.0, 1.0]), ("y", vec![1.0, 0.9])];
        let prepared = prepare(model, text, &columns);
        let (initial, observe) = prepared.second_derivatives().unwrap();
        let (solver, memory) = (prepared.solver.0.as_str(), 1 << 28);
        let second = SecondDerivatives { solver, memory, initial: &*initial, observe: &observe };
        let mut objective = objective(&prepared, "discrete");
        let z = objective.z_start();
        let n = z.len();
        let (mut grad, mut product) = (vec![0.0; n], vec![0.0; n]);
        let found = objective.hessian_product(&z, &vec![1.0; n], second, &mut grad, &mut product);
        found.unwrap_err().message
    };
    let plain = "param k = 1\nstate x = 1\nx' = -k*x\nobserve y = x\n";
    let moving = refusal(&format!("{plain}at [0.5*k, k]: x += k\n"), "");
    assert!(moving.contains("exactly at the instant t = 1"), "{moving}");
    let noise = "noise W\nparam k = 1\nstate x = 1\nx' = -k*x + W'\nobserve y = x\n";
    let noise = refusal(noise, "[solver]\nmethod = \"em\"\n");
    assert!(noise.contains("not through `em`"), "{noise}");
}
