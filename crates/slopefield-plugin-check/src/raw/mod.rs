//! A plugin through nothing but its C interface, to see what the host's own checks would hide.
//!
//! The application is careful: it copies what a plugin returns, keeps to the order of calls and
//! never asks for what does not exist. A plugin must be right without that, so the tests of the
//! interface drive it from here: a host that is too old, an error buffer that is too short,
//! callbacks that fail at a chosen call, settings that are gone as soon as `create` has returned.
//!
//! *Invariant:* all unsafe code of the crate is in this folder. It trusts a plugin as far as the
//! interface does, which is why every test runs in a process of its own.

#![allow(unsafe_code, reason = "plugins are foreign code behind a C interface")]

pub mod allocations;
mod builder;
mod clock;
mod implicit;
mod instance;
mod library;
mod model;
mod pages;

pub use builder::build_refused;
pub use clock::processor_time;
pub use instance::{Config, Instance, Record};
pub use library::{HostKind, Library, Root, Solvers};
pub use model::{Hook, Model};
pub use pages::Side;
#[cfg(unix)]
pub use pages::watch as watch_pages;

use slopefield_plugin_abi as abi;
use std::fmt;
use std::mem::offset_of;

/// A call that did not succeed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The status.
    pub status: abi::slf_status,
    /// The sentence of the plugin; may be empty.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = status_name(self.status);
        match self.message.as_str() {
            "" => write!(f, "{name}"),
            message => write!(f, "{name}: {message}"),
        }
    }
}

/// The name of a status in the header.
pub fn status_name(status: abi::slf_status) -> String {
    let name = match status {
        abi::SLF_OK => "SLF_OK",
        abi::SLF_RECOVERABLE => "SLF_RECOVERABLE",
        abi::SLF_ERR_ARGUMENT => "SLF_ERR_ARGUMENT",
        abi::SLF_ERR_UNSUPPORTED => "SLF_ERR_UNSUPPORTED",
        abi::SLF_ERR_MEMORY => "SLF_ERR_MEMORY",
        abi::SLF_ERR_CANCELLED => "SLF_ERR_CANCELLED",
        abi::SLF_ERR_STEP_TOO_SMALL => "SLF_ERR_STEP_TOO_SMALL",
        abi::SLF_ERR_DIVERGED => "SLF_ERR_DIVERGED",
        abi::SLF_ERR_NON_FINITE => "SLF_ERR_NON_FINITE",
        abi::SLF_ERR_HOST => "SLF_ERR_HOST",
        abi::SLF_ERR_PANIC => "SLF_ERR_PANIC",
        abi::SLF_ERR_INTERNAL => "SLF_ERR_INTERNAL",
        other => return format!("the status {other}, which the header does not have"),
    };
    name.to_owned()
}

/// What fills an error buffer before a call, to see how far a plugin writes.
const UNTOUCHED: u8 = 0xA5;

/// An error buffer that claims to have `room` bytes for its message.
struct Buffer {
    room: usize,
    raw: abi::slf_error,
}

impl Buffer {
    fn new() -> Buffer {
        Buffer::with_room(abi::ERROR_MESSAGE_CAPACITY)
    }

    fn with_room(room: usize) -> Buffer {
        let raw = abi::slf_error {
            struct_size: (offset_of!(abi::slf_error, message) + room) as u32,
            code: 0,
            message_len: 0,
            reserved: 0,
            message: [UNTOUCHED; abi::ERROR_MESSAGE_CAPACITY],
        };
        Buffer { room, raw }
    }

    fn text(&self) -> String {
        let len = (self.raw.message_len as usize).min(self.room);
        String::from_utf8_lossy(&self.raw.message[..len]).trim().to_owned()
    }

    /// What a plugin did wrong with the buffer, if anything.
    fn misuse(&self) -> Option<String> {
        let len = self.raw.message_len as usize;
        if len > self.room {
            return Some(format!("it says its message has {len} bytes, and {} fit", self.room));
        }
        if self.raw.message[self.room..].iter().any(|b| *b != UNTOUCHED) {
            return Some(format!("it wrote past the {} bytes of the error buffer", self.room));
        }
        match str::from_utf8(&self.raw.message[..len]) {
            Ok(_) => None,
            Err(_) => Some("its message is not UTF-8".to_owned()),
        }
    }

    fn failure(&self, status: abi::slf_status) -> Failure {
        Failure { status, message: self.text() }
    }
}

/// A text that outlives every use; ids are few and a process runs one test.
fn leaked(text: &str) -> abi::slf_str {
    abi::slf_str::new(text.to_owned().leak())
}

/// Text of a plugin.
///
/// # Safety
/// A non-null pointer is readable for the length given.
unsafe fn text(s: abi::slf_str) -> Result<String, String> {
    if s.len == 0 {
        return Ok(String::new());
    }
    if s.ptr.is_null() || s.len > 1 << 20 {
        return Err(format!("a text of {} bytes at {:p}", s.len, s.ptr));
    }
    // SAFETY: not null and, as promised, readable for its length.
    let bytes = unsafe { std::slice::from_raw_parts(s.ptr.cast::<u8>(), s.len as usize) };
    str::from_utf8(bytes).map(str::to_owned).map_err(|_| "a text that is not UTF-8".to_owned())
}
