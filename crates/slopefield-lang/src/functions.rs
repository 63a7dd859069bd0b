//! The scalar functions and operators of the language: names, meaning as numbers, documentation.
//!
//! This is the single table of functions. What [`Unary::apply`] and [`Binary::apply`] compute is
//! the definition that compilers are compared with. Elementary functions come from `libm`, so that
//! results have the same bits on every platform.
//!
//! Conventions: a value outside the domain gives NaN and NaN passes through; comparisons and
//! logical operators give 1 or 0, any number but 0 is true, and a comparison with NaN is 0 (`!=`
//! is 1).

use crate::{Binary, Unary};

fn truth(condition: bool) -> f64 {
    f64::from(u8::from(condition))
}

impl Unary {
    /// Every function of one argument.
    pub const ALL: [Unary; 36] = [
        Unary::Neg,
        Unary::Not,
        Unary::Abs,
        Unary::Sign,
        Unary::Floor,
        Unary::Ceil,
        Unary::Round,
        Unary::Sqrt,
        Unary::Cbrt,
        Unary::Exp,
        Unary::Expm1,
        Unary::Ln,
        Unary::Log2,
        Unary::Log10,
        Unary::Log1p,
        Unary::Sin,
        Unary::Cos,
        Unary::Tan,
        Unary::Asin,
        Unary::Acos,
        Unary::Atan,
        Unary::Sinh,
        Unary::Cosh,
        Unary::Tanh,
        Unary::Asinh,
        Unary::Acosh,
        Unary::Atanh,
        Unary::Sigmoid,
        Unary::Softplus,
        Unary::Relu,
        Unary::Gelu,
        Unary::Erf,
        Unary::Erfc,
        Unary::Gamma,
        Unary::LnGamma,
        Unary::Step,
    ];

    /// Its name in the language; `neg` and `not` are written as operators there.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Unary::Neg => "neg",
            Unary::Not => "not",
            Unary::Abs => "abs",
            Unary::Sign => "sign",
            Unary::Floor => "floor",
            Unary::Ceil => "ceil",
            Unary::Round => "round",
            Unary::Sqrt => "sqrt",
            Unary::Cbrt => "cbrt",
            Unary::Exp => "exp",
            Unary::Expm1 => "expm1",
            Unary::Ln => "ln",
            Unary::Log2 => "log2",
            Unary::Log10 => "log10",
            Unary::Log1p => "log1p",
            Unary::Sin => "sin",
            Unary::Cos => "cos",
            Unary::Tan => "tan",
            Unary::Asin => "asin",
            Unary::Acos => "acos",
            Unary::Atan => "atan",
            Unary::Sinh => "sinh",
            Unary::Cosh => "cosh",
            Unary::Tanh => "tanh",
            Unary::Asinh => "asinh",
            Unary::Acosh => "acosh",
            Unary::Atanh => "atanh",
            Unary::Sigmoid => "sigmoid",
            Unary::Softplus => "softplus",
            Unary::Relu => "relu",
            Unary::Gelu => "gelu",
            Unary::Erf => "erf",
            Unary::Erfc => "erfc",
            Unary::Gamma => "gamma",
            Unary::LnGamma => "lgamma",
            Unary::Step => "step",
        }
    }

    /// The function with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Unary> {
        Unary::ALL.into_iter().find(|f| f.name() == name)
    }

    /// Its value at `x`.
    #[must_use]
    pub fn apply(self, x: f64) -> f64 {
        match self {
            Unary::Neg => -x,
            Unary::Not => truth(x == 0.0),
            Unary::Abs => x.abs(),
            // Keeps the sign of zero; 0 for 0.
            Unary::Sign if x == 0.0 || x.is_nan() => x,
            Unary::Sign => 1f64.copysign(x),
            Unary::Floor => x.floor(),
            Unary::Ceil => x.ceil(),
            // Halves go away from zero.
            Unary::Round => x.round(),
            Unary::Sqrt => x.sqrt(),
            Unary::Cbrt => libm::cbrt(x),
            Unary::Exp => libm::exp(x),
            Unary::Expm1 => libm::expm1(x),
            Unary::Ln => libm::log(x),
            Unary::Log2 => libm::log2(x),
            Unary::Log10 => libm::log10(x),
            Unary::Log1p => libm::log1p(x),
            Unary::Sin => libm::sin(x),
            Unary::Cos => libm::cos(x),
            Unary::Tan => libm::tan(x),
            Unary::Asin => libm::asin(x),
            Unary::Acos => libm::acos(x),
            Unary::Atan => libm::atan(x),
            Unary::Sinh => libm::sinh(x),
            Unary::Cosh => libm::cosh(x),
            Unary::Tanh => libm::tanh(x),
            Unary::Asinh => libm::asinh(x),
            // libm 0.2 gives -inf for large negative numbers.
            Unary::Acosh if x < 1.0 => f64::NAN,
            Unary::Acosh => libm::acosh(x),
            Unary::Atanh => libm::atanh(x),
            // Both forms avoid overflow of the exponential.
            Unary::Sigmoid if x >= 0.0 => 1.0 / (1.0 + libm::exp(-x)),
            Unary::Sigmoid => {
                let e = libm::exp(x);
                e / (1.0 + e)
            }
            Unary::Softplus => Binary::Max.apply(x, 0.0) + libm::log1p(libm::exp(-x.abs())),
            Unary::Relu => Binary::Max.apply(x, 0.0),
            Unary::Gelu => gelu(x),
            Unary::Erf => libm::erf(x),
            Unary::Erfc => libm::erfc(x),
            Unary::Gamma => libm::tgamma(x),
            // ln|Γ(x)|.
            Unary::LnGamma => libm::lgamma(x),
            Unary::Step => truth(x >= 0.0),
        }
    }
}

