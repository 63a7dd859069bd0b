//! The programs that reverse the steps of a batched solve, besides the reverse product.
//!
//! The formulas are those of `docs/derivations/discrete-adjoint.md`, with its symbols, from the text of the
//! reverse pass in a thread. The states of all stages are on the tape, so nothing is computed again.

use slopefield_solve::Tableau;

use crate::dialect::Dialect;
use crate::error::GpuError;
use crate::reverse_text::{scattered, sent_by, weighted};
use crate::solve_text::{Offsets, Writer, named};
use crate::tensor::layout::SHARED;
use crate::tensor::pieces::{Kernel, Threads, in_parts, program};

/// Rows of `counts` in the reverse pass: steps and save times that are left, number of the step that is
/// reversed, whether anything depends on it; in the place of a solve's, whether the product is wanted.
const LEFT: usize = 0;
const DEPENDS: usize = 3;

/// First rows of `work` in the reverse pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BackRows {
    pub(crate) n: usize,
    pub(crate) time: usize,
    pub(crate) step: usize,
    /// Gradient by time, which nobody reads.
    pub(crate) by_time: usize,
    pub(crate) stage: usize,
    /// What the reverse product is given, and gives for the states.
    pub(crate) weights: usize,
    pub(crate) bar: usize,
    pub(crate) lambda: usize,
    pub(crate) kappa: usize,
    /// Cotangents of slopes.
    pub(crate) slopes: usize,
    pub(crate) moments: usize,
    /// Gradients by parameters, where trajectories have sums of their own.
    pub(crate) params: usize,
    pub(crate) scratch: usize,
    pub(crate) len: usize,
}

impl BackRows {
    pub(crate) fn new(n: usize, table: &Tableau, params: usize, scratch: usize) -> BackRows {
        let (time, step, by_time, stage) = (0, 1, 2, 3);
        let run = |k: usize| stage + k * n;
        let moments = run(5 + table.stages());
        let by_params = moments + (table.dense_degree() + 1) * n;
        let before = by_params + params;
        BackRows {
            n,
            time,
            step,
            by_time,
            stage,
            weights: run(1),
            bar: run(2),
            lambda: run(3),
            kappa: run(4),
            slopes: run(5),
            moments,
            params: by_params,
            scratch: before,
            len: before + scratch,
        }
    }

    fn element(row: usize) -> String {
        format!("work[({row}u + i) * lanes + lane]")
    }
}

/// Where things are that the programs read besides.
pub(crate) struct BackOffsets {
    pub(crate) offsets: Offsets,
    /// Row of the first weight of a save time in `own_values`.
    pub(crate) weights: usize,
}

/// The programs of the reverse pass, but for the reverse product.
#[derive(Debug, Clone)]
pub(crate) struct BackKernels {
    pub(crate) saves: Kernel,
    pub(crate) begin: Kernel,
    /// Before the product of each stage, the last one first, and after that of the second.
    pub(crate) stages: Vec<Kernel>,
    pub(crate) start: Kernel,
    pub(crate) end: Kernel,
}

struct Texts<'a> {
    table: &'static Tableau,
    rows: &'a BackRows,
    at: &'a BackOffsets,
    dialect: Dialect,
}

impl BackKernels {
    pub(crate) fn new(
        table: &'static Tableau,
        rows: &BackRows,
        at: &BackOffsets,
        dialect: Dialect,
    ) -> Result<BackKernels, GpuError> {
        let texts = Texts { table, rows, at, dialect };
        let lanes = |text: &str| texts.kernel(text, Threads::Trajectories);
        Ok(BackKernels {
            saves: texts.kernel_of_parts(include_str!("../text/tensor/back_saves.wgsl"), LEFT)?,
            begin: lanes(include_str!("../text/tensor/back_begin.wgsl"))?,
            stages: (0..table.stages())
                .rev()
                .map(|i| texts.before_stage(i))
                .collect::<Result<_, _>>()?,
            start: lanes(include_str!("../text/tensor/back_start.wgsl"))?,
            end: lanes(include_str!("../text/tensor/back_end.wgsl"))?,
        })
    }
}

