//! Where the keys and the token of a proof come from: read at the moment of use, compared with what the plan was made for.

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::app::id::{ObjectRef, SlotId};
use crate::app::model::keys_secret::{Fingerprint, Purpose};
use crate::app::model::proof::same_keys;
use crate::app::runbook::op::{KeysRef, TokenRef};
use crate::app::trouble::Trouble;
use crate::backends::hands::secret_data;
use crate::backends::hands::tools::Tools;
use crate::backends::hands::unseal::{joined, refused};
use crate::backends::keys::digest::implausible;
use crate::backends::keys::{SecretShare, fingerprint, nth_share};

/// More shares than any seal has.
const MOST: u32 = 255;

/// Different shares, and what they are called in a sentence.
pub(super) struct Source {
    pub shares: Vec<SecretShare>,
    pub prints: Vec<Fingerprint>,
    pub called: String,
}

impl Source {
    /// Each share once: the same one may lie in a Secret as hex and as base64, and given twice it is no progress.
    fn of(all: Vec<SecretShare>, called: String, tools: &Tools) -> Self {
        let mut source = Self { shares: Vec::new(), prints: Vec::new(), called };
        for share in all {
            let print = fingerprint(&tools.salt, share.bytes());
            if !source.prints.contains(&print) {
                source.prints.push(print);
                source.shares.push(share);
            }
        }
        source
    }
}

/// The keys, as they are now. `noun` is what one of them is called: a key where one is enough, else a share.
pub(super) async fn keys(keys: &KeysRef, tools: &Tools) -> Result<Source, Trouble> {
    let (source, planned) = match keys {
        KeysRef::Secret { object, prints } => (from_secret(object, tools).await?, Some(prints)),
        KeysRef::Keystore { generation, prints } => (from_keystore(*generation, tools)?, Some(prints)),
        KeysRef::Typed { slot, count } => (typed(*slot, *count, tools)?, None),
    };
    if planned.is_some_and(|planned| !same_keys(planned, &source.prints)) {
        return Err(refused(
            &format!("{} changed since the plan was made; nothing was sent", source.called),
            "their fingerprints are others now",
            "Look at the Keys pane for who changed them, then ask for the plan anew",
        ));
    }
    Ok(source)
}

/// The token.
pub(super) async fn token(token: &TokenRef, tools: &Tools) -> Result<SecretString, Trouble> {
    match token {
        TokenRef::Configured => tools.token.clone().ok_or_else(|| {
            Trouble::local(
                "the token that was given for this vault is not there any more",
                "the program was started without it",
                "Set vault.tokenFile, then ask for the plan anew; nothing was sent",
            )
        }),
        TokenRef::Keystore { generation } => {
            let held = tools.keeper.with(|opened| {
                let token = opened.payload().generation(*generation)?.root_token.as_ref()?;
                let text = Zeroizing::new(String::from_utf8(token.expose().to_vec()).ok()?);
                Some(SecretString::from(text.trim().to_owned()))
            })?;
            held.ok_or_else(|| no_token(&format!("generation {generation} of the keystore")))
        }
        TokenRef::Secret { object } => {
            let data = secret_data::read(object, tools).await?;
            let field = data.0.iter().find(|(name, _)| tools.names.purpose(name) == Purpose::RootToken);
            let text = field.and_then(|(_, value)| std::str::from_utf8(&value.0).ok()).map(str::trim);
            let text = text.filter(|text| !text.is_empty());
            text.map(|text| SecretString::from(text.to_owned())).ok_or_else(|| no_token(&object.to_string()))
        }
    }
}

fn no_token(place: &str) -> Trouble {
    refused(
        "the root token is not there any more",
        &format!("{place} holds none; nothing was sent"),
        "Set vault.tokenFile, then ask for the plan anew",
    )
}

async fn from_secret(object: &ObjectRef, tools: &Tools) -> Result<Source, Trouble> {
    let data = secret_data::read(object, tools).await?;
    let all = (0..MOST).map_while(|index| nth_share(&data.0, &tools.names, index)).collect();
    Ok(Source::of(all, "the Secret's keys".to_owned(), tools))
}

fn from_keystore(generation: u32, tools: &Tools) -> Result<Source, Trouble> {
    let held = tools.keeper.with(|opened| {
        let keys = opened.payload().generation(generation)?;
        let shares = keys.shares.iter().map(|bytes| SecretShare::of(Zeroizing::new(bytes.expose().to_vec())));
        Some(shares.collect())
    })?;
    let called = format!("the keys in the keystore's generation {generation}");
    held.map(|all| Source::of(all, called.clone(), tools)).ok_or_else(|| {
        refused(&format!("{called} are not there any more"), "nothing was sent", "Ask for the plan anew")
    })
}

fn typed(slot: SlotId, count: u32, tools: &Tools) -> Result<Source, Trouble> {
    let mut all = Vec::new();
    for index in 0..count {
        match tools.slots.with_nth(slot, index, |text| SecretShare::read(text).ok_or_else(|| implausible(text))) {
            Some(Ok(share)) => all.push(share),
            Some(Err(why)) => {
                return Err(refused(
                    &format!("what was typed as share {} is no key", index + 1),
                    &joined(&[&why.unwrap_or_default(), "nothing was sent"]),
                    "Type it again",
                ));
            }
            None => {
                return Err(Trouble::local(
                    &format!("share {} is not there any more", index + 1),
                    "typed shares are forgotten when their dialog ends; nothing was sent",
                    "Ask for the plan anew and type the shares",
                ));
            }
        }
    }
    Ok(Source::of(all, "the keys that were typed".to_owned(), tools))
}
