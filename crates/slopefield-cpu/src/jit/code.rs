//! Generated functions and the memory they live in.

use std::sync::{Mutex, OnceLock};

use cranelift_codegen::ir;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Module, ModuleError, default_libcall_names};
use slopefield_graph::plan::{Instruction, Plan};

use super::chunk::{Chunks, chunk};
use super::emit::{Context, Emitter, Pool, ScratchLayout, emit, emit_sequence, signature};
use super::fuse::{Fused, fuse};
use super::schedule::{Schedule, schedule};
use crate::Options;
use crate::dense::table::Isa;
use crate::error::CompileError;
use crate::in_place::in_place;
use crate::lanes::Loops;
use crate::native::Native;
use crate::unroll::unroll;

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
    /// Loops over elements that the code calls.
    pub loops: Loops,
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
pub(crate) fn target() -> Result<OwnedTargetIsa, CompileError> {
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

impl Code {
    fn new() -> Result<Self, CompileError> {
        let builder = JITBuilder::with_isa(target()?, default_libcall_names());
        Ok(Code { module: Mutex::new(Some(JITModule::new(builder))) })
    }
}

/// Compiles verified plans into one block of code.
pub(crate) fn generate<T: Native, const N: usize>(
    plans: [&Plan; N],
    options: &Options,
) -> Result<(Code, [Program<T>; N]), CompileError> {
    let code = Code::new()?;
    let programs = {
        let mut guard = code.module.lock().unwrap_or_else(|e| e.into_inner());
        let module = guard.as_mut().expect("the module was just put in");
        let context = module.make_context();
        let functions = FunctionBuilderContext::new();
        let mut generator = Generator { module, options, functions, context };
        let mut drafts = Vec::with_capacity(N);
        for plan in plans {
            drafts.push(generator.define(plan)?);
        }
        generator.finish()?;
        let programs: Vec<Program<T>> = drafts
            .into_iter()
            .map(|d| Program {
                function: module.get_finalized_function(d.id),
                scratch_len: d.scratch_len,
                pool: d.pool,
                tables: d.tables,
                loops: d.loops,
            })
            .collect();
        programs.try_into().unwrap_or_else(|_| unreachable!("one program for each plan"))
    };
    Ok((code, programs))
}

/// A function of any signature that runs a program within it.
pub(crate) struct Around {
    pub function: *const u8,
    /// Elements of scratch memory.
    pub scratch_len: usize,
    /// Numbers that the code reads.
    pub pool: Box<[f64]>,
    pub code: Code,
}

/// Compiles a function around a verified plan without dense instructions. `write` gets an emitter
/// in which the plan can be inlined, the function's arguments, and the place of `numbers` among
/// the constants.
pub(crate) fn generate_around(
    plan: &Plan,
    numbers: &[f64],
    options: &Options,
    (arguments, results): (&[ir::Type], &[ir::Type]),
    write: impl FnOnce(&mut Emitter<'_, '_, f64>, &[ir::Value], u32),
) -> Result<Around, CompileError> {
    let code = Code::new()?;
    let (function, scratch_len, pool) = {
        let mut guard = code.module.lock().unwrap_or_else(|e| e.into_inner());
        let module = guard.as_mut().expect("the module was just put in");
        let context = module.make_context();
        let functions = FunctionBuilderContext::new();
        let mut generator = Generator { module, options, functions, context };
        let fused = generator.fuse(plan);
        let schedule = generator.schedule(plan, &fused, f64::PAIRS);
        let chunks = chunk(plan, &schedule, usize::MAX);
        let (own, index) = pool::<f64>(plan);
        let first = own.len() as u32;
        let pool: Box<[f64]> = own.iter().chain(numbers).copied().collect();
        // A plan without dense instructions has no loops.
        let loops = Loops::default();
        let (fused, schedule) = (&fused, &schedule);
        let whole = Whole { plan, fused, schedule, chunks: &chunks, loops: &loops };
        let context = generator.context(whole, Pool { values: &pool, index: &index }, &[]);
        let mut signature = ir::Signature::new(context.convention);
        signature.params.extend(arguments.iter().map(|&t| ir::AbiParam::new(t)));
        signature.returns.extend(results.iter().map(|&t| ir::AbiParam::new(t)));
        let id = generator.function(signature, |_, builder| {
            let (mut emitter, arguments) = Emitter::new(&context, builder);
            write(&mut emitter, &arguments, first);
            emitter.builder.finalize(context.target);
        })?;
        generator.finish()?;
        let scratch_len = context.layout.spills as usize;
        (module.get_finalized_function(id), scratch_len, pool)
    };
    Ok(Around { function, scratch_len, pool, code })
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
    loops: Loops,
}

/// A plan and what has been decided about its code.
struct Whole<'c> {
    plan: &'c Plan,
    fused: &'c Fused,
    schedule: &'c Schedule,
    chunks: &'c Chunks,
    loops: &'c Loops,
}

