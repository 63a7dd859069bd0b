//! Whole solves of many trajectories of one model: the program, its arrays, what came of them.

use rayon::prelude::*;
use slopefield_ensemble::{Failure, TrajectoryResult, Values};
use slopefield_graph::LoweredModel;
use slopefield_graph::plan::{Buffer, Plan};
use slopefield_solve::{RosenbrockTable, Settings, SolveError, Stats, Tableau};

use crate::checks::{check_model, check_operators, check_own, check_slopes, check_values, columns};
use crate::dialect::{Dialect, ElementType, PRIVATE_LIMIT, Program, SharedArray};
use crate::emit::statements;
use crate::error::GpuError;
use crate::places::{Array, Places};
use crate::solve_text::{self, Offsets, Pieces, tolerances};
use crate::timed::Timed;

/// The arrays of a solve, in the order of their bindings.
pub(crate) const SHARED: [SharedArray; 8] = [
    SharedArray { name: "joint_values", element: ElementType::Real, writable: false },
    SharedArray { name: "own_values", element: ElementType::Real, writable: false },
    SharedArray { name: "tables", element: ElementType::Word, writable: false },
    SharedArray { name: "results", element: ElementType::Real, writable: true },
    SharedArray { name: "kept", element: ElementType::Real, writable: true },
    SharedArray { name: "counts", element: ElementType::Word, writable: true },
    SharedArray { name: "clock", element: ElementType::Ticks, writable: true },
    SharedArray { name: "open", element: ElementType::Counter, writable: true },
];

/// Trajectories whose results are worth a thread.
pub(crate) const LANES_OF_A_THREAD: usize = 4096;
/// Rows of `counts`.
pub(crate) const COUNTS: usize = 6;

/// The program that solves trajectories of a right-hand side, a thread for each.
///
/// A run attempts up to so many steps of each trajectory that is not done and counts those that are
/// still open; all that a trajectory is goes from run to run in memory, so that how the work is cut
/// changes no number.
#[derive(Debug, Clone)]
pub struct TrajectoryProgram {
    pub(crate) plan: Plan,
    /// The other plans of the kernel, in the order of their places.
    pub(crate) others: Vec<Plan>,
    pub(crate) places: Places,
    pub(crate) own: usize,
    pub(crate) method: Method,
    pub(crate) dialect: Dialect,
    /// Events at given times.
    pub(crate) timed: Option<Timed>,
    /// The text.
    pub text: String,
}

/// What a program solves with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Method {
    Explicit(&'static Tableau),
    Rosenbrock(&'static RosenbrockTable),
}

impl Method {
    /// Numbers of a trajectory that go from run to run besides state, slope, step and error.
    fn kept(self) -> usize {
        match self {
            Method::Explicit(_) => 0,
            Method::Rosenbrock(_) => 1,
        }
    }

    /// Work of so many accepted and attempted steps, as the processor counts it, but for what begins again
    /// after events; `chosen` where the first
    /// step has been.
    fn stats(self, accepted: u64, attempts: u64, chosen: bool) -> Stats {
        let (rejected, chosen) = (attempts - accepted, u64::from(chosen));
        let stats = Stats { accepted, rejected, ..Stats::default() };
        match self {
            // Without those that only the interpolant needs.
            Method::Explicit(table) => {
                let ends = if table.fsal { 0 } else { accepted };
                let evaluations = table.stages() as u64 - 1;
                Stats { rhs: 1 + chosen + attempts * evaluations + ends, ..stats }
            }
            Method::Rosenbrock(table) => {
                // The derivatives are those of the beginning, evaluated again at every attempt.
                let stages = table.stages() as u64;
                Stats {
                    rhs: 1 + chosen + attempts * stages,
                    jacobians: attempts,
                    factorisations: attempts,
                    solves: attempts * stages,
                    ..stats
                }
            }
        }
    }
}

/// Many initial value problems on one time span, which differ in initial states and parameters.
#[derive(Debug, Clone, Copy)]
pub struct Trajectories<'a> {
    /// Start time.
    pub t0: f64,
    /// End time, after or before the start.
    pub t1: f64,
    /// Number of trajectories.
    pub count: usize,
    /// Initial states.
    pub u0: Values<'a>,
    /// All parameters once; those that trajectories have of their own are not read.
    pub shared: &'a [f64],
    /// The parameters that trajectories have of their own, in the order of the program.
    pub own: Values<'a>,
}

