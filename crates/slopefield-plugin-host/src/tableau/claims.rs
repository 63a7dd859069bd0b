//! What the files of all kinds of methods claim, and how it is checked.

use super::number;
use super::order::{MAX_ORDER, Trees};
use serde::Deserialize;

/// An interpolant by name, or as rows of coefficients.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Dense {
    Named(String),
    Given(Vec<Vec<String>>),
}

impl Default for Dense {
    fn default() -> Self {
        Dense::Named("hermite-3".to_owned())
    }
}

impl Dense {
    /// The rows of coefficients; none for the cubic through both ends, which `dense_order` does not go
    /// with.
    pub fn rows(&self, dense_order: Option<u32>) -> Result<Option<Vec<Vec<f64>>>, String> {
        match self {
            Dense::Named(word) if word != "hermite-3" => Err(format!(
                "`dense` must be \"hermite-3\" or rows of coefficients, not \"{word}\""
            )),
            Dense::Named(_) if dense_order.is_some() => {
                Err("`dense_order` goes with rows of `dense`".to_owned())
            }
            Dense::Named(_) => Ok(None),
            Dense::Given(texts) => rows(texts).map(Some),
        }
    }
}

/// Most coefficients in an interpolation weight.
const MAX_DEGREE: usize = 12;
/// Points within the step at which the order of an interpolant is checked.
pub const THETAS: [f64; 6] = [0.04, 0.13, 0.5, 0.77, 0.93, 1.0];

/// The numbers of a row.
pub fn row(texts: &[String]) -> Result<Vec<f64>, String> {
    texts.iter().map(|text| number::parse(text)).collect()
}

/// The numbers of rows.
pub fn rows(texts: &[Vec<String>]) -> Result<Vec<Vec<f64>>, String> {
    texts.iter().map(|texts| row(texts)).collect()
}

/// Weights of the error estimate, from themselves or from the embedded weights; `name` is that of
/// the weights of the result in the file.
pub fn estimate(
    name: &str,
    b: &[f64],
    error: Option<&[String]>,
    embedded: Option<&[String]>,
) -> Result<Vec<f64>, String> {
    let (texts, embedded) = match (error, embedded) {
        (Some(error), None) => (error, false),
        (None, Some(embedded)) => (embedded, true),
        _ => {
            return Err(format!(
                "it needs either `{name}_error` or `{name}_embedded`: steps are chosen by an error \
                 estimate"
            ));
        }
    };
    if texts.len() != b.len() {
        return Err(format!(
            "the error estimate has {} weights and `{name}` {}",
            texts.len(),
            b.len()
        ));
    }
    let mut weights = Vec::with_capacity(b.len());
    for (text, b) in texts.iter().zip(b) {
        let weight = number::parse(text)?;
        weights.push(if embedded { b - weight } else { weight });
    }
    if weights.iter().all(|w| *w == 0.0) {
        return Err(format!(
            "the embedded weights equal `{name}`, so the error estimate is always zero"
        ));
    }
    Ok(weights)
}

/// The higher of the orders that are claimed for the result and the embedded result.
pub fn highest_order(order: u32, embedded: u32) -> Result<u32, String> {
    let highest = order.max(embedded);
    if order == 0 || embedded == 0 || highest > MAX_ORDER {
        return Err(format!("`order` and `embedded_order` must be between 1 and {MAX_ORDER}"));
    }
    Ok(highest)
}

/// Whether weights `b` and their error estimate have the orders that are declared.
pub fn check_orders(
    trees: &Trees,
    b: &[f64],
    error: &[f64],
    (order, embedded_order): (u32, u32),
) -> Result<(), String> {
    check_order("the result", "order", order, trees.order_at(b, 1.0))?;
    let embedded: Vec<f64> = b.iter().zip(error).map(|(b, e)| b - e).collect();
    let found = trees.order_at(&embedded, 1.0);
    check_order("the embedded result", "embedded_order", embedded_order, found)
}

/// Coefficients of `θ, θ², θ³` of the cubic through both states and slopes, which are those of the
/// first and the last stage: `(3θ²−2θ³) Σ b_i k_i + (θ−2θ²+θ³) k_1 + (θ³−θ²) k_s`.
pub fn cubic(b: &[f64]) -> Vec<Vec<f64>> {
    let last = b.len() - 1;
    let row = |(i, b): (usize, &f64)| {
        let (first, end) = (f64::from(u8::from(i == 0)), f64::from(u8::from(i == last)));
        vec![first, 3.0 * b - 2.0 * first - end, first + end - 2.0 * b]
    };
    b.iter().enumerate().map(row).collect()
}

/// Whether the order that `key` declares is the one found.
pub fn check_order(
    what: &str,
    key: &str,
    declared: u32,
    (found, why): (u32, Option<String>),
) -> Result<(), String> {
    if found == declared {
        return Ok(());
    }
    if found > declared {
        return Err(format!("{what} has an order of at least {found}; `{key}` says {declared}"));
    }
    Err(format!("{what} has order {found}, not {declared}: {}", why.unwrap_or_default()))
}

/// Whether rows of coefficients of `θ, θ², …`, one for each weight in `b`, end at the result and have
/// the order that is declared.
pub fn check_dense(
    rows: &[Vec<f64>],
    b: &[f64],
    order: u32,
    trees: &Trees,
    highest: u32,
) -> Result<(), String> {
    if rows.len() != b.len() || rows.iter().any(|row| row.len() > MAX_DEGREE) {
        return Err(format!(
            "`dense` must have a row for each of the {} stages, of at most {MAX_DEGREE} entries",
            b.len()
        ));
    }
    check_dense_order(order, highest)?;
    for theta in THETAS {
        let weight = |row: &Vec<f64>| row.iter().rev().fold(0.0, |sum, d| theta * (sum + d));
        let weights: Vec<f64> = rows.iter().map(weight).collect();
        if theta == 1.0 {
            let size = |row: &Vec<f64>| row.iter().fold(1.0, |z, d| z + d.abs());
            let off =
                |((w, b), row): ((&f64, &f64), _)| (w - b).abs() > 8.0 * f64::EPSILON * size(row);
            if weights.iter().zip(b).zip(rows).any(off) {
                return Err(
                    "`dense` does not end at the result: a row does not sum to its `b`".into()
                );
            }
        }
        check_dense_at(theta, order, trees.order_at(&weights, theta))?;
    }
    Ok(())
}

/// Whether an interpolant can have the order that is declared.
pub fn check_dense_order(order: u32, highest: u32) -> Result<(), String> {
    if order == 0 || order > highest {
        return Err(format!("`dense_order` must be between 1 and {highest}"));
    }
    Ok(())
}

/// Whether the order found at `theta` is at least that of an interpolant.
pub fn check_dense_at(
    theta: f64,
    order: u32,
    (found, why): (u32, Option<String>),
) -> Result<(), String> {
    if found < order {
        return Err(format!(
            "the interpolant has order {found} at θ = {theta}, not {order}: {}",
            why.unwrap_or_default()
        ));
    }
    Ok(())
}

// Tables live as long as the process, as those of the program do.

pub fn text(text: &str) -> &'static str {
    text.to_owned().leak()
}

pub fn matrix(rows: Vec<Vec<f64>>) -> &'static [&'static [f64]] {
    let rows: Vec<&'static [f64]> = rows.into_iter().map(|row| &*row.leak()).collect();
    rows.leak()
}
