//! Tests of methods given by coefficients.

use crate::context::Context;
use crate::outcome::{Finding, passed};
use slopefield_plugin_host::tableau_problem;

pub(crate) fn conditions(cx: &Context) -> Finding {
    if let Some(problem) = tableau_problem(&cx.found) {
        return Err(problem.to_string());
    }
    let method = cx.solver()?;
    passed(format!("order {}, {} within steps", method.order, method.dense_order))
}
