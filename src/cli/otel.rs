//! OpenTelemetry: runs and calls as spans, sent to a collector. The exporter has threads of its own: spans end on threads that
//! must not wait for a network.

use crate::runtime::skill::http::plain_client;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tracing_opentelemetry::OpenTelemetryLayer;

/// Where spans go: the standard's variables, without which nothing is sent.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
/// A collector that does not answer holds the program up no longer.
const PATIENCE: Duration = Duration::from_secs(5);

struct Exporter {
    provider: SdkTracerProvider,
    runtime: tokio::runtime::Runtime,
}

static EXPORTER: Mutex<Option<Exporter>> = Mutex::new(None);

/// The layer that sends spans, where the environment names a collector.
pub(super) fn layer<S>() -> Result<Option<OpenTelemetryLayer<S, SdkTracer>>, String>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    if !ENDPOINTS.iter().any(|v| std::env::var_os(v).is_some_and(|v| !v.is_empty())) {
        return Ok(None);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|e| format!("no thread for the exporter: {e}"))?;
    let inner = plain_client(PATIENCE)?;
    let client = Client { inner, handle: runtime.handle().clone() };
    let exporter =
        SpanExporter::builder().with_http().with_http_client(client).build().map_err(|e| e.to_string())?;
    let resource = Resource::builder()
        .with_service_name(std::env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| "aos".to_owned()))
        .build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let tracer = provider.tracer("aos");
    *EXPORTER.lock().unwrap_or_else(PoisonError::into_inner) = Some(Exporter { provider, runtime });
    Ok(Some(tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false)))
}

/// Sends what is left.
pub(crate) fn shut_down() {
    let Some(Exporter { provider, runtime }) = EXPORTER.lock().unwrap_or_else(PoisonError::into_inner).take()
    else {
        return;
    };
    if let Err(error) = provider.shutdown_with_timeout(PATIENCE) {
        super::terminal::say(&format!("note: traces were not sent: {error}"));
    }
    runtime.shutdown_timeout(Duration::from_millis(200));
}

#[derive(Debug)]
struct Client {
    inner: reqwest::Client,
    handle: tokio::runtime::Handle,
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.inner.clone();
        let sent = self.handle.spawn(async move {
            let mut request = reqwest::Request::try_from(request)?;
            request.timeout_mut().get_or_insert(PATIENCE);
            let answer = client.execute(request).await?;
            let status = answer.status();
            let body = answer.bytes().await?;
            let mut response = Response::new(body);
            *response.status_mut() = status;
            Ok::<_, reqwest::Error>(response)
        });
        Ok(sent.await??)
    }
}
