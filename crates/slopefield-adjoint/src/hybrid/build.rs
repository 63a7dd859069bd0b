//! From the record of a solve to its trace: the steps are taken again, and what moves each moment
//! is found out.

use super::past::{From, Past};
use super::record::{Entry, Record};
use super::system::{System, refused};
use super::trace::{Change, Item, Kind, Moment, Source, Trace, TraceStep};
use slopefield_kernel::Trigger;
use slopefield_solve::{Settings, SolveError};

/// Steps taken again must end where they ended up to this, relative to the state.
const SAME: f64 = 1e-9;

/// A step that reads itself is repeated at most so often.
const MOST_REPEATS: usize = 300;

/// Discontinuities of derivatives up to this many above the order of the error estimate are tracked,
/// as the method of steps does.
const BEYOND_ORDER: u32 = 1;

/// Moments closer than this, relative to the time, are one.
const ONE_POINT: f64 = 64.0 * f64::EPSILON;

/// Builds traces; keeps its work space.
#[derive(Debug, Default)]
pub(super) struct Builder {
    past: Past,
    /// State and delayed values at hand.
    row: Vec<f64>,
    sources: Vec<Source>,
    slope: Vec<f64>,
    coupled: Vec<bool>,
    /// Slopes of the step at hand.
    fresh: Vec<f64>,
    /// Times that the lags look at from the beginning of a step.
    looks: Vec<f64>,
    end: Vec<f64>,
    scratch: Vec<f64>,
    /// Times and periods of the model.
    times: Vec<f64>,
    /// Coincidences to be looked at: a moment, and a root that passes 0 at the same instant.
    pub coincidences: Vec<(usize, u32, usize)>,
    /// Evaluations of the right-hand side.
    pub evaluations: u64,
}

/// Where the solution has got to.
struct At {
    moment: usize,
    /// Whether the next step begins with the last slope of the one before.
    continues: bool,
}

impl Builder {
    /// Makes the trace of a recorded solve of `system`. `wanted` tells whether the solution within
    /// a step from one time to another is asked for.
    pub fn build(
        &mut self,
        system: &System<'_>,
        settings: &Settings,
        record: &Record,
        wanted: &dyn Fn(f64, f64) -> bool,
        trace: &mut Trace,
    ) -> Result<(), SolveError> {
        let n = system.n;
        trace.clear(system);
        let highest = trace.tableau.error_order() + BEYOND_ORDER;
        self.past.clear(system, highest);
        self.row.resize(system.all, 0.0);
        self.slope.resize(n, 0.0);
        self.sources.clear();
        self.sources.resize(system.lags(), Source::Before(0.0));
        self.scratch.resize(system.scratch_len(), 0.0);
        self.coincidences.clear();
        self.evaluations = 0;
        self.read_times(system);
        trace.moments.push(Moment { t: system.ivp.t0, kind: Kind::Start });
        self.row[..n].copy_from_slice(system.ivp.u0);
        let jumps = system.delays().is_some_and(|delays| delays.jumps_at_start);
        self.begin_anew(system, trace, 0, u32::from(!jumps));
        let mut at = At { moment: 0, continues: false };
        let (mut entry, mut state, mut step) = (0, 0, 0);
        // Events before the first step happen at the start.
        entry = self.instant(system, record, entry, &mut state, None, &mut at, trace)?;
        while let Some(&found) = record.entries.get(entry) {
            entry += 1;
            let Entry::Step { begin, end, cut } = found else {
                state += 2 * n; // an event that changed nothing
                continue;
            };
            if begin != trace.time(at.moment) {
                return refused(format!("the solve has a gap before t = {begin}"));
            }
            let end_state = &record.states[state..state + n];
            state += n;
            let coupled = &record.coupled[step * trace.lags..(step + 1) * trace.lags];
            let events = Self::breaking(system, record, entry, cut);
            let scheduled = events
                .clone()
                .filter(|_| cut == end)
                .find_map(|index| self.scheduled(system, record.entries[index]));
            let begin = at.moment;
            let (end_moment, cut_moment);
            let mut order = None;
            if let Some(terms) = scheduled {
                end_moment = trace.add(end, Kind::Scheduled { terms });
                cut_moment = end_moment;
            } else {
                // The end of the span stays where it is, also where a discontinuity arrives there.
                let later = self.later(system, trace, end).filter(|_| end != system.ivp.t1);
                order = later.map(|(_, order)| order);
                end_moment = trace.add(end, later.map_or(Kind::Fixed, |(kind, _)| kind));
                let root = events.clone().find_map(|i| root_of(system, record.entries[i]));
                cut_moment = match root {
                    Some(root) => trace.add(cut, Kind::Root { root, step }),
                    None => end_moment,
                };
            }
            let dense = system.delays().is_some()
                || cut_moment != end_moment
                || wanted(trace.time(begin), cut);
            trace.steps.push(TraceStep {
                begin,
                end: end_moment,
                cut: cut_moment,
                continues: at.continues && trace.tableau.fsal,
                dense,
                overlaps: false,
            });
            trace.coupled.extend_from_slice(coupled);
            self.take(system, trace, step)?;
            self.compare(settings, trace, step, end_state)?;
            trace.items.push(Item::Step(step));
            at = At { moment: cut_moment, continues: true };
            self.row[..n].copy_from_slice(end_state);
            if events.is_empty() {
                self.pass(system, trace, step, order, &mut at);
            } else {
                entry =
                    self.instant(system, record, entry, &mut state, Some(step), &mut at, trace)?;
            }
            step += 1;
        }
        Ok(())
    }

