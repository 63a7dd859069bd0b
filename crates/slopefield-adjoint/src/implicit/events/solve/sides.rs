//! The methods that take the steps again: one, or the two that a switching method chooses from.

use super::{At, Solve};
use crate::hybrid::system::System;
use slopefield_solve::{
    OneStep, Settings, SolveError, Stages, Stats, Switching, Tableau, one_step,
};

/// The methods, and the choice.
pub(super) struct Sides {
    pub implicit: Box<dyn OneStep>,
    explicit: Option<Stages>,
    /// The table of the explicit method, where it takes steps.
    pub table: Option<&'static Tableau>,
    /// The same where it takes all of them.
    always: Option<&'static Tableau>,
}

impl Sides {
    /// The implicit method called `name`.
    pub fn named(name: &str) -> Option<Self> {
        let mut implicit = one_step(name)?;
        implicit.freeze();
        Some(Sides { implicit, explicit: None, table: None, always: None })
    }

    /// The explicit method of a table.
    pub fn explicit(table: &'static Tableau) -> Self {
        let implicit = Box::new(Stages::new(table));
        Sides { implicit, explicit: None, table: None, always: Some(table) }
    }

    /// Lets the explicit method of `table` take steps from now on, or the implicit one.
    pub fn choose(&mut self, table: Option<&'static Tableau>) {
        self.table = table;
        if let Some(table) = table
            && self.explicit.as_ref().is_none_or(|held| held.tableau().id != table.id)
        {
            self.explicit = Some(Stages::new(table));
        }
    }

    /// The method that takes steps.
    pub fn active(&mut self) -> &mut dyn OneStep {
        match (&mut self.explicit, self.table) {
            (Some(explicit), Some(_)) => explicit,
            _ => &mut *self.implicit,
        }
    }
}

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
        let table = self.side(self.tape.steps.len(), settings);
        self.equations.select(table);
        if table.map(|table| table.id) == self.again.table.map(|table| table.id) {
            return Ok(());
        }
        self.again.choose(table);
        at.continues = false;
        let t = self.tape.time(at.moment);
        self.again.active().begin(&system.ivp, settings, t, &self.state, counts)
    }
}
