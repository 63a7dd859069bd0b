//! The stabilised methods as built-in methods.

use super::Rkc;
use crate::{MethodClass, MethodInfo};

/// The stabilised methods.
pub(crate) static METHODS: [MethodInfo; 1] = [MethodInfo {
    id: "rkc2",
    name: "Runge–Kutta–Chebyshev 2",
    class: MethodClass::Parabolic,
    order: 2,
    dense_order: 2,
    advice: "For large systems from diffusion whose eigenvalues are near the negative real axis, \
             at tolerances from 1e-2 to 1e-5: no matrices, and stages as many as stability asks \
             for.",
    reference: "10.1016/S0377-0427(97)00219-7",
    build: || Box::new(Rkc::new()),
    single: || Box::new(Rkc::new()),
}];
