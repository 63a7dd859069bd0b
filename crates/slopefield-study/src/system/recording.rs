//! Evaluations that write down what their reverse products need, made when a gradient first asks
//! for them.

use slopefield_cpu::CompiledRecording;
use slopefield_graph::{LoweredModel, lower_recording};
use slopefield_kernel::Recording;
use slopefield_lang::Model;
use std::sync::{Arc, OnceLock};

/// The right-hand side of a model, compiled for it at the first use; none where writing down saves
/// nothing, or where there can be no native code.
pub(super) struct LazyRecording {
    model: Model,
    lowered: LoweredModel,
    made: OnceLock<Option<Arc<CompiledRecording>>>,
}

impl LazyRecording {
    pub(super) fn new(model: &Model, lowered: &LoweredModel) -> Self {
        let (model, lowered) = (model.clone(), lowered.clone());
        LazyRecording { model, lowered, made: OnceLock::new() }
    }

    pub(super) fn get(&self) -> Option<Arc<dyn Recording>> {
        let made = self.made.get_or_init(|| {
            let plans = lower_recording(&self.model, &self.lowered).ok()??;
            slopefield_cpu::compile_recording(&plans).ok().map(Arc::new)
        });
        made.clone().map(|recording| recording as Arc<dyn Recording>)
    }
}
