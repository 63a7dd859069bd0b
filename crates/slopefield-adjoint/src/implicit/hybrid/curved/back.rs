//! The tape in reverse, in numbers with their changes: gradient and product with the Hessian at once.

use super::super::super::equations::{StageEquations, StepView, Sums};
use super::super::solve::Solve;
use super::super::tape::{Item, Tape, place, within};
use super::along::Along;
use super::doubled::{Doubled, Pattern};
use super::pair::{Dual, Pair, fixed, product};
use super::{Curved, dot};
use crate::hybrid::system::refused;
use crate::hybrid::trace::Kind;
use slopefield_kernel::{Cotangent, HessianProduct, Kernel, Point, Tangent};
use slopefield_solve::{Ivp, Settings, SolveError};
use std::ops::Range;

/// Carries cotangents back, with their changes along the direction.
#[derive(Default)]
pub(super) struct Back {
    /// Of the state at hand,
    pub lambda: Pair,
    /// of the slope handed over there,
    kappa: Pair,
    /// of the moments,
    moments: Vec<Dual>,
    /// of the unknowns of a step and of its beginning,
    unknowns: Pair,
    start: Pair,
    /// and of the parameters.
    pub by_p: Pair,
    pattern: Pattern,
    /// A step of the system with its tangent: beginning, unknowns, parameters, cotangents of these.
    double_start: Vec<f64>,
    double_rows: Vec<f64>,
    double_p: Vec<f64>,
    double_unknowns: Vec<f64>,
    by_start: Vec<f64>,
    by_double: Vec<f64>,
    scratch: Vec<f64>,
    pub products: u64,
}

/// Cotangents of what a step depends on besides the state: the beginning at a fixed length, and the length
/// at a fixed beginning.
#[derive(Default)]
struct Lengths {
    begin: Dual,
    length: Dual,
}

/// What the way back goes along.
#[derive(Clone, Copy)]
struct Way<'a> {
    curved: &'a Curved<'a>,
    tape: &'a Tape,
    along: &'a Along,
}

impl Back {
    fn prepare(&mut self, curved: &Curved<'_>, tape: &Tape) {
        let (n, m) = (tape.n, curved.system.ivp.p.len());
        self.lambda = Pair::zeros(n);
        self.kappa = Pair::zeros(n);
        self.start = Pair::zeros(n);
        self.unknowns = Pair::zeros(tape.stages * n);
        self.by_p = Pair::zeros(m);
        self.moments.clear();
        self.moments.resize(tape.moments.len(), Dual::default());
        self.pattern.resize(2 * n);
        for (vector, len) in [
            (&mut self.double_start, 2 * n),
            (&mut self.double_rows, 2 * tape.stages * n),
            (&mut self.double_unknowns, 2 * tape.stages * n),
            (&mut self.double_p, Doubled::params(m)),
            (&mut self.by_start, 2 * n),
            (&mut self.by_double, Doubled::params(m)),
            (&mut self.scratch, curved.scratch_len()),
        ] {
            vector.clear();
            vector.resize(len, 0.0);
        }
        self.products = 0;
    }

    /// Goes back through the tape. `weights` are the derivatives of the loss by the states at the saves
    /// with their changes.
    pub fn run(
        &mut self,
        curved: &Curved<'_>,
        settings: &Settings,
        solve: &mut Solve,
        along: &Along,
        (saves, weights): (&[f64], &Pair),
    ) -> Result<(), SolveError> {
        let Solve { tape, equations, .. } = solve;
        self.prepare(curved, tape);
        let way = Way { curved, tape, along };
        self.double(way, None, &mut **equations, &mut Lengths::default())?;
        let n = tape.n;
        for item in tape.items.iter().rev() {
            match item {
                Item::Saves { saves, .. } => {
                    for row in saves.clone() {
                        self.lambda.add(0, fixed(1.0), row_of(weights, row, n));
                    }
                }
                Item::Shift { .. } => {}
                Item::Change(change) => self.change(way, *change)?,
                Item::Begin(begin) => self.begin(way, *begin),
                Item::Step(step, rows) => {
                    let t = tape.time(tape.steps[*step].begin);
                    if settings.cancelled() {
                        return Err(SolveError::Cancelled { t });
                    }
                    let rows = (rows.clone(), saves, weights);
                    self.step(way, *step, &mut **equations, rows)?;
                }
            }
        }
        self.finish_times(way)
    }

