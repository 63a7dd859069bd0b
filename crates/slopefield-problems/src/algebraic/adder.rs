//! Two-bit adding unit: a circuit of 39 transistors.

mod voltages;

use super::circuits::{Kind, current, leak};
use crate::Problem;
use crate::function::Function;
use crate::number::{Jet, Number};
use crate::problem::{Class, model};
use crate::system::Equations;
use slopefield_kernel::Shape;
use voltages::{AT_DRAINS, AT_NODES, AT_SOURCES, PUBLISHED, PUBLISHED_NODES};

/// Threshold, body effect, potential of the surface, gain both ways.
const LOAD: Kind = [-2.43, 0.2, 1.28, 2.675, 2.675];
const WEAK: Kind = [0.2, 0.035, 1.01, 8.74, 8.74];
const PLAIN: Kind = [0.2, 0.035, 1.01, 17.48, 17.48];
const STRONG: Kind = [0.2, 0.035, 1.01, 26.22, 26.22];

/// Nodes of the circuit between its gates, and those with voltages that are given.
const NODES: usize = 19;
const SUPPLY: usize = NODES;
const EARTH: usize = NODES + 1;
const SIGNAL: usize = NODES + 2;

const COUNT: usize = 39;

/// Kind, and the nodes at source, drain and gate of each transistor.
const TRANSISTORS: [(Kind, usize, usize, usize); COUNT] = [
    (LOAD, 0, SUPPLY, 0),
    (WEAK, EARTH, 0, SIGNAL),
    (WEAK, EARTH, 0, SIGNAL + 1),
    (LOAD, 1, SUPPLY, 1),
    (WEAK, EARTH, 1, 0),
    (PLAIN, 2, 1, SIGNAL + 1),
    (PLAIN, EARTH, 2, SIGNAL),
    (LOAD, 3, SUPPLY, 3),
    (WEAK, EARTH, 3, 1),
    (WEAK, EARTH, 3, SIGNAL + 4),
    (LOAD, 4, SUPPLY, 4),
    (WEAK, EARTH, 4, 3),
    (PLAIN, 5, 4, SIGNAL + 4),
    (PLAIN, EARTH, 5, 1),
    (LOAD, 6, SUPPLY, 6),
    (WEAK, EARTH, 6, 0),
    (PLAIN, 7, 6, SIGNAL + 4),
    (PLAIN, EARTH, 7, 1),
    (LOAD, 8, SUPPLY, 8),
    (WEAK, EARTH, 8, SIGNAL + 2),
    (WEAK, EARTH, 8, SIGNAL + 3),
    (LOAD, 9, SUPPLY, 9),
    (WEAK, EARTH, 9, 8),
    (PLAIN, 10, 9, SIGNAL + 3),
    (PLAIN, EARTH, 10, SIGNAL + 2),
    (LOAD, 11, SUPPLY, 11),
    (PLAIN, 12, 11, 6),
    (PLAIN, EARTH, 12, 9),
    (LOAD, 13, SUPPLY, 13),
    (PLAIN, 14, 13, 11),
    (PLAIN, EARTH, 14, 6),
    (PLAIN, EARTH, 14, 9),
    (LOAD, 15, SUPPLY, 15),
    (WEAK, EARTH, 15, 8),
    (PLAIN, 16, 15, 0),
    (PLAIN, EARTH, 16, 9),
    (STRONG, 17, 15, 9),
    (STRONG, 18, 17, 1),
    (STRONG, EARTH, 18, SIGNAL + 4),
];

/// The nodes of the two sums and of the inverted carry, with a load each.
const OUTPUTS: [usize; 3] = [4, 13, 15];

/// Results of gates with two transistors side by side, the second of these, and the transistor whose
/// drain stands in the charge of that one.
const TWINS: [(usize, usize, usize); 3] = [(0, 2, 3), (3, 9, 10), (8, 20, 21)];

const ACROSS: f64 = 0.6;
const OUTPUT: f64 = 2.0;
const VOLTAGE: f64 = 5.0;
const BULK: f64 = -2.5;

