//! Signalling by a receptor that activates Ras, PI3K and STAT3 at once.

use crate::Problem;
use crate::problem::{Class, function, model};
use crate::system::Equations;

const SPECIES: usize = 108;
const CONSTANTS: usize = 187;

/// A reaction: species that meet, species that come out of it, constants forwards and, where it goes back,
/// backwards. Species are numbered as in the model text, from 0.
type Reaction = (&'static [u8], &'static [u8], f64, Option<f64>);

/// The one without mass action: Akt, phosphorylated in two places, inhibits Raf. Its constants are a rate and the
/// amount of Raf at half of it.
const INHIBITION: usize = 91;
const RAF: usize = 35;
const AKT: [usize; 2] = [78, 79];

#[rustfmt::skip]
const REACTIONS: [Reaction; 117] = [
    (&[0, 1], &[2], 100.0, Some(0.0038)),
    (&[2, 2], &[3], 10.0, Some(0.02)),
    (&[3], &[4], 2.014, None),
    (&[4, 8], &[9], 3.114, Some(0.2)),
    (&[9], &[3, 8], 0.2661, None),
    (&[4, 6], &[7], 90.0, Some(0.6)),
    (&[7], &[10], 0.5838, None),
    (&[10], &[4, 11], 4.481, Some(0.3)),
    (&[11, 8], &[12], 3.114, Some(0.2)),
    (&[12], &[6, 8], 0.2661, None),
    (&[11], &[6], 0.005, None),
    (&[10, 13], &[14], 3.0, Some(0.1)),
    (&[14, 8], &[15], 10.0, Some(1.0)),
    (&[15], &[3, 8, 11, 13], 2.661, None),
    (&[14, 16], &[17], 10.0, Some(0.0214)),
    (&[13, 16], &[19], 0.1, Some(0.0015)),
    (&[10, 19], &[17], 10.0, Some(0.045)),
    (&[4, 13], &[20], 3.0, Some(0.05)),
    (&[20, 8], &[21], 10.0, Some(1.0)),
    (&[21], &[3, 8, 13], 2.661, None),
    (&[20, 16], &[22], 10.0, Some(0.06)),
    (&[4, 19], &[22], 2.734, Some(0.025)),
    (&[17, 24], &[25], 202.9, Some(0.18)),
    (&[25], &[17, 26], 0.1434, None),
    (&[22, 24], &[27], 202.9, Some(0.18)),
    (&[27], &[22, 26], 0.1434, None),
    (&[26], &[24], 1.67e-4, None),
    (&[26, 28], &[29], 2.854, Some(0.96)),
    (&[29], &[24, 28], 7.76, None),
    (&[4, 28], &[30], 0.1, Some(0.01)),
    (&[30, 26], &[31], 2.845, Some(0.96)),
    (&[31], &[24, 30], 7.76, None),
    (&[30, 8], &[32], 3.114, Some(0.2)),
    (&[32], &[3, 8, 28], 2.661, None),
    (&[33, 26], &[34], 1.75, Some(0.05)),
    (&[34], &[26, 35], 0.7624, None),
    (&[35, 36], &[37], 4.0, Some(0.01833)),
    (&[37], &[35, 38], 3.5, None),
    (&[35, 38], &[39], 4.0, Some(0.01833)),
    (&[39], &[35, 40], 2.9, None),
    (&[40, 41], &[42], 3.0, Some(0.033)),
    (&[42], &[40, 43], 16.0, None),
    (&[40, 43], &[44], 3.0, Some(0.033)),
    (&[44], &[40, 45], 5.7, None),
    (&[35, 46], &[47], 71.7, Some(0.2)),
    (&[47], &[33, 46], 1.0, None),
    (&[40, 48], &[49], 14.3, Some(0.8)),
    (&[49], &[38, 48], 0.058, None),
    (&[38, 48], &[50], 0.25, Some(0.5)),
    (&[50], &[36, 48], 0.058, None),
    (&[45, 51], &[53], 7.0, Some(0.6)),
    (&[53], &[43, 51], 0.27, None),
    (&[43, 51], &[52], 5.0, Some(0.5)),
    (&[52], &[41, 51], 0.3, None),
    (&[45, 17], &[54], 8.898, Some(1.0)),
    (&[54], &[4, 11, 13, 45, 55], 0.0426, None),
    (&[45, 22], &[56], 8.898, Some(1.0)),
    (&[56], &[4, 13, 45, 55], 0.0426, None),
    (&[55], &[16], 0.002, None),
    (&[57], &[1], 0.005, None),
    (&[17, 5], &[18], 0.5, Some(0.005)),
    (&[18, 59], &[58], 5.0, Some(0.1)),
    (&[58], &[5, 11, 19, 59], 0.001, None),
    (&[22, 5], &[23], 0.5, Some(0.005)),
    (&[23, 59], &[60], 5.0, Some(0.1)),
    (&[60], &[5, 19, 59], 0.001, None),
    (&[4, 5], &[61], 0.5, Some(0.005)),
    (&[61, 59], &[62], 5.0, Some(0.1)),
    (&[62], &[5, 59], 0.001, None),
    (&[4, 63], &[64], 14.0, Some(0.1743)),
    (&[64], &[65], 33.72, Some(3.372e-4)),
    (&[64], &[4, 66], 0.09, Some(0.1764)),
    (&[67, 66], &[68], 1.0, Some(0.038)),
    (&[68], &[69], 0.595, None),
    (&[69], &[67, 63], 4.7e-6, Some(2.297e-6)),
    (&[66, 70], &[71], 25.0, Some(3.5)),
    (&[71], &[66, 72], 25.0, None),
    (&[73, 72], &[74], 10.0, Some(3.0)),
    (&[74, 75], &[76], 10.0, Some(1.0)),
    (&[76], &[77], 10.0, None),
    (&[77], &[78, 75], 0.1, Some(0.005)),
    (&[78], &[79, 72], 1.0, Some(0.001)),
    (&[80], &[81], 0.05, None),
    (&[81], &[73, 82], 0.001, Some(0.001)),
    (&[79, 82], &[80], 10.0, Some(1.0)),
    (&[78, 82], &[83], 10.0, Some(1.0)),
    (&[83], &[84], 0.05, None),
    (&[84], &[74, 82], 0.001, Some(0.001)),
    (&[77, 82], &[85], 10.0, Some(1.0)),
    (&[85], &[86], 0.05, None),
    (&[86], &[76, 82], 0.001, Some(0.001)),
    (&[35], &[87], 0.1, Some(0.2)),
    (&[87], &[35], 1.0, None),
    (&[4, 88], &[89], 5.5, Some(11.74)),
    (&[89], &[4, 90], 0.4, None),
    (&[4, 90], &[91], 5.0, Some(0.5)),
    (&[90, 92], &[93], 1.0, Some(0.2)),
    (&[93], &[88, 92], 0.003, None),
    (&[90, 90], &[95], 20.0, Some(0.1)),
    (&[95, 92], &[94], 1.0, Some(0.2)),
    (&[94], &[92, 96], 0.003, None),
    (&[88, 90], &[96], 2e-4, Some(0.2)),
    (&[95], &[97], 0.005, None),
    (&[98, 98], &[97], 20.0, Some(0.1)),
    (&[97, 99], &[100], 1.0, Some(0.2)),
    (&[100], &[99, 101], 0.005, None),
    (&[102, 98], &[101], 2e-4, Some(0.2)),
    (&[98, 99], &[103], 1.0, Some(0.2)),
    (&[103], &[99, 102], 0.005, None),
    (&[102], &[88], 0.05, None),
    (&[72], &[70], 17.0, None),
    (&[89, 5], &[104], 0.5, Some(0.005)),
    (&[104, 59], &[105], 5.0, Some(0.1)),
    (&[105], &[5, 59, 88], 0.001, None),
    (&[64, 5], &[106], 0.5, Some(0.005)),
    (&[106, 59], &[107], 5.0, Some(0.1)),
    (&[107], &[59, 63], 0.001, None),
];

