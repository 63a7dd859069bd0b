//! `slopefield bench`: what is listed, printed, written and refused. No test looks at a time.
use crate::common;

use common::{Place, Run};
use serde_json::Value;

/// One short case, with other variables in the environment.
fn bench(place: &Place, more: &[&str], variables: &[(&str, &str)]) -> Run {
    let mut command = place.command(&["bench", "core", "--case", "lv-rhs", "--seconds", "0"]);
    let output = command.args(more).envs(variables.iter().copied()).output().unwrap();
    Run {
        ok: output.status.success(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

const NO_COMPILER: [(&str, &str); 2] = [("CC", "no-such-cc"), ("CXX", "no-such-c++")];

#[test]
fn without_a_suite_everything_is_listed() {
    let place = Place::new();
    let text = place.run(&["bench"]).good();
    for part in ["core: ", "  lv-rhs ", "  lv-solve ", "  compile-lv ", "slopefield bench core"] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let list = place.run(&["bench", "--json"]).json();
    let cases = list["suites"][0]["cases"].as_array().unwrap();
    assert!(cases.iter().all(|case| text.contains(case["name"].as_str().unwrap())));
    assert!(cases.iter().all(|case| text.contains(case["about"].as_str().unwrap())));
}

#[test]
fn a_case_is_a_line_with_c_beside_it() {
    let place = Place::new();
    let text = bench(&place, &[], &[]).good();
    let line = text.lines().find(|line| line.starts_with("lv-rhs")).unwrap();
    let cells: Vec<_> = line.split_whitespace().collect();
    assert_eq!((cells[2], cells[4]), ("ns", "ns"), "{line}");
    assert!(cells[5].parse::<f64>().unwrap() > 0.0, "{line}");
    assert!(line.contains("<= 1.10") && line.contains('s'), "{line}");
    assert!(text.contains("C: "), "{text}");
    // The library stays in the user's folder and is used again.
    let libraries = || std::fs::read_dir(place.path("data/cache/bench")).unwrap().count();
    assert_eq!(libraries(), 1);
    bench(&place, &[], &[]).good();
    assert_eq!(libraries(), 1);
}

#[test]
fn the_last_line_is_one_object() {
    let place = Place::new();
    let run = bench(&place, &["--json"], &[]);
    assert_eq!(run.out.lines().count(), 1);
    let object = run.json();
    assert_eq!(object["suite"], "core");
    assert!(object["machine"]["cores"].as_u64().unwrap() > 0);
    assert!(object["compiler"].is_string());
    let case = &object["cases"][0];
    assert_eq!((&case["name"], &case["failed"]), (&Value::from("lv-rhs"), &Value::Null));
    assert_eq!(case["target"]["ratio"], 1.1);
    let figures = &case["figures"];
    for field in ["ours", "comparator"] {
        let [min, median, p90] = ["min", "median", "p90"].map(|f| figures[field][f].as_f64());
        assert!(min > Some(0.0) && median >= min && p90 >= median, "{figures}");
    }
    assert!(figures["disagreement"].as_f64().unwrap() <= 1e-12);
    assert!(figures["ratio"]["min"].is_f64() && figures["reached"].is_boolean());
}

#[test]
fn without_a_compiler_our_times_stand_alone() {
    let place = Place::new();
    let text = bench(&place, &[], &NO_COMPILER).good();
    assert!(text.contains("no C compiler") && text.contains("CC and CXX"), "{text}");
    let object = bench(&place, &["--json"], &NO_COMPILER).json();
    assert_eq!(object["compiler"], Value::Null);
    let figures = &object["cases"][0]["figures"];
    assert!(figures["ours"]["min"].as_f64().unwrap() > 0.0);
    for field in ["comparator", "ratio", "reached", "disagreement"] {
        assert_eq!(figures[field], Value::Null, "{field}");
    }
    assert!(!place.path("data/cache/bench").exists());
}

/// A compiler that says it is one and then fails: no figures for the case, what it printed, and
/// exit code 1.
#[test]
#[cfg(unix)]
fn a_comparator_that_does_not_compile_fails_the_bench() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && echo broken 1.0 && exit\n\
                  echo no such flag >&2\nexit 1\n";
    place.write("cc.sh", script);
    let path = place.path("cc.sh");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let variables = [("CC", path.to_str().unwrap())];
    let run = bench(&place, &[], &variables);
    assert!(run.out.contains("lv-rhs"), "{}", run.out);
    run.bad(&["lv-rhs", "lotka_volterra.c does not compile with broken 1.0", "no such flag"]);
    let run = bench(&place, &["--json"], &variables);
    assert!(!run.ok);
    let object: Value = serde_json::from_str(run.out.lines().next_back().unwrap()).unwrap();
    assert_eq!(object["cases"][0]["figures"], Value::Null);
    assert!(object["cases"][0]["failed"].as_str().unwrap().contains("does not compile"));
}

#[test]
fn records_have_the_fields_of_the_peers() {
    let place = Place::new();
    bench(&place, &["--record", "ours.jsonl"], &NO_COMPILER).good();
    let text = place.read("ours.jsonl");
    assert_eq!(text.lines().count(), 1);
    let record: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&record["tool"], &record["bench"]), (&"slopefield".into(), &"core".into()));
    assert!(record["value"].as_f64().unwrap() > 0.0);
    // A fresh process was started and came to its first result.
    assert!(record["cold_s"].as_f64().unwrap() > 0.0);
    assert!(record["when"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn what_does_not_exist_is_told_with_what_does() {
    let place = Place::new();
    place.run(&["bench", "core", "--case", "lv-rsh"]).bad(&["`lv-rsh`", "there are: lv-rhs, "]);
    place.run(&["bench", "cores"]).bad(&["`cores`", "there is: core"]);
    place.run(&["bench", "core", "--seconds", "-1"]).bad(&["--seconds", "0 to 3600"]);
    let run = bench(&place, &["--record", "no/such/folder.jsonl"], &NO_COMPILER);
    assert_eq!(run.out, "");
    run.bad(&["folder.jsonl cannot be written"]);
}

/// Missing peers are told before anything is measured, with how to get them.
#[test]
fn missing_peers_are_told_first() {
    let place = Place::new();
    let run = bench(&place, &["--peers"], &NO_COMPILER);
    assert_eq!(run.out, "");
    run.bad(&["scripts of the peers", "--peers-folder"]);
    let folder = common::repository().join("benches/peers");
    let words = ["--peers", "--peers-folder", folder.to_str().unwrap(), "--python", "no-python"];
    let run = bench(&place, &words, &NO_COMPILER);
    assert_eq!(run.out, "");
    run.bad(&["no-python cannot be started", "pip install", "requirements.txt"]);
}

#[test]
fn help_shows_what_to_type() {
    let text = Place::new().run(&["bench", "--help"]).good();
    assert!(text.contains("slopefield bench core --case lv "), "{text}");
    assert!(text.contains("docs/benchmarks.md"), "{text}");
}

#[test]
fn work_without_measuring_prints_nothing() {
    let place = Place::new();
    let run = place.run(&["bench", "core", "--case", "compile-lv", "--once"]);
    assert_eq!((run.ok, &*run.out, &*run.err), (true, "", ""));
}

#[test]
fn solvers_give_a_table_with_goals_and_a_picture() {
    let place = Place::new();
    let arguments =
        ["bench", "solvers", "--problem", "rober", "--seconds", "0", "--plot", "diagrams.html"];
    let text = place.run(&arguments).good();
    let header = text.lines().find(|line| line.starts_with("rober ")).unwrap();
    for column in ["rtol", "error", "time", "steps", "rhs", "jac", "lu"] {
        assert!(header.contains(column), "{header}");
    }
    for part in [
        "rodas5p",
        "bdf",
        "C: Rodas4",
        "goal: best Rosenbrock method for an error of 1e-6",
        "are met",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let page = std::fs::read_to_string(place.path("diagrams.html")).unwrap();
    assert!(page.contains("rodas5p") && page.contains("Work and precision"));
}

#[test]
fn an_unknown_problem_of_the_solvers_is_refused() {
    let place = Place::new();
    let run = place.run(&["bench", "solvers", "--problem", "robber"]);
    assert!(!run.ok && run.err.contains("rober"), "{}", run.err);
}

/// The whole command is measured as a process, beside what a Python says of other programs; here a script
/// says it, that diffrax took an hour from its start and a nanosecond without.
#[test]
#[cfg(unix)]
fn the_whole_command_stands_beside_processes_of_other_programs() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let record = r#"{"bench":"B3","tool":"diffrax","case":"train300 f64: scan","unit":"s","#;
    let record = format!("{record}\"value\":2e-9,\"min\":1e-9,\"cold_s\":3600}}");
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = -c ]; then echo numpy scipy diffrax; exit; fi\necho '{record}'\n"
    );
    place.write("python.sh", &script);
    let python = place.path("python.sh");
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
    let scripts = common::repository().join("benches/peers");
    let [python, scripts] = [&python, &scripts].map(|path| path.to_str().unwrap());
    let case = ["bench", "training", "--case", "spiral-process", "--seconds", "0"];
    let peers = ["--peers", "--python", python, "--peers-folder", scripts];
    let object = place.run(&[&case[..], &peers, &["--json"]].concat()).json();
    let case_json = &object["cases"][0];
    assert_eq!(case_json["failed"], Value::Null, "{case_json}");
    let figures = &case_json["figures"];
    let (whole, inside) = (&figures["ours"]["min"], &figures["inside_s"]);
    assert!(inside.as_f64().unwrap() > 0.0 && inside.as_f64() < whole.as_f64(), "{figures}");
    assert!(figures["error"].as_f64().unwrap() < 0.4);
    let times: Vec<_> = (0..3).map(|i| case_json["beside"][i]["times"].as_f64()).collect();
    assert!(times[0] > Some(50.0) && times[1].is_none() && times[2] < Some(1e-3), "{case_json}");
    let text = place.run(&[&case[..], &peers].concat()).good();
    assert!(text.contains("diffrax, scan"), "{text}");
    assert!(
        text.contains("goal: torchdiffeq from its start: not measured, at least 50\n"),
        "{text}"
    );
    let missed = text.lines().find(|l| l.starts_with("goal: diffrax without its start")).unwrap();
    assert!(missed.ends_with("at least 17, missed"), "{missed}");
}
