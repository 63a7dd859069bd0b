//! Patterns, colourings and entries of sparse Jacobians.
use proptest::prelude::*;
use slopefield_graph::plan::Plans;
use slopefield_graph::sparse::{Colouring, Direction, Order, Pattern, SparseJacobian};
use slopefield_graph::{Interpreter, lower_text};
use slopefield_kernel::{Kernel, Point, Shape, Tangent};

/// A loop over `n` lanes of one array of states, each with these neighbours, computing
/// `p[0] (sum of neighbours - k x) - x³`.
fn stencil(n: usize, neighbours: &[Vec<usize>]) -> Plans {
    let mut text = format!("%0 = input States 0 : [{n}]\n%1 = input Params 0 : [1]\n");
    let mut operands = String::from("%0 %1");
    for (k, table) in neighbours.iter().enumerate() {
        let list: Vec<String> = table.iter().map(usize::to_string).collect();
        text += &format!("%{} = gather {} %0 : [{n}]\n", k + 2, list.join(" "));
        operands += &format!(" %{}", k + 2);
    }
    let (each, k) = (neighbours.len() + 2, neighbours.len());
    text += &format!("%{each} = each x{n} {operands} : [{n}]\n  inputs{}\n", " 1".repeat(k + 2));
    text += "  v0 = input 0[0]\n  v1 = input 1[0]\n  v2 = mul v0 v0\n  v3 = mul v0 v2\n";
    text += &format!("  v4 = {k}.0\n  v5 = mul v0 v4\n  v6 = neg v5\n");
    let mut sum = 6;
    for i in 0..k {
        let v = 7 + 2 * i;
        text += &format!("  v{v} = input {}[0]\n  v{} = add v{sum} v{v}\n", i + 2, v + 1);
        sum = v + 1;
    }
    let (scaled, result) = (sum + 1, sum + 2);
    text += &format!("  v{scaled} = mul v1 v{sum}\n  v{result} = sub v{scaled} v3\n");
    text += &format!("  return v{result}\n%{} = output Out 0 %{each} : [{n}]\n", each + 1);
    lower_text(&text, Shape { states: n, params: 1, outputs: n })
        .unwrap_or_else(|e| panic!("{e} in\n{text}"))
}

/// Column by column, by products with unit vectors.
fn dense(kernel: &dyn Kernel, at: Point<'_>) -> Vec<Vec<f64>> {
    let Shape { states, params, outputs } = kernel.shape();
    let mut scratch = vec![f64::NAN; kernel.scratch_len()];
    (0..states)
        .map(|c| {
            let (mut out, mut tangent) = (vec![0.0; outputs], vec![0.0; outputs]);
            let mut unit = vec![0.0; states];
            unit[c] = 1.0;
            let along = Tangent { t: 0.0, u: &unit, p: &vec![0.0; params] };
            kernel.jvp(at, along, &mut out, &mut tangent, &mut scratch);
            tangent
        })
        .collect()
}

