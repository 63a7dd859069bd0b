//! The methods for second-order equations as built-in methods.

use super::{
    Composition, DPRKN6, KAHAN_LI_8, MCLACHLAN_ATELA_5, Nystrom, NystromTable, Symplectic,
    VELOCITY_VERLET,
};
use crate::{MethodClass, MethodInfo};

macro_rules! method {
    ($info:ident, $stepper:ident, $table:ident) => {
        MethodInfo {
            build: || Box::new($stepper::new(&$table)),
            single: || Box::new($stepper::new(&$table)),
            ..$info(&$table)
        }
    };
}

/// The methods for second-order equations, the recommended first.
pub(crate) static METHODS: [MethodInfo; 4] = [
    method!(of_table, Nystrom, DPRKN6),
    method!(of_composition, Symplectic, MCLACHLAN_ATELA_5),
    method!(of_composition, Symplectic, KAHAN_LI_8),
    method!(of_composition, Symplectic, VELOCITY_VERLET),
];

const fn of_composition(scheme: &Composition) -> MethodInfo {
    MethodInfo {
        id: scheme.id,
        name: scheme.name,
        class: MethodClass::SecondOrder,
        order: scheme.order,
        dense_order: scheme.dense_order,
        advice: scheme.advice,
        reference: scheme.reference,
        // Replaced in every entry: a constant function cannot capture its table.
        build: || unreachable!("every entry of the list has a function of its own"),
        single: || unreachable!("every entry of the list has a function of its own"),
    }
}

const fn of_table(table: &NystromTable) -> MethodInfo {
    MethodInfo {
        id: table.id,
        name: table.name,
        class: MethodClass::SecondOrder,
        order: table.order,
        dense_order: table.dense_order,
        advice: table.advice,
        reference: table.reference,
        build: || unreachable!("every entry of the list has a function of its own"),
        single: || unreachable!("every entry of the list has a function of its own"),
    }
}
