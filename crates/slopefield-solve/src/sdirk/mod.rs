//! Diagonally implicit Runge–Kutta methods: coefficient tables and the one step that reads them.

mod dense;
mod kencarp4;
mod kvaerno5;
mod methods;
mod one_step;
mod stages;
mod tableau;
mod trbdf2;

#[cfg(test)]
mod tests;

pub use kencarp4::{KENCARP4, KENCARP4_IMEX};
pub use kvaerno5::KVAERNO5;
pub(crate) use methods::{METHODS, stepper};
pub use stages::DiagonallyImplicit;
pub use tableau::{ImplicitTableau, MAX_STAGES};
pub use trbdf2::TRBDF2;
