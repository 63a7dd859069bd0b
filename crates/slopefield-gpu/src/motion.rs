//! The tree of a Brownian motion as a list of moves that all paths make together.
//!
//! With steps of a fixed length all paths ask for the motion on the same intervals, and which intervals
//! of the tree those are, how one gets there and how they are put together depends on nothing else. So
//! the processor finds it out once, exactly, and the card does the arithmetic. The tree is that of
//! `slopefield-stochastic` (`BrownianMotion`), whose documentation has the formulas.

use std::collections::BTreeMap;

/// Depth of the tree of a cell.
const LEVELS: u32 = 95;

/// Words of a move and of what stands before the moves of a step.
pub(crate) const WORDS: usize = 6;

/// The present interval becomes the cell of four words; the number is its root.
pub(crate) const CELL: u32 = 0;
/// The present interval is divided: its left half becomes the present one, the right half waits.
pub(crate) const DIVIDE: u32 = 1;
/// The interval that waits for the shortest time becomes the present one.
pub(crate) const POP: u32 = 2;
/// The present interval is appended to the step; the number is its share of the length.
pub(crate) const APPEND: u32 = 3;
/// A save time has been reached.
pub(crate) const MARK: u32 = 4;

/// A step that all paths take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct FixedStep {
    pub(crate) t: f64,
    pub(crate) t_new: f64,
}

/// The moves of a solve, and the numbers that they use.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Moves {
    /// For each step: how many moves, where its time, its length (and root) and the places of its save
    /// times are among the numbers, how many save times lie within it and at its end; then the moves:
    /// kind, number, and the four words that random numbers are keyed by.
    pub(crate) words: Vec<u32>,
    /// Behind `base` numbers of somebody else.
    pub(crate) numbers: Vec<f64>,
    /// Most halves that wait at once.
    pub(crate) depth: usize,
    /// Save times at the beginning.
    pub(crate) at_start: usize,
}

/// Writes the moves down.
struct Writer {
    moves: Moves,
    base: u32,
    /// Where pairs of numbers are, by their bits.
    known: BTreeMap<[u64; 2], u32>,
    cell: Option<u32>,
    /// The present interval and those that wait: level and index in the cell.
    present: (u32, u128),
    waiting: Vec<(u32, u128)>,
    /// Length of what has been put together of the step.
    length: f64,
}

/// Steps of the length of the largest power of two not above `h` that end at multiples of it, from `t0`
/// to `t1`: those of the processor. `None` for more than `most`.
pub(crate) fn fixed_steps((t0, t1): (f64, f64), h: f64, most: u64) -> Option<Vec<FixedStep>> {
    let length = power_of_two(exponent(h));
    let mut steps = Vec::new();
    let mut t = t0;
    while t < t1 {
        if steps.len() as u64 == most {
            return None;
        }
        let end = ((t / length).floor() + 1.0) * length;
        let t_new = if end < t1 && end > t { end } else { t1.min(end.max(t + length)) };
        if t_new <= t {
            return None;
        }
        steps.push(FixedStep { t, t_new });
        t = t_new;
    }
    Some(steps)
}

/// The moves of these steps, from a time not before 0 on, with save times in order; numbers stand behind
/// `base` others.
pub(crate) fn moves(steps: &[FixedStep], saves: &[f64], base: usize) -> Moves {
    let begin = steps.first().map_or(f64::INFINITY, |step| step.t);
    let at_start = saves.iter().take_while(|save| **save <= begin).count();
    let moves = Moves { words: Vec::new(), numbers: Vec::new(), depth: 0, at_start };
    let mut writer = Writer {
        moves,
        base: base as u32,
        known: BTreeMap::new(),
        cell: None,
        present: (0, 0),
        waiting: Vec::new(),
        length: 0.0,
    };
    let mut rest = &saves[at_start..];
    for step in steps {
        let (within, after) = rest.split_at(rest.iter().take_while(|s| **s < step.t_new).count());
        let (at_end, after) =
            after.split_at(after.iter().take_while(|s| **s == step.t_new).count());
        rest = after;
        writer.step(step, within, at_end.len());
    }
    writer.moves
}

impl Writer {
    fn step(&mut self, step: &FixedStep, within: &[f64], at_end: usize) {
        let FixedStep { t, t_new } = *step;
        let h = t_new - t;
        let begin = self.moves.words.len();
        let time = self.number(t);
        let length = self.pair(h, h.sqrt());
        let places = self.base + self.moves.numbers.len() as u32;
        self.moves.numbers.extend(within.iter().map(|save| (save - t) / h));
        let counts = [within.len() as u32, at_end as u32];
        self.moves.words.extend([0, time, length, places, counts[0], counts[1]]);
        self.length = 0.0;
        let mut reached = t;
        for save in within {
            self.append(reached, *save);
            self.put(MARK, 0, [0; 4]);
            reached = *save;
        }
        self.append(reached, t_new);
        self.moves.words[begin] = ((self.moves.words.len() - begin) / WORDS - 1) as u32;
    }

