//! The demo.
pub mod damage;
pub mod platform;
pub mod truth;
pub mod writer;
#[derive(clap::Args)]
pub struct Args {}
pub async fn run(_args: Args) -> anyhow::Result<u8> {
    Ok(0)
}
