//! Where the numbers of a trajectory stand: rows of `work` and `counts`, a column for each trajectory.

use slopefield_solve::Tableau;

use crate::dialect::{ElementType, SharedArray};

/// The arrays of a solve, in the order of their bindings.
pub(crate) const SHARED: [SharedArray; 8] = [
    SharedArray { name: "joint_values", element: ElementType::Real, writable: false },
    SharedArray { name: "own_values", element: ElementType::Real, writable: false },
    SharedArray { name: "tables", element: ElementType::Word, writable: false },
    SharedArray { name: "results", element: ElementType::Real, writable: true },
    SharedArray { name: "work", element: ElementType::Real, writable: true },
    SharedArray { name: "counts", element: ElementType::Word, writable: true },
    SharedArray { name: "clock", element: ElementType::Ticks, writable: true },
    SharedArray { name: "open", element: ElementType::Counter, writable: true },
];

/// Rows of `counts`: those of a whole solve in a thread, whether the right-hand side is wanted, whether a
/// step has just been accepted, the first save time in it, trials of a first step. Behind them a word for
/// each 64 trajectories: whether any wants its right-hand side.
pub(crate) const COUNTS: usize = 10;
/// States whose errors one thread adds up.
pub(crate) const PART: usize = 32;

/// First rows of `work`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) n: usize,
    /// Time of a stage, length and sign of the step, length of the next one, the error before.
    pub(crate) time: usize,
    pub(crate) step: usize,
    pub(crate) h: usize,
    pub(crate) previous: usize,
    /// The state and the result of the right-hand side.
    pub(crate) stage: usize,
    pub(crate) out: usize,
    /// State at the beginning of the step, and at its end where stages follow that.
    pub(crate) u: usize,
    pub(crate) end: usize,
    /// Slopes of the stages whose successors have been evaluated.
    pub(crate) slopes: usize,
    /// Sums of squares of errors.
    pub(crate) parts: usize,
    /// Work space of the right-hand side.
    pub(crate) scratch: usize,
    /// How many there are.
    pub(crate) len: usize,
}

impl Rows {
    pub(crate) fn new(n: usize, table: &Tableau, scratch: usize) -> Rows {
        let stage = 4;
        let (out, u) = (stage + n, stage + 2 * n);
        let long = end_slope(table) + 1 < table.dense_stages();
        let end = if long { u + n } else { stage };
        let slopes = u + n + if long { n } else { 0 };
        let parts = slopes + table.dense_stages() * n;
        let behind = parts + n.div_ceil(PART);
        let (time, step, h, previous) = (0, 1, 2, 3);
        let len = behind + scratch;
        Rows { n, time, step, h, previous, stage, out, u, end, slopes, parts, scratch: behind, len }
    }

    /// The text with the rows' numbers.
    pub(crate) fn placed(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let single = [
            ("$at_time", self.time),
            ("$at_step", self.step),
            ("$at_h", self.h),
            ("$at_previous", self.previous),
        ];
        for (name, row) in single {
            text = text.replace(name, &format!("{row}u * lanes + lane"));
        }
        let runs = [
            ("$row_stage", self.stage),
            ("$row_out", self.out),
            ("$row_u", self.u),
            ("$row_end", self.end),
            ("$row_slopes", self.slopes),
            ("$row_parts", self.parts),
        ];
        for (name, row) in runs {
            text = text.replace(name, &format!("{row}u"));
        }
        text.replace("$parts", &format!("{}u", self.n.div_ceil(PART)))
            .replace("$counts", &format!("{COUNTS}u"))
    }

    /// Element `i` of a run of rows.
    pub(crate) fn element(row: usize) -> String {
        format!("work[({row}u + i) * lanes + lane]")
    }
}

/// The stage whose slope is that at the end of a step.
pub(crate) fn end_slope(table: &Tableau) -> usize {
    table.stages() - usize::from(table.fsal)
}
