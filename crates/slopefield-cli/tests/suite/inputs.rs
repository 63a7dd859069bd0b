//! Models driven by data: `simulate --input`, and a study from fit to report.
use crate::common;

use common::{Place, close, number, table};

/// `x' = rain - x` from 0: rain is 1 until t = 1 and 3 from then on.
const MODEL: &str = "state x = 0\ninput rain = column(\"rain\", previous)\nx' = rain - x\n";

fn place() -> Place {
    let place = Place::new();
    place.write("model.slope", MODEL);
    place.write("rain.csv", "t,rain,mm\n1,3,30\n0,1,10\n2,,30\n");
    place
}

fn exact(t: f64) -> f64 {
    match t <= 1.0 {
        true => 1.0 - (-t).exp(),
        false => 3.0 + (1.0 - (-1f64).exp() - 3.0) * (1.0 - t).exp(),
    }
}

#[test]
fn a_table_drives_a_simulation() {
    let place = place();
    let tight = ["--rtol", "1e-11", "--atol", "1e-11", "--at", "0.5,1,1.5,3"];
    let run = |input: &str| {
        let arguments = ["simulate", "model.slope", "--input", input];
        table(&place.run(&[&arguments, &tight[..]].concat()).good()).1
    };
    for row in run("rain=rain.csv") {
        close(row[1], exact(row[0]), 1e-9);
    }
    for row in run("rain=rain.csv:mm") {
        close(row[1], 10.0 * exact(row[0]), 1e-9);
    }
    let arguments = ["simulate", "model.slope", "--input", "rain=rain.csv", "--stats"];
    let said = place.run(&arguments).err;
    assert!(said.contains("the data of the input `rain` end at t = 1"), "{said}");
}

#[test]
fn what_is_missing_is_named() {
    let place = place();
    let bad = |arguments: &[&str], parts: &[&str]| {
        place.run(&[&["simulate", "model.slope"], arguments].concat()).bad(parts);
    };
    bad(&[], &["the model is driven by data", "`rain`"]);
    bad(&["--input", "rian=rain.csv"], &["no input `rian`", "rain"]);
    bad(&["--input", "rain=rain.csv:wind"], &["`rain`", "no column `wind`"]);
    bad(&["--input", "rain=nowhere.csv"], &["nowhere.csv"]);
    bad(&["--input", "rain"], &["NAME=FILE"]);
    bad(&["--input", "rain=rain.csv", "--steady"], &["`rain`", "rest"]);
    place.write("rain.csv", "t,rain\n0,1\n1,2\n1,3\n");
    bad(&["--input", "rain=rain.csv"], &["`rain`", "two values at 1: 2 and 3"]);
    place.write("rain.csv", "t,rain\n0,1\n");
    bad(&["--input", "rain=rain.csv"], &["`rain`", "at least 2"]);
}

#[test]
fn a_driven_study_goes_from_fit_to_report() {
    let place = Place::with_example("rainfall-runoff");
    place.run(&["fit", "study.toml", "--iterations", "20", "--out", "runoff.slopefield"]).good();
    // The rain is known for a month beyond the measurements.
    let printed = place.run(&["forecast", "runoff.slopefield"]).good();
    let (header, rows) = table(&printed);
    assert!(header.contains(&"discharge"), "{header:?}");
    let last = rows.last().unwrap();
    assert!(last[0] > 145.0 && last[0] <= 149.0 && last[1].is_finite(), "{last:?}");
    place.run(&["report", "runoff.slopefield"]).good();
    let page = place.read("runoff.html");
    assert!(page.contains("driven by one forcing signal"));
    // The gradient goes through all jumps of the rain.
    let checked = place.run(&["gradient", "study.toml", "--check", "--json"]).json();
    for method in checked["methods"].as_array().unwrap() {
        assert!(number(&method["check"]) < 1e-8, "{method}");
    }
}