impl Texts<'_> {
    fn kernel(&self, text: &str, threads: Threads) -> Result<Kernel, GpuError> {
        let (rows, settings) = (self.rows, self.at.offsets.settings);
        let mut text = text.replace("$head\n", include_str!("../text/tensor/back_head.wgsl"));
        for (name, row) in [("$at_time", rows.time), ("$at_step", rows.step)] {
            text = text.replace(name, &format!("{row}u * lanes + lane"));
        }
        let runs = [
            ("$row_stage", rows.stage),
            ("$row_weights", rows.weights),
            ("$row_bar", rows.bar),
            ("$row_lambda", rows.lambda),
            ("$row_kappa", rows.kappa),
            ("$row_moments", rows.moments),
            ("$weights", self.at.weights),
            ("$degrees", self.table.dense_degree() + 1),
            ("$n", rows.n),
        ];
        let numbers =
            [("$limits", self.at.offsets.limits), ("$t_start", settings), ("$tick", settings + 1)];
        for (name, number) in numbers.into_iter().chain([("$direction", settings + 2)]) {
            text = text.replace(name, &number.to_string());
        }
        for (name, number) in runs {
            text = text.replace(name, &format!("{number}u"));
        }
        Ok(Kernel { texts: vec![program(text, &SHARED, self.dialect)?], threads })
    }

    /// For threads with some of the states each.
    fn kernel_of_parts(&self, text: &str, wanted: usize) -> Result<Kernel, GpuError> {
        let n = self.rows.n;
        self.kernel(&in_parts(text, n, wanted), Threads::Elements(n))
    }

    /// A text for the arrays of a thread as one for rows in memory and for some of the states.
    fn in_memory(&self, text: &str) -> String {
        let (rows, n) = (self.rows, self.rows.n);
        let whole = format!("for (var i: word = 0u; i < {n}u; i++)");
        let mut text = text.replace(&whole, "for (var i: word = first; i < last; i++)");
        text = text.replace("lambda[i]", &BackRows::element(rows.lambda));
        text = text.replace("bar[i]", &BackRows::element(rows.bar));
        for j in 0..self.table.stages() {
            let slope = BackRows::element(rows.slopes + j * n);
            text = text.replace(&format!("slopes[{}u + i]", j * n), &slope);
        }
        for d in 0..=self.table.dense_degree() {
            let moment = BackRows::element(rows.moments + d * n);
            text = text.replace(&format!("moments[{}u + i]", d * n), &moment);
        }
        text
    }

    /// What the product of stage `i` is given, after what that of the stage behind it gave.
    fn before_stage(&self, i: usize) -> Result<Kernel, GpuError> {
        let (rows, n, last) = (self.rows, self.rows.n, self.table.stages() - 1);
        let writer = Writer { table: self.table, n, dialect: self.dialect };
        let element = BackRows::element;
        let (kappa, slope) = (element(rows.kappa), element(rows.slopes + i * n));
        let each = |line: String| {
            format!("    for (var i: word = first; i < last; i++) {{\n        {line}\n    }}\n")
        };
        let plus = |to: &str, what: &str| each(format!("{to} = {to} + {what};"));
        let lambda = element(rows.lambda);
        let mut text = "fn run_lane() {\n$part\n    let step: real = work[$at_step];\n".to_owned();
        if i == last {
            text += &self.in_memory(&scattered(&writer));
            text += &plus(&kappa, &slope);
        } else {
            text += &plus(&lambda, &element(rows.bar));
            if i + 1 == last {
                // The last stage is the first of the next step; the others follow from the result.
                text += &self.in_memory(&weighted(&writer));
                text += &plus(&lambda, &element(rows.moments));
                text += "    if (first == 0u) { counts[6u * lanes + lane] = 1u; }\n";
            } else {
                text += &self.in_memory(&sent_by(&writer, i + 1));
            }
        }
        if i == 0 {
            text += &each(format!("{kappa} = {slope};"));
            text += "}\n";
            return self.kernel_of_parts(&text, DEPENDS);
        }
        let weights = if i == last { &kappa } else { &slope };
        text += &each(format!("{} = {weights};", element(rows.weights)));
        text += &each(format!("{} = real(0.0);", element(rows.bar)));
        let every = last * n;
        let (from, stage) = ((i - 1) * n, element(rows.stage));
        text += &format!(
            "    let row: word = tables[$limitsu + 1u] * $n + counts[2u * lanes + lane] * {every}u + \
             {from}u;\n"
        );
        text += &each(format!("{stage} = results[(row + i) * lanes + lane];"));
        text += "    if (first == 0u) {\n";
        text += &named(&["t_start", "tick", "direction"], self.at.offsets.settings);
        text += "    let now: ticks = clock[lane];\n    let taken: ticks = clock[lanes + lane];\n";
        text += &format!("    work[$at_time] = {};\n    }}\n}}\n", writer.time(i));
        self.kernel_of_parts(&text, DEPENDS)
    }
}
