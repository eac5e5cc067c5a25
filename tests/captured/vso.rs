//! What is true of the captured objects of the Vault Secrets Operator.

use baowatch::app::sync::Word::{self, *};

use super::Beside::{self, *};
use super::Row;

const WEB1: Beside = Kv("shop/web", "05:47:00", 1);
const WEB2: Beside = Kv("shop/web", "05:49:00.573", 2);
const WEB3: Beside = Kv("shop/web", "05:59:52.293", 3);
const WEB5: Beside = Kv("shop/web", "06:01:39.784", 5);
const DRIFT: Beside = Kv("shop/drift", "05:47:00", 1);
const ROLLOUT1: Beside = Kv("shop/rollout", "05:47:00", 1);
const ROLLOUT2: Beside = Kv("shop/rollout", "05:49:02.500", 2);

#[expect(clippy::too_many_arguments, reason = "one row of a table")]
const fn row(
    file: &'static str,
    object: &'static str,
    at: &'static str,
    beside: &'static [Beside],
    word: Word,
    says: &'static [&'static str],
    lag: Option<i64>,
    of: Option<i64>,
) -> Row {
    Row { file, object, at, beside, word, says, lag, of }
}

const WEB: &str = "VaultStaticSecret/web";
const NOHMAC: &str = "VaultStaticSecret/web-nohmac";
const READONLY: &str = "VaultDynamicSecret/db-readonly";
const APP: &str = "VaultDynamicSecret/db-app";
const BATCH: &str = "VaultDynamicSecret/db-batch";
const DAY: Option<i64> = Some(86_400);

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("vso/01", WEB, "05:48:50", &[WEB1], Synced, &["Compared 05:48:45Z, 5s ago"], Some(0), Some(10)),
    row("vso/01", "VaultStaticSecret/web-norefresh", "05:48:50", &[WEB1], Synced, &["Compared"], Some(0), Some(54)),
    row("vso/01", "VaultAuth/openbao", "05:48:50", &[WEB1], Synced, &["What goes through it was read 05:48:45Z"], None, None),
    row("vso/01", "VaultConnection/openbao", "05:48:50", &[WEB1], Synced, &["What goes through it"], None, None),
    // Nobody sees the vault's metadata: the operator's word, and said so.
    row("vso/01", WEB, "05:48:50", &[], Synced, &["that is all there is to go by", "not in sight"], None, Some(10)),
    row("vso/02", WEB, "05:49:09", &[WEB2], Synced, &["after the last change"], Some(0), Some(10)),
    row("vso/02", WEB, "05:49:50", &[WEB2], Synced, &["after the last change"], Some(0), Some(10)),
    row("vso/02", "VaultStaticSecret/web-norefresh", "05:49:50", &[WEB2], Synced, &["after the last change"], Some(0), Some(54)),
    // Green, and the value changed since: it is never read again.
    row("vso/03", NOHMAC, "05:49:38", &[WEB2], Behind, &["never again", "hmacSecretData is false", "05:49:00Z"], Some(37), None),
    row("vso/03", NOHMAC, "05:49:38", &[], Unwatched, &["Read once", "never again"], None, None),
    row("vso/03", NOHMAC, "05:51:40", &[WEB2, Wrote("web-nohmac", "05:50:57")], Emptied, &["nobody repairs it"], Some(43), None),
    row("vso/03", "VaultStaticSecret/web-nohmac-10s", "05:49:38", &[WEB2], Synced, &["after the last change"], Some(0), Some(10)),
    row("vso/04", "VaultStaticSecret/path-missing", "05:50:30", &[Absent("shop/nope")], Failed, &["nothing at kv/shop/nope"], None, Some(10)),
    row("vso/05", "VaultStaticSecret/denied", "05:50:30", &[], Failed, &["token lives and may not read kv/other/x"], None, Some(10)),
    row("vso/06", "VaultStaticSecret/mount-missing", "05:50:30", &[], Failed, &["nokv/shop/web", "a mount that does not exist answers the same"], None, Some(10)),
    row("vso/07", "VaultStaticSecret/wrong-role", "05:50:30", &[WEB2], Failed, &["VaultAuth shop/wrong-role cannot log in as role nope", "does not show"], None, Some(10)),
    row("vso/07", "VaultAuth/wrong-role", "05:50:30", &[WEB2], Failed, &["Nobody can log in through it as role nope", "never tried"], None, None),
    row("vso/08", "VaultStaticSecret/sa-missing", "05:50:30", &[WEB2], Failed, &["ServiceAccount ghost does not exist"], None, Some(10)),
    row("vso/08", "VaultAuth/sa-missing", "05:50:30", &[WEB2], Failed, &["ServiceAccount ghost does not exist", "never tried"], None, None),
    row("vso/09", "VaultStaticSecret/conn-missing", "05:50:30", &[WEB2], Failed, &["VaultConnection shop/ghost", "does not exist"], None, Some(10)),
    row("vso/09", "VaultAuth/conn-missing", "05:50:30", &[WEB2], Failed, &["VaultConnection shop/ghost", "does not exist"], None, None),
    // No status for its first half minute: what it names does not exist.
    row("vso/10", "VaultStaticSecret/auth-missing", "05:47:55", &[WEB1], Failed, &["VaultAuth shop/ghost, which does not exist"], Some(26), Some(10)),
    row("vso/10", "VaultStaticSecret/auth-missing", "05:50:30", &[WEB2], Failed, &["VaultAuth shop/ghost does not exist"], None, Some(10)),
    row("vso/11", "VaultStaticSecret/conn-down", "05:50:30", &[WEB2], Failed, &["Nobody answers at http://vault-old.openbao.svc:8200"], None, Some(10)),
    row("vso/11", "VaultAuth/conn-down", "05:50:30", &[WEB2], Failed, &["Nobody answers at http://vault-old", "never tried"], None, None),
    row("vso/11", "VaultConnection/conn-down", "05:50:30", &[WEB2], Failed, &["Nobody answers at http://vault-old"], None, None),
    // An empty status that means: fails since its creation.
    row("vso/12", "VaultStaticSecret/overwrite-refused", "05:52:00", &[DRIFT], Failed, &["status stays empty", "made by somebody else"], Some(269), Some(10)),
    // A text about a sealed vault that is neither true now nor the reason.
    row("vso/12", "VaultStaticSecret/overwrite-refused", "05:59:40", &[DRIFT], Failed, &["made by somebody else", "overwrite is off"], None, Some(10)),
    row("vso/12", "VaultStaticSecret/overwrite-yes", "05:49:00", &[DRIFT], Synced, &["after the last change"], Some(0), Some(10)),
    // An empty status that means: nobody picked it up.
    row("vso/13", "VaultStaticSecret/create-false-missing", "05:55:00", &[DRIFT], Never, &["create is false"], Some(449), Some(10)),
    row("vso/13", "VaultStaticSecret/create-false-present", "05:55:00", &[DRIFT, NoSecret("create-false-present")], Dropped, &["its Secret does not exist", "05:51:48Z"], Some(182), Some(10)),
    row("vso/14", "VaultStaticSecret/ext-owned", "06:12:40", &[DRIFT], Looping, &["Restarts Deployment api at every look", "create is false"], None, Some(10)),
    row("vso/15", "VaultStaticSecret/drift", "05:53:00", &[DRIFT], Synced, &["after the last change"], Some(0), Some(10)),
    row("vso/16", "VaultStaticSecret/rollout", "05:49:30", &[ROLLOUT2], Synced, &["restarting a target failed", "gone"], Some(0), Some(10)),
    row("vso/16", "VaultStaticSecret/rollout-ok", "05:49:30", &[ROLLOUT2], Synced, &["after the last change"], Some(0), Some(10)),
    row("vso/16", "VaultStaticSecret/rollout-preset", "05:49:00", &[ROLLOUT1], Synced, &["after the last change"], Some(0), Some(10)),
    row("vso/16", "VaultStaticSecret/rollout-preset", "05:49:30", &[ROLLOUT2], Synced, &["after the last change"], Some(0), Some(10)),
    row("vso/16", "VaultStaticSecret/rollout-nohmac", "05:49:30", &[ROLLOUT2], Synced, &["restart targets are ignored"], Some(0), Some(10)),
    row("vso/17", WEB, "05:58:20", &[Sealed, WEB2, Wrote("web", "05:49:03")], Failed, &["The vault is sealed, now too"], Some(0), Some(10)),
    // The same text with the vault open: it is old.
    row("vso/17", WEB, "05:58:20", &[], Failed, &["failed while the vault was sealed", "the vault is open now"], None, Some(10)),
    row("vso/17", "VaultStaticSecret/drift", "05:59:45", &[DRIFT], Synced, &["Compared 05:59:41Z"], Some(0), Some(10)),
    row("vso/17", WEB, "05:59:55", &[WEB3], Synced, &["after the last change"], Some(0), Some(10)),
    row("vso/17", NOHMAC, "05:58:20", &[Sealed], Unwatched, &["Read once"], None, None),
    row("vso/17", NOHMAC, "05:58:20", &[Sealed, WEB2], Synced, &["after the last change", "never again"], Some(0), None),
    row("vso/17", "VaultConnection/openbao", "05:58:20", &[Sealed], Unwatched, &["the vault is sealed now"], None, None),
    row("vso/17", "VaultAuth/openbao", "05:58:20", &[Sealed], Unwatched, &["the vault is sealed now", "05:47:08Z"], None, None),
    row("vso/18", READONLY, "05:58:20", &[Sealed], Failed, &["sealed, now too", "ran out at 05:57:14Z"], Some(66), Some(60)),
    row("vso/18", READONLY, "05:59:00", &[], Synced, &["until 05:59:44Z", "could not be renewed"], Some(0), Some(60)),
    row("vso/18", BATCH, "05:58:20", &[Sealed, Role("batch", 1_795_326_938, 84)], Failed, &["sealed, now too"], None, Some(90)),
    // Rotated by hand before the vault was sealed: what was seen then has happened.
    row("vso/18", APP, "05:58:20", &[Sealed, Role("app", 1_795_326_595, 84)], Behind, &["out of turn", "works no more"], Some(504), DAY),
    row("vso/18", APP, "05:58:20", &[Sealed], Unknown, &["The vault is sealed: nobody can tell whether database/static-creds/app was rotated"], None, DAY),
    row("vso/19", WEB, "06:00:28.100", &[WEB3, Wrote("web", "05:59:53")], Failed, &["own token is dead"], Some(0), Some(10)),
    row("vso/19", WEB, "06:00:50", &[WEB3], Synced, &["after the last change"], Some(0), Some(10)),
    row("vso/19", READONLY, "06:00:50", &[], Synced, &["until 06:01:28Z"], Some(0), Some(60)),
    row("vso/19", APP, "06:00:50", &[Role("app", 1_795_326_595, 5)], Synced, &["the last rotation, 05:49:55Z"], Some(0), DAY),
    row("vso/20", WEB, "06:02:27", &[Dead, WEB5], Dropped, &["Every condition is True", "Vault Secrets Operator is not running", "changed in the vault at 06:01:39Z"], Some(48), Some(10)),
    row("vso/20", "VaultStaticSecret/rollout-nohmac", "06:02:27", &[Dead, ROLLOUT2], Dropped, &["being deleted since 06:01:39Z", "is not running"], Some(48), Some(10)),
    row("vso/20", READONLY, "06:02:27", &[Dead], Dropped, &["is not running", "ran out at 06:02:09Z"], Some(18), Some(60)),
    row("vso/20", WEB, "06:03:20", &[WEB5], Synced, &["after the last change"], Some(0), Some(10)),
    row("vso/20", READONLY, "06:03:20", &[], Synced, &["until 06:03:51Z"], Some(0), Some(60)),
    // A fresh heartbeat that proves nothing, and the equality that does.
    row("vso/21", APP, "06:07:30", &[Role("app", 1_795_326_595, 5)], Synced, &["the last rotation, 05:49:55Z"], Some(0), DAY),
    row("vso/21", APP, "06:07:30", &[], Unwatched, &["would go unnoticed until"], None, DAY),
    row("vso/21", READONLY, "06:07:30", &[], Synced, &["until 06:08:19Z"], Some(0), Some(60)),
    row("vso/21", BATCH, "06:07:30", &[Role("batch", 1_795_327_565, 5)], Synced, &["the last rotation"], Some(0), Some(90)),
    row("vso/22", WEB, "06:08:07", &[WEB5, Wrote("web", "06:02:51")], Failed, &["HMAC key is gone"], Some(0), Some(10)),
    row("vso/22", "VaultStaticSecret/rollout-ok", "06:09:05", &[ROLLOUT2], Synced, &["after the last change"], Some(0), Some(10)),
    row("vso/23", "VaultStaticSecret/upstream-deleted", "06:04:25", &[Deleted("shop/del", "06:04:09.984", 2)], Emptied, &["kv/shop/del was deleted in the vault at 06:04:09Z", "took that for a success"], Some(15), Some(10)),
    row("vso/23", "VaultStaticSecret/upstream-deleted", "06:04:25", &[Wrote("upstream-deleted", "06:04:15")], Emptied, &["no key of the value", "most likely it was deleted in the vault"], Some(10), Some(10)),
    row("vso/23", "VaultStaticSecret/pinned", "06:04:25", &[Deleted("shop/del", "06:04:09.984", 2)], Unwatched, &["Pinned to version 1; the vault is at version 2"], None, Some(10)),
    row("vso/24", "VaultStaticSecret/rollout-preset", "06:04:05", &[ROLLOUT2], Synced, &["Compared 06:04:01Z"], Some(0), Some(10)),
    row("vso/24", "VaultStaticSecret/rollout-preset", "06:04:25", &[ROLLOUT2], Synced, &["Compared 06:04:17Z"], Some(0), Some(10)),
    row("vso/25", "VaultStaticSecret/loses-access", "06:04:25", &[Kv("shop2/x", "06:03:50", 1)], Failed, &["may not read kv/shop2/x"], Some(0), Some(10)),
    row("vso/26", "VaultStaticSecret/noraw", "06:00:50", &[Kv("shop/noraw", "06:00:27.199", 2)], Synced, &["after the last change"], Some(0), Some(10)),
    row("vso/27", READONLY, "05:48:30", &[], Synced, &["until 05:49:01Z"], Some(0), Some(60)),
    row("vso/27", READONLY, "05:48:50", &[], Synced, &["until 05:49:41Z"], Some(0), Some(60)),
    row("vso/27", READONLY, "05:49:50", &[], Synced, &["until 05:50:46Z"], Some(0), Some(60)),
    row("vso/28", READONLY, "05:56:20", &[], Synced, &["reached their longest life"], Some(0), Some(60)),
    row("vso/28", READONLY, "06:04:30", &[], Synced, &["old lease could not be renewed"], Some(0), Some(60)),
    row("vso/29", BATCH, "05:49:40", &[Role("batch", 1_795_326_567, 5)], Synced, &["the last rotation, 05:49:27Z"], Some(0), Some(90)),
    row("vso/29", APP, "05:49:50", &[Role("app", 1_795_326_194, 5)], Synced, &["the last rotation"], Some(0), DAY),
    row("vso/29", APP, "05:59:50", &[Role("app", 1_795_326_595, 5)], Behind, &["rotated the password out of turn at 05:49:55Z", "works no more", "looks again at 2026-11-23"], Some(594), DAY),
    row("vso/29", APP, "05:59:50", &[], Unwatched, &["would go unnoticed"], None, DAY),
    row("vso/29", APP, "06:00:50", &[Role("app", 1_795_326_595, 5)], Synced, &["the last rotation"], Some(0), DAY),
    row("vso/30", READONLY, "05:53:30", &[NoSecret("db-readonly")], Failed, &["cannot reach its database", "ran out at 05:52:10Z"], Some(80), Some(60)),
    row("vso/30", BATCH, "05:53:30", &[Role("batch", 1_795_326_657, 5)], Failed, &["does not rotate the password", "database"], None, Some(90)),
    row("vso/30", READONLY, "05:54:20", &[], Synced, &["until 05:55:05Z"], Some(0), Some(60)),
    row("vso/30", BATCH, "05:54:40", &[Role("batch", 1_795_326_847, 5)], Synced, &["the last rotation"], Some(0), Some(90)),
    row("vso/31", "VaultDynamicSecret/db-denied", "05:50:30", &[], Failed, &["may not read nodb/creds/readonly"], None, None),
    row("vso/31", "VaultDynamicSecret/db-wrong-role", "05:55:00", &[], Failed, &["status stays empty", "invalid role name"], Some(420), None),
    row("vso/32", "VaultPKISecret/web-cert", "05:55:00", &[], Failed, &["needs spec.notAfter", "says of every failure"], None, None),
    row("vso/33", "VaultPKISecret/web-cert-notafter", "05:49:40", &[], Synced, &["until 05:52:54Z", "due at 05:51:54Z"], Some(0), Some(240)),
    row("vso/33", "VaultPKISecret/web-cert-notafter", "05:52:40", &[], Looping, &["A new certificate at every look", "notAfter is fixed"], None, Some(15)),
    row("vso/35", APP, "06:24:20", &[Role("app", 1_795_326_595, 5)], Synced, &["the last rotation"], Some(0), DAY),
    row("vso/36", WEB, "06:25:10", &[Sealed], Failed, &["Nobody answers at http://openbao.openbao.svc:8200", "sealed now"], None, Some(10)),
    // Green, and only an Event says that no login succeeds.
    row("vso/36", APP, "06:25:10", &[Sealed, Role("app", 1_795_326_595, 40)], Failed, &["sealed", "the conditions still say True"], Some(0), DAY),
    row("vso/36", READONLY, "06:25:10", &[Sealed], Failed, &["sealed now", "ran out at 06:25:01Z"], Some(9), Some(60)),
    row("vso/36", WEB, "06:25:40", &[WEB5], Synced, &["after the last change"], Some(0), Some(10)),
    row("vso/36", READONLY, "06:25:40", &[], Synced, &["until 06:26:24Z"], Some(0), Some(60)),
];
