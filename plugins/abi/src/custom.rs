//! Extension of the network factory: operators in native code.

use crate::{slf_error, slf_status, slf_str};

/// Id of the factory's extension [`slf_custom_ops`].
pub const CUSTOM_OPS: &str = "slopefield.network.custom-op/1";
/// How ops begin, in [`slf_graph_builder.op`](crate::slf_graph_builder), that are operators of the
/// plugin itself.
pub const CUSTOM_PREFIX: &str = "custom:";

/// Description of one operator; valid for the life of the process.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_custom_info {
    /// Size, set by the plugin.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Id inside the plugin.
    pub id: slf_str,
}

/// Sizes that an operator is used with; valid during the call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_custom_shape {
    /// Size, set by the host.
    pub struct_size: u32,
    /// Number of operands.
    pub n_operands: u32,
    /// Elements of each operand.
    pub lengths: *const u64,
    /// Elements of all operands together.
    pub n_in: u64,
    /// Elements of the result.
    pub n_out: u64,
}

/// Operators of a plugin; valid for the life of the process.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct slf_custom_ops {
    /// Size, set by the plugin.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Number of operators. `[any]`
    pub count: Option<unsafe extern "C" fn() -> u32>,
    /// One of them, null when out of range. `[any]`
    pub info: Option<unsafe extern "C" fn(u32) -> *const slf_custom_info>,
    /// Whether an operator takes these sizes: `(index, shape, err)`. `[any]`
    pub check:
        Option<unsafe extern "C" fn(u32, *const slf_custom_shape, *mut slf_error) -> slf_status>,
    /// `(index, shape, x, y)`: `y = f(x)`. `[any]`
    pub forward: Option<
        unsafe extern "C" fn(u32, *const slf_custom_shape, *const f64, *mut f64) -> slf_status,
    >,
    /// `(index, shape, x, w, grad)`: `grad = wᵀ ∂f/∂x`. `[any]`
    pub reverse: Option<
        unsafe extern "C" fn(
            u32,
            *const slf_custom_shape,
            *const f64,
            *const f64,
            *mut f64,
        ) -> slf_status,
    >,
}

const _: () = {
    assert!(size_of::<slf_custom_info>() == 24);
    assert!(core::mem::offset_of!(slf_custom_info, id) == 8);
    assert!(size_of::<slf_custom_shape>() == 32);
    assert!(core::mem::offset_of!(slf_custom_shape, n_out) == 24);
    assert!(size_of::<slf_custom_ops>() == 48);
    assert!(core::mem::offset_of!(slf_custom_ops, reverse) == 40);
};
