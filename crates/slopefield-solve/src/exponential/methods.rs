//! The exponential integrators as built-in methods.

use super::Etdrk4;
use crate::{MethodClass, MethodInfo};

/// The exponential integrators.
pub(crate) static METHODS: [MethodInfo; 1] = [MethodInfo {
    id: "etdrk4",
    name: "ETDRK4",
    class: MethodClass::Split,
    order: 4,
    dense_order: 3,
    advice: "For models whose right-hand side is split into a linear stiff part with constant \
             coefficients and a rest, as in reaction and diffusion: the stiff part costs nothing \
             once its matrix functions are known.",
    reference: "10.1006/jcph.2002.6995",
    build: || Box::new(Etdrk4::new()),
    single: || Box::new(Etdrk4::new()),
}];
