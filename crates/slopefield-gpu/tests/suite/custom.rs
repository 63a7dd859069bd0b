//! Operators that plugins compute are refused, wherever a program is made: their code is for processors.

use slopefield_gpu::{
    Dialect, GpuError, GradientProgram, PointProgram, TensorGradientProgram, TensorProgram,
    TrajectoryProgram,
};
use slopefield_graph::custom::{CustomCode, CustomSource, offer};
use slopefield_graph::network::NetworkError;
use slopefield_graph::{LoweredModel, NetworkBuilder, NetworkGraph, NetworkLibrary, lower};
use slopefield_kernel::{Event, Trigger};
use slopefield_lang::OptionValue;
use slopefield_solve::tableau;
use std::sync::Arc;

struct Square;

impl CustomCode for Square {
    fn forward(&self, x: &[f64], y: &mut [f64]) {
        y[0] = x[0] * x[0];
    }
    fn reverse(&self, x: &[f64], w: &[f64], grad: &mut [f64]) {
        grad[0] = 2.0 * x[0] * w[0];
    }
}

impl CustomSource for Square {
    fn bind(&self, _: &[u32], _: u32) -> Result<Box<dyn CustomCode>, String> {
        Ok(Box::new(Square))
    }
}

struct Library;

impl NetworkLibrary for Library {
    fn build(
        &self,
        _: &str,
        _: u32,
        _: u32,
        _: &[(String, OptionValue)],
    ) -> Result<NetworkGraph, NetworkError> {
        let mut b = NetworkBuilder::new(1)?;
        let y = b.op("custom:org.example.cards@1.0.0/square", &[b.input()], &[("len", &[1])])?;
        b.output(y)?;
        b.finish()
    }
}

fn lowered(text: &str) -> LoweredModel {
    let (model, diagnostics) = slopefield_lang::check(text);
    assert!(model.is_complete, "{diagnostics:?}");
    lower(&model, &Library).expect("it lowers")
}

#[test]
fn operators_of_plugins_are_not_for_graphics_cards() {
    offer("org.example.cards@1.0.0/square", Arc::new(Square));
    let head = "state x = 1\nparam k = 1\nnetwork f: org.example.cards/f(inputs: 1, outputs: 1)\n";
    let lowered = lowered(&format!("{head}x' = -k*f(x)\n"));
    // One in what an event changes alone.
    let in_change = self::lowered(&format!("{head}x' = -k*x\nat [0.5]: x += f(x)\n"));
    let events = [Event { trigger: Trigger::At(0..1), affect: Some(0), stop: false }];
    let tsit5 = tableau("tsit5").expect("built in");
    let dialect = Dialect::Wgsl;
    let plan = &lowered.rhs.eval;
    for refused in [
        PointProgram::new(plan, &[], dialect).err(),
        TrajectoryProgram::of_model(&lowered, &[], tsit5, dialect).err(),
        TrajectoryProgram::new(plan, &[], tsit5, dialect).err(),
        TensorProgram::of_model(&lowered, &[], tsit5, dialect).err(),
        GradientProgram::of_model(&lowered, &[], tsit5, dialect).err(),
        GradientProgram::new(&lowered.rhs, &[], tsit5, dialect).err(),
        TensorGradientProgram::new(&lowered.rhs, &[], tsit5, dialect).err(),
        TrajectoryProgram::with_timed_events(&in_change, &events, &[], tsit5, dialect).err(),
    ] {
        let refused = refused.expect("it is refused");
        let what = "models with operators of plugins";
        assert!(matches!(refused, GpuError::Model { what: w } if w == what), "{refused}");
    }
}
