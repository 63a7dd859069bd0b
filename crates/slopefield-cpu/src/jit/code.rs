//! Generated functions and the memory they live in.

use std::sync::{Mutex, OnceLock};

use cranelift_codegen::ir;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Module, ModuleError, default_libcall_names};
use slopefield_graph::plan::{Instruction, Plan};

use super::chunk::chunk;
use super::emit::{Context, Pool, ScratchLayout, emit, emit_sequence, signature};
use super::fuse::{Fused, fuse};
use super::schedule::schedule;
use crate::Options;
use crate::dense::table::Isa;
use crate::error::CompileError;
use crate::native::Native;

/// One plan as machine code.
#[derive(Debug)]
pub(crate) struct Program<T> {
    /// Address of its function, which takes an argument per buffer of `buffers::buffers(entry)`: a
    /// pointer, or a number where `buffers::is_by_value`.
    pub function: *const u8,
    /// Elements of scratch memory, the plan's own included.
    pub scratch_len: usize,
    /// Numbers that the code reads.
    pub pool: Box<[T]>,
    /// Index tables that the code reads.
    pub tables: Vec<Box<[u32]>>,
}

/// Owner of generated code; frees it when dropped.
pub(crate) struct Code {
    module: Mutex<Option<JITModule>>,
}

impl Drop for Code {
    fn drop(&mut self) {
        let module = self.module.get_mut().unwrap_or_else(|e| e.into_inner()).take();
        if let Some(module) = module {
            // SAFETY: `CompiledKernel` owns the code together with the only copies of the function
            // addresses, and calls borrow the kernel; no function runs or is called any more.
            unsafe { module.free_memory() };
        }
    }
}

/// The code generator's description of this machine.
fn target() -> Result<OwnedTargetIsa, CompileError> {
    static TARGET: OnceLock<Result<OwnedTargetIsa, String>> = OnceLock::new();
    let make = || {
        let mut flags = settings::builder();
        let options = [
            ("opt_level", "none"),
            ("use_colocated_libcalls", "false"),
            ("is_pic", "false"),
            ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
            ("enable_alias_analysis", "false"),
            ("unwind_info", "false"),
            ("enable_probestack", "true"),
            ("probestack_strategy", "inline"),
        ];
        for (name, value) in options {
            flags.set(name, value).map_err(|e| e.to_string())?;
        }
        let builder = cranelift_native::builder().map_err(str::to_owned)?;
        let target = builder.finish(settings::Flags::new(flags)).map_err(|e| e.to_string())?;
        if target.pointer_bytes() != 8 {
            return Err("pointers are not 64 bits".to_owned());
        }
        Ok(target)
    };
    TARGET.get_or_init(make).clone().map_err(|reason| CompileError::UnsupportedMachine { reason })
}

/// Compiles verified plans into one block of code.
pub(crate) fn generate<T: Native>(
    plans: [&Plan; 3],
    options: &Options,
) -> Result<(Code, [Program<T>; 3]), CompileError> {
    let target = target()?;
    let builder = JITBuilder::with_isa(target, default_libcall_names());
    let code = Code { module: Mutex::new(Some(JITModule::new(builder))) };
    let programs = {
        let mut guard = code.module.lock().unwrap_or_else(|e| e.into_inner());
        let module = guard.as_mut().expect("the module was just put in");
        let context = module.make_context();
        let functions = FunctionBuilderContext::new();
        let mut generator = Generator { module, options, functions, context };
        let drafts =
            [generator.define(plans[0])?, generator.define(plans[1])?, generator.define(plans[2])?];
        generator
            .module
            .finalize_definitions()
            .map_err(|e| CompileError::NoExecutableMemory { reason: describe(&e) })?;
        drafts.map(|d| Program {
            function: module.get_finalized_function(d.id),
            scratch_len: d.scratch_len,
            pool: d.pool,
            tables: d.tables,
        })
    };
    Ok((code, programs))
}

fn describe(error: &ModuleError) -> String {
    match error {
        ModuleError::Backend(e) => format!("{e:#}"),
        ModuleError::Allocation { err, .. } => err.to_string(),
        other => other.to_string(),
    }
}

/// A plan whose functions have been defined but not yet made executable.
struct Draft<T> {
    id: FuncId,
    scratch_len: usize,
    pool: Box<[T]>,
    tables: Vec<Box<[u32]>>,
}

