//! The matrices of a problem (`slf_implicit_problem`), dense and without haste.

use super::model::{Model, admitted, jacobian};
use slopefield_plugin_abi as abi;
use std::ffi::c_void;
use std::ptr;

/// What a plugin has asked for.
pub(super) struct Matrices {
    table: abi::slf_implicit_problem,
    /// By columns; empty before there is one.
    jacobian: Vec<f64>,
    /// `W` by rows; empty before it is asked for.
    matrix: Vec<f64>,
}

impl Default for Matrices {
    fn default() -> Self {
        Matrices {
            table: abi::slf_implicit_problem {
                struct_size: size_of::<abi::slf_implicit_problem>() as u32,
                flags: 0,
                ctx: ptr::null_mut(),
                jacobian_pattern: ptr::null(),
                mass_pattern: ptr::null(),
                jacobian: Some(kept_jacobian),
                mass: None,
                mass_product: Some(mass_product),
                linearise: Some(linearise),
                factor: Some(factor),
                solve: Some(solve::<false>),
                solve_transposed: Some(solve::<true>),
            },
            jacobian: Vec::new(),
            matrix: Vec::new(),
        }
    }
}

/// Columns of a diagonal.
pub(super) struct Diagonal {
    col_ptr: Vec<u64>,
    pattern: abi::slf_sparsity,
}

impl Model {
    /// The table, for the model behind `ctx`, this one.
    pub(super) fn matrices_table(&mut self, ctx: *mut c_void) -> *const c_void {
        let n = self.states();
        if self.has_mass() {
            let diagonal = self.diagonal.get_or_insert_with(|| Diagonal {
                col_ptr: (0..=n as u64).collect(),
                pattern: abi::slf_sparsity {
                    struct_size: size_of::<abi::slf_sparsity>() as u32,
                    reserved: 0,
                    nnz: n as u64,
                    col_ptr: ptr::null(),
                    row_idx: ptr::null(),
                },
            });
            diagonal.pattern.col_ptr = diagonal.col_ptr.as_ptr();
            diagonal.pattern.row_idx = diagonal.col_ptr.as_ptr();
            self.matrices.table.mass_pattern = &raw const diagonal.pattern;
            self.matrices.table.mass = Some(mass);
        }
        self.matrices.table.ctx = ctx;
        (&raw const self.matrices.table).cast()
    }

    /// The diagonal of the mass matrix: two where there is one.
    fn mass_factor(&self) -> f64 {
        if self.has_mass() { 2.0 } else { 1.0 }
    }
}

unsafe extern "C" fn kept_jacobian(
    ctx: *mut c_void,
    t: f64,
    y: *const c_void,
    out: *mut c_void,
) -> i32 {
    // SAFETY: pointers of the plugin, as the interface promises.
    let status = unsafe { jacobian(ctx, t, y, out) };
    // SAFETY: as above; only what the call before has accepted and filled is read.
    if let (abi::SLF_OK, Some(model)) = (status, unsafe { ctx.cast::<Model>().as_mut() }) {
        let len = model.states() * model.states();
        model.matrices.matrix.clear();
        model.matrices.jacobian.clear();
        // SAFETY: as above.
        model
            .matrices
            .jacobian
            .extend((0..len).map(|i| unsafe { out.cast::<f64>().add(i).read() }));
    }
    status
}

unsafe extern "C" fn linearise(ctx: *mut c_void, t: f64, y: *const c_void) -> i32 {
    // SAFETY: the context of a living instance.
    let n = unsafe { ctx.cast::<Model>().as_ref() }.map_or(0, Model::states);
    let mut values = vec![0.0; n * n + 1];
    // SAFETY: pointers of the plugin, as the interface promises, and room for the matrix.
    unsafe { kept_jacobian(ctx, t, y, values.as_mut_ptr().cast()) }
}

