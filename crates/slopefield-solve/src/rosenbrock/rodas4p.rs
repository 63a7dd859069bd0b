//! Rodas4P.

use super::RosenbrockTable;

/// Rodas4P, 6 stages, order 4(3), stiffly accurate, L-stable; it keeps order 4 on linear parabolic
/// problems and on the Prothero–Robinson problem.
///
/// Coefficients: G. Steinebach, *Order-reduction of ROW-methods for DAEs and method of lines
/// applications*, Preprint 1741, TH Darmstadt (1995); dense output of order 3 as in the program
/// RODAS of Hairer and Wanner.
pub static RODAS4P: RosenbrockTable = RosenbrockTable {
    id: "rodas4p",
    name: "Rodas4P (Steinebach)",
    order: 4,
    embedded_order: 3,
    dense_order: 3,
    gamma: 0.25,
    a: &[
        &[],
        &[3.0],
        &[1.831036793486759, 0.4955183967433795],
        &[2.304376582692669, -0.05249275245743001, -1.176798761832782],
        &A5,
        &[A5[0], A5[1], A5[2], A5[3], 1.0],
    ],
    c: &[
        &[],
        &[-12.0],
        &[-8.791795173947035, -2.207865586973518],
        &[10.81793056857153, 6.780270611428266, 19.5348594464241],
        &[34.19095006749676, 15.49671153725963, 54.7476087596413, 14.16005392148534],
        &[
            34.62605830930532,
            15.30084976114473,
            56.99955578662667,
            18.40807009793095,
            -5.714285714285717,
        ],
    ],
    b: &[A5[0], A5[1], A5[2], A5[3], 1.0, 1.0],
    error: &[0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
    alpha: &[0.0, 0.75, 0.21, 0.63, 1.0, 1.0],
    gamma_sum: &[0.25, -0.5, -0.023504, -0.0362, 0.0, 0.0],
    dense: &[
        &[25.09876703708589, 11.62013104361867, 28.49148307714626, -5.664021568594133, 0.0, 0.0],
        &[
            1.638054557396973,
            -0.7373619806678748,
            8.47791821923899,
            15.9925314877952,
            -1.882352941176471,
            0.0,
        ],
    ],
    chained: 5,
    advice: "For stiff equations at moderate accuracy, and for diffusion; takes algebraic \
             equations.",
    reference: "10.1007/s10543-023-00967-x",
};

const A5: [f64; 4] =
    [-7.170454962423024, -4.741636671481785, -16.31002631330971, -1.062004044111401];
