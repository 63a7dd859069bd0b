//! The border to C: the only unsafe code of the kit.
//!
//! Everything the host calls goes through [`guarded`], which turns errors and panics into a status
//! and a message. Pointers from the host are checked for null, alignment and length before a slice
//! is made of them; that they point to live memory is what the interface promises.

#![allow(unsafe_code, reason = "the plugin interface is a C interface")]

mod definition;
mod delays;
mod graph;
mod implicit;
mod noise;
mod operator;
mod problem;
mod reversal;
mod segment;
mod split;
mod tables;

pub use definition::{Definition, NetworkEntry, Shared, SolverEntry};
pub use delays::Delays;
pub use graph::Graph;
pub use implicit::{Implicit, Pattern};
pub use noise::{Calculus, Noise, NoiseKind};
pub use operator::OperatorEntry;
pub use problem::Problem;
pub use reversal::Reversal;
pub use segment::Segment;
pub use split::Split;
pub use tables::entry;

use crate::{Error, Level};
use slopefield_plugin_abi as abi;
use std::any::Any;
use std::mem::offset_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The host, for [`host_log`]; null before the entry function ran.
static HOST: AtomicPtr<abi::slf_host> = AtomicPtr::new(ptr::null_mut());

/// Writes one line to the host's log. Does nothing before the plugin has been entered.
pub fn host_log(level: Level, message: &str) {
    // SAFETY: the pointer is null or was checked by the entry function, and a host lives as long
    // as the process.
    let Some(host) = (unsafe { HOST.load(Ordering::Acquire).as_ref() }) else { return };
    let level = match level {
        Level::Error => abi::SLF_LOG_ERROR,
        Level::Warn => abi::SLF_LOG_WARN,
        Level::Info => abi::SLF_LOG_INFO,
        Level::Debug => abi::SLF_LOG_DEBUG,
    };
    if let Some(log) = host.log {
        // SAFETY: `log` is a function of the host that takes its own context and borrowed text.
        unsafe { log(host.ctx, level, abi::slf_str::borrowed(message)) }
    }
}

/// Runs `body` and turns its outcome into a status; the message goes to `err`.
///
/// # Safety
/// `err` is null or points to an `slf_error` whose `struct_size` says how much of it exists.
unsafe fn guarded(
    err: *mut abi::slf_error,
    body: impl FnOnce() -> Result<(), Error>,
) -> abi::slf_status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => abi::SLF_OK,
        Ok(Err(e)) => {
            // SAFETY: as promised by the caller.
            unsafe { write_error(err, e.message()) };
            e.status()
        }
        Err(payload) => {
            // SAFETY: as promised by the caller.
            unsafe { write_error(err, &format!("the plugin panicked: {}", panic_text(&*payload))) };
            // Dropping a payload may panic once more; there is nobody left to tell.
            std::mem::forget(payload);
            abi::SLF_ERR_PANIC
        }
    }
}

/// Runs a function that has no status to report; a panic gives `otherwise`.
fn quiet<R>(otherwise: R, body: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(otherwise)
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// Writes a message, cut at a character boundary where the host's buffer ends.
///
/// # Safety
/// As for [`guarded`].
unsafe fn write_error(err: *mut abi::slf_error, message: &str) {
    if err.is_null() {
        return;
    }
    // SAFETY: every slf_error begins with its size.
    let size = unsafe { (&raw const (*err).struct_size).read() } as usize;
    let Some(room) = size.checked_sub(offset_of!(abi::slf_error, message)) else { return };
    let mut len = message.len().min(room).min(abi::ERROR_MESSAGE_CAPACITY);
    while !message.is_char_boundary(len) {
        len -= 1;
    }
    // SAFETY: `len` bytes of the message and the fields before it lie inside `struct_size`; the
    // host's buffer and our text do not overlap.
    unsafe {
        (&raw mut (*err).code).write(0);
        (&raw mut (*err).message_len).write(len as u32);
        ptr::copy_nonoverlapping(message.as_ptr(), (&raw mut (*err).message).cast(), len);
    }
}

/// Text from the host.
///
/// # Safety
/// A non-null pointer is readable for its length during `'a`.
unsafe fn text<'a>(s: abi::slf_str) -> Result<&'a str, Error> {
    // SAFETY: as promised by the caller; a byte has no alignment.
    let bytes = unsafe { slice(s.ptr.cast::<u8>(), s.len as usize, "text")? };
    str::from_utf8(bytes).map_err(|_| Error::argument("text from the host is not UTF-8"))
}

/// A slice from the host; a null pointer is allowed when it is empty.
///
/// # Safety
/// A non-null pointer is readable for `len` elements during `'a`.
unsafe fn slice<'a, T>(ptr: *const T, len: usize, what: &str) -> Result<&'a [T], Error> {
    if len == 0 {
        return Ok(&[]);
    }
    if ptr.is_null() || !ptr.is_aligned() || len > isize::MAX as usize / size_of::<T>() {
        return Err(Error::argument(format!("the host passed a bad pointer for {what}")));
    }
    // SAFETY: not null, aligned, of possible length, and readable as the caller promised.
    Ok(unsafe { std::slice::from_raw_parts(ptr, len) })
}

/// A slice to write to; as [`slice`].
///
/// # Safety
/// A non-null pointer is writable for `len` elements during `'a`, and nothing else uses them.
unsafe fn slice_mut<'a, T>(ptr: *mut T, len: usize, what: &str) -> Result<&'a mut [T], Error> {
    if len == 0 {
        return Ok(&mut []);
    }
    if ptr.is_null() || !ptr.is_aligned() || len > isize::MAX as usize / size_of::<T>() {
        return Err(Error::argument(format!("the host passed a bad pointer for {what}")));
    }
    // SAFETY: not null, aligned, of possible length, and ours alone as the caller promised.
    Ok(unsafe { std::slice::from_raw_parts_mut(ptr, len) })
}

/// A number that another function has stored a moment ago, read by itself. Two neighbours read as one
/// block wait until both stores have reached the cache, which takes as long as an evaluation of a small
/// model.
#[inline(always)]
pub(super) fn just_written(number: &f64) -> f64 {
    // SAFETY: a reference is valid to read from.
    unsafe { ptr::from_ref(number).read_volatile() }
}
