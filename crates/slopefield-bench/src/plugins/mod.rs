//! What plugins cost before and while they are used.

mod scan;

use crate::Suite;

/// See the module.
pub(crate) const SUITE: Suite = Suite {
    name: "plugins",
    about: "plugins: finding them and comparing them with what the user trusts",
    cases: || vec![scan::case()],
};
