//! Network half of the interface: the graph builder and the factory table.

use crate::{slf_error, slf_option, slf_status, slf_str};
use core::ffi::c_void;

/// Handle of a node in the host's graph; 0 is never valid.
pub type slf_node = u32;

/// Attribute value in `i64`.
pub const SLF_ATTR_I64: u32 = 1;
/// Attribute value in `f64`.
pub const SLF_ATTR_F64: u32 = 2;
/// Attribute value in `text`.
pub const SLF_ATTR_TEXT: u32 = 3;

/// Attribute of an operation.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_attr {
    /// Name.
    pub name: slf_str,
    /// One of the `SLF_ATTR_` constants; says which field below holds the value.
    pub r#type: u32,
    /// Zero.
    pub reserved: u32,
    /// Whole numbers.
    pub i64: *const i64,
    /// Real numbers.
    pub f64: *const f64,
    /// Text.
    pub text: slf_str,
    /// Elements of `i64` or `f64`.
    pub len: u64,
}

/// Initial weights: all 0.
pub const SLF_INIT_ZEROS: u32 = 0;
/// Initial weights: all `a`.
pub const SLF_INIT_CONSTANT: u32 = 1;
/// Initial weights: normal with mean `a`, standard deviation `b`.
pub const SLF_INIT_NORMAL: u32 = 2;
/// Initial weights: uniform from `a` to `b`.
pub const SLF_INIT_UNIFORM: u32 = 3;
/// Initial weights: Glorot uniform with gain `a`.
pub const SLF_INIT_XAVIER_UNIFORM: u32 = 4;
/// Initial weights: Kaiming normal with gain `a`.
pub const SLF_INIT_KAIMING_NORMAL: u32 = 5;
/// Initial weights: orthogonal with gain `a`.
pub const SLF_INIT_ORTHOGONAL: u32 = 6;

/// Distribution of initial weights.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_init {
    /// Size, set by the plugin.
    pub struct_size: u32,
    /// One of the `SLF_INIT_` constants.
    pub kind: u32,
    /// First number of the distribution.
    pub a: f64,
    /// Second number of the distribution.
    pub b: f64,
}

/// Records a network; valid during `build`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_graph_builder {
    /// Size, set by the host.
    pub struct_size: u32,
    /// Version of the op list.
    pub opset: u32,
    /// Length of the input vector.
    pub inputs: u32,
    /// Length of the output vector.
    pub outputs: u32,
    /// First argument of the functions below.
    pub ctx: *mut c_void,
    /// The input vector.
    pub input: Option<
        unsafe extern "C" fn(*mut c_void, slf_str, *mut slf_node, *mut slf_error) -> slf_status,
    >,
    /// A weight tensor: `(ctx, name, dims, rank, init, out, err)`.
    pub param: Option<
        unsafe extern "C" fn(
            *mut c_void,
            slf_str,
            *const i64,
            u32,
            *const slf_init,
            *mut slf_node,
            *mut slf_error,
        ) -> slf_status,
    >,
    /// Fixed numbers: `(ctx, dims, rank, values, out, err)`.
    pub constant: Option<
        unsafe extern "C" fn(
            *mut c_void,
            *const i64,
            u32,
            *const f64,
            *mut slf_node,
            *mut slf_error,
        ) -> slf_status,
    >,
    /// An operation: `(ctx, op, ins, n_ins, attrs, n_attrs, outs, n_outs, err)`.
    pub op: Option<
        unsafe extern "C" fn(
            *mut c_void,
            slf_str,
            *const slf_node,
            u32,
            *const slf_attr,
            u32,
            *mut slf_node,
            u32,
            *mut slf_error,
        ) -> slf_status,
    >,
    /// Shape of a node: `(ctx, node, dims, rank, err)`; `rank` holds the room in `dims` on entry.
    pub shape: Option<
        unsafe extern "C" fn(
            *mut c_void,
            slf_node,
            *mut i64,
            *mut u32,
            *mut slf_error,
        ) -> slf_status,
    >,
    /// Declares the output vector.
    pub output:
        Option<unsafe extern "C" fn(*mut c_void, slf_str, slf_node, *mut slf_error) -> slf_status>,
    /// Opens a name scope.
    pub push_scope:
        Option<unsafe extern "C" fn(*mut c_void, slf_str, *mut slf_error) -> slf_status>,
    /// Closes it.
    pub pop_scope: Option<unsafe extern "C" fn(*mut c_void, *mut slf_error) -> slf_status>,
    /// Whether the op set has an op of this name.
    pub op_supported:
        Option<unsafe extern "C" fn(*mut c_void, slf_str, *mut u32, *mut slf_error) -> slf_status>,
}

/// Description of one network kind; valid for the life of the process.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_network_info {
    /// Size, set by the plugin.
    pub struct_size: u32,
    /// Smallest op set that will do.
    pub min_opset: u32,
    /// Id inside the plugin.
    pub id: slf_str,
    /// Name to show.
    pub name: slf_str,
    /// DOI or citation.
    pub reference: slf_str,
    /// Options, as JSON.
    pub options_json: slf_str,
}

/// Table of the network kinds of a plugin.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_network_factory {
    /// Size, set by the plugin.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Number of kinds. `[any]`
    pub count: Option<unsafe extern "C" fn() -> u32>,
    /// One of them, null when out of range. `[any]`
    pub info: Option<unsafe extern "C" fn(u32) -> *const slf_network_info>,
    /// Records a network: `(id, options, n_options, builder, err)`. `[any]`
    pub build: Option<
        unsafe extern "C" fn(
            slf_str,
            *const slf_option,
            u64,
            *const slf_graph_builder,
            *mut slf_error,
        ) -> slf_status,
    >,
    /// Extension by id, null when not offered. `[any]`
    pub get_extension: Option<unsafe extern "C" fn(slf_str) -> *const c_void>,
}
