//! What a Rosenbrock method is in the text of a whole solve.
//!
//! The formulas are those of [`RosenbrockTable`]. A thread keeps the matrix of its stage systems and
//! divides it into triangles by itself; the derivatives are evaluated again at every attempt, so that
//! nothing of them goes from run to run.

use slopefield_graph::sparse::Pattern;
use slopefield_solve::{PiController, RosenbrockTable};

use crate::dialect::Dialect;
use crate::solve_text::{Pieces, time_of};

/// [`PiController::predictive`] remembers no error below a hundredth of the tolerance.
const LOG2_SMALLEST_PREDICTED: f64 = -6.643_856_189_774_724;
/// A step whose matrix is singular is tried again at this part of its length.
const AFTER_SINGULAR: f64 = 0.4;

/// How the matrix of derivatives is computed.
pub(crate) enum Derivatives<'a> {
    /// `entries(t)` writes those of a pattern to the array of that name.
    Entries(&'a Pattern),
    /// `along(t, dt)` writes the derivative along the direction `dt`, `direction_of` to `tangent`.
    Columns,
}

/// The pieces of `table` for `n` states; `timed` where the right-hand side depends on time, whose
/// derivative then comes from `along`.
pub(crate) fn pieces(
    table: &RosenbrockTable,
    n: usize,
    derivatives: &Derivatives<'_>,
    timed: bool,
    dialect: Dialect,
) -> Pieces {
    let writer = Writer { table, n, dialect };
    let number = |x: f64| dialect.number(x);
    let mut controller = PiController::predictive(table.error_order());
    controller.max_factor = 6.0;
    let (safety, least) = (number(controller.safety), number(controller.min_factor));
    let alpha = number(controller.alpha);
    let foreseen = format!(
        "        if (ok && last_length > real(0.0)) {{
            let ahead: real = real(2.0) * log2_error - previous;
            let gain: real = length / last_length;
            let limit: real = {safety} * gain * control_exp2(-{alpha} * ahead);
            factor = greater(lesser(factor, limit), {least});
        }}
        if (singular) {{ factor = {}; }}
        if (ok) {{ last_length = length; }}\n",
        number(AFTER_SINGULAR)
    );
    let linearised = writer.linearised(derivatives, timed);
    let kept = "kept[(2u * $n + 2u) * lanes + lane]";
    Pieces {
        declared: include_str!("text/stiff.wgsl").replace("$linearised\n", &linearised),
        resumed: format!("    var last_length: real = {kept};\n"),
        attempt: writer.attempt(),
        error: writer.error(),
        judged: "        if (singular) { finite = false; }\n".into(),
        foreseen,
        started: String::new(),
        end: "whole".into(),
        happened: String::new(),
        prepared: String::new(),
        interpolant: writer.interpolant(),
        recorded: String::new(),
        promoted: String::new(),
        collapsed: "                if (singular) { phase = 7u; }\n".into(),
        paused: format!("    {kept} = last_length;\n"),
        controller,
        smallest_remembered: LOG2_SMALLEST_PREDICTED,
        error_order: table.error_order(),
        stages: table.stages(),
    }
}

struct Writer<'a> {
    table: &'a RosenbrockTable,
    n: usize,
    dialect: Dialect,
}

