//! The buffers of an entry as generated code sees them.

use slopefield_graph::plan::{Buffer, Entry};

/// Buffers of an entry in the order in which generated functions take them.
pub(crate) fn buffers(entry: Entry) -> &'static [Buffer] {
    use Buffer::*;
    match entry {
        Entry::Eval => &[Time, States, Params, Out, Scratch],
        Entry::Jvp => &[
            Time,
            States,
            Params,
            TimeTangent,
            StatesTangent,
            ParamsTangent,
            Out,
            OutTangent,
            Scratch,
        ],
        Entry::Vjp => &[Time, States, Params, Weights, TimeGrad, StatesGrad, ParamsGrad, Scratch],
        Entry::Factored => {
            &[Time, States, Params, Weights, TimeGrad, StatesGrad, ParamsGrad, Out, Scratch]
        }
        Entry::Hvp => &[
            Time,
            States,
            Params,
            TimeTangent,
            StatesTangent,
            ParamsTangent,
            Weights,
            TimeGrad,
            StatesGrad,
            ParamsGrad,
            Scratch,
        ],
    }
}

/// Whether generated functions take the one element of a buffer itself and not its address.
pub(crate) fn is_by_value(buffer: Buffer) -> bool {
    matches!(buffer, Buffer::Time | Buffer::TimeTangent)
}

/// Whether nothing writes to the buffer during a call.
pub(crate) fn is_read_only(buffer: Buffer) -> bool {
    use Buffer::*;
    matches!(
        buffer,
        Time | States | Params | TimeTangent | StatesTangent | ParamsTangent | Weights | Constants
    )
}
