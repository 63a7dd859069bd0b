//! Differential-algebraic equations, as systems with a singular mass matrix.

mod adder;
mod circuits;
mod crank;
mod fekete;
mod filament;
mod pump;
mod squeezer;
mod water;
mod wheelset;

pub use adder::two_bit_adder;
pub use circuits::nand_gate;
pub use crank::slider_crank;
pub use fekete::fekete;
pub use filament::filament;
pub use pump::charge_pump;
pub use squeezer::squeezer;
pub use water::water_tubes;
pub use wheelset::wheelset;

use crate::Problem;
use crate::problem::{COMPUTED, Class, TEST_SET, TIGHT, function, model};
use crate::system::Equations;
use std::f64::consts::PI;

/// Sources of published values of the test set in double precision.
const PSIDE: &str = "Mazzia, Magherini, Test Set for Initial Value Problem Solvers, release 2.4, Bari 2008: PSIDE at \
     tolerances of 1e-14";
const RADAU: &str = "Mazzia, Magherini, Test Set for Initial Value Problem Solvers, release 2.4, Bari 2008: RADAU5 \
     at tolerances of 1e-12";

function! {
    RobertsonDae: (3, 3) -> 3;
    (_, u, p, out) {
        let slow = p(0) * u(0);
        let back = p(2) * u(1) * u(2);
        out(0, back - slow);
        out(1, slow - back - p(1) * u(1).square());
        out(2, u(0) + u(1) + u(2) - 1.0);
    }
}

impl Equations for RobertsonDae {
    fn mass(&self) -> Vec<(u32, u32, f64)> {
        vec![(0, 0, 1.0), (1, 1, 1.0)]
    }
}

/// Robertson's reaction with conservation of mass instead of the third equation, index 1, to
/// t = 1e5.
pub fn robertson_dae() -> Problem {
    Problem::new(
        ("rober-dae", "Robertson's reaction with conservation of mass"),
        Class::Algebraic,
        RobertsonDae,
        (0.0, 1e5),
        vec![1.0, 0.0, 0.0],
        vec![0.04, 3e7, 1e4],
    )
    .known_relative(40.0, &[0.7158270687194, 9.185534764558e-6, 0.2841637457458], 1e-12, TIGHT)
    .known_relative(1e5, &[0.01786592114210, 7.274751468437e-8, 0.9821340061104], 1e-12, TIGHT)
    .with_text(model!("rober_dae"))
}

function! {
    TransistorAmplifier: (8, 0) -> 8;
    (t, u, _, out) {
        let (r0, r, supply) = (1000.0, 9000.0, 6.0);
        let (alpha, beta, thermal) = (0.99, 1e-6, 0.026);
        let signal = (t * (200.0 * PI)).sin() * 0.1;
        let current = |voltage: N| ((voltage / thermal).exp() - 1.0) * beta;
        let (first, second) = (current(u(1) - u(2)), current(u(4) - u(5)));
        out(0, (u(0) - signal) / r0);
        out(1, u(1) * (2.0 / r) - supply / r + first * (1.0 - alpha));
        out(2, u(2) / r - first);
        out(3, (u(3) - supply) / r + first * alpha);
        out(4, u(4) * (2.0 / r) - supply / r + second * (1.0 - alpha));
        out(5, u(5) / r - second);
        out(6, (u(6) - supply) / r + second * alpha);
        out(7, u(7) / r);
    }
}

impl Equations for TransistorAmplifier {
    fn mass(&self) -> Vec<(u32, u32, f64)> {
        let mut entries = Vec::new();
        for (i, capacity) in [(0, 1e-6), (3, 3e-6), (6, 5e-6)] {
            entries.extend([(i, i, -capacity), (i, i + 1, capacity)]);
            entries.extend([(i + 1, i, capacity), (i + 1, i + 1, -capacity)]);
        }
        entries.extend([(2, 2, -2e-6), (5, 5, -4e-6)]);
        entries
    }
}

/// Two transistors that amplify a signal of 100 Hz: 8 voltages, mass matrix of rank 5, index 1, to
/// t = 0.2.
///
/// P. Rentrop, M. Roche, G. Steinebach, *The application of Rosenbrock–Wanner type methods with
/// stepsize control in differential-algebraic equations*, Numer. Math. 55 (1989) 545,
/// doi:10.1007/BF01398915.
pub fn transistor_amplifier() -> Problem {
    let end = [
        -0.556_214_501_226_270_9e-2,
        3.006_522_471_903_042,
        2.849_958_788_608_128,
        2.926_422_536_206_241,
        2.704_617_865_010_554,
        2.761_837_778_393_145,
        4.770_927_631_616_772,
        1.236_995_868_091_548,
    ];
    Problem::new(
        ("transistor-amplifier", "Transistor amplifier"),
        Class::Algebraic,
        TransistorAmplifier,
        (0.0, 0.2),
        vec![0.0, 3.0, 3.0, 6.0, 3.0, 3.0, 6.0, 0.0],
        Vec::new(),
    )
    .known(0.2, &end, 1e-11, TEST_SET)
    .with_text(model!("transistor_amplifier"))
}

