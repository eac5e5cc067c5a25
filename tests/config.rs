//! The command line, the config file and their precedence, as tables.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

use std::ffi::OsString;

use baowatch::app::config::cli::{ActCommand, Cli, Command, ConfigCommand, Output, SharesFrom};
use baowatch::app::config::env::Env;
use baowatch::app::config::example::EXAMPLE;
use baowatch::app::config::file::{ConfigFile, Tls};
use baowatch::app::config::overlay::{Parsed, command, parse, variable};
use baowatch::app::config::resolve::{Bound, Reach, Resolved, TokenSource, resolve};
use baowatch::app::model::fact::Environment;
use baowatch::app::model::reopens::Mechanism;
use baowatch::app::trouble::Trouble;
use baowatch::programs::config as program;
use jiff::SignedDuration;
use secrecy::ExposeSecret;

const RULES: [&str; 5] = ["vault-sealed", "keys-secret-empty", "keys-mount-optional", "clock-skew", "node-memory"];

fn words(line: &str) -> Vec<OsString> {
    std::iter::once("baowatch").chain(line.split_whitespace()).map(OsString::from).collect()
}

fn read(line: &str, env: &[(&str, &str)]) -> Cli {
    match parse(words(line), &Env::of(env)) {
        Parsed::Run(cli) => *cli,
        Parsed::Say { text, .. } => panic!("{line}: {text}"),
    }
}

fn refused(line: &str, env: &[(&str, &str)]) -> String {
    match parse(words(line), &Env::of(env)) {
        Parsed::Say { text, wrong: true, code: 64 } => text,
        other => panic!("{line}: {other:?}"),
    }
}

fn file(text: &str) -> Result<ConfigFile, Trouble> {
    ConfigFile::parse(text, "config.yaml", &RULES)
}

fn resolved(line: &str, env: &[(&str, &str)], text: &str) -> Result<Resolved, Trouble> {
    resolve(&read(line, env).global, &Env::of(env), file(text).unwrap())
}

fn bound(line: &str, env: &[(&str, &str)], text: &str, context: Option<&str>) -> Bound {
    resolved(line, env, text).unwrap().bind(context).unwrap()
}

#[test]
fn every_command_is_read() {
    assert!(read("", &[]).command.is_none());
    let printed = read("--print 80x24 --wait 3s", &[]);
    assert_eq!((printed.print.unwrap().width, printed.wait), (80, Some(SignedDuration::from_secs(3))));
    let Some(Command::Demo(demo)) =
        read("demo --scenario healthy --at 5m --speed 10 --keys 2<Enter> --print 200x60", &[]).command
    else {
        panic!("demo")
    };
    assert_eq!((demo.scenario.as_deref(), demo.speed, demo.keys.as_deref()), (Some("healthy"), 10, Some("2<Enter>")));
    let Some(Command::Check(check)) = read("check --output json --rules a,b --exclude c --context x", &[]).command
    else {
        panic!("check")
    };
    assert_eq!((check.output, check.rules.len(), check.wait), (Output::Json, 2, Some(SignedDuration::from_secs(10))));
    let Some(Command::Act(act)) = read("act run unseal openbao-1 --confirm openbao --shares-from prompt", &[]).command
    else {
        panic!("act")
    };
    let ActCommand::Run { action, confirm } = act.command else { panic!("run") };
    assert_eq!((action.target.as_deref(), confirm.as_deref()), (Some("openbao-1"), Some("openbao")));
    assert_eq!(action.shares_from, Some(SharesFrom::Prompt));
    let Some(Command::Act(act)) = read("act plan prove-keys --keys keystore --immutable", &[]).command else {
        panic!("act")
    };
    let ActCommand::Plan(action) = act.command else { panic!("plan") };
    assert_eq!((action.keys, action.immutable), (Some(SharesFrom::Keystore), true));
    assert!(refused("act plan unseal --keys secret --shares-from secret", &[]).contains("cannot be used with"));
    let Some(Command::Config(config)) = read("config path", &[]).command else { panic!("config") };
    assert_eq!(config.command, ConfigCommand::Path);
    assert!(matches!(read("completions zsh", &[]).command, Some(Command::Completions { .. })));
    assert!(matches!(read("man", &[]).command, Some(Command::Man)));
}

