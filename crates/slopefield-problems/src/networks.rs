//! Biochemical networks that are written as rules: from tens to tens of thousands of reactions.
//!
//! As differential equations by mass action, with amounts in molecules.

use crate::problem::{Class, Problem};
use crate::rules::{MassAction, Network};
use std::sync::LazyLock;

/// A network with its text.
struct Expanded {
    network: Network,
    text: String,
}

impl Expanded {
    fn new(title: &str, rules: &str) -> Expanded {
        Expanded::with_start(title, rules, |_| ())
    }

    fn with_start(title: &str, rules: &str, start: impl FnOnce(&mut [f64])) -> Expanded {
        let network = Network::of_rules(rules);
        let mut network = network.unwrap_or_else(|e| panic!("rules of {title}: {e}"));
        start(&mut network.start);
        let text = network.text(title);
        Expanded { network, text }
    }
}

/// The rules of a network, in the folder `rules`.
macro_rules! rules {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/rules/", $name, ".rules"))
    };
}

/// A reference in the folder `references`.
macro_rules! reference {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/references/", $name, ".txt"))
    };
}

static MULTISITE2: LazyLock<Expanded> =
    LazyLock::new(|| Expanded::new("Adaptor with three sites", rules!("multisite2")));
static EGFR: LazyLock<Expanded> =
    LazyLock::new(|| Expanded::new("Receptor of the epidermal growth factor", rules!("egfr")));
static FCERI: LazyLock<Expanded> =
    LazyLock::new(|| Expanded::new("Receptor of immunoglobulin E", rules!("fceri_gamma2")));
static BCR: LazyLock<Expanded> = LazyLock::new(|| {
    let rest = reference!("bcr_start").lines().skip(1).map(|line| line.parse().unwrap_or(f64::NAN));
    Expanded::with_start("Antigen receptor of B cells", rules!("bcr"), |start| {
        start.iter_mut().zip(rest).for_each(|(amount, at_rest)| *amount = at_rest);
    })
});

/// Source of the references of networks.
const INDEPENDENT: &str = "SciPy (BDF and Radau with the exact Jacobian) at relative tolerances of \
                           1e-11 to 1e-12, independent of this program";

/// Source of the reference of the receptor of B cells.
const TWO_PROGRAMS: &str = "CVODE with KLU at tolerances of 1e-10; SciPy (BDF) at 1e-10 differs by 4e-6 of each value above \
     1e-6, independent of this program";

/// Source of the reference of the receptor of immunoglobulin E.
const TWO_STEPS: &str = "The classical Runge–Kutta method in C at fixed steps of 1/600 and 1/800, a tenth of that to t = 15,      which agree to 4e-14 of each value, independent of this program's solvers";

fn problem(
    names: (&'static str, &'static str),
    class: Class,
    expanded: &'static Expanded,
    t1: f64,
) -> Problem {
    let Network { start, params, .. } = &expanded.network;
    let p = params.iter().map(|(_, value)| *value).collect();
    let equations = MassAction::new(&expanded.network);
    let problem = Problem::new(names, class, equations, (0.0, t1), start.clone(), p);
    Problem { network: Some(&expanded.network), ..problem.with_text(&expanded.text) }
}

/// An adaptor with three sites that a receptor phosphorylates and a ligand dephosphorylates: 66
/// species, 288 reactions, parameters `(kOnR, kOffR, kCatR, kOnL, kOffL, kCatL)`, to t = 2.
///
/// A. Gupta, P. Mendes, *An overview of network-based and -free approaches for stochastic
/// simulation of biochemical systems*, Computation 6 (2018) 9, doi:10.3390/computation6010009.
pub fn multisite2() -> Problem {
    let names = ("multisite2", "Adaptor with three sites");
    problem(names, Class::Stiff, &MULTISITE2, 2.0).known_relative_from(
        2.0,
        reference!("multisite2"),
        1e-9,
        INDEPENDENT,
    )
}

/// Early events of signalling by the receptor of the epidermal growth factor, which recruits Grb2
/// and Sos, alone or by way of Shc: 356 species, 3749 reactions, to t = 10. Public files differ in the
/// rate at which Grb2 leaves Shc in the cytosol; it is the 0.1 of the paper here.
///
/// M. L. Blinov et al., *A network model of early events in epidermal growth factor receptor
/// signaling that accounts for combinatorial complexity*, BioSystems 83 (2006) 136,
/// doi:10.1016/j.biosystems.2005.06.014.
pub fn egfr_network() -> Problem {
    let names = ("egfr", "Receptor of the epidermal growth factor");
    problem(names, Class::Stiff, &EGFR, 10.0).known_relative_from(
        10.0,
        reference!("egfr"),
        1e-8,
        INDEPENDENT,
    )
}

/// Early events of signalling by the receptor of immunoglobulin E: dimers joined by a ligand, which
/// Lyn and Syk phosphorylate and bind to; 3744 species, 58,276 reactions, to t = 150. Sites that are
/// alike, the two γ subunits and the arms of the ligand, count each.
///
/// J. R. Faeder et al., *Investigation of early events in FcεRI-mediated signaling using a detailed
/// mathematical model*, J. Immunol. 170 (2003) 3769, doi:10.4049/jimmunol.170.7.3769; amounts of A.
/// Gupta, P. Mendes, Computation 6 (2018) 9.
pub fn fceri_gamma2() -> Problem {
    let names = ("fceri-gamma2", "Receptor of immunoglobulin E");
    problem(names, Class::Stiff, &FCERI, 150.0).known_relative_from(
        150.0,
        reference!("fceri_gamma2"),
        1e-12,
        TWO_STEPS,
    )
}

/// Early events of signalling by the antigen receptor of B cells: 1122 species, 24,388 reactions,
/// to t = 10,000 with the signal `c = 3`, from the steady state without a signal (30,000 s from
/// molecules that are all alone).
///
/// D. Barua, W. S. Hlavacek, T. Lipniacki, *A computational model for early events in B cell antigen
/// receptor signaling: analysis of the roles of Lyn and Fyn*, J. Immunol. 189 (2012) 646,
/// doi:10.4049/jimmunol.1102003.
pub fn b_cell_receptor() -> Problem {
    let names = ("bcr", "Antigen receptor of B cells");
    let mut problem = problem(names, Class::Stiff, &BCR, 10_000.0).known_from(
        10_000.0,
        reference!("bcr"),
        1e-9,
        TWO_PROGRAMS,
    );
    problem.references.iter_mut().for_each(|reference| reference.relative = 5e-6);
    problem
}

/// The networks with more: their derivatives by hand and their texts take seconds to make.
pub fn large_networks() -> Vec<Problem> {
    vec![b_cell_receptor(), fceri_gamma2()]
}

/// The networks with up to a few thousand reactions.
pub fn networks() -> Vec<Problem> {
    vec![multisite2(), egfr_network()]
}
