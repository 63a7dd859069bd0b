//! `slopefield gradient`: every way gives the same numbers, and the numbers that are known.
use crate::common;

use common::{Place, close, decay, number};
use serde_json::Value;

#[track_caller]
fn method<'a>(reply: &'a Value, name: &str) -> &'a Value {
    let methods = reply["methods"].as_array().unwrap();
    methods.iter().find(|m| m["method"] == name).unwrap_or_else(|| panic!("no {name} in {reply}"))
}

/// The paper's first training example at its start: values of an independent computation.
#[test]
fn every_method_gives_the_known_gradient() {
    let place = Place::with_example("lotka-volterra");
    let study = place.read("constant.toml");
    place.write("constant.toml", &format!("{study}\n[solver]\nrtol = 1e-11\natol = 1e-11\n"));
    let reply = place.run(&["gradient", "constant.toml", "--compare", "--check", "--json"]).json();
    close(number(&reply["loss"]), 4324.598, 2e-7);
    let expected =
        [("alpha", 53.4911), ("beta", -1732.9529), ("delta", 4553.0009), ("gamma", -29519.8164)];
    for name in ["discrete", "forward", "gauss"] {
        let m = method(&reply, name);
        for (parameter, value) in expected {
            // The reference is given to four decimals.
            let found = number(&m["values"][parameter]);
            assert!((found - value).abs() < 1e-4, "{name}: {parameter} is {found}, not {value}");
        }
        assert_eq!(m["values"].as_object().unwrap().len(), 4);
        assert!(number(&m["seconds"]) > 0.0 && number(&m["over_forward"]) > 0.0);
        assert!(number(&m["memory"]) > 0.0);
    }
    assert!(number(&method(&reply, "forward")["agreement"]) < 1e-12);
    assert!(number(&method(&reply, "gauss")["agreement"]) < 1e-8);
    assert!(number(&method(&reply, "discrete")["check"]) <= 1e-8);
    assert!(number(&method(&reply, "forward")["check"]) <= 1e-8);
    assert!(number(&method(&reply, "gauss")["check"]) <= 1e-4);
}

/// Half-mechanistic model, at ordinary tolerances: weights have names, too.
#[test]
fn networks_and_noise_agree_too() {
    let place = Place::with_example("hudson-bay-neural");
    let reply = place.run(&["gradient", "study.toml", "--compare", "--check", "--json"]).json();
    let values = method(&reply, "discrete")["values"].as_object().unwrap();
    assert_eq!(values.len(), 6 + (2 * 8 + 8) + (8 * 8 + 8) + (8 * 2 + 2));
    assert!(values.contains_key("alpha") && values.keys().any(|k| k.starts_with("encounter.")));
    assert!(number(&method(&reply, "forward")["agreement"]) < 1e-9);
    assert!(number(&method(&reply, "gauss")["agreement"]) < 1e-3);
    assert!(number(&method(&reply, "discrete")["check"]) <= 1e-8);
    assert!(number(&method(&reply, "forward")["check"]) <= 1e-8);
}

/// `x = a e^(−kt)` from a = 1, k = 0.4 against three points: the gradient by hand.
#[test]
fn gradient_of_a_decay_by_hand() {
    let place = Place::new();
    decay(&place);
    let study = place.read("study.toml");
    place.write("study.toml", &format!("{study}\n[solver]\nrtol = 1e-10\natol = 1e-12\n"));
    let points = [(0.0f64, 1.0), (1.0, 0.6), (3.0, 0.22)];
    let (mut loss, mut da, mut dk) = (0.0, 0.0, 0.0);
    for (t, y) in points {
        let x = (-0.4 * t).exp();
        loss += (x - y) * (x - y);
        da += 2.0 * (x - y) * x;
        dk += 2.0 * (x - y) * -t * x;
    }
    let reply = place.run(&["gradient", "study.toml", "--json"]).json();
    assert_eq!(reply["methods"].as_array().unwrap().len(), 1);
    let values = &reply["methods"][0]["values"];
    close(number(&reply["loss"]), loss, 1e-8);
    close(number(&values["a"]), da, 1e-8);
    close(number(&values["k"]), dk, 1e-8);
    let choice = reply["choice"].as_str().unwrap();
    assert!(choice.to_lowercase().contains(reply["methods"][0]["method"].as_str().unwrap()));

    let text = place.run(&["gradient", "study.toml", "--method", "forward", "--check"]).good();
    assert!(
        text.contains("forward") && text.contains("d loss / d") && !text.contains("discrete  ")
    );
}

/// `x = a e^(−kt)` from a = 1, k = 0.4 against three points: second derivatives by hand.
#[test]
fn second_derivatives_of_a_decay_by_hand() {
    let place = Place::new();
    decay(&place);
    let study = place.read("study.toml");
    let settings = "[solver]\nmethod = \"vern9\"\nrtol = 1e-12\natol = 1e-13\n";
    place.write("study.toml", &format!("{study}\n{settings}"));
    let points = [(0.0f64, 1.0), (1.0, 0.6), (3.0, 0.22)];
    let (mut g, mut h) = ([0.0; 2], [[0.0; 2]; 2]);
    for (t, y) in points {
        let x = (-0.4 * t).exp();
        let (first, second) = ([x, -t * x], [[0.0, -t * x], [-t * x, t * t * x]]);
        for i in 0..2 {
            g[i] += 2.0 * (x - y) * first[i];
            for j in 0..2 {
                h[i][j] += 2.0 * (first[i] * first[j] + (x - y) * second[i][j]);
            }
        }
    }
    let length = g[0].hypot(g[1]);
    let along = [0, 1].map(|i| (h[i][0] * g[0] + h[i][1] * g[1]) / length);
    let reply = place.run(&["gradient", "study.toml", "--hessian", "--json"]).json();
    let hessian = &reply["hessian"];
    close(number(&hessian["along_gradient"]["a"]), along[0], 1e-8);
    close(number(&hessian["along_gradient"]["k"]), along[1], 1e-8);
    close(number(&hessian["curvature"]), (along[0] * g[0] + along[1] * g[1]) / length, 1e-8);
    assert!(number(&hessian["asymmetry"]) < 1e-12, "{hessian}");
    assert_eq!(hessian["eigenvalues"].as_array().unwrap().len(), 2);
    let text = place.run(&["gradient", "study.toml", "--hessian"]).good();
    assert!(
        text.contains("curvature along the gradient") && text.contains("symmetric to"),
        "{text}"
    );
}
