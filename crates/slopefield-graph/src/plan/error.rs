//! Limits of plans, and the rules a plan can break.

use super::{Buffer, Entry, Value};

/// Sizes beyond which a plan is refused.
pub mod limits {
    /// Instructions.
    pub const CODE: usize = 1 << 27;
    /// Elements of scratch.
    pub const SCRATCH: u32 = 1 << 28;
    /// Numbers of the plan.
    pub const CONSTANTS: usize = 1 << 27;
    /// States, params or outputs.
    pub const VECTOR: usize = 1 << 28;
    /// Instructions of all bodies together.
    pub const BODIES: usize = 1 << 24;
    /// Inputs and outputs of one body, each.
    pub const BODY_RUNS: usize = 1 << 12;
    /// Entries of all index tables together.
    pub const TABLES: usize = 1 << 28;
    /// Elements of one tensor in the text of a graph.
    pub const TENSOR: usize = 1 << 24;
    /// Numbers or indices of one list in a text.
    pub const TEXT_LIST: usize = 1 << 24;
}

/// A rule that a plan breaks, with the instruction (`at`, `op`) where there is one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// More of something than back ends can handle.
    #[error("the plan has {count} {what}; the limit is {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A buffer that the entry does not have, or that may not be used this way.
    #[error("instruction {at} ({op}) may not {access} {buffer:?} in a plan for {entry:?}")]
    Buffer {
        /// Index of the instruction.
        at: usize,
        /// Its name.
        op: &'static str,
        /// `read`, `write` or `add to`.
        access: &'static str,
        /// The buffer.
        buffer: Buffer,
        /// The entry of the plan.
        entry: Entry,
    },
    /// A run that does not lie inside its buffer.
    #[error(
        "instruction {at} ({op}) reaches elements {offset}..{end} of {buffer:?}, which has {len}"
    )]
    Bounds {
        /// Index of the instruction.
        at: usize,
        /// Its name.
        op: &'static str,
        /// The buffer.
        buffer: Buffer,
        /// First element.
        offset: u64,
        /// One past the last element.
        end: u64,
        /// Length of the buffer.
        len: u64,
    },
    /// A matrix without rows or without columns.
    #[error("instruction {at} ({op}) works on a matrix of {rows} by {cols}")]
    EmptyMatrix {
        /// Index of the instruction.
        at: usize,
        /// Its name.
        op: &'static str,
        /// Rows.
        rows: u32,
        /// Columns.
        cols: u32,
    },
    /// A value that is not defined by an earlier scalar instruction.
    #[error("instruction {at} ({op}) uses value {value}, which no earlier instruction defines")]
    Undefined {
        /// Index of the instruction.
        at: usize,
        /// Its name.
        op: &'static str,
        /// The value.
        value: Value,
    },
    /// A destination that overlaps an operand.
    #[error("instruction {at} ({op}) writes to {buffer:?} from {offset} where it also reads")]
    Overlap {
        /// Index of the instruction.
        at: usize,
        /// Its name.
        op: &'static str,
        /// The buffer.
        buffer: Buffer,
        /// First element of the destination.
        offset: u32,
    },
    /// Scratch that is read, or added to, before anything was written there.
    #[error("instruction {at} ({op}) reads element {element} of Scratch before it is written")]
    Uninitialised {
        /// Index of the instruction.
        at: usize,
        /// Its name.
        op: &'static str,
        /// The element.
        element: usize,
    },
    /// An element of the result that is written a second time.
    #[error("instruction {at} ({op}) writes element {element} of {buffer:?} a second time")]
    WrittenTwice {
        /// Index of the instruction.
        at: usize,
        /// Its name.
        op: &'static str,
        /// The buffer.
        buffer: Buffer,
        /// The element.
        element: usize,
    },
    /// An element of the result that is never written.
    #[error("no instruction writes element {element} of {buffer:?}")]
    NeverWritten {
        /// The buffer.
        buffer: Buffer,
        /// The element.
        element: usize,
    },
    /// A body or table that does not exist.
    #[error("instruction {at} ({op}) uses {what} {index}; the plan has {count}")]
    Missing {
        /// Index of the instruction.
        at: usize,
        /// Its name.
        op: &'static str,
        /// `body` or `table`.
        what: &'static str,
        /// Its index.
        index: u32,
        /// How many there are.
        count: usize,
    },
    /// A loop without lanes.
    #[error("instruction {at} ({op}) runs over no lanes")]
    NoLanes {
        /// Index of the instruction.
        at: usize,
        /// Its name.
        op: &'static str,
    },
    /// A table that does not have one entry for each lane.
    #[error("instruction {at} ({op}) runs over {count} lanes with table {table} of {len} entries")]
    TableLength {
        /// Index of the instruction.
        at: usize,
        /// Its name.
        op: &'static str,
        /// Index of the table.
        table: u32,
        /// Its length.
        len: usize,
        /// Lanes.
        count: u32,
    },
    /// A body that uses a value which no earlier instruction of it defines.
    #[error("instruction {at} of body {body} uses value {value}, which no earlier one defines")]
    BodyValue {
        /// Index of the body.
        body: usize,
        /// Index of the instruction in the body; its length for outputs.
        at: usize,
        /// The value.
        value: Value,
    },
    /// A body that uses an input that it does not have.
    #[error("instruction {at} of body {body} uses input {input}; the body has {count}")]
    BodyInput {
        /// Index of the body.
        body: usize,
        /// Index of the instruction in the body.
        at: usize,
        /// The input.
        input: u32,
        /// How many there are.
        count: usize,
    },
}
