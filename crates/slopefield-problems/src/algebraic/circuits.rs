//! Circuits of MOS transistors.

use super::PSIDE;
use crate::Problem;
use crate::number::Number;
use crate::problem::{Class, function, model};
use crate::system::Equations;

/// A pulse that rises from 0 at `rise` to 5 at `high`, falls from `fall` on to 0 at `period`, and
/// repeats three times: voltage and slope.
fn pulse<N: Number>(t: N, [rise, high, fall, period]: [f64; 4]) -> (N, N) {
    let mut within = t;
    for k in 1..4 {
        let passed = t - f64::from(k) * period;
        within = N::choose(passed, passed, within);
    }
    let piece = |from: f64, yes: N, no: N| N::choose(within - from, yes, no);
    let (up, down) = (5.0 / (high - rise), 5.0 / (period - fall));
    let falling = (-within + period) * down;
    let voltage = piece(rise, (within - rise) * up, N::of(0.0));
    let voltage = piece(fall, falling, piece(high, N::of(5.0), voltage));
    let slope = piece(high, N::of(0.0), piece(rise, N::of(up), N::of(0.0)));
    (voltage, piece(fall, N::of(-down), slope))
}

/// Threshold, body effect, potential of the surface, gain forwards and backwards.
pub(super) type Kind = [f64; 5];
const DEPLETION: Kind = [-2.43, 0.2, 1.28, 5.35e-4, 5.35e-4];
const ENHANCEMENT: Kind = [0.2, 0.035, 1.01, 1.748e-3, 1.748e-4];

/// The current from source to drain in the model of Shichman and Hodges, with the voltages from source
/// to drain and gate and those of the bulk, at the source and at the drain.
pub(super) fn current<N: Number>(kind: Kind, drain: N, gate: N, bulk: [N; 2]) -> N {
    let [threshold, body, surface, forwards, backwards] = kind;
    let one_way = |across: N, gate: N, bulk: N, gain: f64| {
        let excess = gate - ((-bulk + surface).sqrt() - surface.sqrt()) * body - threshold;
        let linear = across * (excess * 2.0 - across);
        let open = N::choose(across - excess, excess.square(), linear);
        N::choose(-excess, N::of(0.0), open * (across * 0.02 + 1.0) * gain)
    };
    N::choose(
        drain,
        -one_way(drain, gate, bulk[0], forwards),
        one_way(-drain, gate - drain, bulk[1], backwards),
    )
}

/// The current through the junction of the bulk.
pub(super) fn leak<N: Number>(voltage: N) -> N {
    N::choose(voltage, N::of(0.0), ((voltage / 25.85).exp() - 1.0) * -1e-14)
}

/// The charge of the junction of the bulk, whose capacity depends on the voltage.
fn charge<N: Number>(voltage: N) -> N {
    const CAPACITY: f64 = 2.4e-5;
    const POTENTIAL: f64 = 0.87;
    let blocked = (-((-(voltage / POTENTIAL) + 1.0).sqrt()) + 1.0) * (2.0 * POTENTIAL);
    let open = voltage + voltage.square() / (4.0 * POTENTIAL);
    N::choose(-voltage, blocked, open) * CAPACITY
}

const SUPPLY: f64 = 5.0;
const BULK: f64 = -2.5;
const GATE: f64 = 6e-5;

/// The charges at the fourteen nodes for these voltages.
fn charges<N: Number>(v: impl Fn(usize) -> N) -> [N; 14] {
    let (third, ninth) = (charge(v(2) - v(4)), charge(v(8) - v(4)));
    let (eighth, last) = (charge(v(7) - v(9)), charge(v(13) - v(9)));
    let (first, second) = ((v(0) - v(4)) * GATE, (v(1) - v(4)) * GATE);
    [
        first,
        second,
        third,
        charge(v(3) - SUPPLY),
        v(4) * 5e-5 - first - second - third - ninth,
        v(5) * GATE,
        v(6) * GATE,
        eighth,
        ninth,
        v(9) * 5e-5 - eighth - last,
        v(10) * GATE,
        v(11) * GATE,
        charge(v(12)),
        last,
    ]
}

