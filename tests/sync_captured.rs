//! Objects that two operators really wrote, at the moments at which they were written down: for each, what is said of it is
//! the truth of its story and not what its conditions say.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::enum_glob_use,
    reason = "a test that cannot go on should say so at once"
)]

mod captured;
#[allow(dead_code, unused_imports, reason = "shared with other tests")]
mod world;

use baowatch::app::sync::{Standing, Witnesses, judge};
use baowatch::backends::kube::sync_digest::digest;
use captured::{Row, files, load, model, on_the_day};
use std::collections::BTreeSet;

fn rows() -> impl Iterator<Item = &'static Row> {
    captured::vso::ROWS.iter().chain(captured::eso::ROWS)
}

/// What differs from the truth, one line each.
fn lies(row: &Row, said: &Standing) -> Vec<String> {
    let mut lies = Vec::new();
    let whole = format!("{} | {}", said.why, said.also.as_deref().unwrap_or_default());
    if said.word != row.word {
        lies.push(format!("{:?}, and it is {:?}", said.word, row.word));
    }
    for part in row.says.iter().filter(|part| !whole.contains(**part)) {
        lies.push(format!("does not say `{part}`"));
    }
    let seconds = |d: Option<jiff::SignedDuration>| d.map(|d| d.as_secs());
    if seconds(said.lag) != row.lag {
        lies.push(format!("lags {:?}, and it is {:?}", seconds(said.lag), row.lag));
    }
    if seconds(said.of) != row.of {
        lies.push(format!("of {:?}, and it is {:?}", seconds(said.of), row.of));
    }
    lies
}

#[test]
fn every_captured_object_is_told_as_it_is() {
    let mut wrong = Vec::new();
    for row in rows() {
        let (model, seen, now) = model(row);
        let said = judge(&model, &seen, now);
        // Whoever judges many finds the same, with and without texts.
        let many = Witnesses::of(&model, now);
        assert_eq!(many.judge(&seen), said, "{} {}", row.file, row.object);
        let silent = many.silent().judge(&seen);
        assert_eq!(
            (silent.word, silent.lag, silent.dire),
            (said.word, said.lag, said.dire),
            "{} {}",
            row.file,
            row.object
        );
        for lie in lies(row, &said) {
            wrong.push(format!(
                "{} {} at {}: {lie}\n      {} | {:?}",
                row.file, row.object, row.at, said.why, said.also
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows().count(), wrong.join("\n"));
}

#[test]
fn no_captured_object_is_left_out() {
    let files = files();
    assert_eq!(files.len(), 45);
    for file in &files {
        let told: BTreeSet<(String, jiff::Timestamp)> = rows()
            .filter(|row| file.starts_with(row.file))
            .map(|row| (row.object.to_owned(), on_the_day(row.at)))
            .collect();
        for (at, object) in load(file).objects.iter().filter(|(_, object)| object["kind"] != "Secret") {
            let name = format!("{}/{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
            assert!(told.contains(&(name.clone(), *at)), "{file}: nothing is said of {name} at {at}");
            assert!(digest(object).is_some(), "{file}: {name}");
        }
    }
}
