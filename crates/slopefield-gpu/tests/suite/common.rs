//! What the tests of this crate share.

use std::sync::OnceLock;

use slopefield_gpu::{Device, Dialect};
use slopefield_graph::plan::{Buffer, Entry, Instruction, Plan, Ref};
use slopefield_graph::{BuiltinNetworks, LoweredModel, lower};
use slopefield_kernel::Shape;

/// The device that tests run on: the one whose label holds SLOPEFIELD_TEST_DEVICE, else a card, else the
/// software driver.
pub fn device() -> &'static Device {
    static DEVICE: OnceLock<Device> = OnceLock::new();
    DEVICE.get_or_init(|| {
        let device = match std::env::var("SLOPEFIELD_TEST_DEVICE") {
            Ok(part) => Device::named(&part),
            Err(_) => Device::best(true),
        };
        device.unwrap_or_else(|e| {
            panic!(
                "these tests need a Vulkan driver, the software one of Debian's and Ubuntu's \
                 packages mesa-vulkan-drivers and libvulkan1 at least \
                 (scripts/setup.sh installs them): {e}"
            )
        })
    })
}

/// The language of its programs in single precision.
pub fn dialect() -> Dialect {
    device().dialect(false).expect("every device has single precision")
}

pub fn lowered(text: &str) -> LoweredModel {
    let (model, diagnostics) = slopefield_lang::check(text);
    assert!(model.is_complete, "{diagnostics:?}");
    lower(&model, &BuiltinNetworks).expect("the model is right")
}

/// A plan of `inputs` states whose one output is the value of `code`, loads first.
pub fn scalar_plan(inputs: usize, function: Instruction) -> Plan {
    let mut plan = Plan::new(Entry::Eval, Shape { states: inputs, params: 0, outputs: 1 });
    for offset in 0..inputs as u32 {
        plan.code.push(Instruction::Load(Ref { buffer: Buffer::States, offset }));
    }
    plan.code.push(function);
    let out = Ref { buffer: Buffer::Out, offset: 0 };
    plan.code.push(Instruction::Store(out, inputs as u32));
    plan.verify().expect("the plan is right");
    plan
}

/// SplitMix64 (Steele, Lea & Flood 2014).
pub struct Random(pub u64);

impl Random {
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` to `high`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * ((self.bits() >> 11) as f64 / (1u64 << 53) as f64)
    }
}
