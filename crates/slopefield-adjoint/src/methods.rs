//! The gradient methods by name: what each is, through which solvers and systems it goes, and how
//! one is made.

use crate::hybrid::HONOURED;
use crate::implicit::HONOURED_IMPLICITLY;
use crate::{
    BacksolveAdjoint, BdfAdjoint, BdfSensitivity, DiscreteAdjoint, ForwardSensitivity,
    GaussAdjoint, GradientMethod, HybridAdjoint, HybridForward, ImplicitAdjoint,
    ImplicitHybridAdjoint, ImplicitHybridSensitivity, ImplicitSensitivity, InterpolatingAdjoint,
    OwnStepsAdjoint, QuadratureAdjoint, stochastic,
};
use slopefield_kernel::{Part, Structure};
use slopefield_solve::{Stepper, tableau};

/// The solver and the system through which a gradient is to go.
pub struct Through<'a> {
    /// Name of the solver: that of a built-in method, or `plugin/solver`.
    pub solver: &'a str,
    /// What is known of the system.
    pub structure: &'a Structure<'a>,
    /// Makes a stepper of the solver for the system.
    pub stepper: &'a dyn Fn() -> Result<Box<dyn Stepper>, String>,
    /// Bytes of tape and checkpoints that a gradient may hold where it has a choice.
    pub memory: u64,
}

/// A gradient method, as users see it.
pub struct MethodInfo {
    /// Name in study files: `discrete`.
    pub id: &'static str,
    /// Name in menus: `Discrete adjoint`.
    pub title: &'static str,
    /// What it is and what it costs, in a sentence.
    pub description: &'static str,
    /// Whether it differentiates the very steps of the solver; otherwise it agrees with differences
    /// of those up to the tolerance.
    pub exact: bool,
    /// A fresh instance, or a sentence that says why it cannot go through this solver and system.
    pub make: fn(&Through<'_>) -> Result<Box<dyn GradientMethod>, String>,
}

/// Backward differentiation with factors of its matrices.
const BDF: &str = "bdf";

/// All methods, in the order in which tables show them.
pub static METHODS: &[MethodInfo] = &[
    MethodInfo {
        id: "discrete",
        title: "Discrete adjoint",
        description: "Exact reverse of the solver's own steps; a few solves, whatever the number of \
                      parameters.",
        exact: true,
        make: |through| match tableau(through.solver) {
            _ if through.structure.noise.is_some() => stochastic::adjoint(through),
            Some(table) if is_hybrid(through) => {
                without(through, &HONOURED)?;
                Ok(Box::new(HybridAdjoint::new(table).with_memory(through.memory)))
            }
            Some(table) => {
                without(through, &[])?;
                Ok(Box::new(DiscreteAdjoint::new(table).with_memory(through.memory)))
            }
            None if is_hybrid(through) => {
                without(through, &HONOURED_IMPLICITLY)?;
                let method = ImplicitHybridAdjoint::named(through.solver);
                let method = method.ok_or_else(|| not_through(through))?;
                method.suits(through.structure)?;
                Ok(Box::new(method.with_memory(through.memory)))
            }
            None if through.solver == BDF => {
                without(through, &[Part::Mass])?;
                Ok(Box::new(BdfAdjoint::new().with_memory(through.memory)))
            }
            None => match ImplicitAdjoint::named(through.solver) {
                Some(method) => {
                    without(through, &[Part::Mass])?;
                    method.suits(through.structure)?;
                    Ok(Box::new(method.with_memory(through.memory)))
                }
                None => by_own_steps(through),
            },
        },
    },
    MethodInfo {
        id: "forward",
        title: "Forward sensitivities",
        description: "Tangent of the solver's own steps; one product per step and parameter.",
        exact: true,
        make: |through| match tableau(through.solver) {
            _ if through.structure.noise.is_some() => stochastic::forward(through),
            Some(table) if is_hybrid(through) => {
                without(through, &HONOURED)?;
                Ok(Box::new(HybridForward::new(table).with_memory(through.memory)))
            }
            Some(table) => {
                without(through, &[])?;
                Ok(Box::new(ForwardSensitivity::new(table).with_memory(through.memory)))
            }
            None if is_hybrid(through) => {
                without(through, &HONOURED_IMPLICITLY)?;
                let method = ImplicitHybridSensitivity::named(through.solver);
                let method = method.ok_or_else(|| not_through(through))?;
                method.suits(through.structure)?;
                Ok(Box::new(method.with_memory(through.memory)))
            }
            None if through.solver == BDF => {
                without(through, &[Part::Mass])?;
                Ok(Box::new(BdfSensitivity::new().with_memory(through.memory)))
            }
            None => match ImplicitSensitivity::named(through.solver) {
                Some(method) => {
                    without(through, &[Part::Mass])?;
                    method.suits(through.structure)?;
                    Ok(Box::new(method.with_memory(through.memory)))
                }
                None => Err(not_exactly(through.solver)),
            },
        },
    },
    MethodInfo {
        id: "gauss",
        title: "Gauss adjoint",
        description: "Continuous adjoint along the stored solution, parameters by Gauss quadrature; \
                      through every solver.",
        exact: false,
        make: |through| {
            without(through, &[Part::Mass, Part::Events])?;
            Ok(Box::new(GaussAdjoint::new((through.stepper)()?).with_memory(through.memory)))
        },
    },
    MethodInfo {
        id: "interpolating",
        title: "Interpolating adjoint",
        description: "Continuous adjoint along the stored solution, parameters as part of its \
                      equation; through every solver, for few parameters.",
        exact: false,
        make: |through| {
            without(through, &[Part::Mass, Part::Events])?;
            let method = InterpolatingAdjoint::new((through.stepper)()?);
            Ok(Box::new(method.with_memory(through.memory)))
        },
    },
    MethodInfo {
        id: "quadrature",
        title: "Quadrature adjoint",
        description: "Continuous adjoint along the stored solution, parameters by adaptive \
                      quadrature afterwards; through every solver.",
        exact: false,
        make: |through| {
            without(through, &[Part::Mass, Part::Events])?;
            let method = QuadratureAdjoint::new((through.stepper)()?);
            Ok(Box::new(method.with_memory(through.memory)))
        },
    },
    MethodInfo {
        id: "backsolve",
        title: "Backsolve adjoint",
        description: "Continuous adjoint with the solution integrated backward, in constant memory; \
                      refuses solutions that do not come back.",
        exact: false,
        make: |through| {
            without(through, &[Part::Events])?;
            Ok(Box::new(BacksolveAdjoint::new((through.stepper)()?)))
        },
    },
    MethodInfo {
        id: "score",
        title: "Likelihood ratio",
        description: "For means over random jumps: the derivative of how likely the jumps are, and \
                      of the path between them; an unbiased estimate, whose error falls with the \
                      number of paths.",
        exact: false,
        make: stochastic::score,
    },
];

/// The method called `id`.
pub fn method_info(id: &str) -> Option<&'static MethodInfo> {
    METHODS.iter().find(|m| m.id == id)
}

