//! Network ops that are made of several tensor operators.

use std::sync::Arc;

use luminal::prelude::Graph;
use slopefield_lang::{Binary, Unary};

use crate::graph::{self, Dims, Op, Tensor};
use crate::network::LAYER_NORM_EPSILON;
use crate::scalar::{BlockBuilder, SsaValue};

/// Applies a scalar program to every element: operands are vectors of `count` elements or of one.
/// Numbers are written into the program, so that powers with known exponents stay cheap.
pub(super) fn each(
    g: &mut Graph,
    count: u32,
    operands: &[Tensor],
    make: impl FnOnce(&mut BlockBuilder, &[SsaValue]) -> SsaValue,
) -> Tensor {
    let number = |t: &Tensor| match &graph::node(g, t.node).op {
        Op::Constant(_, numbers) if numbers.is_uniform() => numbers.0.first().copied(),
        _ => None,
    };
    let known: Vec<Option<f64>> = operands.iter().map(number).collect();
    let kept: Vec<Tensor> =
        operands.iter().zip(&known).filter(|(_, k)| k.is_none()).map(|(t, _)| *t).collect();
    let mut b = BlockBuilder::new(vec![1; kept.len()]);
    let mut slots = 0..;
    let values: Vec<SsaValue> = known
        .iter()
        .map(|known| match known {
            Some(number) => b.constant(*number),
            None => b.input(slots.next().unwrap_or_default(), 0),
        })
        .collect();
    let result = make(&mut b, &values);
    let block = Arc::new(b.finish(&[result]));
    graph::push(g, Op::Each { block, count }, &kept)
}

/// `exp(x[i]) / Σ exp(x[j])`, shifted by a whole number near the largest element. The shift changes
/// nothing but the range, and as a whole number it has no derivative to carry along.
pub(super) fn softmax(g: &mut Graph, x: Tensor) -> Tensor {
    let count = x.dims.len() as u32;
    let largest = graph::push(g, Op::MaxOf, &[x]);
    let powers = each(g, count, &[x, largest], |b, v| {
        let shift = b.unary(Unary::Floor, v[1]);
        let shifted = b.sub(v[0], shift);
        b.unary(Unary::Exp, shifted)
    });
    let total = graph::push(g, Op::Sum, &[powers]);
    each(g, count, &[powers, total], |b, v| b.div(v[0], v[1]))
}

/// `(x - mean) / sqrt(variance + ε)`, the variance over `n`.
pub(super) fn layer_norm(g: &mut Graph, x: Tensor) -> Tensor {
    let count = x.dims.len() as u32;
    let sum = graph::push(g, Op::Sum, &[x]);
    let centred = each(g, count, &[x, sum], |b, v| {
        let n = b.constant(f64::from(count));
        let mean = b.div(v[1], n);
        b.sub(v[0], mean)
    });
    let squares = graph::push(g, Op::Dot, &[centred, centred]);
    each(g, count, &[centred, squares], |b, v| {
        let (n, epsilon) = (b.constant(f64::from(count)), b.constant(LAYER_NORM_EPSILON));
        let variance = b.div(v[1], n);
        let sum = b.add(variance, epsilon);
        let deviation = b.unary(Unary::Sqrt, sum);
        b.div(v[0], deviation)
    })
}

/// A table lookup at every element of `x`: knots `t`, values `v`. Beyond the first and last knot it
/// is constant; at a knot the derivative is the one on its right.
pub(super) fn interpolate(g: &mut Graph, x: Tensor, t: Tensor, v: Tensor, cubic: bool) -> Tensor {
    let mut table = |of: Tensor| -> Vec<Tensor> {
        (0..of.dims.len() as u32).map(|k| element(g, of, k)).collect()
    };
    let (t, v) = (table(t), table(v));
    interpolate_by(g, x, &t, &v, cubic)
}

/// As [`interpolate`], each knot and value on its own: one number, or one for each element of `x`.
pub(super) fn interpolate_by(
    g: &mut Graph,
    x: Tensor,
    t: &[Tensor],
    v: &[Tensor],
    cubic: bool,
) -> Tensor {
    let operands: Vec<Tensor> = std::iter::once(&x).chain(t).chain(v).copied().collect();
    let count = x.dims.len() as u32;
    each(g, count, &operands, |b, all| {
        let (t, v) = all[1..].split_at(t.len());
        interpolation(b, all[0], t, v, cubic)
    })
}

/// One element as a vector of length 1.
pub(super) fn element(g: &mut Graph, vector: Tensor, index: u32) -> Tensor {
    let known = match &graph::node(g, vector.node).op {
        Op::Constant(_, numbers) => Some(numbers.0[index as usize]),
        _ => None,
    };
    match known {
        Some(number) => graph::constant(g, Dims::Vector(1), number),
        None => graph::push(g, Op::Slice { start: index, len: 1 }, &[vector]),
    }
}

fn interpolation(
    b: &mut BlockBuilder,
    x: SsaValue,
    t: &[SsaValue],
    v: &[SsaValue],
    cubic: bool,
) -> SsaValue {
    let last = t.len() - 1;
    if last == 0 {
        return v[0];
    }
    // Slope at a knot: through its neighbours (Catmull & Rom 1974, for uneven knots).
    let slope = |b: &mut BlockBuilder, k: usize| {
        let (low, high) = (k.saturating_sub(1), (k + 1).min(last));
        let (rise, run) = (b.sub(v[high], v[low]), b.sub(t[high], t[low]));
        b.div(rise, run)
    };
    let slopes: Vec<SsaValue> =
        if cubic { (0..=last).map(|k| slope(b, k)).collect() } else { Vec::new() };
    // Knot, value and slope at both ends of the piece that `x` lies in.
    let piece = |k: usize| {
        let mut numbers = vec![t[k], t[k + 1], v[k], v[k + 1]];
        numbers.extend(slopes.get(k..k + 2).unwrap_or_default());
        numbers
    };
    let mut chosen = piece(0);
    for (k, knot) in t.iter().enumerate().take(last).skip(1) {
        let beyond = b.binary(Binary::GreaterEqual, x, *knot);
        for (old, new) in chosen.iter_mut().zip(piece(k)) {
            *old = b.select(beyond, new, *old);
        }
    }
    let (run, rise) = (b.sub(chosen[1], chosen[0]), b.sub(chosen[3], chosen[2]));
    let offset = b.sub(x, chosen[0]);
    let w = b.div(offset, run);
    let factor = if cubic {
        // Hermite: from the left value, s₀ w + (3 rise - 2 s₀ - s₁) w² + (s₀ + s₁ - 2 rise) w³.
        let (left, right) = (b.mul(run, chosen[4]), b.mul(run, chosen[5]));
        let both = b.add(left, right);
        let (two, three) = (b.constant(2.0), b.constant(3.0));
        let (twice, thrice) = (b.mul(two, rise), b.mul(three, rise));
        let cube = b.sub(both, twice);
        let sum = b.add(both, left);
        let square = b.sub(thrice, sum);
        let inner = b.mul(cube, w);
        let inner = b.add(square, inner);
        let inner = b.mul(inner, w);
        b.add(left, inner)
    } else {
        rise
    };
    let change = b.mul(factor, w);
    let inside = b.add(chosen[2], change);
    let (below, above) =
        (b.binary(Binary::Less, x, t[0]), b.binary(Binary::GreaterEqual, x, t[last]));
    let inside = b.select(above, v[last], inside);
    b.select(below, v[0], inside)
}
