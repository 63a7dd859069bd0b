//! Gradients of a loss of many trajectories that no thread holds, on a device.

use std::borrow::Cow;
use std::time::Instant;

use slopefield_solve::Settings;

use crate::bytes::bytes_of_words;
use crate::device::{Compiled, Device, DeviceArray};
use crate::dialect::Dialect;
use crate::error::GpuError;
use crate::gradient_solve::{
    DEFAULT_MEMORY, FIRST_ROOM, GradientReport, TrajectoryLoss, interrupted,
};
use crate::sums;
use crate::tensor::gradient::{SHARED_BACK, TensorGradientProgram};
use crate::tensor::kept::Kept;
use crate::tensor::layout::{COUNTS, SHARED};
use crate::tensor::outer::BLOCK;
use crate::tensor::pieces::Kernel;
use crate::tensor::programs::{OnDevice, Programs};
use crate::tensor::solve::{MOST_LANES, Solve, upload};
use crate::trajectories::Trajectories;

/// Steps that are reversed without waiting for the device.
const ROUNDS: u32 = 16;

/// The programs of a gradient on a device.
pub struct TensorGradientSolver<'a> {
    program: Cow<'a, TensorGradientProgram>,
    forward: Programs<'a>,
    back: Programs<'a>,
    sums: Compiled,
    /// Those of the solve, then those of the reverse pass that are not the same.
    kept: Kept<'a, 14>,
    /// Steps that are taken without asking the device, where a test or a user sets them.
    pub rounds: Option<u32>,
    /// Bytes of the card to be used. The fewer, the fewer trajectories at once; what one trajectory needs
    /// is exceeded.
    pub memory: u64,
    /// Steps that there is room for at first. A solve that takes more is made again.
    pub room: u32,
}

/// The trajectories of a batch.
struct Batch {
    from: usize,
    lanes: usize,
    /// Trajectories whose loss depends on states that they did not get to.
    impossible: Vec<usize>,
}

impl<'a> TensorGradientSolver<'a> {
    /// Compiles programs of a dialect of the device.
    ///
    /// # Errors
    /// [`GpuError::Dialect`] for others; what the driver refuses.
    pub fn new(device: &'a Device, program: &'a TensorGradientProgram) -> Result<Self, GpuError> {
        Self::of(device, Cow::Borrowed(program))
    }

    /// As [`TensorGradientSolver::new`], and keeps the programs.
    ///
    /// # Errors
    /// As for [`TensorGradientSolver::new`].
    pub fn keeping(device: &'a Device, program: TensorGradientProgram) -> Result<Self, GpuError> {
        Self::of(device, Cow::Owned(program))
    }

    fn of(device: &'a Device, program: Cow<'a, TensorGradientProgram>) -> Result<Self, GpuError> {
        let dialect = program.forward.dialect;
        let forward = Programs::new(device, dialect, &SHARED);
        forward.prepare(program.forward.kernels())?;
        let back = Programs::new(device, dialect, &SHARED_BACK);
        back.prepare(program.kernels())?;
        Ok(TensorGradientSolver {
            program,
            forward,
            back,
            sums: device.compile(dialect, &sums::text(dialect)?, &sums::SHARED)?,
            kept: Kept::new(device),
            rounds: None,
            memory: DEFAULT_MEMORY,
            room: FIRST_ROOM,
        })
    }

    /// How often memory of the device was taken: once for each array, and again for larger ones.
    #[must_use]
    pub fn memory_taken(&self) -> u64 {
        self.kept.taken()
    }

    /// Integrates every trajectory in the precision of the program, asks for the loss of each, and gives the exact
    /// derivatives of the steps that were taken.
    ///
    /// # Errors
    /// [`GpuError::Invalid`] for sizes, times and settings that make no sense; [`GpuError::Interrupted`]
    /// where the settings interrupt; what the driver refuses; [`GpuError::Memory`] if not even one
    /// trajectory fits.
    pub fn gradient(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        saves: &[f64],
        loss: &mut TrajectoryLoss<'_>,
    ) -> Result<GradientReport, GpuError> {
        let forward = &self.program.forward;
        forward.check(problem, settings, saves)?;
        let mut report = GradientReport {
            loss: 0.0,
            trajectories: Vec::with_capacity(problem.count),
            by_u0: vec![0.0; problem.count * forward.states()],
            by_own: vec![0.0; problem.count * forward.own.len()],
            by_shared: vec![0.0; problem.shared.len()],
            runs: 0,
            device_s: 0.0,
            memory: 0,
        };
        let most_steps = u32::try_from(settings.max_steps).unwrap_or(u32::MAX).max(1);
        let mut room = self.room.clamp(1, most_steps);
        let mut from = 0;
        while from < problem.count {
            let lanes = self.lanes(saves.len(), room)?.min(problem.count - from);
            let range = (from, lanes);
            let taken = self.batch(problem, settings, saves, range, room, loss, &mut report);
            let taken = taken.inspect_err(|_| self.kept.release())?;
            if taken > room {
                // The same solve again, with the same steps. Some more, so that neighbours fit too.
                room = taken.saturating_add(taken / 4).min(most_steps);
                continue;
            }
            from += lanes;
        }
        Ok(report)
    }

