//! Arguments → which program → wire → run.

fn main() {}
