//! Derivatives of recorded networks as recorded networks, against differences.
use crate::support;

use slopefield_graph::network::{Init, Node, NodeId, decode, encode};
use slopefield_graph::{NetworkBuilder, NetworkGraph};
use support::recorded::*;
use support::*;

/// Weights that are neither small nor regular.
fn weights(network: &NetworkGraph) -> Vec<f64> {
    (0..network.weight_count()).map(|i| 0.9 * (1.7 * i as f64 + 0.3).sin()).collect()
}

/// A network that gives the gradient of `y₁ + 0.6 y₂` of another one with respect to a node, the
/// derivative along a direction, and the derivative of the gradient along it.
fn derivatives(network: &NetworkGraph, node: NodeId, direction: &[f64]) -> NetworkGraph {
    let mut b = recorded(network);
    let mix = b.constant(&[2], &[1.0, 0.6]).unwrap();
    let number = b.op("dot", &[network.output, mix], &[]).unwrap();
    let shape = b.shape(node).unwrap();
    let direction = b.constant(&shape, direction).unwrap();
    let gradient = b.gradient(number, node).unwrap();
    assert_eq!(b.shape(gradient), Some(shape));
    let along = b.tangent(number, node, direction).unwrap();
    let second = b.tangent(gradient, node, direction).unwrap();
    let out = b.op("concat", &[gradient, along, second], &[]).unwrap();
    b.output(out).unwrap();
    b.finish().unwrap()
}

#[test]
fn every_op_can_be_differentiated_twice() {
    let x = [0.3, -0.8, 1.1, 0.05, -1.6, 0.7];
    let direction = [0.4, -1.0, 0.2, 0.9, 0.5, -0.3];
    for op in op_names() {
        let network = around(&op);
        let all = weights(&network);
        if matches!(op.as_str(), "gamma" | "lgamma" | "interpolate" | "interpolate_cubic") {
            let mut b = recorded(&network);
            let sum = b.op("sum", &[network.output], &[]).unwrap();
            let message = b.gradient(sum, 0).unwrap_err().message;
            assert_eq!(message, format!("`{op}` cannot be differentiated inside a network"));
            continue;
        }
        let w =
            network.nodes.iter().position(|n| matches!(n, Node::Param { name, .. } if name == "w"));
        // The weight vector comes after the matrix of 18.
        for (node, first) in [(0, None), (w.unwrap() as NodeId, Some(18))] {
            let derived = derivatives(&network, node, &direction);
            assert_eq!(decode(&encode(&derived)).unwrap(), derived, "{op}");
            let moved = |by: &[f64; 6]| {
                let (mut x, mut all) = (x, all.clone());
                match first {
                    None => x.iter_mut().zip(by).for_each(|(x, d)| *x += d),
                    Some(first) => all[first..].iter_mut().zip(by).for_each(|(w, d)| *w += d),
                }
                (x, all)
            };
            let out = derived.evaluate(&all, &x);
            let (gradient, along, second) = (&out[..6], out[6], &out[7..]);
            let flat = matches!(op.as_str(), "not" | "sign" | "floor" | "ceil" | "round" | "step");
            let step = if flat { 1e-3 } else { 0.02 };
            for k in 0..6 {
                let what = format!("{op}, node {node}, element {k}");
                let (expected, error) = ridders(
                    |h| {
                        let mut by = [0.0; 6];
                        by[k] = h;
                        let (x, all) = moved(&by);
                        let y = network.evaluate(&all, &x);
                        y[0] + 0.6 * y[1]
                    },
                    step,
                );
                assert!(error < 1e-8, "{what}: differences only good to {error:e}");
                close(gradient[k], expected, 1e-9, &what);
                let (expected, error) = ridders(
                    |h| {
                        let (x, all) = moved(&direction.map(|d| h * d));
                        derived.evaluate(&all, &x)[k]
                    },
                    step,
                );
                assert!(error < 1e-7, "{what}: second differences only good to {error:e}");
                close(second[k], expected, 1e-8, &format!("{what}, second"));
            }
            let product: f64 = gradient.iter().zip(direction).map(|(g, d)| g * d).sum();
            close(along, product, 1e-12, &format!("{op}, node {node}, along"));
        }
    }
}

