//! The host's graph builder, as a network sees it.

use super::text;
use crate::{Error, Init, Node};
use slopefield_plugin_abi as abi;
use std::marker::PhantomData;
use std::mem::offset_of;

/// Records a network in the host, on loan for one [`build`](crate::Network::build).
///
/// Every call is checked by the host at once: a wrong shape fails at the operation that has it,
/// with the shapes in the message.
pub struct Graph<'a> {
    raw: &'a abi::slf_graph_builder,
    /// Handles belong to this host call on this thread.
    _not_send: PhantomData<*mut ()>,
}

impl<'a> Graph<'a> {
    /// Checks what the host filled in.
    pub(super) fn new(raw: &'a abi::slf_graph_builder) -> Result<Self, Error> {
        if (raw.struct_size as usize) < size_of::<abi::slf_graph_builder>() {
            return Err(Error::unsupported("the host is too old: its builder lacks fields of 1.0"));
        }
        Ok(Graph { raw, _not_send: PhantomData })
    }

    /// Version of the host's op set.
    pub fn opset(&self) -> u32 {
        self.raw.opset
    }

    /// Length of the input vector.
    pub fn inputs(&self) -> usize {
        self.raw.inputs as usize
    }

    /// Length that the output vector must have.
    pub fn outputs(&self) -> usize {
        self.raw.outputs as usize
    }

    /// The input vector.
    pub fn input(&mut self, name: &str) -> Result<Node, Error> {
        let f = self.raw.input.ok_or_else(missing)?;
        let mut node = 0;
        call(|err| {
            // SAFETY: the host's function and context, during `build`; all pointers are to locals.
            unsafe { f(self.raw.ctx, abi::slf_str::borrowed(name), &mut node, err) }
        })?;
        Ok(Node(node))
    }

    /// A weight tensor of shape `[n]` or `[rows, cols]`.
    pub fn param(&mut self, name: &str, dims: &[usize], init: Init) -> Result<Node, Error> {
        let f = self.raw.param.ok_or_else(missing)?;
        let dims: Vec<i64> = dims.iter().map(|&d| d as i64).collect();
        let (kind, a, b) = match init {
            Init::Zeros => (abi::SLF_INIT_ZEROS, 0.0, 0.0),
            Init::Constant(a) => (abi::SLF_INIT_CONSTANT, a, 0.0),
            Init::Normal(a, b) => (abi::SLF_INIT_NORMAL, a, b),
            Init::Uniform(a, b) => (abi::SLF_INIT_UNIFORM, a, b),
            Init::XavierUniform(a) => (abi::SLF_INIT_XAVIER_UNIFORM, a, 0.0),
            Init::KaimingNormal(a) => (abi::SLF_INIT_KAIMING_NORMAL, a, 0.0),
            Init::Orthogonal(a) => (abi::SLF_INIT_ORTHOGONAL, a, 0.0),
        };
        let init = abi::slf_init { struct_size: size_of::<abi::slf_init>() as u32, kind, a, b };
        let mut node = 0;
        call(|err| {
            // SAFETY: as in `input`; `dims` has the length given.
            unsafe {
                f(
                    self.raw.ctx,
                    abi::slf_str::borrowed(name),
                    dims.as_ptr(),
                    dims.len() as u32,
                    &init,
                    &mut node,
                    err,
                )
            }
        })?;
        Ok(Node(node))
    }

