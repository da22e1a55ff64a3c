"""An OpenTelemetry collector in one class: takes OTLP/HTTP traces and keeps their spans."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span


class Collector:
    """Listens on a free port between `with` and its end."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.resources: list[ResourceSpans] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def environ(self) -> dict[str, str]:
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self._server.server_port}"}

    @property
    def spans(self) -> dict[str, Span]:
        """Spans by name."""
        scopes = (scope for resource in self.resources for scope in resource.scope_spans)
        return {span.name: span for scope in scopes for span in scope.spans}

    def attributes(self, name: str) -> dict[str, str | int]:
        values = {each.key: each.value for each in self.spans[name].attributes}
        return {key: value.string_value or value.int_value for key, value in values.items()}

    def __enter__(self) -> Collector:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.paths.append(self.path)
                collector.resources.extend(ExportTraceServiceRequest.FromString(body).resource_spans)
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.end_headers()
                self.wfile.write(ExportTraceServiceResponse().SerializeToString())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the method's parent
                return

        return Handler
