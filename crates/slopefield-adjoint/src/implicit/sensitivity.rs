//! Forward sensitivities: the tangent of the accepted steps of an implicit method.

use super::consistent_rows::consistent_rows;
use super::equations::{Directions, StageEquations, StepView, add_scaled};
use super::linear::Linear;
use super::path::{HONOURED, Path};
use crate::method::parameter_not_finite;
use crate::saves::SavedStates;
use crate::sensitivity::{Sink, TangentPass, sensitivities};
use slopefield_kernel::{Part, Structure};
use slopefield_solve::{Ivp, Settings, SolveError, Stats};

/// Tangents of the accepted steps of an implicit one-step method along all initial values and
/// parameters; the directions of a step share its factorisations. Besides gradients this gives the
/// Jacobian of the saved states, for least-squares methods.
pub struct ImplicitSensitivity {
    solver: String,
    pass: Pass,
    saved: SavedStates,
}

impl ImplicitSensitivity {
    /// Through the built-in implicit method called `name`, with up to 256 MiB of record; none for
    /// other methods.
    pub fn named(name: &str) -> Option<Self> {
        let (path, tangents) = (Path::named(name)?, Tangents::new());
        let pass = Pass { path, tangents, start_time: false };
        let (solver, saved) = (name.to_owned(), SavedStates::default());
        Some(ImplicitSensitivity { solver, pass, saved })
    }

    /// Whether the system has what the derivatives need; otherwise a sentence.
    ///
    /// # Errors
    /// Steps of Rosenbrock methods of systems whose second derivatives are not known.
    pub fn suits(&self, structure: &Structure<'_>) -> Result<(), String> {
        self.pass.path.suits(structure)
    }

    /// Keeps the record below `bytes` where that is possible; the tangents come on top.
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.pass.path.set_memory(bytes);
        self
    }

    /// Carries a tangent along the start time too, for [`crate::Evaluated::by_start_time`]: one
    /// direction more.
    pub fn with_start_time(mut self) -> Self {
        self.pass.start_time = true;
        self
    }

    fn again(&self) -> Option<Self> {
        Self::named(&self.solver)
    }
}

sensitivities!(ImplicitSensitivity);

struct Pass {
    path: Path,
    tangents: Tangents,
    start_time: bool,
}

impl TangentPass for Pass {
    fn honoured(&self) -> &'static [Part] {
        HONOURED
    }

    fn solve(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        states: &mut [f64],
    ) -> Result<(Stats, usize), SolveError> {
        Ok((self.path.solve(ivp, settings, saves, states)?, saves.len()))
    }

    fn follows_start_time(&self) -> bool {
        self.start_time && self.path.record.steps() > 0
    }

    fn propagate(
        &mut self,
        ivp: &Ivp<'_>,
        settings: &Settings,
        saves: &[f64],
        start_time: bool,
        sink: &mut Sink<'_>,
    ) -> Result<(), SolveError> {
        self.path.begin(ivp, settings)?;
        self.tangents.begin(ivp, &mut self.path, saves, start_time, sink)?;
        for index in 0..self.path.record.segments() {
            let (segment, equations) = self.path.segment(ivp, settings, index)?;
            for i in 0..segment.len() {
                let step = segment.step(i);
                if settings.cancelled() {
                    return Err(SolveError::Cancelled { t: step.t });
                }
                equations.select(step.explicit);
                self.tangents.timed = start_time && index == 0 && i == 0;
                self.tangents.step(ivp, equations, &step, saves, sink)?;
            }
        }
        Ok(())
    }

    fn products(&self) -> u64 {
        self.tangents.products + self.path.record.recomputed + self.path.repeated
    }

    fn bytes(&self) -> u64 {
        self.path.bytes() + self.tangents.bytes()
    }
}

/// The tangents carried along, one per direction: initial values first, then parameters, then perhaps
/// the start time.
struct Tangents {
    /// Of the state at the beginning of the step.
    states: Vec<f64>,
    /// Of the slope handed over there.
    slopes: Vec<f64>,
    /// Of the unknowns of the step, direction by direction.
    unknowns: Vec<f64>,
    stage: Vec<f64>,
    /// The unknowns themselves, of the first step.
    rows: Vec<f64>,
    /// Whether the step at hand is the first, and the last direction the start time.
    timed: bool,
    /// How the beginning of the first step and its length change, direction by direction.
    times: Vec<(f64, f64)>,
    linear: Linear,
    next_save: usize,
    products: u64,
}

impl Tangents {
    fn new() -> Self {
        Tangents {
            states: Vec::new(),
            slopes: Vec::new(),
            unknowns: Vec::new(),
            stage: Vec::new(),
            rows: Vec::new(),
            timed: false,
            times: Vec::new(),
            linear: Linear::new(),
            next_save: 0,
            products: 0,
        }
    }

    fn bytes(&self) -> u64 {
        (8 * (self.states.len() + self.slopes.len() + self.unknowns.len())) as u64
    }

