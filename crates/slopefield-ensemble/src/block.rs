//! A block of lanes that step together, each with its own time, step and controller.

use slopefield_kernel::{BatchPoint, LANE_GROUP};
use slopefield_solve::step_rules::LOG2_SMALLEST_REMEMBERED;
use slopefield_solve::{Settings, SolveError, Stats};

use crate::problem::Ensemble;
use crate::queue::Trajectory;
use crate::rows::Rows;
use crate::rules::Rules;
use crate::starts::Context;
use crate::step::{Control, Outcome, View};

/// The lanes of one worker. Lane `i < lanes.len()` carries a trajectory; the others are idle.
pub(crate) struct Block<'a> {
    width: usize,
    states: usize,
    lanes: Vec<Trajectory<'a>>,
    control: Rows,
    time: Rows,
    u: Rows,
    stage: Rows,
    slopes: Rows,
    own: Rows,
    /// Interpolated states of one vector of lanes.
    saved: Rows,
    outcomes: Vec<Outcome>,
    /// Attempts of the trajectories, and lanes computed for them.
    pub attempts: u64,
    pub lane_steps: u64,
}

impl<'a> Block<'a> {
    pub(crate) fn new(ensemble: &Ensemble<'_>, rules: &Rules) -> Self {
        let (width, n) = (ensemble.rhs.width(), ensemble.rhs.shape().states);
        Block {
            width,
            states: n,
            lanes: Vec::with_capacity(width),
            control: Rows::new(Control::COUNT * width),
            time: Rows::new(width),
            u: Rows::new(n * width),
            stage: Rows::new(n * width),
            slopes: Rows::new(rules.table.stages() * n * width),
            own: Rows::new(ensemble.rhs.own_params().len() * width),
            saved: Rows::new(n * LANE_GROUP),
            outcomes: vec![Outcome::default(); width / LANE_GROUP],
            attempts: 0,
            lane_steps: 0,
        }
    }

    /// Number of lanes that carry a trajectory.
    pub(crate) fn busy(&self) -> usize {
        self.lanes.len()
    }

    /// Starts a trajectory in `lane`, a busy lane whose trajectory has ended or the first idle one,
    /// from column `column` of states, own parameters, slopes and first steps.
    pub(crate) fn begin(
        &mut self,
        context: &Context<'_, 'a>,
        lane: usize,
        trajectory: Trajectory<'a>,
        (u, own, slope): (&Rows, &Rows, &Rows),
        h: &Rows,
        column: usize,
    ) {
        let (w, rules) = (self.width, context.rules);
        self.u.copy_column(w, lane, u, column);
        self.own.copy_column(w, lane, own, column);
        self.slopes.copy_column(w, lane, slope, column);
        let t_save = next_save(context, &trajectory);
        let start = [
            (Control::T, rules.t0),
            (Control::H, h[column]),
            (Control::TSave, t_save),
            (Control::Previous, LOG2_SMALLEST_REMEMBERED),
            (Control::AfterRejection, 0.0),
            (Control::Accepted, 0.0),
            (Control::Attempts, 0.0),
        ];
        for (row, value) in start {
            self.control.set(w, row as usize, lane, value);
        }
        match self.lanes.get_mut(lane) {
            Some(place) => *place = trajectory,
            None => self.lanes.push(trajectory),
        }
    }

    fn view(&mut self) -> View {
        View {
            width: self.width,
            states: self.states,
            control: self.control.as_mut_ptr(),
            u: self.u.as_mut_ptr(),
            stage: self.stage.as_mut_ptr(),
            slopes: self.slopes.as_mut_ptr(),
        }
    }

    fn vectors(&self) -> usize {
        self.lanes.len().div_ceil(LANE_GROUP)
    }

