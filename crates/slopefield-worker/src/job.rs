//! The job that runs: pause, resume, stop.

use crate::failure::error;
use slopefield_api::types::JobAction;
use slopefield_api::{ApiError, Code};
use slopefield_train::Control;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

/// At most one training, comparison of gradients or drawing from a posterior at a time.
#[derive(Default)]
pub struct Jobs(Mutex<Option<Arc<Control>>>);

/// Takes the job off the list when it ends, however it ends.
pub struct Running<'a> {
    jobs: &'a Jobs,
    /// Pause and cancel flags of this job.
    pub control: Arc<Control>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *self.jobs.lock() = None;
    }
}

impl Jobs {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Control>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a job.
    pub fn start(&self) -> Result<Running<'_>, ApiError> {
        let mut current = self.lock();
        if current.is_some() {
            return Err(error(
                Code::Request,
                "a training, a comparison of gradients or a drawing is already running; stop it first",
            ));
        }
        let control = Arc::new(Control::default());
        *current = Some(control.clone());
        Ok(Running { jobs: self, control })
    }

    /// Acts on the running job.
    pub fn act(&self, action: JobAction) -> Result<(), ApiError> {
        let current = self.lock();
        let Some(control) = current.as_ref() else {
            return Err(error(Code::Request, "nothing is running"));
        };
        match action {
            JobAction::Pause => control.pause.store(true, Ordering::Relaxed),
            JobAction::Resume => control.pause.store(false, Ordering::Relaxed),
            JobAction::Stop => stop(control),
        }
        Ok(())
    }

    /// Something runs.
    pub fn any(&self) -> bool {
        self.lock().is_some()
    }

    /// Stops what runs; for the end of the process.
    pub fn stop_all(&self) {
        if let Some(control) = self.lock().as_ref() {
            stop(control);
        }
    }
}

/// A paused job must go on to see that it shall end.
fn stop(control: &Control) {
    control.cancel.store(true, Ordering::Relaxed);
    control.pause.store(false, Ordering::Relaxed);
}
