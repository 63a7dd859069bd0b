//! Studies and models that use the bundled plugins, built and put in place as for packaging.
use crate::common;

use common::{Place, between, close, decay, number, repository};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A folder with the bundled plugins, built with the same cargo, profile and target folder as
/// the program.
pub fn built() -> &'static Path {
    static FOLDER: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, folder) = FOLDER.get_or_init(|| {
        let products = Path::new(common::PROGRAM).parent().unwrap();
        let profile = match products.file_name().unwrap().to_str().unwrap() {
            "debug" => "dev",
            other => other,
        };
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--profile", profile])
            .args(["-p", "slopefield-plugin-ode-extra", "-p", "slopefield-plugin-kan"])
            .args(["-p", "slopefield-plugin-networks-extra"])
            .arg("--target-dir")
            .arg(products.parent().unwrap())
            .current_dir(repository())
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let kept = tempfile::tempdir().unwrap();
        let folder = kept.path().join("plugins");
        slopefield_plugin_host::bundle(&repository().join("plugins"), products, &folder).unwrap();
        (kept, folder)
    });
    folder
}

fn run(place: &Place, arguments: &[&str]) -> common::Run {
    place.run(&[arguments, &["--plugins", built().to_str().unwrap()]].concat())
}

/// A place whose user trusts the plugins.
fn trusting() -> Place {
    let place = Place::new();
    for id in ["org.slopefield.ode-extra", "org.slopefield.kan", "org.slopefield.networks-extra"] {
        run(&place, &["plugin", "trust", id, "--yes"]).good();
    }
    place
}

#[test]
fn the_list_names_what_plugins_offer() {
    let place = trusting();
    let text = run(&place, &["plugin", "list"]).good();
    let parts = [
        "org.slopefield.ode-extra 0.1.0",
        "solver   org.slopefield.ode-extra/dop853",
        "org.slopefield.kan 0.1.0",
        "network  org.slopefield.kan/kan",
        "network  org.slopefield.kan/chebyshev",
        "solver   org.slopefield.explicit-pairs/bs5",
        "solver   org.slopefield.implicit-methods/rodas4",
    ];
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let json = run(&place, &["plugin", "list", "--json"]).json();
    let ids: Vec<_> = json["plugins"].as_array().unwrap().iter().map(|p| &p["id"]).collect();
    let bundled = [
        "org.slopefield.explicit-pairs",
        "org.slopefield.implicit-methods",
        "org.slopefield.kan",
        "org.slopefield.networks-extra",
        "org.slopefield.ode-extra",
    ];
    assert_eq!(ids, bundled);
    assert!(json["plugins"].as_array().unwrap().iter().all(|p| p["problem"].is_null()));
}

/// A scan by the solver of a plugin, in its process: each trajectory as alone.
#[test]
fn a_scan_goes_through_the_solver_of_a_plugin() {
    let place = trusting();
    decay(&place);
    for method in ["org.slopefield.ode-extra/dop853", "org.slopefield.explicit-pairs/bs5"] {
        let of = ["simulate", "model.slope", "--at", "1,3", "--method", method];
        let text = run(&place, &[&of[..], &["--scan", "k=0.25:1:4"]].concat()).good();
        let rows = common::table(&text).1;
        assert_eq!(rows.len(), 8);
        for pair in rows.chunks(2) {
            let set = format!("k={}", pair[0][0]);
            let text = run(&place, &[&of[..], &["--set", &set]].concat()).good();
            for (row, alone) in pair.iter().zip(common::table(&text).1) {
                assert_eq!(row[1..], alone[..]);
                close(row[2], (-row[0] * row[1]).exp(), 1e-5);
            }
        }
    }
}

