//! Machine code from plans: [`fuse`] finds what one kernel can do, [`schedule`] orders the program, [`chunk`] cuts it into functions,
//! [`emit`] writes one function, [`code`] owns the memory.

mod chunk;
pub(crate) mod code;
pub(crate) mod emit;
mod emit_dense;
mod emit_each;
mod fuse;
mod pair;
mod schedule;
