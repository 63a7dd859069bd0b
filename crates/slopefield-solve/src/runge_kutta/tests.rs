//! Order conditions of the tables, by rooted trees.
//!
//! A method has order `p` exactly when `Σ b_i Φ_i(τ) = 1/γ(τ)` for every rooted tree `τ` of at
//! most `p` nodes, and its interpolant order `q` when `Σ b_i(θ) Φ_i(τ) = θ^|τ|/γ(τ)` up to `q`
//! (Hairer, Nørsett, Wanner, *Solving ODEs I*, theorems II.2.13 and II.6.1).

use super::{BS3, DP5, MAX_STAGES, TSIT5, Tableau};

/// A rooted tree, through what the order conditions need of it.
#[derive(Clone)]
struct Tree {
    nodes: usize,
    /// Density γ.
    density: f64,
    /// Elementary weight of each stage, Φ_i.
    weights: Vec<f64>,
}

/// All rooted trees up to `order` nodes: a root over every multiset of smaller trees.
fn trees(table: &Tableau, order: usize) -> Vec<Tree> {
    let s = table.stages();
    let mut all: Vec<Tree> = Vec::new();
    for nodes in 1..=order {
        let mut found = Vec::new();
        let root = Tree { nodes: 1, density: 1.0, weights: vec![1.0; s] };
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
        let through =
            |i: usize| -> f64 { table.a[i].iter().zip(&child.weights).map(|(a, w)| a * w).sum() };
        let weights = tree.weights.iter().enumerate().map(|(i, w)| w * through(i)).collect();
        let grown = Tree {
            nodes: tree.nodes + child.nodes,
            density: tree.density * child.density,
            weights,
        };
        graft(table, smaller, index, nodes, grown, found);
    }
}

/// Largest violation of the conditions up to `order` by the weights `b`, at `θ`.
fn violation(table: &Tableau, b: &[f64], order: u32, theta: f64) -> f64 {
    trees(table, order as usize).iter().fold(0.0, |worst: f64, tree| {
        let sum: f64 = b.iter().zip(&tree.weights).map(|(b, w)| b * w).sum();
        worst.max((sum - theta.powi(tree.nodes as i32) / tree.density).abs())
    })
}

#[test]
fn there_are_as_many_rooted_trees_as_there_should_be() {
    // Numbers of rooted trees with 1, 2, … nodes: 1, 1, 2, 4, 9.
    assert_eq!(trees(&TSIT5, 5).len(), 17);
}

fn check_table(table: &Tableau) {
    let s = table.stages();
    assert_eq!((table.a.len(), table.c.len()), (s, s), "{}", table.id);
    assert_eq!((table.b_error.len(), table.dense.len()), (s, s), "{}", table.id);
    for (i, row) in table.a.iter().enumerate() {
        assert_eq!(row.len(), i, "{}: row {i} of a", table.id);
        let sum: f64 = row.iter().sum();
        assert!((sum - table.c[i]).abs() < 1e-14, "{}: c_{i} against its row", table.id);
    }
    if table.fsal {
        assert_eq!(table.a[s - 1], &table.b[..s - 1], "{}: last row is b", table.id);
        assert_eq!(table.b[s - 1], 0.0, "{}", table.id);
    }
    assert!(violation(table, table.b, table.order, 1.0) < 1e-13, "{}: order", table.id);
    assert!(violation(table, table.b, table.order + 1, 1.0) > 1e-5, "{}: not higher", table.id);
    let embedded: Vec<f64> = table.b.iter().zip(table.b_error).map(|(b, e)| b - e).collect();
    let q = table.embedded_order;
    assert!(violation(table, &embedded, q, 1.0) < 1e-13, "{}: embedded order", table.id);
    assert!(violation(table, &embedded, q + 1, 1.0) > 1e-5, "{}: embedded not higher", table.id);
    for theta in [0.13, 0.5, 0.77, 1.0] {
        let mut weights = [0.0; MAX_STAGES];
        table.dense_weights(theta, &mut weights);
        let off = violation(table, &weights[..s], table.dense_order, theta);
        assert!(off < 1e-13, "{}: interpolant at {theta} off by {off:e}", table.id);
    }
    let mut weights = [0.0; MAX_STAGES];
    table.dense_weights(1.0, &mut weights);
    for (found, b) in weights.iter().zip(table.b) {
        assert!((found - b).abs() < 1e-13, "{}: interpolant ends at the result", table.id);
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
