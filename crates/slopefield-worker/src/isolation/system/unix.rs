//! Groups of processes and their limits. Linux lets a process ask for its death with its parent and
//! limits its memory; other systems have this watched.

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus};

/// Takes standard input and output away from the code that will be loaded: what it reads is empty,
/// and what it prints goes to the log. The pipes of the worker are returned.
pub fn take_pipes() -> io::Result<(Box<dyn Read>, Box<dyn Write + Send>)> {
    use std::os::fd::AsFd;
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok((Box::new(input), Box::new(output)))
}

fn cap(resource: rustix::process::Resource, most: u64) -> io::Result<()> {
    use rustix::process::{Rlimit, getrlimit, setrlimit};
    let old = getrlimit(resource);
    let most = old.maximum.map_or(most, |maximum| most.min(maximum));
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}

/// Limits this very process: memory ([`super::memory_limit`]), no core dump, and death with its
/// parent.
#[cfg(target_os = "linux")]
pub fn confine() -> io::Result<()> {
    use rustix::process::{Resource, Signal, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::KILL))?;
    cap(Resource::Core, 0)?;
    match super::memory_limit() {
        // Private memory that can be written, not address space: code and files that are mapped for
        // reading take none of it.
        Some(most) => cap(Resource::Data, most),
        None => Ok(()),
    }
}

/// Limits this very process: no core dump, and death with its parent, for which a thread looks. Its
/// memory is watched by the parent.
#[cfg(not(target_os = "linux"))]
pub fn confine() -> io::Result<()> {
    use rustix::process::{Resource, Signal, getppid, kill_current_process_group};
    cap(Resource::Core, 0)?;
    let parent = getppid();
    std::thread::spawn(move || {
        // A process whose parent has ended is given to another.
        while getppid() == parent {
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        let _ = kill_current_process_group(Signal::KILL);
        std::process::abort();
    });
    Ok(())
}

/// Makes a process the first of a group of its own, so that what it starts can be ended with it.
pub fn own_group(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

/// A process and what it has started, as long as that does not leave the group.
pub struct Group(u32);

impl Group {
    /// The group of a process that was started in one of its own.
    ///
    /// # Errors
    /// None: the group is there.
    pub fn of(child: &Child) -> io::Result<Group> {
        Ok(Group(child.id()))
    }

    /// Ends all of it. The process must not have been waited for: its number would belong to another.
    pub fn kill(&self) {
        use rustix::process::{Pid, Signal, kill_process_group};
        if let Some(pid) = Pid::from_raw(self.0 as i32) {
            // It fails when nothing is left of the group, which is what is wanted.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// Waits until a process has ended, ends the rest of its group and takes its status. `reaping` is
/// called just before its number is given back to the system.
pub fn await_end(
    child: &mut Child,
    group: &Group,
    reaping: impl FnOnce(),
) -> io::Result<ExitStatus> {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    if let Some(pid) = Pid::from_raw(child.id() as i32) {
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(pid), ended), Err(rustix::io::Errno::INTR)) {}
    }
    group.kill();
    reaping();
    child.wait()
}

/// Bytes of memory that the first process of a group has.
#[cfg(not(target_os = "linux"))]
pub fn memory_of(group: &Group) -> Option<u64> {
    let kibibytes = said(Command::new("/bin/ps").args(["-o", "rss=", "-p", &group.0.to_string()]));
    kibibytes.map(|kibibytes| kibibytes << 10)
}

/// The number that a program of the system prints.
#[cfg(not(target_os = "linux"))]
pub fn said(command: &mut Command) -> Option<u64> {
    let output = command.stdin(std::process::Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
