//! Every kernel on `f32` for small sizes and odd addresses, on every instruction set, against loops
//! in `f64`.

use slopefield_graph::Element;
use slopefield_graph::plan::{BinaryOp, UnaryOp};

use super::table::{Isa, MatVecFn, Table, table_f32};

/// Elements around every run, to catch writes outside.
const GUARD: usize = 9;
const MARK: f32 = 12345.678;

fn tables() -> impl Iterator<Item = (Isa, &'static Table<f32>)> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available()).map(|isa| (isa, table_f32(isa)))
}

/// Numbers of about unit size that depend on a seed.
fn numbers(seed: usize, len: usize) -> Vec<f32> {
    (0..len).map(|i| ((seed * 37 + i * 101 + 13) % 199) as f32 / 100.0 - 0.995).collect()
}

/// Runs a kernel on a copy of `values` between guards, `odd` elements off alignment.
#[track_caller]
fn guarded(values: &[f32], odd: usize, run: impl FnOnce(*mut f32)) -> Vec<f32> {
    let start = GUARD + odd;
    let end = start + values.len();
    let mut memory = vec![MARK; end + GUARD];
    memory[start..end].copy_from_slice(values);
    run(memory[start..].as_mut_ptr());
    assert!(memory[..start].iter().all(|&x| x == MARK), "written before the run");
    assert!(memory[end..].iter().all(|&x| x == MARK), "written after the run");
    memory[start..end].to_vec()
}

#[test]
fn element_kernels_round_the_function_of_the_language_once() {
    for (isa, t) in tables() {
        for len in 0..40 {
            let (a, b) = (numbers(1, len), numbers(2, len));
            for odd in [0, 1, 3] {
                for op in [UnaryOp::Neg, UnaryOp::Abs, UnaryOp::Relu, UnaryOp::Sqrt, UnaryOp::Tanh]
                {
                    // SAFETY: both runs have `len` elements.
                    let got = guarded(&a, odd, |p| unsafe { (t.map)(op)(p, p, len) });
                    for (&x, &y) in a.iter().zip(&got) {
                        let want = f32::unary(op, x);
                        assert!(y == want || (y.is_nan() && want.is_nan()), "{op:?}({x}) {isa:?}");
                    }
                }
                for op in
                    [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Div, BinaryOp::Max]
                {
                    let got = guarded(&a, odd, |p| {
                        // SAFETY: as above.
                        unsafe { (t.zip)(op)(p, p, b.as_ptr(), len) }
                    });
                    let want: Vec<f32> =
                        a.iter().zip(&b).map(|(&x, &y)| f32::binary(op, x, y)).collect();
                    assert_eq!(got, want, "{op:?} {len} {isa:?}");
                }
                // SAFETY: as above.
                let got = guarded(&a, odd, |p| unsafe { (t.add)(p, b.as_ptr(), len) });
                let want: Vec<f32> = a.iter().zip(&b).map(|(x, y)| x + y).collect();
                assert_eq!(got, want, "add {len} {isa:?}");
                // SAFETY: as above.
                let got = guarded(&a, odd, |p| unsafe { (t.copy)(p, b.as_ptr(), len) });
                assert_eq!(got, b, "copy {len} {isa:?}");
                // SAFETY: as above.
                let got = guarded(&a, odd, |p| unsafe { (t.fill)(p, 2.5, len) });
                assert_eq!(got, vec![2.5; len], "fill {len} {isa:?}");
            }
        }
    }
}

#[track_caller]
fn check(got: &[f32], want: &[f64], tolerance: f64, what: impl Fn() -> String) {
    assert_eq!(got.len(), want.len());
    for (i, (&g, w)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(g) - w).abs();
        assert!(error <= tolerance, "{}: element {i} is {g} instead of {w}", what());
    }
}

