//! The tutorials for authors of plugins, followed to the letter: commands are typed, pieces of code
//! replaced, files written, in the order of the page.
#![cfg(unix)]

use crate::common;

use common::{Place, repository};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What stands behind the marks of a block of code, and its lines.
fn blocks(page: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(about) = line.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().take_while(|l| *l != "```").collect();
            found.push((about, body.join("\n")));
        }
    }
    found
}

/// Follows a page; what its commands printed.
fn follow(page: &str, source: &str) -> String {
    let place = Place::new();
    // The command by its name, as the page writes it.
    let program = Path::new(common::PROGRAM);
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let page = std::fs::read_to_string(repository().join("docs/how-to").join(page)).unwrap();
    let mut folder: PathBuf = place.path("");
    let (mut printed, mut old) = (String::new(), None);
    for (about, body) in blocks(&page) {
        match about {
            "sh" => {
                for line in body.lines() {
                    if let Some(into) = line.strip_prefix("cd ") {
                        folder = folder.join(into);
                        continue;
                    }
                    let run = Command::new("sh")
                        .args(["-c", line])
                        .current_dir(&folder)
                        .env("PATH", &path)
                        .env("SLOPEFIELD_DATA_DIR", place.path("data"))
                        .env("CARGO_NET_OFFLINE", "true")
                        .env_remove("CARGO_TARGET_DIR")
                        .output()
                        .unwrap();
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    let (out, err) = (text(&run.stdout), text(&run.stderr));
                    assert!(run.status.success(), "`{line}` failed\n{out}\n{err}");
                    printed += &out;
                }
            }
            "rust replace" => old = Some(body),
            "rust by" => {
                let old = old.take().expect("a block to replace comes first");
                let path = folder.join(source);
                let text = std::fs::read_to_string(&path).unwrap();
                assert_eq!(text.matches(&old).count(), 1, "not once in {source}:\n{old}");
                std::fs::write(&path, text.replace(&old, &body)).unwrap();
            }
            other => {
                let name = other.strip_prefix("text file=").expect("a block that is known");
                std::fs::write(folder.join(name), body + "\n").unwrap();
            }
        }
    }
    printed
}

#[test]
fn the_solver_in_30_minutes() {
    let printed = follow("solver-in-30-minutes.md", "src/lib.rs");
    let order = printed.lines().rfind(|l| l.contains("solver.order")).unwrap();
    assert!(order.starts_with("passed") && order.contains("bs32  3.0"), "{order}");
    let (_, rows) = common::table(&printed[printed.find("t,x").unwrap()..]);
    common::close(rows[1][1], (-1f64).exp(), 1e-5);
}

#[test]
fn the_network_in_15_minutes() {
    let printed = follow("network-in-15-minutes.md", "src/lib.rs");
    let gradient = printed.lines().rfind(|l| l.contains("network.gradient")).unwrap();
    assert!(gradient.starts_with("passed"), "{gradient}");
    let (header, rows) = common::table(&printed[printed.find("t,x,v").unwrap()..]);
    assert_eq!((header.as_slice(), rows.len()), (&["t", "x", "v"][..], 2));
}
