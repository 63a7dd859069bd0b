//! Operators of plugins in native code, as graphs call them.

use super::{error_buffer, error_text};
use slopefield_graph::custom::{self, CustomCode, CustomSource};
use slopefield_plugin_abi as abi;
use std::sync::Arc;

/// The operators of one plugin.
#[derive(Debug, Clone)]
pub(crate) struct Operators {
    /// `org.example.special@1.2.0`.
    plugin: String,
    /// Their ids, in the order of the plugin.
    ids: Vec<String>,
    /// Every pointer is present.
    table: abi::slf_custom_ops,
}

impl Operators {
    /// `table` has every pointer.
    pub(super) fn new(
        (id, version): (&str, &str),
        ids: Vec<String>,
        table: abi::slf_custom_ops,
    ) -> Operators {
        Operators { plugin: format!("{id}@{version}"), ids, table }
    }

    /// Makes them known to graphs, which call them by these names.
    pub(super) fn offer(&self) {
        for (index, id) in (0..).zip(&self.ids) {
            let source = Source { index, table: self.table };
            custom::offer(&format!("{}/{id}", self.plugin), Arc::new(source));
        }
    }

    /// The name in a graph of what the plugin calls `custom:ID`.
    pub(super) fn name(&self, own: &str) -> Result<String, String> {
        let id = own.strip_prefix(abi::CUSTOM_PREFIX).unwrap_or(own);
        if self.ids.iter().any(|known| known == id) {
            return Ok(format!("{}{}/{id}", custom::PREFIX, self.plugin));
        }
        Err(format!(
            "the plugin has no operator `{id}`; it has {}",
            if self.ids.is_empty() { "none".to_owned() } else { self.ids.join(", ") }
        ))
    }
}

/// One operator.
struct Source {
    index: u32,
    table: abi::slf_custom_ops,
}

impl CustomSource for Source {
    fn bind(&self, lengths: &[u32], outputs: u32) -> Result<Box<dyn CustomCode>, String> {
        let abi::slf_custom_ops {
            check: Some(check),
            forward: Some(forward),
            reverse: Some(reverse),
            ..
        } = self.table
        else {
            return Err("a function of the table of operators is null".to_owned());
        };
        let lengths: Box<[u64]> = lengths.iter().map(|n| u64::from(*n)).collect();
        let shape = abi::slf_custom_shape {
            struct_size: size_of::<abi::slf_custom_shape>() as u32,
            n_operands: lengths.len() as u32,
            lengths: lengths.as_ptr(),
            n_in: lengths.iter().sum(),
            n_out: u64::from(outputs),
        };
        let mut err = error_buffer();
        // SAFETY: a function of the plugin; shape, lengths and buffer live during the call.
        let status = unsafe { check(self.index, &shape, &mut err) };
        if status != abi::SLF_OK {
            return Err(error_text(&err, status));
        }
        Ok(Box::new(Code { index: self.index, shape, forward, reverse, _lengths: lengths }))
    }
}

type Forward = unsafe extern "C" fn(
    u32,
    *const abi::slf_custom_shape,
    *const f64,
    *mut f64,
) -> abi::slf_status;
type Reverse = unsafe extern "C" fn(
    u32,
    *const abi::slf_custom_shape,
    *const f64,
    *const f64,
    *mut f64,
) -> abi::slf_status;

/// One operator with sizes.
struct Code {
    index: u32,
    shape: abi::slf_custom_shape,
    forward: Forward,
    reverse: Reverse,
    /// What `shape` points to.
    _lengths: Box<[u64]>,
}

// SAFETY: the shape and what it points to are never written after they were made, and the interface
// promises that the functions may be called from any thread.
unsafe impl Send for Code {}
// SAFETY: as above.
unsafe impl Sync for Code {}

impl CustomCode for Code {
    fn forward(&self, x: &[f64], y: &mut [f64]) {
        let sizes = (x.len() as u64, y.len() as u64);
        assert_eq!(sizes, (self.shape.n_in, self.shape.n_out));
        // SAFETY: a function of the plugin; the slices have the sizes of the shape.
        let status = unsafe { (self.forward)(self.index, &self.shape, x.as_ptr(), y.as_mut_ptr()) };
        if status != abi::SLF_OK {
            y.fill(f64::NAN);
        }
    }

    fn reverse(&self, x: &[f64], w: &[f64], grad: &mut [f64]) {
        let sizes = (x.len() as u64, w.len() as u64, grad.len() as u64);
        assert_eq!(sizes, (self.shape.n_in, self.shape.n_out, self.shape.n_in));
        let (x, w) = (x.as_ptr(), w.as_ptr());
        // SAFETY: as above.
        let status = unsafe { (self.reverse)(self.index, &self.shape, x, w, grad.as_mut_ptr()) };
        if status != abi::SLF_OK {
            grad.fill(f64::NAN);
        }
    }
}