#[test]
fn globals_stand_before_and_behind_the_command() {
    for line in ["-n data check", "check -n data", "check --namespace=data"] {
        assert_eq!(read(line, &[]).global.namespace.as_deref(), Some("data"), "{line}");
    }
}

#[test]
fn wrong_usage_is_64_and_says_what_is_right() {
    assert!(refused("check --wait 90", &[]).contains("1h30m"));
    assert!(refused("--print 80", &[]).contains("80x24"));
    assert!(refused("--vault openbao", &[]).contains("data/openbao"));
    assert!(refused("chek", &[]).contains("check"));
    assert!(refused("--print 80x24 demo", &[]).contains("after `demo`"));
    assert!(refused("wall", &[]).contains("wall"), "commands of later issues do not exist");
    let Parsed::Say { text, wrong: false, code: 0 } = parse(words("--help"), &Env::default()) else { panic!("help") };
    assert!(text.contains("BAOWATCH_CONTEXT") && text.contains("baowatch demo"), "{text}");
}

#[test]
fn every_flag_has_a_variable_and_a_flag_beats_it() {
    let env = [("BAOWATCH_CONTEXT", "from-env"), ("BAOWATCH_READ_ONLY", "1"), ("BAOWATCH_OUTPUT", "json")];
    let cli = read("check", &env);
    assert_eq!((cli.global.context.as_deref(), cli.global.read_only), (Some("from-env"), true));
    assert!(matches!(cli.command, Some(Command::Check(check)) if check.output == Output::Json));
    assert_eq!(read("check --context typed", &env).global.context.as_deref(), Some("typed"));
    assert_eq!(read("--context typed check", &env).global.context.as_deref(), Some("typed"));
    assert!(!read("check", &[("BAOWATCH_READ_ONLY", "0")]).global.read_only);
    assert!(refused("check", &[("BAOWATCH_OUTPUT", "yaml")]).contains("BAOWATCH_OUTPUT"));
    assert!(refused("check", &[("BAOWATCH_ASCII", "maybe")]).contains("BAOWATCH_ASCII"));
    let help = command().find_subcommand("check").unwrap().clone().render_long_help().to_string();
    assert!(help.contains("BAOWATCH_STATE]"), "{help}");
}

#[test]
fn no_variable_says_yes() {
    let Some(Command::Act(act)) = read("act run unseal", &[("BAOWATCH_CONFIRM", "openbao")]).command else { panic!() };
    assert!(matches!(act.command, ActCommand::Run { confirm: None, .. }));
    let act = command();
    let run = act.find_subcommand("act").unwrap().find_subcommand("run").unwrap();
    assert_eq!(variable(run.get_arguments().find(|arg| arg.get_id() == "confirm").unwrap()), None);
}

#[test]
fn the_example_is_good_and_mentions_every_key() {
    let example = file(EXAMPLE).unwrap();
    let prod = &example.clusters["prod-fra"];
    assert_eq!((prod.environment, prod.vault.tls), (Some(Environment::Production), Tls::Auto));
    assert_eq!(prod.vault.keys_secret.as_ref().unwrap().fields.shares.len(), 3);
    assert_eq!(example.proof.max_age, Some(SignedDuration::from_hours(720)));
    ConfigFile::parse(EXAMPLE, "example.yaml", &program::rule_names()).unwrap();
    // Each mapping is asked for its keys by giving it one that it cannot know.
    let probes = [
        "zzz: 1",
        "clusters: {a: {zzz: 1}}",
        "clusters: {a: {vault: {zzz: 1}}}",
        "clusters: {a: {vault: {keysSecret: {zzz: 1}}}}",
        "clusters: {a: {vault: {keysSecret: {fields: {zzz: 1}}}}}",
        "clusters: {a: {vault: {members: [{zzz: 1}]}}}",
        "clusters: {a: {keystore: {zzz: 1}}}",
        "rules: {vault-sealed: {zzz: 1}}",
        "proof: {zzz: 1}",
    ];
    for probe in probes {
        let trouble = file(probe).unwrap_err();
        let known = trouble.next.strip_prefix("Known here: ").unwrap_or_else(|| panic!("{probe}: {trouble}"));
        for key in known.split(", ") {
            assert!(EXAMPLE.contains(&format!("{key}:")), "the example does not mention `{key}` ({probe})");
        }
    }
}