/// `x Φ(x) = x erfc(-x/√2) / 2`; `erfc` keeps its digits where `Φ` is small.
fn gelu(x: f64) -> f64 {
    use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};
    if x.abs() > 39.0 {
        return if x > 0.0 { x } else { -0.0 }; // Φ is 1, or the product below the smallest number
    }
    let z = -x * FRAC_1_SQRT_2;
    // What rounding took from z, to first order in erfc: its error grows with z² there.
    let lost = (-x).mul_add(FRAC_1_SQRT_2, -z) + x * 4.833_646_656_726_457e-17;
    let slope = FRAC_2_SQRT_PI * libm::exp(-z * z);
    0.5 * x * (libm::erfc(z) - slope * lost)
}

impl Binary {
    /// Every operator and function of two arguments.
    pub const ALL: [Binary; 16] = [
        Binary::Add,
        Binary::Sub,
        Binary::Mul,
        Binary::Div,
        Binary::Pow,
        Binary::Atan2,
        Binary::Min,
        Binary::Max,
        Binary::Less,
        Binary::LessEqual,
        Binary::Greater,
        Binary::GreaterEqual,
        Binary::Equal,
        Binary::NotEqual,
        Binary::And,
        Binary::Or,
    ];

    /// The operator as written, or the function's name (`atan2`, `min`, `max`).
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Binary::Add => "+",
            Binary::Sub => "-",
            Binary::Mul => "*",
            Binary::Div => "/",
            Binary::Pow => "^",
            Binary::Atan2 => "atan2",
            Binary::Min => "min",
            Binary::Max => "max",
            Binary::Less => "<",
            Binary::LessEqual => "<=",
            Binary::Greater => ">",
            Binary::GreaterEqual => ">=",
            Binary::Equal => "==",
            Binary::NotEqual => "!=",
            Binary::And => "and",
            Binary::Or => "or",
        }
    }

    /// The operator or function with this [`Binary::symbol`].
    #[must_use]
    pub fn from_symbol(symbol: &str) -> Option<Binary> {
        Binary::ALL.into_iter().find(|f| f.symbol() == symbol)
    }

    /// Its value at `(a, b)`.
    #[must_use]
    pub fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul => a * b,
            Binary::Div => a / b,
            Binary::Pow => libm::pow(a, b),
            Binary::Atan2 => libm::atan2(a, b),
            // IEEE 754 minNum would hide a NaN.
            Binary::Min | Binary::Max if a.is_nan() || b.is_nan() => f64::NAN,
            Binary::Min => a.min(b),
            Binary::Max => a.max(b),
            Binary::Less => truth(a < b),
            Binary::LessEqual => truth(a <= b),
            Binary::Greater => truth(a > b),
            Binary::GreaterEqual => truth(a >= b),
            Binary::Equal => truth(a == b),
            Binary::NotEqual => truth(a != b),
            Binary::And => truth(a != 0.0 && b != 0.0),
            Binary::Or => truth(a != 0.0 || b != 0.0),
        }
    }
}

