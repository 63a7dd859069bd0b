//! The programs of a step besides its right-hand side.

use slopefield_solve::step_rules::LOG2_SMALLEST_REMEMBERED;
use slopefield_solve::{PiController, Tableau};

use crate::dialect::Dialect;
use crate::error::GpuError;
use crate::solve_text::{Numbers, Offsets, Writer, named};
use crate::tensor::layout::{PART, Rows, SHARED, end_slope};
use crate::tensor::pieces::{Kernel, Threads, in_parts, program};

/// Row of `counts` that says whether the right-hand side is wanted.
const WANTED: usize = 6;
/// Row that says whether a step has just been accepted.
const ACCEPTED: usize = 7;

/// The programs of a solve, but for the right-hand side.
#[derive(Debug, Clone)]
pub(crate) struct StepKernels {
    pub(crate) start: Kernel,
    pub(crate) mark: Kernel,
    pub(crate) first: Kernel,
    pub(crate) second: Kernel,
    pub(crate) begin: Kernel,
    /// Stage states: of stages after the first, up to the end of the step, then of those that only the
    /// interpolant needs.
    pub(crate) stages: Vec<Kernel>,
    pub(crate) error: Kernel,
    pub(crate) judge: Kernel,
    /// Where save times lie within steps, and where they do not.
    pub(crate) finish: Kernel,
    pub(crate) finish_at_ends: Kernel,
    pub(crate) count: Kernel,
}

/// Writes down the end of a step, for as many as there is room for.
const TAPED_END: &str = "    let step_number: word = counts[2u * lanes + lane] - 1u;
    if (first == 0u && step_number < tables[$limitsu + 2u]) {
        clock[2u * lanes + tables[$limitsu + 1u] + step_number * lanes + lane] = now;
    }
";
/// Writes down the state of a stage; that of a step which is tried again is written over.
const TAPED_STAGE: &str = "    let step_number: word = counts[2u * lanes + lane];
    if (step_number < tables[$limitsu + 2u]) {
        let row: word = tables[$limitsu + 1u] * $n + step_number * $each + $before;
        for (var i: word = first; i < last; i++) {
            results[(row + i) * lanes + lane] = work[($row_stage + i) * lanes + lane];
        }
    }
";

struct Texts<'a> {
    table: &'static Tableau,
    rows: &'a Rows,
    offsets: &'a Offsets,
    taped: bool,
    dialect: Dialect,
}

impl StepKernels {
    /// With a tape where `taped`: the ends of steps, in `clock` behind the save times, and the states of
    /// all stages, in `results` behind those at save times.
    pub(crate) fn new(
        table: &'static Tableau,
        rows: &Rows,
        offsets: &Offsets,
        taped: bool,
        dialect: Dialect,
    ) -> Result<StepKernels, GpuError> {
        let texts = Texts { table, rows, offsets, taped, dialect };
        let lanes = |text: &str| texts.kernel(text, Threads::Trajectories);
        let mark = "fn run_lane() {\n    lanes = tables[0u];\n    if (lane >= lanes) { return; }\n\
                    $mark\n}\n";
        let all = table.dense_stages();
        Ok(StepKernels {
            start: lanes(include_str!("../text/tensor/start.wgsl"))?,
            mark: lanes(mark)?,
            first: lanes(include_str!("../text/tensor/first.wgsl"))?,
            second: lanes(include_str!("../text/tensor/second.wgsl"))?,
            begin: lanes(include_str!("../text/tensor/begin.wgsl"))?,
            stages: (1..all).map(|i| texts.stage(i)).collect::<Result<_, _>>()?,
            error: texts.error()?,
            judge: lanes(include_str!("../text/tensor/judge.wgsl"))?,
            finish: texts.finish(all - 1)?,
            finish_at_ends: texts.finish(end_slope(table))?,
            count: lanes(include_str!("../text/tensor/count.wgsl"))?,
        })
    }
}

