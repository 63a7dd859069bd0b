//! Rosenbrock methods from their coefficients, which papers give in two forms: as `α_ij`, `γ_ij` and
//! `b_i` (Hairer, Wanner, *Solving ODEs II*, eq. IV.7.4), in which order conditions are stated, and
//! transformed, as programs use them (eq. IV.7.25). The engine has the second.

use super::claims::{
    THETAS, check_dense, check_dense_at, check_dense_order, check_order, estimate, highest_order,
    matrix, row, rows, text,
};
use super::extension;
use super::number;
use super::order::{Entries, Trees};
use super::stability::{self, Stability};
use serde::Deserialize;
use slopefield_solve::RosenbrockTable;
use slopefield_solve::rosenbrock::MAX_STAGES;

/// A `[[solver]]` of the kind `rosenbrock`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRosenbrock {
    pub id: String,
    order: u32,
    embedded_order: u32,
    gamma: String,
    alpha: Option<Vec<Vec<String>>>,
    gammas: Option<Vec<Vec<String>>>,
    b: Option<Vec<String>>,
    b_error: Option<Vec<String>>,
    b_embedded: Option<Vec<String>>,
    dense: Option<Vec<Vec<String>>>,
    a: Option<Vec<Vec<String>>>,
    c: Option<Vec<Vec<String>>>,
    m: Option<Vec<String>>,
    m_error: Option<Vec<String>>,
    m_embedded: Option<Vec<String>>,
    d: Option<Vec<Vec<String>>>,
    dense_order: Option<u32>,
    stability: Option<Stability>,
    reference: String,
    advice: String,
}

/// Rounding allowed in sums of coefficients, in units of their size.
const SLACK: f64 = 64.0 * f64::EPSILON;
/// Coefficients of the transformed form that are this near to those of a method with equal arguments
/// are taken for those.
const SAME: f64 = 1e-13;

/// The coefficients in the transformed form, and what takes rows of the other form there and back.
struct Transformed {
    a: Vec<Vec<f64>>,
    c: Vec<Vec<f64>>,
    m: Vec<f64>,
    e: Vec<f64>,
    /// `Γ`, with the diagonal, and its inverse.
    gammas: Entries,
    inverse: Vec<Vec<f64>>,
}