/// What a function name of the language stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// A function of one argument.
    Unary(Unary),
    /// A function of two arguments; `min` and `max` of more are nested.
    Binary(Binary),
    /// Rewritten to operators: `clamp`, `ramp`, `pulse`, `hill`, `mm`.
    Rewritten,
    /// One number of many, from an array, a list or a loop: `sum`, `mean`, `dot`. `min` and `max`
    /// of one argument are reductions too.
    Reduction,
    /// Stands only as an index of an array: `wrap`. `clamp` of one argument does so too.
    Index,
    /// The past of what stands in it: `delay`.
    Delay,
    /// A moment over random paths, as the whole value of an observation: `path_mean`.
    OverPaths(PathMoment),
}

/// What an observation over many random paths is of its values on each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathMoment {
    /// Their mean.
    Mean,
    /// Their variance, with one less than the number of paths in the denominator.
    Variance,
}

/// One line of the table of functions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Function {
    /// Name in the language.
    pub name: &'static str,
    /// Names of its arguments, as shown in help.
    pub arguments: &'static [&'static str],
    /// It takes any number of arguments from the listed ones on.
    pub variadic: bool,
    /// What it stands for.
    pub meaning: Meaning,
    /// What it is, in one line.
    pub doc: &'static str,
    /// Where it is defined; NaN elsewhere.
    pub domain: &'static str,
}

const fn unary(f: Unary, name: &'static str, doc: &'static str, domain: &'static str) -> Function {
    let meaning = Meaning::Unary(f);
    Function { name, arguments: &["x"], variadic: false, meaning, doc, domain }
}

const fn form(
    name: &'static str,
    arguments: &'static [&'static str],
    meaning: Meaning,
    doc: &'static str,
    domain: &'static str,
) -> Function {
    let variadic = matches!(meaning, Meaning::Binary(Binary::Min | Binary::Max));
    Function { name, arguments, variadic, meaning, doc, domain }
}

const ALL_REAL: &str = "all real x";

