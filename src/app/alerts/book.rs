//! The memory of alerts: since when, fired or pending, acknowledged, silenced; losing sight clears nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::silence::{Silence, Silenced};
use super::{Alert, AlertState, Finding, Firing, Rule, Severity, rules};
use crate::app::id::{FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::observed::FeedHealth;
use crate::app::settings::{RuleTiming, Settings};
use crate::app::time::age;

/// All alerts, worst first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertBook {
    alerts: Vec<Alert>,
    /// Alerts whose condition was seen to hold since their `since`; the others have only ever been unknown.
    held: BTreeSet<(RuleId, ObjectRef)>,
    /// Kept apart from the alerts: a silence outlives a moment of quiet.
    silences: BTreeMap<(RuleId, ObjectRef), Silence>,
    off: Vec<RuleId>,
    /// Subjects that were seen clear: what holds there later began under our eyes, whatever older evidence says.
    /// A server that ran for days and was sealed a minute ago has been sealed for a minute.
    clear: BTreeSet<(RuleId, ObjectRef)>,
    /// Feeds that said something since the rules that rest on them were judged.
    touched: BTreeSet<FeedId>,
    /// When rules with very many subjects were judged last.
    judged: BTreeMap<RuleId, Timestamp>,
    /// Rules that could look once: what they found then was so before, and what they find later began.
    looked: BTreeSet<RuleId>,
    /// What turned in the review that is under way.
    turns: Vec<Turn>,
}

/// An alert that began to fire, or was cleared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Of which rule.
    pub rule: RuleId,
    /// About what.
    pub subject: ObjectRef,
    /// How bad it is, or was.
    pub severity: Severity,
    /// What is wrong, or was.
    pub sentence: String,
    /// How long it had held, where it was cleared.
    pub over: Option<SignedDuration>,
}

/// Rules with very many subjects are judged at most this often.
const SELDOM: SignedDuration = SignedDuration::from_millis(250);
/// And at least this often: what they say of ages must not grow old.
const OFTEN: SignedDuration = SignedDuration::from_secs(5);
/// What a review asks of durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Memory {
    /// The book has been reviewed again and again: durations are its own.
    Running,
    /// One look: durations are judged by the evidence's own time, else they count as passed.
    None,
}

impl AlertBook {
    /// Worst first, then oldest; what has only ever been unknown comes last.
    pub fn all(&self) -> &[Alert] {
        &self.alerts
    }

    /// How many of this severity are firing.
    pub fn firing(&self, severity: Severity) -> usize {
        self.alerts.iter().filter(|a| a.severity == severity && a.state == AlertState::Firing).count()
    }

    /// One alert.
    pub fn get(&self, rule: &str, subject: &ObjectRef) -> Option<&Alert> {
        self.alerts.iter().find(|a| a.rule.0 == rule && a.subject == *subject)
    }

    /// Rules that the configuration switched off: shown as such, never as clear.
    pub fn off(&self) -> &[RuleId] {
        &self.off
    }

    /// A feed said something: what rests on it is judged anew at the next review.
    pub fn touch(&mut self, feed: FeedId) {
        self.touched.insert(feed);
    }

    /// The next review judges every rule, however lately it was judged: for who looks once and goes.
    pub fn hurry(&mut self) {
        self.judged.clear();
    }

    /// Whether a rule with very many subjects must be judged now; notes that it is.
    fn due(&mut self, rule: &dyn Rule, now: Timestamp) -> bool {
        let rests_on = rule.rests_on();
        if rests_on.is_empty() {
            return true;
        }
        let since = self.judged.get(&rule.id()).map(|at| age(now, *at));
        let moved = rests_on.iter().any(|feed| self.touched.contains(feed));
        let due = since.is_none_or(|since| since >= if moved { SELDOM } else { OFTEN });
        if due {
            self.judged.insert(rule.id(), now);
        }
        due
    }

    /// Judges every rule anew. What began to fire and what was cleared, but for what was so when a rule first looked.
    pub fn review(&mut self, model: &Model, settings: &Settings, now: Timestamp) -> Vec<Turn> {
        self.review_with(rules::all(), model, settings, now)
    }

