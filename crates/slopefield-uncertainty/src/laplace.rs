//! The normal distribution around a fit, and which parameters the data fix.

use crate::curvature::Curvature;
use crate::matrix::eigen;
use crate::normal;
use nuts_rs::rand::{RngExt, SeedableRng, rngs::StdRng};
use slopefield_train::{Objective, ParamKind};

/// Collinearity index above which a direction counts as not fixed at all: 1/√λ of the information
/// scaled to a unit diagonal (R. Brun, P. Reichert, H. R. Künsch, Water Resources Research 37
/// (2001), where above about 15 is called poorly identifiable; there an interval still says it).
pub const COLLINEARITY: f64 = 1e3;
/// Share of a parameter in a direction above which it counts as part of it.
const PART: f64 = 0.1;

/// What the data say of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Fixed, as far as its interval says.
    Identifiable,
    /// Held on its bound, so without an interval.
    AtBound,
    /// The loss does not depend on it.
    NoInfluence,
    /// Only a combination with these others is fixed.
    Combination {
        /// The others, by place in θ.
        partners: Vec<usize>,
        /// What is fixed, in words.
        what: String,
    },
    /// Weights of a network can take over what it does.
    Imitated,
}

/// What is known of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Fitted value.
    pub value: f64,
    /// Standard error on the natural scale; `None` where the data do not fix it.
    pub standard_error: Option<f64>,
    /// 95 % confidence interval: symmetric in `z`, so within bounds.
    pub interval: Option<[f64; 2]>,
    /// Verdict.
    pub verdict: Verdict,
}

/// The normal approximation around a fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Laplace {
    /// One entry per element of θ.
    pub estimates: Vec<Estimate>,
    /// Covariance in `z`, `n × n`; directions that the data do not fix are left out.
    pub covariance: Vec<f64>,
    /// Correlations in `z`, `n × n`; NaN of parameters without a variance.
    pub correlation: Vec<f64>,
    /// Directions in `z` along which the loss hardly changes, of unit length when each coordinate is
    /// measured in its conditional standard error.
    pub flat: Vec<Vec<f64>>,
    /// Factors with which independent standard normal numbers become draws of `z − ẑ`.
    factors: Vec<Vec<f64>>,
}

impl Laplace {
    /// The approximation around a fit. The loss of `objective` is evaluated a few times, to tell
    /// products from sums.
    ///
    /// # Errors
    /// `None` when the curvature is no number.
    #[must_use]
    pub fn new(curvature: &Curvature, objective: &mut Objective) -> Option<Laplace> {
        let n = curvature.dimension();
        let h = &curvature.information;
        let largest = (0..n).map(|i| h[i * n + i]).fold(0.0, f64::max);
        let counts = |i: usize| !curvature.held[i] && h[i * n + i] > 1e-10 * largest;
        let places: Vec<usize> = (0..n).filter(|i| counts(*i)).collect();
        let size: Vec<f64> = places.iter().map(|i| h[i * n + i].sqrt()).collect();
        let m = places.len();
        let scaled: Vec<f64> = (0..m * m)
            .map(|k| h[places[k / m] * n + places[k % m]] / (size[k / m] * size[k % m]))
            .collect();
        let (values, vectors) = eigen(&scaled, m)?;
        let limit = (1.0 / (COLLINEARITY * COLLINEARITY)).max(3.0 * curvature.error);
        let mut covariance = vec![0.0; n * n];
        let (mut factors, mut flat) = (Vec::new(), Vec::new());
        for (value, vector) in values.iter().zip(&vectors) {
            let mut whole = vec![0.0; n];
            if *value <= limit {
                places.iter().zip(vector).for_each(|(p, v)| whole[*p] = *v);
                flat.push(whole);
                continue;
            }
            for ((place, v), s) in places.iter().zip(vector).zip(&size) {
                whole[*place] = v / (s * value.sqrt());
            }
            for i in 0..n {
                for j in 0..n {
                    covariance[i * n + j] += whole[i] * whole[j];
                }
            }
            factors.push(whole);
        }
        let mut laplace = Laplace {
            estimates: Vec::new(),
            correlation: correlation(&covariance, n),
            covariance,
            flat,
            factors,
        };
        laplace.estimates =
            (0..n).map(|i| laplace.estimate(i, counts(i), curvature, objective)).collect();
        Some(laplace)
    }

    fn estimate(
        &self,
        i: usize,
        counts: bool,
        curvature: &Curvature,
        objective: &mut Objective,
    ) -> Estimate {
        let n = curvature.dimension();
        let transform = objective.transforms()[i];
        let value = curvature.theta[i];
        let unknown = |verdict| Estimate { value, standard_error: None, interval: None, verdict };
        if curvature.held[i] {
            return unknown(Verdict::AtBound);
        }
        if !counts {
            return unknown(Verdict::NoInfluence);
        }
        let share: f64 = self.flat.iter().map(|d| d[i] * d[i]).sum();
        if share > PART * PART {
            return unknown(self.mixture(i, curvature, objective));
        }
        let sd = self.covariance[i * n + i].sqrt();
        let reach = normal::quantile(0.975) * sd;
        let z = curvature.z[i];
        Estimate {
            value,
            standard_error: Some(sd * transform.theta(z).1),
            interval: Some([transform.theta(z - reach).0, transform.theta(z + reach).0]),
            verdict: Verdict::Identifiable,
        }
    }

