//! One model at many values of its parameters and initial states.

use crate::types::{Column, SimulateRequest, Slice, SolveStats};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Solves a model for all combinations of values, for the rows of a table, or for each row with each
/// combination.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields, default)]
pub struct ScanRequest {
    /// What is the same for all: model, times, method, accuracy. Without times, the end only.
    pub simulate: SimulateRequest,
    /// Values to combine; the last axis changes from trajectory to trajectory.
    pub axes: Vec<ScanAxis>,
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
