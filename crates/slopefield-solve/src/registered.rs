//! Explicit Runge–Kutta methods that came as coefficients while the program runs.
//!
//! They are found by name like the built-in ones, so everything that reads a table works with them:
//! steps, delays, events, exact gradients.

use crate::Tableau;
use std::sync::{PoisonError, RwLock};

static REGISTERED: RwLock<Vec<&'static Tableau>> = RwLock::new(Vec::new());

/// Makes `table` known by its id to [`crate::tableau`], [`crate::method`] and [`crate::one_step`],
/// and returns the table that is known from now on: the one that was, when they are equal. Another
/// table of the same id takes its place; steppers that exist keep theirs. Built-in ids come first.
///
/// Tables live as long as the process. The caller has checked the coefficients.
pub fn register(table: Tableau) -> &'static Tableau {
    let mut all = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    let place = all.iter().position(|known| known.id == table.id);
    if let Some(known) = place.map(|i| all[i]).filter(|known| **known == table) {
        return known;
    }
    let table: &'static Tableau = Box::leak(Box::new(table));
    match place {
        Some(i) => all[i] = table,
        None => all.push(table),
    }
    table
}

/// The registered table called `id`.
pub(crate) fn registered(id: &str) -> Option<&'static Tableau> {
    let all = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    all.iter().copied().find(|table| table.id == id)
}