/// What the arrays of a program hold before its first run.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrays {
    /// `joint_values`.
    pub joint_values: Vec<f64>,
    /// `own_values`: states, then own parameters, a column for each trajectory.
    pub own_values: Vec<f64>,
    /// `tables`; the third last is the number of attempts of a run.
    pub tables: Vec<u32>,
    /// Elements of `results`: a row for each state at each save time.
    pub results: usize,
    /// Elements of `kept`.
    pub kept: usize,
    /// Elements of `counts`.
    pub counts: usize,
    /// `clock`: a time for each trajectory, the save times and, of programs with events, their number and
    /// time and change of each.
    pub clock: Vec<u64>,
}

impl TrajectoryProgram {
    /// The program for the right-hand side of a model, in which every trajectory has a value of its
    /// own for the parameters `own` (ascending).
    ///
    /// # Errors
    /// [`GpuError::Model`] for a model that is more than an ordinary differential equation, and as
    /// for [`TrajectoryProgram::new`].
    pub fn of_model(
        model: &LoweredModel,
        own: &[usize],
        method: &'static Tableau,
        dialect: Dialect,
    ) -> Result<Self, GpuError> {
        check_model(model)?;
        Self::new(&model.rhs.eval, own, method, dialect)
    }

    /// The program for a right-hand side of its own: the plan of a value that passes
    /// [`Plan::verify`].
    ///
    /// # Errors
    /// [`GpuError::Model`] for functions that take more than states, [`GpuError::Method`] for
    /// methods whose slope at the end of a step is none of its stages, not even of those of its
    /// interpolant, [`GpuError::TooLarge`] for systems with more numbers than a thread has.
    pub fn new(
        plan: &Plan,
        own: &[usize],
        method: &'static Tableau,
        dialect: Dialect,
    ) -> Result<Self, GpuError> {
        Self::build(plan, own, method, dialect, "", 0, &[])
    }

    /// The program, with the text `recorded` where a step has been accepted, so many words in
    /// `tables` before those of [`TrajectoryProgram::arrays`], and changes of the state by events.
    pub(crate) fn build(
        plan: &Plan,
        own: &[usize],
        method: &'static Tableau,
        dialect: Dialect,
        recorded: &str,
        words: usize,
        affects: &[Plan],
    ) -> Result<Self, GpuError> {
        let n = plan.shape.outputs;
        check_slopes(plan)?;
        affects.iter().try_for_each(check_operators)?;
        if !solve_text::goes_on(method) {
            let why = "the slope at the end of a step is none of its stages";
            return Err(GpuError::Method { method: method.name, why });
        }
        check_own(plan, own)?;
        let scratch = affects.iter().map(|plan| plan.scratch_len).max().unwrap_or(0);
        let scratch = scratch.max(plan.scratch_len) as usize;
        let changed = if affects.is_empty() { 0 } else { n };
        let (stages, end) = (method.dense_stages(), if method.extra.a.is_empty() { 0 } else { n });
        let needed = (2 + stages) * n + end + changed + scratch;
        if needed > PRIVATE_LIMIT {
            return Err(GpuError::TooLarge { needed, limit: PRIVATE_LIMIT });
        }
        let buffers = vec![
            (Buffer::Time, Array::Variable("t")),
            (Buffer::States, Array::Private("stage")),
            (Buffer::Out, Array::PrivateFrom("slopes", "base")),
            (Buffer::Scratch, Array::Private("scratch")),
        ];
        let mut places = Places::new(plan, own, n, buffers).holding(own.len());
        let rhs = statements(plan, &mut places, dialect);
        let mut parameters = places.parameter_function();
        let mut body = format!("fn rhs(t: real, base: word) {{\n{rhs}}}\n\n");
        let mut pieces = Pieces::explicit(method, n, recorded, dialect);
        if !affects.is_empty() {
            body += "fn affect(which: word, t: real) {\n";
            for (which, affect) in affects.iter().enumerate() {
                let buffers = vec![
                    (Buffer::Time, Array::Variable("t")),
                    (Buffer::States, Array::Private("stage")),
                    (Buffer::Out, Array::Private("changed")),
                    (Buffer::Scratch, Array::Private("scratch")),
                ];
                places = places.beside(affect, buffers);
                let change = statements(affect, &mut places, dialect);
                body += &format!("    if (which == {which}u) {{\n{change}    }}\n");
                if parameters.is_empty() {
                    parameters = places.parameter_function();
                }
            }
            body += "}\n\n";
            pieces = pieces.with_events();
        }
        let held = places.held(own.len());
        let limits = places.tables_len() + words;
        let offsets = Offsets { settings: places.joint_len(), limits, held };
        let solve = solve_text::text(&pieces, n, &offsets, dialect);
        let body = parameters + &body + &solve;
        let mut private =
            vec![("u", n), ("stage", n), ("slopes", stages * n), ("scratch", scratch)];
        for (name, len) in
            [("end", end), ("changed", changed), ("held", held), ("tolerances", tolerances(n))]
        {
            if len > 0 {
                private.push((name, len));
            }
        }
        let (shared, private_words) = (SHARED.to_vec(), Vec::new());
        let text = dialect.program(&Program { shared, private, private_words, body })?;
        let (plan, own, method) = (plan.clone(), own.len(), Method::Explicit(method));
        let others = affects.to_vec();
        Ok(TrajectoryProgram { plan, others, places, own, method, dialect, timed: None, text })
    }