#[test]
fn sums_and_products_agree_with_loops() {
    let small = (0..20).flat_map(|r| (0..20).map(move |c| (r, c)));
    let long = (0..40).flat_map(|n| [(n, 2), (2, n), (n, 33), (33, n)]);
    for (rows, cols) in
        small.chain(long).chain([(50, 50), (13, 40), (64, 128), (64, 130), (130, 64), (101, 65)])
    {
        let odd = (rows + 3 * cols) % 8;
        let (a, x, z) = (numbers(5, rows * cols), numbers(6, cols), numbers(7, rows));
        let (y0, t0) = (numbers(8, rows), numbers(9, cols));
        let wide = |v: &[f32]| v.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let (aw, xw, zw) = (wide(&a), wide(&x), wide(&z));
        let product = |r: usize| (0..cols).map(|c| aw[r * cols + c] * xw[c]).sum::<f64>();
        let transposed = |c: usize| (0..rows).map(|r| aw[r * cols + c] * zw[r]).sum::<f64>();
        // Half an ulp of a partial sum per addition; products are of at most unit size.
        let tolerance = 6e-8 * ((rows + cols + 1) as f64).powf(1.5);
        for (isa, t) in tables() {
            let run = |f: MatVecFn<f32>, start: &[f32], v: &[f32]| {
                // SAFETY: the sizes are those of the runs.
                guarded(start, odd, |p| unsafe { f(p, a.as_ptr(), v.as_ptr(), rows, cols) })
            };
            let what = || format!("{rows}x{cols} {isa:?}");
            let want: Vec<f64> = (0..rows).map(product).collect();
            let affine = |start: bool| {
                guarded(&y0, odd, |p| {
                    let start = if start { p.cast_const() } else { std::ptr::null() };
                    // SAFETY: as above.
                    unsafe { (t.affine)(p, a.as_ptr(), x.as_ptr(), start, rows, cols, None) }
                })
            };
            check(&affine(false), &want, tolerance, what);
            let want: Vec<f64> = (0..rows).map(|r| f64::from(y0[r]) + product(r)).collect();
            check(&affine(true), &want, tolerance, what);
            let want: Vec<f64> = (0..cols).map(transposed).collect();
            check(&run(t.mat_t_vec, &t0, &z), &want, tolerance, what);
            let want: Vec<f64> = (0..cols).map(|c| f64::from(t0[c]) + transposed(c)).collect();
            check(&run(t.mat_t_vec_add, &t0, &z), &want, tolerance, what);
            // SAFETY: as above.
            let got = guarded(&a, odd, |p| unsafe {
                (t.outer)(p, z.as_ptr(), x.as_ptr(), rows, cols);
            });
            let want: Vec<f64> =
                (0..rows * cols).map(|k| aw[k] + zw[k / cols] * xw[k % cols]).collect();
            check(&got, &want, tolerance, what);
            let (n, mut s) = (rows * cols, [f32::NAN; 2]);
            // SAFETY: as above.
            unsafe {
                (t.sum)(&mut s[0], a.as_ptr(), n);
                (t.dot)(&mut s[1], a.as_ptr(), got.as_ptr(), n);
            }
            let dot = aw.iter().zip(wide(&got)).map(|(x, y)| x * y).sum();
            check(&s, &[aw.iter().sum(), dot], 6e-8 * (2 * n + 1) as f64, what);
        }
    }
}

#[test]
fn sets_with_fused_multiply_add_give_the_same_bits() {
    let fused: Vec<_> = tables().filter(|(isa, _)| *isa != Isa::Portable).collect();
    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    for (rows, cols) in [(1, 1), (3, 2), (17, 2), (8, 8), (13, 29), (50, 64), (33, 101)] {
        let (a, x, z) = (numbers(5, rows * cols), numbers(6, cols), numbers(7, rows));
        let results: Vec<_> = fused
            .iter()
            .map(|(_, t)| {
                let (mut y, mut yt, mut s) = (vec![0.0; rows], vec![0.0; cols], [0.0; 2]);
                let mut m = a.clone();
                // SAFETY: the sizes are those of the runs.
                unsafe {
                    let start = z.as_ptr();
                    (t.affine)(y.as_mut_ptr(), a.as_ptr(), x.as_ptr(), start, rows, cols, None);
                    (t.mat_t_vec)(yt.as_mut_ptr(), a.as_ptr(), z.as_ptr(), rows, cols);
                    (t.outer)(m.as_mut_ptr(), z.as_ptr(), x.as_ptr(), rows, cols);
                    (t.sum)(&mut s[0], a.as_ptr(), a.len());
                    (t.dot)(&mut s[1], a.as_ptr(), m.as_ptr(), a.len());
                }
                [bits(&y), bits(&yt), bits(&m), bits(&s)]
            })
            .collect();
        for other in results.iter().skip(1) {
            assert_eq!(&results[0], other, "{rows}x{cols}");
        }
    }
}
