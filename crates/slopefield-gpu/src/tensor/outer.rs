//! Gradients by matrices that all trajectories share: sums over trajectories of products of two vectors, a
//! product of two matrices in tiles.
//!
//! Each block of trajectories has a sum of its own, made in the order of their numbers; the processor adds
//! the blocks in their order. So the sums do not depend on how threads are scheduled.

use slopefield_graph::plan::{Instruction, Plan, Ref};

use crate::dialect::{Dialect, Program, SharedArray};
use crate::error::GpuError;
use crate::places::{At, Places};
use crate::tensor::pieces::{Kernel, Threads};
use crate::tensor::tiles::{ACROSS, DEPTH, squares};

/// Trajectories of a sum on the card.
pub(crate) const BLOCK: usize = 512;

/// The vectors of a piece that is one such sum, and the size of the matrix.
pub(crate) fn operands(plan: &Plan) -> (Ref, Ref, Ref, u32, u32) {
    match plan.code[..] {
        [Instruction::Outer { a, x, y, rows, cols }] => (a, x, y, rows, cols),
        _ => unreachable!("a piece that is an outer sum is one instruction"),
    }
}

/// The program of a piece that is one such sum. The matrix begins at `at` of the `entries` of each block in
/// `sums`.
pub(crate) fn kernel(
    plan: &Plan,
    (at, entries): (usize, usize),
    places: &mut Places,
    shared: &[SharedArray],
    dialect: Dialect,
) -> Result<Kernel, GpuError> {
    let (_, x, y, rows, cols) = operands(plan);
    let side: usize = if rows.min(cols) <= 16 { 16 } else { 32 };
    let tall = (rows as usize).div_ceil(side);
    let count = tall * (cols as usize).div_ceil(side);
    let (sums, products) = squares(side / ACROSS);
    let mut stores = String::new();
    for p in 0..side / ACROSS {
        for q in 0..side / ACROSS {
            let (down, across) = (p * ACROSS, q * ACROSS);
            stores += &format!("    row = first_row + down + {down}u;\n");
            stores += &format!("    col = first_col + across + {across}u;\n");
            stores += &format!("    if (row < {rows}u && col < {cols}u) {{\n");
            stores += &format!(
                "        let to: word = block * {entries}u + {at}u + row * {cols}u + col;\n        \
                 sums[to] = sums[to] + s{p}_{q};\n    }}\n"
            );
        }
    }
    let body = include_str!("../text/tensor/outer.wgsl")
        .replace("$sums\n", &sums)
        .replace("$products\n", &products)
        .replace("$stores\n", &stores)
        .replace("$left", &places.element(x, At::Text("row", rows)))
        .replace("$right", &places.element(y, At::Text("col", cols)))
        .replace("$squares", &format!("{count}u"))
        .replace("$tall", &format!("{tall}u"))
        .replace("$block", &BLOCK.to_string())
        .replace("$rows", &format!("{rows}u"))
        .replace("$cols", &format!("{cols}u"))
        .replace("$depth", &format!("{DEPTH}u"))
        .replace("$pitch", &format!("{}u", side + 1))
        .replace("$side", &format!("{side}u"));
    let program = Program {
        shared: shared.to_vec(),
        private: Vec::new(),
        private_words: Vec::new(),
        body: places.parameter_function() + &body,
    };
    let len = DEPTH as usize * (side + 1);
    let text = dialect.program_of_groups(&program, &[("tile_a", len), ("tile_x", len)])?;
    Ok(Kernel { texts: vec![text], threads: Threads::Blocks { block: BLOCK, groups: count } })
}