struct Generator<'a> {
    module: &'a mut JITModule,
    options: &'a Options,
    functions: FunctionBuilderContext,
    context: cranelift_codegen::Context,
}

impl Generator<'_> {
    fn define<T: Native>(&mut self, plan: &Plan) -> Result<Draft<T>, CompileError> {
        let plan = &*in_place(unroll(plan, self.options.unroll));
        let fused = self.fuse(plan);
        let schedule = self.schedule(plan, &fused, T::PAIRS);
        let chunks = chunk(plan, &schedule, self.options.chunk_length.max(1));
        let (pool, index) = pool(plan);
        let tables: Vec<Box<[u32]>> = plan.tables.iter().map(|t| t.as_slice().into()).collect();
        let loops = Loops::new(plan, self.options.isa, T::HAS_LANES && self.options.gather);
        let (fused, schedule) = (&fused, &schedule);
        let whole = Whole { plan, fused, schedule, chunks: &chunks, loops: &loops };
        let context = self.context(whole, Pool { values: &pool, index: &index }, &tables);
        let mut ids = Vec::with_capacity(chunks.starts.len());
        for (i, &start) in chunks.starts.iter().enumerate() {
            let end = chunks.starts.get(i + 1).copied().unwrap_or(schedule.steps.len());
            let steps = &schedule.steps[start..end];
            let signature = signature::<T>(plan, context.convention);
            ids.push(self.function(signature, |_, builder| emit(&context, builder, steps))?);
        }
        let id = match ids[..] {
            [id] => id,
            _ => self.sequence::<T>(plan, &ids)?,
        };
        let scratch_len = match loops.work_len() {
            0 => context.layout.spills + chunks.spills,
            work => context.layout.loops + work,
        };
        Ok(Draft { id, scratch_len: scratch_len as usize, pool, tables, loops })
    }

    fn fuse(&self, plan: &Plan) -> Fused {
        if self.options.gather { fuse(plan) } else { Fused::default() }
    }

    fn schedule(&self, plan: &Plan, fused: &Fused, pairs: bool) -> Schedule {
        schedule(plan, fused, self.options.gather && self.options.isa != Isa::Portable, pairs)
    }

    fn context<'c, T: Native>(
        &self,
        Whole { plan, fused, schedule, chunks, loops }: Whole<'c>,
        pool: Pool<'c, T>,
        tables: &'c [Box<[u32]>],
    ) -> Context<'c, T> {
        let isa = self.options.isa;
        let slots = plan.scratch_len.next_multiple_of(8);
        let spills = slots + schedule.slots.next_multiple_of(8);
        let loops_at = (spills + chunks.spills).next_multiple_of(8);
        Context {
            plan,
            fused,
            schedule,
            chunks,
            layout: ScratchLayout { slots, spills, loops: loops_at },
            pool,
            tables,
            loops,
            table: T::table(isa),
            has_round: isa != Isa::Portable || cfg!(target_arch = "aarch64"),
            convention: self.module.isa().default_call_conv(),
            target: self.module.target_config(),
        }
    }

    /// Defines a function that calls others one after the other.
    fn sequence<T: Native>(&mut self, plan: &Plan, ids: &[FuncId]) -> Result<FuncId, CompileError> {
        let signature = signature::<T>(plan, self.module.isa().default_call_conv());
        self.function(signature, |module, builder| {
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

    /// Defines a function that `write` writes.
    fn function(
        &mut self,
        signature: ir::Signature,
        write: impl FnOnce(&mut JITModule, FunctionBuilder<'_>),
    ) -> Result<FuncId, CompileError> {
        let ctx = &mut self.context;
        self.module.clear_context(ctx);
        let id = self
            .module
            .declare_anonymous_function(&signature)
            .map_err(|e| CompileError::CodeGenerator { reason: describe(&e) })?;
        ctx.func.signature = signature;
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

    fn finish(&mut self) -> Result<(), CompileError> {
        let finished = self.module.finalize_definitions();
        finished.map_err(|e| CompileError::NoExecutableMemory { reason: describe(&e) })
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
