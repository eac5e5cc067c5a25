//! Which option of a plan's choice the arguments of `act` ask for. A choice that no argument speaks of stays as it is.

use crate::app::actions::unseal::{BY_HAND, RESET};
use crate::app::config::cli::{ActionArgs, Progress, SharesFrom};
use crate::app::runbook::plan::Choice;
use crate::app::trouble::{Trouble, TroubleKind};

/// The option to choose, where it is not chosen already.
pub fn wanted(choice: &Choice, args: &ActionArgs) -> Result<Option<usize>, Trouble> {
    let option = if let Some(source) = args.shares_from.or(args.keys).filter(|_| is_source(choice)) {
        Some(of_source(choice, source)?)
    } else if choice.options.iter().any(|option| option == RESET) {
        args.progress.and_then(|progress| match progress {
            Progress::Reset => choice.options.iter().position(|option| option == RESET),
            Progress::Continue => choice.options.iter().position(|option| option != RESET),
        })
    } else if choice.label.to_lowercase().contains("immutable") {
        // No is the first option, as the cursor of every yes or no is on no.
        Some(usize::from(args.immutable))
    } else {
        None
    };
    Ok(option.filter(|option| *option != choice.chosen))
}

/// Whether the options are places that keys are taken from.
fn is_source(choice: &Choice) -> bool {
    choice.options.iter().any(|option| option == BY_HAND)
}

fn of_source(choice: &Choice, source: SharesFrom) -> Result<usize, Trouble> {
    let is = |option: &str| match source {
        // Where the two differ, the first option of a proof is both of them.
        SharesFrom::Secret => option.starts_with("Secret ") && !option.contains(" and the keystore"),
        SharesFrom::Keystore => option.trim_start_matches("the ").starts_with("keystore"),
        SharesFrom::Prompt => option == BY_HAND,
    };
    choice.options.iter().position(|option| is(option)).ok_or_else(|| {
        Trouble::new(
            TroubleKind::Refused,
            &format!("{} does not hold enough of these keys", word(source)),
            &format!("there is {}", choice.options.join(", ")),
            "Choose one of those; nothing was changed",
        )
    })
}

/// In the words of a sentence.
pub const fn word(source: SharesFrom) -> &'static str {
    match source {
        SharesFrom::Secret => "the keys Secret",
        SharesFrom::Keystore => "the keystore",
        SharesFrom::Prompt => "nobody",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(label: &str, options: &[&str], chosen: usize) -> Choice {
        Choice { label: label.into(), options: options.iter().map(|o| (*o).to_owned()).collect(), chosen }
    }

    #[test]
    fn the_arguments_say_which_source_and_what_they_do_not_name_stays() {
        let all = choice("Shares from", &["Secret data/openbao-keys", "keystore generation 3", BY_HAND], 0);
        let ask = |from| wanted(&all, &ActionArgs { shares_from: from, ..ActionArgs::default() }).unwrap();
        assert_eq!(ask(None), None);
        assert_eq!(ask(Some(SharesFrom::Secret)), None, "it is chosen already");
        assert_eq!(ask(Some(SharesFrom::Keystore)), Some(1));
        assert_eq!(ask(Some(SharesFrom::Prompt)), Some(2));
        let keys = ActionArgs { keys: Some(SharesFrom::Keystore), ..ActionArgs::default() };
        assert_eq!(wanted(&all, &keys).unwrap(), Some(1));
        let both = "Secret data/openbao-keys and the keystore's generation 3";
        let proof = choice("Keys", &[both, "Secret data/openbao-keys", "the keystore's generation 3", BY_HAND], 0);
        let prove = |from| wanted(&proof, &ActionArgs { keys: Some(from), ..ActionArgs::default() }).unwrap();
        assert_eq!((prove(SharesFrom::Secret), prove(SharesFrom::Keystore)), (Some(1), Some(2)));
        let none = choice("Shares from", &["Secret data/openbao-keys", BY_HAND], 0);
        assert!(wanted(&none, &keys).unwrap_err().what.contains("the keystore"));
    }

    #[test]
    fn a_choice_of_another_action_is_left_alone() {
        let args = ActionArgs {
            shares_from: Some(SharesFrom::Prompt),
            progress: Some(Progress::Reset),
            ..ActionArgs::default()
        };
        assert_eq!(wanted(&choice("Version", &["3", "2"], 1), &args).unwrap(), None);
        let immutable = choice("Immutable", &["no", "yes"], 0);
        assert_eq!(wanted(&immutable, &args).unwrap(), None);
        assert_eq!(wanted(&immutable, &ActionArgs { immutable: true, ..args.clone() }).unwrap(), Some(1));
        let progress = choice("openbao-0 has 1 of 2 shares from somebody else", &["go on from there", RESET], 0);
        assert_eq!(wanted(&progress, &args).unwrap(), Some(1));
        assert_eq!(wanted(&progress, &ActionArgs::default()).unwrap(), None);
    }
}
