//! `cargo test` builds the plugin and runs the conformance tests of Slopefield on it.

use std::process::Command;

fn run(program: &str, arguments: &[&str]) {
    let run = Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap_or_else(|e| panic!("`{program}` cannot be run: {e}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(run.status.success(), "{}\n{}", text(&run.stdout), text(&run.stderr));
}

/// The program is `slopefield`, or what the variable SLOPEFIELD names.
#[test]
fn the_plugin_keeps_to_the_interface() {
    // Tests of a library do not build what others load.
    run(env!("CARGO"), &["build"]);
    let program = std::env::var("SLOPEFIELD").unwrap_or_else(|_| "slopefield".to_owned());
    run(&program, &["plugin", "check", "."]);
}
