//! Jacobians of right-hand sides.

use crate::{Pattern, Real, column_colours};
use slopefield_kernel::{Kernel, MatrixPattern, Point, Tangent};

/// The Jacobian `∂f/∂u` of a kernel at a point: from the kernel's own matrix where it has one,
/// otherwise by forward products, one per column, or one per group of columns that share no row
/// when a pattern is given. For systems with delays it holds the delayed values constant.
#[derive(Debug, Clone, Default)]
pub struct Jacobian<T> {
    n: usize,
    source: Source,
    /// None when it is dense, by columns.
    pattern: Option<Pattern>,
    values: Vec<T>,
    /// Of each column, for [`Source::Colours`].
    colours: Vec<u32>,
    count: usize,
    /// Direction of a product: along the states, then along the parameters.
    direction: Vec<T>,
    value: Vec<T>,
    product: Vec<T>,
    scratch: Vec<T>,
    constant: bool,
    evaluated: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Source {
    /// The kernel's matrix.
    Kernel,
    /// A product for each column.
    #[default]
    Columns,
    /// A product for each colour.
    Colours,
}

impl<T: Real> Jacobian<T> {
    /// Of nothing, before [`Jacobian::prepare`].
    pub fn new() -> Self {
        Jacobian::default()
    }

    /// A square matrix of a known pattern that somebody else fills, in the place of a Jacobian.
    pub fn of_pattern(pattern: Pattern) -> Self {
        let (n, len) = (pattern.width(), pattern.len());
        Jacobian { n, pattern: Some(pattern), values: vec![T::ZERO; len], ..Jacobian::default() }
    }

    /// The entries, to be filled.
    pub fn values_mut(&mut self) -> &mut [T] {
        &mut self.values
    }

    /// Sizes the arrays for `rhs`. Allocates only when sizes grow or the pattern is another.
    pub fn prepare(&mut self, rhs: &dyn Kernel<T>) {
        self.size_for(rhs);
        match rhs.structure().jacobian {
            Some(matrix) => {
                self.source = Source::Kernel;
                self.take_pattern(matrix.pattern());
                self.constant = matrix.is_constant();
                if self.scratch.len() < matrix.scratch_len() {
                    self.scratch.resize(matrix.scratch_len(), T::ZERO);
                }
            }
            None => {
                self.source = Source::Columns;
                self.pattern = None;
                self.values.resize(self.n * self.n, T::ZERO);
            }
        }
    }

    /// Like [`Jacobian::prepare`] for a kernel without a matrix of its own whose pattern is known
    /// to the caller.
    pub fn prepare_with_pattern(&mut self, rhs: &dyn Kernel<T>, pattern: MatrixPattern<'_>) {
        self.size_for(rhs);
        let same = self.source == Source::Colours
            && self.pattern.as_ref().is_some_and(|held| held.is(pattern));
        self.source = Source::Colours;
        if !same {
            self.take_pattern(pattern);
            let pattern = self.pattern.get_or_insert_default();
            (self.colours, self.count) = column_colours(pattern);
        }
    }

    fn size_for(&mut self, rhs: &dyn Kernel<T>) {
        let shape = rhs.shape();
        self.n = shape.outputs;
        self.constant = false;
        self.evaluated = false;
        self.direction.clear();
        self.direction.resize(shape.states + shape.params, T::ZERO);
        self.value.resize(self.n, T::ZERO);
        self.product.resize(self.n, T::ZERO);
        self.scratch.resize(rhs.scratch_len(), T::ZERO);
    }

    fn take_pattern(&mut self, pattern: MatrixPattern<'_>) {
        assert_eq!(pattern.width(), self.n, "a Jacobian is as wide as there are states");
        if !self.pattern.as_ref().is_some_and(|held| held.is(pattern)) {
            self.pattern = Some(Pattern::of(pattern));
        }
        self.values.resize(pattern.rows.len(), T::ZERO);
    }

