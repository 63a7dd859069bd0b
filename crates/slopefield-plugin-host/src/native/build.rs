//! The graph builder as a network plugin sees it, onto the one that checks shapes and limits.
//!
//! A node handle of a plugin is the node's index plus 1, so that 0 means nothing.

use super::custom::Operators;
use super::library::NetworkEntry;
use super::options::{c_options, spelled_options};
use super::{borrow, error_buffer, error_text, read_text, write_error};
use slopefield_graph::network::{
    Init, NetworkBuilder, NetworkError, NetworkGraph, NodeId, OP_SET, limits,
};
use slopefield_lang::OptionValue;
use slopefield_plugin_abi as abi;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Longest sequence of dimensions read from a plugin; the builder itself takes two.
const MAX_RANK: u32 = 8;
/// Deepest nesting of name scopes.
const MAX_SCOPES: usize = 32;
/// Most attributes of one op, and most numbers in one attribute.
const MAX_ATTRIBUTES: u64 = 64;

/// What `slf_graph_builder.ctx` points to.
struct Recorder {
    /// Taken out when the network is finished or the plugin did something hopeless.
    builder: NetworkBuilder,
    outputs: u32,
    scopes: Vec<String>,
    has_output: bool,
    /// What the plugin computes itself.
    operators: Arc<Operators>,
    /// The first refusal; it ends the build whatever the plugin then reports.
    refusal: Option<String>,
}

/// Asks the plugin to record a network of a kind.
pub(crate) fn build_network(
    entry: &NetworkEntry,
    inputs: u32,
    outputs: u32,
    options: &[(String, OptionValue)],
) -> Result<NetworkGraph, NetworkError> {
    let id = &entry.description.id;
    let failed =
        |message: String| NetworkError { message: format!("the network plugin {id}: {message}") };
    if entry.description.min_opset > OP_SET {
        return Err(failed(format!(
            "it needs op set {} and this application has {OP_SET}; update the application",
            entry.description.min_opset
        )));
    }
    // Sizes reach the plugin through the builder.
    let mut options = spelled_options(options);
    options.retain(|(name, _)| name != "inputs" && name != "outputs");
    let c_options = c_options(&options);
    let mut recorder = Recorder {
        builder: NetworkBuilder::new(inputs)?,
        outputs,
        scopes: Vec::new(),
        has_output: false,
        operators: entry.operators.clone(),
        refusal: None,
    };
    let ctx = (&raw mut recorder).cast();
    let table = table(ctx, inputs, outputs);
    let Some(build) = entry.table.build else {
        return Err(failed("a function of its table is null".to_owned()));
    };
    let mut err = error_buffer();
    // SAFETY: a function of the plugin; id, options and builder live during the call, and
    // `recorder` is not used here until it returns.
    let status = unsafe {
        build(
            abi::slf_str::borrowed(entry.description.local_id()),
            c_options.as_ptr(),
            c_options.len() as u64,
            &table,
            &mut err,
        )
    };
    if status != abi::SLF_OK {
        return Err(failed(error_text(&err, status)));
    }
    if let Some(refusal) = recorder.refusal {
        return Err(failed(format!("it went on after an error: {refusal}")));
    }
    if !recorder.scopes.is_empty() {
        return Err(failed(format!("the scope `{}` was never closed", recorder.scopes.join("."))));
    }
    recorder.builder.finish().map_err(|e| failed(e.message))
}

fn table(ctx: *mut c_void, inputs: u32, outputs: u32) -> abi::slf_graph_builder {
    abi::slf_graph_builder {
        struct_size: size_of::<abi::slf_graph_builder>() as u32,
        opset: OP_SET,
        inputs,
        outputs,
        ctx,
        input: Some(input),
        param: Some(param),
        constant: Some(constant),
        op: Some(op),
        shape: Some(shape),
        output: Some(output),
        push_scope: Some(push_scope),
        pop_scope: Some(pop_scope),
        op_supported: Some(op_supported),
    }
}

