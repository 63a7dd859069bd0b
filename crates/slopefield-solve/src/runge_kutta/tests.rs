//! Order conditions of the tables, by rooted trees.
//!
//! A method has order `p` exactly when `Σ b_i Φ_i(τ) = 1/γ(τ)` for every rooted tree `τ` of at
//! most `p` nodes, and its interpolant order `q` when `Σ b_i(θ) Φ_i(τ) = θ^|τ|/γ(τ)` up to `q`
//! (Hairer, Nørsett, Wanner, *Solving ODEs I*, theorems II.2.13 and II.6.1).

use super::{BS3, DP5, MAX_DENSE_STAGES, Stages, TSIT5, Tableau, VERN6, VERN7, VERN8, VERN9};
use crate::{ErrorNorm, Ivp, Settings};
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent};

/// A rooted tree, through what the order conditions need of it.
#[derive(Clone)]
struct Tree {
    nodes: usize,
    /// Density γ.
    density: f64,
    /// Elementary weight of each stage, Φ_i.
    weights: Vec<f64>,
    /// The same with absolute values of the coefficients, to bound rounding errors.
    sizes: Vec<f64>,
}

/// All rooted trees up to `order` nodes: a root over every multiset of smaller trees.
fn trees(table: &Tableau, order: usize) -> Vec<Tree> {
    let s = table.dense_stages();
    let mut all: Vec<Tree> = Vec::new();
    for nodes in 1..=order {
        let mut found = Vec::new();
        let root = Tree { nodes: 1, density: 1.0, weights: vec![1.0; s], sizes: vec![1.0; s] };
        graft(table, &all, 0, nodes, root, &mut found);
        all.extend(found);
    }
    all
}

fn graft(
    table: &Tableau,
    smaller: &[Tree],
    from: usize,
    nodes: usize,
    tree: Tree,
    found: &mut Vec<Tree>,
) {
    if tree.nodes == nodes {
        found.push(Tree { density: tree.density * nodes as f64, ..tree });
        return;
    }
    for (index, child) in smaller.iter().enumerate().skip(from) {
        if tree.nodes + child.nodes > nodes {
            continue;
        }
        let through = |i: usize| -> f64 {
            table.stage(i).0.iter().zip(&child.weights).map(|(a, w)| a * w).sum()
        };
        let sizes_through = |i: usize| -> f64 {
            table.stage(i).0.iter().zip(&child.sizes).map(|(a, w)| a.abs() * w).sum()
        };
        let weights = tree.weights.iter().enumerate().map(|(i, w)| w * through(i)).collect();
        let sizes = tree.sizes.iter().enumerate().map(|(i, w)| w * sizes_through(i)).collect();
        let grown = Tree {
            nodes: tree.nodes + child.nodes,
            density: tree.density * child.density,
            weights,
            sizes,
        };
        graft(table, smaller, index, nodes, grown, found);
    }
}

/// Largest violation of the conditions up to `order` by the weights `b`, at `θ`, and the largest in
/// units of the rounding errors that coefficients of this size bring.
fn violation(trees: &[Tree], b: &[f64], order: u32, theta: f64) -> (f64, f64) {
    let mut worst: (f64, f64) = (0.0, 0.0);
    for tree in trees.iter().filter(|tree| tree.nodes <= order as usize) {
        let sum: f64 = b.iter().zip(&tree.weights).map(|(b, w)| b * w).sum();
        let size: f64 = b.iter().zip(&tree.sizes).map(|(b, w)| b.abs() * w).sum();
        let off = (sum - theta.powi(tree.nodes as i32) / tree.density).abs();
        worst = (worst.0.max(off), worst.1.max(off / (f64::EPSILON * size)));
    }
    worst
}

#[test]
fn there_are_as_many_rooted_trees_as_there_should_be() {
    // Numbers of rooted trees with 1, 2, … nodes: 1, 1, 2, 4, 9, 20, 48, 115, 286.
    assert_eq!(trees(&TSIT5, 5).len(), 17);
    assert_eq!(trees(&TSIT5, 9).len(), 486);
}

