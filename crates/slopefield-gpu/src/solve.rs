//! Whole solves on a device.

use std::borrow::Cow;
use std::cell::RefCell;
use std::time::Instant;

use slopefield_ensemble::TrajectoryResult;
use slopefield_solve::{Settings, SolveError};

use crate::bytes::{Elements, bytes_of_words, words, write_column};
use crate::checks::{check_room, column};
use crate::device::{Compiled, Device, DeviceArray};
use crate::dialect::Dialect;
use crate::error::GpuError;
use crate::trajectories::{
    Arrays, COUNTS, DONE, LAST_COUNTS, Memory, SHARED, Trajectories, TrajectoryProgram,
};

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
    room: RefCell<Option<Room>>,
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
    /// Seconds for which it was waited for; what goes there and comes back is not among them.
    pub device_s: f64,
}

impl GpuReport {
    /// Number of trajectories that did not reach their end.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.trajectories.iter().filter(|r| r.is_err()).count()
    }
}

impl<'a> Solver<'a> {
    /// Compiles a program of a dialect of the device.
    ///
    /// # Errors
    /// [`GpuError::Dialect`] for others; what the driver refuses.
    pub fn new(device: &'a Device, program: &'a TrajectoryProgram) -> Result<Self, GpuError> {
        let compiled = device.compile(program.dialect, &program.text, &SHARED)?;
        Ok(Solver {
            device,
            program: Cow::Borrowed(program),
            compiled,
            room: RefCell::default(),
            attempts: None,
        })
    }

    /// As [`Solver::new`], and keeps the program.
    ///
    /// # Errors
    /// What the driver refuses.
    pub fn keeping(device: &'a Device, program: TrajectoryProgram) -> Result<Self, GpuError> {
        let compiled = device.compile(program.dialect, &program.text, &SHARED)?;
        Ok(Solver {
            device,
            program: Cow::Owned(program),
            compiled,
            room: RefCell::default(),
            attempts: None,
        })
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
        self.program.check(problem, settings, saves)?;
        let row = saves.len() * self.program.states();
        check_room("trajectories", problem.count, row, out.len())?;
        let limit = self.device.info().largest_array;
        let widest = self.program.dialect.width() * self.program.widest(saves.len()) as u64;
        let most = (limit / widest).min(MOST_LANES as u64) as usize;
        if most == 0 {
            let device = self.device.info().name.clone();
            return Err(GpuError::Memory { device, needed: widest, limit });
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
        (from, lanes): (usize, usize),
        out: &mut [f64],
        report: &mut GpuReport,
    ) -> Result<(), GpuError> {
        let (device, dialect, width) = (self.device, self.program.dialect, self.width());
        let attempts = first_attempts(self.attempts);
        let arrays = self.program.without_columns(problem, settings, saves, lanes, attempts);
        let room = self.prepare(&arrays, lanes)?;
        let [_, own, _, results, kept, counts, clock, _] = &room.arrays;
        let dims = (self.program.states(), self.program.own);
        device.write_with(own, width * ((dims.0 + dims.1) * lanes) as u64, |bytes| {
            let rows = bytes.chunks_exact_mut(width as usize * lanes);
            for (row, to) in rows.enumerate() {
                write_column(dialect, to, column(problem, dims, from, row));
            }
        })?;
        let runs = Runs {
            device,
            program: &self.compiled,
            arrays: &room.arrays.each_ref(),
            attempts_at: arrays.tables.len() - 3,
            lanes,
            attempts: self.attempts,
            is_ready: true,
        };
        let interrupted =
            runs.finish(settings, problem.t0, &mut report.runs, &mut report.device_s)?;
        fn elements(dialect: Dialect, bytes: &[u8]) -> Elements<'_> {
            Elements { dialect, bytes }
        }
        let last = 4 * (LAST_COUNTS * lanes) as u64;
        let parts = [(results, 0, width * arrays.results as u64), (counts, 0, last)];
        let all_done = device.read_parts(&parts, |parts| {
            let (results, counts) = (elements(dialect, parts[0]), elements(dialect, parts[1]));
            if self.program.is_timed() || (0..lanes).any(|lane| counts.word(lane) != DONE) {
                return false;
            }
            let memory = Memory {
                lanes,
                result: |at| results.real(at),
                kept: |_| f64::NAN,
                count: |row, lane| counts.word(row * lanes + lane),
                clock: |_| 0,
            };
            let into = &mut report.trajectories;
            self.program.unpack_from(problem, settings, saves.len(), &memory, None, into, out);
            true
        })?;
        if !all_done {
            let parts = [
                (results, 0, width * arrays.results as u64),
                (counts, 0, 4 * (COUNTS * lanes) as u64),
                (kept, 0, width * arrays.kept as u64),
                (clock, 0, width * lanes as u64),
            ];
            device.read_parts(&parts, |parts| {
                let [results, counts, kept, clock] =
                    [0, 1, 2, 3].map(|k| elements(dialect, parts[k]));
                let memory = Memory {
                    lanes,
                    result: |at| results.real(at),
                    kept: |at| kept.real(at),
                    count: |row, lane| counts.word(row * lanes + lane),
                    clock: |lane| clock.ticks(lane),
                };
                let (why, into) = (interrupted.as_ref(), &mut report.trajectories);
                self.program.unpack_from(problem, settings, saves.len(), &memory, why, into, out);
            })?;
        }
        self.room.replace(Some(room));
        Ok(())
    }

