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