impl Writer<'_> {
    fn number(&self, x: f64) -> String {
        self.dialect.number(x)
    }

    fn over(&self, depth: usize) -> String {
        let pad = "    ".repeat(depth);
        format!("{pad}for (var i: word = 0u; i < {}u; i++) {{\n", self.n)
    }

    fn increment(&self, j: usize) -> String {
        format!("slopes[{}u + i]", j * self.n)
    }

    /// `Σ weight_j U_j`.
    fn sum(&self, weights: &[f64]) -> String {
        let term = |(j, w): (usize, &f64)| format!("{} * {}", self.number(*w), self.increment(j));
        let used = weights.iter().enumerate().filter(|(_, w)| **w != 0.0);
        let terms: Vec<String> = used.map(term).collect();
        if terms.is_empty() { "real(0.0)".into() } else { terms.join(" + ") }
    }

    fn linearised(&self, derivatives: &Derivatives<'_>, timed: bool) -> String {
        let n = self.n;
        let mut out = String::new();
        match derivatives {
            Derivatives::Entries(pattern) => {
                let all = n * n;
                out += &format!(
                    "    for (var i: word = 0u; i < {all}u; i++) {{\n        matrix[i] = \
                     real(0.0);\n    }}\n    entries(t);\n"
                );
                let mut at = 0;
                for column in 0..pattern.columns() {
                    for row in pattern.column(column) {
                        let place = *row as usize * n + column;
                        out += &format!("    matrix[{place}u] = -entry[{at}u];\n");
                        at += 1;
                    }
                }
            }
            Derivatives::Columns => {
                out += &format!(
                    "    for (var j: word = 0u; j < {n}u; j++) {{\n        direction_of[j] = \
                     real(1.0);\n        along(t, real(0.0));\n"
                );
                out += &self.over(2);
                out += &format!("            matrix[i * {n}u + j] = -tangent[i];\n        }}\n");
                out += "        direction_of[j] = real(0.0);\n    }\n";
            }
        }
        if timed {
            out += "    along(t, real(1.0));\n";
            out += &self.over(1);
            out += "        by_time[i] = tangent[i];\n    }\n";
        }
        out
    }

    /// All stages and the result, in `stage`.
    fn attempt(&self) -> String {
        let table = self.table;
        let mut out = "        linearise(t_start + direction * (real(now) * tick));\n".to_owned();
        let shift = format!("real(1.0) / ({} * step)", self.number(table.gamma));
        out += &format!("        let singular: bool = !divide({shift});\n");
        out += "        if (!singular) {\n";
        out += "            let inverse: real = real(1.0) / step;\n";
        for i in 0..table.stages() {
            out += &self.stage(i);
        }
        out += &self.over(3);
        let result = if table.chained < table.stages() {
            format!("stage[i] + {}", self.increment(table.stages() - 1))
        } else {
            format!("u[i] + ({})", self.sum(table.b))
        };
        out + &format!("                stage[i] = {result};\n            }}\n        }}\n")
    }

    fn stage(&self, i: usize) -> String {
        let (table, base) = (self.table, i * self.n);
        let mut out = String::new();
        if i > 0 {
            out += &self.over(3);
            let state = if i >= table.chained {
                format!("stage[i] + {}", self.increment(i - 1))
            } else {
                format!("u[i] + ({})", self.sum(table.a[i]))
            };
            out += &format!("                stage[i] = {state};\n            }}\n");
            let time = time_of(table.alpha[i], self.dialect);
            out += &format!("            rhs({time}, {base}u);\n");
        }
        out += &self.over(3);
        let own = self.increment(i);
        if i > 0 {
            let sum = self.sum(table.c[i]);
            out += &format!("                {own} = {own} + inverse * ({sum});\n");
        }
        let share = table.gamma_sum[i];
        if share != 0.0 {
            let share = self.number(share);
            out += &format!("                {own} = {own} + (step * {share}) * by_time[i];\n");
        }
        out + &format!("            }}\n            solve({base}u);\n")
    }

    /// The error of state `i`, in a loop over states.
    fn error(&self) -> String {
        let error = if self.table.chained < self.table.stages() {
            self.increment(self.table.stages() - 1)
        } else {
            self.sum(self.table.error)
        };
        self.over(3) + &format!("                let e: real = {error};\n")
    }

    /// The solution at `theta` of the step, state by state.
    fn interpolant(&self) -> String {
        let (n, pad) = (self.n, " ".repeat(20));
        let mut out = self.over(5);
        out += &format!("{pad}    let rest: real = real(1.0) - theta;\n");
        out += &format!("{pad}    var inner: real = real(0.0);\n");
        for row in self.table.dense.iter().rev() {
            out += &format!("{pad}    inner = ({}) + theta * inner;\n", self.sum(row));
        }
        out += &format!(
            "{pad}    results[(next_save * {n}u + i) * lanes + lane] =\n{pad}        rest * u[i] + \
             theta * (stage[i] + rest * inner);\n{pad}}}\n"
        );
        out
    }
}
