//! Studies that measure means and variances over random paths.

use slopefield_graph::network::BuiltinNetworks;
use slopefield_study::gradient::Route;
use slopefield_study::{BuiltinSolvers, Prepared, StudyError, StudyFile, TableData};
use slopefield_train::{Control, Methods, Objective, Start, train};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

fn study(text: &str) -> StudyFile {
    slopefield_study::load::parse(text, Path::new("study.toml")).unwrap()
}

fn prepare(model: &str, text: &str, columns: &[(&str, Vec<f64>)]) -> Result<Prepared, StudyError> {
    let numeric = columns.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    let table = TableData { numeric, text: Vec::new() };
    let tables = BTreeMap::from([("data".to_owned(), table)]);
    let text = format!("[data.data]\nfile = \"data\"\n{text}");
    Prepared::new(model, &study(&text), &tables, &BuiltinNetworks, &BuiltinSolvers)
}

fn objective(prepared: &Prepared) -> Objective {
    let (solver, gradient) = (prepared.solver.0.clone(), prepared.gradient.0.clone());
    let (model, same, again) = (prepared.model.clone(), prepared.model.clone(), solver.clone());
    let methods = Methods {
        gradient: Arc::new(move |_| {
            let (solver, memory) = (solver.as_str(), 1 << 28);
            let route = Route { model: &model, solver, solvers: &BuiltinSolvers, memory };
            route.method(&gradient).unwrap()
        }),
        stepper: Arc::new(move |_| {
            slopefield_study::solvers::stepper(&same, &again, &BuiltinSolvers).unwrap()
        }),
        replay: Arc::new(|_, _| None),
    };
    Objective::new(prepared.problem.clone(), methods).unwrap()
}

/// Steps of one length whatever the parameters, so that differences are of the same steps.
fn with_steps(mut prepared: Prepared, h: f64) -> Prepared {
    let settings = &mut prepared.problem.settings;
    (settings.h_init, settings.h_max) = (Some(h), h);
    prepared
}

/// The gradient against differences of the loss, to `relative`.
#[track_caller]
fn agrees_with_differences(objective: &mut Objective, relative: f64) {
    let z = objective.z_start();
    let mut grad = vec![0.0; z.len()];
    let found = objective.evaluate(&z, 1.0, Some(&mut grad)).unwrap();
    let again = objective.value(&z, 1.0).unwrap();
    assert!((found.loss / again.loss - 1.0).abs() < 1e-13, "{found:?} {again:?}");
    for k in 0..z.len() {
        let mut at = |h: f64| {
            let mut z = z.clone();
            z[k] += h;
            objective.value(&z, 1.0).unwrap().loss
        };
        let mut pair = |j: f64| at(2e-3 * j) - at(-2e-3 * j);
        let difference = (45.0 * pair(1.0) - 9.0 * pair(2.0) + pair(3.0)) / (60.0 * 2e-3);
        let off = (grad[k] / difference - 1.0).abs();
        assert!(off < relative, "{k}: {} for {difference}, {off:e}", grad[k]);
    }
}

const GROWTH: &str = "\
noise W
param mu = 0.5 in [-3, 3]
param sigma = 0.3 in [0.01, 3] log
param x0 = 0.5 in [0.01, 3] log
state x = x0
x' = mu*x + sigma*x*W'
observe m = path_mean(x)
observe v = path_variance(x)
";

