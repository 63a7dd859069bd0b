//! Fit, project file, forecast and report, one after the other.
use crate::common;

use common::{Place, close, decay, number, table};

#[test]
fn a_fit_is_stored_and_can_be_used_later() {
    let place = Place::new();
    decay(&place);
    let fit = place.run(&["fit", "study.toml", "--out", "r.slopefield", "--json"]).json();
    let (a, k) = (number(&fit["parameters"]["a"]), number(&fit["parameters"]["k"]));
    assert_eq!(place.names(), ["model.slope", "points.csv", "r.slopefield", "study.toml"]);

    let info = place.run(&["project", "info", "r.slopefield"]).good();
    for part in ["Decay", "points, 4 rows", "run 1", "finished"] {
        assert!(info.contains(part), "`{part}` is not in\n{info}");
    }
    let info = place.run(&["project", "info", "r.slopefield", "--json"]).json();
    assert_eq!(info["runs"][0]["id"], fit["run"]);
    assert_eq!(info["runs"][0]["loss"], fit["loss"]);
    assert_eq!(info["tables"], serde_json::json!([["points", 4]]));

    let verified = place.run(&["project", "verify", "r.slopefield"]).good();
    assert!(verified.contains("nothing is wrong"));
    let json = place.run(&["project", "verify", "r.slopefield", "--json"]).json();
    assert_eq!(json["ok"], true);

    // The files of the study are not needed any more.
    for name in ["model.slope", "points.csv", "study.toml"] {
        std::fs::remove_file(place.path(name)).unwrap();
    }
    let arguments = ["forecast", "r.slopefield", "--until", "6", "--points", "4"];
    let text = place.run(&arguments).good();
    let (header, rows) = table(&text);
    assert_eq!(header, ["t", "x_seen"]);
    assert_eq!(rows.iter().map(|r| r[0]).collect::<Vec<_>>(), [0.0, 2.0, 4.0, 6.0]);
    for row in &rows {
        close(row[1], a * (-k * row[0]).exp(), 1e-5);
    }
    for form in [["--json"].as_slice(), &["--format", "json"]] {
        let json = place.run(&[&arguments, form].concat()).json();
        assert_eq!(json["run"]["number"], 1);
        assert_eq!(json["curves"][0]["experiment"], "points");
        let columns = &json["curves"][0]["columns"];
        assert_eq!(columns["t"], serde_json::json!([0.0, 2.0, 4.0, 6.0]));
        for (found, row) in columns["x_seen"].as_array().unwrap().iter().zip(&rows) {
            close(number(found), row[1], 1e-15);
        }
    }
    // Without an end: a quarter of the span beyond the data.
    let text = place.run(&["forecast", "r.slopefield", "--run", "1"]).good();
    let (_, rows) = table(&text);
    assert_eq!((rows.len(), rows[200][0]), (201, 3.75));
    place.run(&["forecast", "r.slopefield", "--run", "2"]).bad(&["no run `2`"]);
    let run = place.run(&["forecast", "r.slopefield", "--until", "-1"]);
    run.bad(&["the end -1 is not after the start 0"]);
    let run = place.run(&["fit", "s.toml", "--resume", "--out", "r.slopefield"]);
    run.bad(&["no run that can go on", "try: "]);
}

/// Text of a project is never markup of the page.
#[test]
fn the_report_is_one_page_and_harmless() {
    let place = Place::new();
    decay(&place);
    let attack = "<script>alert(1)</script>";
    place.replace("model.slope", "Decay", attack);
    let experiment =
        format!("[[experiment]]\nname = \"{attack}\"\ndata = \"points\"\nhold_out = \"3..\"");
    let study = place.read("study.toml");
    place.write("study.toml", &format!("{study}\n{experiment}\n"));
    let fit = place.run(&["fit", "study.toml", "--out", "r.slopefield", "--json"]).json();
    let said = place.run(&["report", "r.slopefield"]).good();
    assert_eq!(said.trim(), place.path("r.html").canonicalize().unwrap().to_str().unwrap());
    let page = place.read("r.html");
    assert!(!page.contains(attack));
    assert!(page.contains("<title>&lt;script&gt;alert(1)&lt;/script&gt;</title>"));
    assert!(page.contains("<h1>&lt;script&gt;"));
    // Plotly itself is in the page; nothing is loaded from elsewhere.
    assert!(page.contains("Plotly.newPlot") && page.len() > 1_000_000);
    assert!(!page.contains("<script src") && !page.contains("<link"));
    for part in ["<td>a</td>", "<td>k</td>", "held out", "x&#39; = -k*x"] {
        assert!(page.contains(part) || page.contains(&part.replace("&#39;", "'")), "{part}");
    }
    let k = number(&fit["parameters"]["k"]);
    assert!(page.contains(&format!("<td>{k:.6}</td>")), "{k:.6} is missing");

    let said = place.run(&["report", "r.slopefield", "--out", "other.html", "--json"]).json();
    assert!(said["path"].as_str().unwrap().ends_with("other.html"));
    assert_eq!(place.read("other.html"), page);
    let run = place.run(&["report", "r.slopefield", "--out", "nowhere/r.html"]);
    run.bad(&["nowhere/r.html cannot be written", "try: "]);
}

/// Same study, same seed: the same bits; another seed: other weights.
#[test]
fn same_study_same_bits() {
    let place = Place::with_example("hudson-bay-neural");
    let curves = |out: &str| {
        place.run(&["fit", "study.toml", "--iterations", "60", "--out", out]).good();
        place.run(&["forecast", out]).good()
    };
    let one = curves("one.slopefield");
    assert_eq!(one, curves("two.slopefield"));
    place.replace("study.toml", "seed = 1", "seed = 2");
    assert_ne!(one, curves("three.slopefield"));
}
