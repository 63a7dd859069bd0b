//! Profile likelihoods (A. Raue et al., Bioinformatics 25 (2009) 1923): refits along a parameter.

use crate::curvature::{AssessError, Curvature};
use crate::minimise::{Basis, minimise};
use crate::parallel::parallel;
use slopefield_train::{Control, Objective};

/// 95 % quantile of the χ² distribution with one degree of freedom: how far twice the loss may
/// rise within a 95 % interval.
pub const THRESHOLD: f64 = 3.841_458_820_694_124;
/// Refits to either side at most.
const STEPS: usize = 80;
/// Distance in `z` at which a side counts as open.
const FAR: f64 = 12.0;

/// Where a profile ends to one side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// It crosses the threshold here.
    Found(f64),
    /// It stays below the threshold up to this bound of the parameter.
    Bound(f64),
    /// It stays below the threshold as far as was looked, which is here.
    Open(f64),
    /// The model cannot be solved beyond here.
    Unsolvable(f64),
    /// Cancelled here.
    Cancelled(f64),
}

/// The profile of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Place of the parameter in θ.
    pub element: usize,
    /// Its values, ascending.
    pub values: Vec<f64>,
    /// Rise of twice the loss over the fit at each.
    pub rises: Vec<f64>,
    /// All parameters at each.
    pub thetas: Vec<Vec<f64>>,
    /// Where it ends below.
    pub low: End,
    /// Where it ends above.
    pub high: End,
}

impl Profile {
    /// The 95 % interval, where both ends were found.
    #[must_use]
    pub fn interval(&self) -> Option<[f64; 2]> {
        match (self.low, self.high) {
            (End::Found(low), End::Found(high)) => Some([low, high]),
            _ => None,
        }
    }

    /// Whether the profile is flat: then the parameter cannot be known from any amount of such data.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        let ends = [self.low, self.high];
        ends.iter().all(|e| matches!(e, End::Open(_) | End::Bound(_)))
            && self.rises.iter().all(|rise| rise.abs() < 0.01 * THRESHOLD)
    }

    /// What the profile says of the parameter.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        let any = |test: fn(&End) -> bool| test(&self.low) || test(&self.high);
        if any(|e| matches!(e, End::Cancelled(_))) {
            "stopped"
        } else if self.interval().is_some() {
            "identifiable"
        } else if self.is_flat() {
            "structurally non-identifiable"
        } else if any(|e| matches!(e, End::Open(_))) {
            "practically non-identifiable"
        } else if any(|e| matches!(e, End::Unsolvable(_))) {
            "cut off where the model cannot be solved"
        } else {
            "limited by its bounds"
        }
    }

    /// Lowest rise: below 0 when the profile has found a better fit.
    #[must_use]
    pub fn lowest(&self) -> f64 {
        self.rises.iter().copied().fold(0.0, f64::min)
    }
}

/// Profiles of parameters, by place in θ, one on each core. Those held on a bound, and those that
/// cancelling left undone, are left out.
///
/// # Errors
/// Objectives that cannot be made.
pub fn profile<E: std::fmt::Display>(
    make: &(dyn Fn() -> Result<Objective, E> + Sync),
    curvature: &Curvature,
    elements: &[usize],
    control: &Control,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Vec<Profile>, AssessError> {
    let elements: Vec<usize> = elements.iter().copied().filter(|i| !curvature.held[*i]).collect();
    // Each side of each parameter is a piece of its own.
    let sides = parallel(2 * elements.len(), control, progress, &|k| {
        let objective = make().map_err(|e| AssessError::Objective(e.to_string()))?;
        let sign = if k % 2 == 0 { -1.0 } else { 1.0 };
        Side::new(objective, curvature, elements[k / 2], sign, control)?.walk()
    });
    let mut sides = sides.into_iter();
    let mut profiles = Vec::new();
    for element in elements {
        let (Some(Some(low)), Some(Some(high))) = (sides.next(), sides.next()) else { continue };
        let ((low_end, mut points), (high_end, above)) = (low?, high?);
        points.reverse();
        points.push((0.0, curvature.theta.clone()));
        points.extend(above);
        profiles.push(Profile {
            element,
            values: points.iter().map(|(_, theta)| theta[element]).collect(),
            rises: points.iter().map(|(rise, _)| *rise).collect(),
            thetas: points.into_iter().map(|(_, theta)| theta).collect(),
            low: low_end,
            high: high_end,
        });
    }
    Ok(profiles)
}

/// Rises with the parameters at which they were found, from the fit outwards.
type Points = Vec<(f64, Vec<f64>)>;

/// One side of one profile.
struct Side<'a> {
    objective: Objective,
    curvature: &'a Curvature,
    element: usize,
    sign: f64,
    /// Coordinates of all other parameters.
    basis: Basis,
    /// How the others follow when the parameter moves by 1, at the fit.
    follow: Vec<f64>,
    control: &'a Control,
}