/// `E X = x₀ exp(μt)`, `Var X = x₀² exp(2μt) (exp(σ²t) − 1)` of geometric Brownian motion.
#[test]
fn moments_of_geometric_brownian_motion_are_those_of_its_law() {
    let times = [0.0, 0.4, 1.0];
    let zeros = vec![0.0; 3];
    let columns = [("t", times.to_vec()), ("m", zeros.clone()), ("v", zeros)];
    let text = "[solver]\npaths = 4000\n";
    let prepared = with_steps(prepare(GROWTH, text, &columns).unwrap(), 1.0 / 32.0);
    let objective = objective(&prepared);
    let theta: Vec<f64> = prepared.problem.theta.iter().map(|s| s.start).collect();
    let found = objective.predict(&theta, 0, &times).unwrap();
    let count = 4000.0f64;
    for (i, t) in times.iter().enumerate() {
        let mean = 0.5 * (0.5 * t).exp();
        let variance = mean * mean * ((0.09 * t).exp() - 1.0);
        // The fourth moment of a normal law; tails of this one are a little heavier.
        let (off, off_v) = (3.0 * (variance / count).sqrt(), 6.0 * variance * (2.0 / count).sqrt());
        // At the start all paths are the same, up to the rounding of a sum.
        let off = off + 1e-12;
        assert!((found[0][i] - mean).abs() <= off, "{} for {mean} at {t}", found[0][i]);
        assert!((found[1][i] - variance).abs() <= off_v + 1e-12, "{} for {variance}", found[1][i]);
    }
    // What is shown is what is compared with the data, which are 0 here.
    let mut objective = objective;
    let z = objective.z_start();
    let loss: f64 = found.iter().flatten().map(|x| x * x).sum();
    let evaluated = objective.value(&z, 1.0).unwrap();
    assert!((evaluated.loss / loss - 1.0).abs() < 1e-12 && evaluated.points == 6);
}

#[test]
fn the_gradient_is_that_of_the_same_paths() {
    let columns =
        [("t", vec![0.0, 0.4, 1.0]), ("m", vec![0.6, 0.7, 1.0]), ("v", vec![0.0, 0.1, 0.1])];
    let text = "[solver]\npaths = 40\n";
    let prepared = with_steps(prepare(GROWTH, text, &columns).unwrap(), 1.0 / 16.0);
    agrees_with_differences(&mut objective(&prepared), 1e-9);
    assert_eq!(prepared.gradient.0, "discrete");
}

/// Past the states too: parameters in what is observed and in its noise, which varies from path to
/// path, and a general noise.
#[test]
fn what_is_observed_may_have_parameters_of_its_own() {
    let model = "\
noise V
noise W
param a = 0.7 in [0.01, 5] log
param b = 0.4 in [0.01, 5] log
param k = 1.3 in [0.01, 5] log
param s = 0.2 in [0.01, 5] log
state x = 1
state y = 0.5
x' = -a*x + b*y*V' + 0.2*x*W'
y' = x - y + b*x*W'
observe m = path_mean(k*x^2 + y) with normal(s*(1 + x^2))
observe v = path_variance(k*x*y) with laplace(s)
";
    let columns = [("t", vec![0.3, 1.0]), ("m", vec![1.0, 0.9]), ("v", vec![0.3, 0.4])];
    let text = "[solver]\nmethod = \"em\"\npaths = 30\n";
    let prepared = with_steps(prepare(model, text, &columns).unwrap(), 1.0 / 16.0);
    agrees_with_differences(&mut objective(&prepared), 1e-9);
}

