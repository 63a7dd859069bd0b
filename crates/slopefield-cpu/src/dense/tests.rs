//! Every kernel for all small sizes and odd addresses, on every instruction set, against loops.

use slopefield_graph::plan::{BinaryOp, UnaryOp};

use super::table::{Isa, MatVecFn, Table, table};

/// Elements around every run, to catch writes outside.
const GUARD: usize = 9;
const MARK: f64 = 12345.678;

fn tables() -> impl Iterator<Item = (Isa, &'static Table)> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available()).map(|isa| (isa, table(isa)))
}

/// Numbers of about unit size that depend on a seed.
fn numbers(seed: usize, len: usize) -> Vec<f64> {
    (0..len).map(|i| ((seed * 37 + i * 101 + 13) % 199) as f64 / 100.0 - 0.995).collect()
}

/// A run with guards before and after it, `odd` elements off alignment.
struct Guarded {
    memory: Vec<f64>,
    start: usize,
    len: usize,
}

impl Guarded {
    fn new(values: &[f64], odd: usize) -> Self {
        let mut memory = vec![MARK; values.len() + 2 * GUARD + odd];
        let start = GUARD + odd;
        memory[start..start + values.len()].copy_from_slice(values);
        Guarded { memory, start, len: values.len() }
    }
    fn pointer(&mut self) -> *mut f64 {
        self.memory[self.start..].as_mut_ptr()
    }
    /// The values, once the guards have been found whole.
    #[track_caller]
    fn values(&self) -> &[f64] {
        let end = self.start + self.len;
        assert!(self.memory[..self.start].iter().all(|&x| x == MARK), "written before the run");
        assert!(self.memory[end..].iter().all(|&x| x == MARK), "written after the run");
        &self.memory[self.start..end]
    }
}

#[track_caller]
fn check(got: &[f64], want: &[f64], tolerance: f64, what: impl Fn() -> String) {
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((g - w).abs() <= tolerance, "{}: element {i} is {g} instead of {w}", what());
    }
}

#[test]
fn element_kernels_touch_exactly_their_run() {
    for (isa, t) in tables() {
        for len in 0..70 {
            for odd in [0, 1, 3] {
                let (a, b) = (numbers(1, len), numbers(2, len));
                let mut dst = Guarded::new(&vec![0.0; len], odd);
                // SAFETY: all runs have `len` elements.
                unsafe { (t.map)(UnaryOp::Tanh)(dst.pointer(), a.as_ptr(), len) };
                let want: Vec<f64> = a.iter().map(|x| x.tanh()).collect();
                check(dst.values(), &want, 1e-15, || format!("tanh {len} {isa:?}"));

                // SAFETY: as above; the destination is an operand.
                unsafe {
                    let p = dst.pointer();
                    (t.zip)(BinaryOp::Mul)(p, p, b.as_ptr(), len);
                }
                let want: Vec<f64> = want.iter().zip(&b).map(|(x, y)| x * y).collect();
                check(dst.values(), &want, 1e-15, || format!("mul {len} {isa:?}"));

                // SAFETY: as above.
                unsafe { (t.add)(dst.pointer(), a.as_ptr(), len) };
                let want: Vec<f64> = want.iter().zip(&a).map(|(x, y)| x + y).collect();
                check(dst.values(), &want, 1e-15, || format!("add {len} {isa:?}"));

                // SAFETY: as above.
                unsafe { (t.copy)(dst.pointer(), b.as_ptr(), len) };
                assert_eq!(dst.values(), b, "copy {len} {isa:?}");

                // SAFETY: as above.
                unsafe { (t.fill)(dst.pointer(), 2.5, len) };
                assert_eq!(dst.values(), vec![2.5; len], "fill {len} {isa:?}");
            }
        }
    }
}

