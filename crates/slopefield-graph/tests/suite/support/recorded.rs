//! Recorded networks around one op each.

use slopefield_graph::network::{Init, NetworkError, Node, NodeId, reference_table};
use slopefield_graph::{NetworkBuilder, NetworkGraph, NetworkLibrary};
use slopefield_lang::OptionValue;

/// A library with one given network.
pub struct One(pub NetworkGraph);

impl NetworkLibrary for One {
    fn build(
        &self,
        _: &str,
        _: u32,
        _: u32,
        _: &[(String, OptionValue)],
    ) -> Result<NetworkGraph, NetworkError> {
        Ok(self.0.clone())
    }
}

/// A network around one use of an op: six inputs, matrix and vector weights, two outputs.
pub fn around(op: &str) -> NetworkGraph {
    let mut b = NetworkBuilder::new(6).unwrap();
    let x = b.input();
    let a = b.param("a", &[3, 6], Init::XavierUniform(1.0)).unwrap();
    let w = b.param("w", &[6], Init::Normal(0.0, 1.0)).unwrap();
    let offset = b.constant(&[1], &[1.7]).unwrap();
    let positive = |b: &mut NetworkBuilder, n: NodeId| {
        // Between 0.1 and 0.9, where every function but acosh is defined.
        let half = b.constant(&[1], &[0.4]).unwrap();
        let centre = b.constant(&[1], &[0.5]).unwrap();
        let t = b.op("tanh", &[n], &[]).unwrap();
        let t = b.op("mul", &[t, half], &[]).unwrap();
        b.op("add", &[t, centre], &[]).unwrap()
    };
    let (px, pw) = (positive(&mut b, x), positive(&mut b, w));
    let y = match op {
        "matvec" => b.op(op, &[a, x], &[]),
        "matvec_t" => {
            // Of a weight, and of a matrix that depends on the input.
            let y = b.op("matvec", &[a, px], &[]).unwrap();
            let y = b.op(op, &[a, y], &[]).unwrap();
            let m = b.op("outer", &[x, w], &[]).unwrap();
            b.op(op, &[m, y], &[])
        }
        "sum" | "mean" => {
            // Of a matrix, to see that it is one number.
            b.op(op, &[a], &[])
        }
        "gather" => b.op(op, &[x], &[("indices", &[5, 0, 2, 2, 4, 1, 0])]),
        "scatter_add" => {
            let sums = b.op(op, &[pw], &[("indices", &[3, 0, 3, 1, 3, 6]), ("len", &[7])]).unwrap();
            b.op("mul", &[sums, sums], &[])
        }
        "softmax" | "layer_norm" => {
            let scaled = b.op("mul", &[x, w], &[]).unwrap();
            let y = b.op(op, &[scaled], &[]).unwrap();
            b.op("mul", &[y, pw], &[])
        }
        "interpolate" | "interpolate_cubic" => {
            // Between, before and after the knots; values that are weights.
            let knots = b.constant(&[6], &[-1.0, -0.5, 0.1, 0.6, 0.9, 1.0]).unwrap();
            b.op(op, &[x, knots, w], &[])
        }
        "dot" => b.op(op, &[x, w], &[]),
        "concat" => b.op(op, &[x, w, offset], &[]),
        "slice" => b.op(op, &[x], &[("start", &[2]), ("len", &[3])]),
        "outer" => {
            let m = b.op(op, &[x, w], &[]).unwrap();
            b.op("matvec", &[m, w], &[])
        }
        "reshape" => {
            let m = b.op(op, &[x], &[("dims", &[3, 2])]).unwrap();
            let v = b.op("slice", &[w], &[("start", &[1]), ("len", &[2])]).unwrap();
            b.op("matvec", &[m, v], &[])
        }
        "acosh" => {
            let more = b.op("add", &[px, offset], &[]).unwrap();
            b.op(op, &[more], &[])
        }
        "add" | "sub" | "mul" | "div" | "min" | "max" | "pow" => {
            // With a number on one side, and with two vectors.
            let z = b.op(op, &[px, offset], &[]).unwrap();
            b.op(op, &[z, pw], &[])
        }
        _ => b.op(op, &[px], &[]),
    }
    .unwrap();
    // Everything to two numbers, through the weights too.
    let total = b.op("sum", &[y], &[]).unwrap();
    let mean = b.op("mean", &[pw], &[]).unwrap();
    let out = b.op("concat", &[total, mean], &[]).unwrap();
    b.output(out).unwrap();
    b.finish().unwrap()
}

pub fn op_names() -> Vec<String> {
    let table = reference_table();
    let names: Vec<String> =
        table.lines().skip(2).map(|line| line.split('`').nth(1).unwrap().to_owned()).collect();
    assert!(names.len() > 40);
    names
}

/// A builder that has recorded a network's nodes, under the same numbers.
pub fn recorded(network: &NetworkGraph) -> NetworkBuilder {
    let mut b = NetworkBuilder::new(network.inputs).unwrap();
    for node in &network.nodes[1..] {
        match node {
            Node::Input => unreachable!("only the first node is the input"),
            Node::Param { name, dims, init } => b.param(name, dims, *init).unwrap(),
            Node::Constant { dims, values } => b.constant(dims, values).unwrap(),
            Node::Op { op, inputs, attributes } => {
                let attributes: Vec<(&str, &[i64])> =
                    attributes.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
                b.op(op, inputs, &attributes).unwrap()
            }
        };
    }
    b
}
