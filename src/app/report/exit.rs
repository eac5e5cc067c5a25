//! The exit code of `check`: 0 OK, 1 warning, 2 critical, 3 cannot see enough to say.

use crate::app::alerts::{Alert, AlertState, Severity};
use crate::app::config::nearest::nearest;
use crate::app::trouble::Trouble;
use crate::app::verdict::Standing;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    rules: Vec<String>,
    exclude: Vec<String>,
    people_declared: bool,
}

impl Asked {
    /// `--rules`, `--exclude`, and whether the configuration declares that people open the vault. `known` are the rules
    /// there are; another name is wrong usage.
    pub fn new(rules: &[String], exclude: &[String], people_declared: bool, known: &[&str]) -> Result<Self, Trouble> {
        for name in rules.iter().chain(exclude) {
            if !known.contains(&name.as_str()) {
                let next = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("Did you mean `{near}`?"),
                    None => format!("There are: {}", known.join(", ")),
                };
                return Err(Trouble::local(&format!("there is no rule `{name}`"), "", &next));
            }
        }
        Ok(Self { rules: rules.to_vec(), exclude: exclude.to_vec(), people_declared })
    }

    /// Whether the rule is asked for at all.
    pub fn shows(&self, rule: &str) -> bool {
        self.rules.is_empty() || self.rules.iter().any(|name| name == rule)
    }

    /// Whether the rule counts.
    pub fn counts(&self, rule: &str) -> bool {
        self.shows(rule) && !self.exclude.iter().any(|name| name == rule)
    }
}

/// The code, from the verdict and the alerts that [`counted`](super::remembered::counted) gives. Alerts fire on fresh
/// data only: what is stale is `unknown`. Excluded rules still count in the verdict.
pub fn code<'a>(standing: Standing, alerts: impl IntoIterator<Item = &'a Alert>, asked: &Asked) -> u8 {
    let alerts: Vec<&Alert> = alerts.into_iter().filter(|alert| asked.counts(alert.rule.0)).collect();
    let any = |state: AlertState, severity: Option<Severity>| {
        alerts.iter().any(|a| a.state == state && severity.is_none_or(|severity| severity == a.severity))
    };
    let by_verdict = match standing {
        Standing::Down | Standing::WillNotReopen => 2,
        Standing::Blind => 3,
        Standing::NeedsHands if asked.people_declared => 0,
        Standing::NeedsHands | Standing::Unproven => 1,
        Standing::Survives => 0,
    };
    if by_verdict == 2 || any(AlertState::Firing, Some(Severity::Critical)) {
        2
    } else if by_verdict == 3 || any(AlertState::Unknown, None) {
        3
    } else {
        u8::from(by_verdict == 1 || any(AlertState::Firing, Some(Severity::Warning)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::id::{ObjectRef, RuleId};

    fn alert(rule: &'static str, severity: Severity, state: AlertState) -> Alert {
        Alert {
            rule: RuleId(rule),
            subject: ObjectRef::pod("data", "openbao-0"),
            severity,
            state,
            since: jiff::Timestamp::UNIX_EPOCH,
            sentence: String::new(),
            why: String::new(),
            next: String::new(),
            action: None,
            clear_since: None,
            acknowledged: false,
            silenced_until: None,
            fired: false,
        }
    }

    #[test]
    fn every_row_of_the_table() {
        use AlertState::{Acknowledged, Firing, Pending, Silenced, Unknown};
        use Severity::{Critical, Info, Warning};
        type Row = (Standing, &'static [(Severity, AlertState)], u8);
        let none: &[(Severity, AlertState)] = &[];
        let rows: &[Row] = &[
            (Standing::Survives, none, 0),
            (Standing::Unproven, none, 1),
            (Standing::NeedsHands, none, 1),
            (Standing::Blind, none, 3),
            (Standing::WillNotReopen, none, 2),
            (Standing::Down, none, 2),
            (Standing::Survives, &[(Critical, Firing)], 2),
            (Standing::Blind, &[(Critical, Firing)], 2),
            (Standing::Down, &[(Critical, Unknown)], 2),
            (Standing::WillNotReopen, &[(Warning, Unknown)], 2),
            (Standing::Blind, &[(Warning, Firing)], 3),
            (Standing::Survives, &[(Warning, Unknown)], 3),
            (Standing::Survives, &[(Info, Unknown)], 3),
            (Standing::Unproven, &[(Warning, Firing), (Critical, Unknown)], 3),
            (Standing::Survives, &[(Warning, Firing)], 1),
            (Standing::Unproven, &[(Warning, Firing)], 1),
            (Standing::Survives, &[(Info, Firing)], 0),
            (Standing::Survives, &[(Critical, Pending)], 0),
            (Standing::Survives, &[(Critical, Acknowledged)], 0),
            (Standing::Survives, &[(Critical, Silenced), (Warning, Acknowledged)], 0),
            (Standing::Unproven, &[(Critical, Silenced)], 1),
        ];
        for (standing, alerts, expected) in rows {
            let list: Vec<Alert> = alerts.iter().map(|(severity, state)| alert("r", *severity, *state)).collect();
            assert_eq!(code(*standing, &list, &Asked::default()), *expected, "{standing:?} {alerts:?}");
        }
    }

    #[test]
    fn declared_people_excluded_and_chosen_rules() {
        let known = ["vault-sealed", "clock-skew"];
        let asked = |rules: &[&str], exclude: &[&str], people| {
            let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            Asked::new(&own(rules), &own(exclude), people, &known).unwrap()
        };
        let sealed = [alert("vault-sealed", Severity::Critical, AlertState::Firing)];
        let blind = [alert("clock-skew", Severity::Warning, AlertState::Unknown)];
        assert_eq!(code(Standing::NeedsHands, &[], &asked(&[], &[], true)), 0);
        assert_eq!(code(Standing::Survives, &sealed, &asked(&[], &["vault-sealed"], false)), 0);
        assert_eq!(code(Standing::Down, &sealed, &asked(&[], &["vault-sealed"], false)), 2);
        assert_eq!(code(Standing::Survives, &blind, &asked(&["vault-sealed"], &[], false)), 0);
        assert_eq!(code(Standing::Survives, &sealed, &asked(&["vault-sealed"], &[], false)), 2);
        let trouble = Asked::new(&["vault-seald".into()], &[], false, &known).unwrap_err();
        assert!(trouble.next.contains("`vault-sealed`"), "{trouble}");
    }
}
