//! Gradients: losses with their derivatives beside hand-written C, beside their own solve, and
//! through what the automatic choice takes on stiff systems.

mod chosen;
mod over_solve;
mod starts;

use crate::core::{gradient, scaling};
use crate::{Case, Suite};

/// See the module.
pub(crate) const SUITE: Suite = Suite {
    name: "gradients",
    about: "losses with gradients beside hand-written C, beside one solve, and by the automatic \
            choice on stiff systems",
    cases,
};

fn cases() -> Vec<Case> {
    let mut cases = vec![gradient::lotka_volterra(), gradient::spiral()];
    cases.push(starts::case());
    cases.extend(scaling::cases().into_iter().filter(|case| case.name.ends_with("-gradient")));
    cases.extend(over_solve::cases());
    cases.extend(chosen::cases());
    cases
}
