//! Third-party plugins in processes of their own.
//!
//! Code that is not the application's own never runs in the worker that holds the open project and
//! answers the window. A command that names such a plugin is carried out by a process that is
//! started for it, from the same program, and the worker passes messages on. Jobs (training,
//! gradients, draws) get a process each; short commands share one that stays.
//!
//! The process gets a copy of the open project. What a training stores comes back as records, which
//! the worker writes, so nothing that a plugin does to its own process harms the project file.

mod copy;
mod crash;
mod naming;
mod process;
pub mod record;
mod relay;
pub mod system;
mod wire;

pub use naming::of_study;
pub use process::ALIVE;
pub use wire::to_wire;

use copy::WorkCopy;
use crash::CrashReport;
use process::Process;
use slopefield_plugin_host::Crashes;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The processes of plugins and the record of their deaths.
pub struct Isolation {
    /// The record.
    crashes: PathBuf,
    /// The process for short commands that was used last.
    kept: Mutex<Option<Arc<Kept>>>,
    /// Commands that are carried out elsewhere now.
    busy: AtomicUsize,
    /// Changes whenever the open project may have.
    stamp: AtomicU64,
    /// All are let go: that is no fault of a plugin.
    closing: AtomicBool,
}

/// A process for short commands, with the copy of the project that is open there.
struct Kept {
    process: Process,
    open: Mutex<Option<(u64, WorkCopy)>>,
}

/// Counts a command that is carried out elsewhere.
struct Busy<'a>(&'a AtomicUsize);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Isolation {
    /// No process yet. `crashes` is the record of deaths.
    pub fn new(crashes: PathBuf) -> Isolation {
        Isolation {
            crashes,
            kept: Mutex::default(),
            busy: AtomicUsize::new(0),
            stamp: AtomicU64::new(0),
            closing: AtomicBool::new(false),
        }
    }

    fn busy(&self) -> Busy<'_> {
        self.busy.fetch_add(1, Ordering::AcqRel);
        Busy(&self.busy)
    }

    /// The open project may be another or have changed.
    pub fn changed(&self) {
        self.stamp.fetch_add(1, Ordering::AcqRel);
    }

    /// A process of its own for a job.
    fn for_job(&self, plugins: &[String]) -> Result<Process, CrashReport> {
        Process::start(plugins)
    }

    /// The process for short commands with these plugins, when one runs.
    fn running(&self, plugins: &[String]) -> Option<Arc<Kept>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|k| k.process.plugins() == plugins && k.process.alive()).cloned()
    }

    /// The process for short commands with these plugins, started when none runs.
    fn for_short(&self, plugins: &[String]) -> Result<Arc<Kept>, CrashReport> {
        if let Some(kept) = self.running(plugins) {
            return Ok(kept);
        }
        let fresh = Arc::new(Kept { process: Process::start(plugins)?, open: Mutex::default() });
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let old = kept.replace(fresh.clone());
        drop(kept);
        // Taking leave may take a moment.
        std::thread::spawn(move || drop(old));
        Ok(fresh)
    }

    /// Nothing of what runs with a plugin is used for anything new.
    pub fn forget(&self, plugin: &str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let named = |k: &mut Arc<Kept>| k.process.plugins().iter().any(|id| id == plugin);
        let old = kept.take_if(|k| named(k));
        drop(kept);
        std::thread::spawn(move || drop(old));
    }

    /// Lets all processes go: short commands are broken off, and what is stopped may end.
    pub fn shut_down(&self) {
        self.closing.store(true, Ordering::Release);
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(kept) = &kept {
            kept.process.finish();
        }
        drop(kept);
        let began = Instant::now();
        while self.busy.load(Ordering::Acquire) > 0 && began.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Counts a death against the plugins of a process.
    fn died(&self, report: &CrashReport) {
        if !report.counts() || self.closing.load(Ordering::Acquire) {
            return;
        }
        let counted = Crashes::read(&self.crashes).and_then(|mut crashes| {
            for id in &report.plugins {
                crashes.add(id, &report.end.to_string());
            }
            crashes.write(&self.crashes)
        });
        if let Err(e) = counted {
            eprintln!("the end of a plugin's process could not be recorded: {e}");
        }
    }

    /// A command with these plugins ended well: their deaths are forgotten.
    fn went_well(&self, plugins: &[String]) {
        let cleared = Crashes::read(&self.crashes).and_then(|mut crashes| {
            let had = plugins.iter().filter(|id| crashes.clear(id)).count();
            if had > 0 { crashes.write(&self.crashes) } else { Ok(()) }
        });
        if let Err(e) = cleared {
            eprintln!("the record of crashed plugins could not be cleared: {e}");
        }
    }
}
