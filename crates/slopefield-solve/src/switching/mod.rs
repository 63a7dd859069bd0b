//! A method for systems of unknown stiffness: explicit steps where they pay, implicit ones where
//! stability would cut explicit ones short, and a report of what was found.

mod methods;
mod power;
mod report;
mod stepper;

#[cfg(test)]
mod tests;

pub(crate) use methods::METHODS;
pub use report::{Side, Switch, SwitchReport};
pub use stepper::Switching;
