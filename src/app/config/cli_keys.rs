//! The command line of `keys`: the encrypted keystore, its slots, its copies, and key files in custody.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::cli::Output;

/// `keys`.
#[derive(Debug, Clone, Args)]
pub struct KeysArgs {
    /// The keystore file [default: that of the connected vault; the only one here while it cannot be reached]
    #[arg(long, global = true, value_name = "FILE")]
    pub keystore: Option<PathBuf>,
    /// Which.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// The commands of `keys`.
#[derive(Debug, Clone, Subcommand)]
pub enum KeysCommand {
    /// The keystore, its generations, slots and copies; asks for no passphrase
    Status {
        /// For people, or exactly one JSON document
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Make the keystore of this vault, with its first slot
    Init(KeysInit),
    /// Take keys into the keystore, as a new generation
    Import(KeysImport),
    /// Show keys on this terminal after a challenge, or write them to a file under a new passphrase
    Export(KeysExport),
    /// Compare keystore, keys Secret and register by fingerprint; unlocks nothing
    Verify {
        /// For people, or exactly one JSON document
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Prove on the live vault that keys are its keys; changes nothing
    Prove(KeysProve),
    /// What opens the keystore
    Slots {
        /// Which.
        #[command(subcommand)]
        command: SlotsCommand,
    },
    /// Seal the keystore under a new data key, so that an old copy and a removed slot open nothing newer
    Rotate {
        /// The exact answer to the challenge
        #[arg(long, value_name = "TEXT")]
        confirm: Option<String>,
    },
    /// Forget an old generation for ever
    Prune {
        /// Its number
        generation: u32,
        /// The exact answer to the challenge
        #[arg(long, value_name = "TEXT")]
        confirm: Option<String>,
    },
    /// Copies of the keystore in other places
    Copy {
        /// Which.
        #[command(subcommand)]
        command: CopyCommand,
    },
    /// Open a copy with a slot and compare its keys; the date is kept
    RestoreTest {
        /// The copy
        name: String,
        /// Open it with this slot [default: any that what is typed opens]
        #[arg(long, value_name = "ID")]
        slot: Option<u32>,
    },
    /// Key files of other programs, kept in the keystore
    Custody {
        /// Which.
        #[command(subcommand)]
        command: CustodyCommand,
    },
}

/// `keys init`.
#[derive(Debug, Clone, Default, Args)]
pub struct KeysInit {
    /// What the first slot is
    #[arg(long, value_enum, value_name = "KIND", default_value_t = SlotChoice::Passphrase)]
    pub slot: SlotChoice,
    /// The keyfile of a keyfile slot; made where it does not exist
    #[arg(long, value_name = "FILE", required_if_eq("slot", "keyfile"))]
    pub keyfile: Option<PathBuf>,
    /// A name for the slot
    #[arg(long, value_name = "TEXT", default_value = "first")]
    pub label: String,
}

/// Kinds of slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SlotChoice {
    /// Typed.
    #[default]
    Passphrase,
    /// In the keyring of the operating system.
    Keyring,
    /// A file of 32 random bytes, mode 0400.
    Keyfile,
    /// A code shown once and typed back.
    Recovery,
}

/// `keys import`.
#[derive(Debug, Clone, Default, Args)]
pub struct KeysImport {
    /// A file with the output of `operator init`, JSON or text, or `-` for standard input [default: the keys Secret]
    pub file: Option<PathBuf>,
    /// Type the shares, hidden
    #[arg(long, conflicts_with = "file")]
    pub typed: bool,
    /// They are recovery keys of an auto-unseal vault
    #[arg(long)]
    pub recovery: bool,
    /// Shares needed [default: what the vault or the file says]
    #[arg(long, value_name = "T")]
    pub threshold: Option<u32>,
    /// Shares in existence [default: what the vault or the file says]
    #[arg(long, value_name = "N")]
    pub shares: Option<u32>,
    /// The exact answer to the challenge, where one is asked
    #[arg(long, value_name = "TEXT")]
    pub confirm: Option<String>,
}

/// `keys export`.
#[derive(Debug, Clone, Default, Args)]
pub struct KeysExport {
    /// Which generation [default: the current one]
    #[arg(long, value_name = "NUMBER")]
    pub generation: Option<u32>,
    /// Write a keystore of its own here, under a new passphrase, instead of showing anything
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// `keys prove`.
#[derive(Debug, Clone, Default, Args)]
pub struct KeysProve {
    /// Which keys [default: the Secret's, and the keystore's where they differ]
    #[arg(long, value_enum, value_name = "SOURCE")]
    pub from: Option<ProveFrom>,
    /// The exact answer to the challenge
    #[arg(long, value_name = "TEXT")]
    pub confirm: Option<String>,
    /// For people, or exactly one JSON document
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// `keys prove --from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProveFrom {
    /// The keys Secret.
    Secret,
    /// The keystore's current generation.
    Keystore,
    /// Typed, hidden.
    Prompt,
}

/// `keys slots`.
#[derive(Debug, Clone, Subcommand)]
pub enum SlotsCommand {
    /// List them
    List,
    /// Add one
    Add {
        /// What it is
        #[arg(value_enum)]
        kind: SlotChoice,
        /// The keyfile of a keyfile slot; made where it does not exist
        #[arg(long, value_name = "FILE", required_if_eq("kind", "keyfile"))]
        keyfile: Option<PathBuf>,
        /// A name for it
        #[arg(long, value_name = "TEXT", default_value = "")]
        label: String,
    },
    /// Remove one; never the last
    Remove {
        /// Its number
        id: u32,
        /// The exact answer to the challenge
        #[arg(long, value_name = "TEXT")]
        confirm: Option<String>,
    },
}

/// `keys copy`.
#[derive(Debug, Clone, Subcommand)]
pub enum CopyCommand {
    /// Register a place, write the keystore there, read it back, open and compare it
    Add(CopyAdd),
    /// List them with how they stand
    List,
    /// Read one or all back now and compare
    Check {
        /// Which [default: all]
        name: Option<String>,
    },
    /// Forget a place; what lies there stays
    Remove {
        /// Which
        name: String,
    },
    /// Versions kept in a place
    Versions {
        /// Which
        name: String,
    },
    /// Bring a version back from a place as this vault's keystore, keeping what is here
    Restore {
        /// Which
        name: String,
        /// Which version [default: the newest]
        #[arg(long, value_name = "VERSION")]
        version: Option<String>,
        /// The exact answer to the challenge
        #[arg(long, value_name = "TEXT")]
        confirm: Option<String>,
    },
}

/// `keys copy add`.
#[derive(Debug, Clone, Default, Args)]
#[command(group = clap::ArgGroup::new("place").required(true).args(["file", "secret", "kv", "put"]))]
pub struct CopyAdd {
    /// A name for it
    pub name: String,
    /// A file on another mount or stick
    #[arg(long, value_name = "PATH")]
    pub file: Option<PathBuf>,
    /// A Secret in another cluster
    #[arg(long, value_name = "NAMESPACE/NAME", requires = "in_context")]
    pub secret: Option<String>,
    /// The kubeconfig context of that cluster
    #[arg(long, value_name = "CONTEXT")]
    pub in_context: Option<String>,
    /// A path in a KV engine (version 1 or 2) of another vault
    #[arg(long, value_name = "MOUNT/PATH", requires = "vault_address")]
    pub kv: Option<String>,
    /// The address of that vault
    #[arg(long, value_name = "URL")]
    pub vault_address: Option<String>,
    /// A file with a token for that vault
    #[arg(long, value_name = "FILE")]
    pub vault_token_file: Option<PathBuf>,
    /// A PEM file with the CA of that vault
    #[arg(long, value_name = "FILE")]
    pub vault_ca: Option<PathBuf>,
    /// A command that takes the keystore on its standard input; `{version}` in it becomes the version
    #[arg(long, value_name = "COMMAND", requires = "get")]
    pub put: Option<String>,
    /// A command that writes it to its standard output
    #[arg(long, value_name = "COMMAND")]
    pub get: Option<String>,
    /// The exact answer to the challenge
    #[arg(long, value_name = "TEXT")]
    pub confirm: Option<String>,
}

/// `keys custody`.
#[derive(Debug, Clone, Subcommand)]
pub enum CustodyCommand {
    /// Keep a key file: its bytes, mode and owner
    Add {
        /// A name for it
        name: String,
        /// The file, or `secret:NAMESPACE/NAME:FIELD` for one that a pod mounts from a Secret
        path: String,
    },
    /// List them with how they stand
    List,
    /// Versions kept of one
    Versions {
        /// Which
        name: String,
    },
    /// Write one back to where it belongs, with its mode and owner, keeping what is there
    Restore {
        /// Which
        name: String,
        /// Which version [default: the newest]
        #[arg(long, value_name = "NUMBER")]
        version: Option<u32>,
        /// The exact answer to the challenge
        #[arg(long, value_name = "TEXT")]
        confirm: Option<String>,
    },
    /// Take the file as it is now as a new version, after a challenge that says what would no longer be restored
    Refresh {
        /// Which
        name: String,
        /// The exact answer to the challenge
        #[arg(long, value_name = "TEXT")]
        confirm: Option<String>,
    },
    /// Forget one with all its versions, after a challenge
    Remove {
        /// Which
        name: String,
        /// The exact answer to the challenge
        #[arg(long, value_name = "TEXT")]
        confirm: Option<String>,
    },
}
