//! The kinds `rbf`, `chebyshev`, `legendre` and `spline`: sums of fixed functions.
//!
//! `y = Σ_k C_k φ_k(x)`: linear in what is learned, so training is nearly a linear least-squares
//! problem and coefficients can be read. Of several inputs the functions are added input by input;
//! with `product`, all products of a function of each input are taken, which describes any
//! dependence and whose number grows quickly.

use crate::network::basis::{Basis, Family, Outside};
use crate::network::init::Init;
use crate::network::options::{Accepts, OptionSpec, Options, SCALE, Standard, option};
use crate::network::{NetworkBuilder, NetworkError, NetworkGraph, NodeId};

use super::{Kind, finish};

/// Most functions of one network.
const MAX_FEATURES: u64 = 16_384;

pub(super) static CHEBYSHEV: Kind = Kind {
    name: "chebyshev",
    help: "sums of Chebyshev polynomials",
    source: "Trefethen 2013, Approximation Theory and Approximation Practice",
    options: &POLYNOMIAL,
    build: |o, b| expand(o, b, Family::Chebyshev { degree: o.count("degree")? }),
};

pub(super) static LEGENDRE: Kind = Kind {
    name: "legendre",
    help: "sums of Legendre polynomials, which are orthogonal under equal weight",
    source: "Abramowitz & Stegun 1964, chapter 22",
    options: &POLYNOMIAL,
    build: |o, b| expand(o, b, Family::Legendre { degree: o.count("degree")? }),
};

pub(super) static SPLINE: Kind = Kind {
    name: "spline",
    help: "sums of B-splines: smooth pieces, each with local effect",
    source: "de Boor 2001, A Practical Guide to Splines",
    options: &PIECES,
    build: |o, b| {
        let (intervals, degree) = (o.count("intervals")?, o.count("degree")?);
        expand(o, b, Family::Spline { intervals, degree })
    },
};

pub(super) static RBF: Kind = Kind {
    name: "rbf",
    help: "sums of Gaussian bumps on a grid",
    source: "Broomhead & Lowe 1988",
    options: &BUMPS,
    build: |o, b| {
        let (count, width) = (o.count("count")?, o.number("width")?);
        expand(o, b, Family::Radial { count, width })
    },
};

const RANGE: OptionSpec = option(
    "range",
    Accepts::Interval,
    Standard::List(&[-1.0, 1.0]),
    "where the inputs are expected",
);
pub(super) const OUTSIDE: OptionSpec = option(
    "outside",
    Accepts::Word(&["linear", "constant"]),
    Standard::Word("linear"),
    "how the functions go on outside the range: straight on, or held at the end",
);
const PRODUCT: OptionSpec = option(
    "product",
    Accepts::Flag,
    Standard::Flag(false),
    "all products over the inputs instead of a sum of functions of one input each",
);

const POLYNOMIAL: [OptionSpec; 5] = [
    option("degree", Accepts::Count(1, 64), Standard::Number(5.0), "highest degree"),
    RANGE,
    OUTSIDE,
    PRODUCT,
    SCALE,
];
const PIECES: [OptionSpec; 6] = [
    option(
        "intervals",
        Accepts::Count(1, 1000),
        Standard::Number(8.0),
        "equal pieces of the range",
    ),
    option(
        "degree",
        Accepts::Count(1, 5),
        Standard::Number(3.0),
        "degree of the pieces; 1 has corners, 3 two continuous derivatives",
    ),
    RANGE,
    OUTSIDE,
    PRODUCT,
    SCALE,
];
const BUMPS: [OptionSpec; 5] = [
    option("count", Accepts::Count(1, 1000), Standard::Number(10.0), "bumps along each input"),
    option(
        "width",
        Accepts::Number(0.05, 20.0),
        Standard::Number(1.0),
        "standard deviation of a bump, in distances between neighbours",
    ),
    RANGE,
    PRODUCT,
    SCALE,
];

/// Coefficients start so that the sum has about this size inside the range.
const SPREAD: f64 = 0.1;

fn expand(
    o: &Options<'_>,
    mut b: NetworkBuilder,
    family: Family,
) -> Result<NetworkGraph, NetworkError> {
    let outside = match family {
        Family::Radial { .. } => Outside::Constant,
        _ => outside(o)?,
    };
    let basis = Basis { family, range: o.interval("range")?, outside };
    let product = o.flag("product")?;
    let constant = product && !basis.has_constants();
    let each = u64::from(basis.count()) + u64::from(constant);
    let count = match product {
        true => each.saturating_pow(o.inputs),
        false => each * u64::from(o.inputs),
    };
    if count > MAX_FEATURES {
        return o.refuse(format!(
            "would have {count} functions of {} inputs; at most {MAX_FEATURES} are possible",
            o.inputs
        ));
    }
    let x = b.input();
    let features =
        if product { products(&mut b, x, &basis, constant)? } else { basis.record(&mut b, x)? };
    let felt = match product {
        true => basis.overlap().powi(o.inputs as i32),
        false => basis.overlap() * f64::from(o.inputs),
    };
    let spread = Init::Normal(0.0, SPREAD / felt.sqrt());
    let coefficients = b.param("coefficients", &[o.outputs, count as u32], spread)?;
    let mut y = b.matvec(coefficients, features)?;
    if !basis.has_constants() && !constant {
        let bias = b.param("bias", &[o.outputs], Init::Zeros)?;
        y = b.add(y, bias)?;
    }
    finish(b, y, o.number("scale")?)
}

pub(super) fn outside(o: &Options<'_>) -> Result<Outside, NetworkError> {
    Ok(if o.word("outside")? == "linear" { Outside::Linear } else { Outside::Constant })
}

/// All products of one function (or 1) of each input; those of the last input vary fastest.
fn products(
    b: &mut NetworkBuilder,
    x: NodeId,
    basis: &Basis,
    constant: bool,
) -> Result<NodeId, NetworkError> {
    let mut all: Option<NodeId> = None;
    for input in 0..b.elements(x) {
        let element = b.part(x, input, 1)?;
        let mut features = basis.record(b, element)?;
        if constant {
            let one = b.number(1.0)?;
            features = b.joined(&[one, features])?;
        }
        all = Some(match all {
            None => features,
            Some(earlier) => {
                let pairs = b.op("outer", &[earlier, features], &[])?;
                let count = b.elements(pairs);
                b.reshaped(pairs, &[count])?
            }
        });
    }
    // There is at least one input.
    Ok(all.unwrap_or(x))
}
