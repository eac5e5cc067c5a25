//! `keys export`: keys on this terminal after a challenge, or in a keystore of their own; never in the clear on a disk.

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::place::Place;
use super::slots::at_hand;
use super::{ask, once};
use crate::app::config::cli::Cli;
use crate::app::config::cli_keys::{KeysExport, SlotChoice};
use crate::app::config::env::Env;
use crate::app::model::keystore::GenerationSeen;
use crate::app::runtime::clock;
use crate::app::text::clean;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::files::atomic::{self, Existing};
use crate::backends::files::not_written;
use crate::backends::keystore::opened::NewKeys;
use crate::backends::keystore::{Generation, Opened};
use crate::programs::config::Answer;

/// Runs it.
pub async fn run(cli: &Cli, file: Option<&Path>, wanted: &KeysExport, env: &Env) -> Result<Answer, Trouble> {
    if wanted.to.is_none() {
        once::possible()?;
    }
    let place = at_hand(cli, file, env).await?;
    let header = place.existing()?;
    let kept = match wanted.generation {
        Some(number) => header.generations.iter().find(|kept| kept.number == number),
        None => header.current(),
    };
    let Some(kept) = kept.cloned() else {
        return Err(Trouble::new(
            TroubleKind::Refused,
            "the keystore holds no such keys",
            "",
            "`baowatch keys status` shows what it holds; nothing was changed",
        ));
    };
    match &wanted.to {
        Some(path) => to_file(&place, &kept, path),
        None => to_terminal(&place, &kept),
    }
}

fn to_terminal(place: &Place, kept: &GenerationSeen) -> Result<Answer, Trouble> {
    ask::open(place, false)?;
    let says = format!(
        "Generation {} of {} will be shown here in the clear: {}, {} held{}.\n\
         Whoever sees this screen, now or in a recording of it, has the vault.\n",
        kept.number,
        place.vault(),
        kept.kind.words(),
        kept.prints.len(),
        if kept.root_token.is_some() { ", and the root token" } else { "" },
    );
    ask::challenge(&says, place.vault(), None)?;
    let page = place
        .keeper
        .with(|opened| opened.payload().generation(kept.number).map(|secret| page(place.vault(), kept, secret)))?;
    let page = page.ok_or_else(|| Trouble::local("the keystore has no such generation any more", "", "Ask again"))?;
    once::show(&page)?;
    Ok(Answer::done(format!("Shown once: generation {}, {}.\n", kept.number, kept.kind.words())))
}

/// In room that is taken once: a string that grew would leave copies behind.
fn page(vault: &str, kept: &GenerationSeen, secret: &Generation) -> Zeroizing<String> {
    let room = secret.shares.iter().map(|share| share.expose().len() * 2 + 64).sum::<usize>()
        + secret.root_token.as_ref().map_or(0, |token| token.expose().len() + 64)
        + vault.len()
        + 512;
    let mut page = Zeroizing::new(String::with_capacity(room));
    let head = format!(
        "{}, generation {}: {}, {} of {}\n\n",
        clean(vault),
        kept.number,
        kept.kind.words(),
        kept.threshold,
        kept.total
    );
    page.push_str(&head);
    for (at, share) in secret.shares.iter().enumerate() {
        let print = kept.prints.get(at).map(ToString::to_string).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(page, "{:>3}  {print}  ", at + 1);
        STANDARD.encode_string(share.expose(), &mut page);
        page.push('\n');
    }
    if let Some(token) = &secret.root_token {
        page.push_str("\nroot token  ");
        page.push_str(std::str::from_utf8(token.expose()).unwrap_or("(not text)"));
        page.push('\n');
    }
    page
}

fn to_file(place: &Place, kept: &GenerationSeen, path: &Path) -> Result<Answer, Trouble> {
    let there = || {
        Trouble::new(
            TroubleKind::Refused,
            &format!("there is something at {} already", path.display()),
            "",
            "Name a file that does not exist; nothing was changed",
        )
    };
    if path.symlink_metadata().is_ok() {
        return Err(there());
    }
    ask::open(place, false)?;
    let (opener, cost) = ask::new_slot(SlotChoice::Passphrase, None)?;
    let now = clock::now();
    let error = |error: crate::backends::keystore::KeystoreError| error.trouble(path);
    let mut fresh = ask::timed(|| {
        Opened::create(&place.identity, place.keeper.salt(), &opener, cost, "exported", now).map_err(error)
    })?;
    let keys =
        place.keeper.with(|opened| opened.payload().generation(kept.number).map(|secret| new_keys(kept, secret)))?;
    let keys = keys.ok_or_else(|| Trouble::local("the keystore has no such generation any more", "", "Ask again"))?;
    fresh.add_generation(keys, now).map_err(error)?;
    let bytes = fresh.seal(now).map_err(error)?;
    if !atomic::write(path, &bytes, Existing::Keep).map_err(|error| not_written(path, &error))? {
        return Err(there());
    }
    let back = std::fs::read(path).map_err(|error| not_written(path, &error))?;
    let reread = Opened::open(&back, Some(&place.identity), &opener).map_err(error)?;
    let same = reread
        .header()
        .current()
        .is_some_and(|current| kept.prints.is_empty() || current.prints.len() == kept.prints.len())
        && reread.payload() == fresh.payload();
    if !same {
        return Err(Trouble::local(
            &format!("{} was written and reads back differently", path.display()),
            "the disk, or another program",
            "Do not rely on it",
        ));
    }
    Ok(Answer::done(format!(
        "Wrote generation {} to {}: a keystore of its own, under the new passphrase. Read back and opened.\n\
         It is no registered copy and nobody will check it: `baowatch keys copy add` makes one that is.\n",
        kept.number,
        path.display()
    )))
}

fn new_keys(kept: &GenerationSeen, secret: &Generation) -> NewKeys {
    let purpose = |name: &str| kept.fields.iter().find(|field| field.name == name).map(|field| field.purpose);
    NewKeys {
        kind: kept.kind,
        threshold: kept.threshold,
        total: kept.total,
        shares: secret.shares.clone(),
        root_token: secret.root_token.clone(),
        fields: secret
            .fields
            .iter()
            .map(|field| {
                let what = purpose(&field.name).unwrap_or(crate::app::model::keys_secret::Purpose::Other);
                (field.name.clone(), what, field.bytes.clone())
            })
            .collect(),
        source: kept.source.clone(),
        vault_cluster_id: kept.vault_cluster_id.clone(),
    }
}
