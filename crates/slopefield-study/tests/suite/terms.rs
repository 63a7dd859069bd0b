//! What learned terms are asked and what they answer.

use slopefield_graph::BuiltinNetworks;
use slopefield_study::terms::{self, LearnedTerm, NEAR, Spread};
use slopefield_study::{BuiltinSolvers, Prepared, TableData, load};
use std::path::Path;

fn prepared(text: &str, study: &str, columns: &[(&str, &[f64])]) -> Prepared {
    let study = load::parse(study, Path::new("study.toml")).unwrap();
    let numeric = columns.iter().map(|(n, v)| ((*n).to_owned(), v.to_vec())).collect();
    let tables = [("d".to_owned(), TableData { numeric, text: Vec::new() })].into();
    Prepared::new(text, &study, &tables, &BuiltinNetworks, &BuiltinSolvers)
        .unwrap_or_else(|e| panic!("{e:?}"))
}

fn start(prepared: &Prepared) -> Vec<f64> {
    prepared.problem.theta.iter().map(|s| s.start).collect()
}

#[track_caller]
fn near(found: f64, expected: f64, distance: f64) {
    assert!((found - expected).abs() <= distance, "{found}, not {expected}");
}

const STUDY: &str = "[data.d]\nfile = \"d\"\n[solver]\nrtol = 1e-10\natol = 1e-12\n\
                     [forecast]\nuntil = 4\n";

/// The network changes nothing, so that what it is asked is known exactly.
const DECAY: &str = "network n: mlp(inputs: 2, outputs: 2, hidden: [5])\nparam a = 2 in [1, 3]\n\
                     state x = a\nx' = -x + 0*n(x/4, 2*(t + x))[2]\nobserve y = x\n";

#[test]
fn what_a_term_is_asked_follows_the_fitted_curve() {
    let prepared = prepared(DECAY, STUDY, &[("t", &[0.0, 1.0, 2.0]), ("y", &[2.0, 1.0, 0.5])]);
    let learned = LearnedTerm::all(&prepared.model);
    let [term] = &learned[..] else { panic!("{learned:?}") };
    let names: Vec<&str> = term.inputs.iter().map(|i| i.name.as_str()).collect();
    assert_eq!((names, &term.outputs[1]), (vec!["x", "t + x"], &"n[2]".to_owned()));
    let mut theta = start(&prepared);
    theta[0] = 3.0;
    let until = prepared.forecast_end();
    let visited = terms::visited(&prepared, &learned, &theta, until, &BuiltinSolvers).unwrap();
    let [course] = &visited.courses[..] else { panic!("{}", visited.courses.len()) };
    assert_eq!((course.trained_until, course.times.last()), (2.0, Some(&4.0)));
    for (row, t) in course.times.iter().enumerate() {
        let asked: Vec<&[f64]> = course.terms[0].at(row).collect();
        let x = 3.0 * f64::exp(-t);
        assert_eq!(asked.len(), 1);
        near(asked[0][0], x, 1e-8);
        near(asked[0][1], t + x, 1e-8);
    }
    let trained = visited.trained(0);
    assert!(trained.iter().all(|row| row[0] > 3.0 * f64::exp(-2.0) - 1e-8));

    // The distance to what was seen, by hand: behind t = 2 the nearest is the last row or one of
    // those before it.
    let distances = terms::distances(&learned, &visited, "t");
    let ranges = (3.0 - 3.0 * f64::exp(-2.0), 3.0 - (3f64.ln() + 1.0));
    let last = course.times.len() - 1;
    let here = |t: f64| (3.0 * f64::exp(-t) / ranges.0, (t + 3.0 * f64::exp(-t)) / ranges.1);
    let (a, b) = here(4.0);
    let by_hand =
        (0..=20_000).map(|k| here(f64::from(k) * 1e-4)).map(|(c, d)| (a - c).hypot(b - d));
    near(distances[0].values[last], by_hand.fold(f64::INFINITY, f64::min), 1e-3);
    assert!(distances[0].values[last] > NEAR);
    let sentence = distances[0].sentence.as_ref().unwrap();
    assert!(sentence.starts_with("from t = 2.") && sentence.contains("never saw"), "{sentence}");
}