    /// Number of states.
    #[must_use]
    pub fn states(&self) -> usize {
        self.plan.shape.states
    }

    /// Numbers of the largest array for each trajectory.
    pub(crate) fn widest(&self, saves: usize) -> usize {
        let n = self.states();
        (saves * n).max(2 * n + 2 + self.method.kept()).max(n + self.own).max(COUNTS)
    }

    /// Checks sizes, times and settings.
    ///
    /// # Errors
    /// [`GpuError::Invalid`] with what is wrong.
    pub fn check(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        saves: &[f64],
    ) -> Result<(), GpuError> {
        check_values(problem, settings, saves, (self.states(), self.plan.shape.params, self.own))?;
        if problem.t0 == problem.t1 {
            return Err(GpuError::Invalid(format!("the time span is empty: {} only", problem.t0)));
        }
        match &self.timed {
            Some(timed) => timed.happenings((problem.t0, problem.t1), problem.shared).map(|_| ()),
            None => Ok(()),
        }
    }

    /// What the arrays hold for the trajectories `from .. from + lanes`, if a run is to attempt up
    /// to `attempts` steps. The problem has passed [`TrajectoryProgram::check`].
    #[must_use]
    pub fn arrays(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        saves: &[f64],
        range: (usize, usize),
        attempts: u32,
    ) -> Arrays {
        let own_values = columns(problem, (self.states(), self.own), range);
        Arrays { own_values, ..self.without_columns(problem, settings, saves, range.1, attempts) }
    }

    /// The same without `own_values`, whose rows are [`column`]s.
    pub(crate) fn without_columns(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        saves: &[f64],
        lanes: usize,
        attempts: u32,
    ) -> Arrays {
        let n = self.states();
        let mut joint_values = self.places.joint_values(&self.plan, problem.shared);
        joint_values.extend(self.others.iter().flat_map(|plan| &plan.constants));
        joint_values.extend(settings_values(problem, settings, n, self.dialect));
        let mut tables = self.places.tables(&self.plan, lanes);
        tables.extend(self.others.iter().flat_map(|plan| &plan.tables).flatten());
        let most = u32::try_from(settings.max_steps).unwrap_or(u32::MAX);
        tables.extend([attempts, most, saves.len() as u32]);
        let at = |t: f64| ticks_at(problem, t, self.dialect);
        let mut clock = vec![0; lanes];
        clock.extend(saves.iter().map(|t| at(*t)));
        if self.timed.is_some() {
            let happenings = self.happenings(problem);
            clock.push(happenings.len() as u64);
            clock.extend(happenings.concat());
        }
        Arrays {
            joint_values,
            own_values: Vec::new(),
            tables,
            results: saves.len() * n * lanes,
            kept: (2 * n + 2 + self.method.kept()) * lanes,
            counts: COUNTS * lanes,
            clock,
        }
    }

