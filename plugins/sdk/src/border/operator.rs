//! Operators in native code, as the host calls them.

use super::definition::Definition;
use super::{guarded, quiet, slice, slice_mut};
use crate::{CustomOp, Error, Operands};
use slopefield_plugin_abi as abi;
use std::ptr;

/// One operator type behind plain function pointers.
pub struct OperatorEntry {
    pub(super) id: &'static str,
    check: fn(&[usize], usize) -> Result<(), Error>,
    forward: fn(&Operands<'_>, &mut [f64]),
    reverse: fn(&Operands<'_>, &[f64], &mut [f64]),
}

impl OperatorEntry {
    /// The entry of a type.
    pub const fn of<T: CustomOp>() -> Self {
        OperatorEntry { id: T::ID, check: T::check, forward: T::forward, reverse: T::reverse }
    }

    pub(super) fn info(&self) -> abi::slf_custom_info {
        abi::slf_custom_info {
            struct_size: size_of::<abi::slf_custom_info>() as u32,
            reserved: 0,
            id: abi::slf_str::new(self.id),
        }
    }
}

/// The table of the operators of a plugin.
pub(super) struct Operators<P>(P);

impl<P: Definition> Operators<P> {
    pub(super) const TABLE: &'static abi::slf_custom_ops = &abi::slf_custom_ops {
        struct_size: size_of::<abi::slf_custom_ops>() as u32,
        reserved: 0,
        count: Some(count::<P>),
        info: Some(info::<P>),
        check: Some(check::<P>),
        forward: Some(forward::<P>),
        reverse: Some(reverse::<P>),
    };
}

unsafe extern "C" fn count<P: Definition>() -> u32 {
    quiet(0, || P::operators().len() as u32)
}

unsafe extern "C" fn info<P: Definition>(index: u32) -> *const abi::slf_custom_info {
    quiet(ptr::null(), || {
        P::shared().infos::<P>().operators.get(index as usize).map_or(ptr::null(), ptr::from_ref)
    })
}

fn entry<P: Definition>(index: u32) -> Result<&'static OperatorEntry, Error> {
    let found = P::operators().get(index as usize);
    found.ok_or_else(|| Error::argument("there is no operator of this number"))
}

/// The lengths of the operands and the sizes of the whole.
///
/// # Safety
/// `shape` is null or a struct of the host that lives during `'a`.
unsafe fn sizes<'a>(
    shape: *const abi::slf_custom_shape,
) -> Result<(&'a [u64], usize, usize), Error> {
    // SAFETY: promised by the caller.
    let shape = unsafe { shape.as_ref() }.ok_or_else(|| Error::argument("the shape is null"))?;
    if (shape.struct_size as usize) < size_of::<abi::slf_custom_shape>() {
        return Err(Error::unsupported("the host is too old: its shape lacks fields of version 1"));
    }
    // SAFETY: the host passes one length for each operand.
    let lengths = unsafe { slice(shape.lengths, shape.n_operands as usize, "lengths")? };
    let sum = lengths.iter().try_fold(0u64, |sum, len| sum.checked_add(*len));
    if sum != Some(shape.n_in) {
        return Err(Error::argument("the lengths of the operands do not add up"));
    }
    Ok((lengths, shape.n_in as usize, shape.n_out as usize))
}

unsafe extern "C" fn check<P: Definition>(
    index: u32,
    shape: *const abi::slf_custom_shape,
    err: *mut abi::slf_error,
) -> abi::slf_status {
    let body = || {
        // SAFETY: a struct of the host, used during this call only.
        let (lengths, _, outputs) = unsafe { sizes(shape)? };
        let lengths: Vec<usize> = lengths.iter().map(|n| *n as usize).collect();
        (entry::<P>(index)?.check)(&lengths, outputs)
    };
    // SAFETY: `err` is the host's buffer or null.
    unsafe { guarded(err, body) }
}

unsafe extern "C" fn forward<P: Definition>(
    index: u32,
    shape: *const abi::slf_custom_shape,
    x: *const f64,
    y: *mut f64,
) -> abi::slf_status {
    let body = || {
        // SAFETY: as in `check`; the host passes as many elements as the shape says.
        let (operands, y) = unsafe {
            let (lengths, n_in, n_out) = sizes(shape)?;
            let elements = slice(x, n_in, "operands")?;
            (Operands { lengths, elements }, slice_mut(y, n_out, "the result")?)
        };
        (entry::<P>(index)?.forward)(&operands, y);
        Ok(())
    };
    // SAFETY: there is no buffer for a message.
    unsafe { guarded(ptr::null_mut(), body) }
}

unsafe extern "C" fn reverse<P: Definition>(
    index: u32,
    shape: *const abi::slf_custom_shape,
    x: *const f64,
    w: *const f64,
    grad: *mut f64,
) -> abi::slf_status {
    let body = || {
        // SAFETY: as in `forward`.
        let (operands, weights, gradient) = unsafe {
            let (lengths, n_in, n_out) = sizes(shape)?;
            let elements = slice(x, n_in, "operands")?;
            let weights = slice(w, n_out, "weights")?;
            (Operands { lengths, elements }, weights, slice_mut(grad, n_in, "the gradient")?)
        };
        (entry::<P>(index)?.reverse)(&operands, weights, gradient);
        Ok(())
    };
    // SAFETY: there is no buffer for a message.
    unsafe { guarded(ptr::null_mut(), body) }
}
