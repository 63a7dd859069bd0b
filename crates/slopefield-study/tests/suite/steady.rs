//! Studies whose data were measured at rest.

use slopefield_graph::network::BuiltinNetworks;
use slopefield_study::gradient::Route;
use slopefield_study::{BuiltinSolvers, Prepared, StudyError, StudyFile, TableData};
use slopefield_train::{Control, Fit, Methods, Objective, Start, train};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A substance comes with a dose and is used up by an enzyme; its product decays:
/// `s* = dose K/(V − dose)`, `q* = dose/d` at rest.
const ENZYME: &str = "\
input dose = column(\"dose\")
param V = 2 in [0.1, 20] log
param K = 2 in [0.1, 20] log
param d = 1 in [0.1, 20] log
state s = 0.1
state q = 0.1
let used = V*s/(K + s)
s' = dose - used
q' = used - d*q
observe s_seen = s
observe q_seen = q
";
const DOSES: [f64; 5] = [0.1, 0.3, 0.5, 0.7, 0.9];
/// V, K and d behind the data.
const TRUE: [f64; 3] = [1.4, 0.8, 0.6];

fn table(columns: &[(&str, Vec<f64>)]) -> TableData {
    let numeric = columns.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    TableData { numeric, text: Vec::new() }
}

/// Doses with what is exactly there at rest.
fn responses() -> TableData {
    let [v, k, d] = TRUE;
    table(&[
        ("dose", DOSES.to_vec()),
        ("s_seen", DOSES.iter().map(|dose| dose * k / (v - dose)).collect()),
        ("q_seen", DOSES.iter().map(|dose| dose / d).collect()),
    ])
}

fn study(text: &str) -> StudyFile {
    slopefield_study::load::parse(text, Path::new("study.toml")).unwrap()
}

fn prepare(model: &str, text: &str, tables: &[(&str, TableData)]) -> Result<Prepared, StudyError> {
    let tables: BTreeMap<String, TableData> =
        tables.iter().map(|(name, t)| ((*name).to_owned(), t.clone())).collect();
    Prepared::new(model, &study(text), &tables, &BuiltinNetworks, &BuiltinSolvers)
}

const AT_REST: &str = "\
[data.rest]
file = \"rest\"
[[experiment]]
name = \"rest\"
data = \"rest\"
steady = true
";

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

fn fitted(prepared: &Prepared) -> Fit {
    let control = Control::default();
    let recipe = &prepared.recipe;
    train(&mut objective(prepared), recipe, Start::Problem, &control, &mut |_| {})
}

#[track_caller]
fn near(found: &[f64], expected: &[f64], relative: f64) {
    assert_eq!(found.len(), expected.len());
    for (f, e) in found.iter().zip(expected) {
        assert!((f / e - 1.0).abs() <= relative, "{found:?}, not {expected:?}");
    }
}

#[test]
fn a_dose_response_is_fitted_row_by_row() {
    let prepared = prepare(ENZYME, AT_REST, &[("rest", responses())]).unwrap();
    assert_eq!(prepared.gradient.0, "steady");
    assert!(prepared.gradient.1.contains("Implicit differentiation"), "{}", prepared.gradient.1);
    assert!(prepared.solver.1.contains("steady states"), "{}", prepared.solver.1);
    let fit = fitted(&prepared);
    assert!(fit.stop_reason.is_success(), "{}", fit.stop_reason.sentence());
    near(&fit.theta, &TRUE, 1e-5);
    assert!(fit.notes.iter().any(|n| n.1.contains("Gradient checked")), "{:?}", fit.notes);
}

/// Against the derivatives of the formulas, and the two ways of derivatives against each other.
#[test]
fn the_gradient_is_that_of_the_formulas() {
    let prepared = prepare(ENZYME, AT_REST, &[("rest", responses())]).unwrap();
    let mut objective = objective(&prepared);
    let z = objective.z_start();
    let mut grad = vec![0.0; 3];
    let found = objective.evaluate(&z, 1.0, Some(&mut grad)).unwrap();
    let (mut loss, mut exact) = (0.0, [0.0; 3]);
    let ([v, k, d], [v0, k0, d0]) = ([2.0, 2.0, 1.0], TRUE);
    for dose in DOSES {
        let off = dose * k / (v - dose) - dose * k0 / (v0 - dose);
        let off_q = dose / d - dose / d0;
        loss += off * off + off_q * off_q;
        // On a log scale: times the parameter.
        exact[0] -= 2.0 * off * dose * k / (v - dose).powi(2) * v;
        exact[1] += 2.0 * off * dose / (v - dose) * k;
        exact[2] -= 2.0 * off_q * dose / (d * d) * d;
    }
    near(&[found.loss], &[loss], 1e-11);
    near(&grad, &exact, 1e-10);
    near(&[objective.value(&z, 0.3).unwrap().loss], &[loss], 1e-11);
    let (mut again, mut information) = (vec![0.0; 3], vec![0.0; 9]);
    objective.evaluate_information(&z, 1.0, &mut again, &mut information).unwrap();
    near(&again, &exact, 1e-10);
    // Twice JᵀJ, of which the entry of d alone is Σ 2 (dose/d)².
    near(&[information[8]], &[DOSES.iter().map(|x| 2.0 * (x / d).powi(2)).sum()], 1e-10);
    let worst = slopefield_study::gradient::check(&prepared, "steady", &BuiltinSolvers, 3).unwrap();
    assert!(worst < 1e-8, "{worst:e}");
}