impl Texts<'_> {
    fn kernel(&self, text: &str, threads: Threads) -> Result<Kernel, GpuError> {
        let text = text.replace("$mark\n", include_str!("../text/tensor/mark.wgsl"));
        let text = text.replace("$all", &format!("{}u", end_slope(self.table) * self.rows.n));
        let text = self.rows.placed(&text);
        let error_order = self.table.error_order();
        let numbers = Numbers {
            controller: &PiController::for_error_order(error_order),
            smallest_remembered: LOG2_SMALLEST_REMEMBERED,
            error_order,
        };
        let text = numbers.filled(&text, self.rows.n, self.offsets, self.dialect);
        Ok(Kernel { texts: vec![program(text, &SHARED, self.dialect)?], threads })
    }

    /// For threads with some of the states each.
    fn kernel_of_parts(&self, text: &str, wanted: usize) -> Result<Kernel, GpuError> {
        let n = self.rows.n;
        self.kernel(&in_parts(text, n, wanted), Threads::Elements(n))
    }

    fn writer(&self) -> Writer<'_> {
        Writer { table: self.table, n: self.rows.n, dialect: self.dialect }
    }

    /// A text for the arrays of a thread as one for rows in memory, where the slope `latest` is the result of
    /// the right-hand side, and for some of the states.
    fn in_memory(&self, text: &str, latest: usize) -> String {
        let n = self.rows.n;
        let whole = format!("for (var i: word = 0u; i < {n}u; i++)");
        let mut text = text.replace(&whole, "for (var i: word = first; i < last; i++)");
        text = text.replace("stage[i]", &Rows::element(self.rows.stage));
        text = text.replace(" u[i]", &format!(" {}", Rows::element(self.rows.u)));
        for j in 0..self.table.dense_stages() {
            text = text.replace(&format!("slopes[{}u + i]", j * n), &self.slope(j, latest));
        }
        text
    }

    fn slope(&self, j: usize, latest: usize) -> String {
        let row = if j == latest { self.rows.out } else { self.rows.slopes + j * self.rows.n };
        Rows::element(row)
    }

    /// The state of a stage. The slope before it moves from where the right-hand side wrote it.
    fn stage(&self, i: usize) -> Result<Kernel, GpuError> {
        let (rows, latest) = (self.rows, i - 1);
        let mut text = "fn run_lane() {\n$part\n    let step: real = work[$at_step];\n".to_owned();
        let head = "    for (var i: word = first; i < last; i++) {\n";
        if i == end_slope(self.table) + 1 {
            let (to, from) = (Rows::element(rows.end), Rows::element(rows.stage));
            text += &format!("{head}        {to} = {from};\n    }}\n");
        }
        let state = self.writer().state(i, "u", "stage[i]");
        // The first slope is in its place already.
        let state = self.in_memory(&state, if latest == 0 { usize::MAX } else { latest });
        text += &format!("    {{\n{state}    }}\n");
        if latest > 0 {
            let (to, from) = (self.slope(latest, usize::MAX), Rows::element(rows.out));
            text += &format!("{head}        {to} = {from};\n    }}\n");
        }
        if self.taped {
            let each = (self.table.stages() - 1) * rows.n;
            text += &TAPED_STAGE
                .replace("$each", &format!("{each}u"))
                .replace("$before", &format!("{}u", latest * rows.n));
        }
        text += "    if (first == 0u) {\n";
        text += &named(&["t_start", "tick", "direction"], self.offsets.settings);
        text += "    let taken: ticks = clock[lanes + lane];\n";
        text += match i > end_slope(self.table) {
            false => "    let now: ticks = clock[lane];\n",
            // An accepted step has moved on before the stages that only its interpolant needs.
            true => {
                "    let now: ticks = clock[lane] - select(ticks(0u), taken, counts[7u * lanes + lane] \
                 == 1u);\n"
            }
        };
        text += &format!("    work[$at_time] = {};\n    }}\n}}\n", self.writer().time(i));
        self.kernel_of_parts(&text, WANTED)
    }

    fn error(&self) -> Result<Kernel, GpuError> {
        let error = self.in_memory(&self.writer().error(), end_slope(self.table));
        let text = include_str!("../text/tensor/error.wgsl").replace("$error\n", &error);
        self.kernel(&text, Threads::Parts(self.rows.n.div_ceil(PART)))
    }

    /// The end of an accepted step, with the slope `latest` where the right-hand side wrote it.
    fn finish(&self, latest: usize) -> Result<Kernel, GpuError> {
        let (rows, end, writer) = (self.rows, end_slope(self.table), self.writer());
        let within = match (self.table.extra.a.is_empty(), latest + 1 == self.table.dense_stages())
        {
            (true, _) => writer.interpolant(),
            (false, true) => writer.long_interpolant(),
            // There are no save times within steps.
            (false, false) => String::new(),
        };
        let within = self.in_memory(&within, latest).replace("next_save", "save");
        // Stages after the end of the step took the place of its state.
        let state = if latest > end { rows.end } else { rows.stage };
        let next = if latest == end { rows.out } else { rows.slopes + end * rows.n };
        let text = include_str!("../text/tensor/finish.wgsl")
            .replace("$interpolant\n", &within)
            .replace("$recorded\n", if self.taped { TAPED_END } else { "" })
            .replace("$row_end", &format!("{state}u"))
            .replace("$row_next", &format!("{next}u"));
        self.kernel_of_parts(&text, ACCEPTED)
    }
}
