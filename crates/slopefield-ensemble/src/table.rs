//! The arithmetic of a step compiled for each instruction set, and the choice of one.

use std::sync::OnceLock;

use crate::rules::Rules;
use crate::step::{self, Outcome, View};
use crate::vector::Portable;
#[cfg(target_arch = "x86_64")]
use crate::vector::{Avx2, Avx512};

/// The functions of [`crate::step`] for one instruction set. Calling one is sound on a machine that
/// has the set, under the conditions given there.
pub(crate) struct Table {
    /// Name, for people.
    pub name: &'static str,
    pub begin: unsafe fn(&View, &Rules, usize),
    pub stage_time: unsafe fn(&View, f64, usize, *mut f64),
    pub stage: unsafe fn(&View, &[f64], usize),
    pub square_of_value: unsafe fn(&View, &Rules, (*const f64, *const f64), usize, *mut f64),
    pub judge: unsafe fn(&View, &Rules, &mut [Outcome]),
    pub promote: unsafe fn(&View, &[Outcome], Option<usize>),
    pub pending: unsafe fn(&View, &Rules, usize, u8) -> u8,
    pub interpolate: unsafe fn(&View, &Rules, usize, u8, *mut f64),
}

macro_rules! instance {
    ($module:ident, $name:literal, $vector:ty, $(#[$features:meta])*) => {
        mod $module {
            use super::*;

            instance! { @functions $vector, [$(#[$features])*],
                begin(view: &View, rules: &Rules, vectors: usize);
                stage_time(view: &View, c: f64, vectors: usize, out: *mut f64);
                stage(view: &View, weights: &[f64], vectors: usize);
                square_of_value(
                    view: &View, rules: &Rules, value_at: (*const f64, *const f64),
                    vectors: usize, out: *mut f64
                );
                judge(view: &View, rules: &Rules, outcomes: &mut [Outcome]);
                promote(view: &View, outcomes: &[Outcome], last_slope: Option<usize>);
                interpolate(view: &View, rules: &Rules, v: usize, due: u8, out: *mut f64);
            }

            $(#[$features])*
            unsafe fn pending(view: &View, rules: &Rules, v: usize, accepted: u8) -> u8 {
                // SAFETY: the table's contract.
                unsafe { step::pending::<$vector>(view, rules, v, accepted) }
            }

            pub(super) static TABLE: Table = Table {
                name: $name,
                begin,
                stage_time,
                stage,
                square_of_value,
                judge,
                promote,
                pending,
                interpolate,
            };
        }
    };
    (@functions $vector:ty, $features:tt,
        $($name:ident($($argument:ident: $type:ty),*);)+) => {
        $(instance! { @function $vector, $features, $name($($argument: $type),*) })+
    };
    (@function $vector:ty, [$(#[$features:meta])*],
        $name:ident($($argument:ident: $type:ty),*)) => {
        $(#[$features])*
        unsafe fn $name($($argument: $type),*) {
            // SAFETY: the table's contract.
            unsafe { step::$name::<$vector>($($argument),*) }
        }
    };
}

#[cfg(target_arch = "x86_64")]
instance!(avx512, "AVX-512", Avx512, #[target_feature(enable = "avx512f,avx2,fma")]);
#[cfg(target_arch = "x86_64")]
instance!(avx2, "AVX2", Avx2, #[target_feature(enable = "avx2,fma")]);
instance!(portable, "portable", Portable,);

/// The tables that this machine can run, the best first.
pub(crate) fn available() -> &'static [&'static Table] {
    static AVAILABLE: OnceLock<Vec<&'static Table>> = OnceLock::new();
    AVAILABLE.get_or_init(|| {
        let mut tables = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2 && is_x86_feature_detected!("avx512f") {
                tables.push(&avx512::TABLE);
            }
            if avx2 {
                tables.push(&avx2::TABLE);
            }
        }
        tables.push(&portable::TABLE);
        tables
    })
}
