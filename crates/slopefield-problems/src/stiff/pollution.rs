//! The air pollution problem.

use crate::Problem;
use crate::problem::{Class, TEST_SET, equations, model};

equations! {
    Pollution: 20, 25;
    (_, u, k, out) {
        let r1 = k(0) * u(0);
        let r2 = k(1) * u(1) * u(3);
        let r3 = k(2) * u(4) * u(1);
        let r4 = k(3) * u(6);
        let r5 = k(4) * u(6);
        let r6 = k(5) * u(6) * u(5);
        let r7 = k(6) * u(8);
        let r8 = k(7) * u(8) * u(5);
        let r9 = k(8) * u(10) * u(1);
        let r10 = k(9) * u(10) * u(0);
        let r11 = k(10) * u(12);
        let r12 = k(11) * u(9) * u(1);
        let r13 = k(12) * u(13);
        let r14 = k(13) * u(0) * u(5);
        let r15 = k(14) * u(2);
        let r16 = k(15) * u(3);
        let r17 = k(16) * u(3);
        let r18 = k(17) * u(15);
        let r19 = k(18) * u(15);
        let r20 = k(19) * u(16) * u(5);
        let r21 = k(20) * u(18);
        let r22 = k(21) * u(18);
        let r23 = k(22) * u(0) * u(3);
        let r24 = k(23) * u(18) * u(0);
        let r25 = k(24) * u(19);
        out(0, r2 + r3 + r9 + r11 + r12 + r22 + r25 - r1 - r10 - r14 - r23 - r24);
        out(1, r1 + r21 - r2 - r3 - r9 - r12);
        out(2, r1 + r17 + r19 + r22 - r15);
        out(3, r15 - r2 - r16 - r17 - r23);
        out(4, r4 * 2.0 + r6 + r7 + r13 + r20 - r3);
        out(5, r3 + r18 * 2.0 - r6 - r8 - r14 - r20);
        out(6, r13 - r4 - r5 - r6);
        out(7, r4 + r5 + r6 + r7);
        out(8, -r7 - r8);
        out(9, r7 + r9 - r12);
        out(10, r8 + r11 - r9 - r10);
        out(11, r9);
        out(12, r10 - r11);
        out(13, r12 - r13);
        out(14, r14);
        out(15, r16 - r18 - r19);
        out(16, -r20);
        out(17, r20);
        out(18, r23 + r25 - r21 - r22 - r24);
        out(19, r24 - r25);
    }
}

/// Air pollution chemistry: 20 species, 25 reactions whose rates are the parameters.
///
/// J. G. Verwer, *Gauss–Seidel iteration for stiff ODEs from chemical kinetics*, SIAM J. Sci.
/// Comput. 15 (1994) 1243, doi:10.1137/0915076.
pub fn pollution() -> Problem {
    let mut u0 = vec![0.0; 20];
    for (i, x) in [(1, 0.2), (3, 0.04), (6, 0.1), (7, 0.3), (8, 0.01), (16, 0.007)] {
        u0[i] = x;
    }
    let p = vec![
        0.35, 26.6, 1.23e4, 8.6e-4, 8.2e-4, 1.5e4, 1.3e-4, 2.4e4, 1.65e4, 9e3, 0.022, 1.2e4, 1.88,
        1.63e4, 4.8e6, 3.5e-4, 0.0175, 1e8, 4.44e11, 1240.0, 2.1, 5.78, 0.0474, 1780.0, 3.12,
    ];
    let end = [
        0.564_625_548_002_276_9e-1,
        0.134_248_413_042_233_9,
        0.413_973_433_109_942_7e-8,
        0.552_314_020_748_435_9e-2,
        0.201_897_726_230_219_6e-6,
        0.146_454_186_349_396_6e-6,
        0.778_424_911_899_796_4e-1,
        0.324_507_535_339_601_8,
        0.749_401_338_388_040_6e-2,
        0.162_229_315_730_156_1e-7,
        0.113_586_383_325_707_5e-7,
        0.223_050_597_572_135_9e-2,
        0.208_716_288_279_863e-3,
        0.139_692_101_684_015_8e-4,
        0.896_488_485_689_829_5e-2,
        0.435_284_636_933_010_3e-17,
        0.689_921_969_626_340_5e-2,
        0.100_780_303_736_594_6e-3,
        0.177_214_651_396_998_4e-5,
        0.568_294_329_231_639_2e-4,
    ];
    Problem::new(("pollu", "Air pollution (POLLU)"), Class::Stiff, Pollution, (0.0, 60.0), u0, p)
        .known_relative(60.0, &end, 1e-13, TEST_SET)
        .with_text(model!("pollu"))
}
