using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// Sends what is still queued when the host stops, and gives up after a second: by itself the tracer provider would wait five for a
/// collector that does not answer, and the meter provider five more. Both at once, because each waits for its own requests.
/// </summary>
internal sealed class TelemetryFlush(IServiceProvider services) : IHostedService
{
    private const int FlushMillisecondsMax = 1_000;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.WhenAll(
        Task.Run(() => services.GetService<TracerProvider>()?.Shutdown(FlushMillisecondsMax), CancellationToken.None),
        Task.Run(() => services.GetService<MeterProvider>()?.Shutdown(FlushMillisecondsMax), CancellationToken.None));
}
