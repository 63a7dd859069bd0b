//! Brownian motion at any time from a seed and the number of a path alone.
//!
//! The time axis is divided into cells `[0, 1)`, `[1, 2)`, `[2, 4)`, `[4, 8)`, … and their mirror
//! images. In each cell the motion is a binary tree: every interval knows its increment `W` and its
//! space–time Lévy area `H`, the mean distance of the motion from the chord over the interval,
//! which is independent of `W`. Both halves of an interval follow from the whole and two normal
//! numbers keyed by the interval (Foster, Oberhauser & Lyons, *An optimal polynomial approximation
//! of Brownian motion*, SIAM J. Numer. Anal. 58 (2020) 1393, doi:10.1137/19M1261912; Jelinčič,
//! Foster & Kidger, arXiv:2405.06464). With `h` the length of the whole, `W`, `H` those of the
//! whole and `N`, `N'` the numbers,
//!
//! ```text
//! W_left = W/2 + 3H/2 + √h/4 N      H_left  = H/4 − √h/8 N + √(h/48) N'
//! W_right = W − W_left              H_right = H/4 − √h/8 N − √(h/48) N'
//! ```
//!
//! So the motion does not depend on the span of a solve, on steps, tolerances or methods, and a
//! step tried again with half the length sees a refinement of the same motion. A time is reached
//! exactly by its binary digits: there is no tolerance.

mod cell;
mod chain;
mod halves;

pub(crate) use cell::power_of_two;

use crate::random::{Key, Purpose};
use cell::{CELLS, Cell, LEVELS, counter, root_of_power_of_two};
use chain::Chain;
use halves::{Halves, WIDE};
use slopefield_solve::SolveError;

/// More sources than this cannot be told apart.
const MOST_SOURCES: usize = 1 << 20;

/// A Brownian motion with several independent sources; see the module.
///
/// It may be that of several paths at once, its *lanes*: then every number below is a row of as many
/// numbers as there are lanes.
///
/// Keeps the way from the root to the last interval asked for, so marching costs two normal numbers
/// a step and source. No call allocates, except [`BrownianMotion::start`] for more sources.
#[derive(Debug, Clone)]
pub struct BrownianMotion {
    /// One for each lane.
    keys: Vec<Key>,
    sources: usize,
    cell: Option<Cell>,
    /// Levels up to this one hold children of `parents`.
    depth: usize,
    /// Index of the interval whose halves level `l` holds.
    parents: [u128; LEVELS + 1],
    /// For each level: `W` and `H` of the left half, `W` and `H` of the right half, each for all
    /// sources. Level 0 holds the cell in place of the left half.
    halves: Vec<f64>,
    /// Two rows of normal numbers, and the bits that they are made of.
    normal: Vec<f64>,
    bits: Vec<u64>,
    arch: pulp::Arch,
}

impl Default for BrownianMotion {
    fn default() -> Self {
        BrownianMotion {
            keys: Vec::new(),
            sources: 0,
            cell: None,
            depth: 0,
            parents: [0; LEVELS + 1],
            halves: Vec::new(),
            normal: Vec::new(),
            bits: Vec::new(),
            arch: pulp::Arch::new(),
        }
    }
}

impl BrownianMotion {
    /// Becomes the motion of a seed and path. Allocates only for more sources than before.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] for more than a million sources.
    pub fn start(&mut self, seed: u64, path: u64, sources: usize) -> Result<(), SolveError> {
        self.start_lanes(seed, path, 1, sources)
    }

    /// Becomes the motions of paths `first..first + lanes`.
    ///
    /// # Errors
    /// [`SolveError::Invalid`] for more than a million sources.
    pub fn start_lanes(
        &mut self,
        seed: u64,
        first: u64,
        lanes: usize,
        sources: usize,
    ) -> Result<(), SolveError> {
        if sources > MOST_SOURCES {
            return Err(SolveError::Invalid(format!(
                "the system has {sources} sources of noise; {MOST_SOURCES} are the most"
            )));
        }
        let paths = (0..lanes as u64).map(|lane| first.wrapping_add(lane));
        self.keys.clear();
        self.keys.extend(paths.map(|path| Key::new(seed, path, Purpose::Motion)));
        self.cell = None;
        self.sources = sources;
        self.halves.resize((LEVELS + 1) * 4 * self.row(), 0.0);
        self.normal.resize(2 * lanes, 0.0);
        self.bits.resize(2 * lanes, 0);
        Ok(())
    }

    /// Numbers of all sources and lanes.
    fn row(&self) -> usize {
        self.sources * self.keys.len()
    }

    /// Whether the motion is defined at a time.
    #[must_use]
    pub fn reaches(time: f64) -> bool {
        time.abs() < power_of_two(CELLS as i32)
    }