#[test]
fn sums_of_all_lengths_agree_with_loops() {
    for (isa, t) in tables() {
        for len in (0..140).chain([500, 1001]) {
            let (a, b) = (numbers(3, len), numbers(4, len));
            let (mut sum, mut dot) = (f64::NAN, f64::NAN);
            // SAFETY: all runs have `len` elements, the results one.
            unsafe {
                (t.sum)(&mut sum, a.as_ptr(), len);
                (t.dot)(&mut dot, a.as_ptr(), b.as_ptr(), len);
            }
            let tolerance = 1e-16 * len as f64;
            let want: f64 = a.iter().sum();
            check(&[sum], &[want], tolerance, || format!("sum {len} {isa:?}"));
            let want: f64 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
            check(&[dot], &[want], tolerance, || format!("dot {len} {isa:?}"));
        }
    }
}

/// Sizes that cover every block and every rest of the matrix kernels.
fn sizes() -> impl Iterator<Item = (usize, usize)> {
    let small = (0..20).flat_map(|r| (0..20).map(move |c| (r, c)));
    let long = (0..70).flat_map(|n| [(n, 2), (2, n), (n, 3), (3, n), (n, 33), (33, n)]);
    small.chain(long).chain([
        (50, 50),
        (9, 32),
        (13, 40),
        (11, 64),
        (6, 128),
        (128, 128),
        (64, 130),
        (130, 64),
        (65, 101),
        (101, 65),
        (1, 300),
        (300, 1),
    ])
}

/// What the affine kernel starts from; with a bias it also applies a function.
enum Start<'a> {
    Zero,
    Own,
    Bias(&'a [f64]),
}

/// The affine kernel on a destination that holds `y` before.
fn affine(
    t: &Table,
    y: &[f64],
    a: *const f64,
    x: &[f64],
    rows: usize,
    start: Start<'_>,
) -> Vec<f64> {
    let mut y = Guarded::new(y, x.len() % 3);
    let p = y.pointer();
    let (start, map) = match start {
        Start::Zero => (std::ptr::null(), None),
        Start::Own => (p.cast_const(), None),
        Start::Bias(bias) => (bias.as_ptr(), Some((t.map)(UnaryOp::Tanh))),
    };
    // SAFETY: the sizes are those of the runs.
    unsafe { (t.affine)(p, a, x.as_ptr(), start, rows, x.len(), map) };
    y.values().to_vec()
}

#[test]
fn matrix_products_agree_with_loops() {
    for (isa, t) in tables() {
        for (rows, cols) in sizes() {
            let odd = (rows + 3 * cols) % 8;
            let mut a = Guarded::new(&numbers(5, rows * cols), odd);
            let a0 = a.values().to_vec();
            let at = |r: usize, c: usize| a0[r * cols + c];
            let (x, z) = (numbers(6, cols), numbers(7, rows));
            let product = |r: usize| (0..cols).map(|c| at(r, c) * x[c]).sum::<f64>();
            let transposed = |c: usize| (0..rows).map(|r| at(r, c) * z[r]).sum::<f64>();
            let tolerance = 3e-16 * (rows + cols + 1) as f64;

            let run = |f: MatVecFn, start: &[f64], m: *const f64, v: &[f64]| {
                let mut y = Guarded::new(start, odd);
                // SAFETY: the sizes are those of the runs.
                unsafe { f(y.pointer(), m, v.as_ptr(), rows, cols) };
                y.values().to_vec()
            };
            let m = a.pointer().cast_const();
            let start = numbers(8, rows);
            let want: Vec<f64> = (0..rows).map(product).collect();
            check(&affine(t, &start, m, &x, rows, Start::Zero), &want, tolerance, || {
                format!("A x {rows}x{cols} {isa:?}")
            });
            let want: Vec<f64> = (0..rows).map(|r| start[r] + product(r)).collect();
            check(&affine(t, &start, m, &x, rows, Start::Own), &want, tolerance, || {
                format!("+= A x {rows}x{cols} {isa:?}")
            });
            let bias = numbers(10, rows);
            let want: Vec<f64> = (0..rows).map(|r| (bias[r] + product(r)).tanh()).collect();
            check(&affine(t, &start, m, &x, rows, Start::Bias(&bias)), &want, tolerance, || {
                format!("tanh(A x + b) {rows}x{cols} {isa:?}")
            });
            let start = numbers(9, cols);
            let want: Vec<f64> = (0..cols).map(transposed).collect();
            check(&run(t.mat_t_vec, &start, m, &z), &want, tolerance, || {
                format!("A' x {rows}x{cols} {isa:?}")
            });
            let want: Vec<f64> = (0..cols).map(|c| start[c] + transposed(c)).collect();
            check(&run(t.mat_t_vec_add, &start, m, &z), &want, tolerance, || {
                format!("+= A' x {rows}x{cols} {isa:?}")
            });

            let want: Vec<f64> =
                (0..rows * cols).map(|k| a0[k] + z[k / cols] * x[k % cols]).collect();
            // SAFETY: the sizes are those of the runs.
            unsafe { (t.outer)(a.pointer(), z.as_ptr(), x.as_ptr(), rows, cols) };
            check(a.values(), &want, tolerance, || format!("outer {rows}x{cols} {isa:?}"));
        }
    }
}

