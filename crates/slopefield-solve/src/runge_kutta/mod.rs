//! Explicit Runge–Kutta methods: coefficient tables and the one stepper that reads them.

mod bs3;
mod dense;
mod dp5;
mod methods;
mod one_step;
mod records;
mod stages;
mod tableau;
mod tsit5;
mod vern6;
mod vern7;
mod vern8;
mod vern9;

#[cfg(test)]
mod tests;

pub use bs3::BS3;
pub use dp5::DP5;
pub(crate) use methods::METHODS;
pub use one_step::ExplicitRungeKutta;
pub use records::copy_few;
pub use stages::Stages;
pub use tableau::{ExtraStages, MAX_DENSE_STAGES, MAX_STAGES, Tableau};
pub use tsit5::TSIT5;
pub use vern6::VERN6;
pub use vern7::VERN7;
pub use vern8::VERN8;
pub use vern9::VERN9;