    fn read_times(&mut self, system: &System<'_>) {
        self.times.clear();
        if let Some(times) = system.events().and_then(|events| events.times) {
            self.times.resize(times.shape().outputs, 0.0);
            let (t0, p) = (system.ivp.t0, system.ivp.p);
            times.eval(t0, &[], p, &mut self.times, &mut self.scratch);
        }
    }

    /// A derivative of order `order` may jump at `moment`, where the state is in `row`.
    fn begin_anew(&mut self, system: &System<'_>, trace: &Trace, moment: usize, order: u32) {
        self.past.expect(moment, order);
        let t = trace.time(moment);
        self.past.place(system, trace, t, &mut self.row, &mut self.scratch);
    }

    /// The entries from `first` that are events at `t`, if one of them changes the state or stops
    /// the solve.
    fn breaking(
        system: &System<'_>,
        record: &Record,
        first: usize,
        t: f64,
    ) -> std::ops::Range<usize> {
        let mut end = first;
        let mut any = false;
        while let Some(&Entry::Event { t: at, event, .. }) = record.entries.get(end)
            && at == t
        {
            end += 1;
            any |= system.affect(event).is_some() || stops(system, event);
        }
        if any { first..end } else { first..first }
    }

    /// What determines the time of an event of the first round that happens at given times.
    fn scheduled(&self, system: &System<'_>, entry: Entry) -> Option<[(u32, f64); 2]> {
        let Entry::Event { t, event, round: 0 } = entry else { return None };
        let nearest = |range: &mut dyn Iterator<Item = u32>| {
            let off = |index: &u32| (self.times[*index as usize] - t).abs();
            range.min_by(|a, b| off(a).total_cmp(&off(b)))
        };
        match &system.events()?.list[event].trigger {
            Trigger::At(range) => Some([(nearest(&mut range.clone())?, 1.0), (0, 0.0)]),
            Trigger::Every { period, from, .. } => {
                let (length, first) = (self.times[*period as usize], self.times[*from as usize]);
                Some([(*from, 1.0), (*period, ((t - first) / length).round())])
            }
            Trigger::Crossing { .. } => None,
        }
    }

    /// The moment and the constant lag after it that `t` is, and the order of the derivative that
    /// jumps there.
    fn later(&self, system: &System<'_>, trace: &Trace, t: f64) -> Option<(Kind, u32)> {
        let mut found: Option<(Kind, u32)> = None;
        for lag in (0..trace.lags).filter(|&lag| system.is_constant(lag)) {
            let length = self.past.lengths[lag];
            let first = t - length;
            let reach = 2.0 * ONE_POINT * (t.abs() + length.abs());
            let origins = &self.past.origins;
            let from = origins.partition_point(|&at| trace.time(at) < first - reach);
            for (index, &moment) in origins.iter().enumerate().skip(from) {
                let later = trace.time(moment) + length;
                if (later - t).abs() <= ONE_POINT * later.abs().max(t.abs())
                    && length > 0.0
                    && let Some(order) = self.past.carried(system, index, lag)
                    && found.is_none_or(|(_, lowest)| order < lowest)
                {
                    found = Some((Kind::Later { moment, lag }, order));
                }
                if later > t + reach {
                    break;
                }
            }
        }
        found
    }

