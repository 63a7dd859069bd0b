//! Draws against posteriors that are known: by algebra, and from long runs of another program.

use slopefield_graph::network::BuiltinNetworks;
use slopefield_study::gradient::Route;
use slopefield_study::{BuiltinSolvers, Prepared, TableData};
use slopefield_train::{Control, Methods, Objective};
use slopefield_uncertainty::{Draws, Posterior, SampleError, SampleSettings, sample};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub fn prepared(model: &str, settings: &str, columns: &[(&str, &[f64])]) -> Prepared {
    let text = format!("[data.d]\nfile = \"d\"\n{settings}");
    let study = slopefield_study::load::parse(&text, Path::new("study.toml")).unwrap();
    let numeric = columns.iter().map(|(n, v)| ((*n).to_owned(), v.to_vec())).collect();
    let table = TableData { numeric, text: Vec::new() };
    let tables = BTreeMap::from([("d".to_owned(), table)]);
    Prepared::new(model, &study, &tables, &BuiltinNetworks, &BuiltinSolvers).unwrap()
}

pub fn objective(prepared: &Prepared) -> Objective {
    objective_of(prepared, prepared.problem.clone())
}

/// The same model with other data.
pub fn objective_of(prepared: &Prepared, problem: slopefield_train::Problem) -> Objective {
    let model = prepared.model.clone();
    let methods = Methods {
        gradient: Arc::new(move |_| {
            let (solver, solvers) = ("tsit5", &BuiltinSolvers);
            let route = Route { model: &model, solver, solvers, memory: 1 << 28 };
            route.method("discrete").unwrap()
        }),
        stepper: Arc::new(|_| slopefield_solve::method("tsit5").unwrap()),
        replay: Arc::new(|_, _| None),
    };
    Objective::new(problem, methods).unwrap()
}

pub fn draw(prepared: &Prepared, settings: SampleSettings) -> Result<Draws, SampleError> {
    let start: Vec<f64> = prepared.problem.theta.iter().map(|s| s.start).collect();
    sample(
        &|| Ok::<_, String>(objective(prepared)),
        &start,
        &settings,
        &Control::default(),
        &|_| {},
    )
}

/// A constant measured with known noise: the posterior is that of a normal mean.
const MEAN: &str = "\
state x = m
param m = 1 ~ normal(2, 1.5)
x' = 0
observe y = x with normal(0.5)
";

#[test]
fn the_posterior_of_a_mean_is_the_conjugate_one() {
    let y = [1.2, 0.7, 1.9, 1.4, 0.8, 1.1];
    let times: Vec<f64> = (0..6).map(f64::from).collect();
    let prepared = prepared(MEAN, "", &[("t", &times), ("y", &y)]);
    let draws = draw(&prepared, SampleSettings { seed: 3, ..SampleSettings::default() }).unwrap();
    let precision = 6.0 / 0.25 + 1.0 / 2.25;
    let mean = (y.iter().sum::<f64>() / 0.25 + 2.0 / 2.25) / precision;
    let sd = f64::sqrt(1.0 / precision);
    let s = draws.summary(0).unwrap();
    assert!((s.mean - mean).abs() < 4.0 * s.standard_error, "{s:?} and {mean}");
    assert!((s.sd / sd - 1.0).abs() < 0.08, "{s:?} and {sd}");
    assert!(s.bulk > 1000.0 && s.scale_reduction < 1.01, "{s:?}");
    // The normal distribution has 90 % of its weight within 1.645 standard deviations.
    assert!((s.quantiles[2] - s.quantiles[0] - 2.0 * 1.644_853_6 * sd).abs() < 0.1 * sd, "{s:?}");
    assert_eq!(draws.warnings(&["m".into()], &draws.summaries()), Vec::<String>::new());
    assert_eq!((draws.divergences, draws.failures, draws.cancelled), (0, 0, false));
    assert_eq!((draws.len(), draws.get(1000)), (1000, Some(&draws.chains[1][..1])));
}

