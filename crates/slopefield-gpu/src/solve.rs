//! Whole solves on a device of `wgpu`.

use std::borrow::Cow;
use std::time::Instant;

use slopefield_ensemble::TrajectoryResult;
use slopefield_solve::{Settings, SolveError};

use crate::checks::check_room;
use crate::device::{Compiled, Device, bytes_of_reals, bytes_of_words, reals, words};
use crate::error::GpuError;
use crate::trajectories::{Arrays, SHARED, Trajectories, TrajectoryProgram};

/// Attempts of the first run; later ones depend on how long it took.
const FIRST_ATTEMPTS: u32 = 64;
/// Most attempts of a run: some drivers end any loop at 65,535 rounds.
const MOST_ATTEMPTS: u32 = 16_384;
/// A run should take less than this many seconds: systems stop a card that is busy for two.
pub(crate) const LONG_RUN: f64 = 0.25;
/// Trajectories or paths of a run at most.
pub(crate) const MOST_LANES: usize = 1 << 20;

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
        self.program.check(problem, settings, saves)?;
        let row = saves.len() * self.program.states();
        check_room("trajectories", problem.count, row, out.len())?;
        let limit = self.device.info().largest_array;
        let widest = 4 * self.program.widest(saves.len()) as u64;
        let most = (limit / widest).min(MOST_LANES as u64) as usize;
        if most == 0 {
            let device = self.device.info().name.clone();
            return Err(GpuError::Memory { device, needed: widest, limit });
        }
        let mut report = GpuReport { trajectories: Vec::with_capacity(problem.count), runs: 0 };
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
        let device = self.device;
        let arrays = self.program.arrays(problem, settings, saves, range, 1);
        let on_device = upload(device, &arrays)?;
        let [_, _, _, results, kept, counts, clock, _] = &on_device;
        let runs = Runs {
            device,
            program: &self.compiled,
            arrays: &on_device.each_ref(),
            attempts_at: arrays.tables.len() - 3,
            lanes: range.1,
            attempts: self.attempts,
        };
        let interrupted = runs.finish(settings, problem.t0, &mut report.runs)?;
        let lanes = range.1;
        let clock = words(&device.read(clock)?);
        let clock: Vec<u64> = clock[..lanes].iter().map(|ticks| u64::from(*ticks)).collect();
        self.program.unpack(
            problem,
            settings,
            saves.len(),
            (&reals(&device.read(results)?), &reals(&device.read(kept)?)),
            &words(&device.read(counts)?),
            &clock,
            interrupted.as_ref(),
            &mut report.trajectories,
            out,
        );
        Ok(())
    }
}

/// First and number of each portion of at most `most` out of `count`.
pub(crate) fn portions(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).step_by(most).map(move |from| (from, most.min(count - from)))
}

/// The arrays of a solve on a device, in the order of their bindings ([`SHARED`]).
pub(crate) fn upload(device: &Device, arrays: &Arrays) -> Result<[wgpu::Buffer; 8], GpuError> {
    let times: Vec<u32> = arrays.clock.iter().map(|ticks| *ticks as u32).collect();
    Ok([
        device.array(&bytes_of_reals(&arrays.joint_values))?,
        device.array(&bytes_of_reals(&arrays.own_values))?,
        device.array(&bytes_of_words(&arrays.tables))?,
        device.empty(4 * arrays.results as u64)?,
        device.empty(4 * arrays.kept as u64)?,
        device.empty(4 * arrays.counts as u64)?,
        device.array(&bytes_of_words(&times))?,
        device.empty(4)?,
    ])
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
