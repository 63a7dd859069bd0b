//! Gradients of many trajectories, round after round, on a card while that goes well. What a card does not
//! compute is left to whoever asks: training has gradients of its own for the processor.

use crate::choice::{attempts, best, guarded_find, seconds};
use crate::figures::{self, Cost, Size};
use crate::solve::{Site, guarded};
use crate::work::SINGLE;
use crate::{Card, CardError, CardInfo, CardLoss, Differentiated, GradientCardProgram, Wanted};
use slopefield_ensemble::Values;
use slopefield_graph::LoweredModel;
use slopefield_solve::{Settings, Tableau};
use std::cell::OnceCell;
use std::time::Instant;

/// Trajectories that do not fit into the memory of a card are halved down to this.
const LEAST_PORTION: usize = 64;
/// Rounds in which the processor is so quick that nothing is worth choosing, until it is left to it.
const QUICK_ROUNDS: u32 = 8;

/// Trajectories of one model whose losses are differentiated.
#[derive(Clone, Copy)]
pub struct GradientWork<'a> {
    /// The model.
    pub model: &'a LoweredModel,
    /// The parameters that trajectories have of their own, ascending.
    pub own_params: &'a [usize],
    /// Start time.
    pub t0: f64,
    /// End time, after or before the start.
    pub t1: f64,
    /// Number of trajectories.
    pub count: usize,
    /// Initial states.
    pub u0: Values<'a>,
    /// All parameters once; a trajectory's own are not read.
    pub shared: &'a [f64],
    /// The values of [`GradientWork::own_params`].
    pub own: Values<'a>,
    /// The method.
    pub method: &'static Tableau,
    /// Tolerances, bounds, budget of each trajectory, cancellation.
    pub settings: &'a Settings,
    /// Times at which the loss looks at states.
    pub saves: &'a [f64],
}

impl<'a> GradientWork<'a> {
    /// Number of states.
    #[must_use]
    pub fn states(&self) -> usize {
        self.model.rhs.eval.shape.states
    }

    /// The trajectories `from .. from + count`.
    #[must_use]
    pub fn portion(&self, from: usize, count: usize) -> GradientWork<'a> {
        let (n, own) = (self.states(), self.own_params.len());
        GradientWork {
            count,
            u0: crate::work::cut(self.u0, n, from, count),
            own: crate::work::cut(self.own, own, from, count),
            ..*self
        }
    }
}

/// What is known before the first round.
#[derive(Clone, Copy)]
pub struct Training<'a> {
    /// The device that was asked for.
    pub wanted: &'a Wanted,
    /// Cards, and what is known of them.
    pub site: Site<'a>,
    /// Rounds that are expected, for what it costs to begin.
    pub rounds: u64,
}

enum State {
    /// Nothing is chosen yet.
    Open {
        quick: u32,
    },
    Card,
    /// Nothing is asked of a card any more.
    Processor,
}

/// The device of a training. It is opened when it is first needed.
pub struct Gradients<'a> {
    training: Training<'a>,
    card: &'a OnceCell<Box<dyn Card>>,
    /// With the parameters that trajectories have of their own.
    program: Option<(Vec<usize>, Box<dyn GradientCardProgram + 'a>)>,
    state: State,
    told: Vec<String>,
    /// Trajectories that a card differentiated.
    on_card: u64,
}

/// Runs `work` with the device of a training.
pub fn with_gradients<T>(training: Training<'_>, work: impl FnOnce(&mut Gradients<'_>) -> T) -> T {
    let card = OnceCell::new();
    let state = match training.wanted {
        Wanted::Processor => State::Processor,
        _ => State::Open { quick: 0 },
    };
    work(&mut Gradients {
        training,
        card: &card,
        program: None,
        state,
        told: Vec::new(),
        on_card: 0,
    })
}