#[test]
fn the_gradient_of_a_network_is_a_network() {
    // 1/2 |x|² + a·x, of which the gradient is x + a.
    let mut b = NetworkBuilder::new(3).unwrap();
    let x = b.input();
    let a = b.param("a", &[3], Init::Zeros).unwrap();
    let half = b.constant(&[1], &[0.5]).unwrap();
    let square = b.op("dot", &[x, x], &[]).unwrap();
    let square = b.op("mul", &[square, half], &[]).unwrap();
    let linear = b.op("dot", &[a, x], &[]).unwrap();
    let y = b.op("add", &[square, linear], &[]).unwrap();
    b.output(y).unwrap();
    let network = b.finish().unwrap();
    let gradient = network.input_gradient().unwrap();
    assert_eq!((gradient.inputs, gradient.outputs), (3, 3));
    assert_eq!(gradient.evaluate(&[10.0, 20.0, 30.0], &[1.0, 2.0, 3.0]), [11.0, 22.0, 33.0]);
    assert_eq!(gradient.verify(), Ok(()));
    // Two outputs have no gradient.
    assert!(around("tanh").input_gradient().unwrap_err().message.contains("length 1"));
}

#[test]
fn what_does_not_depend_has_derivative_zero_and_nonsense_is_refused() {
    let mut b = NetworkBuilder::new(2).unwrap();
    let x = b.input();
    let w = b.param("w", &[3, 2], Init::Zeros).unwrap();
    let sum = b.op("sum", &[x], &[]).unwrap();
    let steps = b.op("floor", &[sum], &[]).unwrap();
    let values = |b: NetworkBuilder, node: NodeId| {
        let mut b = b;
        let flat = b.op("reshape", &[node], &[("dims", &[6])]).unwrap();
        b.output(flat).unwrap();
        b.finish().unwrap().evaluate(&[1.0; 6], &[0.5, 0.7])
    };
    let direction = b.constant(&[2], &[1.0, 1.0]).unwrap();
    let flat = b.tangent(steps, x, direction).unwrap();
    assert_eq!(b.shape(flat), Some(vec![1]));
    assert!(b.tangent(sum, x, w).unwrap_err().message.contains("shapes differ"));
    assert!(b.gradient(x, x).unwrap_err().message.contains("length 1"));
    assert!(b.gradient(99, x).is_err());
    assert!(b.gradient(sum, steps).unwrap_err().message.contains("no derivative"));
    let none = b.gradient(sum, w).unwrap();
    assert_eq!(b.shape(none), Some(vec![3, 2]));
    assert_eq!(values(b, none), [0.0; 6]);
}

/// Of equal elements the first one counts, in vectors of every length.
#[test]
fn the_largest_element_is_the_first_of_them() {
    for (op, sign) in [("max_of", 1.0), ("min_of", -1.0)] {
        for len in 1..=9usize {
            for (first, second) in (0..len).flat_map(|i| (i..len).map(move |j| (i, j))) {
                let mut b = NetworkBuilder::new(len as u32).unwrap();
                let x = b.input();
                let y = b.op(op, &[x], &[]).unwrap();
                let g = b.gradient(y, x).unwrap();
                let direction: Vec<f64> = (0..len).map(|i| i as f64 + 10.0).collect();
                let direction = b.constant(&[len as u32], &direction).unwrap();
                let t = b.tangent(y, x, direction).unwrap();
                let out = b.op("concat", &[g, t], &[]).unwrap();
                b.output(out).unwrap();
                let mut at: Vec<f64> =
                    (0..len).map(|i| -sign * (i as f64 * 3.7).cos().abs()).collect();
                (at[first], at[second]) = (5.0 * sign, 5.0 * sign);
                let mut expected = vec![0.0; len + 1];
                (expected[first], expected[len]) = (1.0, first as f64 + 10.0);
                assert_eq!(
                    b.finish().unwrap().evaluate(&[], &at),
                    expected,
                    "{op} {first} {second}"
                );
            }
        }
    }
}

/// `relu`, `abs`, `min` and `max` exactly at their corners, as docs/reference/network-ops.md says.
#[test]
fn corners_follow_the_language() {
    for (op, expected) in [("relu", 0.0), ("abs", 0.0), ("max", 1.0), ("min", 1.0)] {
        let mut b = NetworkBuilder::new(1).unwrap();
        let x = b.input();
        let zero = b.constant(&[1], &[0.0]).unwrap();
        let y = match op {
            "max" | "min" => b.op(op, &[x, zero], &[]).unwrap(),
            _ => b.op(op, &[x], &[]).unwrap(),
        };
        let g = b.gradient(y, x).unwrap();
        b.output(g).unwrap();
        assert_eq!(b.finish().unwrap().evaluate(&[], &[0.0]), [expected], "{op}");
    }
}
