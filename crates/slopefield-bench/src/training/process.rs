//! The whole command: `slopefield fit` of the spiral as a process of its own, from its start to its end.
//!
//! What a person waits for who types it: starting, reading files, compiling, the check of the gradient, 300
//! iterations of Adam, the answer. Beside it stand the processes of other programs that do the same
//! iterations (`benches/peers/b3_spiral_node.py`).

use crate::core::solve::grid;
use crate::core::texts;
use crate::stored;
use crate::{BenchError, Beside, Case, Check, Reference, Saved, Setting, Subject, Target, Trial};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const STUDY: &str = r#"model = "model.slope"

[data.spiral]
file = "spiral.csv"

[solver]
method = "tsit5"
rtol = 1e-7
atol = 1e-9

[training]
recipe = "custom"
gradient = "discrete"

[[training.stages]]
optimiser = "adam"
iterations = 300
rate = 0.05
"#;

/// Goals of the project.
const TARGETS: &[Beside] = &[
    Beside { tool: "diffrax", from_start: true, least: 50.0 },
    Beside { tool: "torchdiffeq", from_start: true, least: 50.0 },
    Beside { tool: "diffrax", from_start: false, least: 17.0 },
];

pub(super) fn case() -> Case {
    Case {
        name: "spiral-process".into(),
        about: "`slopefield fit` of the spiral, 300 iterations of Adam, from the start of the process to \
                its end; other programs with --peers"
            .into(),
        target: Some(Target::Peers(TARGETS)),
        saved: Saved {
            bench: "B3",
            case: "train300 f64: the whole command, process start to end".into(),
            metric: "time for 300 Adam iterations",
        },
        prepare: Box::new(prepare),
    }
}

fn prepare(setting: &Setting<'_>) -> Result<Trial, BenchError> {
    let program = setting.program.ok_or(BenchError::NoProgram)?.to_path_buf();
    let folder = tempfile::tempdir().map_err(|source| BenchError::File {
        path: std::env::temp_dir(),
        action: "written",
        source,
    })?;
    let model = format!("{}observe seen_x = x\nobserve seen_y = y\n", texts::SPIRAL);
    for (name, text) in [("model.slope", &*model), ("spiral.csv", &table()), ("study.toml", STUDY)]
    {
        write(&folder.path().join(name), text)?;
    }
    Ok(Trial {
        ours: Box::new(Process { program, folder, inside: None, loss: f64::NAN }),
        comparator: None,
        check: Check {
            agreement: 0.0,
            // Six independent trainings at this rate ended between 0.064 and 0.376.
            reference: Some(Reference {
                at: vec![0],
                values: vec![0.0],
                scale: 1.0,
                tolerance: 0.4,
            }),
        },
        work: 1,
        compile_s: None,
    })
}

fn table() -> String {
    let data = stored::spiral().get("data").to_vec();
    let mut text = String::from("t,seen_x,seen_y\n");
    for (t, row) in grid(0.0, 1.5, 30).iter().zip(data.chunks_exact(2)) {
        let _ = writeln!(text, "{t},{},{}", row[0], row[1]); // writing to a string cannot fail
    }
    text
}

fn write(path: &Path, text: &str) -> Result<(), BenchError> {
    std::fs::write(path, text).map_err(|source| BenchError::File {
        path: path.to_path_buf(),
        action: "written",
        source,
    })
}

struct Process {
    program: PathBuf,
    /// With the study, and with a data folder of its own: nothing that the user has is read or written.
    folder: TempDir,
    /// Least seconds that the command told of the training itself.
    inside: Option<f64>,
    loss: f64,
}

/// The part of the answer of `fit --json` that is looked at.
#[derive(serde::Deserialize)]
struct Answer {
    loss: f64,
    iterations: u32,
    seconds: f64,
}

impl Process {
    fn fit(&mut self) -> Result<(), BenchError> {
        let output = Command::new(&self.program)
            .args(["fit", "study.toml", "--json", "--quiet"])
            .current_dir(self.folder.path())
            .env("SLOPEFIELD_DATA_DIR", self.folder.path().join("data"))
            .stdin(Stdio::null())
            .output()
            .map_err(|e| {
                let program = self.program.display();
                BenchError::Training(format!("{program} cannot be started: {e}"))
            })?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let answer = printed.lines().last().map(serde_json::from_str::<Answer>);
        let Some(Ok(answer)) = answer.filter(|_| output.status.success()) else {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(BenchError::Training(format!("{}, {said}", output.status)));
        };
        if answer.iterations != 300 {
            let iterations = answer.iterations;
            return Err(BenchError::Training(format!("it ended after {iterations} iterations")));
        }
        self.inside = Some(self.inside.map_or(answer.seconds, |known| known.min(answer.seconds)));
        self.loss = answer.loss;
        Ok(())
    }
}

impl Subject for Process {
    fn run(&mut self, calls: usize) -> Result<(), BenchError> {
        (0..calls).try_for_each(|_| self.fit())
    }

    fn result(&mut self) -> Result<Vec<f64>, BenchError> {
        self.fit()?;
        Ok(vec![self.loss])
    }

    fn inside(&self) -> Option<f64> {
        self.inside
    }
}
