//! Three classics of chemical kinetics.

use crate::Problem;
use crate::problem::{Class, TEST_SET, TIGHT, equations, model};

equations! {
    Robertson: 3, 3;
    (_, u, p, out) {
        let slow = p(0) * u(0);
        let fast = p(1) * u(1).square();
        let back = p(2) * u(1) * u(2);
        out(0, back - slow);
        out(1, slow - back - fast);
        out(2, fast);
    }
}

/// Robertson's autocatalytic reaction, parameters `(k1, k2, k3) = (0.04, 3e7, 1e4)`, to t = 1e11.
///
/// H. H. Robertson, *The solution of a set of reaction rate equations*, in: J. Walsh (ed.),
/// Numerical Analysis, Academic Press 1966.
pub fn robertson() -> Problem {
    let p = vec![0.04, 3e7, 1e4];
    Problem::new(
        ("rober", "Robertson's reaction (ROBER)"),
        Class::Stiff,
        Robertson,
        (0.0, 1e11),
        vec![1.0, 0.0, 0.0],
        p,
    )
    .known_relative(40.0, &[0.7158270687194, 9.185534764558e-6, 0.2841637457458], 1e-12, TIGHT)
    .known_relative(1e5, &[0.01786592114210, 7.274751468437e-8, 0.9821340061104], 1e-12, TIGHT)
    .known_relative(
        1e11,
        &[0.208_334_014_970_125_5e-7, 0.833_336_077_033_471_3e-13, 0.999_999_979_166_505],
        1e-14,
        TEST_SET,
    )
    .with_text(model!("rober"))
}

equations! {
    Hires: 8, 12;
    (_, u, p, out) {
        let forward = p(9) * u(5) * u(7);
        let release = p(11) * u(6);
        out(0, p(1) * u(1) - p(0) * u(0) + p(2) * u(2) + p(3));
        out(1, p(0) * u(0) - p(4) * u(1));
        out(2, p(1) * u(3) - p(5) * u(2) + p(6) * u(4));
        out(3, p(2) * u(1) + p(0) * u(2) - p(7) * u(3));
        out(4, p(1) * (u(5) + u(6)) - p(8) * u(4));
        out(5, p(10) * (u(3) + u(6)) + p(0) * u(4) - p(1) * u(5) - forward);
        out(6, forward - release);
        out(7, release - forward);
    }
}

/// High irradiance responses of photomorphogenesis: 8 reactants, 12 rates.
///
/// E. Schäfer, *A new approach to explain the 'high irradiance responses' of photomorphogenesis on
/// the basis of phytochrome*, J. Math. Biology 2 (1975) 41, doi:10.1007/BF00276015.
pub fn hires() -> Problem {
    let p = vec![1.71, 0.43, 8.32, 0.0007, 8.75, 10.03, 0.035, 1.12, 1.745, 280.0, 0.69, 1.81];
    Problem::new(
        ("hires", "High irradiance responses (HIRES)"),
        Class::Stiff,
        Hires,
        (0.0, 321.8122),
        vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0057],
        p,
    )
    .known_relative(
        321.8122,
        &[
            0.737_131_257_332_566_8e-3,
            0.144_248_572_631_618_5e-3,
            0.588_872_974_096_757_5e-4,
            0.117_565_134_328_314_9e-2,
            0.238_635_619_883_133_1e-2,
            0.623_896_825_274_279_6e-2,
            0.284_999_839_518_576_9e-2,
            0.285_000_160_481_423_1e-2,
        ],
        1e-13,
        TEST_SET,
    )
    .with_text(model!("hires"))
}

equations! {
    Oregonator: 3, 3;
    (_, u, p, out) {
        out(0, p(0) * (u(1) + u(0) * (-(p(1) * u(0)) - u(1) + 1.0)));
        out(1, (u(2) - (u(0) + 1.0) * u(1)) / p(0));
        out(2, p(2) * (u(0) - u(2)));
    }
}

/// The Oregonator of the Belousov–Zhabotinskii reaction, parameters `(s, q, w) = (77.27, 8.375e-6,
/// 0.161)`, to t = 360.
///
/// R. J. Field, R. M. Noyes, *Oscillations in chemical systems IV*, J. Chem. Phys. 60 (1974) 1877,
/// doi:10.1063/1.1681288.
pub fn oregonator() -> Problem {
    Problem::new(
        ("orego", "Oregonator (OREGO)"),
        Class::Stiff,
        Oregonator,
        (0.0, 360.0),
        vec![1.0, 2.0, 3.0],
        vec![77.27, 8.375e-6, 0.161],
    )
    .known_relative(30.0, &[1.00066146718, 1512.77893735, 10358.5431277], 1e-11, TIGHT)
    .known_relative(
        360.0,
        &[0.100_081_487_031_852_3e1, 0.122_817_852_154_991_7e4, 0.132_055_494_284_670_6e3],
        1e-13,
        TEST_SET,
    )
    .with_text(model!("orego"))
}
