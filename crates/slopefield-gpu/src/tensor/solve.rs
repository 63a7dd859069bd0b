//! Batched solves on a device.

use std::borrow::Cow;
use std::time::Instant;

use slopefield_ensemble::TrajectoryResult;
use slopefield_solve::{Settings, SolveError};

use crate::bytes::{bytes_of_words, words};
use crate::checks::check_room;
use crate::device::{Device, Sequence};
use crate::dialect::Dialect;
use crate::error::GpuError;
use crate::solve::{GpuReport, LONG_RUN, portions};
use crate::tensor::kept::Kept;
use crate::tensor::layout::{SHARED, end_slope};
use crate::tensor::pieces::Kernel;
use crate::tensor::program::{TensorArrays, TensorProgram};
use crate::tensor::programs::{OnDevice, Programs};
use crate::trajectories::{COUNTS, Ended, Memory, Method, Trajectories};

/// Steps that are tried before the device is asked for the first time how many trajectories are open.
const FIRST_ROUNDS: u32 = 4;
/// Steps at most: trajectories that have ended are carried along.
const MOST_ROUNDS: u32 = 64;
/// Trajectories of a batch at most.
pub(crate) const MOST_LANES: usize = 1 << 16;

/// The programs of a batched solve on a device.
pub struct TensorSolver<'a> {
    program: Cow<'a, TensorProgram>,
    programs: Programs<'a>,
    kept: Kept<'a, 8>,
    /// Steps that are tried without asking the device, where a test or a user sets them.
    pub rounds: Option<u32>,
    /// Trajectories at once, where a test or a user sets them.
    pub lanes: Option<usize>,
}

impl<'a> TensorSolver<'a> {
    /// Compiles programs of a dialect of the device.
    ///
    /// # Errors
    /// [`GpuError::Dialect`] for others; what the driver refuses.
    pub fn new(device: &'a Device, program: &'a TensorProgram) -> Result<Self, GpuError> {
        Self::of(device, Cow::Borrowed(program))
    }

    /// As [`TensorSolver::new`], and keeps the programs.
    ///
    /// # Errors
    /// What the driver refuses.
    pub fn keeping(device: &'a Device, program: TensorProgram) -> Result<Self, GpuError> {
        Self::of(device, Cow::Owned(program))
    }

    fn of(device: &'a Device, program: Cow<'a, TensorProgram>) -> Result<Self, GpuError> {
        let programs = Programs::new(device, program.dialect, &SHARED);
        programs.prepare(program.kernels())?;
        let kept = Kept::new(device);
        Ok(TensorSolver { program, programs, kept, rounds: None, lanes: None })
    }

    /// How often memory of the device was taken: once for each array, and again for larger ones.
    #[must_use]
    pub fn memory_taken(&self) -> u64 {
        self.kept.taken()
    }

    /// Integrates every trajectory in the precision of the program and writes its states at `saves` to `out`:
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
        let program = &*self.program;
        program.check(problem, settings, saves)?;
        let row = saves.len() * program.states();
        check_room("trajectories", problem.count, row, out.len())?;
        let widest = program.dialect.width() * program.widest(saves.len()) as u64;
        let (wanted, kernels) = (self.lanes.unwrap_or(MOST_LANES), program.kernels());
        let most = self.programs.most_lanes(widest, wanted, kernels)?;
        let mut report =
            GpuReport { trajectories: Vec::with_capacity(problem.count), runs: 0, device_s: 0.0 };
        for (from, lanes) in portions(problem.count, most) {
            let out = &mut out[from * row..][..lanes * row];
            let done = self.batch(problem, settings, saves, (from, lanes), out, &mut report);
            done.inspect_err(|_| self.kept.release())?;
        }
        Ok(report)
    }

    /// Adds a batch to the report.
    fn batch(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        saves: &[f64],
        (from, lanes): (usize, usize),
        out: &mut [f64],
        report: &mut GpuReport,
    ) -> Result<(), GpuError> {
        let program = &*self.program;
        let arrays = program.arrays(problem, settings, saves, (from, lanes));
        let on_device = upload(&self.kept, program.dialect, &arrays)?;
        let solve = Solve { programs: &self.programs, program, rounds: self.rounds };
        let interrupted = solve.finish(
            &on_device,
            (lanes, arrays.within),
            settings,
            problem.t0,
            &mut report.runs,
            &mut report.device_s,
        )?;
        let read = solve.read(&on_device, lanes, saves.len())?;
        let into = &mut report.trajectories;
        read.unpack(program, problem, settings, interrupted.as_ref(), into, out);
        self.kept.put(0, on_device);
        Ok(())
    }
}

/// What a solve left on the device.
pub(crate) struct Read {
    saves: usize,
    results: Vec<f64>,
    kept: Vec<f64>,
    pub(crate) counts: Vec<u32>,
    clock: Vec<u64>,
}

impl Read {
    /// What came of the trajectories, as [`crate::TrajectoryProgram::unpack`] gives it.
    pub(crate) fn unpack(
        &self,
        program: &TensorProgram,
        problem: &Trajectories<'_>,
        settings: &Settings,
        interrupted: Option<&SolveError>,
        into: &mut Vec<TrajectoryResult>,
        out: &mut [f64],
    ) {
        let lanes = self.counts.len() / COUNTS;
        let memory = Memory {
            lanes,
            result: |at: usize| self.results[at],
            kept: |at: usize| self.kept[at],
            count: |row, lane| self.counts[row * lanes + lane],
            clock: |lane: usize| self.clock[lane],
        };
        let ended = Ended {
            saves: self.saves,
            states: program.states(),
            method: Method::Explicit(program.table),
            dialect: program.dialect,
        };
        ended.unpack(problem, settings, &memory, |_| 0, interrupted, into, out);
    }
}

