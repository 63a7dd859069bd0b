//! A layer of units that are the Wright ω function, the ω with `ω + ln ω = z`: an operator of the
//! plugin's own, because no operation of the application solves equations. It rises like the
//! exponential for negative arguments and like `z − ln z` for positive ones, which is what enzymes and
//! diodes in series with resistors do. Its derivative is `ω/(1 + ω)`: R. M. Corless and D. J. Jeffrey,
//! The Wright ω function (2002), doi:10.1007/3-540-45470-5_10.

use slopefield_plugin_sdk::prelude::*;

options! {
    /// Options of the layer.
    pub struct OmegaOptions {
        /// Number of units.
        width: i64 = 8, min(1.0), max(256.0);
    }
}

/// `y = V ω(W x + b)`.
pub struct Omega;

impl Network for Omega {
    const INFO: NetworkInfo = NetworkInfo::new("omega", "Units of Wright's omega function")
        .reference("10.1007/3-540-45470-5_10");
    type Options = OmegaOptions;

    fn build(graph: &mut Graph<'_>, options: &OmegaOptions) -> Result<(), Error> {
        let (inputs, outputs, width) = (graph.inputs(), graph.outputs(), options.width as usize);
        let x = graph.input("x")?;
        let weight = graph.param("weight", &[width, inputs], Init::XavierUniform(1.0))?;
        let bias = graph.param("bias", &[width], Init::Zeros)?;
        let z = graph.matvec(weight, x)?;
        let z = graph.add(z, bias)?;
        let hidden = graph.custom(WrightOmega::ID, &[z], width)?;
        let last = graph.param("last", &[outputs, width], Init::XavierUniform(0.1))?;
        let y = graph.matvec(last, hidden)?;
        graph.output("y", y)
    }
}

/// ω of each element.
pub struct WrightOmega;

impl CustomOp for WrightOmega {
    const ID: &'static str = "wright-omega";

    fn check(lengths: &[usize], outputs: usize) -> Result<(), Error> {
        match lengths {
            [n] if *n == outputs => Ok(()),
            _ => Err(Error::argument("it takes one vector and gives one of the same length")),
        }
    }

    fn forward(operands: &Operands<'_>, result: &mut [f64]) {
        for (y, z) in result.iter_mut().zip(operands.get(0)) {
            *y = omega(*z);
        }
    }

    fn reverse(operands: &Operands<'_>, weights: &[f64], gradient: &mut [f64]) {
        for ((g, w), z) in gradient.iter_mut().zip(weights).zip(operands.get(0)) {
            let y = omega(*z);
            *g = w * y / (1.0 + y);
        }
    }
}

/// By Newton's method, which comes from the left after its first step because `ω + ln ω` is concave.
fn omega(z: f64) -> f64 {
    if z < -40.0 {
        return z.exp(); // to the last digit
    }
    let mut w = if z < 0.0 { z.exp() } else { z.max(1.0) };
    for _ in 0..30 {
        let next = w * (1.0 + z - w.ln()) / (1.0 + w);
        // As close as rounding of the difference of z and ln w lets it come.
        if (next - w).abs() <= f64::EPSILON * (1.0 + z.abs()) * w {
            return next;
        }
        w = next;
    }
    w
}
