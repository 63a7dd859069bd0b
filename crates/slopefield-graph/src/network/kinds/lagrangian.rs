//! The kind `lagrangian`: accelerations from a learned Lagrangian.
//!
//! From `L(q, v)` the equation of Euler and Lagrange gives
//! `a = (∂²L/∂v∂v)⁻¹ (∂L/∂q - (∂²L/∂q∂v) v)`. All derivatives are recorded by differentiating the
//! network; the linear system is solved by `L D Lᵀ` without exchange of rows, which is stable because
//! the matrix is symmetric and, by the way `L` is built, at least `floor` times the unit matrix:
//!
//! * `mechanical`: `L = ½ |Rᵀ(q) v|² + ½ floor |v|² - V(q)`, with a lower triangular matrix `R` and a
//!   potential `V` from perceptrons;
//! * `general`: `L = C(q, v) + ½ floor |v|²`, with `C` convex in `v` as in the kind `icnn`.
//!
//! Inputs beyond coordinates and velocities are arguments of `L` that are held fixed in it.

use crate::network::activation::Activation;
use crate::network::constrained::Positive;
use crate::network::init::Init;
use crate::network::options::{Accepts, HIDDEN, INIT, OptionSpec, Options, Standard, option};
use crate::network::perceptron::{OUTPUT_GAIN, Perceptron, Shape};
use crate::network::{NetworkBuilder, NetworkError, NetworkGraph, NodeId};

use super::hamiltonian::require_smooth;
use super::icnn::Convex;
use super::{Kind, finish};

pub(super) static KIND: Kind = Kind {
    name: "lagrangian",
    help: "accelerations of a learned Lagrangian of coordinates and velocities",
    source: "Cranmer et al. 2020, arXiv:2003.04630; Lutter et al. 2019, arXiv:1907.04490",
    options: &OPTIONS,
    build,
};

/// Most coordinates: the system is solved by written-out scalar operations.
const MAX_COORDINATES: u32 = 8;

const OPTIONS: [OptionSpec; 5] = [
    option(
        "form",
        Accepts::Word(&["mechanical", "general"]),
        Standard::Word("mechanical"),
        "kinetic energy quadratic in the velocities minus a potential, or any convex function of \
         the velocities",
    ),
    HIDDEN,
    option(
        "activation",
        Accepts::Activation,
        Standard::Word("softplus"),
        "function after each hidden layer, with a continuous second derivative",
    ),
    option(
        "floor",
        Accepts::Number(1e-6, 1e6),
        Standard::Number(0.1),
        "least mass: the matrix of the system is at least this times the unit matrix",
    ),
    INIT,
];

fn build(o: &Options<'_>, mut b: NetworkBuilder) -> Result<NetworkGraph, NetworkError> {
    let d = o.outputs;
    if d > MAX_COORDINATES || o.inputs < 2 * d {
        return o.refuse(format!(
            "has an output for each of at most {MAX_COORDINATES} coordinates, and as inputs the \
             coordinates, their velocities, and what else the motion depends on; not {} inputs \
             and {d} outputs",
            o.inputs
        ));
    }
    let activation = o.activation("activation")?;
    require_smooth(o, &[activation])?;
    let x = b.input();
    let v = b.part(x, d, d)?;
    let given: Vec<u32> = (0..d).chain(2 * d..o.inputs).collect();
    let q = b.chosen(x, &given)?;
    let hidden = o.widths("hidden")?;
    let lagrangian = match o.word("form")? {
        "general" if !activation.convex => {
            let which = crate::network::activation::names(|a| a.smooth && a.convex);
            return o.wrong(
                "activation",
                format!("is `{}`; in the general form give one of {which}", activation.name),
            );
        }
        "general" => Convex {
            prefix: "",
            hidden: &hidden,
            outputs: 1,
            activation,
            weights: Positive::Softplus,
        }
        .record(&mut b, v, Some(q))?,
        _ => mechanical(o, &mut b, (q, v), &hidden, activation)?,
    };
    let square = b.op("dot", &[v, v], &[])?;
    let least = b.scaled(square, 0.5 * o.number("floor")?)?;
    let lagrangian = b.add(lagrangian, least)?;
    let a = acceleration(&mut b, lagrangian, d)?;
    finish(b, a, 1.0)
}