/// The curves are those of the compiled right-hand side, in the quantities of the model.
#[test]
fn response_curves_are_the_answers_of_the_compiled_network() {
    let text = "network n: mlp(inputs: 2, outputs: 2, hidden: [6, 4])\nstate x = 1\nstate y = 3\n\
                let z = n(x/3, y/4)\nx' = z[1]\ny' = z[2]\nobserve a = x\n";
    let prepared = prepared(text, STUDY, &[("t", &[0.0, 1.0, 2.0]), ("a", &[1.0, 1.0, 1.0])]);
    let learned = LearnedTerm::all(&prepared.model);
    let theta = start(&prepared);
    let visited = terms::visited(&prepared, &learned, &theta, 4.0, &BuiltinSolvers).unwrap();
    let rows = visited.trained(0);
    let weights = learned[0].weights(&prepared, &theta);
    let other: Vec<f64> = weights.iter().map(|w| 1.5 * w).collect();
    let draws = [&other[..], weights];
    let held = [None, Some(2.5)];
    let spread = Spread { draws: &draws, centre: None };
    let responses =
        terms::responses(&learned[0], &prepared.model, &rows, &held, (weights, spread), (9, 8));
    assert_eq!(responses.len(), 2);
    assert_eq!(responses[1].held, 2.5);
    let rhs = &prepared.problem.kernels.rhs;
    let slopes = |u: [f64; 2], p: &[f64]| {
        let (mut slopes, mut scratch) = ([0.0; 2], vec![0.0; rhs.scratch_len()]);
        rhs.eval(0.0, &u, p, &mut slopes, &mut scratch);
        slopes
    };
    let other = theta.iter().map(|w| 1.5 * w).collect::<Vec<_>>();
    for response in &responses {
        let (low, high) = response.range;
        let column = || rows.iter().map(|row| row[response.input]);
        assert_eq!(low, column().fold(f64::INFINITY, f64::min));
        assert_eq!(high, column().fold(f64::NEG_INFINITY, f64::max));
        near(response.at[0], low - 0.1 * (high - low), 1e-12);
        near(response.at[8], high + 0.1 * (high - low), 1e-12);
        for (k, at) in response.at.iter().enumerate() {
            let mut u = [responses[0].held, responses[1].held];
            u[response.input] = *at;
            let (fitted, drawn) = (slopes(u, &theta), slopes(u, &other));
            for (output, curve) in response.curves.iter().enumerate() {
                near(curve.value[k], fitted[output], 1e-12);
                // Of two draws the 5 % quantile lies 5 % of the way from one to the other.
                let (a, b) = (fitted[output].min(drawn[output]), fitted[output].max(drawn[output]));
                let [low, high] = curve.band.as_ref().unwrap();
                near(low[k], a + 0.05 * (b - a), 1e-12);
                near(high[k], a + 0.95 * (b - a), 1e-12);
            }
        }
    }
}

/// Of a normal distribution the term is taken as linear in the weights.
#[test]
fn bands_of_a_normal_distribution_are_linear_in_the_weights() {
    let text = "network n: mlp(inputs: 1, outputs: 1, hidden: [6])\nstate x = 2\nx' = -n(x/3)\n\
                observe a = x\n";
    let prepared = prepared(text, STUDY, &[("t", &[0.0, 1.0, 2.0]), ("a", &[1.0, 1.0, 1.0])]);
    let learned = LearnedTerm::all(&prepared.model);
    let theta = start(&prepared);
    let visited = terms::visited(&prepared, &learned, &theta, 4.0, &BuiltinSolvers).unwrap();
    let weights = learned[0].weights(&prepared, &theta);
    // One draw far away, and its opposite.
    let [up, down] = [4.0, -2.0].map(|by| weights.iter().map(|w| by * w).collect::<Vec<f64>>());
    let draws = [&up[..], &down[..]];
    let spread = Spread { draws: &draws, centre: Some(weights) };
    let rows = visited.trained(0);
    let all = terms::responses(&learned[0], &prepared.model, &rows, &[], (weights, spread), (5, 1));
    let rhs = &prepared.problem.kernels.rhs;
    let value = |x: f64, by: f64| {
        let p: Vec<f64> = theta.iter().map(|w| by * w).collect();
        let (mut slope, mut scratch) = ([0.0], vec![0.0; rhs.scratch_len()]);
        rhs.eval(0.0, &[x], &p, &mut slope, &mut scratch);
        -slope[0]
    };
    let [low, high] = all[0].curves[0].band.as_ref().unwrap();
    for (k, x) in all[0].at.iter().enumerate() {
        let slope = (value(*x, 1.0 + 1e-5) - value(*x, 1.0 - 1e-5)) / 2e-5;
        // Of two draws the outer quantiles lie 5 % of the way from one to the other.
        near(high[k] - low[k], 0.9 * (6.0 * slope).abs(), 1e-7);
        near(0.5 * (high[k] + low[k]), value(*x, 1.0), 1e-7);
    }
}

/// A network in a loop is asked once for each lane.
#[test]
fn networks_in_loops_and_inputs_from_tables_are_followed() {
    let text = "network n: mlp(inputs: 2, outputs: 1)\ninput w = column(\"w\")\n\
                state u[i in 1..3] = i\nu[i]' = 0*n(u[i]/2, w) - u[i] for i in 1..3\nobserve a = u[1]\n";
    let columns: [(&str, &[f64]); 3] =
        [("t", &[0.0, 1.0, 2.0]), ("a", &[1.0, 0.4, 0.1]), ("w", &[5.0, 7.0, 9.0])];
    let prepared = prepared(text, STUDY, &columns);
    let learned = LearnedTerm::all(&prepared.model);
    assert_eq!(learned[0].inputs[0].name, "u[i]");
    let theta = start(&prepared);
    let visited = terms::visited(&prepared, &learned, &theta, 2.0, &BuiltinSolvers).unwrap();
    let course = &visited.courses[0];
    assert_eq!(course.terms[0].places, 3);
    for (row, t) in course.times.iter().enumerate() {
        for (lane, asked) in course.terms[0].at(row).enumerate() {
            near(asked[0], (lane + 1) as f64 * f64::exp(-t), 1e-8);
            near(asked[1], 5.0 + 2.0 * t, 1e-12);
        }
    }
}
