//! The built-in methods by name.

use crate::registered::{Coefficients, registered};
use crate::rosenbrock::{self, RODAS4P, RODAS5P, ROSENBROCK23};
use crate::runge_kutta::{self, BS3, DP5, TSIT5, VERN6, VERN7, VERN8, VERN9};
use crate::sdirk::{self, KENCARP4, KVAERNO5, TRBDF2};
use crate::{
    OneStep, Stepper, Tableau, adams, bdf, exponential, radau, second_order, stabilised, switching,
};

/// What is said about a method where the user chooses one, and how to make it.
#[derive(Debug, Clone, Copy)]
pub struct MethodInfo {
    /// Name in study files and on the command line.
    pub id: &'static str,
    /// Name shown to users.
    pub name: &'static str,
    /// What it is for.
    pub class: MethodClass,
    /// Order of convergence.
    pub order: u32,
    /// Order of the solution between step ends.
    pub dense_order: u32,
    /// One sentence: when to use it.
    pub advice: &'static str,
    /// DOI of the paper it comes from.
    pub reference: &'static str,
    /// A new stepper.
    pub build: fn() -> Box<dyn Stepper>,
    /// A new stepper in single precision.
    pub single: fn() -> Box<dyn Stepper<f32>>,
}

/// What a method is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodClass {
    /// Differential equations without widely different time scales.
    NonStiff,
    /// Stiff differential equations, and those with algebraic variables.
    Stiff,
    /// Diffusion and other systems with real negative eigenvalues.
    Parabolic,
    /// Either, found out on the way.
    Switching,
    /// Second-order equations, mechanics.
    SecondOrder,
    /// A stiff and a non-stiff part.
    Split,
}

static GROUPS: &[&[MethodInfo]] = &[
    &runge_kutta::METHODS,
    &adams::METHODS,
    &rosenbrock::METHODS,
    &bdf::METHODS,
    &radau::METHODS,
    &sdirk::METHODS,
    &switching::METHODS,
    &second_order::METHODS,
    &stabilised::METHODS,
    &exponential::METHODS,
];
/// The built-in methods that are tables and nothing else. That of `kencarp4-imex` is read by parts of
/// a split right-hand side, and so is not among them.
static TABLES: [Coefficients; 13] = [
    Coefficients::Explicit(&TSIT5),
    Coefficients::Explicit(&DP5),
    Coefficients::Explicit(&BS3),
    Coefficients::Explicit(&VERN6),
    Coefficients::Explicit(&VERN7),
    Coefficients::Explicit(&VERN8),
    Coefficients::Explicit(&VERN9),
    Coefficients::Rosenbrock(&RODAS5P),
    Coefficients::Rosenbrock(&RODAS4P),
    Coefficients::Rosenbrock(&ROSENBROCK23),
    Coefficients::Diagonal(&KENCARP4),
    Coefficients::Diagonal(&KVAERNO5),
    Coefficients::Diagonal(&TRBDF2),
];

/// All built-in methods, the recommended first.
pub fn methods() -> impl Iterator<Item = &'static MethodInfo> {
    GROUPS.iter().copied().flatten()
}

/// What is known of the method called `name`; `auto` stands for `tsit5`.
pub fn method_info(name: &str) -> Option<&'static MethodInfo> {
    let id = if name == "auto" { "tsit5" } else { name };
    methods().find(|info| info.id == id)
}

/// Coefficients of the one-step method called `name`, built in or [registered](crate::register);
/// `auto` stands for `tsit5`. None for names that are not known and for methods that are more than
/// their coefficients.
pub fn coefficients(name: &str) -> Option<Coefficients> {
    let id = if name == "auto" { "tsit5" } else { name };
    TABLES.iter().copied().find(|table| table.id() == id).or_else(|| registered(id))
}

/// Coefficients of the explicit Runge–Kutta method called `name`, built in or
/// [registered](crate::register); `auto` stands for `tsit5`.
pub fn tableau(name: &str) -> Option<&'static Tableau> {
    match coefficients(name)? {
        Coefficients::Explicit(table) => Some(table),
        _ => None,
    }
}

/// The one-step method called `name` without a controller of its lengths; `auto` stands for `tsit5`.
/// None for names that are not known and for methods with a memory of their own.
pub fn one_step(name: &str) -> Option<Box<dyn OneStep>> {
    let id = if name == "auto" { "tsit5" } else { name };
    crate::delay::one_step(id).map(|(method, _)| method)
}

/// A new stepper for the method called `name`; `auto` stands for `tsit5`.
pub fn method(name: &str) -> Option<Box<dyn Stepper>> {
    match method_info(name) {
        Some(info) => Some((info.build)()),
        None => registered(name).map(Coefficients::stepper),
    }
}
