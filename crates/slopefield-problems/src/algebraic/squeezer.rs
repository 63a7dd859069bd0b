//! Andrews' squeezing mechanism.

use super::PSIDE;
use crate::Problem;
use crate::problem::{Class, function, model};
use crate::system::Equations;

/// Masses and moments of inertia of the seven bodies.
const M: [f64; 7] = [0.04325, 0.00365, 0.02373, 0.00706, 0.07050, 0.00706, 0.05498];
const I: [f64; 7] = [2.194e-6, 4.410e-7, 5.255e-6, 5.667e-7, 1.169e-5, 5.667e-7, 1.912e-5];
/// Fixed points.
const A: [f64; 2] = [-0.06934, -0.00227];
const B: [f64; 2] = [-0.03635, 0.03273];
const C: [f64; 2] = [0.014, 0.072];
/// Lengths, named as in the literature, stiffness and rest length of the spring, and the torque
/// that drives all.
const D: f64 = 0.028;
const DA: f64 = 0.0115;
const E: f64 = 0.02;
const EA: f64 = 0.01421;
const RR: f64 = 0.007;
const RA: f64 = 0.00092;
const SS: f64 = 0.035;
const SA: f64 = 0.01874;
const SB: f64 = 0.01043;
const SC: f64 = 0.018;
const SD: f64 = 0.02;
const TA: f64 = 0.02308;
const TB: f64 = 0.00916;
const U: f64 = 0.04;
const UA: f64 = 0.01228;
const UB: f64 = 0.00449;
const ZF: f64 = 0.02;
const ZT: f64 = 0.04;
const FA: f64 = 0.01421;
const STIFFNESS: f64 = 4530.0;
const REST: f64 = 0.07785;
const TORQUE: f64 = 0.033;

function! {
    Andrews: (27, 0) -> 27;
    (_, u, _, out) {
        let (velocity, acceleration) = (|i: usize| u(7 + i), |i: usize| u(14 + i));
        let (be, th, ga, ph, de, om, ep) = (u(0), u(1), u(2), u(3), u(4), u(5), u(6));
        for i in 0..14 {
            out(i, u(7 + i));
        }

        let (ea, fa) = (E - EA, ZF - FA);
        let (cross2, cross4, cross6) =
            (th.cos() * (M[1] * DA * RR), ph.sin() * (M[3] * ZT * ea), om.sin() * (M[5] * U * fa));
        let crank = M[1] * DA * DA + I[1];
        let (fourth, sixth) = (M[3] * ea * ea + I[3], M[5] * fa * fa + I[5]);
        // Inertia times acceleration.
        let mut row = [
            acceleration(0) * (M[0] * RA * RA + M[1] * RR * RR + I[0] + crank)
                - cross2 * acceleration(0) * 2.0
                + (-cross2 + crank) * acceleration(1),
            (-cross2 + crank) * acceleration(0) + acceleration(1) * crank,
            acceleration(2) * (M[2] * (SA * SA + SB * SB) + I[2]),
            acceleration(3) * fourth + (cross4 + fourth) * acceleration(4),
            (cross4 + fourth) * acceleration(3)
                + (cross4 * 2.0
                    + (fourth + M[3] * ZT * ZT + M[4] * (TA * TA + TB * TB) + I[4]))
                    * acceleration(4),
            acceleration(5) * sixth + (-cross6 + sixth) * acceleration(6),
            (-cross6 + sixth) * acceleration(5)
                + (cross6 * -2.0
                    + (sixth + M[5] * U * U + M[6] * (UA * UA + UB * UB) + I[6]))
                    * acceleration(6),
        ];

        // Forces.
        let end = [ga.cos() * SD + ga.sin() * SC + B[0], ga.sin() * SD - ga.cos() * SC + B[1]];
        let (dx, dy) = (end[0] - C[0], end[1] - C[1]);
        let length = (dx.square() + dy.square()).sqrt();
        let pull = (N::of(REST) / length - 1.0) * STIFFNESS;
        let (bep, thp, php, dep, omp, epp) =
            (velocity(0), velocity(1), velocity(3), velocity(4), velocity(5), velocity(6));
        let (swing2, swing4, swing6) =
            (th.sin() * (M[1] * DA * RR), ph.cos() * (M[3] * ZT * ea), om.cos() * (M[5] * U * fa));
        let force = [
            -(swing2 * thp * (thp + bep * 2.0)) + TORQUE,
            swing2 * bep.square(),
            pull * (dx * (ga.cos() * SC - ga.sin() * SD) + dy * (ga.cos() * SD + ga.sin() * SC)),
            swing4 * dep.square(),
            -(swing4 * php * (php + dep * 2.0)),
            -(swing6 * epp.square()),
            swing6 * omp * (omp + epp * 2.0),
        ];

        // Constraints; all begin with the joint of the crank.
        let (both, low, high) = (be + th, ph + de, om + ep);
        let joint = [be.cos() * RR - both.cos() * D, be.sin() * RR - both.sin() * D];
        let turn = [both.sin() * D - be.sin() * RR, be.cos() * RR - both.cos() * D];
        let swing = [both.sin() * D, -(both.cos() * D)];
        let constraints = [
            joint[0] - ga.sin() * SS - B[0],
            joint[1] + ga.cos() * SS - B[1],
            joint[0] - low.sin() * E - de.cos() * ZT - A[0],
            joint[1] + low.cos() * E - de.sin() * ZT - A[1],
            joint[0] - high.cos() * ZF - ep.sin() * U - A[0],
            joint[1] - high.sin() * ZF + ep.cos() * U - A[1],
        ];
        for k in 0..3 {
            let (x, y) = (u(21 + 2 * k), u(22 + 2 * k));
            row[0] = row[0] + turn[0] * x + turn[1] * y;
            row[1] = row[1] + swing[0] * x + swing[1] * y;
        }
        row[2] = row[2] - (ga.cos() * u(21) + ga.sin() * u(22)) * SS;
        let lever = low.cos() * u(23) + low.sin() * u(24);
        row[3] = row[3] - lever * E;
        row[4] = row[4] - lever * E + (de.sin() * u(23) - de.cos() * u(24)) * ZT;
        let lever = high.sin() * u(25) - high.cos() * u(26);
        row[5] = row[5] + lever * ZF;
        row[6] = row[6] + lever * ZF - (ep.cos() * u(25) + ep.sin() * u(26)) * U;
        for i in 0..7 {
            out(14 + i, row[i] - force[i]);
        }
        for (i, constraint) in constraints.into_iter().enumerate() {
            out(21 + i, constraint);
        }
    }
}

