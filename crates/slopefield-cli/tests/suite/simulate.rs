//! `slopefield simulate` and `slopefield check`: values against solutions that are known.
use crate::common;

use common::{DECAY, Place, close, number, table};

const LOTKA_VOLTERRA: &str = "\
state x = 1
state y = 1
param alpha = 1.5
param beta  = 1
param delta = 3
param gamma = 1
x' = alpha*x - beta*x*y
y' = -delta*y + gamma*x*y
";

fn with(model: &str) -> Place {
    let place = Place::new();
    place.write("model.slope", model);
    place
}

#[test]
fn lotka_volterra_at_ten() {
    let place = with(LOTKA_VOLTERRA);
    let tight = ["--rtol", "1e-11", "--atol", "1e-11"];
    let text = place.run(&[&["simulate", "model.slope", "--at", "10"], &tight[..]].concat()).good();
    let (header, rows) = table(&text);
    assert_eq!(header, ["t", "x", "y"]);
    assert_eq!((rows.len(), rows[0][0]), (1, 10.0));
    close(rows[0][1], 1.026344767575, 1e-9);
    close(rows[0][2], 0.909691078136, 1e-9);
    for method in ["tsit5", "dp5"] {
        let arguments = ["simulate", "model.slope", "--at", "10", "--method", method];
        let text = place.run(&[&arguments, &tight[..]].concat()).good();
        close(table(&text).1[0][1], 1.026344767575, 1e-9);
    }
}

#[test]
fn numbers_have_seventeen_digits_and_the_default_is_201_points_over_ten() {
    let place = with(DECAY);
    let text = place.run(&["simulate", "model.slope", "--rtol", "1e-10", "--atol", "1e-12"]).good();
    let (header, rows) = table(&text);
    assert_eq!(header, ["t", "x", "x_seen"]);
    assert_eq!(rows.len(), 201);
    assert_eq!(
        text.lines().nth(1),
        Some("0.0000000000000000e0,1.0000000000000000e0,1.0000000000000000e0")
    );
    for (i, row) in rows.iter().enumerate() {
        assert_eq!(row[0], i as f64 / 20.0);
        close(row[1], (-0.4 * row[0]).exp(), 1e-8);
        assert_eq!(row[1], row[2]);
    }
}

#[test]
fn start_end_points_and_values_can_be_set_and_time_can_run_backward() {
    let place = with(DECAY);
    let tight = ["--rtol", "1e-10", "--atol", "1e-12", "--set", "k=0.5", "--set", "x=2"];
    let span = ["simulate", "model.slope", "--from", "5", "--to", "-1", "--points", "4"];
    let (_, rows) = {
        let text = place.run(&[&span, &tight[..]].concat()).good();
        let (header, rows) = table(&text);
        assert_eq!(header[1], "x");
        ((), rows)
    };
    assert_eq!(rows.iter().map(|r| r[0]).collect::<Vec<_>>(), [5.0, 3.0, 1.0, -1.0]);
    for row in rows {
        close(row[1], 2.0 * (0.5 * (5.0 - row[0])).exp(), 1e-8);
    }
    // A parameter that is an initial value, and times of one's own, the start among them.
    let text = place.run(&["simulate", "model.slope", "--set", "a=3", "--at", "0,0.5,2"]).good();
    let (_, rows) = table(&text);
    assert_eq!(rows[0][1], 3.0);
    close(rows[2][1], 3.0 * (-0.8f64).exp(), 1e-5);
}

#[test]
fn tables_as_json_and_costs() {
    let place = with(DECAY);
    let points = ["simulate", "model.slope", "--points", "3"];
    for form in [["--format", "json"].as_slice(), &["--json"]] {
        let run = place.run(&[&points, form].concat());
        let json = run.json();
        assert_eq!(json["columns"]["t"], serde_json::json!([0.0, 5.0, 10.0]));
        close(number(&json["columns"]["x"][2]), (-4f64).exp(), 1e-4);
        assert_eq!(json["stats"]["method"], "auto-switch");
        assert!(number(&json["stats"]["accepted"]) > 0.0);
    }
    let run = place.run(&["simulate", "model.slope", "--stats"]);
    assert!(
        run.err.starts_with("auto-switch: ") && run.err.contains(" steps accepted, "),
        "{}",
        run.err
    );
    assert!(!run.out.contains("accepted"));
}