/// With the dose as the time, the curve between the rows is the response to the doses between.
#[test]
fn a_curve_shows_the_rest_between_the_rows() {
    let text = AT_REST.replace("file = \"rest\"\n", "file = \"rest\"\ntime = \"dose\"\n");
    let prepared = prepare(ENZYME, &text, &[("rest", responses())]).unwrap();
    let objective = objective(&prepared);
    let at = [0.1, 0.2, 0.45, 0.9];
    let curves = objective.predict(&TRUE, 0, &at).unwrap();
    let [v, k, d] = TRUE;
    near(&curves[0], &at.map(|dose| dose * k / (v - dose)), 1e-9);
    near(&curves[1], &at.map(|dose| dose / d), 1e-9);
    // As far as the doses are known.
    assert_eq!(prepared.forecast_end(), 0.9);
}

/// The rest says what `k/c` is and the course what `c` is, from both of which comes `k`.
#[test]
fn rest_and_course_are_fitted_together() {
    let model = "param k = 1 in [0.01, 100] log\nparam c = 1 in [0.01, 100] log\n\
                 state x = 5\nx' = k - c*x\nobserve y = x\n";
    let times: Vec<f64> = (0..8).map(|i| 0.25 * f64::from(i)).collect();
    let (k, c) = (0.6, 1.7);
    let course = times.iter().map(|t| 5.0 * (-c * t).exp() + k / c * (1.0 - (-c * t).exp()));
    let course = table(&[("t", times.clone()), ("y", course.collect())]);
    let rest = table(&[("y", vec![k / c])]);
    let text = format!(
        "[data.course]\nfile = \"course\"\n{AT_REST}\
                        [[experiment]]\nname = \"course\"\ndata = \"course\"\n\
                        [solver]\nrtol = 1e-9\natol = 1e-11\n"
    );
    let prepared = prepare(model, &text, &[("course", course), ("rest", rest)]).unwrap();
    assert!(prepared.gradient.1.ends_with("steady states by implicit differentiation"));
    assert_ne!(prepared.gradient.0, "steady");
    let mut objective = objective(&prepared);
    assert_eq!(objective.gradient_method().0, prepared.gradient.0);
    // A part of the span is one of the course alone.
    let z = objective.z_start();
    let points = |objective: &mut Objective, share| objective.value(&z, share).unwrap().points;
    assert_eq!((points(&mut objective, 1.0), points(&mut objective, 0.5)), (9, 5));
    let fit = fitted(&prepared);
    near(&fit.theta, &[k, c], 1e-6);
}

#[test]
fn what_does_not_rest_is_told_with_time_state_and_slope() {
    let tables = [("rest", table(&[("y", vec![1.0])]))];
    let grows =
        "param k = 2\nstate calm = 1\nstate x = 1\ncalm' = 1 - calm\nx' = k\nobserve y = x\n";
    let prepared = prepare(grows, AT_REST, &tables).unwrap();
    let mut objective = objective(&prepared);
    let z = objective.z_start();
    let failure = objective.evaluate(&z, 1.0, Some(&mut [0.0])).unwrap_err();
    assert_eq!((failure.experiment, failure.time, failure.state), (Some(0), Some(0.0), Some(1)));
    let (iterations, slope) = failure.restless().expect("no rest");
    assert!(iterations > 0 && slope == 2.0, "{failure:?}");
    assert!(failure.message.contains("experiment rest: no steady state"), "{failure}");
    // A singular Jacobian is told, not divided by: the total of both is whatever it was.
    let conserves =
        "param k = 2\nstate a = 1\nstate b = 0\na' = b - k*a\nb' = k*a - b\nobserve y = a\n";
    let prepared = prepare(conserves, AT_REST, &tables).unwrap();
    let failure = self::objective(&prepared).evaluate(&z, 1.0, Some(&mut [0.0])).unwrap_err();
    assert!(failure.message.contains("singular"), "{failure}");
}

#[test]
fn what_cannot_rest_is_refused_at_its_place() {
    let tables = [("rest", table(&[("y", vec![1.0])]))];
    for (model, word) in [
        ("param k = 1\nnoise W\nstate x = 1\nx' = -k*x + W'\nobserve y = x\n", "noise"),
        ("param k = 1\nstate x = 1\nx' = -k*delay(x, 1)\nobserve y = x\n", "delays"),
        ("param k = 1\nstate x = 1\nx' = -k*x\nat 3: x = 1\nobserve y = x\n", "events"),
    ] {
        let Err(StudyError::Study(problems)) = prepare(model, AT_REST, &tables) else {
            panic!("{word} went through")
        };
        let problem = problems.iter().find(|p| p.fatal).unwrap();
        assert_eq!(problem.place, "experiment 1 (rest): steady", "{problem}");
        assert!(problem.message.contains(word), "{problem}");
    }
}
