//! What the system is asked for: pipes that a plugin cannot reach by accident, limits, and an end
//! that takes everything along which the process has started.
//!
//! Every system has these in its own way, so each has a file; what differs for users is in
//! `docs/reference/plugins.md`.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::{Group, await_end, confine, own_group, take_pipes};
#[cfg(windows)]
pub use windows::{Group, await_end, confine, own_group, take_pipes};

/// Names the environment variable with the limit of memory in MiB.
pub const MEMORY: &str = "SLOPEFIELD_PLUGIN_MEMORY_MIB";

/// The limit of memory for the process of a plugin in bytes: three quarters of the machine's, or what
/// [`MEMORY`] says. None where the machine does not say how much it has.
fn memory_limit() -> Option<u64> {
    let named = std::env::var(MEMORY).ok().and_then(|text| text.trim().parse::<u64>().ok());
    match named {
        Some(mebibytes) => Some(mebibytes.saturating_mul(1 << 20)),
        None => machine_memory().map(|bytes| (bytes / 4 * 3).max(1 << 30)),
    }
}

/// The limit of memory that a process goes beyond now, where this has to be watched from here
/// because the system sets no limit itself.
#[cfg(all(unix, not(target_os = "linux")))]
pub fn beyond_memory(group: &Group) -> Option<u64> {
    memory_limit().filter(|limit| unix::memory_of(group).is_some_and(|bytes| bytes > *limit))
}

/// Nothing to watch: the system keeps the limit.
#[cfg(any(windows, target_os = "linux"))]
pub fn beyond_memory(_: &Group) -> Option<u64> {
    None
}

/// Memory of the machine in bytes.
#[cfg(target_os = "linux")]
fn machine_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// Memory of the machine in bytes, asked for once.
#[cfg(all(unix, not(target_os = "linux")))]
fn machine_memory() -> Option<u64> {
    static BYTES: std::sync::OnceLock<Option<u64>> = std::sync::OnceLock::new();
    *BYTES.get_or_init(|| {
        let key = if cfg!(target_vendor = "apple") { "hw.memsize" } else { "hw.physmem" };
        unix::said(std::process::Command::new("/usr/sbin/sysctl").args(["-n", key]))
    })
}

/// Memory of the machine in bytes.
#[cfg(windows)]
fn machine_memory() -> Option<u64> {
    windows::machine_memory()
}
