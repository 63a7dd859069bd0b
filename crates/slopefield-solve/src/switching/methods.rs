//! Automatic switching as a built-in method.

use super::Switching;
use crate::{MethodClass, MethodInfo};

/// The switching methods.
pub(crate) static METHODS: [MethodInfo; 1] = [MethodInfo {
    id: "auto-switch",
    name: "Automatic switching: Tsit5 or Vern7, Rodas5P or BDF",
    class: MethodClass::Switching,
    order: 5,
    dense_order: 4,
    advice: "For systems of unknown stiffness, or stiff only at times: begins with an explicit \
             method and changes over when stability, not accuracy, bounds its steps.",
    reference: "10.1137/0904010",
    build: || Box::new(Switching::new()),
    single: || Box::new(Switching::new()),
}];