    /// The events that happen, in order: ticks and change.
    fn happenings(&self, problem: &Trajectories<'_>) -> Vec<[u64; 2]> {
        let Some(timed) = &self.timed else { return Vec::new() };
        // Checked with the problem.
        let all = timed.happenings((problem.t0, problem.t1), problem.shared).unwrap_or_default();
        all.iter()
            .map(|(t, affect)| [ticks_at(problem, *t, self.dialect), u64::from(*affect)])
            .collect()
    }

    /// What came of the trajectories of `arrays`, from the memory after the last run: appended to
    /// `into`, states at the save times to `out` (trajectory by trajectory, row by row; NaN where a
    /// trajectory did not get to). `interrupted` is why trajectories are still open.
    #[allow(clippy::too_many_arguments, reason = "the arrays of a program")]
    pub fn unpack<T: Copy + Into<f64> + Sync>(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        saves: usize,
        (results, kept): (&[T], &[T]),
        counts: &[u32],
        clock: &[u64],
        interrupted: Option<&SolveError>,
        into: &mut Vec<TrajectoryResult>,
        out: &mut [f64],
    ) {
        let memory = Memory {
            lanes: counts.len() / COUNTS,
            result: |at: usize| results[at].into(),
            kept: |at: usize| kept[at].into(),
            count: |row, lane| counts[row * (counts.len() / COUNTS) + lane],
            clock: |lane| clock[lane],
        };
        self.unpack_from(problem, settings, saves, &memory, interrupted, into, out);
    }

    /// The same, from any form of the arrays.
    #[allow(clippy::too_many_arguments, reason = "the arrays of a program")]
    pub(crate) fn unpack_from(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        saves: usize,
        memory: &Memory<
            impl Fn(usize) -> f64 + Sync,
            impl Fn(usize) -> f64 + Sync,
            impl Fn(usize, usize) -> u32 + Sync,
            impl Fn(usize) -> u64 + Sync,
        >,
        interrupted: Option<&SolveError>,
        into: &mut Vec<TrajectoryResult>,
        out: &mut [f64],
    ) {
        let happenings = self.happenings(problem);
        let events = |lane: usize| {
            let passed = |[t, _]: &&[u64; 2]| *t <= (memory.clock)(lane);
            happenings.iter().take_while(passed).count() as u64
        };
        let (states, method, dialect) = (self.states(), self.method, self.dialect);
        let ended = Ended { saves, states, method, dialect };
        ended.unpack(problem, settings, memory, events, interrupted, into, out);
    }

    /// Whether what becomes of a trajectory depends on its time at the end.
    pub(crate) fn is_timed(&self) -> bool {
        self.timed.is_some()
    }
}

/// A solve whose arrays are read.
pub(crate) struct Ended {
    pub(crate) saves: usize,
    pub(crate) states: usize,
    pub(crate) method: Method,
    pub(crate) dialect: Dialect,
}