    /// Adds what a function sends back of the cotangent `w`, with its change along the way, to the
    /// cotangents of its state in `to` and of the parameters; returns that of the time.
    fn pull(
        &mut self,
        (kernel, hessian): (&dyn Kernel, &dyn HessianProduct),
        (at, along): (Point<'_>, Tangent<'_>),
        w: &Pair,
        to: &mut Pair,
    ) -> Dual {
        let (mut t, by_p, scratch) = (Dual::default(), &mut self.by_p, &mut self.scratch);
        let grad = Cotangent { t: &mut t.v, u: &mut to.v, p: &mut by_p.v };
        kernel.vjp(at, &w.v, grad, scratch);
        let grad = Cotangent { t: &mut t.d, u: &mut to.d, p: &mut by_p.d };
        kernel.vjp(at, &w.d, grad, scratch);
        let grad = Cotangent { t: &mut t.d, u: &mut to.d, p: &mut by_p.d };
        hessian.hvp(at, along, &w.v, grad, scratch);
        self.products += 3;
        t
    }

    fn change(&mut self, way: Way<'_>, change: usize) -> Result<(), SolveError> {
        let Way { curved, tape, along } = way;
        let declared = tape.changes[change];
        let Some(affect) = curved.system.affect(declared.event) else { return Ok(()) };
        let functions = (affect, curved.affect(declared.event)?);
        let moment = along.moment(tape, declared.moment);
        let at = curved.system.point(moment.v, tape.before(change));
        let direction = Tangent { t: moment.d, u: along.before(change), p: curved.dp };
        let mut to = std::mem::take(&mut self.start);
        to.clear();
        let w = std::mem::take(&mut self.lambda);
        let by_t = self.pull(functions, (at, direction), &w, &mut to);
        self.moments[declared.moment] += by_t;
        (self.lambda, self.start) = (to, w);
        Ok(())
    }

    fn begin(&mut self, way: Way<'_>, begin: usize) {
        let Way { curved, tape, along } = way;
        if self.kappa.is_zero() {
            return;
        }
        let number = tape.begins[begin].moment;
        let moment = along.moment(tape, number);
        let at = curved.system.point(moment.v, tape.begin_state(begin).1);
        let direction = Tangent { t: moment.d, u: along.begin(begin), p: curved.dp };
        let functions = (curved.system.rhs(), curved.hessian);
        let (mut to, w) = (std::mem::take(&mut self.lambda), std::mem::take(&mut self.kappa));
        let by_t = self.pull(functions, (at, direction), &w, &mut to);
        self.moments[number] += by_t;
        (self.lambda, self.kappa) = (to, w);
        self.kappa.clear();
    }

    fn step(
        &mut self,
        way: Way<'_>,
        step: usize,
        equations: &mut dyn StageEquations,
        (rows, saves, weights): (Range<usize>, &[f64], &Pair),
    ) -> Result<(), SolveError> {
        let Way { tape, along, .. } = way;
        let (n, info, view) = (tape.n, &tape.steps[step], tape.view(step));
        equations.select(view.explicit);
        let is_cut = info.cut != info.end;
        let cut = along.moment(tape, info.cut);
        let length = along.moment(tape, info.end) - along.moment(tape, info.begin);
        let h = Dual { v: view.h(), ..length };
        let mut by = Lengths::default();
        self.unknowns.clear();
        self.start.clear();
        for row in rows {
            let w = row_of(weights, row, n);
            if saves[row] == cut.v && !is_cut {
                self.lambda.add(0, fixed(1.0), w);
            } else {
                self.within(way, step, equations, fixed(saves[row]), w, &mut by);
            }
        }
        if is_cut {
            let lambda = std::mem::take(&mut self.lambda);
            let by_cut = self.within(way, step, equations, cut, lambda.both(), &mut by);
            self.moments[info.cut] += by_cut;
            self.crossing(way, step, equations, &mut by)?;
            self.lambda = lambda;
        } else {
            let end = equations.end_weights();
            for (i, weight) in end.into_iter().take(tape.stages).enumerate() {
                self.unknowns.add(i * n, fixed(weight), self.lambda.both());
            }
            self.start.add(0, fixed(1.0), self.lambda.both());
            if equations.hands_over_slope() {
                let last = tape.stages - 1;
                self.unknowns.add(last * n, fixed(1.0) / h, self.kappa.both());
                let own = (view.row(last), along.row(step, last));
                by.length -= product(self.kappa.both(), own) / (h * h);
            }
        }
        self.kappa.clear();
        if !self.unknowns.is_zero() {
            self.double(way, Some(step), equations, &mut by)?;
            if equations.hands_over_slope() {
                let (d, v) = self.double_unknowns[..2 * n].split_at(n);
                self.kappa.add(0, h, (v, d));
                by.length += product((v, d), (view.row(0), along.row(step, 0))) / h;
            }
        }
        self.moments[info.begin] += by.begin - by.length;
        self.moments[info.end] += by.length;
        std::mem::swap(&mut self.lambda, &mut self.start);
        let bad = self.lambda.v.iter().chain(&self.lambda.d).position(|x| !x.is_finite());
        match bad.filter(|_| weights.v.iter().chain(&weights.d).all(|w| w.is_finite())) {
            None => Ok(()),
            Some(state) => {
                let u = view.start.to_vec();
                Err(SolveError::NonFinite { t: view.t, state: state % n, u })
            }
        }
    }

