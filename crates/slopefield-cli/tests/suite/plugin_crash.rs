//! Plugins that take their process along, as who types commands meets them: an exit code, the name of
//! the culprit, how it ended and what it said last.
use crate::common;

use common::{Place, decay, repository};
use std::process::{Command, Output};

const ID: &str = "org.example.crash";

/// The solvers of `tests/bad-plugins/bad_plugin.c`, from the list that it includes.
fn solvers() -> Vec<String> {
    let list = std::fs::read_to_string(repository().join("tests/bad-plugins/solvers.inc")).unwrap();
    list.lines().map(|line| line.trim_matches(['"', ',']).to_owned()).collect()
}

/// A place with the bad plugin of `tests/bad-plugins`, installed and trusted.
fn place() -> Place {
    let place = Place::new();
    let platform = slopefield_plugin_host::platform();
    let folder = format!("plugins/{ID}/1.0.0");
    std::fs::create_dir_all(place.path(&folder)).unwrap();
    let cc = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let compiled = Command::new(&cc)
        .args(["-std=c99", "-O2", "-shared", "-fPIC", "-I"])
        .arg(repository().join("plugins/abi/include"))
        .arg(repository().join("tests/bad-plugins/bad_plugin.c"))
        .arg("-o")
        .arg(place.path(&format!("{folder}/plugin.so")))
        .output()
        .unwrap_or_else(|e| panic!("`{cc}` cannot be run ({e}): install one, or name it in CC"));
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let provides: String = solvers()
        .iter()
        .map(|s| format!("[[provides]]\nkind = \"solver\"\nid = \"{s}\"\nname = \"{s}\"\n"))
        .collect();
    place.write(
        &format!("{folder}/plugin.toml"),
        &format!(
            "manifest = 1\nid = \"{ID}\"\nversion = \"1.0.0\"\nname = \"Bad\"\nlicense = \"MIT\"\n\
             [native]\nabi = \"1.0\"\n[native.library.{platform}]\nfile = \"plugin.so\"\n{provides}"
        ),
    );
    place.run(&["plugin", "trust", ID, "--yes", "--plugins", "plugins"]).good();
    decay(&place);
    place
}

fn run(place: &Place, arguments: &[&str]) -> Output {
    place.command(&[arguments, &["--plugins", "plugins"]].concat()).output().unwrap()
}

fn simulate(place: &Place, solver: &str) -> Output {
    let method = format!("{ID}/{solver}");
    run(place, &["simulate", "model.slope", "--at", "1", "--method", &method])
}

/// It failed with exit code 1, printed nothing that could be taken for a result, and says all of the
/// parts.
#[track_caller]
fn failed(output: &Output, parts: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in\n{said}");
    }
}

#[test]
fn a_simulation_whose_plugin_crashes_says_which_and_how() {
    let place = place();
    let good = simulate(&place, "good");
    assert_eq!(good.status.code(), Some(0));
    let ends = [
        ("segv-step", &["signal: 11", "SIGSEGV", "about to read from nowhere"][..]),
        ("segv-destroy", &["signal: 11", "SIGSEGV"]),
        ("abort", &["signal: 6", "SIGABRT"]),
        ("exit-zero", &["exit status: 0"]),
    ];
    for (solver, parts) in ends {
        let found = simulate(&place, solver);
        failed(&found, &[&["error: ", ID, "ended while it was working", "try: "], parts].concat());
        // A good end between two deaths, with the same numbers as ever.
        assert_eq!(simulate(&place, "good").stdout, good.stdout);
    }
}

#[test]
fn a_training_whose_plugin_crashes_leaves_no_file_that_looks_like_a_fit() {
    let place = place();
    let study = place.read("study.toml");
    let with = |solver: &str| {
        place.write("study.toml", &format!("{study}\n[solver]\nmethod = \"{ID}/{solver}\"\n"));
    };
    with("segv-step");
    let before = place.names();
    let fit = || run(&place, &["fit", "study.toml", "--out", "a.slopefield"]);
    let parts = ["error: ", ID, "signal: 11", "SIGSEGV", "about to read from nowhere", "try: "];
    failed(&fit(), &parts);
    assert_eq!(place.names(), before);

    // As JSON the reason is an object, and the exit code the same.
    let as_json = run(&place, &["fit", "study.toml", "--json"]);
    assert_eq!(as_json.status.code(), Some(1));
    let text = String::from_utf8(as_json.stdout).unwrap();
    let object: serde_json::Value =
        serde_json::from_str(text.lines().next_back().unwrap()).unwrap();
    assert_eq!(object["error"]["code"], "plugin");
    assert!(object["error"]["message"].as_str().unwrap().contains(ID), "{object}");
    let details = object["error"]["details"].as_array().unwrap();
    assert!(details.iter().any(|line| line == "about to read from nowhere"), "{object}");

    // Those were two deaths in a row: nothing of the plugin runs now, and the way back is told.
    with("good");
    failed(
        &fit(),
        &["is disabled", "2 times in a row", "slopefield plugin enable org.example.crash"],
    );
    run(&place, &["plugin", "enable", ID]);
    assert_eq!(simulate(&place, "good").status.code(), Some(0));
}
