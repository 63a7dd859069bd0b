//! Many paths of one stochastic differential equation: the program, its arrays, what came of them.

use slopefield_ensemble::{Failure, TrajectoryResult};
use slopefield_graph::plan::{Buffer, Entry, Plan};
use slopefield_graph::{LoweredModel, ModelFunction};
use slopefield_kernel::{Calculus, NoiseKind};
use slopefield_solve::{Settings, SolveError, Stats};
use slopefield_stochastic::BrownianMotion;
use slopefield_stochastic::tables::{SOSRI, SRIW1, STAGES, SriTable};

use crate::checks::{check_operators, check_own, check_values, columns, refused};
use crate::dialect::{Dialect, ElementType, PRIVATE_LIMIT, Program, SharedArray};
use crate::emit::statements;
use crate::error::GpuError;
use crate::motion::{self, FixedStep, WORDS};
use crate::path_text::Noisy;
use crate::places::{Array, Places};
use crate::trajectories::Trajectories;

/// The arrays of paths, in the order of their bindings.
pub(crate) const SHARED: [SharedArray; 7] = [
    SharedArray { name: "joint_values", element: ElementType::Real, writable: false },
    SharedArray { name: "own_values", element: ElementType::Real, writable: false },
    SharedArray { name: "tables", element: ElementType::Word, writable: false },
    SharedArray { name: "results", element: ElementType::Real, writable: true },
    SharedArray { name: "kept", element: ElementType::Real, writable: true },
    SharedArray { name: "counts", element: ElementType::Word, writable: true },
    SharedArray { name: "open", element: ElementType::Counter, writable: true },
];

/// Rows of `counts`.
const COUNTS: usize = 6;
/// More sources than this cannot be told apart.
const MOST_SOURCES: usize = 1 << 20;

/// A method for paths on graphics cards.
#[derive(Debug, Clone, Copy)]
pub enum PathMethod {
    /// Euler–Maruyama, for noise of every kind.
    EulerMaruyama,
    /// Of Rößler's SRI family, for diagonal noise and for one source.
    Sri(&'static SriTable),
}

impl PathMethod {
    /// The method that the processor calls so: `em`, `sriw1` or `sosri`.
    #[must_use]
    pub fn named(id: &str) -> Option<Self> {
        match id {
            "em" => Some(PathMethod::EulerMaruyama),
            "sriw1" => Some(PathMethod::Sri(&SRIW1)),
            "sosri" => Some(PathMethod::Sri(&SOSRI)),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            PathMethod::EulerMaruyama => "em",
            PathMethod::Sri(table) => table.id,
        }
    }

    /// Evaluations of the drift in a step.
    fn drifts(self) -> usize {
        match self {
            PathMethod::EulerMaruyama => 1,
            PathMethod::Sri(table) => table.drift_stages,
        }
    }

    /// Evaluations of the coefficients of noise in a step.
    fn diffusions(self) -> usize {
        match self {
            PathMethod::EulerMaruyama => 1,
            PathMethod::Sri(_) => STAGES,
        }
    }
}

/// The program that simulates paths with steps of a fixed length, a thread for each.
///
/// The Brownian motion of a path is that of the processor: it follows from seed and number of the path
/// alone, and is the same for every method, step length and span. Random bits are the same to the last
/// one, normal numbers are rounded to the precision of the card.
#[derive(Debug, Clone)]
pub struct PathProgram {
    drift: Plan,
    noise: Plan,
    places: Places,
    own: usize,
    sources: usize,
    method: PathMethod,
    pub(crate) dialect: Dialect,
    /// The text.
    pub text: String,
}

/// What the arrays of a program hold before its first run.
#[derive(Debug, Clone, PartialEq)]
pub struct PathArrays {
    /// `joint_values`.
    pub joint_values: Vec<f64>,
    /// `own_values`: states, then own parameters, a column for each path.
    pub own_values: Vec<f64>,
    /// `tables`.
    pub tables: Vec<u32>,
    /// Where in it the number of steps of a run is.
    pub attempts_at: usize,
    /// Elements of `results`: a row for each state at each save time.
    pub results: usize,
    /// Elements of `kept`.
    pub kept: usize,
    /// Elements of `counts`.
    pub counts: usize,
    /// Time at the beginning and after each step.
    pub times: Vec<f64>,
}

impl PathProgram {
    /// The program for the drift and noise of a model, whose noise is of a kind and in a calculus, in
    /// which every path has a value of its own for the parameters `own` (ascending).
    ///
    /// # Errors
    /// [`GpuError::Model`] for models that have more than noise, or none; as for [`PathProgram::new`].
    pub fn of_model(
        model: &LoweredModel,
        (kind, calculus): (NoiseKind, Calculus),
        own: &[usize],
        method: PathMethod,
        dialect: Dialect,
    ) -> Result<Self, GpuError> {
        let noisy = |function: &ModelFunction| {
            matches!(function, ModelFunction::Noise | ModelFunction::DiagonalNoise)
        };
        if let Some((function, _)) = model.others.iter().find(|(f, _)| !noisy(f)) {
            return Err(refused(function));
        }
        let function = match kind {
            NoiseKind::Diagonal => ModelFunction::DiagonalNoise,
            _ => ModelFunction::Noise,
        };
        let Some(noise) = model.plans(function) else {
            return Err(GpuError::Model { what: "paths of equations without noise" });
        };
        Self::new(&model.rhs.eval, &noise.eval, (kind, calculus), own, method, dialect)
    }

