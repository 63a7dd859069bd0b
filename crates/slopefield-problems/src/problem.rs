//! What a standard problem consists of.

use crate::rules::Network;
use crate::system::{Equations, System};
use slopefield_kernel::Kernel;

/// An initial value problem with references.
pub struct Problem {
    /// Short name, stable.
    pub id: &'static str,
    /// Name in the literature.
    pub name: &'static str,
    /// What kind of problem it is.
    pub class: Class,
    /// Right-hand side with its derivative products; its structure has the rest of the system.
    pub rhs: Box<dyn Kernel>,
    /// The same in single precision, where that is written.
    pub single: Option<Box<dyn Kernel<f32>>>,
    /// The model in the model language, where it can say it.
    pub text: Option<&'static str>,
    /// The reactions, where it is a network that was expanded from rules.
    pub network: Option<&'static Network>,
    /// Usual start time.
    pub t0: f64,
    /// Usual end time.
    pub t1: f64,
    /// Usual initial state.
    pub u0: Vec<f64>,
    /// Usual parameters.
    pub p: Vec<f64>,
    /// Times in between at which the right-hand side jumps, where a solver does well to stop.
    pub breaks: Vec<f64>,
    /// Known states on the way, for `t0`, `u0` and `p` above.
    pub references: Vec<Reference>,
    /// The solution in closed form, where there is one: writes `u(t)` for a start `u0` at `t0`.
    pub exact: Option<Exact>,
    /// The solution of a stochastic equation as a function of the noise, where there is one.
    pub path: Option<PathSolution>,
    /// Known means of random states at `t0`, `u0` and `p` above.
    pub moments: Vec<Moment>,
}

/// Writes the exact state at time `t` for start `(t0, u0)` and parameters `p`:
/// `exact(t, t0, u0, p, out)`.
pub type Exact = fn(f64, f64, &[f64], &[f64], &mut [f64]);

/// Writes the exact state at time `t` for a start `u0` at time 0 and values `w` of the Wiener
/// processes at `t`: `path(t, w, u0, p, out)`.
pub type PathSolution = fn(f64, &[f64], &[f64], &[f64], &mut [f64]);

/// What a problem is, by the part that makes it difficult.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Ordinary differential equations without widely different time scales.
    NonStiff,
    /// Stiff ordinary differential equations.
    Stiff,
    /// Algebraic equations, in the form of a singular mass matrix.
    Algebraic,
    /// Delays.
    Delay,
    /// White noise.
    Stochastic,
    /// Random jumps.
    Jump,
    /// Events.
    Event,
}

/// A state known from elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Time.
    pub t: f64,
    /// State.
    pub u: Vec<f64>,
    /// Half a unit in the last digit given, absolute: the reference is that good.
    pub tolerance: f64,
    /// The same relative to each value, which is added. Where values differ by orders of
    /// magnitude, this is what counts.
    pub relative: f64,
    /// Where it comes from.
    pub source: &'static str,
}

impl Reference {
    /// How far value `i` may be from the truth.
    #[must_use]
    pub fn uncertainty(&self, i: usize) -> f64 {
        self.tolerance + self.relative * self.u[i].abs()
    }
}

/// Mean and variance of a random state.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// Time.
    pub t: f64,
    /// Which state.
    pub state: usize,
    /// Its mean.
    pub mean: f64,
    /// Number of simulations behind `mean`; none where it is exact.
    pub simulations: Option<u64>,
    /// Its variance, where that is known.
    pub variance: Option<f64>,
    /// Where it comes from.
    pub source: &'static str,
}

