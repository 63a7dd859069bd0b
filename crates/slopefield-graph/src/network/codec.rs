//! Networks as bytes, for the project file.
//!
//! All numbers little-endian. `SLFN`, version `u16`, inputs `u32`, number of nodes `u32`, nodes,
//! output `u32`. A node is a tag byte (0 input, 1 weights, 2 constant, 3 op) and its fields; texts
//! and lists carry their length as `u32`. Nothing follows the output.
//!
//! Version 1 has the ops of op set 1 and the first seven initial distributions; version 2 has all ops of
//! the table and all distributions; version 3 has operators that plugins compute too.
//! A network is written in the oldest version that can hold it, so that programs that know only
//! that one read it.
//!
//! Bytes are not trusted: decoding replays the nodes through [`NetworkBuilder`], which checks
//! names, shapes and limits, and reserves no memory that the remaining bytes could not fill.

use super::ops::NetworkOp;
use super::{Init, NetworkBuilder, NetworkError, NetworkGraph, Node};

/// Version written by [`encode`] and the newest that can be read.
pub const FORMAT_VERSION: u16 = 3;

const MAGIC: &[u8; 4] = b"SLFN";

/// Why bytes are not a network.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// The first bytes are not those of a network.
    #[error("these bytes are not a recorded network")]
    NotANetwork,
    /// Written by a later program.
    #[error(
        "the network has format {found}, this program reads formats up to {FORMAT_VERSION}; use a \
         newer version"
    )]
    TooNew {
        /// Version in the bytes.
        found: u16,
    },
    /// The bytes end early, go on after the end, or hold an impossible value.
    #[error("the recorded network is damaged at byte {at}: {what}")]
    Damaged {
        /// Offset.
        at: usize,
        /// What was expected.
        what: &'static str,
    },
    /// The nodes do not form a network.
    #[error("the recorded network is not valid: {0}")]
    Invalid(#[from] NetworkError),
}

/// The network as bytes; equal networks give equal bytes.
#[must_use]
pub fn encode(network: &NetworkGraph) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(version(network).to_le_bytes());
    put(&mut out, network.inputs);
    put(&mut out, network.nodes.len() as u32);
    for node in &network.nodes {
        match node {
            Node::Input => out.push(0),
            Node::Param { name, dims, init } => {
                out.push(1);
                put_text(&mut out, name);
                put_list(&mut out, dims, |out, n| put(out, *n));
                put_init(&mut out, *init);
            }
            Node::Constant { dims, values } => {
                out.push(2);
                put_list(&mut out, dims, |out, n| put(out, *n));
                put_list(&mut out, values, |out, v| out.extend(v.to_le_bytes()));
            }
            Node::Op { op, inputs, attributes } => {
                out.push(3);
                put_text(&mut out, op);
                put_list(&mut out, inputs, |out, n| put(out, *n));
                put_list(&mut out, attributes, |out, (name, values)| {
                    put_text(out, name);
                    put_list(out, values, |out, v| out.extend(v.to_le_bytes()));
                });
            }
        }
    }
    put(&mut out, network.output);
    out
}

/// The oldest version that can hold a network.
fn version(network: &NetworkGraph) -> u16 {
    if network.operators().next().is_some() {
        return 3;
    }
    let is_new = network.nodes.iter().any(|node| match node {
        Node::Op { op, .. } => NetworkOp::named(op).is_some_and(|op| op.since() > 1),
        Node::Param { init, .. } => {
            matches!(init, Init::XavierNormal(_) | Init::KaimingUniform(_))
        }
        Node::Input | Node::Constant { .. } => false,
    });
    if is_new { 2 } else { 1 }
}

