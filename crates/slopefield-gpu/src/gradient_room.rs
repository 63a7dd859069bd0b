//! The arrays of a gradient on a device.

use crate::bytes::bytes_of_words;
use crate::device::{Device, DeviceArray};
use crate::error::GpuError;
use crate::gradients::{GradientProgram, Tape};
use crate::trajectories::Arrays;

/// The arrays of a batch, kept for the next one and for the next gradient: taking memory of a card, and
/// filling it with zeros, costs more than the gradients of a hundred thousand short trajectories.
pub(crate) struct Room {
    /// Elements of each array; batches with the same have the same room.
    sizes: [usize; 10],
    /// In the order of their bindings. `own_values` have the weights of the states at the save times behind
    /// what the solve reads.
    forward: [DeviceArray; 8],
    joint: DeviceArray,
    tables: DeviceArray,
    gradients: DeviceArray,
}

impl Room {
    /// The arrays as both passes need them but for `own_values`, in those of the batch before where they
    /// have the same sizes; `row` numbers of each trajectory have weights. Of `heads` those without columns
    /// and tape.
    pub(crate) fn prepare(
        before: Option<Room>,
        device: &Device,
        program: &GradientProgram,
        heads: &Arrays,
        tape: Tape,
        row: usize,
    ) -> Result<Room, GpuError> {
        let (dialect, lanes) = (program.forward().dialect, heads.tables[0] as usize);
        let (joint, tables) = program.reverse_heads(heads);
        let sizes = [
            heads.joint_values.len(),
            (program.forward().states() + program.own().len() + row) * lanes,
            heads.tables.len(),
            heads.results,
            heads.kept,
            program.clock_len(heads, tape),
            joint.len(),
            tables.len(),
            program.rows() * lanes,
            heads.counts,
        ];
        // Memory is given back before other is taken.
        let room = match before.filter(|room| room.sizes == sizes) {
            Some(room) => room,
            None => {
                let width = dialect.width();
                let reals = |i: usize| device.empty(width * sizes[i] as u64);
                let words = |i: usize| device.empty(4 * sizes[i] as u64);
                Room {
                    sizes,
                    forward: [
                        reals(0)?,
                        reals(1)?,
                        words(2)?,
                        reals(3)?,
                        reals(4)?,
                        words(9)?,
                        reals(5)?,
                        device.empty(4)?,
                    ],
                    joint: reals(6)?,
                    tables: words(7)?,
                    gradients: reals(8)?,
                }
            }
        };
        let [to_joint, _, to_tables, _, _, counts, clock, open] = &room.forward;
        device.write_at(to_joint, 0, &dialect.bytes_of_reals(&heads.joint_values))?;
        device.write_at(to_tables, 0, &bytes_of_words(&heads.tables))?;
        device.write_at(clock, 0, &dialect.bytes_of_ticks(&heads.clock))?;
        device.write_at(&room.joint, 0, &dialect.bytes_of_reals(&joint))?;
        device.write_at(&room.tables, 0, &bytes_of_words(&tables))?;
        device.clear(counts)?;
        device.clear(open)?;
        device.clear(&room.gradients)?;
        Ok(room)
    }

    /// Bytes on the device.
    pub(crate) fn bytes(&self) -> u64 {
        let reverse = [&self.joint, &self.tables, &self.gradients];
        self.forward.iter().chain(reverse).map(DeviceArray::size).sum()
    }

    pub(crate) fn own_values(&self) -> &DeviceArray {
        &self.forward[1]
    }

    pub(crate) fn joint(&self) -> &DeviceArray {
        &self.joint
    }

    pub(crate) fn gradients(&self) -> &DeviceArray {
        &self.gradients
    }

    /// The arrays of the solve.
    pub(crate) fn forward(&self) -> [&DeviceArray; 8] {
        self.forward.each_ref()
    }

    /// Those of the reverse pass.
    pub(crate) fn reverse(&self) -> [&DeviceArray; 8] {
        let [_, own, _, _, kept, counts, clock, open] = &self.forward;
        [&self.joint, own, &self.tables, &self.gradients, kept, counts, clock, open]
    }

    /// Where in its tables the number of attempts of a run is.
    pub(crate) fn reverse_attempts_at(&self) -> usize {
        self.sizes[7] - 3
    }
}
