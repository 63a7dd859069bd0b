//! What is wrong is told with its place and with what to do; nothing is written then.
use crate::common;

use common::{Place, decay};

/// A study that works, with one thing changed by `spoil`: the fit fails, says all `parts`, and
/// leaves no file.
#[track_caller]
fn refused(spoil: impl FnOnce(&Place), parts: &[&str]) -> String {
    let place = Place::new();
    decay(&place);
    spoil(&place);
    let before = place.names();
    let run = place.run(&["fit", "study.toml", "--out", "result.slopefield"]);
    assert_eq!(run.out, "");
    let said = run.bad(parts);
    assert!(said.lines().any(|l| l.starts_with("error: ")), "{said}");
    let after: Vec<_> = place.names().into_iter().filter(|n| n != "data").collect();
    assert_eq!(before, after);
    said
}

fn add(place: &Place, text: &str) {
    let study = place.read("study.toml");
    place.write("study.toml", &format!("{study}\n{text}\n"));
}

#[test]
fn an_error_in_the_model_is_shown_at_its_place() {
    let spoil = |p: &Place| p.replace("model.slope", "-k*x", "-kk*x");
    let said = refused(spoil, &["model, line 5:", "`kk`", "x' = -kk*x", "^^", "try: correct"]);
    assert!(said.contains("--> model.slope:5:7"), "{said}");

    let place = Place::new();
    place.write("m.slope", "state x = 1\nx' = -kk*x\n");
    let run = place.run(&["check", "m.slope"]);
    assert_eq!(run.out, "");
    run.bad(&["--> m.slope:2:7", "^^", "m.slope: 1 error in the model"]);
}

#[test]
fn tables_that_are_not_what_they_should_be() {
    let write = |text: &'static str| move |p: &Place| p.write("points.csv", text);
    let decimal = "t;x\n0;1,0\n1;0,6\n2;0.4\n";
    refused(write(decimal), &["points.csv", "line", "column `x`", "decimal", "try: "]);
    let both = "t,x\n0,1,0\n1,0,6\n";
    refused(write(both), &["points.csv", "line 2", "try: "]);
    refused(write("t,y\n0,1\n1,2\n"), &["data.points.columns", "no column `x`", "`t` and `y`"]);
    refused(write("t,x\n0,low\n1,high\n"), &["data.points.columns", "`x` holds text"]);
    refused(write("t,x\n0,1\n1,much\n2,3\n"), &["points.csv", "line 3", "column `x`", "`much`"]);
    refused(write(""), &["points.csv", "holds no table"]);
    refused(write("t,x\n0,\n1,\n"), &["x"]);
}

/// Not an error: what is missing is left out, with a warning.
#[test]
fn empty_cells_are_left_out_with_a_warning() {
    let place = Place::new();
    decay(&place);
    let run = place.run(&["fit", "study.toml", "--json"]);
    let warning = "warning: data.points: 1 empty cell is left out";
    assert_eq!(run.err.matches(warning).count(), 1, "{}", run.err);
    let fit = run.json();
    assert_eq!(fit["scores"][0]["points"], 3);
    let quiet = place.run(&["fit", "study.toml", "--quiet"]);
    assert_eq!(quiet.err, "");
    quiet.good();
}

#[test]
fn a_study_that_names_what_does_not_exist() {
    let added = |text: &'static str| move |p: &Place| add(p, text);
    let method = "[solver]\nmethod = \"tsit55\"";
    refused(added(method), &["solver.method", "`tsit55`", "did you mean `tsit5`", "dp5"]);
    let gradient = "[training]\ngradient = \"reverse\"";
    refused(added(gradient), &["training.gradient", "`reverse`", "`forward`", "`discrete`"]);
    refused(added("[solver]\nrtoll = 1e-6"), &["study.toml, line 8", "`rtoll`", "`rtol`"]);
    refused(added("[solver]\nrtol = 1e-6,"), &["study.toml, line 8"]);
    refused(added("[solver]\nrtol = 2"), &["solver.rtol", "between 0 and 1"]);
    let set = "[[experiment]]\nname = \"one\"\ndata = \"points\"\nset = { kk = 1 }";
    refused(added(set), &["experiment 1 (one): set", "no parameter and no state `kk`"]);
    let local = "[[experiment]]\nname = \"one\"\ndata = \"points\"\nlocal = [\"x\"]";
    refused(added(local), &["experiment 1 (one): local", "no parameter `x`"]);
    let table = "[[experiment]]\nname = \"one\"\ndata = \"point\"";
    refused(added(table), &["experiment 1 (one)", "no data table `point`", "`points`"]);
    let bands = "[forecast]\nbands = \"bayes\"";
    refused(added(bands), &["forecast.bands", "`bayes` is not available", "`none`"]);
    let observation = |p: &Place| p.replace("study.toml", "x_seen =", "x_sen =");
    refused(observation, &["data.points.columns", "no observation `x_sen`", "`x_seen`"]);
    let stage = "[training]\nrecipe = \"custom\"\n[[training.stages]]\noptimiser = \"sgd\"";
    refused(
        added(stage),
        &[
            "training.stages 1: optimiser",
            "`sgd`",
            "`adam`, `adamw`, `lbfgs`, `lbfgsb`, `lm` and `cmaes`",
        ],
    );
    // Everything that is wrong is told at once.
    refused(added("[solver]\nrtol = 2\natol = -1"), &["solver.rtol", "solver.atol"]);
}

