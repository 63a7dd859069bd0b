//! The example plugin in Rust passes every test, and a plugin that reverses its steps wrongly does
//! not. A program of its own: it runs each test in a process that is this program again.

use slopefield_plugin_check::{Request, SUBCOMMAND, Verdict, check, child};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == SUBCOMMAND) {
        return child(arguments);
    }
    let this = std::env::current_exe().expect("this program has a path");
    // .../<profile>/deps/<this program>
    let products = this.ancestors().nth(2).expect("cargo's folder of products");
    let target = products.parent().expect("cargo's target folder");
    let profile = match products.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--profile", profile, "-p", "slopefield-plugin-example"])
        .arg("--target-dir")
        .arg(target)
        .current_dir(&repository)
        .status();
    assert!(built.is_ok_and(|status| status.success()), "the example does not build");
    let (begin, end) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let request = Request {
        source: repository.join("plugins/examples/rust"),
        library: Some(products.join(format!("{begin}slopefield_plugin_example{end}"))),
        include: std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect(),
        exclude: Vec::new(),
        seed: 1,
        time_limit: Duration::from_secs(300),
        program: this.clone(),
    };
    let report = check(&request, |line| {
        let (verdict, message) = (line.outcome.verdict, &line.outcome.message);
        println!("{:9} {} {}: {message}", verdict.word(), line.test, line.subject);
    });
    let report = report.expect("the example is a plugin");
    let bad = report.tests.iter().filter(|line| line.outcome.verdict.is_bad()).count();
    assert!(!report.tests.is_empty(), "no test has such a name");
    println!("{} tests, {bad} not passed", report.tests.len());
    wrong_gradients_are_found(&repository, &request);
    if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Of the solvers in `tests/abi/reversing.c` one is right.
fn wrong_gradients_are_found(repository: &Path, like: &Request) {
    let place = tempfile::tempdir().expect("a temporary folder");
    let end = std::env::consts::DLL_SUFFIX;
    let library = place.path().join(format!("plugin{end}"));
    let compiled = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".to_owned()))
        .args(["-std=c99", "-O2", "-shared", "-fPIC", "-I"])
        .arg(repository.join("plugins/abi/include"))
        .arg(repository.join("tests/abi/reversing.c"))
        .arg("-o")
        .arg(&library)
        .args(if cfg!(unix) { &["-lm"][..] } else { &[] })
        .status();
    assert!(compiled.is_ok_and(|status| status.success()), "a C compiler is needed, or CC");
    let wanted = [
        ("midpoint", Verdict::Passed, "differences of the same steps by"),
        ("nan", Verdict::Failed, "not finite"),
        ("grows", Verdict::Failed, "numbers of each step"),
        ("late", Verdict::Failed, "past the limit"),
    ];
    let mut manifest = "manifest = 1\nid = \"org.example.reversing\"\nversion = \"1.0.0\"\n\
                        name = \"Reversing\"\nlicense = \"MIT\"\n[native]\nabi = \"1.0\"\n"
        .to_owned();
    for (id, ..) in wanted {
        manifest += &format!(
            "[[provides]]\nkind = \"solver\"\nid = \"{id}\"\nname = \"{id}\"\n\
             caps = [\"f64\", \"step-vjp\"]\n"
        );
    }
    std::fs::write(place.path().join("plugin.toml"), manifest).expect("a file can be written");
    let request = Request {
        source: place.path().to_owned(),
        library: Some(library),
        include: vec!["solver.step-gradient".to_owned()],
        ..like.clone()
    };
    let report = check(&request, |_| {}).expect("it is a plugin");
    assert_eq!(report.tests.len(), wanted.len());
    for ((id, verdict, part), line) in wanted.into_iter().zip(&report.tests) {
        let outcome = &line.outcome;
        assert_eq!((line.subject.as_str(), outcome.verdict), (id, verdict), "{}", outcome.message);
        assert!(outcome.message.contains(part), "{id}: {}", outcome.message);
    }
}
