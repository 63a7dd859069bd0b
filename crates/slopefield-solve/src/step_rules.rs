//! Numbers of step control that every engine of whole solves needs: the loop here, many trajectories
//! in lanes, and the text for graphics cards. Their steps are the same only where these are.

/// Steps shorter than this many units in the last place of the time are too small.
pub const SMALLEST_STEP_ULPS: f64 = 16.0;

/// Stretch the step onto the limit when it would end within this fraction of it: a tiny last step
/// would only add rounding errors (Hairer, Nørsett, Wanner, dopri5).
pub const STRETCH: f64 = 1.01;

/// Previous errors below 1e-4 are treated alike, so that one lucky step does not forbid the next.
pub const LOG2_SMALLEST_REMEMBERED: f64 = -13.287_712_379_549_449;

/// Keeps the logarithm of a squared error away from 0; the factor is at its limit long before.
pub const SMALLEST_SQUARE: f64 = 1e-24;

/// The polynomial `log2(1 + r) / r` for 1 + r in [1/√2, √2), lowest power first: the best for the
/// relative error, 2e-6. Summed in pairs, `(c₀ + c₁ r) + (c₂ + c₃ r) r² + (c₄ + c₅ r) r⁴` in this
/// order.
pub const LOG2: [f64; 6] = [
    1.442_713_481_414_522_6,
    -0.721_131_858_742_424_7,
    0.479_348_016_871_206_1,
    -0.367_489_968_273_731_9,
    0.322_154_820_516_211_3,
    -0.206_591_812_170_338_1,
];

/// The polynomial `2^y` for y in [−1/2, 1/2], lowest power first: relative error 3e-6. Summed as
/// `(c₀ + c₁ y) + ((c₂ + c₃ y) + c₄ y²) y²`.
pub const EXP2: [f64; 5] = [
    0.999_999_261_445_677_6,
    0.693_121_814_736_759_7,
    0.240_247_448_279_808_54,
    0.055_917_860_319_007_77,
    0.009_570_101_906_409_348,
];
