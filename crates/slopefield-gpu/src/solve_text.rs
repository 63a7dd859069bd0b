//! The text of a whole adaptive solve, a thread for each trajectory.
//!
//! The algorithm is that of the ensembles on the processor (`slopefield-ensemble`), statement by
//! statement; what differs is how time is kept. It is counted in whole ticks of the span, so that
//! sums of steps are exact in any precision and no driver can round them away: a step is a number
//! of ticks, and a save time is one too.

use slopefield_solve::step_rules::{LOG2_SMALLEST_REMEMBERED, SMALLEST_SQUARE};
use slopefield_solve::{PiController, Tableau};

use crate::dialect::Dialect;

/// Where things are that the text reads.
pub(crate) struct Offsets {
    /// In `joint_values`: the [`SETTINGS`], then an absolute tolerance for each state.
    pub(crate) settings: usize,
    /// In `tables`: attempts of a run, attempts of a trajectory, number of save times.
    pub(crate) limits: usize,
}

/// Numbers of a solve, in the order in which they stand in `joint_values`.
pub(crate) const SETTINGS: [&str; 7] =
    ["t_start", "tick", "direction", "rtol", "h_min", "h_max", "h_init"];

/// A step of fewer ticks than this is too small.
const SMALLEST_STEP: f64 = 16.0;

/// What a method is in the text of a solve: statements and functions, each with its end of line, and the
/// numbers of its step control.
pub(crate) struct Pieces {
    /// Functions.
    pub(crate) declared: String,
    /// Where a run begins: what the method has kept from the run before.
    pub(crate) resumed: String,
    /// Takes a step from `u` and writes its end to `stage`, and what belongs to its stages to `slopes`.
    pub(crate) attempt: String,
    /// Opens a loop over states and declares the error `e` of state `i`.
    pub(crate) error: String,
    /// After the norm of the error: what makes a step not `finite` besides.
    pub(crate) judged: String,
    /// After the usual factor of the next step: what changes it.
    pub(crate) foreseen: String,
    /// Writes the solution at `theta` of the step to the row of the next save time.
    pub(crate) interpolant: String,
    /// Where a step has been accepted, before time and state move on.
    pub(crate) recorded: String,
    /// Where they have: the slope at the beginning of the next step.
    pub(crate) promoted: String,
    /// Where no step, however small, can be taken: a reason of the method's own.
    pub(crate) collapsed: String,
    /// Where a run ends: what the method keeps.
    pub(crate) paused: String,
    pub(crate) controller: PiController,
    /// Binary logarithm of the smallest error that the controller remembers.
    pub(crate) smallest_remembered: f64,
    /// Order of the error estimate in the length of a step.
    pub(crate) error_order: u32,
    /// Rows of `slopes`, which are looked through for what is not finite.
    pub(crate) stages: usize,
}

impl Pieces {
    /// Those of an explicit method whose last stage is the first of the next step; `recorded` stands where
    /// a step has been accepted.
    pub(crate) fn explicit(table: &Tableau, n: usize, recorded: &str, dialect: Dialect) -> Self {
        let writer = Writer { table, n, dialect };
        Pieces {
            declared: String::new(),
            resumed: String::new(),
            attempt: writer.stages(),
            error: writer.error(),
            judged: String::new(),
            foreseen: String::new(),
            interpolant: writer.interpolant(),
            recorded: recorded.to_owned(),
            promoted: format!(
                "            for (var i: word = 0u; i < $n; i++) {{\n                slopes[i] = \
                 slopes[{}u + i];\n            }}\n",
                (table.stages() - 1) * n
            ),
            collapsed: String::new(),
            paused: String::new(),
            controller: PiController::for_error_order(table.error_order()),
            smallest_remembered: LOG2_SMALLEST_REMEMBERED,
            error_order: table.error_order(),
            stages: table.stages(),
        }
    }
}

/// `run_lane` and what it calls besides `rhs(t, base)`, which takes the state from `stage` and
/// writes slopes to `slopes` from `base` on.
pub(crate) fn text(pieces: &Pieces, n: usize, offsets: &Offsets, dialect: Dialect) -> String {
    let number = |x: f64| dialect.number(x);
    let controller = &pieces.controller;
    let (alpha, beta) = (controller.alpha, controller.beta);
    include_str!("text/solve.wgsl")
        .replace("$declared\n", &pieces.declared)
        .replace("$resumed\n", &pieces.resumed)
        .replace("$attempt\n", &pieces.attempt)
        .replace("$error\n", &pieces.error)
        .replace("$judged\n", &pieces.judged)
        .replace("$foreseen\n", &pieces.foreseen)
        .replace("$interpolant\n", &pieces.interpolant)
        .replace("$recorded\n", &pieces.recorded)
        .replace("$promoted\n", &pieces.promoted)
        .replace("$collapsed\n", &pieces.collapsed)
        .replace("$paused\n", &pieces.paused)
        .replace("$settings\n", &named(&SETTINGS, offsets.settings))
        .replace("$atol", &(offsets.settings + SETTINGS.len()).to_string())
        .replace("$rtol", &(offsets.settings + 3).to_string())
        .replace("$limits", &offsets.limits.to_string())
        .replace("$whole", &format!("(ticks(1u) << {}u)", dialect.log2_ticks()))
        .replace("$span", &number((dialect.log2_ticks() as f64).exp2()))
        .replace("$smallest_step", &number(SMALLEST_STEP))
        .replace("$tiniest", &number(if dialect.is_double() { f64::MIN_POSITIVE } else { 1.2e-38 }))
        .replace("$smallest_square", &number(SMALLEST_SQUARE))
        .replace("$largest_square", &number(1.0 / SMALLEST_SQUARE))
        .replace("$smallest_remembered", &number(pieces.smallest_remembered))
        .replace("$rejection", &number(alpha + 0.75 * beta))
        .replace("$alpha", &number(alpha))
        .replace("$beta", &number(beta))
        .replace("$safety", &number(controller.safety))
        .replace("$min_factor", &number(controller.min_factor))
        .replace("$max_factor", &number(controller.max_factor))
        .replace("$nonfinite_factor", &number(0.5 * controller.min_factor))
        .replace("$root", &number(1.0 / f64::from(pieces.error_order)))
        .replace("$mean", &number(1.0 / n as f64))
        .replace("$all", &format!("{}u", pieces.stages * n))
        .replace("$n", &format!("{n}u"))
}