    /// The tangents of the consistent state at the start and of the slope there.
    fn begin(
        &mut self,
        ivp: &Ivp<'_>,
        path: &mut Path,
        saves: &[f64],
        start_time: bool,
        sink: &mut Sink<'_>,
    ) -> Result<(), SolveError> {
        let n = ivp.u0.len();
        let start = n + ivp.p.len();
        let directions = start + usize::from(start_time);
        let hands_over = path.equations.hands_over_slope();
        self.linear.prepare(ivp)?;
        for (vector, len) in [
            (&mut self.states, directions * n),
            (&mut self.slopes, if hands_over { directions * n } else { 0 }),
            (&mut self.unknowns, directions * path.equations.stages() * n),
            (&mut self.stage, n),
        ] {
            vector.clear();
            vector.resize(len, 0.0);
        }
        self.times.clear();
        self.times.resize(directions, (0.0, 0.0));
        self.products = 0;
        self.next_save = 0;
        for i in 0..n {
            self.states[i * n + i] = 1.0;
        }
        if path.record.steps() > 0 {
            if ivp.rhs.structure().mass.is_some() {
                self.consistent_start(ivp, path, start_time)?;
            } else if hands_over {
                for d in 0..directions {
                    let state = &self.states[d * n..(d + 1) * n];
                    let out = &mut self.slopes[d * n..(d + 1) * n];
                    let parameter = d.checked_sub(n).filter(|parameter| *parameter < ivp.p.len());
                    let change = (parameter, if d == start { 1.0 } else { 0.0 });
                    self.linear.push_forward(ivp, (ivp.t0, ivp.u0), state, change, out);
                    self.products += 1;
                }
            }
        }
        while saves.get(self.next_save) == Some(&ivp.t0) {
            for d in 0..directions {
                self.stage.copy_from_slice(&self.states[d * n..(d + 1) * n]);
                if d == start {
                    // A later start is an earlier point of the solution from there.
                    add_scaled(&mut self.stage, -1.0, &path.slope);
                }
                sink(self.next_save, d, &self.stage);
            }
            self.next_save += 1;
        }
        Ok(())
    }

    /// The Jacobian of consistent state and slope.
    fn consistent_start(
        &mut self,
        ivp: &Ivp<'_>,
        path: &mut Path,
        start_time: bool,
    ) -> Result<(), SolveError> {
        let Tangents { states, slopes, linear, .. } = self;
        let (n, with_slopes) = (ivp.u0.len(), !slopes.is_empty());
        let values = (ivp.u0, &path.start[..], &path.slope[..]);
        let consistency = &mut path.consistency;
        consistent_rows(consistency, linear, ivp, ivp.t0, values, with_slopes, &mut |row| {
            let out = if row.of_slope { &mut *slopes } else { &mut *states };
            let by_t = start_time.then_some(&row.by_t);
            for (d, value) in row.by_u.iter().chain(row.by_p).chain(by_t).enumerate() {
                out[d * n + row.index] = *value;
            }
        })
    }

    /// Carries all tangents over one step and hands out those at its save points.
    fn step(
        &mut self,
        ivp: &Ivp<'_>,
        equations: &mut dyn StageEquations,
        step: &StepView<'_>,
        saves: &[f64],
        sink: &mut Sink<'_>,
    ) -> Result<(), SolveError> {
        let (n, s) = (ivp.u0.len(), equations.stages());
        let direction = ivp.direction();
        let first_save = self.next_save;
        let reached = |save: &&f64| (step.t_new - **save) * direction >= 0.0;
        self.next_save += saves[first_save..].iter().take_while(reached).count();
        let inside = first_save..self.next_save;
        let timed = self.timed.then(|| self.states.len() / n - 1);
        if let Some(last) = timed {
            // A later start leaves the end of the step where it is.
            self.times[last] = (1.0, -1.0);
        }
        let times = if self.timed { &self.times[..] } else { &[] };
        let along = Directions { states: &self.states, slopes: &self.slopes, times, first: n };
        self.products += equations.tangents(ivp, step, along, &mut self.unknowns)?;
        let end = equations.end_weights();
        if self.timed {
            equations.unknowns(ivp, step, &mut self.rows);
        }
        for row in inside.clone().filter(|row| saves[*row] != step.t_new) {
            let theta = (saves[row] - step.t) / step.h();
            let (weights, slopes) = equations.dense_weights(theta);
            for (d, unknowns) in self.unknowns.chunks_exact(s * n).enumerate() {
                self.stage.copy_from_slice(&self.states[d * n..(d + 1) * n]);
                add_weighted(&mut self.stage, &weights, unknowns);
                if timed == Some(d) {
                    // θ changes with the beginning by (θ − 1)/h at a fixed end.
                    for (slope, row) in slopes.iter().zip(self.rows.chunks_exact(n)) {
                        add_scaled(&mut self.stage, slope * (theta - 1.0) / step.h(), row);
                    }
                }
                sink(row, d, &self.stage);
            }
        }
        for (d, unknowns) in self.unknowns.chunks_exact(s * n).enumerate() {
            let state = &mut self.states[d * n..(d + 1) * n];
            add_weighted(state, &end, unknowns);
            for row in inside.clone().filter(|row| saves[*row] == step.t_new) {
                sink(row, d, state);
            }
            if let Some(bad) = state.iter().position(|v| !v.is_finite()) {
                return Err(match d.checked_sub(n).filter(|p| *p < ivp.p.len()) {
                    None => SolveError::NonFinite { t: step.t, state: bad, u: step.start.to_vec() },
                    Some(parameter) => parameter_not_finite(parameter),
                });
            }
            if !self.slopes.is_empty() {
                let slope = &mut self.slopes[d * n..(d + 1) * n];
                slope.fill(0.0);
                add_scaled(slope, 1.0 / step.h(), &unknowns[(s - 1) * n..]);
                if timed == Some(d) {
                    add_scaled(slope, 1.0 / (step.h() * step.h()), step.row(s - 1));
                }
            }
        }
        Ok(())
    }
}

/// `sum += Σ weights_i rows_i`.
fn add_weighted(sum: &mut [f64], weights: &[f64], rows: &[f64]) {
    for (weight, row) in weights.iter().zip(rows.chunks_exact(sum.len())) {
        add_scaled(sum, *weight, row);
    }
}
