//! Gradients of a loss of many trajectories, on a device.

use std::borrow::Cow;
use std::cell::RefCell;

use rayon::prelude::*;
use slopefield_ensemble::TrajectoryResult;
use slopefield_solve::{Settings, SolveError};

use crate::bytes::{Elements, words, write_rows};
use crate::checks::column;
use crate::device::{Compiled, Device};
use crate::dialect::Dialect;
use crate::error::GpuError;
use crate::gradient_room::Room;
use crate::gradients::{GradientProgram, Tape};
use crate::solve::{MOST_LANES, Runs};
use crate::sums::{self, BLOCK};
use crate::trajectories::{COUNTS, LANES_OF_A_THREAD, Memory, SHARED, Trajectories};

/// Steps of a trajectory that there is room for at first.
pub(crate) const FIRST_ROOM: u32 = 256;
/// Memory of the card that a gradient takes unless said otherwise.
pub(crate) const DEFAULT_MEMORY: u64 = 1 << 30;

/// The loss of a trajectory, from its number and its states at the save times, row by row (NaN where a
/// failed trajectory did not get to); writes the derivative by each of them.
pub type TrajectoryLoss<'a> = dyn FnMut(usize, &[f64], &mut [f64]) -> f64 + 'a;

/// The programs of a gradient on a device.
pub struct GradientSolver<'a> {
    device: &'a Device,
    program: Cow<'a, GradientProgram>,
    forward: Compiled,
    reverse: Compiled,
    sums: Compiled,
    room: RefCell<Option<Room>>,
    /// Attempts of a run, where a test or a user sets them.
    pub attempts: Option<u32>,
    /// Bytes of the card to be used. The fewer, the fewer trajectories at once and the fewer states
    /// kept; less than 64 trajectories need is exceeded.
    pub memory: u64,
    /// How much is kept, where a test or a user sets it. A solve that takes more steps than there is
    /// room for is made again with more.
    pub tape: Option<Tape>,
}

/// What came of a gradient.
#[derive(Debug, Clone)]
pub struct GradientReport {
    /// Sum of the losses, in the order of the trajectories.
    pub loss: f64,
    /// One per trajectory.
    pub trajectories: Vec<TrajectoryResult>,
    /// Derivative of the loss by the initial states, trajectory by trajectory. NaN where the loss
    /// depends on states that a failed trajectory did not get to.
    pub by_u0: Vec<f64>,
    /// That by the parameters that trajectories have of their own, trajectory by trajectory.
    pub by_own: Vec<f64>,
    /// That by each of all parameters, summed over the trajectories in their order; 0 for those that
    /// trajectories have of their own.
    pub by_shared: Vec<f64>,
    /// How often the device was asked to go on.
    pub runs: u64,
    /// Seconds for which it was waited for; what goes there and comes back is not among them.
    pub device_s: f64,
    /// Bytes of the largest batch on the device.
    pub memory: u64,
}

impl<'a> GradientSolver<'a> {
    /// Compiles programs of a dialect of the device.
    ///
    /// # Errors
    /// [`GpuError::Dialect`] for others; what the driver refuses.
    pub fn new(device: &'a Device, program: &'a GradientProgram) -> Result<Self, GpuError> {
        Self::of(device, Cow::Borrowed(program))
    }

    /// As [`GradientSolver::new`], and keeps the programs.
    ///
    /// # Errors
    /// [`GpuError::Dialect`] for others; what the driver refuses.
    pub fn keeping(device: &'a Device, program: GradientProgram) -> Result<Self, GpuError> {
        Self::of(device, Cow::Owned(program))
    }

    fn of(device: &'a Device, program: Cow<'a, GradientProgram>) -> Result<Self, GpuError> {
        let dialect = program.forward().dialect;
        Ok(GradientSolver {
            device,
            forward: device.compile(dialect, &program.forward().text, &SHARED)?,
            reverse: device.compile(dialect, program.reverse(), &SHARED)?,
            sums: device.compile(dialect, &sums::text(dialect)?, &sums::SHARED)?,
            program,
            room: RefCell::default(),
            attempts: None,
            memory: DEFAULT_MEMORY,
            tape: None,
        })
    }