impl Ended {
    /// As [`TrajectoryProgram::unpack`]; `events` tells how many a trajectory has had.
    #[allow(clippy::too_many_arguments, reason = "a solve, its arrays and where they go")]
    pub(crate) fn unpack(
        &self,
        problem: &Trajectories<'_>,
        settings: &Settings,
        memory: &Memory<
            impl Fn(usize) -> f64 + Sync,
            impl Fn(usize) -> f64 + Sync,
            impl Fn(usize, usize) -> u32 + Sync,
            impl Fn(usize) -> u64 + Sync,
        >,
        events: impl Fn(usize) -> u64 + Sync,
        interrupted: Option<&SolveError>,
        into: &mut Vec<TrajectoryResult>,
        out: &mut [f64],
    ) {
        let (n, saves, lanes) = (self.states, self.saves, memory.lanes);
        let whole = f64::from(self.dialect.log2_ticks()).exp2();
        let one = |(lane, out): (usize, &mut [f64])| {
            let row = |row: usize| (memory.count)(row, lane);
            let (phase, reached) = (row(0), row(1) as usize);
            for (s, to) in out.chunks_exact_mut(n).enumerate() {
                for (i, to) in to.iter_mut().enumerate() {
                    let at = (s * n + i) * lanes + lane;
                    *to = if s < reached { (memory.result)(at) } else { f64::NAN };
                }
            }
            let (accepted, attempts) = (u64::from(row(2)), u64::from(row(3)));
            let stats = self.method.stats(accepted, attempts, settings.h_init.is_none());
            let stats = Stats { events: events(lane), ..stats };
            if phase == DONE {
                return Ok(stats);
            }
            let part = (memory.clock)(lane) as f64 / whole;
            let t = problem.t0 + (problem.t1 - problem.t0) * part;
            let u: Vec<f64> = (0..n).map(|i| (memory.kept)(i * lanes + lane)).collect();
            let state = row(5) as usize;
            let error = match phase {
                3 => SolveError::TooManySteps { t, steps: settings.max_steps },
                4 => SolveError::StepTooSmall { t, h: (memory.kept)(2 * n * lanes + lane) },
                7 => SolveError::Singular { t },
                8 => SolveError::Invalid(format!(
                    "an event made state {state} not finite at t = {t}; look for a division by \
                     zero or a value outside a function's domain in what the event does"
                )),
                5 | 6 => SolveError::NonFinite { t, state, u: u.clone() },
                _ => match interrupted {
                    Some(SolveError::OutOfTime { .. }) => SolveError::OutOfTime { t },
                    _ => SolveError::Cancelled { t },
                },
            };
            Err(Box::new(Failure { error, u, stats }))
        };
        let row = saves * n;
        if row == 0 {
            into.extend((0..lanes).map(|lane| one((lane, &mut []))));
            return;
        }
        let rows = out[..lanes * row].par_chunks_exact_mut(row).enumerate();
        into.par_extend(rows.with_min_len(LANES_OF_A_THREAD).map(one));
    }
}

/// The arrays of a program after its last run.
pub(crate) struct Memory<R, K, C, T> {
    pub(crate) lanes: usize,
    /// An element of `results`.
    pub(crate) result: R,
    /// An element of `kept`; asked of trajectories that are not [`DONE`] only.
    pub(crate) kept: K,
    /// A row of `counts` of a trajectory; rows from [`LAST_COUNTS`] on of those that are not [`DONE`] only.
    pub(crate) count: C,
    /// The time of a trajectory; asked of those that are not [`DONE`] and of programs with events only.
    pub(crate) clock: T,
}

/// The first element of `counts` of a trajectory that has reached its end.
pub(crate) const DONE: u32 = 2;
/// Rows of `counts` that say what a trajectory that has reached its end has taken.
pub(crate) const LAST_COUNTS: usize = 4;
/// Numbers of a problem in the order in which kernels read them, then an absolute tolerance for each of
/// `n` states.
pub(crate) fn settings_values(
    problem: &Trajectories<'_>,
    settings: &Settings,
    n: usize,
    dialect: Dialect,
) -> Vec<f64> {
    let span = (problem.t1 - problem.t0).abs();
    let ticks = f64::from(dialect.log2_ticks()).exp2();
    let direction = if problem.t1 < problem.t0 { -1.0 } else { 1.0 };
    let mut values = vec![
        problem.t0,
        span / ticks,
        direction,
        settings.rtol,
        settings.h_min.min(span),
        settings.h_max.min(span),
        settings.h_init.map_or(0.0, |h| h.abs().min(span)),
        ticks / span,
    ];
    match settings.atol[..] {
        [one] => values.extend(std::iter::repeat_n(one, n)),
        _ => values.extend(&settings.atol),
    }
    values
}

/// A time of the span in ticks.
pub(crate) fn ticks_at(problem: &Trajectories<'_>, t: f64, dialect: Dialect) -> u64 {
    let whole = 1u64 << dialect.log2_ticks();
    // The end is the end, whatever the division rounds to.
    if t == problem.t1 {
        return whole;
    }
    let part = (t - problem.t0).abs() / (problem.t1 - problem.t0).abs();
    ((part * whole as f64).round() as u64).min(whole)
}
