//! The examples reach the values that were published for them or computed independently.
use crate::common;

use common::{Place, between, close, examples, number};
use serde_json::Value;

fn fit(study: &str) -> Value {
    let study = examples().join(study);
    Place::new().run(&["fit", study.to_str().unwrap(), "--json"]).json()
}

#[track_caller]
fn parameters(fit: &Value, expected: &[(&str, f64)], tolerance: f64) {
    for (name, value) in expected {
        close(number(&fit["parameters"][name]), *value, tolerance);
    }
    let found = fit["parameters"].as_object().unwrap().len();
    assert_eq!(found, expected.len(), "{}", fit["parameters"]);
}

#[test]
fn hudson_bay_maximum_likelihood() {
    let fit = fit("hudson-bay/study.toml");
    let expected = [
        ("alpha", 0.5400140),
        ("beta", 0.02715612),
        ("gamma", 0.7965988),
        ("delta", 0.02370204),
        ("hare0", 34.59916),
        ("lynx0", 5.843737),
        ("sigma_hare", 0.2183796),
        ("sigma_lynx", 0.2200843),
    ];
    parameters(&fit, &expected, 1e-6);
    close(number(&fit["log_likelihood"]), -122.925951, 1e-8);
    close(number(&fit["loss"]), 122.925951, 1e-8);
}

/// By hand from the log-likelihood that SciPy found: `2·8 + 2·122.925951` and
/// `8 ln 42 + 2·122.925951`, with `ln 42 = 3.7376696183`.
#[test]
fn criteria_of_a_fit_are_told_printed_and_reported() {
    let place = Place::with_example("hudson-bay");
    let told = place.run(&["fit", "study.toml", "--json", "--out", "p.slopefield"]).json();
    close(number(&told["aic"]), 261.851_902, 1e-8);
    close(number(&told["bic"]), 275.753_259, 1e-8);
    assert_eq!((&told["free"], &told["points"]), (&8.into(), &42.into()));
    assert!(told["lacking"].is_null(), "{told}");
    let printed = place.run(&["fit", "study.toml"]).good();
    assert!(
        printed.contains("AIC             261.8519 (8 free parameters, 42 points)\n"),
        "{printed}"
    );
    assert!(
        printed.contains("BIC             275.7533 (8 free parameters, 42 points)\n"),
        "{printed}"
    );
    place.run(&["report", "p.slopefield", "--out", "r.html"]).good();
    let page = place.read("r.html");
    for card in ["<b>261.852</b><span>AIC</span>", "<b>275.753</b><span>BIC</span>"] {
        assert!(page.contains(card), "{card}");
    }
}

/// Least squares have no likelihood: it says so instead.
#[test]
fn criteria_need_a_noise_model() {
    let place = Place::with_example("influenza");
    let told = place.run(&["fit", "study.toml", "--json", "--out", "p.slopefield"]).json();
    assert!(told["aic"].is_null() && told["bic"].is_null(), "{told}");
    let lacking = "needs a noise model: in_bed has none";
    assert_eq!((&told["lacking"], &told["points"]), (&lacking.into(), &14.into()));
    let printed = place.run(&["fit", "study.toml"]).good();
    for name in ["AIC", "BIC"] {
        assert!(printed.contains(&format!("{name:<16}{lacking}\n")), "{printed}");
    }
    place.run(&["report", "p.slopefield", "--out", "r.html"]).good();
    assert!(place.read("r.html").contains(&format!("AIC and BIC: {lacking}.")));
}

#[test]
fn influenza_least_squares() {
    let fit = fit("influenza/study.toml");
    parameters(&fit, &[("beta", 1.669226), ("gamma", 0.443450)], 1e-6);
    close(number(&fit["loss"]), 4121.94, 1e-6);
    assert_eq!(fit["scores"][0]["points"], 14);
    close(number(&fit["scores"][0]["rmse"]), (4121.94f64 / 14.0).sqrt(), 1e-6);
}

#[test]
fn lotka_volterra_finds_what_made_the_data() {
    let fit = fit("lotka-volterra/study.toml");
    let truth = [("alpha", 1.5), ("beta", 1.0), ("delta", 3.0), ("gamma", 1.0)];
    parameters(&fit, &truth, 2e-6);
    assert!(number(&fit["loss"]) < 1e-8);
}

#[test]
fn rain_and_runoff_maximum_likelihood() {
    let fit = fit("rainfall-runoff/study.toml");
    let expected = [
        ("share", 0.34727690),
        ("k_quick", 0.62345457),
        ("k_slow", 0.01999849),
        ("scatter", 0.02460922),
    ];
    parameters(&fit, &expected, 1e-6);
    close(number(&fit["log_likelihood"]), 84.86320766, 1e-8);
}

