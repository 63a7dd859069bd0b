//! The equations of a network.

use super::Network;
use crate::function::Function;
use crate::number::Number;
use crate::system::Equations;
use slopefield_kernel::Shape;

/// The rates of change of all species by mass action.
#[derive(Debug, Clone)]
pub(crate) struct MassAction {
    params: usize,
    /// For each reaction its factor, the parameters of its rate and its reactants.
    reactions: Vec<(f64, Vec<u32>, Vec<u32>)>,
    /// For each species the reactions that change it, and by how much.
    terms: Vec<Vec<(u32, f64)>>,
}

impl MassAction {
    pub fn new(network: &Network) -> MassAction {
        let mut terms = vec![Vec::new(); network.species.len()];
        for (r, reaction) in network.reactions.iter().enumerate() {
            for (i, by) in reaction.changes() {
                terms[i as usize].push((r as u32, by));
            }
        }
        let reactions = network.reactions.iter().map(|reaction| {
            let rate = &network.rates[reaction.rate as usize];
            (reaction.factor * rate.factor, rate.params.clone(), reaction.reactants.clone())
        });
        MassAction { params: network.params.len(), reactions: reactions.collect(), terms }
    }
}

impl Function for MassAction {
    fn shape(&self) -> Shape {
        let states = self.terms.len();
        Shape { states, params: self.params, outputs: states }
    }

    fn eval<N: Number>(
        &self,
        _: N,
        u: impl Fn(usize) -> N,
        p: impl Fn(usize) -> N,
        mut out: impl FnMut(usize, N),
    ) {
        // Each rate once: a reaction changes several species.
        let rate = |(factor, params, reactants): &(f64, Vec<u32>, Vec<u32>)| {
            let constant = params.iter().map(|j| p(*j as usize)).fold(N::of(*factor), Mul::mul);
            reactants.iter().map(|i| u(*i as usize)).fold(constant, Mul::mul)
        };
        let rates: Vec<N> = self.reactions.iter().map(rate).collect();
        for (i, terms) in self.terms.iter().enumerate() {
            let changes = terms.iter().map(|(r, by)| rates[*r as usize] * *by);
            out(i, changes.fold(N::of(0.0), Add::add));
        }
    }
}

use std::ops::{Add, Mul};

impl Equations for MassAction {}
