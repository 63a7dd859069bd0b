//! Measuring by turns.

use crate::BenchError;
use crate::machine::Clock;
use std::time::{Duration, Instant};

/// Something whose time is measured: this program or a comparator.
pub trait Subject {
    /// Does the work `calls` times.
    ///
    /// # Errors
    /// When the work cannot be done.
    fn run(&mut self, calls: usize) -> Result<(), BenchError>;

    /// Does the work once and gives what it computed.
    ///
    /// # Errors
    /// As `run`.
    fn result(&mut self) -> Result<Vec<f64>, BenchError>;

    /// Evaluations of the right-hand side in one call, where that is known.
    fn evaluations(&self) -> Option<u64> {
        None
    }

    /// Least seconds of the work alone in a call so far, where a call has more than the work.
    fn inside(&self) -> Option<f64> {
        None
    }
}

/// Times of one call, in seconds, over many rounds.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Timing {
    /// The least of all rounds: what the machine can do when nothing else happens.
    pub min: f64,
    /// The median.
    pub median: f64,
    /// Nine of ten rounds were faster.
    pub p90: f64,
    /// Number of rounds.
    pub rounds: usize,
}

/// Length of a round. Shorter than a time slice of the system, so that many rounds go undisturbed;
/// long enough for the clock, which takes some 30 ns to read.
const ROUND: Duration = Duration::from_micros(400);
/// A call of this length is interrupted more often than not on a busy machine; such calls are
/// measured with a [`Clock`].
const LONG: Duration = Duration::from_millis(2);
const MAX_CALLS: usize = 1 << 24;
const MIN_ROUNDS: usize = 5;
const MAX_ROUNDS: usize = 20_000;

/// Measures all subjects for `seconds` in total, at least five rounds each. They take turns, and
/// each goes first as often as the others.
pub(crate) fn by_turns(
    subjects: &mut [Box<dyn Subject>],
    seconds: f64,
) -> Result<Vec<Timing>, BenchError> {
    let (mut calls, mut long) = (Vec::new(), Vec::new());
    for subject in &mut *subjects {
        let per_call = seconds_per_call(&mut **subject)?;
        calls.push(((ROUND.as_secs_f64() / per_call) as usize).clamp(1, MAX_CALLS));
        long.push(per_call >= LONG.as_secs_f64());
    }
    let count = subjects.len();
    let mut times = vec![Vec::new(); count];
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    for round in 0..MAX_ROUNDS {
        for turn in 0..count {
            let i = (turn + round) % count;
            let took = if long[i] {
                let clock = Clock::start();
                subjects[i].run(calls[i])?;
                clock.seconds()
            } else {
                let start = Instant::now();
                subjects[i].run(calls[i])?;
                start.elapsed().as_secs_f64()
            };
            times[i].push(took / calls[i] as f64);
        }
        if round + 1 >= MIN_ROUNDS && Instant::now() >= end {
            break;
        }
    }
    Ok(times.into_iter().map(summary).collect())
}

/// A first estimate. Also warms caches and branch predictors.
fn seconds_per_call(subject: &mut dyn Subject) -> Result<f64, BenchError> {
    let mut calls = 1;
    loop {
        let start = Instant::now();
        subject.run(calls)?;
        let took = start.elapsed();
        if took >= ROUND || calls >= MAX_CALLS {
            return Ok(took.as_secs_f64() / calls as f64);
        }
        calls *= 2;
    }
}

fn summary(mut times: Vec<f64>) -> Timing {
    times.sort_by(f64::total_cmp);
    let n = times.len();
    Timing { min: times[0], median: times[n / 2], p90: times[(n * 9 / 10).min(n - 1)], rounds: n }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    struct Logged(usize, Rc<RefCell<Vec<usize>>>);

    impl Subject for Logged {
        fn run(&mut self, _: usize) -> Result<(), BenchError> {
            self.1.borrow_mut().push(self.0);
            std::thread::sleep(2 * ROUND);
            Ok(())
        }
        fn result(&mut self) -> Result<Vec<f64>, BenchError> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn subjects_take_turns_and_each_goes_first() {
        let log = Rc::new(RefCell::new(Vec::new()));
        let mut subjects: Vec<Box<dyn Subject>> =
            vec![Box::new(Logged(0, log.clone())), Box::new(Logged(1, log.clone()))];
        let times = by_turns(&mut subjects, 0.0).unwrap();
        assert_eq!(log.borrow()[2..8], [0, 1, 1, 0, 0, 1]);
        for time in times {
            assert_eq!(time.rounds, MIN_ROUNDS);
            assert!(time.min <= time.median && time.median <= time.p90, "{time:?}");
            assert!(time.min >= ROUND.as_secs_f64(), "{time:?}");
        }
    }
}
