//! Sums over trajectories in a fixed order.

use crate::bytes::bytes_of_words;
use crate::device::{Compiled, Device, DeviceArray};
use crate::dialect::{Dialect, ElementType, Program, SharedArray, WORKGROUP};
use crate::error::GpuError;

/// Trajectories whose numbers are added one after the other on the card.
pub(crate) const BLOCK: usize = 64;

/// Groups of threads of a run that every card allows.
const MOST_GROUPS: usize = 65_535;

/// The arrays, in the order of their bindings.
pub(crate) const SHARED: [SharedArray; 4] = [
    SharedArray { name: "joint_values", element: ElementType::Real, writable: false },
    SharedArray { name: "tables", element: ElementType::Word, writable: false },
    SharedArray { name: "results", element: ElementType::Real, writable: false },
    SharedArray { name: "sums", element: ElementType::Real, writable: true },
];

const BODY: &str = "fn run_lane() {
    lanes = tables[0u];
    if (lane >= lanes) { return; }
    let trajectories: word = tables[1u];
    let blocks: word = tables[2u];
    let row: word = tables[3u + lane / blocks];
    let first: word = (lane % blocks) * $blocku;
    var sum: real = real(0.0);
    for (var k: word = first; k < first + $blocku && k < trajectories; k++) {
        sum = sum + results[row * trajectories + k];
    }
    sums[lane] = sum;
}
";

/// The text that adds rows of `results`, a thread for each row and block of 64 trajectories. Which
/// trajectories make a block depends on their numbers alone, so that sums of the blocks in their
/// order have the same bits however many trajectories a card holds at once.
///
/// # Errors
/// None for the dialects there are.
pub(crate) fn text(dialect: Dialect) -> Result<String, GpuError> {
    let body = BODY.replace("$block", &BLOCK.to_string());
    dialect.program(&Program {
        shared: SHARED.to_vec(),
        private: Vec::new(),
        private_words: Vec::new(),
        body,
    })
}

/// Rows that one run may add, of so many blocks: a run has 65,535 groups of threads at most.
fn rows_at_once(blocks: usize) -> usize {
    (MOST_GROUPS * WORKGROUP as usize / blocks.max(1)).max(1)
}

/// What `tables` holds for sums of these rows, and the number of threads.
fn tables(rows: &[usize], trajectories: usize) -> (Vec<u32>, usize) {
    let blocks = trajectories.div_ceil(BLOCK);
    let threads = rows.len() * blocks;
    let mut tables = vec![threads as u32, trajectories as u32, blocks as u32];
    tables.extend(rows.iter().map(|row| *row as u32));
    (tables, threads)
}

/// Sums rows of `gradients` over all trajectories, in blocks on the device and over them in double
/// precision, and adds each sum to the derivative by its parameter: `rows` are rows with parameters.
#[allow(clippy::too_many_arguments, reason = "a program, its arrays and where sums go")]
pub(crate) fn add(
    device: &Device,
    program: &Compiled,
    dialect: Dialect,
    (joint, gradients): (&DeviceArray, &DeviceArray),
    rows: &[(usize, usize)],
    lanes: usize,
    by_params: &mut [f64],
) -> Result<(), GpuError> {
    let blocks = lanes.div_ceil(BLOCK);
    for rows in rows.chunks(rows_at_once(blocks)) {
        let at: Vec<usize> = rows.iter().map(|(row, _)| *row).collect();
        let (tables, threads) = tables(&at, lanes);
        let tables = device.array(&bytes_of_words(&tables))?;
        let sums = device.empty(dialect.width() * threads as u64)?;
        device.run(program, &[joint, &tables, gradients, &sums], threads)?;
        let sums = dialect.reals(&device.read(&sums)?);
        for (row, (_, param)) in sums.chunks_exact(blocks).zip(rows) {
            for sum in row {
                by_params[*param] += *sum;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, MOST_GROUPS, rows_at_once, tables};
    use crate::dialect::WORKGROUP;

    #[test]
    fn no_run_has_more_groups_than_cards_allow() {
        for trajectories in [1_usize, 64, 1000, 1 << 20] {
            let rows: Vec<usize> = (0..rows_at_once(trajectories.div_ceil(BLOCK))).collect();
            let (_, threads) = tables(&rows, trajectories);
            assert!(threads.div_ceil(WORKGROUP as usize) <= MOST_GROUPS, "{trajectories}");
            assert!(!rows.is_empty());
        }
    }
}
