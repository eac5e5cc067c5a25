//! `act list|plan|run`: the guided actions without the full-screen console. The same core, the same plan, the same
//! challenge; only the person types a line instead of keys.

use std::convert::Infallible;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::config::Answer;
use super::session::{Aim, Session, looked};
use super::{choices, hidden, plan_text};
use crate::app::actions;
use crate::app::config::cli::{ActCommand, ActionArgs, Cli, Output, SharesFrom};
use crate::app::config::env::Env;
use crate::app::estate;
use crate::app::id::{ActionId, ObjectRef};
use crate::app::intent::Intent;
use crate::app::msg::Msg;
use crate::app::program::Console;
use crate::app::runbook::plan::{Offer, Plan};
use crate::app::runbook::run::Phase;
use crate::app::runtime::clock::{self, WallClock};
use crate::app::runtime::desk::{Desk, Input, NoEars, NoScreen};
use crate::app::runtime::signals;
use crate::app::state::State;
use crate::app::state::layers::{Field, Layer};
use crate::app::time::Stamped;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::hands::ConsoleHands;

/// How long the feeds may take before an action is asked for its plan.
const LOOK: Duration = Duration::from_secs(15);

/// Runs `act …`.
pub async fn run(cli: &Cli, command: &ActCommand, env: &Env) -> Answer {
    if let ActCommand::Plan(wanted) | ActCommand::Run { action: wanted, .. } = command
        && let Err(trouble) = named(&wanted.action)
    {
        return Answer::failed(&trouble, 64);
    }
    let session = match Aim::make(&cli.global, env) {
        Ok(aim) => match aim.connect().await {
            Ok(session) => (session, aim),
            Err(failed) => return Answer::failed(&failed.trouble, 1),
        },
        Err(trouble) => return Answer::failed(&trouble, 1),
    };
    let (session, aim) = session;
    let mut desk = Headless::open(session, &aim);
    desk.look().await;
    let answer = match command {
        ActCommand::List { output } => list(&desk.program.0, *output),
        ActCommand::Plan(wanted) => match desk.plan(wanted).await {
            Ok(plan) => show(&plan, &desk.program.0, wanted.output),
            Err(trouble) => refused(&trouble),
        },
        ActCommand::Run { action, confirm } => desk.act(action, confirm.as_deref()).await,
    };
    desk.close().await;
    answer
}

/// Runs one action for another command, with the same plan, challenge and journal.
pub async fn run_action(
    cli: &Cli,
    action: ActionId,
    target: Option<ObjectRef>,
    confirm: Option<&str>,
    env: &Env,
) -> Answer {
    let wanted = ActionArgs { action: action.name().to_owned(), ..ActionArgs::default() };
    Box::pin(run_wanted(cli, &wanted, target, confirm, env)).await
}

/// The same with choices.
pub async fn run_wanted(
    cli: &Cli,
    wanted: &ActionArgs,
    target: Option<ObjectRef>,
    confirm: Option<&str>,
    env: &Env,
) -> Answer {
    let aim = match Aim::make(&cli.global, env) {
        Ok(aim) => aim,
        Err(trouble) => return Answer::failed(&trouble, 1),
    };
    let session = match aim.connect().await {
        Ok(session) => session,
        Err(failed) => return Answer::failed(&failed.trouble, 1),
    };
    let mut desk = Headless::open(session, &aim);
    desk.about = target;
    desk.look().await;
    let answer = desk.act(wanted, confirm).await;
    desk.close().await;
    answer
}

fn named(name: &str) -> Result<ActionId, Trouble> {
    ActionId::ALL.into_iter().find(|id| id.name() == name).ok_or_else(|| {
        let all: Vec<&str> = ActionId::ALL.iter().map(|id| id.name()).collect();
        Trouble::local(
            &format!("there is no action {name}"),
            &format!("there is {}", all.join(", ")),
            "See `baowatch act list`",
        )
    })
}