/// `½ |Rᵀ v|² - V`.
fn mechanical(
    o: &Options<'_>,
    b: &mut NetworkBuilder,
    (q, v): (NodeId, NodeId),
    hidden: &[u32],
    activation: Activation,
) -> Result<NodeId, NetworkError> {
    let d = o.outputs;
    let activations = vec![activation; hidden.len()];
    let init = o.init("init")?;
    let perceptron = |b: &mut NetworkBuilder, prefix: &str, outputs: u32| {
        let shape = Shape {
            prefix,
            inputs: b.elements(q),
            hidden,
            outputs,
            activations: &activations,
            init,
            last: Init::XavierUniform(OUTPUT_GAIN),
            bias: true,
            last_bias: true,
        };
        Perceptron::new(&shape).apply(b, q)
    };
    let entries = perceptron(b, "mass.", d * (d + 1) / 2)?;
    let potential = perceptron(b, "potential.", 1)?;
    // The entries of R row by row, put in place by a fixed matrix; 1 more on the diagonal, so that
    // the masses start near 1.
    let (size, count) = ((d * d) as usize, (d * (d + 1) / 2) as usize);
    let mut places = vec![0.0; size * count];
    let mut unit = vec![0.0; size];
    let mut entry = 0;
    for i in 0..d as usize {
        for j in 0..=i {
            places[(i * d as usize + j) * count + entry] = 1.0;
            entry += 1;
        }
        unit[i * d as usize + i] = 1.0;
    }
    let places = b.constant(&[d * d, count as u32], &places)?;
    let unit = b.constant(&[d * d], &unit)?;
    let r = b.matvec(places, entries)?;
    let r = b.add(r, unit)?;
    let r = b.reshaped(r, &[d, d])?;
    let w = b.op("matvec_t", &[r, v], &[])?;
    let square = b.op("dot", &[w, w], &[])?;
    let kinetic = b.scaled(square, 0.5)?;
    b.sub(kinetic, potential)
}

/// The acceleration of `d` coordinates by the equation of Euler and Lagrange. The input vector
/// begins with coordinates and velocities.
fn acceleration(
    b: &mut NetworkBuilder,
    lagrangian: NodeId,
    d: u32,
) -> Result<NodeId, NetworkError> {
    let x = b.input();
    let n = b.elements(x);
    let gradient = b.gradient(lagrangian, x)?;
    let mut columns = Vec::new();
    for i in 0..d {
        let mut direction = vec![0.0; n as usize];
        direction[(d + i) as usize] = 1.0;
        let direction = b.constant(&[n], &direction)?;
        let column = b.tangent(gradient, x, direction)?;
        columns.push(b.part(column, d, d)?);
    }
    let v = b.part(x, d, d)?;
    let rest = b.constant(&[n - d], &vec![0.0; (n - d) as usize])?;
    let motion = b.joined(&[v, rest])?;
    let drift = b.tangent(gradient, x, motion)?;
    let drift = b.part(drift, d, d)?;
    let force = b.part(gradient, 0, d)?;
    let force = b.sub(force, drift)?;
    solve(b, &columns, force)
}

