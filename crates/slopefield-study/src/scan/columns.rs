//! States, named expressions and observations of many trajectories, column by column.

use crate::CompiledModel;
use slopefield_kernel::Kernel;

/// Columns that grow trajectory by trajectory.
pub(super) struct Columns<'a> {
    states: usize,
    /// Named expressions and observations, each with its outputs that are columns.
    functions: [(&'a dyn Kernel, Vec<usize>); 2],
    outputs: Vec<f64>,
    scratch: Vec<f64>,
    all: [Vec<Vec<f64>>; 3],
}

impl<'a> Columns<'a> {
    pub(super) fn new(model: &'a CompiledModel) -> Self {
        let lets: Vec<usize> = (0..model.lowered.let_names.len()).collect();
        let observed: Vec<usize> = model.lowered.observe_layout.iter().map(|o| o.value).collect();
        let states = model.model.states.len();
        let all = [states, lets.len(), observed.len()].map(|n| vec![Vec::new(); n]);
        let functions = [(&*model.lets, lets), (&*model.observe, observed)];
        let longest = |f: fn(&dyn Kernel) -> usize| {
            functions.iter().map(|(kernel, _)| f(*kernel)).max().unwrap_or(0)
        };
        Columns {
            states,
            outputs: vec![0.0; longest(|k| k.shape().outputs)],
            scratch: vec![0.0; longest(|k| k.scratch_len())],
            functions,
            all,
        }
    }

    /// Number of columns.
    pub(super) fn width(&self) -> usize {
        self.all.iter().map(Vec::len).sum()
    }

    pub(super) fn reserve(&mut self, rows: usize) {
        self.all.iter_mut().flatten().for_each(|column| column.reserve_exact(rows));
    }

    /// A trajectory with parameters `p`: states row by row at `times`. What was not reached is NaN in
    /// every column, whatever an expression makes of NaN.
    pub(super) fn add(&mut self, p: &[f64], times: &[f64], rows: &[f64]) {
        let [states, others @ ..] = &mut self.all;
        for (&t, u) in times.iter().zip(rows.chunks_exact(self.states)) {
            states.iter_mut().zip(u).for_each(|(column, x)| column.push(*x));
            let reached = !u.iter().all(|x| x.is_nan());
            for ((kernel, wanted), columns) in self.functions.iter().zip(others.iter_mut()) {
                let out = &mut self.outputs[..kernel.shape().outputs];
                match reached && !wanted.is_empty() {
                    true => kernel.eval(t, u, p, out, &mut self.scratch[..kernel.scratch_len()]),
                    false => out.fill(f64::NAN),
                }
                wanted.iter().zip(columns).for_each(|(&w, column)| column.push(out[w]));
            }
        }
    }

    /// A trajectory that has its columns, of `times` rows or fewer.
    pub(super) fn add_columns(&mut self, times: usize, columns: [&[Vec<f64>]; 3]) {
        for (all, columns) in self.all.iter_mut().zip(columns) {
            for (i, column) in all.iter_mut().enumerate() {
                let found = columns.get(i).map_or(&[][..], Vec::as_slice);
                column.extend_from_slice(found);
                column.extend(std::iter::repeat_n(f64::NAN, times - found.len()));
            }
        }
    }

    pub(super) fn finish(self) -> [Vec<Vec<f64>>; 3] {
        self.all
    }
}
