//! Forward and reverse derivatives of a block, as blocks.

use slopefield_lang::Binary;

use super::block::{Block, Scalar, SsaValue};
use super::builder::BlockBuilder;
use super::rules::{self, Site, scaled_partial};

impl Block {
    /// The block of tangents. Its inputs are this block's, then the tangent of each input vector
    /// marked active; its outputs are the tangents of the outputs. `None` when all are zero.
    pub(crate) fn jvp(&self, active: &[bool]) -> Option<Block> {
        let more: Vec<u32> = (0..self.inputs.len())
            .filter(|slot| active[*slot])
            .map(|slot| self.inputs[slot])
            .collect();
        let mut tangent_slot = Vec::new();
        let mut next = self.inputs.len() as u32;
        for a in active {
            tangent_slot.push(a.then_some(next));
            next += u32::from(*a);
        }

        self.tangents(&more, |b, slot, index| {
            tangent_slot[slot as usize].map(|slot| b.input(slot, index))
        })
    }

    /// The block of tangents along a fixed direction: for each input vector its tangent, zero where
    /// there is none. Its inputs are this block's. `None` when all tangents are zero.
    pub(crate) fn jvp_along(&self, direction: &[Option<&[f64]>]) -> Option<Block> {
        self.tangents(&[], |b, slot, index| {
            let tangent = direction[slot as usize]?[index as usize];
            (tangent != 0.0).then(|| b.constant(tangent))
        })
    }

    fn tangents(
        &self,
        more: &[u32],
        of_input: impl Fn(&mut BlockBuilder, u32, u32) -> Option<SsaValue>,
    ) -> Option<Block> {
        let mut b = BlockBuilder::extending(self, more);
        let mut tangents: Vec<Option<SsaValue>> = Vec::with_capacity(self.code.len());
        for (v, instruction) in self.code.iter().enumerate() {
            let tangent = match *instruction {
                Scalar::Constant(_) => None,
                Scalar::Input { slot, index } => of_input(&mut b, slot, index),
                Scalar::Unary(op, x) => tangents[x as usize]
                    .and_then(|s| scaled_partial(&mut b, Site::Unary(op, x), 0, v as u32, s)),
                Scalar::Binary(op @ (Binary::Min | Binary::Max), x, y) => {
                    let (dx, dy) = (tangents[x as usize], tangents[y as usize]);
                    (dx.is_some() || dy.is_some()).then(|| {
                        let first = rules::first_is_chosen(&mut b, op, x, y);
                        select_tangent(&mut b, first, dx, dy)
                    })
                }
                Scalar::Binary(op, x, y) => {
                    let mut part = |wrt: usize, operand: SsaValue| {
                        let s = tangents[operand as usize]?;
                        scaled_partial(&mut b, Site::Binary(op, x, y), wrt, v as u32, s)
                    };
                    let (first, second) = (part(0, x), part(1, y));
                    sum(&mut b, first, second)
                }
                Scalar::Select(c, x, y) => {
                    let (dx, dy) = (tangents[x as usize], tangents[y as usize]);
                    (dx.is_some() || dy.is_some()).then(|| select_tangent(&mut b, c, dx, dy))
                }
            };
            tangents.push(tangent);
        }
        if self.outputs.iter().all(|v| tangents[*v as usize].is_none()) {
            return None;
        }
        let zero = b.constant(0.0);
        let outputs: Vec<_> =
            self.outputs.iter().map(|v| tangents[*v as usize].unwrap_or(zero)).collect();
        Some(b.finish(&outputs))
    }

    /// The block of adjoints. Its inputs are this block's, then one vector of adjoints of the
    /// outputs; its outputs are the adjoints of all input vectors, one after the other.
    pub(crate) fn vjp(&self) -> Block {
        self.adjoint_block(&[self.outputs.len() as u32])
    }

    /// The same with a vector of length 1 for the adjoint of each output, as lane programs want.
    pub(crate) fn vjp_lanes(&self) -> Block {
        self.adjoint_block(&vec![1; self.outputs.len()])
    }

    /// The block of adjoints, with those of the outputs in vectors of these lengths.
    fn adjoint_block(&self, seeds: &[u32]) -> Block {
        let first_seed = self.inputs.len() as u32;
        let mut b = BlockBuilder::extending(self, seeds);
        let mut adjoints: Vec<Option<SsaValue>> = vec![None; self.code.len()];
        let places = (first_seed..).zip(seeds).flat_map(|(s, len)| (0..*len).map(move |i| (s, i)));
        for (v, (slot, index)) in self.outputs.iter().zip(places) {
            let seed = b.input(slot, index);
            accumulate(&mut b, &mut adjoints, *v, Some(seed));
        }
        for (v, instruction) in self.code.iter().enumerate().rev() {
            let Some(s) = adjoints[v] else { continue };
            match *instruction {
                Scalar::Constant(_) | Scalar::Input { .. } => {}
                Scalar::Unary(op, x) => {
                    let part = scaled_partial(&mut b, Site::Unary(op, x), 0, v as u32, s);
                    accumulate(&mut b, &mut adjoints, x, part);
                }
                Scalar::Binary(op, x, y) => {
                    for (wrt, operand) in [x, y].into_iter().enumerate() {
                        // Adjoints of numbers are never asked for.
                        if b.as_constant(operand).is_none() {
                            let site = Site::Binary(op, x, y);
                            let part = scaled_partial(&mut b, site, wrt, v as u32, s);
                            accumulate(&mut b, &mut adjoints, operand, part);
                        }
                    }
                }
                Scalar::Select(c, x, y) => {
                    let zero = b.constant(0.0);
                    let to_x = b.select(c, s, zero);
                    accumulate(&mut b, &mut adjoints, x, Some(to_x));
                    let to_y = b.select(c, zero, s);
                    accumulate(&mut b, &mut adjoints, y, Some(to_y));
                }
            }
        }

        let zero = b.constant(0.0);
        let starts: Vec<usize> = self
            .inputs
            .iter()
            .scan(0usize, |next, len| {
                let start = *next;
                *next += *len as usize;
                Some(start)
            })
            .collect();
        let total: usize = self.inputs.iter().map(|len| *len as usize).sum();
        let mut outputs = vec![zero; total];
        for (v, instruction) in self.code.iter().enumerate() {
            if let (Scalar::Input { slot, index }, Some(adjoint)) = (*instruction, adjoints[v]) {
                outputs[starts[slot as usize] + index as usize] = adjoint;
            }
        }
        b.finish(&outputs)
    }
}

fn accumulate(
    b: &mut BlockBuilder,
    adjoints: &mut [Option<SsaValue>],
    v: SsaValue,
    part: Option<SsaValue>,
) {
    adjoints[v as usize] = sum(b, adjoints[v as usize], part);
}

fn sum(b: &mut BlockBuilder, x: Option<SsaValue>, y: Option<SsaValue>) -> Option<SsaValue> {
    match (x, y) {
        (Some(x), Some(y)) => Some(b.add(x, y)),
        (x, y) => x.or(y),
    }
}

fn select_tangent(
    b: &mut BlockBuilder,
    c: SsaValue,
    dx: Option<SsaValue>,
    dy: Option<SsaValue>,
) -> SsaValue {
    let zero = b.constant(0.0);
    b.select(c, dx.unwrap_or(zero), dy.unwrap_or(zero))
}