    /// The program for a drift and the coefficients of its noise, as plans of values that pass
    /// [`Plan::verify`]: of diagonal noise one for each state, otherwise those of one source after those
    /// of the other.
    ///
    /// # Errors
    /// [`GpuError::Model`] for functions that take more than states and for Stratonovich's calculus
    /// where that makes a difference, [`GpuError::Noise`] where the method has no form for the noise,
    /// [`GpuError::TooLarge`] for systems with more numbers than a thread has.
    pub fn new(
        drift: &Plan,
        noise: &Plan,
        (kind, calculus): (NoiseKind, Calculus),
        own: &[usize],
        method: PathMethod,
        dialect: Dialect,
    ) -> Result<Self, GpuError> {
        let (n, diagonal) = (drift.shape.outputs, kind == NoiseKind::Diagonal);
        let sources = if diagonal { n } else { noise.shape.outputs.checked_div(n).unwrap_or(0) };
        let each = if diagonal { n } else { n * sources };
        if drift.entry != Entry::Eval || noise.entry != Entry::Eval || n == 0 || sources == 0 {
            return Err(GpuError::Invalid("paths need the values of drift and noise".into()));
        }
        if drift.shape.states != n || noise.shape.states != n {
            return Err(GpuError::Model { what: "models with inputs or delays" });
        }
        if noise.shape.outputs != each || noise.shape.params != drift.shape.params {
            return Err(GpuError::Invalid("drift and noise have other sizes".into()));
        }
        if calculus == Calculus::Stratonovich && kind != NoiseKind::Additive {
            return Err(GpuError::Model { what: "equations with Stratonovich's integrals" });
        }
        if sources >= MOST_SOURCES {
            return Err(GpuError::TooLarge { needed: sources, limit: MOST_SOURCES });
        }
        if matches!(method, PathMethod::Sri(_)) && !diagonal && sources > 1 {
            let why = "is for diagonal noise and for a single source; use em";
            return Err(GpuError::Noise { method: method.id(), why });
        }
        check_own(drift, own)?;
        let scratch = drift.scratch_len.max(noise.scratch_len) as usize;
        let (drifts, diffusions) = (method.drifts() * n, method.diffusions() * each);
        let needed = 3 * n + drifts + diffusions + 4 * sources + scratch + 2;
        if needed > PRIVATE_LIMIT {
            return Err(GpuError::TooLarge { needed, limit: PRIVATE_LIMIT });
        }
        let buffers = |to: &'static str| {
            vec![
                (Buffer::Time, Array::Variable("t")),
                (Buffer::States, Array::Private("stage")),
                (Buffer::Out, Array::PrivateFrom(to, "base")),
                (Buffer::Scratch, Array::Private("scratch")),
            ]
        };
        let mut of_drift = Places::new(drift, own, n, buffers("drifts"));
        let mut places = of_drift.beside(noise, buffers("diffusions"));
        check_operators(drift)?;
        check_operators(noise)?;
        let drift_text = statements(drift, &mut of_drift, dialect);
        let noise_text = statements(noise, &mut places, dialect);
        let limits = places.tables_len();
        let noisy = Noisy { method, n, sources, diagonal, limits, dialect };
        debug_assert_eq!(noisy.coefficients(), each);
        let body = format!(
            "{}fn drift(t: real, base: word) {{\n{drift_text}}}\n\nfn noise(t: real, base: word) \
             {{\n{noise_text}}}\n\n{}",
            of_drift.parameter_function_for(&places),
            noisy.text(),
        );
        let private = vec![
            ("u", n),
            ("stage", n),
            ("end", n),
            ("drifts", drifts),
            ("diffusions", diffusions),
            ("node", 2 * sources),
            ("increment", 2 * sources),
            ("normals", 2),
            ("scratch", scratch),
        ];
        let private_words = vec![("bits", 4), ("key_words", 2)];
        let program = Program { shared: SHARED.to_vec(), private, private_words, body };
        let text = dialect.program(&program)?;
        let (drift, noise, own) = (drift.clone(), noise.clone(), own.len());
        Ok(PathProgram { drift, noise, places, own, sources, method, dialect, text })
    }

    /// Number of states.
    #[must_use]
    pub fn states(&self) -> usize {
        self.drift.shape.states
    }

