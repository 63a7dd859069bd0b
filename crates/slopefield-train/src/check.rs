//! A look at the gradient before training: directional derivatives against differences of the
//! loss.
//!
//! Where the steps of a solve can be taken again, the loss beside the start is computed with the
//! very steps of the start: it is then as smooth as the model, and an exact gradient agrees with
//! its differences to many digits. Otherwise adaptive steps make the loss slightly rough, and the
//! check only refuses what is clearly wrong: differences that agree with each other and not with
//! the gradient. Continuous adjoints are right to the tolerances of the solve, and are held to
//! that.

use crate::bytes::Fnv;
use crate::optimise::dot;

/// One direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DirectionCheck {
    /// Derivative along the direction by the gradient method.
    pub exact: f64,
    /// Derivative by central differences; NaN when the loss failed beside the start.
    pub difference: f64,
    /// Whether they agree to within 1 %, or the difference is too rough to tell.
    pub passed: bool,
    /// Whether several differences agree with each other and contradict the gradient.
    pub clearly_wrong: bool,
}

/// Result of the check.
#[derive(Debug, Clone, PartialEq)]
pub struct GradientCheck {
    /// The directions.
    pub directions: Vec<DirectionCheck>,
    /// What was checked and how closely.
    pub standard: Standard,
}

/// What a gradient is held to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standard {
    /// Name of the gradient method.
    pub method: &'static str,
    /// It differentiates the very steps of the solver.
    pub exact: bool,
    /// The differences are of the same steps.
    pub same_steps: bool,
    /// A relative distance below this is agreement,
    pub close: f64,
    /// and one above this, where differences agree with each other, a wrong gradient.
    pub wrong: f64,
}

impl Standard {
    /// Of a method at a relative tolerance of the solve, by differences of the same steps or of
    /// adaptive solves.
    pub(crate) fn of((method, exact): (&'static str, bool), same_steps: bool, rtol: f64) -> Self {
        let (close, wrong) = match (exact, same_steps) {
            (true, true) => (1e-5, 1e-3),
            // Errors of a continuous adjoint are those of the solve, amplified like the states.
            (false, true) => ((1e3 * rtol).clamp(1e-3, 0.02), (1e4 * rtol).clamp(0.01, 0.2)),
            (_, false) => (0.01, 0.2),
        };
        Standard { method, exact, same_steps, close, wrong }
    }
}

impl GradientCheck {
    /// Whether any direction is clearly wrong.
    #[must_use]
    pub fn clearly_wrong(&self) -> bool {
        self.directions.iter().any(|d| d.clearly_wrong)
    }

    /// One sentence for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        if let Some(d) = self.directions.iter().find(|d| d.clearly_wrong) {
            let Standard { method, exact, same_steps, wrong, .. } = self.standard;
            let steps = if same_steps { " with the same steps" } else { "" };
            let off = (d.exact - d.difference).abs() / d.exact.abs().max(d.difference.abs());
            let advice = match exact {
                true => "Try another gradient method, and report this model.",
                false => {
                    "Try an exact gradient method (`auto` takes one where there is one), or \
                     tighter tolerances of the solver."
                }
            };
            return format!(
                "The gradient contradicts the loss: along a test direction the method `{method}` \
                 gives {:.6e}, differences of the loss{steps} give {:.6e}. They are {} apart; {} \
                 would pass. Training with it would go astray. {advice}",
                d.exact,
                d.difference,
                percent(off),
                percent(wrong)
            );
        }
        let worst = self
            .directions
            .iter()
            .filter(|d| d.difference.is_finite())
            .map(|d| (d.exact - d.difference).abs() / d.exact.abs().max(d.difference.abs()))
            .fold(0.0, f64::max);
        if self.directions.iter().all(|d| d.passed && d.difference.is_finite()) {
            let steps = if self.standard.same_steps { " with the same steps" } else { "" };
            format!(
                "Gradient checked against differences of the loss{steps}: they agree to {worst:.1e}."
            )
        } else {
            "The gradient could not be checked closely: the loss is rough beside the start, fails \
             there, or the model rests there."
                .into()
        }
    }
}

