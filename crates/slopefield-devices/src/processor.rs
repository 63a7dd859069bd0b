//! The processor: always there, and what everything falls back to.

use crate::{Method, Progress, Work};
use slopefield_ensemble::{Run, TrajectoryResult};
use slopefield_solve::SolveError;

/// The processor, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processor {
    /// As it calls itself; its architecture where the system does not say.
    pub name: String,
    /// The instructions that steps of many trajectories are computed with.
    pub instructions: &'static str,
    /// Cores that this process may use.
    pub cores: usize,
}

/// The processor of this machine.
#[must_use]
pub fn processor() -> Processor {
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = told.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(':')).map(|(_, name)| name.trim().to_owned());
    Processor {
        name: name.unwrap_or_else(|| std::env::consts::ARCH.into()),
        instructions: slopefield_ensemble::description(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
    }
}

/// Solves in double precision.
pub(crate) fn solve(
    work: &Work<'_>,
    out: &mut [f64],
    progress: Progress<'_>,
) -> Result<Vec<TrajectoryResult>, SolveError> {
    let table = match (work.apart, work.method) {
        (Some(apart), _) => return apart(work, out, progress),
        (None, Method::Explicit(table)) => table,
        (None, _) => {
            return Err(SolveError::Invalid("ensembles have explicit methods only".into()));
        }
    };
    let run = Run { threads: 0, progress };
    let ensemble = work.ensemble();
    slopefield_ensemble::solve(&ensemble, table, work.settings, work.saves, out, run)
        .map(|report| report.trajectories)
}
