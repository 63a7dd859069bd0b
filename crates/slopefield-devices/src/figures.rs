//! What was measured of cards, kept in a small file of the user. It is a convenience: when it cannot be
//! read or written, the card is measured again.

use crate::{CardInfo, GradientWork, Method, Work, processor};
use serde::{Deserialize, Serialize};
use slopefield_graph::plan::Plan;
use std::path::Path;

/// Figures that are kept; the oldest go first.
const KEPT: usize = 200;

/// What the cost of a model depends on: sizes, rounded up to powers of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Size {
    states: usize,
    instructions: usize,
    own: usize,
    saves: usize,
    /// In double precision.
    #[serde(default)]
    fine: bool,
    /// Trajectories of a gradient; 0 where it is states that cost.
    #[serde(default)]
    differentiated: usize,
    /// Steps need the solution of linear systems.
    #[serde(default)]
    implicit: bool,
    /// Numbers that loops and matrices touch; 0 where there are none.
    #[serde(default)]
    in_loops: usize,
}

/// Numbers that the loops and matrices of a plan touch, rounded up to a power of two: an instruction may
/// be one addition or the product with a matrix.
fn in_loops(plans: &[&Plan]) -> usize {
    let instructions = plans.iter().flat_map(|plan| plan.code.iter().map(move |i| (plan, i)));
    let runs = instructions.flat_map(|(plan, instruction)| plan.runs(instruction));
    let sum: usize = runs.map(|run| run.elements.len()).filter(|len| *len > 1).sum();
    if sum == 0 { 0 } else { sum.next_power_of_two() }
}

impl Size {
    pub(crate) fn of(work: &Work<'_>) -> Size {
        Size {
            states: work.states().next_power_of_two(),
            instructions: work.model.rhs.eval.code.len().next_power_of_two(),
            own: work.rhs.own_params().len().next_power_of_two(),
            saves: work.saves.len().next_power_of_two(),
            fine: work.is_fine(),
            differentiated: 0,
            implicit: matches!(work.method, Method::Rosenbrock(..)),
            in_loops: in_loops(&[&work.model.rhs.eval]),
        }
    }

    /// Rounds of gradients have few trajectories, so their number counts: a card that is not full costs
    /// the same for more.
    pub(crate) fn of_gradient(work: &GradientWork<'_>) -> Size {
        let plans = &work.model.rhs;
        Size {
            states: work.states().next_power_of_two(),
            instructions: (plans.eval.code.len() + plans.vjp.code.len()).next_power_of_two(),
            own: work.own_params.len().next_power_of_two(),
            saves: work.saves.len().next_power_of_two(),
            fine: false,
            differentiated: work.count.next_power_of_two(),
            implicit: false,
            in_loops: in_loops(&[&plans.eval, &plans.vjp]),
        }
    }
}

/// What a card costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cost {
    /// Seconds from the model to the first step: the program is compiled, memory is taken.
    pub start_s: f64,
    /// Seconds for each attempt at a step of one of many trajectories.
    pub step_s: f64,
}

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Figure {
    /// Processor and number of cores: home folders are shared between machines.
    machine: String,
    card: String,
    driver: String,
    size: Size,
    cost: Cost,
}

fn machine() -> String {
    let here = processor();
    format!("{}, {} cores", here.name, here.cores)
}

fn read(file: &Path) -> Vec<Figure> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let figures: Vec<Figure> = serde_json::from_str(&text).unwrap_or_default();
    let sound = |f: &Figure| [f.cost.start_s, f.cost.step_s].iter().all(|s| *s >= 0.0);
    figures.into_iter().filter(sound).collect()
}

impl Figure {
    fn is_of(&self, machine: &str, card: &CardInfo, size: Size) -> bool {
        self.machine == machine
            && self.card == card.name
            && self.driver == card.driver
            && self.size == size
    }
}

/// The cost that was measured on this machine, of this card with this driver, for models of this size.
pub(crate) fn known(file: Option<&Path>, card: &CardInfo, size: Size) -> Option<Cost> {
    let machine = machine();
    read(file?).iter().find(|f| f.is_of(&machine, card, size)).map(|f| f.cost)
}

/// Keeps what was measured.
pub(crate) fn keep(file: Option<&Path>, card: &CardInfo, size: Size, cost: Cost) {
    let Some(file) = file else { return };
    let machine = machine();
    let mut all = read(file);
    all.retain(|f| !f.is_of(&machine, card, size));
    let (card, driver) = (card.name.clone(), card.driver.clone());
    all.push(Figure { machine, card, driver, size, cost });
    let first = all.len().saturating_sub(KEPT);
    let stored = || -> std::io::Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let beside = file.with_extension(format!("{}.new", std::process::id()));
        std::fs::write(&beside, serde_json::to_vec_pretty(&all[first..])?)?;
        std::fs::rename(beside, file)
    };
    if let Err(e) = stored() {
        eprintln!("what was measured of the graphics card could not be written: {e}");
    }
}
