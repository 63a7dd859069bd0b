//! Memory of generated code. The only test of its process, because it counts all there is.

#![cfg(target_os = "linux")]

#[path = "suite/common/mod.rs"]
mod common;

use common::*;
use slopefield_cpu::Options;
use slopefield_graph::plan::{BinaryOp, Buffer, Entry, Instruction, UnaryOp};
use slopefield_kernel::Shape;

/// Bytes of executable memory without a file behind it.
fn generated_bytes() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux has it");
    let size = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let (range, rights) = (fields.next()?, fields.next()?);
        let (start, end) = range.split_once('-')?;
        let parse = |s| usize::from_str_radix(s, 16).ok();
        let anonymous = fields.count() == 3; // offset, device, inode
        (rights.contains('x') && anonymous).then_some(parse(end)? - parse(start)?)
    };
    maps.lines().filter_map(size).sum()
}

#[test]
fn dropping_a_kernel_frees_its_code() {
    let mut w = Writer::new(Entry::Eval, Shape { states: 1, params: 0, outputs: 1 });
    let x = w.load(Buffer::States, 0);
    let y = w.push(Instruction::Unary(UnaryOp::Exp, x));
    let z = w.push(Instruction::Binary(BinaryOp::Add, x, y));
    w.store(Buffer::Out, 0, z);
    let plans = eval_only(w.plan);
    let before = generated_bytes();
    let keep: Vec<_> = (0..100).map(|_| compiled(&plans, Options::default())).collect();
    let hundred = generated_bytes().saturating_sub(before);
    assert!(hundred >= 100 * 4096, "100 kernels take {hundred} bytes; the count is wrong");
    let clones = keep.clone();
    drop(keep);
    let mut inputs = Random(4).inputs(plans.eval.shape);
    inputs.u[0] = 0.0;
    assert_eq!(eval(&clones[7], &inputs), [1.0], "a clone keeps the code");
    drop(clones);
    (0..400).for_each(|_| drop(compiled(&plans, Options::default())));
    assert_eq!(generated_bytes(), before, "500 kernels were dropped");
}