/// What a name on the command line means to this action.
fn object(action: ActionId, namespace: &str, name: &str) -> ObjectRef {
    let inner = name.strip_prefix("Namespace/").or_else(|| name.strip_prefix("namespace/"));
    match action {
        ActionId::ProveKeys if inner.is_some() => estate::namespace_ref(inner.unwrap_or_default().trim_matches('/')),
        ActionId::CopyKeystore => ObjectRef::new("Copy", "", name),
        ActionId::RestoreCustody => ObjectRef::new("KeyFile", "", name),
        ActionId::Unseal | ActionId::RestoreKeysSecret | ActionId::SaveKeys | ActionId::ProveKeys => {
            ObjectRef::pod(namespace, name)
        }
    }
}

/// A precondition or a guard said no: nothing was changed.
fn refused(trouble: &Trouble) -> Answer {
    Answer { out: String::new(), err: format!("refused: {trouble}\n"), code: 2 }
}

fn list(state: &State, output: Output) -> Answer {
    let rows: Vec<(&str, &str, Option<Trouble>)> = actions::all()
        .iter()
        .map(|action| {
            let offer = action.offer(state, &actions::Request::default());
            let why = if let Offer::Refused(trouble) = offer { Some(trouble) } else { None };
            (action.id().name(), action.says(), why)
        })
        .collect();
    let out = match output {
        Output::Json => {
            let rows: Vec<_> = rows
                .iter()
                .map(|(name, says, why)| serde_json::json!({"action": name, "says": says, "ready": why.is_none(), "why": why}))
                .collect();
            pretty(&serde_json::json!({"schema": "baowatch.actions/v1", "actions": rows}))
        }
        Output::Text => rows.iter().fold(String::new(), |mut out, (name, says, why)| {
            let now = why.as_ref().map_or_else(|| "ready".to_owned(), |why| format!("not now: {}", why.what));
            // Writing to a String cannot fail.
            let _ = std::fmt::Write::write_fmt(&mut out, format_args!("{name:<20} {says}\n{:<20} {now}\n", ""));
            out
        }),
    };
    Answer::done(out)
}

fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).map(|text| text + "\n").unwrap_or_default()
}

fn show(plan: &Plan, state: &State, output: Output) -> Answer {
    match output {
        Output::Json => match serde_json::to_value(plan) {
            Ok(mut value) => {
                if let Some(object) = value.as_object_mut() {
                    object.insert("schema".to_owned(), "baowatch.plan/v1".into());
                    object.insert("challenge".to_owned(), plan.challenge().into());
                }
                Answer::done(pretty(&value))
            }
            Err(error) => Answer::failed(&Trouble::local("the plan cannot be written", &error.to_string(), ""), 1),
        },
        Output::Text => Answer::done(plan_text::plan(plan, state.now)),
    }
}

type Parts<'a> = (Desk<'a, Console, Infallible>, &'a mut Console, &'a mut UnboundedReceiver<Input<Infallible>>);

/// The console's core with nobody at the keys.
struct Headless {
    program: Console,
    session: Session,
    hands: ConsoleHands,
    screen: NoScreen,
    ears: NoEars,
    inbox: UnboundedReceiver<Input<Infallible>>,
    seq: u64,
    /// What the action is about, where it is no replica.
    about: Option<ObjectRef>,
}

impl Headless {
    fn open(session: Session, aim: &Aim) -> Self {
        let (send, inbox) = unbounded_channel();
        for msg in session.greeting() {
            let _ = send.send(Input::Msg(msg));
        }
        let feeds = session.watch(&send);
        let hands = session.console_hands(feeds, &send);
        session.accompany(signals::listen(send.clone()));
        let program = Console(State::new(aim.bound.settings.clone(), clock::now()));
        Self { program, session, hands, screen: NoScreen, ears: NoEars, inbox, seq: 0, about: None }
    }

