//! Initial distributions of weights, and their names in a model.

/// Distribution of initial weights. The numbers of a tensor depend on the seed, on its place among
/// the tensors and on nothing else, and have the same bits on every platform.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// All 0.
    Zeros,
    /// All the same.
    Constant(f64),
    /// Normal with mean and standard deviation.
    Normal(f64, f64),
    /// Uniform between bounds.
    Uniform(f64, f64),
    /// Glorot uniform with gain: between ± gain √(6/(fan in + fan out)) (Glorot & Bengio 2010).
    XavierUniform(f64),
    /// Kaiming normal with gain: standard deviation gain √(2/fan in) (He et al. 2015).
    KaimingNormal(f64),
    /// Orthogonal with gain (Saxe et al. 2014): rows, or columns of a tall matrix, are
    /// perpendicular and have length gain.
    Orthogonal(f64),
    /// Glorot normal with gain: standard deviation gain √(2/(fan in + fan out)).
    XavierNormal(f64),
    /// Kaiming uniform with gain: between ± gain √(6/fan in).
    KaimingUniform(f64),
}

impl Init {
    /// LeCun normal with gain: standard deviation gain √(1/fan in) (LeCun et al. 1998).
    #[must_use]
    pub fn lecun_normal(gain: f64) -> Init {
        Init::KaimingNormal(gain * std::f64::consts::FRAC_1_SQRT_2)
    }

    /// LeCun uniform with gain: between ± gain √(3/fan in).
    #[must_use]
    pub fn lecun_uniform(gain: f64) -> Init {
        Init::KaimingUniform(gain * std::f64::consts::FRAC_1_SQRT_2)
    }

    /// The initial distribution of this name in a model, one of [`NAMES`].
    pub(crate) fn named(name: &str) -> Option<Init> {
        Some(match name {
            "glorot_uniform" => Init::XavierUniform(1.0),
            "glorot_normal" => Init::XavierNormal(1.0),
            "kaiming_uniform" => Init::KaimingUniform(1.0),
            "kaiming_normal" => Init::KaimingNormal(1.0),
            "lecun_uniform" => Init::lecun_uniform(1.0),
            "lecun_normal" => Init::lecun_normal(1.0),
            "orthogonal" => Init::Orthogonal(1.0),
            _ => return None,
        })
    }
}

/// Names of initial distributions, after `auto`, which leaves the choice to the activation.
pub(crate) const NAMES: [&str; 8] = [
    "auto",
    "glorot_uniform",
    "glorot_normal",
    "kaiming_uniform",
    "kaiming_normal",
    "lecun_uniform",
    "lecun_normal",
    "orthogonal",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_distribution() {
        for name in NAMES {
            assert_eq!(Init::named(name).is_some(), name != "auto", "{name}");
        }
    }
}