/// From exact moments of `dX = −k X dt + s dW`: mean `2 exp(−kt)`, variance
/// `s² (1 − exp(−2kt))/(2k)`. What is found is as far off as the moments of 500 paths are.
#[test]
fn an_ornstein_uhlenbeck_process_is_found_from_its_moments() {
    let model = "\
noise W
param k = 0.4 in [0.01, 20] log
param s = 1 in [0.01, 20] log
state x = 2
x' = -k*x + s*W'
observe m = path_mean(x) with normal(0.02)
observe v = path_variance(x) with normal(0.01)
";
    let times: Vec<f64> = (1..=8).map(|i| 0.25 * f64::from(i)).collect();
    let mean = times.iter().map(|t| 2.0 * (-1.2 * t).exp()).collect();
    let variance = times.iter().map(|t| 0.25 * (1.0 - (-2.4 * t).exp()) / 2.4).collect();
    let columns = [("t", times.clone()), ("m", mean), ("v", variance)];
    let text = "[[experiment]]\nname = \"e\"\ndata = \"data\"\nstart = 0\n\
                [solver]\nrtol = 1e-2\natol = 1e-2\npaths = 500\n";
    let prepared = prepare(model, text, &columns).unwrap();
    let (mut objective, control) = (objective(&prepared), Control::default());
    let fit = train(&mut objective, &prepared.recipe, Start::Problem, &control, &mut |_| {});
    assert!(fit.stop_reason.is_success(), "{}", fit.stop_reason.sentence());
    let [k, s] = fit.theta[..] else { panic!("two parameters") };
    assert!((k / 1.2 - 1.0).abs() < 0.05, "k = {k}");
    assert!((s / 0.5 - 1.0).abs() < 0.05, "s = {s}");
}

/// The mean of births and deaths is `b/d (1 − exp(−dt))` from 0, and so is the variance: Poisson's
/// law. The estimate of the gradient is near that of a loss of the true moments.
#[test]
fn jumps_have_moments_with_estimated_gradients() {
    let model = "\
param b = 5 in [0.1, 100]
param d = 1.5 in [0.1, 100]
state x = 0
jump rate b: x += 1
jump rate d*x: x -= 1
observe m = path_mean(x)
observe v = path_variance(x)
";
    let columns = [("t", vec![0.0, 1.0]), ("m", vec![0.0, 1.0]), ("v", vec![0.0, 1.0])];
    let prepared = prepare(model, "[solver]\npaths = 4000\n", &columns).unwrap();
    assert_eq!(prepared.gradient.0, "score");
    let mut objective = objective(&prepared);
    let z = objective.z_start();
    let mut grad = vec![0.0; 2];
    let loss = objective.evaluate(&z, 1.0, Some(&mut grad)).unwrap().loss;
    let (b, d, decayed) = (5.0, 1.5, (-1.5f64).exp());
    let moment = b / d * (1.0 - decayed);
    let exact = 2.0 * (moment - 1.0).powi(2);
    assert!((loss / exact - 1.0).abs() < 0.1, "{loss} for {exact}");
    let slopes = [moment / b, -moment / d + b / d * decayed];
    for (i, slope) in slopes.iter().enumerate() {
        let (lower, upper) = prepared.problem.theta[i].bounds;
        // On the logit scale between the bounds.
        let theta = [b, d][i];
        let scale = (theta - lower) * (upper - theta) / (upper - lower);
        let exact = 4.0 * (moment - 1.0) * slope * scale;
        assert!((grad[i] / exact - 1.0).abs() < 0.15, "{i}: {} for {exact}", grad[i]);
    }
}

#[test]
fn moments_that_make_no_sense_are_refused_in_a_sentence() {
    let refusal = |model: &str, text: &str| -> String {
        let columns = [("t", vec![0.0, 1.0]), ("m", vec![1.0, 1.0]), ("one", vec![1.0, 1.0])];
        match prepare(model, text, &columns) {
            Err(error) => error.to_string(),
            Ok(prepared) => prepared.problem.check().unwrap_err().to_string(),
        }
    };
    let still = "param k = 1\nstate x = 1\nx' = -k*x\nobserve m = path_mean(x)\n";
    assert!(
        refusal(still, "").contains("without noise and random jumps"),
        "{}",
        refusal(still, "")
    );
    let both = "noise W\nparam k = 1\nstate x = 1\nx' = -k*x + W'\n\
                observe m = path_mean(x)\nobserve one = x\n";
    assert!(refusal(both, "").contains("experiments of their own"), "{}", refusal(both, ""));
    let few = refusal(both, "[solver]\npaths = 1\n");
    assert!(few.contains("2 to 100000 paths, not 1"), "{few}");
}
