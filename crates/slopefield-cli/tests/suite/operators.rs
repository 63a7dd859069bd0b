//! A network with an operator in native code, from the C source of the example to a trained project, in a
//! process of its own as all code of third parties.
use crate::common;

use common::{Place, Run, STUDY, number, repository, table};
use std::path::PathBuf;
use std::process::Command;

const ID: &str = "org.example.c-operator";
const MODEL: &str = "state x = 1\nparam k = 1 in [0.5, 2]\n\
    network f: org.example.c-operator/sinc(inputs: 1, outputs: 1, width: 5)\n\
    x' = -k*f(x)\nobserve x_seen = x\n";

/// The example as a version, compiled and installed alone; the folder of plugins.
fn installed(place: &Place, version: &str) -> PathBuf {
    let example = repository().join("plugins/examples/c-operator");
    // Not `plugins`, where those of the application lie beside the program.
    let plugins = place.path("installed");
    let _ = std::fs::remove_dir_all(&plugins);
    let folder = plugins.join(ID).join(version);
    std::fs::create_dir_all(&folder).unwrap();
    let of_version = |file: &str| {
        let text = std::fs::read_to_string(example.join(file)).unwrap();
        assert_eq!(text.matches("\"0.1.0\"").count(), 1, "{file}");
        text.replace("\"0.1.0\"", &format!("\"{version}\""))
    };
    place.write("sinc.c", &of_version("src/sinc.c"));
    let cc = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let compiled = Command::new(&cc)
        .args(["-std=c99", "-O2", "-shared", "-fPIC", "-I"])
        .arg(repository().join("plugins/abi/include"))
        .arg(place.path("sinc.c"))
        .args(["-lm", "-o"])
        .arg(folder.join("sinc.so"))
        .output()
        .unwrap_or_else(|e| panic!("the C compiler `{cc}` cannot be run: {e}"));
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let platform = slopefield_plugin_host::platform();
    let library = format!("\n[native.library.{platform}]\nfile = \"sinc.so\"\n");
    std::fs::write(folder.join("plugin.toml"), of_version("plugin.toml") + &library).unwrap();
    plugins
}

#[test]
fn a_study_is_trained_with_an_operator_in_c() {
    let place = Place::new();
    let plugins = installed(&place, "0.1.0");
    // Beside a copy of the program no plugins lie, so that this one is a stranger's.
    let program = place.path("slopefield-alone");
    std::fs::copy(common::PROGRAM, &program).unwrap();
    let run = |arguments: &[&str]| {
        let all = [arguments, &["--plugins", plugins.to_str().unwrap()]].concat();
        let output = place.command_of(&program, &all).output().unwrap();
        Run {
            ok: output.status.success(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    };
    place.write("model.slope", MODEL);
    let points: Vec<_> =
        (0..=20).map(|i| 0.1 * f64::from(i)).map(|t| format!("{t},{}\n", (-t).exp())).collect();
    place.write("points.csv", &format!("t,x\n{}", points.concat()));
    place.write("study.toml", STUDY);
    run(&["fit", "study.toml"]).bad(&["has not been trusted"]);
    run(&["plugin", "trust", ID, "--yes"]).good();

    let fit = ["fit", "study.toml", "--json", "--iterations", "150", "--out"];
    let loss = number(&run(&[&fit[..], &["a.slopefield"]].concat()).json()["loss"]);
    // Per point 1 in 100 of the start value at most.
    assert!(loss < 21.0 * 1e-4, "{loss}");
    let gradient = run(&["gradient", "study.toml", "--compare", "--check", "--json"]).json();
    let exact = gradient["methods"].as_array().unwrap().iter().filter(|m| m["exact"] == true);
    let exact: Vec<_> = exact.collect();
    assert_eq!(exact.len(), 2, "{gradient}");
    for method in exact {
        assert!(number(&method["check"]) <= 1e-8, "{method}");
    }
    run(&["gradient", "study.toml", "--hessian"])
        .bad(&["`org.example.c-operator@0.1.0/sinc`", "no exact second derivatives"]);

    // The curvature at a fit is of differences. That of `n` normal errors gives s/√(2n) for their scatter.
    let noisy = "param s = 0.1 in [0.001, 1]\nobserve x_seen = x with normal(s)";
    place.write("noisy.slope", &MODEL.replace("observe x_seen = x", noisy));
    let study = STUDY.replace("model.slope", "noisy.slope");
    place.write("noisy.toml", &format!("{study}\n[training]\niterations = 100\n"));
    let found = run(&["uncertainty", "noisy.toml", "--method", "laplace"]).good();
    let row = found.lines().find(|line| line.starts_with("s ")).unwrap();
    let numbers: Vec<f64> = row.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    common::close(numbers[1] / numbers[0], 1.0 / 42f64.sqrt(), 1e-2);

    // Trajectories of a scan are those that are solved alone.
    let of = ["simulate", "model.slope", "--seed", "4", "--at", "1,2"];
    let rows = table(&run(&[&of[..], &["--scan", "k=0.5:2:4"]].concat()).good()).1;
    assert_eq!(rows.len(), 8);
    for pair in rows.chunks(2) {
        let set = format!("k={}", pair[0][0]);
        let alone = table(&run(&[&of[..], &["--set", &set]].concat()).good()).1;
        for (row, alone) in pair.iter().zip(alone) {
            for (scanned, single) in row[1..].iter().zip(&alone) {
                common::close(*scanned, *single, 1e-5);
            }
        }
    }

    let curves = run(&["forecast", "a.slopefield"]).good();
    let info = run(&["project", "info", "a.slopefield"]).good();
    assert_eq!(run(&["forecast", "a.slopefield"]).good(), curves);
    // Without the plugin the results are there, and what computes says what is missing.
    run(&["plugin", "untrust", ID]).good();
    assert_eq!(run(&["project", "info", "a.slopefield"]).good(), info);
    run(&["forecast", "a.slopefield"]).bad(&[
        "uses the operator `sinc`",
        "code of the plugin org.example.c-operator 0.1.0",
        "has not been trusted",
    ]);
    std::fs::remove_dir_all(&plugins).unwrap();
    std::fs::create_dir(&plugins).unwrap();
    run(&["forecast", "a.slopefield"])
        .bad(&["uses the operator `sinc`", "the plugin org.example.c-operator is not installed"]);
    // The graph of a run is that of its version; another one trains its own.
    installed(&place, "0.2.0");
    run(&["plugin", "trust", ID, "--yes"]).good();
    run(&["forecast", "a.slopefield"]).bad(&[
        "the operator `sinc` is code of the plugin org.example.c-operator 0.1.0, which is not loaded",
        "install and trust this version",
    ]);
    run(&[&fit[..], &["b.slopefield"]].concat()).good();
    assert_eq!(run(&["forecast", "b.slopefield"]).good(), curves);
}