    /// Pulls the cotangents of the unknowns back through the equations of the step, by those of the
    /// system with its tangent. Without a step, only sizes everything.
    fn double(
        &mut self,
        way: Way<'_>,
        step: Option<usize>,
        equations: &mut dyn StageEquations,
        by: &mut Lengths,
    ) -> Result<(), SolveError> {
        let Way { curved, tape, along } = way;
        let (n, m) = (tape.n, curved.system.ivp.p.len());
        let curves = equations.have_the_jacobian();
        let end = step.map_or(curved.system.ivp.t1, |step| tape.view(step).t_new);
        let rhs = Doubled::new(curved.system.rhs(), curved.hessian, end, &self.pattern, curves);
        let Some(step) = step else {
            let (u0, p) = (&self.double_start[..], &self.double_p[..]);
            return equations.prepare(&Ivp { rhs: &rhs, t0: 0.0, t1: 1.0, u0, p });
        };
        let (info, view) = (&tape.steps[step], tape.view(step));
        self.double_start[..n].copy_from_slice(view.start);
        self.double_start[n..].copy_from_slice(along.start(step));
        let begin = along.moment(tape, info.begin);
        let dh = along.moment(tape, info.end).d - begin.d;
        let (own, tangents) = self.double_p.split_at_mut(m + 2);
        for (to, p, times) in
            [(own, curved.system.ivp.p, [begin.v, view.h()]), (tangents, curved.dp, [begin.d, dh])]
        {
            to[..m].copy_from_slice(p);
            to[m..].copy_from_slice(&times);
        }
        for i in 0..tape.stages {
            let row = 2 * i * n..2 * (i + 1) * n;
            let (value, change) = self.double_rows[row.clone()].split_at_mut(n);
            value.copy_from_slice(view.row(i));
            change.copy_from_slice(along.row(step, i));
            // What a change weighs is the derivative, and what a value weighs its change.
            let (value, change) = self.double_unknowns[row].split_at_mut(n);
            value.copy_from_slice(&self.unknowns.d[i * n..(i + 1) * n]);
            change.copy_from_slice(&self.unknowns.v[i * n..(i + 1) * n]);
        }
        self.by_start.fill(0.0);
        self.by_double.fill(0.0);
        let explicit = view.explicit;
        let (start, rows) = (&self.double_start[..], &self.double_rows[..]);
        let view = StepView { t: 0.0, t_new: 1.0, start, rows, explicit };
        let ivp = Ivp { rhs: &rhs, t0: 0.0, t1: 1.0, u0: start, p: &self.double_p };
        let mut sums = Sums {
            start: &mut self.by_start,
            p: &mut self.by_double,
            mass: &mut [],
            timed: false,
            t: &mut 0.0,
            h: &mut 0.0,
        };
        self.products +=
            2 * equations.reverse(&ivp, &view, &mut self.double_unknowns, &mut sums)?;
        let (d, v) = self.by_start.split_at(n);
        self.start.add(0, fixed(1.0), (v, d));
        let (d, v) = self.by_double.split_at(m + 2);
        self.by_p.add(0, fixed(1.0), (&v[..m], &d[..m]));
        by.begin += Dual { v: v[m], d: d[m] };
        by.length += Dual { v: v[m + 1], d: d[m + 1] };
        Ok(())
    }

    /// Sends the cotangent `w` of the solution at `s` in a step to its unknowns, its beginning and its
    /// length; returns that of `s`.
    fn within(
        &mut self,
        Way { tape, along, .. }: Way<'_>,
        step: usize,
        equations: &dyn StageEquations,
        s: Dual,
        w: (&[f64], &[f64]),
        by: &mut Lengths,
    ) -> Dual {
        let (n, view) = (tape.n, tape.view(step));
        let (h, theta) = place_of(tape, along, step, s);
        let [weights, rates, curvatures] = equations.interpolant().all(theta.v);
        let mut by_place = Dual::default();
        let all = weights.iter().zip(&rates).zip(&curvatures).take(tape.stages);
        for (i, ((weight, rate), curvature)) in all.enumerate() {
            let weight = Dual { v: *weight, d: rate * theta.d };
            let rate = Dual { v: *rate, d: curvature * theta.d };
            self.unknowns.add(i * n, weight, w);
            by_place += rate * product(w, (view.row(i), along.row(step, i)));
        }
        self.start.add(0, fixed(1.0), w);
        let by_s = by_place / h;
        by.begin -= by_s;
        by.length -= theta * by_s;
        by_s
    }