/// Sums of outer products in one pass against the products one after the other, with strides longer
/// than the vectors.
#[test]
fn sums_of_outer_products_agree_with_loops() {
    for (isa, t) in tables() {
        for (rows, cols) in sizes().chain([(3, 300), (9, 513)]) {
            let (odd, stride) = ((rows + 3 * cols) % 8, rows + cols + 3);
            for count in [1, 2, 7] {
                let factors = numbers(11, count * stride);
                let start = numbers(5, rows * cols);
                let tolerance = 3e-16 * (count + 1) as f64;
                for ones in [false, true] {
                    if ones && cols > 1 {
                        continue;
                    }
                    let y = |k: usize, c: usize| if ones { 1.0 } else { factors[k * stride + c] };
                    let x = |k: usize, r: usize| factors[k * stride + cols + r];
                    let term = |i: usize, k: usize| x(k, i / cols) * y(k, i % cols);
                    let want: Vec<f64> = (0..rows * cols)
                        .map(|i| start[i] + (0..count).map(|k| term(i, k)).sum::<f64>())
                        .collect();
                    let mut a = Guarded::new(&start, odd);
                    // SAFETY: the sizes are those of the runs.
                    unsafe {
                        let first = factors.as_ptr();
                        let y = if ones { std::ptr::null() } else { first };
                        (t.outer_sum)(a.pointer(), first.add(cols), y, rows, cols, stride, count);
                    }
                    check(a.values(), &want, tolerance, || {
                        format!("{count} outer {rows}x{cols} {isa:?}, ones: {ones}")
                    });
                }
            }
        }
    }
}

#[test]
fn sets_with_fused_multiply_add_give_the_same_bits() {
    let fused: Vec<_> = tables().filter(|(isa, _)| *isa != Isa::Portable).collect();
    let bits = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    for (rows, cols) in sizes() {
        let (a, x, z) = (numbers(5, rows * cols), numbers(6, cols), numbers(7, rows));
        let results: Vec<_> = fused
            .iter()
            .map(|(_, t)| {
                let (mut y, mut yt, mut s) = (vec![0.0; rows], vec![0.0; cols], [0.0; 2]);
                let (mut m, mut n) = (a.clone(), a.clone());
                // SAFETY: the sizes are those of the runs; the second term of the sum is the first.
                unsafe {
                    let start = z.as_ptr();
                    (t.outer_sum)(n.as_mut_ptr(), start, x.as_ptr(), rows, cols, 0, 2);
                    (t.affine)(y.as_mut_ptr(), a.as_ptr(), x.as_ptr(), start, rows, cols, None);
                    (t.mat_t_vec)(yt.as_mut_ptr(), a.as_ptr(), z.as_ptr(), rows, cols);
                    (t.outer)(m.as_mut_ptr(), z.as_ptr(), x.as_ptr(), rows, cols);
                    (t.sum)(&mut s[0], a.as_ptr(), a.len());
                    (t.dot)(&mut s[1], a.as_ptr(), m.as_ptr(), a.len());
                }
                [bits(&y), bits(&yt), bits(&m), bits(&n), bits(&s)]
            })
            .collect();
        for other in results.iter().skip(1) {
            assert_eq!(&results[0], other, "{rows}x{cols}");
        }
    }
}