    /// Increment `W` of each source from one time to a later one, and the mean distance `H` of
    /// the motion from its chord: `∫ (W(r) − W(from)) dr = (to − from)(H + W/2)`.
    pub fn increment(&mut self, from: f64, to: f64, w: &mut [f64], h: &mut [f64]) {
        debug_assert!(from < to && Self::reaches(from) && Self::reaches(to));
        let mut chain = Chain { w, h, length: 0.0 };
        if from < 0.0 {
            let nearer = if to < 0.0 { -to } else { 0.0 };
            self.append(&mut chain, nearer, -from, true);
            // Time runs backward in the mirror.
            for w in &mut *chain.w {
                *w = -*w;
            }
        }
        if to > 0.0 {
            self.append(&mut chain, from.max(0.0), to, false);
        }
        if chain.length == 0.0 {
            // Times that differ in dropped digits only.
            chain.w.fill(0.0);
            chain.h.fill(0.0);
        }
    }

    fn append(&mut self, chain: &mut Chain<'_>, from: f64, to: f64, mirrored: bool) {
        let mut cell = Cell::at(from, mirrored);
        let mut begin = from;
        loop {
            let end = to.min(cell.end());
            self.enter(cell);
            let unit = power_of_two(cell.exponent() - LEVELS as i32);
            let (mut position, last) = (cell.position(begin), cell.position(end));
            while position < last {
                // The largest interval of the tree that begins here and ends in time.
                let aligned = position.trailing_zeros().min(LEVELS as u32);
                let fitting = 127 - (last - position).leading_zeros();
                let size = aligned.min(fitting);
                let offset = self.interval(LEVELS - size as usize, position >> size);
                let row = self.row();
                let (w, h) = self.halves[offset..offset + 2 * row].split_at(row);
                chain.append(w, h, (1u128 << size) as f64 * unit);
                position += 1 << size;
            }
            if end == to {
                return;
            }
            begin = end;
            cell = Cell { number: cell.number + 1, mirrored };
        }
    }

    /// Makes a cell the present one.
    fn enter(&mut self, cell: Cell) {
        if self.cell == Some(cell) {
            return;
        }
        self.cell = Some(cell);
        self.depth = 0;
        let root = root_of_power_of_two(cell.exponent());
        let (row, lanes) = (self.row(), self.keys.len());
        let (w, h) = self.halves[..2 * row].split_at_mut(row);
        for (at, (w, h)) in w.iter_mut().zip(h).enumerate() {
            let counter = counter(cell, 0, at / lanes);
            let [first, second] = self.keys[at % lanes].normal_pair(counter);
            *w = root * first;
            *h = root * (1.0 / 12.0_f64.sqrt()) * second;
        }
    }

    /// Place in `halves` of an interval of the present cell.
    fn interval(&mut self, level: usize, index: u128) -> usize {
        if level == 0 {
            return 0;
        }
        let mut known = self.depth.min(level);
        while known > 0 && self.parents[known] != index >> (level - known + 1) {
            known -= 1;
        }
        while known < level {
            known += 1;
            self.divide(known, index >> (level - known + 1));
        }
        self.place(level, index)
    }

    fn place(&self, level: usize, index: u128) -> usize {
        (4 * level + 2 * (index as usize & 1)) * self.row()
    }

    /// Fills level `level` with the halves of interval `parent` of the level above.
    fn divide(&mut self, level: usize, parent: u128) {
        let Some(cell) = self.cell else { return };
        let (m, lanes) = (self.row(), self.keys.len());
        let place = if level == 1 { 0 } else { self.place(level - 1, parent) };
        let (above, here) = self.halves.split_at_mut(4 * level * m);
        let (whole_w, whole_h) = above[place..place + 2 * m].split_at(m);
        let (left, right) = here[..4 * m].split_at_mut(2 * m);
        let (left_w, left_h) = left.split_at_mut(m);
        let (right_w, right_h) = right.split_at_mut(m);
        let root = root_of_power_of_two(cell.exponent() + 1 - level as i32);
        let node = (1u128 << (level - 1)) | parent;
        for source in 0..self.sources {
            let part = source * lanes..(source + 1) * lanes;
            let whole = [&whole_w[part.clone()], &whole_h[part.clone()]];
            let [lw, lh] = [&mut left_w[part.clone()], &mut left_h[part.clone()]];
            let [rw, rh] = [&mut right_w[part.clone()], &mut right_h[part]];
            let halves = Halves {
                whole,
                left: [lw, lh],
                right: [rw, rh],
                keys: &self.keys,
                counter: counter(cell, node, source),
                root,
                bits: &mut self.bits,
                normal: &mut self.normal,
            };
            if lanes < WIDE {
                halves.fill();
            } else {
                // The same arithmetic with the vector instructions of the machine.
                self.arch.dispatch(halves);
            }
        }
        self.parents[level] = parent;
        // What lies deeper belonged to another interval.
        self.depth = level;
    }
}
