//! Where the elements of a plan's buffers are in the memory of a card, as text.

use slopefield_graph::plan::{Buffer, Plan, Ref};

/// Row of a parameter that is not a trajectory's own.
const SHARED: u32 = u32::MAX;

/// `joint_values` begins with NaN and infinity.
pub(crate) const JOINT_START: usize = 2;
/// More are read again from the memory of the card whenever they are needed.
const MOST_HELD: usize = 16;
/// `tables` begins with the number of trajectories.
pub(crate) const TABLES_START: usize = 1;

/// Index of an element in a run of a buffer.
#[derive(Clone, Copy)]
pub(crate) enum At<'a> {
    /// The one at the beginning of the run.
    First,
    /// The value of a text, such as a loop's counter, less than the number.
    Text(&'a str, u32),
    /// The value of a text, anywhere in the buffer.
    Anywhere(&'a str),
}

/// Where a buffer is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Array {
    /// An array that each thread has.
    Private(&'static str),
    /// An array that each thread has, from the element on that the text names.
    PrivateFrom(&'static str, &'static str),
    /// A variable that stands for the one element.
    Variable(&'static str),
    /// Rows of an array with a column for each trajectory.
    Rows(&'static str, usize),
}

/// Where everything is that a plan touches.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// Everything but params and constants.
    buffers: Vec<(Buffer, Array)>,
    /// Row of each parameter among the rows of `own_values` that are a trajectory's own.
    own: Vec<u32>,
    /// Row of the first of them.
    own_row: usize,
    /// Where in `joint_values` the constants of the plan begin.
    constants_at: usize,
    /// Where in `joint_values` the parameters begin.
    params_at: usize,
    joint_len: usize,
    /// Where in `tables` each table of the plan begins.
    tables: Vec<usize>,
    /// Where in `tables` the rows of the parameters begin.
    own_at: usize,
    tables_len: usize,
    /// Whether [`Places::parameter_function`] is called.
    general: bool,
    /// Whether threads hold their own parameters in an array of theirs, `held`.
    held: bool,
}

impl Places {
    /// For a plan whose parameters `own` (ascending) each trajectory has a value of its own for, in
    /// the rows of `own_values` from `own_row` on.
    pub(crate) fn new(
        plan: &Plan,
        own: &[usize],
        own_row: usize,
        buffers: Vec<(Buffer, Array)>,
    ) -> Self {
        let mut row_of = vec![SHARED; plan.shape.params];
        for (row, &param) in own.iter().enumerate() {
            row_of[param] = row as u32;
        }
        let (tables, own_at) = begins(plan, TABLES_START);
        let params_at = JOINT_START + plan.constants.len();
        Places {
            buffers,
            own: row_of,
            own_row,
            constants_at: JOINT_START,
            params_at,
            joint_len: params_at + plan.shape.params,
            tables,
            own_at,
            tables_len: own_at + plan.shape.params,
            general: false,
            held: false,
        }
    }

    /// The same, in a kernel whose threads read their own parameters once and hold them, if they are few.
    pub(crate) fn holding(mut self, own: usize) -> Self {
        self.held = (1..=MOST_HELD).contains(&own);
        self
    }

    /// Parameters that a thread holds.
    pub(crate) fn held(&self, own: usize) -> usize {
        if self.held { own } else { 0 }
    }

    /// For another plan of the same kernel, with the same parameters: its constants and tables follow
    /// what this one has.
    pub(crate) fn beside(&self, plan: &Plan, buffers: Vec<(Buffer, Array)>) -> Self {
        let (tables, tables_len) = begins(plan, self.tables_len);
        Places {
            buffers,
            constants_at: self.joint_len,
            joint_len: self.joint_len + plan.constants.len(),
            tables,
            tables_len,
            general: false,
            ..self.clone()
        }
    }

    /// An element of a run that begins at `run`.
    pub(crate) fn element(&mut self, run: Ref, at: At<'_>) -> String {
        let index = match at {
            At::First => format!("{}u", run.offset),
            At::Text(i, _) | At::Anywhere(i) if run.offset == 0 => i.to_owned(),
            At::Text(i, _) | At::Anywhere(i) => format!("{}u + {i}", run.offset),
        };
        match run.buffer {
            Buffer::Constants => format!("joint_values[{}u + {index}]", self.constants_at),
            Buffer::Params => {
                let len = match at {
                    At::First => Some(1),
                    At::Text(_, len) => Some(len),
                    At::Anywhere(_) => None,
                };
                self.parameter(&index, run.offset, len)
            }
            buffer => {
                let found = self.buffers.iter().find(|(known, _)| *known == buffer);
                let (_, array) = found.expect("a kernel places every buffer of its plans");
                match *array {
                    Array::Private(name) => format!("{name}[{index}]"),
                    Array::PrivateFrom(name, from) => format!("{name}[{from} + {index}]"),
                    Array::Variable(name) => name.to_owned(),
                    Array::Rows(name, row) => format!("{name}[({row}u + {index}) * lanes + lane]"),
                }
            }
        }
    }

    /// A parameter of the run of `len` from `offset`, or any.
    fn parameter(&mut self, index: &str, offset: u32, len: Option<u32>) -> String {
        let offset = offset as usize;
        let run = match len {
            Some(len) => &self.own[offset..offset + len as usize],
            None => &self.own[..],
        };
        if run.iter().all(|row| *row == SHARED) {
            return format!("joint_values[{}u + {index}]", self.params_at);
        }
        let first = run[0];
        let consecutive = |(i, row): (usize, &u32)| *row != SHARED && *row == first + i as u32;
        if len.is_some() && run.iter().enumerate().all(consecutive) {
            if self.held {
                let from = i64::from(first) - offset as i64;
                let sign = if from < 0 { '-' } else { '+' };
                return format!("held[{index} {sign} {}u]", from.abs());
            }
            let from = self.own_row as i64 + i64::from(first) - offset as i64;
            let sign = if from < 0 { '-' } else { '+' };
            let row = format!("{index} {sign} {}u", from.abs());
            return format!("own_values[({row}) * lanes + lane]");
        }
        self.general = true;
        format!("param({index})")
    }

    /// An entry of a table of the plan.
    pub(crate) fn entry(&self, table: u32, i: &str) -> String {
        format!("tables[{}u + {i}]", self.tables[table as usize])
    }

    /// The definition of `param`, where it is called: parameters by number.
    pub(crate) fn parameter_function(&self) -> String {
        if self.general { self.parameter_definition() } else { String::new() }
    }

    /// The definition of `param` where this plan or another one of the kernel calls it.
    pub(crate) fn parameter_function_for(&self, other: &Places) -> String {
        if self.general { self.parameter_function() } else { other.parameter_function() }
    }

    fn parameter_definition(&self) -> String {
        format!(
            "fn param(i: word) -> real {{\n    let row: word = tables[{}u + i];\n    if (row != \
             {SHARED}u) {{\n        return own_values[({}u + row) * lanes + lane];\n    }}\n    \
             return joint_values[{}u + i];\n}}\n\n",
            self.own_at, self.own_row, self.params_at,
        )
    }

    /// What `joint_values` holds before anything that a kernel adds.
    pub(crate) fn joint_values(&self, plan: &Plan, shared: &[f64]) -> Vec<f64> {
        [&[f64::NAN, f64::INFINITY][..], &plan.constants, shared].concat()
    }

    /// Number of elements of [`Places::joint_values`], with what plans beside have added.
    pub(crate) fn joint_len(&self) -> usize {
        self.joint_len
    }

    /// Number of elements of [`Places::tables`], with what plans beside have added.
    pub(crate) fn tables_len(&self) -> usize {
        self.tables_len
    }

    /// What `tables` holds.
    pub(crate) fn tables(&self, plan: &Plan, lanes: usize) -> Vec<u32> {
        let mut all = vec![lanes as u32];
        all.extend(plan.tables.iter().flatten());
        all.extend(&self.own);
        all
    }
}

/// Where each table of a plan begins, if the first one begins at `next`, and where they end.
fn begins(plan: &Plan, mut next: usize) -> (Vec<usize>, usize) {
    let begin = |table: &Vec<u32>| {
        let at = next;
        next += table.len();
        at
    };
    let tables = plan.tables.iter().map(begin).collect();
    (tables, next)
}
