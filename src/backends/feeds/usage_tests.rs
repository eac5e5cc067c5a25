//! Where figures come from when something is missing, denied or down.
