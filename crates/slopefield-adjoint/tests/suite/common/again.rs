//! The very steps of a solve with events by an implicit method again, with their iterations to
//! rounding, for other values: what differences of the same steps are taken of.
//!
//! Steps end where they ended. What moves: times and periods of the model, crossings (found again by
//! the secant method on the solution within their step) and the start.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::dual::System;
use super::replay::Plan;
use super::{Hybrid, reached_squares};
use slopefield_kernel::{Kernel, Trigger};
use slopefield_solve::{
    Attempt, Consistency, ErrorNorm, Ivp, OneStep, Settings, Stats, drive, method, one_step,
};

/// The steps, to be taken from other values.
pub struct Again<'a> {
    case: &'a Hybrid<'a>,
    method: Box<dyn OneStep>,
    /// The explicit side of automatic switching, and whether it takes steps.
    explicit: Box<dyn OneStep>,
    explicitly: bool,
    settings: Settings,
    norm: ErrorNorm,
    consistency: Consistency<f64>,
    plan: Plan,
    counts: Stats,
}

/// Where the solution has got to.
struct At {
    t: f64,
    u: Vec<f64>,
    slope: Vec<f64>,
    next: usize,
}

impl<'a> Again<'a> {
    /// Solves by the method called `name` and puts down what happens.
    pub fn new(case: &'a Hybrid<'a>, name: &str) -> Self {
        let settings = Settings::with_tolerances(case.tolerance, case.tolerance);
        let mut plan = Plan::default();
        let mut stepper = method(name).unwrap();
        drive(&mut *stepper, &case.ivp(), &settings, &[], &mut [], Some(&mut plan)).unwrap();
        let switches = name == "auto-switch";
        let mut method = one_step(if switches { "rodas5p" } else { name }).unwrap();
        method.freeze();
        let explicit = one_step(if case.tolerance < 1e-6 { "vern7" } else { "tsit5" }).unwrap();
        let mut norm = ErrorNorm::default();
        norm.configure(&settings, case.u0.len());
        let mut consistency = Consistency::default();
        consistency.freeze();
        consistency.configure(&case.ivp(), &settings);
        Again {
            case,
            method,
            explicit,
            explicitly: false,
            settings,
            norm,
            consistency,
            plan,
            counts: Stats::default(),
        }
    }

    /// How often automatic switching changes sides.
    pub fn changes(&self) -> usize {
        self.plan.implicit.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    /// On how many sides of automatic switching events happen.
    pub fn sides_with_events(&self) -> usize {
        let of = |event: &(usize, f64, usize, u32)| self.plan.implicit[event.0.max(1) - 1];
        let sides: Vec<bool> = self.plan.events.iter().map(of).collect();
        usize::from(sides.contains(&true)) + usize::from(sides.contains(&false))
    }

    /// Whether the explicit side takes step `step`.
    fn is_explicit(&self, step: usize) -> bool {
        self.plan.implicit.get(step) == Some(&false)
    }

    fn active(&mut self) -> &mut dyn OneStep {
        if self.explicitly { &mut *self.explicit } else { &mut *self.method }
    }

    /// Whether every event of the system happens on the way.
    pub fn all_happen(&self) -> bool {
        let happens = |index| self.plan.events.iter().any(|event| event.2 == index);
        (0..self.system().list.len()).all(happens)
    }

    fn system(&self) -> &'a System {
        self.case.system
    }

    /// The gradient of [`reached_squares`] by start time, initial state and parameters, by
    /// differences; with `at_start`, events happen at the start, which cannot move then.
    pub fn gradient(&mut self, at_start: bool) -> Vec<f64> {
        let case = self.case;
        differences(case, at_start, &mut |t0, u0, p| self.run(t0, u0, p))
    }

