//! The real binary, killed, cut off and answered as it is on a bad day.

mod blocks;
mod cleanup;
mod damage;
mod edited;
mod files;
mod forms;
mod holds;
mod hostile;
mod include;
mod people;
mod points;
mod power;
mod processes;
mod refusals;
mod roles;
mod rollover;
mod screen;
mod state_bucket;
mod state_server;
mod support;
mod terminal;
mod terraform;
mod terraform_crashes;
mod terraform_states;
mod words;
