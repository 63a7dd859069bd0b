//! A clamped elastic beam of 40 rigid links.

use crate::Problem;
use crate::function::Function;
use crate::number::Number;
use crate::problem::{Class, TEST_SET};
use crate::system::Equations;
use slopefield_kernel::{Pair, Shape};
use std::f64::consts::PI;

const LINKS: usize = 40;

/// Angles of the links, then their rates.
#[derive(Debug, Clone, Copy)]
struct Beam;

static PAIRS: [Pair; LINKS] = {
    let mut pairs = [Pair { position: 0, velocity: 0 }; LINKS];
    let mut i = 0;
    while i < LINKS {
        pairs[i] = Pair { position: i as u32, velocity: (LINKS + i) as u32 };
        i += 1;
    }
    pairs
};

impl Function for Beam {
    fn shape(&self) -> Shape {
        Shape { states: 2 * LINKS, params: 0, outputs: 2 * LINKS }
    }

    /// The accelerations are `C v + D w` with `C w = D v + θ'²`, where `v` are the torques,
    /// `C` has the cosines and `D` the sines of the angles between links; the tridiagonal system is
    /// solved from the free end.
    #[inline(always)]
    fn eval<N: Number>(
        &self,
        t: N,
        u: impl Fn(usize) -> N,
        _: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        const N4: f64 = (LINKS * LINKS * LINKS * LINKS) as f64;
        const N2: f64 = (LINKS * LINKS) as f64;
        const LAST: usize = LINKS - 1;
        let zero = N::of(0.0);
        // Angle `i` against its predecessor; entry 0 is not used.
        let (mut sines, mut cosines) = ([zero; LINKS], [zero; LINKS]);
        for i in 1..LINKS {
            let angle = u(i) - u(i - 1);
            (sines[i], cosines[i]) = (angle.sin(), angle.cos());
        }
        // A force of size 1.5 sin² t towards the upper left, until t = π.
        let force = N::choose(-t + PI, t.sin().square() * 1.5, zero);
        let mut torques = [zero; LINKS];
        for (i, torque) in torques.iter_mut().enumerate() {
            let bending = match i {
                0 => u(1) - u(0) * 3.0,
                LAST => u(LAST - 1) - u(LAST),
                _ => u(i - 1) - u(i) * 2.0 + u(i + 1),
            };
            *torque = bending * N4 + force * (u(i).cos() + u(i).sin()) * N2;
        }
        let mut w = [zero; LINKS];
        for i in 0..LINKS {
            let before = if i > 0 { sines[i] * torques[i - 1] } else { zero };
            let after = if i < LAST { sines[i + 1] * torques[i + 1] } else { zero };
            w[i] = after - before + u(LINKS + i).square();
        }
        let mut diagonal = [N::of(2.0); LINKS];
        (diagonal[0], diagonal[LAST]) = (N::of(1.0), N::of(3.0));
        for i in (0..LAST).rev() {
            let factor = -cosines[i + 1] / diagonal[i + 1];
            w[i] = w[i] - factor * w[i + 1];
            diagonal[i] = diagonal[i] + cosines[i + 1] * factor;
        }
        w[0] = w[0] / diagonal[0];
        for i in 1..LINKS {
            w[i] = (w[i] + cosines[i] * w[i - 1]) / diagonal[i];
        }
        for i in 0..LINKS {
            let own = match i {
                0 => torques[0],
                LAST => torques[LAST] * 3.0,
                _ => torques[i] * 2.0,
            };
            let mut acceleration = own;
            if i > 0 {
                acceleration = acceleration - cosines[i] * torques[i - 1] - sines[i] * w[i - 1];
            }
            if i < LAST {
                let next = sines[i + 1] * w[i + 1] - cosines[i + 1] * torques[i + 1];
                acceleration = acceleration + next;
            }
            out(i, u(LINKS + i));
            out(LINKS + i, acceleration);
        }
    }
}

