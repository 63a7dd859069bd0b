//! Buffers that end, or begin, where memory that may not be touched begins or ends.
//!
//! The processor stops whoever reads or writes one byte too far. The handler of that signal finds
//! the buffer in a table, writes the finished result of the test and ends the process: nothing of
//! the plugin goes on.

/// Where the memory that may not be touched lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Directly before the buffer.
    Before,
    /// Directly behind it.
    Behind,
}

/// What may be done with a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading only.
    Read,
    /// Reading and writing.
    Write,
    /// Nothing any more: the call is over.
    Nothing,
}

#[cfg(unix)]
pub use unix::{Pages, watch};

#[cfg(unix)]
mod unix {
    use super::{Access, Side};
    use crate::outcome::{Outcome, Verdict};
    use std::fs::File;
    use std::io;
    use std::os::fd::IntoRawFd;
    use std::path::Path;
    use std::ptr;
    use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering};

    /// Buffers at once; a test has a handful.
    const SLOTS: usize = 64;

    /// A buffer, for the handler of the signal. All are 0 where there is none.
    struct Slot {
        /// First byte of the pages, of the buffer, behind the buffer, behind the pages.
        bounds: [AtomicUsize; 4],
        /// Results for touching what lies before it, itself, and what lies behind it.
        results: [AtomicPtr<Vec<u8>>; 3],
    }

    static TABLE: [Slot; SLOTS] = [const {
        Slot {
            bounds: [const { AtomicUsize::new(0) }; 4],
            results: [const { AtomicPtr::new(ptr::null_mut()) }; 3],
        }
    }; SLOTS];
    /// Where the result goes.
    static RESULT: AtomicI32 = AtomicI32::new(-1);

    /// From now on a touch of what may not be touched ends the process, and its result is written to
    /// the file `result`.
    pub fn watch(result: &Path) -> io::Result<()> {
        RESULT.store(File::create(result)?.into_raw_fd(), Ordering::SeqCst);
        for signal in [libc::SIGSEGV, libc::SIGBUS] {
            // SAFETY: a plain structure of numbers, all of which may be 0.
            let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
            let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = touched;
            action.sa_sigaction = handler as libc::sighandler_t;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            // SAFETY: the handler has the type that SA_SIGINFO asks for and calls nothing but what
            // may be called in a handler.
            if unsafe { libc::sigaction(signal, &action, ptr::null_mut()) } != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    }

    extern "C" fn touched(signal: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        // SAFETY: the system passes the description of the signal.
        let at = unsafe { (*info).si_addr() } as usize;
        for slot in &TABLE {
            let [first, begin, end, last] =
                [0, 1, 2, 3].map(|i: usize| slot.bounds[i].load(Ordering::SeqCst));
            if !(first..last).contains(&at) {
                continue;
            }
            let which = if at < begin { 0 } else { 1 + usize::from(at >= end) };
            let result = slot.results[which].load(Ordering::SeqCst);
            // SAFETY: stored before the bounds, and never freed.
            let result = unsafe { &*result };
            // SAFETY: the file and the bytes live; both functions may be called in a handler.
            unsafe {
                libc::write(RESULT.load(Ordering::SeqCst), result.as_ptr().cast(), result.len());
                libc::_exit(0);
            }
        }
        // Another fault: it happens again when this returns, and ends the process as it would have.
        // SAFETY: this may be called in a handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }

    /// A buffer on pages of its own.
    pub struct Pages {
        whole: *mut libc::c_void,
        size: usize,
        page: usize,
        buffer: *mut u8,
        len: usize,
        slot: usize,
    }

    impl Pages {
        /// A copy of `bytes`, whose number is a multiple of 8. `what` is said in the result: "the
        /// initial state".
        pub fn new(bytes: &[u8], side: Side, what: &str) -> Result<Pages, String> {
            let failed = |e: io::Error| format!("no guarded memory: {e}");
            assert!(bytes.len().is_multiple_of(8), "buffers consist of numbers");
            // SAFETY: a question about a constant of the system.
            let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
            let page = usize::try_from(page).map_err(|_| failed(io::Error::last_os_error()))?;
            let room = bytes.len().div_ceil(page).max(1) * page;
            let size = room + 2 * page;
            // SAFETY: new private memory, wherever the system likes.
            let whole = unsafe {
                let flags = libc::MAP_PRIVATE | libc::MAP_ANON;
                libc::mmap(ptr::null_mut(), size, libc::PROT_NONE, flags, -1, 0)
            };
            if whole == libc::MAP_FAILED {
                return Err(failed(io::Error::last_os_error()));
            }
            let gap = if side == Side::Behind { room - bytes.len() } else { 0 };
            let buffer = whole.cast::<u8>().wrapping_add(page + gap);
            let slot = free_slot().ok_or("too many guarded buffers at once")?;
            let pages = Pages { whole, size, page, buffer, len: bytes.len(), slot };
            pages.allow(Access::Write)?;
            // SAFETY: writable memory of this length that nothing else knows.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), buffer, bytes.len()) };
            pages.enter(what);
            Ok(pages)
        }

        /// The buffer.
        pub fn buffer(&self) -> *mut u8 {
            self.buffer
        }

        /// Its bytes; it must be readable.
        pub fn bytes(&self) -> Vec<u8> {
            // SAFETY: readable memory of this length, which nobody writes to between calls.
            unsafe { std::slice::from_raw_parts(self.buffer, self.len) }.to_vec()
        }

        /// Changes what may be done with it.
        pub fn allow(&self, access: Access) -> Result<(), String> {
            let protection = match access {
                Access::Read => libc::PROT_READ,
                Access::Write => libc::PROT_READ | libc::PROT_WRITE,
                Access::Nothing => libc::PROT_NONE,
            };
            let inner = self.whole.wrapping_byte_add(self.page);
            // SAFETY: pages of this mapping.
            if unsafe { libc::mprotect(inner, self.size - 2 * self.page, protection) } != 0 {
                return Err(format!("no guarded memory: {}", io::Error::last_os_error()));
            }
            Ok(())
        }

        /// Tells the handler.
        fn enter(&self, what: &str) {
            let whole = self.whole as usize;
            let begin = self.buffer as usize;
            let slot = &TABLE[self.slot];
            for (result, message) in slot.results.iter().zip([
                format!("it reads or writes before the beginning of {what}"),
                format!(
                    "it writes to {what}, which it may only read, or uses it after the call that \
                     lent it"
                ),
                format!("it reads or writes past the end of {what}"),
            ]) {
                let outcome = Outcome { verdict: Verdict::Failed, message };
                let bytes = serde_json::to_vec(&outcome).unwrap_or_default();
                // A process runs one test, and the handler may read it at any time.
                result.store(Box::leak(Box::new(bytes)), Ordering::SeqCst);
            }
            let bounds = [whole, begin, begin + self.len, whole + self.size];
            for (bound, value) in slot.bounds.iter().zip(bounds) {
                bound.store(value, Ordering::SeqCst);
            }
        }
    }

    /// A slot that nobody uses. Buffers are made by one thread of a test.
    fn free_slot() -> Option<usize> {
        TABLE.iter().position(|slot| slot.bounds[3].load(Ordering::SeqCst) == 0)
    }

    impl Drop for Pages {
        fn drop(&mut self) {
            for bound in TABLE[self.slot].bounds.iter().rev() {
                bound.store(0, Ordering::SeqCst);
            }
            // SAFETY: this mapping, which nothing of the host uses any more.
            unsafe { libc::munmap(self.whole, self.size) };
        }
    }
}

/// On other systems no memory can be guarded: there are no such buffers.
#[cfg(not(unix))]
pub struct Pages(std::convert::Infallible);

#[cfg(not(unix))]
impl Pages {
    /// There are none.
    pub fn new(_: &[u8], _: Side, _: &str) -> Result<Pages, String> {
        Err("memory is guarded on Unix only".to_owned())
    }

    /// The buffer.
    pub fn buffer(&self) -> *mut u8 {
        match self.0 {}
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        match self.0 {}
    }

    /// What may be done with it.
    pub fn allow(&self, _: Access) -> Result<(), String> {
        match self.0 {}
    }
}
