//! ARK4(3)6L\[2\]SA of Kennedy and Carpenter: an implicit method and its explicit companion.
//!
//! Kennedy, Carpenter, *Additive Runge–Kutta schemes for convection–diffusion–reaction
//! equations*, Appl. Numer. Math. 44 (2003) 139, doi:10.1016/S0168-9274(02)00138-1.

use super::ImplicitTableau;

/// The implicit method on the whole right-hand side, L-stable.
pub static KENCARP4: ImplicitTableau = ImplicitTableau {
    id: "kencarp4",
    name: "Kennedy–Carpenter 4(3)",
    order: 4,
    error_order: 4,
    dense_order: 3,
    gamma: 0.25,
    a: &[
        &[],
        &[0.25],
        &[8611.0 / 62_500.0, -1743.0 / 31_250.0],
        &[5_012_029.0 / 34_652_500.0, -654_441.0 / 2_922_500.0, 174_375.0 / 388_108.0],
        &[
            15_267_082_809.0 / 155_376_265_600.0,
            -71_443_401.0 / 120_774_400.0,
            730_878_875.0 / 902_184_768.0,
            2_285_395.0 / 8_070_912.0,
        ],
        &[82_889.0 / 524_892.0, 0.0, 15_625.0 / 83_664.0, 69_875.0 / 102_672.0, -2260.0 / 8211.0],
    ],
    c: &[0.0, 0.5, 83.0 / 250.0, 31.0 / 50.0, 17.0 / 20.0, 1.0],
    b_error: &[
        82_889.0 / 524_892.0 - 4_586_570_599.0 / 29_645_900_160.0,
        0.0,
        15_625.0 / 83_664.0 - 178_811_875.0 / 945_068_544.0,
        69_875.0 / 102_672.0 - 814_220_225.0 / 1_159_782_912.0,
        -2260.0 / 8211.0 + 3_700_637.0 / 11_593_932.0,
        0.25 - 61_727.0 / 225_920.0,
    ],
    // From lines through the stages before, the last from a parabola.
    predictor: &[
        &[],
        &[1.0],
        &[0.336, 0.664],
        &[-0.400_609_605, 0.922_604_827, 0.478_004_778],
        &[-0.562_606_873, 0.556_686_340, 0.180_603_821, 0.825_316_712],
        &[0.299_990_885, -0.354_396_046, -0.577_880_756, 0.079_950_413, 1.552_335_504],
    ],
    dense: &[
        &[
            6_943_876_665_148.0 / 7_220_017_795_957.0,
            -54_480_133.0 / 30_881_146.0,
            6_818_779_379_841.0 / 7_100_303_317_025.0,
        ],
        &[0.0],
        &[
            7_640_104_374_378.0 / 9_702_883_013_639.0,
            -11_436_875.0 / 14_766_696.0,
            2_173_542_590_792.0 / 12_501_825_683_035.0,
        ],
        &[
            -20_649_996_744_609.0 / 7_521_556_579_894.0,
            174_696_575.0 / 18_121_608.0,
            -31_592_104_683_404.0 / 5_083_833_661_969.0,
        ],
        &[
            8_854_892_464_581.0 / 2_390_941_311_638.0,
            -12_120_380.0 / 966_161.0,
            61_146_701_046_299.0 / 7_138_195_549_469.0,
        ],
        &[
            -11_397_109_935_349.0 / 6_675_773_540_249.0,
            3843.0 / 706.0,
            -17_219_254_887_155.0 / 4_939_391_667_607.0,
        ],
    ],
    explicit: None,
    advice: "For stiff models at medium accuracy.",
    reference: "10.1016/S0168-9274(02)00138-1",
};

/// The same on the stiff part of a right-hand side, with the explicit method on the rest. Where a
/// right-hand side is not split, it is stiff as a whole.
pub static KENCARP4_IMEX: ImplicitTableau = ImplicitTableau {
    id: "kencarp4-imex",
    name: "Kennedy–Carpenter 4(3), implicit–explicit",
    order: KENCARP4.order,
    error_order: KENCARP4.error_order,
    dense_order: KENCARP4.dense_order,
    gamma: KENCARP4.gamma,
    a: KENCARP4.a,
    c: KENCARP4.c,
    b_error: KENCARP4.b_error,
    predictor: KENCARP4.predictor,
    dense: KENCARP4.dense,
    explicit: Some(&[
        &[],
        &[0.5],
        &[13_861.0 / 62_500.0, 6889.0 / 62_500.0],
        &[
            -116_923_316_275.0 / 2_393_684_061_468.0,
            -2_731_218_467_317.0 / 15_368_042_101_831.0,
            9_408_046_702_089.0 / 11_113_171_139_209.0,
        ],
        &[
            -451_086_348_788.0 / 2_902_428_689_909.0,
            -2_682_348_792_572.0 / 7_519_795_681_897.0,
            12_662_868_775_082.0 / 11_960_479_115_383.0,
            3_355_817_975_965.0 / 11_060_851_509_271.0,
        ],
        &[
            647_845_179_188.0 / 3_216_320_057_751.0,
            73_281_519_250.0 / 8_382_639_484_533.0,
            552_539_513_391.0 / 3_454_668_386_233.0,
            3_354_512_671_639.0 / 8_306_763_924_573.0,
            4040.0 / 17_871.0,
        ],
    ]),
    advice: "For models whose right-hand side is split into a stiff part and a rest.",
    reference: KENCARP4.reference,
};