    /// Evaluates it at a point of the kernel that it was prepared for. Returns whether there was
    /// anything to do: entries that depend on parameters alone are evaluated once.
    pub fn evaluate(&mut self, rhs: &dyn Kernel<T>, t: f64, u: &[T], p: &[T]) -> bool {
        if self.constant && self.evaluated {
            return false;
        }
        self.evaluated = true;
        let t = T::of(t);
        match self.source {
            Source::Kernel => {
                if let Some(matrix) = rhs.structure().jacobian {
                    matrix.eval(t, u, p, &mut self.values, &mut self.scratch);
                }
            }
            Source::Columns => {
                for j in 0..self.n {
                    self.direction[j] = T::ONE;
                    self.product(rhs, Point { t, u, p });
                    self.direction[j] = T::ZERO;
                    self.values[j * self.n..(j + 1) * self.n].copy_from_slice(&self.product);
                }
            }
            Source::Colours => {
                for colour in 0..self.count as u32 {
                    self.by_colour(rhs, Point { t, u, p }, colour);
                }
            }
        }
        true
    }

    fn by_colour(&mut self, rhs: &dyn Kernel<T>, at: Point<'_, T>, colour: u32) {
        for (entry, own) in self.direction.iter_mut().zip(&self.colours) {
            *entry = if *own == colour { T::ONE } else { T::ZERO };
        }
        self.product(rhs, at);
        self.direction[..self.n].fill(T::ZERO);
        let Some(pattern) = &self.pattern else { return };
        for (j, own) in self.colours.iter().enumerate() {
            if *own == colour {
                let entries = &mut self.values[pattern.range(j)];
                for (entry, i) in entries.iter_mut().zip(pattern.column(j)) {
                    *entry = self.product[*i as usize];
                }
            }
        }
    }

    fn product(&mut self, rhs: &dyn Kernel<T>, at: Point<'_, T>) {
        // Behind the direction of the states is that of the parameters, which is 0.
        let (u, p) = self.direction.split_at(at.u.len());
        let along = Tangent { t: T::ZERO, u, p };
        rhs.jvp(at, along, &mut self.value, &mut self.product, &mut self.scratch);
    }

    /// Number of rows and columns.
    pub fn size(&self) -> usize {
        self.n
    }

    /// Where the entries are; none when the matrix is dense, with [`Jacobian::values`] by columns.
    pub fn pattern(&self) -> Option<&Pattern> {
        self.pattern.as_ref()
    }

    /// The entries at the point of the last evaluation.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Number of forward products of an evaluation; 0 when the kernel has a matrix of its own.
    pub fn products(&self) -> usize {
        match self.source {
            Source::Kernel => 0,
            Source::Columns => self.n,
            Source::Colours => self.count,
        }
    }

    /// Adds `factor Jᵀ x` to `out`.
    pub fn add_transposed(&self, factor: T, x: &[T], out: &mut [T]) {
        for (j, out) in out.iter_mut().enumerate() {
            let mut sum = T::ZERO;
            match &self.pattern {
                Some(pattern) => {
                    for (i, v) in pattern.column(j).iter().zip(&self.values[pattern.range(j)]) {
                        sum += *v * x[*i as usize];
                    }
                }
                None => {
                    for (v, x) in self.values[j * self.n..(j + 1) * self.n].iter().zip(x) {
                        sum += *v * *x;
                    }
                }
            }
            *out += factor * sum;
        }
    }

    /// Writes `J x` to `out`.
    pub fn multiply(&self, x: &[T], out: &mut [T]) {
        out.fill(T::ZERO);
        for (j, x) in x.iter().enumerate() {
            match &self.pattern {
                Some(pattern) => {
                    for (i, v) in pattern.column(j).iter().zip(&self.values[pattern.range(j)]) {
                        out[*i as usize] += *v * *x;
                    }
                }
                None => {
                    for (out, v) in out.iter_mut().zip(&self.values[j * self.n..]) {
                        *out += *v * *x;
                    }
                }
            }
        }
    }
}
