//! Paths of stochastic differential equations on a device.

use std::borrow::Cow;

use slopefield_solve::Settings;

use crate::bytes::{bytes_of_words, words};
use crate::checks::check_room;
use crate::device::{Compiled, Device};
use crate::error::GpuError;
use crate::paths::{PathProgram, SHARED};
use crate::solve::{GpuReport, MOST_LANES, Runs, portions};
use crate::trajectories::Trajectories;

/// A program of paths on a device.
pub struct PathSolver<'a> {
    device: &'a Device,
    program: Cow<'a, PathProgram>,
    compiled: Compiled,
    /// Steps of a run, where a test or a user sets them.
    pub attempts: Option<u32>,
}

impl<'a> PathSolver<'a> {
    /// Compiles a program of a dialect of the device.
    ///
    /// # Errors
    /// [`GpuError::Dialect`] for others; what the driver refuses.
    pub fn new(device: &'a Device, program: &'a PathProgram) -> Result<Self, GpuError> {
        Self::of(device, Cow::Borrowed(program))
    }

    /// As [`PathSolver::new`], and keeps the program.
    ///
    /// # Errors
    /// As for [`PathSolver::new`].
    pub fn keeping(device: &'a Device, program: PathProgram) -> Result<Self, GpuError> {
        Self::of(device, Cow::Owned(program))
    }

    fn of(device: &'a Device, program: Cow<'a, PathProgram>) -> Result<Self, GpuError> {
        let compiled = device.compile(program.dialect, &program.text, &SHARED)?;
        Ok(PathSolver { device, program, compiled, attempts: None })
    }

    /// Simulates every path in the precision of the program and writes its states at `saves` to `out`: path by path,
    /// row by row (`count × saves × n`). Path `k` has the motion of the seed of the settings and of their
    /// path number plus `k`. A path that fails stops alone.
    ///
    /// # Errors
    /// [`GpuError::Invalid`] for sizes, times and settings that make no sense; what the driver refuses;
    /// [`GpuError::Memory`] if not even a path fits.
    pub fn solve(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        saves: &[f64],
        out: &mut [f64],
    ) -> Result<GpuReport, GpuError> {
        let (device, program) = (self.device, &*self.program);
        let row = saves.len() * program.states();
        check_room("paths", problem.count, row, out.len())?;
        let limit = device.info().largest_array;
        let one = program.arrays(problem, settings, saves, (0, problem.count.min(1)), 1)?;
        let widest = program.dialect.width()
            * program.widest(saves.len(), &one, problem.count.min(1)) as u64;
        let most = (limit / widest).min(MOST_LANES as u64) as usize;
        let needed = widest.max(4 * one.tables.len() as u64);
        if most == 0 || needed > limit {
            return Err(GpuError::Memory { device: device.info().name.clone(), needed, limit });
        }
        let mut report =
            GpuReport { trajectories: Vec::with_capacity(problem.count), runs: 0, device_s: 0.0 };
        for (from, lanes) in portions(problem.count, most) {
            let out = &mut out[from * row..][..lanes * row];
            self.batch(problem, settings, saves, (from, lanes), out, &mut report)?;
        }
        Ok(report)
    }

    fn batch(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        saves: &[f64],
        range: (usize, usize),
        out: &mut [f64],
        report: &mut GpuReport,
    ) -> Result<(), GpuError> {
        let (device, dialect) = (self.device, self.program.dialect);
        let width = dialect.width();
        let arrays = self.program.arrays(problem, settings, saves, range, 1)?;
        let joint = device.array(&dialect.bytes_of_reals(&arrays.joint_values))?;
        let own = device.array(&dialect.bytes_of_reals(&arrays.own_values))?;
        let tables = device.array(&bytes_of_words(&arrays.tables))?;
        let results = device.empty(width * arrays.results as u64)?;
        let kept = device.empty(width * arrays.kept as u64)?;
        let counts = device.empty(4 * arrays.counts as u64)?;
        let open = device.empty(4)?;
        let all = [&joint, &own, &tables, &results, &kept, &counts, &open];
        let runs = Runs {
            device,
            program: &self.compiled,
            arrays: &all,
            attempts_at: arrays.attempts_at,
            lanes: range.1,
            attempts: self.attempts,
            is_ready: false,
        };
        let interrupted =
            runs.finish(settings, problem.t0, &mut report.runs, &mut report.device_s)?;
        self.program.unpack(
            &arrays,
            saves.len(),
            (&dialect.reals(&device.read(&results)?), &dialect.reals(&device.read(&kept)?)),
            &words(&device.read(&counts)?),
            interrupted.as_ref(),
            &mut report.trajectories,
            out,
        );
        Ok(())
    }
}
