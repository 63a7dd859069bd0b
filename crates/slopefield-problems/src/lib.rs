//! Standard problems with trusted references.
//!
//! Differential equations that the literature uses again and again, as data: right-hand side with
//! exact derivative products, the rest of the system, default parameters, initial state, time
//! span, model text, and reference values with their source. Tests, benchmarks, documentation and
//! the plugin kit share them. Nothing here solves anything.
//!
//! An equation is written once, over any [`Number`]; [`System`] makes of it a kernel in double and
//! single precision with its sparse Jacobian.

mod algebraic;
mod delay;
mod estimation;
mod event;
mod function;
mod jump;
mod networks;
mod non_stiff;
mod number;
mod problem;
mod rules;
mod stiff;
mod stochastic;
mod system;

#[cfg(test)]
mod tests;

pub use algebraic::{
    algebraic, car_axis, charge_pump, fekete, filament, nand_gate, pendulum, pendulum_index_1,
    robertson_dae, slider_crank, squeezer, transistor_amplifier, two_bit_adder, water_tubes,
    wheelset,
};
pub use delay::*;
pub use estimation::{Estimation, estimations};
pub use event::{bouncing_ball, events, projectile, repeated_doses};
pub use function::{Derived, Function};
pub use jump::{
    birth_death, diffusion_lattice, dimer_repressor, dna_repressor, hawkes, jumps, merton,
    mixed_oscillator, multistate, spatial_signalling, third_order_network, twenty_genes,
};
pub use networks::{
    b_cell_receptor, egfr_network, fceri_gamma2, large_networks, multisite2, networks,
};
pub use non_stiff::*;
pub use number::{Float, Jet, Number, Seen};
pub use problem::{Class, Exact, Moment, PathSolution, Problem, Reference};
pub use rules::{Network, Rate, Reaction, RuleError};
pub use stiff::*;
pub use stochastic::*;
pub use system::{Equations, System};

/// All problems of this crate, each in its usual size, but for those of [`large_networks`].
pub fn everything() -> Vec<Problem> {
    let mut problems = all();
    for group in [non_stiff, stiff, networks, algebraic, delays, stochastic, jumps, events] {
        problems.extend(group());
    }
    problems
}