/// Those that go through a solver and a system.
pub fn applicable(through: &Through<'_>) -> Vec<&'static MethodInfo> {
    METHODS.iter().filter(|m| (m.make)(through).is_ok()).collect()
}

/// Whether the system has events or delays, which gradients go through step by step.
fn is_hybrid(through: &Through<'_>) -> bool {
    through.structure.events.is_some() || through.structure.delays.is_some()
}

/// The exact gradient through a solver that reverses its own steps, where it does.
fn by_own_steps(through: &Through<'_>) -> Result<Box<dyn GradientMethod>, String> {
    if !through.solver.contains('/') {
        return Err(not_exactly(through.solver));
    }
    without(through, &[])?;
    let method = OwnStepsAdjoint::new((through.stepper)()?);
    let method = method.ok_or_else(|| not_exactly(through.solver))?;
    Ok(Box::new(method.with_memory(through.memory)))
}

/// Refuses systems with parts besides those `honoured`.
pub(crate) fn without(
    through: &Through<'_>,
    honoured: &[slopefield_kernel::Part],
) -> Result<(), String> {
    match through.structure.beyond(honoured) {
        Some(part) => Err(format!(
            "this gradient method does not differentiate systems with {}",
            part.words()
        )),
        None => Ok(()),
    }
}

pub(crate) fn not_reversible(solver: &str) -> String {
    let several = match solver {
        "vcabm" => ": each uses several steps before it, of changing number and length",
        "bdf-gmres" => {
            ": its linear systems are iterated, and the transposed ones of a gradient are not; bdf \
             factors them, and has exact gradients"
        }
        _ => "",
    };
    format!("the steps of `{solver}` cannot be differentiated one by one{several}")
}

/// The same for systems through which the continuous methods go.
fn not_exactly(solver: &str) -> String {
    let why = not_reversible(solver);
    format!(
        "{why}; the continuous methods gauss, interpolating and quadrature need the solution alone"
    )
}

/// Why the steps of a solver are not differentiated where the system has delays or events.
fn not_through(through: &Through<'_>) -> String {
    let solver = through.solver;
    if through.structure.delays.is_some() {
        format!(
            "the steps of `{solver}` are not differentiated in systems with delays; use a method of \
             one step, such as tsit5, rodas5p or radau"
        )
    } else if solver == BDF || ImplicitAdjoint::named(solver).is_some() {
        format!(
            "the steps of `{solver}` are not differentiated one by one in systems with events; use \
             rodas5p, another implicit method of one step, or an explicit method"
        )
    } else {
        not_exactly(solver)
    }
}
