//! Larger networks of reactions. Which rates a reaction alters follows from what they read.

use super::problem;
use crate::Problem;
use crate::function::{Derived, Function};
use crate::number::{Float, Number};
use crate::problem::{Moment, function, model};
use crate::system::{Equations, pattern};
use slopefield_kernel::{JumpChange, Jumps, Shape, Structure};

/// What each reaction adds to states.
pub(super) type Changes = Vec<Vec<(u32, f64)>>;

/// Reactions with these rates.
#[derive(Debug, Clone)]
pub(super) struct Network<R> {
    pub rates: Derived<R>,
    pub changes: Changes,
}

impl<R: Function> Function for Network<R> {
    fn shape(&self) -> Shape {
        let Shape { states, params, .. } = self.rates.0.shape();
        Shape { states, params, outputs: states }
    }

    fn eval<N: Number>(
        &self,
        _: N,
        _: impl Fn(usize) -> N,
        _: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        (0..self.shape().outputs).for_each(|i| out(i, N::of(0.0)));
    }
}

impl<R: Function> Equations for Network<R> {
    fn changes<T: Float>(&self) -> (Vec<JumpChange<T>>, Vec<Vec<u32>>) {
        let readers = pattern(&self.rates.0, self.rates.0.shape().states);
        let altered = |change: &Vec<(u32, f64)>| {
            let mut rates: Vec<u32> =
                change.iter().flat_map(|(i, _)| readers[*i as usize].iter().copied()).collect();
            rates.sort_unstable();
            rates.dedup();
            rates
        };
        (
            self.changes.iter().map(|change| JumpChange::Add(change.clone())).collect(),
            self.changes.iter().map(altered).collect(),
        )
    }

    fn structure<T: Float>(&self) -> Structure<'_, T> {
        Structure {
            jumps: Some(Jumps {
                rates: &self.rates,
                changes: &[],
                alters: &[],
                constant_between: true,
            }),
            ..Default::default()
        }
    }
}

/// Changes of reactions given by what they use and make, one of each.
pub(super) fn reactions(list: &[(&[u32], &[u32])]) -> Changes {
    list.iter()
        .map(|(used, made)| {
            let used = used.iter().map(|i| (*i, -1.0));
            used.chain(made.iter().map(|i| (*i, 1.0))).collect()
        })
        .collect()
}

function! {
    MultistateRates: (9, 6) -> 18;
    (_, u, p, out) {
        let (bind_ligand, bind_adaptor, free_ligand, free_adaptor) = (p(0), p(1), p(2), p(3));
        let (phosphorylate, dephosphorylate) = (p(4), p(5));
        out(0, bind_ligand * u(0) * u(1));
        out(1, bind_adaptor * u(0) * u(2));
        out(2, bind_ligand * u(1) * u(4));
        out(3, free_ligand * u(3));
        out(4, bind_adaptor * u(2) * u(3));
        out(5, free_adaptor * u(4));
        out(6, free_ligand * u(5));
        out(7, free_adaptor * u(5));
        out(8, phosphorylate * u(5));
        out(9, free_ligand * u(6));
        out(10, free_adaptor * u(6));
        out(11, dephosphorylate * u(6));
        out(12, bind_ligand * u(1) * u(7));
        out(13, bind_adaptor * u(0) * u(8));
        out(14, bind_adaptor * u(3) * u(8));
        out(15, free_adaptor * u(7));
        out(16, dephosphorylate * u(7));
        out(17, dephosphorylate * u(8));
    }
}

