//! How a person looks at the list of alerts: filtered and sorted, and which one is chosen.

use super::State;
use super::layers::Layer;
use crate::app::alerts::Alert;
use crate::app::id::ObjectRef;

/// In which order they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Worst first, then oldest.
    #[default]
    Worst,
    /// Newest first.
    Newest,
    /// By rule, and by subject within each.
    Rule,
    /// By namespace and name of what they are about.
    Subject,
}

impl Order {
    /// The word in the title.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Worst => "worst",
            Self::Newest => "newest",
            Self::Rule => "rule",
            Self::Subject => "subject",
        }
    }

    /// The next one, and from the last to the first.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Worst => Self::Newest,
            Self::Newest => Self::Rule,
            Self::Rule => Self::Subject,
            Self::Subject => Self::Worst,
        }
    }
}

/// How the list is looked at; kept while it is closed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertList {
    /// Only alerts that contain each of these words.
    pub filter: String,
    /// In which order.
    pub order: Order,
}

impl State {
    /// The alerts as they are listed.
    pub fn listed_alerts(&self) -> Vec<&Alert> {
        let AlertList { filter, order } = &self.alert_list;
        let words: Vec<String> = filter.to_lowercase().split_whitespace().map(str::to_owned).collect();
        let takes = |alert: &&Alert| {
            if words.is_empty() {
                return true;
            }
            let said = format!("{} {} {}", alert.severity.word(), alert.state.word(), alert.sentence);
            let texts = [alert.rule.0.to_owned(), alert.subject.to_string(), said].map(|text| text.to_lowercase());
            words.iter().all(|word| texts.iter().any(|text| text.contains(word.as_str())))
        };
        let mut listed: Vec<&Alert> = self.alerts.all().iter().filter(takes).collect();
        match order {
            Order::Worst => {}
            Order::Newest => listed.sort_by_key(|alert| std::cmp::Reverse(alert.since)),
            Order::Rule => listed.sort_by(|a, b| (a.rule, &a.subject).cmp(&(b.rule, &b.subject))),
            Order::Subject => listed.sort_by_cached_key(|alert| (alert.subject.path(), alert.rule)),
        }
        listed
    }

    /// The one under the cursor: the first where the one that was chosen is not listed any more.
    pub fn chosen_alert(&self) -> Option<&Alert> {
        let listed = self.listed_alerts();
        let chosen = match self.top() {
            Some(Layer::Alerts { selected: Some((rule, subject)) }) => {
                listed.iter().find(|alert| is(alert, rule, subject)).copied()
            }
            Some(_) | None => None,
        };
        chosen.or_else(|| listed.first().copied())
    }
}

/// Whether this is the alert of that rule about that subject.
pub fn is(alert: &Alert, rule: &str, subject: &ObjectRef) -> bool {
    alert.rule.0 == rule && alert.subject == *subject
}

/// How it is kept as the one under the cursor.
pub fn named(alert: &Alert) -> (String, ObjectRef) {
    (alert.rule.0.to_owned(), alert.subject.clone())
}
