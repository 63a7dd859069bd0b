//! The machine, in words and numbers, and what else it is doing.

use std::time::Instant;

/// What figures depend on.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Machine {
    /// Processor as it calls itself; empty where the system does not say.
    pub processor: String,
    /// Instruction sets that the kernels use.
    pub instructions: String,
    /// Processors that this process may use.
    pub cores: usize,
    /// `linux`, `macos`, `windows`.
    pub system: &'static str,
    /// Processes waiting for a core, averaged over a minute; only Linux says.
    pub load: Option<f64>,
    /// The program was built without full optimisation.
    pub debug_build: bool,
}

impl Machine {
    /// This machine, now.
    #[must_use]
    pub fn here() -> Machine {
        let load = std::fs::read_to_string("/proc/loadavg").ok();
        Machine {
            processor: processor().unwrap_or_default(),
            instructions: slopefield_cpu::description(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            system: std::env::consts::OS,
            load: load.and_then(|text| text.split(' ').next()?.parse().ok()),
            debug_build: cfg!(debug_assertions),
        }
    }
}

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// A clock for work of one thread. Work of many milliseconds never goes undisturbed on a busy
/// machine, so the time in which the thread stood in the queue for a core is taken off, where the
/// system tells it (Linux does).
pub(crate) struct Clock {
    began: Instant,
    waited: f64,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        // In this order, and the other way round below, so that nothing is taken off that the
        // clock has not seen. Reading what was waited takes some microseconds.
        Clock { began: Instant::now(), waited: waited() }
    }

    /// Seconds of work since the start.
    pub(crate) fn seconds(&self) -> f64 {
        let waited = waited() - self.waited;
        self.began.elapsed().as_secs_f64() - waited.max(0.0)
    }
}

/// Seconds that this thread has waited for a core since it began.
fn waited() -> f64 {
    // Nanoseconds run, nanoseconds waited, number of time slices.
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let waited = text.split(' ').nth(1).and_then(|word| word.parse::<f64>().ok());
    waited.unwrap_or(0.0) * 1e-9
}

/// How many cores other processes kept busy since this was made. Only Linux says.
pub(crate) struct Others {
    began: Instant,
    busy: Option<(f64, f64)>,
}

impl Others {
    pub(crate) fn watch() -> Others {
        Others { began: Instant::now(), busy: busy_ticks() }
    }

    /// Average number of cores; `None` where the system does not say or too little time has passed.
    pub(crate) fn cores(&self) -> Option<f64> {
        const TICKS_PER_SECOND: f64 = 100.0; // fixed in what Linux shows to programs
        let seconds = self.began.elapsed().as_secs_f64();
        let (all_before, own_before) = self.busy?;
        let (all, own) = busy_ticks()?;
        let others = (all - all_before) - (own - own_before);
        (seconds > 0.05).then(|| (others / TICKS_PER_SECOND / seconds).max(0.0))
    }
}

/// Ticks in which the machine was busy, and those of this process.
fn busy_ticks() -> Option<(f64, f64)> {
    let all = std::fs::read_to_string("/proc/stat").ok()?;
    let numbers = |text: &str| -> Vec<f64> {
        text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
    };
    // user, nice, system, idle, waiting for disks, ...; the last two are of guests, counted twice.
    let all = numbers(all.lines().next()?);
    let busy = all.iter().take(8).sum::<f64>() - all.get(3)? - all.get(4)?;
    let own = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may hold spaces; its state, a letter, is dropped.
    let own = numbers(own.rsplit_once(") ")?.1);
    Some((busy, own.get(10)? + own.get(11)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_cores_and_instructions() {
        let machine = Machine::here();
        assert!(machine.cores > 0);
        assert!(machine.instructions.contains(std::env::consts::ARCH));
    }

    /// Sleeping is no waiting for a core, and no more is taken off than has passed.
    #[test]
    fn the_clock_counts_what_is_not_waiting() {
        let (clock, began) = (Clock::start(), Instant::now());
        std::thread::sleep(std::time::Duration::from_millis(20));
        let slept = clock.seconds();
        assert!(slept >= 0.019, "{slept}");
        assert!(slept <= began.elapsed().as_secs_f64() + 0.001, "{slept}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn own_work_is_told_from_all_work() {
        let (all, own) = busy_ticks().unwrap();
        let began = Instant::now();
        while began.elapsed().as_millis() < 300 {
            std::hint::black_box(0);
        }
        let (all_after, own_after) = busy_ticks().unwrap();
        assert!(own_after > own && all_after - all >= own_after - own - 1.0);
    }
}