    /// Checks sizes, times and settings, and gives the steps that all paths take.
    ///
    /// # Errors
    /// [`GpuError::Invalid`] with what is wrong: the settings must have steps of a fixed length
    /// (`h_init` equal to `h_max`), and the span must not begin before time 0.
    pub(crate) fn steps(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        saves: &[f64],
    ) -> Result<Vec<FixedStep>, GpuError> {
        let invalid = |text: String| Err(GpuError::Invalid(text));
        let (t0, t1) = (problem.t0, problem.t1);
        check_values(problem, settings, saves, (self.states(), self.drift.shape.params, self.own))?;
        if t1 < t0 || t0 < 0.0 || !BrownianMotion::reaches(t1) {
            return invalid(format!(
                "paths on graphics cards go forward in time from 0 or later, but the span is {t0} \
                 to {t1}"
            ));
        }
        let Some(h) = settings.h_init.filter(|h| *h == settings.h_max && *h > 0.0) else {
            return invalid(
                "paths on graphics cards have fixed steps: set h_init and h_max to them".into(),
            );
        };
        motion::fixed_steps((t0, t1), h, settings.max_steps).ok_or_else(|| {
            GpuError::Invalid(format!(
                "steps of {h} from {t0} to {t1} are more than the {} that are allowed, or too small",
                settings.max_steps
            ))
        })
    }

    /// What the arrays hold for the paths `from .. from + lanes`, if a run is to take up to `attempts`
    /// steps. Path `k` of the problem has the number of the settings plus `k`.
    ///
    /// # Errors
    /// [`GpuError::Invalid`] for problems and settings that make no sense.
    pub fn arrays(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        saves: &[f64],
        (from, lanes): (usize, usize),
        attempts: u32,
    ) -> Result<PathArrays, GpuError> {
        let n = self.states();
        let steps = self.steps(problem, settings, saves)?;
        let moves = motion::moves(&steps, saves, self.places.joint_len());
        let mut joint_values = self.places.joint_values(&self.drift, problem.shared);
        joint_values.extend(&self.noise.constants);
        joint_values.extend(&moves.numbers);
        let own_values = columns(problem, (n, self.own), (from, lanes));
        let mut tables = self.places.tables(&self.drift, lanes);
        tables.extend(self.noise.tables.iter().flatten());
        let attempts_at = tables.len();
        let halves = |x: u64| [x as u32, (x >> 32) as u32];
        tables.push(attempts);
        tables.extend(halves(settings.seed));
        tables.extend(halves(settings.path.wrapping_add(from as u64)));
        let at_start = if steps.is_empty() { saves.len() } else { moves.at_start };
        tables.extend([at_start as u32, steps.len() as u32]);
        tables.extend(&moves.words);
        debug_assert_eq!(attempts_at, self.places.tables_len());
        debug_assert_eq!(moves.words.len() % WORDS, 0);
        let times = std::iter::once(problem.t0).chain(steps.iter().map(|step| step.t_new));
        Ok(PathArrays {
            joint_values,
            own_values,
            tables,
            attempts_at,
            results: saves.len() * n * lanes,
            kept: (n + 2 * self.sources * moves.depth) * lanes,
            counts: COUNTS * lanes,
            times: times.collect(),
        })
    }

    /// What came of the paths of `arrays`, from the memory after the last run: appended to `into`, states
    /// at the save times to `out` (path by path, row by row; NaN where a path did not get to).
    /// `interrupted` is why paths are still open.
    #[allow(clippy::too_many_arguments, reason = "the arrays of a program")]
    pub fn unpack<T: Copy + Into<f64>>(
        &self,
        arrays: &PathArrays,
        saves: usize,
        (results, kept): (&[T], &[T]),
        counts: &[u32],
        interrupted: Option<&SolveError>,
        into: &mut Vec<TrajectoryResult>,
        out: &mut [f64],
    ) {
        let n = self.states();
        let lanes = counts.len() / COUNTS;
        for lane in 0..lanes {
            let row = |row: usize| counts[row * lanes + lane];
            let reached = row(1) as usize;
            for (s, to) in out[lane * saves * n..][..saves * n].chunks_exact_mut(n).enumerate() {
                for (i, to) in to.iter_mut().enumerate() {
                    let at = (s * n + i) * lanes + lane;
                    *to = if s < reached { results[at].into() } else { f64::NAN };
                }
            }
            let accepted = row(2) as usize;
            let each = (self.method.drifts() + self.method.diffusions()) as u64;
            let stats = Stats {
                accepted: accepted as u64,
                rhs: accepted as u64 * each,
                ..Stats::default()
            };
            let t = arrays.times[accepted];
            let u: Vec<f64> = (0..n).map(|i| kept[i * lanes + lane].into()).collect();
            let error = match row(0) {
                2 => {
                    into.push(Ok(stats));
                    continue;
                }
                5 | 6 => SolveError::NonFinite { t, state: row(5) as usize, u: u.clone() },
                _ => match interrupted {
                    Some(SolveError::OutOfTime { .. }) => SolveError::OutOfTime { t },
                    _ => SolveError::Cancelled { t },
                },
            };
            into.push(Err(Box::new(Failure { error, u, stats })));
        }
    }

    /// Numbers of the largest array for each path.
    pub(crate) fn widest(&self, saves: usize, arrays: &PathArrays, lanes: usize) -> usize {
        let n = self.states();
        (saves * n).max(arrays.kept / lanes.max(1)).max(n + self.own).max(COUNTS)
    }
}