/// Runs one builder function; a refusal goes to the plugin's buffer and is remembered.
///
/// # Safety
/// `ctx` is the recorder of the running build or null; `err` is null or a buffer of the plugin.
unsafe fn record(
    ctx: *mut c_void,
    err: *mut abi::slf_error,
    body: impl FnOnce(&mut Recorder) -> Result<(), String>,
) -> abi::slf_status {
    // SAFETY: as promised; the plugin is inside `build`, which does not touch the recorder.
    let Some(recorder) = (unsafe { ctx.cast::<Recorder>().as_mut() }) else {
        return abi::SLF_ERR_ARGUMENT;
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| body(recorder)));
    let (status, message) = match outcome {
        Ok(Ok(())) => return abi::SLF_OK,
        Ok(Err(message)) => (abi::SLF_ERR_ARGUMENT, message),
        Err(_) => (abi::SLF_ERR_HOST, "the application failed to record this".to_owned()),
    };
    // SAFETY: as promised.
    unsafe { write_error(err, &message) };
    recorder.refusal.get_or_insert(message);
    status
}

/// # Safety
/// A non-null `out` is a place of the plugin for one handle.
unsafe fn give(out: *mut abi::slf_node, node: NodeId) -> Result<(), String> {
    if out.is_null() || !out.is_aligned() {
        return Err("the place for the new node is null".to_owned());
    }
    // SAFETY: as promised, and not null.
    unsafe { out.write(node + 1) };
    Ok(())
}

fn index(node: abi::slf_node) -> Result<NodeId, String> {
    node.checked_sub(1).ok_or_else(|| "node 0 is not a node".to_owned())
}

/// # Safety
/// A non-null `dims` is readable for `rank` elements.
unsafe fn read_dims(dims: *const i64, rank: u32) -> Result<Vec<u32>, String> {
    // SAFETY: as promised.
    let dims = (rank <= MAX_RANK).then(|| unsafe { borrow(dims, rank as usize) }).flatten();
    let dims = dims.ok_or_else(|| format!("dimensions of rank {rank} cannot be read"))?;
    dims.iter()
        .map(|&d| u32::try_from(d).map_err(|_| format!("a dimension is {d}; it must be 1 or more")))
        .collect()
}

/// # Safety
/// A non-null pointer is readable for the length given.
unsafe fn name(text: abi::slf_str, what: &str) -> Result<String, String> {
    // SAFETY: as promised.
    unsafe { read_text(text, limits::NAME as u64, what) }
}

unsafe extern "C" fn input(
    ctx: *mut c_void,
    _name: abi::slf_str,
    out: *mut abi::slf_node,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    // SAFETY: pointers of the plugin, as the interface promises.
    unsafe { record(ctx, err, |r| give(out, r.builder.input())) }
}

unsafe extern "C" fn param(
    ctx: *mut c_void,
    text: abi::slf_str,
    dims: *const i64,
    rank: u32,
    init: *const abi::slf_init,
    out: *mut abi::slf_node,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = |r: &mut Recorder| {
        // SAFETY: pointers of the plugin, as the interface promises.
        let (own, dims, init) = unsafe {
            let init = super::read_table(init, "the initial distribution")?;
            (name(text, "the name of a weight")?, read_dims(dims, rank)?, init)
        };
        let mut full = r.scopes.join(".");
        if !full.is_empty() {
            full.push('.');
        }
        full.push_str(&own);
        let init = match init.kind {
            abi::SLF_INIT_ZEROS => Init::Zeros,
            abi::SLF_INIT_CONSTANT => Init::Constant(init.a),
            abi::SLF_INIT_NORMAL => Init::Normal(init.a, init.b),
            abi::SLF_INIT_UNIFORM => Init::Uniform(init.a, init.b),
            abi::SLF_INIT_XAVIER_UNIFORM => Init::XavierUniform(init.a),
            abi::SLF_INIT_KAIMING_NORMAL => Init::KaimingNormal(init.a),
            abi::SLF_INIT_ORTHOGONAL => Init::Orthogonal(init.a),
            other => {
                return Err(format!("the weight `{full}` has the unknown distribution {other}"));
            }
        };
        let node = r.builder.param(&full, &dims, init).map_err(|e| e.message)?;
        // SAFETY: as above.
        unsafe { give(out, node) }
    };
    // SAFETY: as above.
    unsafe { record(ctx, err, body) }
}