/// The least-squares solution of the decay is the same through another solver, whose gradient
/// can only be the continuous adjoint.
#[test]
fn a_study_is_trained_through_the_solver_of_a_plugin() {
    let place = trusting();
    decay(&place);
    let own = place.run(&["fit", "study.toml", "--json"]).json();
    let solver =
        "[solver]\nmethod = \"org.slopefield.ode-extra/dop853\"\nrtol = 1e-9\natol = 1e-10";
    let study = place.read("study.toml");
    place.write("study.toml", &format!("{study}\n{solver}\n"));
    let text = run(&place, &["fit", "study.toml", "--json", "--out", "a.slopefield"]).good();
    let fit: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    for name in ["a", "k"] {
        close(number(&fit["parameters"][name]), number(&own["parameters"][name]), 1e-4);
    }
    let gradient =
        run(&place, &["gradient", "study.toml", "--compare", "--check", "--json"]).json();
    let methods = gradient["methods"].as_array().unwrap();
    let names: Vec<_> = methods.iter().map(|m| m["method"].as_str().unwrap()).collect();
    assert_eq!(names, ["gauss", "interpolating", "quadrature", "backsolve"]);
    for method in methods {
        assert!(number(&method["check"]) < 1e-6, "{method}");
    }

    let again = run(&place, &["fit", "study.toml", "--json", "--out", "b.slopefield"]).good();
    let bits = |text: &str| between(text, "\"parameters\":", ",\"stop_reason\"").to_owned();
    assert_eq!(bits(&text), bits(&again));
    let forecast = |file: &str| run(&place, &["forecast", file]).good();
    assert_eq!(forecast("a.slopefield"), forecast("b.slopefield"));

    // A method that needs the steps of a built-in solver says so.
    place.write("study.toml", &format!("{study}\n[training]\ngradient = \"discrete\"\n{solver}\n"));
    let refused = run(&place, &["fit", "study.toml", "--out", "c.slopefield"]);
    refused.bad(&["training.gradient", "`discrete` cannot go through", "dop853", "`gauss`"]);
    assert!(!place.path("c.slopefield").exists());
}

/// Coefficients of a plugin are reversed exactly, as those that are built in, and lead to the same
/// fit.
#[test]
fn a_study_is_trained_through_a_tableau_of_a_plugin() {
    for method in ["explicit-pairs/bs5", "implicit-methods/rodas4", "implicit-methods/sdirk4"] {
        let place = Place::new();
        decay(&place);
        let own = place.run(&["fit", "study.toml", "--json"]).json();
        let solver =
            format!("[solver]\nmethod = \"org.slopefield.{method}\"\nrtol = 1e-9\natol = 1e-10");
        let study = place.read("study.toml");
        let exactly = "[training]\ngradient = \"discrete\"\n";
        place.write("study.toml", &format!("{study}\n{exactly}{solver}\n"));
        let fit = run(&place, &["fit", "study.toml", "--json", "--out", "a.slopefield"]).json();
        for name in ["a", "k"] {
            close(number(&fit["parameters"][name]), number(&own["parameters"][name]), 1e-4);
        }
        let gradient =
            run(&place, &["gradient", "study.toml", "--compare", "--check", "--json"]).json();
        let methods = gradient["methods"].as_array().unwrap();
        for exact in ["discrete", "forward"] {
            let method = methods.iter().find(|m| m["method"] == exact).unwrap();
            assert!(number(&method["check"]) < 1e-8, "{method}");
        }
    }
}

#[test]
fn a_model_is_trained_with_the_network_of_a_plugin() {
    trained_with("kan/kan(inputs: 1, outputs: 1)");
}

#[test]
fn a_model_is_trained_with_a_network_of_sines() {
    trained_with(
        "networks-extra/siren(inputs: 1, outputs: 1, hidden: [8], frequency: 1, inner: 3)",
    );
}

/// The rate rises with the state, as the network must.
#[test]
fn a_model_is_trained_with_a_monotone_network() {
    trained_with("networks-extra/monotone(inputs: 1, outputs: 1, hidden: [7], increasing: [1])");
}

