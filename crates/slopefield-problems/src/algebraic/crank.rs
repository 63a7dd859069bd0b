//! A slider crank with an elastic rod.

use super::PSIDE;
use crate::Problem;
use crate::problem::{Class, function, model};
use crate::system::Equations;

/// Lengths and moments of inertia of crank and rod, masses of rod and slider, speed of the crank.
const CRANK: f64 = 0.15;
const ROD: f64 = 0.30;
const INERTIA: [f64; 2] = [0.002727, 0.0045339259];
const ROD_MASS: f64 = 0.151104;
const SLIDER: f64 = 0.075552;
const SPEED: f64 = 150.0;
/// Elasticity, density, width of the rod; π as the test set has it.
const ELASTICITY: f64 = 2e11;
const DENSITY: f64 = 7870.0;
const WIDTH: f64 = 0.008;
#[allow(clippy::approx_constant, reason = "published values depend on it")]
const PI: f64 = 3.1415927;
const VOLUME: f64 = WIDTH * WIDTH * ROD;

/// The inertia of the four elastic modes, two across and two along the rod, is `DENSITY VOLUME` times
/// this matrix.
const MASS: [[f64; 4]; 4] =
    [[0.5, 0.0, 0.0, 0.0], [0.0, 0.5, 0.0, 0.0], [0.0, 0.0, 8.0, 1.0], [0.0, 0.0, 1.0, 2.0]];

/// Products of the shapes of modes, integrated over the rod.
const ALONG: [f64; 4] = [0.0, 0.0, VOLUME * 2.0 / 3.0, VOLUME / 6.0];
const ACROSS: [f64; 4] = [VOLUME * 2.0 / PI, 0.0, 0.0, 0.0];
const LEVER_ALONG: [f64; 4] = [0.0, 0.0, ROD * VOLUME / 3.0, ROD * VOLUME / 6.0];
const LEVER_ACROSS: [f64; 4] = [ROD * VOLUME / PI, -ROD * VOLUME * 0.5 / PI, 0.0, 0.0];
const MIXED: [[f64; 4]; 4] = {
    let (a, b, c) = (
        VOLUME * 16.0 / (PI * PI * PI),
        VOLUME * (8.0 / (PI * PI * PI) - 1.0 / PI),
        VOLUME * 0.5 / PI,
    );
    [[0.0, 0.0, -a, b], [0.0, 0.0, 0.0, c], [a, 0.0, 0.0, 0.0], [-b, -c, 0.0, 0.0]]
};

/// The elastic forces on the modes for these amounts of them.
fn stiffness() -> [[f64; 4]; 4] {
    let along = ELASTICITY * WIDTH * WIDTH / ROD;
    let across = along * PI.powi(4) * (WIDTH / ROD).powi(2);
    let (end, both, middle) = (along * 7.0 / 3.0, along * -8.0 / 3.0, along * 16.0 / 3.0);
    [
        [across / 24.0, 0.0, 0.0, 0.0],
        [0.0, across * 2.0 / 3.0, 0.0, 0.0],
        [0.0, 0.0, middle, both],
        [0.0, 0.0, both, end],
    ]
}

