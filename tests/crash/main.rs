//! The real binary, killed, cut off and answered as it is on a bad day.

mod blocks;
mod cleanup;
mod edited;
mod files;
mod include;
mod people;
mod points;
mod power;
mod processes;
mod roles;
mod rollover;
mod state_bucket;
mod state_server;
mod support;
mod terraform;
mod terraform_crashes;
mod terraform_states;
