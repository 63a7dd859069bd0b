//! The methods of this crate by name, and which to take.

use crate::{jump, sde};
use slopefield_kernel::{Calculus, NoiseKind};
use slopefield_solve::Stepper;

/// What is said about a method where the user chooses one, and how to make it.
#[derive(Debug, Clone, Copy)]
pub struct MethodInfo {
    /// Name in study files and on the command line.
    pub id: &'static str,
    /// Name shown to users.
    pub name: &'static str,
    /// What it simulates.
    pub process: Process,
    /// Order of convergence of single paths; infinite for exact simulation.
    pub strong_order: f64,
    /// Order of convergence of means; infinite for exact simulation.
    pub weak_order: f64,
    /// Order of the solution between step ends.
    pub dense_order: f64,
    /// One sentence: when to use it.
    pub advice: &'static str,
    /// DOI of the paper it comes from.
    pub reference: &'static str,
    /// A new stepper.
    pub build: fn() -> Box<dyn Stepper>,
    /// A new stepper in single precision.
    pub single: fn() -> Box<dyn Stepper<f32>>,
}

/// What a method simulates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// Stochastic differential equations.
    Diffusion,
    /// Jumps with rates that are constant between jumps.
    Jumps,
}

static GROUPS: [&[MethodInfo]; 2] = [&sde::METHODS, &jump::METHODS];

/// All methods of this crate, the recommended first.
pub fn methods() -> impl Iterator<Item = &'static MethodInfo> {
    GROUPS.iter().copied().flatten()
}

/// What is known of the method called `name`.
#[must_use]
pub fn method_info(name: &str) -> Option<&'static MethodInfo> {
    methods().find(|info| info.id == name)
}

/// A new stepper for the method called `name`. Systems with jumps on top of a differential equation
/// need it inside a [`crate::JumpDiffusion`].
#[must_use]
pub fn method(name: &str) -> Option<Box<dyn Stepper>> {
    method_info(name).map(|info| (info.build)())
}

/// The method to take for a system with noise, and why.
#[must_use]
pub fn choose(
    kind: NoiseKind,
    sources: usize,
    calculus: Calculus,
    stiff: bool,
) -> (&'static str, &'static str) {
    // One source on one state, or on several, needs no iterated integrals of different sources.
    let kind = if sources == 1 && kind != NoiseKind::Additive { NoiseKind::Diagonal } else { kind };
    match (kind, stiff) {
        (NoiseKind::General, _) => match calculus {
            Calculus::Ito => {
                ("em", "the noise is general: higher orders would need its iterated integrals")
            }
            Calculus::Stratonovich => (
                "euler-heun",
                "the noise is general, in the sense of Stratonovich: higher orders would need its \
                 iterated integrals",
            ),
        },
        (_, true) => (
            "implicit-milstein",
            "the drift is stiff: an implicit step is not limited by its fastest scale",
        ),
        (NoiseKind::Additive, false) => {
            ("sosra", "the noise is additive: strong order 1.5 at three evaluations a step")
        }
        (NoiseKind::Diagonal, false) => {
            ("sosri", "the noise is diagonal: strong order 1.5 with a wide region of stability")
        }
        (NoiseKind::Commutative, false) => {
            ("milstein", "the noise is commutative: strong order 1 without iterated integrals")
        }
    }
}

/// The method to take for a jump process with as many kinds of jumps, and why.
#[must_use]
pub fn choose_jumps(kinds: usize, constant_between: bool) -> (&'static str, &'static str) {
    if !constant_between {
        return (
            "jump_diffusion",
            "rates change between jumps: they are integrated along the solution of the equations",
        );
    }
    if kinds <= 10 {
        ("direct", "there are few kinds of jumps: a search in order finds the next one fast")
    } else {
        ("sorting-direct", "there are many kinds of jumps: the search begins with frequent ones")
    }
}