#[test]
fn named_expressions_follow_and_vectors_have_a_column_per_component() {
    let place = with(
        "state x = 1\nparam k = 0.3\nnetwork f: mlp(inputs: 1, outputs: 2, hidden: [3], activation: tanh)\n\
         let twice = 2*x\nlet z = f(x)\nx' = -k*x\nobserve y = x + z[1]\n",
    );
    let (header, rows) = {
        let text = place.run(&["simulate", "model.slope", "--points", "5"]).good();
        let (header, rows) = table(&text);
        (header.join(" "), rows)
    };
    assert_eq!(header, "t x twice z[1] z[2] y");
    for row in &rows {
        assert_eq!(row[2], 2.0 * row[1]);
        assert_eq!(row[5], row[1] + row[3]);
        assert_ne!(row[3], row[4]);
    }
    // The weights come from the seed alone.
    let again = |seed: &str| place.run(&["simulate", "model.slope", "--seed", seed]).good();
    assert_eq!(again("7"), again("7"));
    assert_ne!(again("7"), again("8"));
}

#[test]
fn check_tells_what_a_model_is() {
    let place = with(LOTKA_VOLTERRA);
    let said = place.run(&["check", "model.slope"]).good();
    assert!(said.starts_with("model.slope: ") && said.contains("2 states"), "{said}");
    let json = place.run(&["check", "model.slope", "--json"]).json();
    assert_eq!((&json["ok"], &json["states"][1]["name"]), (&true.into(), &"y".into()));
    let formatted = place.run(&["check", "model.slope", "--format"]).good();
    place.write("model.slope", &formatted);
    assert_eq!(place.run(&["check", "model.slope", "--format"]).good(), formatted);
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let place = with(DECAY);
    let refused = |arguments: &[&str], parts: &[&str]| {
        let run = place.run(&[&["simulate", "model.slope"], arguments].concat());
        assert_eq!(run.out, "");
        run.bad(parts);
    };
    refused(&["--at", "3,1"], &["start 0", "1 comes after the time 3", "sort them"]);
    refused(&["--at", "-1,1"], &["start 0", "-1 comes after"]);
    refused(&["--set", "q=1"], &["no parameter and no state `q`"]);
    refused(&["--set", "k=0,5"], &["`0,5` is not a number", "point"]);
    refused(&["--set", "k"], &["NAME=VALUE"]);
    refused(&["--set", "k=inf"], &["`inf` is not a finite number"]);
    refused(&["--method", "tsit6"], &["no solver `tsit6`", "did you mean `tsit5`", "dp5", "bs3"]);
    refused(&["--rtol", "0"], &["rtol", "between 0 and 1"]);
    refused(&["--points", "2000000"], &["too many"]);
    refused(&["--to", "inf"], &["`inf` is not a finite number"]);
    refused(&["--at", "1,nan"], &["`nan` is not a finite number"]);
}

#[test]
fn check_prints_the_graphs_of_every_pass_and_the_plans() {
    let place = with(LOTKA_VOLTERRA);
    let text = place.run(&["check", "model.slope", "--dump-graph"]).good();
    let mut rest = text.as_str();
    for part in [
        "-- Rhs Eval, built\n%0 = input Time 0 : [1]\n",
        "-- Rhs Eval, simplified\n",
        "-- Rhs Eval, fused\n",
        "-- Rhs Eval, plan\nplan Eval: 2 states, 4 params, 2 outputs, 0 scratch\n",
        "-- Rhs Jvp, differentiated\n",
        "-- Rhs Vjp, differentiated\n",
        "-- Rhs Vjp, simplified again\n",
        "-- Rhs Vjp, plan\n",
        "p_grad[3] += ",
    ] {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => panic!("`{part}` is missing, or out of order, in\n{text}"),
        }
    }
}

/// On whatever card there is, software too: the moments of the same paths.
#[test]
fn moments_of_paths_come_from_a_card_that_is_named() {
    let place = with("state x = 1\nparam a = 0.4\nnoise W\nx' = a*x + 0.3*x*W'\n");
    let devices = place.run(&["devices", "--json"]).json();
    let name = devices["cards"][0]["name"].as_str().expect("a Vulkan driver, software at least");
    let with = |more: &[&str]| {
        let asked = ["simulate", "model.slope", "--paths", "1000", "--at", "1", "--seed", "3"];
        place.run(&[&asked[..], more].concat())
    };
    let (here, there) = (with(&[]), with(&["--device", name]));
    assert!(!here.err.contains("processor"), "{}", here.err);
    assert!(there.err.contains(&format!("{name}, as asked for")), "{}", there.err);
    let (here, there) = (table(&here.good()).1, table(&there.good()).1);
    // Columns: time, mean, standard deviation, which is 0.47; by chance a mean is off by 0.015.
    close(there[0][1], here[0][1], 5e-3);
    close(there[0][2], here[0][2], 2e-2);
    let told = with(&["--device", "cpu"]).err;
    assert!(told.contains("the processor: it was asked for"), "{told}");
    with(&["--device", "cpu", "--quiet"]).good();
}
