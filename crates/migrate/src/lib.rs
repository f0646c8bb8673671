//! The way over: reading accounts and live tokens out of the back end whose place daemun takes.