/// A share in percent, to two digits.
fn percent(share: f64) -> String {
    match 100.0 * share {
        p if p >= 10.0 => format!("{p:.0} %"),
        p if p >= 0.1 => format!("{p:.1} %"),
        p => format!("{p:.1e} %"),
    }
}

/// Steps of the differences, in units of `z`. The first suffices when it agrees.
const STEPS: [f64; 3] = [1e-4, 1e-3, 1e-5];

/// The loss at a place; `None` where it fails.
pub(crate) type LossFn<'a, E> = dyn FnMut(&[f64]) -> Result<Option<f64>, E> + 'a;

/// Compares in `directions` reproducible pseudo-random directions among the elements that `moves`
/// marks. An `Err` of `loss` stops the check.
pub(crate) fn check<E>(
    z: &[f64],
    gradient: &[f64],
    moves: &dyn Fn(usize) -> bool,
    directions: u64,
    standard: Standard,
    loss: &mut LossFn<'_, E>,
) -> Result<GradientCheck, E> {
    let n = z.len();
    let mut trial = vec![0.0; n];
    let mut along = vec![0.0; n];
    let norm = dot(gradient, gradient).sqrt();
    let mut checks = Vec::new();
    for k in 0..directions {
        let mut length = 0.0f64;
        for (i, a) in along.iter_mut().enumerate() {
            *a = if moves(i) { component(k, i as u64) } else { 0.0 };
            length += *a * *a;
        }
        along.iter_mut().for_each(|a| *a /= length.sqrt().max(1.0));
        let exact = dot(gradient, &along);
        let mut differences = Vec::new();
        let mut agreed = None;
        for h in STEPS {
            let mut side = |h: f64| {
                for ((trial, z), a) in trial.iter_mut().zip(z).zip(&along) {
                    *trial = z + h * a;
                }
                loss(&trial)
            };
            let (Some(up), Some(down)) = (side(h)?, side(-h)?) else { continue };
            let difference = (up - down) / (2.0 * h);
            // A direction that happens to be flat is measured against the whole gradient.
            let size = exact.abs().max(difference.abs()).max(0.01 * norm);
            if (difference - exact).abs() <= standard.close * size {
                agreed = Some(difference);
                break;
            }
            differences.push(difference);
        }
        checks.push(verdict(exact, agreed, &differences, norm, standard.wrong));
    }
    Ok(GradientCheck { directions: checks, standard })
}

fn verdict(
    exact: f64,
    agreed: Option<f64>,
    differences: &[f64],
    norm: f64,
    allowed: f64,
) -> DirectionCheck {
    if let Some(difference) = agreed {
        return DirectionCheck { exact, difference, passed: true, clearly_wrong: false };
    }
    // Two neighbouring steps that agree with each other measure the true derivative.
    let mut wrong = None;
    for (i, a) in differences.iter().enumerate() {
        for b in &differences[i + 1..] {
            let gap = (a - exact).abs().min((b - exact).abs());
            let size = exact.abs().max(a.abs()).max(b.abs()).max(0.01 * norm);
            if gap > allowed * size && (a - b).abs() < 0.1 * gap {
                wrong = Some(*a);
            }
        }
    }
    let difference = wrong.or(differences.first().copied()).unwrap_or(f64::NAN);
    DirectionCheck { exact, difference, passed: false, clearly_wrong: wrong.is_some() }
}

/// A number of either sign between ½ and 1½ in size, from a counter, so that the directions are
/// the same everywhere.
pub(crate) fn component(direction: u64, element: u64) -> f64 {
    let mut h = Fnv::new();
    h.bytes(b"gradient check");
    h.bytes(&direction.to_le_bytes());
    h.bytes(&element.to_le_bytes());
    // FNV mixes its last bytes poorly; one more round of multiplication spreads them.
    let mixed = (h.0 ^ (h.0 >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let size = 0.5 + ((mixed >> 20) & 0xffff) as f64 / 65_536.0;
    if mixed >> 63 == 0 { size } else { -size }
}

#[cfg(test)]
mod tests;
