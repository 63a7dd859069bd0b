//! The methods that take steps again: one, or the two that a switching method chooses from.

use super::equations::StageEquations;
use slopefield_solve::{Ivp, OneStep, Settings, SolveError, Stages, Stats, Tableau, one_step};

/// The methods, and the choice.
pub(super) struct Sides {
    pub implicit: Box<dyn OneStep>,
    explicit: Option<Stages>,
    /// The table of the explicit method, where it takes steps.
    pub table: Option<&'static Tableau>,
    /// The same where it takes all of them.
    pub always: Option<&'static Tableau>,
}

impl Sides {
    /// Those of the method called `name`, whose steps have these equations.
    pub fn of(name: &str, equations: &dyn StageEquations) -> Option<Self> {
        let mut implicit = one_step(if equations.switches() { "rodas5p" } else { name })?;
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

    /// Whether steps of the side of `table` come from the active one.
    pub fn takes(&self, table: Option<&'static Tableau>) -> bool {
        table.map(|table| table.id) == self.table.map(|table| table.id)
    }

    /// Lets the side of `table` begin at `(t, u)`, unless it is the one that takes steps. Returns whether
    /// it was the other.
    ///
    /// # Errors
    /// Those of [`OneStep::begin`].
    pub fn change(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        table: Option<&'static Tableau>,
        (t, u): (f64, &[f64]),
        counts: &mut Stats,
    ) -> Result<bool, SolveError> {
        if self.takes(table) {
            return Ok(false);
        }
        self.choose(table);
        self.active().begin(ivp, settings, t, u, counts)?;
        Ok(true)
    }
}