/// Declares numbers that stand in `joint_values` from `at` on.
pub(crate) fn named(names: &[&str], at: usize) -> String {
    let line =
        |(i, name): (usize, &&str)| format!("    let {name}: real = joint_values[{}u];\n", at + i);
    names.iter().enumerate().map(line).collect()
}

/// What an explicit method is in the text.
pub(crate) struct Writer<'a> {
    pub(crate) table: &'a Tableau,
    pub(crate) n: usize,
    pub(crate) dialect: Dialect,
}

impl Writer<'_> {
    /// `Σ weight_j slopes_j` with the weights called `w0`, `w1`, …, first slope first.
    fn terms(&self, weights: usize) -> Vec<String> {
        (0..weights).map(|j| format!("w{j} * slopes[{}u + i]", j * self.n)).collect()
    }

    /// Declares the weights `step weight_j`.
    fn weights(&self, weights: &[f64]) -> String {
        let line = |(j, w): (usize, &f64)| {
            format!("            let w{j}: real = step * {};\n", self.dialect.number(*w))
        };
        weights.iter().enumerate().map(line).collect()
    }

    /// States and slopes of all stages after the first.
    fn stages(&self) -> String {
        let mut out = String::new();
        for i in 1..self.table.stages() {
            out += "        {\n";
            out += &self.state(i, "u", "stage[i]");
            out += &format!("            rhs({}, {}u);\n        }}\n", self.time(i), i * self.n);
        }
        out
    }

    /// The state of a stage, from the one in the array `u`, written to the element that `to` names.
    pub(crate) fn state(&self, stage: usize, u: &str, to: &str) -> String {
        let mut out = self.weights(self.table.a[stage]);
        out += &format!("            for (var i: word = 0u; i < {}u; i++) {{\n", self.n);
        out += &format!("                var sum: real = {u}[i];\n");
        for term in self.terms(stage) {
            out += &format!("                sum = sum + {term};\n");
        }
        out + &format!("                {to} = sum;\n            }}\n")
    }

    /// The time of a stage.
    pub(crate) fn time(&self, stage: usize) -> String {
        time_of(self.table.c[stage], self.dialect)
    }

    /// The error of state `i`, in a loop over states.
    fn error(&self) -> String {
        let mut out = self.weights(self.table.b_error);
        out += &format!("            for (var i: word = 0u; i < {}u; i++) {{\n", self.n);
        let terms = self.terms(self.table.b_error.len());
        out += &format!("                var e: real = {};\n", terms[0]);
        for term in &terms[1..] {
            out += &format!("                e = e + {term};\n");
        }
        out
    }

    /// The solution at `theta` of the step, state by state.
    fn interpolant(&self) -> String {
        let mut out = String::new();
        let pad = "                    ";
        for (j, row) in self.table.dense.iter().enumerate() {
            let number = |x: f64| self.dialect.number(x);
            let weight = match **row {
                [a, b, c, d] => format!(
                    "theta * (({} + theta * {}) + theta * theta * ({} + theta * {}))",
                    number(a),
                    number(b),
                    number(c),
                    number(d)
                ),
                _ => row.iter().rev().fold("real(0.0)".to_owned(), |sum, c| {
                    format!("theta * ({sum} + {})", number(*c))
                }),
            };
            out += &format!("{pad}let w{j}: real = step * ({weight});\n");
        }
        out += &format!("{pad}for (var i: word = 0u; i < {}u; i++) {{\n", self.n);
        out += &format!("{pad}    var sum: real = u[i];\n");
        for term in self.terms(self.table.dense.len()) {
            out += &format!("{pad}    sum = sum + {term};\n");
        }
        out += &format!(
            "{pad}    results[(next_save * {}u + i) * lanes + lane] = sum;\n{pad}}}\n",
            self.n
        );
        out
    }
}

/// The time at the part `c` of a step.
pub(crate) fn time_of(c: f64, dialect: Dialect) -> String {
    let ticks = if c == 1.0 {
        "real(now + taken)".to_owned()
    } else {
        format!("(real(now) + {} * real(taken))", dialect.number(c))
    };
    format!("t_start + direction * ({ticks} * tick)")
}