    /// Takes the steps from `(t0, u0, p)`; returns the states at the saves, NaN behind a stop.
    pub fn run(&mut self, t0: f64, u0: &[f64], p: &[f64]) -> Vec<f64> {
        let (n, saves, t1) = (u0.len(), self.case.saves, self.case.span.1);
        let direction = (t1 - t0).signum();
        let ivp = Ivp { rhs: self.system(), t0, t1, u0, p };
        let mut saved = vec![f64::NAN; saves.len() * n];
        let mut at = At { t: t0, u: u0.to_vec(), slope: vec![0.0; n], next: 0 };
        let mut fresh = true;
        self.explicitly = self.is_explicit(0);
        self.begin(&ivp, &mut at);
        self.happen(&ivp, 0, self.case.span.0, &mut at);
        save(&mut at, saves, self.case.span.0, &mut saved);
        for step in 0..self.plan.steps.len() {
            let (_, end, cut) = self.plan.steps[step];
            let here: Vec<_> = self
                .plan
                .events
                .iter()
                .filter(|e| e.0 == step + 1 && e.1 == cut)
                .copied()
                .collect();
            let list = &self.system().list;
            let breaks = here.iter().any(|e| list[e.2].affect.is_some() || list[e.2].stop);
            let first = |e: &&(usize, f64, usize, u32)| breaks && e.3 == 0;
            let planned = here
                .iter()
                .filter(|e| first(e) && cut == end)
                .find_map(|e| self.scheduled(&ivp, e.2, cut));
            let end = planned.unwrap_or(end);
            if self.explicitly != self.is_explicit(step) {
                self.explicitly = !self.explicitly;
                fresh = true;
                self.begin(&ivp, &mut at);
            }
            let Again { method, explicit, norm, counts, .. } = self;
            let active = if self.explicitly { &mut *explicit } else { &mut *method };
            let attempt = active.attempt(&ivp, (at.t, end), !fresh, norm, counts);
            assert!(matches!(attempt, Attempt::Measured(_)), "{attempt:?}");
            active.prepare_dense(&ivp, counts);
            let root = here.iter().filter(first).find_map(|e| match list[e.2].trigger {
                Trigger::Crossing { root, .. } => Some(root),
                _ => None,
            });
            at.t = match (planned, root) {
                (None, Some(root)) => self.crossing(&ivp, root, cut, (at.t, end)),
                _ => end,
            };
            while at.next < saves.len() && (cut - saves[at.next]) * direction > 0.0 {
                let row = &mut saved[at.next * n..(at.next + 1) * n];
                self.active().interpolate(saves[at.next], row).unwrap();
                at.next += 1;
            }
            if at.t == end {
                at.u.copy_from_slice(self.active().end());
            } else {
                self.active().interpolate(at.t, &mut at.u).unwrap();
            }
            fresh = breaks;
            if breaks {
                self.happen(&ivp, step + 1, cut, &mut at);
                save(&mut at, saves, cut, &mut saved);
            } else {
                at.slope.fill(0.0);
                save(&mut at, saves, cut, &mut saved);
            }
        }
        saved
    }

    /// Begins with the state at hand, which becomes consistent.
    fn begin(&mut self, ivp: &Ivp<'_>, at: &mut At) {
        let (u, slope) = (&mut at.u, &mut at.slope);
        let given = u.clone();
        self.consistency.establish(ivp, at.t, u, slope, &mut self.counts).unwrap();
        let Again { method, explicit, settings, counts, .. } = self;
        let active = if self.explicitly { explicit } else { method };
        active.begin(ivp, settings, at.t, &given, counts).unwrap();
    }

    /// Lets the events that followed step `step` at `t` happen.
    fn happen(&mut self, ivp: &Ivp<'_>, step: usize, t: f64, at: &mut At) {
        let events: Vec<_> =
            self.plan.events.iter().filter(|e| e.0 == step && e.1 == t).copied().collect();
        let (mut changed, mut stopped) = (false, false);
        for (index, &(_, _, event, round)) in events.iter().enumerate() {
            if index > 0 && round != events[index - 1].3 && changed {
                self.begin(ivp, at);
                changed = false;
            }
            if round == 0
                && step > 0
                && let Some(time) = self.scheduled(ivp, event, t)
            {
                if index > 0 && time != at.t {
                    // Between two moments that part, the solution goes on.
                    let mut slope = vec![0.0; at.u.len()];
                    ivp.rhs.eval(at.t, &at.u, ivp.p, &mut slope, &mut []);
                    at.u.iter_mut().zip(slope).for_each(|(u, k)| *u += (time - at.t) * k);
                }
                at.t = time;
            }
            if let Some(affect) = self.system().list[event].affect {
                let before = at.u.clone();
                let change = &self.system().changes[affect as usize];
                change.eval(at.t, &before, ivp.p, &mut at.u, &mut []);
                changed = true;
            }
            stopped |= self.system().list[event].stop;
        }
        if changed && !stopped {
            self.begin(ivp, at);
        } else if !events.is_empty() {
            let mut u = at.u.clone();
            self.consistency.establish(ivp, at.t, &mut u, &mut at.slope, &mut self.counts).unwrap();
        }
    }

    /// The time of an event that happens at times of the model.
    fn scheduled(&self, ivp: &Ivp<'_>, event: usize, near: f64) -> Option<f64> {
        let kernel = self.system().times.as_ref();
        let mut times = vec![0.0; kernel.map_or(0, |times| Kernel::shape(times).outputs)];
        if let Some(kernel) = kernel {
            kernel.eval(ivp.t0, &[], ivp.p, &mut times, &mut []);
        }
        match &self.system().list[event].trigger {
            Trigger::At(range) => times[range.start as usize..range.end as usize]
                .iter()
                .copied()
                .min_by(|a, b| (a - near).abs().total_cmp(&(b - near).abs())),
            Trigger::Every { period, from, .. } => {
                let (period, from) = (times[*period as usize], times[*from as usize]);
                Some(from + ((near - from) / period).round() * period)
            }
            Trigger::Crossing { .. } => None,
        }
    }