    /// Integrates every trajectory in the precision of the program, asks for the loss of each, and gives the exact
    /// derivatives of the steps that were taken.
    ///
    /// # Errors
    /// [`GpuError::Invalid`] for sizes, times and settings that make no sense; [`GpuError::Interrupted`]
    /// where the settings interrupt; what the driver refuses; [`GpuError::Memory`] if not even 64
    /// trajectories fit.
    pub fn gradient(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        saves: &[f64],
        loss: &mut TrajectoryLoss<'_>,
    ) -> Result<GradientReport, GpuError> {
        let forward = self.program.forward();
        forward.check(problem, settings, saves)?;
        let mut report = GradientReport {
            loss: 0.0,
            trajectories: Vec::with_capacity(problem.count),
            by_u0: vec![0.0; problem.count * forward.states()],
            by_own: vec![0.0; problem.count * self.program.own().len()],
            by_shared: vec![0.0; self.program.rows() - forward.states()],
            runs: 0,
            device_s: 0.0,
            memory: 0,
        };
        let most_steps = u32::try_from(settings.max_steps).unwrap_or(u32::MAX).max(1);
        let mut room = self.tape.map_or(FIRST_ROOM, |tape| tape.room).clamp(1, most_steps);
        let mut from = 0;
        while from < problem.count {
            let (tape, most) = self.plan(saves.len(), room, problem.count - from)?;
            let lanes = most.min(problem.count - from);
            let taken =
                self.batch(problem, settings, saves, (from, lanes), tape, loss, &mut report)?;
            if taken > tape.room {
                // The same solve again, with the same steps. Some more, so that neighbours fit too.
                room = taken.saturating_add(taken / 4).min(most_steps);
                continue;
            }
            from += lanes;
        }
        Ok(report)
    }

    fn dialect(&self) -> Dialect {
        self.program.forward().dialect
    }

    /// How much to keep, and of how many trajectories at once.
    fn plan(&self, saves: usize, room: u32, wanted: usize) -> Result<(Tape, usize), GpuError> {
        let limit = self.device.info().largest_array;
        let width = self.dialect().width();
        let lanes_with = |tape: Tape| {
            let (widest, all) = self.program.width(saves, tape);
            (limit / (width * widest as u64)).min(self.memory / (width * all as u64)) as usize
        };
        let root = f64::from(room).sqrt().ceil() as u32;
        let mut tape = Tape { room, stride: self.tape.map_or(1, |tape| tape.stride.max(1)) };
        if self.tape.is_none() && lanes_with(tape) < wanted.min(MOST_LANES) {
            tape.stride = root;
        }
        // Sums are made of blocks of the same trajectories, whatever the memory.
        let (widest, _) = self.program.width(saves, tape);
        let least = width * (widest * BLOCK.min(wanted)) as u64;
        if least > limit {
            let device = self.device.info().name.clone();
            return Err(GpuError::Memory { device, needed: least, limit });
        }
        let whole = lanes_with(tape).min(MOST_LANES) / BLOCK * BLOCK;
        Ok((tape, whole.max(BLOCK)))
    }