unsafe extern "C" fn mass(ctx: *mut c_void, out: *mut c_void) -> i32 {
    let body = |m: &mut Model, []: [&[f64]; 0], out: &mut [f64]| {
        out.fill(m.mass_factor());
        abi::SLF_OK
    };
    // SAFETY: pointers of the plugin, as the interface promises.
    unsafe { admitted(ctx, [], (out, |n| n), body) }
}

unsafe extern "C" fn mass_product(ctx: *mut c_void, x: *const c_void, out: *mut c_void) -> i32 {
    let body = |m: &mut Model, [x]: [&[f64]; 1], out: &mut [f64]| {
        let factor = m.mass_factor();
        out.iter_mut().zip(x).for_each(|(out, x)| *out = factor * x);
        abi::SLF_OK
    };
    // SAFETY: pointers of the plugin, as the interface promises.
    unsafe { admitted(ctx, [x], (out, |n| n), body) }
}

unsafe extern "C" fn factor(ctx: *mut c_void, c: f64) -> i32 {
    let body = |m: &mut Model, []: [&[f64]; 0], _: &mut [f64]| {
        let (n, factor) = (m.states(), m.mass_factor());
        let Matrices { jacobian, matrix, .. } = &mut m.matrices;
        if jacobian.len() != n * n || !c.is_finite() {
            m.misuse.get_or_insert(format!("it asked for the factors of {c} M - J without J"));
            return abi::SLF_ERR_ARGUMENT;
        }
        matrix.clear();
        matrix.extend((0..n * n).map(|k| {
            let (i, j) = (k / n, k % n);
            c * factor * f64::from(i == j) - jacobian[j * n + i]
        }));
        match eliminate(n, matrix.clone(), &vec![1.0; n]) {
            Some(_) => abi::SLF_OK,
            None => abi::SLF_RECOVERABLE,
        }
    };
    // SAFETY: no pointers of the plugin.
    unsafe { admitted(ctx, [], (ptr::null_mut(), |_| 0), body) }
}

unsafe extern "C" fn solve<const TRANSPOSED: bool>(
    ctx: *mut c_void,
    b: *const c_void,
    out: *mut c_void,
) -> i32 {
    let body = |m: &mut Model, [b]: [&[f64]; 1], out: &mut [f64]| {
        let n = b.len();
        let matrix = match TRANSPOSED {
            false => m.matrices.matrix.clone(),
            true => (0..n * n).map(|k| m.matrices.matrix[(k % n) * n + k / n]).collect(),
        };
        if matrix.len() != n * n {
            m.misuse.get_or_insert("it solved without factors".to_owned());
            return abi::SLF_ERR_ARGUMENT;
        }
        let Some(x) = eliminate(n, matrix, b) else { return abi::SLF_RECOVERABLE };
        out.copy_from_slice(&x);
        abi::SLF_OK
    };
    // SAFETY: pointers of the plugin, as the interface promises.
    unsafe { admitted(ctx, [b], (out, |n| n), body) }
}

/// Gaussian elimination with partial pivoting, on a matrix by rows; none when it is singular.
fn eliminate(n: usize, mut a: Vec<f64>, b: &[f64]) -> Option<Vec<f64>> {
    let mut x = b.to_vec();
    for k in 0..n {
        let pivot = (k..n).max_by(|i, j| a[i * n + k].abs().total_cmp(&a[j * n + k].abs()))?;
        if !(a[pivot * n + k].abs() > 0.0) {
            return None;
        }
        for j in 0..n {
            a.swap(k * n + j, pivot * n + j);
        }
        x.swap(k, pivot);
        for i in k + 1..n {
            let factor = a[i * n + k] / a[k * n + k];
            for j in k..n {
                a[i * n + j] -= factor * a[k * n + j];
            }
            x[i] -= factor * x[k];
        }
    }
    for k in (0..n).rev() {
        let known: f64 = (k + 1..n).map(|j| a[k * n + j] * x[j]).sum();
        x[k] = (x[k] - known) / a[k * n + k];
    }
    Some(x)
}