    /// Judges every rule with one look and no memory, as `check` without `--state` does.
    pub fn review_once(&mut self, model: &Model, settings: &Settings, now: Timestamp) {
        *self = Self { silences: std::mem::take(&mut self.silences), ..Self::default() };
        self.review_rules(rules::all(), model, settings, now, Memory::None);
        self.turns.clear();
    }

    /// As [`AlertBook::review`], with these rules: for tests of the book itself.
    pub fn review_with(
        &mut self,
        rules: &[&dyn Rule],
        model: &Model,
        settings: &Settings,
        now: Timestamp,
    ) -> Vec<Turn> {
        self.review_rules(rules, model, settings, now, Memory::Running);
        std::mem::take(&mut self.turns)
    }

    /// Takes up what an earlier check left: since when each alert has held. Unknown rules are ignored.
    pub fn restore(&mut self, held: Vec<(String, ObjectRef, Timestamp)>) {
        for (name, subject, since) in held {
            let Some(rule) = rules::all().iter().find(|rule| rule.id().0 == name) else { continue };
            let id = rule.id();
            if self.get(id.0, &subject).is_some() {
                continue;
            }
            let sentence = format!("{id} held at the last check and has not been seen since");
            let mut alert = blank(*rule, subject.clone(), since, sentence);
            // It keeps its place until somebody looks: what held is not clear because a new process began.
            alert.severity = rule.severity();
            self.alerts.push(alert);
            self.held.insert((id, subject));
        }
        self.sort();
    }

    /// Somebody has seen it.
    pub fn acknowledge(&mut self, rule: &RuleId, subject: &ObjectRef) {
        if let Some(alert) = self.alerts.iter_mut().find(|a| a.rule == *rule && a.subject == *subject) {
            alert.acknowledged = true;
            if alert.state == AlertState::Firing {
                alert.state = AlertState::Acknowledged;
            }
        }
    }

    /// The silence of an alert, where somebody asked for one and it has not got worse since.
    pub fn silence_of(&self, alert: &Alert) -> Option<&Silence> {
        alert.silenced_until?;
        self.silences.get(&(alert.rule, alert.subject.clone()))
    }

    /// Until when what is this bad is silent.
    fn silent(&self, key: &(RuleId, ObjectRef), severity: Severity) -> Option<Timestamp> {
        self.silences.get(key).filter(|silence| silence.severity <= severity).map(|silence| silence.until)
    }

    /// Not until then; one that has ended by `now` lifts what was there. Unknown rules are ignored.
    pub fn silence(&mut self, silenced: Silenced, now: Timestamp) {
        let Silenced { rule, subject, silence } = silenced;
        let Some(rule) = rules::all().iter().map(|known| known.id()).find(|id| id.0 == rule) else { return };
        let alert = self.alerts.iter_mut().find(|a| a.rule == rule && a.subject == subject);
        if silence.until <= now {
            self.silences.remove(&(rule, subject));
            // What it is now, the next review says.
            self.judged.remove(&rule);
            if let Some(alert) = alert {
                alert.silenced_until = None;
            }
            return;
        }
        if let Some(alert) = alert {
            alert.silenced_until = Some(silence.until);
            alert.state = AlertState::Silenced;
        }
        self.silences.insert((rule, subject), silence);
    }

    fn review_rules(
        &mut self,
        rules: &[&dyn Rule],
        model: &Model,
        settings: &Settings,
        now: Timestamp,
        memory: Memory,
    ) {
        self.silences.retain(|_, silence| silence.until > now);
        self.off.clear();
        let mut waiting: BTreeSet<FeedId> = BTreeSet::new();
        let mut before = std::mem::take(&mut self.alerts);
        for rule in rules {
            let id = rule.id();
            let timing = settings.rules.get(id.0).copied().unwrap_or_default();
            let (mine, others) = before.into_iter().partition(|alert| alert.rule == id);
            before = others;
            if timing.off {
                self.off.push(id);
            } else if self.due(*rule, now) {
                self.review_rule(*rule, timing, mine, model, now, memory);
            } else {
                waiting.extend(rule.rests_on());
                self.alerts.extend(mine);
            }
        }
        self.touched.retain(|feed| waiting.contains(feed));
        let kept: BTreeSet<_> = self.alerts.iter().map(|alert| (alert.rule, alert.subject.clone())).collect();
        self.held.retain(|key| kept.contains(key));
        self.sort();
    }