struct Generator<'a> {
    module: &'a mut JITModule,
    options: &'a Options,
    functions: FunctionBuilderContext,
    context: cranelift_codegen::Context,
}

impl Generator<'_> {
    fn define<T: Native>(&mut self, plan: &Plan) -> Result<Draft<T>, CompileError> {
        let isa = self.options.isa;
        let fused = if self.options.gather { fuse(plan) } else { Fused::default() };
        let schedule = schedule(plan, &fused, self.options.gather && isa != Isa::Portable);
        let chunks = chunk(plan, &schedule, self.options.chunk_length.max(1));
        let layout = ScratchLayout {
            slots: plan.scratch_len.next_multiple_of(8),
            spills: plan.scratch_len.next_multiple_of(8) + schedule.slots.next_multiple_of(8),
        };
        let (pool, index) = pool(plan);
        let tables: Vec<Box<[u32]>> = plan.tables.iter().map(|t| t.as_slice().into()).collect();
        let convention = self.module.isa().default_call_conv();
        let context = Context {
            plan,
            fused: &fused,
            schedule: &schedule,
            chunks: &chunks,
            layout,
            pool: Pool { values: &pool, index: &index },
            tables: &tables,
            table: T::table(isa),
            has_round: isa != Isa::Portable || cfg!(target_arch = "aarch64"),
            convention,
            target: self.module.target_config(),
        };
        let mut ids = Vec::with_capacity(chunks.starts.len());
        for (i, &start) in chunks.starts.iter().enumerate() {
            let end = chunks.starts.get(i + 1).copied().unwrap_or(schedule.steps.len());
            let steps = &schedule.steps[start..end];
            ids.push(self.function::<T>(plan, |_, builder| emit(&context, builder, steps))?);
        }
        let id = match ids[..] {
            [id] => id,
            _ => self.sequence::<T>(plan, &ids)?,
        };
        let scratch_len = (layout.spills + chunks.spills) as usize;
        Ok(Draft { id, scratch_len, pool, tables })
    }

    /// Defines a function that calls others one after the other.
    fn sequence<T: Native>(&mut self, plan: &Plan, ids: &[FuncId]) -> Result<FuncId, CompileError> {
        self.function::<T>(plan, |module, builder| {
            let mut callees = Vec::with_capacity(ids.len());
            for &id in ids {
                let callee = module.declare_func_in_func(id, builder.func);
                // Functions may end up further apart than a short jump reaches.
                builder.func.dfg.ext_funcs[callee].colocated = false;
                callees.push(callee);
            }
            emit_sequence(builder, &callees, module.target_config());
        })
    }

    /// Defines a function with the signature of a plan.
    fn function<T: Native>(
        &mut self,
        plan: &Plan,
        write: impl FnOnce(&mut JITModule, FunctionBuilder<'_>),
    ) -> Result<FuncId, CompileError> {
        let ctx = &mut self.context;
        self.module.clear_context(ctx);
        ctx.func.signature = signature::<T>(plan, self.module.isa().default_call_conv());
        let id = self
            .module
            .declare_anonymous_function(&ctx.func.signature)
            .map_err(|e| CompileError::CodeGenerator { reason: describe(&e) })?;
        ctx.func.name = ir::UserFuncName::user(0, id.as_u32());
        write(self.module, FunctionBuilder::new(&mut ctx.func, &mut self.functions));
        self.module.define_function(id, ctx).map_err(|e| match e {
            ModuleError::Allocation { .. } => {
                CompileError::NoExecutableMemory { reason: describe(&e) }
            }
            other => CompileError::CodeGenerator { reason: describe(&other) },
        })?;
        Ok(id)
    }
}

/// The constants of a plan followed by the numbers of its instructions, and where each is.
fn pool<T: Native>(plan: &Plan) -> (Box<[T]>, Vec<u32>) {
    let mut values: Vec<T> = plan.constants.iter().map(|&c| T::from_f64(c)).collect();
    let mut known: std::collections::HashMap<u64, u32> = std::collections::HashMap::new();
    let mut index = vec![0; plan.code.len()];
    for (i, instruction) in plan.code.iter().enumerate() {
        if let Instruction::Constant(c) = instruction {
            index[i] = *known.entry(c.to_bits()).or_insert_with(|| {
                values.push(T::from_f64(*c));
                values.len() as u32 - 1
            });
        }
    }
    (values.into_boxed_slice(), index)
}
