//! Everything that touches foreign memory or foreign code: loading, the tables of a plugin, the
//! callbacks that a plugin may use.
//!
//! What a plugin returns is checked before it is used: null and misaligned pointers, sizes, text,
//! times, values. That a pointer which passes these checks points to live memory is the promise of
//! the interface and cannot be checked; plugins run in the worker process for that reason.

#![allow(unsafe_code, reason = "plugins are foreign code behind a C interface")]

mod build;
mod callbacks;
mod custom;
mod delays;
mod image;
mod implicit;
mod library;
mod linked;
mod noise;
mod options;
mod reverse;
mod site;
mod sparsity;
mod split;
mod stepper;

pub(crate) use build::build_network;
use image::Image;
pub(crate) use image::make_private;
pub(crate) use library::{Library, NetworkEntry, SolverEntry};
pub use library::{open_library, set_log};
pub use linked::linked_solver;
pub use options::{c_options, spelled_options};
pub use stepper::PluginSolver;

use slopefield_plugin_abi as abi;
use std::ffi::c_void;
use std::mem::offset_of;

/// Longest id or name accepted, in bytes.
const MAX_NAME: u64 = 1000;
/// Longest option description accepted, in bytes.
const MAX_JSON: u64 = 256 * 1024;

/// An empty error buffer, for one call.
fn error_buffer() -> abi::slf_error {
    abi::slf_error {
        struct_size: size_of::<abi::slf_error>() as u32,
        code: 0,
        message_len: 0,
        reserved: 0,
        message: [0; abi::ERROR_MESSAGE_CAPACITY],
    }
}

/// The sentence in a buffer, or one that names the status when the plugin gave none.
fn error_text(err: &abi::slf_error, status: abi::slf_status) -> String {
    // A length beyond the buffer is a plugin's mistake; the text up to the end is still useful.
    let len = (err.message_len as usize).min(abi::ERROR_MESSAGE_CAPACITY);
    let text = String::from_utf8_lossy(&err.message[..len]);
    let text: String = text.trim().chars().filter(|c| !c.is_control()).collect();
    if !text.is_empty() {
        return text;
    }
    match status {
        abi::SLF_RECOVERABLE => "a step that should be retried was passed on".to_owned(),
        abi::SLF_ERR_ARGUMENT => "it found an argument wrong and did not say which".to_owned(),
        abi::SLF_ERR_UNSUPPORTED => "it does not support this and did not say what".to_owned(),
        abi::SLF_ERR_MEMORY => "it ran out of memory".to_owned(),
        abi::SLF_ERR_DIVERGED => "an inner solve did not converge".to_owned(),
        abi::SLF_ERR_HOST => "a function of the model failed".to_owned(),
        abi::SLF_ERR_PANIC => "it panicked".to_owned(),
        other => format!("it failed with status {other} and gave no reason"),
    }
}

/// Writes a sentence into a plugin's error buffer, cut at a character boundary.
///
/// # Safety
/// `err` is null or points to an `slf_error` that is as large as its `struct_size` says.
unsafe fn write_error(err: *mut abi::slf_error, message: &str) {
    if err.is_null() || !err.is_aligned() {
        return;
    }
    // SAFETY: every slf_error begins with its size.
    let size = unsafe { (&raw const (*err).struct_size).read() } as usize;
    let Some(room) = size.checked_sub(offset_of!(abi::slf_error, message)) else { return };
    let mut len = message.len().min(room).min(abi::ERROR_MESSAGE_CAPACITY);
    while !message.is_char_boundary(len) {
        len -= 1;
    }
    // SAFETY: the fields and `len` bytes of the message lie inside `struct_size`.
    unsafe {
        (&raw mut (*err).message_len).write(len as u32);
        std::ptr::copy_nonoverlapping(message.as_ptr(), (&raw mut (*err).message).cast(), len);
    }
}

/// Copies a table of the plugin after checking its size, or says what is wrong with it.
///
/// # Safety
/// `ptr` is null or points to a table of type `T` that begins with its size.
unsafe fn read_table<T: Copy>(ptr: *const T, what: &str) -> Result<T, String> {
    if ptr.is_null() || !ptr.is_aligned() {
        return Err(format!("{what} is null or misaligned"));
    }
    // SAFETY: every table begins with its size as a u32.
    let size = unsafe { ptr.cast::<u32>().read() } as usize;
    if size < size_of::<T>() {
        return Err(format!(
            "{what} says it is {size} bytes long, and version 1.0 has {}",
            size_of::<T>()
        ));
    }
    // SAFETY: the table is at least as long as `T`.
    Ok(unsafe { ptr.read() })
}

/// Copies a text of the plugin after checking it.
///
/// # Safety
/// A non-null pointer is readable for the length given.
unsafe fn read_text(s: abi::slf_str, max: u64, what: &str) -> Result<String, String> {
    if s.len == 0 {
        return Ok(String::new());
    }
    if s.ptr.is_null() {
        return Err(format!("{what} is null"));
    }
    if s.len > max {
        return Err(format!("{what} is {} bytes long, more than the {max} allowed", s.len));
    }
    // SAFETY: not null and, as promised, readable for its length.
    let bytes = unsafe { std::slice::from_raw_parts(s.ptr.cast::<u8>(), s.len as usize) };
    match str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(format!("{what} is not UTF-8")),
    }
}

/// Borrows an array of the plugin for the duration of a call.
///
/// # Safety
/// A non-null pointer is readable for `len` elements during `'a`.
#[inline]
unsafe fn borrow<'a, T>(ptr: *const T, len: usize) -> Option<&'a [T]> {
    if len == 0 {
        return Some(&[]);
    }
    if ptr.is_null() || !ptr.is_aligned() || len > isize::MAX as usize / size_of::<T>() {
        return None;
    }
    // SAFETY: not null, aligned, of possible length, readable as promised.
    Some(unsafe { std::slice::from_raw_parts(ptr, len) })
}

/// Borrows an array of the plugin for writing, when it does not overlap `inputs`.
///
/// # Safety
/// A non-null pointer is writable for `len` elements during `'a`.
#[inline]
unsafe fn borrow_mut<'a>(ptr: *mut c_void, len: usize, inputs: &[&[f64]]) -> Option<&'a mut [f64]> {
    if len == 0 {
        return Some(&mut []);
    }
    let ptr = ptr.cast::<f64>();
    if ptr.is_null() || !ptr.is_aligned() || len > isize::MAX as usize / size_of::<f64>() {
        return None;
    }
    let (start, end) = (ptr as usize, ptr as usize + len * size_of::<f64>());
    let overlaps = inputs.iter().any(|s| {
        let r = s.as_ptr_range();
        (r.start as usize) < end && start < r.end as usize
    });
    if overlaps {
        return None;
    }
    // SAFETY: not null, aligned, of possible length, writable as promised, and apart from every
    // slice that is alive in the same call.
    Some(unsafe { std::slice::from_raw_parts_mut(ptr, len) })
}