impl Equations for Beam {
    fn pairs(&self) -> &[Pair] {
        &PAIRS
    }
}

/// A beam of 40 links, clamped at one end and pushed at the other: 80 states, eigenvalues with
/// large imaginary parts, to t = 5.
///
/// E. Hairer, G. Wanner, *Solving Ordinary Differential Equations II*, 2nd edition, Springer 1996,
/// section IV.1.
pub fn beam() -> Problem {
    Problem::new(
        ("beam", "Elastic beam"),
        Class::Stiff,
        Beam,
        (0.0, 5.0),
        vec![0.0; 2 * LINKS],
        Vec::new(),
    )
    .known_relative(5.0, &END, 1e-12, TEST_SET)
}

/// Angles and rates at t = 5.
const END: [f64; 2 * LINKS] = [
    -0.005_792_366_591_285_007,
    -0.016_952_985_507_217_35,
    -0.027_691_033_129_730_94,
    -0.038_008_156_558_791_58,
    -0.047_906_168_597_437_63,
    -0.057_387_104_352_745_94,
    -0.066_453_273_134_546_17,
    -0.075_107_305_819_790_37,
    -0.083_352_197_654_149_92,
    -0.091_191_346_546_479_47,
    -0.098_628_587_001_320_9,
    -0.105_668_220_037_800_2,
    -0.112_315_039_540_959_5,
    -0.118_574_355_272_724_5,
    -0.124_452_012_875_556_1,
    -0.129_954_411_326_416_1,
    -0.135_088_518_061_039_8,
    -0.139_861_881_919_442_2,
    -0.144_282_644_101_524_2,
    -0.148_359_547_246_301_2,
    -0.152_101_942_900_144_7,
    -0.155_519_797_806_112_9,
    -0.158_623_699_342_022_9,
    -0.161_424_860_370_212_7,
    -0.163_935_123_819_322_3,
    -0.166_166_967_344_085_2,
    -0.168_133_508_177_855_8,
    -0.169_848_508_060_224_3,
    -0.171_326_378_244_088_8,
    -0.172_582_184_746_253_7,
    -0.173_631_653_797_565_4,
    -0.174_491_177_384_004_9,
    -0.175_177_818_786_339_2,
    -0.175_709_317_871_290_2,
    -0.176_104_096_022_857_6,
    -0.176_381_260_717_554_9,
    -0.176_560_609_756_467_1,
    -0.176_662_635_226_056_5,
    -0.176_708_527_080_746,
    -0.176_720_176_107_548_8,
    0.037_473_626_813_297_94,
    0.109_911_788_021_759_3,
    0.179_836_047_431_279_9,
    0.247_242_730_544_239_1,
    0.312_129_382_059_656_7,
    0.374_494_737_701_95,
    0.434_338_607_349_279_8,
    0.491_662_035_460_174_8,
    0.546_467_785_458_680_7,
    0.598_760_970_262_427,
    0.648_549_361_111_074,
    0.695_843_516_913_250_3,
    0.740_657_266_852_080_8,
    0.783_008_174_781_324_1,
    0.822_917_665_920_151_5,
    0.860_411_030_519_056,
    0.895_517_550_237_780_5,
    0.928_270_826_312_795_3,
    0.958_708_933_452_203_4,
    0.986_874_782_172_836_3,
    1.012_816_579_961_883,
    1.036_587_736_679_858,
    1.058_246_826_481_355,
    1.077_857_811_433_353,
    1.095_490_222_005_369,
    1.111_219_164_294_898,
    1.125_125_269_286_501,
    1.137_294_526_609_229,
    1.147_818_025_153_607,
    1.156_792_132_004_482,
    1.164_318_845_130_183,
    1.170_505_992_596_124,
    1.175_467_424_299_55,
    1.179_323_003_228_859,
    1.182_198_586_299_667,
    1.184_226_111_223_146,
    1.185_543_909_805_575,
    1.186_297_084_203_716,
    1.186_637_618_908_127,
    1.186_724_615_113_034,
];
