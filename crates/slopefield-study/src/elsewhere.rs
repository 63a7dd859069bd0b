//! Training with gradients from a graphics card.

use crate::Prepared;
use slopefield_devices::{
    GradientWork, Gradients, Site, Training, Wanted, candidate, with_gradients,
};
use slopefield_ensemble::Values;
use slopefield_graph::LoweredModel;
use slopefield_solve::Tableau;
use slopefield_train::{
    Elsewhere, Lender, Objective, Trajectories, TrajectoryGradients, TrajectoryLoss,
};

/// Trajectories of a round for which `auto` looks for a card: fewer leave any card idle.
const LEAST: usize = 32;
/// Rounds of refits from a fit to data of their own, about: they begin near their minimum.
const REFIT_ROUNDS: u64 = 15;

/// What lends a study's training a graphics card.
pub struct OnDevice<'a> {
    model: &'a LoweredModel,
    method: &'static Tableau,
    wanted: Wanted,
    site: Site<'a>,
    rounds: u64,
}

/// Whether a training goes on the processor alone, and what there is to tell of that.
pub enum Where<'a> {
    /// It does; why, where a card was asked for.
    Processor(Option<String>),
    /// A card may compute gradients in all stages but the last fit of [`slopefield_train::Recipe::for_elsewhere`].
    Device(Box<OnDevice<'a>>),
}

impl<'a> OnDevice<'a> {
    /// Where a study is trained whose objective is this one.
    #[must_use]
    pub fn choose(prepared: &'a Prepared, objective: &Objective, site: Site<'a>) -> Where<'a> {
        let starts = prepared.many.map_or(1, |many| many.starts as usize);
        Self::trainings(prepared, objective, site, starts)
    }

    /// Where so many trainings of a study with its recipe go on side by side.
    #[must_use]
    pub fn trainings(
        prepared: &'a Prepared,
        objective: &Objective,
        site: Site<'a>,
        count: usize,
    ) -> Where<'a> {
        let recipe = prepared.recipe.clone().for_elsewhere();
        let hindered = (!recipe.has_coarse_stages()).then_some(
            "the recipe has no stage that goes by gradients alone before the one that finishes",
        );
        Self::of(prepared, objective, site, count, (recipe.iterations(), hindered))
    }

    /// Where so many fits go on side by side, each from the fit of a study to data of its own.
    #[must_use]
    pub fn refits(
        prepared: &'a Prepared,
        objective: &Objective,
        site: Site<'a>,
        count: usize,
    ) -> Where<'a> {
        Self::of(prepared, objective, site, count, (REFIT_ROUNDS, None))
    }

    fn of(
        prepared: &'a Prepared,
        objective: &Objective,
        site: Site<'a>,
        count: usize,
        (rounds, hindered): (u64, Option<&str>),
    ) -> Where<'a> {
        let wanted = Wanted::of(&prepared.file.training.device);
        let asked = matches!(wanted, Wanted::Card | Wanted::Named(_));
        let processor = |why: String| {
            Where::Processor(asked.then(|| format!("the processor computes the gradients: {why}")))
        };
        let round = count * prepared.problem.experiments.len();
        if wanted == Wanted::Processor || (!asked && round < LEAST) {
            return Where::Processor(None);
        }
        if let Some(why) = hindered {
            return processor(why.into());
        }
        if let Some(why) = objective.hindered_elsewhere() {
            return processor(format!("{why}, which cards give no gradients of"));
        }
        let method = match method(&prepared.solver.0) {
            Ok(method) => method,
            Err(why) => return processor(why),
        };
        if let Err(why) = candidate(site.cards, &wanted) {
            return processor(why);
        }
        // Fits share their rounds.
        let (model, rounds) = (&prepared.model.lowered, rounds.max(1));
        Where::Device(Box::new(OnDevice { model, method, wanted, site, rounds }))
    }
}

impl<'a> Where<'a> {
    /// What lends a card, where one may compute, and what there is to tell where it does not.
    #[must_use]
    pub fn lender(&self) -> (Option<&(dyn Lender + 'a)>, Option<&str>) {
        match self {
            Where::Device(device) => (Some(&**device), None),
            Where::Processor(why) => (None, why.as_deref()),
        }
    }
}

/// The method that a card takes for the study's.
fn method(solver: &str) -> Result<&'static Tableau, String> {
    let reversible = |table: &&Tableau| table.fsal && table.extra.a.is_empty();
    match slopefield_solve::tableau(solver) {
        Some(own) if reversible(&own) => Ok(own),
        // Before the last stage the steps of another explicit method are as good.
        Some(_) => slopefield_solve::tableau("tsit5").ok_or_else(|| "there is no tsit5".into()),
        None => Err(format!("{solver} has no gradients on cards; tsit5, dp5 and bs3 have")),
    }
}

impl Lender for OnDevice<'_> {
    fn lend(&self, work: &mut dyn FnMut(&mut dyn Elsewhere)) {
        let OnDevice { model, method, wanted, site, rounds } = self;
        let training = Training { wanted, site: *site, rounds: *rounds };
        with_gradients(training, |gradients| work(&mut Lent { model, method, gradients }));
    }
}

struct Lent<'a, 'g> {
    model: &'a LoweredModel,
    method: &'static Tableau,
    gradients: &'a mut Gradients<'g>,
}

impl Elsewhere for Lent<'_, '_> {
    fn wants_time(&self) -> bool {
        self.gradients.wants_time()
    }

    fn gradients(
        &mut self,
        trajectories: &Trajectories<'_>,
        loss: &mut TrajectoryLoss<'_>,
    ) -> Option<TrajectoryGradients> {
        let Trajectories { t0, t1, count, u0, shared, own, own_values, settings, saves, .. } =
            *trajectories;
        let work = GradientWork {
            model: self.model,
            own_params: own,
            t0,
            t1,
            count,
            u0: Values::Each(u0),
            shared,
            own: Values::Each(own_values),
            method: self.method,
            settings,
            saves,
        };
        let found = self.gradients.round(&work, trajectories.processor, loss)?;
        Some(TrajectoryGradients {
            by_u0: found.by_u0,
            by_own: found.by_own,
            by_shared: found.by_shared,
            failed: found.trajectories.iter().map(Result::is_err).collect(),
        })
    }

    fn news(&mut self) -> Vec<String> {
        self.gradients.sentences()
    }
}
