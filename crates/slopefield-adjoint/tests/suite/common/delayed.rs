//! The very steps of a solve with delays by an implicit method again, with their iterations to
//! rounding, for other values: what differences of the same steps are taken of.
//!
//! The past is kept as the polynomials that the method itself gives for its steps, and derivatives in the
//! steps, which Rosenbrock methods have, are those of dual numbers. Steps end where they ended. What
//! moves: the start, discontinuities behind constant lags, the instants at which other lags pass
//! discontinuities, and crossings.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::Hybrid;
use super::again::differences;
use super::dual::{D, System, c};
use super::replay::Plan;
use slopefield_kernel::{Cotangent, Kernel, Point, Shape, Tangent, Trigger};
use slopefield_solve::{
    Attempt, ErrorNorm, Ivp, OneStep, Settings, Stats, delay_method, drive, one_step,
};

/// A step taken: its values at places in it.
struct Piece {
    begin: f64,
    end: f64,
    cut: f64,
    values: Vec<Vec<f64>>,
}

/// Why a step ends where it does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Fixed,
    Later { origin: usize, lag: usize },
}

/// Why the solution leaves it where it does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cut {
    AtEnd,
    Passage { origin: usize, lag: usize },
    Crossing { root: u32 },
}

/// The past, as the right-hand side sees it in a step.
struct Past<'a> {
    system: &'a System,
    p: &'a [f64],
    pieces: &'a [Piece],
    start: f64,
    /// Number of the step at hand, which is the last piece where there is one.
    step: usize,
    begin: f64,
    /// Whether it goes on from the last one.
    continues: bool,
    bounds: Vec<(f64, f64)>,
    coupled: Vec<bool>,
}

impl Piece {
    /// The polynomial through the values, or its slope.
    fn at(&self, s: D, slope: bool, state: usize) -> D {
        let count = self.values.len();
        let h = self.end - self.begin;
        let x = (s - self.begin) / c(h);
        let mut sum = c(0.0);
        for i in 0..count {
            // Lagrange's polynomial and its derivative.
            let (mut value, mut rate) = (c(1.0), c(0.0));
            for j in (0..count).filter(|&j| j != i) {
                let length = place(i, count) - place(j, count);
                let factor = (x - place(j, count)) / c(length);
                rate = rate * factor + value / c(length);
                value = value * factor;
            }
            let weight = if slope { rate / c(h) } else { value };
            sum += weight * c(self.values[i][state]);
        }
        sum
    }
}

/// Place `i` of `count` in a step.
fn place(i: usize, count: usize) -> f64 {
    0.5 - 0.5 * (std::f64::consts::PI * i as f64 / (count - 1) as f64).cos()
}

impl Past<'_> {
    fn lengths(&self, t: D, u: &[D]) -> Vec<D> {
        let mut row = u.to_vec();
        row.resize(self.system.all(), c(0.0));
        let p: Vec<D> = self.p.iter().map(|&x| c(x)).collect();
        self.system.lags.as_ref().unwrap().call(t, &row, &p)
    }

    /// The piece to look at from `t`; none for the history, or for the beginning of a step that begins
    /// anew.
    fn piece(&self, mut s: f64, t: f64, lag: usize) -> Result<&Piece, bool> {
        let slack = 1e-11 * (1.0 + t.abs());
        let mut left = t != self.begin;
        let (low, high) = self.bounds[lag];
        if s >= high - slack {
            (s, left) = (high, true);
        } else if s <= low + slack {
            (s, left) = (low, false);
        }
        let near = |x: f64| (s - x).abs() <= slack;
        if near(self.start) && left || s < self.start && !near(self.start) {
            return Err(true);
        }
        if s > self.begin && !near(self.begin) || near(self.begin) && !left {
            return self.own(t);
        }
        let mut index = self.step.min(self.pieces.len() - 1);
        while index > 0
            && (self.pieces[index].begin > s && !near(self.pieces[index].begin)
                || near(self.pieces[index].begin) && left)
        {
            index -= 1;
        }
        Ok(&self.pieces[index])
    }

    fn own(&self, t: f64) -> Result<&Piece, bool> {
        match (t == self.begin, self.continues) {
            (true, true) => Ok(&self.pieces[self.step - 1]),
            (true, false) => Err(false),
            (false, _) => Ok(&self.pieces[self.step]),
        }
    }

    /// States and delayed values.
    fn row(&self, t: D, u: &[D]) -> Vec<D> {
        let mut row = u.to_vec();
        let lengths = self.lengths(t, u);
        for read in &self.system.reads {
            let (state, lag) = (read.state as usize, read.lag as usize);
            let s = t - lengths[lag];
            let mut value = match self.piece(s.v, t.v, lag) {
                Ok(piece) => piece.at(s, read.slope, state),
                Err(false) => c(self.pieces[self.step].values[0][state]),
                Err(true) => {
                    let p: Vec<D> = self.p.iter().map(|&x| c(x)).collect();
                    let history = self.system.history.as_ref().unwrap();
                    if read.slope {
                        // Only for histories whose slope is constant.
                        c(history.call(D { v: s.v, d: 1.0 }, &[], &p)[state].d)
                    } else {
                        history.call(s, &[], &p)[state]
                    }
                }
            };
            if self.coupled.get(lag) == Some(&true) && !read.slope {
                value += row[state]
                    - match self.own(t.v) {
                        Ok(piece) => piece.at(t, false, state),
                        Err(_) => c(self.pieces[self.step].values[0][state]),
                    };
            }
            row.push(value);
        }
        row
    }

    fn call(&self, t: D, u: &[D]) -> Vec<D> {
        let p: Vec<D> = self.p.iter().map(|&x| c(x)).collect();
        self.system.rhs.call(t, &self.row(t, u), &p)
    }
}