fn check_table(table: &Tableau) {
    let (s, all) = (table.stages(), table.dense_stages());
    assert_eq!((table.a.len(), table.c.len(), table.b_error.len()), (s, s, s), "{}", table.id);
    assert_eq!(table.dense.len() + table.extra.dense.len(), all, "{}", table.id);
    for i in 0..all {
        let (row, c) = table.stage(i);
        assert_eq!(row.len(), i, "{}: row {i} of a", table.id);
        let (sum, size) = row.iter().fold((0.0, 1.0), |(s, z), a| (s + a, z + a.abs()));
        assert!((sum - c).abs() < 2.0 * f64::EPSILON * size, "{}: c_{i} against its row", table.id);
    }
    if table.fsal {
        assert_eq!(table.a[s - 1], &table.b[..s - 1], "{}: last row is b", table.id);
        assert_eq!(table.b[s - 1], 0.0, "{}", table.id);
    } else {
        assert_eq!(table.extra.a[0], table.b, "{}: the first extra stage is the end", table.id);
    }
    let trees = trees(table, table.order.max(table.dense_order) as usize + 1);
    // Coefficients are rounded, and sums of many products of them are: a few units each.
    let tight = |(_, units): (f64, f64)| units < 8.0;
    let loose = |(off, units): (f64, f64)| off > 1e-7 && units > 1e4;
    assert!(tight(violation(&trees, table.b, table.order, 1.0)), "{}: order", table.id);
    let above = violation(&trees, table.b, table.order + 1, 1.0);
    assert!(loose(above), "{}: not higher {above:?}", table.id);
    // An embedded result of order q differs from one of higher order by terms above q: at θ = 0 the
    // conditions say that the error estimate has none of the others.
    let q = table.embedded_order;
    assert!(tight(violation(&trees, table.b_error, q, 0.0)), "{}: embedded order", table.id);
    let above = violation(&trees, table.b_error, q + 1, 0.0);
    assert!(loose(above), "{}: embedded not higher {above:?}", table.id);
    for theta in [0.04, 0.13, 0.5, 0.77, 0.93, 1.0] {
        let mut weights = [0.0; MAX_DENSE_STAGES];
        table.dense_weights(theta, &mut weights);
        let off = violation(&trees, &weights[..all], table.dense_order, theta);
        assert!(tight(off), "{}: interpolant at {theta} off by {off:?}", table.id);
    }
    let mut weights = [0.0; MAX_DENSE_STAGES];
    table.dense_weights(1.0, &mut weights);
    let largest = table.b.iter().fold(1.0_f64, |m, b| m.max(b.abs()));
    for (i, found) in weights.iter().enumerate() {
        let b = table.b.get(i).copied().unwrap_or(0.0);
        let off = (found - b).abs();
        assert!(off < 1e-14 * largest, "{}: interpolant ends at the result {i} {off:e}", table.id);
    }
}

#[test]
fn tsit5_satisfies_its_order_conditions() {
    check_table(&TSIT5);
}

#[test]
fn bs3_satisfies_its_order_conditions() {
    check_table(&BS3);
}

#[test]
fn dp5_satisfies_its_order_conditions() {
    check_table(&DP5);
}

#[test]
fn vern6_satisfies_its_order_conditions() {
    check_table(&VERN6);
}

#[test]
fn vern7_satisfies_its_order_conditions() {
    check_table(&VERN7);
}

#[test]
fn vern8_satisfies_its_order_conditions() {
    check_table(&VERN8);
}

#[test]
fn vern9_satisfies_its_order_conditions() {
    check_table(&VERN9);
}

/// `u' = λ u` and the rest of the state at rest.
struct Fast(f64);

impl Kernel for Fast {
    fn shape(&self) -> Shape {
        Shape { states: 2, params: 0, outputs: 2 }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, _: f64, u: &[f64], _: &[f64], out: &mut [f64], _: &mut [f64]) {
        out.copy_from_slice(&[self.0 * u[0], 0.0]);
    }
    fn jvp(&self, _: Point<'_>, _: Tangent<'_>, _: &mut [f64], _: &mut [f64], _: &mut [f64]) {
        unreachable!("explicit methods evaluate")
    }
    fn vjp(&self, _: Point<'_>, _: &[f64], _: Cotangent<'_>, _: &mut [f64]) {
        unreachable!("explicit methods evaluate")
    }
}

#[test]
fn the_stiffness_estimate_is_the_eigenvalue_times_the_step() {
    let ivp = Ivp { rhs: &Fast(-40.0), t0: 0.0, t1: 1.0, u0: &[1.0, 2.0], p: &[] };
    let mut norm = ErrorNorm::default();
    norm.configure(&Settings::with_tolerances(1e-6, 1e-8), 2);
    for table in [&TSIT5, &DP5, &VERN6, &VERN7, &VERN8, &VERN9] {
        let mut stages: Stages = Stages::new(table);
        stages.begin(&ivp, 0.0, ivp.u0);
        stages.attempt(&ivp, 0.0, 0.03);
        let found = stages.stiffness_estimate(&norm).unwrap();
        assert!((found - 1.2).abs() < 1e-6, "{}: {found}", table.id);
    }
    let mut stages: Stages = Stages::new(&BS3);
    stages.begin(&ivp, 0.0, ivp.u0);
    assert_eq!(stages.stiffness_estimate(&norm), None);
}
