//! Coefficients of the stochastic Runge–Kutta methods, for those who take or reverse their steps
//! themselves.

pub use crate::sde::{
    Dri1Table, SOSRA, SOSRI, SRA1, SRIW1, STAGES, SraTable, SriTable, dri1_table,
};