    fn review_rule(
        &mut self,
        rule: &dyn Rule,
        timing: RuleTiming,
        mine: Vec<Alert>,
        model: &Model,
        now: Timestamp,
        memory: Memory,
    ) {
        let findings = rule.judge(model, now);
        let first = !self.looked.contains(&rule.id());
        // Nothing found by a rule that could look is a look too: what it finds next began after it.
        let blind = !findings.is_empty() && findings.iter().all(|(_, found)| matches!(found, Finding::Unknown(_)));
        let looked = match (findings.is_empty(), rule.rests_on()) {
            (false, _) => !blind,
            (true, []) => !model.feeds.is_empty() && model.feeds.values().all(FeedHealth::spoke),
            (true, rests_on) => rests_on.iter().all(|feed| model.feeds.get(feed).is_some_and(FeedHealth::spoke)),
        };
        if looked {
            self.looked.insert(rule.id());
        }
        // More than one may be about the vault as a whole.
        let mut known: BTreeMap<ObjectRef, VecDeque<Alert>> = BTreeMap::new();
        for alert in mine {
            known.entry(alert.subject.clone()).or_default().push_back(alert);
        }
        for (subject, finding) in findings {
            let before = known.get_mut(&subject).and_then(VecDeque::pop_front);
            let after = match finding {
                Finding::Firing(firing) => Some(self.fired(rule, timing, before, subject, firing, now, memory)),
                Finding::Clear => {
                    self.clear.insert((rule.id(), subject));
                    self.cleared(rule, timing, before, now)
                }
                Finding::Unknown(why) => Some(self.unknown(rule, before, subject, &why, now)),
                Finding::Kept(why) => {
                    let held = self.held.contains(&(rule.id(), subject.clone()));
                    let before = before.filter(|alert| held && alert.state != AlertState::Pending);
                    before.map(|alert| self.unknown(rule, Some(alert), subject, &why, now))
                }
            };
            self.alerts.extend(after);
        }
        for alert in known.into_values().flatten() {
            // Subjects that are not mentioned are clear, unless the rule could see nothing at all: then it could not
            // even tell which subjects there are.
            let known = self.held.contains(&(alert.rule, alert.subject.clone()));
            let after = match (blind, known) {
                (true, true) => {
                    let subject = alert.subject.clone();
                    Some(self.unknown(rule, Some(alert), subject, "cannot be looked at now", now))
                }
                (true, false) => None,
                (false, _) => self.cleared(rule, timing, Some(alert), now),
            };
            self.alerts.extend(after);
        }
        if first {
            self.turns.retain(|turn| turn.rule != rule.id() || turn.over.is_some());
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one place decides between pending and firing")]
    fn fired(
        &mut self,
        rule: &dyn Rule,
        timing: RuleTiming,
        before: Option<Alert>,
        subject: ObjectRef,
        firing: Firing,
        now: Timestamp,
        memory: Memory,
    ) -> Alert {
        let key = (rule.id(), subject.clone());
        let held = self.held.contains(&key);
        let since = match (before.as_ref().filter(|_| held), memory) {
            (Some(before), _) => before.since,
            (None, Memory::Running) if self.clear.contains(&key) => now,
            (None, Memory::Running | Memory::None) => firing.evidence_since.map_or(now, |at| at.min(now)),
        };
        self.held.insert(key.clone());
        let hold = timing.hold.unwrap_or_else(|| rule.hold());
        let lasted = match (memory, firing.evidence_since) {
            (Memory::None, None) => true,
            (Memory::None, Some(_)) | (Memory::Running, _) => age(now, since) >= hold,
        };
        let fired = lasted || before.as_ref().is_some_and(|before| before.fired);
        if fired && !before.as_ref().is_some_and(|before| before.fired) {
            self.turns.push(Turn {
                rule: rule.id(),
                subject: subject.clone(),
                severity: firing.severity,
                sentence: firing.sentence.clone(),
                over: None,
            });
        }
        // Who acknowledged a warning has not acknowledged that it became critical.
        let acknowledged = before.as_ref().is_some_and(|b| b.acknowledged && b.severity <= firing.severity);
        let silenced_until = self.silent(&key, firing.severity);
        let state = if silenced_until.is_some() {
            AlertState::Silenced
        } else if !fired {
            AlertState::Pending
        } else if acknowledged {
            AlertState::Acknowledged
        } else {
            AlertState::Firing
        };
        Alert {
            rule: rule.id(),
            subject,
            severity: firing.severity,
            state,
            since,
            sentence: firing.sentence,
            why: firing.why,
            next: firing.next,
            action: firing.action,
            clear_since: None,
            acknowledged,
            silenced_until,
            fired,
        }
    }

    fn cleared(&mut self, rule: &dyn Rule, timing: RuleTiming, before: Option<Alert>, now: Timestamp) -> Option<Alert> {
        let mut alert = before?;
        let key = (alert.rule, alert.subject.clone());
        if !alert.fired {
            self.held.remove(&key);
            return None;
        }
        let since = *alert.clear_since.get_or_insert(now);
        if age(now, since) >= timing.clear.unwrap_or_else(|| rule.clear()) {
            self.held.remove(&key);
            self.turns.push(Turn {
                rule: alert.rule,
                subject: alert.subject,
                severity: alert.severity,
                sentence: alert.sentence,
                over: Some(age(since, alert.since)),
            });
            return None;
        }
        alert.silenced_until = self.silent(&key, alert.severity);
        alert.state = match (alert.silenced_until, alert.acknowledged) {
            (Some(_), _) => AlertState::Silenced,
            (None, true) => AlertState::Acknowledged,
            (None, false) => AlertState::Firing,
        };
        Some(alert)
    }

    fn unknown(
        &mut self,
        rule: &dyn Rule,
        before: Option<Alert>,
        subject: ObjectRef,
        why: &str,
        now: Timestamp,
    ) -> Alert {
        let key = (rule.id(), subject.clone());
        let held = self.held.contains(&key);
        let mut alert = match before {
            Some(before) if held => Alert { why: format!("not in sight: {why}"), ..before },
            Some(before) => Alert { sentence: unjudged(rule, why), ..before },
            None => blank(rule, subject, now, unjudged(rule, why)),
        };
        // It is not clear while nobody sees it, however long that lasts.
        alert.clear_since = None;
        // Nobody can say that it got worse.
        alert.silenced_until = self.silences.get(&key).map(|silence| silence.until);
        alert.state = if alert.silenced_until.is_some() { AlertState::Silenced } else { AlertState::Unknown };
        alert
    }

    fn sort(&mut self) {
        let held = &self.held;
        self.alerts.sort_by_cached_key(|alert| {
            let only_unknown = !held.contains(&(alert.rule, alert.subject.clone()));
            (only_unknown, alert.severity, alert.since, alert.rule, alert.subject.clone())
        });
    }
}

fn unjudged(rule: &dyn Rule, why: &str) -> String {
    format!("{} cannot be judged: {why}", rule.id())
}

/// An alert that nobody has seen hold.
fn blank(rule: &dyn Rule, subject: ObjectRef, since: Timestamp, sentence: String) -> Alert {
    Alert {
        rule: rule.id(),
        subject,
        severity: rule.severity(),
        state: AlertState::Unknown,
        since,
        sentence,
        why: String::new(),
        next: String::new(),
        action: None,
        clear_since: None,
        acknowledged: false,
        silenced_until: None,
        fired: false,
    }
}