#[test]
fn results_do_not_depend_on_where_a_matrix_lies() {
    let bits = |x: &[f64]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    for (isa, t) in tables() {
        for (rows, cols) in [(1, 32), (2, 40), (9, 64), (21, 72), (13, 128), (40, 104), (6, 200)] {
            let (a0, x, z) = (numbers(5, rows * cols), numbers(6, cols), numbers(7, rows));
            let (y0, yt0) = (numbers(8, rows), numbers(9, cols));
            let at = |odd: usize| {
                // Every place within a cache line, wherever the guarded run starts.
                let mut a = Guarded::new(&a0, odd);
                let p = a.pointer();
                let y = affine(t, &y0, p, &x, rows, Start::Own);
                let mut yt = Guarded::new(&yt0, odd);
                // SAFETY: the sizes are those of the runs.
                unsafe {
                    (t.mat_t_vec_add)(yt.pointer(), p, z.as_ptr(), rows, cols);
                    (t.outer)(p, z.as_ptr(), x.as_ptr(), rows, cols);
                }
                [bits(&y), bits(yt.values()), bits(a.values())]
            };
            let expected = at(0);
            for odd in 1..8 {
                assert_eq!(at(odd), expected, "{rows}x{cols}, {odd} further on, {isa:?}");
            }
        }
    }
}

#[test]
fn backward_passes_agree_with_loops() {
    for (isa, t) in tables() {
        for (rows, cols) in sizes() {
            let odd = (rows + 3 * cols) % 8;
            let (a, g, h) = (numbers(5, rows * cols), numbers(6, rows), numbers(7, cols));
            let (m0, b0) = (numbers(8, rows * cols), numbers(9, cols));
            let sum = |c: usize| (0..rows).map(|r| a[r * cols + c] * g[r]).sum::<f64>();
            let tanh = |c: usize| sum(c) * (1.0 - h[c] * h[c]);
            let sigmoid = |c: usize| sum(c) * (h[c] * (1.0 - h[c]));
            let cases: [(_, &dyn Fn(usize) -> f64); 2] =
                [(t.backward_tanh, &tanh), (t.backward_sigmoid, &sigmoid)];
            for (f, z) in cases {
                for has_bias in [true, false] {
                    let mut z0 = Guarded::new(&vec![0.0; cols], odd);
                    let (mut m, mut b) = (Guarded::new(&m0, odd), Guarded::new(&b0, 1));
                    let to = if has_bias { b.pointer() } else { std::ptr::null_mut() };
                    let (pa, pg, ph) = (a.as_ptr(), g.as_ptr(), h.as_ptr());
                    // SAFETY: the sizes are those of the runs.
                    unsafe { f(z0.pointer(), pa, pg, ph, m.pointer(), to, rows, cols) };
                    let what = || format!("backward {rows}x{cols} {isa:?}");
                    let tolerance = 4e-16 * (rows + 2) as f64;
                    let want: Vec<f64> = (0..cols).map(z).collect();
                    check(z0.values(), &want, tolerance, what);
                    let add = |c: usize| if has_bias { b0[c] + z(c) } else { b0[c] };
                    let want: Vec<f64> = (0..cols).map(add).collect();
                    check(b.values(), &want, tolerance, what);
                    let grad = |k: usize| m0[k] + g[k / cols] * h[k % cols];
                    let want: Vec<f64> = (0..rows * cols).map(grad).collect();
                    check(m.values(), &want, tolerance, what);
                }
            }
            let rows = rows.min(5);
            let open = [
                (t.backward_tanh, (t.open_backward_tanh)(rows as u32)),
                (t.backward_sigmoid, (t.open_backward_sigmoid)(rows as u32)),
            ];
            for (any, few) in open {
                let [want, found] = [any, few].map(|f| {
                    let (mut z, none) = (Guarded::new(&vec![0.0; cols], odd), std::ptr::null_mut());
                    let (pa, pg, ph) = (a.as_ptr(), g.as_ptr(), h.as_ptr());
                    // SAFETY: the sizes are those of the runs.
                    unsafe { f(z.pointer(), pa, pg, ph, none, none, rows, cols) };
                    z.values().iter().map(|z| z.to_bits()).collect::<Vec<_>>()
                });
                assert_eq!(found, want, "backward without gradients, {rows}x{cols} {isa:?}");
            }
        }
    }
}
