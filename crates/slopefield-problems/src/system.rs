//! Right-hand sides with everything that is known of their systems.

use crate::function::{Columns, Function, LANES, curved, forward, seeded, value};
use crate::number::{Float, Number, Seen};
use slopefield_kernel::{
    Cotangent, HessianProduct, JumpChange, Kernel, MatrixKernel, MatrixPattern, Pair, Point, Shape,
    Structure, Tangent,
};
use std::sync::Arc;

/// The equations of a system: its right-hand side as a [`Function`], and the rest of it.
pub trait Equations: Function {
    /// Entries `(row, column, value)` of a constant mass matrix; none for the identity.
    fn mass(&self) -> Vec<(u32, u32, f64)> {
        Vec::new()
    }

    /// States with the equation `position' = velocity`.
    fn pairs(&self) -> &[Pair] {
        &[]
    }

    /// What events do; the events of [`Equations::structure`] have no list of their own.
    fn affects<T: Float>(&self) -> Vec<Arc<dyn Kernel<T>>> {
        Vec::new()
    }

    /// What jumps do, and for each the jumps whose rates it alters; likewise.
    fn changes<T: Float>(&self) -> (Vec<JumpChange<T>>, Vec<Vec<u32>>) {
        Default::default()
    }

    /// Delays, noise, jumps and events. Everything else is added to this.
    fn structure<T: Float>(&self) -> Structure<'_, T> {
        Structure::default()
    }
}

/// The kernel of [`Equations`]. The pattern of the Jacobian is found by evaluating the equations
/// over [`Seen`]; columns that share no row are computed together (Curtis, Powell, Reid, *On the
/// estimation of sparse Jacobian matrices*, IMA J. Appl. Math. 13 (1974) 117,
/// doi:10.1093/imamat/13.1.117).
pub struct System<E, T = f64> {
    equations: E,
    starts: Vec<usize>,
    rows: Vec<u32>,
    /// Colour of each column.
    colours: Vec<u32>,
    /// Number of colours.
    count: usize,
    /// For colour `c` and row `i`, at `c·n + i`: the place of the entry in the pattern and its
    /// column; [`NONE`] where there is none.
    places: Vec<(u32, u32)>,
    mass: Option<ConstantMatrix>,
    affects: Vec<Arc<dyn Kernel<T>>>,
    changes: Vec<JumpChange<T>>,
    alters: Vec<Vec<u32>>,
}

const NONE: u32 = u32::MAX;

/// Takes the derivatives of one output along the columns of a group.
type Row<'a, X> = dyn FnMut(usize, [X; LANES]) + 'a;

impl<E: Equations, T: Float> System<E, T> {
    /// Finds the pattern of the Jacobian and colours it.
    pub fn new(equations: E) -> Self {
        let n = equations.shape().outputs;
        let columns = pattern(&equations, n);
        let (colours, count) = colour(&columns, n);
        let mut starts = vec![0];
        let mut rows = Vec::new();
        let mut places = vec![(NONE, NONE); count * n];
        for (j, column) in columns.iter().enumerate() {
            for &i in column {
                places[colours[j] as usize * n + i as usize] = (rows.len() as u32, j as u32);
                rows.push(i);
            }
            starts.push(rows.len());
        }
        let entries = equations.mass();
        let mass = (!entries.is_empty()).then(|| ConstantMatrix::new(n, entries));
        let affects = equations.affects();
        let (changes, alters) = equations.changes();
        System { equations, starts, rows, colours, count, places, mass, affects, changes, alters }
    }

    /// Adds `wᵀ` times the columns that `evaluate` gives, group by group, to `grad`.
    fn weigh<X: Float>(
        &self,
        states: usize,
        params: usize,
        w: &[X],
        grad: Cotangent<'_, X>,
        evaluate: &mut dyn FnMut(Columns<'_>, usize, &mut Row<'_, X>),
    ) {
        let n = self.colours.len();
        let columns = self.columns(states);
        let (delayed, time) = (states - n, columns.first_parameter + params);
        for base in (0..=time).step_by(LANES) {
            let mut sums = [X::default(); LANES];
            evaluate(columns, base, &mut |i, slopes| {
                for (k, slope) in slopes.into_iter().enumerate() {
                    let product = w[i] * slope;
                    if base + k >= self.count {
                        sums[k] = sums[k] + product;
                    } else if let (_, column) = self.places[(base + k) * n + i]
                        && column != NONE
                    {
                        let place = &mut grad.u[column as usize];
                        *place = *place + product;
                    }
                }
            });
            for (k, sum) in sums.into_iter().enumerate() {
                let place = match base + k {
                    c if c < self.count => continue,
                    c if c < self.count + delayed => &mut grad.u[n + c - self.count],
                    c if c < time => &mut grad.p[c - columns.first_parameter],
                    c if c == time => &mut *grad.t,
                    _ => break,
                };
                *place = *place + sum;
            }
        }
    }

    fn columns(&self, at_states: usize) -> Columns<'_> {
        let delayed = at_states - self.colours.len();
        Columns {
            states: Some(&self.colours),
            first_state: self.count,
            first_parameter: self.count + delayed,
        }
    }
}

/// The rows of each of the first `n` columns of `∂f/∂u`.
pub(crate) fn pattern<F: Function>(equations: &F, n: usize) -> Vec<Vec<u32>> {
    let mut columns = vec![Vec::new(); n];
    for base in (0..n).step_by(64) {
        let seen = |i: usize| match i.wrapping_sub(base) {
            bit if i < n && bit < 64 => Seen(1 << bit),
            _ => Seen(0),
        };
        equations.eval(
            Seen::of(0.0),
            seen,
            |_| Seen(0),
            |i, x: Seen| {
                let mut bits = x.0;
                while bits != 0 {
                    columns[base + bits.trailing_zeros() as usize].push(i as u32);
                    bits &= bits - 1;
                }
            },
        );
    }
    for column in &mut columns {
        column.sort_unstable();
    }
    columns
}

