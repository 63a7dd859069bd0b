//! What the system is asked for: pipes that a plugin cannot reach by accident, limits, and an end
//! that takes everything along which the process has started.

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus};

/// Takes standard input and output away from the code that will be loaded: what it reads is empty,
/// and what it prints goes to the log. The pipes of the worker are returned.
#[cfg(unix)]
pub fn take_pipes() -> io::Result<(Box<dyn Read>, Box<dyn Write + Send>)> {
    use std::os::fd::AsFd;
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok((Box::new(input), Box::new(output)))
}

/// Takes nothing away: only on Unix are the pipes moved.
#[cfg(not(unix))]
pub fn take_pipes() -> io::Result<(Box<dyn Read>, Box<dyn Write + Send>)> {
    Ok((Box::new(io::stdin()), Box::new(io::stdout())))
}

/// Names the environment variable with the limit of memory in MiB.
pub const MEMORY: &str = "SLOPEFIELD_PLUGIN_MEMORY_MIB";

/// Limits this very process: memory (three quarters of the machine's, or what [`MEMORY`] says), no
/// core dump, and death with its parent.
#[cfg(target_os = "linux")]
pub fn confine() -> io::Result<()> {
    use rustix::process::{
        Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit,
    };
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let cap = |resource, most: u64| {
        let old = getrlimit(resource);
        let most = old.maximum.map_or(most, |maximum| most.min(maximum));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
    };
    cap(Resource::Core, 0)?;
    let named = std::env::var(MEMORY).ok().and_then(|text| text.trim().parse::<u64>().ok());
    let most = match named {
        Some(mebibytes) => mebibytes.saturating_mul(1 << 20),
        None => match machine_memory() {
            Some(bytes) => (bytes / 4 * 3).max(1 << 30),
            None => return Ok(()),
        },
    };
    // Private memory that can be written, not address space: code and files that are mapped for
    // reading take none of it.
    cap(Resource::Data, most)?;
    Ok(())
}

/// No limits: only Linux has them.
#[cfg(not(target_os = "linux"))]
pub fn confine() -> io::Result<()> {
    Ok(())
}

/// Memory of the machine in bytes.
#[cfg(target_os = "linux")]
fn machine_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// Makes a process the first of a group of its own, so that what it starts can be ended with it.
pub fn own_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// Waits until a process has ended, ends the rest of its group and takes its status. `reaping` is
/// called just before its number is given back to the system.
#[cfg(unix)]
pub fn await_end(child: &mut Child, reaping: impl FnOnce()) -> io::Result<ExitStatus> {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    if let Some(pid) = Pid::from_raw(child.id() as i32) {
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(pid), ended), Err(rustix::io::Errno::INTR)) {}
    }
    kill(child.id());
    reaping();
    child.wait()
}

/// Waits until a process has ended and takes its status.
#[cfg(not(unix))]
pub fn await_end(child: &mut Child, reaping: impl FnOnce()) -> io::Result<ExitStatus> {
    let status = child.wait();
    reaping();
    status
}

/// Ends a process that has not been waited for, with all of its group.
#[cfg(unix)]
pub fn kill(pid: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(pid) = Pid::from_raw(pid as i32) {
        // It fails when nothing is left of the group, which is what is wanted.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// Ends a process that has not been waited for.
#[cfg(not(unix))]
pub fn kill(pid: u32) {
    // Neither the standard library nor the system's own tools need a handle here.
    let _ = Command::new("taskkill").args(["/F", "/T", "/PID", &pid.to_string()]).output();
}