fn constants(u: &[f64]) -> Vec<D> {
    u.iter().map(|&x| c(x)).collect()
}

impl Kernel for Past<'_> {
    fn shape(&self) -> Shape {
        let n = self.system.states;
        Shape { states: n, params: self.p.len(), outputs: n }
    }
    fn scratch_len(&self) -> usize {
        0
    }
    fn eval(&self, t: f64, u: &[f64], _: &[f64], out: &mut [f64], _: &mut [f64]) {
        let values = self.call(c(t), &constants(u));
        out.iter_mut().zip(values).for_each(|(out, value)| *out = value.v);
    }
    fn jvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        out: &mut [f64],
        dout: &mut [f64],
        _: &mut [f64],
    ) {
        assert!(along.p.iter().all(|x| *x == 0.0), "steps move in time and state alone");
        let u: Vec<D> = at.u.iter().zip(along.u).map(|(&v, &d)| D { v, d }).collect();
        let values = self.call(D { v: at.t, d: along.t }, &u);
        for ((out, dout), value) in out.iter_mut().zip(dout).zip(values) {
            (*out, *dout) = (value.v, value.d);
        }
    }
    fn vjp(&self, _: Point<'_>, _: &[f64], _: Cotangent<'_>, _: &mut [f64]) {
        unreachable!("steps take no reverse products");
    }
}

/// The steps, to be taken from other values.
pub struct Delayed<'a> {
    case: &'a Hybrid<'a>,
    method: Box<dyn OneStep>,
    settings: Settings,
    norm: ErrorNorm,
    plan: Plan,
    /// For each step, what its end is and how many origins lie before what each lag looks at; found
    /// when the steps are taken for the first time.
    ends: Vec<End>,
    cuts: Vec<Cut>,
    passed: Vec<Vec<usize>>,
    counts: Stats,
    /// Whether delayed values stand behind the states at the saves.
    pub wide: bool,
}

impl<'a> Delayed<'a> {
    /// Solves by the method called `name` and puts down what happens.
    pub fn new(case: &'a Hybrid<'a>, name: &str) -> Self {
        let settings = Settings::with_tolerances(case.tolerance, case.tolerance);
        let mut plan = Plan::default();
        let mut stepper = delay_method(name).unwrap();
        drive(&mut *stepper, &case.ivp(), &settings, &[], &mut [], Some(&mut plan)).unwrap();
        let mut method = one_step(name).unwrap();
        method.freeze();
        let mut norm = ErrorNorm::default();
        norm.configure(&settings, case.u0.len());
        let (ends, cuts, passed) = (Vec::new(), Vec::new(), Vec::new());
        let counts = Stats::default();
        Delayed { case, method, settings, norm, plan, ends, cuts, passed, counts, wide: false }
    }

    /// Whether steps are coupled to the state somewhere.
    pub fn couples(&self) -> bool {
        self.plan.coupled.iter().flatten().any(|coupled| *coupled)
    }

    /// Number of events that happen.
    pub fn events(&self) -> usize {
        self.plan.events.len()
    }

    /// Largest distance of the steps taken again from those of the solve.
    pub fn distance(&mut self) -> f64 {
        let (t0, mut worst) = (self.case.span.0, 0.0_f64);
        let (_, ends) = self.take(t0, self.case.u0, self.case.p);
        for (again, solved) in ends.iter().zip(&self.plan.ends) {
            for (a, b) in again.iter().zip(solved) {
                worst = worst.max((a - b).abs());
            }
        }
        worst
    }

