//! The model language: text in, checked model and diagnostics out.
//!
//! *Invariant:* no I/O, never fails: any text gives a [`Model`] and a list of [`Diagnostic`]s.

mod diagnostic;
mod model;
mod span;

pub use diagnostic::{Diagnostic, Severity};
pub use model::*;
pub use span::Span;