/// A solve of a batch.
pub(crate) struct Solve<'a> {
    pub(crate) programs: &'a Programs<'a>,
    pub(crate) program: &'a TensorProgram,
    pub(crate) rounds: Option<u32>,
}

impl Solve<'_> {
    /// States, next steps, counters and times after the last step, and states at save times.
    pub(crate) fn read(
        &self,
        arrays: &OnDevice,
        lanes: usize,
        saves: usize,
    ) -> Result<Read, GpuError> {
        let [_, _, _, results, work, counts, clock, _] = arrays;
        let (device, n, rows) = (self.programs.device, self.program.states(), &self.program.rows);
        let (dialect, width) = (self.program.dialect, self.program.dialect.width());
        let part = |buffer, row: usize, rows: usize| {
            device.read_part(buffer, width * (row * lanes) as u64, width * (rows * lanes) as u64)
        };
        // States, and the next step where a whole solve in a thread has it.
        let mut kept = dialect.reals(&part(work, rows.u, n)?);
        kept.resize(2 * n * lanes, 0.0);
        kept.extend(dialect.reals(&part(work, rows.h, 1)?));
        Ok(Read {
            saves,
            results: if saves > 0 { dialect.reals(&part(results, 0, saves * n)?) } else { vec![] },
            kept,
            counts: words(&device.read_part(counts, 0, 4 * (COUNTS * lanes) as u64)?),
            clock: dialect.ticks(&part(clock, 0, 1)?),
        })
    }

    /// Takes steps until no trajectory is open or `settings` interrupt; gives why, and counts how often the
    /// device was asked and for how long.
    pub(crate) fn finish(
        &self,
        arrays: &OnDevice,
        (lanes, within): (usize, bool),
        settings: &Settings,
        t0: f64,
        runs: &mut u64,
        device_s: &mut f64,
    ) -> Result<Option<SolveError>, GpuError> {
        let (device, steps) = (self.programs.device, &self.program.steps);
        let record = |kernels: &[&Kernel]| self.programs.record(arrays, kernels, lanes);
        let slopes: Vec<&Kernel> = self.program.slopes.iter().collect();
        let chosen = [&[&steps.mark][..], &slopes, &[&steps.second]].concat();
        let first = [&[&steps.start, &steps.mark][..], &slopes, &[&steps.first], &chosen].concat();
        let (begin, choose) = (record(&first)?, record(&chosen)?);
        let mut round = vec![&steps.begin];
        let end = end_slope(self.program.table);
        for stage in &steps.stages[..end] {
            round.push(stage);
            round.extend(&slopes);
        }
        round.extend([&steps.error, &steps.judge]);
        if within {
            for stage in &steps.stages[end..] {
                round.push(stage);
                round.extend(&slopes);
            }
        }
        round.push(if within { &steps.finish } else { &steps.finish_at_ends });
        let (round, count) = (record(&round)?, record(&[&steps.count])?);
        let open = &arrays[7];
        let mut ask = |sequences: &[(&Sequence, u32)]| {
            let began = Instant::now();
            device.write_at(open, 0, &[0; 4])?;
            device.play(sequences)?;
            let left = words(&device.read(open)?)[0];
            *runs += 1;
            *device_s += began.elapsed().as_secs_f64();
            Ok::<u32, GpuError>(left)
        };
        if let Some(interruption) = settings.interruption(t0) {
            return Ok(Some(interruption));
        }
        // A step's trial that leaves the numbers is made again, shorter.
        let mut choosing = ask(&[(&begin, 1)])?;
        while choosing > 0 {
            choosing = ask(&[(&choose, 1)])?;
        }
        let mut rounds = self.rounds.unwrap_or(FIRST_ROUNDS).clamp(1, MOST_ROUNDS);
        loop {
            if let Some(interruption) = settings.interruption(t0) {
                return Ok(Some(interruption));
            }
            let began = Instant::now();
            if ask(&[(&round, rounds), (&count, 1)])? == 0 {
                return Ok(None);
            }
            // Only how the work is cut depends on the clock.
            if self.rounds.is_none() {
                let took = began.elapsed().as_secs_f64();
                if took < 0.25 * LONG_RUN {
                    rounds = (2 * rounds).min(MOST_ROUNDS);
                } else if took > LONG_RUN {
                    rounds = (rounds / 2).max(1);
                }
            }
        }
    }
}

/// The arrays of a batch on a device, the first eight of those that are kept there.
pub(crate) fn upload<const N: usize>(
    kept: &Kept<'_, N>,
    dialect: Dialect,
    arrays: &TensorArrays,
) -> Result<OnDevice, GpuError> {
    let width = dialect.width();
    Ok([
        kept.with(0, &dialect.bytes_of_reals(&arrays.joint_values))?,
        kept.with(1, &dialect.bytes_of_reals(&arrays.own_values))?,
        kept.with(2, &bytes_of_words(&arrays.tables))?,
        kept.cleared(3, width * arrays.results as u64)?,
        kept.cleared(4, width * arrays.work as u64)?,
        kept.cleared(5, 4 * arrays.counts as u64)?,
        kept.with(6, &dialect.bytes_of_ticks(&arrays.clock))?,
        kept.cleared(7, 4)?,
    ])
}