/// The solution of a symmetric positive definite system by `L D Lᵀ`.
fn solve(
    b: &mut NetworkBuilder,
    columns: &[NodeId],
    right: NodeId,
) -> Result<NodeId, NetworkError> {
    let n = columns.len();
    let mut lower: Vec<Vec<NodeId>> = vec![Vec::new(); n];
    let mut diagonal: Vec<NodeId> = Vec::with_capacity(n);
    // `lower[i]` holds row i of L left of its diagonal; row by row.
    for i in 0..n {
        let mut scaled: Vec<NodeId> = Vec::with_capacity(i);
        for j in 0..i {
            // L_ij D_j = A_ij - Σ_k (L_ik D_k) L_jk.
            let mut sum = b.part(columns[j], i as u32, 1)?;
            for k in 0..j {
                let term = b.mul(scaled[k], lower[j][k])?;
                sum = b.sub(sum, term)?;
            }
            scaled.push(sum);
            let entry = b.div(sum, diagonal[j])?;
            lower[i].push(entry);
        }
        let mut pivot = b.part(columns[i], i as u32, 1)?;
        for j in 0..i {
            let term = b.mul(scaled[j], lower[i][j])?;
            pivot = b.sub(pivot, term)?;
        }
        diagonal.push(pivot);
    }
    let mut y: Vec<NodeId> = Vec::with_capacity(n);
    for (i, row) in lower.iter().enumerate() {
        let mut value = b.part(right, i as u32, 1)?;
        for (entry, earlier) in row.iter().zip(&y) {
            let term = b.mul(*entry, *earlier)?;
            value = b.sub(value, term)?;
        }
        y.push(value);
    }
    for (value, pivot) in y.iter_mut().zip(&diagonal) {
        *value = b.div(*value, *pivot)?;
    }
    for i in (0..n).rev() {
        for j in i + 1..n {
            let term = b.mul(lower[j][i], y[j])?;
            y[i] = b.sub(y[i], term)?;
        }
    }
    b.joined(&y)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn finished(mut b: NetworkBuilder, lagrangian: NodeId, d: u32) -> NetworkGraph {
        let a = acceleration(&mut b, lagrangian, d).unwrap();
        b.output(a).unwrap();
        b.finish().unwrap()
    }

    #[track_caller]
    fn close(found: f64, expected: f64) {
        let error = (found - expected).abs();
        assert!(error < 1e-12 * expected.abs().max(1.0), "{found}, not {expected}");
    }

    /// `L = ½ m l² ω² + m g l cos θ`, of which `θ'' = -(g/l) sin θ`.
    #[test]
    fn a_pendulum_swings() {
        let (m, l, g) = (1.3, 0.7, 9.81);
        let mut b = NetworkBuilder::new(2).unwrap();
        let x = b.input();
        let (angle, speed) = (b.part(x, 0, 1).unwrap(), b.part(x, 1, 1).unwrap());
        let square = b.mul(speed, speed).unwrap();
        let kinetic = b.scaled(square, 0.5 * m * l * l).unwrap();
        let height = b.map("cos", angle).unwrap();
        let potential = b.scaled(height, m * g * l).unwrap();
        let lagrangian = b.add(kinetic, potential).unwrap();
        let network = finished(b, lagrangian, 1);
        for (angle, speed) in [(0.0, 1.0), (0.9, -2.0), (-2.5, 0.3)] {
            close(network.evaluate(&[], &[angle, speed])[0], -(g / l) * f64::sin(angle));
        }
    }

    /// Two rods of length and mass 1: `L = ω₁² + ½ ω₂² + ω₁ ω₂ cos(θ₁ - θ₂) + 2 g cos θ₁ + g cos θ₂`.
    /// The accelerations are those of Landau & Lifshitz, Mechanics, § 5, solved by hand.
    #[test]
    fn a_double_pendulum_swings() {
        let g = 9.81;
        let mut b = NetworkBuilder::new(4).unwrap();
        let x = b.input();
        let part = |b: &mut NetworkBuilder, i: u32| b.part(x, i, 1).unwrap();
        let (q1, q2, v1, v2) = (part(&mut b, 0), part(&mut b, 1), part(&mut b, 2), part(&mut b, 3));
        let difference = b.sub(q1, q2).unwrap();
        let coupling = b.map("cos", difference).unwrap();
        let product = b.mul(v1, v2).unwrap();
        let coupling = b.mul(coupling, product).unwrap();
        let first = b.mul(v1, v1).unwrap();
        let second = b.mul(v2, v2).unwrap();
        let second = b.scaled(second, 0.5).unwrap();
        let height1 = b.map("cos", q1).unwrap();
        let height1 = b.scaled(height1, 2.0 * g).unwrap();
        let height2 = b.map("cos", q2).unwrap();
        let height2 = b.scaled(height2, g).unwrap();
        let mut lagrangian = coupling;
        for term in [first, second, height1, height2] {
            lagrangian = b.add(lagrangian, term).unwrap();
        }
        let network = finished(b, lagrangian, 2);
        for [q1, q2, v1, v2] in [[0.3, -0.8, 1.1, 0.4], [2.0, 1.0, -0.5, 3.0], [0.0, 0.0, 0.0, 0.0]]
        {
            // 2 a₁ + a₂ cos δ = -v₂² sin δ - 2 g sin q₁
            // a₁ cos δ + a₂   =  v₁² sin δ - g sin q₂
            let (sin, cos) = f64::sin_cos(q1 - q2);
            let r1 = -v2 * v2 * sin - 2.0 * g * f64::sin(q1);
            let r2 = v1 * v1 * sin - g * f64::sin(q2);
            let determinant = 2.0 - cos * cos;
            let found = network.evaluate(&[], &[q1, q2, v1, v2]);
            close(found[0], (r1 - cos * r2) / determinant);
            close(found[1], (2.0 * r2 - cos * r1) / determinant);
        }
    }

    /// `H x = b` for the matrices `1/(i + j + 1) + δ_ij`, and x known.
    #[test]
    fn systems_of_all_sizes_are_solved() {
        for n in 1..=MAX_COORDINATES {
            let mut b = NetworkBuilder::new(1).unwrap();
            let entry =
                |i: u32, j: u32| 1.0 / f64::from(i + j + 1) + if i == j { 1.0 } else { 0.0 };
            let solution: Vec<f64> = (0..n).map(|i| f64::from(i) - 1.5).collect();
            let columns: Vec<NodeId> = (0..n)
                .map(|j| {
                    let column: Vec<f64> = (0..n).map(|i| entry(i, j)).collect();
                    b.constant(&[n], &column).unwrap()
                })
                .collect();
            let right: Vec<f64> =
                (0..n).map(|i| (0..n).map(|j| entry(i, j) * solution[j as usize]).sum()).collect();
            let right = b.constant(&[n], &right).unwrap();
            let x = solve(&mut b, &columns, right).unwrap();
            b.output(x).unwrap();
            let found = b.finish().unwrap().evaluate(&[], &[0.0]);
            for (found, expected) in found.iter().zip(&solution) {
                close(*found, *expected);
            }
        }
    }
}