#[test]
fn a_hold_out_that_leaves_nothing() {
    let hold_out = |range: &'static str| {
        move |p: &Place| {
            let text = format!(
                "[[experiment]]\nname = \"one\"\ndata = \"points\"\nhold_out = \"{range}\""
            );
            add(p, &text);
        }
    };
    refused(hold_out("0.."), &["experiment 1 (one): hold_out", "every point is held out"]);
    refused(hold_out("later"), &["experiment 1 (one): hold_out", "`later`", "`1915..`"]);
    refused(hold_out("3..1"), &["experiment 1 (one): hold_out", "`3..1`"]);
}

/// Equation, expression, line and time; and neither simulation nor gradient go on.
#[test]
fn a_right_hand_side_that_is_not_finite() {
    let spoil = |p: &Place| p.replace("model.slope", "-k*x", "-sqrt(x - 2)");
    let parts =
        ["experiment points", "equation of `x`", "`sqrt(x - 2)`", "line 5", "t = 0", "try: "];
    refused(spoil, &parts);
    let place = Place::new();
    decay(&place);
    spoil(&place);
    place.run(&["simulate", "model.slope"]).bad(&parts[1..]);
    place.run(&["gradient", "study.toml"]).bad(&parts[..5]);

    // Of two equations the second breaks, and only on the way.
    place.write("late.slope", "state a = 1\nstate b = 1\na' = -a\nb' = ln(3 - t)\n");
    let run = place.run(&["simulate", "late.slope", "--to", "5"]);
    run.bad(&["equation of `b`", "`ln(3 - t)`", "line 4", "t = "]);
}

/// The experiment's own values are those that the expression is looked up with.
#[test]
fn a_right_hand_side_that_is_not_finite_in_one_experiment() {
    let spoil = |p: &Place| {
        p.replace("model.slope", "-k*x", "-k*x/(k - 0.7)");
        let one = "[[experiment]]\nname = \"fine\"\ndata = \"points\"\n";
        let two = "[[experiment]]\nname = \"broken\"\ndata = \"points\"\nset = { k = 0.7 }";
        add(p, &format!("{one}{two}"));
    };
    refused(spoil, &["experiment broken", "equation of `x`", "`-k*x/(k - 0.7)`", "line 5"]);
}

#[test]
fn files_that_are_missing_or_in_the_way() {
    let gone = |name: &'static str| move |p: &Place| std::fs::remove_file(p.path(name)).unwrap();
    refused(gone("study.toml"), &["study.toml cannot be read", "try: check the path"]);
    refused(gone("model.slope"), &["model.slope cannot be read", "try: check the path"]);
    refused(gone("points.csv"), &["points.csv", "try: "]);

    let place = Place::new();
    decay(&place);
    place.run(&["check", "no.slope"]).bad(&["no.slope cannot be read", "try: check the path"]);
    place.write("taken.slopefield", "mine");
    let run = place.run(&["fit", "study.toml", "--out", "taken.slopefield"]);
    run.bad(&["taken.slopefield exists already", "another name", "--resume"]);
    assert_eq!(place.read("taken.slopefield"), "mine");
    let run = place.run(&["fit", "study.toml", "--out", "nowhere/r.slopefield"]);
    run.bad(&["there is no folder", "nowhere", "make the folder"]);
    assert!(!place.path("nowhere").exists());
}

#[test]
fn files_that_are_no_projects() {
    let place = Place::new();
    decay(&place);
    let commands: [&[&str]; 4] = [
        &["project", "info"],
        &["forecast"],
        &["report"],
        &["fit", "study.toml", "--resume", "--out"],
    ];
    for command in commands {
        let run = place.run(&[command, &["points.csv"]].concat());
        run.bad(&["points.csv` is not a Slopefield project", "try: "]);
    }
    let run = place.run(&["project", "verify", "points.csv"]);
    assert!(!run.ok && run.out.contains("is not a Slopefield project"), "{}", run.out);
    place.run(&["project", "verify", "no.slopefield"]).bad(&["no.slopefield", "try: "]);
    assert_eq!(place.names(), ["model.slope", "points.csv", "study.toml"]);
}

/// A project with a byte changed in the middle, and one cut short.
#[test]
fn damaged_projects_are_told_apart_from_good_ones() {
    let place = Place::new();
    decay(&place);
    place.run(&["fit", "study.toml", "--out", "good.slopefield"]).good();
    let bytes = std::fs::read(place.path("good.slopefield")).unwrap();
    std::fs::write(place.path("short.slopefield"), &bytes[..bytes.len() / 2]).unwrap();
    let mut scribbled = bytes.clone();
    for page in scribbled.chunks_mut(4096).skip(1) {
        page[..8].fill(0xAB);
    }
    std::fs::write(place.path("scribbled.slopefield"), scribbled).unwrap();
    for name in ["short.slopefield", "scribbled.slopefield"] {
        let run = place.run(&["project", "verify", name, "--json"]);
        assert!(!run.ok, "{name}: {}", run.out);
        place.run(&["forecast", name]).bad(&["error: ", "try: "]);
        place.run(&["report", name]).bad(&["error: ", "try: "]);
    }
    assert!(!place.path("short.html").exists() && !place.path("scribbled.html").exists());
    place.run(&["project", "verify", "good.slopefield"]).good();
}

/// With `--json` the failure is an object in the last line, too.
#[test]
fn failures_as_json() {
    let place = Place::new();
    decay(&place);
    add(&place, "[solver]\nmethod = \"nope\"");
    let run = place.run(&["fit", "study.toml", "--json"]);
    assert!(!run.ok);
    let json: serde_json::Value = serde_json::from_str(run.out.trim()).unwrap();
    assert_eq!(json["error"]["code"], "study");
    assert!(json["error"]["message"].as_str().unwrap().contains("`nope`"));
}