/// Pause before a signal rises, time for which it stays, period; it rises and falls within 5.
const SIGNALS: [[f64; 3]; 5] = [
    [0.0, 5.0, 20.0],
    [10.0, 15.0, 40.0],
    [30.0, 35.0, 80.0],
    [70.0, 75.0, 160.0],
    [150.0, 155.0, 320.0],
];

/// Voltage and slope of a signal. It begins for the last time before t = 320.
fn signal<N: Number>(t: N, [pause, stay, period]: [f64; 3]) -> (N, N) {
    let mut within = t;
    for k in 1..(320.0 / period) as usize {
        let passed = t - k as f64 * period;
        within = N::choose(passed, passed, within);
    }
    let within = within - pause;
    let from = |start: f64, yes: N, no: N| N::choose(within - start, yes, no);
    let (high, down, low) = (5.0, 5.0 + stay, 10.0 + stay);
    let none = N::of(0.0);
    let falling = from(low, none, -within + low);
    let voltage = from(0.0, from(high, from(down, falling, N::of(5.0)), within), none);
    let falling = from(low, none, N::of(-1.0));
    (voltage, from(0.0, from(high, from(down, falling, none), N::of(1.0)), none))
}

/// Capacity of the junction of the bulk.
fn capacity<N: Number>(voltage: N) -> N {
    let blocked = N::of(0.24) / (-(N::choose(voltage, N::of(0.0), voltage) / 0.87) + 1.0).sqrt();
    N::choose(-voltage, blocked, (voltage / 1.74 + 1.0) * 0.24)
}

/// Charges at source, drain and both sides of the bulk of all transistors, of the outputs, and of the
/// twins, for voltages at the same places of the transistors and of the nodes.
fn charges<N: Number>(
    inner: impl Fn(usize, usize) -> N,
    node: impl Fn(usize) -> N,
    mut out: impl FnMut(usize, N),
) {
    // Of nodes whose voltage is given, gates have none and the supply is at a distance.
    let held = |i: usize| if i < NODES { node(i) } else { N::of(0.0) };
    for (k, (_, source, drain, gate)) in TRANSISTORS.into_iter().enumerate() {
        out(k, (inner(0, k) - held(gate)) * ACROSS);
        out(COUNT + k, (inner(1, k) - held(gate)) * ACROSS);
        let at_source = inner(2, k) - if source == EARTH { N::of(0.0) } else { node(source) };
        out(2 * COUNT + k, capacity(at_source) * at_source);
        let from = if drain == SUPPLY { N::of(VOLTAGE) } else { node(drain) };
        let twin = TWINS.iter().find(|twin| twin.1 == k);
        let against = twin.map_or(held(drain), |twin| inner(1, twin.2));
        out(3 * COUNT + k, capacity(inner(3, k) - from) * (inner(3, k) - against));
    }
    for (k, i) in OUTPUTS.into_iter().enumerate() {
        out(4 * COUNT + k, node(i) * OUTPUT);
    }
    for (k, (i, second, other)) in TWINS.into_iter().enumerate() {
        let charge = capacity(inner(3, second) - node(i)) * (node(i) - inner(1, other));
        out(4 * COUNT + 3 + k, charge);
    }
}

/// Number of charges: of transistors, outputs and twins.
const CHARGES: usize = 4 * COUNT + 6;

/// Charges, then voltages.
#[derive(Debug, Clone, Copy)]
struct Adder;

