//! Plugins with a Makefile, which need what is not on every machine. Where that is missing, the test
//! says so and looks at nothing.
use crate::common;

use common::{Place, close, decay, number, repository};
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::path::PathBuf;
use std::process::Command;

fn plugins() -> PathBuf {
    repository().join("plugins")
}

/// Where SUNDIALS is: installed, or as `scripts/sundials.sh` puts it below the target folder.
fn sundials() -> Option<String> {
    let products = std::path::Path::new(common::PROGRAM).parent().unwrap();
    let ours = products.parent().unwrap().join("sundials/usr");
    [PathBuf::from("/usr"), ours]
        .iter()
        .map(|folder| format!("SUNDIALS={}", folder.display()))
        .find(|variable| {
            let make = Command::new("make")
                .args(["--silent", "-C"])
                .arg(plugins().join("cvode"))
                .args(["there", variable])
                .output();
            make.is_ok_and(|made| made.status.success())
        })
}

/// A plugin with a Makefile, built and put in place; a place whose user trusts it.
fn made(name: &str, variables: &[String]) -> Place {
    let place = Place::new();
    let (built, out) = (place.path("built"), place.path("plugins"));
    let bundle = slopefield_plugin_host::bundle_made;
    bundle(&plugins(), name, variables, &built, &out).unwrap();
    let id = format!("org.slopefield.{name}");
    place.run(&["plugin", "trust", &id, "--yes", "--plugins", "plugins"]).good();
    place
}

/// Every test of plugins passes, and nothing is worth a word. How long the scan takes on a busy machine
/// says nothing.
fn sound(place: &Place, name: &str) {
    let folder = plugins().join(name);
    let file = format!("{DLL_PREFIX}slopefield_plugin_{name}{DLL_SUFFIX}");
    let library = place.path("built").join(file);
    let words = ["plugin", "check", folder.to_str().unwrap(), "--exclude", "library.scan-time"];
    let more = ["--library", library.to_str().unwrap()];
    let printed = place.run(&[&words[..], &more].concat()).good();
    assert!(!printed.contains("warning"), "{printed}");
    for test in ["solver.failing-callback", "solver.tolerance", "solver.dense-order"] {
        let passed = printed.lines().filter(|l| l.starts_with("passed") && l.contains(test));
        assert!(passed.count() > 0, "{test} is not in\n{printed}");
    }
}

/// The decay is fitted through each of the solvers as through the built-in one, by continuous adjoints
/// that agree with differences of the loss.
fn fits(place: &Place, methods: &[&str]) {
    decay(place);
    let own = place.run(&["fit", "study.toml", "--json"]).json();
    let study = place.read("study.toml");
    for method in methods {
        place.write(
            "study.toml",
            &format!("{study}\n[solver]\nmethod = \"{method}\"\nrtol = 1e-9\natol = 1e-10\n"),
        );
        let run = |words: &[&str]| place.run(&[words, &["--plugins", "plugins"]].concat()).json();
        let fit = run(&["fit", "study.toml", "--json"]);
        for name in ["a", "k"] {
            close(number(&fit["parameters"][name]), number(&own["parameters"][name]), 1e-5);
        }
        let gradient = run(&["gradient", "study.toml", "--compare", "--check", "--json"]);
        let methods = gradient["methods"].as_array().unwrap();
        let names: Vec<_> = methods.iter().map(|m| m["method"].as_str().unwrap()).collect();
        assert_eq!(names, ["gauss", "interpolating", "quadrature", "backsolve"]);
        for found in methods {
            assert!(number(&found["check"]) < 1e-6, "{method}: {found}");
        }
    }
}

/// Robertson's reaction to t = 40, which an explicit method cannot take, beside the values of Hairer &
/// Wanner, Solving Ordinary Differential Equations II, section IV.10.
fn stiff(place: &Place, method: &str) {
    place.write(
        "robertson.slope",
        "state y1 = 1\nstate y2 = 0\nstate y3 = 0\n\
         y1' = -0.04*y1 + 1e4*y2*y3\ny2' = 0.04*y1 - 1e4*y2*y3 - 3e7*y2^2\ny3' = 3e7*y2^2\n",
    );
    let words = ["simulate", "robertson.slope", "--at", "40", "--method", method];
    let more = ["--rtol", "1e-8", "--atol", "1e-12", "--plugins", "plugins"];
    let text = place.run(&[&words[..], &more].concat()).good();
    let row = &common::table(&text).1[0];
    for (found, expected) in
        row[1..].iter().zip([0.715_827_068_7, 9.185_534_765e-6, 0.284_163_745_7])
    {
        close(*found, expected, 1e-5);
    }
}

#[test]
fn cvode() {
    let Some(sundials) = sundials() else {
        println!("SUNDIALS is not there (see plugins/cvode/README.md): CVODE is not tested");
        return;
    };
    let place = made("cvode", &[sundials]);
    sound(&place, "cvode");
    fits(&place, &["org.slopefield.cvode/bdf", "org.slopefield.cvode/adams"]);
    stiff(&place, "org.slopefield.cvode/bdf");
}

/// The library behind it takes minutes to build, so this looks only at one that has been built.
#[test]
fn diffsol() {
    let products = std::path::Path::new(common::PROGRAM).parent().unwrap();
    let build = products.parent().unwrap().join("diffsol");
    let library = format!("{DLL_PREFIX}slopefield_plugin_diffsol{DLL_SUFFIX}");
    if !build.join("release").join(library).is_file() {
        println!("diffsol is not built (see plugins/diffsol/README.md): it is not tested");
        return;
    }
    let place = made("diffsol", &[format!("BUILD={}", build.display())]);
    sound(&place, "diffsol");
    let methods = ["bdf", "tr-bdf2", "esdirk34"].map(|m| format!("org.slopefield.diffsol/{m}"));
    let [bdf, _, esdirk34] = &methods;
    fits(&place, &[bdf, esdirk34]);
    for method in &methods {
        stiff(&place, method);
    }
}

#[test]
fn what_make_says_is_told() {
    let place = Place::new();
    let bundle = slopefield_plugin_host::bundle_made;
    let nowhere = ["SUNDIALS=/no/such/folder".to_owned(), "CC=no-such-compiler".to_owned()];
    let error = bundle(&plugins(), "cvode", &nowhere, &place.path("b"), &place.path("o"));
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("cvode could not be built") && error.contains("no-such-compiler"),
        "{error}"
    );
    assert!(!place.path("o").exists());
}
