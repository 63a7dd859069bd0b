//! Products of a matrix that all trajectories share with a vector of each: a product of two matrices, in
//! tiles.
//!
//! A group of 64 threads makes a square of the result, each thread some rows of it for some
//! trajectories. Pieces of the matrix and of the vectors go through memory that the group shares; sums run
//! over the columns in their order.

use slopefield_graph::plan::{Instruction, Plan, Ref, UnaryOp};

use crate::dialect::{Dialect, Program, SharedArray};
use crate::emit::unary;
use crate::error::GpuError;
use crate::places::{At, Places};
use crate::tensor::pieces::{Kernel, Threads};

/// Sides of the squares, the largest first.
pub(crate) const TILES: [usize; 3] = [64, 32, 16];
/// Threads along a side.
pub(crate) const ACROSS: usize = 8;
/// Columns of a piece of the matrix.
pub(crate) const DEPTH: u32 = 16;

struct Product {
    y: Ref,
    a: Ref,
    x: Ref,
    /// Rows of the result and terms of its sums.
    rows: u32,
    terms: u32,
    transposed: bool,
    bias: Option<Ref>,
    activation: Option<UnaryOp>,
    add: bool,
}

fn product(plan: &Plan) -> Product {
    match plan.code[..] {
        [Instruction::MatVec { y, a, x, rows, cols, add }] => Product {
            y,
            a,
            x,
            rows,
            terms: cols,
            transposed: false,
            bias: None,
            activation: None,
            add,
        },
        [Instruction::MatTVec { y, a, x, rows, cols, add }] => Product {
            y,
            a,
            x,
            rows: cols,
            terms: rows,
            transposed: true,
            bias: None,
            activation: None,
            add,
        },
        [Instruction::Layer { y, a, x, bias, activation, rows, cols }] => {
            Product { y, a, x, rows, terms: cols, transposed: false, bias, activation, add: false }
        }
        _ => unreachable!("a piece in tiles is one product"),
    }
}

/// The program of a piece that is one product, for each size of tiles.
pub(crate) fn kernel(
    plan: &Plan,
    places: &mut Places,
    shared: &[SharedArray],
    dialect: Dialect,
) -> Result<Kernel, GpuError> {
    let product = product(plan);
    let texts = TILES.iter().map(|side| {
        let body = text(&product, *side, places);
        let program = Program {
            shared: shared.to_vec(),
            private: Vec::new(),
            private_words: Vec::new(),
            body: places.parameter_function() + &body,
        };
        let depth = DEPTH as usize;
        // A column more, so that threads write to different banks.
        let common = [("tile_a", depth * (side + 1)), ("tile_x", depth * side)];
        dialect.program_of_groups(&program, &common)
    });
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    Ok(Kernel { texts, threads: Threads::Tiles(product.rows as usize) })
}

fn text(product: &Product, side: usize, places: &mut Places) -> String {
    let &Product { y, a, x, rows, terms, transposed, bias, activation, add } = product;
    let each = side / ACROSS;
    let (at, row_of, term_of) = match transposed {
        // Neighbours in memory for neighbouring threads.
        false => {
            (format!("row * {terms}u + term"), format!("m / {DEPTH}u"), format!("m % {DEPTH}u"))
        }
        true => (format!("term * {rows}u + row"), format!("m % {side}u"), format!("m / {side}u")),
    };
    let entry = places.element(a, At::Text(&at, rows * terms));
    let operand = places.element(x, At::Text("term", terms));
    let bias = bias.map(|bias| places.element(bias, At::Text("row", rows)));
    let result = places.element(y, At::Text("row", rows));
    let mut out = include_str!("../text/tensor/tiles.wgsl")
        .replace("$entry", &entry)
        .replace("$operand", &operand)
        .replace("$row_of", &row_of)
        .replace("$term_of", &term_of)
        .replace("$rows", &format!("{rows}u"))
        .replace("$terms", &format!("{terms}u"))
        .replace("$depth", &format!("{DEPTH}u"))
        .replace("$pitch", &format!("{}u", side + 1))
        .replace("$side", &format!("{side}u"));
    let (sums, products) = squares(each);
    out = out.replace("$sums\n", &sums).replace("$products\n", &products);
    let mut stores = String::new();
    for q in 0..each {
        stores += &format!("    lane = first_lane + across + {}u;\n", q * ACROSS);
        stores += "    if (lane < lanes && counts[6u * lanes + lane] == 1u) {\n";
        for p in 0..each {
            let sum = format!("s{p}_{q}");
            let sum = bias.as_ref().map_or(sum.clone(), |bias| format!("({bias} + {sum})"));
            let value = activation.map_or(sum.clone(), |op| unary(op, &sum));
            let value = if add { format!("{result} + {value}") } else { value };
            stores += &format!(
                "        row = first_row + down + {}u;\n        if (row < {rows}u) {{ {result} = \
                 {value}; }}\n",
                p * ACROSS
            );
        }
        stores += "    }\n";
    }
    out.replace("$stores\n", &stores)
}

/// A thread's sums, and what each column of the pieces adds to them.
pub(crate) fn squares(each: usize) -> (String, String) {
    let pairs = || (0..each).flat_map(|p| (0..each).map(move |q| (p, q)));
    let sums = pairs().map(|(p, q)| format!("    var s{p}_{q}: real = real(0.0);\n")).collect();
    let mut products = String::new();
    for p in 0..each {
        let at = p * ACROSS;
        products += &format!("            let a{p}: real = tile_a[of_a + {at}u];\n");
        products += &format!("            let x{p}: real = tile_x[of_x + {at}u];\n");
    }
    for (p, q) in pairs() {
        products += &format!("            s{p}_{q} = s{p}_{q} + a{p} * x{q};\n");
    }
    (sums, products)
}
