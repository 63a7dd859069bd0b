//! Runs the real program in a folder of its own, with a data folder of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
#![allow(dead_code, reason = "every test file uses its own part")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_slopefield");

/// What a run of the program came to.
#[derive(Debug)]
pub struct Run {
    /// It ended with exit code 0.
    pub ok: bool,
    pub out: String,
    pub err: String,
}

impl Run {
    /// Standard output of a run that must succeed.
    #[track_caller]
    pub fn good(self) -> String {
        assert!(self.ok, "it failed:\n{}\n{}", self.out, self.err);
        self.out
    }

    /// Standard error of a run that must fail, with all of these parts in it.
    #[track_caller]
    pub fn bad(self, parts: &[&str]) -> String {
        assert!(!self.ok, "it succeeded:\n{}\n{}", self.out, self.err);
        for part in parts {
            assert!(self.err.contains(part), "`{part}` is not in\n{}", self.err);
        }
        self.err
    }

    /// The JSON object in the last line of a run that must succeed.
    #[track_caller]
    pub fn json(self) -> Value {
        serde_json::from_str(self.good().lines().next_back().unwrap()).unwrap()
    }
}

/// A folder to work in.
pub struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Place {
        Place { dir: tempfile::tempdir().unwrap() }
    }

    /// A place with a copy of the files of an example.
    pub fn with_example(name: &str) -> Place {
        let place = Place::new();
        for entry in std::fs::read_dir(examples().join(name)).unwrap() {
            let from = entry.unwrap().path();
            std::fs::copy(&from, place.path(from.file_name().unwrap().to_str().unwrap())).unwrap();
        }
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Replaces a part of a file that must be there.
    #[track_caller]
    pub fn replace(&self, name: &str, old: &str, new: &str) {
        let text = self.read(name);
        assert!(text.contains(old), "`{old}` is not in {name}");
        self.write(name, &text.replace(old, new));
    }

    /// Names in the folder, sorted.
    pub fn names(&self) -> Vec<String> {
        let name = |e: std::io::Result<std::fs::DirEntry>| e.unwrap().file_name().into_string();
        let mut names: Vec<String> =
            std::fs::read_dir(self.dir.path()).unwrap().map(|e| name(e).unwrap()).collect();
        names.sort();
        names
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(Path::new(PROGRAM), arguments)
    }

    /// The same with a copy of the program somewhere else, where nothing lies beside it.
    pub fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("SLOPEFIELD_DATA_DIR", self.path("data"))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program here.
    pub fn run(&self, arguments: &[&str]) -> Run {
        let output = self.command(arguments).output().unwrap();
        Run {
            ok: output.status.success(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Starts the program here without waiting for it.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

/// The bundled examples.
pub fn examples() -> PathBuf {
    repository().join("examples")
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The text between two marks, to compare numbers as they were printed, bit for bit.
#[track_caller]
pub fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("`{from}` is not in {text}"));
    rest.split_once(to).unwrap_or_else(|| panic!("`{to}` is not in {rest}")).0
}

#[track_caller]
pub fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// A value within a relative distance of what is expected.
#[track_caller]
pub fn close(found: f64, expected: f64, tolerance: f64) {
    let distance = (found - expected).abs() / expected.abs();
    assert!(distance <= tolerance, "{found} is {distance:e} from {expected}");
}

/// Header and rows of a table of numbers.
#[track_caller]
pub fn table(text: &str) -> (Vec<&str>, Vec<Vec<f64>>) {
    let mut lines = text.lines();
    let header = lines.next().unwrap().split(',').collect();
    let row = |line: &str| line.split(',').map(|cell| cell.parse().unwrap()).collect();
    (header, lines.map(row).collect())
}

/// Exponential decay with an unknown rate and amplitude, and four points, one missing.
pub fn decay(place: &Place) {
    place.write("model.slope", DECAY);
    place.write("points.csv", "t,x\n0,1\n1,0.6\n2,\n3,0.22\n");
    place.write("study.toml", STUDY);
}

pub const DECAY: &str = "\
model \"Decay\"
state x = a
param a = 1 in [0.1, 10]
param k = 0.4 in [0.01, 5]
x' = -k*x
observe x_seen = x
";

pub const STUDY: &str = "\
model = \"model.slope\"

[data.points]
file = \"points.csv\"
columns = { x_seen = \"x\" }
";