/// Compares the entries with the dense matrix, in both directions, and the matrix with differences.
fn check(plans: &Plans, expected: &dyn Fn(usize, usize) -> bool) -> SparseJacobian {
    let kernel = Interpreter::new(plans.clone());
    let Shape { states, params, outputs } = kernel.shape();
    let u: Vec<f64> = (0..states).map(|i| (1.0 + 0.7 * i as f64).sin()).collect();
    let p: Vec<f64> = (0..params).map(|i| 0.8 + 0.1 * i as f64).collect();
    let at = Point { t: 0.3, u: &u, p: &p };
    let dense = dense(&kernel, at);

    let value = |u: &[f64]| {
        let mut out = vec![0.0; outputs];
        kernel.eval(0.3, u, &p, &mut out, &mut vec![0.0; kernel.scratch_len()]);
        out
    };
    for (c, column) in dense.iter().enumerate() {
        let moved = |h: f64| {
            let mut u = u.clone();
            u[c] += h;
            value(&u)
        };
        let slope = |h: f64| -> Vec<f64> {
            moved(h).iter().zip(moved(-h)).map(|(a, b)| (a - b) / (2.0 * h)).collect()
        };
        let (coarse, fine) = (slope(2e-3), slope(1e-3));
        for (r, entry) in column.iter().enumerate() {
            let difference = fine[r] + (fine[r] - coarse[r]) / 3.0;
            assert!((entry - difference).abs() < 1e-9, "({r}, {c}): {entry} and {difference}");
        }
    }

    let pattern = Pattern::of(&plans.eval);
    for c in 0..states {
        let rows: Vec<u32> = (0..outputs as u32).filter(|r| expected(*r as usize, c)).collect();
        assert_eq!(pattern.column(c), rows, "column {c}");
    }
    let rows = Colouring::of_columns(&pattern.transposed());
    let rows = Colouring { direction: Direction::Rows, ..rows };
    let best = SparseJacobian::of(&plans.eval);
    for jacobian in [&best, &SparseJacobian::new(pattern.clone(), rows)] {
        let mut values = vec![f64::NAN; pattern.len()];
        let mut work = vec![0.0; SparseJacobian::scratch_len(&kernel)];
        jacobian.evaluate(&kernel, at, &mut values, &mut work);
        for (c, column) in dense.iter().enumerate() {
            let mut full = vec![0.0; outputs];
            for k in pattern.starts()[c]..pattern.starts()[c + 1] {
                full[pattern.indices()[k] as usize] = values[k];
            }
            for (r, entry) in column.iter().enumerate() {
                assert!((full[r] - entry).abs() < 1e-13, "({r}, {c}): {} and {entry}", full[r]);
            }
        }
    }
    best
}

#[test]
fn a_chain_needs_three_products() {
    let n = 50;
    let left: Vec<usize> = (0..n).map(|i: usize| i.saturating_sub(1)).collect();
    let right: Vec<usize> = (0..n).map(|i| (i + 1).min(n - 1)).collect();
    let plans = stencil(n, &[left, right]);
    let jacobian = check(&plans, &|r, c| r.abs_diff(c) <= 1);
    assert_eq!(jacobian.colouring().count, 3);
    assert_eq!(jacobian.pattern().len(), 3 * n - 2);
}

#[test]
fn five_point_stencils_on_a_grid() {
    let (rows, cols) = (7usize, 10usize);
    let cell = |r: usize, c: usize| r * cols + c;
    let table = |f: &dyn Fn(usize, usize) -> usize| -> Vec<usize> {
        (0..rows * cols).map(|i| f(i / cols, i % cols)).collect()
    };
    let periodic = [
        table(&|r, c| cell((r + 1) % rows, c)),
        table(&|r, c| cell((r + rows - 1) % rows, c)),
        table(&|r, c| cell(r, (c + 1) % cols)),
        table(&|r, c| cell(r, (c + cols - 1) % cols)),
    ];
    let clamped = [
        table(&|r, c| cell((r + 1).min(rows - 1), c)),
        table(&|r, c| cell(r.saturating_sub(1), c)),
        table(&|r, c| cell(r, (c + 1).min(cols - 1))),
        table(&|r, c| cell(r, c.saturating_sub(1))),
    ];
    for tables in [periodic, clamped] {
        let plans = stencil(rows * cols, &tables);
        let jacobian = check(&plans, &|r, c| r == c || tables.iter().any(|t| t[r] == c));
        // Five entries in a row need five groups at least. A column has twelve others within reach,
        // so a greedy colouring never needs more than thirteen; these orders do better.
        let count = jacobian.colouring().count;
        println!("{count} groups for {} columns", rows * cols);
        assert!((5..=9).contains(&count), "{count} groups");
    }
}