impl Equations for Andrews {
    fn mass(&self) -> Vec<(u32, u32, f64)> {
        (0..14).map(|i| (i, i, 1.0)).collect()
    }
}

/// A mechanism of seven bodies that a motor turns and a spring holds, index 3: seven angles, their
/// velocities, accelerations, six multipliers, to t = 0.03.
///
/// E. Hairer, G. Wanner, *Solving Ordinary Differential Equations II*,
/// 2nd edition, Springer 1996, section VII.7.
pub fn squeezer() -> Problem {
    let mut u0 = vec![0.0; 27];
    let start = [
        (0, -0.061_713_890_014_276_45),
        (2, 0.455_279_819_163_070_4),
        (3, 0.222_668_390_165_885_88),
        (4, 0.487_364_979_543_842_55),
        (5, -0.222_668_390_165_885_88),
        (6, 1.230_547_444_549_821_2),
        (14, 14_222.443_919_954_14),
        (15, -10_666.832_939_965_585),
        (21, 98.566_870_396_241_09),
        (22, -6.122_688_344_255_662),
    ];
    for (i, x) in start {
        u0[i] = x;
    }
    let end = [
        0.158_107_711_962_990_4e2,
        -0.157_563_710_598_429_8e2,
        0.408_222_401_307_310_1e-1,
        -0.534_730_116_322_694_8,
        0.524_409_965_880_530_4,
        0.534_730_116_322_694_8,
        0.104_808_074_104_226_3e1,
        0.113_992_030_215_120_8e4,
        -0.142_437_929_499_411_1e4,
        0.110_329_122_193_713_4e2,
        0.192_933_746_442_138_5e2,
        0.573_569_928_479_080_8,
        -0.192_933_746_442_138_5e2,
        0.323_179_165_802_695_5,
        -0.246_317_631_694_519_6e5,
        0.518_503_770_161_032_9e5,
        0.324_102_568_641_378_1e6,
        0.566_749_364_517_621_3e6,
        0.167_436_292_947_936_1e5,
        -0.566_749_364_517_622_2e6,
        0.982_652_079_145_842_2e4,
        0.199_175_333_373_191e3,
        -0.297_553_122_801_505_2e2,
        0.230_665_411_909_839_9e2,
        0.314_527_136_547_592_7e2,
        0.226_424_923_208_273_9e2,
        0.116_174_070_001_967_3e2,
    ];
    let names = ("squeezer", "Andrews' squeezing mechanism, index 3");
    // Positions have ten digits, accelerations six.
    Problem::new(names, Class::Algebraic, Andrews, (0.0, 0.03), u0, Vec::new())
        .known_relative(0.03, &end, 2e-6, PSIDE)
        .with_text(model!("squeezer"))
}
