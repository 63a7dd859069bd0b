//! Explicit Runge–Kutta methods: coefficient tables and the one stepper that reads them.

mod bs3;
mod dense;
mod dp5;
mod stages;
mod step;
mod tableau;
mod tsit5;

#[cfg(test)]
mod tests;

pub use bs3::BS3;
pub use dp5::DP5;
pub use stages::Stages;
pub use step::ExplicitRungeKutta;
pub use tableau::{MAX_STAGES, Tableau};
pub use tsit5::TSIT5;
