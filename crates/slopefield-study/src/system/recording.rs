//! Evaluations that write down what their reverse products need, made when a gradient first asks
//! for them.

use super::Source;
use slopefield_cpu::CompiledRecording;
use slopefield_graph::lower_recording;
use slopefield_kernel::Recording;
use std::sync::{Arc, OnceLock};

/// The right-hand side of a model, compiled for it at the first use; none where writing down saves
/// nothing, or where there can be no native code.
pub(super) struct LazyRecording {
    source: Arc<Source>,
    made: OnceLock<Option<Arc<CompiledRecording>>>,
}

impl LazyRecording {
    pub(super) fn new(source: &Arc<Source>) -> Self {
        LazyRecording { source: Arc::clone(source), made: OnceLock::new() }
    }

    pub(super) fn get(&self) -> Option<Arc<dyn Recording>> {
        let made = self.made.get_or_init(|| {
            let plans = lower_recording(&self.source.model, &self.source.lowered).ok()??;
            slopefield_cpu::compile_recording(&plans).ok().map(Arc::new)
        });
        made.clone().map(|recording| recording as Arc<dyn Recording>)
    }
}