// Charges, then voltages.
function! {
    Nand: (28, 0) -> 28;
    (t, u, _, out) {
        let v = |i: usize| u(14 + i);
        let (first, first_slope) = pulse(t, [5.0, 10.0, 15.0, 20.0]);
        let (second, second_slope) = pulse(t, [15.0, 20.0, 35.0, 40.0]);
        let gates = [
            current(DEPLETION, v(1) - v(0), v(4) - v(0), [v(2) - v(4), v(3) - SUPPLY]),
            current(ENHANCEMENT, v(6) - v(5), first - v(5), [v(7) - v(9), v(8) - v(4)]),
            current(ENHANCEMENT, v(11) - v(10), second - v(10), [v(12), v(13) - v(9)]),
        ];
        let bulk = |i: usize| (v(i) - BULK) / 10.0;
        let leaks = [leak(v(2) - v(4)), leak(v(8) - v(4)), leak(v(7) - v(9)), leak(v(13) - v(9))];
        let flows = [
            (v(4) - v(0)) / 4.0 - gates[0],
            (-v(1) + SUPPLY) / 4.0 + gates[0],
            leaks[0] - bulk(2),
            leak(v(3) - SUPPLY) - bulk(3),
            (v(0) - v(4)) / 4.0 - leaks[0] - (v(4) - v(6)) / 4.0 - leaks[1],
            first_slope * GATE - (v(5) - v(9)) / 4.0 - gates[1],
            first_slope * GATE - (v(6) - v(4)) / 4.0 + gates[1],
            leaks[2] - bulk(7),
            leaks[1] - bulk(8),
            (v(5) - v(9)) / 4.0 - leaks[2] - (v(9) - v(11)) / 4.0 - leaks[3],
            second_slope * GATE - v(10) / 4.0 - gates[2],
            second_slope * GATE - (v(11) - v(9)) / 4.0 + gates[2],
            leak(v(12)) - bulk(12),
            leaks[3] - bulk(13),
        ];
        for (i, (flow, charge)) in flows.into_iter().zip(charges(v)).enumerate() {
            out(i, flow);
            out(14 + i, u(i) - charge);
        }
    }
}

impl Equations for Nand {
    fn mass(&self) -> Vec<(u32, u32, f64)> {
        (0..14).map(|i| (i, i, 1.0)).collect()
    }
}

/// A NAND gate of three transistors with two signals, to t = 80 (nanoseconds): charges and voltages of
/// 14 nodes, index 1. The test set has capacities that depend on voltages instead of charges. It
/// gives the transistors of one kind a tenth of their gain backwards, and its values need that.
///
/// W. Kampowsky, P. Rentrop, W. Schmidt, *Classification and numerical simulation of electric
/// circuits*, Surveys Math. Ind. 2 (1992) 23; problem "NAND gate" of the test set.
pub fn nand_gate() -> Problem {
    let with_charges = |voltages: [f64; 14]| {
        let charges = charges(|i| crate::number::Jet::<f64, 0>::constant(voltages[i]));
        [charges.map(|q| q.value), voltages].concat()
    };
    let start =
        [5.0, 5.0, BULK, BULK, 5.0, 3.62385, 5.0, BULK, BULK, 3.62385, 0.0, 3.62385, BULK, BULK];
    let end = [
        0.497_108_869_938_577_7e1,
        0.499_975_210_392_931_1e1,
        -0.249_999_878_149_122_7e1,
        -0.249_999_999_999_997_5e1,
        0.497_083_702_329_672_4e1,
        -0.209_121_403_207_385_5,
        0.497_059_324_327_836_3e1,
        -0.250_007_740_919_880_3e1,
        -0.249_999_878_149_122_7e1,
        -0.209_028_958_387_81,
        -0.239_999_999_996_626_9e-3,
        -0.209_121_403_207_385_5,
        -0.249_999_999_999_999_1e1,
        -0.250_007_740_919_880_3e1,
    ];
    let names = ("nand-gate", "NAND gate");
    let mut problem =
        Problem::new(names, Class::Algebraic, Nand, (0.0, 80.0), with_charges(start), Vec::new())
            .known(80.0, &with_charges(end), 1e-11, PSIDE)
            .with_text(model!("nand_gate"));
    for k in 1..16 {
        problem = problem.with_break(5.0 * f64::from(k));
    }
    problem
}
