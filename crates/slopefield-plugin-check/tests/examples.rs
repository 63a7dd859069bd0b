//! The example plugin in Rust passes every test. A program of its own: it runs each test in a
//! process that is this program again.

use slopefield_plugin_check::{Request, SUBCOMMAND, check, child};
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
    if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