    /// Takes step `step` again.
    fn take(
        &mut self,
        system: &System<'_>,
        trace: &mut Trace,
        step: usize,
    ) -> Result<(), SolveError> {
        let (n, all, rows, lags) = (trace.n, trace.all, trace.rows(), trace.lags);
        trace.inputs.resize((step + 1) * rows * all, 0.0);
        trace.slopes.resize((step + 1) * rows * n, 0.0);
        trace.sources.resize((step + 1) * rows * lags, Source::Before(0.0));
        let (inputs, slopes) = (step * rows * all, step * rows * n);
        trace.inputs[inputs..inputs + n].copy_from_slice(&self.row[..n]);
        let last = trace.tableau.stages() - 1;
        if trace.steps[step].continues {
            let from = ((step - 1) * rows + last) * all;
            trace.inputs.copy_within(from + n..from + all, inputs + n);
            let from = ((step - 1) * rows + last) * n;
            trace.slopes.copy_within(from..from + n, slopes);
            let from = ((step - 1) * rows + last) * lags;
            trace.sources.copy_within(from..from + lags, step * rows * lags);
        }
        let mut coupled = std::mem::take(&mut self.coupled);
        coupled.clear();
        coupled.extend_from_slice(&trace.coupled[step * lags..(step + 1) * lags]);
        let taken = self.repeat(system, trace, step, &coupled);
        self.coupled = coupled;
        taken
    }

    /// Evaluates the stages of a step whose beginning is there, again and again where it reads
    /// itself.
    fn repeat(
        &mut self,
        system: &System<'_>,
        trace: &mut Trace,
        step: usize,
        coupled: &[bool],
    ) -> Result<(), SolveError> {
        let (n, all, rows, lags) = (trace.n, trace.all, trace.rows(), trace.lags);
        let (begin, end) = trace.span(step);
        let (inputs, slopes) = (step * rows * all, step * rows * n);
        let first = usize::from(trace.steps[step].continues);
        self.guess(trace, step);
        let mut before = f64::INFINITY;
        for repeat in 0..MOST_REPEATS {
            let (mut change, mut size) = (0.0_f64, 0.0_f64);
            for stage in first..trace.stages(step) {
                let (weights, c) = trace.tableau.stage(stage);
                let row = inputs + stage * all;
                for state in 0..n {
                    let sum = weighted(&self.fresh, n, weights, state);
                    self.row[state] = trace.inputs[inputs + state] + (end - begin) * sum;
                }
                let t = trace.stage_time(step, c);
                let from = From { t, begin, step };
                let mut sources = std::mem::take(&mut self.sources);
                let (row_at_hand, scratch) = (&mut self.row, &mut self.scratch);
                let overlaps = self.past.fill(
                    system,
                    trace,
                    from,
                    row_at_hand,
                    &mut sources,
                    coupled,
                    scratch,
                );
                trace.steps[step].overlaps |= overlaps? || coupled.contains(&true);
                trace.inputs[row..row + all].copy_from_slice(&self.row);
                let place = (step * rows + stage) * lags;
                trace.sources[place..place + lags].copy_from_slice(&sources);
                self.sources = sources;
                system.slope(t, &self.row, &mut self.slope, &mut self.scratch);
                self.evaluations += 1;
                let kept = &trace.slopes[slopes + stage * n..slopes + (stage + 1) * n];
                for (kept, new) in kept.iter().zip(&self.slope) {
                    change = change.max((*kept - new).abs());
                    size = size.max(new.abs());
                }
                self.fresh[stage * n..(stage + 1) * n].copy_from_slice(&self.slope);
            }
            // Only now: within a sweep, the step reads what the last sweep made of it.
            trace.slopes[slopes..slopes + rows * n].copy_from_slice(&self.fresh);
            if !trace.steps[step].overlaps || change <= 4.0 * f64::EPSILON * size {
                return Ok(());
            }
            if !change.is_finite() {
                break;
            }
            // Converged up to rounding, which may go round in circles.
            if repeat > 20 && change >= 0.5 * before && change <= 1e-12 * size {
                return Ok(());
            }
            before = change;
        }
        refused(format!(
            "the step at t = {begin} reads itself through a lag shorter than the step, and cannot \
             be solved to rounding again, which exact gradients need; set a largest step below the \
             lag"
        ))
    }

    /// First slopes for a step that may read itself: those of the continuation of the last step, or
    /// none where the solution begins anew.
    fn guess(&mut self, trace: &mut Trace, step: usize) {
        let (n, rows) = (trace.n, trace.rows());
        let first = step * rows * n;
        if trace.lags > 0 && trace.steps[step].continues {
            for stage in 1..rows {
                let t = trace.stage_time(step, trace.tableau.stage(stage).1);
                for state in 0..n {
                    let slope = trace.value(step - 1, t, 1, state);
                    trace.slopes[first + stage * n + state] = slope;
                }
            }
        }
        self.fresh.clear();
        self.fresh.extend_from_slice(&trace.slopes[first..first + rows * n]);
    }

