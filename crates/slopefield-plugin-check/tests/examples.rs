//! The example plugin in Rust passes every test, and plugins that are wrong on purpose do not. A program of its own: it runs each test in a process that is this program again.

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
    faults_are_found(&repository, &request);
    if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What a test must find: solver, verdict, a part of the sentence.
type Wanted = (&'static str, Verdict, &'static str);

/// Solvers in C of which some are wrong, and what `test` says of them.
fn finds(repository: &Path, like: &Request, source: &str, test: &str, wanted: &[Wanted]) {
    let place = tempfile::tempdir().expect("a temporary folder");
    let library = place.path().join(format!("plugin{}", std::env::consts::DLL_SUFFIX));
    let compiled = Command::new(std::env::var("CC").unwrap_or_else(|_| "cc".to_owned()))
        .args(["-std=c99", "-O2", "-shared", "-fPIC", "-I"])
        .arg(repository.join("plugins/abi/include"))
        .arg(repository.join("tests/abi").join(format!("{source}.c")))
        .arg("-o")
        .arg(&library)
        .args(if cfg!(unix) { &["-lm"][..] } else { &[] })
        .status();
    assert!(compiled.is_ok_and(|status| status.success()), "a C compiler is needed, or CC");
    let (solvers, caps) = match source {
        "dp5" => (&["dp5", "dp4", "node"][..], "\"f64\""),
        "segments" => (
            &["powers", "chebyshev", "shifted", "high", "basis", "nan", "tall"][..],
            "\"f64\", \"dense-segment\"",
        ),
        "reversing" => (
            &["midpoint", "nan", "grows", "late", "drifts", "stale"][..],
            "\"f64\", \"step-vjp\", \"step-redo\"",
        ),
        "operators" => (
            &[
                "cube", "pair", "fails", "wrong", "moody", "beside", "reads", "rough", "other",
                "long",
            ][..],
            "",
        ),
        _ => (
            &["compares", "odd", "noisy", "quiet", "onward"][..],
            "\"f64\", \"noise\", \"delays\", \"state-delays\"",
        ),
    };
    let mut manifest = format!(
        "manifest = 1\nid = \"org.example.{source}\"\nversion = \"1.0.0\"\nname = \"Test\"\n\
         license = \"MIT\"\n[native]\nabi = \"1.0\"\n"
    );
    for id in solvers {
        manifest += &match source {
            "operators" => {
                format!("[[provides]]\nkind = \"network\"\nid = \"{id}\"\nname = \"{id}\"\n")
            }
            _ => format!(
                "[[provides]]\nkind = \"solver\"\nid = \"{id}\"\nname = \"{id}\"\ncaps = [{caps}]\n"
            ),
        };
    }
    std::fs::write(place.path().join("plugin.toml"), manifest).expect("a file can be written");
    let request = Request {
        source: place.path().to_owned(),
        library: Some(library),
        include: vec![test.to_owned()],
        ..like.clone()
    };
    let report = check(&request, |_| {}).expect("it is a plugin");
    for (id, verdict, part) in wanted {
        let line = report.tests.iter().find(|line| line.subject == *id);
        let outcome = &line.expect("the solver is tested").outcome;
        println!("{test} of {source}/{id}: {} {}", outcome.verdict.word(), outcome.message);
        assert_eq!(outcome.verdict, *verdict, "{id}: {}", outcome.message);
        assert!(outcome.message.contains(part), "{id}: {}", outcome.message);
    }
}

fn faults_are_found(repository: &Path, like: &Request) {
    let gradients = [
        ("midpoint", Verdict::Passed, "differences of the same steps by"),
        ("nan", Verdict::Failed, "not finite"),
        ("grows", Verdict::Failed, "numbers of each step"),
        ("late", Verdict::Failed, "past the limit"),
    ];
    finds(repository, like, "reversing", "solver.step-gradient", &gradients);
    let orders = [
        ("dp5", Verdict::Passed, "on lotka-volterra"),
        ("dp4", Verdict::Failed, "order 5 is declared and it is"),
        ("node", Verdict::Failed, "order 5 is declared and it is"),
    ];
    finds(repository, like, "dp5", "solver.order", &orders);
    let again = [
        ("midpoint", Verdict::Passed, "the same gradient with"),
        ("drifts", Verdict::Failed, "does not take its steps again with the same result"),
        ("stale", Verdict::Failed, "the gradient has other bits"),
    ];
    finds(repository, like, "reversing", "solver.step-redo", &again);
    let polynomials = [
        ("powers", Verdict::Passed, "degree 3"),
        ("chebyshev", Verdict::Passed, "degree 3"),
        ("shifted", Verdict::Failed, "differ from interpolate by"),
        ("high", Verdict::Failed, "the degree is 9 and max_degree is 4"),
        ("basis", Verdict::Failed, "the basis is 7"),
        ("nan", Verdict::Failed, "coefficient 2 is NaN"),
        ("tall", Verdict::Failed, "max_degree is 1000000"),
    ];
    finds(repository, like, "segments", "solver.segments", &polynomials);
    let operators = [
        ("cube", Verdict::Passed, "derivatives, seed"),
        ("pair", Verdict::Passed, "derivatives, seed"),
        ("wrong", Verdict::Failed, "is wrong: its reverse gives"),
        ("moody", Verdict::Failed, "of the same operands"),
        ("beside", Verdict::Failed, "writes beside its result"),
    ];
    finds(repository, like, "operators", "network.operators", &operators);
    // One leaves the noise out, the other asks for that of another time.
    let noise =
        [("quiet", Verdict::Failed, "mean error"), ("noisy", Verdict::Failed, "not within")];
    finds(repository, like, "past", "solver.noise", &noise);
    let delays =
        [("quiet", Verdict::Passed, "unit-delay"), ("odd", Verdict::Failed, "derivative 2")];
    finds(repository, like, "past", "solver.delays", &delays);
    // One does not go back to where a step was undone.
    let state_delays =
        [("quiet", Verdict::Passed, "neves"), ("onward", Verdict::Failed, "past the limit")];
    finds(repository, like, "past", "solver.state-delays", &state_delays);
}
