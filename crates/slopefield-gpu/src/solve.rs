//! Whole solves on a device of `wgpu`.

use std::borrow::Cow;
use std::time::Instant;

use slopefield_ensemble::TrajectoryResult;
use slopefield_solve::{Settings, SolveError};

use crate::device::{Compiled, Device, bytes_of_reals, bytes_of_words, reals, words};
use crate::error::GpuError;
use crate::trajectories::{Arrays, SHARED, Trajectories, TrajectoryProgram};

/// Attempts of the first run; later ones depend on how long it took.
const FIRST_ATTEMPTS: u32 = 64;
/// Most attempts of a run: some drivers end any loop at 65,535 rounds.
const MOST_ATTEMPTS: u32 = 16_384;
/// A run should take less than this many seconds: systems stop a card that is busy for two.
const LONG_RUN: f64 = 0.25;
/// Trajectories of a run at most.
const MOST_LANES: usize = 1 << 20;

/// A program of a device.
pub struct Solver<'a> {
    device: &'a Device,
    program: Cow<'a, TrajectoryProgram>,
    compiled: Compiled,
    /// Attempts of a run, where a test or a user sets them.
    pub attempts: Option<u32>,
}

/// What came of a solve.
#[derive(Debug, Clone)]
pub struct GpuReport {
    /// One per trajectory.
    pub trajectories: Vec<TrajectoryResult>,
    /// How often the device was asked to go on.
    pub runs: u64,
}

impl GpuReport {
    /// Number of trajectories that did not reach their end.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.trajectories.iter().filter(|r| r.is_err()).count()
    }
}

impl<'a> Solver<'a> {
    /// Compiles a program of [`crate::Dialect::Wgsl`].
    ///
    /// # Errors
    /// What the driver refuses.
    pub fn new(device: &'a Device, program: &'a TrajectoryProgram) -> Result<Self, GpuError> {
        let compiled = device.compile(&program.text, &SHARED)?;
        Ok(Solver { device, program: Cow::Borrowed(program), compiled, attempts: None })
    }

    /// As [`Solver::new`], and keeps the program.
    ///
    /// # Errors
    /// What the driver refuses.
    pub fn keeping(device: &'a Device, program: TrajectoryProgram) -> Result<Self, GpuError> {
        let compiled = device.compile(&program.text, &SHARED)?;
        Ok(Solver { device, program: Cow::Owned(program), compiled, attempts: None })
    }

    /// Integrates every trajectory in single precision and writes its states at `saves` to `out`:
    /// trajectory by trajectory, row by row (`count × saves × n`). Tolerances, bounds, budget (per
    /// trajectory) and cancellation of `settings` apply; a trajectory that fails stops alone.
    ///
    /// # Errors
    /// [`GpuError::Invalid`] for sizes, times and settings that make no sense; what the driver
    /// refuses; [`GpuError::Memory`] if not even a trajectory fits.
    pub fn solve(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        saves: &[f64],
        out: &mut [f64],
    ) -> Result<GpuReport, GpuError> {
        let n = self.program.states();
        self.program.check(problem, settings, saves)?;
        let row = saves.len() * n;
        if Some(out.len()) != problem.count.checked_mul(row) {
            return Err(GpuError::Invalid(format!(
                "room for {} values was given, but {} trajectories need {row} each",
                out.len(),
                problem.count
            )));
        }
        if problem.t0 == problem.t1 {
            return Err(GpuError::Invalid(format!("the time span is empty: {} only", problem.t0)));
        }
        let limit = self.device.info().largest_array;
        let widest = 4 * self.program.widest(saves.len()) as u64;
        let most = (limit / widest).min(MOST_LANES as u64) as usize;
        if most == 0 {
            let device = self.device.info().name.clone();
            return Err(GpuError::Memory { device, needed: widest, limit });
        }
        let mut report = GpuReport { trajectories: Vec::with_capacity(problem.count), runs: 0 };
        for from in (0..problem.count).step_by(most) {
            let lanes = most.min(problem.count - from);
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
        let device = self.device;
        let arrays = self.program.arrays(problem, settings, saves, range, 1);
        let Arrays { joint_values, own_values, tables, results, kept, counts, clock } = arrays;
        let attempts_at = tables.len() - 3;
        let times: Vec<u32> = clock.iter().map(|ticks| *ticks as u32).collect();
        let joint = device.array(&bytes_of_reals(&joint_values))?;
        let own = device.array(&bytes_of_reals(&own_values))?;
        let table = device.array(&bytes_of_words(&tables))?;
        let results = device.empty(4 * results as u64)?;
        let kept = device.empty(4 * kept as u64)?;
        let counts = device.empty(4 * counts as u64)?;
        let clock = device.array(&bytes_of_words(&times))?;
        let open = device.empty(4)?;
        let all = [&joint, &own, &table, &results, &kept, &counts, &clock, &open];
        let runs = Runs {
            device,
            program: &self.compiled,
            arrays: &all,
            attempts_at,
            lanes: range.1,
            attempts: self.attempts,
        };
        let interrupted = runs.finish(settings, problem.t0, &mut report.runs)?;
        let lanes = range.1;
        let clock = words(&device.read(&clock)?);
        let clock: Vec<u64> = clock[..lanes].iter().map(|ticks| u64::from(*ticks)).collect();
        self.program.unpack(
            problem,
            settings,
            saves.len(),
            (&reals(&device.read(&results)?), &reals(&device.read(&kept)?)),
            &words(&device.read(&counts)?),
            &clock,
            interrupted.as_ref(),
            &mut report.trajectories,
            out,
        );
        Ok(())
    }
}

/// A program whose threads go on in the next run where a run ends, and its arrays.
pub(crate) struct Runs<'a> {
    pub(crate) device: &'a Device,
    pub(crate) program: &'a Compiled,
    /// In the order of their bindings; the third is `tables`, the last counts open threads.
    pub(crate) arrays: &'a [&'a wgpu::Buffer],
    /// Where in `tables` the number of attempts of a run is.
    pub(crate) attempts_at: usize,
    pub(crate) lanes: usize,
    /// Attempts of a run, where a test or a user sets them.
    pub(crate) attempts: Option<u32>,
}

impl Runs<'_> {
    /// Runs until no thread is open or `settings` interrupt at time `t0`; gives why, and counts runs.
    pub(crate) fn finish(
        &self,
        settings: &Settings,
        t0: f64,
        runs: &mut u64,
    ) -> Result<Option<SolveError>, GpuError> {
        let (device, open) = (self.device, self.arrays[self.arrays.len() - 1]);
        let mut attempts = self.attempts.unwrap_or(FIRST_ATTEMPTS).clamp(1, MOST_ATTEMPTS);
        loop {
            if let Some(interruption) = settings.interruption(t0) {
                return Ok(Some(interruption));
            }
            device.write(open, &[0; 4]);
            let bytes = bytes_of_words(&[attempts]);
            device.write_at(self.arrays[2], 4 * self.attempts_at as u64, &bytes);
            let began = Instant::now();
            device.run(self.program, self.arrays, self.lanes)?;
            let left = words(&device.read(open)?)[0];
            *runs += 1;
            if left == 0 {
                return Ok(None);
            }
            // Only how the work is cut depends on the clock.
            if self.attempts.is_none() {
                let took = began.elapsed().as_secs_f64();
                if took < 0.25 * LONG_RUN {
                    attempts = attempts.saturating_mul(2).min(MOST_ATTEMPTS);
                } else if took > LONG_RUN {
                    attempts = (attempts / 2).max(1);
                }
            }
        }
    }
}