/// Gives each column the first colour that no column with a row in common has.
fn colour(columns: &[Vec<u32>], n: usize) -> (Vec<u32>, usize) {
    let mut by_row: Vec<Vec<u32>> = vec![Vec::new(); n];
    let mut colours = Vec::with_capacity(columns.len());
    let (mut taken, mut count) = (vec![usize::MAX; columns.len() + 1], 0);
    for (j, column) in columns.iter().enumerate() {
        for &i in column {
            for &c in &by_row[i as usize] {
                taken[c as usize] = j;
            }
        }
        let colour = (0..).find(|&c| taken[c] != j).unwrap_or(0);
        for &i in column {
            by_row[i as usize].push(colour as u32);
        }
        colours.push(colour as u32);
        count = count.max(colour + 1);
    }
    (colours, count)
}

impl<E: Equations, T: Float> Kernel<T> for System<E, T> {
    fn shape(&self) -> Shape {
        self.equations.shape()
    }

    fn scratch_len(&self) -> usize {
        0
    }

    fn eval(&self, t: T, u: &[T], p: &[T], out: &mut [T], _: &mut [T]) {
        value(&self.equations, t, u, p, out);
    }

    fn jvp(
        &self,
        at: Point<'_, T>,
        along: Tangent<'_, T>,
        out: &mut [T],
        dout: &mut [T],
        _: &mut [T],
    ) {
        forward(&self.equations, at, along, out, dout);
    }

    fn vjp(&self, at: Point<'_, T>, w: &[T], grad: Cotangent<'_, T>, _: &mut [T]) {
        self.weigh(at.u.len(), at.p.len(), w, grad, &mut |columns, base, out| {
            seeded(&self.equations, at, columns, base, out);
        });
    }

    fn structure(&self) -> Structure<'_, T> {
        let mut structure = self.equations.structure();
        structure.jacobian = Some(self);
        structure.hessian = Some(self);
        structure.mass = self.mass.as_ref().map(|mass| mass as &dyn MatrixKernel<T>);
        structure.pairs = self.equations.pairs();
        if let Some(events) = &mut structure.events {
            events.affects = &self.affects;
        }
        if let Some(jumps) = &mut structure.jumps {
            (jumps.changes, jumps.alters) = (&self.changes, &self.alters);
        }
        structure
    }
}

/// Second derivatives, whatever the precision of the rest.
impl<E: Equations, T: Float> HessianProduct for System<E, T> {
    fn shape(&self) -> Shape {
        self.equations.shape()
    }

    fn scratch_len(&self) -> usize {
        0
    }

    fn hvp(
        &self,
        at: Point<'_>,
        along: Tangent<'_>,
        w: &[f64],
        grad: Cotangent<'_>,
        _: &mut [f64],
    ) {
        self.weigh(at.u.len(), at.p.len(), w, grad, &mut |columns, base, out| {
            curved(&self.equations, at, along, columns, base, out);
        });
    }
}

/// The Jacobian.
impl<E: Equations, T: Float> MatrixKernel<T> for System<E, T> {
    fn pattern(&self) -> MatrixPattern<'_> {
        let height = self.equations.shape().outputs;
        MatrixPattern { height, starts: &self.starts, rows: &self.rows }
    }

    fn scratch_len(&self) -> usize {
        0
    }

    fn eval(&self, t: T, u: &[T], p: &[T], values: &mut [T], _: &mut [T]) {
        let n = self.colours.len();
        let (at, columns) = (Point { t, u, p }, self.columns(u.len()));
        for base in (0..self.count).step_by(LANES) {
            let within = LANES.min(self.count - base);
            seeded(&self.equations, at, columns, base, &mut |i, slopes| {
                for (k, slope) in slopes.into_iter().take(within).enumerate() {
                    let (place, _) = self.places[(base + k) * n + i];
                    if place != NONE {
                        values[place as usize] = slope;
                    }
                }
            });
        }
    }
}

/// A sparse matrix of numbers.
struct ConstantMatrix {
    height: usize,
    starts: Vec<usize>,
    rows: Vec<u32>,
    values: Vec<f64>,
}

impl ConstantMatrix {
    fn new(n: usize, mut entries: Vec<(u32, u32, f64)>) -> Self {
        entries.sort_by_key(|&(row, column, _)| (column, row));
        let mut starts = vec![0; n + 1];
        for &(_, column, _) in &entries {
            starts[column as usize + 1] += 1;
        }
        for j in 0..n {
            starts[j + 1] += starts[j];
        }
        ConstantMatrix {
            height: n,
            starts,
            rows: entries.iter().map(|e| e.0).collect(),
            values: entries.iter().map(|e| e.2).collect(),
        }
    }
}

impl<T: Float> MatrixKernel<T> for ConstantMatrix {
    fn pattern(&self) -> MatrixPattern<'_> {
        MatrixPattern { height: self.height, starts: &self.starts, rows: &self.rows }
    }

    fn scratch_len(&self) -> usize {
        0
    }

    fn eval(&self, _: T, _: &[T], _: &[T], values: &mut [T], _: &mut [T]) {
        for (value, &x) in values.iter_mut().zip(&self.values) {
            *value = T::of(x);
        }
    }

    fn is_constant(&self) -> bool {
        true
    }

    fn parameter_vjp(&self, _: Point<'_, T>, _: &[T], _: &mut [T], _: &mut [T]) -> bool {
        true
    }
}
