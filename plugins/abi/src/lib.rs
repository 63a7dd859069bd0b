//! C types of the plugin interface, version 1.0.
//!
//! A mirror of `include/slopefield_plugin.h`, which is the reference and explains every field:
//! same names, same order, same layout. No logic lives here; authors use `slopefield-plugin-sdk`
//! and the application uses `slopefield-plugin-host`. Every function pointer is an `Option`,
//! because either side may have left it null.
//!
//! `tests/layout.rs` compiles the header with the C and C++ compilers and compares every size,
//! offset and constant; the assertions at the end of this file pin them without a compiler.

#![no_std]
#![allow(non_camel_case_types, reason = "the names are those of the C header")]

use core::ffi::{c_char, c_void};

mod custom;
mod delays;
mod implicit;
mod network;
mod noise;
mod redo;
mod segment;
mod solver;
mod split;
mod state_delays;
mod step_vjp;

pub use custom::*;
pub use delays::*;
pub use implicit::*;
pub use network::*;
pub use noise::*;
pub use redo::*;
pub use segment::*;
pub use solver::*;
pub use split::*;
pub use state_delays::*;
pub use step_vjp::*;

/// Major version; part of the entry symbol's name.
pub const SLF_ABI_MAJOR: u32 = 1;
/// Minor version; fields are added at the end of structs only.
pub const SLF_ABI_MINOR: u32 = 0;

/// Name of the one exported function, an [`slf_entry_fn`].
pub const ENTRY_SYMBOL: &str = "slopefield_plugin_v1";
/// Id of the factory table [`slf_solver_factory`].
pub const SOLVER_FACTORY: &str = "slopefield.solver-factory/1";
/// Id of the factory table [`slf_network_factory`].
pub const NETWORK_FACTORY: &str = "slopefield.network-factory/1";

/// Borrowed UTF-8 text.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_str {
    /// First byte; may be null when `len` is 0.
    pub ptr: *const c_char,
    /// Bytes.
    pub len: u64,
}

impl slf_str {
    /// Text that lives as long as the process.
    pub const fn new(text: &'static str) -> Self {
        slf_str { ptr: text.as_ptr().cast(), len: text.len() as u64 }
    }

    /// Text that must outlive every use of the result; the caller keeps that promise.
    pub const fn borrowed(text: &str) -> Self {
        slf_str { ptr: text.as_ptr().cast(), len: text.len() as u64 }
    }
}

/// Outcome of a call: one of the constants below; other values are legal and mean failure when
/// negative.
pub type slf_status = i32;
/// Done.
pub const SLF_OK: slf_status = 0;
/// Not possible here; a smaller step may do.
pub const SLF_RECOVERABLE: slf_status = 1;
/// An argument makes no sense.
pub const SLF_ERR_ARGUMENT: slf_status = -1;
/// Not offered.
pub const SLF_ERR_UNSUPPORTED: slf_status = -2;
/// Out of memory.
pub const SLF_ERR_MEMORY: slf_status = -3;
/// The host asked to stop.
pub const SLF_ERR_CANCELLED: slf_status = -4;
/// The step size collapsed.
pub const SLF_ERR_STEP_TOO_SMALL: slf_status = -5;
/// A nonlinear or linear solve gave up.
pub const SLF_ERR_DIVERGED: slf_status = -6;
/// The state is not finite.
pub const SLF_ERR_NON_FINITE: slf_status = -7;
/// A host callback failed for good.
pub const SLF_ERR_HOST: slf_status = -8;
/// A bug of the plugin was caught at the border; the instance is dead.
pub const SLF_ERR_PANIC: slf_status = -9;
/// Any other failure inside the plugin.
pub const SLF_ERR_INTERNAL: slf_status = -10;

/// Room for a message in [`slf_error`], in bytes.
pub const ERROR_MESSAGE_CAPACITY: usize = 1008;

/// Error text, allocated by the caller.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_error {
    /// Size, set by the caller.
    pub struct_size: u32,
    /// Plugin-specific detail; 0 if none.
    pub code: i32,
    /// Bytes used in `message`.
    pub message_len: u32,
    /// Zero.
    pub reserved: u32,
    /// UTF-8, no NUL.
    pub message: [u8; ERROR_MESSAGE_CAPACITY],
}