unsafe extern "C" fn constant(
    ctx: *mut c_void,
    dims: *const i64,
    rank: u32,
    values: *const f64,
    out: *mut abi::slf_node,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = |r: &mut Recorder| {
        // SAFETY: pointers of the plugin, as the interface promises.
        let dims = unsafe { read_dims(dims, rank)? };
        let len = dims
            .iter()
            .try_fold(1usize, |n, &d| n.checked_mul(d as usize))
            .filter(|&n| n <= limits::CONSTANTS)
            .ok_or_else(|| format!("a constant of shape {dims:?} is too large"))?;
        // SAFETY: as above; the plugin passes as many values as the dimensions say.
        let values = unsafe { borrow(values, len) }
            .ok_or_else(|| "the values of a constant are null or misaligned".to_owned())?;
        let node = r.builder.constant(&dims, values).map_err(|e| e.message)?;
        // SAFETY: as above.
        unsafe { give(out, node) }
    };
    // SAFETY: as above.
    unsafe { record(ctx, err, body) }
}

unsafe extern "C" fn op(
    ctx: *mut c_void,
    op: abi::slf_str,
    ins: *const abi::slf_node,
    n_ins: u32,
    attrs: *const abi::slf_attr,
    n_attrs: u32,
    outs: *mut abi::slf_node,
    n_outs: u32,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = |r: &mut Recorder| {
        // SAFETY: pointers of the plugin, as the interface promises.
        let op = unsafe { name(op, "the name of an op")? };
        if n_outs != 1 {
            return Err(format!("`{op}` has one result and {n_outs} were asked for"));
        }
        if n_ins as usize > limits::OPERANDS || u64::from(n_attrs) > MAX_ATTRIBUTES {
            return Err(format!("`{op}` was given {n_ins} operands and {n_attrs} attributes"));
        }
        // SAFETY: as above.
        let (ins, attrs) = unsafe {
            let ins = borrow(ins, n_ins as usize);
            let attrs = borrow(attrs, n_attrs as usize);
            ins.zip(attrs)
                .ok_or_else(|| format!("the operands or attributes of `{op}` are null"))?
        };
        let inputs = ins.iter().map(|&i| index(i)).collect::<Result<Vec<_>, _>>()?;
        let mut attributes = Vec::new();
        for attr in attrs {
            // SAFETY: as above.
            let key = unsafe { name(attr.name, "the name of an attribute")? };
            if attr.r#type != abi::SLF_ATTR_I64 {
                return Err(format!("the attribute `{key}` of `{op}` must be whole numbers"));
            }
            let len = attr.len.min(MAX_ATTRIBUTES + 1);
            // SAFETY: as above.
            let values = unsafe { borrow(attr.i64, len as usize) };
            match values {
                Some(values) if len <= MAX_ATTRIBUTES => attributes.push((key, values)),
                _ => return Err(format!("the attribute `{key}` of `{op}` cannot be read")),
            }
        }
        let attributes: Vec<(&str, &[i64])> =
            attributes.iter().map(|(key, values)| (key.as_str(), *values)).collect();
        // Which plugin's it is, and of which version, the graph has to say.
        let is_own = op.starts_with(abi::CUSTOM_PREFIX);
        let op = if is_own { r.operators.name(&op)? } else { op };
        let node = r.builder.op(&op, &inputs, &attributes).map_err(|e| e.message)?;
        if is_own {
            // Code that is not what it says is told here, where the plugin can name the place.
            r.builder.bind_operator(node).map_err(|e| e.message)?;
        }
        // SAFETY: as above.
        unsafe { give(outs, node) }
    };
    // SAFETY: as above.
    unsafe { record(ctx, err, body) }
}

