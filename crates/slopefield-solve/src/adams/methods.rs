//! The Adams method as a built-in method.

use super::{Adams, MAX_ORDER};
use crate::{MethodClass, MethodInfo};

/// The Adams methods.
pub(crate) static METHODS: [MethodInfo; 1] = [MethodInfo {
    id: "vcabm",
    name: "Adams–Bashforth–Moulton, orders 1 to 12",
    class: MethodClass::NonStiff,
    order: MAX_ORDER as u32,
    dense_order: MAX_ORDER as u32,
    advice: "For right-hand sides that are dear to evaluate, at tolerances below 1e-6: two \
             evaluations for each step, whatever the order.",
    reference: "10.1007/978-3-540-78862-1",
    build: || Box::new(Adams::new()),
    single: || Box::new(Adams::new()),
}];
