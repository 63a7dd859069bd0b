//! Signals that form a pattern in space.

use super::network::{Changes, Network, reactions};
use super::problem;
use crate::Problem;
use crate::function::{Derived, Function};
use crate::number::Number;
use crate::problem::Moment;
use slopefield_kernel::Shape;

/// Enzymes that make A and B, A, B, and enzymes that are bound by one and by two of the other kind.
const SPECIES: usize = 8;
const EA: u32 = 0;
const EB: u32 = 1;
const A: u32 = 2;
const B: u32 = 3;
const EAB: u32 = 4;
const EAB2: u32 = 5;
const EBA: u32 = 6;
const EBA2: u32 = 7;
const REACTIONS: usize = 12;

/// Length of the edge of the whole cube, in micrometres.
const EDGE: f64 = 6.0;

/// Molecules in a cubic micrometre at one micromole in a litre.
const MOLECULES: f64 = 602.214_076;

/// A cube of `side × side × side` cells whose walls nothing passes.
#[derive(Debug, Clone, Copy)]
struct Cube {
    side: usize,
}

impl Cube {
    fn cells(self) -> usize {
        self.side.pow(3)
    }

    /// Pairs of neighbours, each once.
    fn walls(self) -> impl Iterator<Item = (usize, usize)> {
        let n = self.side;
        (0..self.cells()).flat_map(move |cell| {
            let [x, y, z] = [cell / (n * n), cell / n % n, cell % n];
            let next = [(x, n * n), (y, n), (z, 1)].into_iter();
            next.filter(move |(place, _)| place + 1 < n).map(move |(_, step)| (cell, cell + step))
        })
    }

    /// What each reaction and hop adds, in the order of the rates.
    fn changes(self) -> Changes {
        let mut changes = Changes::new();
        for cell in 0..self.cells() {
            let at = |species: u32| (SPECIES * cell) as u32 + species;
            changes.extend(reactions(&[
                (&[], &[at(A)]),
                (&[], &[at(B)]),
                (&[at(EA), at(B)], &[at(EAB)]),
                (&[at(EAB)], &[at(EA), at(B)]),
                (&[at(EAB), at(B)], &[at(EAB2)]),
                (&[at(EAB2)], &[at(EAB), at(B)]),
                (&[at(EB), at(A)], &[at(EBA)]),
                (&[at(EBA)], &[at(EB), at(A)]),
                (&[at(EBA), at(A)], &[at(EBA2)]),
                (&[at(EBA2)], &[at(EBA), at(A)]),
                (&[at(A)], &[]),
                (&[at(B)], &[]),
            ]));
        }
        for (one, other) in self.walls() {
            for species in 0..SPECIES {
                let [one, other] = [one, other].map(|cell| (SPECIES * cell + species) as u32);
                changes.push(vec![(one, -1.0), (other, 1.0)]);
                changes.push(vec![(other, -1.0), (one, 1.0)]);
            }
        }
        changes
    }
}

impl Function for Cube {
    fn shape(&self) -> Shape {
        let outputs = REACTIONS * self.cells() + 2 * SPECIES * self.walls().count();
        Shape { states: SPECIES * self.cells(), params: 5, outputs }
    }

    fn eval<N: Number>(
        &self,
        _: N,
        u: impl Fn(usize) -> N,
        p: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let size = EDGE / self.side as f64;
        let (make, bind, release, decay) = (p(0), p(1) / (MOLECULES * size.powi(3)), p(2), p(3));
        for cell in 0..self.cells() {
            let u = |species: u32| u(SPECIES * cell + species as usize);
            let rates = [
                make * u(EA),
                make * u(EB),
                bind * u(EA) * u(B),
                release * u(EAB),
                bind * u(EAB) * u(B),
                release * u(EAB2),
                bind * u(EB) * u(A),
                release * u(EBA),
                bind * u(EBA) * u(A),
                release * u(EBA2),
                decay * u(A),
                decay * u(B),
            ];
            for (i, rate) in rates.into_iter().enumerate() {
                out(REACTIONS * cell + i, rate);
            }
        }
        let hop = p(4) / size.powi(2);
        let mut place = REACTIONS * self.cells();
        for (one, other) in self.walls() {
            for species in 0..SPECIES {
                out(place, hop * u(SPECIES * one + species));
                out(place + 1, hop * u(SPECIES * other + species));
                place += 2;
            }
        }
    }
}

/// Two signals that block each other's making in space: enzymes make A and B, of which two of either
/// bind and stop an enzyme of the other kind; everything diffuses. Cells of a cube of 6 µm with
/// `side × side × side` of them; eight species and twelve reactions in each, hops to each neighbour, to
/// t = 0.5. Parameters are the rates at which enzymes make, in 1/s, that of binding in 1/(µM s), of
/// release and of decay in 1/s, and the diffusion in µm²/s. 1599 enzymes of either kind are spread
/// evenly over the cells; public benchmarks throw them at random, and have 20 to 240 cells along an edge.
///
/// K. R. Sanft, H. G. Othmer, *Constant-complexity stochastic simulation algorithm with optimal
/// binning*, J. Chem. Phys. 143 (2015) 074108, doi:10.1063/1.4928635.
///
/// # Panics
/// For no cell.
pub fn spatial_signalling(side: usize) -> Problem {
    assert!(side > 0, "a cube has one cell or more along its edge");
    let cube = Cube { side };
    let cells = cube.cells();
    let enzymes = (12.3e-3 * MOLECULES * EDGE.powi(3)).floor();
    let up_to = |cell: usize| (enzymes * cell as f64 / cells as f64).floor();
    let mut u0 = vec![0.0; SPECIES * cells];
    for cell in 0..cells {
        let here = up_to(cell + 1) - up_to(cell);
        u0[SPECIES * cell + EA as usize] = here;
        u0[SPECIES * cell + EB as usize] = here;
    }
    let network = Network { rates: Derived(cube), changes: cube.changes() };
    let names = ("spatial-signalling", "Signals in space");
    let mut problem = problem(names, network, 0.5, &u0, &[150.0, 46.2, 3.82, 6.0, 1.0]);
    if side == 3 {
        problem.moments = MEANS
            .map(|(state, mean, variance)| Moment {
                t: 0.5,
                state,
                mean,
                simulations: Some(RUNS),
                variance: Some(variance),
                source: "simulation by the direct method, independent of this program",
            })
            .to_vec();
    }
    problem
}

/// Simulations behind the means.
const RUNS: u64 = 8000;

/// In a corner and in the middle of 27 cells: place of the state, its mean and variance.
const MEANS: [(usize, f64, f64); 6] = [
    (2, 496.65, 5603.0),
    (4, 19.358, 16.6),
    (5, 22.869, 21.6),
    (106, 495.55, 5089.0),
    (108, 19.680, 18.3),
    (109, 23.337, 23.3),
];