    /// Whether the step taken again is the one of the solve.
    fn compare(
        &mut self,
        settings: &Settings,
        trace: &Trace,
        step: usize,
        recorded: &[f64],
    ) -> Result<(), SolveError> {
        let info = trace.steps[step];
        let t = trace.time(info.cut);
        let size = recorded.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        for (state, recorded) in recorded.iter().enumerate() {
            let again = if info.cut == info.end {
                let (begin, end) = trace.span(step);
                let sum = trace.weighted_by(step, trace.tableau.b, state);
                trace.beginning(step)[state] + (end - begin) * sum
            } else {
                trace.value(step, t, 0, state)
            };
            let rise = (again - trace.beginning(step)[state]).abs();
            let mut allowed = SAME * size.max(rise);
            if info.overlaps {
                let atol = settings.atol.get(state).or(settings.atol.first()).copied();
                allowed += 10.0 * (settings.rtol * recorded.abs() + atol.unwrap_or(0.0));
            }
            if !((again - recorded).abs() <= allowed) {
                return refused(format!(
                    "the step up to t = {t} cannot be taken again: state {state} becomes {again} \
                     instead of {recorded}, so it has no exact gradient; use forward differences \
                     or another solver"
                ));
            }
        }
        Ok(())
    }

    /// Goes through the end of a step without events: a discontinuity may begin there.
    /// `order` is that of the derivative that jumps there for constant lags.
    fn pass(
        &mut self,
        system: &System<'_>,
        trace: &mut Trace,
        step: usize,
        order: Option<u32>,
        at: &mut At,
    ) {
        if trace.lags == 0 {
            return;
        }
        let info = trace.steps[step];
        let (begin, end) = trace.span(step);
        // Lags that are not constant and come to look at a discontinuity.
        let n = trace.n;
        if (0..trace.lags).all(|lag| system.is_constant(lag)) {
            if let Some(order) = order {
                self.past.expect(info.end, order);
                at.continues = false;
            }
            return;
        }
        self.end.clear();
        self.end.extend_from_slice(&self.row[..n]);
        self.row[..n].copy_from_slice(trace.beginning(step));
        self.past.measure(system, begin, &mut self.row, &mut self.scratch);
        self.looks.clear();
        self.looks.extend(self.past.lengths.iter().map(|length| begin - length));
        self.row[..n].copy_from_slice(&self.end);
        self.past.measure(system, end, &mut self.row, &mut self.scratch);
        let mut passage = None;
        for (lag, &first) in self.looks.iter().enumerate() {
            if system.is_constant(lag) {
                continue;
            }
            let length = self.past.lengths[lag];
            let last = end - length;
            let (low, high) = self.past.bounds(trace, lag);
            let met = |bound: f64| {
                let slack = 8.0 * f64::EPSILON * (end.abs() + length.abs());
                bound.is_finite() && (bound - last).abs() <= slack + 1e-6 * (bound - first).abs()
            };
            let piece = self.past.pieces[lag];
            if last > first && met(high) {
                self.past.pieces[lag] = piece + 1;
                passage.get_or_insert((lag, piece));
            } else if last < first && met(low) {
                self.past.pieces[lag] = piece - 1;
                passage.get_or_insert((lag, piece - 1));
            }
        }
        if let Some(order) = order {
            self.past.expect(info.end, order);
            at.continues = false;
        } else if let Some((lag, index)) = passage {
            let moment = self.past.origins[index];
            let cut = trace.add(end, Kind::Passage { lag, moment, step });
            trace.steps[step].cut = cut;
            if let Some(order) = self.past.carried(system, index, lag) {
                self.past.expect(cut, order);
            }
            *at = At { moment: cut, continues: false };
        }
    }