    /// Adds a batch to the report and gives the most accepted steps; nothing is added where that is
    /// more than there was room for.
    #[allow(clippy::too_many_arguments, reason = "a solve and where it goes")]
    fn batch(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        saves: &[f64],
        (from, lanes): (usize, usize),
        tape: Tape,
        loss: &mut TrajectoryLoss<'_>,
        report: &mut GradientReport,
    ) -> Result<u32, GpuError> {
        let (device, program, dialect) = (self.device, &*self.program, self.dialect());
        let (width, n) = (dialect.width(), program.forward().states());
        let row = saves.len() * n;
        let heads = program.forward_heads(problem, settings, saves, lanes, 1, tape);
        let room = Room::prepare(self.room.take(), device, program, &heads, tape, row)?;
        let dims = (n, program.own().len());
        let inputs = (dims.0 + dims.1) * lanes;
        device.write_with(room.own_values(), width * inputs as u64, |bytes| {
            write_rows(dialect, bytes, lanes, |i, k| column(problem, dims, from, i)(k));
        })?;
        let solve = |program, arrays: &[_], attempts_at, report: &mut GradientReport| {
            let (attempts, is_ready) = (self.attempts, false);
            let all = Runs { device, program, arrays, attempts_at, lanes, attempts, is_ready };
            let (runs, device_s) = (&mut report.runs, &mut report.device_s);
            interrupted(all.finish(settings, problem.t0, runs, device_s)?)
        };
        solve(&self.forward, &room.forward(), heads.tables.len() - 3, report)?;
        let [_, _, _, results, kept, counts, clock, _] = room.forward();
        let row_of_words = 4 * lanes as u64;
        let taken = words(&device.read_part(counts, 2 * row_of_words, row_of_words)?);
        let most = taken.into_iter().max().unwrap_or(0);
        if most > tape.room {
            return Ok(most);
        }
        let mut states = vec![0.0; lanes * row];
        let parts = [
            (results, 0, width * (row * lanes) as u64),
            (kept, 0, width * ((2 * n + 2) * lanes) as u64),
            (counts, 0, row_of_words * COUNTS as u64),
            (clock, 0, width * lanes as u64),
        ];
        device.read_parts(&parts, |parts| {
            let [results, kept, counts, clock] =
                [0, 1, 2, 3].map(|k| Elements { dialect, bytes: parts[k] });
            let memory = Memory {
                lanes,
                result: |at| results.real(at),
                kept: |at| kept.real(at),
                count: |row, lane| counts.word(row * lanes + lane),
                clock: |lane| clock.ticks(lane),
            };
            let (into, out) = (&mut report.trajectories, &mut states);
            program.forward().unpack_from(problem, settings, saves.len(), &memory, None, into, out);
        })?;
        let mut by_state = vec![0.0; lanes * row];
        for lane in 0..lanes {
            let part = lane * row..(lane + 1) * row;
            report.loss += loss(from + lane, &states[part.clone()], &mut by_state[part]);
        }
        let mut bytes = vec![0; width as usize * by_state.len()];
        write_rows(dialect, &mut bytes, lanes, |i, k| by_state[k * row + i]);
        device.write_at(room.own_values(), width * inputs as u64, &bytes)?;
        report.memory = report.memory.max(room.bytes());
        solve(&self.reverse, &room.reverse(), room.reverse_attempts_at(), report)?;
        self.collect(&room, (from, lanes), report)?;
        self.room.replace(Some(room));
        Ok(most)
    }

    /// Reads the gradients of a batch and adds those by parameters that all share.
    fn collect(
        &self,
        room: &Room,
        (from, lanes): (usize, usize),
        report: &mut GradientReport,
    ) -> Result<(), GpuError> {
        let (dialect, width) = (self.dialect(), self.dialect().width());
        let (device, n, own) = (self.device, self.program.forward().states(), self.program.own());
        let bytes = width * lanes as u64;
        let read = |rows: Vec<usize>, to: &mut [f64]| {
            let count = rows.len();
            let part = |row: &usize| (room.gradients(), bytes * *row as u64, bytes);
            let parts: Vec<_> = rows.iter().map(part).collect();
            if count == 0 {
                return Ok(());
            }
            device.read_parts(&parts, |parts| {
                let to = to[from * count..][..lanes * count].par_chunks_exact_mut(count);
                to.with_min_len(LANES_OF_A_THREAD).enumerate().for_each(|(lane, to)| {
                    for (to, bytes) in to.iter_mut().zip(parts) {
                        *to = Elements { dialect, bytes }.real(lane);
                    }
                });
            })
        };
        read((0..n).collect(), &mut report.by_u0)?;
        read(own.iter().map(|i| n + i).collect(), &mut report.by_own)?;
        let shared = (0..report.by_shared.len()).filter(|i| own.binary_search(i).is_err());
        let shared: Vec<_> = shared.map(|i| (n + i, i)).collect();
        let (arrays, to) = ((room.joint(), room.gradients()), &mut report.by_shared);
        sums::add(device, &self.sums, dialect, arrays, &shared, lanes, to)
    }
}

/// A solve that was interrupted has no gradient.
pub(crate) fn interrupted(why: Option<SolveError>) -> Result<(), GpuError> {
    match why {
        Some(SolveError::OutOfTime { .. }) => {
            Err(GpuError::Interrupted { why: "the time allowed is over" })
        }
        Some(_) => Err(GpuError::Interrupted { why: "it was cancelled" }),
        None => Ok(()),
    }
}
