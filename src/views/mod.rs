//! Draws a state, turns keys into intents.
