//! The real binary in a pseudo-terminal with a real emulator: every layer, every size, every way out, and silence.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod pty;

use std::process::{Command, Stdio};
use std::time::Duration;

use pty::Terminal;

const ENTER: &str = "\r";
const ESC: &str = "\u{1b}";
const ALTERNATE_ON: &str = "\u{1b}[?1049h";
const ALTERNATE_OFF: &str = "\u{1b}[?1049l";

/// Looks like a share, and is found nowhere by chance.
const CANARY: &str = "Q0FOQVJZLWluLWEtc2hhcmUtZmllbGQtMDEyMzQ1Njc=";

/// The demo, with a home of its own.
struct Demo {
    terminal: Terminal,
    _home: tempfile::TempDir,
}

impl std::ops::Deref for Demo {
    type Target = Terminal;

    fn deref(&self) -> &Terminal {
        &self.terminal
    }
}

fn home() -> (tempfile::TempDir, (&'static str, String)) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().display().to_string();
    (home, ("HOME", path))
}

fn demo_with(args: &[&str], environment: &[(&str, &str)], width: u16, height: u16) -> Demo {
    let (dir, home) = home();
    let mut variables = vec![home];
    variables.extend(environment.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let args: Vec<&str> = ["demo"].iter().chain(args).copied().collect();
    Demo { terminal: Terminal::start(&args, &variables, width, height), _home: dir }
}

fn demo(scenario: &str, more: &[&str]) -> Demo {
    let args: Vec<&str> = ["--scenario", scenario].iter().chain(more).copied().collect();
    demo_with(&args, &[], 80, 24)
}

/// Lets the emulator take in what is under way.
fn settle() {
    std::thread::sleep(Duration::from_millis(200));
}

fn text(terminal: &Terminal) -> String {
    String::from_utf8_lossy(&terminal.sent()).into_owned()
}

fn given_back(terminal: &Terminal) {
    assert!(!terminal.alternate(), "the alternate screen was left");
    assert!(!terminal.cursor_hidden(), "the cursor is shown");
    assert!(!terminal.bracketed_paste(), "bracketed paste is off");
    let sent = text(terminal);
    let last = |sequence: &str| sent.rfind(sequence).unwrap_or_else(|| panic!("{sequence:?} was never sent"));
    assert!(last(ALTERNATE_OFF) > last(ALTERNATE_ON));
    assert!(last("\u{1b}[?2004l") > last("\u{1b}[?2004h"));
    assert!(last("\u{1b}[?25h") > last("\u{1b}[?25l"));
}

/// Every card is there with its title, and the footer; no dialog is.
fn whole(screen: &str) -> bool {
    let parts = ["TWO RESTARTS FROM OUTAGE", " 1 Vault ", " 2 Keys ", " 9 Timeline ", "q quit"];
    parts.iter().all(|part| screen.contains(part)) && !dialog(screen)
}

fn dialog(screen: &str) -> bool {
    screen.contains('┌')
}

#[test]
fn any_size_and_back() {
    let t = demo("keys-wiped", &[]);
    t.wait_until("the overview", whole);
    t.resize(20, 5);
    t.wait_until("the sentence alone", |screen| {
        screen.contains("TWO RESTARTS") && !screen.contains("Vault") && screen.lines().count() <= 5
    });
    t.resize(200, 60);
    t.wait_until("details beside the cards", |screen| whole(screen) && screen.contains("cluster id"));
    t.resize(1, 1);
    settle();
    t.resize(80, 24);
    t.wait_until("the overview again", |screen| whole(screen) && !screen.contains("cluster id"));
    t.quit();
    given_back(&t);
}

#[test]
fn every_pane_and_every_layer() {
    let t = demo("keys-wiped", &[]);
    t.wait_until("the overview", whole);
    for (key, name, others) in [
        ("1", " 1 Vault ", "2 Keys"),
        ("2", " 2 Keys ", "1 Vault"),
        ("3", " 3 Sync ", "1 Vault"),
        ("9", " 9 Timeline ", "1 Vault"),
    ] {
        t.type_in(key);
        t.wait_until(name, |screen| screen.contains(name) && !screen.contains(others));
    }
    t.type_in(ESC);
    t.wait_until("the overview", whole);
    // The timeline had the focus; the next card is the vault's.
    t.type_in("\t");
    t.type_in(ENTER);
    t.wait_until("the vault zoomed", |screen| screen.contains(" 1 Vault ") && !screen.contains("2 Keys"));
    t.type_in(ENTER);
    t.wait_for("┌ Pod openbao/openbao-0 ");
    t.type_in(ESC);
    t.wait_until("the drawer closed", |screen| !dialog(screen));
    t.type_in(ESC);
    t.wait_until("the overview", whole);

    t.type_in("?");
    t.wait_for("Overview and panes");
    t.type_in(ESC);
    t.wait_until("the overview", whole);

    t.type_in("!");
    t.wait_for("┌ Alerts ");
    t.type_in("a");
    t.wait_for("acknowledged");
    t.type_in("s");
    t.wait_for("┌ Silence ");
    t.type_in("known");
    t.wait_for("known");
    t.type_in(ENTER);
    t.wait_for("silenced");
    t.type_in(ENTER);
    t.wait_for("┌ Secret openbao/openbao-keys ");
    t.type_in(ESC);
    t.wait_for("┌ Alerts ");
    t.type_in(ESC);
    t.wait_until("the overview", whole);

    t.type_in("a");
    t.wait_for("show its plan");
    t.type_in(ENTER);
    t.wait_for("Not done");
    t.type_in(ESC);
    t.wait_until("the overview", whole);
    t.quit();
    given_back(&t);
}

#[test]
fn a_plan_a_wrong_answer_the_right_one_and_a_run() {
    let t = demo("sealed-after-restart", &["--speed", "20"]);
    t.wait_for("r unseal");
    t.type_in("r");
    t.wait_for("Type  openbao-2  to do it:");
    t.type_in("openbao-3");
    t.wait_for("to do it:  openbao-3");
    t.type_in(ENTER);
    t.wait_for("the answer does not match");
    assert!(t.screen().contains("Nothing was changed"), "{}", t.screen());
    t.type_in("\u{15}");
    t.type_in("openbao-2");
    t.type_in(ENTER);
    t.wait_for("✓ 2 of 2 in ");
    t.type_in(ESC);
    t.wait_for("3 of 3 open");
    t.quit();
    given_back(&t);
}

#[test]
fn leaving_is_guarded_while_a_run_is_under_way() {
    // Both keys at once: the run has just begun when the second is heard. On a machine that is very busy it may have ended
    // by then, and `q` leaves; then once more.
    let t = (0..5)
        .find_map(|_| {
            let t = demo("sealed-after-restart", &["--keys", "ropenbao-2"]);
            t.wait_for("to do it:  openbao-2");
            t.type_in("\rq");
            let mut asked = false;
            while !asked && !t.ended() {
                settle();
                asked = t.screen().contains("leave all the same");
            }
            asked.then_some(t)
        })
        .expect("a run is under way when q is heard");
    assert!(t.screen().contains("stay"), "{}", t.screen());
    t.type_in("n");
    t.wait_for("✓ 2 of 2 in ");
    t.quit();
    given_back(&t);
}

#[test]
fn leaving_all_the_same() {
    let t = demo("sealed-after-restart", &["--keys", "ropenbao-2"]);
    t.wait_for("to do it:  openbao-2");
    t.type_in("\rqy");
    assert_eq!(t.wait_exit(), 0);
    given_back(&t);
}

#[test]
fn signals_end_it_and_give_the_terminal_back() {
    for name in ["TERM", "HUP", "INT"] {
        let t = demo("keys-wiped", &[]);
        t.wait_until("the overview", whole);
        t.signal(name);
        assert_eq!(t.wait_exit(), 0, "{name}");
        given_back(&t);
    }
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_takes_it_again() {
    let (_dir, home) = home();
    // A shell with jobs: a process without one around it cannot be stopped from its terminal. The second command of the
    // job is a script that would wait for ever if only baowatch stopped.
    let script = format!(
        "set -m; sh -c '{} demo; true'; echo STOPPED with $?; stty -a; read go; fg; echo ENDED with $?; stty -a; read go",
        env!("CARGO_BIN_EXE_baowatch")
    );
    let t = Terminal::run("sh", &["-c", &script], &[home], 80, 24);
    t.wait_until("the overview", whole);
    t.type_in("\u{1a}");
    t.wait_for("STOPPED with 1");
    t.wait_until("the terminal's settings", |screen| screen.contains(" icanon") && screen.contains(" echo "));
    given_back(&t);
    t.resize(100, 30);
    t.type_in("\n");
    t.wait_until("the overview again, at its new size", |screen| {
        whole(screen) && screen.lines().nth(29).is_some_and(|row| row.contains("q quit"))
    });
    assert!(t.alternate() && t.cursor_hidden() && t.bracketed_paste());
    t.type_in("q");
    t.wait_for("ENDED with 0");
    t.wait_until("the terminal's settings", |screen| screen.rfind(" icanon") > screen.rfind("ENDED"));
    given_back(&t);
}

#[test]
#[cfg(debug_assertions)]
fn a_panic_gives_the_terminal_back_and_says_no_secret() {
    let t = demo_with(
        &["--scenario", "sealed-after-restart", "--keys", "r<Tab><Space><Tab><Space>"],
        &[("BAOWATCH_TEST_PANIC_AFTER_FRAMES", "4")],
        80,
        24,
    );
    t.wait_for("Unseal key shares");
    t.type_in(CANARY);
    assert_eq!(t.wait_exit(), 101);
    given_back(&t);
    t.wait_for("this panic was asked for by a test");
    assert!(!text(&t).contains(&CANARY[..8]));
    // A terminal still raw would have printed stairs.
    let line = t.screen().lines().find(|line| line.contains("asked for by a test")).unwrap().to_owned();
    assert!(line.starts_with(|c: char| !c.is_whitespace()), "{}", t.screen());
}

#[test]
#[cfg(debug_assertions)]
fn a_panic_of_another_thread_leaves_the_screen_alone() {
    let t = demo_with(&[], &[("BAOWATCH_TEST_PANIC_AFTER_FRAMES", "2 aside")], 80, 24);
    t.wait_until("the overview", whole);
    t.type_in("?");
    t.wait_for("Overview and panes");
    t.type_in(ESC);
    t.wait_until("the overview", whole);
    assert!(t.alternate());
    t.quit();
    given_back(&t);
    assert!(!text(&t).contains("asked for by a test"));
}

/// The parameters of every `CSI … m`.
fn graphics(sent: &str) -> Vec<String> {
    sent.split("\u{1b}[")
        .skip(1)
        .filter_map(|rest| {
            let end = rest.find(|c: char| !(c.is_ascii_digit() || c == ';' || c == ':'))?;
            rest[end..].starts_with('m').then(|| rest[..end].to_owned())
        })
        .collect()
}

/// Whether a `CSI … m` sets a colour. 39, 49 and 59 take one away.
fn coloured(parameters: &str) -> bool {
    parameters
        .split([';', ':'])
        .filter_map(|n| n.parse::<u8>().ok())
        .any(|n| matches!(n, 30..=38 | 40..=48 | 58 | 90..=107))
}

#[test]
fn no_colour_where_none_is_wanted() {
    for (args, environment) in
        [(vec![], vec![("NO_COLOR", "1")]), (vec!["--theme", "mono"], vec![]), (vec!["--plain"], vec![])]
    {
        let t = demo_with(&args, &environment, 80, 24);
        t.wait_until("the overview", whole);
        t.type_in("a");
        t.wait_for("show its plan");
        t.quit();
        let sent = text(&t);
        let wrong: Vec<String> = graphics(&sent).into_iter().filter(|parameters| coloured(parameters)).collect();
        assert!(wrong.is_empty(), "{args:?} {environment:?}: {wrong:?}");
    }
    let t = demo_with(&[], &[], 80, 24);
    t.wait_until("the overview", whole);
    t.quit();
    assert!(graphics(&text(&t)).iter().any(|parameters| coloured(parameters)), "colour is the default");
}

#[test]
fn ascii_is_ascii() {
    let t = demo_with(&["--ascii"], &[], 80, 24);
    t.wait_until("the overview", whole);
    for key in ["a", ESC, "!", ESC, "2", ENTER, ESC, ESC, "?"] {
        t.type_in(key);
        settle();
    }
    t.wait_for("Overview and panes");
    t.quit();
    assert!(t.sent().is_ascii(), "{:?}", text(&t).chars().filter(|c| !c.is_ascii()).collect::<String>());
}

#[test]
fn a_dumb_terminal_and_none_at_all_are_told_so() {
    for args in [vec!["demo"], vec![]] {
        let (_dir, home) = home();
        let dumb = Terminal::start(&args, &[home.clone(), ("TERM", "dumb".to_owned())], 80, 24);
        assert_eq!(dumb.wait_exit(), 2);
        assert!(dumb.screen().contains("needs a terminal") && dumb.screen().contains("TERM=dumb"), "{}", dumb.screen());
        assert!(!dumb.sent().contains(&0x1b), "no escape sequence was sent");
        let none = Command::new(env!("CARGO_BIN_EXE_baowatch"))
            .args(&args)
            .env_clear()
            .env(home.0, &home.1)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(none.status.code(), Some(2));
        let said = String::from_utf8_lossy(&none.stderr).into_owned();
        assert!(said.contains("needs a terminal") && said.contains("--print 80x24"), "{said}");
        assert!(none.stdout.is_empty());
    }
}

#[test]
fn a_typed_share_is_never_sent_to_the_terminal() {
    let t = demo("sealed-after-restart", &[]);
    t.wait_for("r unseal");
    t.type_in("r");
    t.wait_for("to do it:");
    // Past the keystore, which its keyfile opens without a question.
    t.type_in("\t ");
    t.wait_for("(•) keystore");
    t.type_in("\t ");
    t.wait_for("Unseal key shares");
    for c in CANARY.chars() {
        t.type_in(&c.to_string());
    }
    t.wait_for("could be a share");
    t.type_in("\u{15}");
    t.wait_until("an empty field", |screen| !screen.contains("could be a share"));
    t.type_in(&format!("\u{1b}[200~{CANARY}\u{1b}[201~"));
    t.wait_for("could be a share");
    t.type_in(ENTER);
    t.wait_for("to do it:");
    // What pours in right behind a secret is taken for the rest of a paste and dropped; a person takes longer.
    t.type_in("surplus");
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(!t.screen().contains("surplus"), "{}", t.screen());
    t.type_in("openbao-2\r");
    t.wait_until("the run's failure", |screen| screen.contains("failed"));
    t.type_in(ESC);
    t.wait_until("the overview", |screen| !dialog(screen));
    t.type_in("y");
    t.wait_for("copied");
    t.quit();
    given_back(&t);
    // Neither as it is nor in pieces of some length, nor the decoded text, nor in the clipboard's Base64.
    let sent = text(&t);
    for piece in CANARY.as_bytes().windows(8) {
        let piece = std::str::from_utf8(piece).unwrap();
        assert!(!sent.contains(piece), "{piece}");
    }
    assert!(!sent.contains("CANARY"));
    assert!(!sent.contains("UTBGT1FWS"));
}

#[test]
fn a_quiet_screen_sends_nothing() {
    // A minute's figure has just changed and will not for a while.
    let t = demo("healthy", &["--at", "20m12s"]);
    t.wait_for("WOULD SURVIVE A RESTART");
    t.wait_for("seen <20s");
    settle();
    let before = t.sent().len();
    std::thread::sleep(Duration::from_secs(10));
    let sent = t.sent();
    assert_eq!(sent.len(), before, "{:?}", String::from_utf8_lossy(&sent[before..]));
    t.quit();
}

#[test]
fn a_console_that_cannot_connect_still_leaves_at_once() {
    // Takes connections and never answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (_dir, home) = home();
    let t = Terminal::start(&["--address", &address], &[home], 80, 24);
    t.wait_for("q quit");
    t.type_in("?");
    t.wait_for("Overview and panes");
    t.quit();
    given_back(&t);
    drop(listener);
}
