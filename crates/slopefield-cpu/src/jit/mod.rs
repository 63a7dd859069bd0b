//! Machine code from plans: [`schedule`] orders the program, [`chunk`] cuts it into functions,
//! [`emit`] writes one function, [`code`] owns the memory.

mod chunk;
pub(crate) mod code;
mod emit;
mod emit_dense;
mod emit_each;
mod schedule;