#[test]
fn the_brusselator_finds_what_made_the_data() {
    let fit = fit("brusselator-1d/study.toml");
    parameters(&fit, &[("B", 3.0), ("D", 0.02)], 1e-6);
}

/// An independent training with exact gradients: loss 4324.598 → 0.2709.
#[test]
fn lotka_volterra_towards_a_constant_as_in_the_paper() {
    let fit = fit("lotka-volterra/constant.toml");
    assert_eq!(fit["iterations"], 100);
    close(number(&fit["loss"]), 0.2709, 1e-4);
    let expected = [("alpha", 1.90057), ("beta", 1.89766), ("delta", 1.24636), ("gamma", 1.30266)];
    parameters(&fit, &expected, 5e-6);
    let study = examples().join("lotka-volterra/constant.toml");
    let gradient = Place::new().run(&["gradient", study.to_str().unwrap(), "--json"]).json();
    close(number(&gradient["loss"]), 4324.598, 2e-6);
}

#[test]
fn spiral_is_learned() {
    let fit = fit("spiral/study.toml");
    let loss = number(&fit["loss"]);
    assert!(loss <= 0.02, "{loss}");
    // The sum of squares of both series, from their own scores. Those come from a solve of their own,
    // so each of the sixty values may differ by the tolerance, 1e-7.
    let sum: f64 = (0..2).map(|i| 30.0 * number(&fit["scores"][i]["rmse"]).powi(2)).sum();
    let apart = 2.0 * (60.0 * loss).sqrt() * 1e-7;
    assert!((sum - loss).abs() <= apart, "{sum} is {:e} from {loss}", sum - loss);
}

/// Other held-out values give the same training, bit for bit, and another score.
#[test]
fn held_out_points_are_scored_and_never_trained_on() {
    let train = |place: &Place, out: &str| {
        let fitted = place.run(&["fit", "study.toml", "--json", "--out", out]).good();
        let curves = place.run(&["forecast", out]).good();
        (fitted, curves)
    };
    let place = Place::with_example("hudson-bay-neural");
    let (before, curves) = train(&place, "before.slopefield");
    let text = place.read("pelts.csv");
    let changed: Vec<String> = text
        .lines()
        .map(|line| match line.split(',').collect::<Vec<_>>().as_slice() {
            [year, hare, lynx] if year.parse().is_ok_and(|y: u32| y >= 1915) => {
                let other = |v: &str| 3.0 * v.parse::<f64>().unwrap() + 7.0;
                format!("{year},{},{}", other(hare), other(lynx))
            }
            _ => line.to_owned(),
        })
        .collect();
    let count = changed.iter().zip(text.lines()).filter(|(a, b)| a != b).count();
    assert_eq!(count, 6);
    place.write("pelts.csv", &changed.join("\n"));
    let (after, curves_after) = train(&place, "after.slopefield");
    let parameters = |text: &str| between(text, "\"parameters\":", "}").to_owned();
    assert_eq!(parameters(&before), parameters(&after));
    let loss = |text: &str| between(text, "\"loss\":", ",\"hold_out\"").to_owned();
    assert_eq!(loss(&before), loss(&after));
    assert_eq!(curves, curves_after, "the weights differ");

    let value = |text: &str| serde_json::from_str::<Value>(text.trim()).unwrap();
    let (before, after) = (value(&before), value(&after));
    for i in 0..2 {
        let (a, b) = (&before["scores"][i], &after["scores"][i]);
        assert_eq!((&a["points"], &a["held_out_points"]), (&15.into(), &6.into()));
        assert_eq!(a["rmse"], b["rmse"]);
        assert!(number(&b["held_out_rmse"]) > 2.0 * number(&a["held_out_rmse"]));
    }
    assert!(number(&after["hold_out"]) > number(&before["hold_out"]));
}

/// Levenberg–Marquardt from the start values of the text: the same optimum in fewer iterations.
#[test]
fn a_study_may_finish_with_levenberg_marquardt() {
    let place = Place::with_example("lotka-volterra");
    let study = place.read("study.toml");
    let stages = |optimiser: &str| {
        format!(
            "{study}\n[training]\nrecipe = \"custom\"\n[[training.stages]]\noptimiser = \"{optimiser}\"\n\
             iterations = 200\n[[training.stages]]\noptimiser = \"{optimiser}\"\niterations = 200\n"
        )
    };
    let run = |optimiser: &str| {
        place.write("own.toml", &stages(optimiser));
        place.run(&["fit", "own.toml", "--json"]).json()
    };
    let (lm, lbfgs) = (run("lm"), run("lbfgs"));
    close(number(&lm["loss"]), number(&lbfgs["loss"]), 1e-6);
    assert!(number(&lm["iterations"]) < 0.5 * number(&lbfgs["iterations"]), "{lm} {lbfgs}");
}