/// Log level: the plugin failed.
pub const SLF_LOG_ERROR: i32 = 1;
/// Log level: worth reading.
pub const SLF_LOG_WARN: i32 = 2;
/// Log level: normal news.
pub const SLF_LOG_INFO: i32 = 3;
/// Log level: for the plugin's author.
pub const SLF_LOG_DEBUG: i32 = 4;

/// What the host offers.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_host {
    /// Size, set by the host.
    pub struct_size: u32,
    /// Minor version of the host.
    pub abi_minor: u32,
    /// First argument of the functions below.
    pub ctx: *mut c_void,
    /// Name of the application.
    pub name: slf_str,
    /// Its version.
    pub version: slf_str,
    /// Extension by id, null when not offered. `[any]`
    pub get_extension: Option<unsafe extern "C" fn(*mut c_void, slf_str) -> *const c_void>,
    /// Writes one line to the host's log. `[any]`
    pub log: Option<unsafe extern "C" fn(*mut c_void, i32, slf_str)>,
}

/// What the plugin is.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_plugin {
    /// Size, set by the plugin.
    pub struct_size: u32,
    /// Minor version the plugin was built for.
    pub abi_minor: u32,
    /// Equals the manifest's id.
    pub id: slf_str,
    /// Equals the manifest's version.
    pub version: slf_str,
    /// Factory table by id, null when not offered. `[any]`
    pub get_factory: Option<unsafe extern "C" fn(slf_str) -> *const c_void>,
    /// Called once after all destroys, or never.
    pub shutdown: Option<unsafe extern "C" fn()>,
}

/// The exported function.
pub type slf_entry_fn = unsafe extern "C" fn(*const slf_host, *mut slf_error) -> *const slf_plugin;

/// Option value in `i64`.
pub const SLF_OPTION_I64: u32 = 1;
/// Option value in `f64`.
pub const SLF_OPTION_F64: u32 = 2;
/// Option value 0 or 1 in `i64`.
pub const SLF_OPTION_BOOL: u32 = 3;
/// Option value in `text`.
pub const SLF_OPTION_TEXT: u32 = 4;
/// Option value in `list`.
pub const SLF_OPTION_LIST: u32 = 5;

/// One option as the user wrote it; valid during the call that received it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_option {
    /// Name.
    pub name: slf_str,
    /// One of the `SLF_OPTION_` constants; says which field below holds the value.
    pub r#type: u32,
    /// Zero.
    pub reserved: u32,
    /// Whole number or flag.
    pub i64: i64,
    /// Real number.
    pub f64: f64,
    /// Text.
    pub text: slf_str,
    /// Elements of a list.
    pub list: *const f64,
    /// Their number.
    pub list_len: u64,
}

// 64-bit targets only; see tests/layout.rs for every single field.
const _: () = {
    assert!(size_of::<usize>() == 8);
    assert!(size_of::<slf_str>() == 16);
    assert!(size_of::<slf_error>() == 1024);
    assert!(size_of::<slf_host>() == 64);
    assert!(size_of::<slf_plugin>() == 56);
    assert!(size_of::<slf_option>() == 72);
    assert!(size_of::<slf_sparsity>() == 32);
    assert!(size_of::<slf_problem>() == 104);
    assert!(size_of::<slf_solver_config>() == 64);
    assert!(size_of::<slf_step>() == 56);
    assert!(size_of::<slf_solver_info>() == 88);
    assert!(size_of::<slf_solver_factory>() == 80);
    assert!(size_of::<slf_attr>() == 64);
    assert!(size_of::<slf_init>() == 24);
    assert!(size_of::<slf_graph_builder>() == 96);
    assert!(size_of::<slf_network_info>() == 72);
    assert!(size_of::<slf_network_factory>() == 40);
    // The last field of each table of 1.0 never moves.
    assert!(core::mem::offset_of!(slf_host, log) == 56);
    assert!(core::mem::offset_of!(slf_plugin, shutdown) == 48);
    assert!(core::mem::offset_of!(slf_problem, get_extension) == 96);
    assert!(core::mem::offset_of!(slf_solver_config, n_options) == 56);
    assert!(core::mem::offset_of!(slf_step, n_rejected) == 48);
    assert!(core::mem::offset_of!(slf_solver_info, options_json) == 72);
    assert!(core::mem::offset_of!(slf_solver_factory, get_extension) == 72);
    assert!(core::mem::offset_of!(slf_graph_builder, op_supported) == 88);
    assert!(core::mem::offset_of!(slf_network_info, options_json) == 56);
    assert!(core::mem::offset_of!(slf_network_factory, get_extension) == 32);
};
