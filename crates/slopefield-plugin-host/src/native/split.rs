//! Right-hand sides of two parts, as plugins see them (`slf_split_problem`).

use super::borrow_mut;
use super::callbacks::{BAD_RESULT, guarded, open};
use super::implicit::{STIFF, evaluate};
use slopefield_plugin_abi as abi;
use slopefield_solve::Ivp;
use std::ffi::c_void;
use std::ptr;

/// The table that a plugin asked for.
pub(super) struct SplitTable {
    table: abi::slf_split_problem,
    /// What the plugin was told: none for a right-hand side of one piece, else the flags.
    told: Option<Option<u32>>,
}

impl Default for SplitTable {
    fn default() -> Self {
        SplitTable {
            table: abi::slf_split_problem {
                struct_size: size_of::<abi::slf_split_problem>() as u32,
                flags: 0,
                ctx: ptr::null_mut(),
                stiff: Some(part::<true>),
                rest: Some(part::<false>),
                linearise: Some(linearise),
            },
            told: None,
        }
    }
}

fn flags(ivp: &Ivp<'_>) -> Option<u32> {
    let split = ivp.rhs.structure().split?;
    Some(if split.linear { abi::SLF_SPLIT_LINEAR } else { 0 })
}

impl SplitTable {
    /// Whether what a plugin was told still holds.
    pub(super) fn fits(&self, ivp: &Ivp<'_>) -> bool {
        self.told.is_none_or(|told| told == flags(ivp))
    }

    /// No plugin has been told anything.
    pub(super) fn forget(&mut self) {
        self.told = None;
    }

    /// The table, where the right-hand side has parts.
    pub(super) fn table(&mut self, ivp: &Ivp<'_>, ctx: *mut c_void) -> Option<*const c_void> {
        let flags = flags(ivp);
        self.told = Some(flags);
        self.table.flags = flags?;
        self.table.ctx = ctx;
        Some((&raw const self.table).cast())
    }
}

unsafe extern "C" fn part<const IS_STIFF: bool>(
    ctx: *mut c_void,
    t: f64,
    y: *const c_void,
    out: *mut c_void,
) -> abi::slf_status {
    let body = || {
        // SAFETY: pointers of the plugin, as the interface promises.
        let (callbacks, at) = unsafe { open(ctx, t, y)? };
        // SAFETY: as above.
        let Some(out) = (unsafe { borrow_mut(out, at.y.len(), &[at.y]) }) else {
            return Err(callbacks.misuse(|| BAD_RESULT.to_owned()));
        };
        let split = at.ivp.rhs.structure().split.ok_or(abi::SLF_ERR_HOST)?;
        let kernel = if IS_STIFF { split.stiff } else { split.rest };
        callbacks.stats.rhs += 1;
        kernel.eval(at.sign * at.t, at.y, at.ivp.p, out, &mut callbacks.scratch);
        match callbacks.accept(at.sign, at.t, at.y, out) {
            true => Ok(()),
            false => Err(abi::SLF_RECOVERABLE),
        }
    };
    // SAFETY: the context of this problem.
    unsafe { guarded(ctx, body) }
}

unsafe extern "C" fn linearise(ctx: *mut c_void, t: f64, y: *const c_void) -> abi::slf_status {
    // SAFETY: the context of this problem, pointers of the plugin.
    unsafe { guarded(ctx, || evaluate(ctx, t, y, STIFF).map(drop)) }
}
