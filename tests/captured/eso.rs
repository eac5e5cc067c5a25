//! What is true of the captured objects of the External Secrets Operator.

use baowatch::app::sync::Word::{self, *};

use super::Beside::{self, *};
use super::Row;

const PAY1: Beside = Kv("shop/pay", "05:47:00", 1);
const PAY2: Beside = Kv("shop/pay", "05:55:57.773", 2);
const PAY3: Beside = Kv("shop/pay", "06:04:31.829", 3);

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

const WEB: &str = "ExternalSecret/web";
const HOURLY: &str = "ExternalSecret/web-1h";
const PUSH0: &str = "PushSecret/push-0";
const STORE: &str = "SecretStore/openbao";

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("eso/01", WEB, "05:55:40", &[PAY1], Synced, &["Read 05:55:34Z", "after the last change"], Some(0), Some(10)),
    row("eso/01", HOURLY, "05:55:40", &[PAY1], Synced, &["after the last change"], Some(0), Some(3600)),
    row("eso/01", STORE, "05:55:40", &[PAY1], Synced, &["login works since 05:55:13Z"], None, None),
    row("eso/01", WEB, "05:56:06", &[PAY2], Synced, &["Read 05:56:04Z"], Some(0), Some(10)),
    // Nothing about it is red, and the next read is an hour away.
    row("eso/01", HOURLY, "05:56:06", &[PAY2], Behind, &["Changed in the vault at 05:55:57Z"], Some(8), Some(3600)),
    row("eso/01", WEB, "05:55:40", &[], Synced, &["that is all there is to go by"], None, Some(10)),
    row("eso/02", "ExternalSecret/interval-0", "05:56:18", &[PAY2], Unwatched, &["it is not to follow", "refreshInterval is 0"], Some(20), None),
    row("eso/02", "ExternalSecret/created-once", "05:56:18", &[PAY2], Unwatched, &["it is not to follow", "CreatedOnce"], Some(20), None),
    row("eso/02", "ExternalSecret/on-change", "05:56:18", &[PAY2], Synced, &["Read 05:56:14Z", "OnChange"], Some(0), None),
    row("eso/02", HOURLY, "05:56:18", &[PAY2], Synced, &["Read 05:56:14Z"], Some(0), Some(3600)),
    row("eso/02", "ExternalSecret/interval-0", "05:56:30", &[PAY2], Synced, &["Read 05:56:26Z"], Some(0), None),
    row("eso/02", "ExternalSecret/interval-0", "05:56:30", &[], Unwatched, &["and not again", "refreshInterval is 0"], None, None),
    row("eso/03", "ExternalSecret/denied", "05:56:40", &[], Failed, &["may not read kv/other/x"], None, Some(10)),
    row("eso/03", "ExternalSecret/missing", "05:56:40", &[Absent("shop/nope")], Failed, &["nothing at kv/shop/nope"], None, Some(10)),
    // Ready is True, and there is no Secret.
    row("eso/03", "ExternalSecret/missing-delete", "05:56:40", &[Absent("shop/nope2")], Emptied, &["nothing at kv/shop/nope2", "Ready is True all the same"], Some(87), Some(10)),
    row("eso/04", "SecretStore/bad-role", "05:56:40", &[], Failed, &["invalid role name \"nope\""], None, None),
    row("eso/04", "SecretStore/conn-down", "05:56:40", &[], Failed, &["Nobody answers at http://vault-old.openbao.svc:8200"], None, None),
    row("eso/04", "ExternalSecret/store-bad-role", "05:56:40", &[PAY2], Failed, &["SecretStore pay/bad-role is not ready: invalid role name"], None, Some(10)),
    row("eso/04", "ExternalSecret/store-down", "05:56:40", &[PAY2], Failed, &["SecretStore pay/conn-down is not ready: Nobody answers"], None, Some(10)),
    row("eso/04", "ExternalSecret/store-ghost", "05:56:40", &[PAY2], Failed, &["SecretStore pay/ghost does not exist"], None, Some(10)),
    row("eso/05", WEB, "05:58:20", &[Sealed, PAY2], Failed, &["SecretStore pay/openbao is not ready: The vault is sealed, now too"], Some(76), Some(10)),
    row("eso/05", STORE, "05:58:20", &[Sealed], Failed, &["The vault is sealed, now too"], None, None),
    row("eso/05", "PushSecret/push-10s", "05:58:20", &[Sealed], Failed, &["The vault is sealed, now too"], Some(83), Some(10)),
    row("eso/05", HOURLY, "05:58:20", &[Sealed, PAY2], Synced, &["Read 05:56:26Z"], Some(0), Some(3600)),
    row("eso/05", WEB, "05:59:20", &[PAY2], Synced, &["Read 05:59:13Z"], Some(0), Some(10)),
    row("eso/06", WEB, "06:04:55", &[Dead, PAY3], Dropped, &["External Secrets Operator is not running"], Some(22), Some(10)),
    // Nobody may see the Deployment: the heartbeat alone tells.
    row("eso/06", WEB, "06:04:55", &[PAY3], Dropped, &["nobody has looked since 06:04:23Z"], Some(22), Some(10)),
    row("eso/06", PUSH0, "06:04:55", &[Dead], Unwatched, &["any edit makes Password pw write a new value over kv/push/zero"], None, None),
    row("eso/06", WEB, "06:05:10", &[PAY3], Synced, &["Read 06:05:07Z"], Some(0), Some(10)),
    row("eso/06", PUSH0, "06:05:10", &[], Unwatched, &["any edit"], None, None),
    row("eso/07", PUSH0, "05:55:50", &[], Unwatched, &["at interval 0 nothing follows until somebody edits it"], None, None),
    row("eso/07", PUSH0, "05:56:30", &[], Unwatched, &["Pushed 05:56:09Z", "any edit"], None, None),
    row("eso/07", "PushSecret/push-10s", "05:56:30", &[], Looping, &["a new value over kv/push/ten every 10s", "ten versions"], None, Some(10)),
    row("eso/07", "PushSecret/push-ifnotexists", "05:56:30", &[], Synced, &["kv/push/existing is never overwritten"], None, Some(10)),
    row("eso/08", "ExternalSecret/gone-retain", "06:19:45", &[Absent("shop/gone")], Failed, &["nothing at kv/shop/gone", "keeps the last value"], Some(24), Some(10)),
    row("eso/08", "ExternalSecret/gone-retain", "06:19:45", &[Deleted("shop/gone", "06:19:14.982", 1)], Failed, &["deleted in the vault at 06:19:14Z", "keeps the last value"], Some(30), Some(10)),
    row("eso/08", "ExternalSecret/gone-data", "06:19:45", &[Absent("shop/gone")], Failed, &["nothing at kv/shop/gone"], Some(24), Some(10)),
    row("eso/08", "ExternalSecret/gone-delete", "06:19:45", &[Absent("shop/gone"), NoSecret("gone-delete")], Emptied, &["deletionPolicy Delete took the Secret away"], Some(44), Some(10)),
    row("eso/08", "ExternalSecret/find-none", "06:19:45", &[NoSecret("find-none")], Emptied, &["find matches nothing", "there is no Secret"], Some(44), Some(10)),
];
