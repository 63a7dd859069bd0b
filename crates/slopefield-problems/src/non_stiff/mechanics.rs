//! Mechanics: stars, satellites, and the Hénon–Heiles potential.

use crate::Problem;
use crate::function::Function;
use crate::number::Number;
use crate::problem::{COMPUTED, Class, TEST_SET, function, model};
use crate::system::Equations;
use slopefield_kernel::{Pair, Shape};

const STARS: usize = 7;

/// `x`, `y`, their slopes; star `i` has mass `i`.
#[derive(Debug, Clone, Copy)]
struct Pleiades;

static STAR_PAIRS: [Pair; 2 * STARS] = {
    let mut pairs = [Pair { position: 0, velocity: 0 }; 2 * STARS];
    let mut i = 0;
    while i < 2 * STARS {
        pairs[i] = Pair { position: i as u32, velocity: (2 * STARS + i) as u32 };
        i += 1;
    }
    pairs
};

impl Function for Pleiades {
    fn shape(&self) -> Shape {
        Shape { states: 4 * STARS, params: 0, outputs: 4 * STARS }
    }

    #[inline(always)]
    fn eval<N: Number>(
        &self,
        _: N,
        u: impl Fn(usize) -> N,
        _: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        let zero = N::of(0.0);
        let (mut ax, mut ay) = ([zero; STARS], [zero; STARS]);
        for i in 0..STARS {
            for j in 0..i {
                let (dx, dy) = (u(j) - u(i), u(STARS + j) - u(STARS + i));
                let square = dx * dx + dy * dy;
                let cube = square * square.sqrt();
                let (pull_x, pull_y) = (dx / cube, dy / cube);
                let (mass_i, mass_j) = ((i + 1) as f64, (j + 1) as f64);
                ax[i] = ax[i] + pull_x * mass_j;
                ay[i] = ay[i] + pull_y * mass_j;
                ax[j] = ax[j] - pull_x * mass_i;
                ay[j] = ay[j] - pull_y * mass_i;
            }
        }
        for i in 0..STARS {
            out(i, u(2 * STARS + i));
            out(STARS + i, u(3 * STARS + i));
            out(2 * STARS + i, ax[i]);
            out(3 * STARS + i, ay[i]);
        }
    }
}

impl Equations for Pleiades {
    fn pairs(&self) -> &[Pair] {
        &STAR_PAIRS
    }
}

/// Seven stars in a plane, 28 states, to t = 3.
///
/// E. Hairer, S. P. Nørsett, G. Wanner, *Solving Ordinary Differential Equations I*, 2nd edition,
/// Springer 1993, section II.10.
pub fn pleiades() -> Problem {
    let mut u0 = vec![3.0, 3.0, -1.0, -3.0, 2.0, -2.0, 2.0];
    u0.extend([3.0, -3.0, 2.0, 0.0, 0.0, -4.0, 4.0]);
    u0.extend([0.0, 0.0, 0.0, 0.0, 0.0, 1.75, -1.5]);
    u0.extend([0.0, 0.0, 0.0, -1.25, 1.0, 0.0, 0.0]);
    let end = [
        0.370_613_914_397_050_2,
        3.237_284_092_057_233,
        -3.222_559_032_418_324,
        0.659_709_145_577_531,
        0.342_558_170_715_658_4,
        1.562_172_101_400_631,
        -0.700_309_292_221_249_5,
        -3.943_437_585_517_392,
        -3.271_380_973_972_55,
        5.225_081_843_456_543,
        -2.590_612_434_977_47,
        1.198_213_693_392_275,
        -0.242_968_234_493_582_4,
        1.091_449_240_428_98,
        3.417_003_806_314_313,
        1.354_584_501_625_501,
        -2.590_065_597_810_775,
        2.025_053_734_714_242,
        -1.155_815_100_160_448,
        -0.807_298_817_022_302_1,
        0.595_239_635_420_871,
        -3.741_244_961_234_01,
        0.377_345_968_575_063,
        0.938_685_886_955_107_3,
        0.366_792_222_720_057_1,
        -0.347_404_635_380_849,
        2.344_915_448_180_937,
        -1.947_020_434_263_292,
    ];
    Problem::new(
        ("pleiades", "Pleiades, seven stars in a plane"),
        Class::NonStiff,
        Pleiades,
        (0.0, 3.0),
        u0,
        Vec::new(),
    )
    .known(3.0, &end, 1e-13, TEST_SET)
    .with_text(model!("pleiades"))
}

function! {
    HenonHeiles: (4, 0) -> 4;
    (_, u, _, out) {
        let (x, y) = (u(0), u(1));
        out(0, u(2));
        out(1, u(3));
        out(2, -x - x * y * 2.0);
        out(3, y * y - y - x * x);
    }
}

impl Equations for HenonHeiles {
    fn pairs(&self) -> &[Pair] {
        &[Pair { position: 0, velocity: 2 }, Pair { position: 1, velocity: 3 }]
    }
}

/// A star in a galaxy, energy 0.1296667, to t = 10.
///
/// M. Hénon, C. Heiles, *The applicability of the third integral of motion*, Astron. J. 69 (1964)
/// 73, doi:10.1086/109234.
pub fn henon_heiles() -> Problem {
    Problem::new(
        ("henon-heiles", "Hénon–Heiles potential"),
        Class::NonStiff,
        HenonHeiles,
        (0.0, 10.0),
        vec![0.0, 0.1, 0.5, 0.0],
        Vec::new(),
    )
    .known(
        10.0,
        &[-0.0925885106918399, -0.23988171893806934, -0.22127551556173355, 0.37304833864683606],
        1e-15,
        COMPUTED,
    )
    .with_text(model!("henon_heiles"))
}

function! {
    Arenstorf: (4, 1) -> 4;
    (_, u, p, out) {
        let (x, y) = (u(0), u(1));
        let moon = p(0);
        let earth = -moon + 1.0;
        let (from_earth, from_moon) = (x + moon, x - earth);
        let cube = |dx: N| {
            let square = dx * dx + y * y;
            square * square.sqrt()
        };
        let (pull_earth, pull_moon) = (earth / cube(from_earth), moon / cube(from_moon));
        out(0, u(2));
        out(1, u(3));
        out(2, x + u(3) * 2.0 - pull_earth * from_earth - pull_moon * from_moon);
        out(3, y - u(2) * 2.0 - pull_earth * y - pull_moon * y);
    }
}

impl Equations for Arenstorf {
    fn pairs(&self) -> &[Pair] {
        &[Pair { position: 0, velocity: 2 }, Pair { position: 1, velocity: 3 }]
    }
}

/// A closed orbit of a satellite around earth and moon in their rotating frame; the parameter is
/// the moon's mass. After one period it is back where it began.
///
/// E. Hairer, S. P. Nørsett, G. Wanner, *Solving Ordinary Differential Equations I*, 2nd edition,
/// Springer 1993, section II.0.
pub fn arenstorf() -> Problem {
    let u0 = vec![0.994, 0.0, 0.0, -2.001_585_106_379_082_5];
    let period = 17.065_216_560_157_963;
    Problem::new(
        ("arenstorf", "Arenstorf orbit"),
        Class::NonStiff,
        Arenstorf,
        (0.0, period),
        u0.clone(),
        vec![0.012_277_471],
    )
    // The start is rounded to 16 digits, which the close passages magnify.
    .known(period, &u0, 1e-9, "Hairer, Nørsett, Wanner, Solving ODEs I, section II.0")
    .with_text(model!("arenstorf"))
}
