//! Changes of the state at given times, such as doses.

use slopefield_graph::plan::{Entry, Plan, Plans};
use slopefield_graph::{Interpreter, LoweredModel, ModelFunction};
use slopefield_kernel::{Event, Kernel, Trigger};
use slopefield_solve::Tableau;

use crate::checks::refused;
use crate::dialect::Dialect;
use crate::error::GpuError;
use crate::solve_text::Pieces;
use crate::trajectories::TrajectoryProgram;

/// Times this close, relative to their size, are one instant, as on the processor.
const ONE_INSTANT: f64 = 8.0 * f64::EPSILON;
/// More happenings than this are a mistake.
const MOST: usize = 1_000_000;

/// Events at times that all trajectories have in common.
#[derive(Debug, Clone)]
pub(crate) struct Timed {
    events: Vec<Event>,
    /// Times and periods, of parameters.
    times: Option<Plans>,
    own: Vec<usize>,
}

impl TrajectoryProgram {
    /// As [`TrajectoryProgram::of_model`], for a model with events at given times that change the state
    /// (`at` and `every` of the language): `events` are those of the kernel's structure, in order of
    /// declaration. Steps end at their times, where the state changes and the method begins again, as on
    /// the processor; a save time there has the state after. The times may depend on parameters that all
    /// trajectories share.
    ///
    /// # Errors
    /// [`GpuError::Model`] for events that the solution determines or that stop the solve, and for what
    /// else a model has; as for [`TrajectoryProgram::new`]. Times that depend on parameters of a
    /// trajectory's own are refused where a solve begins.
    pub fn with_timed_events(
        model: &LoweredModel,
        events: &[Event],
        own: &[usize],
        method: &'static Tableau,
        dialect: Dialect,
    ) -> Result<Self, GpuError> {
        let known = |function: &ModelFunction| {
            matches!(function, ModelFunction::EventTimes | ModelFunction::Affect(_))
        };
        if let Some((function, _)) = model.others.iter().find(|(f, _)| !known(f)) {
            return Err(refused(function));
        }
        let timed = events
            .iter()
            .all(|event| !matches!(event.trigger, Trigger::Crossing { .. }) && !event.stop);
        if !timed {
            return Err(GpuError::Model {
                what: "events that stop, or that the solution determines,",
            });
        }
        let times = model.plans(ModelFunction::EventTimes).cloned();
        let given = times.as_ref().map_or(0, |plans| plans.eval.shape.outputs) as u32;
        // In order of declaration, as the events refer to them.
        let change = |(function, plans): &(ModelFunction, Plans)| {
            matches!(function, ModelFunction::Affect(_)).then(|| plans.eval.clone())
        };
        let affects: Vec<Plan> = model.others.iter().filter_map(change).collect();
        let right = |event: &Event| {
            let in_range = match &event.trigger {
                Trigger::At(range) => range.end <= given,
                Trigger::Every { period, from, .. } => *period < given && *from < given,
                Trigger::Crossing { .. } => false,
            };
            in_range && event.affect.is_none_or(|affect| (affect as usize) < affects.len())
        };
        let n = model.rhs.eval.shape.outputs;
        let of_states = |plan: &Plan| {
            let shape = plan.shape;
            let params = model.rhs.eval.shape.params;
            plan.entry == Entry::Eval
                && (shape.states, shape.params, shape.outputs) == (n, params, n)
        };
        if !events.iter().all(right) || !affects.iter().all(of_states) {
            return Err(GpuError::Invalid("events refer to what the model does not give".into()));
        }
        let mut program = Self::build(&model.rhs.eval, own, method, dialect, "", 0, &affects)?;
        program.timed = Some(Timed { events: events.to_vec(), times, own: own.to_vec() });
        Ok(program)
    }
}