    /// Runs the core until `enough`.
    async fn until(&mut self, enough: impl Fn(&State) -> bool) {
        let mut record = |_: &_| {};
        let (mut desk, program, inbox) = self.desk(&mut record);
        // Without a screen nothing in the loop can fail.
        let _ = desk.run(program, inbox, &|console| enough(&console.0)).await;
        self.seq = desk.seq;
    }

    /// Asks for something and lets the core take it at once.
    fn ask(&mut self, intent: Intent) {
        self.say(Msg::Intent(intent));
    }

    fn say(&mut self, msg: Msg) {
        let mut record = |_: &_| {};
        let (mut desk, program, _) = self.desk(&mut record);
        let _ = desk.say(program, msg);
        self.seq = desk.seq;
    }

    fn desk<'a>(&'a mut self, record: &'a mut dyn FnMut(&Stamped<Msg>)) -> Parts<'a> {
        let desk = Desk {
            clock: &WallClock,
            hands: &mut self.hands,
            surface: &mut self.screen,
            ears: &mut self.ears,
            record,
            seq: self.seq,
        };
        (desk, &mut self.program, &mut self.inbox)
    }

    async fn look(&mut self) {
        let _ = tokio::time::timeout(LOOK, self.until(looked)).await;
        // What a dead session left in doubt is looked at before anything else.
        let probed = |state: &State| {
            state.left_behind().all(|run| {
                !run.steps.iter().any(|step| matches!(step, crate::app::runbook::run::StepState::InDoubt(None)))
            })
        };
        let _ = tokio::time::timeout(LOOK, self.until(probed)).await;
    }

    /// The action's plan, with the choices that the arguments make.
    async fn plan(&mut self, wanted: &ActionArgs) -> Result<Plan, Trouble> {
        let action = named(&wanted.action)?;
        let namespace = self.program.0.model.workload().map(|w| w.namespace.clone()).unwrap_or_default();
        let vault = self.program.0.model.vault_ref();
        let target = wanted.target.as_deref().filter(|name| *name != vault.name && *name != vault.path());
        let target = self.about.clone().or_else(|| target.map(|name| object(action, &namespace, name)));
        self.tell_of_the_dead();
        self.ask(Intent::Offer { action, target });
        self.choose(wanted).await?;
        match self.program.0.top() {
            Some(Layer::Plan(dialog)) => Ok(dialog.plan.clone()),
            Some(Layer::Refused(trouble)) => Err(trouble.clone()),
            Some(_) | None => Err(Trouble::local("no plan came of it", "", "Try the console instead")),
        }
    }

    /// Runs that an earlier session left unfinished are said before anything new is planned.
    fn tell_of_the_dead(&self) {
        for run in self.program.0.left_behind() {
            talk(&format!("An earlier run was left unfinished: {}\n{}", run.plan().title, plan_text::run(run)));
        }
    }

    /// Makes the choices that the arguments name, and brings what the plan needs: typed shares, an open keystore.
    async fn choose(&mut self, wanted: &ActionArgs) -> Result<(), Trouble> {
        let source = wanted.shares_from.or(wanted.keys);
        // Each pass moves one choice by one option, types the shares or opens the keystore; no plan needs as many.
        for _ in 0..24 {
            match self.program.0.top() {
                Some(Layer::Shares(dialog)) => {
                    if let Some(from @ (SharesFrom::Secret | SharesFrom::Keystore)) = source {
                        let why = dialog.prompt.clone();
                        let what = format!("{} holds no usable shares", choices::word(from));
                        return Err(Trouble::new(TroubleKind::Refused, &what, &why, "Use prompt instead"));
                    }
                    self.type_shares().await?;
                }
                Some(Layer::Unlock(dialog)) => {
                    let dialog = dialog.clone();
                    match source {
                        // On the way to another option, or the default that was not asked for.
                        Some(SharesFrom::Prompt) => self.ask(Intent::NextField),
                        Some(SharesFrom::Secret) if dialog.choices.is_empty() => {
                            let what = "the keys Secret holds no usable shares";
                            return Err(Trouble::new(TroubleKind::Refused, what, &dialog.prompt, "Use another source"));
                        }
                        Some(SharesFrom::Secret | SharesFrom::Keystore) | None => self.unlock(&dialog.prompt).await?,
                    }
                    if matches!(self.program.0.top(), Some(Layer::Unlock(now)) if now.slot == dialog.slot) {
                        return Err(locked(&dialog.prompt));
                    }
                }
                Some(Layer::Plan(dialog)) => {
                    let plan = dialog.plan.clone();
                    let mut move_on = None;
                    for (index, choice) in plan.choices.iter().enumerate() {
                        if choices::wanted(choice, wanted)?.is_some() {
                            move_on = Some(index);
                            break;
                        }
                    }
                    let Some(index) = move_on else {
                        // Whatever was chosen, the answer is typed into its own field.
                        self.focus(Field::Answer, plan.choices.len());
                        return Ok(());
                    };
                    self.focus(Field::Choice(index), plan.choices.len());
                    self.ask(Intent::Toggle);
                }
                Some(_) | None => return Ok(()),
            }
        }
        Err(Trouble::local("the plan's choices could not be made", "", "Try the console instead; nothing was changed"))
    }