/// How a parameter is bounded and scaled does not change its posterior: here that of a rate with a
/// gamma prior and counts, which is a gamma distribution too.
#[test]
fn scales_and_bounds_do_not_change_a_posterior() {
    let y = [3.0, 5.0, 2.0, 4.0];
    for declaration in ["in [0, inf]", "log", "in [0, 200]", "in [0.001, 300] log"] {
        let model = format!(
            "state x = m\nparam m = 2 {declaration} ~ gamma(2, 1.5)\nx' = 0\nobserve y = x with poisson()\n"
        );
        let prepared = prepared(&model, "", &[("t", &[0.0, 1.0, 2.0, 3.0]), ("y", &y)]);
        let draws = draw(&prepared, SampleSettings { seed: 5, ..SampleSettings::default() });
        let s = draws.unwrap().summary(0).unwrap();
        // Shape 2 + 14, rate 1/1.5 + 4.
        let (shape, rate) = (16.0, 1.0 / 1.5 + 4.0);
        assert!((s.mean - shape / rate).abs() < 4.0 * s.standard_error, "{declaration}: {s:?}");
        assert!((s.sd / (f64::sqrt(shape) / rate) - 1.0).abs() < 0.08, "{declaration}: {s:?}");
    }
}

/// The gradient of the density is that of its differences.
#[test]
fn the_gradient_belongs_to_the_density() {
    let prepared = hare_and_lynx("[solver]\nrtol = 1e-12\natol = 1e-12\n");
    let mut posterior = Posterior::new(objective(&prepared));
    let z: Vec<f64> = posterior.objective().z_start().iter().map(|z| z + 0.03).collect();
    let mut grad = vec![0.0; z.len()];
    posterior.log_density(&z, &mut grad).unwrap();
    let mut unused = vec![0.0; z.len()];
    for i in 0..z.len() {
        let mut at = |h: f64| {
            let mut moved = z.clone();
            moved[i] += h;
            posterior.log_density(&moved, &mut unused).unwrap()
        };
        let h = 1e-3;
        let difference = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
        let off = (difference - grad[i]).abs();
        assert!(off < 1e-5 * (1.0 + grad[i].abs()), "{i}: {difference} and {}", grad[i]);
    }
}

/// Thousands of pelts bought by the Hudson Bay Company per year, 1900 to 1920 (Hewitt 1921;
/// posteriordb `hudson_lynx_hare`, BSD-3-Clause).
const HARE: [f64; 21] = [
    30.0, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22.0, 25.4, 27.1, 40.3, 57.0, 76.6, 52.3, 19.5,
    11.2, 7.6, 14.6, 16.2, 24.7,
];
const LYNX: [f64; 21] = [
    4.0, 6.1, 9.8, 35.2, 59.4, 41.7, 19.0, 13.0, 8.3, 9.1, 7.4, 8.0, 12.3, 19.5, 45.7, 51.1, 29.7,
    15.8, 9.7, 10.1, 8.6,
];

pub fn hare_and_lynx(settings: &str) -> Prepared {
    let model = "\
state hare = hare0
state lynx = lynx0
param alpha = 0.5  log ~ normal(1, 0.5)
param beta = 0.02  log ~ normal(0.05, 0.05)
param gamma = 0.8  log ~ normal(1, 0.5)
param delta = 0.02 log ~ normal(0.05, 0.05)
param hare0 = 30   log ~ lognormal(2.302585092994046, 1)
param lynx0 = 4    log ~ lognormal(2.302585092994046, 1)
param s1 = 0.25    log ~ lognormal(-1, 1)
param s2 = 0.25    log ~ lognormal(-1, 1)
hare' = alpha*hare - beta*hare*lynx
lynx' = -gamma*lynx + delta*hare*lynx
observe h = hare with lognormal(s1)
observe l = lynx with lognormal(s2)
";
    let years: Vec<f64> = (0..21).map(f64::from).collect();
    prepared(model, settings, &[("t", &years), ("h", &HARE), ("l", &LYNX)])
}

