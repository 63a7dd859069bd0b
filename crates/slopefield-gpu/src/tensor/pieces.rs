//! The pieces of a plan as programs.

use crate::dialect::{Dialect, Program, SharedArray, WORKGROUP};
use crate::emit::{statements, statements_of_part};
use crate::error::GpuError;
use crate::places::Places;
use crate::tensor::segments::{Segment, Spread};
use crate::tensor::tiles::{self, TILES};

/// A program and what its threads are.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    /// One text, or one for each size of tiles.
    pub(crate) texts: Vec<String>,
    pub(crate) threads: Threads,
}

/// What the threads of a program are, whole groups for each 64 trajectories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// One for each trajectory.
    Trajectories,
    /// So many for each trajectory.
    Parts(usize),
    /// Some for each trajectory, each with some of so many elements.
    Elements(usize),
    /// Groups for tiles of a matrix of so many rows.
    Tiles(usize),
    /// So many groups for each block of so many trajectories.
    Blocks { block: usize, groups: usize },
}

/// Groups of threads that elements are spread over.
const MOST_GROUPS: usize = 16_384;
/// Groups from which on a card is busy.
const ENOUGH_GROUPS: usize = 256;

impl Threads {
    /// Which text, and how many threads.
    pub(crate) fn of(self, lanes: usize) -> (usize, usize) {
        let group = WORKGROUP as usize;
        let blocks = lanes.div_ceil(group);
        match self {
            Threads::Trajectories => (0, group * blocks),
            Threads::Parts(parts) => (0, group * blocks * parts),
            Threads::Elements(len) => {
                let chunks = (MOST_GROUPS / blocks).clamp(1, len);
                // No chunk is empty: threads take as many elements each.
                (0, group * blocks * len.div_ceil(len.div_ceil(chunks)))
            }
            Threads::Blocks { block, groups } => (0, group * groups * lanes.div_ceil(block)),
            Threads::Tiles(rows) => {
                let groups = |side: usize| rows.div_ceil(side) * lanes.div_ceil(side);
                let fit = TILES.iter().position(|side| groups(*side) >= ENOUGH_GROUPS);
                let which = fit.unwrap_or(TILES.len() - 1);
                (which, group * groups(TILES[which]))
            }
        }
    }
}

/// The text with the beginning of a program whose threads have some of `len` elements each, where the row
/// `wanted` of `counts` says so.
pub(crate) fn in_parts(text: &str, len: usize, wanted: usize) -> String {
    let part = include_str!("../text/tensor/part.wgsl");
    text.replace("$part\n", part)
        .replace("$len", &len.to_string())
        .replace("$wanted", &wanted.to_string())
}

const BY_TRAJECTORY: &str = "    lanes = tables[0u];
    if (lane >= lanes) { return; }
    if (counts[6u * lanes + lane] == 0u) { return; }
";

/// The programs of pieces, whose buffers are where `places` says.
pub(crate) fn kernels(
    segments: &[Segment],
    places: &mut Places,
    shared: &[SharedArray],
    dialect: Dialect,
) -> Result<Vec<Kernel>, GpuError> {
    segments.iter().map(|segment| kernel(segment, places, shared, dialect)).collect()
}

/// The program of a piece that is no sum over trajectories.
pub(crate) fn kernel(
    segment: &Segment,
    places: &mut Places,
    shared: &[SharedArray],
    dialect: Dialect,
) -> Result<Kernel, GpuError> {
    let plan = &segment.plan;
    let (body, threads) = match segment.spread {
        Spread::Tiles => return tiles::kernel(plan, places, shared, dialect),
        Spread::Elements(len) => {
            let len = len as usize;
            let statements = statements_of_part(plan, places, dialect);
            (in_parts(&format!("$part\n{statements}"), len, 6), Threads::Elements(len))
        }
        Spread::Trajectories => {
            let statements = statements(plan, places, dialect);
            (format!("{BY_TRAJECTORY}{statements}"), Threads::Trajectories)
        }
        Spread::OuterSum => unreachable!("`outer` has the sums over trajectories"),
    };
    let body = format!("{}fn run_lane() {{\n{body}}}\n", places.parameter_function());
    Ok(Kernel { texts: vec![program(body, shared, dialect)?], threads })
}

/// A program without numbers of its threads' own.
pub(crate) fn program(
    body: String,
    shared: &[SharedArray],
    dialect: Dialect,
) -> Result<String, GpuError> {
    dialect.program(&Program {
        shared: shared.to_vec(),
        private: Vec::new(),
        private_words: Vec::new(),
        body,
    })
}