#[test]
fn nothing_in_a_file_is_the_default() {
    for text in ["", "\n", "# only a comment\n", "  # indented\n\n"] {
        assert_eq!(file(text).unwrap(), ConfigFile::default(), "{text:?}");
    }
}

#[test]
fn errors_name_line_column_and_the_nearest_key() {
    let rows: [(&str, &str, &str); 11] = [
        ("clusters:\n  prod:\n    contxt: a\n", "line 3, column 5", "`context`"),
        ("clusters:\n  prod:\n    vault:\n      tls: on\n      keysecret: {}\n", "line 5, column 7", "`keysSecret`"),
        ("rules:\n  vault-seald:\n    for: 5s\n", "line 2, column 3", "`vault-sealed`"),
        ("rules:\n  vault-sealed:\n    form: 5s\n", "line 3, column 5", "`for`"),
        ("rules:\n  vault-sealed:\n    for: soon\n", "line 3", "1h30m"),
        ("clusters:\n  prod:\n    environment: prodution\n", "line 3", "`production`"),
        ("ascii: true\nascii: false\n", "line 2", "twice"),
        ("clusters:\n  prod:\n    vault:\n      port: 99999\n", "line 4", "65535"),
        ("ascii: maybe\n", "line 1, column 8", "true or false"),
        ("clusters: [\n", "line 1", "keys with values"),
        ("clusters: {a: ]\n", "line 1", "YAML"),
    ];
    for (text, place, hint) in rows {
        let trouble = file(text).unwrap_err();
        let said = trouble.to_string();
        assert!(said.contains("config.yaml"), "{said}");
        assert!(trouble.what.contains(place), "{text:?}: {said}");
        assert!(said.contains(hint), "{text:?}: {said}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (text, hint) in [
        ("clusters: {a: {vault: {address: vault.example}}}", "https://"),
        ("clusters: {a: {vault: {members: [{name: x, address: 'ftp://x'}]}}}", "https://"),
        ("clusters: {a: {vault: {members: [{name: x}]}}}", "address"),
        ("clusters: {a: {vault: {keysSecret: {fields: {shares: [a]}}}}}", "name"),
        ("clusters: {a: {vault: {people: true, reopens: kms}}}", "people"),
        ("clusters: {a: {keystore: {path: prod.keystore}}}", "from the root"),
        ("clusters: {a: {keystore: {keyfile: ~/key}}}", "~ is not expanded"),
        ("clusters: {a: {keystore: {lockAfter: 5s}}}", "30s or more"),
        ("clusters: {a: {keystore: {lockAfter: 5}}}", "1h30m"),
        ("clusters: {a: {keystore: {checkCopiesEvery: 1s}}}", "1m or more"),
        ("clusters: {a: {keystore: {holder: ' '}}}", "user@host"),
    ] {
        let said = file(text).unwrap_err().to_string();
        assert!(said.contains(hint), "{text}: {said}");
    }
}

#[test]
fn no_error_repeats_a_value() {
    let canary = "hvs.CANARY0123456789";
    for text in [
        format!("clusters:\n  a:\n    vault:\n      tokenFile: {canary}\n      port: no\n"),
        format!("clusters:\n  a:\n    vault:\n      port: {canary}\n"),
        format!("clusters: {canary}\n"),
        format!("clusters:\n  a:\n    environment: {canary}\n"),
        format!("rules:\n  vault-sealed:\n    for: {canary}\n"),
        format!("rules:\n  vault-sealed:\n    off: {canary}\n"),
        format!("ascii: [{canary}]\n"),
        format!("clusters:\n  a:\n    vault:\n      members: {canary}\n"),
        format!("theme: \"{canary}\nzzz"),
        format!("theme: {canary}\n"),
        format!("{canary}\n"),
        format!("theme: {canary}: {canary}\n"),
        format!("theme: *{canary}\n"),
        format!("{canary}{canary}{canary}: 1\n"),
        format!("clusters: {{a: {{vault: {{members: [{{name: {canary}, address: 'x'}}]}}}}}}\n"),
    ] {
        let trouble = file(&text).unwrap_err();
        assert!(!format!("{trouble} {trouble:?}").contains("CANARY"), "{text:?}: {trouble}");
    }
}

const FILE: &str = "
clusters:
  prod-fra:
    context: fra
    environment: staging
    vault: {namespace: data, name: openbao, reopens: secret, keysSecret: {name: k}, rootTokenRequired: true}
  lab:
    environment: lab
    vault: {people: true}
  plain:
    vault:
      address: https://plain.example:8200
      tokenFile: /t
rules: {vault-sealed: {for: 5s}, clock-skew: {off: true}}
proof: {maxAge: 24h}
";

#[test]
fn the_entry_that_applies() {
    let rows = [
        ("", Some("fra"), Some("prod-fra"), "prod-fra", Environment::Staging),
        ("", Some("lab"), Some("lab"), "lab", Environment::Lab),
        ("", Some("other"), None, "other", Environment::Production),
        ("", Some("prod-fra"), None, "prod-fra", Environment::Production),
        ("--cluster lab", Some("fra"), Some("lab"), "lab", Environment::Lab),
        ("--address https://plain.example:8200/", None, Some("plain"), "plain", Environment::Production),
        ("--address http://other", None, None, "http://other", Environment::Production),
    ];
    for (line, context, entry, name, environment) in rows {
        let got = bound(line, &[], FILE, context);
        assert_eq!((got.entry.as_deref(), got.name.as_str(), got.environment), (entry, name, environment), "{line}");
    }
    assert_eq!(resolved("--cluster prod-fra", &[], FILE).unwrap().context.as_deref(), Some("fra"));
    assert_eq!(resolved("--cluster lab", &[], FILE).unwrap().context.as_deref(), Some("lab"));
    assert_eq!(resolved("--cluster prod-fra --context b", &[], FILE).unwrap().context.as_deref(), Some("b"));
    assert_eq!(resolved("--cluster plain", &[], FILE).unwrap().context, None);
    assert!(!resolved("--cluster plain", &[], FILE).unwrap().wants_kubernetes());
    let said = resolved("--cluster prod-fr", &[], FILE).unwrap_err().to_string();
    assert!(said.contains("`prod-fra`") && said.contains("lab") && said.contains("plain"), "{said}");
    let said = resolved("--cluster x", &[], "").unwrap_err().to_string();
    assert!(said.contains("names no clusters"), "{said}");
}

#[test]
fn which_address_wins() {
    let env: &[(&str, &str)] = &[("VAULT_ADDR", "https://me:pw@env.example:8200")];
    let both: &[(&str, &str)] = &[("VAULT_ADDR", "https://old"), ("BAO_ADDR", "https://bao")];
    let kube = || Reach::Kubernetes;
    let at = |url: &str, from: &str| Reach::Address { url: url.into(), from: from.into() };
    let rows = [
        ("", env, Some("fra"), kube(), 1),
        ("", env, None, at("https://me:pw@env.example:8200", "VAULT_ADDR"), 0),
        ("", both, None, at("https://bao", "BAO_ADDR"), 0),
        ("--address http://typed", env, Some("fra"), at("http://typed", "--address"), 1),
        ("--address http://typed", &[], None, at("http://typed", "--address"), 0),
        ("--cluster plain", &[], Some("fra"), at("https://plain.example:8200", "clusters.plain of the config file"), 0),
        ("--cluster plain", env, None, at("https://plain.example:8200", "clusters.plain of the config file"), 1),
        ("--cluster prod-fra", env, Some("fra"), kube(), 1),
        ("--context fra", env, Some("fra"), kube(), 1),
    ];
    for (line, env, context, reach, notes) in rows {
        let got = bound(line, env, FILE, context);
        assert_eq!((&got.reach, got.notes.len()), (&reach, notes), "{line} {env:?} {context:?} {:?}", got.notes);
        assert!(!got.notes.join("").contains("pw@"), "{:?}", got.notes);
    }
    let nothing = resolved("", &[], "").unwrap().bind(None).unwrap_err();
    assert!(nothing.next.contains("demo"), "{nothing}");
    let wrong = resolved("", &[("VAULT_ADDR", "env.example:8200")], "").unwrap().bind(None).unwrap_err();
    assert!(wrong.what.contains("VAULT_ADDR"), "{wrong}");
    assert!(resolved("--address vault.example", &[], "").unwrap_err().next.contains("https://"));
}

#[test]
fn a_token_goes_only_where_it_belongs() {
    let env: &[(&str, &str)] = &[("VAULT_ADDR", "https://env"), ("VAULT_TOKEN", "hvs.CANARY")];
    let variable = |got: &Bound| matches!(&got.token, Some(TokenSource::Variable { name: "VAULT_TOKEN", token }) if token.expose_secret() == "hvs.CANARY");
    assert!(variable(&bound("", env, FILE, None)));
    assert!(variable(&bound("--address https://env/", env, FILE, None)));
    assert!(bound("--address https://other", env, FILE, None).token.is_none());
    assert!(bound("", env, FILE, Some("fra")).token.is_none());
    assert!(bound("", &[("VAULT_TOKEN", "hvs.CANARY")], FILE, Some("fra")).token.is_none());
    assert!(matches!(bound("--cluster plain", env, FILE, None).token, Some(TokenSource::File(_))));
    let all = format!("{:?} {:?}", resolved("", env, FILE).unwrap(), bound("", env, FILE, None));
    assert!(!all.contains("CANARY"));
}

#[test]
fn what_the_core_is_told() {
    let got = bound("--read-only", &[], FILE, Some("fra"));
    assert_eq!(got.settings.rules["vault-sealed"].hold, Some(SignedDuration::from_secs(5)));
    assert!(got.settings.rules["clock-skew"].off && got.settings.read_only);
    let expect = &got.settings.expect;
    assert_eq!(expect.reopens, Some(Mechanism::Secret));
    assert_eq!(expect.proof_max_age, SignedDuration::from_hours(24));
    assert!(expect.root_token_required && expect.keys_secret_configured && !got.people_declared);
    assert_eq!(got.vault.as_ref().map(|v| v.name.as_str()), Some("openbao"));
    let other = bound("--vault x/y", &[], FILE, Some("fra"));
    assert_eq!((other.vault.unwrap().namespace.as_str(), other.vault_name), ("x", None));
    assert!(bound("", &[], FILE, Some("lab")).people_declared);
    assert_eq!(bound("", &[], FILE, Some("nowhere")).settings.expect.proof_max_age, SignedDuration::from_hours(24));
}

#[test]
fn a_keystore_belongs_to_its_entry() {
    let text = "clusters:\n  fra:\n    keystore: {path: /stick/fra.keystore, keyfile: /etc/fra.key, lockAfter: 90s, holder: anna}\n";
    let got = bound("", &[], text, Some("fra"));
    assert_eq!(got.keystore.path.as_deref(), Some(std::path::Path::new("/stick/fra.keystore")));
    assert_eq!(got.keystore.keyfile.as_deref(), Some(std::path::Path::new("/etc/fra.key")));
    assert_eq!(got.keystore.holder.as_deref(), Some("anna"));
    assert_eq!(got.settings.lock_after, Some(SignedDuration::from_secs(90)));
    let other = bound("", &[], text, Some("lab"));
    assert_eq!((other.keystore.path, other.settings.lock_after), (None, None));
}

#[test]
fn a_token_is_expected_where_one_was_given() {
    let text = "clusters:\n  fra:\n    vault: {tokenFile: /run/token}\n";
    assert!(bound("", &[], text, Some("fra")).settings.expect.token);
    assert!(!bound("", &[], text, Some("lab")).settings.expect.token);
    // The environment's token belongs to the environment's address, and to no cluster.
    let env = [("BAO_TOKEN", "s.x"), ("BAO_ADDR", "https://bao:8200")];
    assert!(!bound("", &env, text, Some("lab")).settings.expect.token);
    assert!(bound("", &env, text, None).settings.expect.token);
}

#[test]
fn how_to_look() {
    let look = |line: &str, env: &[(&str, &str)], text: &str| resolved(line, env, text).unwrap().look;
    assert!(!look("", &[("TERM", "xterm")], "").mono);
    for env in [("NO_COLOR", "1"), ("CLICOLOR", "0"), ("TERM", "dumb")] {
        assert!(look("", &[env], "").mono, "{env:?}");
    }
    assert!(!look("", &[("NO_COLOR", "")], "").mono, "empty is unset, as no-color.org says");
    assert!(look("--plain", &[], "").mono && look("", &[], "plain: true").plain);
    assert!(look("", &[], "theme: mono").mono && look("--theme mono", &[], "").mono);
    assert!(!look("--theme color", &[("NO_COLOR", "1")], "theme: mono").mono, "a flag beats a variable and a file");
    assert!(look("", &[("NO_COLOR", "1")], "theme: colour").mono);
    assert!(look("--theme colour --plain", &[], "").mono);
    assert!(file("theme: clour").unwrap_err().to_string().contains("`colour`"));
    assert!(look("", &[("BAOWATCH_ASCII", "on")], "").ascii && look("", &[], "ascii: true").ascii);
}

#[test]
fn config_check_example_and_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.yaml");
    let env = Env::of(&[("HOME", "/home/me"), ("XDG_CONFIG_HOME", folder.path().to_str().unwrap())]);
    let run = |line: &str, command| program::run(&read(line, &[]), command, &env);
    let with = format!("--config {}", path.display());

    let answer = run("", ConfigCommand::Path);
    assert_eq!(answer.out, format!("{}\n", folder.path().join("baowatch/config.yaml").display()));
    assert_eq!(run("", ConfigCommand::Check).code, 0);
    assert_eq!(run("", ConfigCommand::Example).out, EXAMPLE);
    assert_eq!(run(&with, ConfigCommand::Check).code, 1, "a file that was asked for must exist");

    std::fs::write(&path, "clusters:\n  a:\n    contxt: b\n").unwrap();
    let answer = run(&with, ConfigCommand::Check);
    assert_eq!((answer.code, answer.out.as_str()), (1, ""));
    assert!(answer.err.contains("line 3, column 5") && answer.err.contains("`context`"), "{}", answer.err);

    let good = "clusters: {a: {context: b}}\n";
    std::fs::write(&path, good).unwrap();
    let answer = run(&with, ConfigCommand::Check);
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), good, "the file is never written");

    let cli = read(&with, &[]);
    let (resolved, _) = program::open(&cli.global, &env).unwrap();
    assert_eq!(resolved.bind(Some("b")).unwrap().name, "a");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_damaged_file_is_refused_or_read_and_nothing_worse(at in 0_usize..3_000, what in "[ -~\n\t]{0,12}", drop in 0_usize..40) {
        let mut text: Vec<char> = EXAMPLE.chars().collect();
        let at = at.min(text.len());
        let end = (at + drop).min(text.len());
        text.splice(at..end, what.chars());
        let text: String = text.into_iter().collect();
        if let Err(trouble) = file(&text) {
            proptest::prop_assert!(trouble.what.contains("config.yaml"), "{}", trouble);
            proptest::prop_assert!(!trouble.next.is_empty(), "{}", trouble);
        }
    }
}