impl Problem {
    /// A problem without references. The equations are set up twice, for both precisions.
    pub(crate) fn new<E: Equations + Clone + 'static>(
        (id, name): (&'static str, &'static str),
        class: Class,
        equations: E,
        (t0, t1): (f64, f64),
        u0: Vec<f64>,
        p: Vec<f64>,
    ) -> Problem {
        let single: Box<dyn Kernel<f32>> = Box::new(System::new(equations.clone()));
        Problem {
            single: Some(single),
            ..Problem::of_kernel(
                (id, name),
                class,
                Box::new(System::new(equations)),
                (t0, t1),
                u0,
                p,
            )
        }
    }

    pub(crate) fn of_kernel(
        (id, name): (&'static str, &'static str),
        class: Class,
        rhs: Box<dyn Kernel>,
        (t0, t1): (f64, f64),
        u0: Vec<f64>,
        p: Vec<f64>,
    ) -> Problem {
        Problem {
            id,
            name,
            class,
            rhs,
            single: None,
            text: None,
            network: None,
            t0,
            t1,
            u0,
            p,
            breaks: Vec::new(),
            references: Vec::new(),
            exact: None,
            path: None,
            moments: Vec::new(),
        }
    }

    /// With a reference good to `tolerance`, absolute.
    pub(crate) fn known(mut self, t: f64, u: &[f64], tolerance: f64, source: &'static str) -> Self {
        self.references.push(Reference { t, u: u.to_vec(), tolerance, relative: 0.0, source });
        self
    }

    /// With a reference good to `relative` of each value.
    pub(crate) fn known_relative(
        mut self,
        t: f64,
        u: &[f64],
        relative: f64,
        source: &'static str,
    ) -> Self {
        self.references.push(Reference { t, u: u.to_vec(), tolerance: 0.0, relative, source });
        self
    }

    pub(crate) fn with_break(mut self, t: f64) -> Self {
        self.breaks.push(t);
        self
    }

    /// With the reference in a file of the folder `references`: a comment line, then a value a line.
    pub(crate) fn known_from(
        self,
        t: f64,
        file: &str,
        tolerance: f64,
        source: &'static str,
    ) -> Self {
        let values: Vec<f64> = file.lines().skip(1).filter_map(|line| line.parse().ok()).collect();
        self.known(t, &values, tolerance, source)
    }

    /// The same, with values good to `relative` of each.
    pub(crate) fn known_relative_from(
        self,
        t: f64,
        file: &str,
        relative: f64,
        source: &'static str,
    ) -> Self {
        let mut problem = self.known_from(t, file, 0.0, source);
        problem
            .references
            .iter_mut()
            .rfind(|r| r.t == t)
            .into_iter()
            .for_each(|r| r.relative = relative);
        problem
    }

    pub(crate) fn with_text(mut self, text: &'static str) -> Self {
        self.text = Some(text);
        self
    }

    pub(crate) fn with_exact(mut self, exact: Exact) -> Self {
        self.exact = Some(exact);
        self
    }
}

/// Source of the values computed for this project in extended precision; two step sizes agreed to
/// all digits given.
pub(crate) const COMPUTED: &str =
    "Gragg extrapolation of order 16 in arithmetic of 34 digits, independent of this program";

/// Source of the values computed for this project in double precision.
pub(crate) const TIGHT: &str =
    "SciPy (Radau, DOP853) at relative tolerances of 1e-12 to 1e-13, independent of this program";

/// Source of the published values of the test set.
pub(crate) const TEST_SET: &str = "Mazzia, Magherini, Test Set for Initial Value Problem Solvers, release 2.4, Bari 2008: RADAU5 \
     in extended precision at tolerances of 1.1e-18";

/// The text of a model in the folder `models`.
macro_rules! model {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/", $name, ".slope"))
    };
}

/// A type without data for equations with fixed numbers of states and parameters:
/// `equations! { Name: states, params; (t, u, p, out) { … } }`. The body reads `u(i)`, `p(j)` and
/// calls `out(i, value)` once for each state.
macro_rules! equations {
    ($(#[$doc:meta])* $name:ident: $states:expr, $params:expr;
     ($t:pat, $u:pat, $p:pat, $out:ident) $body:block) => {
        $crate::problem::function! { $(#[$doc])* $name: ($states, $params) -> $states;
            ($t, $u, $p, $out) $body }
        impl $crate::system::Equations for $name {}
    };
}

/// As `equations!` for a function with its own number of outputs and nothing else.
macro_rules! function {
    ($(#[$doc:meta])* $name:ident: ($states:expr, $params:expr) -> $outputs:expr;
     ($t:pat, $u:pat, $p:pat, $out:ident) $body:block) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        struct $name;
        impl $crate::function::Function for $name {
            fn shape(&self) -> slopefield_kernel::Shape {
                slopefield_kernel::Shape { states: $states, params: $params, outputs: $outputs }
            }
            #[inline(always)]
            fn eval<N: $crate::number::Number>(
                &self,
                $t: N,
                $u: impl Fn(usize) -> N,
                $p: impl Fn(usize) -> N,
                mut $out: impl FnMut(usize, N),
            ) {
                $body
            }
        }
    };
}

pub(crate) use {equations, function, model};
