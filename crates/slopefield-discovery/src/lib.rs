//! Short formulas for samples of a function: sparse regression on a library of candidate terms, and the
//! evolution of expressions of any form.
//!
//! The library holds monomials and their products, saturating (Monod) and inverse terms, and sines
//! and cosines ([`library`]). Formulas of a few terms are searched for by trying all small sets of
//! terms and by sequentially thresholded least squares (Brunton, Proctor, Kutz, PNAS 113, 2016), on
//! columns of equal size. Constants inside terms, such as half-saturations, are then fitted too, and
//! each formula is judged by cross-validation over blocks of consecutive samples. The answer is a
//! list in which more complexity buys less error: see [`discover`], and [`discover_freely`] for one that
//! holds formulas that no sum of such terms can be, as `a*x*y/(1 + b*x + c*y)`. Quotients of short
//! polynomials and products of powers and exponentials are all tried ([`linear`]), others evolve ([`evolve`]).
//!
//! *Invariant:* knows nothing of models and networks, and the same samples give the same formulas.

mod evolve;
mod expression;
mod fit;
mod formula;
mod least_squares;
mod library;
mod linear;
mod pareto;
mod refine;
mod search;
mod sum;
mod validate;

pub use evolve::Evolution;
pub use expression::{Expression, Function, Node};
pub use formula::{Constant, ConstantKind, Formula};
pub use library::{Families, library};
pub use pareto::{Candidate, Settings, discover, discover_freely};
pub use sum::{Factor, Sum, Term};

/// Samples of a function of several inputs. Consecutive samples may be close to each other, as those
/// along a trajectory are.
#[derive(Debug, Clone, Copy)]
pub struct Samples<'a> {
    /// Inputs, one row for each sample, all of the same length; finite numbers.
    pub inputs: &'a [&'a [f64]],
    /// Value of the function at each; finite numbers.
    pub values: &'a [f64],
}

impl Samples<'_> {
    /// Number of samples.
    fn len(&self) -> usize {
        self.inputs.len().min(self.values.len())
    }

    /// Standard deviation of the values, or what stands for it where they are all the same.
    fn spread(&self) -> f64 {
        let n = self.len().max(1) as f64;
        let mean = self.values.iter().sum::<f64>() / n;
        let variance = self.values.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / n;
        match variance.sqrt() {
            sd if sd > 1e-12 * mean.abs() => sd,
            _ if mean != 0.0 => mean.abs(),
            _ => 1.0,
        }
    }
}
