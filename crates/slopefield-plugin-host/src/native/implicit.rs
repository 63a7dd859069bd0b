//! The matrices of a problem and the host's linear algebra, as implicit methods of plugins use them
//! (`slf_implicit_problem`).
//!
//! Nothing is prepared before a plugin asks, because a dense matrix of a large problem is dear. The
//! plugin's time may be mirrored: then so are `f` and its Jacobian, and `M` is not.

use super::callbacks::{BAD_RESULT, Callbacks, guarded, open, open_at_once};
use super::sparsity::Sparsity;
use super::{borrow, borrow_mut};
use slopefield_linear::{IterationMatrix, Jacobian, Mass};
use slopefield_plugin_abi as abi;
use slopefield_solve::Ivp;
use std::ffi::c_void;
use std::ptr;

/// Matrices of the problem at hand, and the table that a plugin asked for.
pub(super) struct Implicit {
    table: abi::slf_implicit_problem,
    jacobian_pattern: Sparsity,
    mass_pattern: Sparsity,
    mass: Mass<f64>,
    /// Of all of `f`, and of its stiff part.
    linear: [Linear; 2],
    /// Which of them was evaluated last.
    active: usize,
    /// The plugin has the table.
    asked: bool,
    /// The system has algebraic equations.
    singular: bool,
    linearised: bool,
    factored: bool,
}

/// A Jacobian and factors of the matrix that it is part of.
struct Linear {
    jacobian: Jacobian<f64>,
    matrix: IterationMatrix<f64>,
}

impl Default for Linear {
    fn default() -> Self {
        Linear { jacobian: Jacobian::new(), matrix: IterationMatrix::new() }
    }
}

/// Index of [`Implicit::linear`] for the stiff part of a right-hand side.
pub(super) const STIFF: usize = 1;

impl Default for Implicit {
    fn default() -> Self {
        Implicit {
            table: abi::slf_implicit_problem {
                struct_size: size_of::<abi::slf_implicit_problem>() as u32,
                flags: 0,
                ctx: ptr::null_mut(),
                jacobian_pattern: ptr::null(),
                mass_pattern: ptr::null(),
                jacobian: Some(jacobian),
                mass: None,
                mass_product: Some(mass_product),
                linearise: Some(linearise),
                factor: Some(factor),
                solve: Some(solve::<false>),
                solve_transposed: Some(solve::<true>),
            },
            jacobian_pattern: Sparsity::default(),
            mass_pattern: Sparsity::default(),
            mass: Mass::new(),
            linear: Default::default(),
            active: 0,
            asked: false,
            singular: false,
            linearised: false,
            factored: false,
        }
    }
}

impl Implicit {
    /// Begins a run. Whether a table that a plugin holds still describes the problem; if not, the
    /// plugin's instance has to be made anew. Allocates nothing for a problem of the same structure.
    pub(super) fn prepare(&mut self, ivp: &Ivp<'_>, singular: bool) -> bool {
        (self.linearised, self.factored) = (false, false);
        self.mass.evaluate(ivp.rhs, ivp.t0, ivp.u0, ivp.p);
        if !self.asked {
            self.singular = singular;
            return true;
        }
        let whole = &mut self.linear[0];
        whole.jacobian.prepare(ivp.rhs);
        let fits = self.singular == singular
            && self.jacobian_pattern.is(whole.jacobian.pattern())
            && self.mass_pattern.is(self.mass.pattern());
        self.singular = singular;
        if fits {
            whole.matrix.prepare(&whole.jacobian, &self.mass);
            self.prepare_stiff(ivp);
        }
        fits
    }

    /// No plugin holds the table any more.
    pub(super) fn forget(&mut self) {
        self.asked = false;
    }

    /// The table, prepared when it is asked for first.
    pub(super) fn table(&mut self, ivp: &Ivp<'_>, ctx: *mut c_void) -> *const c_void {
        if !self.asked {
            let whole = &mut self.linear[0];
            whole.jacobian.prepare(ivp.rhs);
            self.jacobian_pattern.fill(whole.jacobian.pattern());
            self.mass_pattern.fill(self.mass.pattern());
            whole.matrix.prepare(&whole.jacobian, &self.mass);
            self.prepare_stiff(ivp);
            let table = &mut self.table;
            table.ctx = ctx;
            table.flags = if self.singular { abi::SLF_MASS_SINGULAR } else { 0 };
            table.jacobian_pattern = self.jacobian_pattern.as_ptr();
            table.mass_pattern = self.mass_pattern.as_ptr();
            table.mass = if self.mass.is_identity() { None } else { Some(mass) };
            self.asked = true;
        }
        (&raw const self.table).cast()
    }