    /// Fixed numbers of shape `[n]` or `[rows, cols]`, row by row. Their number must be the product
    /// of the dimensions.
    pub fn constant(&mut self, dims: &[usize], values: &[f64]) -> Result<Node, Error> {
        let f = self.raw.constant.ok_or_else(missing)?;
        if dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) != Some(values.len()) {
            return Err(Error::argument(format!(
                "a constant of shape {dims:?} was given {} values",
                values.len()
            )));
        }
        let dims: Vec<i64> = dims.iter().map(|&d| d as i64).collect();
        let mut node = 0;
        call(|err| {
            // SAFETY: as in `input`; `values` has as many elements as `dims` says.
            unsafe {
                f(self.raw.ctx, dims.as_ptr(), dims.len() as u32, values.as_ptr(), &mut node, err)
            }
        })?;
        Ok(Node(node))
    }

    /// One number, as a vector of length 1 (which element-wise operations repeat).
    pub fn scalar(&mut self, value: f64) -> Result<Node, Error> {
        self.constant(&[1], &[value])
    }

    /// An operation of the op set, by name, with whole-number attributes.
    pub fn op(
        &mut self,
        op: &str,
        inputs: &[Node],
        attributes: &[(&str, &[i64])],
    ) -> Result<Node, Error> {
        let f = self.raw.op.ok_or_else(missing)?;
        let ins: Vec<abi::slf_node> = inputs.iter().map(|n| n.0).collect();
        let attrs: Vec<abi::slf_attr> = attributes
            .iter()
            .map(|(name, values)| abi::slf_attr {
                name: abi::slf_str::borrowed(name),
                r#type: abi::SLF_ATTR_I64,
                reserved: 0,
                i64: values.as_ptr(),
                f64: std::ptr::null(),
                text: abi::slf_str::new(""),
                len: values.len() as u64,
            })
            .collect();
        let mut node = 0;
        call(|err| {
            // SAFETY: as in `input`; both arrays have the lengths given and outlive the call.
            unsafe {
                f(
                    self.raw.ctx,
                    abi::slf_str::borrowed(op),
                    ins.as_ptr(),
                    ins.len() as u32,
                    attrs.as_ptr(),
                    attrs.len() as u32,
                    &mut node,
                    1,
                    err,
                )
            }
        })?;
        Ok(Node(node))
    }

    /// Whether the host's op set has this operation.
    pub fn op_supported(&self, op: &str) -> Result<bool, Error> {
        let f = self.raw.op_supported.ok_or_else(missing)?;
        let mut yes = 0;
        call(|err| {
            // SAFETY: as in `input`.
            unsafe { f(self.raw.ctx, abi::slf_str::borrowed(op), &mut yes, err) }
        })?;
        Ok(yes != 0)
    }

    /// Shape of a node: one or two dimensions.
    pub fn shape(&self, node: Node) -> Result<Vec<usize>, Error> {
        let f = self.raw.shape.ok_or_else(missing)?;
        let mut dims = [0i64; 8];
        let mut rank = dims.len() as u32;
        call(|err| {
            // SAFETY: as in `input`; `rank` says how much room `dims` has.
            unsafe { f(self.raw.ctx, node.0, dims.as_mut_ptr(), &mut rank, err) }
        })?;
        let dims = dims
            .get(..rank as usize)
            .ok_or_else(|| Error::internal("the host reported a shape of too many dimensions"))?;
        Ok(dims.iter().map(|&d| d.max(0) as usize).collect())
    }

    /// An operator of this plugin ([`CustomOp`](crate::CustomOp)), by its id: of one operand or more, with
    /// a vector of `len` elements as result. Its derivatives are compared with differences at once.
    pub fn custom(&mut self, id: &str, operands: &[Node], len: usize) -> Result<Node, Error> {
        let len = i64::try_from(len).map_err(|_| Error::argument("the result is too long"))?;
        self.op(&format!("{}{id}", abi::CUSTOM_PREFIX), operands, &[("len", &[len])])
    }

    /// Declares the output vector; exactly once.
    pub fn output(&mut self, name: &str, node: Node) -> Result<(), Error> {
        let f = self.raw.output.ok_or_else(missing)?;
        call(|err| {
            // SAFETY: as in `input`.
            unsafe { f(self.raw.ctx, abi::slf_str::borrowed(name), node.0, err) }
        })
    }

    /// Names the parameters declared in `body` `scope.name`.
    pub fn scope<R>(
        &mut self,
        scope: &str,
        body: impl FnOnce(&mut Self) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let push = self.raw.push_scope.ok_or_else(missing)?;
        let pop = self.raw.pop_scope.ok_or_else(missing)?;
        call(|err| {
            // SAFETY: as in `input`.
            unsafe { push(self.raw.ctx, abi::slf_str::borrowed(scope), err) }
        })?;
        let result = body(self)?;
        call(|err| {
            // SAFETY: as in `input`.
            unsafe { pop(self.raw.ctx, err) }
        })?;
        Ok(result)
    }
}

macro_rules! binary_ops {
    ($($(#[$doc:meta])* $name:ident)+) => {
        /// The most used operations by name; [`op`](Graph::op) reaches all of them.
        impl Graph<'_> {
            $($(#[$doc])* pub fn $name(&mut self, a: Node, b: Node) -> Result<Node, Error> {
                self.op(stringify!($name), &[a, b], &[])
            })+
        }
    };
}
binary_ops! {
    /// Matrix times vector.
    matvec
    /// Element by element; a vector of length 1 is repeated.
    add
    /// Element by element; a vector of length 1 is repeated.
    sub
    /// Element by element; a vector of length 1 is repeated.
    mul
    /// Element by element; a vector of length 1 is repeated.
    div
    /// The smaller, element by element; a vector of length 1 is repeated.
    min
    /// The larger, element by element; a vector of length 1 is repeated.
    max
}

impl Graph<'_> {
    /// A function of one argument, element by element, by its name in the language: `tanh`, `exp`,
    /// `abs`, ….
    pub fn map(&mut self, function: &str, x: Node) -> Result<Node, Error> {
        self.op(function, &[x], &[])
    }

    /// Vectors one after the other.
    pub fn concat(&mut self, parts: &[Node]) -> Result<Node, Error> {
        self.op("concat", parts, &[])
    }
}

fn missing() -> Error {
    Error::argument("the host passed a builder with a function missing")
}

/// Runs one builder function with room for its message.
fn call(f: impl FnOnce(*mut abi::slf_error) -> abi::slf_status) -> Result<(), Error> {
    let mut err = abi::slf_error {
        struct_size: size_of::<abi::slf_error>() as u32,
        code: 0,
        message_len: 0,
        reserved: 0,
        message: [0; abi::ERROR_MESSAGE_CAPACITY],
    };
    let status = f(&mut err);
    if status == abi::SLF_OK {
        return Ok(());
    }
    let len = (err.message_len as usize)
        .min(size_of::<abi::slf_error>() - offset_of!(abi::slf_error, message));
    let message = abi::slf_str { ptr: err.message.as_ptr().cast(), len: len as u64 };
    // SAFETY: the bytes are in the local `err`.
    let message = unsafe { text(message) }.unwrap_or("the host gave no readable reason");
    Err(Error::from_host(status, message.to_owned()))
}