    /// The gradient by start time, initial state and parameters.
    pub fn gradient(&mut self) -> Vec<f64> {
        let case = self.case;
        differences(case, false, &mut |t0, u0, p| self.take(t0, u0, p).0)
    }

    /// Takes the steps from `(t0, u0, p)`; returns the states at the saves and at the cuts.
    fn take(&mut self, t0: f64, u0: &[f64], p: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
        let (n, saves, t1) = (u0.len(), self.case.saves, self.case.span.1);
        let system = self.case.system;
        let count = self.method.dense_degree() + 1;
        let (mut pieces, mut origins) = (Vec::<Piece>::new(), vec![t0]);
        // Which derivative jumps at each; those that the method does not notice are none.
        let mut orders = vec![u32::from(!system.jumps_at_start)];
        let highest = self.method.error_order() + 1;
        let carried = |order: u32, lag: usize| -> u32 {
            let neutral = system.reads.iter().any(|r| r.lag as usize == lag && r.slope);
            if neutral { order.max(1) } else { order + 1 }
        };
        let (mut t, mut u, mut fresh) = (t0, u0.to_vec(), true);
        let width = if self.wide { system.all() } else { n };
        let (mut saved, mut cuts) = (vec![f64::NAN; saves.len() * width], Vec::new());
        let mut next = 0;
        for step in 0..self.plan.steps.len() {
            let (_, mut end, recorded) = self.plan.steps[step];
            let coupled = self.plan.coupled[step].clone();
            let bounds = vec![(f64::NEG_INFINITY, f64::INFINITY); system.constant.len()];
            pieces.push(Piece { begin: t, end, cut: end, values: vec![u.clone(); count] });
            let mut past = Past {
                system,
                p,
                pieces: &pieces,
                start: t0,
                step,
                begin: t,
                continues: !fresh,
                bounds,
                coupled: if fresh { Vec::new() } else { coupled },
            };
            let lengths = past.lengths(c(t), &constants(&u));
            if self.passed.len() == step {
                // A step that was to end on an origin may fall a little short.
                let near = |s: f64| origins.partition_point(|x| *x <= s + 1e-5);
                self.passed.push(lengths.iter().map(|lag| near(t - lag.v)).collect());
            }
            for (lag, constant) in system.constant.iter().enumerate() {
                let passed = self.passed[step][lag];
                let low = passed.checked_sub(1).map_or(f64::NEG_INFINITY, |i| origins[i]);
                let high = origins.get(passed).copied().unwrap_or(f64::INFINITY);
                if !constant {
                    past.bounds[lag] = (low, high);
                }
            }
            if self.ends.len() == step {
                let (mut found, mut lowest) = (End::Fixed, u32::MAX);
                for (lag, _) in system.constant.iter().enumerate().filter(|(_, c)| **c) {
                    for (origin, x) in origins.iter().enumerate() {
                        let later = x + lengths[lag].v;
                        let order = carried(orders[origin], lag);
                        let here = end != t1 && (later - end).abs() < 1e-12 * end.abs();
                        if here && order <= highest && order < lowest {
                            (found, lowest) = (End::Later { origin, lag }, order);
                        }
                    }
                }
                self.ends.push(found);
            }
            if let End::Later { origin, lag } = self.ends[step] {
                end = origins[origin] + lengths[lag].v;
            }
            if next == 0 {
                // The solution at a fixed time when the start moves.
                let slope = past.call(c(t), &constants(&u));
                while next < saves.len() && saves[next] == self.case.span.0 {
                    let here: Vec<D> =
                        u.iter().zip(&slope).map(|(u, k)| c(u + (saves[next] - t) * k.v)).collect();
                    let here = past.row(c(saves[next]), &here);
                    let row = &mut saved[next * width..(next + 1) * width];
                    row.iter_mut().zip(&here).for_each(|(out, x)| *out = x.v);
                    next += 1;
                }
            }
            let (bounds, coupled) = (past.bounds.clone(), past.coupled.clone());
            if fresh {
                let ivp = Ivp { rhs: &past, t0: t, t1, u0, p };
                self.method.begin(&ivp, &self.settings, t, &u, &mut self.counts).unwrap();
            }
            pieces[step].end = end;
            pieces[step].cut = end;
            for sweep in 0..200 {
                let mut values = vec![u.clone(); count];
                let past = Past {
                    system,
                    p,
                    pieces: &pieces,
                    start: t0,
                    step,
                    begin: t,
                    continues: !fresh,
                    bounds: bounds.clone(),
                    coupled: coupled.clone(),
                };
                let ivp = Ivp { rhs: &past, t0: t, t1, u0, p };
                let from_end = !fresh && sweep == 0;
                let span = (t, end);
                let attempt =
                    self.method.attempt(&ivp, span, from_end, &self.norm, &mut self.counts);
                assert!(matches!(attempt, Attempt::Measured(_)), "{attempt:?}");
                self.method.prepare_dense(&ivp, &mut self.counts);
                for (i, row) in values.iter_mut().enumerate() {
                    if i + 1 == count {
                        row.copy_from_slice(self.method.end());
                    } else if i > 0 {
                        let at = t + place(i, count) * (end - t);
                        self.method.interpolate(at, row).unwrap();
                    }
                }
                let pairs = values.iter().flatten().zip(pieces[step].values.iter().flatten());
                let change = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                pieces[step].values = values;
                let longest = lengths.iter().fold(f64::INFINITY, |m, lag| m.min(lag.v));
                if change < 1e-15 || longest > 2.0 * (end - t) {
                    break;
                }
            }
            let after = self.method.end().to_vec();
            let piece = &pieces[step];
            let state = |t: f64| -> Vec<D> { (0..n).map(|i| piece.at(c(t), false, i)).collect() };
            let past = Past {
                system,
                p,
                pieces: &pieces,
                start: t0,
                step,
                begin: t,
                continues: !fresh,
                bounds,
                coupled: Vec::new(),
            };
            let crossed = self.plan.events.iter().find(|e| e.0 == step + 1 && e.1 == recorded);
            if self.cuts.len() == step {
                let mut found = Cut::AtEnd;
                let last = past.lengths(c(end), &constants(&after));
                for (lag, _) in system.constant.iter().enumerate().filter(|(_, c)| !**c) {
                    for (origin, x) in origins.iter().enumerate() {
                        let (from, to) = (t - lengths[lag].v, end - last[lag].v);
                        let near = |s: f64| (s - x).abs() < 1e-6 * (to - from).abs();
                        if self.ends[step] == End::Fixed && near(to) && !near(from) {
                            found = Cut::Passage { origin, lag };
                        }
                    }
                }
                if let Some((_, _, event, _)) = crossed
                    && let Trigger::Crossing { root, .. } = system.list[*event].trigger
                {
                    found = Cut::Crossing { root };
                }
                self.cuts.push(found);
            }
            let cut = match self.cuts[step] {
                Cut::Passage { origin, lag } => zero((t, end), end, &mut |t| {
                    t - past.lengths(c(t), &state(t))[lag].v - origins[origin]
                }),
                Cut::Crossing { root } => {
                    let q: Vec<D> = constants(p);
                    let roots = system.roots.as_ref().unwrap();
                    zero((t, end), recorded, &mut |t| {
                        roots.call(c(t), &past.row(c(t), &state(t)), &q)[root as usize].v
                    })
                }
                Cut::AtEnd => end,
            };
            while next < saves.len() && saves[next] <= recorded {
                let here = past.row(c(saves[next]), &state(saves[next]));
                let row = &mut saved[next * width..(next + 1) * width];
                row.iter_mut().zip(&here).for_each(|(out, x)| *out = x.v);
                next += 1;
            }
            u = match cut == end {
                true => after,
                false => state(cut).iter().map(|x| x.v).collect(),
            };
            cuts.push(u.clone());
            if let Some((_, _, event, _)) = crossed
                && let Some(affect) = system.list[*event].affect
            {
                let row = past.row(c(cut), &constants(&u));
                let changed = system.changes[affect as usize].call(c(cut), &row, &constants(p));
                u = changed.iter().map(|x| x.v).collect();
            }
            fresh = self.ends[step] != End::Fixed || self.cuts[step] != Cut::AtEnd;
            let order = match (self.ends[step], self.cuts[step]) {
                (_, Cut::Crossing { .. }) => 0,
                (End::Later { origin, lag }, _) | (_, Cut::Passage { origin, lag }) => {
                    carried(orders[origin], lag)
                }
                _ => u32::MAX,
            };
            if order <= highest {
                origins.push(cut);
                orders.push(order);
            }
            pieces[step].cut = cut;
            t = cut;
        }
        (saved, cuts)
    }
}

/// Where a function is 0 near `t`, by the secant method.
fn zero((begin, end): (f64, f64), t: f64, value: &mut dyn FnMut(f64) -> f64) -> f64 {
    let (mut one, mut two) = (t - 1e-3 * (end - begin), t);
    let (mut g1, mut g2) = (value(one), value(two));
    for _ in 0..60 {
        if g2 == 0.0 || g1 == g2 {
            break;
        }
        let three = two - g2 * (two - one) / (g2 - g1);
        if three == two {
            break;
        }
        (one, g1) = (two, g2);
        (two, g2) = (three, value(three));
    }
    two
}