    /// The same for the stiff part, where the right-hand side has one.
    fn prepare_stiff(&mut self, ivp: &Ivp<'_>) {
        if let Some(split) = ivp.rhs.structure().split {
            let stiff = &mut self.linear[STIFF];
            stiff.jacobian.prepare(split.stiff);
            stiff.matrix.prepare(&stiff.jacobian, &self.mass);
        }
    }

    /// Writes `M` by columns, where the system has one.
    pub(super) fn write_dense_mass(&self, n: usize, values: &mut [f64]) {
        values.fill(0.0);
        let Some(pattern) = self.mass.pattern() else {
            values.iter_mut().step_by(n + 1).for_each(|v| *v = 1.0);
            return;
        };
        for j in 0..n {
            let entries = &self.mass.values()[pattern.range(j)];
            for (i, value) in pattern.column(j).iter().zip(entries) {
                values[j * n + *i as usize] = *value;
            }
        }
    }
}

/// Evaluates the Jacobian of all of `f`, or of its stiff part, at a point and keeps it.
///
/// # Safety
/// As for [`open`].
pub(super) unsafe fn evaluate<'a>(
    ctx: *mut c_void,
    t: f64,
    y: *const c_void,
    part: usize,
) -> Result<(&'a mut Callbacks, f64, &'a [f64]), abi::slf_status> {
    // SAFETY: promised by the caller.
    let (callbacks, at) = unsafe { open(ctx, t, y)? };
    let implicit = &mut callbacks.implicit;
    (implicit.linearised, implicit.factored) = (false, false);
    if !implicit.asked {
        return Err(callbacks.misuse(|| "it has no table of matrices".to_owned()));
    }
    implicit.active = part;
    let rhs = match part {
        STIFF => at.ivp.rhs.structure().split.ok_or(abi::SLF_ERR_HOST)?.stiff,
        _ => at.ivp.rhs,
    };
    let jacobian = &mut implicit.linear[part].jacobian;
    if jacobian.evaluate(rhs, at.sign * at.t, at.y, at.ivp.p) {
        callbacks.stats.jacobians += 1;
    }
    if let Some(entry) = jacobian.values().iter().position(|v| !v.is_finite()) {
        let n = at.y.len();
        let row = match jacobian.pattern() {
            Some(pattern) => pattern.view().rows[entry] as usize,
            None => entry % n,
        };
        callbacks.note_non_finite(at.sign * at.t, row, at.y);
        return Err(abi::SLF_RECOVERABLE);
    }
    implicit.linearised = true;
    Ok((callbacks, at.sign, at.y))
}

unsafe extern "C" fn linearise(ctx: *mut c_void, t: f64, y: *const c_void) -> abi::slf_status {
    // SAFETY: the context of this problem, pointers of the plugin.
    unsafe { guarded(ctx, || evaluate(ctx, t, y, 0).map(drop)) }
}

unsafe extern "C" fn jacobian(
    ctx: *mut c_void,
    t: f64,
    y: *const c_void,
    values: *mut c_void,
) -> abi::slf_status {
    let body = || {
        // SAFETY: pointers of the plugin, as the interface promises.
        let (callbacks, sign, y) = unsafe { evaluate(ctx, t, y, 0)? };
        let held = callbacks.implicit.linear[0].jacobian.values();
        // SAFETY: as above.
        let Some(out) = (unsafe { borrow_mut(values, held.len(), &[y]) }) else {
            return Err(callbacks.misuse(|| BAD_RESULT.to_owned()));
        };
        for (out, value) in out.iter_mut().zip(held) {
            *out = sign * value;
        }
        Ok(())
    };
    // SAFETY: the context of this problem.
    unsafe { guarded(ctx, body) }
}