/// The checked table, under the name `id`, or what is wrong in a sentence.
pub fn table(raw: &RawRosenbrock, id: &str, name: &str) -> Result<RosenbrockTable, String> {
    let gamma = number::parse(&raw.gamma)?;
    if gamma <= 0.0 {
        return Err(format!("`gamma` is {gamma} and must be positive"));
    }
    let mut method = match (&raw.alpha, &raw.a) {
        (Some(_), None) => from_papers(raw, gamma)?,
        (None, Some(_)) => from_programs(raw, gamma)?,
        _ => {
            return Err("its coefficients must be either `alpha`, `gammas` and `b` or, in the \
                        transformed form, `a`, `c` and `m`"
                .to_owned());
        }
    };
    let s = method.m.len();

    let alpha = product(&Entries::given(&method.a), &method.gammas);
    let beta = sum(&alpha, &method.gammas);
    let weights = product(&Entries::given(&[method.m.clone(), method.e.clone()]), &method.gammas);
    let highest = highest_order(raw.order, raw.embedded_order)?;
    let trees = Trees::through(&beta, &alpha, highest + 1);
    let b = (&weights.values[0][..], &weights.sizes[0][..]);
    check_order("the result", "order", raw.order, trees.order_of(b, 1.0))?;
    let less = |k: usize| weights.values[0][k] - weights.values[1][k];
    let more = |k: usize| weights.sizes[0][k] + weights.sizes[1][k];
    let embedded: (Vec<f64>, Vec<f64>) = (0..s).map(|k| (less(k), more(k))).unzip();
    let found = trees.order_of((&embedded.0, &embedded.1), 1.0);
    check_order("the embedded result", "embedded_order", raw.embedded_order, found)?;
    stability::check(&beta.values, b.0, raw.stability)?;

    let (dense, dense_order) = match (&raw.dense, &raw.d, raw.dense_order) {
        (None, None, None) => {
            let (rows, order) = extension::rows(&trees, b.0, raw.order);
            (method.increments(&rows, b.0), order)
        }
        (None, None, Some(_)) => return Err("`dense_order` goes with rows of `dense`".to_owned()),
        (_, _, None) => return Err("rows of `dense` need a `dense_order`".to_owned()),
        (Some(texts), _, Some(order)) => {
            let rows = rows(texts)?;
            check_dense(&rows, b.0, order, &trees, highest)?;
            (method.increments(&rows, b.0), order)
        }
        (None, Some(texts), Some(order)) => {
            check_dense_order(order, highest)?;
            let rows = rows(texts)?;
            method.check_rows(&rows, order, &trees)?;
            (rows, order)
        }
    };
    let alpha_sums = alpha.values.iter().zip(&alpha.sizes).map(|(row, sizes)| total(row, sizes));
    let alpha_sums: Vec<f64> = alpha_sums.collect();
    if let Some(i) = alpha_sums.iter().position(|time| !(0.0..=1.0).contains(time)) {
        return Err(format!("stage {} is at {}, outside the step", i + 1, alpha_sums[i]));
    }
    let gamma_sums = method.gammas.values.iter().zip(&method.gammas.sizes);
    let gamma_sums: Vec<f64> = gamma_sums.map(|(row, sizes)| total(row, sizes)).collect();
    let chained = method.chain();
    Ok(RosenbrockTable {
        id: text(id),
        name: text(name),
        order: raw.order,
        // The estimate is the distance of the two results, so the lower order is its order.
        embedded_order: raw.embedded_order.min(raw.order),
        dense_order,
        gamma,
        gamma_sum: gamma_sums.leak(),
        alpha: alpha_sums.leak(),
        a: matrix(method.a),
        c: matrix(method.c),
        b: method.m.leak(),
        error: method.e.leak(),
        dense: matrix(dense),
        chained,
        advice: text(&raw.advice),
        reference: text(&raw.reference),
    })
}

/// From `α_ij`, `γ_ij` and `b_i`.
fn from_papers(raw: &RawRosenbrock, gamma: f64) -> Result<Transformed, String> {
    let (Some(alpha), Some(gammas), Some(b)) = (&raw.alpha, &raw.gammas, &raw.b) else {
        return Err("`alpha` goes with `gammas` and `b`".to_owned());
    };
    if raw.c.is_some() || raw.m.is_some() || raw.d.is_some() {
        return Err("`alpha`, `gammas`, `b` and `dense` do not go with `c`, `m` and `d`".to_owned());
    }
    let b = row(b)?;
    let s = stages(&b)?;
    let alpha = below("alpha", alpha, s)?;
    let mut gammas = below("gammas", gammas, s)?;
    let error = estimate("b", &b, raw.b_error.as_deref(), raw.b_embedded.as_deref())?;
    for row in &mut gammas {
        row.push(gamma);
    }
    let inverse = inverse(&gammas);
    let by = |row: &[f64]| through(row, &inverse);
    Ok(Transformed {
        a: alpha.iter().enumerate().map(|(i, row)| by(row)[..i].to_vec()).collect(),
        c: inverse.iter().enumerate().map(|(i, r)| r[..i].iter().map(|x| -x).collect()).collect(),
        m: by(&b),
        e: by(&error),
        gammas: spread(gammas, &inverse),
        inverse,
    })
}

/// From `a_ij`, `c_ij` and `m_i`.
fn from_programs(raw: &RawRosenbrock, gamma: f64) -> Result<Transformed, String> {
    let (Some(a), Some(c), Some(m)) = (&raw.a, &raw.c, &raw.m) else {
        return Err("`a` goes with `c` and `m`".to_owned());
    };
    if raw.gammas.is_some() || raw.b.is_some() || raw.dense.is_some() {
        return Err("`a`, `c`, `m` and `d` do not go with `gammas`, `b` and `dense`".to_owned());
    }
    let m = row(m)?;
    let s = stages(&m)?;
    let (a, c) = (below("a", a, s)?, below("c", c, s)?);
    let e = estimate("m", &m, raw.m_error.as_deref(), raw.m_embedded.as_deref())?;
    let mut inverted: Vec<Vec<f64>> =
        c.iter().map(|row| row.iter().map(|x| -x).collect()).collect();
    for row in &mut inverted {
        row.push(1.0 / gamma);
    }
    let gammas = spread(inverse(&inverted), &inverted);
    Ok(Transformed { a, c, m, e, gammas, inverse: inverted })
}

