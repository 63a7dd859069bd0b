//! Patterns of matrices in the layout of the interface.

use slopefield_linear::Pattern;
use slopefield_plugin_abi as abi;
use std::ptr;

/// A copy of a pattern that a plugin may read for as long as this is not filled again.
pub(super) struct Sparsity {
    /// None: dense, or no matrix.
    pattern: Option<Pattern>,
    col_ptr: Vec<u64>,
    row_idx: Vec<u64>,
    raw: abi::slf_sparsity,
}

impl Default for Sparsity {
    fn default() -> Self {
        Sparsity {
            pattern: None,
            col_ptr: Vec::new(),
            row_idx: Vec::new(),
            raw: abi::slf_sparsity {
                struct_size: size_of::<abi::slf_sparsity>() as u32,
                reserved: 0,
                nnz: 0,
                col_ptr: ptr::null(),
                row_idx: ptr::null(),
            },
        }
    }
}

impl Sparsity {
    /// Takes a copy.
    pub(super) fn fill(&mut self, pattern: Option<&Pattern>) {
        self.pattern = pattern.cloned();
        self.col_ptr.clear();
        self.row_idx.clear();
        if let Some(pattern) = pattern {
            let view = pattern.view();
            self.col_ptr.extend(view.starts.iter().map(|start| *start as u64));
            self.row_idx.extend(view.rows.iter().map(|row| u64::from(*row)));
        }
        self.raw.nnz = self.row_idx.len() as u64;
        self.raw.col_ptr = self.col_ptr.as_ptr();
        self.raw.row_idx = self.row_idx.as_ptr();
    }

    /// Whether it is a copy of `pattern`.
    pub(super) fn is(&self, pattern: Option<&Pattern>) -> bool {
        self.pattern.as_ref() == pattern
    }

    /// For the plugin; null where there is no pattern.
    pub(super) fn as_ptr(&self) -> *const abi::slf_sparsity {
        if self.pattern.is_some() { &raw const self.raw } else { ptr::null() }
    }
}