impl Gradients<'_> {
    /// Whether the next round is chosen by what the processor takes for it.
    #[must_use]
    pub fn wants_time(&self) -> bool {
        matches!((&self.state, self.training.wanted), (State::Open { .. }, Wanted::Auto))
    }

    /// Trajectories that a card has differentiated so far.
    #[must_use]
    pub fn on_card(&self) -> u64 {
        self.on_card
    }

    /// What was chosen and why, and what else happened since the last call: sentences without a full stop.
    pub fn sentences(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }

    /// The derivatives of the losses of one round; none where the processor is to compute them.
    /// `processor` is what it takes there: seconds for all of them, and steps tried.
    ///
    /// Tolerances that are finer than a card can hold are made as coarse as it can. The loss may be asked
    /// for again.
    pub fn round(
        &mut self,
        work: &GradientWork<'_>,
        processor: Option<(f64, f64)>,
        loss: &mut CardLoss<'_>,
    ) -> Option<Differentiated> {
        if work.count == 0 || interrupted(work) {
            return None;
        }
        match self.state {
            State::Processor => None,
            State::Card => self.on_card_or_never(work, loss),
            State::Open { .. } if self.wants_time() => self.auto(work, processor?, loss),
            State::Open { .. } => {
                let name = match self.training.wanted {
                    Wanted::Named(name) => Some(name.clone()),
                    _ => None,
                };
                match self.open(name.as_deref()) {
                    Ok(info) => {
                        self.state = State::Card;
                        if let Err(e) = self.prepare(work) {
                            self.instead(&e);
                            return None;
                        }
                        let (name, digits) = (&info.name, self.in_single_precision(work, &info));
                        self.told.push(format!("{name}, as asked for, computes {digits}"));
                        self.on_card_or_never(work, loss)
                    }
                    Err(e) => {
                        self.never(format!("the processor, because no card can be used: {e}"));
                        None
                    }
                }
            }
        }
    }

    fn never(&mut self, sentence: String) {
        self.told.push(sentence);
        self.program = None;
        self.state = State::Processor;
    }

    fn open(&mut self, name: Option<&str>) -> Result<CardInfo, CardError> {
        if self.card.get().is_none() {
            let card = guarded(|| self.training.site.cards.open(name))?;
            let _ = self.card.set(card);
        }
        let gone = || CardError::Failed("the card is not there any more".into());
        self.card.get().map(|card| card.info().clone()).ok_or_else(gone)
    }

    fn auto(
        &mut self,
        work: &GradientWork<'_>,
        (here_s, steps): (f64, f64),
        loss: &mut CardLoss<'_>,
    ) -> Option<Differentiated> {
        let Training { site, rounds, .. } = self.training;
        let (rounds, all_here) = (rounds.max(1) as f64, here_s * rounds.max(1) as f64);
        if all_here < site.quick_s {
            // Spans may grow.
            if let State::Open { quick } = &mut self.state {
                *quick += 1;
                if *quick >= QUICK_ROUNDS {
                    let took = seconds(all_here);
                    self.never(format!("the processor: all gradients take about {took} there"));
                }
            }
            return None;
        }
        let found = guarded_find(site.cards);
        let info = match best(&found.cards, found.none_because.as_deref()) {
            Ok(info) => info.clone(),
            Err(why) => {
                self.never(format!("the processor: {why}"));
                return None;
            }
        };
        let size = Size::of_gradient(work);
        let known = figures::known(site.figures, &info, size);
        let told = |cost: Cost| {
            let there_s = cost.step_s * steps;
            let better = cost.start_s + rounds * there_s < all_here;
            (better, seconds(there_s), seconds(here_s))
        };
        if let Some((false, there, here)) = known.map(told) {
            let name = &info.name;
            self.never(format!(
                "the processor: all gradients of a round take about {here}, and {name} would take {there}"
            ));
            return None;
        }
        if let Err(e) = self.open(Some(&info.name)) {
            self.never(format!("the processor: {e}"));
            return None;
        }
        if let Err(e) = self.prepare(work) {
            self.instead(&e);
            return None;
        }
        let (name, digits) = (&info.name, self.in_single_precision(work, &info));
        if known.is_some() {
            let (_, there, here) = known.map(told)?;
            self.told.push(format!(
                "{name}, which takes about {there} for the gradients of a round (the processor would take \
                 {here}), computes {digits}"
            ));
            self.state = State::Card;
            return self.on_card_or_never(work, loss);
        }
        // The first run pays for what the second does not: memory, caches of the driver.
        let began = Instant::now();
        self.on_card_or_never(work, loss)?;
        let start_s = began.elapsed().as_secs_f64();
        let began = Instant::now();
        let result = self.on_card_or_never(work, loss)?;
        let round_s = began.elapsed().as_secs_f64();
        let tried = attempts(&result.trajectories).max(1) as f64;
        let cost = Cost { start_s: (start_s - round_s).max(0.0), step_s: round_s / tried };
        figures::keep(site.figures, &info, size, cost);
        let (better, _, here) = told(cost);
        let there = seconds(round_s);
        if better {
            self.told.push(format!(
                "{name}, which takes {there} for the gradients of a round (the processor would take {here}), \
                 computes {digits}"
            ));
            self.state = State::Card;
        } else {
            self.never(format!(
                "the processor: all gradients of a round take about {here}, and {name} took {there}"
            ));
        }
        Some(result)
    }

    /// What the card computes, how, and how finely.
    fn in_single_precision(&self, work: &GradientWork<'_>, card: &CardInfo) -> String {
        let rtol = work.settings.rtol.max(finest(card));
        let because = self.program.as_ref().and_then(|(_, program)| program.batched_because());
        let how = because.map_or_else(String::new, |why| format!(" by batched solves ({why})"));
        format!(
            "the gradients of all stages but the last fit{how}, in single precision at a relative \
             tolerance of {rtol:e}; the processor finishes in double precision, and its loss is the one \
             that counts"
        )
    }

    /// A round on the card; whatever hinders it hinders all that come.
    fn on_card_or_never(
        &mut self,
        work: &GradientWork<'_>,
        loss: &mut CardLoss<'_>,
    ) -> Option<Differentiated> {
        match self.round_on_card(work, loss) {
            Ok(done) => {
                self.on_card += work.count as u64;
                Some(done)
            }
            // Of what was stopped nobody asks where.
            Err(_) if interrupted(work) => None,
            Err(e) => {
                self.instead(&e);
                None
            }
        }
    }

    /// Leaves everything to the processor from now on.
    fn instead(&mut self, why: &CardError) {
        self.never(match self.on_card {
            0 => format!("the processor computes the gradients instead: {why}"),
            n => format!("after {n} gradients {why}; the processor goes on"),
        });
    }

    /// Makes the program for trajectories like those of `work`, where there is none yet.
    fn prepare(&mut self, work: &GradientWork<'_>) -> Result<(), CardError> {
        let Some(card) = self.card.get() else {
            return Err(CardError::Missing("no card is open".into()));
        };
        if self.program.as_ref().is_none_or(|(own, _)| own != work.own_params) {
            let program = guarded(|| card.gradient_program(work))?;
            self.program = Some((work.own_params.to_vec(), program));
        }
        Ok(())
    }

    fn round_on_card(
        &mut self,
        work: &GradientWork<'_>,
        loss: &mut CardLoss<'_>,
    ) -> Result<Differentiated, CardError> {
        let Some(card) = self.card.get() else {
            return Err(CardError::Missing("no card is open".into()));
        };
        let settings = as_coarse_as(work.settings, finest(card.info()));
        let work = GradientWork { settings: &settings, ..*work };
        self.prepare(&work)?;
        let Some((_, program)) = &self.program else {
            return Err(CardError::Missing("there is no program".into()));
        };
        let mut all = Differentiated::default();
        let mut most = work.count;
        let mut from = 0;
        while from < work.count {
            let count = most.min(work.count - from);
            let mut of_portion =
                |k: usize, states: &[f64], by: &mut [f64]| loss(from + k, states, by);
            let portion = work.portion(from, count);
            match guarded(|| program.gradients(&portion, &mut of_portion)) {
                Ok(part) if part.trajectories.len() == count => all.append(part),
                Ok(part) => {
                    let got = part.trajectories.len();
                    let what = format!("the card answered for {got} of {count} only");
                    return Err(CardError::Failed(what));
                }
                Err(CardError::Memory(_)) if count > LEAST_PORTION => {
                    most = count.div_ceil(2);
                    continue;
                }
                Err(e) => return Err(e),
            }
            from += count;
        }
        Ok(all)
    }
}

impl Differentiated {
    fn append(&mut self, part: Differentiated) {
        self.trajectories.extend(part.trajectories);
        self.by_u0.extend(part.by_u0);
        self.by_own.extend(part.by_own);
        self.by_shared.resize(part.by_shared.len(), 0.0);
        self.by_shared.iter_mut().zip(part.by_shared).for_each(|(sum, d)| *sum += d);
    }
}

fn interrupted(work: &GradientWork<'_>) -> bool {
    work.settings.interruption(work.t0).is_some()
}

/// The finest relative tolerance of gradients on a card: they are in single precision, even where a card
/// has double precision, because a fit on the processor follows.
fn finest(card: &CardInfo) -> f64 {
    card.finest.max(SINGLE)
}

/// Settings whose tolerances a card can hold; absolute ones grow with the relative one.
fn as_coarse_as(settings: &Settings, finest: f64) -> Settings {
    let mut coarse = settings.clone();
    if settings.rtol < finest {
        let factor = finest / settings.rtol;
        coarse.rtol = finest;
        coarse.atol.iter_mut().for_each(|atol| *atol *= factor);
    }
    coarse
}
