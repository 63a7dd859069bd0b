//! One model at many values of its parameters and initial states.

use crate::types::{Column, ColumnKind, SimulateRequest, Slice, SolveStats};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Solves a model for all combinations of values, for the rows of a table, or for each row with each
/// combination.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
pub struct ScanRequest {
    /// What is the same for all: model, times, method, accuracy. Without times, the end only, unless
    /// `numbers` says otherwise.
    pub simulate: SimulateRequest,
    /// Values to combine; the last axis changes from trajectory to trajectory.
    pub axes: Vec<ScanAxis>,
    /// So many trajectories with values of chance between the ends of the axes, whose counts do not
    /// matter, in the place of all combinations. The seed of `simulate` says which.
    pub random: Option<u32>,
    /// Where no times are given: 201 of them from start to end, or as many as make no more numbers than
    /// this, at least both ends.
    pub numbers: Option<u32>,
    /// File of a table with a row for each trajectory; columns that are named as parameters or states are
    /// taken.
    pub table: Option<String>,
    /// `auto` (the default), `cpu`, `gpu` or a part of a card's name.
    pub device: Option<String>,
}

/// Values of one parameter or initial state.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
pub struct ScanAxis {
    /// Its name.
    pub name: String,
    /// First value.
    pub from: f64,
    /// Last value.
    pub to: f64,
    /// Number of values, both ends included.
    pub count: u32,
    /// Equal ratios instead of equal distances.
    pub log: bool,
}

/// Many trajectories.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Scan {
    /// Number of trajectories.
    pub count: u32,
    /// What they have of their own: a value for each.
    pub points: Vec<ScanColumn>,
    /// Times, the same for all.
    pub times: Slice,
    /// States, then lets, then observations: trajectory by trajectory a value for each time, NaN where it
    /// did not get to.
    pub columns: Vec<Column>,
    /// Number of trajectories that failed.
    pub failed: u32,
    /// The first of them.
    pub failures: Vec<ScanFailure>,
    /// The device: `processor`, or the name of a card.
    pub device: String,
    /// Number of trajectories that a card computed, in single precision.
    pub on_card: u32,
    /// Which device and why, and what else happened, in sentences without a full stop.
    pub notes: Vec<String>,
    /// What all of them cost.
    pub stats: SolveStats,
}

impl Scan {
    /// Names and columns of all numbers, of as many rows as there are trajectories times times: what each
    /// trajectory has of its own (an initial value as `start(x)`), the time under its name, then states,
    /// named expressions, observations. `block` is what came with this.
    #[must_use]
    pub fn table(&self, time: &str, block: &[f64]) -> (Vec<String>, Vec<Vec<f64>>) {
        let times = self.times.of(block);
        let mut names = Vec::new();
        let mut columns: Vec<Vec<f64>> = Vec::new();
        for point in &self.points {
            names.push(match point.initial {
                true => format!("start({})", point.name),
                false => point.name.clone(),
            });
            let each = point.values.of(block).iter();
            columns.push(each.flat_map(|x| std::iter::repeat_n(*x, times.len())).collect());
        }
        names.push(time.to_owned());
        columns.push(times.repeat(self.count as usize));
        for kind in [ColumnKind::State, ColumnKind::Let, ColumnKind::Observation] {
            for column in self.columns.iter().filter(|c| c.kind == kind) {
                names.push(column.name.clone());
                columns.push(column.values.of(block).to_vec());
            }
        }
        (names, columns)
    }
}

/// What pictures of many trajectories show. The numbers themselves stay where they were computed, until
/// another scan or another project takes their place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ScanOverview {
    /// Number of trajectories.
    pub count: u32,
    /// What they have of their own: a value for each.
    pub points: Vec<ScanColumn>,
    /// Times, the same for all.
    pub times: Slice,
    /// States, then lets, then observations.
    pub columns: Vec<ScanQuantity>,
    /// Numbers of the trajectories whose curves are given, evenly from all, ascending.
    pub shown: Vec<u32>,
    /// Number of trajectories that failed.
    pub failed: u32,
    /// The first of them.
    pub failures: Vec<ScanFailure>,
    /// The device: `processor`, or the name of a card.
    pub device: String,
    /// Number of trajectories that a card computed, in single precision.
    pub on_card: u32,
    /// Which device and why, and what else happened, in sentences without a full stop.
    pub notes: Vec<String>,
    /// What all of them cost.
    pub stats: SolveStats,
}

/// A state, named expression or observation of many trajectories.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ScanQuantity {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ColumnKind,
    /// Values below which 5, 25, 50, 75 and 95 of 100 trajectories are: for each time one, of those that
    /// got there.
    pub quantiles: [Slice; 5],
    /// Of each trajectory the value at the last time, NaN where it did not get there.
    pub last: Slice,
    /// Of each trajectory the least value at all times.
    pub least: Slice,
    /// Of each trajectory the greatest.
    pub greatest: Slice,
    /// Values at all times of the trajectories that are shown, one after the other.
    pub curves: Slice,
}

/// Values of a parameter or initial state, one for each trajectory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ScanColumn {
    /// Its name.
    pub name: String,
    /// It is the initial value of a state.
    pub initial: bool,
    /// Values.
    pub values: Slice,
}

/// A trajectory that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ScanFailure {
    /// Its number, from 0.
    pub index: u32,
    /// Why.
    pub message: String,
}