    fn dialect(&self) -> Dialect {
        self.program.forward.dialect
    }

    /// Trajectories at once.
    fn lanes(&self, saves: usize, room: u32) -> Result<usize, GpuError> {
        let width = self.dialect().width();
        let (widest, all) = self.program.width(saves, room);
        let wanted = ((self.memory / (width * all as u64)) as usize).clamp(1, MOST_LANES);
        let kernels = self.program.kernels().chain(self.program.forward.kernels());
        let most = self.back.most_lanes(width * widest as u64, wanted, kernels)?;
        // Sums are made of blocks of the same trajectories, whatever the memory.
        Ok(if most > BLOCK { most / BLOCK * BLOCK } else { most })
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
        room: u32,
        loss: &mut TrajectoryLoss<'_>,
        report: &mut GradientReport,
    ) -> Result<u32, GpuError> {
        let (program, dialect) = (&*self.program, self.dialect());
        let width = dialect.width();
        let arrays = program.forward_arrays(problem, settings, saves, (from, lanes), room);
        let on_device = upload(&self.kept, dialect, &arrays)?;
        let solve =
            Solve { programs: &self.forward, program: &program.forward, rounds: self.rounds };
        let span = (lanes, arrays.within);
        interrupted(solve.finish(
            &on_device,
            span,
            settings,
            problem.t0,
            &mut report.runs,
            &mut report.device_s,
        )?)?;
        let read = solve.read(&on_device, lanes, saves.len())?;
        let (reached, accepted) =
            (&read.counts[lanes..2 * lanes], &read.counts[2 * lanes..3 * lanes]);
        let most = accepted.iter().copied().max().unwrap_or(0);
        if most > room {
            self.kept.put(0, on_device);
            return Ok(most);
        }
        let row = saves.len() * program.forward.states();
        let mut states = vec![0.0; lanes * row];
        let into = &mut report.trajectories;
        read.unpack(&program.forward, problem, settings, None, into, &mut states);
        let mut by_state = vec![0.0; lanes * row];
        let mut left = accepted.to_vec();
        let mut impossible = Vec::new();
        for lane in 0..lanes {
            let part = lane * row..(lane + 1) * row;
            report.loss += loss(from + lane, &states[part.clone()], &mut by_state[part.clone()]);
            let missed = &by_state[part][reached[lane] as usize * program.forward.states()..];
            if missed.iter().any(|weight| *weight != 0.0) {
                impossible.push(lane);
                left[lane] = 0;
            }
        }
        let (joint_values, own_values, tables) =
            program.reverse_arrays(&arrays, problem, &by_state);
        let mut counts = left;
        counts.extend(reached);
        counts.resize(COUNTS * lanes, 0);
        // Which tiles have nothing to do is not told here.
        counts.resize(COUNTS * lanes + lanes.div_ceil(64), 1);
        let blocks = lanes.div_ceil(BLOCK);
        let [joint, own, table, results, work, count, clock, open] = on_device;
        self.kept.put(0, [joint, own, table]);
        self.kept.put(4, [work, count]);
        self.kept.put(7, [open]);
        let back: OnDevice = [
            self.kept.with(8, &dialect.bytes_of_reals(&joint_values))?,
            self.kept.with(9, &dialect.bytes_of_reals(&own_values))?,
            self.kept.with(10, &bytes_of_words(&tables))?,
            results,
            self.kept.cleared(11, width * (program.rows.len * lanes) as u64)?,
            self.kept.with(12, &bytes_of_words(&counts))?,
            clock,
            self.kept.cleared(13, width * (blocks * program.params.entries) as u64)?,
        ];
        let bytes: u64 = back.iter().map(DeviceArray::size).sum();
        let others = arrays.work + arrays.own_values.len();
        let bytes = bytes + width * others as u64 + 4 * arrays.counts as u64;
        report.memory = report.memory.max(bytes);
        let began = Instant::now();
        self.reverse(&back, lanes, most, settings, problem.t0, &mut report.runs)?;
        report.device_s += began.elapsed().as_secs_f64();
        self.collect(&back, &Batch { from, lanes, impossible }, report)?;
        let [joint, own, table, results, work, count, clock, sums] = back;
        self.kept.put(8, [joint, own, table, work, count, sums]);
        self.kept.put(3, [results]);
        self.kept.put(6, [clock]);
        Ok(most)
    }

