//! Reduction of oxygen on a catalyst.

use crate::Problem;
use crate::problem::{Class, TIGHT, equations, model};

/// Of what is held: oxygen, protons with electrons, water; and the unit of amounts.
const OXYGEN: f64 = 0.25;
const PROTON: f64 = 1.81e-6;
const WATER: f64 = 55_500.0;
const UNIT: f64 = 0.5;

/// Over RT: the freedom that a dissolved molecule loses when it binds.
const BOUND: f64 = 3.697_891_137_634_378;

/// A constant backwards over that forwards, for this change of free energy in J/mol.
fn back(change: f64, ends: f64) -> f64 {
    (change / 2_477.572 + ends * BOUND).exp()
}

// O2, OOH, O, OH and HOOH on sites of one kind, O and OH on those of another, free sites of both.
equations! {
    Oxygen: 9, 19;
    (_, u, p, out) {
        let [o2, ooh, o, oh, hooh, o_b, oh_b, free, free_b] = std::array::from_fn(u);
        let pair = |k: usize, a: N, b: N| p(k) * a * b / UNIT;
        let with = |k: usize, held: f64, a: N| p(k) * a * (held / UNIT);
        let binds = with(0, OXYGEN, free) - p(0) * back(134_110.0 - 153_400.0, 1.0) * o2;
        let splits = [
            pair(1, o2, free_b) - pair(1, o, o_b) * back(-9_648.3 + 51_136.0 - 134_110.0, 0.0),
            pair(2, ooh, free_b) - pair(2, oh, o_b) * back(-14_472.0 + 51_136.0 - 116_740.0, 0.0),
            pair(3, hooh, free_b) - pair(3, oh, oh_b) * back(-14_472.0 + 19_296.6 - 147_620.0, 0.0),
        ];
        let leaves = p(4) * hooh;
        let to_ooh = with(5, PROTON, o2) - p(6) * ooh;
        let to_o = with(7, PROTON, ooh) - with(8, WATER, o);
        let to_oh = with(9, PROTON, o) - p(10) * oh;
        let to_free = with(11, PROTON, oh) - with(12, WATER, free);
        let to_oh_b = with(13, PROTON, o_b) - p(14) * oh_b;
        let to_free_b = with(15, PROTON, oh_b) - with(16, WATER, free_b);
        let to_hooh = with(17, PROTON, ooh) - p(18) * hooh;
        out(0, binds - splits[0] - to_ooh);
        out(1, to_ooh - splits[1] - to_o - to_hooh);
        out(2, splits[0] + to_o - to_oh);
        out(3, splits[1] + splits[2] + to_oh - to_free);
        out(4, to_hooh - splits[2] - leaves);
        out(5, splits[0] + splits[1] - to_oh_b);
        out(6, splits[2] + to_oh_b - to_free_b);
        out(7, leaves + to_free - binds);
        out(8, to_free_b - splits[0] - splits[1] - splits[2]);
    }
}

/// `O2 + 4 H⁺ + 4 e⁻ → 2 H2O` on platinum at 0.9 V, as in fuel cells and metal–air batteries: 9
/// species on sites of two kinds, 19 reactions whose constants are the parameters, to t = 1e-5, where
/// all but the slowest have come to rest. The fastest takes 1e-22. Public benchmarks begin without
/// free sites of the first kind, so that six of the species stay 0; here half a unit of either kind is
/// free.
///
/// Issue 179 of the repository `SciML/SciMLBenchmarks.jl`, 2021, "microkinetic model".
pub fn oxygen_reduction() -> Problem {
    let constants = vec![
        1e8,
        47_320.473_243_810_055,
        3.431_103_537_997_636_5e6,
        3.431_103_537_997_636_5e6,
        1.660_386_718_536_540_6,
        5.524_86e14,
        2.376_300_993_780_766_6e12,
        5.524_86e14,
        8.308_386_964_362_935e-9,
        5.524_86e14,
        7.882_700_332_950_447e13,
        5.524_86e14,
        1.900_083_786_848_033e17,
        5.524_86e14,
        2.070_984_112_420_706_5e8,
        5.524_86e14,
        2.289_513_699_579_881_3e11,
        5.524_86e14,
        3.010_694_854_288_576e19,
    ];
    let early = [
        1.189_137_417_331e-15,
        3.649_590_024_112e-17,
        0.499_798_750_279_5,
        2.012_497_205_021e-4,
        2.424_415_431_858e-27,
        1.034_970_345_636e-5,
        0.499_989_610_948_4,
        1.908_399_984_803e-17,
        3.934_817_612_553e-8,
    ];
    let end = [
        1.371_498_007_08e-10,
        1.155_281_071_355e-13,
        0.499_987_314_180_7,
        1.268_568_188_734e-5,
        7.674_511_928_126e-24,
        0.046_916_453_571_95,
        0.453_083_510_771_3,
        1.202_951_000_148e-18,
        3.565_676_015_214e-8,
    ];
    Problem::new(
        ("oxygen-reduction", "Oxygen reduction on platinum"),
        Class::Stiff,
        Oxygen,
        (0.0, 1e-5),
        vec![0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.5],
        constants,
    )
    .known_relative(1e-13, &early, 2e-12, TIGHT)
    .known_relative(1e-5, &end, 2e-12, TIGHT)
    .with_text(model!("oxygen_reduction"))
}