/// A receptor that binds a ligand and an adaptor, which it phosphorylates: 9 species, 18
/// reactions, parameters `(kon, kAon, koff, kAoff, kAp, kAdp)`, to t = 100.
///
/// A. Gupta, P. Mendes, *An overview of network-based and -free approaches for stochastic
/// simulation of biochemical systems*, Computation 6 (2018) 9, doi:10.3390/computation6010009.
pub fn multistate() -> Problem {
    let changes = reactions(&[
        (&[0, 1], &[3]),
        (&[0, 2], &[4]),
        (&[1, 4], &[5]),
        (&[3], &[0, 1]),
        (&[2, 3], &[5]),
        (&[4], &[0, 2]),
        (&[5], &[1, 4]),
        (&[5], &[2, 3]),
        (&[5], &[6]),
        (&[6], &[1, 7]),
        (&[6], &[3, 8]),
        (&[6], &[5]),
        (&[1, 7], &[6]),
        (&[0, 8], &[7]),
        (&[3, 8], &[6]),
        (&[7], &[0, 8]),
        (&[7], &[4]),
        (&[8], &[2]),
    ]);
    let u0 = [5360.0, 1160.0, 5360.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    let p = [0.01, 0.01, 0.1, 0.1, 0.01, 0.1];
    let network = Network { rates: Derived(MultistateRates), changes };
    problem(("multistate", "Receptor in many states"), network, 100.0, &u0, &p)
        .with_text(model!("multistate"))
}

/// Pairs of genes. The states of each: messenger and protein of its first gene, its second gene,
/// that gene bound, and messenger and protein of this one.
const PAIRS: usize = 10;
const OF_PAIR: usize = 6;

function! {
    GeneRates: (OF_PAIR * PAIRS, 0) -> 10 * PAIRS;
    (_, u, _, out) {
        for pair in 0..PAIRS {
            let u = |i: usize| u(OF_PAIR * pair + i);
            let rates = [
                N::of(10.0),
                u(0) * 10.0,
                u(0),
                u(1),
                u(2) * 5.0,
                u(4) * 5.0,
                u(4),
                u(5),
                u(2) * u(1) * 1e-4,
                u(3) * 100.0,
            ];
            for (i, rate) in rates.into_iter().enumerate() {
                out(10 * pair + i, rate);
            }
        }
    }
}

/// Ten pairs of genes; the protein of the first of each binds the second and makes it twenty times
/// as active: 60 species, the genes that never change left out, 100 reactions, to t = 2000.
///
/// J. M. McCollum et al., *The sorting direct method for stochastic simulation of biochemical
/// systems with varying reaction execution behavior*, Comput. Biol. Chem. 30 (2006) 39,
/// doi:10.1016/j.compbiolchem.2005.10.007.
pub fn twenty_genes() -> Problem {
    let changes = (0..PAIRS as u32).flat_map(|pair| {
        let i = |k: u32| OF_PAIR as u32 * pair + k;
        reactions(&[
            (&[], &[i(0)]),
            (&[], &[i(1)]),
            (&[i(0)], &[]),
            (&[i(1)], &[]),
            (&[], &[i(4)]),
            (&[], &[i(5)]),
            (&[i(4)], &[]),
            (&[i(5)], &[]),
            (&[i(2), i(1)], &[i(3)]),
            (&[], &[i(4)]),
        ])
    });
    let network = Network { rates: Derived(GeneRates), changes: changes.collect() };
    let u0 = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0].repeat(PAIRS);
    let mut problem = problem(("twenty-genes", "Twenty genes"), network, 2000.0, &u0, &[]);
    problem.moments = [0.5_f64, 3.0]
        .map(|t| {
            let mean = -10.0 * (-t).exp_m1();
            let source = "closed form: a Poisson distribution";
            Moment { t, state: 0, mean, simulations: None, variance: Some(mean), source }
        })
        .to_vec();
    problem
}

function! {
    DimerRates: (5, 8) -> 8;
    (_, u, p, out) {
        out(0, p(0) * u(0));
        out(1, p(1) * u(1));
        out(2, p(2) * u(1));
        out(3, p(3) * u(2));
        out(4, p(4) * u(2) * (u(2) - 1.0) / 2.0);
        out(5, p(5) * u(3));
        out(6, p(6) * u(3) * u(0));
        out(7, p(7) * u(4));
    }
}

/// A gene in 1000 copies that the dimer of its protein represses: states gene, messenger, protein,
/// dimer, repressed gene; to t = 4000.
///
/// L. Marchetti, C. Priami, V. H. Thanh, *Simulation Algorithms for Computational Systems Biology*,
/// Springer 2017, doi:10.1007/978-3-319-63113-4.
pub fn dimer_repressor() -> Problem {
    let mut changes = reactions(&[
        (&[], &[1]),
        (&[], &[2]),
        (&[1], &[]),
        (&[2], &[]),
        (&[], &[]),
        (&[], &[]),
        (&[3, 0], &[4]),
        (&[4], &[3, 0]),
    ]);
    changes[4] = vec![(2, -2.0), (3, 1.0)];
    changes[5] = vec![(2, 2.0), (3, -1.0)];
    let network = Network { rates: Derived(DimerRates), changes };
    let p = [0.09, 0.05, 0.001, 0.0009, 1e-5, 5e-4, 0.005, 0.9];
    let names = ("dimer-repressor", "Gene that a dimer represses");
    problem(names, network, 4000.0, &[1000.0, 0.0, 0.0, 0.0, 0.0], &p)
        .with_text(model!("dimer_repressor"))
}

#[derive(Debug, Clone, Copy)]
struct Hops {
    sites: usize,
}

impl Function for Hops {
    fn shape(&self) -> Shape {
        Shape { states: self.sites, params: 1, outputs: 2 * (self.sites - 1) }
    }

