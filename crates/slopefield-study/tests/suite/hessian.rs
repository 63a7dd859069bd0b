//! Second derivatives of the loss of a study.

use slopefield_graph::network::BuiltinNetworks;
use slopefield_study::gradient::Route;
use slopefield_study::{BuiltinSolvers, Prepared, StudyFile, TableData};
use slopefield_train::{Methods, Objective, SecondDerivatives};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

fn study(text: &str) -> StudyFile {
    slopefield_study::load::parse(text, Path::new("study.toml")).unwrap()
}

fn prepare(model: &str, text: &str, columns: &[(&str, Vec<f64>)]) -> Prepared {
    let numeric = columns.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    let table = TableData { numeric, text: Vec::new() };
    let tables = BTreeMap::from([("data".to_owned(), table)]);
    let text = format!("[data.data]\nfile = \"data\"\n{text}");
    Prepared::new(model, &study(&text), &tables, &BuiltinNetworks, &BuiltinSolvers).unwrap()
}

fn objective(prepared: &Prepared) -> Objective {
    let (solver, model) = (prepared.solver.0.clone(), prepared.model.clone());
    let (same, again) = (model.clone(), solver.clone());
    let methods = Methods {
        gradient: Arc::new(move |_| {
            let (solver, memory) = (solver.as_str(), 1 << 28);
            let route = Route { model: &model, solver, solvers: &BuiltinSolvers, memory };
            route.method("discrete").unwrap()
        }),
        stepper: Arc::new(move |_| {
            slopefield_study::solvers::stepper(&same, &again, &BuiltinSolvers).unwrap()
        }),
        replay: Arc::new(|_, _| None),
    };
    Objective::new(prepared.problem.clone(), methods).unwrap()
}

/// Products against differences of the gradient of the same steps, along two directions.
#[track_caller]
fn agrees(mut prepared: Prepared, h: f64, relative: f64) {
    let settings = &mut prepared.problem.settings;
    // Steps of one length, whatever the parameters.
    (settings.h_init, settings.h_max) = (Some(h), h);
    (settings.rtol, settings.atol) = (1e3, vec![1e3]);
    let mut objective = objective(&prepared);
    let [initial, observe] = prepared.model.second_derivatives();
    let solver = prepared.solver.0.as_str();
    let second = SecondDerivatives { solver, initial: &*initial, observe: &*observe };
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

#[test]
fn what_has_no_second_derivatives_is_refused() {
    let refusal = |model: &str, text: &str| {
        let columns = [("t", vec![0.0, 1.0]), ("y", vec![1.0, 0.9])];
        let prepared = prepare(model, text, &columns);
        let [initial, observe] = prepared.model.second_derivatives();
        let solver = prepared.solver.0.as_str();
        let second = SecondDerivatives { solver, initial: &*initial, observe: &*observe };
        let mut objective = objective(&prepared);
        let z = objective.z_start();
        let n = z.len();
        let (mut grad, mut product) = (vec![0.0; n], vec![0.0; n]);
        let found = objective.hessian_product(&z, &vec![1.0; n], second, &mut grad, &mut product);
        found.unwrap_err().message
    };
    let plain = "param k = 1\nstate x = 1\nx' = -k*x\nobserve y = x\n";
    let stiff = refusal(plain, "[solver]\nmethod = \"rodas5p\"\n");
    assert!(stiff.contains("not through `rodas5p`"), "{stiff}");
    let events = refusal(&format!("{plain}at 0.5: x += k\n"), "");
    assert!(events.contains("events"), "{events}");
    let noise = "noise W\nparam k = 1\nstate x = 1\nx' = -k*x + W'\nobserve y = x\n";
    let noise = refusal(noise, "[solver]\nmethod = \"em\"\n");
    assert!(noise.contains("not through `em`"), "{noise}");
}