/// Every function that can be called in a model, for checking, help and completion.
pub const FUNCTIONS: &[Function] = &[
    unary(Unary::Abs, "abs", "absolute value |x|", ALL_REAL),
    unary(Unary::Sign, "sign", "-1, 0 or 1 by the sign of x", ALL_REAL),
    unary(Unary::Floor, "floor", "largest whole number not above x", ALL_REAL),
    unary(Unary::Ceil, "ceil", "smallest whole number not below x", ALL_REAL),
    unary(Unary::Round, "round", "nearest whole number, halves away from zero", ALL_REAL),
    form(
        "min",
        &["a", "b"],
        Meaning::Binary(Binary::Min),
        "smallest of its arguments",
        "all real arguments",
    ),
    form(
        "max",
        &["a", "b"],
        Meaning::Binary(Binary::Max),
        "largest of its arguments",
        "all real arguments",
    ),
    form(
        "clamp",
        &["x", "lo", "hi"],
        Meaning::Rewritten,
        "x held between lo and hi: min(max(x, lo), hi)",
        "all real arguments",
    ),
    unary(Unary::Sqrt, "sqrt", "square root", "x >= 0"),
    unary(Unary::Cbrt, "cbrt", "cube root", ALL_REAL),
    unary(Unary::Exp, "exp", "exponential e^x", "all real x; infinite above 709.78"),
    unary(Unary::Expm1, "expm1", "e^x - 1, exact near 0", "all real x; infinite above 709.78"),
    unary(Unary::Ln, "ln", "natural logarithm", "x > 0; -infinity at 0"),
    unary(Unary::Log2, "log2", "logarithm to base 2", "x > 0; -infinity at 0"),
    unary(Unary::Log10, "log10", "logarithm to base 10", "x > 0; -infinity at 0"),
    unary(Unary::Log1p, "log1p", "ln(1 + x), exact near 0", "x > -1; -infinity at -1"),
    unary(Unary::Sin, "sin", "sine of an angle in radians", ALL_REAL),
    unary(Unary::Cos, "cos", "cosine of an angle in radians", ALL_REAL),
    unary(
        Unary::Tan,
        "tan",
        "tangent of an angle in radians",
        "all real x but the poles at odd multiples of pi/2",
    ),
    unary(Unary::Asin, "asin", "inverse sine, from -pi/2 to pi/2", "-1 <= x <= 1"),
    unary(Unary::Acos, "acos", "inverse cosine, from 0 to pi", "-1 <= x <= 1"),
    unary(Unary::Atan, "atan", "inverse tangent, from -pi/2 to pi/2", ALL_REAL),
    form(
        "atan2",
        &["y", "x"],
        Meaning::Binary(Binary::Atan2),
        "angle of the point (x, y), from -pi to pi",
        "all real arguments",
    ),
    unary(Unary::Sinh, "sinh", "hyperbolic sine", ALL_REAL),
    unary(Unary::Cosh, "cosh", "hyperbolic cosine", ALL_REAL),
    unary(Unary::Tanh, "tanh", "hyperbolic tangent", ALL_REAL),
    unary(Unary::Asinh, "asinh", "inverse hyperbolic sine", ALL_REAL),
    unary(Unary::Acosh, "acosh", "inverse hyperbolic cosine", "x >= 1"),
    unary(Unary::Atanh, "atanh", "inverse hyperbolic tangent", "-1 < x < 1; infinite at -1 and 1"),
    unary(Unary::Sigmoid, "sigmoid", "logistic function 1/(1 + e^-x)", ALL_REAL),
    unary(Unary::Softplus, "softplus", "ln(1 + e^x), a smooth ramp", ALL_REAL),
    unary(Unary::Relu, "relu", "max(x, 0)", ALL_REAL),
    unary(Unary::Gelu, "gelu", "x times the normal distribution function at x", ALL_REAL),
    unary(Unary::Erf, "erf", "error function", ALL_REAL),
    unary(Unary::Erfc, "erfc", "1 - erf(x), exact where it is small", ALL_REAL),
    unary(
        Unary::Gamma,
        "gamma",
        "gamma function, gamma(n + 1) = n!",
        "all real x but 0, -1, -2, …",
    ),
    unary(
        Unary::LnGamma,
        "lgamma",
        "logarithm of the absolute value of the gamma function",
        "all real x; infinite at 0, -1, -2, …",
    ),
    unary(Unary::Step, "step", "0 below zero, 1 at and above it", ALL_REAL),
    form(
        "pulse",
        &["t", "on", "off"],
        Meaning::Rewritten,
        "1 while on <= t < off, else 0",
        "all real arguments",
    ),
    form("ramp", &["x"], Meaning::Rewritten, "max(x, 0)", ALL_REAL),
    form(
        "hill",
        &["x", "k", "n"],
        Meaning::Rewritten,
        "Hill function x^n/(k^n + x^n)",
        "x >= 0, k > 0",
    ),
    form(
        "mm",
        &["x", "vmax", "km"],
        Meaning::Rewritten,
        "Michaelis-Menten rate vmax*x/(km + x)",
        "x + km not 0",
    ),
    form("delay", &["x", "tau"], Meaning::Delay, "the value of x at time t - tau", "tau >= 0"),
    form(
        "sum",
        &["x"],
        Meaning::Reduction,
        "sum over an array, a list, or a loop: `sum(u[i]^2 for i in 1..N)`",
        "arrays, lists, loops",
    ),
    form(
        "mean",
        &["x"],
        Meaning::Reduction,
        "mean over an array, a list or a loop",
        "arrays, lists, loops",
    ),
    form(
        "dot",
        &["a", "b"],
        Meaning::Reduction,
        "scalar product of two arrays or lists",
        "as many elements in both",
    ),
    form(
        "path_mean",
        &["x"],
        Meaning::OverPaths(PathMoment::Mean),
        "mean of x over random paths",
        "as the whole value of an observation",
    ),
    form(
        "path_variance",
        &["x"],
        Meaning::OverPaths(PathMoment::Variance),
        "variance of x over random paths",
        "as the whole value of an observation",
    ),
    form(
        "wrap",
        &["i"],
        Meaning::Index,
        "an index brought into the range of a periodic array: `u[wrap(i - 1)]`",
        "as an index of an array",
    ),
];

/// The function with this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|f| f.name == name)
}

/// Numbers with a name: `pi`, `e`, and `inf` (for bounds).
pub const CONSTANTS: [(&str, f64); 3] =
    [("pi", std::f64::consts::PI), ("e", std::f64::consts::E), ("inf", f64::INFINITY)];