    /// Reverses all steps of a batch.
    fn reverse(
        &self,
        arrays: &OnDevice,
        lanes: usize,
        steps: u32,
        settings: &Settings,
        t0: f64,
        runs: &mut u64,
    ) -> Result<(), GpuError> {
        let (device, kernels) = (self.back.device, &self.program.back);
        let product: Vec<&Kernel> = self.program.product.iter().collect();
        let mut round = vec![&kernels.saves, &kernels.begin];
        for (k, stage) in kernels.stages.iter().enumerate() {
            round.push(stage);
            // The slope of the first stage belongs to the step before.
            if k + 1 < kernels.stages.len() {
                round.extend(&product);
            }
        }
        let end = [&[&kernels.start][..], &product, &[&kernels.end]].concat();
        let round = self.back.record(arrays, &round, lanes)?;
        let end = self.back.record(arrays, &end, lanes)?;
        let mut left = steps;
        while left > 0 {
            interrupted(settings.interruption(t0))?;
            let now = left.min(self.rounds.unwrap_or(ROUNDS).max(1));
            device.play(&[(&round, now)])?;
            // Waits, so that no more is begun than can be interrupted.
            device.read_part(&arrays[5], 0, 4)?;
            *runs += 1;
            left -= now;
        }
        device.play(&[(&end, 1)])
    }

    /// Reads the gradients of a batch and adds those by parameters that all share.
    fn collect(
        &self,
        [joint, _, _, _, work, _, _, sums]: &OnDevice,
        batch: &Batch,
        report: &mut GradientReport,
    ) -> Result<(), GpuError> {
        let (device, program, dialect) = (self.back.device, &*self.program, self.dialect());
        let width = dialect.width();
        let (n, own, lanes) = (program.forward.states(), &program.forward.own, batch.lanes);
        let read = |row: usize| {
            let bytes = width * lanes as u64;
            let bytes = device.read_part(work, bytes * row as u64, bytes)?;
            let mut values = dialect.reals(&bytes);
            batch.impossible.iter().for_each(|lane| values[*lane] = f64::NAN);
            Ok::<_, GpuError>(values)
        };
        for i in 0..n {
            for (lane, value) in read(program.rows.lambda + i)?.into_iter().enumerate() {
                report.by_u0[(batch.from + lane) * n + i] = value;
            }
        }
        let mut shared = Vec::new();
        for (k, param) in program.params.rows.iter().enumerate() {
            let Ok(at) = own.binary_search(param) else {
                shared.push((program.rows.params + k, *param));
                continue;
            };
            for (lane, value) in read(program.rows.params + k)?.into_iter().enumerate() {
                report.by_own[(batch.from + lane) * own.len() + at] = value;
            }
        }
        let (arrays, to) = ((joint, work), &mut report.by_shared);
        sums::add(device, &self.sums, dialect, arrays, &shared, lanes, to)?;
        if program.params.entries > 0 {
            let bytes = width * (lanes.div_ceil(BLOCK) * program.params.entries) as u64;
            let sums = dialect.reals(&device.read_part(sums, 0, bytes)?);
            for block in sums.chunks_exact(program.params.entries) {
                let mut entries = block.iter();
                for (first, len) in &program.params.matrices {
                    for to in &mut report.by_shared[*first..first + len] {
                        *to += entries.next().copied().unwrap_or(0.0);
                    }
                }
            }
        }
        if !batch.impossible.is_empty() {
            let all = report.by_shared.iter_mut().enumerate();
            all.filter(|(i, _)| own.binary_search(i).is_err()).for_each(|(_, to)| *to = f64::NAN);
        }
        Ok(())
    }
}