#[test]
fn tokens_that_are_looked_after_are_named_and_absolute() {
    let read = |entry: &str| file(&format!("clusters:\n  fra:\n    tokens:\n{entry}"));
    let all = "      - {name: a, path: /t/a, displayName: wizard, policies: [p], needs: {kv/data/x: [read, update]}}\n\
               \u{20}     - {name: b, path: /t/b, limited: true, namespace: team}\n";
    let tokens = read(all).unwrap().clusters["fra"].tokens.clone();
    assert_eq!(tokens[0].needs["kv/data/x"], ["read", "update"]);
    assert!(
        tokens[1].limited == Some(true)
            && tokens[0].limited.is_none()
            && tokens[1].namespace.as_deref() == Some("team")
    );
    for (entry, says) in [
        ("      - {name: own, path: /t/a}\n", "tokens[0] has no name of its own"),
        ("      - {name: a, path: t/a}\n", "not absolute"),
        ("      - {name: a, path: /t/a}\n      - {name: a, path: /t/b}\n", "tokens[1] has the name of another one"),
        ("      - {name: a, path: /t/a, dispalyName: x}\n", "displayName"),
    ] {
        let trouble = read(entry).unwrap_err();
        assert!(trouble.to_string().contains(says), "{trouble}");
    }
}