    /// With what a parameter is mixed up.
    fn mixture(&self, i: usize, curvature: &Curvature, objective: &mut Objective) -> Verdict {
        let n = curvature.dimension();
        // Projection of the parameter on the flat directions: how the others go along with it.
        let mut along = vec![0.0; n];
        for direction in &self.flat {
            along.iter_mut().zip(direction).for_each(|(a, d)| *a += direction[i] * d);
        }
        let length = along.iter().map(|x| x * x).sum::<f64>().sqrt();
        let takes_part = |j: &usize| along[*j].abs() > PART * length;
        let kind = |j: usize| objective.problem().theta[j].kind;
        let weights = (0..n).filter(|j| kind(*j) == ParamKind::Weight);
        let of_weights = weights.map(|j| along[j] * along[j]).sum::<f64>().sqrt();
        if kind(i) == ParamKind::Scalar && of_weights > PART * length {
            return Verdict::Imitated;
        }
        let partners: Vec<usize> = (0..n).filter(|j| *j != i).filter(takes_part).collect();
        if partners.is_empty() {
            return Verdict::NoInfluence;
        }
        // Changes of θ along the direction.
        let change = |j: usize| {
            let conditional = curvature.information[j * n + j].sqrt();
            along[j] / conditional * objective.transforms()[j].theta(curvature.z[j]).1
        };
        let changes: Vec<f64> = (0..n).map(change).collect();
        let names: Vec<String> =
            objective.problem().theta.iter().map(|spec| spec.name.clone()).collect();
        let what = match partners[..] {
            [j] => pair(i.min(j), i.max(j), &changes, curvature, objective, &names),
            _ => None,
        };
        let what = what.unwrap_or_else(|| {
            let percent =
                |j: usize| 10.0 * changes[j] / changes[i] * curvature.theta[i] / curvature.theta[j];
            let moves: Vec<String> = partners
                .iter()
                .map(|j| format!("{} by {:+.3} %", names[*j], percent(*j)))
                .collect();
            format!(
                "only together: {} can change by +10 % when {} changes",
                names[i],
                moves.join(" and ")
            )
        });
        Verdict::Combination { partners, what }
    }

    /// `count` draws of θ from the normal distribution in `z`.
    #[must_use]
    pub fn draws(
        &self,
        curvature: &Curvature,
        objective: &Objective,
        count: usize,
        seed: u64,
    ) -> Vec<Vec<f64>> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut draw = || {
            let mut z = curvature.z.clone();
            for factor in &self.factors {
                let e = normal::quantile(rng.random_range(f64::EPSILON..1.0));
                z.iter_mut().zip(factor).for_each(|(z, f)| *z += e * f);
            }
            objective.theta(&z)
        };
        (0..count).map(|_| draw()).collect()
    }
}

fn correlation(covariance: &[f64], n: usize) -> Vec<f64> {
    let sd = |i: usize| covariance[i * n + i].sqrt();
    (0..n * n).map(|k| covariance[k] / (sd(k / n) * sd(k % n))).collect()
}

/// The simple combination of two parameters that stays as it is along a direction. Which it is
/// shows away from the fit: the loss must not rise when one parameter changes by a fifth.
fn pair(
    a: usize,
    b: usize,
    changes: &[f64],
    curvature: &Curvature,
    objective: &mut Objective,
    names: &[String],
) -> Option<String> {
    let (x, y) = (curvature.theta[a], curvature.theta[b]);
    let (name_a, name_b) = (&names[a], &names[b]);
    let moved = 1.2 * x;
    let candidates = [
        ("product", format!("{name_a}*{name_b}"), y * x / moved),
        ("ratio", format!("{name_a}/{name_b}"), y * moved / x),
        ("sum", format!("{name_a} + {name_b}"), y + x - moved),
        ("difference", format!("{name_a} - {name_b}"), y + moved - x),
    ];
    // Only what fits the direction at all: opposite signs of relative or of plain changes.
    let (dx, dy) = (changes[a], changes[b]);
    let slopes = [-y / x, y / x, -1.0, 1.0];
    let close = |slope: f64| (dy - slope * dx).abs() < 0.05 * (dy.abs() + (slope * dx).abs());
    let mut best: Option<(f64, String)> = None;
    for ((kind, what, other), slope) in candidates.into_iter().zip(slopes) {
        if !close(slope) {
            continue;
        }
        let mut theta = curvature.theta.clone();
        (theta[a], theta[b]) = (moved, other);
        let z = objective.z(&theta);
        let Ok(at) = objective.evaluate(&z, 1.0, None) else { continue };
        let rise = (curvature.scale * at.loss - curvature.loss).abs();
        if rise < 0.5 && best.as_ref().is_none_or(|(least, _)| rise < *least) {
            best = Some((rise, format!("only the {kind} {what}")));
        }
    }
    best.map(|(_, what)| what)
}
