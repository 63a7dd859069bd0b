//! Order conditions of the tables, by rooted trees.
//!
//! With `β_ij = α_ij + γ_ij` a method has order `p` exactly when `Σ b_i Φ_i(τ) = 1/γ(τ)` for every
//! rooted tree `τ` of at most `p` nodes, where `Φ_i` takes `β` through a node with one child and
//! `α` through others (Hairer, Wanner, *Solving ODEs II*, section IV.7).

use super::{RODAS4P, RODAS5P, ROSENBROCK23, RosenbrockTable};

type Matrix = Vec<Vec<f64>>;

/// `α`, `γ` and a row of weights for each `θ`, recovered from the table's transformed form.
struct Classical {
    alpha: Matrix,
    beta: Matrix,
    gamma: Matrix,
}

fn classical(table: &RosenbrockTable) -> Classical {
    let s = table.stages();
    // γ⁻¹ = diag(1/γ) − c, inverted column by column.
    let inverse = |i: usize, j: usize| {
        if i == j { 1.0 / table.gamma } else { -table.c[i].get(j).copied().unwrap_or(0.0) }
    };
    let mut gamma = vec![vec![0.0; s]; s];
    for i in 0..s {
        let (before, own) = gamma.split_at_mut(i);
        for (j, entry) in own[0].iter_mut().enumerate().take(i + 1) {
            let sum: f64 =
                before.iter().enumerate().skip(j).map(|(k, row)| inverse(i, k) * row[j]).sum();
            *entry = (f64::from(u8::from(i == j)) - sum) / inverse(i, i);
        }
    }
    let alpha: Matrix = table.a.iter().map(|row| through(row, &gamma)).collect();
    let beta = (0..s).map(|i| (0..s).map(|j| alpha[i][j] + gamma[i][j]).collect()).collect();
    Classical { alpha, beta, gamma }
}

fn through(row: &[f64], matrix: &Matrix) -> Vec<f64> {
    (0..matrix.len()).map(|j| row.iter().zip(matrix).map(|(a, m)| a * m[j]).sum()).collect()
}

#[derive(Clone)]
struct Tree {
    nodes: usize,
    density: f64,
    children: Vec<Vec<f64>>,
    weights: Vec<f64>,
}

/// All rooted trees up to `order` nodes.
fn trees(method: &Classical, order: usize) -> Vec<Tree> {
    let mut all: Vec<Tree> = Vec::new();
    for nodes in 1..=order {
        let mut found = Vec::new();
        let root = Tree { nodes: 1, density: 1.0, children: vec![], weights: vec![] };
        graft(&all, 0, nodes, root, &mut found);
        for tree in &mut found {
            tree.weights = weights(method, &tree.children);
        }
        all.extend(found);
    }
    all
}

fn graft(smaller: &[Tree], from: usize, nodes: usize, tree: Tree, found: &mut Vec<Tree>) {
    if tree.nodes == nodes {
        found.push(Tree { density: tree.density * nodes as f64, ..tree });
        return;
    }
    for (index, child) in smaller.iter().enumerate().skip(from) {
        if tree.nodes + child.nodes <= nodes {
            let mut grown = tree.clone();
            grown.nodes += child.nodes;
            grown.density *= child.density;
            grown.children.push(child.weights.clone());
            graft(smaller, index, nodes, grown, found);
        }
    }
}

fn weights(method: &Classical, children: &[Vec<f64>]) -> Vec<f64> {
    let matrix = if children.len() == 1 { &method.beta } else { &method.alpha };
    (0..matrix.len())
        .map(|i| {
            let sum =
                |child: &Vec<f64>| matrix[i].iter().zip(child).map(|(m, w)| m * w).sum::<f64>();
            children.iter().map(sum).product()
        })
        .collect()
}

/// Largest violation of the conditions up to `order` by weights of increments, at `θ`.
fn violation(table: &RosenbrockTable, increments: &[f64], order: u32, theta: f64) -> f64 {
    let method = classical(table);
    let b = through(increments, &method.gamma);
    trees(&method, order as usize).iter().fold(0.0, |worst: f64, tree| {
        let sum: f64 = b.iter().zip(&tree.weights).map(|(b, w)| b * w).sum();
        worst.max((sum - theta.powi(tree.nodes as i32) / tree.density).abs())
    })
}

fn dense_weights(table: &RosenbrockTable, theta: f64) -> Vec<f64> {
    (0..table.stages())
        .map(|j| {
            let inner = table.dense.iter().rev().fold(0.0, |inner, row| row[j] + theta * inner);
            theta * (table.b[j] + (1.0 - theta) * inner)
        })
        .collect()
}

#[track_caller]
fn check_table(table: &RosenbrockTable, digits: f64) {
    let s = table.stages();
    assert_eq!((table.a.len(), table.c.len(), table.b.len(), table.error.len()), (s, s, s, s));
    let method = classical(table);
    for i in 0..s {
        assert_eq!((table.a[i].len(), table.c[i].len()), (i, i), "{}: row {i}", table.id);
        let off = |row: &[f64], sum: f64| (row.iter().sum::<f64>() - sum).abs();
        assert!(off(&method.alpha[i], table.alpha[i]) < digits, "{}: α_{i}", table.id);
        assert!(off(&method.gamma[i], table.gamma_sum[i]) < digits, "{}: γ_{i}", table.id);
    }
    for i in table.chained.min(s)..s {
        let (row, before) = (table.a[i], table.a[i - 1]);
        assert!(row[..i - 1] == *before && row[i - 1] == 1.0, "{}: chain at {i}", table.id);
        assert!(table.b[..s - 1] == *table.a[s - 1] && table.b[s - 1] == 1.0, "{}", table.id);
    }
    let check = |weights: &[f64], order: u32, theta: f64, what: &str| {
        let off = violation(table, weights, order, theta);
        assert!(off < digits, "{}, {what}: {off:e}", table.id);
        let off = violation(table, weights, order + 1, theta);
        assert!(off > 1e-5, "{}, {what} is higher", table.id);
    };
    check(table.b, table.order, 1.0, "order");
    let embedded: Vec<f64> = table.b.iter().zip(table.error).map(|(b, e)| b - e).collect();
    let off = violation(table, &embedded, table.embedded_order, 1.0);
    assert!(off < digits, "{}, embedded: {off:e}", table.id);
    for theta in [0.13, 0.5, 0.77] {
        check(&dense_weights(table, theta), table.dense_order, theta, "interpolant");
    }
}

#[test]
fn there_are_as_many_trees_as_there_should_be() {
    let count = |order| trees(&classical(&RODAS5P), order).len();
    assert_eq!([count(1), count(2), count(3), count(4), count(5)], [1, 2, 4, 8, 17]);
}

// Coefficients are published to 16 digits; rows with large entries of both signs lose some.
#[test]
fn rosenbrock23_satisfies_its_order_conditions() {
    check_table(&ROSENBROCK23, 1e-14);
}

#[test]
fn rodas4p_satisfies_its_order_conditions() {
    check_table(&RODAS4P, 1e-13);
}

#[test]
fn rodas5p_satisfies_its_order_conditions() {
    check_table(&RODAS5P, 1e-12);
}
