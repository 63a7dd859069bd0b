//! Arrays come back bit by bit, and damage is found.

use super::{CHUNK_BYTES, load_bytes, load_f64, store_bytes, store_f64, verify};
use crate::connect::Link;
use crate::error::ProjectError;
use crate::schema;
use proptest::prelude::*;

fn database() -> Link {
    let link = Link::in_memory().unwrap();
    schema::create(&link).unwrap();
    link
}

#[track_caller]
fn check_round_trip(values: &[f64], shape: &[usize]) {
    let link = database();
    let id = store_f64(link.conn(), values, shape).unwrap();
    let (found_shape, found) = load_f64(link.conn(), id).unwrap();
    assert_eq!(found_shape, shape);
    let bits = |v: &[f64]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&found), bits(values));
}

#[test]
fn arrays_of_every_size_come_back() {
    let per_chunk = CHUNK_BYTES / 8;
    for n in [0, 1, 7, per_chunk - 1, per_chunk, per_chunk + 1] {
        let values: Vec<f64> = (0..n).map(|i| (i as f64 * 1e-3).sin()).collect();
        check_round_trip(&values, &[n]);
    }
    check_round_trip(&[1.0, f64::NAN, f64::INFINITY, -0.0, 5e-324, f64::MIN], &[2, 3]);
}

#[test]
fn smooth_curves_become_smaller() {
    let link = database();
    let values: Vec<f64> = (0..100_000).map(|i| f64::from(i) * 0.01).collect();
    let id = store_f64(link.conn(), &values, &[values.len()]).unwrap();
    let stored: i64 = link
        .conn()
        .query_row("SELECT sum(length(bytes)) FROM array_chunk WHERE array_id = ?1", [id], |r| {
            r.get(0)
        })
        .unwrap();
    assert!(stored < 8 * 100_000 / 2, "{stored} bytes");
}

#[test]
fn a_shape_that_does_not_fit_is_refused() {
    let link = database();
    assert!(matches!(
        store_f64(link.conn(), &[1.0, 2.0], &[3]),
        Err(ProjectError::Shape { found: 2, expected: 3, .. })
    ));
}

#[test]
fn every_kind_of_damage_is_found() {
    for (sql, sentence) in [
        ("UPDATE array SET byte_count = 25", "its shape needs 24 bytes, it claims 25"),
        ("UPDATE array SET shape = '4'", "its shape needs 32 bytes, it claims 24"),
        ("UPDATE array SET shape = '3x-1'", "its shape is"),
        ("UPDATE array SET shape = '99999999999x99999999999'", "larger than an array may be"),
        ("UPDATE array SET blake3 = x'00'", "does not match its checksum"),
        ("UPDATE array SET element = 'u8'", "it holds `u8` where `f64` belongs"),
        ("UPDATE array_chunk SET chunk_index = 1", "piece 0 is missing"),
        ("UPDATE array_chunk SET raw_byte_count = 16", "piece 0 cannot be read"),
        ("UPDATE array_chunk SET codec = 'raw'", "piece 0 cannot be read"),
        ("UPDATE array_chunk SET bytes = x'0102'", "piece 0"),
        ("UPDATE array_chunk SET blake3 = x'0102'", "piece 0 does not match its checksum"),
        ("DELETE FROM array_chunk", "it has 0 bytes and claims 24"),
        ("DELETE FROM array", "it is missing"),
    ] {
        let link = database();
        let id = store_f64(link.conn(), &[1.5, 2.5, 3.5], &[3]).unwrap();
        assert_eq!(link.conn().execute(sql, []).unwrap(), 1, "{sql}");
        let error = load_f64(link.conn(), id).expect_err(sql).to_string();
        assert!(error.contains(sentence), "{sql}: {error}");
    }
}

#[test]
fn a_piece_cannot_grow_beyond_its_claim() {
    // 200 bytes that unpack to 16 MiB, with a claim of 4 MiB.
    let link = database();
    let id = store_bytes(link.conn(), &[1, 2, 3]).unwrap();
    let bomb = zstd::bulk::compress(&vec![0u8; 16 << 20], 19).unwrap();
    link.conn()
        .execute(
            "UPDATE array_chunk SET codec = 'zstd', raw_byte_count = 4194304, bytes = ?1",
            [bomb],
        )
        .unwrap();
    assert!(matches!(verify(link.conn(), id), Err(ProjectError::Damaged { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let link = database();
        let id = store_bytes(link.conn(), &bytes).unwrap();
        verify(link.conn(), id).unwrap();
        prop_assert_eq!(load_bytes(link.conn(), id).unwrap(), bytes);
    }

    #[test]
    fn any_numbers_come_back(values in prop::collection::vec(any::<f64>(), 0..200)) {
        check_round_trip(&values, &[values.len()]);
    }
}