    fn number(&mut self, x: f64) -> u32 {
        self.moves.numbers.push(x);
        self.base + self.moves.numbers.len() as u32 - 1
    }

    /// Where two numbers are, one after the other.
    fn pair(&mut self, first: f64, second: f64) -> u32 {
        let key = [first.to_bits(), second.to_bits()];
        if let Some(at) = self.known.get(&key) {
            return *at;
        }
        let at = self.number(first);
        self.number(second);
        self.known.insert(key, at);
        at
    }

    fn put(&mut self, kind: u32, number: u32, counter: [u32; 4]) {
        self.moves.words.extend([kind, number]);
        self.moves.words.extend(counter);
    }

    /// Appends the motion from one time to a later one.
    fn append(&mut self, from: f64, to: f64) {
        let mut cell = cell_at(from);
        let mut begin = from;
        while begin < to {
            let end = to.min(power_of_two(cell as i32));
            let unit = power_of_two(cell_exponent(cell) - LEVELS as i32);
            let (mut position, last) = (position(cell, begin), position(cell, end));
            while position < last {
                // The largest interval of the tree that begins here and ends in time.
                let aligned = position.trailing_zeros().min(LEVELS);
                let size = aligned.min(127 - (last - position).leading_zeros());
                self.go_to(cell, (LEVELS - size, position >> size));
                let length = (1u128 << size) as f64 * unit;
                let total = self.length + length;
                let number = self.pair(self.length / total, length / total);
                self.put(APPEND, number, [0; 4]);
                self.length = total;
                position += 1 << size;
            }
            begin = end;
            cell += 1;
        }
    }

    /// Makes an interval the present one, which lies after all that have been.
    fn go_to(&mut self, cell: u32, (level, index): (u32, u128)) {
        if self.cell != Some(cell) {
            self.cell = Some(cell);
            self.present = (0, 0);
            self.waiting.clear();
            let number = self.root(cell_exponent(cell));
            self.put(CELL, number, counter(cell, 0));
        }
        let holds = |(at, which): (u32, u128)| at <= level && which == index >> (level - at);
        while !holds(self.present) {
            // Everything to the right of what has been waits.
            let Some(next) = self.waiting.pop() else { return };
            self.present = next;
            self.put(POP, 0, [0; 4]);
        }
        while self.present.0 < level {
            let (at, which) = self.present;
            let number = self.root(cell_exponent(cell) - at as i32);
            self.put(DIVIDE, number, counter(cell, (1u128 << at) | which));
            self.waiting.push((at + 1, 2 * which + 1));
            self.moves.depth = self.moves.depth.max(self.waiting.len());
            self.present = (at + 1, 2 * which);
            if !holds(self.present)
                && let Some(next) = self.waiting.pop()
            {
                self.present = next;
                self.put(POP, 0, [0; 4]);
            }
        }
    }

    /// Where the root of the length `2^exponent` is.
    fn root(&mut self, exponent: i32) -> u32 {
        let root = power_of_two(exponent >> 1);
        let root = if exponent & 1 == 0 { root } else { root * std::f64::consts::SQRT_2 };
        self.pair(root, 0.0)
    }
}

/// `2^e` for exponents of normal numbers.
fn power_of_two(e: i32) -> f64 {
    f64::from_bits(((e + 1023) as u64) << 52)
}

/// Binary exponent of a positive number, within those that powers of two are made of.
fn exponent(h: f64) -> i32 {
    ((h.to_bits() >> 52) as i32 - 1023).clamp(-1022, 1000)
}

/// 0 for `[0, 1)`, otherwise the number of the cell `[2^(number − 1), 2^number)`.
fn cell_at(time: f64) -> u32 {
    if time < 1.0 { 0 } else { (time.to_bits() >> 52) as u32 - 1022 }
}

/// Logarithm of the length of a cell to base 2.
fn cell_exponent(cell: u32) -> i32 {
    cell.max(1) as i32 - 1
}

/// Distance from the beginning of a cell, in units of `2^−LEVELS` of its length.
fn position(cell: u32, time: f64) -> u128 {
    let begin = if cell == 0 { 0.0 } else { power_of_two(cell as i32 - 1) };
    ((time - begin) * power_of_two(LEVELS as i32 - cell_exponent(cell))) as u128
}

/// The words that random numbers of an interval are keyed by, but for the source.
fn counter(cell: u32, node: u128) -> [u32; 4] {
    [node as u32, (node >> 32) as u32, (node >> 64) as u32, (2 * cell) << 20]
}
