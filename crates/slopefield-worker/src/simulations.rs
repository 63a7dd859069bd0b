//! The simulations that run, and how they are stopped.

use slopefield_train::Control;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All that run now: one here, and one for each process of a plugin.
#[derive(Default)]
pub struct Simulations(Mutex<Vec<Arc<Control>>>);

/// Takes a simulation off the list when it ends, however it ends.
pub struct Simulating<'a> {
    all: &'a Simulations,
    /// The flag that ends it; a simulation is not paused.
    pub control: Arc<Control>,
}

impl Drop for Simulating<'_> {
    fn drop(&mut self) {
        self.all.lock().retain(|control| !Arc::ptr_eq(control, &self.control));
    }
}

impl Simulations {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Control>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins one.
    pub fn begin(&self) -> Simulating<'_> {
        let control = Arc::new(Control::default());
        self.lock().push(control.clone());
        Simulating { all: self, control }
    }

    /// Ends all that run, before their next step. Those that begin later are not concerned.
    pub fn stop(&self) {
        for control in &*self.lock() {
            control.cancel.store(true, Ordering::Relaxed);
        }
    }
}
