//! Long programs in runs of some steps each, because systems stop a card that is busy for long.

use std::time::Instant;

use slopefield_solve::{Settings, SolveError};

use crate::device::{Compiled, Device, bytes_of_words, words};
use crate::error::GpuError;

/// Attempts of the first run; later ones depend on how long it took.
const FIRST_ATTEMPTS: u32 = 64;
/// Most attempts of a run: some drivers end any loop at 65,535 rounds.
const MOST_ATTEMPTS: u32 = 16_384;
/// A run should take less than this many seconds: systems stop a card that is busy for two.
const LONG_RUN: f64 = 0.25;

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
