//! The sandbox keeps its own promises: objects can be read, incidents unfold, nothing moves without its clock.
