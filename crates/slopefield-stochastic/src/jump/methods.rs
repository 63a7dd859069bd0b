//! The methods for jump processes by name.

use super::{PureJump, Selection, TauLeaping};
use crate::methods::{MethodInfo, Process};

pub(crate) static METHODS: [MethodInfo; 4] = [
    MethodInfo {
        id: "direct",
        name: "Direct (Gillespie)",
        process: Process::Jumps,
        strong_order: f64::INFINITY,
        weak_order: f64::INFINITY,
        dense_order: f64::INFINITY,
        advice: "Exact; the first choice for up to about ten kinds of jumps.",
        reference: "10.1021/j100540a008",
        build: || Box::new(PureJump::new(Selection::Direct)),
        single: || Box::new(PureJump::new(Selection::Direct)),
    },
    MethodInfo {
        id: "sorting-direct",
        name: "Sorting direct",
        process: Process::Jumps,
        strong_order: f64::INFINITY,
        weak_order: f64::INFINITY,
        dense_order: f64::INFINITY,
        advice: "Exact; for more kinds of jumps, some of them much more frequent than others.",
        reference: "10.1016/j.compbiolchem.2005.10.007",
        build: || Box::new(PureJump::new(Selection::SortingDirect)),
        single: || Box::new(PureJump::new(Selection::SortingDirect)),
    },
    MethodInfo {
        id: "next-reaction",
        name: "Next reaction (Gibson–Bruck)",
        process: Process::Jumps,
        strong_order: f64::INFINITY,
        weak_order: f64::INFINITY,
        dense_order: f64::INFINITY,
        advice: "Exact; for many kinds of jumps that alter few rates each.",
        reference: "10.1021/jp993732q",
        build: || Box::new(PureJump::new(Selection::NextReaction)),
        single: || Box::new(PureJump::new(Selection::NextReaction)),
    },
    MethodInfo {
        id: "tau-leaping",
        name: "Tau leaping",
        process: Process::Jumps,
        strong_order: 0.5,
        weak_order: 1.0,
        dense_order: 0.0,
        advice: "Approximate; for large numbers, where single jumps would be too many.",
        reference: "10.1063/1.2159468",
        build: || Box::new(TauLeaping::new()),
        single: || Box::new(TauLeaping::new()),
    },
];