    /// Puts down the events at the instant reached, whose entries begin at `entry`, if they change
    /// anything. Returns the entry after them.
    #[allow(clippy::too_many_arguments, reason = "the position in the record is two of them")]
    fn instant(
        &mut self,
        system: &System<'_>,
        record: &Record,
        entry: usize,
        state: &mut usize,
        step: Option<usize>,
        at: &mut At,
        trace: &mut Trace,
    ) -> Result<usize, SolveError> {
        let n = trace.n;
        let t = trace.time(at.moment);
        let events = Self::breaking(system, record, entry, t);
        if events.is_empty() {
            return Ok(entry);
        }
        let first = trace.changes.len();
        let leading = at.moment;
        let mut changed = false;
        for &found in &record.entries[events.clone()] {
            let Entry::Event { event, round, .. } = found else { break };
            let moment = match (self.scheduled(system, found), root_of(system, found)) {
                (Some(terms), _) if step.is_some() => {
                    let kind = Kind::Scheduled { terms };
                    if trace.moments[leading].kind == kind { leading } else { trace.add(t, kind) }
                }
                (Some(terms), _) => {
                    self.start_stays(system, terms)?;
                    leading
                }
                (None, Some(root)) => {
                    let same = matches!(trace.moments[leading].kind, Kind::Root { root: first, .. } if first == root);
                    if let (false, Some(step)) = (same, step) {
                        self.coincidences.push((leading, root, step));
                    }
                    leading
                }
                (None, None) => trace.changes[first..].last().map_or(leading, |last| last.moment),
            };
            self.row[..n].copy_from_slice(&record.states[*state..*state + n]);
            let after = &record.states[*state + n..*state + 2 * n];
            *state += 2 * n;
            let from = match step {
                Some(step) if round == 0 => From { t, begin: trace.span(step).0, step },
                _ => From { t, begin: t, step: trace.steps.len() },
            };
            let mut sources = std::mem::take(&mut self.sources);
            let (row, scratch) = (&mut self.row, &mut self.scratch);
            let filled = self.past.fill(system, trace, from, row, &mut sources, &[], scratch);
            trace.change_sources.extend_from_slice(&sources);
            self.sources = sources;
            filled?;
            trace.befores.extend_from_slice(&self.row);
            trace.afters.extend_from_slice(after);
            trace.changes.push(Change { event, moment });
            changed |= system.affect(event).is_some();
            self.row[..n].copy_from_slice(after);
            at.moment = moment;
        }
        trace.items.push(Item::Instant(first..trace.changes.len()));
        if changed {
            at.continues = false;
            self.begin_anew(system, trace, at.moment, 0);
        }
        Ok(events.end)
    }

    /// Refuses time events at the start whose times depend on parameters: a little earlier they
    /// would not happen at all.
    fn start_stays(
        &mut self,
        system: &System<'_>,
        terms: [(u32, f64); 2],
    ) -> Result<(), SolveError> {
        let Some(times) = system.events().and_then(|events| events.times) else { return Ok(()) };
        let mut weights = vec![0.0; times.shape().outputs];
        for (index, factor) in terms {
            weights[index as usize] += factor;
        }
        let mut by_p = vec![0.0; system.ivp.p.len()];
        let grad = slopefield_kernel::Cotangent { t: &mut 0.0, u: &mut [], p: &mut by_p };
        let at = system.point(system.ivp.t0, &[]);
        times.vjp(at, &weights, grad, &mut self.scratch);
        match by_p.iter().position(|x| *x != 0.0) {
            None => Ok(()),
            Some(parameter) => refused(format!(
                "a time event happens exactly at the start, t = {}, and its time depends on \
                 parameter number {}: it would not happen a little earlier, so there is no \
                 derivative; let the solve begin before it",
                system.ivp.t0,
                parameter + 1
            )),
        }
    }
}

impl Trace {
    fn add(&mut self, t: f64, kind: Kind) -> usize {
        self.moments.push(Moment { t, kind });
        self.moments.len() - 1
    }

    /// `Σ_j weights_j k_j` of one state, for as many weights as there are.
    pub fn weighted_by(&self, step: usize, weights: &[f64], state: usize) -> f64 {
        weighted(&self.slopes[step * self.rows() * self.n..], self.n, weights, state)
    }
}

/// `Σ_j weights_j rows_j` of one state.
pub(super) fn weighted(rows: &[f64], n: usize, weights: &[f64], state: usize) -> f64 {
    let mut sum = 0.0;
    for (j, weight) in weights.iter().enumerate() {
        sum += weight * rows[state + j * n];
    }
    sum
}

/// The root of an event of the first round that happens because a number passes 0.
fn root_of(system: &System<'_>, entry: Entry) -> Option<u32> {
    let Entry::Event { event, round: 0, .. } = entry else { return None };
    match system.events()?.list[event].trigger {
        Trigger::Crossing { root, .. } => Some(root),
        _ => None,
    }
}

fn stops(system: &System<'_>, event: usize) -> bool {
    system.events().is_some_and(|events| events.list[event].stop)
}