unsafe extern "C" fn mass(ctx: *mut c_void, values: *mut c_void) -> abi::slf_status {
    let body = || {
        // SAFETY: the context of this problem.
        let (callbacks, _, _) = unsafe { open_at_once(ctx)? };
        let held = callbacks.implicit.mass.values();
        // SAFETY: a pointer of the plugin, as the interface promises.
        let Some(out) = (unsafe { borrow_mut(values, held.len(), &[]) }) else {
            return Err(callbacks.misuse(|| BAD_RESULT.to_owned()));
        };
        out.copy_from_slice(held);
        Ok(())
    };
    // SAFETY: the context of this problem.
    unsafe { guarded(ctx, body) }
}

/// What a callback works on that takes one vector and gives another.
struct Vectors<'a> {
    callbacks: &'a mut Callbacks,
    input: &'a [f64],
    out: &'a mut [f64],
}

/// Opens such a callback.
///
/// # Safety
/// `ctx` as for [`open`]; the vectors are readable and writable for the states of the problem.
unsafe fn open_vectors<'a>(
    ctx: *mut c_void,
    input: *const c_void,
    out: *mut c_void,
) -> Result<Vectors<'a>, abi::slf_status> {
    // SAFETY: promised by the caller.
    let (callbacks, ivp, _) = unsafe { open_at_once(ctx)? };
    let n = ivp.u0.len();
    // SAFETY: as above.
    let input = unsafe { borrow(input.cast::<f64>(), n) };
    // SAFETY: as above.
    let out = input.and_then(|input| unsafe { borrow_mut(out, n, &[input]) });
    match (input, out) {
        (Some(input), Some(out)) => Ok(Vectors { callbacks, input, out }),
        _ => Err(callbacks.misuse(|| BAD_RESULT.to_owned())),
    }
}

unsafe extern "C" fn mass_product(
    ctx: *mut c_void,
    x: *const c_void,
    out: *mut c_void,
) -> abi::slf_status {
    let body = || {
        // SAFETY: pointers of the plugin, as the interface promises.
        let Vectors { callbacks, input: x, out } = unsafe { open_vectors(ctx, x, out)? };
        callbacks.implicit.mass.multiply(x, out);
        Ok(())
    };
    // SAFETY: the context of this problem.
    unsafe { guarded(ctx, body) }
}

unsafe extern "C" fn factor(ctx: *mut c_void, c: f64) -> abi::slf_status {
    let body = || {
        // SAFETY: the context of this problem.
        let (callbacks, _, sign) = unsafe { open_at_once(ctx)? };
        if !c.is_finite() {
            return Err(callbacks.misuse(|| format!("it asked for a matrix with the factor {c}")));
        }
        if !callbacks.implicit.linearised {
            return Err(callbacks.misuse(|| "it called factor before linearise".to_owned()));
        }
        callbacks.stats.factorisations += 1;
        let Implicit { linear, active, mass, factored, .. } = &mut callbacks.implicit;
        let Linear { jacobian, matrix } = &mut linear[*active];
        *factored = matrix.factor(c, sign, jacobian, mass).is_ok();
        if *factored { Ok(()) } else { Err(abi::SLF_RECOVERABLE) }
    };
    // SAFETY: the context of this problem.
    unsafe { guarded(ctx, body) }
}

unsafe extern "C" fn solve<const TRANSPOSED: bool>(
    ctx: *mut c_void,
    b: *const c_void,
    x: *mut c_void,
) -> abi::slf_status {
    let body = || {
        // SAFETY: pointers of the plugin, as the interface promises.
        let Vectors { callbacks, input: b, out: x } = unsafe { open_vectors(ctx, b, x)? };
        if !callbacks.implicit.factored {
            return Err(callbacks.misuse(|| "it called solve without factors".to_owned()));
        }
        callbacks.stats.solves += 1;
        x.copy_from_slice(b);
        let implicit = &mut callbacks.implicit;
        let matrix = &mut implicit.linear[implicit.active].matrix;
        match TRANSPOSED {
            false => matrix.solve(x),
            true => matrix.solve_transposed(x),
        }
        Ok(())
    };
    // SAFETY: the context of this problem.
    unsafe { guarded(ctx, body) }
}