function! {
    Crank: (24, 0) -> 24;
    (_, u, _, out) {
        let zero = N::of(0.0);
        for i in 0..14 {
            out(i, u(7 + i));
        }
        let dot = |a: &[f64; 4], x: &[N; 4]| {
            x.iter().zip(a).fold(N::of(0.0), |sum, (x, a)| if *a == 0.0 { sum } else { sum + *x * *a })
        };
        let product = |a: &[[f64; 4]; 4], x: &[N; 4]| a.each_ref().map(|row| dot(row, x));
        let column = |a: &[[f64; 4]; 4], j: usize| a.each_ref().map(|row| row[j]);
        let both = |x: &[N; 4], y: &[N; 4]| {
            x.iter().zip(y).fold(N::of(0.0), |sum, (x, y)| sum + *x * *y)
        };
        let inertia = MASS.map(|row| row.map(|x| x * (DENSITY * VOLUME)));
        let q: [N; 4] = std::array::from_fn(|i| u(3 + i));
        let qd: [N; 4] = std::array::from_fn(|i| u(10 + i));
        let qdd: [N; 4] = std::array::from_fn(|i| u(17 + i));
        let (v1, v2, w1, w2) = (u(7), u(8), u(14), u(15));
        let (sin, cos) = ((u(0) - u(1)).sin(), (u(0) - u(1)).cos());
        let (moved, moving) = (product(&inertia, &q), product(&MIXED, &qd));
        let arm = DENSITY * CRANK;

        // Inertia times acceleration.
        let between = cos * (0.5 * CRANK * ROD * ROD_MASS)
            + (sin * dot(&ACROSS, &q) + cos * dot(&ALONG, &q)) * arm;
        let of_rod = both(&q, &moved) + dot(&LEVER_ALONG, &q) * (2.0 * DENSITY) + INERTIA[1];
        let on_crank: [N; 4] =
            std::array::from_fn(|i| (cos * ACROSS[i] - sin * ALONG[i]) * arm);
        let on_rod: [N; 4] =
            std::array::from_fn(|i| (dot(&column(&MIXED, i), &q) + LEVER_ACROSS[i]) * DENSITY);
        let mut row = [zero; 7];
        row[0] = w1 * (INERTIA[0] + ROD_MASS * CRANK * CRANK) + between * w2 + both(&on_crank, &qdd);
        row[1] = between * w1 + of_rod * w2 + both(&on_rod, &qdd);
        row[2] = u(16) * SLIDER;
        let accelerated = product(&inertia, &qdd);
        for i in 0..4 {
            row[3 + i] = on_crank[i] * w1 + on_rod[i] * w2 + accelerated[i];
        }

        // Forces.
        let swing = 0.5 * CRANK * ROD * ROD_MASS;
        row[0] = row[0] + v2.square() * sin * swing
            - v2.square() * (cos * dot(&ACROSS, &q) - sin * dot(&ALONG, &q)) * arm
            + v2 * (cos * dot(&ALONG, &qd) + sin * dot(&ACROSS, &qd)) * (2.0 * arm);
        row[1] = row[1] - v1.square() * sin * swing
            - v1.square() * (sin * dot(&ALONG, &q) - cos * dot(&ACROSS, &q)) * arm
            + v2 * dot(&LEVER_ALONG, &qd) * (2.0 * DENSITY)
            + v2 * both(&qd, &moved) * 2.0
            + both(&qd, &moving) * DENSITY;
        let elastic = product(&stiffness(), &q);
        for i in 0..4 {
            let turning = v1.square() * (cos * ALONG[i] + sin * ACROSS[i]) * CRANK;
            row[3 + i] = row[3 + i] + elastic[i]
                - v2.square() * moved[i]
                - (v2.square() * LEVER_ALONG[i] + turning + v2 * moving[i] * 2.0) * DENSITY;
        }

        // Constraints on velocities, and their forces.
        let (l1, l2, l3) = (u(21), u(22), u(23));
        let reach = q[3] + ROD;
        let (sin1, cos1, sin2, cos2) = (u(0).sin(), u(0).cos(), u(1).sin(), u(1).cos());
        row[0] = row[0] + (cos1 * l1 + sin1 * l2) * CRANK + l3;
        row[1] = row[1] + reach * (cos2 * l1 + sin2 * l2);
        row[2] = row[2] + l2;
        row[6] = row[6] + sin2 * l1 - cos2 * l2;
        for (i, x) in row.into_iter().enumerate() {
            out(14 + i, x);
        }
        out(21, cos1 * v1 * CRANK + reach * cos2 * v2 + sin2 * qd[3]);
        out(22, sin1 * v1 * CRANK + reach * sin2 * v2 + u(9) - cos2 * qd[3]);
        out(23, v1 - SPEED);
    }
}

impl Equations for Crank {
    fn mass(&self) -> Vec<(u32, u32, f64)> {
        (0..14).map(|i| (i, i, 1.0)).collect()
    }
}

/// A crank that turns at a constant speed and moves a slider by an elastic rod, index 2: angles of
/// crank and rod, position of the slider, four elastic modes; their velocities, accelerations, three
/// multipliers; to t = 0.1. Without damping; it begins close to a smooth motion.
///
/// B. Simeon, *Modelling a flexible slider crank mechanism by a mixed system of DAEs and PDEs*, Math.
/// Modelling of Systems 2 (1996) 1, doi:10.1080/13873959608837026.
pub fn slider_crank() -> Problem {
    let u0 = vec![
        0.0,
        0.0,
        4.500_169_33e-1,
        0.0,
        0.0,
        1.033_398_63e-5,
        1.693_279_69e-5,
        150.0,
        -7.499_576_703_969_453e1,
        -2.689_386_719_979_04e-6,
        4.448_961_125_815_99e-1,
        4.634_339_319_238_67e-3,
        -1.785_910_760_000_55e-6,
        -2.689_386_719_979_04e-6,
        0.0,
        -1.344_541_576_709_835e-3,
        -5.062_194_924_490_193e3,
        -6.829_725_665_986_31e-5,
        1.813_207_639_590_617e-20,
        -4.268_463_266_810_281,
        2.098_339_029_337_557e-1,
        -6.552_727_150_584_648e-8,
        3.824_589_509_350_831e2,
        -4.635_908_708_561_371e-9,
    ];
    let end = [
        15.0,
        -0.331_173_498_825_626,
        0.169_737_332_842_786,
        0.189_319_289_961_350_9e-3,
        0.237_575_124_987_917_4e-4,
        -0.532_389_677_056_970_2e-5,
        -0.836_331_327_911_212_9e-5,
        150.0,
        0.602_534_675_513_836_9e2,
        -0.875_311_632_667_052_7e1,
        -0.300_554_140_028_973_8e-1,
        -0.550_043_181_257_169_6e-2,
        0.497_411_173_426_698_9e-3,
        0.110_556_000_362_664_5e-2,
        0.0,
        0.648_873_754_127_695_7e4,
        0.216_793_862_950_988_4e4,
        0.339_113_706_028_652_3e2,
        0.171_513_477_221_648_8,
        -0.142_244_940_891_251_2e1,
        0.100_394_642_812_481e1,
        -0.623_293_583_328_791_6e2,
        -0.163_792_099_336_730_6e3,
        0.252_985_794_706_687_8e2,
    ];
    let names = ("slider-crank", "Slider crank with an elastic rod, index 2");
    let mut problem = Problem::new(names, Class::Algebraic, Crank, (0.0, 0.1), u0, Vec::new())
        .known_relative(0.1, &end, 1e-5, PSIDE)
        .with_text(model!("slider_crank"));
    problem.references[0].tolerance = 1e-9;
    problem
}
