//! A graph builder that refuses everything, to see whether a network stops at once.

use super::{Buffer, Failure, leaked};
use slopefield_plugin_abi as abi;
use std::ffi::c_void;

/// What a network did when the builder refused.
#[derive(Debug)]
pub struct Refusal {
    /// What `build` returned.
    pub outcome: Result<(), Failure>,
    /// Calls of the builder, all of which failed.
    pub calls: u64,
}

/// The sentence of the refusing builder.
const SENTENCE: &str = "the test refuses everything";

/// # Safety
/// `ctx` is the counter of the running build; `err` is a buffer of the plugin or null.
unsafe fn refuse(ctx: *mut c_void, err: *mut abi::slf_error) -> abi::slf_status {
    // SAFETY: as promised; the counter is not used elsewhere while the build runs.
    if let Some(calls) = unsafe { ctx.cast::<u64>().as_mut() } {
        *calls += 1;
    }
    // SAFETY: as promised; an slf_error of a plugin is as long as version 1.0 of it.
    if let Some(err) = unsafe { err.as_mut() }
        && err.struct_size as usize >= size_of::<abi::slf_error>()
    {
        err.message[..SENTENCE.len()].copy_from_slice(SENTENCE.as_bytes());
        err.message_len = SENTENCE.len() as u32;
    }
    abi::SLF_ERR_ARGUMENT
}

macro_rules! refusing {
    ($($name:ident($($argument:ty),*);)*) => {
        $(unsafe extern "C" fn $name(
            ctx: *mut c_void,
            $(_: $argument,)*
            err: *mut abi::slf_error,
        ) -> abi::slf_status {
            // SAFETY: the context and the buffer of this call.
            unsafe { refuse(ctx, err) }
        })*
    };
}

/// Attributes are passed as a pointer and a number.
type Nodes = *const abi::slf_node;

// Types in the order of the header.
refusing! {
    output(abi::slf_str, abi::slf_node);
    push_scope(abi::slf_str);
    pop_scope();
    shape(abi::slf_node, *mut i64, *mut u32);
    op_supported(abi::slf_str, *mut u32);
    input(abi::slf_str, *mut abi::slf_node);
    param(abi::slf_str, *const i64, u32, *const abi::slf_init, *mut abi::slf_node);
    constant(*const i64, u32, *const f64, *mut abi::slf_node);
    op(abi::slf_str, Nodes, u32, *const abi::slf_attr, u32, *mut abi::slf_node, u32);
}

/// Builds the network `id`, which the plugin may or may not have, with a builder that refuses
/// every call.
pub fn build_refused(factory: &abi::slf_network_factory, id: &str) -> Refusal {
    let mut calls = 0u64;
    let builder = abi::slf_graph_builder {
        struct_size: size_of::<abi::slf_graph_builder>() as u32,
        opset: slopefield_graph::network::OP_SET,
        inputs: 2,
        outputs: 2,
        ctx: (&raw mut calls).cast(),
        input: Some(input),
        param: Some(param),
        constant: Some(constant),
        op: Some(op),
        shape: Some(shape),
        output: Some(output),
        push_scope: Some(push_scope),
        pop_scope: Some(pop_scope),
        op_supported: Some(op_supported),
    };
    let mut err = Buffer::new();
    let status = match factory.build {
        // SAFETY: a function of the plugin; everything it gets lives during the call.
        Some(build) => unsafe { build(leaked(id), std::ptr::null(), 0, &builder, &mut err.raw) },
        None => abi::SLF_ERR_INTERNAL,
    };
    let outcome = if status == abi::SLF_OK { Ok(()) } else { Err(err.failure(status)) };
    Refusal { outcome, calls }
}
