//! Other programs, through the scripts of `benches/peers`.

use crate::{BenchError, Record};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Names of tools in records, and the Python module that each needs.
const TOOLS: [(&str, &str); 15] = [
    ("numpy", "numpy"),
    ("scipy", "scipy"),
    ("numba", "numba"),
    ("numbalsoda", "numbalsoda"),
    ("jax", "jax"),
    ("diffrax", "diffrax"),
    ("torch", "torch"),
    ("torchdiffeq", "torchdiffeq"),
    ("torchode", "torchode"),
    ("torchsde", "torchsde"),
    ("casadi", "casadi"),
    ("libroadrunner", "roadrunner"),
    ("COPASI", "COPASI"),
    ("AMICI", "amici"),
    ("scikit-sundae", "sksundae"),
];

/// Scripts of the benchmarks that have cases of ours.
const SCRIPTS: [(&str, &str); 9] = [
    ("B1", "b1_lv_forward.py"),
    ("B2", "b2_lv_gradient.py"),
    ("B3", "b3_spiral_node.py"),
    ("B4", "b4_robertson.py"),
    ("B5", "b5_ensemble.py"),
    ("B7", "b7_scaling.py"),
    ("B8", "b8_rhs.py"),
    ("B9", "b9_solvers.py"),
    ("gpu", "b10_gpu.py"),
];

/// How to make the peers runnable.
const INSTALL: &str = "make an environment and name it: `python3 -m venv VENV`, `VENV/bin/pip \
    install numpy scipy numba jax diffrax optax` (1 GB; all of benches/peers/requirements.txt \
    takes 15 GB), then add `--python VENV/bin/python`";

/// The scripts, and the tools that a Python has.
#[derive(Debug)]
pub struct Peers {
    python: PathBuf,
    folder: PathBuf,
    tools: Vec<&'static str>,
}

impl Peers {
    /// Looks for the scripts in `folder`, or in `benches/peers` of the working directory and the
    /// folders above it, and for the tools that `python` can import.
    ///
    /// # Errors
    /// [`BenchError::Peers`] saying what is missing and how to get it.
    pub fn find(python: &Path, folder: Option<&Path>) -> Result<Peers, BenchError> {
        let here = std::env::current_dir().unwrap_or_default();
        let folder = match folder {
            Some(folder) => Some(folder.to_path_buf()),
            None => here
                .ancestors()
                .map(|above| above.join("benches/peers"))
                .find(|folder| folder.join("common.py").exists()),
        };
        let folder =
            folder.filter(|folder| folder.join("common.py").exists()).ok_or_else(|| {
                BenchError::Peers(
                "the scripts of the peers are not here; they are in the folder benches/peers of \
                 the source code: run this within it, or name the folder with --peers-folder"
                    .into(),
            )
            })?;
        let tools = importable(python)?;
        for needed in ["numpy", "scipy"] {
            if !tools.contains(&needed) {
                return Err(BenchError::Peers(format!(
                    "{} has no {needed}, which all peers need; {INSTALL}",
                    python.display()
                )));
            }
        }
        Ok(Peers { python: python.to_path_buf(), folder, tools })
    }

    /// Names of the tools there are.
    #[must_use]
    pub fn tools(&self) -> &[&'static str] {
        &self.tools
    }

    /// Measures everything in one group of a benchmark (what stands before a colon in the names of
    /// its cases; empty where it has no groups), each for about `seconds` and in processes of its
    /// own; tells each record as it comes. A benchmark without a script gives no records.
    ///
    /// # Errors
    /// [`BenchError::Peers`] when Python cannot be started.
    pub fn measure(
        &self,
        bench: &str,
        group: &str,
        seconds: f64,
        mut told: impl FnMut(&Record),
    ) -> Result<Vec<Record>, BenchError> {
        let Some((_, script)) = SCRIPTS.iter().find(|(name, _)| *name == bench) else {
            return Ok(Vec::new());
        };
        let group = if group.is_empty() { String::new() } else { format!("{group}: ") };
        let filters: Vec<_> = self.tools.iter().map(|tool| format!("{tool}|{group}")).collect();
        let mut child = Command::new(&self.python)
            .arg(self.folder.join(script))
            .args(["--cold-repeats", "1", "--budget", &seconds.to_string()])
            .args(["--filter", &filters.join(",")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| not_started(&self.python, &e))?;
        let mut records = Vec::new();
        for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
            let line = line.unwrap_or_default();
            if let Ok(record) = serde_json::from_str::<Record>(&line) {
                told(&record);
                records.push(record);
            }
        }
        let status = child.wait().map_err(|e| not_started(&self.python, &e))?;
        if status.success() {
            Ok(records)
        } else {
            Err(BenchError::Peers(format!("the script {script} failed ({status})")))
        }
    }
}

fn importable(python: &Path) -> Result<Vec<&'static str>, BenchError> {
    const LOOK: &str = "import importlib.util as i, sys\n\
                        print(*[m for m in sys.argv[1:] if i.find_spec(m)])";
    let output = Command::new(python)
        .args(["-c", LOOK])
        .args(TOOLS.map(|(_, module)| module))
        .stdin(Stdio::null())
        .output()
        .map_err(|e| not_started(python, &e))?;
    let found = String::from_utf8_lossy(&output.stdout);
    let found: Vec<_> = found.split_whitespace().collect();
    let tools = TOOLS.iter().filter(|(_, module)| found.contains(module));
    Ok(tools.map(|(tool, _)| *tool).collect())
}

fn not_started(python: &Path, error: &std::io::Error) -> BenchError {
    BenchError::Peers(format!("{} cannot be started ({error}); {INSTALL}", python.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_with_what_to_do() {
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/peers");
        let error = Peers::find(Path::new("no-such-python"), Some(&peers)).unwrap_err().to_string();
        assert!(error.contains("no-such-python") && error.contains("pip install"), "{error}");
        let empty = tempfile::tempdir().unwrap();
        let error = Peers::find(Path::new("python3"), Some(empty.path())).unwrap_err().to_string();
        assert!(error.contains("--peers-folder"), "{error}");
    }

    #[test]
    fn every_script_is_there() {
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/peers");
        for (_, script) in SCRIPTS {
            assert!(peers.join(script).exists(), "{script}");
        }
    }
}