    /// Where root `root` passes 0 within the step held, near `t`, by the secant method.
    fn crossing(&mut self, ivp: &Ivp<'_>, root: u32, t: f64, (begin, end): (f64, f64)) -> f64 {
        let roots = self.system().roots.as_ref().unwrap();
        let mut u = vec![0.0; ivp.u0.len()];
        let mut values = vec![0.0; Kernel::shape(roots).outputs];
        let mut value = |t: f64| {
            let active = if self.explicitly { &mut self.explicit } else { &mut self.method };
            active.interpolate(t, &mut u).unwrap();
            roots.eval(t, &u, ivp.p, &mut values, &mut []);
            values[root as usize]
        };
        let mut one = t;
        let mut two =
            t + 1e-3 * (if (end - t).abs() > (t - begin).abs() { end } else { begin } - t);
        let (mut g1, mut g2) = (value(one), value(two));
        for _ in 0..60 {
            if g1.abs() < g2.abs() {
                (one, two, g1, g2) = (two, one, g2, g1);
            }
            if g2 == 0.0 || g1 == g2 {
                break;
            }
            let (low, high) = (begin.min(end), begin.max(end));
            let three = (two - g2 * (two - one) / (g2 - g1)).clamp(low, high);
            if three == two {
                break;
            }
            (one, g1) = (two, g2);
            (two, g2) = (three, value(three));
        }
        two
    }
}

/// States at the saves as a function of start time, initial state and parameters.
pub type Run<'r> = dyn FnMut(f64, &[f64], &[f64]) -> Vec<f64> + 'r;

/// The gradient of [`reached_squares`] of the states that `run` makes of start time, initial state and
/// parameters.
pub fn differences(case: &Hybrid<'_>, at_start: bool, run: &mut Run<'_>) -> Vec<f64> {
    let (n, t0) = (case.u0.len(), case.span.0);
    let states = run(t0, case.u0, case.p);
    let mut weights = vec![0.0; states.len()];
    reached_squares(&states, &mut weights);
    let terms = states.iter().zip(&weights).filter(|(x, _)| x.is_finite());
    let rounding = f64::EPSILON * terms.map(|(x, w)| (x * w).abs()).sum::<f64>();
    let (mut out, mut worst) = (Vec::new(), 0.0_f64);
    for index in 0..1 + n + case.p.len() {
        if index == 0 && at_start {
            out.push(0.0);
            continue;
        }
        let (mut u0, mut p) = (case.u0.to_vec(), case.p.to_vec());
        let mut along = |h: f64| {
            let (mut t0, size) = (t0, |x: f64| x.abs().max(0.1));
            match index {
                0 => t0 += h,
                i if i <= n => u0[i - 1] = case.u0[i - 1] + h * size(case.u0[i - 1]),
                i => p[i - 1 - n] = case.p[i - 1 - n] + h * size(case.p[i - 1 - n]),
            }
            let found = run(t0, &u0, &p);
            let pairs = found.iter().zip(&weights).zip(&states);
            pairs.filter(|(_, s)| s.is_finite()).map(|((x, w), s)| w * (x - s)).sum::<f64>()
        };
        let (derivative, uncertainty) = extrapolated(rounding, &mut along);
        let size = match index {
            0 => 1.0,
            i if i <= n => case.u0[i - 1].abs().max(0.1),
            i => case.p[i - 1 - n].abs().max(0.1),
        };
        out.push(derivative / size);
        worst = worst.max(uncertainty / size);
    }
    let largest = out.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    assert!(worst < 1e-9 * largest, "differences are uncertain by {worst:e}: {out:?}");
    out
}

/// Saves the state at hand where that is asked for at the time `t` of the solve itself: the solution
/// at that fixed time.
fn save(at: &mut At, saves: &[f64], t: f64, saved: &mut [f64]) {
    let n = at.u.len();
    while at.next < saves.len() && saves[at.next] == t {
        let since = t - at.t;
        let row = &mut saved[at.next * n..(at.next + 1) * n];
        row.iter_mut().zip(&at.u).zip(&at.slope).for_each(|((x, u), k)| *x = u + since * k);
        at.next += 1;
    }
}

/// First increments: larger ones round less, smaller ones stay where crossings are near step ends.
const STARTS: [f64; 3] = [1.0 / 1024.0, 1.0 / 8192.0, 1.0 / 65_536.0];

/// Derivative at 0 and its uncertainty: central differences for halved increments, extrapolated
/// (Ridders 1982). Values have errors of size `rounding`, so that two that agree with small increments
/// by chance do not count as good.
fn extrapolated(rounding: f64, f: &mut dyn FnMut(f64) -> f64) -> (f64, f64) {
    const ROWS: usize = 8;
    let mut best = (f64::NAN, f64::INFINITY);
    for start in STARTS {
        let mut previous = [0.0; ROWS];
        let mut h = start;
        for row in 0..ROWS {
            let mut current = [0.0; ROWS];
            current[0] = (f(h) - f(-h)) / (2.0 * h);
            let mut power = 1.0;
            for column in 1..=row {
                power *= 4.0;
                let (last, above) = (current[column - 1], previous[column - 1]);
                current[column] = last + (last - above) / (power - 1.0);
                let change = (current[column] - last).abs().max((current[column] - above).abs());
                let change = change + rounding / h;
                if change < best.1 {
                    best = (current[column], change);
                }
            }
            previous = current;
            h *= 0.5;
        }
    }
    best
}
