//! Manifests and folders: what is found, and what is said about the rest. Nothing is loaded.

use crate::common;

use common::{load, manifest};
use slopefield_plugin_host::{Manifest, PluginError, discover, platform};
use std::fs;
use std::path::{Path, PathBuf};

const GOOD: &str = r#"
manifest = 1
id = "org.example.rodas"
version = "1.2.0"
name = "Rosenbrock pack"
authors = ["A. Author"]
license = "MIT"
homepage = "https://example.org"
min_app = "0.1"

[native]
abi = "1.0"
[native.library.x86_64-linux]
file = "lib/x86_64-linux/librodas.so"
blake3 = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"

[[provides]]
kind = "solver"
id = "rodas5p"
name = "Rodas5P"
caps = ["adaptive", "implicit", "mass-matrix", "f64"]

[[provides]]
kind = "network"
id = "rodas5p"
name = "Of the same name"
"#;

#[test]
fn a_manifest_is_read() {
    let m = Manifest::parse(GOOD).unwrap();
    assert_eq!((m.id.as_str(), m.version.as_str(), m.abi), ("org.example.rodas", "1.2.0", (1, 0)));
    assert_eq!(m.provides.len(), 2);
    assert_eq!(m.provides[0].caps.len(), 4);
    assert_eq!(m.libraries["x86_64-linux"].file, "lib/x86_64-linux/librodas.so");
}