impl Function for Adder {
    fn shape(&self) -> Shape {
        let n = CHARGES + 4 * COUNT + NODES;
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
        let inner = |place: usize, k: usize| u(CHARGES + place * COUNT + k);
        let signals = SIGNALS.map(|shape| signal(t, shape));
        let node = |i: usize| match i {
            0..NODES => u(CHARGES + 4 * COUNT + i),
            SUPPLY => N::of(VOLTAGE),
            EARTH => N::of(0.0),
            _ => signals[i - SIGNAL].0,
        };
        // What flows out of each node, with the charges that go with it.
        let mut flows = [N::of(0.0); NODES];
        let mut add = |i: usize, flow: N| {
            if i < NODES {
                flows[i] = flows[i] + flow;
            }
        };
        for (k, (kind, source, drain, gate)) in TRANSISTORS.into_iter().enumerate() {
            let (at_source, at_drain) = (inner(0, k) - node(source), inner(1, k) - node(drain));
            let bulk = [inner(2, k) - node(source), inner(3, k) - node(drain)];
            let through = current(kind, inner(1, k) - inner(0, k), node(gate) - inner(0, k), bulk);
            let risen = if gate >= SIGNAL { signals[gate - SIGNAL].1 * ACROSS } else { N::of(0.0) };
            let (from_source, from_drain) = (at_source * 1250.0, at_drain * 1250.0);
            let to_bulk = [2, 3].map(|place| (inner(place, k) - BULK) * 500.0);
            out(k, risen - from_source - through);
            out(COUNT + k, risen - from_drain + through);
            out(2 * COUNT + k, leak(bulk[0]) * 5e3 - to_bulk[0]);
            out(3 * COUNT + k, leak(bulk[1]) * 5e3 - to_bulk[1]);
            add(source, from_source - to_bulk[0]);
            add(drain, from_drain - to_bulk[1]);
            add(gate, -(from_source + from_drain));
        }
        for (k, i) in OUTPUTS.into_iter().enumerate() {
            out(4 * COUNT + k, flows[i]);
        }
        for (k, (i, ..)) in TWINS.into_iter().enumerate() {
            out(4 * COUNT + 3 + k, flows[i]);
        }
        charges(inner, node, |i, charge| out(CHARGES + i, u(i) - charge));
        // Everything else at a node is free to move, so its charge stays.
        let fixed = |i: &usize| OUTPUTS.contains(i) || TWINS.iter().any(|twin| twin.0 == *i);
        for (k, i) in (0..NODES).filter(|i| !fixed(i)).enumerate() {
            out(2 * CHARGES + k, flows[i]);
        }
    }
}

impl Equations for Adder {
    fn mass(&self) -> Vec<(u32, u32, f64)> {
        (0..CHARGES as u32).map(|i| (i, i, 1.0)).collect()
    }
}

/// Source of the published values.
const SOURCE: &str = "Mazzia, Magherini, Test Set for Initial Value Problem Solvers, release 2.4, Bari 2008: RADAU5 \
     at tolerances of 1e-5";

/// Charges and voltages for voltages of transistors and nodes.
fn with_charges(inner: [[f64; COUNT]; 4], nodes: [f64; NODES]) -> Vec<f64> {
    let constant = |x: f64| Jet::<f64, 0>::constant(x);
    let mut all = vec![0.0; CHARGES];
    let node = |i: usize| constant(nodes[i]);
    charges(|place, k| constant(inner[place][k]), node, |i, charge| all[i] = charge.value);
    all.extend(inner.concat());
    all.extend(nodes);
    all
}

/// A circuit that adds two numbers of two bits and a carry, given by five signals: charges and voltages of
/// 175 nodes, to t = 320 (nanoseconds). Sums of currents stand for the charges of nodes that
/// nothing but capacities ties to earth, so that the index is 1; the test set has these charges as
/// 350 unknowns. Its program has the voltage of another node in three charges, and its
/// values need that; they were computed at tolerances of 1e-5.
///
/// M. Günther, P. Rentrop, *The NAND-gate – a benchmark for the numerical simulation of digital
/// circuits*, in: W. Mathis, P. Noll (eds.), 2. ITG-Diskussionssitzung Neue Anwendungen Theoretischer
/// Konzepte in der Elektrotechnik, VDE-Verlag 1996, 27; problem "Two bit adding unit" of the test set.
pub fn two_bit_adder() -> Problem {
    let bulk = [BULK; COUNT];
    let start = with_charges([AT_SOURCES, AT_DRAINS, bulk, bulk], AT_NODES);
    let names = ("two-bit-adder", "Two-bit adding unit");
    let mut problem = Problem::new(names, Class::Algebraic, Adder, (0.0, 320.0), start, Vec::new())
        .known(320.0, &with_charges(PUBLISHED, PUBLISHED_NODES), 1e-4, SOURCE)
        .with_text(model!("two_bit_adder"));
    for k in 1..64 {
        problem = problem.with_break(5.0 * f64::from(k));
    }
    problem
}
