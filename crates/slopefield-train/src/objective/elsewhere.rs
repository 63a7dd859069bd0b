//! The data terms of many places at once, their trajectories solved and differentiated elsewhere.

use super::experiment::{Compare, assemble_params, back_to_theta, initial_state};
use super::{Objective, Sums};
use crate::elsewhere::{Elsewhere, Trajectories, TrajectoryGradients};
use crate::lockstep::{Answer, Place};
use crate::optimise::all_finite;
use crate::problem::{Problem, Source};
use std::collections::BTreeMap;
use std::time::Instant;

/// Objectives by the number of their data. They differ in measurements alone: model, parameters and experiments
/// are the same.
pub(crate) type Objectives = BTreeMap<usize, Objective>;

/// One trajectory: an experiment at a place.
struct Lane {
    place: usize,
    /// Number of the data of that place.
    data: usize,
    experiment: usize,
    /// Times that count.
    rows: usize,
    p: Vec<f64>,
    u0: Vec<f64>,
    /// What its loss came to.
    sums: Sums,
    /// Derivative by `p` past the trajectory.
    direct_p: Vec<f64>,
    grad_u0: Vec<f64>,
    grad_p: Vec<f64>,
    /// It has no solution, no loss, or was not computed.
    failed: bool,
}

impl Objective {
    /// Why trajectories of this problem cannot be solved elsewhere, by what they are; none where they can.
    #[must_use]
    pub fn hindered_elsewhere(&self) -> Option<&'static str> {
        if !self.problem.driven.is_empty() {
            return Some("the model is driven by data");
        }
        if self.problem.experiments.iter().any(|e| e.steady) {
            return Some("steady states were measured");
        }
        let structure = self.problem.kernels.rhs.structure();
        structure.beyond(&[]).map(|part| part.words())
    }

    /// Seconds and steps of one place on the processor; none where it fails.
    fn cost_of(&mut self, place: &Place) -> Option<(f64, f64)> {
        let began = Instant::now();
        let (mut sums, mut steps) = (Sums::default(), 0);
        let mut gradient = vec![0.0; self.dimension()];
        let with_data = self.experiments.iter_mut().filter(|e| !e.training.times.is_empty());
        for (_, experiment) in with_data.enumerate().filter(|(i, _)| place.has(*i)) {
            let (theta, sums) = (&place.theta, &mut sums);
            experiment.add(&self.problem, theta, place.horizon, sums, &mut gradient).ok()?;
            steps += experiment.evaluated.map_or(0, |e| e.forward.accepted + e.forward.rejected);
        }
        Some((began.elapsed().as_secs_f64(), steps as f64))
    }

    /// The trajectories of a place.
    fn add_lanes(&mut self, (number, place): (usize, &Place), lanes: &mut Vec<Lane>) {
        let (n, params) = (self.problem.states(), self.problem.params());
        let with_data = self.experiments.iter_mut().filter(|e| !e.training.times.is_empty());
        for (_, found) in with_data.enumerate().filter(|(i, _)| place.has(*i)) {
            let experiment = &self.problem.experiments[found.index];
            let (mut p, mut u0) = (vec![0.0; params], vec![0.0; n]);
            assemble_params(experiment, &place.theta, &mut p);
            let scratch = &mut found.scratch;
            let failed = initial_state(&self.problem, found.index, &p, &mut u0, scratch).is_err();
            lanes.push(Lane {
                place: number,
                data: place.data,
                experiment: found.index,
                rows: found.training.rows_of(experiment, place.horizon),
                p,
                u0,
                sums: Sums::default(),
                direct_p: vec![0.0; params],
                grad_u0: vec![0.0; n],
                grad_p: vec![0.0; params],
                failed,
            });
        }
    }

    /// The loss of a trajectory with its derivatives by the states that were saved, the rows that
    /// `row_of` gives for times.
    fn lane_loss(
        &mut self,
        lane: &mut Lane,
        row_of: &dyn Fn(f64) -> usize,
        states: &[f64],
        cotangents: &mut [f64],
    ) -> f64 {
        let (problem, work) = (&self.problem, &mut self.experiments[lane.experiment]);
        lane.sums = Sums::default();
        lane.direct_p.fill(0.0);
        cotangents.fill(0.0);
        let mut compare = Compare {
            kernels: problem.kernels_of(lane.experiment),
            observations: &problem.observations,
            experiment: &problem.experiments[lane.experiment],
            index: lane.experiment,
            p: &lane.p,
            observed: &mut work.observed,
            weights: &mut work.weights,
            scratch: &mut work.scratch,
        };
        let times = &work.training.times[..lane.rows];
        let rows = times.iter().map(|t| row_of(*t));
        let by = (&mut *cotangents, &mut lane.direct_p[..]);
        let done = compare.rows(&work.training, rows, states, &mut lane.sums, by);
        lane.failed = done.is_err() || !lane.sums.loss().is_finite();
        if lane.failed {
            cotangents.fill(0.0);
        }
        lane.sums.loss()
    }

    /// Adds the derivatives of a trajectory, taken back to θ.
    fn add_lane(&mut self, lane: &mut Lane, grad_theta: &mut [f64]) {
        let scratch = &mut self.experiments[lane.experiment].scratch;
        back_to_theta(
            (&self.problem, lane.experiment),
            &lane.p,
            (&mut lane.grad_u0, &lane.grad_p, &mut lane.direct_p),
            scratch,
            grad_theta,
        );
    }
}

