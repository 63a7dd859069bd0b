//! The ring modulator.

use crate::Problem;
use crate::problem::{Class, equations, model};
use std::f64::consts::PI;

equations! {
    RingModulator: 15, 1;
    (t, u, p, out) {
        let (c, cp) = (1.6e-8, 1e-8);
        let (lh, ls1, ls2, ls3) = (4.45, 2e-3, 5e-4, 5e-4);
        let (rg1, rg2, rg3) = (36.3, 17.3, 17.3);
        let (r, rp, ri, rc) = (25e3, 50.0, 50.0, 600.0);
        let signal = (t * (2e3 * PI)).sin() * 0.5;
        let carrier = (t * (2e4 * PI)).sin() * 2.0;
        let diode = |voltage: N| ((voltage * 17.7493332).exp() - 1.0) * 40.67286402e-9;
        let d1 = diode(u(2) - u(4) - u(6) - carrier);
        let d2 = diode(u(5) - u(3) - u(6) - carrier);
        let d3 = diode(u(3) + u(4) + u(6) + carrier);
        let d4 = diode(u(6) - u(2) - u(5) + carrier);
        out(0, (u(7) - u(9) * 0.5 + u(10) * 0.5 + u(13) - u(0) / r) / c);
        out(1, (u(8) - u(11) * 0.5 + u(12) * 0.5 + u(14) - u(1) / r) / c);
        out(2, (u(9) - d1 + d4) / p(0));
        out(3, (d2 - u(10) - d3) / p(0));
        out(4, (u(11) + d1 - d3) / p(0));
        out(5, (d4 - u(12) - d2) / p(0));
        out(6, (d1 + d2 - d3 - d4 - u(6) / rp) / cp);
        out(7, -u(0) / lh);
        out(8, -u(1) / lh);
        out(9, (u(0) * 0.5 - u(2) - u(9) * rg2) / ls2);
        out(10, (u(3) - u(0) * 0.5 - u(10) * rg3) / ls3);
        out(11, (u(1) * 0.5 - u(4) - u(11) * rg2) / ls2);
        out(12, (u(5) - u(1) * 0.5 - u(12) * rg3) / ls3);
        out(13, (signal - u(0) - u(13) * (ri + rg1)) / ls1);
        out(14, (-u(1) - u(14) * (rc + rg1)) / ls1);
    }
}

/// A circuit that mixes a signal of 1 kHz with a carrier of 10 kHz: 15 voltages and currents,
/// highly oscillatory, to t = 1e-3. The parameter is the capacity of the diodes, 2e-12.
///
/// E. H. Horneber, *Analyse nichtlinearer RLCÜ-Netzwerke mit Hilfe der gemischten
/// Potentialfunktion*, doctoral thesis, Kaiserslautern 1976.
pub fn ring_modulator() -> Problem {
    let end = [
        -0.233_905_735_848_674_5e-1,
        -0.736_748_548_554_082_5e-2,
        0.258_295_670_929_116_9,
        -0.406_446_572_128_345,
        -0.403_945_566_514_979_4,
        0.260_796_676_542_294_3,
        0.110_676_186_126_997_5,
        0.293_990_434_243_559_6e-6,
        -0.284_002_993_364_232_9e-7,
        0.726_719_826_726_455_3e-3,
        0.792_948_719_696_084e-3,
        -0.725_528_349_569_896_5e-3,
        -0.794_140_196_852_652_1e-3,
        0.708_849_541_697_611_4e-4,
        0.239_005_907_523_657e-4,
    ];
    Problem::new(
        ("ring-modulator", "Ring modulator"),
        Class::Stiff,
        RingModulator,
        (0.0, 1e-3),
        vec![0.0; 15],
        vec![2e-12],
    )
    .known_relative(1e-3, &end, 1e-9, RADAU_1E_12)
    .with_text(model!("ring_modulator"))
}

/// The digits are printed to 16 places, but come from tolerances of 1e-12.
const RADAU_1E_12: &str = "Mazzia, Magherini, Test Set for Initial Value Problem Solvers, release 2.4, Bari 2008: RADAU at \
     tolerances of 1e-12";
