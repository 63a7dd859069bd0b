//! The built-in methods by name.

use crate::runge_kutta::{BS3, DP5, TSIT5};
use crate::{ExplicitRungeKutta, Stepper, Tableau};

/// What is said about a method where the user chooses one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodInfo {
    /// Name in study files and on the command line.
    pub id: &'static str,
    /// Name shown to users.
    pub name: &'static str,
    /// Order of convergence.
    pub order: u32,
    /// One sentence: when to use it.
    pub advice: &'static str,
    /// DOI of the paper it comes from.
    pub reference: &'static str,
}

const fn info(tableau: &Tableau) -> MethodInfo {
    MethodInfo {
        id: tableau.id,
        name: tableau.name,
        order: tableau.order,
        advice: tableau.advice,
        reference: tableau.reference,
    }
}

static TABLES: [&Tableau; 3] = [&TSIT5, &DP5, &BS3];
static METHODS: [MethodInfo; 3] = [info(&TSIT5), info(&DP5), info(&BS3)];

/// All built-in methods, the recommended first.
pub fn methods() -> &'static [MethodInfo] {
    &METHODS
}

/// Coefficients of the explicit Runge–Kutta method called `name`; `auto` stands for `tsit5`.
pub fn tableau(name: &str) -> Option<&'static Tableau> {
    let id = if name == "auto" { "tsit5" } else { name };
    TABLES.iter().copied().find(|table| table.id == id)
}

/// A new stepper for the method called `name`; `auto` stands for `tsit5`.
pub fn method(name: &str) -> Option<Box<dyn Stepper>> {
    tableau(name).map(|table| Box::new(ExplicitRungeKutta::new(table)) as Box<dyn Stepper>)
}