function! {
    Signalling: (SPECIES, CONSTANTS) -> SPECIES;
    (_, u, p, out) {
        let mut change = [N::of(0.0); SPECIES];
        let mut constant = 0;
        for (i, (from, to, _, back)) in REACTIONS.iter().enumerate() {
            let speed = |j: usize, species: &[u8]| {
                species.iter().fold(p(j), |product, s| product * u(usize::from(*s)))
            };
            let rate = if i == INHIBITION {
                let half = p(constant + 1) + u(RAF);
                p(constant) * (u(AKT[0]) + u(AKT[1])) * u(RAF) / half
            } else if back.is_some() {
                speed(constant, from) - speed(constant + 1, to)
            } else {
                speed(constant, from)
            };
            constant += 1 + usize::from(back.is_some());
            from.iter().for_each(|s| change[usize::from(*s)] = change[usize::from(*s)] - rate);
            to.iter().for_each(|s| change[usize::from(*s)] = change[usize::from(*s)] + rate);
        }
        change.into_iter().enumerate().for_each(|(i, x)| out(i, x));
    }
}

impl Equations for Signalling {}

/// Micromoles in a litre at the start, by number of the species; the others are 0.
#[rustfmt::skip]
const START: [(usize, f64); 26] = [
    (0, 0.0081967), (1, 0.3), (5, 0.8), (6, 1.0), (8, 0.1), (13, 1.0),
    (16, 0.3), (24, 0.15), (28, 0.1), (33, 0.5), (36, 0.68), (41, 0.4),
    (46, 0.5), (48, 0.02), (51, 0.002), (57, 1.0), (59, 0.5), (63, 0.2),
    (67, 0.2), (70, 0.5), (73, 0.1), (75, 0.1), (82, 0.1), (88, 1.0),
    (92, 0.5), (99, 0.6),
];

/// Source of the values.
const INDEPENDENT: &str = "SciPy (Radau) with the exact Jacobian at a relative tolerance of 1e-12, independent of this \
     program; at 1e-10 it differs by 7e-13, CVODE at 1e-12 by 4e-11";

/// Signalling by the receptor of the epidermal growth factor in a healthy cell, through Ras and ERK, PI3K and
/// Akt, and STAT3: 108 species, 117 reactions with 187 constants, which are the parameters, to t = 100.
/// Public benchmarks count the sum of the forms of active Akt as a species and the volume of the cell as a
/// parameter.
///
/// G. Bidkhori, A. Moeini, A. Masoudi-Nejad, *Modeling of tumor progression in NSCLC and intrinsic
/// resistance to TKI in loss of PTEN expression*, PLoS ONE 7 (2012) e48004,
/// doi:10.1371/journal.pone.0048004; BioModels BIOMD0000000452.
pub fn bidkhori() -> Problem {
    let mut u0 = vec![0.0; SPECIES];
    START.iter().for_each(|(i, amount)| u0[*i] = *amount);
    let constants = REACTIONS
        .iter()
        .flat_map(|(_, _, there, back)| [Some(*there), *back].into_iter().flatten());
    let names = ("bidkhori", "Receptor of the epidermal growth factor in a healthy cell");
    Problem::new(names, Class::Stiff, Signalling, (0.0, 100.0), u0, constants.collect())
        .known_relative_from(
            100.0,
            include_str!("../../references/bidkhori.txt"),
            1e-12,
            INDEPENDENT,
        )
        .with_text(model!("bidkhori"))
}