/// The network that these bytes describe.
pub fn decode(bytes: &[u8]) -> Result<NetworkGraph, DecodeError> {
    let mut r = Reader { bytes, at: 0 };
    if r.take(4, "the mark").map_err(|_| DecodeError::NotANetwork)? != MAGIC {
        return Err(DecodeError::NotANetwork);
    }
    let found = u16::from_le_bytes(r.array("the version")?);
    if found == 0 || found > FORMAT_VERSION {
        return Err(DecodeError::TooNew { found });
    }
    let mut builder = NetworkBuilder::new(r.number("the number of inputs")?)?;
    let count = r.number("the number of nodes")?;
    for i in 0..count {
        let tag = r.array::<1>("a node")?[0];
        match tag {
            0 if i == 0 => {}
            1 if i > 0 => {
                let name = r.text("the name of a weight")?;
                let dims = r.list(4, "a shape", |r| r.number("a size"))?;
                let init = r.init()?;
                builder.param(name, &dims, init)?;
            }
            2 if i > 0 => {
                let dims = r.list(4, "a shape", |r| r.number("a size"))?;
                let values =
                    r.list(8, "numbers", |r| Ok(f64::from_le_bytes(r.array("a number")?)))?;
                builder.constant(&dims, &values)?;
            }
            3 if i > 0 => {
                let op = r.text("the name of an op")?;
                let inputs = r.list(4, "operands", |r| r.number("an operand"))?;
                let attributes = r.list(8, "attributes", |r| {
                    let name = r.text("the name of an attribute")?;
                    let values = r.list(8, "the values of an attribute", |r| {
                        Ok(i64::from_le_bytes(r.array("a whole number")?))
                    })?;
                    Ok((name, values))
                })?;
                let attributes: Vec<(&str, &[i64])> =
                    attributes.iter().map(|(n, v)| (*n, v.as_slice())).collect();
                builder.op(op, &inputs, &attributes)?;
            }
            _ => return r.damaged("the kind of a node"),
        }
    }
    if count == 0 {
        return r.damaged("the input node");
    }
    builder.output(r.number("the output")?)?;
    if r.at != bytes.len() {
        return r.damaged("the end");
    }
    let network = builder.finish()?;
    if version(&network) != found {
        return Err(DecodeError::Damaged { at: MAGIC.len(), what: "the version of what it holds" });
    }
    Ok(network)
}

fn put(out: &mut Vec<u8>, n: u32) {
    out.extend(n.to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u32);
    out.extend(text.as_bytes());
}

fn put_list<T>(out: &mut Vec<u8>, items: &[T], each: impl Fn(&mut Vec<u8>, &T)) {
    put(out, items.len() as u32);
    for item in items {
        each(out, item);
    }
}

fn put_init(out: &mut Vec<u8>, init: Init) {
    let (tag, a, b) = match init {
        Init::Zeros => (0, 0.0, 0.0),
        Init::Constant(a) => (1, a, 0.0),
        Init::Normal(a, b) => (2, a, b),
        Init::Uniform(a, b) => (3, a, b),
        Init::XavierUniform(a) => (4, a, 0.0),
        Init::KaimingNormal(a) => (5, a, 0.0),
        Init::Orthogonal(a) => (6, a, 0.0),
        Init::XavierNormal(a) => (7, a, 0.0),
        Init::KaimingUniform(a) => (8, a, 0.0),
    };
    out.push(tag);
    out.extend(f64::to_le_bytes(a));
    out.extend(f64::to_le_bytes(b));
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn damaged<T>(&self, what: &'static str) -> Result<T, DecodeError> {
        Err(DecodeError::Damaged { at: self.at, what })
    }

    fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        match self.bytes.get(self.at..).and_then(|rest| rest.get(..len)) {
            Some(taken) => {
                self.at += len;
                Ok(taken)
            }
            None => self.damaged(what),
        }
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N, what)?);
        Ok(out)
    }

    fn number(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    fn text(&mut self, what: &'static str) -> Result<&'a str, DecodeError> {
        let len = self.number(what)? as usize;
        let bytes = self.take(len, what)?;
        std::str::from_utf8(bytes).or_else(|_| self.damaged(what))
    }

    /// A list whose items take at least `least` bytes each.
    fn list<T>(
        &mut self,
        least: usize,
        what: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let len = self.number(what)? as usize;
        if len.saturating_mul(least) > self.bytes.len() - self.at {
            return self.damaged(what);
        }
        let mut items = Vec::with_capacity(len);
        for _ in 0..len {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn init(&mut self) -> Result<Init, DecodeError> {
        let tag = self.array::<1>("an initial distribution")?[0];
        let a = f64::from_le_bytes(self.array("an initial distribution")?);
        let b = f64::from_le_bytes(self.array("an initial distribution")?);
        // One network has one encoding: what a distribution does not use is 0.
        let used = [0, 1, 2, 2, 1, 1, 1, 1, 1].get(usize::from(tag)).copied().unwrap_or(0);
        if [a, b][used..].iter().any(|unused| unused.to_bits() != 0) {
            return self.damaged("an initial distribution");
        }
        Ok(match tag {
            0 => Init::Zeros,
            1 => Init::Constant(a),
            2 => Init::Normal(a, b),
            3 => Init::Uniform(a, b),
            4 => Init::XavierUniform(a),
            5 => Init::KaimingNormal(a),
            6 => Init::Orthogonal(a),
            7 => Init::XavierNormal(a),
            8 => Init::KaimingUniform(a),
            _ => return self.damaged("an initial distribution"),
        })
    }
}
