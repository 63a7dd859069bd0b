//! Trajectories made ready to start: first slope and first step, many at once, so that filling a
//! free lane is a copy.

use slopefield_kernel::{BatchPoint, LANE_GROUP};
use slopefield_solve::{SolveError, Stats};

use crate::block::Block;
use crate::problem::Ensemble;
use crate::queue::{Queue, Trajectory};
use crate::rows::Rows;
use crate::rules::Rules;
use crate::step::View;
use crate::table::Table;

/// A worker's trajectories that are ready to start.
pub(crate) struct Starts<'a> {
    width: usize,
    states: usize,
    waiting: Vec<Trajectory<'a>>,
    time: Rows,
    u: Rows,
    own: Rows,
    slope: Rows,
    /// First steps.
    h: Rows,
    explored: Rows,
    change: Rows,
    /// Rows `d0²`, `d1²`, `d2²`.
    squares: Rows,
    /// Lanes whose first step is still sought.
    open: Vec<bool>,
}

/// What all starts need.
#[derive(Clone, Copy)]
pub(crate) struct Context<'e, 'a> {
    pub ensemble: &'e Ensemble<'e>,
    pub rules: &'e Rules,
    pub table: &'static Table,
    pub saves: &'e [f64],
    pub queue: &'e Queue<'a>,
}

impl<'a> Starts<'a> {
    pub(crate) fn new(ensemble: &Ensemble<'_>) -> Self {
        let (width, n) = (ensemble.rhs.width(), ensemble.rhs.shape().states);
        Starts {
            width,
            states: n,
            waiting: Vec::with_capacity(width),
            time: Rows::new(width),
            u: Rows::new(n * width),
            own: Rows::new(ensemble.rhs.own_params().len() * width),
            slope: Rows::new(n * width),
            h: Rows::new(width),
            explored: Rows::new(n * width),
            change: Rows::new(n * width),
            squares: Rows::new(3 * width),
            open: vec![false; width],
        }
    }

    /// Puts a trajectory into lane `lane` of the block; `false` when none is left anywhere.
    pub(crate) fn fill(
        &mut self,
        context: &Context<'_, 'a>,
        scratch: &mut [f64],
        block: &mut Block<'a>,
        lane: usize,
        most: usize,
    ) -> bool {
        while self.waiting.is_empty() {
            context.queue.take(most, &mut self.waiting);
            if self.waiting.is_empty() {
                return false;
            }
            self.prepare(context, scratch);
        }
        let Some(trajectory) = self.waiting.pop() else { return false };
        let column = self.waiting.len();
        block.begin(context, lane, trajectory, (&self.u, &self.own, &self.slope), &self.h, column);
        true
    }

    /// Ends what waits, here and in the queue, for this reason.
    pub(crate) fn interrupt(&mut self, context: &Context<'_, 'a>, why: &SolveError) {
        loop {
            for mut trajectory in self.waiting.drain(..) {
                let u = context.ensemble.u0.of(trajectory.index, self.states).to_vec();
                trajectory.fail(why.clone(), u, Stats::default());
            }
            context.queue.take(usize::MAX, &mut self.waiting);
            if self.waiting.is_empty() {
                return;
            }
        }
    }

    /// Makes the waiting trajectories ready; those that end before the first step leave.
    fn prepare(&mut self, context: &Context<'_, 'a>, scratch: &mut [f64]) {
        let Context { ensemble, rules, .. } = *context;
        self.drop_the_trivial(context);
        let count = self.waiting.len();
        if count == 0 {
            return;
        }
        let own_len = ensemble.rhs.own_params().len();
        // Idle lanes of the last group get the numbers of the last trajectory.
        for lane in 0..count.next_multiple_of(LANE_GROUP) {
            let index = self.waiting[lane.min(count - 1)].index;
            self.u.set_column(self.width, lane, ensemble.u0.of(index, self.states));
            self.own.set_column(self.width, lane, ensemble.own.of(index, own_len));
        }
        self.time.fill(rules.t0);
        let at = BatchPoint { t: &self.time, u: &self.u, shared: ensemble.shared, own: &self.own };
        ensemble.rhs.eval(count, at, &mut self.slope, scratch);
        match rules.h_init {
            Some(h) => self.h.fill(h.abs()),
            None => self.first_steps(context, count, scratch),
        }
        for lane in (0..count).rev() {
            let bad = self.slope.column(self.width, lane).position(|k| !k.is_finite());
            let error = match bad {
                Some(state) => SolveError::NonFinite {
                    t: rules.t0,
                    state,
                    u: self.u.column(self.width, lane).copied().collect(),
                },
                None if rules.max_steps < 1.0 => {
                    SolveError::TooManySteps { t: rules.t0, steps: rules.max_steps as u64 }
                }
                None => continue,
            };
            let u = self.u.column(self.width, lane).copied().collect();
            let rhs = if bad.is_some() { 1 } else { 1 + u64::from(rules.h_init.is_none()) };
            let mut trajectory = self.waiting.swap_remove(lane);
            trajectory.fail(error, u, Stats { rhs, ..Stats::default() });
            let last = self.waiting.len();
            for rows in [&mut self.u, &mut self.own, &mut self.slope, &mut self.h] {
                rows.move_column(self.width, lane, last);
            }
        }
    }

