//! The explicit Runge–Kutta methods as built-in methods.

use super::{BS3, DP5, ExplicitRungeKutta, TSIT5, Tableau, VERN6, VERN7, VERN8, VERN9};
use crate::{MethodClass, MethodInfo, Stepper};

macro_rules! method {
    ($table:ident) => {
        MethodInfo {
            build: || Box::new(ExplicitRungeKutta::new(&$table)),
            single: || Box::new(ExplicitRungeKutta::new(&$table)),
            ..info(&$table)
        }
    };
}

/// The explicit Runge–Kutta methods, the recommended first.
pub(crate) static METHODS: [MethodInfo; 7] = [
    method!(TSIT5),
    method!(DP5),
    method!(BS3),
    method!(VERN6),
    method!(VERN7),
    method!(VERN8),
    method!(VERN9),
];

const fn info(table: &Tableau) -> MethodInfo {
    MethodInfo {
        id: table.id,
        name: table.name,
        class: MethodClass::NonStiff,
        order: table.order,
        dense_order: table.dense_order,
        advice: table.advice,
        reference: table.reference,
        build: unavailable,
        single: unavailable_single,
    }
}

// Replaced in every entry: a constant function cannot capture its table.
fn unavailable() -> Box<dyn Stepper> {
    unreachable!("every entry of the list has a function of its own")
}

fn unavailable_single() -> Box<dyn Stepper<f32>> {
    unreachable!("every entry of the list has a function of its own")
}