impl Timed {
    /// When which change happens from `t0` to `t1`, in the order of time and declaration.
    ///
    /// # Errors
    /// [`GpuError::Invalid`] for times that are not numbers, periods that are not positive, and more
    /// happenings than make sense.
    pub(crate) fn happenings(
        &self,
        (t0, t1): (f64, f64),
        shared: &[f64],
    ) -> Result<Vec<(f64, u32)>, GpuError> {
        let invalid = |text: String| Err(GpuError::Invalid(text));
        let mut times = Vec::new();
        if let Some(plans) = &self.times {
            let mut p = shared.to_vec();
            self.own.iter().for_each(|i| p[*i] = f64::NAN);
            let kernel = Interpreter::new(plans.clone());
            times.resize(plans.eval.shape.outputs, 0.0);
            kernel.eval(t0, &[], &p, &mut times, &mut vec![0.0; kernel.scratch_len()]);
        }
        let direction = if t1 < t0 { -1.0 } else { 1.0 };
        let (first, last) = (t0.min(t1), t0.max(t1));
        let mut all: Vec<(f64, usize)> = Vec::new();
        for (index, event) in self.events.iter().enumerate() {
            match &event.trigger {
                Trigger::At(range) => {
                    let own = &times[range.start as usize..range.end as usize];
                    all.extend(own.iter().map(|time| (*time, index)));
                }
                Trigger::Every { period, from, count } => {
                    let (period, from) = (times[*period as usize], times[*from as usize]);
                    if !(period > 0.0) && !period.is_nan() {
                        return invalid(format!(
                            "the period of event {index} is {period}; it must be positive"
                        ));
                    }
                    if (last - first) / period > MOST as f64 {
                        return invalid(format!("event {index} happens more than {MOST} times"));
                    }
                    if (period + from).is_nan() {
                        all.push((f64::NAN, index));
                        continue;
                    }
                    // One more at either end, where rounding may count.
                    let mut k = ((first - from) / period - 1.0).floor().max(0.0);
                    while from + k * period <= last && count.is_none_or(|count| k < count as f64) {
                        all.push((from + k * period, index));
                        k += 1.0;
                    }
                }
                Trigger::Crossing { .. } => {}
            }
        }
        if let Some((_, index)) = all.iter().find(|(time, _)| time.is_nan()) {
            return invalid(format!(
                "the time of event {index} is not a number, or depends on a parameter that each \
                 trajectory has of its own; solve this model on the processor"
            ));
        }
        all.retain(|(time, _)| *time >= first && *time <= last);
        all.sort_by(|a, b| (direction * a.0).total_cmp(&(direction * b.0)).then(a.1.cmp(&b.1)));
        // Times that differ by rounding are one instant, the last of them.
        let mut from = 0;
        while from < all.len() {
            let begin = all[from].0;
            let same =
                |time: f64| (time - begin).abs() <= ONE_INSTANT * time.abs().max(begin.abs());
            let len = all[from..].iter().take_while(|(time, _)| same(*time)).count();
            let instant = &mut all[from..from + len];
            let end = instant[len - 1].0;
            instant.iter_mut().for_each(|(time, _)| *time = end);
            instant.sort_by_key(|(_, index)| *index);
            from += len;
        }
        let change = |(time, index): (f64, usize)| Some((time, self.events[index].affect?));
        Ok(all.into_iter().filter_map(change).collect())
    }
}

impl Pieces {
    /// The pieces of a method that stops at the times of events, where `affect(t)` changes the state in
    /// `stage`. Behind the save times in `clock` are the number of events and, for each, time and
    /// change.
    pub(crate) fn with_events(self) -> Self {
        let happen = include_str!("text/happen.wgsl");
        let begin_again =
            include_str!("text/begin_again.wgsl").replace("$promoted\n", &self.promoted);
        Pieces {
            declared: self.declared + happen,
            resumed: self.resumed
                + "    var next_event: word = 0u;
    if (phase == 1u) { next_event = events_until(now, 0u); }\n",
            started: "        if (phase == 1u) {
            next_event = happen(ticks(0u), 0u);
            for (var i: word = 0u; i < $n; i++) {
                u[i] = stage[i];
                if (!sf_is_finite(u[i]) && phase == 1u) {
                    phase = 8u;
                    bad = i;
                }
            }
        }\n"
            .into(),
            end: "end_before(next_event)".into(),
            happened: include_str!("text/happened.wgsl").into(),
            promoted: begin_again,
            ..self
        }
    }
}