/// A solver and a network of two plugins in one study, in one process that is not the worker's: what
/// is learnt is the decay, the gradient is that of the loss, and the stored project goes on without the
/// plugin of the network.
#[test]
fn a_study_is_trained_with_the_solver_and_the_network_of_two_plugins() {
    let place = Place::new();
    decay(&place);
    for id in ["org.slopefield.ode-extra", "org.slopefield.kan"] {
        alone(&place, &["plugin", "trust", id, "--yes"]).good();
    }
    place.write(
        "model.slope",
        "state x = 1\nnetwork f: org.slopefield.kan/kan(inputs: 1, outputs: 1)\n\
         x' = -f(x)\nobserve x_seen = x\n",
    );
    let points: Vec<_> =
        (0..=20).map(|i| 0.1 * f64::from(i)).map(|t| format!("{t},{}\n", (-t).exp())).collect();
    place.write("points.csv", &format!("t,x\n{}", points.concat()));
    let study = place.read("study.toml");
    let solver = "[solver]\nmethod = \"org.slopefield.ode-extra/dop853\"\nrtol = 1e-8\natol = 1e-9";
    place.write("study.toml", &format!("{study}\n{solver}\n"));
    let arguments = ["fit", "study.toml", "--json", "--iterations", "150", "--out", "a.slopefield"];
    let fit = alone(&place, &arguments);
    for part in ["org.slopefield.ode-extra/dop853", "adjoint"] {
        assert!(fit.err.contains(part), "`{part}` is not in\n{}", fit.err);
    }
    let loss = number(&fit.json()["loss"]);
    // Per point 3 in 1000 of the start value at most.
    assert!(loss < 21.0 * 9e-6, "{loss}");
    let gradient = alone(&place, &["gradient", "study.toml", "--compare", "--check", "--json"]);
    for method in gradient.json()["methods"].as_array().unwrap() {
        assert!(number(&method["check"]) < 1e-5, "{method}");
    }
    let curves = alone(&place, &["forecast", "a.slopefield"]).good();
    alone(&place, &["plugin", "untrust", "org.slopefield.kan"]).good();
    assert_eq!(alone(&place, &["forecast", "a.slopefield"]).good(), curves);
    alone(&place, &["plugin", "untrust", "org.slopefield.ode-extra"]).good();
    alone(&place, &["forecast", "a.slopefield"]).bad(&["org.slopefield.ode-extra"]);
}

/// Exponential decay is learnt by a network of a plugin, with exact gradients.
fn trained_with(network: &str) {
    let place = trusting();
    decay(&place);
    place.write(
        "model.slope",
        &format!(
            "state x = 1\nnetwork f: org.slopefield.{network}\n\
             let rate = f(x)\nx' = -rate\nobserve x_seen = x\n"
        ),
    );
    let points: Vec<_> =
        (0..=20).map(|i| 0.1 * f64::from(i)).map(|t| format!("{t},{}\n", (-t).exp())).collect();
    place.write("points.csv", &format!("t,x\n{}", points.concat()));
    let fit = |out: &str| {
        let arguments = ["fit", "study.toml", "--json", "--iterations", "250", "--out", out];
        let fit = run(&place, &arguments).json();
        (number(&fit["loss"]), run(&place, &["forecast", out]).good())
    };
    let (loss, curves) = fit("a.slopefield");
    // Per point 3 in 1000 of the start value at most.
    assert!(loss < 21.0 * 9e-6, "{loss}");
    assert_eq!(curves, fit("b.slopefield").1);
    let checked = run(&place, &["gradient", "study.toml", "--compare", "--check", "--json"]).json();
    for method in checked["methods"].as_array().unwrap() {
        let bound = if method["method"] == "gauss" { 1e-4 } else { 1e-8 };
        assert!(number(&method["check"]) <= bound, "{method}");
    }
}