    /// Saves the initial states; ends trajectories that start from no number and, where the span is
    /// empty, all.
    fn drop_the_trivial(&mut self, context: &Context<'_, 'a>) {
        let Context { ensemble, rules, saves, .. } = *context;
        for i in (0..self.waiting.len()).rev() {
            let u0 = ensemble.u0.of(self.waiting[i].index, self.states);
            if let Some(state) = u0.iter().position(|v| !v.is_finite()) {
                let error = SolveError::NonFinite { t: rules.t0, state, u: u0.to_vec() };
                self.waiting.swap_remove(i).fail(error, u0.to_vec(), Stats::default());
                continue;
            }
            let trajectory = &mut self.waiting[i];
            while saves.get(trajectory.next) == Some(&rules.t0) {
                trajectory.save(self.states, u0.iter());
            }
            if rules.t0 == rules.t1 {
                self.waiting.swap_remove(i).succeed(Stats::default());
            }
        }
    }

    /// Chooses first steps as the single solve does: Hairer, Nørsett, Wanner, *Solving ODEs I*,
    /// section II.4, "starting step size".
    fn first_steps(&mut self, context: &Context<'_, 'a>, count: usize, scratch: &mut [f64]) {
        let Context { ensemble, rules, table, .. } = *context;
        let (width, n) = (self.width, self.states);
        let vectors = count.div_ceil(LANE_GROUP);
        let span = (rules.t1 - rules.t0).abs();
        let longest = span.min(rules.h_max);
        let q = 1.0 / f64::from(rules.table.error_order());
        let view = View {
            width,
            states: n,
            control: std::ptr::null_mut(),
            u: std::ptr::null_mut(),
            stage: std::ptr::null_mut(),
            slopes: std::ptr::null_mut(),
        };
        let u = self.u.as_ptr();
        let (slope, change) = (self.slope.as_ptr(), self.change.as_ptr());
        let squares = self.squares.as_mut_ptr();
        // SAFETY: the table is one of this machine; all arrays have `states` rows of `width`
        // elements and there are three rows of squares; no control row is touched.
        unsafe {
            (table.square_of_value)(&view, rules, (u, u), vectors, squares);
            (table.square_of_value)(&view, rules, (slope, u), vectors, squares.add(width));
        }
        for lane in 0..count.next_multiple_of(LANE_GROUP) {
            let (d0, d1) = (self.squares[lane].sqrt(), self.squares[width + lane].sqrt());
            let tiny = d0 < 1e-5 || d1 < 1e-5;
            let first = if tiny { 1e-6 * span.min(1.0) } else { 0.01 * d0 / d1 };
            self.h[lane] = first.min(longest);
        }
        self.open[..count].fill(true);
        // Near the edge of a function's domain the explorative step may leave it; come closer.
        for _ in 0..12 {
            for lane in 0..count.next_multiple_of(LANE_GROUP) {
                let h = rules.direction * self.h[lane];
                self.time[lane] = rules.t0 + h;
                for row in (0..n).map(|i| i * width + lane) {
                    self.explored[row] = self.u[row] + h * self.slope[row];
                }
            }
            let at = BatchPoint {
                t: &self.time,
                u: &self.explored,
                shared: ensemble.shared,
                own: &self.own,
            };
            ensemble.rhs.eval(count, at, &mut self.change, scratch);
            for (change, slope) in self.change.iter_mut().zip(&*self.slope) {
                *change -= slope;
            }
            // SAFETY: as above.
            unsafe {
                let to = self.squares.as_mut_ptr().add(2 * width);
                (table.square_of_value)(&view, rules, (change, self.u.as_ptr()), vectors, to);
            }
            for lane in 0..count {
                if !self.open[lane] {
                    continue;
                }
                let h0 = self.h[lane];
                let d2 = self.squares[2 * width + lane].sqrt() / h0;
                if !d2.is_finite() {
                    self.h[lane] = h0 * 0.1;
                    continue;
                }
                self.open[lane] = false;
                let steepest = self.squares[width + lane].sqrt().max(d2);
                let h1 = if steepest <= 1e-15 {
                    (h0 * 1e-3).max(1e-6 * span.min(1.0))
                } else {
                    (0.01 / steepest).powf(q)
                };
                self.h[lane] = (100.0 * h0).min(h1).min(longest);
            }
            if !self.open[..count].contains(&true) {
                return;
            }
        }
    }
}
