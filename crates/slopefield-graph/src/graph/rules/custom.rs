//! Derivative rules of operators that somebody else computes.
//!
//! Their code knows one product, that from the left. The derivative of that product is not known, and
//! who would need it is refused before ([`crate::lower_hessian`]); should it be asked for all the same,
//! it is NaN and not 0.

use luminal::prelude::Graph;

use crate::graph::op::{Numbers, Op};
use crate::graph::table::Applied;
use crate::graph::{Dims, Tensor, concat, constant, push};

/// One row of the Jacobian after the other, each times the tangent.
pub(in crate::graph) fn custom_forward(
    graph: &mut Graph,
    at: &Applied<'_>,
    tangents: &[Option<Tensor>],
) -> Option<Tensor> {
    let Op::Custom { op, reverse } = *at.op else { return None };
    let tangent = tangents[0]?;
    if reverse {
        return Some(constant(graph, at.result.dims, f64::NAN));
    }
    let rows = op.outputs();
    let elements: Vec<Tensor> = (0..rows)
        .map(|row| {
            let unit: Vec<f64> = (0..rows).map(|i| f64::from(u8::from(i == row))).collect();
            let unit = Op::Constant(Dims::Vector(rows), Numbers::from(unit));
            let unit = push(graph, unit, &[]);
            let both = concat(graph, &[at.operands[0], unit]);
            let of_row = push(graph, Op::Custom { op, reverse: true }, &[both]);
            push(graph, Op::Dot, &[of_row, tangent])
        })
        .collect();
    Some(concat(graph, &elements))
}

pub(in crate::graph) fn custom_reverse(
    graph: &mut Graph,
    at: &Applied<'_>,
    adjoint: Tensor,
) -> Vec<Option<Tensor>> {
    let Op::Custom { op, reverse } = *at.op else { return Vec::new() };
    let operand = at.operands[0];
    vec![Some(if reverse {
        constant(graph, operand.dims, f64::NAN)
    } else {
        let both = concat(graph, &[operand, adjoint]);
        push(graph, Op::Custom { op, reverse: true }, &[both])
    })]
}