    /// Attempts a step in every lane, saves what lies within accepted ones and makes their ends the
    /// beginnings of the next steps.
    pub(crate) fn step(&mut self, context: &Context<'_, 'a>, scratch: &mut [f64]) {
        let Context { ensemble, rules, table, .. } = *context;
        let (busy, vectors) = (self.lanes.len(), self.vectors());
        let (n, w) = (self.states, self.width);
        let method = rules.table;
        let view = self.view();
        // SAFETY: the table is one of this machine; `view` points to the block's own rows, which
        // are `width` long, at least `vectors` vectors, and in the numbers that `View` tells; no
        // reference to them is alive during the calls.
        unsafe { (table.begin)(&view, rules, vectors) };
        for i in 1..method.stages() {
            // SAFETY: as above; `time` is a row.
            unsafe {
                (table.stage)(&view, method.a[i], vectors);
                (table.stage_time)(&view, method.c[i], vectors, self.time.as_mut_ptr());
            }
            let (stage, shared) = (&*self.stage, ensemble.shared);
            let at = BatchPoint { t: &self.time, u: stage, shared, own: &self.own };
            ensemble.rhs.eval(busy, at, &mut self.slopes[i * n * w..][..n * w], scratch);
        }
        let view = self.view();
        // SAFETY: as above; `outcomes` has an element per vector and there is a slope per stage.
        unsafe {
            if !method.fsal {
                (table.stage)(&view, method.b, vectors);
            }
            (table.judge)(&view, rules, &mut self.outcomes[..vectors]);
        }
        let idle = vectors * LANE_GROUP - busy;
        if let Some(last) = self.outcomes[..vectors].last_mut() {
            last.accepted &= 0xff >> idle;
            last.finished &= 0xff >> idle;
        }
        self.attempts += busy as u64;
        self.lane_steps += (vectors * LANE_GROUP) as u64;
        self.save(context, vectors);
        let view = self.view();
        let last_slope = method.fsal.then(|| method.stages() - 1);
        // SAFETY: as above.
        unsafe { (table.promote)(&view, &self.outcomes[..vectors], last_slope) };
        if !method.fsal {
            // Lanes that try again get the slope they had.
            let at = BatchPoint {
                t: &self.control[..w],
                u: &self.u,
                shared: ensemble.shared,
                own: &self.own,
            };
            ensemble.rhs.eval(busy, at, &mut self.slopes[..n * w], scratch);
        }
    }

    /// Writes the save rows that lie within accepted steps: in each round the next one of every lane
    /// that has one, so that no vector waits for the save times that were just written.
    fn save(&mut self, context: &Context<'_, 'a>, vectors: usize) {
        let Context { rules, table, .. } = *context;
        let n = self.states;
        let view = self.view();
        let saved = self.saved.as_mut_ptr();
        let mut open = true;
        while open {
            open = false;
            for v in 0..vectors {
                // SAFETY: as in `step`; `saved` has a vector per state.
                let mut due = unsafe {
                    let due = (table.pending)(&view, rules, v, self.outcomes[v].accepted);
                    if due == 0 {
                        continue;
                    }
                    (table.interpolate)(&view, rules, v, due, saved);
                    due
                };
                open = true;
                let values = &self.saved[..n * LANE_GROUP];
                while due != 0 {
                    let within = due.trailing_zeros() as usize;
                    due &= due - 1;
                    let lane = v * LANE_GROUP + within;
                    let trajectory = &mut self.lanes[lane];
                    let row = &mut trajectory.rows[trajectory.next * n..][..n];
                    for (to, vector) in row.iter_mut().zip(values.chunks_exact(LANE_GROUP)) {
                        *to = vector[within];
                    }
                    trajectory.next += 1;
                    let t_save = next_save(context, trajectory);
                    self.control[Control::TSave as usize * self.width + lane] = t_save;
                }
            }
        }
    }

