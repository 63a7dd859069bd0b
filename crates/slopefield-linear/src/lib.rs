//! Linear algebra of implicit methods.
//!
//! A method evaluates the [`Jacobian`] of a right-hand side and takes its [`Mass`] matrix, factors
//! an [`IterationMatrix`] `a M − b J` made of them and solves with it, again and again. Very large
//! systems are solved by [`Gmres`], without a matrix or with an incomplete factorisation ([`Ilu0`]).
//!
//! *Invariant:* knows kernels and matrices, no methods; factoring and solving again with the same
//! pattern allocates nothing.

mod block_jacobi;
mod colouring;
mod dense;
mod field;
mod gmres;
mod ilu0;
mod iteration_matrix;
mod jacobian;
mod mass;
mod pattern;
mod product;
mod real;
mod small;
mod sparse;

pub use block_jacobi::BlockJacobi;
pub use colouring::column_colours;
pub use field::Field;
pub use gmres::{Gmres, Iterated};
pub use ilu0::Ilu0;
pub use iteration_matrix::{IterationMatrix, MatrixStorage, Singular};
pub use jacobian::Jacobian;
pub use mass::Mass;
pub use pattern::Pattern;
pub use product::multiply_square;
pub use real::Real;
