//! Order conditions by rooted trees.
//!
//! A Runge–Kutta method has order `p` exactly when `Σ b_i Φ_i(τ) = 1/γ(τ)` for every rooted tree
//! `τ` of at most `p` nodes, and its interpolant order `q` when `Σ b_i(θ) Φ_i(τ) = θ^|τ|/γ(τ)` up
//! to `q` (Hairer, Nørsett, Wanner, *Solving ODEs I*, theorems II.2.13 and II.6.1).

/// Highest order that is checked: there are 486 trees of up to 9 nodes.
pub const MAX_ORDER: u32 = 9;

/// Rounding errors allowed, in units of those that coefficients of this size bring.
const SLACK: f64 = 64.0;

/// A rooted tree, through what the order conditions need of it.
#[derive(Clone)]
struct Tree {
    /// `t`, or the trees on its root in brackets.
    name: String,
    nodes: u32,
    /// γ.
    density: f64,
    /// Φ of each stage.
    weights: Vec<f64>,
    /// The same with absolute values of the coefficients, to bound rounding errors.
    sizes: Vec<f64>,
}

/// A stage matrix, rows of at most as many entries as there are rows, and what its entries are made
/// of in absolute values, to bound rounding errors.
pub struct Entries {
    pub values: Vec<Vec<f64>>,
    pub sizes: Vec<Vec<f64>>,
}

impl Entries {
    /// Entries that are read and not computed.
    pub fn given(values: &[Vec<f64>]) -> Entries {
        let sizes = values.iter().map(|row| row.iter().map(|x| x.abs()).collect()).collect();
        Entries { values: values.to_vec(), sizes }
    }
}

/// The rooted trees up to an order, with the elementary weights of a stage matrix.
pub struct Trees {
    all: Vec<Tree>,
}

impl Trees {
    /// All trees up to `order` nodes for the stage matrix `a` of a Runge–Kutta method.
    pub fn of(a: &[Vec<f64>], order: u32) -> Trees {
        let a = Entries::given(a);
        Self::through(&a, &a, order)
    }

    /// All trees up to `order` nodes for methods with one matrix through nodes with one child and
    /// another through those with several.
    pub fn through(one: &Entries, several: &Entries, order: u32) -> Trees {
        let mut all: Vec<Tree> = Vec::new();
        for nodes in 1..=order {
            let ones = vec![1.0; several.values.len()];
            let root = Tree {
                name: String::new(),
                nodes: 1,
                density: 1.0,
                weights: ones.clone(),
                sizes: ones,
            };
            let mut found = Vec::new();
            graft((one, several), &all, 0, nodes, root, &mut found);
            all.extend(found);
        }
        Trees { all }
    }

    /// The elementary weights of the stages and `1/γ` of every tree of `nodes` nodes.
    pub fn conditions(&self, nodes: u32) -> impl Iterator<Item = (&[f64], f64)> {
        let of_size = self.all.iter().filter(move |tree| tree.nodes == nodes);
        of_size.map(|tree| (&tree.weights[..], 1.0 / tree.density))
    }

    /// The order up to which the weights `b` of the solution at `theta` satisfy the conditions, and
    /// a sentence on the first condition that fails, if one does.
    pub fn order_at(&self, b: &[f64], theta: f64) -> (u32, Option<String>) {
        let sizes: Vec<f64> = b.iter().map(|b| b.abs()).collect();
        self.order_of((b, &sizes), theta)
    }

    /// The same of weights that are computed, with what they are made of in absolute values.
    pub fn order_of(&self, (b, b_sizes): (&[f64], &[f64]), theta: f64) -> (u32, Option<String>) {
        for tree in &self.all {
            let sum: f64 = b.iter().zip(&tree.weights).map(|(b, w)| b * w).sum();
            let size: f64 = b_sizes.iter().zip(&tree.sizes).map(|(b, w)| b * w).sum();
            let wanted = theta.powi(tree.nodes as i32) / tree.density;
            if (sum - wanted).abs() > SLACK * f64::EPSILON * size.max(wanted) {
                let message = format!(
                    "the condition of order {} of the tree {} gives {sum:.6e} instead of \
                     {wanted:.6e}",
                    tree.nodes, tree.name
                );
                return (tree.nodes - 1, Some(message));
            }
        }
        (self.all.last().map_or(0, |tree| tree.nodes), None)
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.all.len()
    }
}

fn graft(
    (one, several): (&Entries, &Entries),
    smaller: &[Tree],
    from: usize,
    nodes: u32,
    tree: Tree,
    found: &mut Vec<Tree>,
) {
    if tree.nodes == nodes {
        let name = if tree.name.is_empty() { "t".to_owned() } else { format!("[{}]", tree.name) };
        found.push(Tree { name, density: tree.density * f64::from(nodes), ..tree });
        return;
    }
    for (index, child) in smaller.iter().enumerate().skip(from) {
        if tree.nodes + child.nodes > nodes {
            continue;
        }
        let only_child = tree.nodes == 1 && child.nodes + 1 == nodes;
        let matrix = if only_child { one } else { several };
        let weights =
            matrix.values.iter().zip(&tree.weights).map(|(row, w)| {
                w * row.iter().zip(&child.weights).map(|(a, v)| a * v).sum::<f64>()
            });
        let sizes = matrix
            .sizes
            .iter()
            .zip(&tree.sizes)
            .map(|(row, w)| w * row.iter().zip(&child.sizes).map(|(a, v)| a * v).sum::<f64>());
        let grown = Tree {
            name: format!("{}{}", tree.name, child.name),
            nodes: tree.nodes + child.nodes,
            density: tree.density * child.density,
            weights: weights.collect(),
            sizes: sizes.collect(),
        };
        graft((one, several), smaller, index, nodes, grown, found);
    }
}

#[cfg(test)]
mod tests {
    use super::Trees;

    #[test]
    fn there_are_as_many_rooted_trees_as_there_should_be() {
        // Sums of 1, 1, 2, 4, 9, 20, 48, 115, 286 (OEIS A000081).
        assert_eq!(Trees::of(&[vec![]], 5).len(), 17);
        assert_eq!(Trees::of(&[vec![]], 9).len(), 486);
    }

    #[test]
    fn the_classic_method_has_order_four() {
        let a = [vec![], vec![0.5], vec![0.0, 0.5], vec![0.0, 0.0, 1.0]];
        let b = [1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0];
        let (order, why) = Trees::of(&a, 5).order_at(&b, 1.0);
        assert_eq!(order, 4);
        assert!(why.is_some_and(|w| w.starts_with("the condition of order 5")));
    }
}