unsafe extern "C" fn shape(
    ctx: *mut c_void,
    node: abi::slf_node,
    dims: *mut i64,
    rank: *mut u32,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = |r: &mut Recorder| {
        let sizes = r
            .builder
            .shape(index(node)?)
            .ok_or_else(|| format!("there is no node {node} to ask the shape of"))?;
        if dims.is_null() || !dims.is_aligned() || rank.is_null() || !rank.is_aligned() {
            return Err("the place for a shape is null".to_owned());
        }
        // SAFETY: a place of the plugin that holds the room in `dims`.
        let room = unsafe { rank.read() } as usize;
        if sizes.len() > room {
            return Err(format!("a shape of rank {} does not fit into {room}", sizes.len()));
        }
        for (i, &size) in sizes.iter().enumerate() {
            // SAFETY: `i` is less than the room the plugin promises.
            unsafe { dims.add(i).write(i64::from(size)) };
        }
        // SAFETY: as above.
        unsafe { rank.write(sizes.len() as u32) };
        Ok(())
    };
    // SAFETY: pointers of the plugin, as the interface promises.
    unsafe { record(ctx, err, body) }
}

unsafe extern "C" fn output(
    ctx: *mut c_void,
    _name: abi::slf_str,
    node: abi::slf_node,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = |r: &mut Recorder| {
        if r.has_output {
            return Err("the output was declared twice".to_owned());
        }
        let node = index(node)?;
        let sizes = r.builder.shape(node).unwrap_or_default();
        r.builder.output(node).map_err(|e| e.message)?;
        if sizes != [r.outputs] {
            return Err(format!(
                "the output has length {} and the model wants {}",
                sizes.first().copied().unwrap_or(0),
                r.outputs
            ));
        }
        r.has_output = true;
        Ok(())
    };
    // SAFETY: pointers of the plugin, as the interface promises.
    unsafe { record(ctx, err, body) }
}

unsafe extern "C" fn push_scope(
    ctx: *mut c_void,
    text: abi::slf_str,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = |r: &mut Recorder| {
        // SAFETY: text of the plugin.
        let scope = unsafe { name(text, "the name of a scope")? };
        if scope.is_empty() || r.scopes.len() >= MAX_SCOPES {
            return Err(format!("a scope needs a name, and at most {MAX_SCOPES} may be open"));
        }
        r.scopes.push(scope);
        Ok(())
    };
    // SAFETY: pointers of the plugin, as the interface promises.
    unsafe { record(ctx, err, body) }
}

unsafe extern "C" fn pop_scope(ctx: *mut c_void, err: *mut abi::slf_error) -> abi::slf_status {
    let body = |r: &mut Recorder| {
        r.scopes.pop().map(|_| ()).ok_or_else(|| "no scope is open to be closed".to_owned())
    };
    // SAFETY: pointers of the plugin, as the interface promises.
    unsafe { record(ctx, err, body) }
}

unsafe extern "C" fn op_supported(
    ctx: *mut c_void,
    op: abi::slf_str,
    yes: *mut u32,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = |r: &mut Recorder| {
        // SAFETY: text of the plugin.
        let op = unsafe { name(op, "the name of an op")? };
        if yes.is_null() || !yes.is_aligned() {
            return Err("the place for an answer is null".to_owned());
        }
        let known = match op.starts_with(abi::CUSTOM_PREFIX) {
            true => r.operators.name(&op).is_ok(),
            false => NetworkBuilder::op_supported(&op),
        };
        // SAFETY: a place of the plugin, not null.
        unsafe { yes.write(u32::from(known)) };
        Ok(())
    };
    // SAFETY: pointers of the plugin, as the interface promises.
    unsafe { record(ctx, err, body) }
}
