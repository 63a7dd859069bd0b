//! Networks of reactions written as rules.
//!
//! Proteins with many sites form more complexes than anybody writes down. A rule says what happens
//! to the sites it names whatever else the molecules bear; expanding the rules from the complexes
//! of the start gives all species and reactions (M. L. Blinov et al., *BioNetGen: software for
//! rule-based modeling of signal transduction based on the interactions of molecular domains*,
//! Bioinformatics 20 (2004) 3289, doi:10.1093/bioinformatics/bth378). How rules are written is told
//! in [`notation`].

mod complex;
mod embed;
mod expand;
mod mass_action;
mod notation;
mod rule;
mod text;

#[cfg(test)]
mod tests;

pub use expand::{Network, Reaction};
pub(crate) use mass_action::MassAction;
pub use notation::{Rate, RuleError};
