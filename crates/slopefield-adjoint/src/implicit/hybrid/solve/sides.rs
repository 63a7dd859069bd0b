//! Which side of a switching method takes a step.

use super::{At, Solve};
use crate::hybrid::system::System;
use slopefield_solve::{Settings, SolveError, Stats, Switching, Tableau};

impl Solve {
    /// The table of the side that takes step `step` in the solve; none for the implicit one.
    pub(super) fn side(&self, step: usize, settings: &Settings) -> Option<&'static Tableau> {
        if self.again.always.is_some() {
            return self.again.always;
        }
        let implicit = self.record.implicit.get(step).copied().unwrap_or(true);
        (!implicit).then(|| Switching::<f64>::explicit_table(settings.rtol))
    }

    /// Lets the side begin that takes the next step in the solve, where that is the other one.
    pub(super) fn choose_side(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        at: &mut At,
        counts: &mut Stats,
    ) -> Result<(), SolveError> {
        let table = self.side(self.first_step + self.tape.steps.len(), settings);
        self.equations.select(table);
        let here = (self.tape.time(at.moment), &self.state[..]);
        if self.again.change(&system.ivp, settings, table, here, counts)? {
            at.continues = false;
        }
        Ok(())
    }
}
