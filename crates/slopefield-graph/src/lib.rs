//! Tensor graphs of models on luminal, their derivatives, and the flat plans back ends compile.
//!
//! Start at [`lower`]: it takes a checked model and a library of networks and gives a
//! [`LoweredModel`], the plans of the model's functions. `lower.rs` lists the passes.
//!
//! *Invariant:* the only crate that names luminal's types.

pub mod custom;
mod element;
mod emit;
mod error;
mod function;
mod graph;
mod interpreter;
pub mod layout;
mod lower;
mod model_graph;
pub mod network;
mod non_finite;
pub mod plan;
mod reference;
mod scalar;
pub mod sparse;

pub use element::Element;
pub use error::LowerError;
pub use graph::{GraphTextError, OpenProduct};
pub use interpreter::{HessianInterpreter, Interpreter, MatrixInterpreter};
pub use layout::Layout;
pub use lower::{
    JacobianPlan, LoweredModel, ObserveSlot, RecordingPlans, dump, lower, lower_hessian,
    lower_hessian_of, lower_jacobian, lower_recording, lower_text,
};
pub use model_graph::ModelFunction;
pub use network::{BuiltinNetworks, NetworkBuilder, NetworkGraph, NetworkLibrary};
pub use non_finite::{NonFiniteAt, locate_non_finite};
pub use reference::{ReferenceInputs, ReferenceResults, reference_eval};

/// The tensor operators as a Markdown table, for docs/reference/graph-ops.md.
#[must_use]
pub fn graph_ops_table() -> String {
    graph::reference_table()
}
