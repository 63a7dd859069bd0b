//! Water in a network of tubes.

use super::PSIDE;
use crate::Problem;
use crate::function::Function;
use crate::number::Number;
use crate::problem::{Class, model};
use crate::system::Equations;
use slopefield_kernel::Shape;
use std::f64::consts::PI;

const TUBES: usize = 18;
const NODES: usize = 13;

/// The nodes at both ends of each tube.
const ENDS: [[usize; 2]; TUBES] = [
    [0, 1],
    [1, 2],
    [1, 5],
    [2, 3],
    [2, 4],
    [3, 4],
    [4, 9],
    [5, 4],
    [6, 3],
    [6, 7],
    [7, 4],
    [7, 9],
    [8, 7],
    [10, 8],
    [10, 11],
    [11, 6],
    [11, 7],
    [12, 10],
];

/// The nodes in the order of their pressures; the first two are buffers, which hold water.
const ORDER: [usize; NODES] = [4, 7, 0, 1, 2, 3, 5, 6, 8, 9, 10, 11, 12];

/// Viscosity (kinematic), gravity, density, length, diameter and roughness of the tubes, what a buffer
/// holds, and the Reynolds number above which flow is turbulent; SI units.
const VISCOSITY: f64 = 1.31e-6;
const GRAVITY: f64 = 9.8;
const DENSITY: f64 = 1e3;
const LENGTH: f64 = 1e3;
const DIAMETER: f64 = 1.0;
const ROUGHNESS: f64 = 2e-4;
const BUFFER: f64 = 200.0;
const TURBULENT: f64 = 2300.0;
const AREA: f64 = PI * DIAMETER * DIAMETER / 4.0;

/// Flows, friction factors, pressures.
#[derive(Debug, Clone, Copy)]
struct Water;

impl Function for Water {
    fn shape(&self) -> Shape {
        let n = 2 * TUBES + NODES;
        Shape { states: n, params: 0, outputs: n }
    }

    #[inline(always)]
    fn eval<N: Number>(
        &self,
        t: N,
        u: impl Fn(usize) -> N,
        _: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let hour = t / 3600.0;
        let square = hour.square();
        let opening = -((-hour).exp() - 1.0).cos() + 1.0;
        let mut balance = [N::of(0.0); NODES];
        balance[0] = opening / 200.0;
        balance[12] = opening / 80.0;
        balance[9] = -(square * (square * 3.0 - hour * 92.0 + 720.0) / 1e6);
        let mut pressure = [N::of(0.0); NODES];
        for (k, node) in ORDER.into_iter().enumerate() {
            pressure[node] = u(2 * TUBES + k);
        }
        for (k, [from, to]) in ENDS.into_iter().enumerate() {
            let (flow, friction) = (u(k), u(TUBES + k));
            balance[from] = balance[from] - flow;
            balance[to] = balance[to] + flow;
            let reynolds = (flow * (DIAMETER / (VISCOSITY * AREA))).abs();
            let beyond = reynolds - TURBULENT;
            let laminar =
                flow * (32.0 * VISCOSITY * DENSITY * LENGTH / (AREA * DIAMETER * DIAMETER));
            let turbulent =
                friction * flow.square() * (DENSITY * LENGTH / (AREA * AREA * DIAMETER));
            out(k, pressure[from] - pressure[to] - N::choose(beyond, turbulent, laminar));
            // Positive, but perhaps not on the way of an iteration.
            let root = friction.abs().sqrt();
            let number = N::choose(beyond, reynolds, N::of(TURBULENT));
            let rough = N::of(18.7) / (number * root) + 2.0 * ROUGHNESS / DIAMETER;
            out(TUBES + k, N::of(1.0) / root - 1.74 + rough.ln() * (2.0 / 10.0_f64.ln()));
        }
        for (k, node) in ORDER.into_iter().enumerate() {
            out(2 * TUBES + k, balance[node]);
        }
    }
}

impl Equations for Water {
    fn mass(&self) -> Vec<(u32, u32, f64)> {
        let tubes = (0..TUBES as u32).map(|i| (i, i, DENSITY * LENGTH / AREA));
        let first = 2 * TUBES as u32;
        let buffers = (first..first + 2).map(|i| (i, i, BUFFER / (DENSITY * GRAVITY)));
        tubes.chain(buffers).collect()
    }
}

/// Water in 18 tubes between 13 nodes, with friction that turbulence changes: flows, friction
/// factors and pressures, index 2, over 17 hours.
///
/// F. Mazzia, C. Magherini, *Test Set for Initial Value Problem Solvers*, release 2.4, Bari 2008,
/// problem "Water tube system".
pub fn water_tubes() -> Problem {
    let n = 2 * TUBES + NODES;
    let mut u0 = vec![0.0; TUBES];
    u0.resize(2 * TUBES, 0.047_519_404_529_185_29);
    u0.resize(n, 109_800.0);
    let end = [
        2.298_488_296_477_43e-3,
        1.188_984_650_746_585e-3,
        1.109_503_645_730_845e-3,
        1.589_620_100_314_825e-4,
        1.030_022_640_715_102e-3,
        8.710_606_306_836_165e-4,
        3.243_571_480_903_489e-3,
        1.109_503_645_730_845e-3,
        7.120_986_206_521_341e-4,
        6.414_613_963_833_099e-4,
        9.416_978_549_524_347e-4,
        3.403_428_519_096_511e-3,
        2.397_639_310_739_395e-3,
        2.397_639_310_739_395e-3,
        3.348_581_430_454_18e-3,
        1.353_560_017_035_444e-3,
        1.995_021_413_418_736e-3,
        5.746_220_741_193_575e-3,
        4.751_940_452_918_529e-2,
        4.751_940_452_918_529e-2,
        4.751_940_452_918_529e-2,
        4.751_940_452_918_529e-2,
        4.751_940_452_918_529e-2,
        4.751_940_452_918_529e-2,
        4.311_196_778_792_902e-2,
        4.751_940_452_918_529e-2,
        4.751_940_452_918_529e-2,
        4.751_940_452_918_529e-2,
        4.751_940_452_918_529e-2,
        4.249_217_433_601_16e-2,
        4.732_336_439_609_648e-2,
        4.732_336_439_609_648e-2,
        4.270_002_118_868_241e-2,
        4.751_940_452_918_529e-2,
        4.751_940_452_918_529e-2,
        3.651_427_026_675_656e-2,
        1.111_268_591_478_108e5,
        1.111_270_045_592_387e5,
        1.111_271_078_730_254e5,
        1.111_269_851_929_858e5,
        1.111_269_255_355_337e5,
        1.111_269_322_658_045e5,
        1.111_269_221_703_983e5,
        1.111_270_121_140_691e5,
        1.111_274_419_515_807e5,
        1.111_255_158_881_087e5,
        1.111_278_793_439_227e5,
        1.111_270_995_171_642e5,
        1.111_298_338_971_779e5,
    ];
    let names = ("water-tubes", "Water tube system, index 2");
    Problem::new(names, Class::Algebraic, Water, (0.0, 61_200.0), u0, Vec::new())
        .known_relative(61_200.0, &end, 1e-9, PSIDE)
        .with_text(model!("water_tubes"))
}
