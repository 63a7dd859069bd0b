//! The tests by name. Names and descriptions are shown to authors and are stable.

use crate::context::Context;
use crate::outcome::Finding;
use crate::{library, network, solver, tableau};
use slopefield_plugin_host::ProvidesKind;

/// What a test is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applies {
    /// Every plugin, once.
    Plugin,
    /// Plugins with code, once.
    Library,
    /// Solvers in code.
    Solver,
    /// Methods in code and methods given by coefficients.
    Method,
    /// Methods given by coefficients.
    Tableau,
    /// Networks.
    Network,
}

impl Applies {
    /// Whether it is for something that a manifest lists as `kind`.
    #[must_use]
    pub fn to(self, kind: ProvidesKind) -> bool {
        match kind {
            ProvidesKind::Solver => matches!(self, Applies::Solver | Applies::Method),
            ProvidesKind::Tableau => matches!(self, Applies::Tableau | Applies::Method),
            ProvidesKind::Network => self == Applies::Network,
        }
    }
}

/// One test.
pub struct Test {
    /// Stable name.
    pub name: &'static str,
    /// What it looks at, in a sentence.
    pub about: &'static str,
    /// What it is for.
    pub applies: Applies,
    pub(crate) run: fn(&Context) -> Finding,
}

/// The test that fails when anything is printed to standard output.
pub(crate) const SILENT: &str = "library.silent";

macro_rules! tests {
    ($($applies:ident $name:literal $about:literal $run:path;)*) => {
        /// All tests, in the order in which they run.
        pub const TESTS: &[Test] = &[$(Test {
            name: $name,
            about: $about,
            applies: Applies::$applies,
            run: $run,
        }),*];
    };
}

