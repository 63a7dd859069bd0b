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
    /// Parameters of its own that a thread holds.
    pub(crate) held: usize,
}

/// Numbers of a solve, in the order in which they stand in `joint_values`.
pub(crate) const SETTINGS: [&str; 8] =
    ["t_start", "tick", "direction", "rtol", "h_min", "h_max", "h_init", "rate"];

/// Where the relative tolerance is among them.
const RTOL: usize = 3;

/// Tolerances of small systems are held by each thread: absolute ones, then the relative one.
pub(crate) fn tolerances(n: usize) -> usize {
    if n <= MOST_TOLERANCES { n + 1 } else { 0 }
}

/// Most states of them.
const MOST_TOLERANCES: usize = 16;

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
    /// Where a solve begins, with the state in `u` and `stage`: what changes it.
    pub(crate) started: String,
    /// The time at which the next step must end at the latest.
    pub(crate) end: String,
    /// Where a step has been accepted and its save times are written: what changes its end, in `stage`.
    pub(crate) happened: String,
    /// Where a step has been accepted: what its interpolant needs besides.
    pub(crate) prepared: String,
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
    /// Those of an explicit method whose last stage, or the first of those that only its interpolant
    /// needs, is the first of the next step ([`goes_on`]); `recorded` stands where a step has been
    /// accepted.
    pub(crate) fn explicit(table: &Tableau, n: usize, recorded: &str, dialect: Dialect) -> Self {
        let writer = Writer { table, n, dialect };
        let extra = !table.extra.a.is_empty();
        Pieces {
            declared: String::new(),
            resumed: String::new(),
            attempt: writer.stages() + &if table.fsal { String::new() } else { writer.result() },
            error: writer.error(),
            judged: String::new(),
            foreseen: String::new(),
            started: String::new(),
            end: "whole".into(),
            happened: String::new(),
            prepared: if extra { writer.extra_stages() } else { String::new() },
            interpolant: if extra { writer.long_interpolant() } else { writer.interpolant() },
            recorded: recorded.to_owned(),
            promoted: format!(
                "            for (var i: word = 0u; i < $n; i++) {{\n                slopes[i] = \
                 slopes[{}u + i];\n            }}\n",
                (table.stages() - usize::from(table.fsal)) * n
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

/// Whether the slope at the end of a step is one of its stages, or the first of those that only the
/// interpolant needs.
pub(crate) fn goes_on(table: &Tableau) -> bool {
    let (a, c) = (table.extra.a, table.extra.c);
    table.fsal || (!a.is_empty() && a[0] == table.b && c[0] == 1.0)
}

/// `run_lane` and what it calls besides `rhs(t, base)`, which takes the state from `stage` and
/// writes slopes to `slopes` from `base` on.
pub(crate) fn text(pieces: &Pieces, n: usize, offsets: &Offsets, dialect: Dialect) -> String {
    let (rtol, atol) = (offsets.settings + RTOL, offsets.settings + SETTINGS.len());
    let mut held = held(offsets.held);
    let mut scale = ("joint_values[$atolu + i]".to_owned(), "joint_values[$rtolu]".to_owned());
    if tolerances(n) > 0 {
        for i in 0..n {
            held += &format!("    tolerances[{i}u] = joint_values[{}u];\n", atol + i);
        }
        held += &format!("    tolerances[{n}u] = joint_values[{rtol}u];\n");
        scale = ("tolerances[i]".to_owned(), format!("tolerances[{n}u]"));
    }
    let text = include_str!("text/solve.wgsl")
        .replace("$norms\n", include_str!("text/norms.wgsl"))
        .replace("joint_values[$atolu + i]", &scale.0)
        .replace("joint_values[$rtolu]", &scale.1)
        .replace("$held\n", &held)
        .replace("$declared\n", &pieces.declared)
        .replace("$resumed\n", &pieces.resumed)
        .replace("$attempt\n", &pieces.attempt)
        .replace("$error\n", &pieces.error)
        .replace("$judged\n", &pieces.judged)
        .replace("$foreseen\n", &pieces.foreseen)
        .replace("$started\n", &pieces.started)
        .replace("$happened\n", &pieces.happened)
        .replace("$end", &pieces.end)
        .replace("$prepared\n", &pieces.prepared)
        .replace("$interpolant\n", &pieces.interpolant)
        .replace("$recorded\n", &pieces.recorded)
        .replace("$promoted\n", &pieces.promoted)
        .replace("$collapsed\n", &pieces.collapsed)
        .replace("$paused\n", &pieces.paused)
        .replace("$all", &format!("{}u", pieces.stages * n));
    let numbers = Numbers {
        controller: &pieces.controller,
        smallest_remembered: pieces.smallest_remembered,
        error_order: pieces.error_order,
    };
    numbers.filled(&text, n, offsets, dialect)
}

/// The numbers of step control.
pub(crate) struct Numbers<'a> {
    pub(crate) controller: &'a PiController,
    /// Binary logarithm of the smallest error that the controller remembers.
    pub(crate) smallest_remembered: f64,
    /// Order of the error estimate in the length of a step.
    pub(crate) error_order: u32,
}

impl Numbers<'_> {
    /// The text with norms, step control, settings and all numbers of a solve of `n` states.
    pub(crate) fn filled(
        &self,
        text: &str,
        n: usize,
        offsets: &Offsets,
        dialect: Dialect,
    ) -> String {
        let number = |x: f64| dialect.number(x);
        let tiniest = if dialect.is_double() { f64::MIN_POSITIVE } else { 1.2e-38 };
        let (alpha, beta) = (self.controller.alpha, self.controller.beta);
        text.replace("$norms\n", include_str!("text/norms.wgsl"))
            .replace("$control\n", include_str!("text/control.wgsl"))
            .replace("$settings\n", &named(&SETTINGS, offsets.settings))
            .replace("$atol", &(offsets.settings + SETTINGS.len()).to_string())
            .replace("$rtol", &(offsets.settings + RTOL).to_string())
            .replace("$limits", &offsets.limits.to_string())
            .replace("$whole", &format!("(ticks(1u) << {}u)", dialect.log2_ticks()))
            .replace("$smallest_step", &number(SMALLEST_STEP))
            .replace("$tiniest", &number(tiniest))
            .replace("$smallest_square", &number(SMALLEST_SQUARE))
            .replace("$largest_square", &number(1.0 / SMALLEST_SQUARE))
            .replace("$smallest_remembered", &number(self.smallest_remembered))
            .replace("$rejection", &number(alpha + 0.75 * beta))
            .replace("$alpha", &number(alpha))
            .replace("$beta", &number(beta))
            .replace("$safety", &number(self.controller.safety))
            .replace("$min_factor", &number(self.controller.min_factor))
            .replace("$max_factor", &number(self.controller.max_factor))
            .replace("$nonfinite_factor", &number(0.5 * self.controller.min_factor))
            .replace("$root", &number(1.0 / f64::from(self.error_order)))
            .replace("$mean", &number(1.0 / n as f64))
            .replace("$n", &format!("{n}u"))
    }
}

/// Reads the parameters that a thread holds.
fn held(count: usize) -> String {
    let line = |i| format!("    held[{i}u] = own_values[($n + {i}u) * lanes + lane];\n");
    (0..count).map(line).collect()
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
    /// Terms of sums that are left out: those of long rows with weight 0, as on the processor.
    fn is_left_out(&self, weight: f64) -> bool {
        weight == 0.0 && !self.table.extra.a.is_empty()
    }

    /// `Σ weight_j slopes_j` with the weights called `w0`, `w1`, …, first slope first.
    fn terms(&self, weights: &[f64]) -> Vec<String> {
        let kept = weights.iter().enumerate().filter(|(_, w)| !self.is_left_out(**w));
        kept.map(|(j, _)| format!("w{j} * slopes[{}u + i]", j * self.n)).collect()
    }

    /// Declares the weights `step weight_j`.
    fn weights(&self, weights: &[f64]) -> String {
        let kept = weights.iter().enumerate().filter(|(_, w)| !self.is_left_out(**w));
        let line = |(j, w): (usize, &f64)| {
            format!("            let w{j}: real = step * {};\n", self.dialect.number(*w))
        };
        kept.map(line).collect()
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
        self.combined(self.table.stage(stage).0, u, to)
    }

    fn combined(&self, weights: &[f64], u: &str, to: &str) -> String {
        let mut out = self.weights(weights);
        out += &format!("            for (var i: word = 0u; i < {}u; i++) {{\n", self.n);
        out += &format!("                var sum: real = {u}[i];\n");
        for term in self.terms(weights) {
            out += &format!("                sum = sum + {term};\n");
        }
        out + &format!("                {to} = sum;\n            }}\n")
    }

    /// The end of the step, where no stage is.
    fn result(&self) -> String {
        format!("        {{\n{}        }}\n", self.combined(self.table.b, "u", "stage[i]"))
    }

    /// The slope at the end, which is in `stage`, and where save times lie within the step the other
    /// stages that the interpolant needs.
    fn extra_stages(&self) -> String {
        let (n, s, all) = (self.n, self.table.stages(), self.table.dense_stages());
        let copy = |to: &str, from: &str| {
            format!(
                "            for (var i: word = 0u; i < {n}u; i++) {{\n                {to}[i] = \
                 {from}[i];\n            }}\n"
            )
        };
        let mut out = String::new();
        if !self.table.fsal {
            out += &format!("            rhs({}, {}u);\n", self.time(s), s * n);
        }
        out += "            if (next_save < saves && clock[lanes + next_save] < now + taken) {\n";
        out += &copy("end", "stage");
        for i in s + usize::from(!self.table.fsal)..all {
            out += "            {\n";
            out += &self.state(i, "u", "stage[i]");
            out += &format!("            rhs({}, {}u);\n            }}\n", self.time(i), i * n);
        }
        out += &copy("stage", "end");
        out + "            }\n"
    }

    /// The solution at `theta` of the step, by weights in Chebyshev polynomials.
    pub(crate) fn long_interpolant(&self) -> String {
        let (n, pad) = (self.n, " ".repeat(20));
        let rows = self.table.extra.dense;
        let degree = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        let mut out = format!("{pad}let x: real = real(2.0) * theta - real(1.0);\n");
        for j in 0..degree {
            let value = match j {
                0 => "theta".to_owned(),
                1 => "theta * x".to_owned(),
                _ => format!("real(2.0) * x * basis{} - basis{}", j - 1, j - 2),
            };
            out += &format!("{pad}let basis{j}: real = {value};\n");
        }
        let used = || rows.iter().enumerate().filter(|(_, row)| !row.is_empty());
        for (j, row) in used() {
            let term = |(k, d): (usize, &f64)| format!("{} * basis{k}", self.dialect.number(*d));
            let sum: Vec<String> = row.iter().enumerate().map(term).collect();
            out += &format!("{pad}let w{j}: real = step * ({});\n", sum.join(" + "));
        }
        out += &format!("{pad}for (var i: word = 0u; i < {n}u; i++) {{\n");
        out += &format!("{pad}    var sum: real = u[i];\n");
        for (j, _) in used() {
            out += &format!("{pad}    sum = sum + w{j} * slopes[{}u + i];\n", j * n);
        }
        out + &format!("{pad}    results[(next_save * {n}u + i) * lanes + lane] = sum;\n{pad}}}\n")
    }

    /// The time of a stage.
    pub(crate) fn time(&self, stage: usize) -> String {
        time_of(self.table.stage(stage).1, self.dialect)
    }

    /// The error of state `i`, in a loop over states.
    pub(crate) fn error(&self) -> String {
        let mut out = self.weights(self.table.b_error);
        out += &format!("            for (var i: word = 0u; i < {}u; i++) {{\n", self.n);
        let terms = self.terms(self.table.b_error);
        out += &format!("                var e: real = {};\n", terms[0]);
        for term in &terms[1..] {
            out += &format!("                e = e + {term};\n");
        }
        out
    }

    /// The solution at `theta` of the step, state by state.
    pub(crate) fn interpolant(&self) -> String {
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
        for j in 0..self.table.dense.len() {
            out += &format!("{pad}    sum = sum + w{j} * slopes[{}u + i];\n", j * self.n);
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
