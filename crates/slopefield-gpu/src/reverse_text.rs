//! The text that reverses the accepted steps of a solve, a thread for each trajectory.
//!
//! The formulas are those of `docs/derivations/discrete-adjoint.md`, with its symbols. Stage states are
//! computed again from the state at the beginning of the step, by the text of the solve.

use slopefield_solve::Tableau;

use crate::dialect::Dialect;
use crate::solve_text::{Writer, named};

/// Where things are that the text reads.
pub(crate) struct Offsets {
    /// In `joint_values`: start time, tick, direction.
    pub(crate) settings: usize,
    /// In `tables`: steps there is room for, steps between kept states, attempts of a run, attempts
    /// of a trajectory (not read), save times.
    pub(crate) limits: usize,
    /// Row of the first weight in `own_values`.
    pub(crate) weights: usize,
    /// Parameters.
    pub(crate) params: usize,
    /// Whether their gradient is in an array of the thread while a run lasts.
    pub(crate) private_params: bool,
}

/// What stands where a step of the solve has been accepted: its end, and the state at its beginning
/// where one is kept. Steps for which there is no room are not written; they are counted.
pub(crate) const RECORDED: &str = "            {
                let room: word = tables[$limitsu - 2u];
                let stride: word = tables[$limitsu - 1u];
                if (accepted < room) {
                    clock[lanes + saves + accepted * lanes + lane] = now + taken;
                    if (accepted % stride == 0u) {
                        let row: word = 4u * $n + 2u + (accepted / stride) * $n;
                        for (var i: word = 0u; i < $n; i++) {
                            kept[(row + i) * lanes + lane] = u[i];
                        }
                    }
                }
            }
";

/// `run_lane` and what it calls besides `rhs(t, base)` and `vjp(t, base)`: both take the state from
/// `states` from `base` on; one writes slopes to `slopes` from there on, the other takes weights from
/// there, writes the gradient by the states to `bar` and adds that by the parameters.
pub(crate) fn text(table: &Tableau, n: usize, offsets: &Offsets, dialect: Dialect) -> String {
    let writer = Writer { table, n, dialect };
    let settings = named(&["t_start", "tick", "direction"], offsets.settings);
    let copies = |to: &str, with: &str| {
        if !offsets.private_params {
            return String::new();
        }
        let params = offsets.params;
        format!(
            "    for (var i: word = 0u; i < {params}u; i++) {{\n        {to} = {with};\n    }}\n"
        )
    };
    let (own, row) = ("by_params[i]", "results[($n + i) * lanes + lane]");
    let last = table.stages() - 1;
    include_str!("text/reverse.wgsl")
        .replace("$settings\n", &settings)
        .replace("$times\n", &times(&writer))
        .replace("$states\n", &states(&writer))
        .replace("$sent\n", &sent(&writer))
        .replace("$scattered\n", &scattered(&writer))
        .replace("$weighted\n", &weighted(&writer))
        .replace("$begin_params\n", &copies(own, row))
        .replace("$end_params\n", &copies(row, own))
        .replace("$t_start", &offsets.settings.to_string())
        .replace("$limits", &offsets.limits.to_string())
        .replace("$weights", &format!("{}u", offsets.weights))
        .replace("$rows", &format!("{}u", n + offsets.params))
        .replace("$moments", &format!("{}u", (table.dense_degree() + 1) * n))
        .replace("$last", &format!("{}u", last * n))
        .replace("$stages", &format!("{}u", table.stages()))
        .replace("$all", &format!("{}u", table.stages() * n))
        .replace("$n", &format!("{n}u"))
}

/// `k̄_i = h Σ_d d_id M_d`.
pub(crate) fn scattered(writer: &Writer<'_>) -> String {
    let n = writer.n;
    let mut out = format!("        for (var i: word = 0u; i < {n}u; i++) {{\n");
    for (j, row) in writer.table.dense.iter().enumerate() {
        let term = |(d, c): (usize, &f64)| {
            format!("{} * moments[{}u + i]", writer.dialect.number(*c), (d + 1) * n)
        };
        let terms: Vec<String> = row.iter().enumerate().map(term).collect();
        let at = format!("slopes[{}u + i]", j * n);
        out += &format!("            {at} = step * ({});\n", terms.join(" + "));
    }
    out + "        }\n"
}

/// `k̄_i += h b_i λ`.
pub(crate) fn weighted(writer: &Writer<'_>) -> String {
    let n = writer.n;
    let mut out = format!("    for (var i: word = 0u; i < {n}u; i++) {{\n");
    for (j, b) in writer.table.b.iter().enumerate() {
        let (at, b) = (format!("slopes[{}u + i]", j * n), writer.dialect.number(*b));
        out += &format!("        {at} = {at} + (step * {b}) * lambda[i];\n");
    }
    out + "    }\n"
}

/// What is done for each of some stages, one branch for each: a call of the right-hand side stands in the
/// text once, because compilers of cards copy every call.
fn branches(stages: std::ops::Range<usize>, each: impl Fn(usize) -> String) -> String {
    let branch = |i: usize| format!("    if (stage == {i}u) {{\n{}    }}\n", each(i));
    stages.map(branch).collect()
}

fn times(writer: &Writer<'_>) -> String {
    let time = |i| format!("        return {};\n", writer.time(i));
    let last = writer.table.stages() - 1;
    branches(0..last, time) + &format!("    return {};\n", writer.time(last))
}

fn states(writer: &Writer<'_>) -> String {
    branches(1..writer.table.stages(), |i| {
        writer.state(i, "states", &format!("states[{}u + i]", i * writer.n))
    })
}

fn sent(writer: &Writer<'_>) -> String {
    branches(1..writer.table.stages() - 1, |i| sent_by(writer, i))
}

/// `k̄_j += h a_ij Ū_i`.
pub(crate) fn sent_by(writer: &Writer<'_>, i: usize) -> String {
    let n = writer.n;
    let mut out = format!("        for (var i: word = 0u; i < {n}u; i++) {{\n");
    for (j, a) in writer.table.a[i].iter().enumerate() {
        let (at, a) = (format!("slopes[{}u + i]", j * n), writer.dialect.number(*a));
        out += &format!("            {at} = {at} + (step * {a}) * bar[i];\n");
    }
    out + "        }\n"
}
