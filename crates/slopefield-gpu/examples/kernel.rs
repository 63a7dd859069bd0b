//! Prints the kernel that solves a model, to read it or to give it to a compiler's report:
//!
//! ```text
//! cargo run -p slopefield-gpu --example kernel -- model.slope tsit5 cuda-double > kernel.cu
//! nvcc -arch=sm_90 -cubin -Xptxas -v kernel.cu
//! ```

use slopefield_gpu::{Dialect, TrajectoryProgram};
use slopefield_graph::{BuiltinNetworks, lower};
use slopefield_solve::tableau;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, method, dialect] = &arguments[..] else {
        eprintln!("usage: kernel MODEL METHOD wgsl|cuda|cuda-double");
        std::process::exit(2);
    };
    match kernel(model, method, dialect) {
        Ok(text) => print!("{text}"),
        Err(why) => {
            eprintln!("{why}");
            std::process::exit(1);
        }
    }
}

fn kernel(model: &str, method: &str, dialect: &str) -> Result<String, String> {
    let text = std::fs::read_to_string(model).map_err(|e| format!("{model}: {e}"))?;
    let (checked, diagnostics) = slopefield_lang::check(&text);
    if !checked.is_complete {
        return Err(format!("{diagnostics:?}"));
    }
    let model = lower(&checked, &BuiltinNetworks).map_err(|e| e.to_string())?;
    let method = tableau(method).ok_or("no such method")?;
    let dialect = match dialect {
        "wgsl" => Dialect::Wgsl,
        "cuda" => Dialect::CudaSingle,
        "cuda-double" => Dialect::CudaDouble,
        other => return Err(format!("no dialect is called {other}")),
    };
    let own: Vec<usize> = (0..model.rhs.eval.shape.params).collect();
    let program = TrajectoryProgram::of_model(&model, &own, method, dialect);
    program.map(|program| program.text).map_err(|e| e.to_string())
}