    /// Ends the trajectories that are done or cannot go on, and puts new ones in their place with
    /// `refill`, which tells whether it had one. The order is that of descending lanes, so that the
    /// last lane can move into a place that stays empty.
    pub(crate) fn settle(
        &mut self,
        context: &Context<'_, 'a>,
        mut refill: impl FnMut(&mut Self, usize) -> bool,
    ) {
        let done = |o: &Outcome| o.finished | o.stuck | o.spent;
        for v in (0..self.vectors()).rev() {
            let outcome = self.outcomes[v];
            let mut ended = done(&outcome);
            while ended != 0 {
                let within = 7 - ended.leading_zeros() as usize;
                ended &= !(1 << within);
                let lane = v * LANE_GROUP + within;
                if lane >= self.lanes.len() {
                    continue;
                }
                let bit = |mask: u8| mask >> within & 1 == 1;
                let verdict = if bit(outcome.finished) {
                    Ok(())
                } else if bit(outcome.stuck) {
                    Err(self.stuck(context.rules, lane, bit(outcome.finite)))
                } else {
                    let t = self.number(Control::T, lane);
                    Err(SolveError::TooManySteps { t, steps: context.rules.max_steps as u64 })
                };
                self.end(context.rules, lane, verdict);
                if !refill(self, lane) {
                    self.close(lane);
                }
            }
        }
    }

    /// Ends all trajectories, as cancelled or out of time.
    pub(crate) fn interrupt(&mut self, rules: &Rules, settings: &Settings) {
        for lane in (0..self.lanes.len()).rev() {
            let t = self.number(Control::T, lane);
            let why = settings.interruption(t).unwrap_or(SolveError::Cancelled { t });
            self.end(rules, lane, Err(why));
            self.lanes.truncate(lane);
        }
    }

    fn number(&self, row: Control, lane: usize) -> f64 {
        self.control[row as usize * self.width + lane]
    }

    fn stats(&self, rules: &Rules, lane: usize, reached: bool) -> Stats {
        let accepted = self.number(Control::Accepted, lane) as u64;
        let attempts = self.number(Control::Attempts, lane) as u64;
        let table = rules.table;
        // The first slope of a step, where it is not the last of the one before.
        let first = if table.fsal { 0 } else { accepted - u64::from(reached) };
        Stats {
            accepted,
            rejected: attempts - accepted,
            rhs: 1
                + u64::from(rules.h_init.is_none())
                + attempts * (table.stages() as u64 - 1)
                + first,
            ..Stats::default()
        }
    }

    /// The error of a lane for which no shorter step is allowed.
    fn stuck(&self, rules: &Rules, lane: usize, finite: bool) -> SolveError {
        let t = self.number(Control::T, lane);
        let bad =
            |rows: &[f64]| rows[lane..].iter().step_by(self.width).position(|x| !x.is_finite());
        let state = self
            .slopes
            .chunks_exact(self.states * self.width)
            .find_map(bad)
            .or_else(|| bad(&self.stage));
        match state {
            Some(state) if !finite => {
                let u = self.u.column(self.width, lane).copied().collect();
                SolveError::NonFinite { t, state, u }
            }
            _ => SolveError::StepTooSmall { t, h: rules.direction * self.tried(lane) },
        }
    }

    /// Length of the attempt of a stuck lane: at the floor, or less where the end is nearer.
    fn tried(&self, lane: usize) -> f64 {
        self.number(Control::Taken, lane).min(self.number(Control::Floor, lane))
    }

    /// Takes the trajectory out of its lane, which is then to be filled or closed.
    fn end(&mut self, rules: &Rules, lane: usize, verdict: Result<(), SolveError>) {
        let stats = self.stats(rules, lane, verdict.is_ok());
        match verdict {
            Ok(()) => self.lanes[lane].succeed(stats),
            Err(error) => {
                let u = self.u.column(self.width, lane).copied().collect();
                self.lanes[lane].fail(error, u, stats);
            }
        }
    }

    /// Moves the last busy lane into `lane`.
    fn close(&mut self, lane: usize) {
        self.lanes.swap_remove(lane);
        let last = self.lanes.len();
        for rows in [&mut self.control, &mut self.u, &mut self.slopes, &mut self.own] {
            rows.move_column(self.width, lane, last);
        }
    }
}

/// The next save time of a trajectory, infinitely far in the direction of time if there is none.
fn next_save(context: &Context<'_, '_>, trajectory: &Trajectory<'_>) -> f64 {
    let never = context.rules.direction * f64::INFINITY;
    context.saves.get(trajectory.next).copied().unwrap_or(never)
}