impl<'a> Side<'a> {
    fn new(
        objective: Objective,
        curvature: &'a Curvature,
        element: usize,
        sign: f64,
        control: &'a Control,
    ) -> Result<Side<'a>, AssessError> {
        let n = curvature.dimension();
        let mut free = curvature.free();
        free[element] = false;
        let basis = Basis::new(&curvature.information, &free).ok_or(AssessError::NotFinite)?;
        let column = &curvature.information[element * n..(element + 1) * n];
        let mut follow = basis.solve(column);
        follow.iter_mut().for_each(|f| *f = -*f);
        follow[element] = 1.0;
        Ok(Side { objective, curvature, element, sign, basis, follow, control })
    }

    /// Least of the loss with the parameter at `to`, from `near` on, whose parameter is at another
    /// value: the others first follow along `tangent`.
    fn refit(&mut self, near: &[f64], tangent: &[f64], to: f64) -> Option<(Vec<f64>, f64)> {
        let step = to - near[self.element];
        let followed: Vec<f64> = near.iter().zip(tangent).map(|(z, f)| z + step * f).collect();
        let starts = [followed, near.to_vec()];
        for mut start in starts {
            start[self.element] = to;
            let scale = self.curvature.scale;
            let found = minimise(&mut self.objective, scale, &start, &self.basis, self.control);
            if let Some((z, loss)) = found {
                return Some((z, 2.0 * (loss - self.curvature.loss)));
            }
        }
        None
    }

    /// From the fit outwards to the threshold, a bound, or far away.
    fn walk(mut self) -> Result<(End, Points), AssessError> {
        let j = self.element;
        let n = self.curvature.dimension();
        let transform = self.objective.transforms()[j];
        let bounds = self.objective.problem().theta[j].bounds;
        let value = |z: f64| transform.theta(z).0;
        // Standard error from the information, as a first idea of the width.
        let column = &self.curvature.information[j * n..(j + 1) * n];
        let left: f64 = column.iter().zip(&self.follow).map(|(h, f)| h * f).sum();
        let width = (1.0 / left.max(1e-300).sqrt()).min(1.0);
        let far = FAR.max(20.0 * width);
        let (mut at, mut rise) = (self.curvature.z.clone(), 0.0f64);
        let mut tangent = self.follow.clone();
        let mut step = THRESHOLD.sqrt() / 5.0 * width;
        let mut points = Points::new();
        for _ in 0..STEPS {
            if self.control.cancelled() {
                return Ok((End::Cancelled(value(at[j])), points));
            }
            let to = at[j] + self.sign * step;
            let found = self.refit(&at, &tangent, to);
            let Some((z, new)) = found else {
                if step < 1e-3 * width {
                    return Ok((End::Unsolvable(value(at[j])), points));
                }
                step *= 0.25;
                continue;
            };
            let (before, after) = (rise.max(0.0).sqrt(), new.max(0.0).sqrt());
            // A leap over most of the rise says little of the way.
            if after - before > 0.6 * THRESHOLD.sqrt() && step > 0.02 * width {
                step *= 0.4;
                continue;
            }
            if new >= THRESHOLD {
                let (z, new) = self.crossing((&at, rise), (z, new));
                let end = value(z[j]);
                points.push((new, self.objective.theta(&z)));
                return Ok((End::Found(end), points));
            }
            let length = z[j] - at[j];
            tangent = z.iter().zip(&at).map(|(new, old)| (new - old) / length).collect();
            (at, rise) = (z, new);
            points.push((rise, self.objective.theta(&at)));
            let theta = value(at[j]);
            let near = |bound: f64| {
                bound.is_finite()
                    && (theta - bound).abs()
                        < 1e-4 * bound.abs().max(1e-8).max(self.curvature.theta[j].abs())
            };
            let bound = if self.sign > 0.0 { bounds.1 } else { bounds.0 };
            if near(bound) {
                return Ok((End::Bound(bound), points));
            }
            if (at[j] - self.curvature.z[j]).abs() >= far {
                break;
            }
            let gained = (after - before).max(1e-6);
            step *= (THRESHOLD.sqrt() / 8.0 / gained).clamp(0.5, 2.0);
            step = step.min(0.25 * far);
        }
        Ok((End::Open(value(at[j])), points))
    }

    /// Where the rise is the threshold, between a place below and one above: its root is nearly a
    /// straight line, so that false position on it needs a step or two.
    fn crossing(&mut self, below: (&[f64], f64), above: (Vec<f64>, f64)) -> (Vec<f64>, f64) {
        let (mut low, mut low_rise) = (below.0.to_vec(), below.1);
        let (mut high, mut high_rise) = above;
        for _ in 0..8 {
            if (high_rise - THRESHOLD).abs() < 1e-6 * THRESHOLD {
                break;
            }
            let root = |rise: f64| rise.max(0.0).sqrt() - THRESHOLD.sqrt();
            let (a, b) = (root(low_rise), root(high_rise));
            let share = (-a / (b - a)).clamp(0.02, 0.98);
            let to = low[self.element] + share * (high[self.element] - low[self.element]);
            let length = high[self.element] - low[self.element];
            let tangent: Vec<f64> = high.iter().zip(&low).map(|(h, l)| (h - l) / length).collect();
            let near = low.clone();
            let Some((z, rise)) = self.refit(&near, &tangent, to) else { break };
            if (rise - THRESHOLD).abs() < 1e-6 * THRESHOLD {
                return (z, rise);
            }
            if rise < THRESHOLD {
                (low, low_rise) = (z, rise);
            } else {
                (high, high_rise) = (z, rise);
            }
        }
        (high, high_rise)
    }
}
