//! Units: `{umol/L/min}` as dimensions with a scale, and the check of a model's units.
//!
//! The engine computes with the numbers as they are written; units are compared, never converted,
//! except where data are read ([`Unit::factor_to`]).

mod check;
mod table;

pub(crate) use check::check_units;

use std::collections::BTreeMap;
use std::fmt;

/// How units are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnitCheck {
    /// Not at all.
    Off,
    /// Findings are warnings.
    #[default]
    Warn,
    /// Findings are errors.
    Strict,
}

/// A unit: a product of powers of base units, with a scale.
#[derive(Debug, Clone, Default)]
pub struct Unit {
    /// How many base units (m, kg, s, A, K, mol, cd) it is.
    scale: f64,
    /// Exponents by base unit, none of them 0. A name that is no unit is a base unit of its own.
    base: BTreeMap<String, f64>,
    /// As written, for messages: symbols with exponents.
    written: Vec<(String, f64)>,
    /// Names in it that are no units.
    unknown: Vec<String>,
}

/// Why a text is no unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UnitError {
    /// One sentence.
    pub message: String,
}

/// Exponents this close are equal: they come from arithmetic on what was written.
const SAME: f64 = 1e-9;

impl Unit {
    /// The unit `1`.
    #[must_use]
    pub fn one() -> Unit {
        Unit { scale: 1.0, ..Unit::default() }
    }

    /// Reads a unit, without braces: products `*` or a space, quotients `/`, powers `^`.
    ///
    /// # Errors
    /// When the text does not have this form.
    pub fn parse(text: &str) -> Result<Unit, UnitError> {
        let characters: Vec<char> = text.chars().collect();
        let mut reader = Reader { characters: &characters, at: 0, depth: 0 };
        let unit = reader.product()?;
        match reader.peek() {
            None => Ok(unit),
            Some(c) => Err(reader.error(&format!("`{c}` does not belong into a unit"))),
        }
    }

    /// Product.
    #[must_use]
    pub fn times(&self, other: &Unit) -> Unit {
        let mut out = self.clone();
        out.scale *= other.scale;
        for (name, exponent) in &other.base {
            *out.base.entry(name.clone()).or_default() += exponent;
        }
        out.base.retain(|_, exponent| exponent.abs() > SAME);
        for (name, exponent) in &other.written {
            match out.written.iter_mut().find(|(n, _)| n == name) {
                Some((_, sum)) => *sum += exponent,
                None => out.written.push((name.clone(), *exponent)),
            }
        }
        out.written.retain(|(_, exponent)| exponent.abs() > SAME);
        out.unknown.extend(other.unknown.iter().cloned());
        out
    }

    /// Power.
    #[must_use]
    pub fn power(&self, exponent: f64) -> Unit {
        let mut out = self.clone();
        out.scale = out.scale.powf(exponent);
        out.base.values_mut().for_each(|e| *e *= exponent);
        out.base.retain(|_, e| e.abs() > SAME);
        out.written.iter_mut().for_each(|(_, e)| *e *= exponent);
        out.written.retain(|(_, e)| e.abs() > SAME);
        out
    }

    /// Quotient.
    #[must_use]
    pub fn over(&self, other: &Unit) -> Unit {
        self.times(&other.power(-1.0))
    }

    /// It has no dimension (but perhaps a scale, as `%`).
    #[must_use]
    pub fn is_dimensionless(&self) -> bool {
        self.base.is_empty()
    }

    /// Both measure the same kind of quantity.
    #[must_use]
    pub fn same_dimension(&self, other: &Unit) -> bool {
        self.base.len() == other.base.len()
            && self
                .base
                .iter()
                .zip(&other.base)
                .all(|((a, x), (b, y))| a == b && (x - y).abs() < SAME)
    }

    /// The number by which a value in this unit is multiplied to have it in `other`; `None` when
    /// they measure different things.
    #[must_use]
    pub fn factor_to(&self, other: &Unit) -> Option<f64> {
        self.same_dimension(other).then(|| self.scale / other.scale)
    }

    /// Names that are no known units and count as units of their own.
    #[must_use]
    pub fn unknown_names(&self) -> &[String] {
        &self.unknown
    }

    fn symbol(name: &str) -> Unit {
        let mut out = Unit::one();
        out.written.push((name.to_owned(), 1.0));
        match table::find(name) {
            Some((scale, dimensions)) => {
                out.scale = scale;
                out.base = dimensions.iter().map(|(n, e)| ((*n).to_owned(), *e)).collect();
            }
            None => {
                out.base.insert(name.to_owned(), 1.0);
                out.unknown.push(name.to_owned());
            }
        }
        out
    }
}