impl Transformed {
    /// Rows `D_k` of the engine's interpolant from the coefficients of `θ, θ², …` in the weights of
    /// the stages: what is left of `b_i(θ) − θ b_i` without `θ (1 − θ)`.
    fn increments(&self, rows: &[Vec<f64>], b: &[f64]) -> Vec<Vec<f64>> {
        let degree = rows.iter().map(Vec::len).max().unwrap_or(1);
        let mut before: Vec<f64> = b.iter().map(|b| -b).collect();
        let mut dense = Vec::new();
        for k in 0..degree.saturating_sub(1) {
            for (sum, row) in before.iter_mut().zip(rows) {
                *sum += row.get(k).copied().unwrap_or(0.0);
            }
            dense.push(through(&before, &self.inverse));
        }
        dense
    }

    /// Whether the interpolant with the rows `D_k` has the order that is declared.
    fn check_rows(&self, rows: &[Vec<f64>], order: u32, trees: &Trees) -> Result<(), String> {
        let s = self.m.len();
        if rows.len() > 8 || rows.iter().any(|row| row.len() != s) {
            return Err(format!("`d` must have at most 8 rows of {s} entries, one for each stage"));
        }
        for theta in THETAS {
            let weight = |j: usize| {
                let inner = rows.iter().rev().fold(0.0, |inner, row| row[j] + theta * inner);
                theta * (self.m[j] + (1.0 - theta) * inner)
            };
            let weights = Entries::given(&[(0..s).map(weight).collect()]);
            let weights = product(&weights, &self.gammas);
            let found = trees.order_of((&weights.values[0], &weights.sizes[0]), theta);
            check_dense_at(theta, order, found)?;
        }
        Ok(())
    }

    /// The first stage from which on each argument is the one before plus its increment, and so is
    /// the result, while the error estimate is the last increment; coefficients that say so up to
    /// rounding are made to say so. The number of stages when there is no such stage.
    fn chain(&mut self) -> usize {
        let s = self.m.len();
        let ends = |e: &[f64]| e.iter().enumerate().all(|(i, e)| near(*e, unit(i == s - 1)));
        if !ends(&self.e) || !follows(&self.m, &self.a[s - 1]) {
            return s;
        }
        let mut first = s;
        while first > 2 && follows(&self.a[first - 1], &self.a[first - 2]) {
            first -= 1;
        }
        for i in first..=s {
            let mut row = self.a[i - 1].clone();
            row.push(1.0);
            if i < s {
                self.a[i] = row;
            } else {
                self.m = row;
            }
        }
        for (i, e) in self.e.iter_mut().enumerate() {
            *e = unit(i == s - 1);
        }
        first
    }
}

fn near(x: f64, y: f64) -> bool {
    (x - y).abs() <= SAME * (1.0 + y.abs())
}

fn unit(is_one: bool) -> f64 {
    f64::from(u8::from(is_one))
}

/// Whether `row` is `before` with a 1 behind it.
fn follows(row: &[f64], before: &[f64]) -> bool {
    row.iter().zip(before.iter().chain([&1.0])).all(|(x, y)| near(*x, *y))
}

fn stages(weights: &[f64]) -> Result<usize, String> {
    let s = weights.len();
    if !(2..=MAX_STAGES).contains(&s) {
        return Err(format!("it has {s} stages; between 2 and {MAX_STAGES} are possible"));
    }
    Ok(s)
}