/// Sums over the data at each place with their derivatives by θ; none of those that the processor is
/// to compute, because `elsewhere` does not, or because they fail there. `alone` says that there is
/// never more than one place: then trajectories share what the experiments share.
pub(crate) fn data_at(
    objectives: &mut Objectives,
    places: &[Place],
    alone: bool,
    threads: usize,
    elsewhere: &mut dyn Elsewhere,
) -> Vec<Answer> {
    let none = || places.iter().map(|_| None).collect();
    let Some(place) = places.first() else { return none() };
    let Some(first) = objectives.get_mut(&place.data) else { return none() };
    if first.hindered_elsewhere().is_some() {
        return none();
    }
    let processor = match elsewhere.wants_time() {
        true => first.cost_of(place).map(|(seconds, steps)| {
            let times = places.len() as f64;
            (seconds * (times / threads as f64).max(1.0), steps * times)
        }),
        false => None,
    };
    let own = own_params(&first.problem, alone);
    let mut lanes = Vec::new();
    for (number, place) in places.iter().enumerate() {
        if let Some(objective) = objectives.get_mut(&place.data) {
            objective.add_lanes((number, place), &mut lanes);
        }
    }
    let mut spans: BTreeMap<(u64, u64), Vec<usize>> = BTreeMap::new();
    for (i, lane) in lanes.iter().enumerate().filter(|(_, lane)| !lane.failed) {
        let (t0, times) = span_of(objectives, lane);
        let t1 = times[times.len() - 1];
        spans.entry((t0.to_bits(), t1.to_bits())).or_default().push(i);
    }
    let count = lanes.len().max(1) as f64;
    let mut shared: Vec<Vec<f64>> = places.iter().map(|_| Vec::new()).collect();
    for members in spans.values() {
        let part = members.len() as f64 / count;
        let processor = processor.map(|(seconds, steps)| (seconds * part, steps * part));
        let summed = span(objectives, &mut lanes, members, &own, processor, elsewhere);
        if let (true, Some(by_shared)) = (alone, summed) {
            let sum = &mut shared[0];
            sum.resize(by_shared.len(), 0.0);
            sum.iter_mut().zip(by_shared).for_each(|(sum, d)| *sum += d);
        }
    }
    collect(objectives, places, lanes, &own, &shared)
}

/// Start of a trajectory, and the times of its data that count.
fn span_of<'a>(objectives: &'a Objectives, lane: &Lane) -> (f64, &'a [f64]) {
    let objective = &objectives[&lane.data];
    let times = &objective.experiments[lane.experiment].training.times[..lane.rows];
    (objective.problem.experiments[lane.experiment].t0, times)
}

