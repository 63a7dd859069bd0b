//! A charge pump: a transistor whose charges have kinks.

use crate::Problem;
use crate::function::{Derived, Function};
use crate::number::{Float, Number};
use crate::problem::{Class, function, model};
use crate::system::Equations;
use slopefield_kernel::{Crossing, Event, Events, Kernel, Shape, Structure, Trigger};
use std::sync::Arc;

/// Threshold, body effect, potential of the surface; capacity of the oxide and of the nodes at source
/// and drain.
const THRESHOLD: f64 = 0.2;
const BODY: f64 = 0.035;
const SURFACE: f64 = 1.01;
const OXIDE: f64 = 4.0;
const NEAR: f64 = 1.6;
const FAR: f64 = 0.4;

/// Places of the slope of the pulse and of whether the transistor is open, among the states.
const SLOPE: usize = 4;
const OPEN: usize = 5;

// Charges of the three nodes, the pulse, its slope, whether the transistor is open; the three voltages, the
// current of the source of pulses.
function! {
    ChargePump: (10, 0) -> 10;
    (_, u, _, out) {
        let flat = THRESHOLD - BODY * SURFACE.sqrt() - SURFACE;
        let bent = (u(7) + SURFACE).sqrt();
        let excess = u(6) - u(7) - THRESHOLD - (bent - SURFACE.sqrt()) * BODY;
        let channel = u(OPEN) * excess * (OXIDE / 3.0);
        let closed = (u(6) - flat + BODY * BODY / 4.0).sqrt() - BODY / 2.0;
        let depleted = N::choose(u(OPEN) - 0.5, bent, closed);
        out(0, -u(9));
        out(1, N::of(0.0));
        out(2, N::of(0.0));
        out(3, u(SLOPE));
        out(4, N::of(0.0));
        out(5, N::of(0.0));
        out(6, u(3) - u(6));
        out(7, u(0) - channel * 2.0 - depleted * (OXIDE * BODY));
        out(8, u(1) - u(7) * NEAR + channel);
        out(9, u(2) - u(8) * FAR + channel);
    }
}

function! {
    Opening: (10, 0) -> 2;
    (_, u, _, out) {
        out(0, u(3) - THRESHOLD);
        out(1, u(3) - THRESHOLD);
    }
}

// The period, and when in it the slope of the pulse changes.
function! {
    Corners: (0, 0) -> 8;
    (_, _, _, out) {
        for (i, start) in [50.0, 60.0, 110.0, 120.0].into_iter().enumerate() {
            out(2 * i, N::of(120.0));
            out(2 * i + 1, N::of(start));
        }
    }
}

/// Gives one state a value.
#[derive(Debug, Clone, Copy)]
struct Becomes {
    state: usize,
    value: f64,
}

impl Function for Becomes {
    fn shape(&self) -> Shape {
        Shape { states: 10, params: 0, outputs: 10 }
    }

    #[inline(always)]
    fn eval<N: Number>(
        &self,
        _: N,
        u: impl Fn(usize) -> N,
        _: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        for i in 0..10 {
            out(i, if i == self.state { N::of(self.value) } else { u(i) });
        }
    }
}

impl Equations for ChargePump {
    fn mass(&self) -> Vec<(u32, u32, f64)> {
        (0..6).map(|i| (i, i, 1.0)).collect()
    }

    fn affects<T: Float>(&self) -> Vec<Arc<dyn Kernel<T>>> {
        let slopes = [2.0, 0.0, -2.0, 0.0].map(|value| Becomes { state: SLOPE, value });
        let gates = [1.0, 0.0].map(|value| Becomes { state: OPEN, value });
        let all = slopes.into_iter().chain(gates);
        all.map(|change| Arc::new(Derived(change)) as Arc<dyn Kernel<T>>).collect()
    }

    fn structure<T: Float>(&self) -> Structure<'_, T> {
        const fn corner(index: u32, count: Option<u64>) -> Event {
            let trigger = Trigger::Every { period: 2 * index, from: 2 * index + 1, count };
            Event { trigger, affect: Some(index), stop: false }
        }
        const fn gate(root: u32, direction: Crossing) -> Event {
            let trigger = Trigger::Crossing { root, direction };
            Event { trigger, affect: Some(4 + root), stop: false }
        }
        static LIST: [Event; 6] = [
            corner(0, None),
            corner(1, None),
            corner(2, None),
            corner(3, Some(9)),
            gate(0, Crossing::Rising),
            gate(1, Crossing::Falling),
        ];
        Structure {
            events: Some(Events {
                list: &LIST,
                roots: Some(&Derived(Opening)),
                times: Some(&Derived(Corners)),
                affects: &[],
            }),
            ..Default::default()
        }
    }
}

/// Source of the values at the end.
const PSIDE: &str = "Mazzia, Magherini, Test Set for Initial Value Problem Solvers, release 2.4, Bari 2008: PSIDE at \
     tolerances of 2e-8; the current from the derivative of the charge at the gate";

/// Source of the values on the way.
const BISECTION: &str =
    "bisection of the balance of charges in arithmetic of 34 digits, independent of this program";

/// A transistor that pumps charge from pulses of 20 V: charges of three nodes; the voltage of the pulses,
/// how it rises, and whether the transistor is open, which events change; voltages of the nodes and the
/// current that the pulses give; index 2, to t = 1200; in nanoseconds, volts and picofarads. Charges have
/// kinks where the transistor opens, and currents jump there and at the corners of the pulses. The
/// test set has two nodes' charges in two parts each, nine unknowns, and conditions instead of events;
/// it reports that most programs fail. The voltages are functions of that of the pulse. The current at the
/// end, just before the last pulse is over, is published with five digits.
///
/// M. Günther, G. Denk, U. Feldmann, *How models for MOS transistors reflect charge distribution
/// effects*, Math. Modelling of Systems 2 (1996) 297; problem "Charge pump" of the test set.
pub fn charge_pump() -> Problem {
    let rest = 0.126_280_042_987_675_9;
    let mut u0 = vec![0.0; 10];
    u0[0] = rest;
    let end = [rest, 0.0, 0.0, 0.0, -2.0, 0.0, 0.0, 0.0, 0.0, 0.152_256_610_384_853_4];
    // At 10 V, where the current goes with the slope of the pulse.
    let half = |rises: f64| {
        let charge = 14.513_567_614_280_47;
        let (near, far) = (4.433_416_186_502_718, 17.733_664_746_010_873);
        let current = -2.926_388_943_980_848 * rises;
        [charge, 0.0, 0.0, 10.0, 2.0 * rises, 1.0, 10.0, near, far, current]
    };
    Problem::new(
        ("charge-pump", "Charge pump"),
        Class::Algebraic,
        ChargePump,
        (0.0, 1200.0),
        u0,
        Vec::new(),
    )
    .known(1200.0, &end, 1e-14, PSIDE)
    .known(1135.0, &half(1.0), 1e-13, BISECTION)
    .known(1195.0, &half(-1.0), 1e-13, BISECTION)
    .with_text(model!("charge_pump"))
}