macro_rules! pendulum {
    ($name:ident, |$u:ident, $p:ident| $constraint:expr) => {
        function! {
            $name: (5, 2) -> 5;
            (_, $u, $p, out) {
                out(0, $u(2));
                out(1, $u(3));
                out(2, -($u(4) * $u(0)));
                out(3, -($u(4) * $u(1)) - $p(0));
                out(4, $constraint);
            }
        }
        impl Equations for $name {
            fn mass(&self) -> Vec<(u32, u32, f64)> {
                (0..4).map(|i| (i, i, 1.0)).collect()
            }
        }
    };
}

pendulum!(Pendulum, |u, p| u(0).square() + u(1).square() - p(1).square());
pendulum!(ReducedPendulum, |u, p| {
    u(2).square() + u(3).square() - u(4) * p(1).square() - p(0) * u(1)
});

fn pendulum_of<E: Equations + Clone + 'static>(
    names: (&'static str, &'static str),
    equations: E,
) -> Problem {
    let u0 = vec![1.0, 0.0, 0.0, 0.0, 0.0];
    Problem::new(names, Class::Algebraic, equations, (0.0, 10.0), u0, vec![9.8, 1.0]).known(
        10.0,
        &PENDULUM_END,
        1e-14,
        COMPUTED,
    )
}

/// Position, velocity and tension at t = 10, from the equation of the angle.
const PENDULUM_END: [f64; 5] = [
    0.2962717169866176,
    -0.9551036957910913,
    -4.132413998534405,
    -1.2818685510699932,
    28.080048656258086,
];

/// A pendulum in Cartesian coordinates with its length as constraint, index 3: states
/// `(x, y, x', y', λ)`, parameters `(g, length)`, released at the height of its pivot.
pub fn pendulum() -> Problem {
    pendulum_of(("pendulum", "Pendulum, index 3"), Pendulum).with_text(model!("pendulum"))
}

/// The same with the constraint differentiated twice, index 1. Length and its rate of change are
/// invariants that a solver may lose.
pub fn pendulum_index_1() -> Problem {
    pendulum_of(("pendulum-index-1", "Pendulum, index 1"), ReducedPendulum)
        .with_text(model!("pendulum_index_1"))
}

function! {
    CarAxis: (10, 0) -> 10;
    (t, u, _, out) {
        let (length, rest, mass) = (1.0, 0.5, 5e-4);
        let yb = (t * 10.0).sin() * 0.1;
        let xb = (-yb.square() + length * length).sqrt();
        let (xl, yl, xr, yr) = (u(0), u(1), u(2), u(3));
        let (dx, dy) = (xl - xr, yl - yr);
        let spring = |x: N, y: N| N::of(rest) / (x.square() + y.square()).sqrt() - 1.0;
        let (left, right) = (spring(xl, yl), spring(xr - xb, yr - yb));
        let (road, axis) = (u(8), u(9) * 2.0);
        for i in 0..4 {
            out(i, u(4 + i));
        }
        out(4, (left * xl + road * xb + axis * dx) / mass);
        out(5, (left * yl + road * yb + axis * dy) / mass - 1.0);
        out(6, (right * (xr - xb) - axis * dx) / mass);
        out(7, (right * (yr - yb) - axis * dy) / mass - 1.0);
        out(8, xl * xb + yl * yb);
        out(9, dx.square() + dy.square() - length * length);
    }
}

impl Equations for CarAxis {
    fn mass(&self) -> Vec<(u32, u32, f64)> {
        (0..8).map(|i| (i, i, 1.0)).collect()
    }
}

/// The axis of a car on a bumpy road, index 3: positions of its left and right end, their
/// velocities, two multipliers, to t = 3. The equations of motion are divided by the mass.
///
/// S. Schneider, *Intégration de systèmes d'équations différentielles raides et
/// différentielles-algébriques par des méthodes de collocations et méthodes générales linéaires*,
/// doctoral thesis, Geneva 1994; problem "Car axis" of the test set.
pub fn car_axis() -> Problem {
    let end = [
        0.049_345_578_427_540_28,
        0.496_989_460_230_171_15,
        1.041_742_524_885_421_5,
        0.373_911_027_265_361_26,
        -0.077_058_368_404_097_23,
        0.007_446_866_587_237_786,
        0.017_556_815_753_723_222,
        0.770_341_043_779_251_9,
        -0.004_736_886_590_848_933,
        -0.001_104_680_331_257_343_7,
    ];
    Problem::new(
        ("car-axis", "Car axis, index 3"),
        Class::Algebraic,
        CarAxis,
        (0.0, 3.0),
        vec![0.0, 0.5, 1.0, 0.5, -0.5, 0.0, -0.5, 0.0, 0.0, 0.0],
        Vec::new(),
    )
    .known(3.0, &end, 1e-11, TEST_SET)
    .with_text(model!("car_axis"))
}

/// All of them.
pub fn algebraic() -> Vec<Problem> {
    vec![
        robertson_dae(),
        transistor_amplifier(),
        pendulum(),
        pendulum_index_1(),
        car_axis(),
        filament(),
        squeezer(),
        slider_crank(),
        water_tubes(),
        fekete(),
        wheelset(),
        nand_gate(),
        two_bit_adder(),
        charge_pump(),
    ]
}
