//! Job objects: what is in one is ended with it, has its limit of memory, and cannot leave.

#![allow(unsafe_code, reason = "job objects have no safe interface in the standard library")]

use std::io::{self, Read, Write};
use std::mem::{size_of, zeroed};
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::process::{Child, Command, ExitStatus};
use std::ptr::null;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Diagnostics::Debug::{
    SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SEM_NOOPENFILEERRORBOX, SetErrorMode,
};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION,
    JOB_OBJECT_LIMIT_JOB_MEMORY, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation,
    SetInformationJobObject, TerminateJobObject,
};
use windows_sys::Win32::System::SystemInformation::{GlobalMemoryStatusEx, MEMORYSTATUSEX};

/// The pipes of this process as they are: code that is loaded here could reach them.
pub fn take_pipes() -> io::Result<(Box<dyn Read>, Box<dyn Write + Send>)> {
    Ok((Box::new(io::stdin()), Box::new(io::stdout())))
}

/// A process that crashes ends at once, without a window that waits for somebody to close it. Its
/// other limits are those of the job that its parent puts it into ([`Group::of`]).
pub fn confine() -> io::Result<()> {
    // SAFETY: a call that takes flags and fails for none of them.
    unsafe {
        SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
    }
    Ok(())
}

/// Nothing to do before the start: a process joins its job afterwards.
pub fn own_group(_: &mut Command) {}

/// A process and everything it has started, in a job that is ended when this process ends, in
/// whatever way.
pub struct Group(OwnedHandle);

impl Group {
    /// A new job with the limit of memory ([`super::memory_limit`], for all its processes together)
    /// and the process in it, which has not been asked for anything yet.
    ///
    /// # Errors
    /// Those of the system.
    pub fn of(child: &Child) -> io::Result<Group> {
        // SAFETY: no attributes and no name.
        let job = unsafe { CreateJobObjectW(null(), null()) };
        if job.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a handle that was just made and belongs to nobody else.
        let group = Group(unsafe { OwnedHandle::from_raw_handle(job) });
        // SAFETY: a structure of numbers, all of which may be 0.
        let mut limits: JOBOBJECT_EXTENDED_LIMIT_INFORMATION = unsafe { zeroed() };
        limits.BasicLimitInformation.LimitFlags =
            JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
        if let Some(most) = super::memory_limit() {
            limits.BasicLimitInformation.LimitFlags |= JOB_OBJECT_LIMIT_JOB_MEMORY;
            limits.JobMemoryLimit = usize::try_from(most).unwrap_or(usize::MAX);
        }
        // SAFETY: the structure of this kind of information, with its size.
        let limited = unsafe {
            SetInformationJobObject(
                group.job(),
                JobObjectExtendedLimitInformation,
                (&raw const limits).cast(),
                size_of::<JOBOBJECT_EXTENDED_LIMIT_INFORMATION>() as u32,
            )
        };
        if limited == 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: handles of a living job and of a process that has not been waited for.
        match unsafe { AssignProcessToJobObject(group.job(), child.as_raw_handle()) } {
            0 => Err(io::Error::last_os_error()),
            _ => Ok(group),
        }
    }

    fn job(&self) -> HANDLE {
        self.0.as_raw_handle()
    }

    /// Ends all of it.
    pub fn kill(&self) {
        // SAFETY: the handle of a living job. It fails when nothing is left in it, which is what is
        // wanted.
        unsafe { TerminateJobObject(self.job(), 1) };
    }
}

/// Waits until a process has ended, ends the rest of its job and takes its status.
pub fn await_end(
    child: &mut Child,
    group: &Group,
    reaping: impl FnOnce(),
) -> io::Result<ExitStatus> {
    let status = child.wait();
    group.kill();
    reaping();
    status
}

/// Memory of the machine in bytes.
pub fn machine_memory() -> Option<u64> {
    // SAFETY: a structure of numbers, all of which may be 0.
    let mut status: MEMORYSTATUSEX = unsafe { zeroed() };
    status.dwLength = size_of::<MEMORYSTATUSEX>() as u32;
    // SAFETY: the structure has its length in it.
    let known = unsafe { GlobalMemoryStatusEx(&mut status) } != 0;
    known.then_some(status.ullTotalPhys)
}