/// A matrix below the diagonal, of which the file has no row for the first stage.
fn below(key: &str, texts: &[Vec<String>], s: usize) -> Result<Vec<Vec<f64>>, String> {
    let mut all = vec![Vec::new()];
    all.extend(rows(texts)?);
    if all.len() != s {
        return Err(format!("there are {s} weights, so `{key}` must have {} rows", s - 1));
    }
    match all.iter().enumerate().find(|(i, row)| row.len() != *i) {
        Some((i, row)) => Err(format!(
            "row {i} of `{key}` has {} entries and must have {i}: the stages before it",
            row.len()
        )),
        None => Ok(all),
    }
}

/// The inverse of a lower triangular matrix, whose rows end with the diagonal.
fn inverse(lower: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut result: Vec<Vec<f64>> = Vec::new();
    for (i, row) in lower.iter().enumerate() {
        let mut own = through(&row[..i], &result);
        for entry in &mut own {
            *entry /= -row[i];
        }
        own.resize(i, 0.0);
        own.push(1.0 / row[i]);
        result.push(own);
    }
    result
}

/// `row · lower`.
fn through(row: &[f64], lower: &[Vec<f64>]) -> Vec<f64> {
    let entry = |j: usize| row.iter().zip(lower).filter_map(|(x, r)| Some(x * r.get(j)?)).sum();
    (0..row.len()).map(entry).collect()
}

/// `Γ`, computed from its inverse or inverted, with the sizes of what rounding is made of: to first
/// order the inverse of `Γ⁻¹ + δ` is `Γ − Γ δ Γ`.
fn spread(gammas: Vec<Vec<f64>>, inverse: &[Vec<f64>]) -> Entries {
    let sizes = |m: &[Vec<f64>]| -> Vec<Vec<f64>> {
        m.iter().map(|row| row.iter().map(|x| x.abs()).collect()).collect()
    };
    let (size, inverse) = (sizes(&gammas), sizes(inverse));
    let around = |row: &Vec<f64>| through(&through(row, &inverse), &size);
    let sizes = size.iter().map(|row| row.iter().zip(around(row)).map(|(x, y)| x + y).collect());
    Entries { sizes: sizes.collect(), values: gammas }
}

fn product(left: &Entries, right: &Entries) -> Entries {
    let by = |left: &[Vec<f64>], right: &[Vec<f64>]| -> Vec<Vec<f64>> {
        left.iter().map(|row| through(row, right)).collect()
    };
    Entries { values: by(&left.values, &right.values), sizes: by(&left.sizes, &right.sizes) }
}

/// The sum of a strictly lower triangular matrix and one with a diagonal.
fn sum(strict: &Entries, with_diagonal: &Entries) -> Entries {
    let add = |a: &[Vec<f64>], b: &[Vec<f64>]| -> Vec<Vec<f64>> {
        let row = |(a, b): (&Vec<f64>, &Vec<f64>)| {
            b.iter().enumerate().map(|(j, b)| a.get(j).map_or(*b, |a| a + b)).collect()
        };
        a.iter().zip(b).map(row).collect()
    };
    Entries {
        values: add(&strict.values, &with_diagonal.values),
        sizes: add(&strict.sizes, &with_diagonal.sizes),
    }
}

/// The sum of a row, which is 0 or 1 where it is that up to rounding: times at the ends of a step are
/// those, and what vanishes need not be computed.
fn total(row: &[f64], sizes: &[f64]) -> f64 {
    let sum: f64 = row.iter().sum();
    let size = sizes.iter().sum::<f64>().max(1.0);
    let whole = [0.0, 1.0].into_iter().find(|end| (sum - end).abs() <= SLACK * size);
    whole.unwrap_or(sum)
}

#[cfg(test)]
mod tests {
    use super::{inverse, through};

    #[test]
    fn a_triangular_matrix_times_its_inverse_is_the_identity() {
        let lower = vec![vec![0.25], vec![-0.7, 0.25], vec![0.3, 1.1, 0.25]];
        let inverse = inverse(&lower);
        for (i, row) in lower.iter().enumerate() {
            for (j, entry) in through(row, &inverse).iter().enumerate() {
                assert!((entry - f64::from(u8::from(i == j))).abs() < 1e-14, "{i} {j} {entry}");
            }
        }
    }
}