    fn focus(&mut self, field: Field, choices: usize) {
        for _ in 0..=choices {
            if !matches!(self.program.0.top(), Some(Layer::Plan(dialog)) if dialog.focus == field) {
                self.ask(Intent::NextField);
            }
        }
    }

    /// Opens the keystore: with what is at hand, else by asking.
    async fn unlock(&mut self, why: &str) -> Result<(), Trouble> {
        let busy = |state: &State| matches!(state.top(), Some(Layer::Unlock(dialog)) if dialog.trying.is_some());
        self.until(|state| !busy(state)).await;
        let tries = if std::io::stdin().is_terminal() { 3 } else { 1 };
        for _ in 0..tries {
            let Some(Layer::Unlock(dialog)) = self.program.0.top() else { return Ok(()) };
            let slot = dialog.slot;
            if let Some(trouble) = &dialog.refusal {
                talk(&format!("{trouble}\n"));
            }
            talk(&format!("{why}.\n"));
            let ask = || hidden::passphrase("Passphrase or recovery code (not shown): ");
            let Some(text) = self.meanwhile(ask).await else {
                hidden::give_back();
                return Err(left());
            };
            let text = text?;
            self.session.slots.paste_as_is(slot, &text);
            self.session.slots.complete_as_is(slot);
            drop(text);
            let (complete, pending) = self.session.slots.status(slot);
            self.say(Msg::Typed { slot, complete, pending });
            self.until(|state| !busy(state)).await;
        }
        match self.program.0.top() {
            Some(Layer::Unlock(dialog)) => Err(dialog.refusal.clone().unwrap_or_else(|| locked(why))),
            Some(_) | None => Ok(()),
        }
    }

    async fn type_shares(&mut self) -> Result<(), Trouble> {
        let Some(Layer::Shares(dialog)) = self.program.0.top() else { return Ok(()) };
        let (slot, needed, have) = (dialog.slot, dialog.needed, dialog.complete);
        talk(&format!("{}.\n", dialog.prompt));
        for number in have + 1..=needed {
            let prompt = format!("Share {number} of {needed} (not shown): ");
            let Some(text) = self.meanwhile(move || hidden::line(&prompt)).await else {
                hidden::give_back();
                return Err(left());
            };
            let text = text?;
            self.session.slots.paste(slot, &text);
            self.session.slots.complete(slot);
        }
        let (complete, pending) = self.session.slots.status(slot);
        if complete < needed {
            return Err(Trouble::local(
                "too few shares were typed",
                "an empty line, or not hex or base64 of 32 or 33 bytes",
                "Nothing was changed",
            ));
        }
        self.say(Msg::Typed { slot, complete, pending });
        Ok(())
    }