#[test]
fn what_no_plugin_offers_is_named_with_what_there_is() {
    let place = trusting();
    decay(&place);
    let study = place.read("study.toml");
    let with = |method: &str| {
        place.write("study.toml", &format!("{study}\n[solver]\nmethod = \"{method}\"\n"));
        run(&place, &["fit", "study.toml"])
    };
    with("org.slopefield.ode-extra/rk99").bad(&[
        "solver.method",
        "rk99",
        "org.slopefield.ode-extra/dop853",
    ]);
    with("org.example.none/dop853").bad(&[
        "solver.method",
        "org.example.none",
        "org.slopefield.ode-extra/dop853",
    ]);
    place.write("study.toml", &study);
    place.write(
        "model.slope",
        "state x = 1\nnetwork f: org.slopefield.kan/kann(inputs: 1, outputs: 1)\nx' = f(x)\nobserve x_seen = x\n",
    );
    run(&place, &["fit", "study.toml"]).bad(&["kann", "org.slopefield.kan/kan"]);
    // Without the plugins nothing of this exists, and the program says where it looked. A built
    // program may have them beside it, a copy of it has not.
    let alone = place.path("slopefield-alone");
    std::fs::copy(common::PROGRAM, &alone).unwrap();
    let none = place.command_of(&alone, &["plugin", "list"]).output().unwrap();
    let none = String::from_utf8(none.stdout).unwrap();
    assert!(none.contains("no plugins are installed") && none.contains("plugins\n"), "{none}");
}

/// A copy of the program beside which no plugins lie, so that all are a stranger's.
pub fn alone(place: &Place, arguments: &[&str]) -> common::Run {
    let program = place.path("slopefield-alone");
    if !program.exists() {
        std::fs::copy(common::PROGRAM, &program).unwrap();
    }
    let folder = built().to_str().unwrap();
    let output =
        place.command_of(&program, &[arguments, &["--plugins", folder]].concat()).output().unwrap();
    common::Run {
        ok: output.status.success(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn a_strangers_plugin_runs_only_when_trusted() {
    let place = Place::new();
    decay(&place);
    let study = place.read("study.toml");
    let id = "org.slopefield.ode-extra";
    place.write("study.toml", &format!("{study}\n[solver]\nmethod = \"{id}/dop853\"\n"));
    let fit = || alone(&place, &["fit", "study.toml", "--iterations", "3"]);
    fit().bad(&["has not been trusted", "plugin trust org.slopefield.ode-extra"]);
    assert!(!place.path("data/plugin-cache").exists());

    let list = alone(&place, &["plugin", "list"]).good();
    for part in ["not trusted", "solver   org.slopefield.ode-extra/dop853"] {
        assert!(list.contains(part), "`{part}` is not in\n{list}");
    }
    let info = alone(&place, &["plugin", "info", id]).good();
    for part in ["publisher, as it claims: ", "BLAKE3", "state: not trusted"] {
        assert!(info.contains(part), "`{part}` is not in\n{info}");
    }
    alone(&place, &["plugin", "info", "org.example.none"]).bad(&["no plugin org.example.none"]);
    // Without a terminal nobody can be asked.
    alone(&place, &["plugin", "trust", id]).bad(&["delete your files", "no terminal", "--yes"]);
    fit().bad(&["has not been trusted"]);
    alone(&place, &["plugin", "trust", id, "--yes"]).good();
    fit().good();
    assert!(alone(&place, &["plugin", "info", id]).good().contains("state: trusted"));
    let again = alone(&place, &["plugin", "trust", id]).good();
    assert!(again.contains("is trusted already"), "{again}");

    alone(&place, &["plugin", "untrust", id]).good();
    fit().bad(&["has not been trusted"]);
    alone(&place, &["plugin", "untrust", id]).bad(&["on the list of trusted ones"]);
}

#[test]
fn the_check_of_a_model_names_a_network_that_is_not_trusted() {
    let place = Place::new();
    let text = "state x = 1\nnetwork f: org.slopefield.kan/kan(inputs: 1, outputs: 1)\nx' = f(x)\n";
    place.write("model.slope", text);
    let check = || alone(&place, &["check", "model.slope"]);
    check().bad(&["org.slopefield.kan", "has not been trusted"]);
    alone(&place, &["plugin", "trust", "org.slopefield.kan", "--yes"]).good();
    check().good();
}
