//! The model language: text in, checked model and diagnostics out.
//!
//! *Invariant:* no I/O, never fails: any text gives a [`Model`] and a list of [`Diagnostic`]s.

mod check;
mod derivative;
mod diagnostic;
mod evaluate;
pub mod functions;
mod index;
mod interval;
mod latex;
mod lexer;
mod model;
mod noise;
mod parser;
mod position;
mod print;
mod reactions;
mod reads;
mod render;
mod span;
mod split;
mod suggest;
pub mod syntax;
pub mod units;

pub use check::{CheckOptions, MAX_DIAGNOSTICS, MAX_ELEMENTS, MAX_EXPANDED, check, check_with};
pub use derivative::{NotDifferentiable, Variable, derivative};
pub use diagnostic::{Diagnostic, Severity};
pub use evaluate::{
    Env, evaluate, evaluate_derivatives, evaluate_initial, evaluate_lets, evaluate_vector,
};
pub use interval::{Enclosure, Inputs, Interval};
pub use latex::latex;
pub use model::*;
pub use parser::{MAX_HEIGHT, MAX_NESTING, MAX_TEXT_BYTES, Parsed, parse};
pub use position::{expression_text, line_column, utf16_offset};
pub use print::{format, print, print_expression};
pub use reactions::ReactionMode;
pub use render::{Palette, render, render_with};
pub use span::Span;
pub use suggest::did_you_mean;