    async fn act(&mut self, wanted: &ActionArgs, confirm: Option<&str>) -> Answer {
        self.tell_of_the_dead();
        while matches!(self.program.0.top(), Some(Layer::Run { .. })) {
            self.ask(Intent::Back);
        }
        let plan = match self.plan(wanted).await {
            Ok(plan) => plan,
            Err(trouble) => return refused(&trouble),
        };
        talk(&plan_text::plan(&plan, self.program.0.now));
        let answer = if let Some(text) = confirm {
            text.to_owned()
        } else {
            let question = plan_text::question(&plan);
            match self.meanwhile(move || typed(&question)).await.unwrap_or_else(|| Err(left())) {
                Ok(text) => text,
                Err(trouble) => return refused(&trouble),
            }
        };
        // The facts may have moved while somebody read: Enter would then make another plan than the one that was read.
        if let Some(Layer::Plan(dialog)) = self.program.0.top()
            && let Some(trouble) = &dialog.refusal
        {
            return refused(trouble);
        }
        for c in answer.chars() {
            self.ask(Intent::Type(c));
        }
        self.ask(Intent::Accept);
        let newest = self.program.0.underway().map(|run| run.id);
        let Some(id) =
            newest.or_else(|| self.program.0.runs.iter().rev().find(|run| *run.plan() == plan).map(|run| run.id))
        else {
            let trouble = match self.program.0.top() {
                Some(Layer::Plan(dialog)) => dialog.refusal.clone(),
                Some(Layer::Refused(trouble)) => Some(trouble.clone()),
                Some(_) | None => None,
            };
            let none = || Trouble::local("it was not confirmed", "", "Nothing was changed");
            return refused(&trouble.unwrap_or_else(none));
        };
        self.until(|state| state.run(id).is_none_or(|run| !run.underway())).await;
        let Some(run) = self.program.0.run(id) else { return refused(&Trouble::local("the run is gone", "", "")) };
        let told = plan_text::run(run);
        let code = u8::from(!matches!(run.phase, Phase::Succeeded(_)));
        let interrupted = self.program.0.ended;
        match wanted.output {
            Output::Json => {
                let value = serde_json::json!({
                    "schema": "baowatch.run/v1", "run": id.to_string(), "plan": run.plan(), "steps": run.steps,
                    "phase": run.phase, "succeeded": code == 0,
                });
                talk(&told);
                Answer { out: pretty(&value), err: String::new(), code: if interrupted { 130 } else { code } }
            }
            Output::Text => Answer { out: told, err: String::new(), code: if interrupted { 130 } else { code } },
        }
    }

    /// Lets a person take their time while the feeds go on and signals are heard: what a plan rests on stays as young
    /// as it is on the console. `None` when the program was asked to end first.
    async fn meanwhile<T: Send + 'static>(&mut self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let task = tokio::task::spawn_blocking(work);
        self.until(|_| task.is_finished()).await;
        if task.is_finished() && !self.program.0.ended { task.await.ok() } else { None }
    }

    async fn close(self) {
        let Self { session, hands, .. } = self;
        drop(hands);
        session.close().await;
    }
}

fn locked(why: &str) -> Trouble {
    Trouble::new(TroubleKind::Refused, "the keystore is locked", why, "Unlock it, or choose another source")
}

/// A signal came while somebody was asked.
fn left() -> Trouble {
    Trouble::local("it was left", "", "Nothing was changed")
}

/// Talk goes to stderr: stdout carries the answer.
fn talk(text: &str) {
    let _ = write!(std::io::stderr(), "{text}");
}

/// The answer to a challenge, typed by a person. Without a terminal there is nobody to ask.
fn typed(question: &str) -> Result<String, Trouble> {
    if !std::io::stdin().is_terminal() {
        return Err(Trouble::local(
            "nobody can be asked",
            "input is not a terminal",
            "Give the exact answer with --confirm; nothing was changed",
        ));
    }
    talk(question);
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Trouble::local("the answer could not be read", &error.to_string(), "Nothing was changed"))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
