//! One-step methods that came as coefficients while the program runs.
//!
//! They are found by name like the built-in ones, so everything that reads a table works with them:
//! steps, delays, events, exact gradients.

use crate::rosenbrock::Rosenbrock;
use crate::sdirk::{self, ImplicitTableau};
use crate::{ExplicitRungeKutta, RosenbrockTable, Stepper, Tableau};
use std::sync::{PoisonError, RwLock};

/// The coefficients of a one-step method.
#[derive(Debug, Clone, Copy)]
pub enum Coefficients {
    /// Of an explicit Runge–Kutta method.
    Explicit(&'static Tableau),
    /// Of a diagonally implicit Runge–Kutta method.
    Diagonal(&'static ImplicitTableau),
    /// Of a Rosenbrock method.
    Rosenbrock(&'static RosenbrockTable),
}

impl Coefficients {
    /// Name of the method in study files.
    pub fn id(self) -> &'static str {
        match self {
            Coefficients::Explicit(table) => table.id,
            Coefficients::Diagonal(table) => table.id,
            Coefficients::Rosenbrock(table) => table.id,
        }
    }

    /// A new stepper of the method.
    pub fn stepper(self) -> Box<dyn Stepper> {
        match self {
            Coefficients::Explicit(table) => Box::new(ExplicitRungeKutta::new(table)),
            Coefficients::Diagonal(table) => Box::new(sdirk::stepper(table)),
            Coefficients::Rosenbrock(table) => Box::new(Rosenbrock::new(table)),
        }
    }
}

/// A table that can be made known by name.
pub trait Table: PartialEq + 'static {
    /// The table as coefficients of its kind.
    fn coefficients(&'static self) -> Coefficients;
    /// The table, when they are of this kind.
    fn of(coefficients: Coefficients) -> Option<&'static Self>;
    /// Name in study files.
    fn id(&self) -> &'static str;
}

macro_rules! table {
    ($table:ty, $kind:ident) => {
        impl Table for $table {
            fn coefficients(&'static self) -> Coefficients {
                Coefficients::$kind(self)
            }

            fn of(coefficients: Coefficients) -> Option<&'static Self> {
                match coefficients {
                    Coefficients::$kind(table) => Some(table),
                    _ => None,
                }
            }

            fn id(&self) -> &'static str {
                self.id
            }
        }
    };
}

table!(Tableau, Explicit);
table!(ImplicitTableau, Diagonal);
table!(RosenbrockTable, Rosenbrock);

static REGISTERED: RwLock<Vec<Coefficients>> = RwLock::new(Vec::new());

/// Makes `table` known by its id to [`crate::coefficients`], [`crate::tableau`], [`crate::method`]
/// and [`crate::one_step`], and returns the table that is known from now on: the one that was, when
/// they are equal. Another table of the same id, of whatever kind, takes its place; steppers that
/// exist keep theirs. Built-in ids come first.
///
/// Tables live as long as the process. The caller has checked the coefficients.
pub fn register<T: Table>(table: T) -> &'static T {
    let mut all = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    let place = all.iter().position(|known| known.id() == table.id());
    if let Some(known) = place.and_then(|i| T::of(all[i])).filter(|known| **known == table) {
        return known;
    }
    let table: &'static T = Box::leak(Box::new(table));
    match place {
        Some(i) => all[i] = table.coefficients(),
        None => all.push(table.coefficients()),
    }
    table
}

/// The registered table called `id`.
pub(crate) fn registered(id: &str) -> Option<Coefficients> {
    let all = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    all.iter().copied().find(|table| table.id() == id)
}
