//! `lm serve`: an OpenAI-compatible server for one model, until it is asked to stop.

use std::{net::SocketAddr, path::PathBuf};

use lm::serve::{ServeConfig, serve};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::{
    cli::{exit::Exit, failure::Failure},
    output::say,
};

/// Serve a model over the OpenAI API
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde lm serve --model model --port 8000
  cocarde lm serve --model model --listen 0.0.0.0:8000 --name numbers
  curl http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: application/json' \\
      -d '{\"model\":\"numbers\",\"messages\":[{\"role\":\"user\",\"content\":\"12+7=\"}]}'

SIGTERM or Ctrl-C lets the requests in flight finish.")]
pub(crate) struct ServeArgs {
    /// Model folder in the Hugging Face layout
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, env = "PORT", hide_env_values = true, default_value_t = 8_000)]
    port: u16,
    /// Address to listen on instead
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Name that requests use; may be repeated [default: the folder's name]
    #[arg(long = "name", value_name = "MODEL")]
    names: Vec<String>,
    /// Most requests waiting for a place; more get status 429
    #[arg(long, value_name = "COUNT")]
    queue_max: Option<usize>,
    /// Most sequences decoded together
    #[arg(long, value_name = "COUNT")]
    batch_max: Option<usize>,
}

/// Serves until asked to stop.
pub(super) fn run(args: ServeArgs) -> Result<(), Failure> {
    let usual = ServeConfig::default();
    let config = ServeConfig {
        model: args.model,
        names: args.names,
        queue_max: args.queue_max.unwrap_or(usual.queue_max),
        batch_max: args.batch_max.unwrap_or(usual.batch_max),
        ..usual
    };
    let listen = args.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], args.port)));
    let wrong = |error: std::io::Error| {
        Failure::new(Exit::Failed, format!("cannot listen on {listen}: {error}"))
            .remedy("stop the program that uses it, or choose another `--port`")
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(wrong)?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await.map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(wrong)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(wrong)?;
        say(&format!("serving `{}` at http://{address}/v1", config.model.display()));
        let shutdown = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        serve(listener, config, shutdown).await?;
        Ok(())
    })
}