impl fmt::Display for Unit {
    /// As it would be written, e.g. `thousand/year`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let power = |name: &str, exponent: f64| {
            if (exponent - 1.0).abs() < SAME {
                name.to_owned()
            } else {
                format!("{name}^{}", round(exponent))
            }
        };
        let above = self.written.iter().filter(|(_, e)| *e > 0.0);
        let above: Vec<String> = above.map(|(n, e)| power(n, *e)).collect();
        f.write_str(if above.is_empty() { "1" } else { "" })?;
        f.write_str(&above.join("*"))?;
        for (name, exponent) in self.written.iter().filter(|(_, e)| *e < 0.0) {
            write!(f, "/{}", power(name, -exponent))?;
        }
        Ok(())
    }
}

/// Hides the last digits of an exponent such as 0.30000000000000004.
fn round(x: f64) -> f64 {
    (x * 1e9).round() / 1e9
}

struct Reader<'a> {
    characters: &'a [char],
    at: usize,
    depth: u32,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<char> {
        while self.characters.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
        self.characters.get(self.at).copied()
    }

    fn error(&self, message: &str) -> UnitError {
        let text: String = self.characters.iter().collect();
        UnitError { message: format!("`{text}` is no unit: {message}") }
    }

    fn product(&mut self) -> Result<Unit, UnitError> {
        let mut unit = self.factor()?;
        loop {
            match self.peek() {
                Some('/') => {
                    self.at += 1;
                    unit = unit.over(&self.factor()?);
                }
                Some('*' | '·' | '.' | '×') => {
                    self.at += 1;
                    unit = unit.times(&self.factor()?);
                }
                Some(c) if c.is_alphabetic() || c == '%' || c == '(' => {
                    unit = unit.times(&self.factor()?);
                }
                _ => return Ok(unit),
            }
        }
    }

    fn factor(&mut self) -> Result<Unit, UnitError> {
        let unit = match self.peek() {
            Some('(') => {
                self.depth += 1;
                if self.depth > 20 {
                    return Err(self.error("it has too many brackets"));
                }
                self.at += 1;
                let inside = self.product()?;
                if self.peek() != Some(')') {
                    return Err(self.error("a `)` is missing"));
                }
                self.at += 1;
                self.depth -= 1;
                inside
            }
            Some(c) if c.is_ascii_digit() => {
                let value = self.number()?;
                let mut unit = Unit { scale: value, ..Unit::one() };
                if value != 1.0 {
                    unit.written.push((value.to_string(), 1.0));
                }
                unit
            }
            Some(c) if c.is_alphabetic() || c == '%' || c == '°' || c == '_' => {
                let start = self.at;
                while self.characters.get(self.at).is_some_and(|c| {
                    (c.is_alphabetic() || matches!(c, '%' | '°' | '_')) && !matches!(c, '²' | '³')
                }) {
                    self.at += 1;
                }
                let name: String = self.characters[start..self.at].iter().collect();
                Unit::symbol(&name)
            }
            Some(c) => return Err(self.error(&format!("a unit cannot stand before `{c}`"))),
            None => return Err(self.error("a name is missing")),
        };
        let exponent = match self.characters.get(self.at) {
            Some('²') => Some(2.0),
            Some('³') => Some(3.0),
            _ => None,
        };
        if let Some(exponent) = exponent {
            self.at += 1;
            return Ok(unit.power(exponent));
        }
        if self.peek() != Some('^') {
            return Ok(unit);
        }
        self.at += 1;
        let bracket = self.peek() == Some('(');
        self.at += usize::from(bracket);
        let negative = self.peek() == Some('-');
        self.at += usize::from(negative);
        self.peek();
        let exponent = self.number()?;
        if bracket {
            if self.peek() != Some(')') {
                return Err(self.error("a `)` is missing"));
            }
            self.at += 1;
        }
        Ok(unit.power(if negative { -exponent } else { exponent }))
    }

    fn number(&mut self) -> Result<f64, UnitError> {
        let start = self.at;
        while self.characters.get(self.at).is_some_and(|c| c.is_ascii_digit() || *c == '.') {
            self.at += 1;
        }
        let text: String = self.characters[start..self.at].iter().collect();
        match text.parse::<f64>() {
            Ok(value) if value > 0.0 && value.is_finite() => Ok(value),
            _ => Err(self.error("a number above 0 is needed")),
        }
    }
}
