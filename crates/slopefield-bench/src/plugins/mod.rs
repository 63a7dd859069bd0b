//! What plugins cost before and while they are used.

mod interface;
mod scan;

use crate::Suite;

/// See the module.
pub(crate) const SUITE: Suite = Suite {
    name: "plugins",
    about: "plugins: finding and comparing them with what the user trusts, and their interface",
    cases: || {
        let mut cases = Vec::from(scan::cases());
        cases.extend(interface::cases());
        cases
    },
};
