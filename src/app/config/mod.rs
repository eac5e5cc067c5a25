//! The command line, the config file, and how they are resolved into one answer.
