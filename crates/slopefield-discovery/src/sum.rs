//! Sums of products with constants: the formulas of the library.

use crate::formula::{Constant, ConstantKind};

/// A part of a product; `x` is an input, by its index.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Factor {
    /// `x^n`.
    Power(usize, u32),
    /// `x/(K + x)`, the saturating rate of Monod and of Michaelis and Menten.
    Saturating(usize, f64),
    /// `1/(K + x)`.
    Inverse(usize, f64),
    /// `sin(w*x)`; without its constant where `w` is 1.
    Sine(usize, f64),
    /// `cos(w*x)`; without its constant where `w` is 1.
    Cosine(usize, f64),
}

impl Factor {
    /// Its value for inputs.
    #[must_use]
    pub fn value(self, inputs: &[f64]) -> f64 {
        match self {
            Factor::Power(i, n) => inputs[i].powi(n.cast_signed()),
            Factor::Saturating(i, k) => inputs[i] / (k + inputs[i]),
            Factor::Inverse(i, k) => 1.0 / (k + inputs[i]),
            Factor::Sine(i, w) => (w * inputs[i]).sin(),
            Factor::Cosine(i, w) => (w * inputs[i]).cos(),
        }
    }

    /// The constant inside, where it is one to be fitted.
    #[must_use]
    pub fn constant(self) -> Option<Constant> {
        let found = |kind, value| Some(Constant { kind, value });
        match self {
            Factor::Power(..) => None,
            Factor::Saturating(_, k) | Factor::Inverse(_, k) => found(ConstantKind::Half, k),
            Factor::Sine(_, w) | Factor::Cosine(_, w) if w == 1.0 => None,
            Factor::Sine(_, w) | Factor::Cosine(_, w) => found(ConstantKind::Frequency, w),
        }
    }

    /// The same with another constant inside.
    #[must_use]
    pub(crate) fn with_constant(self, value: f64) -> Factor {
        match self {
            Factor::Power(..) => self,
            Factor::Saturating(i, _) => Factor::Saturating(i, value),
            Factor::Inverse(i, _) => Factor::Inverse(i, value),
            Factor::Sine(i, _) => Factor::Sine(i, value),
            Factor::Cosine(i, _) => Factor::Cosine(i, value),
        }
    }

    /// What it adds to the complexity of a sum: inputs and operations.
    fn complexity(self) -> u32 {
        match self {
            Factor::Power(_, n) => n,
            Factor::Saturating(..) | Factor::Inverse(..) => 3,
            Factor::Sine(..) | Factor::Cosine(..) => 2 + u32::from(self.constant().is_some()),
        }
    }
}

/// A product of factors; 1 without any.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Term {
    /// They, powers first.
    pub factors: Vec<Factor>,
}

impl Term {
    /// Its value for inputs.
    #[must_use]
    pub fn value(&self, inputs: &[f64]) -> f64 {
        self.factors.iter().map(|f| f.value(inputs)).product()
    }

    /// What it adds to the complexity of a sum, with its coefficient.
    #[must_use]
    pub fn complexity(&self) -> u32 {
        1 + self.factors.iter().map(|f| f.complexity()).sum::<u32>()
    }

    /// Whether two terms differ in nothing but the constants inside.
    pub(crate) fn same_form(&self, other: &Term) -> bool {
        let form = |t: &Term| -> Vec<Factor> {
            let fitted = |f: &Factor| match f.constant() {
                Some(_) => f.with_constant(0.0),
                None => *f,
            };
            t.factors.iter().map(fitted).collect()
        };
        form(self) == form(other)
    }
}

/// A sum of terms with coefficients; 0 without any.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sum {
    /// Coefficients and terms.
    pub terms: Vec<(f64, Term)>,
}

impl Sum {
    /// Its value for inputs.
    #[must_use]
    pub fn value(&self, inputs: &[f64]) -> f64 {
        self.terms.iter().map(|(c, term)| c * term.value(inputs)).sum()
    }

    /// Constants, inputs and functions in it, powers counted by their exponents.
    #[must_use]
    pub fn complexity(&self) -> u32 {
        self.terms.iter().map(|(_, term)| term.complexity()).sum()
    }

    /// The formula as an expression of the model language. `names` are the inputs, such that they
    /// may stand in a product; `constant` writes each constant, and is asked for them in order.
    pub fn text(&self, names: &[String], constant: &mut dyn FnMut(Constant) -> String) -> String {
        let name = |i: usize| names.get(i).map_or("", String::as_str);
        let mut text = String::new();
        for (coefficient, term) in &self.terms {
            let kind = ConstantKind::Coefficient;
            let written = constant(Constant { kind, value: *coefficient });
            match written.strip_prefix('-') {
                Some(rest) if !text.is_empty() => text += &format!(" - {rest}"),
                _ if text.is_empty() => text += &written,
                _ => text += &format!(" + {written}"),
            }
            for factor in &term.factors {
                let inner = factor.constant().map(&mut *constant);
                let of = |i: usize| {
                    inner.as_ref().map_or(name(i).into(), |w| format!("{w}*{}", name(i)))
                };
                let k = inner.as_deref().unwrap_or("");
                text += &match *factor {
                    Factor::Power(i, 1) => format!("*{}", name(i)),
                    Factor::Power(i, n) => format!("*{}^{n}", name(i)),
                    Factor::Saturating(i, _) => format!("*{}/({k} + {})", name(i), name(i)),
                    Factor::Inverse(i, _) => format!("/({k} + {})", name(i)),
                    Factor::Sine(i, _) => format!("*sin({})", of(i)),
                    Factor::Cosine(i, _) => format!("*cos({})", of(i)),
                };
            }
        }
        if text.is_empty() { "0".into() } else { text }
    }
}
