//! Reactions as other kinds of system: random jumps, or noise.
//!
//! A checked model has its reactions as terms of ordinary equations. The same reactions can be run
//! one by one as random events (D. T. Gillespie, *J. Phys. Chem.* 81 (1977) 2340,
//! doi:10.1021/j100540a008), or with the noise that approximates many of them, the chemical
//! Langevin equation (D. T. Gillespie, *J. Chem. Phys.* 113 (2000) 297, doi:10.1063/1.481811).

use crate::derivative::number;
use crate::model::{Binary, Expr, ExprKind, Jump, Model, StateId, Unary, Wiener};

/// How reactions are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReactionMode {
    /// As terms of ordinary differential equations.
    #[default]
    Ode,
    /// With noise of the size that their randomness has: a stochastic differential equation.
    Langevin,
    /// As random jumps by whole numbers.
    Jumps,
}

impl Model {
    /// The model with its reactions run in another way. A model without reactions stays as it is.
    #[must_use]
    pub fn with_reactions(mut self, mode: ReactionMode) -> Model {
        let reactions = std::mem::take(&mut self.reactions);
        if reactions.is_empty() {
            return self;
        }
        match mode {
            ReactionMode::Ode => {}
            ReactionMode::Langevin => {
                for reaction in &reactions {
                    let source = self.noises.len() as u32;
                    self.noises.push(Wiener {
                        name: reaction.name.clone(),
                        stratonovich: false,
                        span: reaction.span,
                    });
                    for (state, count) in &reaction.change {
                        let span = reaction.rate.span;
                        let positive = Expr::unary(Unary::Relu, reaction.rate.clone(), span);
                        let root = Expr::unary(Unary::Sqrt, positive, span);
                        let value = Expr::binary(Binary::Mul, number(*count, span), root, span);
                        self.states[state.0 as usize].noise.push((source, value));
                    }
                }
            }
            ReactionMode::Jumps => {
                for reaction in &reactions {
                    let species = reaction.change.iter().map(|(state, _)| state);
                    for state in species {
                        let state = &mut self.states[state.0 as usize];
                        let none = number(0.0, state.derivative.span);
                        state.derivative = state.besides_reactions.clone().unwrap_or(none);
                    }
                    self.jumps.push(Jump {
                        rate: reaction.rate.clone(),
                        bound: None,
                        assignments: reaction
                            .change
                            .iter()
                            .map(|(state, count)| (*state, shifted(*state, *count, &reaction.rate)))
                            .collect(),
                        span: reaction.span,
                    });
                }
            }
        }
        self.reactions = reactions;
        if mode != ReactionMode::Ode {
            self.class = crate::check::classification(&self, None);
        }
        self
    }
}

/// `x + count`.
fn shifted(state: StateId, count: f64, like: &Expr) -> Expr {
    let old = Expr { kind: ExprKind::State(state), span: like.span };
    Expr::binary(Binary::Add, old, number(count, like.span), like.span)
}