/// Solves and differentiates the trajectories of one span, and gives the derivatives by what all
/// share.
fn span(
    objectives: &mut Objectives,
    lanes: &mut [Lane],
    members: &[usize],
    own: &[usize],
    processor: Option<(f64, f64)>,
    elsewhere: &mut dyn Elsewhere,
) -> Option<Vec<f64>> {
    // One list of times for all; each looks at its own.
    let mut saves: Vec<f64> = Vec::new();
    for lane in members.iter().map(|i| &lanes[*i]) {
        saves.extend(span_of(objectives, lane).1);
    }
    saves.sort_by(f64::total_cmp);
    saves.dedup();
    let row_of = |t: f64| saves.partition_point(|s| *s < t);
    let first = &lanes[members[0]];
    let (t0, t1) = (span_of(objectives, first).0, saves[saves.len() - 1]);
    let problem = &objectives[&first.data].problem;
    let (n, settings) = (problem.states(), problem.settings.clone());
    let u0: Vec<f64> = members.iter().flat_map(|i| lanes[*i].u0.iter().copied()).collect();
    let own_values: Vec<f64> =
        members.iter().flat_map(|i| own.iter().map(|p| lanes[*i].p[*p])).collect();
    let shared = first.p.clone();
    let trajectories = Trajectories {
        t0,
        t1,
        count: members.len(),
        u0: &u0,
        shared: &shared,
        own,
        own_values: &own_values,
        settings: &settings,
        saves: &saves,
        processor,
    };
    let mut loss = |k: usize, states: &[f64], cotangents: &mut [f64]| {
        let lane = &mut lanes[members[k]];
        match objectives.get_mut(&lane.data) {
            Some(objective) => objective.lane_loss(lane, &row_of, states, cotangents),
            None => f64::NAN,
        }
    };
    let found = if t1 > t0 {
        elsewhere.gradients(&trajectories, &mut loss)
    } else {
        // Nothing to integrate: everything was measured at the start.
        let mut by_u0 = vec![0.0; u0.len()];
        for (k, (u, by_u)) in u0.chunks(n).zip(by_u0.chunks_mut(n)).enumerate() {
            loss(k, u, by_u);
        }
        let (by_own, by_shared) = (vec![0.0; own_values.len()], vec![0.0; shared.len()]);
        Some(TrajectoryGradients { by_u0, by_own, by_shared, failed: vec![false; members.len()] })
    };
    let Some(found) = found else {
        members.iter().for_each(|i| lanes[*i].failed = true);
        return None;
    };
    for (k, i) in members.iter().enumerate() {
        let lane = &mut lanes[*i];
        lane.failed |= found.failed.get(k).copied().unwrap_or(true);
        lane.grad_u0.copy_from_slice(&found.by_u0[k * n..(k + 1) * n]);
        for (j, param) in own.iter().enumerate() {
            lane.grad_p[*param] = found.by_own[k * own.len() + j];
        }
    }
    Some(found.by_shared)
}

/// The answers: every trajectory's part, taken back to θ.
fn collect(
    objectives: &mut Objectives,
    places: &[Place],
    lanes: Vec<Lane>,
    own: &[usize],
    shared: &[Vec<f64>],
) -> Vec<Answer> {
    let begun = |place: &Place| {
        let objective = objectives.get(&place.data)?;
        Some((Sums::default(), vec![0.0; objective.dimension()]))
    };
    let mut answers: Vec<Answer> = places.iter().map(begun).collect();
    for mut lane in lanes {
        let answer = &mut answers[lane.place];
        if lane.failed {
            *answer = None;
        }
        let Some((sums, grad_theta)) = answer else { continue };
        let Some(objective) = objectives.get_mut(&lane.data) else { continue };
        sums.add(lane.sums);
        objective.add_lane(&mut lane, grad_theta);
    }
    for ((answer, shared), place) in answers.iter_mut().zip(shared).zip(places) {
        let Some((_, grad_theta)) = answer else { continue };
        let shared = shared.iter().enumerate();
        for (i, d) in shared.filter(|(i, _)| own.binary_search(i).is_err()) {
            // Of those that are shared, any experiment says where they come from.
            let params = &objectives[&place.data].problem.experiments[0].params;
            if let Some(Source::Theta(j)) = params.get(i) {
                grad_theta[*j] += d;
            }
        }
        if !all_finite(grad_theta) {
            *answer = None;
        }
    }
    answers
}

/// The parameters that trajectories have of their own: those that differ between experiments, and between
/// places if there are several.
fn own_params(problem: &Problem, alone: bool) -> Vec<usize> {
    let first = &problem.experiments[0].params;
    let is_own = |i: &usize| {
        let moves = matches!(first[*i], Source::Theta(_));
        (moves && !alone) || problem.experiments.iter().any(|e| e.params[*i] != first[*i])
    };
    (0..first.len()).filter(is_own).collect()
}
