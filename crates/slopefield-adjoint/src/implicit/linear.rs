//! The matrices of a system and the work space of the equations of a step.

use slopefield_kernel::{Cotangent, Point, Tangent};
use slopefield_linear::{IterationMatrix, Jacobian, Mass};
use slopefield_solve::{Ivp, SolveError};

/// Jacobian, mass matrix, a factored combination of both, and products of the right-hand side.
pub(super) struct Linear {
    pub jacobian: Jacobian<f64>,
    pub mass: Mass<f64>,
    pub matrix: IterationMatrix<f64>,
    /// `∂M/∂p`: the changes of all entries along the first parameter, along the second, …, up to the last
    /// that matters.
    mass_by_p: Vec<f64>,
    /// A direction of parameters, 0 between calls, and one of states that is always 0.
    unit: Vec<f64>,
    still: Vec<f64>,
    value: Vec<f64>,
    scratch: Vec<f64>,
}

impl Linear {
    pub fn new() -> Self {
        Linear {
            jacobian: Jacobian::new(),
            mass: Mass::new(),
            matrix: IterationMatrix::new(),
            mass_by_p: Vec::new(),
            unit: Vec::new(),
            still: Vec::new(),
            value: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Sizes everything for a system and takes its mass matrix and the derivatives of that.
    pub fn prepare(&mut self, ivp: &Ivp<'_>) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        self.jacobian.prepare(ivp.rhs);
        self.mass.evaluate(ivp.rhs, ivp.t0, ivp.u0, ivp.p);
        self.matrix.prepare(&self.jacobian, &self.mass);
        self.unit.clear();
        self.unit.resize(ivp.p.len(), 0.0);
        self.still.resize(n, 0.0);
        self.value.resize(n, 0.0);
        self.scratch.resize(ivp.rhs.scratch_len(), 0.0);
        mass_by_parameters(ivp, &self.mass, &mut self.mass_by_p)
    }

    /// Evaluates the Jacobian at a point and factors `a M − b J`.
    pub fn factor(
        &mut self,
        ivp: &Ivp<'_>,
        t: f64,
        u: &[f64],
        (a, b): (f64, f64),
    ) -> Result<(), SolveError> {
        self.jacobian.evaluate(ivp.rhs, t, u, ivp.p);
        self.matrix.factor(a, b, &self.jacobian, &self.mass).map_err(|_| SolveError::Singular { t })
    }

    /// Writes `f`.
    pub fn value(&mut self, ivp: &Ivp<'_>, t: f64, u: &[f64], out: &mut [f64]) {
        ivp.rhs.eval(t, u, ivp.p, out, &mut self.scratch);
    }

    /// Adds `wᵀ ∂f` to `by_u` and `by_p`; returns `wᵀ ∂f/∂t`.
    pub fn pull_back(
        &mut self,
        ivp: &Ivp<'_>,
        (t, u): (f64, &[f64]),
        w: &[f64],
        by_u: &mut [f64],
        by_p: &mut [f64],
    ) -> f64 {
        let mut by_time = 0.0;
        let grad = Cotangent { t: &mut by_time, u: by_u, p: by_p };
        ivp.rhs.vjp(Point { t, u, p: ivp.p }, w, grad, &mut self.scratch);
        by_time
    }

    /// Writes `∂f/∂t dt + ∂f/∂u du + ∂f/∂p`, the last by one parameter or by none.
    pub fn push_forward(
        &mut self,
        ivp: &Ivp<'_>,
        (t, u): (f64, &[f64]),
        du: &[f64],
        (parameter, dt): (Option<usize>, f64),
        out: &mut [f64],
    ) {
        if let Some(parameter) = parameter {
            self.unit[parameter] = 1.0;
        }
        let along = Tangent { t: dt, u: du, p: &self.unit };
        ivp.rhs.jvp(Point { t, u, p: ivp.p }, along, &mut self.value, out, &mut self.scratch);
        if let Some(parameter) = parameter {
            self.unit[parameter] = 0.0;
        }
    }

    /// Writes `∂f/∂t`.
    pub fn time_derivative(&mut self, ivp: &Ivp<'_>, t: f64, u: &[f64], out: &mut [f64]) {
        let along = Tangent { t: 1.0, u: &self.still, p: &self.unit };
        ivp.rhs.jvp(Point { t, u, p: ivp.p }, along, &mut self.value, out, &mut self.scratch);
    }

    /// Adds `factor · dM x` for the change of the mass matrix along a parameter.
    pub fn add_mass_change(
        &self,
        parameter: Option<usize>,
        factor: f64,
        x: &[f64],
        out: &mut [f64],
    ) {
        let Some(parameter) = parameter else { return };
        let Some(pattern) = self.mass.pattern() else { return };
        let place = parameter * pattern.len()..(parameter + 1) * pattern.len();
        let Some(changes) = self.mass_by_p.get(place) else { return };
        for (j, x) in x.iter().enumerate() {
            for (i, m) in pattern.column(j).iter().zip(&changes[pattern.range(j)]) {
                out[*i as usize] += factor * m * x;
            }
        }
    }

    /// Adds the gradient by the entries of the mass matrix, in terms of parameters.
    pub fn add_mass_gradient(&self, by_mass: &[f64], by_p: &mut [f64]) {
        let entries = by_mass.len();
        if entries > 0 {
            for (by_p, changes) in by_p.iter_mut().zip(self.mass_by_p.chunks_exact(entries)) {
                *by_p += by_mass.iter().zip(changes).map(|(w, m)| w * m).sum::<f64>();
            }
        }
    }

    /// Number of entries of the mass matrix; 0 for the identity.
    pub fn mass_entries(&self) -> usize {
        self.mass.pattern().map_or(0, |pattern| pattern.len())
    }
}

/// Writes `∂M/∂p`, whose entries for one parameter stand together, up to the last parameter that matters.
fn mass_by_parameters(
    ivp: &Ivp<'_>,
    mass: &Mass<f64>,
    table: &mut Vec<f64>,
) -> Result<(), SolveError> {
    table.clear();
    let (Some(kernel), Some(pattern)) = (ivp.rhs.structure().mass, mass.pattern()) else {
        return Ok(());
    };
    let (entries, params) = (pattern.len(), ivp.p.len());
    let mut matters = 0;
    let (mut weights, mut row) = (vec![0.0; entries], vec![0.0; params]);
    let mut scratch = vec![0.0; kernel.scratch_len()];
    let at = Point { t: ivp.t0, u: ivp.u0, p: ivp.p };
    for k in 0..entries {
        weights[k] = 1.0;
        row.fill(0.0);
        if !kernel.parameter_vjp(at, &weights, &mut row, &mut scratch) {
            return Err(SolveError::Invalid(
                "how the mass matrix depends on the parameters is not known, which this gradient \
                 needs"
                    .into(),
            ));
        }
        weights[k] = 0.0;
        let last = row.iter().rposition(|value| *value != 0.0).map_or(0, |last| last + 1);
        if last > matters {
            table.resize(entries * last, 0.0);
            matters = last;
        }
        for (parameter, value) in row[..matters].iter().enumerate() {
            table[parameter * entries + k] = *value;
        }
    }
    Ok(())
}