#[test]
fn mistakes_in_a_manifest_are_named() {
    let file = r#"file = "lib/x86_64-linux/librodas.so""#;
    let hash = GOOD.lines().find(|line| line.starts_with("blake3")).unwrap();
    for (from, to, expected) in [
        ("manifest = 1", "manifest = 2", "format 2 and this application knows format 1"),
        ("manifest = 1", "manifest = 1\nnmae = \"x\"", "unknown field `nmae`"),
        ("id = \"org.example.rodas\"", "id = \"Org/Rodas\"", "must consist of a-z, 0-9, . and -"),
        ("id = \"org.example.rodas\"", "id = \"rodas\"", "must be like org.example.name"),
        ("id = \"org.example.rodas\"", "id = \"..\"", "must consist of"),
        ("version = \"1.2.0\"", "version = \"1.2\"", "`version` must be like 1.2.0"),
        ("version = \"1.2.0\"", "version = \"1.2.0-../x\"", "`version` must be like 1.2.0"),
        ("license = \"MIT\"", "", "missing field `license`"),
        ("abi = \"1.0\"", "abi = \"1\"", "must be major.minor"),
        (file, "file = \"/tmp/evil.so\"", "must be a path inside the plugin's folder"),
        (file, "file = \"lib/../../evil.so\"", "must be a path inside the plugin's folder"),
        ("af1349b9", "AF1349B9", "64 lower-case hexadecimal digits"),
        ("af1349b9", "f1349b9", "64 lower-case hexadecimal digits"),
        (hash, "blake3 = \"\"", "64 lower-case hexadecimal digits"),
        ("kind = \"network\"", "kind = \"solver\"", "`rodas5p` is provided twice"),
        ("kind = \"network\"", "kind = \"poem\"", "unknown variant `poem`"),
        ("\"implicit\"", "\"magic\"", "`magic` is not a capability"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let error = Manifest::parse(&GOOD.replace(from, to)).unwrap_err();
        assert!(error.contains(expected), "{to}: {error}");
    }
    let long = format!("{GOOD}# {}", "x".repeat(70_000));
    assert!(Manifest::parse(&long).unwrap_err().contains("longer than 65536 bytes"));
}

/// A plugin whose library is an empty file: discovery must not care.
fn place(root: &Path, id: &str, version: &str) -> PathBuf {
    let place = root.join(id).join(version);
    let lib = place.join("lib").join(platform());
    fs::create_dir_all(&lib).unwrap();
    fs::write(lib.join("empty.so"), b"").unwrap();
    fs::write(place.join("plugin.toml"), manifest(id, version, "empty.so", &["s"])).unwrap();
    place
}

#[test]
fn folders_are_listed_in_order_without_loading() {
    let root = tempfile::tempdir().unwrap();
    for (id, version) in [("org.b", "1.0.0"), ("org.a", "2.0.0"), ("org.a", "1.0.0")] {
        place(root.path(), id, version);
    }
    fs::write(root.path().join("README"), "not a plugin").unwrap();
    let found = discover(&[root.path().to_owned(), root.path().join("missing")]);
    let names: Vec<_> = found
        .iter()
        .map(|f| {
            assert_eq!(f.problem, None);
            let m = f.manifest.as_ref().unwrap();
            format!("{} {}", m.id, m.version)
        })
        .collect();
    assert_eq!(names, ["org.a 1.0.0", "org.a 2.0.0", "org.b 1.0.0"]);
    // BLAKE3 of nothing, from the paper's test vectors.
    assert_eq!(
        found[0].hash().unwrap(),
        "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    );
}

#[track_caller]
fn only_problem(root: &Path) -> String {
    let found = discover(&[root]);
    assert_eq!(found.len(), 1, "{found:?}");
    // What stands against a plugin keeps it from being loaded.
    let registry = load(root);
    assert!(registry.plugins().is_empty());
    assert_eq!(registry.problems().len(), 1);
    found[0].problem.as_ref().unwrap().to_string()
}

#[test]
fn folders_out_of_order_are_named() {
    let root = tempfile::tempdir().unwrap();
    let folder = place(root.path(), "org.a", "1.0.0");
    fs::write(folder.join("plugin.toml"), manifest("org.a", "1.0.1", "empty.so", &["s"])).unwrap();
    let problem = only_problem(root.path());
    assert!(problem.contains("is for org.a 1.0.1 but lies in the folder org.a/1.0.0"), "{problem}");

    fs::write(folder.join("plugin.toml"), "manifest = ").unwrap();
    assert!(only_problem(root.path()).contains("plugin.toml: TOML parse error"));

    fs::remove_file(folder.join("plugin.toml")).unwrap();
    assert!(only_problem(root.path()).contains("plugin.toml: it cannot be read"));

    let missing = manifest("org.a", "1.0.0", "other.so", &["s"]);
    fs::write(folder.join("plugin.toml"), &missing).unwrap();
    assert!(only_problem(root.path()).contains("other.so cannot be read"));

    let foreign = missing.replace(&platform(), "sparc-solaris");
    fs::write(folder.join("plugin.toml"), foreign).unwrap();
    let problem = only_problem(root.path());
    assert!(problem.contains("only for sparc-solaris; ask its authors"), "{problem}");

    let newer = missing.replace("abi = \"1.0\"", "abi = \"1.7\"");
    fs::write(folder.join("plugin.toml"), newer).unwrap();
    let problem = only_problem(root.path());
    assert!(problem.contains("needs version 1.7") && problem.contains("update"), "{problem}");

    let found = discover(&[Path::new("plugins")]);
    assert!(matches!(&found[0].problem, Some(PluginError::Manifest { .. })));
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let (root, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let real = place(elsewhere.path(), "org.a", "1.0.0");
    symlink(real.parent().unwrap(), root.path().join("org.a")).unwrap();
    assert!(discover(&[root.path()]).is_empty());

    let own = place(root.path(), "org.b", "1.0.0");
    let library = own.join("lib").join(platform()).join("empty.so");
    fs::remove_file(&library).unwrap();
    symlink(real.join("plugin.toml"), &library).unwrap();
    assert!(only_problem(root.path()).contains("is a link"));
}

#[test]
fn the_newest_version_is_loaded() {
    let root = tempfile::tempdir().unwrap();
    for version in ["0.9.0", "0.10.0-beta", "0.10.0", "0.2.0"] {
        place(root.path(), "org.a", version);
    }
    // All libraries are empty files, so the one that was tried is the one with a problem.
    let registry = load(root.path());
    let [(found, PluginError::Load { .. })] = registry.problems() else {
        panic!("{:?}", registry.problems())
    };
    assert_eq!(found.manifest.as_ref().unwrap().version, "0.10.0");
}
