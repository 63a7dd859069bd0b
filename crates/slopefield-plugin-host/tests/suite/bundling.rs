//! Bundling writes a layout that discovery and loading accept, and says what is missing.

use crate::common;

use common::bundled;
use slopefield_plugin_host::{BundleError, bundle, discover, platform};
use std::fs;
use std::process::Command;

#[test]
fn bundled_plugins_are_in_order() {
    let found = discover(&[bundled()]);
    let ids: Vec<_> = found.iter().map(|f| f.manifest.as_ref().unwrap().id.as_str()).collect();
    let all = [
        "org.slopefield.explicit-pairs",
        "org.slopefield.implicit-methods",
        "org.slopefield.kan",
        "org.slopefield.networks-extra",
        "org.slopefield.ode-extra",
    ];
    assert_eq!(ids, all);
    for f in &found {
        assert_eq!(f.problem, None);
        assert!(f.path.join("LICENSE").is_file());
        if f.manifest.as_ref().unwrap().is_tableau() {
            assert!(f.path.join("tableaus.toml").is_file());
            continue;
        }
        let named = &f.manifest.as_ref().unwrap().libraries[&platform()].blake3;
        assert_eq!(*named, Some(f.hash().unwrap()));
    }
}

#[test]
fn mistakes_are_named() {
    let root = tempfile::tempdir().unwrap();
    let source = root.path().join("plugins/mine");
    let (built, out) = (root.path().join("built"), root.path().join("out"));
    fs::create_dir_all(&source).unwrap();
    fs::write(source.join("Cargo.toml"), "[package]\nname = \"my-plugin\"\n").unwrap();
    let manifest = common::manifest("org.example.mine", "1.0.0", "x.so", &["s"]);
    fs::write(source.join("plugin.toml"), &manifest).unwrap();
    let run = || bundle(&root.path().join("plugins"), &built, &out);
    assert!(run().unwrap_err().to_string().contains("leave out [native.library"));

    let from = manifest.find("[native.library").unwrap();
    let to = manifest.find("[[provides]]").unwrap();
    let manifest = format!("{}{}", &manifest[..from], &manifest[to..]);
    fs::write(source.join("plugin.toml"), manifest).unwrap();
    match run() {
        Err(BundleError::NotBuilt { path, package }) => {
            assert_eq!(package, "my-plugin");
            assert!(path.file_name().unwrap().to_str().unwrap().contains("my_plugin"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_program_explains_itself() {
    let run = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_bundle-plugins")).args(args).output().unwrap()
    };
    let help = run(&[]);
    assert_eq!(help.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&help.stderr).starts_with("usage: bundle-plugins BUILT OUT"));
    assert_eq!(run(&["built", "out", "--with"]).status.code(), Some(2));
    let missing = run(&["no-such-folder", "out-that-is-not-made"]);
    assert!(!missing.status.success());
    let message = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(message.contains("cargo build -p slopefield-plugin-kan"), "{message}");
    assert!(!std::path::Path::new("out-that-is-not-made").exists());
}