    fn eval<N: Number>(
        &self,
        _: N,
        u: impl Fn(usize) -> N,
        p: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        for i in 0..self.sites - 1 {
            out(2 * i, p(0) * u(i));
            out(2 * i + 1, p(0) * u(i + 1));
        }
    }
}

/// Diffusion as random walks on a line of `sites`, at least two, with closed ends: ten walkers at
/// each site hop to each neighbour at the rate of the parameter, 1, to t = 10. Means stay 10.
pub fn diffusion_lattice(sites: usize) -> Problem {
    let sites = sites.max(2);
    let changes = (0..sites as u32 - 1)
        .flat_map(|i| [vec![(i, -1.0), (i + 1, 1.0)], vec![(i + 1, -1.0), (i, 1.0)]]);
    let network = Network { rates: Derived(Hops { sites }), changes: changes.collect() };
    let names = ("diffusion-lattice", "Random walks on a line");
    let mut problem = problem(names, network, 10.0, &vec![10.0; sites], &[1.0]);
    problem.moments = [0, sites / 2]
        .map(|state| Moment {
            t: 10.0,
            state,
            mean: 10.0,
            simulations: None,
            variance: Some(spread(sites, state, 10.0)),
            source: "closed form: walkers do not meet",
        })
        .to_vec();
    problem
}

/// The variance at time `t` of how many of ten walkers from each site are at `site`: each of them is
/// there with the probability `P(t)`, the exponential of the graph's Laplacian by its eigenvectors.
fn spread(sites: usize, site: usize, t: f64) -> f64 {
    let n = sites as f64;
    let mode = |k: usize, i: usize| (std::f64::consts::PI * k as f64 * (i as f64 + 0.5) / n).cos();
    let mut variance = 0.0;
    for from in 0..sites {
        let mut there = 1.0 / n;
        for k in 1..sites {
            let half = (std::f64::consts::PI * k as f64 / (2.0 * n)).sin();
            there += 2.0 / n * (-4.0 * half * half * t).exp() * mode(k, from) * mode(k, site);
        }
        variance += 10.0 * there * (1.0 - there);
    }
    variance
}

/// `K⁴/(K⁴ + x⁴)` for K = 100.
fn low<N: Number>(x: N) -> N {
    N::of(1.0) / ((x / 100.0).square().square() + 1.0)
}

/// The rates of the oscillating network.
pub(crate) fn oscillator_rates<N: Number>(
    u: impl Fn(usize) -> N,
    p: impl Fn(usize) -> N,
) -> [N; 12] {
    let third = u(0).square() * u(0) / 1e6;
    let sixth = third.square();
    [
        p(0) * u(0),
        p(0) * u(1),
        p(0) * u(2),
        p(1) * low(u(0)),
        p(2) * low(u(1)),
        p(3) * low(u(2)),
        p(4) * sixth / (sixth + 1.0),
        p(5) * 0.002 * (-low(u(1)) + 1.0) * u(3),
        p(6),
        p(7) * u(3) * u(4),
        p(8) * u(5) * (u(5) - 1.0) / 2.0,
        p(9) * u(6),
    ]
}

function! {
    OscillatorRates: (7, 10) -> 12;
    (_, u, p, out) {
        for (j, rate) in oscillator_rates(u, p).into_iter().enumerate() {
            out(j, rate);
        }
    }
}

/// Amounts and parameters.
pub(crate) const OSCILLATOR: ([f64; 7], [f64; 10]) = (
    [200.0, 60.0, 120.0, 100.0, 50.0, 50.0, 50.0],
    [0.01, 3.0, 3.0, 4.5, 2.0, 15.0, 20.0, 0.005, 0.01, 0.05],
);

/// A ring of three genes that repress each other and drive a chain of proteins: 7 species, 12
/// reactions with Hill functions and mass action, to t = 4000. Public texts differ by whether
/// parameters scale the Hill functions, which they do here.
pub fn mixed_oscillator() -> Problem {
    let mut changes = reactions(&[
        (&[0], &[]),
        (&[1], &[]),
        (&[2], &[]),
        (&[], &[1]),
        (&[], &[2]),
        (&[], &[0]),
        (&[], &[3]),
        (&[3], &[]),
        (&[], &[4]),
        (&[4], &[5]),
        (&[], &[]),
        (&[6], &[]),
    ]);
    changes[10] = vec![(5, -2.0), (6, 1.0)];
    let network = Network { rates: Derived(OscillatorRates), changes };
    let (u0, p) = OSCILLATOR;
    problem(("mixed-oscillator", "Oscillating network"), network, 4000.0, &u0, &p)
        .with_text(model!("mixed_oscillator"))
}
