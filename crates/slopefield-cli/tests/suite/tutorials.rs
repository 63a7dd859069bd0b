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

/// Runs a line of a shell, where the command is called `slopefield`; what it printed.
#[track_caller]
fn typed(line: &str, folder: &Path, place: &Place) -> String {
    let program = Path::new(common::PROGRAM).parent().unwrap().display().to_string();
    let path = format!("{program}:{}", std::env::var("PATH").unwrap_or_default());
    let run = Command::new("sh")
        .args(["-c", line])
        .current_dir(folder)
        .env("PATH", &path)
        .env("SLOPEFIELD_DATA_DIR", place.path("data"))
        .env("CARGO_NET_OFFLINE", "true")
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&run.stdout), text(&run.stderr));
    assert!(run.status.success(), "`{line}` failed\n{out}\n{err}");
    out
}

/// Follows a page; what its commands printed.
fn follow(page: &str, source: &str) -> String {
    let place = Place::new();
    let page = std::fs::read_to_string(repository().join("docs/how-to").join(page)).unwrap();
    let mut folder: PathBuf = place.path("");
    let (mut printed, mut old) = (String::new(), None);
    for (about, body) in blocks(&page) {
        match about {
            "sh" => {
                for line in body.lines() {
                    match line.strip_prefix("cd ") {
                        Some(into) => folder = folder.join(into),
                        None => printed += &typed(line, &folder, &place),
                    }
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

/// Builds and checks the examples in other languages with the commands of their page. Linkers other
/// than those of the GNU kind do not know one of the options, as the page says.
#[cfg(target_os = "linux")]
#[test]
fn the_examples_in_other_languages() {
    let page = std::fs::read_to_string(repository().join("plugins/examples/README.md")).unwrap();
    let fortran = Command::new("gfortran").arg("--version").output().is_ok();
    let (mut checked, mut stiff) = (0, false);
    for (about, body) in blocks(&page) {
        if about.ends_with("fortran") && !fortran {
            println!("there is no gfortran here: the example in Fortran is not built");
            continue;
        }
        let place = Place::new();
        // Libraries go into a folder of their own.
        let line = body.lines().next().unwrap();
        let (build, library) = line.rsplit_once(" -o ").unwrap();
        let made = place.path(library).display().to_string();
        // Every warning counts, as for the header.
        let mut strict = format!("{build} -Wall -Wextra -Werror -o {made}");
        if about.ends_with("fortran") {
            // Its module files belong beside the library, not into the repository.
            strict += &format!(" -J {}", place.path("").display());
        }
        typed(&strict, &repository(), &place);
        let check = body.lines().nth(1).unwrap().replace(library, &made);
        let printed = typed(&check, &repository(), &place);
        assert!(!printed.contains("warning"), "{printed}");
        stiff |= printed.lines().any(|l| l.starts_with("passed     solver.stiff"));
        checked += 1;
    }
    assert!(stiff && checked == if fortran { 4 } else { 3 }, "{checked}");
}