    /// Sends the cotangent of the moment at which a condition passes 0 in a step to the solution there and
    /// to the parameters.
    fn crossing(
        &mut self,
        way: Way<'_>,
        step: usize,
        equations: &dyn StageEquations,
        by: &mut Lengths,
    ) -> Result<(), SolveError> {
        let Way { curved, tape, along } = way;
        let (n, info, view) = (tape.n, &tape.steps[step], tape.view(step));
        let (Kind::Root { root, .. }, Some(condition)) =
            (tape.moments[info.cut].kind, &info.condition)
        else {
            return refused("this moment has no condition".into());
        };
        let cut = along.moment(tape, info.cut);
        let (mut state, mut slope) = (vec![0.0; n], vec![0.0; n]);
        within(equations, &view, cut.v, &mut state, &mut slope);
        let bend = slope_change(way, step, equations, cut, &slope);
        // How the derivatives of the condition change.
        let mut unit = vec![0.0; curved.system.roots()];
        unit[root as usize] = 1.0;
        let (mut by_t, mut by_u, mut by_p) = (0.0, vec![0.0; n], vec![0.0; self.by_p.v.len()]);
        let grad = Cotangent { t: &mut by_t, u: &mut by_u, p: &mut by_p };
        let direction = Tangent { t: cut.d, u: along.cut(step), p: curved.dp };
        let at = curved.system.point(cut.v, &state);
        curved.roots()?.hvp(at, direction, &unit, grad, &mut self.scratch);
        let rate = Dual {
            v: condition.rate,
            d: by_t + dot(&by_u, &slope) + dot(&condition.by_input, &bend),
        };
        let factor = -self.moments[info.cut] / rate;
        self.by_p.add(0, factor, (&condition.by_p, &by_p));
        let mut w = Pair::zeros(n);
        w.add(0, factor, (&condition.by_input, &by_u));
        self.within(way, step, equations, cut, w.both(), by);
        self.products += 1;
        Ok(())
    }

    /// From the moments that the model gives to the parameters.
    fn finish_times(&mut self, Way { curved, tape, .. }: Way<'_>) -> Result<(), SolveError> {
        let system = &curved.system;
        let Some(times) = system.events().and_then(|events| events.times) else { return Ok(()) };
        let mut weights = Pair::zeros(times.shape().outputs);
        for (moment, bar) in tape.moments.iter().zip(&self.moments) {
            if let Kind::Scheduled { terms } = moment.kind {
                for (index, factor) in terms {
                    weights.v[index as usize] += factor * bar.v;
                    weights.d[index as usize] += factor * bar.d;
                }
            }
        }
        if weights.is_zero() {
            return Ok(());
        }
        let at = system.point(system.ivp.t0, &[]);
        let direction = Tangent { t: 0.0, u: &[], p: curved.dp };
        let functions = (times, curved.times()?);
        self.pull(functions, (at, direction), &weights, &mut Pair::default());
        Ok(())
    }
}

/// A row of the derivatives of the loss by states, with its change.
fn row_of(weights: &Pair, row: usize, n: usize) -> (&[f64], &[f64]) {
    let place = row * n..(row + 1) * n;
    (&weights.v[place.clone()], &weights.d[place])
}

/// The length of a step and the place of `s` in it.
fn place_of(tape: &Tape, along: &Along, step: usize, s: Dual) -> (Dual, Dual) {
    let (info, view) = (&tape.steps[step], tape.view(step));
    let begin = along.moment(tape, info.begin);
    let h = Dual { v: view.h(), d: along.moment(tape, info.end).d - begin.d };
    let theta = (s - begin) / h;
    (h, Dual { v: place(&view, s.v), ..theta })
}

/// How the slope of the solution at `s` in a step changes.
fn slope_change(
    Way { tape, along, .. }: Way<'_>,
    step: usize,
    equations: &dyn StageEquations,
    s: Dual,
    slope: &[f64],
) -> Vec<f64> {
    let view = tape.view(step);
    let (h, theta) = place_of(tape, along, step, s);
    let [_, rates, curvatures] = equations.interpolant().all(theta.v);
    let mut change: Vec<f64> = slope.iter().map(|x| -x * h.d).collect();
    for (i, (rate, curvature)) in rates.iter().zip(&curvatures).take(tape.stages).enumerate() {
        let own = view.row(i).iter().zip(along.row(step, i));
        for (change, (x, dx)) in change.iter_mut().zip(own) {
            *change += rate * dx + curvature * theta.d * x;
        }
    }
    change.iter_mut().for_each(|x| *x /= h.v);
    change
}