/// The reference: posteriordb's `hudson_lynx_hare-lotka_volterra`, means with their Monte-Carlo
/// standard errors (10 chains of Stan).
#[test]
fn the_posterior_of_hares_and_lynxes_is_the_published_one() {
    let reference = [
        ("alpha", 0.546_864, 6.3e-4),
        ("beta", 0.027_747_3, 4.1e-5),
        ("gamma", 0.800_095, 8.8e-4),
        ("delta", 0.024_085_9, 3.5e-5),
        ("hare0", 34.0352, 0.029),
        ("lynx0", 5.935_90, 0.0053),
        ("s1", 0.248_057, 4.4e-4),
        ("s2", 0.251_017, 4.4e-4),
    ];
    let prepared = hare_and_lynx("");
    let settings = SampleSettings { seed: 11, ..SampleSettings::default() };
    let draws = draw(&prepared, settings).unwrap();
    // Far from the start the first steps of the warm-up may meet places without a solution.
    assert!(
        draws.failures < 50 && draws.divergences == 0,
        "{} {}",
        draws.failures,
        draws.divergences
    );
    for (i, (name, mean, error)) in reference.into_iter().enumerate() {
        assert_eq!(prepared.theta_names[i], name);
        let s = draws.summary(i).unwrap();
        let allowed = 4.0 * f64::hypot(error, s.standard_error);
        println!("{name}: {} ± {}, reference {mean} ± {error}", s.mean, s.standard_error);
        assert!((s.mean - mean).abs() < allowed, "{name}: {s:?} and {mean}");
        assert!(s.scale_reduction < 1.01, "{name}: {s:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_draws_and_another_seed_others() {
    let times: Vec<f64> = (0..6).map(f64::from).collect();
    let y = [1.2, 0.7, 1.9, 1.4, 0.8, 1.1];
    let prepared = prepared(MEAN, "", &[("t", &times), ("y", &y)]);
    let few = SampleSettings { chains: 3, warmup: 50, draws: 20, seed: 1 };
    let first = draw(&prepared, few).unwrap();
    assert_eq!(first, draw(&prepared, few).unwrap());
    assert_ne!(first, draw(&prepared, SampleSettings { seed: 2, ..few }).unwrap());
    assert_ne!(first.chains[0], first.chains[1]);
    let text = first.warnings(&["m".into()], &first.summaries()).join("; ");
    assert!(text.contains("fewer than 400 effective draws of m"), "{text}");
}

#[test]
fn what_cannot_be_sampled_says_why() {
    let least_squares = MEAN.replace(" with normal(0.5)", "");
    let columns: &[(&str, &[f64])] = &[("t", &[0.0, 1.0]), ("y", &[1.0, 1.2])];
    let error = draw(&prepared(&least_squares, "", columns), SampleSettings::default());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("observation y has no noise model"), "{error}");
    // The model cannot be solved at the start values.
    let broken = MEAN.replace("x' = 0", "x' = sqrt(-m - 50)");
    let error = draw(&prepared(&broken, "", columns), SampleSettings::default()).unwrap_err();
    assert!(error.to_string().contains("does not exist where sampling begins"), "{error}");
}

#[test]
fn sampling_can_be_stopped_and_keeps_what_it_has() {
    let prepared = hare_and_lynx("");
    let control = Control::default();
    let start: Vec<f64> = prepared.problem.theta.iter().map(|s| s.start).collect();
    let settings = SampleSettings { chains: 2, warmup: 20, draws: 100_000, seed: 1 };
    let stop = |p: slopefield_uncertainty::SampleProgress| {
        assert_eq!(p.total, 200_040);
        if p.done > 60 {
            control.cancel.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    };
    let draws =
        sample(&|| Ok::<_, String>(objective(&prepared)), &start, &settings, &control, &stop)
            .unwrap();
    assert!(draws.cancelled && draws.len() < 100, "{}", draws.len());
    assert!(draws.chains.iter().all(|c| c.len() == draws.len() * 8));
}
