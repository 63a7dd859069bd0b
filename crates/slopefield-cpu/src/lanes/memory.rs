//! Memory for machine code that was made here: that of the code generator's module, which is written
//! first and made executable afterwards.

use std::sync::Mutex;

use cranelift_codegen::ir::Signature;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{Module, ModuleError, default_libcall_names};

use crate::error::CompileError;
use crate::jit::code::target;

/// Owner of machine code; frees it when dropped.
pub(super) struct Executable {
    module: Mutex<Option<JITModule>>,
}

impl Executable {
    /// Makes functions executable; gives their addresses, which are good as long as the owner lives.
    pub(super) fn new(functions: &[Vec<u8>]) -> Result<(Self, Vec<*const u8>), CompileError> {
        let mut module = JITModule::new(JITBuilder::with_isa(target()?, default_libcall_names()));
        let signature = Signature::new(module.isa().default_call_conv());
        let mut define = || {
            let mut ids = Vec::with_capacity(functions.len());
            for bytes in functions {
                let id = module.declare_anonymous_function(&signature).map_err(refused)?;
                module.define_function_bytes(id, 64, bytes, &[]).map_err(refused)?;
                ids.push(id);
            }
            module.finalize_definitions().map_err(refused)?;
            Ok(ids.iter().map(|&id| module.get_finalized_function(id)).collect())
        };
        let addresses = define();
        let owner = Executable { module: Mutex::new(Some(module)) };
        Ok((owner, addresses?))
    }
}

fn refused(error: ModuleError) -> CompileError {
    let reason = match error {
        ModuleError::Backend(e) => format!("{e:#}"),
        other => other.to_string(),
    };
    CompileError::NoExecutableMemory { reason }
}

impl Drop for Executable {
    fn drop(&mut self) {
        let module = self.module.get_mut().unwrap_or_else(|e| e.into_inner()).take();
        if let Some(module) = module {
            // SAFETY: whoever owns this owns the addresses of the functions as well and calls none
            // once it is dropped.
            unsafe { module.free_memory() };
        }
    }
}
