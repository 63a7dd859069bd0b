//! Backward differentiation as a built-in method.

use super::{Bdf, MAX_ORDER};
use crate::{MethodClass, MethodInfo};

/// The backward differentiation methods.
pub(crate) static METHODS: [MethodInfo; 2] = [
    MethodInfo {
        id: "bdf",
        name: "Backward differentiation, orders 1 to 5",
        class: MethodClass::Stiff,
        order: MAX_ORDER as u32,
        dense_order: MAX_ORDER as u32,
        advice: "For stiff systems of more than about 50 states, also with algebraic variables: about \
             one evaluation and solve for each step.",
        reference: "10.1137/S1064827594276424",
        build: || Box::new(Bdf::new()),
        single: || Box::new(Bdf::new()),
    },
    MethodInfo {
        id: "bdf-gmres",
        name: "Backward differentiation, iterated",
        class: MethodClass::Stiff,
        order: MAX_ORDER as u32,
        dense_order: MAX_ORDER as u32,
        advice: "For grids of ten thousand states and more, where factors of sparse matrices fill in: its \
             linear systems are solved by GMRES with incomplete factors; below, bdf is as fast.",
        reference: "10.1137/0907058",
        build: || Box::new(Bdf::iterated()),
        single: || Box::new(Bdf::iterated()),
    },
];