    fn width(&self) -> u64 {
        self.program.dialect.width()
    }

    /// The arrays on the device, those of the batch before where they have the same sizes; all are as a
    /// first run needs them but for `own_values`.
    fn prepare(&self, arrays: &Arrays, lanes: usize) -> Result<Room, GpuError> {
        let (device, dialect) = (self.device, self.program.dialect);
        let own = (self.program.states() + self.program.own) * lanes;
        let sizes = [
            arrays.joint_values.len(),
            own,
            arrays.tables.len(),
            arrays.results,
            arrays.kept,
            arrays.counts,
            arrays.clock.len(),
        ];
        if let Some(room) = self.room.take().filter(|room| room.sizes == sizes) {
            let [to_joint, _, to_tables, _, _, counts, to_clock, open] = &room.arrays;
            device.write_at(to_joint, 0, &dialect.bytes_of_reals(&arrays.joint_values))?;
            device.write_at(to_tables, 0, &bytes_of_words(&arrays.tables))?;
            device.write_at(to_clock, 0, &dialect.bytes_of_ticks(&arrays.clock))?;
            device.clear(counts)?;
            device.clear(open)?;
            return Ok(room);
        }
        let mut on_device = upload(device, dialect, arrays)?;
        on_device[1] = device.empty(dialect.width() * own as u64)?;
        Ok(Room { sizes, arrays: on_device })
    }
}

/// The arrays of a batch on the device, kept for the next one: taking memory costs as much as a small
/// solve.
struct Room {
    sizes: [usize; 7],
    arrays: [DeviceArray; 8],
}

fn first_attempts(wanted: Option<u32>) -> u32 {
    wanted.unwrap_or(FIRST_ATTEMPTS).clamp(1, MOST_ATTEMPTS)
}

/// First and number of each portion of at most `most` out of `count`.
pub(crate) fn portions(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).step_by(most).map(move |from| (from, most.min(count - from)))
}

/// The arrays of a solve on a device, in the order of their bindings ([`SHARED`]).
pub(crate) fn upload(
    device: &Device,
    dialect: Dialect,
    arrays: &Arrays,
) -> Result<[DeviceArray; 8], GpuError> {
    let width = dialect.width();
    Ok([
        device.array(&dialect.bytes_of_reals(&arrays.joint_values))?,
        device.array(&dialect.bytes_of_reals(&arrays.own_values))?,
        device.array(&bytes_of_words(&arrays.tables))?,
        device.empty(width * arrays.results as u64)?,
        device.empty(width * arrays.kept as u64)?,
        device.empty(4 * arrays.counts as u64)?,
        device.array(&dialect.bytes_of_ticks(&arrays.clock))?,
        device.empty(4)?,
    ])
}

/// A program whose threads go on in the next run where a run ends, and its arrays.
pub(crate) struct Runs<'a> {
    pub(crate) device: &'a Device,
    pub(crate) program: &'a Compiled,
    /// In the order of their bindings; the third is `tables`, the last counts open threads.
    pub(crate) arrays: &'a [&'a DeviceArray],
    /// Where in `tables` the number of attempts of a run is.
    pub(crate) attempts_at: usize,
    pub(crate) lanes: usize,
    /// Attempts of a run, where a test or a user sets them.
    pub(crate) attempts: Option<u32>,
    /// Whether the arrays are as the first run needs them: no thread is open, and `tables` has the number
    /// of [`first_attempts`].
    pub(crate) is_ready: bool,
}

impl Runs<'_> {
    /// Runs until no thread is open or `settings` interrupt at time `t0`; gives why, and counts runs and
    /// seconds.
    pub(crate) fn finish(
        &self,
        settings: &Settings,
        t0: f64,
        runs: &mut u64,
        device_s: &mut f64,
    ) -> Result<Option<SolveError>, GpuError> {
        let (device, open) = (self.device, self.arrays[self.arrays.len() - 1]);
        let mut attempts = first_attempts(self.attempts);
        let mut is_ready = self.is_ready;
        loop {
            if let Some(interruption) = settings.interruption(t0) {
                return Ok(Some(interruption));
            }
            if !is_ready {
                device.write_at(open, 0, &[0; 4])?;
                let bytes = bytes_of_words(&[attempts]);
                device.write_at(self.arrays[2], 4 * self.attempts_at as u64, &bytes)?;
            }
            is_ready = false;
            let began = Instant::now();
            device.run(self.program, self.arrays, self.lanes)?;
            let left = words(&device.read(open)?)[0];
            let took = began.elapsed().as_secs_f64();
            *runs += 1;
            *device_s += took;
            if left == 0 {
                return Ok(None);
            }
            // Only how the work is cut depends on the clock.
            if self.attempts.is_none() {
                if took < 0.25 * LONG_RUN {
                    attempts = attempts.saturating_mul(2).min(MOST_ATTEMPTS);
                } else if took > LONG_RUN {
                    attempts = (attempts / 2).max(1);
                }
            }
        }
    }
}