#[test]
fn rows_are_grouped_when_that_is_cheaper() {
    // Each output of ten uses four states of its own; one state is used by none, and the first
    // output uses all: one dense row, so columns cannot be grouped.
    let n = 41;
    let mut text = format!("%0 = input States 0 : [{n}]\n%1 = block %0 : [11]\n  inputs {n}\n");
    for i in 0..n {
        text += &format!("  v{i} = input 0[{i}]\n");
    }
    let mut next = n;
    let mut results = vec![0];
    let mut add = |text: &mut String, line: String| {
        *text += &format!("  v{next} = {line}\n");
        next += 1;
        next - 1
    };
    let mut total = 0;
    for k in 0..10 {
        let (a, b) = (add(&mut text, format!("mul v{} v{}", 4 * k, 4 * k + 1)), 4 * k + 2);
        let sine = add(&mut text, format!("sin v{b}"));
        let sum = add(&mut text, format!("add v{a} v{sine}"));
        let more = add(&mut text, format!("add v{sum} v{}", 4 * k + 3));
        results.push(more);
        total = if k == 0 { more } else { add(&mut text, format!("add v{total} v{more}")) };
    }
    results[0] = total;
    let list: Vec<String> = results.iter().map(|v| format!("v{v}")).collect();
    text += &format!("  return {}\n%2 = output Out 0 %1 : [11]\n", list.join(" "));
    let plans = lower_text(&text, Shape { states: n, params: 0, outputs: 11 }).unwrap();
    let expected = |r: usize, c: usize| c < 40 && (r == 0 || c / 4 == r - 1);
    let jacobian = check(&plans, &expected);
    assert_eq!((jacobian.colouring().direction, jacobian.colouring().count), (Direction::Rows, 2));
}

#[test]
fn conditions_and_zeros_of_fixed_matrices_are_no_entries() {
    let text = "%0 = input States 0 : [3]\n\
                %1 = constant 1.0 0.0 0.0 0.0 2.0 3.0 : [2, 3]\n\
                %2 = matvec %1 %0 : [2]\n\
                %3 = output Out 0 %2 : [2]\n\
                %4 = block %0 : [1]\n  inputs 3\n  v0 = input 0[0]\n  v1 = input 0[1]\n  \
                v2 = greater v0 v1\n  v3 = input 0[2]\n  v4 = select v2 v3 v1\n  return v4\n\
                %5 = output Out 2 %4 : [1]\n";
    let plans = lower_text(text, Shape { states: 3, params: 0, outputs: 3 }).unwrap();
    let pattern = Pattern::of(&plans.eval);
    assert_eq!(
        [pattern.column(0), pattern.column(1), pattern.column(2)],
        [&[0][..], &[1, 2], &[1, 2]]
    );
}

proptest! {
    /// Any pattern: groups share no row, there are no more groups than columns and no fewer than
    /// the longest row has entries.
    #[test]
    fn colourings_are_sound(
        columns in 1usize..30,
        lists in prop::collection::vec(prop::collection::btree_set(0u32..30, 0..6), 0..25),
    ) {
        let rows: Vec<Vec<u32>> = lists
            .iter()
            .map(|l| l.iter().copied().filter(|c| (*c as usize) < columns).collect())
            .collect();
        let pattern = Pattern::from_rows(columns, rows.iter().map(Vec::as_slice));
        prop_assert_eq!(&pattern.transposed().transposed(), &pattern);
        let longest = rows.iter().map(Vec::len).max().unwrap_or(0).max(1);
        let best = Colouring::of_columns(&pattern);
        for order in Order::ALL {
            let colouring = Colouring::greedy(&pattern, order);
            prop_assert!(best.count <= colouring.count);
            prop_assert!((longest..=columns).contains(&(colouring.count as usize)));
            for row in &rows {
                let mut colours: Vec<u32> =
                    row.iter().map(|c| colouring.colours[*c as usize]).collect();
                colours.sort_unstable();
                colours.dedup();
                prop_assert_eq!(colours.len(), row.len(), "{:?}", order);
            }
        }
    }
}
