//! The Rosenbrock methods as built-in methods.

use super::{RODAS4P, RODAS5P, ROSENBROCK23, Rosenbrock};
use crate::{MethodClass, MethodInfo};

macro_rules! method {
    ($table:ident) => {
        MethodInfo {
            id: $table.id,
            name: $table.name,
            class: MethodClass::Stiff,
            order: $table.order,
            dense_order: $table.dense_order,
            advice: $table.advice,
            reference: $table.reference,
            build: || Box::new(Rosenbrock::new(&$table)),
            single: || Box::new(Rosenbrock::new(&$table)),
        }
    };
}

/// The Rosenbrock methods, the recommended first.
pub(crate) static METHODS: [MethodInfo; 3] =
    [method!(RODAS5P), method!(RODAS4P), method!(ROSENBROCK23)];
