//! Delay differential equations: the test set of Enright and Hayashi and others.
//!
//! W. H. Enright, H. Hayashi, *The evaluation of numerical software for delay differential
//! equations*, in: R. Boisvert (ed.), The Quality of Numerical Software, Chapman & Hall 1997,
//! doi:10.1007/978-1-5041-2940-4_12. Errors of public copies of the set are not repeated: E2 reads
//! `u'(t − 0.42)`, its second history rises, C4 has γ = 0.1, C2 goes to t = 40, F1 to t = 1.

mod chemistry;
mod constant;
mod immunity;
mod neutral;
mod state_dependent;

pub use chemistry::{delay_oregonator, quorum_sensing};
pub use constant::{
    delay_logistic, delay_lotka_volterra, delay_robertson, granulopoiesis, mackey_glass, unit_delay,
};
pub use immunity::{waltman, waltman_late};
pub use neutral::{
    ddetst_e1, ddetst_e2, ddetst_f1, ddetst_f2, ddetst_f3, ddetst_f4, ddetst_f5, ddetst_g1,
    ddetst_g2, ddetst_h1, ddetst_h2, ddetst_h3, ddetst_h4,
};
pub use state_dependent::{
    ddetst_b1, ddetst_b2, ddetst_c1, ddetst_c2, ddetst_c3, ddetst_c4, ddetst_d1, ddetst_d2, neves,
};

use crate::Problem;

/// All of them.
pub fn delays() -> Vec<Problem> {
    vec![
        mackey_glass(),
        granulopoiesis(),
        unit_delay(),
        delay_logistic(),
        delay_lotka_volterra(),
        delay_robertson(),
        delay_oregonator(),
        quorum_sensing(),
        waltman(),
        waltman_late(),
        ddetst_b1(),
        ddetst_b2(),
        ddetst_c1(),
        ddetst_c2(),
        ddetst_c3(),
        ddetst_c4(),
        ddetst_d1(),
        ddetst_d2(),
        neves(),
        ddetst_e1(),
        ddetst_e2(),
        ddetst_f1(),
        ddetst_f2(),
        ddetst_f3(),
        ddetst_f4(),
        ddetst_f5(),
        ddetst_g1(),
        ddetst_g2(),
        ddetst_h1(),
        ddetst_h2(),
        ddetst_h3(),
        ddetst_h4(),
    ]
}

/// A delayed value.
const fn value(state: u32, lag: u32) -> slopefield_kernel::DelayedRead {
    slopefield_kernel::DelayedRead { state, lag, slope: false }
}

/// A delayed slope.
const fn slope(state: u32, lag: u32) -> slopefield_kernel::DelayedRead {
    slopefield_kernel::DelayedRead { state, lag, slope: true }
}

/// Equations with delays: the states and parameters, what is read (delayed values follow the
/// states in `u`), which lags depend on parameters alone, then right-hand side, lags and history.
macro_rules! delayed {
    ($name:ident, $lags:ident, $history:ident: $states:literal, $params:literal;
     reads $reads:expr, constant $constant:expr $(, jump $jump:literal)?;
     ($t:pat, $u:pat, $p:pat, $out:ident) $body:block
     lags ($lt:pat, $lu:pat, $lp:pat, $lout:ident) $lbody:block
     history ($ht:pat, $hp:pat, $hout:ident) $hbody:block) => {
        $crate::problem::function! { $name: ($states + $reads.len(), $params) -> $states;
            ($t, $u, $p, $out) $body }
        $crate::problem::function! { $lags: ($states + $reads.len(), $params) -> $constant.len();
            ($lt, $lu, $lp, $lout) $lbody }
        $crate::problem::function! { $history: (0, $params) -> $states;
            ($ht, _, $hp, $hout) $hbody }
        impl $crate::system::Equations for $name {
            fn structure<T: $crate::number::Float>(&self) -> slopefield_kernel::Structure<'_, T> {
                static READS: &[slopefield_kernel::DelayedRead] = &$reads;
                static CONSTANT: &[bool] = &$constant;
                let jumps: &[bool] = &[$($jump)?];
                slopefield_kernel::Structure {
                    delays: Some(slopefield_kernel::Delays {
                        reads: READS,
                        lags: &$crate::function::Derived($lags),
                        constant: CONSTANT,
                        history: &$crate::function::Derived($history),
                        jumps_at_start: jumps.contains(&true),
                    }),
                    ..Default::default()
                }
            }
        }
    };
}

use delayed;
