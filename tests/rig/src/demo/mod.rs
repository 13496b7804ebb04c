//! The demo.
#[derive(clap::Args)]
pub struct Args {}
pub async fn run(_args: Args) -> anyhow::Result<u8> {
    Ok(0)
}
