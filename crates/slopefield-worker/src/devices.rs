//! The `devices` command.

use slopefield_api::types::{CardView, CudaView, DevicesView, ProcessorView};
use std::path::PathBuf;

/// The processor, the cards that drivers tell of, and what of NVIDIA's own is installed.
pub fn view() -> DevicesView {
    let processor = slopefield_devices::processor();
    let found = slopefield_devices::cards().find();
    let (chosen, because) =
        slopefield_devices::would_choose(&found.cards, found.none_because.as_deref());
    let cuda = slopefield_devices::cuda();
    let shown = |path: Option<PathBuf>| path.map(|p| p.to_string_lossy().into_owned());
    DevicesView {
        processor: ProcessorView {
            name: processor.name,
            instructions: processor.instructions.into(),
            cores: processor.cores as u32,
        },
        cards: found
            .cards
            .into_iter()
            .map(|card| CardView {
                name: card.name,
                maker: card.maker,
                kind: card.kind.into(),
                software: card.software,
                interface: card.interface.into(),
                driver: card.driver,
                largest_array: card.largest_array,
                shared_memory: card.shared_memory,
                double: card.double,
                finest: card.finest,
            })
            .collect(),
        none_because: found.none_because,
        cuda: CudaView {
            driver: shown(cuda.driver),
            version: cuda.version,
            compiler: shown(cuda.compiler),
        },
        chosen,
        because,
    }
}
