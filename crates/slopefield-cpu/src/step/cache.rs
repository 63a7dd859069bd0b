//! Compiled steps by method, made when they pay.

use std::sync::{Arc, Mutex};

use slopefield_kernel::StepTable;

use crate::error::CompileError;

/// Most instructions in a step; limits its compilation to a few milliseconds.
const LONGEST: usize = 4000;

/// Code is made once a kernel has taken as many steps without it as its compilation costs, counted
/// in what one step saves. Then the time lost, whenever a solve happens to end, is at most as much
/// as was spent before. Compilation takes about 1 µs per instruction and a step saves about 40 ns.
const STEPS_PER_INSTRUCTION: u64 = 25;

/// What is known about the steps of each method.
pub(super) struct Cache<T> {
    entries: Mutex<Vec<(StepTable, Progress<T>)>>,
}

enum Progress<T> {
    /// So many steps have been taken without.
    Counting(u64),
    Ready(Arc<T>),
    /// Too long, or the code generator failed.
    Refused,
}

impl<T> Cache<T> {
    pub fn new() -> Self {
        Cache { entries: Mutex::default() }
    }

    /// The code for `table`, of `length` instructions, which `make` makes when `taken` more steps
    /// without it are enough.
    pub fn get(
        &self,
        table: &StepTable,
        taken: u64,
        length: usize,
        make: impl FnOnce() -> Result<T, CompileError>,
    ) -> Option<Arc<T>> {
        // Whoever comes while another thread compiles goes on without.
        let mut entries = self.entries.try_lock().ok()?;
        let place = entries.iter().position(|(known, _)| same(known, table));
        let place = place.unwrap_or_else(|| {
            entries.push((*table, Progress::Counting(0)));
            entries.len() - 1
        });
        let progress = &mut entries[place].1;
        if let Progress::Counting(before) = *progress {
            let now = before.saturating_add(taken);
            *progress = if length > LONGEST {
                Progress::Refused
            } else if now < STEPS_PER_INSTRUCTION * length as u64 {
                Progress::Counting(now)
            } else {
                // A failure is not reported: the kernel itself works, so there is a way on.
                make().map_or(Progress::Refused, |made| Progress::Ready(Arc::new(made)))
            };
        }
        match progress {
            Progress::Ready(made) => Some(made.clone()),
            _ => None,
        }
    }
}

/// Whether two tables are the same static data.
fn same(x: &StepTable, y: &StepTable) -> bool {
    // What is empty has no place of its own.
    fn eq<T>(x: &[T], y: &[T]) -> bool {
        std::ptr::eq(x, y) || (x.is_empty() && y.is_empty())
    }
    eq(x.a, y.a) && eq(x.b, y.b) && eq(x.b_error, y.b_error) && eq(x.c, y.c) && eq(x.dense, y.dense)
}
