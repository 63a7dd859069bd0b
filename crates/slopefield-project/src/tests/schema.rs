//! The written definitions agree with what SQLite makes of them.

use crate::connect::Link;
use crate::tables::{self, Holds};
use crate::{schema, verify};

#[test]
fn column_lists_match_the_definitions() {
    let link = Link::in_memory().unwrap();
    schema::create(&link).unwrap();
    for (_, table) in tables::all() {
        let (names, kinds): (Vec<String>, Vec<String>) = link.maintenance(|conn| {
            let mut statement =
                conn.prepare(&format!("PRAGMA table_info({})", table.name)).unwrap();
            let rows = statement.query_map([], |row| Ok((row.get(1)?, row.get(2)?))).unwrap();
            rows.map(Result::unwrap).unzip()
        });
        let expected: Vec<&str> = table.columns.iter().map(|c| c.0).collect();
        assert_eq!(names, expected, "{}", table.name);
        for ((column, holds), kind) in table.columns.iter().zip(&kinds) {
            let expected = match holds {
                Holds::Integer => "INTEGER",
                Holds::Real | Holds::AnyReal => "REAL",
                Holds::Text(_) | Holds::Word(_) => "TEXT",
                Holds::Bytes => "BLOB",
            };
            assert_eq!(kind, expected, "{}.{column}", table.name);
            if let Holds::Word(words) = holds {
                let list = format!("'{}'", words.join("', '"));
                let create = table.create.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(
                    create.contains(&format!("{column} IN ({list})")),
                    "{}.{column}",
                    table.name
                );
            }
        }
        assert!(table.create.ends_with(") STRICT"), "{}", table.name);
        assert!(table.create.starts_with(&format!("CREATE TABLE {} (", table.name)));
        link.conn().prepare(&verify::select_all(table)).unwrap();
    }
}

#[test]
fn every_table_follows_those_it_refers_to() {
    let all: Vec<_> = tables::all().map(|(_, table)| table).collect();
    for (index, table) in all.iter().enumerate() {
        for reference in table.create.split("REFERENCES ").skip(1) {
            let target = reference.split_whitespace().next().unwrap();
            assert!(
                all[..index].iter().any(|earlier| earlier.name == target),
                "{} refers to {target}",
                table.name
            );
        }
    }
}