tests! {
    Plugin "plugin.manifest" "The manifest is in order and says what a user wants to know." library::manifest;
    Library "library.loads" "The application loads the library, and manifest and library offer the same." library::loads;
    Library "library.symbols" "The entry function is the only symbol that the library exports." library::symbols;
    Library "library.scan-time" "Entry function and descriptions take less than 100 ms of a processor." library::scan_time;
    Library "library.leftovers" "The scan leaves no thread running and no file open." library::leftovers;
    Library "library.silent" "Nothing is printed to standard output." library::silent;
    Library "library.entry-twice" "The entry function may be called again and says the same." library::entry_twice;
    Library "library.old-host" "A host whose table is too short is refused with a sentence." library::old_host;
    Library "library.new-host" "A host whose table is longer is accepted." library::new_host;
    Library "library.error-buffer" "No message is longer than the buffer it is written to." library::error_buffer;
    Library "library.unknown-factory" "Factories that do not exist are NULL, also for ids that begin like one that does." library::unknown_factory;
    Library "library.unknown-index" "Descriptions past the last one are NULL." library::unknown_index;
    Library "library.threads" "What may be called from any thread gives the same on several at once." library::threads;
    Solver "solver.description" "Capabilities in the manifest and in the library agree; options are described in full." solver::description;
    Solver "solver.unknown-id" "An unknown id, or a known one with more letters, makes no instance." solver::unknown_id;
    Solver "solver.options" "Defaults change nothing; wrong values, types and names are refused." solver::options;
    Solver "solver.step-record" "Every field of a step is as the header says." solver::step_record;
    Solver "solver.limits" "Steps end at the limit exactly, and the model is never called past it." solver::limits;
    Solver "solver.closed-callbacks" "The model is called from start, step and restart only." solver::closed_callbacks;
    Solver "solver.borrowed" "Nothing that was lent for one call is read later, and nothing that was lent for reading is written." solver::borrowed;
    Solver "solver.sizes" "No state, one state and more than a hundred are possible." solver::sizes;
    Solver "solver.short-interval" "An interval of length 0 and one of a few units of rounding do no harm." solver::short_interval;
    Solver "solver.mass-matrix" "A mass matrix is honoured when that is declared, and refused when not." solver::mass_matrix;
    Solver "solver.determinism" "The same run twice gives the same bits." solver::determinism;
    Solver "solver.reuse" "A run on an instance that was used before has the bits of one on a new instance." solver::reuse;
    Solver "solver.restart" "After restart the solver goes on as a new instance would." solver::restart;
    Solver "solver.instances" "Instances that take steps by turns do not disturb each other." solver::instances;
    Solver "solver.threads" "Instances on several threads, and one that moves between threads, give the bits of one thread." solver::threads;
    Solver "solver.failing-callback" "A callback that fails, at whichever call, ends the step at once and leaves the instance as it was." solver::failing_callback;
    Solver "solver.cancel" "A stop that a callback or poll tells in the middle of a step is heard within 2 s." solver::cancel;
    Solver "solver.guard-pages" "Nothing beside a buffer is touched, nothing that is lent for reading is written, and nothing is used after its call." solver::guard_pages;
    Solver "solver.undefined" "Where the model is not defined the solver tries smaller steps, and ends when that does not help." solver::undefined;
    Solver "solver.non-finite" "NaN, infinity and huge numbers from the model are never accepted as a state." solver::non_finite;
    Solver "solver.float-mode" "Rounding mode and denormal numbers are as they were after every call." solver::float_mode;
    Solver "solver.growth" "Creating and destroying 10,000 instances uses no more memory than 1,000." solver::growth;
    Solver "solver.step-memory" "Steps allocate nothing, and 40,000 of them leave no more memory in use than a few." solver::step_memory;
    Tableau "tableau.conditions" "Row sums, order conditions of the result, of the embedded result and of the interpolant, and claims of stability hold." tableau::conditions;
    Method "solver.order" "The order that is measured on four smooth problems is the one declared." solver::order;
    Method "solver.tolerance" "The error falls with the tolerance and stays near it." solver::tolerance;
    Method "solver.dense-order" "The order that is measured within steps is the one declared." solver::dense_order;
    Solver "solver.dense-ends" "Values within a step join its ends, and their slope is that of the values." solver::dense_ends;
    Solver "solver.segments" "Polynomials of steps are what values within the steps are, when they are declared." solver::segments;
    Method "solver.backward" "Backwards in time the solution returns to its start." solver::backward;
    Solver "solver.older-host" "A host without extensions is served, or refused with a sentence." solver::older_host;
    Solver "solver.algebraic" "Algebraic equations are solved when that is declared." solver::algebraic;
    Solver "solver.noise" "Paths are those of the application's Brownian motion, ever closer as steps get shorter, when noise is declared." solver::noise;
    Solver "solver.delays" "Delay equations are solved when that is declared." solver::delays;
    Solver "solver.state-delays" "Delays that depend on the state are solved when that is declared." solver::state_delays;
    Solver "solver.step-gradient" "Reversed steps give the derivatives of the steps that were taken, when that is declared." solver::step_gradient;
    Solver "solver.step-redo" "Steps that are taken again have their bits and records, when that is declared." solver::step_redo;
    Solver "solver.stiff" "Stiff problems are solved with steps that follow the solution." solver::stiff;
    Network "network.description" "Options are described in full, and the op set that is asked for exists." network::description;
    Network "network.unknown-id" "An unknown id, or a known one with more letters, is refused." network::unknown_id;
    Network "network.builds" "The network is built for several numbers of inputs and outputs." network::builds;
    Network "network.determinism" "Built twice, also in another order, the graph is the same byte for byte." network::determinism;
    Network "network.stops" "When the application refuses an operation, the network stops at once and says so." network::stops;
    Network "network.options" "Defaults change nothing; wrong values, types and names are refused." network::options;
    Network "network.finite" "Values are finite at ordinary inputs, for many initial weights." network::finite;
    Network "network.inputs-matter" "Every input and every weight tensor has an influence on the output." network::inputs_matter;
    Network "network.gradient" "Derivatives by inputs and weights agree with differences." network::gradient;
    Network "network.operators" "Operators in native code have the derivatives they say, give the same bits on several threads, and write nothing but their results." network::operators;
    Network "network.compiled" "Compiled code gives the values of the plain evaluation of the graph." network::compiled_values;
}
